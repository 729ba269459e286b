//! Contacts of somebody who turned out to be no case (R13), and of somebody who is the same person (R24).

use proto::screening::{self as pb, exposure_item::Contact};
use tests::{reason, request_id, until};
use tonic::Status;

use crate::{
    exposures::{contact, somebody},
    ground::{Ground, NUMBER, OTHER_NUMBER, details, without_papers},
    watch::on,
};

impl Ground {
    /// Takes in somebody febrile at a grid.
    async fn febrile(&self, grid: usize, details: pb::PersonDetails) -> String {
        let mut person = crate::ground::person(&self.grids[grid], details);
        person.purpose = pb::Purpose::Febrile.into();
        let request =
            pb::IntakePersonRequest { request_id: request_id(), person: Some(person), source: String::new() };
        let leader = self.screening(&format!("leader-{grid}"));
        let taken = leader.persons().intake_person(request).await.expect("taken in");
        taken.into_inner().person.expect("a person").name
    }

    async fn keep(&self, subject: &str, observation: &str) -> Result<pb::Observation, Status> {
        let request = pb::KeepContactRequest {
            request_id: request_id(),
            observation: observation.to_owned(),
            reason: "feverish since".to_owned(),
        };
        let kept = self.screening(subject).exposures().keep_contact(request).await?;
        Ok(kept.into_inner().observation.expect("an observation"))
    }

    /// Which observations of a unit's are undecided.
    async fn undecided(&self, unit: &str) -> Vec<String> {
        let digest = self.digest(unit).await.into_iter();
        let undecided = digest.filter(|one| one.kind() == pb::EscalationKind::ContactUndecided);
        undecided.map(|one| one.subject).collect()
    }
}

/// A suspected index in grid 0 with contacts, whose observations are answered.
async fn suspected(ground: &Ground, contacts: &[&str]) -> (String, Vec<String>, Vec<String>) {
    let index = ground.febrile(0, details(NUMBER)).await;
    let case = ground.case(0, &index).await.name;
    ground.classify(0, &case, (pb::CaseState::Suspected, "", "")).await.expect("suspected");
    let (mut persons, mut observations) = (vec![], vec![]);
    for born in contacts {
        let exposed = ground.exposed(0, contact(&index, somebody(born), on(2, "12:00"))).await;
        persons.push(exposed.exposure.expect("one").contact);
        observations.push(exposed.observation);
    }
    (case, persons, observations)
}

#[tokio::test]
async fn r13_when_the_index_is_excluded_somebody_decides_what_becomes_of_the_contacts() {
    let ground = Ground::with_doctors().await;
    let (case, persons, observations) = suspected(&ground, &["1980-01-01", "1980-01-02", "1980-01-03"]).await;
    // One has another index, whom nobody knows.
    ground.exposed(0, contact("", Contact::Person(persons[2].clone()), on(2, "13:00"))).await;
    assert_eq!(
        reason(&ground.keep("doctor-0", &observations[0]).await.expect_err("not asked")),
        "CONTACT_DECIDED"
    );
    ground.classify(0, &case, (pb::CaseState::Excluded, "", "all are sure")).await.expect("excluded");
    let grid = ground.grids[0].clone();
    let mut expected = observations[..2].to_vec();
    expected.sort_unstable();
    let found = until(async || {
        let mut found = ground.undecided(&grid).await;
        found.sort_unstable();
        (found.len() == 2).then_some(found)
    })
    .await;
    assert_eq!(found, expected, "they are observed on, and it is asked");
    assert_eq!(ground.contacts(3).await.under_observation, 3);
    // Past the deadline it is put before the unit above.
    ground.advance(on(4, "00:00")).await;
    let village = ground.village(0).await;
    until(async || (ground.undecided(&village).await.len() == 2).then_some(())).await;
    assert!(ground.undecided(&grid).await.is_empty());
    // One is voided, the other observed on by a decision that is kept.
    let end = pb::EndObservationRequest {
        request_id: request_id(),
        name: observations[0].clone(),
        ending: pb::Ending::Voided.into(),
        reason: "the index is no case".to_owned(),
    };
    ground.screening("doctor-0").observations().end_observation(end).await.expect("voided");
    assert_eq!(ground.undecided(&village).await, [observations[1].clone()]);
    let kept = ground.keep("doctor-0", &observations[1]).await.expect("kept");
    assert_eq!(kept.state(), pb::ObservationState::Active);
    assert!(ground.undecided(&village).await.is_empty());
    assert_eq!(
        reason(&ground.keep("doctor-0", &observations[1]).await.expect_err("decided")),
        "CONTACT_DECIDED"
    );
    let hidden = ground.keep("doctor-1", &observations[1]).await.expect_err("another county's");
    assert_eq!(reason(&hidden), "NOT_FOUND");
    let get = pb::GetObservationRequest { name: observations[1].clone() };
    let shown = ground.screening("duty").observations().get_observation(get).await.expect("one").into_inner();
    let last = shown.events.last().expect("an event");
    assert_eq!((last.kind(), last.words.as_str()), (pb::EventKind::Kept, "feverish since"));
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
}

#[tokio::test]
async fn r13_another_index_settles_it_and_the_contacts_of_a_returnee_are_not_asked_about() {
    let ground = Ground::with_doctors().await;
    let (case, persons, observations) = suspected(&ground, &["1980-01-01"]).await;
    ground.classify(0, &case, (pb::CaseState::Observed, "", "a mistake")).await.expect("corrected");
    let grid = ground.grids[0].clone();
    until(async || (ground.undecided(&grid).await == observations).then_some(())).await;
    let other = ground.found(0, details(OTHER_NUMBER)).await.name;
    ground.exposed(0, contact(&other, Contact::Person(persons[0].clone()), on(2, "14:00"))).await;
    assert!(ground.undecided(&grid).await.is_empty(), "met a returnee");
    let returnee = ground.case(0, &other).await.name;
    ground.classify(0, &returnee, (pb::CaseState::Suspected, "", "")).await.expect("suspected");
    ground.classify(0, &returnee, (pb::CaseState::Excluded, "", "all are sure")).await.expect("excluded");
    ground.advance(on(3, "01:00")).await;
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
    assert!(ground.undecided(&grid).await.is_empty(), "a returnee's contacts are traced, too");
}

/// Takes back an exposure as the leader of grid 0.
async fn withdraw(ground: &Ground, exposure: &str) {
    let request = pb::WithdrawExposureRequest {
        request_id: request_id(),
        name: exposure.to_owned(),
        reason: "another person was meant".to_owned(),
    };
    ground.screening("leader-0").exposures().withdraw_exposure(request).await.expect("taken back");
}

#[tokio::test]
async fn r13_taking_back_the_last_exposure_asks_what_becomes_of_the_contact() {
    let ground = Ground::with_doctors().await;
    let grid = ground.grids[0].clone();
    let index = ground.found(0, details(NUMBER)).await.name;
    let met = |day: u32| contact(&index, somebody("1980-01-01"), on(day, "12:00"));
    let first = ground.exposed(0, met(1)).await;
    let (observation, person) = (first.observation, first.exposure.as_ref().expect("one").contact.clone());
    let again = contact("", Contact::Person(person.clone()), on(2, "13:00"));
    let second = ground.exposed(0, again).await.exposure.expect("one").name;
    withdraw(&ground, &first.exposure.expect("one").name).await;
    assert!(ground.undecided(&grid).await.is_empty(), "another index is left");
    withdraw(&ground, &second).await;
    until(async || (ground.undecided(&grid).await == [observation.clone()]).then_some(())).await;
    let own = ground.observation("leader-0", &observation).await.expect("it goes on");
    assert_eq!(own.state(), pb::ObservationState::Active);
    // Past the deadline it is put before the unit above; whoever decides settles it.
    ground.advance(on(4, "00:00")).await;
    let village = ground.village(0).await;
    until(async || (ground.undecided(&village).await.len() == 1).then_some(())).await;
    ground.keep("doctor-0", &observation).await.expect("kept");
    assert!(ground.undecided(&village).await.is_empty());
    // Asked again of another exposure that is taken back, and settled by another index.
    let third = contact("", Contact::Person(person.clone()), on(3, "12:00"));
    let third = ground.exposed(0, third).await.exposure.expect("one").name;
    withdraw(&ground, &third).await;
    until(async || (ground.undecided(&grid).await.len() == 1).then_some(())).await;
    ground.exposed(0, contact(&index, Contact::Person(person), on(3, "13:00"))).await;
    assert!(ground.undecided(&grid).await.is_empty(), "met a returnee");
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
}

#[tokio::test]
async fn r13_taking_back_what_put_nobody_under_observation_asks_nobody() {
    let ground = Ground::with_doctors().await;
    let grid = ground.grids[0].clone();
    let (_, persons, _) = suspected(&ground, &["1980-01-01"]).await;
    let general = pb::ExposureItem {
        kind: pb::ContactKind::General.into(),
        ..contact("", Contact::Person(persons[0].clone()), on(2, "13:00"))
    };
    let general = ground.exposed(0, general).await.exposure.expect("one").name;
    withdraw(&ground, &general).await;
    let returnee = ground.observed(0, OTHER_NUMBER, "2020-02-01").await;
    let met = ground.exposed(0, contact("", Contact::Person(returnee.person), on(2, "13:00"))).await;
    withdraw(&ground, &met.exposure.expect("one").name).await;
    ground.advance(on(3, "01:00")).await;
    assert!(
        ground.undecided(&grid).await.is_empty(),
        "an index is left, and who returned is observed for that"
    );
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn r24_whoever_is_found_to_be_their_own_contact_is_none() {
    let ground = Ground::with_doctors().await;
    let index = ground.found(0, details(NUMBER)).await.name;
    ground.confirmed(0, &index).await;
    let exposed = ground
        .exposed(0, contact(&index, Contact::Details(without_papers("1980-01-01")), on(2, "12:00")))
        .await;
    assert_eq!(ground.contacts(3).await.traced, 1);
    let exposure = exposed.exposure.expect("one");
    let merge = pb::MergePersonsRequest {
        request_id: request_id(),
        kept: index.clone(),
        merged: exposure.contact,
        reason: "one hand card twice".to_owned(),
    };
    ground.screening("duty-0").persons().merge_persons(merge).await.expect("merged");
    let figures = ground.contacts(3).await;
    assert_eq!((figures.traced, figures.apart, figures.general), (0, 0, 0));
    let get = pb::GetExposureRequest { name: exposure.name };
    let kept =
        ground.screening("duty").exposures().get_exposure(get).await.expect("kept as said").into_inner();
    assert!(kept.exposure.expect("one").withdraw_time.is_none());
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
}
