//! Whoever is found is followed up: by an observation, a hand-down, a case, or a decision that none is needed.

use proto::screening as pb;
use tests::{fields, reason, request_id, until};
use tonic::{Code, Status};

use crate::{
    exposures::contact,
    ground::{Ground, NUMBER, OTHER_NUMBER, all_pages, details},
    watch::on,
};

impl Ground {
    /// Who is found and followed up by nobody, as a subject sees them, in due order.
    pub(crate) async fn unfollowed(&self, subject: &str) -> Vec<String> {
        all_pages(async |page_token| {
            let (unfollowed, page_size) = (true, 1);
            let request = pb::ListPersonsRequest { unfollowed, page_size, page_token, ..Default::default() };
            let page = self.screening(subject).persons().list_persons(request).await.expect("a page");
            let page = page.into_inner();
            (page.persons.into_iter().map(|person| person.name).collect(), page.next_page_token)
        })
        .await
    }

    /// The digest of a unit, once there is something about who is followed up by nobody.
    async fn reminded(&self, unit: &str) -> pb::Escalation {
        let about = |one: &pb::Escalation| one.kind() == pb::EscalationKind::PersonUnobserved;
        until(async || self.digest(unit).await.into_iter().find(about)).await
    }

    /// Waits until nothing of that is put before a unit.
    async fn not_reminded(&self, unit: &str) {
        let about = |one: &pb::Escalation| one.kind() == pb::EscalationKind::PersonUnobserved;
        until(async || (!self.digest(unit).await.iter().any(about)).then_some(())).await;
    }

    pub(crate) async fn waive(&self, subject: &str, person: &str, words: &str) -> Result<(), Status> {
        let (name, reason) = (person.to_owned(), words.to_owned());
        let request = pb::WaiveFollowUpRequest { request_id: request_id(), name, reason };
        self.screening(subject).persons().waive_follow_up(request).await.map(drop)
    }
}

#[tokio::test]
async fn c8_whoever_is_found_and_observed_by_nobody_is_put_before_the_unit_at_once_and_above_when_late() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await;
    assert!(person.follow_up_time.is_some());
    let own = ground.reminded(&ground.grids[0]).await;
    assert_eq!((&own.subject, &own.person), (&person.name, &person.name));
    assert_eq!(own.responsible_unit, ground.grids[0]);
    let (exceptions, verdict) = ground.proof().await;
    let listed =
        exceptions.iter().find(|one| one.finding() == pb::PersonFinding::Unobserved).expect("listed");
    assert!(verdict.holds && !listed.breaks_the_law && !listed.contact_phone.is_empty(), "{listed:?}");
    assert_eq!((&listed.subject, &listed.unit), (&person.name, &ground.grids[0]));
    let later = ground.found(1, details(OTHER_NUMBER)).await;
    assert_eq!(ground.unfollowed("duty-0").await, [person.name.clone(), later.name.clone()], "in due order");
    assert_eq!(ground.unfollowed("leader-1").await, std::slice::from_ref(&later.name));
    assert!(ground.unfollowed("leader-2").await.is_empty(), "no other county's");
    ground.advance(on(3, "23:00")).await;
    let village = ground.village(0).await;
    assert_eq!(ground.reminded(&village).await.holder_unit, village, "12 hours have passed");
    ground.open("leader-0", &person.name, "2020-02-01").await.expect("opened");
    assert_eq!(ground.unfollowed("duty-0").await, [later.name]);
    assert_eq!(ground.get("leader-0", &person.name).await.expect("one").follow_up_time, None);
    let (exceptions, _) = ground.proof().await;
    assert!(exceptions.iter().all(|one| one.subject != person.name), "{exceptions:?}");
}

#[tokio::test]
async fn r13_that_nobody_need_follow_up_is_a_recorded_decision_and_only_of_who_waits() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    ground.reminded(&ground.grids[0]).await;
    let empty = ground.waive("duty-0", &person, "").await.expect_err("without a reason");
    assert_eq!(fields(&empty), ["reason"]);
    let leader = ground.waive("leader-0", &person, "a mistake").await.expect_err("not a leader's");
    assert_eq!(leader.code(), Code::PermissionDenied);
    let far = ground.waive("duty-1", &person, "a mistake").await.expect_err("another county's");
    assert_eq!(far.code(), Code::NotFound);
    ground.waive("duty-0", &person, "entered in error").await.expect("waived");
    assert!(ground.unfollowed("duty-0").await.is_empty());
    ground.not_reminded(&ground.grids[0]).await;
    let again = ground.waive("duty-0", &person, "entered in error").await.expect_err("decided before");
    assert_eq!(reason(&again), "PERSON_FOLLOWED");
    let mut sql = ground.sandbox.sql().await;
    let kept: (String, String) = sqlx::query_as("SELECT reason, decided_by FROM screening.waiver")
        .fetch_one(&mut sql)
        .await
        .expect("kept");
    assert_eq!(kept, ("entered in error".to_owned(), "duty-0".to_owned()));
    // Found again: somebody must look again. While observed, nobody need.
    ground.found(0, details(NUMBER)).await;
    assert_eq!(ground.unfollowed("duty-0").await, std::slice::from_ref(&person));
    ground.open("leader-0", &person, "2020-01-10").await.expect("opened");
    ground.found(0, details(NUMBER)).await;
    assert!(ground.unfollowed("duty-0").await.is_empty(), "R12: one check is left to do");
}

#[tokio::test]
async fn a_second_finder_is_reminded_as_if_nobody_were_known() {
    let ground = Ground::build().await;
    ground.observed(0, NUMBER, "2020-02-01").await;
    let second = ground.found(2, details(NUMBER)).await.name;
    assert_eq!(ground.unfollowed("duty-1").await, std::slice::from_ref(&second));
    assert!(ground.unfollowed("duty-0").await.is_empty());
    ground.agree("duty-0", 0).await;
    // The finder's side knows the other one by its county.
    let (name, unit) = (ground.questions("duty-1").await.remove(0).name, ground.counties[0].clone());
    let request = pb::AgreeHandsRequest { request_id: request_id(), name, unit };
    ground.screening("duty-1").hands().agree_hands(request).await.expect("agreed");
    assert!(ground.unfollowed("duty").await.is_empty(), "observed in the hands that they are in now");
}

#[tokio::test]
async fn h5_whoever_was_found_without_a_basis_is_the_receiver_s_to_observe() {
    let ground = Ground::build().await;
    let arrived = ground.arrived(NUMBER, 0).await;
    assert!(ground.unfollowed("duty").await.is_empty(), "somebody is at it: the hand-down has clocks");
    ground.verify("leader-0", &arrived.name, pb::HanddownOutcome::Found, "").await.expect("found");
    assert_eq!(ground.unfollowed("leader-0").await, std::slice::from_ref(&arrived.person));
    assert_eq!(ground.reminded(&ground.grids[0]).await.subject, arrived.person);
    let other = ground.arrived(OTHER_NUMBER, 1).await;
    ground.verify("leader-1", &other.name, pb::HanddownOutcome::LeftArea, "").await.expect("gone");
    assert!(ground.unfollowed("leader-1").await.is_empty(), "let go with evidence");
}

#[tokio::test]
async fn r11_a_general_contact_needs_no_observation() {
    let ground = Ground::build().await;
    let index = ground.observed(0, NUMBER, "2020-02-01").await.person;
    let somebody = pb::exposure_item::Contact::Details(details(OTHER_NUMBER));
    let general = pb::ExposureItem {
        kind: pb::ContactKind::General.into(),
        ..contact(&index, somebody, on(2, "20:00"))
    };
    let taken = ground.exposed(0, general).await;
    assert_eq!(taken.observation, "");
    assert!(ground.unfollowed("duty").await.is_empty());
}
