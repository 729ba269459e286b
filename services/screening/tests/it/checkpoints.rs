//! Checkpoints: posts and their shifts, of which something is said each, be it that nobody passed.

use proto::screening as pb;
use tests::{fields, reason, request_id};
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
