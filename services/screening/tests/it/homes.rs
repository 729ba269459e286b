//! Homes: whoever lives with somebody who falls ill is observed longer.

use proto::screening as pb;
use tests::{fields, request_id};
use tonic::{Code, Status};

use crate::{
    ground::{Ground, NUMBER, OTHER_NUMBER, details},
    watch::{on, reading},
};

impl Ground {
    pub(crate) async fn home(
        &self,
        subject: &str,
        grid: usize,
        persons: Vec<String>,
    ) -> Result<pb::Home, Status> {
        let request = pb::CreateHomeRequest {
            request_id: request_id(),
            unit: self.grids[grid].clone(),
            persons,
            start_date: "2020-01-20".to_owned(),
        };
        let made = self.screening(subject).homes().create_home(request).await?;
        Ok(made.into_inner().home.expect("a home"))
    }
}

#[tokio::test]
async fn r12_a_symptomatic_housemate_begins_the_window_of_the_others_again() {
    let ground = Ground::build().await;
    let first = ground.observed(0, NUMBER, "2020-01-24").await;
    let second = ground.observed(0, OTHER_NUMBER, "2020-01-24").await;
    let third = ground.observed(0, "", "2020-01-24").await;
    let home = vec![first.person.clone(), second.person.clone(), third.person.clone()];
    let home = ground.home("leader-0", 0, home).await.expect("a home");
    assert_eq!(home.residents.len(), 3);
    let leave = pb::LeaveHomeRequest {
        request_id: request_id(),
        name: home.name.clone(),
        person: third.person.clone(),
        end_date: "2020-02-01".to_owned(),
    };
    ground.screening("leader-0").homes().leave_home(leave).await.expect("left");
    ground.read(reading(&first.name, on(3, "00:00"), 38.2)).await;
    let last = async |name: &str| {
        ground.observation("leader-0", name).await.expect("an observation").last_exposure_date
    };
    assert_eq!(last(&second.name).await, "2020-02-03");
    assert_eq!(last(&first.name).await, "2020-01-24", "the ill one's own is not moved");
    assert_eq!(last(&third.name).await, "2020-01-24", "who moved out before");
    let slots = ground.slots(&second.name).await;
    assert_eq!(slots.last().expect("a slot").close_time, Some(chassis::parse::timestamp(on(18, "00:00"))));
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
}

#[tokio::test]
async fn r12_the_day_of_the_fever_counts_and_not_the_day_on_which_it_was_received() {
    let ground = Ground::build().await;
    let first = ground.observed(0, NUMBER, "2020-01-24").await;
    let second = ground.observed(0, OTHER_NUMBER, "2020-01-24").await;
    let third = ground.observed(0, "", "2020-01-24").await;
    let home = vec![first.person.clone(), second.person.clone(), third.person.clone()];
    let home = ground.home("leader-0", 0, home).await.expect("a home");
    ground.advance(on(5, "13:00")).await;
    let leave = pb::LeaveHomeRequest {
        request_id: request_id(),
        name: home.name,
        person: third.person.clone(),
        end_date: "2020-02-04".to_owned(),
    };
    ground.screening("leader-0").homes().leave_home(leave).await.expect("left");
    ground.read(reading(&first.name, on(4, "08:00"), 38.2)).await;
    for mate in [second, third] {
        let mate = ground.observation("leader-0", &mate.name).await.expect("an observation");
        assert_eq!(mate.last_exposure_date, "2020-02-04", "who slept there on that day");
    }
}

#[tokio::test]
async fn r10_whoever_lives_with_a_case_is_under_observation() {
    let ground = Ground::with_doctors().await;
    let ill = ground.found(0, details(NUMBER)).await.name;
    let well = ground.found(0, details(OTHER_NUMBER)).await.name;
    ground.home("leader-0", 0, vec![ill.clone(), well.clone()]).await.expect("a home");
    assert_eq!(ground.confirmed(0, &ill).await.contacts, 1);
    let request = pb::ListObservationsRequest { person: well, ..Default::default() };
    let found = ground.screening("duty").observations().list_observations(request).await.expect("a list");
    let found = found.into_inner().observations;
    assert_eq!(
        (found[0].basis(), found[0].last_exposure_date.as_str()),
        (pb::Basis::ContactOfCase, "2020-02-03")
    );
}

#[tokio::test]
async fn r12_whoever_lived_with_a_case_is_observed_from_the_last_day_together() {
    let ground = Ground::with_doctors().await;
    let ill = ground.found(0, details(NUMBER)).await.name;
    let well = ground.found(0, details(OTHER_NUMBER)).await.name;
    let home = ground.home("leader-0", 0, vec![ill.clone(), well.clone()]).await.expect("a home");
    // The ill one went to relatives before anybody knew.
    let leave = pb::LeaveHomeRequest {
        request_id: request_id(),
        name: home.name,
        person: ill.clone(),
        end_date: "2020-02-02".to_owned(),
    };
    ground.screening("leader-0").homes().leave_home(leave).await.expect("left");
    assert_eq!(ground.confirmed(0, &ill).await.contacts, 1);
    let request = pb::ListObservationsRequest { person: well, ..Default::default() };
    let found = ground.screening("duty").observations().list_observations(request).await.expect("a list");
    assert_eq!(found.into_inner().observations[0].last_exposure_date, "2020-02-02");
}

#[tokio::test]
async fn nobody_sleeps_in_two_places_and_a_home_is_no_other_unit_s() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let first = ground.home("leader-0", 0, vec![person.clone()]).await.expect("a home");
    let second = ground.home("duty-0", 1, vec![person.clone()]).await.expect("another");
    assert_eq!(second.residents[0].end_date, "");
    let get = async |subject: &str, name: &str| {
        let request = pb::GetHomeRequest { name: name.to_owned() };
        ground.screening(subject).homes().get_home(request).await.map(|home| home.into_inner().home)
    };
    let left = get("leader-0", &first.name).await.expect("a home").expect("one");
    assert_eq!(left.residents[0].end_date, "2020-01-20");
    assert_eq!(get("leader-2", &first.name).await.expect_err("another's").code(), Code::NotFound);
    let shown = get("leader-1", &second.name).await.expect("its own").expect("one");
    assert_eq!(shown.residents[0].person, "", "in another's hands");
    let join = pb::JoinHomeRequest {
        request_id: request_id(),
        name: first.name.clone(),
        person: person.clone(),
        start_date: "2020-02-04".to_owned(),
    };
    let refused = ground.screening("leader-0").homes().join_home(join.clone()).await.expect_err("tomorrow");
    assert_eq!(fields(&refused), ["start_date"]);
    let join = pb::JoinHomeRequest { request_id: request_id(), start_date: String::new(), ..join };
    let back = ground.screening("leader-0").homes().join_home(join).await.expect("back").into_inner();
    assert_eq!(back.home.expect("a home").residents.len(), 2);
    let far = ground.home("leader-2", 2, vec![person]).await.expect_err("another's person");
    assert_eq!(far.code(), Code::NotFound);
    let list = pb::ListHomesRequest::default();
    let found = ground.screening("duty-0").homes().list_homes(list).await.expect("a list").into_inner();
    assert_eq!(found.homes.len(), 2);
}

#[tokio::test]
async fn r12_of_a_home_over_two_grids_one_leads_and_sees_every_resident() {
    let ground = Ground::build().await;
    let near = ground.observed(0, NUMBER, "2020-01-24").await;
    let far = ground.observed(1, OTHER_NUMBER, "2020-01-24").await;
    let both = vec![near.person.clone(), far.person.clone()];
    let home = ground.home("duty-0", 0, both).await.expect("a home");
    assert_eq!(home.unit, ground.grids[0], "leads");
    let get = pb::GetHomeRequest { name: home.name.clone() };
    let shown = ground.screening("leader-0").homes().get_home(get.clone()).await.expect("shown");
    let shown = shown.into_inner().home.expect("one");
    assert_eq!(shown.unit, ground.grids[0]);
    let whose: std::collections::BTreeSet<_> =
        shown.residents.iter().map(|one| one.responsible_unit.clone()).collect();
    assert_eq!(whose, ground.grids[..2].iter().cloned().collect(), "every one, with whom to ask");
    let beside = ground.screening("leader-1").homes().get_home(get).await.expect_err("does not lead");
    assert_eq!(beside.code(), Code::NotFound);
    // Whoever falls ill in one grid's hands begins the window of the other's again.
    ground.read(reading(&near.name, on(3, "00:00"), 38.2)).await;
    let other = ground.observation("leader-1", &far.name).await.expect("an observation");
    assert_eq!(other.last_exposure_date, "2020-02-03");
}
