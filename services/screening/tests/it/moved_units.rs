//! Units that are moved below another one: what they had is listed until whoever stands there has taken it over.

use proto::{registry, screening as pb};
use tests::{fields, reason, request_id, until};
use tonic::{Code, Status};

use crate::{
    ground::{Ground, NUMBER, OTHER_NUMBER, details, without_papers},
    watch::on,
};

impl Ground {
    /// Moves a unit below another one from a day of February on, and waits until screening has noted it.
    async fn moved(&self, unit: &str, below: &str, day: u32) {
        let request = registry::UpdateUnitRequest {
            request_id: request_id(),
            unit: Some(registry::Unit {
                name: unit.to_owned(),
                parent_unit: below.to_owned(),
                ..Default::default()
            }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["parent_unit".to_owned()] }),
            effective_date: format!("2020-02-{day:02}"),
            ..Default::default()
        };
        self.sandbox.registry().units().update_unit(request).await.expect("moved");
        until(async || {
            let open = self.moves("duty", false).await;
            open.iter().any(|one| one.unit == unit && one.parent_unit == below).then_some(())
        })
        .await;
    }

    /// Moves that a subject sees.
    async fn moves(&self, subject: &str, settled: bool) -> Vec<pb::UnitMove> {
        let request = pb::ListUnitMovesRequest { settled, ..Default::default() };
        let page = self.screening(subject).hands().list_unit_moves(request).await.expect("a page");
        page.into_inner().moves
    }

    async fn take_over(&self, subject: &str, unit: &str) -> Result<pb::UnitMove, Status> {
        let request = pb::TakeOverUnitRequest {
            request_id: request_id(),
            unit: unit.to_owned(),
            reason: "went through the list".to_owned(),
        };
        let taken = self.screening(subject).hands().take_over_unit(request).await?.into_inner();
        Ok(taken.r#move.expect("a move"))
    }

    /// What is listed since a unit was moved, as of a date, with the counts: all, answered for, excepted.
    async fn to_take_over(&self, date: &str) -> (Vec<String>, [i64; 3]) {
        let (exceptions, verdict) = self.proof_of(date).await;
        assert!(verdict.holds, "{exceptions:?}");
        let moved = exceptions.into_iter().filter(|one| one.finding() == pb::PersonFinding::UnitMoved);
        let mut moved: Vec<_> = moved.map(|one| one.subject).collect();
        moved.sort_unstable();
        (moved, [verdict.open, verdict.answered, verdict.excepted])
    }

    /// The moved units that are before a unit.
    async fn moved_before(&self, unit: &str) -> Vec<String> {
        let digest = self.digest(unit).await.into_iter();
        let moved = digest.filter(|one| one.kind() == pb::EscalationKind::UnitMoved);
        moved.map(|one| one.subject).collect()
    }
}

#[tokio::test]
async fn what_a_moved_unit_had_is_listed_until_a_duty_officer_of_the_new_parent_takes_it_over() {
    let ground = Ground::build().await;
    let (village, there) = (ground.village(0).await, ground.counties[1].clone());
    let observed = ground.observed(0, NUMBER, "2020-02-01").await;
    let bare = ground.found(1, without_papers("")).await.name;
    let carried = ground.found(1, details(OTHER_NUMBER)).await.name;
    let down = ground.hand_down("leader-1", &carried, &ground.grids[0]).await.expect("handed down").name;
    let elsewhere = ground.observed(2, "", "2020-02-01").await;
    assert_eq!(ground.to_take_over("").await, (vec![], [2, 2, 0]));
    let none = ground.take_over("duty", &village).await.expect_err("where it always stood");
    assert_eq!(reason(&none), "UNIT_NOT_MOVED");
    ground.advance(on(4, "09:00")).await;
    ground.moved(&village, &there, 4).await;
    let mut expected = vec![observed.name.clone(), bare.clone(), carried, down];
    expected.sort_unstable();
    until(async || (ground.to_take_over("").await == (expected.clone(), [2, 1, 1])).then_some(())).await;
    // What begins after it is the new parent's from the beginning.
    ground.advance(on(4, "10:00")).await;
    let after = ground.open("leader-1", &bare, "2020-02-03").await.expect("opened").observation.expect("one");
    let after = ground.observation("duty-1", &after.name).await.expect("seen by the new parent");
    assert!(!ground.to_take_over("").await.0.contains(&after.name));
    // One for the unit, before the new parent; before the one above it after a day.
    until(async || (ground.moved_before(&there).await == [village.as_str()]).then_some(())).await;
    assert!(ground.moved_before(&ground.counties[0]).await.is_empty());
    ground.advance(on(5, "09:00")).await;
    until(async || (ground.moved_before(&ground.sandbox.root).await == [village.as_str()]).then_some(()))
        .await;
    // Who may: nobody of the old parent, no leader; a reason is kept.
    assert_eq!(ground.take_over("duty-0", &village).await.expect_err("the old one").code(), Code::NotFound);
    let leader = ground.take_over("leader-0", &village).await.expect_err("a leader");
    assert_eq!(leader.code(), Code::PermissionDenied);
    let bare =
        pb::TakeOverUnitRequest { request_id: request_id(), unit: village.clone(), ..Default::default() };
    let bare = ground.screening("duty-1").hands().take_over_unit(bare).await.expect_err("why?");
    assert_eq!(fields(&bare), ["reason"]);
    let taken = ground.take_over("duty-1", &village).await.expect("taken over");
    assert_eq!((taken.parent_unit.as_str(), taken.move_date.as_str()), (there.as_str(), "2020-02-04"));
    assert_eq!((taken.taken_over_by.as_str(), taken.reason.as_str()), ("duty-1", "went through the list"));
    assert_eq!(ground.to_take_over("").await, (vec![], [3, 3, 0]));
    assert!(ground.moved_before(&ground.sandbox.root).await.is_empty(), "before nobody any more");
    assert!(ground.moves("duty-1", false).await.is_empty());
    assert_eq!(ground.moves("duty-1", true).await, [taken], "kept");
    let again = ground.take_over("duty-1", &village).await.expect_err("taken over");
    assert_eq!(reason(&again), "UNIT_NOT_MOVED");
    // The hands never changed, and past days stay as they were.
    assert_eq!(
        ground.observation("leader-0", &observed.name).await.expect("his").responsible_unit,
        ground.grids[0]
    );
    assert_eq!(
        ground.observation("leader-2", &elsewhere.name).await.expect("his").responsible_unit,
        ground.grids[2]
    );
    ground.advance(on(6, "09:00")).await;
    assert_eq!(ground.to_take_over("2020-02-03").await, (vec![], [2, 2, 0]));
    let (listed, counts) = ground.to_take_over("2020-02-04").await;
    assert!(listed.contains(&observed.name) && counts == [3, 2, 1], "{listed:?} {counts:?}");
    assert_eq!(ground.to_take_over("2020-02-05").await, (vec![], [3, 3, 0]));
}

#[tokio::test]
async fn of_several_moves_the_last_counts_and_who_is_closed_and_moved_is_excepted_once() {
    let ground = Ground::build().await;
    let (village, there) = (ground.village(0).await, ground.counties[1].clone());
    let other = ground.sandbox.unit(&ground.sandbox.root, registry::Level::County, "丙县").await.name;
    let observed = ground.observed(0, NUMBER, "2020-02-01").await;
    ground.advance(on(4, "09:00")).await;
    ground.moved(&village, &there, 4).await;
    ground.advance(on(5, "09:00")).await;
    ground.moved(&village, &other, 5).await;
    let open = ground.moves("duty", false).await;
    assert_eq!(open.len(), 1, "{open:?}");
    until(async || (ground.moved_before(&other).await == [village.as_str()]).then_some(())).await;
    assert!(ground.moved_before(&there).await.is_empty());
    assert_eq!(
        ground.take_over("duty-1", &village).await.expect_err("theirs no more").code(),
        Code::NotFound
    );
    // Closed as well: two findings, one exception.
    let closed = registry::Unit { status: registry::UnitStatus::Closed.into(), ..Default::default() };
    let request = registry::UpdateUnitRequest {
        request_id: request_id(),
        unit: Some(registry::Unit { name: ground.grids[0].clone(), ..closed }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["status".to_owned()] }),
        effective_date: "2020-02-05".to_owned(),
        ..Default::default()
    };
    ground.sandbox.registry().units().update_unit(request).await.expect("closed");
    ground.gone(0).await;
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
    let own = exceptions.iter().filter(|one| one.subject == observed.name);
    let own: Vec<_> = own.map(pb::PersonException::finding).collect();
    assert!(own.contains(&pb::PersonFinding::UnitClosed), "{own:?}");
    assert_eq!((verdict.open, verdict.answered, verdict.excepted), (1, 0, 1));
    let taken = ground.take_over("duty", &village).await.expect("taken over");
    assert_eq!(taken.parent_unit, other);
    let (exceptions, verdict) = ground.proof().await;
    assert_eq!((verdict.open, verdict.answered, verdict.excepted), (1, 0, 1), "closed still: {exceptions:?}");
    let all = ground.moves("duty", true).await;
    let by: Vec<_> = all.iter().map(|one| one.taken_over_by.as_str()).collect();
    assert_eq!(by, ["", "duty"], "the first was overtaken");
}

#[tokio::test]
async fn a_unit_that_has_nobody_is_moved_without_a_question() {
    let ground = Ground::build().await;
    ground.observed(0, NUMBER, "2020-02-01").await;
    let (empty, village) = (ground.grids[1].clone(), ground.village(2).await);
    let request = registry::UpdateUnitRequest {
        request_id: request_id(),
        unit: Some(registry::Unit { name: empty.clone(), parent_unit: village, ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["parent_unit".to_owned()] }),
        effective_date: "2020-02-03".to_owned(),
        ..Default::default()
    };
    ground.sandbox.registry().units().update_unit(request).await.expect("moved");
    let heard = pb::ListPersonsRequest { ancestor_unit: empty, ..Default::default() };
    until(async || ground.screening("duty-1").persons().list_persons(heard.clone()).await.ok()).await;
    let found = ground.found(1, details(OTHER_NUMBER)).await.name;
    ground.open("leader-1", &found, "2020-02-01").await.expect("opened");
    assert!(ground.moves("duty", true).await.is_empty());
    assert_eq!(ground.to_take_over("").await, (vec![], [2, 2, 0]));
}
