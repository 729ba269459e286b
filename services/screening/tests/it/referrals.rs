//! Referrals: a person with fever or symptoms waits until a facility says what it found.

use proto::{registry, screening as pb};
use tests::{fields, reason, request_id, until};

use crate::{
    ground::{Ground, NUMBER, OTHER_NUMBER, all_pages, details},
    watch::{on, reading},
};

async fn referrals(ground: &Ground, subject: &str, answered: bool) -> Vec<pb::Referral> {
    let request = pb::ListReferralsRequest { answered, ..Default::default() };
    let answer = ground.screening(subject).referrals().list_referrals(request).await.expect("a list");
    answer.into_inner().referrals
}

async fn doctor(ground: &Ground) {
    let county = &ground.counties[0];
    ground.sandbox.appointed(county, registry::Office::HealthOfficer, "doctor").await;
    ground.known("doctor").await;
}

#[tokio::test]
async fn a_fever_opens_one_referral_at_once_and_it_is_answered_once() {
    let ground = Ground::build().await;
    doctor(&ground).await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let first = ground.read(reading(&observation.name, on(3, "00:00"), 38.5)).await.referral;
    let cough = vec![pb::Symptom::Cough.into()];
    let second = pb::Reading { symptoms: cough, ..reading(&observation.name, on(3, "00:00"), 36.5) };
    assert_eq!(ground.read(second).await.referral, first, "it is open");
    let [referral] = &referrals(&ground, "leader-0", false).await[..] else { panic!("one referral") };
    assert_eq!((referral.temperature, referral.person.as_str()), (38.5, observation.person.as_str()));
    assert!(referrals(&ground, "duty-1", true).await.is_empty(), "not the next county's");

    let request = pb::AnswerReferralRequest {
        request_id: request_id(),
        name: first.clone(),
        answer: pb::ReferralAnswer::Cleared.into(),
        facility: "双峰县人民医院".to_owned(),
        ..Default::default()
    };
    let mut doctor = ground.screening("doctor").referrals();
    let wrong = pb::AnswerReferralRequest { answer: 0, facility: String::new(), ..request.clone() };
    let refused = doctor.answer_referral(wrong).await.expect_err("no answer");
    assert_eq!(fields(&refused), ["answer", "facility"]);
    let answered = doctor.answer_referral(request.clone()).await.expect("answered").into_inner();
    assert_eq!(doctor.answer_referral(request.clone()).await.expect("the same").into_inner(), answered);
    let again = pb::AnswerReferralRequest { request_id: request_id(), ..request };
    assert_eq!(reason(&doctor.answer_referral(again).await.expect_err("once")), "REFERRAL_ANSWERED");
    assert!(referrals(&ground, "leader-0", false).await.is_empty());
    assert_eq!(referrals(&ground, "leader-0", true).await[0].answered_by, "doctor");
    let third = ground.read(reading(&observation.name, on(3, "00:00"), 37.9)).await.referral;
    assert_ne!(third, first, "another fever is another referral");
}

#[tokio::test]
async fn an_unanswered_referral_is_an_exception_and_the_most_dangerous_of_a_digest() {
    let ground = Ground::build().await;
    doctor(&ground).await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let referral = ground.read(reading(&observation.name, on(3, "00:00"), 38.5)).await.referral;
    let mut sql = ground.sandbox.sql().await;
    ground.advance(on(4, "01:00")).await;
    raised(&mut sql, &[1, 5]).await;
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds);
    assert!(
        exceptions.iter().any(|one| one.finding() == pb::PersonFinding::ReferralUnanswered
            && one.subject == referral
            && one.unit == ground.grids[0]),
        "{exceptions:?}"
    );
    let village = ground.village(0).await;
    let digest = ground.digest(&village).await;
    let kinds: Vec<_> = digest.iter().map(pb::Escalation::kind).collect();
    assert_eq!(kinds, [pb::EscalationKind::ReferralUnanswered, pb::EscalationKind::ReadingMissed]);
    assert_eq!(digest[0].subject, referral);
    let request = pb::AnswerReferralRequest {
        request_id: request_id(),
        name: referral,
        answer: pb::ReferralAnswer::Kept.into(),
        facility: "双峰县人民医院".to_owned(),
        ..Default::default()
    };
    ground.screening("doctor").referrals().answer_referral(request).await.expect("answered");
    assert_eq!(ground.digest(&village).await.len(), 1, "withdrawn by the answer");
}

/// Waits until just these kinds are put before anybody.
async fn raised(sql: &mut sqlx::PgConnection, expected: &[i16]) {
    until(async || {
        let kinds: Vec<i16> = sqlx::query_scalar("SELECT kind FROM screening.escalation ORDER BY kind")
            .fetch_all(&mut *sql)
            .await
            .expect("escalations");
        (kinds == expected).then_some(())
    })
    .await;
}

async fn answer(
    ground: &Ground,
    referral: &str,
    says: pb::ReferralAnswer,
    next_facility: &str,
) -> pb::AnswerReferralResponse {
    let request = pb::AnswerReferralRequest {
        request_id: request_id(),
        name: referral.to_owned(),
        answer: says.into(),
        facility: "炉观镇卫生院".to_owned(),
        next_facility: next_facility.to_owned(),
    };
    let answered = ground.screening("doctor").referrals().answer_referral(request).await;
    answered.expect("answered").into_inner()
}

async fn end(ground: &Ground, name: &str) {
    let request = pb::EndObservationRequest {
        request_id: request_id(),
        name: name.to_owned(),
        ending: pb::Ending::Voided.into(),
        reason: "the index was excluded".to_owned(),
    };
    ground.screening("duty-0").observations().end_observation(request).await.expect("ended");
}

#[tokio::test]
async fn r13_a_fever_read_after_the_end_is_referred_listed_and_put_before_the_unit_at_once() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    end(&ground, &observation.name).await;
    let fever = ground.read(reading(&observation.name, on(3, "00:00"), 38.5)).await;
    assert!(fever.marks().any(|mark| mark == pb::Mark::AfterEnd), "{fever:?}");
    raised(&mut ground.sandbox.sql().await, &[1]).await;
    let digest = ground.digest(&ground.grids[0]).await;
    assert_eq!(
        (digest[0].kind(), &digest[0].subject),
        (pb::EscalationKind::ReferralUnanswered, &fever.referral)
    );
    assert_eq!(ground.proof().await.0[0].subject, fever.referral);
    let request = pb::ListReadingsRequest { ancestor_unit: ground.counties[0].clone(), ..Default::default() };
    let mut readings = ground.screening("duty-0").readings();
    let listed = readings.list_readings(request.clone()).await.expect("a list").into_inner().readings;
    assert_eq!((listed.len(), &listed[0].observation), (1, &observation.name));
    let joined = pb::ListReadingsRequest { marks: vec![pb::Mark::Joined.into()], ..request.clone() };
    assert!(readings.list_readings(joined).await.expect("a list").into_inner().readings.is_empty());
    let wrong = pb::ListReadingsRequest {
        observation: observation.name,
        marks: vec![pb::Mark::Late.into()],
        ..request.clone()
    };
    let refused = readings.list_readings(wrong).await.expect_err("both");
    assert_eq!(fields(&refused), ["marks", "observation"]);
    let request = pb::ListReadingsRequest { ancestor_unit: String::new(), ..request };
    let next_county = ground.screening("duty-1").readings().list_readings(request).await.expect("a list");
    assert!(next_county.into_inner().readings.is_empty());
}

#[tokio::test]
async fn r13_an_open_referral_of_a_voided_observation_is_put_before_somebody_when_it_is_late() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let referral = ground.read(reading(&observation.name, on(3, "00:00"), 38.5)).await.referral;
    end(&ground, &observation.name).await;
    ground.advance(on(3, "13:00")).await;
    raised(&mut ground.sandbox.sql().await, &[1]).await;
    assert_eq!(ground.digest(&ground.village(0).await).await[0].subject, referral);
    assert_eq!(ground.proof().await.0[0].finding(), pb::PersonFinding::ReferralUnanswered);
    ground.advance(on(4, "13:00")).await;
    let county = ground.counties[0].clone();
    until(async || (ground.digest(&county).await.len() == 1).then_some(())).await;
}

#[tokio::test]
async fn r19_who_is_sent_on_is_referred_to_the_next_facility_and_who_does_not_come_once_more() {
    let ground = Ground::build().await;
    doctor(&ground).await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let first = ground.read(reading(&observation.name, on(3, "00:00"), 38.5)).await.referral;
    let request = pb::AnswerReferralRequest {
        request_id: request_id(),
        name: first.clone(),
        answer: pb::ReferralAnswer::SentOn.into(),
        facility: "炉观镇卫生院".to_owned(),
        next_facility: String::new(),
    };
    let mut referrals = ground.screening("doctor").referrals();
    let refused = referrals.answer_referral(request.clone()).await.expect_err("where to?");
    assert_eq!(fields(&refused), ["next_facility"]);
    let request = pb::AnswerReferralRequest { next_facility: "新化县人民医院".to_owned(), ..request };
    let sent_on = referrals.answer_referral(request.clone()).await.expect("answered").into_inner();
    assert_eq!(referrals.answer_referral(request).await.expect("the same").into_inner(), sent_on);
    let (answered, next) = (sent_on.referral.expect("the first"), sent_on.next.expect("the next"));
    assert_eq!((answered.state(), next.state()), (pb::ReferralState::Answered, pb::ReferralState::Open));
    assert_eq!((&answered.next, &next.previous), (&next.name, &first));
    assert_eq!((next.to_facility.as_str(), next.observation), ("新化县人民医院", observation.name.clone()));

    ground.advance(on(3, "01:00")).await;
    let again = answer(&ground, &next.name, pb::ReferralAnswer::NoShow, "").await.next.expect("once more");
    assert_eq!((again.to_facility.as_str(), again.state()), ("新化县人民医院", pb::ReferralState::Open));
    assert_eq!(again.deadline_time, Some(chassis::parse::timestamp(on(3, "13:00"))));
    raised(&mut ground.sandbox.sql().await, &[1]).await;
    assert_eq!(ground.digest(&ground.grids[0]).await[0].subject, again.name, "somebody must fetch them");
    assert!(answer(&ground, &again.name, pb::ReferralAnswer::Cleared, "").await.next.is_none());
    raised(&mut ground.sandbox.sql().await, &[]).await;
    let get = pb::GetReferralRequest { name: next.name };
    let found = ground.screening("leader-0").referrals().get_referral(get.clone()).await;
    assert_eq!(found.expect("his").into_inner().referral.expect("a referral").next, again.name);
    let other = ground.screening("leader-2").referrals().get_referral(get).await;
    assert_eq!(other.expect_err("not his").code(), tonic::Code::NotFound);
}

#[tokio::test]
async fn r5_who_is_suspected_is_a_task_until_a_case_is_opened() {
    let ground = Ground::build().await;
    doctor(&ground).await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let referral = ground.read(reading(&observation.name, on(3, "00:00"), 38.5)).await.referral;
    let suspected = answer(&ground, &referral, pb::ReferralAnswer::Suspected, "").await;
    let by = suspected.referral.expect("answered").case_deadline_time;
    assert_eq!(by, Some(chassis::parse::timestamp(on(3, "02:00"))));
    let mut sql = ground.sandbox.sql().await;
    raised(&mut sql, &[15]).await;
    let digest = ground.digest(&ground.grids[0]).await;
    assert_eq!((digest[0].kind(), &digest[0].subject), (pb::EscalationKind::SuspicionUnreported, &referral));
    let case = Some(pb::Case { person: observation.person, ..Default::default() });
    let request = pb::OpenCaseRequest { request_id: request_id(), case };
    ground.screening("doctor").cases().open_case(request).await.expect("opened");
    raised(&mut sql, &[]).await;
    assert!(ground.proof().await.0.is_empty());
}

#[tokio::test]
async fn a_walk_in_whom_nobody_observes_is_referred_and_follows_into_other_hands() {
    let ground = Ground::build().await;
    doctor(&ground).await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let said = pb::Referral { person: person.clone(), temperature: 38.4, ..Default::default() };
    let request = pb::CreateReferralRequest { request_id: request_id(), referral: Some(said.clone()) };
    let mut referrals = ground.screening("leader-0").referrals();
    let made = referrals.create_referral(request.clone()).await.expect("made").into_inner();
    assert_eq!(referrals.create_referral(request).await.expect("the same").into_inner(), made);
    let request = pb::CreateReferralRequest { request_id: request_id(), referral: Some(said.clone()) };
    let again = referrals.create_referral(request).await.expect("known").into_inner();
    assert_eq!((again.known, again.referral), (true, made.referral.clone()));
    let nothing = pb::Referral { temperature: 0.0, ..said };
    let request = pb::CreateReferralRequest { request_id: request_id(), referral: Some(nothing) };
    let refused = referrals.create_referral(request).await.expect_err("why?");
    assert_eq!(fields(&refused), ["referral.temperature"]);
    let referral = made.referral.expect("a referral");
    assert_eq!(
        (referral.observation.as_str(), referral.responsible_unit.as_str()),
        ("", ground.grids[0].as_str())
    );

    let mut handdowns = ground.screening("duty").handdowns();
    let request = pb::CreateHanddownRequest {
        request_id: request_id(),
        person: person.clone(),
        to_unit: ground.grids[1].clone(),
        urgent: true,
        source: None,
    };
    let made = handdowns.create_handdown(request).await.expect("made").into_inner().handdown.unwrap();
    let request = pb::AcknowledgeHanddownsRequest { request_id: request_id(), names: vec![made.name] };
    handdowns.acknowledge_handdowns(request).await.expect("acknowledged");
    ground.advance(on(3, "13:00")).await;
    until(async || {
        (ground.digest(&ground.village(1).await).await.iter().any(|one| one.subject == referral.name))
            .then_some(())
    })
    .await;
    let request = pb::ListReferralsRequest { person, ..Default::default() };
    let listed = ground.screening("leader-1").referrals().list_referrals(request).await.expect("a list");
    assert_eq!(listed.into_inner().referrals[0].name, referral.name);
}

#[tokio::test]
async fn r24_a_merge_keeps_the_referral_and_the_readings_of_the_joined() {
    let ground = Ground::build().await;
    let kept = ground.observed(0, NUMBER, "2020-02-01").await;
    let joined = ground.observed(0, OTHER_NUMBER, "2020-02-01").await;
    ground.advance(on(3, "11:00")).await;
    let referral = ground.read(reading(&joined.name, on(3, "10:00"), 38.5)).await.referral;
    ground.advance(on(3, "13:00")).await;
    let village = ground.village(0).await;
    assert_eq!(ground.digest(&village).await.len(), 1, "the kept one's slot was missed");
    let request = pb::MergePersonsRequest {
        request_id: request_id(),
        kept: kept.person.clone(),
        merged: joined.person.clone(),
        reason: "a test".to_owned(),
    };
    ground.screening("duty").persons().merge_persons(request).await.expect("merged");
    assert_eq!(ground.outcomes(&kept.name).await[0], pb::Outcome::Symptoms, "what was read counts");
    assert!(ground.digest(&village).await.is_empty(), "nothing was missed");
    let get = pb::GetReferralRequest { name: referral };
    let found = ground.screening("leader-0").referrals().get_referral(get).await.expect("his").into_inner();
    assert_eq!(found.referral.expect("a referral").observation, kept.name);
    let refused = ground.release("duty", &kept.name, "").await.expect_err("febrile");
    let details = tonic_types::StatusExt::get_error_details(&refused);
    assert!(details.error_info().expect("a reason").metadata["unmet"].contains("NO_OPEN_REFERRAL"));
    let late = ground.read(reading(&joined.name, on(3, "12:30"), 36.5)).await;
    let marks: Vec<_> = late.marks().collect();
    assert_eq!(marks, [pb::Mark::AfterEnd, pb::Mark::Outside, pb::Mark::Joined]);
    assert_eq!(ground.outcomes(&kept.name).await[1], pb::Outcome::Well);
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn a_watch_sends_open_referrals_and_then_what_changes() {
    use proto::screening::watch_referrals_response::Event;
    let ground = Ground::build().await;
    doctor(&ground).await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let referral = ground.read(reading(&observation.name, on(3, "00:00"), 38.5)).await.referral;
    let mut referrals = ground.screening("doctor").referrals();
    let stream = referrals.watch_referrals(pb::WatchReferralsRequest::default()).await;
    let mut stream = stream.expect("a watch").into_inner();
    let mut next = async || loop {
        let message = stream.message().await.expect("a message").expect("no end");
        match message.event {
            Some(Event::Referral(referral)) => break Some(referral),
            Some(Event::SnapshotEnd(_)) => break None,
            _ => {}
        }
    };
    assert_eq!(next().await.expect("an open one").name, referral);
    assert!(next().await.is_none(), "that was all");
    answer(&ground, &referral, pb::ReferralAnswer::Cleared, "").await;
    let changed = loop {
        // What the snapshot had may come once more.
        let changed = next().await.expect("a referral");
        if changed.state() == pb::ReferralState::Answered {
            break changed;
        }
    };
    assert_eq!(changed.name, referral);
}

#[tokio::test]
async fn r5_what_waits_comes_in_due_order_for_its_answer_or_for_a_case() {
    let ground = Ground::build().await;
    doctor(&ground).await;
    let mut referrals = Vec::new();
    for number in [NUMBER, OTHER_NUMBER, ""] {
        let observation = ground.observed(0, number, "2020-02-01").await;
        referrals.push(ground.read(reading(&observation.name, on(3, "00:00"), 38.5)).await.referral);
    }
    ground.advance(on(3, "01:00")).await;
    answer(&ground, &referrals[1], pb::ReferralAnswer::Suspected, "").await;
    answer(&ground, &referrals[2], pb::ReferralAnswer::SentOn, "双峰县人民医院").await;
    let list = async |due_order: bool| {
        all_pages(async |page_token| {
            let request =
                pb::ListReferralsRequest { due_order, page_size: 1, page_token, ..Default::default() };
            let page = ground.screening("duty-0").referrals().list_referrals(request).await;
            let page = page.expect("a page").into_inner();
            (page.referrals, page.next_page_token)
        })
        .await
    };
    let names = |all: &[pb::Referral]| all.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
    let waits = list(true).await;
    let next = &waits.last().expect("some wait").previous;
    assert_eq!(next, &referrals[2], "the next one has twelve hours of its own");
    assert_eq!(names(&waits)[..2], [referrals[1].clone(), referrals[0].clone()], "a case within two hours");
    assert_eq!(waits.len(), 3, "who is answered, and waits for nothing, is not there");
    assert_eq!(names(&list(false).await), [names(&waits)[1].clone(), names(&waits)[2].clone()]);
    let request = pb::ListReferralsRequest { due_order: true, ..Default::default() };
    let next_county = ground.screening("duty-1").referrals().list_referrals(request).await.expect("a list");
    assert!(next_county.into_inner().referrals.is_empty());
}
