//! Observations: from the first report to a recorded decision, in one pair of hands.

use proto::{registry, screening as pb};
use tests::{fields, reason, request_id, until};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{
    ground::{Ground, NUMBER, OTHER_NUMBER, details, without_papers},
    watch::{on, reading},
};

fn instant(time: Option<prost_types::Timestamp>) -> chrono::DateTime<chrono::Utc> {
    chassis::parse::instant(time.expect("a time")).expect("an instant")
}

async fn listed(ground: &Ground, subject: &str, request: pb::ListObservationsRequest) -> Vec<String> {
    let answer = ground.screening(subject).observations().list_observations(request).await.expect("a list");
    answer.into_inner().observations.into_iter().map(|observation| observation.name).collect()
}

async fn extend(ground: &Ground, name: &str, exposed: &str) -> pb::Observation {
    let request = pb::ExtendObservationRequest {
        request_id: request_id(),
        name: name.to_owned(),
        last_exposure_date: exposed.to_owned(),
        reason: "met a case".to_owned(),
    };
    let answer = ground.screening("leader-0").observations().extend_observation(request).await;
    answer.expect("extended").into_inner().observation.expect("an observation")
}

#[tokio::test]
async fn r12_a_person_is_observed_to_the_end_of_day_14_with_two_slots_a_day() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    assert_eq!(observation.state(), pb::ObservationState::Active);
    assert_eq!(instant(observation.end_time), on(16, "00:00"));
    assert_eq!((observation.slots_a_day, observation.control_plan, observation.treatment_plan), (2, 3, 4));
    let slots = ground.slots(&observation.name).await;
    assert_eq!(slots.len(), 26, "none before the person was registered");
    assert_eq!(instant(slots[0].open_time), on(3, "00:00"));
    assert_eq!(instant(slots[25].close_time), on(16, "00:00"));
    assert_eq!(observation.responsible_unit, ground.grids[0]);
}

#[tokio::test]
async fn r12_whoever_is_found_after_day_14_is_read_once_then_released() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-01-10").await;
    assert_eq!(observation.state(), pb::ObservationState::Active, "one reading is due");
    assert_eq!(ground.slots(&observation.name).await.len(), 1);
    let refused = ground.release("leader-0", &observation.name, "").await.expect_err("not read");
    assert_eq!(reason(&refused), "RELEASE_CONDITIONS_UNMET");
    ground.read(reading(&observation.name, on(3, "00:00"), 36.5)).await;
    let released = ground.release("leader-0", &observation.name, "").await.expect("released");
    assert_eq!((released.state(), released.ending()), (pb::ObservationState::Ended, pb::Ending::Released));
}

#[tokio::test]
async fn r12_a_new_exposure_moves_the_end_and_never_to_an_earlier_day() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-01-25").await;
    assert_eq!(instant(observation.end_time), on(9, "00:00"));
    let earlier = extend(&ground, &observation.name, "2020-01-20").await;
    assert_eq!(instant(earlier.end_time), on(9, "00:00"));
    let later = extend(&ground, &observation.name, "2020-02-03").await;
    assert_eq!(instant(later.end_time), on(18, "00:00"));
    assert_eq!(ground.slots(&observation.name).await.len(), 30);
    // Over 29 February.
    ground.advance(on(20, "09:00")).await;
    let again = extend(&ground, &observation.name, "2020-02-20").await;
    assert_eq!(again.end_time, Some(chassis::parse::timestamp("2020-03-05T16:00:00Z".parse().unwrap())));
    let (_, verdict) = ground.proof().await;
    assert!(verdict.holds);
}

#[tokio::test]
async fn r12_shortening_needs_an_order_and_a_reason() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let request = pb::ShortenObservationRequest {
        request_id: request_id(),
        name: observation.name.clone(),
        last_date: "2020-02-10".to_owned(),
        ..Default::default()
    };
    let mut observations = ground.screening("duty-0").observations();
    let refused = observations.shorten_observation(request.clone()).await.expect_err("without an order");
    assert_eq!(fields(&refused), ["order", "reason"]);
    let (order, reason_given) = ("Order No. 13".to_owned(), "recomputed".to_owned());
    let request = pb::ShortenObservationRequest { order, reason: reason_given, ..request };
    let later = pb::ShortenObservationRequest { last_date: "2020-02-15".to_owned(), ..request.clone() };
    let refused = observations.shorten_observation(later).await.expect_err("no earlier day");
    assert_eq!(reason(&refused), "OBSERVATION_STATE");
    let answer = observations.shorten_observation(request.clone()).await.expect("shortened").into_inner();
    assert_eq!(instant(answer.observation.unwrap().end_time), on(11, "00:00"));
    assert_eq!(ground.slots(&observation.name).await.len(), 16);
    let request = pb::ShortenObservationRequest { request_id: request_id(), ..request };
    let refused = ground.screening("leader-0").observations().shorten_observation(request).await;
    assert_eq!(refused.expect_err("not a leader's").code(), Code::PermissionDenied);
    let request = pb::GetObservationRequest { name: observation.name };
    let events = observations.get_observation(request).await.unwrap().into_inner().events;
    assert_eq!(
        events.iter().map(pb::ObservationEvent::kind).collect::<Vec<_>>(),
        [pb::EventKind::Opened, pb::EventKind::Shortened]
    );
    assert_eq!(
        (events[1].words.as_str(), events[1].said_by.as_str()),
        ("Order No. 13: recomputed", "duty-0")
    );
}

#[tokio::test]
async fn r13_a_release_that_is_refused_names_every_unmet_condition() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    ground.advance(on(3, "13:00")).await;
    let fever = ground.read(reading(&observation.name, on(3, "12:30"), 38.5)).await;
    assert!(!fever.referral.is_empty());
    let refused = ground.release("duty-0", &observation.name, "").await.expect_err("unmet");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let unmet = refused.get_details_precondition_failure().expect("conditions").violations;
    let words: Vec<&str> = unmet.iter().filter_map(|one| one.description.split(':').next()).collect();
    assert_eq!(words, ["WINDOW_OVER", "EVERY_SLOT_READ", "LAST_READING_WELL", "NO_OPEN_REFERRAL"]);
    let metadata = refused.get_details_error_info().expect("info").metadata;
    assert_eq!(metadata["unmet"], "WINDOW_OVER EVERY_SLOT_READ LAST_READING_WELL NO_OPEN_REFERRAL");
}

#[tokio::test]
async fn r26_a_health_officer_releases_all_the_same_with_the_unmet_conditions_and_a_reason() {
    let ground = Ground::build().await;
    let county = &ground.counties[0];
    ground.sandbox.appointed(county, registry::Office::HealthOfficer, "doctor").await;
    ground.known("doctor").await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let refused = ground.release("duty-0", &observation.name, "refuses").await.expect_err("no doctor");
    assert_eq!(refused.code(), Code::PermissionDenied);
    let released =
        ground.release("doctor", &observation.name, "refuses every reading").await.expect("decided");
    assert_eq!(
        released.unmet().collect::<Vec<_>>(),
        [pb::ReleaseCondition::WindowOver, pb::ReleaseCondition::LastReadingWell]
    );
    assert_eq!((released.ended_by.as_str(), released.reason.as_str()), ("doctor", "refuses every reading"));
    assert!(ground.slots(&observation.name).await.is_empty(), "nothing is due any more");
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn r13_who_is_lost_stays_under_observation_on_the_list_of_the_unit_above() {
    let ground = Ground::build().await;
    let county = &ground.counties[0];
    ground.sandbox.appointed(county, registry::Office::HealthOfficer, "doctor").await;
    ground.known("doctor").await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let (name, mut observations) = (observation.name.clone(), ground.screening("leader-0").observations());
    let lose = pb::LoseObservationRequest {
        request_id: request_id(),
        name: name.clone(),
        reason: "the door stays shut".to_owned(),
    };
    let lost = observations.lose_observation(lose).await.expect("recorded").into_inner().observation.unwrap();
    assert_eq!(lost.state(), pb::ObservationState::Lost);
    let village = ground.village(0).await;
    let digest = ground.digest(&village).await;
    assert_eq!((digest[0].kind(), digest[0].subject.as_str()), (pb::EscalationKind::Lost, name.as_str()));
    assert_eq!(digest[0].contact_name, "样例 leader-0", "whom to phone");
    let refused = ground.release("doctor", &name, "gone").await.expect_err("must be found first");
    assert_eq!(reason(&refused), "RELEASE_CONDITIONS_UNMET");
    let state = pb::ObservationState::Lost.into();
    let only_lost = pb::ListObservationsRequest { state, ..Default::default() };
    assert_eq!(listed(&ground, "duty-0", only_lost.clone()).await, std::slice::from_ref(&name));
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds);
    assert_eq!(exceptions[0].finding(), pb::PersonFinding::Lost);

    let find =
        pb::FindObservationRequest { request_id: request_id(), name, reason: "at a cousin's".to_owned() };
    observations.find_observation(find.clone()).await.expect("found");
    assert!(
        ground.digest(&village).await.is_empty() && listed(&ground, "duty-0", only_lost).await.is_empty()
    );
    let find = pb::FindObservationRequest { request_id: request_id(), ..find };
    let refused = observations.find_observation(find).await.expect_err("not lost");
    assert_eq!(reason(&refused), "OBSERVATION_STATE");
}

#[tokio::test]
async fn r13_an_observation_ends_by_a_decision_and_changes_no_more() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let end = |ending: pb::Ending| pb::EndObservationRequest {
        request_id: request_id(),
        name: observation.name.clone(),
        ending: ending.into(),
        reason: "the index was excluded".to_owned(),
    };
    let mut observations = ground.screening("duty-0").observations();
    for ending in [pb::Ending::Released, pb::Ending::Transferred, pb::Ending::Joined, pb::Ending::Unspecified]
    {
        let refused = observations.end_observation(end(ending)).await.expect_err("no such decision");
        assert_eq!(fields(&refused), ["ending"]);
    }
    let request = end(pb::Ending::Voided);
    let ended = observations.end_observation(request.clone()).await.expect("ended").into_inner();
    assert_eq!(observations.end_observation(request).await.expect("once").into_inner(), ended);
    let refused = observations.end_observation(end(pb::Ending::Died)).await.expect_err("ended");
    assert_eq!(reason(&refused), "OBSERVATION_ENDED");
    let everything = pb::ListObservationsRequest::default();
    assert!(listed(&ground, "duty", everything).await.is_empty());
    let person = pb::ListObservationsRequest { person: observation.person, ..Default::default() };
    assert_eq!(listed(&ground, "duty", person).await, [observation.name]);
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn a_wrong_opening_is_told_everything_that_is_wrong() {
    let ground = Ground::build().await;
    let refused = ground.open("leader-0", "persons/7", "2020-02-04").await.expect_err("wrong");
    assert_eq!(fields(&refused), ["observation.person", "observation.last_exposure_date"]);
    let person = ground.found(2, details(NUMBER)).await.name;
    let refused = ground.open("leader-0", &person, "2020-02-01").await.expect_err("another county's");
    assert_eq!(refused.code(), Code::NotFound);
}

#[tokio::test]
async fn one_person_has_one_open_observation_however_many_open_it_at_once() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let opening = (0..8).map(|_| ground.open("leader-0", &person, "2020-02-01"));
    let opened = futures::future::join_all(opening).await.into_iter().map(|opened| opened.expect("opened"));
    let opened: Vec<_> = opened.collect();
    assert_eq!(opened.iter().filter(|opened| !opened.known).count(), 1);
    assert!(opened.iter().all(|one| {
        one.observation.as_ref().map(|one| &one.name) == opened[0].observation.as_ref().map(|one| &one.name)
    }));
    assert_eq!(listed(&ground, "leader-0", pb::ListObservationsRequest::default()).await.len(), 1);
}

#[tokio::test]
async fn the_next_county_sees_nothing_of_an_observation() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let refused = ground.observation("duty-1", &observation.name).await.expect_err("next door");
    assert_eq!(refused.code(), Code::NotFound);
    assert!(listed(&ground, "duty-1", pb::ListObservationsRequest::default()).await.is_empty());
    let person = pb::ListObservationsRequest { person: observation.person.clone(), ..Default::default() };
    assert!(listed(&ground, "duty-1", person).await.is_empty());
    let (county, mut observations) = (ground.counties[0].clone(), ground.screening("duty-1").observations());
    let below = pb::ListObservationsRequest { ancestor_unit: county, ..Default::default() };
    assert_eq!(observations.list_observations(below).await.expect_err("not his").code(), Code::NotFound);
    let sent = ground.send("leader-2", vec![reading(&observation.name, on(3, "00:00"), 36.5)]).await;
    assert!(
        matches!(&sent[0], pb::reading_result::Result::Refused(refused) if refused.code == 5),
        "{sent:?}"
    );
}

#[tokio::test]
async fn p6_a_second_finder_observes_as_if_nobody_did_and_the_readings_count_for_both() {
    let ground = Ground::build().await;
    let held = ground.observed(0, NUMBER, "2020-02-01").await;
    let found = ground.observed(2, NUMBER, "2020-02-02").await;
    assert_eq!((found.state(), found.responsible_unit.as_str()), (held.state(), ground.grids[2].as_str()));
    assert_ne!(held.name, found.name);
    ground.send("leader-2", vec![reading(&found.name, on(3, "00:00"), 36.5)]).await;
    assert_eq!(ground.outcomes(&held.name).await[0], pb::Outcome::Well);
    assert_eq!(ground.outcomes(&found.name).await[0], pb::Outcome::Well);
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
    assert!(exceptions.iter().all(|one| one.finding() == pb::PersonFinding::HandsOpen), "{exceptions:?}");

    ground.agree("duty-0", 2).await;
    ground.agree("duty-1", 2).await;
    let kept = ground.observation("leader-2", &held.name).await.expect("in these hands now");
    assert_eq!(
        (kept.state(), kept.last_exposure_date.as_str()),
        (pb::ObservationState::Active, "2020-02-02")
    );
    let joined = ground.observation("leader-2", &found.name).await.expect("for ever");
    assert_eq!(joined.ending(), pb::Ending::Joined);
    assert_eq!(ground.observation("leader-0", &held.name).await.expect_err("agreed").code(), Code::NotFound);
    // What was read offline before still lands.
    let late = ground.send("leader-0", vec![reading(&held.name, on(3, "00:00"), 38.0)]).await;
    assert!(matches!(late[0], pb::reading_result::Result::Accepted(_)), "{late:?}");
    let joined = ground.send("leader-2", vec![reading(&found.name, on(3, "00:00"), 36.6)]).await;
    let pb::reading_result::Result::Accepted(accepted) = &joined[0] else { panic!("{joined:?}") };
    assert_eq!(accepted.marks().collect::<Vec<_>>(), [pb::Mark::AfterEnd, pb::Mark::Joined]);
    assert_eq!(ground.outcomes(&held.name).await[0], pb::Outcome::Symptoms, "the gravest");
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn when_the_one_that_counts_ends_the_other_finder_s_counts() {
    let ground = Ground::build().await;
    let held = ground.observed(0, NUMBER, "2020-02-01").await;
    let found = ground.observed(2, NUMBER, "2020-02-01").await;
    let end = pb::EndObservationRequest {
        request_id: request_id(),
        name: held.name,
        ending: pb::Ending::EnteredInError.into(),
        reason: "another of the same name".to_owned(),
    };
    ground.screening("duty-0").observations().end_observation(end).await.expect("ended");
    let still = ground.observation("leader-2", &found.name).await.expect("still");
    assert_eq!(still.state(), pb::ObservationState::Active);
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn r24_two_persons_who_are_one_go_on_with_one_observation() {
    let ground = Ground::build().await;
    let one = ground.observed(0, NUMBER, "2020-02-01").await;
    let other = ground.observed(0, OTHER_NUMBER, "2020-02-03").await;
    let far = ground.observed(2, "", "2020-02-01").await;
    for merged in [&other.person, &far.person] {
        let request = pb::MergePersonsRequest {
            request_id: request_id(),
            kept: one.person.clone(),
            merged: merged.clone(),
            reason: "the same, by the photograph".to_owned(),
        };
        ground.screening("duty").persons().merge_persons(request).await.expect("merged");
    }
    let kept = ground.observation("duty", &one.name).await.expect("kept");
    assert_eq!(
        (kept.state(), kept.last_exposure_date.as_str()),
        (pb::ObservationState::Active, "2020-02-03")
    );
    for joined in [&other.name, &far.name] {
        let joined = ground.observation("duty", joined).await.expect("for ever");
        assert_eq!(joined.ending(), pb::Ending::Joined);
    }
    assert_eq!(listed(&ground, "duty", pb::ListObservationsRequest::default()).await, [one.name]);
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
}

#[tokio::test]
async fn what_is_due_first_is_listed_first_page_by_page_and_by_state() {
    let ground = Ground::build().await;
    let mut names = Vec::new();
    for exposed in ["2020-02-02", "2020-01-20", "2020-01-28", "2020-01-05"] {
        let person = ground.found(0, without_papers("")).await.name;
        let opened = ground.open("leader-0", &person, exposed).await.expect("opened");
        names.push(opened.observation.expect("an observation").name);
    }
    let order = [3, 1, 2, 0].map(|nth| names[nth].clone());
    let mut request = pb::ListObservationsRequest { page_size: 3, ..Default::default() };
    let mut observations = ground.screening("duty-0").observations();
    let first = observations.list_observations(request.clone()).await.expect("a page").into_inner();
    request.page_token = first.next_page_token;
    let second = observations.list_observations(request).await.expect("a page").into_inner();
    assert!(second.next_page_token.is_empty());
    let all = first.observations.into_iter().chain(second.observations).map(|one| one.name);
    assert_eq!(all.collect::<Vec<_>>(), order);
    ground.advance(on(5, "00:00")).await;
    let by = async |state: pb::ObservationState| {
        let request = pb::ListObservationsRequest { state: state.into(), ..Default::default() };
        listed(&ground, "duty", request).await
    };
    assert_eq!(by(pb::ObservationState::ReleaseDue).await, order[..2]);
    assert_eq!(by(pb::ObservationState::Active).await, order[2..]);
}

#[tokio::test]
async fn persons_of_a_unit_that_is_closed_are_listed_by_who_stands_above() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    ground.close(0).await;
    let found = until(async || {
        let exceptions = ground.proof().await.0;
        exceptions.into_iter().find(|one| one.finding() == pb::PersonFinding::UnitClosed)
    });
    let found = found.await;
    assert_eq!(found.subject, observation.name);
    assert_eq!(found.contact_name, "样例 duty-0", "the duty officer above");
    assert_eq!(listed(&ground, "duty-0", pb::ListObservationsRequest::default()).await, [observation.name]);
    assert!(ground.proof().await.1.holds, "listed, and nobody is dropped");
}

#[tokio::test]
async fn r26_an_overdue_release_is_put_before_the_unit_above_and_a_level_up_a_day() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-01-19").await;
    ground.read(reading(&observation.name, on(3, "00:00"), 36.5)).await;
    ground.advance(on(4, "12:30")).await;
    let village = until(async || {
        let (exceptions, _) = ground.proof().await;
        let overdue = pb::PersonFinding::ReleaseOverdue;
        exceptions.into_iter().find(|one| one.finding() == overdue).map(|one| one.unit)
    });
    assert_eq!(village.await, ground.grids[0]);
    until(async || {
        let mut sql = ground.sandbox.sql().await;
        let kinds: Vec<i16> = sqlx::query_scalar("SELECT kind FROM screening.escalation")
            .fetch_all(&mut sql)
            .await
            .expect("escalations");
        kinds.contains(&10).then_some(())
    })
    .await;
    ground.advance(on(5, "12:30")).await;
    let county = ground.counties[0].clone();
    until(async || {
        let overdue = pb::EscalationKind::ReleaseOverdue;
        ground.digest(&county).await.iter().any(|one| one.kind() == overdue).then_some(())
    })
    .await;
    ground.release("leader-0", &observation.name, "").await.expect("released");
    let mut sql = ground.sandbox.sql().await;
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM screening.escalation").fetch_one(&mut sql).await.unwrap();
    assert_eq!(left, 0, "withdrawn by the decision");
}
