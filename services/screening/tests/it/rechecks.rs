//! Rechecks: who was discharged is looked at again in weeks 2 and 4, and what comes of it is told (R16).

use chrono::{DateTime, Utc};
use proto::screening as pb;
use tests::{fields, reason, request_id, until};
use tonic::{Code, Status};

use crate::{
    cases::refused,
    ground::{Ground, NUMBER, OTHER_NUMBER, all_pages, details},
    schedules::terms,
    watch::on,
};

use pb::RecheckOutcome::{
    Died, Left, Merged, Positive, Readmitted, Refused, Symptoms, Unspecified, Well, Withdrawn,
};

/// An instant of March.
fn march(day: u32, time: &str) -> DateTime<Utc> {
    format!("2020-03-{day:02}T{time}:00+08:00").parse().expect("an instant")
}

impl Ground {
    /// Confirms and discharges somebody whom a grid has found; answers the person and the case.
    async fn discharged(&self, number: &str) -> [String; 2] {
        let person = self.found(0, details(number)).await.name;
        let case = self.confirmed(0, &person).await.case.expect("a case").name;
        self.classify(0, &case, (pb::CaseState::Discharged, "", "the ward")).await.expect("discharged");
        [person, case]
    }

    /// Rechecks as a subject lists them, as asked.
    async fn rechecks(&self, subject: &str, asked: pb::ListRechecksRequest) -> Vec<pb::Recheck> {
        all_pages(async |page_token| {
            let request = pb::ListRechecksRequest { page_size: 1, page_token, ..asked.clone() };
            let page = self.screening(subject).rechecks().list_rechecks(request).await.expect("a page");
            let page = page.into_inner();
            (page.rechecks, page.next_page_token)
        })
        .await
    }

    /// Every recheck: of each its week, and what came of it.
    async fn came(&self) -> Vec<(i32, pb::RecheckOutcome)> {
        let all = pb::ListRechecksRequest { settled: true, ..Default::default() };
        self.rechecks("duty", all).await.iter().map(|one| (one.week, one.outcome())).collect()
    }

    /// The open rechecks that a subject sees.
    async fn to_do(&self, subject: &str) -> Vec<pb::Recheck> {
        self.rechecks(subject, pb::ListRechecksRequest::default()).await
    }

    /// Says as the leader of a grid what came of a recheck.
    async fn told(
        &self,
        grid: usize,
        recheck: &str,
        said: pb::RecordRecheckRequest,
    ) -> Result<pb::RecordRecheckResponse, Status> {
        let request = pb::RecordRecheckRequest { request_id: request_id(), name: recheck.to_owned(), ..said };
        let leader = self.screening(&format!("leader-{grid}"));
        Ok(leader.rechecks().record_recheck(request).await?.into_inner())
    }

    /// What is overdue before a unit of rechecks.
    async fn rechecks_overdue(&self, unit: &str) -> Vec<pb::Escalation> {
        let mut digest = self.digest(unit).await;
        digest.retain(|one| one.kind() == pb::EscalationKind::RecheckOverdue);
        digest
    }
}

fn say(outcome: pb::RecheckOutcome, date: &str) -> pb::RecordRecheckRequest {
    pb::RecordRecheckRequest { outcome: outcome.into(), date: date.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn r16_a_discharge_makes_two_rechecks_and_one_that_is_not_told_goes_before_the_unit_above() {
    let ground = Ground::with_doctors().await;
    let [person, case] = ground.discharged(NUMBER).await;
    let made = ground.to_do("leader-0").await;
    let due: Vec<_> = made.iter().map(|one| (one.week, one.due_date.as_str())).collect();
    assert_eq!(due, [(2, "2020-02-17"), (4, "2020-03-02")]);
    assert_eq!((&made[0].person, &made[0].case), (&person, &case));
    assert_eq!(made[0].deadline_time, Some(chassis::parse::timestamp(on(18, "00:00"))));
    assert!(ground.to_do("leader-1").await.is_empty(), "the neighbour's");
    let now = pb::ListRechecksRequest { due_order: true, ..Default::default() };
    assert!(ground.rechecks("leader-0", now.clone()).await.is_empty(), "no week has begun");
    ground.advance(on(11, "00:00")).await;
    assert_eq!(ground.rechecks("leader-0", now.clone()).await.len(), 1, "the second has");
    ground.advance(on(17, "23:59")).await;
    let village = ground.village(0).await;
    assert!(ground.rechecks_overdue(&village).await.is_empty());
    ground.advance(on(18, "00:00")).await;
    let overdue =
        until(async || ground.rechecks_overdue(&village).await.pop().filter(|one| one.person == person));
    assert_eq!(overdue.await.subject, made[0].name);
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
    let listed = exceptions.iter().find(|one| one.subject == made[0].name).expect("listed");
    assert_eq!(listed.finding(), pb::PersonFinding::TaskWaiting);
    // Late is taken in, and marked.
    ground.advance(on(19, "09:00")).await;
    let county = ground.counties[0].clone();
    until(async || (!ground.rechecks_overdue(&county).await.is_empty()).then_some(())).await;
    let early = ground.told(0, &made[0].name, say(Well, "2020-02-02")).await.expect_err("before it");
    assert_eq!(fields(&early), ["date"]);
    let said = pb::RecordRecheckRequest { words: "the county hospital".to_owned(), ..say(Well, "") };
    let told = ground.told(0, &made[0].name, said).await.expect("told").recheck.expect("one");
    assert_eq!((told.outcome(), told.late, told.done_date.as_str()), (Well, true, "2020-02-19"));
    assert_eq!((told.settled_by.as_str(), told.words.as_str()), ("leader-0", "the county hospital"));
    assert!(ground.rechecks_overdue(&county).await.is_empty());
    let again = ground.told(0, &made[0].name, say(Well, "")).await.expect_err("told before");
    assert_eq!((again.code(), reason(&again)), (Code::FailedPrecondition, "RECHECK_DONE".to_owned()));
    let hidden = ground.told(2, &made[1].name, say(Well, "")).await.expect_err("another county's");
    assert_eq!(reason(&hidden), "NOT_FOUND");
    // A fact of the day it was done, whenever that is told.
    ground.advance(march(4, "09:00")).await;
    let told = ground.told(0, &made[1].name, say(Well, "2020-03-02")).await.expect("told");
    assert!(!told.recheck.expect("one").late);
    assert_eq!(ground.came().await, [(2, Well), (4, Well)]);
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn r16_symptoms_refer_a_refusal_is_enforced_and_a_positive_result_is_the_person_s_own() {
    let ground = Ground::with_doctors().await;
    let [person, _] = ground.discharged(NUMBER).await;
    let [second, fourth] = ground.to_do("leader-0").await.try_into().expect("two");
    ground.advance(on(16, "09:00")).await;
    let nothing = ground.told(0, &second.name, say(Unspecified, "")).await.expect_err("nothing");
    assert_eq!(fields(&nothing), ["outcome"]);
    let follows = ground.told(0, &second.name, say(Readmitted, "")).await.expect_err("follows");
    assert_eq!(fields(&follows), ["outcome"]);
    for (outcome, field) in [(Symptoms, "symptoms"), (Positive, "result")] {
        let bare = ground.told(0, &second.name, say(outcome, "")).await.expect_err("which?");
        assert_eq!(fields(&bare), [field]);
    }
    let refusal = ground.told(0, &second.name, say(Refused, "")).await.expect("told");
    assert_eq!(ground.enforcements("leader-0").await[0].name, refusal.enforcement_request);
    // Who refused may come after all.
    let cough = pb::RecordRecheckRequest { symptoms: vec![pb::Symptom::Cough.into()], ..say(Symptoms, "") };
    let referral = ground.told(0, &second.name, cough).await.expect("told").referral;
    let request = pb::GetReferralRequest { name: referral };
    let referral = ground.screening("leader-0").referrals().get_referral(request).await.expect("referred");
    assert_eq!(referral.into_inner().referral.expect("one").person, person);
    ground.advance(march(1, "09:00")).await;
    let other = ground.found(0, details(OTHER_NUMBER)).await.name;
    let other = ground.tested(0, &other, pb::TestOutcome::Positive, march(1, "08:00")).await.name;
    let positive = |result: &str| pb::RecordRecheckRequest { result: result.to_owned(), ..say(Positive, "") };
    let not_own = ground.told(0, &fourth.name, positive(&other)).await.expect_err("another's");
    assert_eq!(fields(&not_own), ["result"]);
    let negative = ground.tested(0, &person, pb::TestOutcome::Negative, march(1, "07:00")).await.name;
    let negative = ground.told(0, &fourth.name, positive(&negative)).await.expect_err("negative");
    assert_eq!(fields(&negative), ["result"]);
    let result = ground.tested(0, &person, pb::TestOutcome::Positive, march(1, "08:00")).await.name;
    let told = ground.told(0, &fourth.name, positive(&result)).await.expect("told").recheck.expect("one");
    assert_eq!((told.outcome(), told.result), (Positive, result));
}

#[tokio::test]
async fn r16_readmission_settles_what_is_to_come_and_another_discharge_makes_new_ones() {
    let ground = Ground::with_doctors().await;
    let [_, case] = ground.discharged(NUMBER).await;
    let [second, fourth] = ground.to_do("leader-0").await.try_into().expect("two");
    ground.advance(on(16, "09:00")).await;
    ground.told(0, &second.name, say(Well, "")).await.expect("told");
    ground.classify(0, &case, (pb::CaseState::Readmitted, "", "")).await.expect("readmitted");
    assert_eq!(ground.came().await, [(2, Well), (4, Readmitted)]);
    // Found before the readmission, and told after it: a fact, of which nothing need follow.
    let cough = pb::RecordRecheckRequest { symptoms: vec![pb::Symptom::Cough.into()], ..say(Symptoms, "") };
    let told = ground.told(0, &fourth.name, cough).await.expect("told");
    assert_eq!((told.recheck.expect("one").outcome(), told.referral.as_str()), (Symptoms, ""));
    ground.advance(on(20, "09:00")).await;
    ground.classify(0, &case, (pb::CaseState::Discharged, "", "the ward")).await.expect("discharged");
    let again: Vec<_> = ground.to_do("leader-0").await.into_iter().map(|one| one.due_date).collect();
    assert_eq!(again, ["2020-03-05", "2020-03-19"]);
    ground.classify(0, &case, (pb::CaseState::Readmitted, "", "")).await.expect("readmitted");
    ground.classify(0, &case, (pb::CaseState::Died, "", "")).await.expect("died");
    assert!(ground.to_do("leader-0").await.is_empty());
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn r16_a_corrected_discharge_takes_its_rechecks_back_and_so_does_a_release_of_who_was_asymptomatic() {
    let ground = Ground::with_doctors().await;
    let [_, case] = ground.discharged(NUMBER).await;
    ground.classify(0, &case, (pb::CaseState::Confirmed, "", "another's card")).await.expect("corrected");
    assert_eq!(ground.came().await, [(2, Withdrawn), (4, Withdrawn)]);
    ground.classify(0, &case, (pb::CaseState::Discharged, "", "the ward")).await.expect("discharged");
    assert_eq!(ground.to_do("leader-0").await.len(), 2);
    let other = ground.found(1, details(OTHER_NUMBER)).await.name;
    let case = ground.case(0, &other).await.name;
    let result = ground.tested(0, &other, pb::TestOutcome::Positive, on(2, "12:00")).await.name;
    let asymptomatic = (pb::CaseState::Asymptomatic, result.as_str(), "all are sure");
    ground.classify(0, &case, asymptomatic).await.expect("asymptomatic");
    ground.classify(0, &case, (pb::CaseState::Released, "", "all are sure")).await.expect("released");
    assert_eq!(ground.to_do("leader-1").await.len(), 2, "R4");
    ground.classify(0, &case, (pb::CaseState::Asymptomatic, "", "a mistake")).await.expect("corrected");
    assert!(ground.to_do("leader-1").await.is_empty());
}

#[tokio::test]
async fn r16_who_dies_at_home_is_looked_at_no_more() {
    let ground = Ground::with_doctors().await;
    let [person, _] = ground.discharged(NUMBER).await;
    let request = pb::ListObservationsRequest { person, ..Default::default() };
    let own = ground.screening("duty").observations().list_observations(request).await.expect("a list");
    let own = own.into_inner().observations.pop().expect("an observation");
    let request = pb::EndObservationRequest {
        request_id: request_id(),
        name: own.name,
        ending: pb::Ending::Died.into(),
        reason: "at home".to_owned(),
    };
    ground.screening("doctor-0").observations().end_observation(request).await.expect("ended");
    assert_eq!(ground.came().await, [(2, Died), (4, Died)]);
    // Of another it is told with the recheck itself.
    ground.discharged(OTHER_NUMBER).await;
    let [second, _] = ground.to_do("leader-0").await.try_into().expect("two");
    ground.told(0, &second.name, say(Died, "")).await.expect("told");
    assert!(ground.to_do("leader-0").await.is_empty(), "nor is the fourth week waited for");
}

#[tokio::test]
async fn h6_who_leaves_for_a_place_outside_is_looked_at_there() {
    let ground = Ground::with_doctors().await;
    let arrived = ground.arrived(NUMBER, 0).await;
    let case = ground.confirmed(0, &arrived.person).await.case.expect("a case").name;
    ground.classify(0, &case, (pb::CaseState::Discharged, "", "the ward")).await.expect("discharged");
    assert_eq!(ground.to_do("leader-0").await.len(), 2);
    ground.verify("leader-0", &arrived.name, pb::HanddownOutcome::LeftArea, "").await.expect("gone");
    assert_eq!(ground.came().await, [(2, Left), (4, Left)]);
}

#[tokio::test]
async fn r16_the_end_of_the_observation_leaves_the_recheck_of_week_4_and_a_step_back_makes_none() {
    let ground = Ground::with_doctors().await;
    let [person, case] = ground.discharged(NUMBER).await;
    let done = (pb::CaseState::FollowUpDone, "", "");
    assert_eq!(refused(ground.classify(0, &case, done).await).1, "CASE_CONDITIONS_UNMET");
    let request = pb::ListObservationsRequest { person: person.clone(), ..Default::default() };
    let own = ground.screening("duty").observations().list_observations(request).await.expect("a list");
    let own = own.into_inner().observations.pop().expect("an observation").name;
    ground.release("doctor-0", &own, "well, and far away").await.expect("released");
    ground.classify(0, &case, done).await.expect("the 14 days are over");
    assert_eq!(ground.to_do("leader-0").await.len(), 2, "they are told whatever the case is");
    ground.classify(0, &case, (pb::CaseState::Discharged, "", "too early")).await.expect("a step back");
    assert_eq!(ground.to_do("leader-0").await.len(), 2);
    // An open one holds the erasure of who would be erased.
    let mut sql = ground.sandbox.sql().await;
    let held = "SELECT count(*) FROM screening.waiting WHERE person_id = $1 AND kind = 22";
    let id = crate::erasures::id(&person);
    let held: i64 = sqlx::query_scalar(held).bind(id).fetch_one(&mut sql).await.expect("what waits");
    assert_eq!(held, 2);
}

#[tokio::test]
async fn r24_two_who_are_one_have_one_set_of_rechecks_and_it_goes_where_the_person_goes() {
    let ground = Ground::with_doctors().await;
    let [kept, _] = ground.discharged(NUMBER).await;
    ground.advance(on(4, "09:00")).await;
    let [merged, _] = ground.discharged(OTHER_NUMBER).await;
    assert_eq!(ground.to_do("leader-0").await.len(), 4);
    let merge = pb::MergePersonsRequest {
        request_id: request_id(),
        kept: kept.clone(),
        merged,
        reason: "one person, two cards".to_owned(),
    };
    ground.screening("duty-0").persons().merge_persons(merge).await.expect("merged");
    assert_eq!(ground.came().await, [(2, Unspecified), (4, Unspecified), (2, Merged), (4, Merged)]);
    let of_one = pb::ListRechecksRequest { person: kept, ..Default::default() };
    assert_eq!(ground.rechecks("duty", of_one).await.len(), 2);
    // Into the hands of the second grid: found there by the same paper, and agreed.
    ground.intake("leader-1", 1, details(NUMBER)).await.expect("taken in");
    ground.agree("duty-0", 1).await;
    assert!(ground.to_do("leader-0").await.is_empty());
    let here = ground.to_do("leader-1").await;
    assert_eq!(here.len(), 2);
    ground.told(1, &here[0].name, say(Well, "")).await.expect("told by who has the person");
}

#[tokio::test]
async fn r16_an_area_says_its_own_weeks_and_who_is_told_of_late_has_today() {
    let ground = Ground::with_doctors().await;
    let discharged = |weeks: &[i32]| pb::SetObservationTermsRequest {
        basis: pb::Basis::Discharged.into(),
        recheck_weeks: weeks.to_vec(),
        ..terms(&ground.counties[0], "2020-02-03", (14, 2))
    };
    for wrong in [&[0][..], &[53], &[4, 2], &[2, 2]] {
        let wrong = ground.order(discharged(wrong)).await.expect_err("no such weeks");
        assert_eq!(fields(&wrong), ["recheck_weeks"]);
    }
    let every = pb::SetObservationTermsRequest { basis: 0, ..discharged(&[1]) };
    assert_eq!(fields(&ground.order(every).await.expect_err("of every basis")), ["recheck_weeks"]);
    let set = ground.order(discharged(&[1, 3, 8])).await.expect("set");
    let shown = |set: &[pb::ObservationTerms]| {
        let own = set.iter().find(|terms| terms.basis() == pb::Basis::Discharged);
        own.map(|terms| terms.recheck_weeks.clone())
    };
    assert_eq!(shown(&set), Some(vec![1, 3, 8]));
    // The village says nothing of weeks: the county's stand.
    let village = ground.village(0).await;
    let set = ground.order(terms(&village, "2020-02-03", (21, 1))).await.expect("set");
    assert_eq!(shown(&set), Some(vec![1, 3, 8]));
    let [_, case] = ground.discharged(NUMBER).await;
    let weeks: Vec<_> = ground.to_do("leader-0").await.iter().map(|one| one.week).collect();
    assert_eq!(weeks, [1, 3, 8]);
    // Told 10 days later: nothing is overdue before today is over.
    ground.classify(0, &case, (pb::CaseState::Readmitted, "", "")).await.expect("readmitted");
    ground.advance(on(14, "09:00")).await;
    let late = pb::ClassifyCaseRequest {
        state: pb::CaseState::Discharged.into(),
        time: Some(chassis::parse::timestamp(on(4, "12:00"))),
        r#override: true,
        reason: "the ward".to_owned(),
        ..Default::default()
    };
    ground.decide(0, &case, late).await.expect("discharged");
    let first = ground.to_do("leader-0").await.remove(0);
    assert_eq!((first.week, first.due_date.as_str()), (1, "2020-02-11"));
    assert_eq!(first.deadline_time, Some(chassis::parse::timestamp(on(15, "00:00"))));
}
