//! Hands: a person whom two units found goes to whichever both say, and stays where they were till then.

use proto::screening as pb;
use tests::{fields, reason, request_id};
use tonic::{Code, Status};

use crate::ground::{Ground, NUMBER, details};

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
        ("样例 leader-2", "样例 leader-0")
    );
    assert_eq!(holder.contact_phone, "0000-0000001", "an official contact");
    assert!(ground.questions("leader-1").await.is_empty());

    let said = agree(&ground, "duty-1", &finder.name, &ground.grids[2]).await.expect("said");
    assert!(said.settle_time.is_none());
    assert_eq!(said.finder_says, ground.grids[2]);
    assert_eq!(ground.get("leader-0", &held.name).await.expect("still").responsible_unit, ground.grids[0]);
    let refused = agree(&ground, "leader-1", &finder.name, &ground.grids[2]).await.expect_err("not his");
    assert_eq!(refused.code(), Code::NotFound);
    let refused = agree(&ground, "duty-0", &finder.name, &ground.grids[1]).await.expect_err("a third unit");
    assert_eq!(fields(&refused), ["unit"]);

    let said = agree(&ground, "leader-0", &finder.name, &ground.grids[2]).await.expect("said");
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
    agree(&ground, "leader-1", &open.name, &ground.grids[2]).await.expect("said");
    agree(&ground, "leader-2", &open.name, &ground.grids[2]).await.expect("settled");
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
    let kept = ground.found(2, crate::ground::without_papers("")).await;
    let request = pb::MergePersonsRequest {
        request_id: request_id(),
        kept: kept.name.clone(),
        merged: held.name,
        reason: "the same, by the photograph".to_owned(),
    };
    ground.screening("duty").persons().merge_persons(request).await.expect("merged");
    assert!(ground.questions("duty").await.is_empty(), "the finder has the person");
}
