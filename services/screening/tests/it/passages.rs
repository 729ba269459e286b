//! Passages: everybody is registered; who is febrile or from the area goes at once, who is from outside in the batch,
//! everybody else is counted.

use chrono::{DateTime, Utc};
use proto::screening::{self as pb, passage_result::Result as Came};
use tests::{reason, request_id};
use tonic::Code;

use crate::{
    ground::{Ground, NUMBER, OTHER_NUMBER, details, without_papers},
    watch::on,
};

/// Somebody without papers who passes a checkpoint.
pub(crate) fn passage(checkpoint: &str, at: DateTime<Utc>) -> pb::Passage {
    pb::Passage {
        event_id: request_id(),
        checkpoint: checkpoint.to_owned(),
        pass_time: Some(chassis::parse::timestamp(at)),
        party: "G1234 2020-02-03".to_owned(),
        details: Some(without_papers("")),
        temperature: 36.5,
        ..Default::default()
    }
}

impl Ground {
    /// Sends one batch by a stream as a subject.
    pub(crate) async fn pass(&self, subject: &str, passages: Vec<pb::Passage>) -> Vec<Came> {
        let batch = pb::IngestPassagesRequest { sequence: 1, passages };
        let stream = futures::stream::iter([batch]);
        let answer = self.screening(subject).passages().ingest_passages(stream).await.expect("a stream");
        let answer = answer.into_inner().message().await.expect("a message").expect("an acknowledgement");
        assert_eq!(answer.sequence, 1);
        answer.results.into_iter().map(|result| result.result.expect("a result")).collect()
    }
}

fn handdown(came: &Came) -> (&str, bool) {
    match came {
        Came::Accepted(accepted) => (&accepted.handdown, accepted.urgent),
        other => panic!("not taken in: {other:?}"),
    }
}

#[tokio::test]
async fn h1_who_passes_is_counted_and_who_must_be_followed_is_handed_down() {
    let ground = Ground::build().await;
    let post = ground.post().await;
    let at = on(3, "00:00");
    let place = |details: pb::PersonDetails| {
        Some(pb::PersonDetails { present_place: "村第0网格".to_owned(), ..details })
    };
    let passages = vec![
        passage(&post, at),
        pb::Passage { temperature: 38.4, details: place(details(NUMBER)), ..passage(&post, at) },
        pb::Passage { from_outside: true, details: place(details(OTHER_NUMBER)), ..passage(&post, at) },
        pb::Passage { direction: pb::Direction::Leaving.into(), from_outside: true, ..passage(&post, at) },
    ];
    let came = ground.pass("duty-0", passages.clone()).await;
    assert_eq!(handdown(&came[0]), ("", false));
    let (urgent, at_once) = handdown(&came[1]);
    assert!(at_once);
    let request = pb::GetHanddownRequest { name: urgent.to_owned() };
    let mut handdowns = ground.screening("duty-0").handdowns();
    let urgent = handdowns.get_handdown(request).await.expect("a hand-down").into_inner();
    let sent = urgent.handdown.expect("one");
    assert_eq!((sent.state(), &sent.to_unit), (pb::HanddownState::Sent, &ground.grids[0]));
    assert_eq!(
        (urgent.sources[0].kind(), urgent.sources[0].reference.as_str()),
        (pb::ListKind::Toll, "双峰收费站")
    );
    let (batch, at_once) = handdown(&came[2]);
    assert!(!batch.is_empty() && !at_once, "by the clock");
    assert_eq!(handdown(&came[3]).0, "");
    let shift = ground.shifts(&post, 3).await.remove(0);
    assert_eq!(
        (shift.passed, shift.from_outside, shift.febrile, shift.sent_down, shift.from_area),
        (4, 2, 1, 2, 0)
    );
    let again = ground.pass("duty-0", passages).await;
    assert!(again.iter().all(|came| matches!(came, Came::Duplicate(_))), "{again:?}");
    assert_eq!(ground.shifts(&post, 3).await.remove(0), shift, "sent again, and counted once");
    let mut sql = ground.sandbox.sql().await;
    let persons: i64 = sqlx::query_scalar("SELECT count(*) FROM screening.person")
        .fetch_one(&mut sql)
        .await
        .expect("a count");
    assert_eq!(persons, 2, "P1: who is well has no row");
}

#[tokio::test]
async fn a_batch_that_broke_off_after_a_handdown_is_finished_when_it_is_sent_again() {
    let ground = Ground::build().await;
    let post = ground.post().await;
    let febrile =
        pb::Passage { temperature: 38.4, details: Some(details(NUMBER)), ..passage(&post, on(3, "00:00")) };
    let came = ground.pass("duty-0", vec![febrile.clone()]).await;
    // As if the service had fallen between both: the hand-down is there, the passage is not.
    let mut sql = ground.sandbox.sql().await;
    sqlx::raw_sql("DELETE FROM screening.passage; DELETE FROM screening.shift")
        .execute(&mut sql)
        .await
        .expect("cut");
    assert_eq!(ground.pass("duty-0", vec![febrile]).await, came);
    let shift = ground.shifts(&post, 3).await.remove(0);
    assert_eq!((shift.passed, shift.sent_down), (1, 1));
    let handdowns: i64 = sqlx::query_scalar("SELECT count(*) FROM screening.handdown")
        .fetch_one(&mut sql)
        .await
        .expect("a count");
    assert_eq!(handdowns, 1);
}

#[tokio::test]
async fn what_is_wrong_with_one_stops_no_other_and_another_s_checkpoint_is_absent() {
    let ground = Ground::build().await;
    let post = ground.post().await;
    let at = on(3, "00:00");
    let passages = vec![
        pb::Passage { temperature: 369.0, ..passage(&post, at) },
        passage(&post, on(4, "00:00")),
        pb::Passage { details: None, ..passage(&post, at) },
        passage(&format!("checkpoints/{}", request_id()), at),
        passage(&post, at),
    ];
    let came = ground.pass("duty-0", passages).await;
    let words: Vec<_> = came
        .iter()
        .filter_map(|came| match came {
            Came::Refused(refused) => Some((refused.reason.as_str(), refused.message.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(words.len(), 4, "{came:?}");
    assert!(words[0].1.starts_with("passages[0].temperature"), "{words:?}");
    assert!(words[1].1.starts_with("passages[1].pass_time"), "{words:?}");
    assert!(words[2].1.starts_with("passages[2].details.display_name"), "{words:?}");
    assert_eq!(words[3].0, "NOT_FOUND");
    assert_eq!(handdown(&came[4]), ("", false));
    let hidden = ground.pass("duty-1", vec![passage(&post, at)]).await;
    assert!(matches!(&hidden[0], Came::Refused(refused) if refused.reason == "NOT_FOUND"), "{hidden:?}");
    assert_eq!(ground.shifts(&post, 3).await[0].passed, 1);
}

#[tokio::test]
async fn batches_are_acknowledged_in_their_order_and_one_out_of_sequence_ends_the_stream() {
    let ground = Ground::build().await;
    let post = ground.post().await;
    let batch = |sequence: i64| pb::IngestPassagesRequest {
        sequence,
        passages: (0..3).map(|_| passage(&post, on(3, "00:00"))).collect(),
    };
    let stream = futures::stream::iter([batch(1), batch(2), batch(4)]);
    let answer = ground.screening("duty-0").passages().ingest_passages(stream).await.expect("a stream");
    let mut answer = answer.into_inner();
    for sequence in 1..=2 {
        assert_eq!(answer.message().await.expect("a message").expect("acknowledged").sequence, sequence);
    }
    let refused = answer.message().await.expect_err("out of sequence");
    assert_eq!((refused.code(), reason(&refused)), (Code::InvalidArgument, "INVALID_ARGUMENT".to_owned()));
    assert_eq!(ground.shifts(&post, 3).await[0].passed, 6, "what was acknowledged is kept");
}

#[tokio::test]
async fn p6_a_passage_does_not_tell_who_is_known_elsewhere() {
    let ground = Ground::build().await;
    ground.observed(2, NUMBER, "2020-02-01").await;
    let post = ground.post().await;
    let mut answers = Vec::new();
    for number in [NUMBER, OTHER_NUMBER] {
        let passage = pb::Passage {
            from_outside: true,
            details: Some(details(number)),
            ..passage(&post, on(3, "00:00"))
        };
        let came = ground.pass("duty-0", vec![passage]).await.remove(0);
        let (name, urgent) = handdown(&came);
        let request = pb::GetHanddownRequest { name: name.to_owned() };
        let mut shown =
            ground.screening("duty-0").handdowns().get_handdown(request).await.expect("one").into_inner();
        for one in shown.hops.iter_mut().chain(&mut shown.handdown) {
            (one.name, one.chain, one.person) = (String::new(), String::new(), String::new());
        }
        answers.push((urgent, shown));
    }
    assert_eq!(answers[0], answers[1]);
}
