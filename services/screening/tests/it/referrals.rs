//! Referrals: a person with fever or symptoms waits until a facility says what it found.

use proto::{registry, screening as pb};
use tests::{fields, reason, request_id, until};

use crate::{
    ground::{Ground, NUMBER},
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
    until(async || {
        let kinds: Vec<i16> = sqlx::query_scalar("SELECT kind FROM screening.escalation ORDER BY kind")
            .fetch_all(&mut sql)
            .await
            .expect("escalations");
        (kinds == [1, 5]).then_some(())
    })
    .await;
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds);
    assert_eq!(exceptions[0].finding(), pb::PersonFinding::ReferralUnanswered);
    let village = ground.village(0).await;
    let digest = ground.digest(&village).await;
    let kinds: Vec<_> = digest.iter().map(pb::Escalation::kind).collect();
    assert_eq!(kinds, [pb::EscalationKind::ReferralUnanswered, pb::EscalationKind::ReadingMissed]);
    let request = pb::AnswerReferralRequest {
        request_id: request_id(),
        name: referral,
        answer: pb::ReferralAnswer::Kept.into(),
        facility: "双峰县人民医院".to_owned(),
    };
    ground.screening("doctor").referrals().answer_referral(request).await.expect("answered");
    assert_eq!(ground.digest(&village).await.len(), 1, "withdrawn by the answer");
}
