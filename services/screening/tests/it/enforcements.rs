//! Enforcement requests: a refusal to comply is somebody's until it is settled.

use proto::screening as pb;
use tests::{fields, reason, request_id, until};
use tonic::{Code, Status};

use crate::{
    ground::{Ground, NUMBER, OTHER_NUMBER, all_pages, details},
    watch::{on, reading},
};

impl Ground {
    async fn enforce(
        &self,
        subject: &str,
        said: pb::EnforcementRequest,
    ) -> Result<pb::EnforcementRequest, Status> {
        let (request_id, enforcement_request) = (request_id(), Some(said));
        let request = pb::CreateEnforcementRequestRequest { request_id, enforcement_request };
        let made = self.screening(subject).enforcements().create_enforcement_request(request).await?;
        Ok(made.into_inner().enforcement_request.expect("one"))
    }
}

#[tokio::test]
async fn r26_a_person_who_refuses_is_the_unit_s_that_has_them_wherever_they_go() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let said = pb::EnforcementRequest {
        person: person.clone(),
        reason: "leaves the house".to_owned(),
        ..Default::default()
    };
    let made = ground.enforce("leader-0", said.clone()).await.expect("made");
    assert_eq!(made.unit, ground.grids[0]);
    assert_eq!(ground.enforce("leader-2", said).await.expect_err("another's").code(), Code::NotFound);
    let both = pb::EnforcementRequest { reason: String::new(), ..Default::default() };
    let refused = ground.enforce("leader-0", both).await.expect_err("nobody's");
    assert_eq!(fields(&refused), ["enforcement_request.unit", "enforcement_request.reason"]);
    // Into the hands of the second grid: found there by the same paper, and agreed.
    ground.intake("leader-1", 1, details(NUMBER)).await.expect("taken in");
    ground.agree("duty-0", 1).await;
    assert_eq!(ground.enforcements("leader-1").await[0].name, made.name, "it follows");
    assert!(ground.enforcements("leader-0").await.is_empty());
    let settle = async || {
        let request = pb::SettleEnforcementRequestRequest {
            request_id: request_id(),
            name: made.name.clone(),
            outcome: pb::EnforcementOutcome::Enforced.into(),
            words: "by the police station".to_owned(),
        };
        ground.screening("leader-1").enforcements().settle_enforcement_request(request).await
    };
    let settled = settle().await.expect("settled").into_inner().enforcement_request.expect("one");
    assert_eq!(settled.outcome(), pb::EnforcementOutcome::Enforced);
    let again = settle().await.expect_err("settled before");
    assert_eq!((again.code(), reason(&again)), (Code::FailedPrecondition, "ENFORCEMENT_SETTLED".to_owned()));
}

#[tokio::test]
async fn a_deadline_is_to_come_and_what_must_be_settled_is_listed_in_due_order() {
    let ground = Ground::build().await;
    let said = |day: u32| pb::EnforcementRequest {
        unit: ground.grids[0].clone(),
        reason: "the gate is open".to_owned(),
        deadline_time: Some(chassis::parse::timestamp(on(day, "12:00"))),
        ..Default::default()
    };
    let past = ground.enforce("leader-0", said(2)).await.expect_err("over before it began");
    assert_eq!(fields(&past), ["enforcement_request.deadline_time"]);
    let mut names = Vec::new();
    for day in [6, 4, 5] {
        names.push(ground.enforce("leader-0", said(day)).await.expect("made").name);
    }
    let due = all_pages(async |page_token| {
        let (due_order, page_size) = (true, 1);
        let request =
            pb::ListEnforcementRequestsRequest { due_order, page_size, page_token, ..Default::default() };
        let page = ground.screening("duty-0").enforcements().list_enforcement_requests(request).await;
        let page = page.expect("a page").into_inner();
        (page.enforcement_requests.into_iter().map(|one| one.name).collect(), page.next_page_token)
    })
    .await;
    assert_eq!(due, [names[1].clone(), names[2].clone(), names[0].clone()]);
}

#[tokio::test]
async fn r26_a_request_for_refused_readings_is_settled_by_a_later_reading_and_by_no_earlier_one() {
    let ground = Ground::build().await;
    let observed = ground.observed(0, NUMBER, "2020-02-01").await;
    let refuse = async |day: u32, time: &str| {
        let refused = reading(&observed.name, on(day, time), 0.0);
        let refused = pb::Reading { kind: pb::ReadingKind::Refused.into(), temperature: 0.0, ..refused };
        ground.read(refused).await;
    };
    ground.advance(on(3, "13:00")).await;
    let said = pb::EnforcementRequest {
        person: observed.person.clone(),
        reason: "leaves the house".to_owned(),
        ..Default::default()
    };
    let other = ground.enforce("leader-0", said).await.expect("made by an officer");
    ground.advance(on(4, "13:00")).await;
    refuse(4, "00:30").await;
    refuse(4, "12:30").await;
    // Whoever has made a request has made it: the pulse makes none beside.
    let settle = pb::SettleEnforcementRequestRequest {
        request_id: request_id(),
        name: other.name,
        outcome: pb::EnforcementOutcome::Dropped.into(),
        words: "is at home".to_owned(),
    };
    ground.advance(on(4, "13:30")).await;
    ground.screening("leader-0").enforcements().settle_enforcement_request(settle).await.expect("settled");
    ground.advance(on(5, "13:00")).await;
    refuse(5, "00:30").await;
    refuse(5, "12:30").await;
    let open = until(async || ground.enforcements("duty-0").await.pop()).await;
    // Overdue, and put before the unit above.
    ground.advance(on(6, "14:00")).await;
    let village = ground.village(0).await;
    let overdue = async || {
        let digest = ground.digest(&village).await.into_iter();
        digest.filter(|one| one.kind() == pb::EscalationKind::EnforcementOverdue).count()
    };
    until(async || (overdue().await == 1).then_some(())).await;
    // Of a slot before the refusals, told late.
    ground.read(reading(&observed.name, on(4, "23:00"), 36.5)).await;
    ground.advance(on(6, "14:30")).await;
    assert_eq!(
        ground.enforcements("duty-0").await,
        std::slice::from_ref(&open),
        "an earlier one settles nothing"
    );
    ground.read(reading(&observed.name, on(6, "13:00"), 36.5)).await;
    until(async || ground.enforcements("duty-0").await.is_empty().then_some(())).await;
    assert_eq!(overdue().await, 0, "it is before nobody any more");
    let request = pb::ListEnforcementRequestsRequest { settled: true, ..Default::default() };
    let all = ground.screening("duty-0").enforcements().list_enforcement_requests(request).await;
    let settled = all.expect("a list").into_inner().enforcement_requests;
    let settled = settled.into_iter().find(|one| one.name == open.name).expect("it");
    assert_eq!(
        (settled.outcome(), settled.words.as_str()),
        (pb::EnforcementOutcome::Complied, "was read since")
    );
    // Refused twice again: another request.
    ground.advance(on(7, "13:00")).await;
    refuse(7, "00:30").await;
    refuse(7, "12:30").await;
    let again = until(async || ground.enforcements("duty-0").await.pop()).await;
    assert_ne!(again.name, open.name);
}

#[tokio::test]
async fn r26_two_readings_refused_in_a_row_are_a_request_and_one_is_none() {
    let ground = Ground::build().await;
    let observed = ground.observed(0, NUMBER, "2020-02-01").await;
    let other = ground.observed(0, OTHER_NUMBER, "2020-02-01").await;
    let refused = |name: &str, day: u32, time: &str| pb::Reading {
        kind: pb::ReadingKind::Refused.into(),
        temperature: 0.0,
        ..reading(name, on(day, time), 0.0)
    };
    ground.read(refused(&observed.name, 3, "00:00")).await;
    ground.read(refused(&other.name, 3, "00:00")).await;
    ground.advance(on(3, "13:00")).await;
    ground.read(reading(&other.name, on(3, "12:30"), 36.5)).await;
    ground.read(refused(&observed.name, 3, "12:30")).await;
    let open =
        until(async || Some(ground.enforcements("duty-0").await).filter(|open| !open.is_empty())).await;
    assert_eq!((open.len(), &open[0].person, &open[0].unit), (1, &observed.person, &ground.grids[0]));
    let settle = pb::SettleEnforcementRequestRequest {
        request_id: request_id(),
        name: open[0].name.clone(),
        outcome: pb::EnforcementOutcome::Complied.into(),
        words: "by the police station".to_owned(),
    };
    ground.screening("leader-0").enforcements().settle_enforcement_request(settle).await.expect("settled");
    // What was refused before that is settled; one more alone is not twice in a row since.
    ground.advance(on(4, "01:00")).await;
    ground.read(refused(&observed.name, 4, "00:30")).await;
    ground.advance(on(4, "01:30")).await;
    assert!(ground.enforcements("duty-0").await.is_empty());
}
