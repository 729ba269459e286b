//! Passages: everybody is registered; who is febrile or from the area goes at once, who is from outside in the batch,
//! everybody else is counted.

use chrono::{DateTime, Utc};
use proto::screening::{self as pb, passage_result::Result as Came};
use tests::{fields, reason, request_id, until};
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
    let sent_first = passages.clone();
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
    // Another one under an id that was used, of who is only counted and of who is handed down.
    let reused = [0, 1].map(|nth: usize| pb::Passage { seat: "7A".to_owned(), ..sent_first[nth].clone() });
    let mut reused = reused.to_vec();
    reused[1].details = Some(details(OTHER_NUMBER));
    let refused = ground.pass("duty-0", reused).await;
    for came in refused {
        assert!(matches!(&came, Came::Refused(why) if why.reason == "EVENT_ID_REUSED"), "{came:?}");
    }
    let mut sql = ground.sandbox.sql().await;
    let persons: i64 = sqlx::query_scalar("SELECT count(*) FROM screening.person")
        .fetch_one(&mut sql)
        .await
        .expect("a count");
    assert_eq!(persons, 2, "P1: who is well has no row");
}

#[tokio::test]
async fn h1_who_tested_positive_is_referred_at_once_and_once() {
    let ground = Ground::build().await;
    ground.sandbox.appointed(&ground.counties[0], proto::registry::Office::HealthOfficer, "doctor").await;
    ground.known("doctor").await;
    let post = ground.post().await;
    let tested = |number: &str, test: pb::TestResult| pb::Passage {
        test: test.into(),
        from_outside: true,
        details: Some(pb::PersonDetails { present_place: "村第0网格".to_owned(), ..details(number) }),
        ..passage(&post, on(3, "00:00"))
    };
    let positive = tested(NUMBER, pb::TestResult::Positive);
    let batch = vec![positive, tested(OTHER_NUMBER, pb::TestResult::Negative)];
    let came = ground.pass("duty-0", batch.clone()).await;
    let referrals = async |subject: &str, answered: bool| {
        let request = pb::ListReferralsRequest { answered, ..Default::default() };
        let found = ground.screening(subject).referrals().list_referrals(request).await.expect("a list");
        found.into_inner().referrals
    };
    let opened = referrals("duty-0", false).await.remove(0);
    assert_eq!(referrals("duty-0", true).await.len(), 1, "who is negative is not referred");
    assert!(opened.tested_positive && opened.to_facility.is_empty(), "R19: the township's primary care");
    assert_eq!((&opened.responsible_unit, opened.temperature), (&ground.counties[0], 36.5));
    assert!(opened.deadline_time.is_some() && opened.observation.is_empty());
    ground.pass("duty-0", batch.clone()).await;
    assert_eq!(referrals("duty-0", true).await, std::slice::from_ref(&opened), "sent again");
    // It goes with the person, and stays one when another post finds them positive, too.
    ground.acknowledge("leader-0", handdown(&came[0]).0).await.expect("acknowledged");
    let followed = referrals("leader-0", false).await;
    assert_eq!((&followed[0].name, &followed[0].responsible_unit), (&opened.name, &ground.grids[0]));
    ground.pass("duty-0", vec![tested(NUMBER, pb::TestResult::Positive)]).await;
    assert_eq!(referrals("duty-0", true).await.len(), 1);
    // What was answered is not opened again by what was sent before.
    let answer = pb::AnswerReferralRequest {
        request_id: request_id(),
        name: opened.name,
        answer: pb::ReferralAnswer::Cleared.into(),
        facility: "样例卫生院".to_owned(),
        ..Default::default()
    };
    ground.screening("doctor").referrals().answer_referral(answer).await.expect("answered");
    ground.pass("duty-0", batch).await;
    assert!(referrals("duty-0", false).await.is_empty());
    // An open one for something else says it, too.
    let other = ground.shown("duty-0", handdown(&came[1]).0).await.expect("shown").handdown.expect("one");
    let by_hand = pb::Referral { person: other.person, temperature: 37.8, ..Default::default() };
    let request = pb::CreateReferralRequest { request_id: request_id(), referral: Some(by_hand) };
    let by_hand = ground.screening("duty-0").referrals().create_referral(request).await.expect("referred");
    let by_hand = by_hand.into_inner().referral.expect("one");
    ground.pass("duty-0", vec![tested(OTHER_NUMBER, pb::TestResult::Positive)]).await;
    let open = referrals("duty-0", false).await;
    assert_eq!((open.len(), &open[0].name, open[0].tested_positive), (1, &by_hand.name, true));
    assert!(!by_hand.tested_positive && ground.proof().await.1.holds);
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

#[tokio::test]
async fn h1_what_the_checkpoint_saw_goes_along_whole_to_the_holder_and_masked_to_others() {
    let ground = Ground::build().await;
    let post = ground.post().await;
    let place = pb::PersonDetails { present_place: "村第0网格".to_owned(), ..details(NUMBER) };
    let febrile = pb::Passage {
        temperature: 38.4,
        from_outside: true,
        test: pb::TestResult::Negative.into(),
        origin: "武汉".to_owned(),
        seat: "5车12A".to_owned(),
        details: Some(place),
        ..passage(&post, on(3, "00:00"))
    };
    let came = ground.pass("duty-0", vec![febrile]).await;
    let name = handdown(&came[0]).0.to_owned();
    let facts = async |subject: &str| {
        let shown = ground.shown(subject, &name).await.expect("shown");
        shown.sources[0].passage.clone().expect("what was seen")
    };
    let masked = facts("duty").await;
    assert!(masked.masked && masked.from_outside && !masked.untested);
    assert_eq!((masked.temperature, masked.origin.as_str(), masked.seat.as_str()), (0.0, "", ""), "P6");
    let whole = facts("duty-0").await;
    assert_eq!((whole.temperature, whole.test()), (38.4, pb::TestResult::Negative));
    assert_eq!(
        (whole.origin.as_str(), whole.party.as_str(), whole.seat.as_str()),
        ("武汉", "G1234 2020-02-03", "5车12A")
    );
    let names = vec![name.clone()];
    let acknowledge = pb::AcknowledgeHanddownsRequest { request_id: request_id(), names };
    ground.screening("leader-0").handdowns().acknowledge_handdowns(acknowledge).await.expect("acknowledged");
    assert!(!facts("leader-0").await.masked, "with the person");
    assert!(facts("duty-0").await.masked);
    let person = ground.shown("duty", &name).await.expect("shown").handdown.expect("one").person;
    let looked = pb::ListAccessesRequest { person, ..Default::default() };
    let looked = ground.screening("duty").persons().list_accesses(looked).await.expect("looks").into_inner();
    let who: Vec<_> = looked.accesses.iter().map(|access| access.subject.as_str()).collect();
    assert_eq!(who, ["leader-0", "duty-0"], "P4: logged");
    let mut sql = ground.sandbox.sql().await;
    let open: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM screening.handdown_source WHERE position('12A'::bytea IN sealed) > 0",
    )
    .fetch_one(&mut sql)
    .await
    .expect("a count");
    assert_eq!(open, 0, "sealed");
}

#[tokio::test]
async fn h1_who_arrives_from_outside_without_a_test_is_marked_and_counted() {
    let ground = Ground::build().await;
    let post = ground.post().await;
    let at = on(3, "00:00");
    let tested = |test: pb::TestResult| pb::Passage {
        from_outside: true,
        test: test.into(),
        details: Some(without_papers(if test == pb::TestResult::Positive {
            "1980-01-01"
        } else {
            "1990-01-01"
        })),
        ..passage(&post, at)
    };
    let passages = vec![
        tested(pb::TestResult::Unspecified),
        tested(pb::TestResult::Negative),
        tested(pb::TestResult::Positive),
        pb::Passage { direction: pb::Direction::Leaving.into(), ..tested(pb::TestResult::Unspecified) },
        passage(&post, at),
    ];
    let came = ground.pass("duty-0", passages).await;
    let marked: Vec<_> =
        came.iter().map(|came| matches!(came, Came::Accepted(accepted) if accepted.untested)).collect();
    assert_eq!(marked, [true, false, false, false, false]);
    let shift = ground.shifts(&post, 3).await.remove(0);
    assert_eq!((shift.passed, shift.tested, shift.positive, shift.untested), (5, 2, 1, 1));
}

#[tokio::test]
async fn r10_fellows_of_a_train_are_found_for_a_reason_by_who_traces_and_that_is_remembered() {
    let ground = Ground::with_doctors().await;
    let post = ground.post().await;
    let seat = |seat: &str, time: &str| pb::Passage { seat: seat.to_owned(), ..passage(&post, on(2, time)) };
    let other = pb::Passage { party: "G1235 2020-02-03".to_owned(), ..passage(&post, on(2, "09:00")) };
    ground.pass("duty-0", vec![seat("2A", "09:02"), seat("1A", "09:01"), other]).await;
    let ask = |reason: &str| pb::ListFellowsRequest {
        checkpoint: post.clone(),
        party: "g1234 2020-02-03 ".to_owned(),
        reason: reason.to_owned(),
        page_size: 1,
        ..Default::default()
    };
    let list = async |subject: &str, request: pb::ListFellowsRequest| {
        ground.screening(subject).passages().list_fellows(request).await.map(tonic::Response::into_inner)
    };
    assert_eq!(fields(&list("duty-0", ask("")).await.expect_err("why?")), ["reason"]);
    let leader = list("leader-0", ask("a contact")).await.expect_err("not a leader's");
    assert_eq!(leader.code(), Code::PermissionDenied);
    let far = list("duty-1", ask("a contact")).await.expect_err("another's");
    assert_eq!(far.code(), Code::NotFound);
    let first = list("duty-0", ask("seat 1B fell ill")).await.expect("a page");
    let rest =
        pb::ListFellowsRequest { page_token: first.next_page_token.clone(), ..ask("seat 1B fell ill") };
    let rest = list("duty-0", rest).await.expect("a page");
    let seats: Vec<_> =
        first.fellows.iter().chain(&rest.fellows).filter_map(|one| one.passage.as_ref()).collect();
    assert_eq!(seats.iter().map(|one| one.seat.as_str()).collect::<Vec<_>>(), ["1A", "2A"]);
    assert_eq!(seats[0].details.as_ref().expect("who").display_name, "张样例", "whole");
    let none = pb::ListFellowsRequest { date: "2020-02-01".to_owned(), ..ask("a contact") };
    assert!(list("duty-0", none).await.expect("a page").fellows.is_empty());
    let mut sql = ground.sandbox.sql().await;
    let kept: Vec<(String, String, i32)> =
        sqlx::query_as("SELECT subject, reason, shown FROM screening.passage_access ORDER BY id")
            .fetch_all(&mut sql)
            .await
            .expect("kept");
    assert_eq!(kept.len(), 3);
    assert_eq!(kept[0], ("duty-0".to_owned(), "seat 1B fell ill".to_owned(), 1), "P4");
}

#[tokio::test]
async fn p1_what_is_personal_is_dropped_after_14_days_although_nobody_passes_any_more() {
    let ground = Ground::build().await;
    let post = ground.post().await;
    ground.pass("duty-0", vec![passage(&post, on(2, "09:00"))]).await;
    let mut sql = ground.sandbox.sql().await;
    let mut kept = async || -> i64 {
        let count = "SELECT count(*) FROM screening.passage";
        sqlx::query_scalar(count).fetch_one(&mut sql).await.expect("a count")
    };
    ground.advance(on(16, "12:00")).await;
    assert_eq!(kept().await, 1, "14 days");
    ground.advance(on(18, "00:01")).await;
    until(async || (kept().await == 0).then_some(())).await;
    assert_eq!(ground.shifts(&post, 2).await[1].passed, 1, "the counts stay");
}
