//! Checkpoints: posts and their shifts, of which something is said each, be it that nobody passed.

use proto::screening::{self as pb, passage_result::Result as Came};
use tests::{fields, reason, request_id, until};
use tonic::{Code, Status};

use crate::{ground::Ground, passages::passage, watch::on};

impl Ground {
    /// Sets up a toll post of the first county as its duty officer.
    pub(crate) async fn post(&self) -> String {
        let checkpoint = pb::Checkpoint {
            display_name: "双峰收费站".to_owned(),
            kind: pb::CheckpointKind::Toll.into(),
            responsible_unit: self.counties[0].clone(),
            start_date: "2020-02-02".to_owned(),
            ..Default::default()
        };
        let request = pb::CreateCheckpointRequest { request_id: request_id(), checkpoint: Some(checkpoint) };
        let mut checkpoints = self.screening("duty-0").checkpoints();
        let made = checkpoints.create_checkpoint(request.clone()).await.expect("set up").into_inner();
        let again = checkpoints.create_checkpoint(request).await.expect("the same").into_inner();
        assert_eq!(again, made);
        made.checkpoint.expect("a checkpoint").name
    }

    /// The shifts of a checkpoint on a day of February.
    pub(crate) async fn shifts(&self, checkpoint: &str, day: u32) -> Vec<pb::Shift> {
        let (checkpoint, date) = (checkpoint.to_owned(), format!("2020-02-{day:02}"));
        let request = pb::GetShiftsRequest { checkpoint, date };
        let answer = self.screening("duty-0").checkpoints().get_shifts(request).await.expect("shifts");
        answer.into_inner().shifts
    }

    async fn nil(&self, checkpoint: &str, day: u32, time: &str) -> Result<pb::Shift, Status> {
        let request = pb::SayNilShiftRequest {
            request_id: request_id(),
            checkpoint: checkpoint.to_owned(),
            time: Some(chassis::parse::timestamp(on(day, time))),
        };
        let answer = self.screening("duty-0").checkpoints().say_nil_shift(request).await?;
        Ok(answer.into_inner().shift.expect("a shift"))
    }
}

#[tokio::test]
async fn a_nil_shift_is_said_and_one_of_which_nothing_was_said_is_missing() {
    let ground = Ground::build().await;
    let post = ground.post().await;
    let early = ground.nil(&post, 3, "12:00").await.expect_err("not over");
    assert_eq!(fields(&early), ["time"]);
    assert_eq!(fields(&ground.nil(&post, 1, "12:00").await.expect_err("no shift then")), ["time"]);
    let said = ground.nil(&post, 2, "12:00").await.expect("said");
    assert_eq!((said.state(), said.nil_by.as_str()), (pb::ShiftState::Nil, "duty-0"));
    ground.pass("duty-0", vec![passage(&post, on(2, "23:00"))]).await;
    let states: Vec<_> = ground.shifts(&post, 2).await.iter().map(pb::Shift::state).collect();
    assert_eq!(states, [pb::ShiftState::Missing, pb::ShiftState::Nil, pb::ShiftState::Passed]);
    let refused = ground.nil(&post, 2, "22:00").await.expect_err("somebody passed");
    assert_eq!(reason(&refused), "SHIFT_NOT_NIL");
    // Who is sent late says more than that nobody passed.
    ground.pass("duty-0", vec![passage(&post, on(2, "09:00"))]).await;
    assert_eq!(ground.shifts(&post, 2).await[1].state(), pb::ShiftState::Passed);
}

#[tokio::test]
async fn a_closed_checkpoint_has_no_shifts_and_takes_in_what_comes_late() {
    let ground = Ground::build().await;
    let post = ground.post().await;
    let close = |end_date: &str| pb::CloseCheckpointRequest {
        request_id: request_id(),
        name: post.clone(),
        end_date: end_date.to_owned(),
    };
    let mut checkpoints = ground.screening("duty-0").checkpoints();
    let before = checkpoints.close_checkpoint(close("2020-02-01")).await.expect_err("before its first day");
    assert_eq!(fields(&before), ["end_date"]);
    checkpoints.close_checkpoint(close("2020-02-02")).await.expect("closed");
    assert!(ground.shifts(&post, 3).await.is_empty());
    ground.pass("duty-0", vec![passage(&post, on(2, "09:00"))]).await;
    assert_eq!(ground.shifts(&post, 2).await[1].passed, 1);
    let request = pb::GetCheckpointRequest { name: post };
    let hidden =
        ground.screening("duty-1").checkpoints().get_checkpoint(request).await.expect_err("not theirs");
    assert_eq!(hidden.code(), Code::NotFound);
    let all = pb::ListCheckpointsRequest::default();
    let listed = ground.screening("duty-1").checkpoints().list_checkpoints(all).await;
    assert!(listed.expect("a list").into_inner().checkpoints.is_empty());
}

#[tokio::test]
async fn who_passes_before_the_first_or_after_the_last_day_is_counted_shown_and_marked() {
    let ground = Ground::build().await;
    let post = ground.post().await;
    let before = ground.pass("duty-0", vec![passage(&post, on(1, "09:00"))]).await;
    let Came::Accepted(accepted) = &before[0] else { panic!("{before:?}") };
    assert!(accepted.outside_plan);
    let shifts = ground.shifts(&post, 1).await;
    assert_eq!((shifts.len(), shifts[0].passed, shifts[0].outside_plan), (1, 1, true));
    assert_eq!(shifts[0].start_time, Some(chassis::parse::timestamp(on(1, "08:00"))));
    ground.pass("duty-0", vec![passage(&post, on(2, "09:00"))]).await;
    assert!(ground.shifts(&post, 2).await.iter().all(|shift| !shift.outside_plan));
}

#[tokio::test]
async fn d1_a_shift_of_which_nothing_was_said_is_put_before_the_unit_until_it_is_said() {
    let ground = Ground::build().await;
    let post = ground.post().await;
    let county = &ground.counties[0];
    let missing = |one: &pb::Escalation| one.kind() == pb::EscalationKind::ShiftMissing;
    let root = &ground.sandbox.root;
    let late = until(async || ground.digest(root).await.into_iter().find(missing)).await;
    assert_eq!(
        (&late.subject, &late.responsible_unit),
        (&post, county),
        "of the morning nothing was said by night"
    );
    let (_, verdict) = ground.proof().await;
    assert!(verdict.holds && verdict.listed > 0);
    for time in ["04:00", "12:00"] {
        ground.nil(&post, 2, time).await.expect("said");
    }
    until(async || ground.digest(county).await.into_iter().find(missing)).await;
    assert!(!ground.digest(root).await.iter().any(missing), "the evening's is the unit's own for now");
    ground.pass("duty-0", vec![passage(&post, on(2, "23:00"))]).await;
    until(async || (!ground.digest(county).await.iter().any(missing)).then_some(())).await;
    ground.advance(on(3, "08:30")).await;
    until(async || ground.digest(county).await.into_iter().find(missing)).await;
    // A last day before that: there was no such shift.
    let close = pb::CloseCheckpointRequest {
        request_id: request_id(),
        name: post.clone(),
        end_date: "2020-02-02".to_owned(),
    };
    ground.screening("duty-0").checkpoints().close_checkpoint(close).await.expect("closed");
    until(async || (!ground.digest(county).await.iter().any(missing)).then_some(())).await;
}

#[tokio::test]
async fn a_checkpoint_is_changed_by_who_has_read_it_and_its_shifts_from_tomorrow_on() {
    let ground = Ground::build().await;
    let post = ground.post().await;
    let mut checkpoints = ground.screening("duty-0").checkpoints();
    let get = pb::GetCheckpointRequest { name: post.clone() };
    let read = checkpoints.get_checkpoint(get).await.expect("one").into_inner().checkpoint.expect("one");
    let update = |checkpoint: pb::Checkpoint, paths: &[&str]| pb::UpdateCheckpointRequest {
        request_id: request_id(),
        checkpoint: Some(checkpoint),
        update_mask: Some(prost_types::FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }),
    };
    let two = pb::Checkpoint { display_name: "东收费站".to_owned(), shifts_a_day: 2, ..read.clone() };
    let changed = update(two.clone(), &["display_name", "shifts_a_day"]);
    let changed = checkpoints.update_checkpoint(changed).await.expect("changed").into_inner();
    let changed = changed.checkpoint.expect("one");
    assert_eq!((changed.display_name.as_str(), changed.shifts_a_day), ("东收费站", 2));
    assert_eq!((ground.shifts(&post, 3).await.len(), ground.shifts(&post, 4).await.len()), (3, 2));
    let stale = checkpoints.update_checkpoint(update(two, &["*"])).await.expect_err("read before");
    assert_eq!((stale.code(), reason(&stale)), (Code::Aborted, "ETAG_MISMATCH".to_owned()));
    let early = pb::Checkpoint { end_date: "2020-02-01".to_owned(), etag: String::new(), ..changed.clone() };
    let early =
        checkpoints.update_checkpoint(update(early, &["end_date"])).await.expect_err("before it began");
    assert_eq!(fields(&early), ["checkpoint.end_date"]);
    let none = checkpoints.update_checkpoint(update(changed.clone(), &[])).await.expect_err("no mask");
    assert_eq!(fields(&none), ["update_mask"]);
    let update = update(pb::Checkpoint { etag: String::new(), ..changed }, &["display_name"]);
    let far =
        ground.screening("duty-1").checkpoints().update_checkpoint(update).await.expect_err("another's");
    assert_eq!(far.code(), Code::NotFound);
}
