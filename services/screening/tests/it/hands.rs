//! Hands: a person whom two units found goes to whichever both say, and stays where they were till then.

use proto::{registry, screening as pb};
use tests::{fields, reason, request_id};
use tonic::{Code, Status};

use crate::{
    ground::{Ground, NUMBER, details, without_papers},
    watch::on,
};

async fn agree(ground: &Ground, subject: &str, name: &str, unit: &str) -> Result<pb::HandsQuestion, Status> {
    let request =
        pb::AgreeHandsRequest { request_id: request_id(), name: name.to_owned(), unit: unit.to_owned() };
    Ok(ground.screening(subject).hands().agree_hands(request).await?.into_inner().question.unwrap())
}

#[tokio::test]
async fn h6_a_person_stays_with_who_has_them_until_both_sides_agree() {
    let ground = Ground::build().await;
    let held = ground.found(0, details(NUMBER)).await;
    let found = ground.found(2, details(NUMBER)).await;
    let [holder] = &ground.questions("duty-0").await[..] else { panic!("one question") };
    let [finder] = &ground.questions("duty-1").await[..] else { panic!("one question") };
    assert_eq!((holder.person.as_str(), finder.person.as_str()), (held.name.as_str(), found.name.as_str()));
    assert_eq!(
        (holder.contact_name.as_str(), finder.contact_name.as_str()),
        ("样例 leader-2", "样例 duty-0")
    );
    assert_eq!(finder.contact_phone, "0000-0000001", "an official contact");
    assert_eq!((&holder.holding_unit, &holder.finding_unit), (&ground.grids[0], &ground.grids[2]));
    assert_eq!(finder.holding_unit, ground.counties[0], "the finder's side sees the county");

    let said = agree(&ground, "duty-1", &finder.name, &ground.grids[2]).await.expect("said");
    assert!(said.settle_time.is_none());
    assert_eq!(said.finder_says, ground.grids[2]);
    assert_eq!(ground.get("leader-0", &held.name).await.expect("still").responsible_unit, ground.grids[0]);
    let guessed =
        agree(&ground, "duty-1", &finder.name, &ground.grids[0]).await.expect_err("not to be known");
    assert_eq!(fields(&guessed), ["unit"]);
    let refused = agree(&ground, "duty-0", &finder.name, &ground.grids[1]).await.expect_err("a third unit");
    assert_eq!(fields(&refused), ["unit"]);

    let said = agree(&ground, "duty-0", &finder.name, &ground.grids[2]).await.expect("said");
    assert!(said.settle_time.is_some());
    assert_eq!(ground.get("leader-0", &held.name).await.expect_err("handed over").code(), Code::NotFound);
    let taken = ground.get("leader-2", &held.name).await.expect("taken over");
    assert_eq!((taken.masked, taken.responsible_unit.as_str()), (false, ground.grids[2].as_str()));
    assert!(ground.questions("duty").await.is_empty());
    let refused = agree(&ground, "duty", &finder.name, &ground.grids[0]).await.expect_err("settled");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "QUESTION_SETTLED"));
}

#[tokio::test]
async fn who_stands_above_both_sides_decides_alone() {
    let ground = Ground::build().await;
    ground.found(0, details(NUMBER)).await;
    let found = ground.found(2, details(NUMBER)).await;
    let question = ground.questions("duty").await.remove(0);
    let said = agree(&ground, "duty", &question.name, &ground.grids[0]).await.expect("said");
    assert!(said.settle_time.is_some());
    assert_eq!(ground.get("leader-2", &found.name).await.expect_err("handed over").code(), Code::NotFound);
    assert!(!ground.get("leader-0", &found.name).await.expect("in these hands").masked);
}

#[tokio::test]
async fn a_third_finder_is_put_to_whoever_has_the_person_by_then() {
    let ground = Ground::build().await;
    ground.found(0, details(NUMBER)).await;
    ground.found(1, details(NUMBER)).await;
    let third = ground.found(2, details(NUMBER)).await;
    let [first, second] = &ground.questions("duty").await[..] else { panic!("two questions") };
    agree(&ground, "duty", &first.name, &ground.grids[1]).await.expect("settled");
    let [open] = &ground.questions("duty").await[..] else { panic!("one question") };
    assert_eq!(
        (open.name.as_str(), open.holding_unit.as_str()),
        (second.name.as_str(), ground.grids[1].as_str())
    );
    assert!(!ground.get("leader-2", &third.name).await.expect("its own record").masked);
    agree(&ground, "duty-0", &open.name, &ground.grids[2]).await.expect("said");
    agree(&ground, "duty-1", &open.name, &ground.grids[2]).await.expect("settled");
    for grid in [0, 1] {
        let refused =
            ground.get(&format!("leader-{grid}"), &third.name).await.expect_err("one pair of hands");
        assert_eq!(refused.code(), Code::NotFound);
    }
    let again = ground.intake("leader-2", 2, details(NUMBER)).await.expect("taken in");
    assert!(again.known, "in these hands now");
}

#[tokio::test]
async fn two_who_agree_at_once_settle_once() {
    let ground = Ground::build().await;
    ground.found(0, details(NUMBER)).await;
    ground.found(2, details(NUMBER)).await;
    let question = ground.questions("duty").await.remove(0).name;
    let (one, other) = tokio::join!(
        agree(&ground, "duty-0", &question, &ground.grids[2]),
        agree(&ground, "duty-1", &question, &ground.grids[2]),
    );
    let settled = [one, other].map(|said| said.expect("said").settle_time.is_some());
    assert!(settled.contains(&true) && settled.contains(&false), "{settled:?}");
    assert!(ground.questions("duty").await.is_empty());
}

#[tokio::test]
async fn a_merge_settles_what_it_answers() {
    let ground = Ground::build().await;
    let held = ground.found(0, details(NUMBER)).await;
    ground.found(2, details(NUMBER)).await;
    let kept = ground.found(2, without_papers("")).await;
    let request = pb::MergePersonsRequest {
        request_id: request_id(),
        kept: kept.name.clone(),
        merged: held.name,
        reason: "the same, by the photograph".to_owned(),
    };
    ground.screening("duty").persons().merge_persons(request).await.expect("merged");
    assert!(ground.questions("duty").await.is_empty(), "the finder has the person");
}

#[tokio::test]
async fn p6_no_leader_is_told_that_a_person_is_known_elsewhere() {
    let ground = Ground::build().await;
    ground.found(0, details(NUMBER)).await;
    ground.found(2, details(NUMBER)).await;
    for leader in ["leader-0", "leader-2"] {
        let request = pb::ListHandsQuestionsRequest::default();
        let refused = ground.screening(leader).hands().list_hands_questions(request).await;
        assert_eq!(refused.expect_err("duty officers only").code(), Code::PermissionDenied);
    }
    let county = &ground.counties[1];
    ground.sandbox.appointed(county, registry::Office::Leader, "head").await;
    ground.known("head").await;
    let question = ground.questions("duty").await.remove(0).name;
    agree(&ground, "duty-0", &question, &ground.grids[0]).await.expect("said by the holder's side");
    ground.advance(on(6, "12:00")).await;
    let due = async |subject: &str| {
        let request = pb::ListEscalationsRequest { holder_unit: county.clone(), ..Default::default() };
        let digest =
            ground.screening(subject).escalations().list_escalations(request).await.expect("a digest");
        let about = |one: &pb::Escalation| one.kind() == pb::EscalationKind::HandsUnagreed;
        digest.into_inner().escalations.into_iter().filter(about).collect::<Vec<_>>()
    };
    let digest = tests::until(async || Some(due("duty-1").await).filter(|digest| !digest.is_empty())).await;
    assert_eq!((digest[0].kind(), &digest[0].subject), (pb::EscalationKind::HandsUnagreed, &question));
    assert!(due("head").await.is_empty(), "and no leader by the digest");
}

#[tokio::test]
async fn r13_a_question_that_is_not_settled_in_a_day_is_put_before_the_unit_above_who_has_not_said() {
    let ground = Ground::build().await;
    let held = ground.found(0, details(NUMBER)).await;
    let found = ground.found(2, details(NUMBER)).await;
    let question = ground.questions("duty").await.remove(0).name;
    let digest = async |grid: usize| {
        let village = ground.village(grid).await;
        let about = |one: &pb::Escalation| one.kind() == pb::EscalationKind::HandsUnagreed;
        let digest = ground.digest(&village).await.into_iter().filter(about);
        digest.map(|one| (one.kind(), one.subject, one.person)).collect::<Vec<_>>()
    };
    ground.advance(on(3, "23:00")).await;
    assert!(digest(0).await.is_empty(), "there is time");
    ground.advance(on(4, "13:00")).await;
    let entry =
        |person: &pb::Person| (pb::EscalationKind::HandsUnagreed, question.clone(), person.name.clone());
    tests::until(async || (!digest(0).await.is_empty()).then_some(())).await;
    assert_eq!(digest(0).await, [entry(&held)], "its own record");
    let (exceptions, _) = ground.proof().await;
    assert!(
        exceptions
            .iter()
            .any(|one| one.finding() == pb::PersonFinding::TaskWaiting && one.subject == question)
    );
    agree(&ground, "duty-0", &question, &ground.grids[0]).await.expect("said");
    tests::until(async || (digest(2).await == [entry(&found)]).then_some(())).await;
    assert!(digest(0).await.is_empty(), "that side has said");
    agree(&ground, "duty-1", &question, &ground.counties[0])
        .await
        .expect("settled, by the county that is shown");
    assert!(digest(2).await.is_empty(), "withdrawn");
    assert_eq!(ground.get("leader-0", &found.name).await.expect("there").responsible_unit, ground.grids[0]);
}

#[tokio::test]
async fn persons_of_a_closed_unit_are_on_the_list_until_they_are_assigned() {
    let ground = Ground::build().await;
    let observed = ground.observed(0, NUMBER, "2020-02-01").await;
    let bare = ground.found(0, without_papers("")).await.name;
    let assign = async |subject: &str, persons: &[&str], to: usize| {
        let request = pb::AssignHandsRequest {
            request_id: request_id(),
            from_unit: ground.grids[0].clone(),
            to_unit: ground.grids[to].clone(),
            persons: persons.iter().map(|name| (*name).to_owned()).collect(),
            reason: "the grid was dissolved".to_owned(),
        };
        let answer = ground.screening(subject).hands().assign_hands(request).await?.into_inner();
        Ok::<_, Status>((answer.assigned, answer.remaining))
    };
    let at_work = assign("duty-0", &[], 1).await.expect_err("at work");
    assert_eq!(reason(&at_work), "UNIT_AT_WORK");
    ground.close(0).await;
    ground.gone(0).await;
    let closed = async || {
        let exceptions = ground.proof().await.0.into_iter();
        let closed = exceptions.filter(|one| one.finding() == pb::PersonFinding::UnitClosed);
        let mut closed: Vec<_> = closed.map(|one| (one.subject, one.contact_phone)).collect();
        closed.sort_unstable();
        closed
    };
    let phone = "0000-0000001".to_owned();
    assert_eq!(closed().await, [(observed.name.clone(), phone.clone()), (bare.clone(), phone)]);
    assert_eq!(assign("duty-1", &[], 1).await.expect_err("next door").code(), Code::NotFound);
    assert_eq!(assign("duty-0", &[], 2).await.expect_err("not below both").code(), Code::NotFound);
    assert_eq!(assign("leader-1", &[], 1).await.expect_err("a leader").code(), Code::PermissionDenied);
    assert_eq!(assign("duty-0", &[&bare], 1).await.expect("one"), (1, 1));
    assert_eq!(assign("duty-0", &[&bare], 1).await.expect_err("not there any more").code(), Code::NotFound);
    assert_eq!(assign("duty-0", &[], 1).await.expect("the rest"), (1, 0));
    assert!(closed().await.is_empty());
    let taken = ground.observation("leader-1", &observed.name).await.expect("his now");
    assert_eq!(taken.responsible_unit, ground.grids[1]);
    assert!(!ground.get("leader-1", &bare).await.expect("his now").masked);
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
}

#[tokio::test]
async fn a_moved_unit_s_persons_are_seen_by_the_new_parent_and_no_more_by_the_old() {
    let ground = Ground::build().await;
    let observed = ground.observed(0, NUMBER, "2020-02-01").await;
    let village = ground.village(2).await;
    let unit = registry::Unit { parent_unit: village, ..Default::default() };
    ground.change(0, unit, &["parent_unit"]).await;
    tests::until(async || ground.get("duty-1", &observed.person).await.ok()).await;
    assert_eq!(ground.get("duty-0", &observed.person).await.expect_err("moved").code(), Code::NotFound);
    let listed = async |subject: &str| {
        let request = pb::ListObservationsRequest::default();
        let page = ground.screening(subject).observations().list_observations(request).await.expect("a list");
        page.into_inner().observations.into_iter().map(|one| one.name).collect::<Vec<_>>()
    };
    tests::until(async || (listed("duty-1").await == [observed.name.as_str()]).then_some(())).await;
    assert!(listed("duty-0").await.is_empty());
    assert!(!ground.get("leader-0", &observed.person).await.expect("the same hands").masked);
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds && verdict.open == 1, "{exceptions:?}");
    let (_, before) = ground.proof_of("2020-02-02").await;
    assert_eq!(before.open, 0, "not yet observed");
}

#[tokio::test]
async fn a_closed_unit_s_persons_are_in_the_hands_of_its_one_successor() {
    let ground = Ground::build().await;
    let observed = ground.observed(1, NUMBER, "2020-02-01").await;
    ground.close_into(1, 0).await;
    assert!(!ground.get("leader-0", &observed.person).await.expect("the successor's").masked);
    let read =
        ground.send("leader-0", vec![crate::watch::reading(&observed.name, on(3, "00:00"), 36.5)]).await;
    assert!(matches!(read[0], pb::reading_result::Result::Accepted(_)), "{read:?}");
    assert_eq!(
        ground.get("leader-2", &observed.person).await.expect_err("not theirs").code(),
        Code::NotFound
    );
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds && verdict.excepted == 1, "until it is assigned");
    let closed =
        exceptions.iter().find(|one| one.finding() == pb::PersonFinding::UnitClosed).expect("listed");
    assert_eq!(closed.contact_name, "样例 leader-0", "who answers is the successor's");
    let taken = ground.intake("leader-0", 1, without_papers("")).await.expect("taken in");
    assert!(taken.readdressed);
    assert_eq!(taken.person.expect("a person").responsible_unit, ground.grids[0]);
}
