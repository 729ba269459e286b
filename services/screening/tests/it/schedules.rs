//! Schedules: what command centres say of their areas from a date on. How long and how often persons are observed, and the
//! response level (E1, R12, R16, V1).

use proto::screening as pb;
use tests::{fields, request_id};
use tonic::Status;

use crate::{
    ground::{Ground, NUMBER, OTHER_NUMBER, details},
    watch::{on, reading},
};

fn instant(time: Option<prost_types::Timestamp>) -> chrono::DateTime<chrono::Utc> {
    chassis::parse::instant(time.expect("a time")).expect("an instant")
}

/// Terms for an area, for every basis at response level I.
pub(crate) fn terms(
    area: &str,
    from: &str,
    (days, slots_a_day): (i32, i32),
) -> pb::SetObservationTermsRequest {
    pb::SetObservationTermsRequest {
        request_id: request_id(),
        area_unit: area.to_owned(),
        response_level: 1,
        effective_date: from.to_owned(),
        basis: pb::Basis::Unspecified.into(),
        days,
        slots_a_day,
        order: "Order No. 9".to_owned(),
        recheck_weeks: vec![],
    }
}

impl Ground {
    /// Sets terms of observation as the city's duty officer.
    pub(crate) async fn order(
        &self,
        request: pb::SetObservationTermsRequest,
    ) -> Result<Vec<pb::ObservationTerms>, Status> {
        let mut schedules = self.screening("duty").schedules();
        Ok(schedules.set_observation_terms(request).await?.into_inner().terms)
    }

    /// Says the response level of an area as the city's duty officer.
    async fn level(&self, area: &str, level: i32, from: &str) -> Result<pb::ResponseLevel, Status> {
        let request = pb::SetResponseLevelRequest {
            request_id: request_id(),
            area_unit: area.to_owned(),
            level,
            effective_date: from.to_owned(),
            order: "Order No. 10".to_owned(),
        };
        let said = self.screening("duty").schedules().set_response_level(request).await?.into_inner();
        Ok(said.level.expect("a level"))
    }

    /// What is in force at a unit on a date.
    async fn schedule(&self, unit: &str, date: &str) -> pb::GetScheduleResponse {
        let request = pb::GetScheduleRequest { unit: unit.to_owned(), date: date.to_owned() };
        self.screening("duty").schedules().get_schedule(request).await.expect("a schedule").into_inner()
    }

    /// What befell an observation.
    async fn befell(&self, name: &str) -> Vec<pb::ObservationEvent> {
        let request = pb::GetObservationRequest { name: name.to_owned() };
        self.screening("duty").observations().get_observation(request).await.expect("one").into_inner().events
    }

    async fn exposed_again(&self, name: &str, exposed: &str) -> pb::Observation {
        let request = pb::ExtendObservationRequest {
            request_id: request_id(),
            name: name.to_owned(),
            last_exposure_date: exposed.to_owned(),
            reason: "met a case".to_owned(),
        };
        let answer = self.screening("leader-0").observations().extend_observation(request).await;
        answer.expect("extended").into_inner().observation.expect("an observation")
    }
}

/// Days and slots of an observation.
fn of(observation: &pb::Observation) -> (i32, i32) {
    (observation.days, observation.slots_a_day)
}

#[tokio::test]
async fn e1_r12_a_village_goes_by_the_terms_of_its_county_and_another_county_by_the_usual_ones() {
    let ground = Ground::build().await;
    let set = ground.order(terms(&ground.counties[0], "2020-02-03", (21, 3))).await.expect("set");
    assert_eq!(set.len(), 6, "one for each basis");
    assert!(set.iter().all(|set| set.days == 21 && set.order == "Order No. 9"), "{set:?}");
    let here = ground.observed(0, NUMBER, "2020-02-01").await;
    assert_eq!(of(&here), (21, 3));
    assert_eq!(instant(here.end_time), on(23, "00:00"), "day 21");
    let slots = ground.slots(&here.name).await;
    assert_eq!(slots.len(), 20 * 3, "the 3rd to the 22nd");
    assert_eq!(instant(slots[0].close_time), on(3, "08:00"));
    let there = ground.observed(2, OTHER_NUMBER, "2020-02-01").await;
    assert_eq!((of(&there), instant(there.end_time)), ((14, 2), on(16, "00:00")));
    let terms = ground.befell(&here.name).await[0].terms.expect("its terms");
    assert_eq!(
        (terms.days, terms.slots_a_day, terms.control_plan, terms.response_level),
        (21, 3, 3, 1),
        "V1"
    );
    // The clock runs through a day of three readings.
    ground.advance(on(3, "16:30")).await;
    ground.read(reading(&here.name, on(3, "16:10"), 36.5)).await;
    ground.advance(on(4, "00:30")).await;
    use pb::Outcome::{Missed, Unspecified, Well};
    assert_eq!(ground.outcomes(&here.name).await[..4], [Missed, Missed, Well, Unspecified]);
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn e1_the_nearest_area_counts_and_there_a_basis_own_terms_before_those_of_every_basis() {
    let ground = Ground::build().await;
    let village = ground.village(0).await;
    ground.order(terms(&ground.sandbox.root, "2020-02-03", (21, 4))).await.expect("the city's");
    let discharged = pb::SetObservationTermsRequest {
        basis: pb::Basis::Discharged.into(),
        ..terms(&ground.counties[0], "2020-02-03", (28, 1))
    };
    ground.order(discharged).await.expect("the county's, of those who were discharged (R16)");
    ground.order(terms(&village, "2020-02-03", (10, 1))).await.expect("the village's");
    let shown = async |unit: &str, basis: pb::Basis| {
        let found = ground.schedule(unit, "").await.terms;
        let found = found.into_iter().find(|terms| terms.basis() == basis).expect("its terms");
        (found.days, found.slots_a_day, found.area_unit)
    };
    let (county, root) = (ground.counties[0].clone(), ground.sandbox.root.clone());
    assert_eq!(shown(&county, pb::Basis::Discharged).await, (28, 1, county.clone()));
    assert_eq!(shown(&county, pb::Basis::Returnee).await, (21, 4, root.clone()));
    assert_eq!(shown(&ground.grids[1], pb::Basis::Discharged).await, (10, 1, village));
    assert_eq!(shown(&ground.grids[2], pb::Basis::Discharged).await, (21, 4, root));
    assert_eq!(of(&ground.observed(0, NUMBER, "2020-02-01").await), (10, 1));
}

#[tokio::test]
async fn v1_past_observations_keep_their_terms_and_a_new_exposure_goes_by_those_in_force() {
    let ground = Ground::build().await;
    let before = ground.observed(0, NUMBER, "2020-02-01").await;
    ground.read(reading(&before.name, on(3, "00:00"), 36.5)).await;
    ground.order(terms(&ground.counties[0], "2020-02-03", (21, 4))).await.expect("set");
    let kept = ground.observation("leader-0", &before.name).await.expect("it");
    assert_eq!((of(&kept), kept.end_time), ((14, 2), before.end_time), "never worked out anew");
    ground.advance(on(5, "09:00")).await;
    let earlier = ground.exposed_again(&before.name, "2020-01-31").await;
    assert_eq!((of(&earlier), earlier.end_time), ((14, 2), before.end_time), "nothing new");
    let later = ground.exposed_again(&before.name, "2020-02-04").await;
    assert_eq!((of(&later), instant(later.end_time)), ((21, 4), on(26, "00:00")), "R12");
    // Today goes on as it was, tomorrow has four slots.
    let slots = ground.slots(&before.name).await;
    let closes: Vec<_> = slots[4..8].iter().map(|slot| instant(slot.close_time)).collect();
    assert_eq!(closes, [on(5, "12:00"), on(6, "00:00"), on(6, "06:00"), on(6, "12:00")]);
    assert_eq!(slots.len(), 6 + 20 * 4);
    ground.advance(on(6, "13:00")).await;
    ground.read(reading(&before.name, on(6, "12:30"), 36.5)).await;
    // Fewer again: the rest of the day stays as it is, too.
    ground.order(terms(&ground.counties[0], "2020-02-06", (3, 1))).await.expect("set");
    let again = ground.exposed_again(&before.name, "2020-02-06").await;
    assert_eq!(
        (of(&again), again.end_time),
        ((3, 1), later.end_time),
        "the end never moves to an earlier day"
    );
    ground.advance(on(7, "09:00")).await;
    let slots = ground.slots(&before.name).await;
    assert_eq!(slots.len(), 6 + 4 + 19);
    assert_eq!(
        (instant(slots[9].close_time), instant(slots[10].close_time)),
        (on(7, "00:00"), on(8, "00:00"))
    );
    let events = ground.befell(&before.name).await;
    let said: Vec<_> = events.iter().map(|event| event.terms.expect("terms")).collect();
    let said: Vec<_> = said.iter().map(|terms| (terms.days, terms.slots_a_day)).collect();
    assert_eq!(said, [(14, 2), (14, 2), (21, 4), (3, 1)]);
    assert!(ground.proof().await.1.holds);
    for date in ["2020-02-04", "2020-02-05", "2020-02-06"] {
        let (exceptions, verdict) = ground.proof_of(date).await;
        assert!(verdict.holds, "of {date}: {exceptions:#?}");
    }
}

#[tokio::test]
async fn e1_a_command_centre_says_its_level_from_a_date_and_the_day_changes_over_at_midnight() {
    let ground = Ground::build().await;
    let ahead = pb::SetObservationTermsRequest {
        response_level: 2,
        ..terms(&ground.counties[0], "2020-02-03", (7, 1))
    };
    ground.order(ahead).await.expect("set for level II");
    let said = ground.level(&ground.counties[0], 2, "2020-02-05").await.expect("said");
    assert_eq!((said.level, said.area_unit.as_str()), (2, ground.counties[0].as_str()));
    ground.advance(on(4, "23:59")).await;
    let before = ground.observed(0, NUMBER, "2020-02-04").await;
    assert_eq!((of(&before), before.response_level), ((14, 2), 1));
    ground.advance(on(5, "00:00")).await;
    let after = ground.observed(1, OTHER_NUMBER, "2020-02-04").await;
    assert_eq!((of(&after), after.response_level), ((7, 1), 2));
    let kept = ground.observation("leader-0", &before.name).await.expect("it");
    assert_eq!((of(&kept), kept.response_level), ((14, 2), 1), "V1");
    let level = async |unit: &str, date: &str| {
        let shown = ground.schedule(unit, date).await;
        let level = shown.level.expect("a level");
        assert_eq!(level.level, shown.response_level);
        (level.level, level.effective_date, level.order)
    };
    let (grid, none) = (&ground.grids[0], String::new);
    assert_eq!(level(grid, "2020-02-04").await, (1, none(), none()), "Hunan's");
    assert_eq!(level(grid, "").await, (2, "2020-02-05".to_owned(), "Order No. 10".to_owned()));
    assert_eq!(level(grid, "2020-04-01").await.0, 2, "until it says another");
    assert_eq!(level(&ground.grids[2], "2020-04-01").await.0, 3, "Hunan's");
    ground.level(&ground.counties[0], 1, "2020-02-05").await.expect("said otherwise");
    assert_eq!(level(grid, "").await.0, 1);
}

#[tokio::test]
async fn r12_terms_and_levels_out_of_bounds_are_refused_with_every_violation() {
    let ground = Ground::build().await;
    let bad = pb::SetObservationTermsRequest {
        response_level: 5,
        basis: 9,
        order: String::new(),
        ..terms("units/none", "2020-02-02", (61, 0))
    };
    let bad = ground.order(bad).await.expect_err("out of bounds");
    let every = ["area_unit", "effective_date", "response_level", "basis", "days", "slots_a_day", "order"];
    assert_eq!(fields(&bad), every);
    let least = ground.order(terms(&ground.counties[0], "2020-02-03", (1, 1))).await;
    let most = ground.order(terms(&ground.counties[0], "2020-02-03", (60, 4))).await;
    assert!(least.is_ok() && most.is_ok());
    let bad =
        ground.order(terms(&ground.counties[0], "2020-02-03", (0, 5))).await.expect_err("out of bounds");
    assert_eq!(fields(&bad), ["days", "slots_a_day"]);
    let bad = ground.level(&ground.counties[0], 0, "2020-02-02").await.expect_err("no level");
    assert_eq!(fields(&bad), ["effective_date", "level"]);
}

#[tokio::test]
async fn r13_who_goes_on_after_the_case_was_excluded_keeps_the_end_and_the_terms_of_before() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let opened =
        ground.open("leader-0", &person, "2020-02-01").await.expect("opened").observation.expect("one");
    let case = ground.case(0, &person).await.name;
    ground.classify(0, &case, (pb::CaseState::Suspected, "", "")).await.expect("suspected");
    ground.order(terms(&ground.counties[0], "2020-02-03", (28, 4))).await.expect("set");
    ground.classify(0, &case, (pb::CaseState::Excluded, "", "all are sure")).await.expect("excluded");
    let request = pb::ListObservationsRequest { person, ..Default::default() };
    let found = ground.screening("duty").observations().list_observations(request).await.expect("a list");
    let found = found.into_inner().observations;
    assert_eq!(found.len(), 2);
    assert_eq!((of(&found[1]), found[1].end_time), (of(&opened), opened.end_time));
}
