//! Readings: whatever was read is taken in and marked; what was not read is a fact.

use proto::{registry, screening as pb, screening::reading_result::Result as Read};
use tests::{fields, reason, request_id};
use tonic::Code;

use crate::{
    ground::{Ground, NUMBER, without_papers},
    watch::{on, reading, somebody_waits},
};

async fn work(ground: &Ground, subject: &str) -> Vec<pb::Work> {
    let request = pb::ListWorkRequest::default();
    ground.screening(subject).readings().list_work(request).await.expect("a list").into_inner().work
}

#[tokio::test]
async fn r12_a_missed_reading_is_a_fact_and_read_late_it_keeps_both() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    ground.advance(on(3, "13:00")).await;
    assert_eq!(
        ground.outcomes(&observation.name).await[..2],
        [pb::Outcome::Missed, pb::Outcome::Unspecified]
    );
    let accepted = ground.read(reading(&observation.name, on(3, "08:00"), 36.5)).await;
    assert_eq!(
        (accepted.outcome(), accepted.marks().collect::<Vec<_>>()),
        (pb::Outcome::Well, vec![pb::Mark::Late])
    );
    let slot = ground.slots(&observation.name).await.remove(0);
    assert_eq!(slot.outcome(), pb::Outcome::Well);
    assert!(slot.miss_time.is_some(), "that it was missed stays");
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn whoever_is_not_where_they_are_observed_is_put_before_the_unit_above_at_once() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let village = ground.village(0).await;
    ground.advance(on(3, "09:00")).await;
    let visit = |at, kind: pb::ReadingKind| pb::Reading {
        kind: kind.into(),
        ..reading(&observation.name, at, if kind == pb::ReadingKind::Taken { 36.5 } else { 0.0 })
    };
    let missed = async || ground.digest(&village).await.first().map(|one| (one.kind(), one.missed_in_a_row));
    assert_eq!(missed().await, None);
    ground.read(visit(on(3, "08:00"), pb::ReadingKind::Absent)).await;
    assert_eq!(missed().await, Some((pb::EscalationKind::ReadingMissed, 1)));
    // Found at home within the same slot.
    ground.read(visit(on(3, "08:50"), pb::ReadingKind::Taken)).await;
    assert_eq!(missed().await, None, "withdrawn");
    // Refused after nobody was there: that is R26's.
    ground.advance(on(3, "13:00")).await;
    ground.read(visit(on(3, "12:10"), pb::ReadingKind::Absent)).await;
    assert_eq!(missed().await, Some((pb::EscalationKind::ReadingMissed, 1)));
    ground.read(visit(on(3, "12:20"), pb::ReadingKind::Refused)).await;
    assert_eq!(missed().await, None, "they were there");
    ground.read(visit(on(3, "12:30"), pb::ReadingKind::Taken)).await;
    // Absent at every visit from then on, the second time said late, after the slot was missed.
    ground.advance(on(4, "09:00")).await;
    ground.read(visit(on(4, "08:00"), pb::ReadingKind::Absent)).await;
    ground.advance(on(5, "00:30")).await;
    assert_eq!(missed().await, Some((pb::EscalationKind::ReadingMissed, 2)));
    ground.read(visit(on(4, "23:00"), pb::ReadingKind::Absent)).await;
    assert_eq!(missed().await, Some((pb::EscalationKind::ReadingMissed, 2)), "nobody was read");
    ground.read(visit(on(5, "00:10"), pb::ReadingKind::Absent)).await;
    let request = registry::GetUnitRequest { name: village, as_of: String::new() };
    let unit = ground.sandbox.registry().units().get_unit(request).await.expect("a unit").into_inner().unit;
    let town = unit.expect("a unit").parent_unit;
    assert_eq!(
        ground.digest(&town).await.first().map(|one| one.missed_in_a_row),
        Some(3),
        "a day and more: one level up"
    );
    ground.read(visit(on(5, "00:20"), pb::ReadingKind::Taken)).await;
    assert!(ground.digest(&town).await.is_empty());
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn the_gravest_reading_of_a_slot_counts_in_whatever_order_they_come() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    ground.advance(on(3, "11:00")).await;
    let visit = |time: &str, kind: pb::ReadingKind, temperature: f64| pb::Reading {
        kind: kind.into(),
        ..reading(&observation.name, on(3, time), temperature)
    };
    let expected = [
        (visit("08:00", pb::ReadingKind::Absent, 0.0), pb::Outcome::Absent),
        (visit("10:00", pb::ReadingKind::Taken, 36.6), pb::Outcome::Well),
        (visit("09:00", pb::ReadingKind::Refused, 0.0), pb::Outcome::Well),
        (visit("08:30", pb::ReadingKind::Taken, 37.3), pb::Outcome::Symptoms),
        (visit("10:30", pb::ReadingKind::Taken, 36.4), pb::Outcome::Symptoms),
    ];
    for (reading, outcome) in expected {
        ground.read(reading).await;
        assert_eq!(ground.outcomes(&observation.name).await[0], outcome);
    }
    let request =
        pb::ListReadingsRequest { observation: observation.name, page_size: 3, ..Default::default() };
    let mut readings = ground.screening("leader-0").readings();
    let first = readings.list_readings(request.clone()).await.expect("a page").into_inner();
    let request = pb::ListReadingsRequest { page_token: first.next_page_token, ..request };
    let second = readings.list_readings(request).await.expect("a page").into_inner();
    let all = first.readings.into_iter().chain(second.readings);
    let all: Vec<f64> = all.map(|reading| reading.temperature).collect();
    assert_eq!(all, [0.0, 37.3, 0.0, 36.6, 36.4], "in the order in which they were taken");
}

#[tokio::test]
async fn a_reading_that_is_sent_again_is_recognised() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let sent = reading(&observation.name, on(3, "00:00"), 36.5);
    let results = ground.send("leader-0", vec![sent.clone(), sent.clone()]).await;
    assert!(matches!(results[..], [Read::Accepted(_), Read::Duplicate(_)]), "{results:?}");
    let again = ground.send("leader-0", vec![sent.clone()]).await;
    assert!(matches!(again[..], [Read::Duplicate(_)]), "{again:?}");
    let ground = Ground { sandbox: ground.sandbox.restart().await, ..ground };
    ground.known("leader-0").await;
    let again = ground.send("leader-0", vec![sent.clone()]).await;
    assert!(matches!(again[..], [Read::Duplicate(_)]), "after a restart: {again:?}");
    let other = ground.send("duty-0", vec![sent]).await;
    assert!(matches!(other[..], [Read::Accepted(_)]), "another sender's event is another: {other:?}");
}

#[tokio::test]
async fn the_same_batch_sent_by_many_at_once_is_taken_in_once() {
    let ground = Ground::build().await;
    let mut readings = Vec::new();
    for _ in 0..20 {
        let observation = ground.observed(0, "", "2020-02-01").await;
        readings.push(reading(&observation.name, on(3, "00:00"), 36.5));
    }
    let senders = (0..6).map(|nth| {
        let mut readings = readings.clone();
        readings.rotate_left(nth * 3);
        ground.send("leader-0", readings)
    });
    let results = futures::future::join_all(senders).await.into_iter().flatten();
    assert_eq!(results.filter(|result| matches!(result, Read::Accepted(_))).count(), 20);
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn what_is_irregular_is_taken_in_and_marked() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    ground.advance(on(4, "13:00")).await;
    let marks = async |time| {
        let accepted = ground.read(reading(&observation.name, time, 36.5)).await;
        accepted.marks().collect::<Vec<_>>()
    };
    assert_eq!(marks(on(4, "12:30")).await, []);
    assert_eq!(marks(on(4, "08:00")).await, [pb::Mark::Late, pb::Mark::OutOfOrder]);
    let before = "2020-02-01T20:00:00+08:00".parse().unwrap();
    assert_eq!(marks(before).await, [pb::Mark::OutOfOrder, pb::Mark::Outside], "before it was opened");
    let end = pb::EndObservationRequest {
        request_id: request_id(),
        name: observation.name.clone(),
        ending: pb::Ending::Voided.into(),
        reason: "the index was excluded".to_owned(),
    };
    ground.screening("duty-0").observations().end_observation(end).await.expect("ended");
    assert_eq!(marks(on(4, "12:45")).await, [pb::Mark::AfterEnd]);
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn wrong_readings_are_refused_one_by_one_and_touch_no_other() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let right = reading(&observation.name, on(3, "00:00"), 36.5);
    let wrong = [
        reading(&observation.name, on(3, "00:00"), 3.69),
        reading(&observation.name, on(3, "00:00"), 369.0),
        reading(&observation.name, on(3, "00:00"), 0.0),
        reading(&observation.name, on(3, "12:00"), 36.5),
        reading(&observation.name, "2019-11-01T00:00:00Z".parse().unwrap(), 36.5),
        pb::Reading { kind: pb::ReadingKind::Absent.into(), ..right.clone() },
        pb::Reading { kind: 0, ..right.clone() },
        pb::Reading { symptoms: vec![99], ..right.clone() },
        pb::Reading { event_id: "7".to_owned(), ..right.clone() },
        pb::Reading { taken_time: None, ..right.clone() },
    ];
    let absent = reading(&format!("observations/{}", request_id()), on(3, "00:00"), 36.5);
    let mut all = wrong.to_vec();
    all.extend([absent, right]);
    let results = ground.send("leader-0", all).await;
    for (nth, result) in results[..10].iter().enumerate() {
        let Read::Refused(refused) = result else { panic!("{nth}: {result:?}") };
        assert_eq!(refused.reason, "INVALID_ARGUMENT");
        assert!(refused.message.starts_with(&format!("readings[{nth}].")), "{}", refused.message);
    }
    assert!(matches!(&results[10], Read::Refused(refused) if refused.reason == "NOT_FOUND"));
    assert!(matches!(results[11], Read::Accepted(_)));
    let mut readings = ground.screening("leader-0").readings();
    let refused = readings.ingest_readings(pb::IngestReadingsRequest::default()).await.expect_err("none");
    assert_eq!(fields(&refused), ["readings"]);
}

#[tokio::test]
async fn missed_readings_are_put_before_the_unit_above_and_after_a_day_one_level_up() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let (village, county) = (ground.village(0).await, ground.counties[0].clone());
    ground.advance(on(4, "01:00")).await;
    let digest = ground.digest(&village).await;
    assert_eq!((digest[0].kind(), digest[0].missed_in_a_row), (pb::EscalationKind::ReadingMissed, 2));
    assert_eq!(digest[0].since_time, Some(chassis::parse::timestamp(on(3, "00:00"))));
    ground.advance(on(4, "13:00")).await;
    assert!(ground.digest(&village).await.is_empty());
    assert_eq!(ground.digest(&county).await[0].missed_in_a_row, 3);
    let city = ground.sandbox.root.clone();
    ground.advance(on(8, "13:00")).await;
    assert!(ground.digest(&city).await.is_empty(), "the county is the highest");
    ground.read(reading(&observation.name, on(8, "12:30"), 36.5)).await;
    assert!(ground.digest(&county).await.is_empty(), "withdrawn by a reading");
    let request = pb::ListEscalationsRequest { holder_unit: county, ..Default::default() };
    let refused = ground.screening("leader-0").escalations().list_escalations(request).await;
    assert_eq!(refused.expect_err("above him").code(), Code::NotFound);
}

#[tokio::test]
async fn a_hospital_takes_the_slots() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let request = pb::MoveObservationRequest {
        request_id: request_id(),
        name: observation.name.clone(),
        place: pb::Place::Hospital.into(),
        facility: "娄底市中心医院".to_owned(),
        ..Default::default()
    };
    ground.screening("leader-0").observations().move_observation(request).await.expect("recorded");
    ground.advance(on(4, "01:00")).await;
    assert_eq!(ground.outcomes(&observation.name).await[..2], [pb::Outcome::InHospital; 2]);
    assert!(ground.digest(&ground.village(0).await).await.is_empty());
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn a_grid_leader_sees_what_must_be_done_now() {
    let ground = Ground::build().await;
    let read = ground.observed(0, NUMBER, "2020-02-01").await;
    let unread = ground.observed(0, "", "2020-01-30").await;
    ground.observed(1, "", "2020-02-01").await;
    ground.read(reading(&read.name, on(3, "00:00"), 36.5)).await;
    let [todo] = &work(&ground, "leader-0").await[..] else { panic!("one to be read") };
    assert_eq!(todo.observation.as_ref().unwrap().name, unread.name);
    assert_eq!(todo.slot.unwrap().close_time, Some(chassis::parse::timestamp(on(3, "12:00"))));
    ground.advance(on(3, "12:00")).await;
    let todo = work(&ground, "leader-0").await;
    assert_eq!(todo.iter().map(|one| one.missed_in_a_row).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(work(&ground, "duty-0").await.len(), 3);
    assert!(work(&ground, "leader-2").await.is_empty());
}

#[tokio::test]
async fn r12_slots_close_over_midnight_and_over_29_february() {
    let ground = Ground::build().await;
    ground.sandbox.clock.advance_to(on(28, "23:59"));
    let observation = ground.observed(0, NUMBER, "2020-02-28").await;
    ground.advance("2020-03-02T00:00:00+08:00".parse().unwrap()).await;
    let slots = ground.slots(&observation.name).await;
    assert_eq!(slots.iter().filter(|slot| slot.outcome() == pb::Outcome::Missed).count(), 5);
    assert_eq!(slots[1].open_time, Some(chassis::parse::timestamp(on(29, "00:00"))));
    assert_eq!(
        slots[3].open_time,
        Some(chassis::parse::timestamp("2020-03-01T00:00:00+08:00".parse().unwrap()))
    );
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn slots_that_elapsed_while_nothing_ran_are_closed_afterwards() {
    let ground = Ground::build().await;
    let person = ground.found(0, without_papers("")).await.name;
    let observation =
        ground.open("leader-0", &person, "2020-02-01").await.expect("opened").observation.unwrap();
    let sandbox = ground.sandbox.restart().await;
    let ground = Ground { sandbox, ..ground };
    ground.advance(on(6, "00:00")).await;
    let outcomes = ground.outcomes(&observation.name).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == pb::Outcome::Missed).count(), 6);
    let county = ground.digest(&ground.counties[0]).await;
    assert_eq!(county[0].missed_in_a_row, 6);
}

#[tokio::test]
async fn r12_a_reading_of_an_old_slot_leaves_what_was_missed_since_before_somebody() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let (village, county) = (ground.village(0).await, ground.counties[0].clone());
    ground.advance(on(4, "13:00")).await;
    assert_eq!(ground.digest(&county).await[0].missed_in_a_row, 3);
    let outside = "2020-02-02T20:00:00+08:00".parse().unwrap();
    ground.read(reading(&observation.name, outside, 36.5)).await;
    assert_eq!(ground.digest(&county).await[0].missed_in_a_row, 3, "of no slot");
    ground.read(reading(&observation.name, on(3, "08:00"), 36.5)).await;
    assert!(ground.digest(&county).await.is_empty(), "two since then are one level less");
    let digest = ground.digest(&village).await;
    assert_eq!(
        (digest[0].missed_in_a_row, digest[0].since_time),
        (2, Some(chassis::parse::timestamp(on(3, "12:00"))))
    );
    ground.read(reading(&observation.name, on(4, "08:00"), 36.5)).await;
    assert!(ground.digest(&village).await.is_empty(), "the last one was read");
}

#[tokio::test]
async fn r12_a_slot_that_is_read_while_it_is_closed_is_before_nobody() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let id: uuid::Uuid = observation.name.split_once('/').unwrap().1.parse().unwrap();
    // A reading looks before the slot is closed, and writes after: what it would do is held up by somebody who has the slot.
    let mut sql = ground.sandbox.sql().await;
    let mut held = sqlx::Connection::begin(&mut sql).await.expect("a transaction");
    sqlx::query("SELECT FROM screening.slot WHERE observation_id = $1 ORDER BY opens_at LIMIT 1 FOR UPDATE")
        .bind(id)
        .execute(&mut *held)
        .await
        .expect("held");
    let sent = reading(&observation.name, on(3, "00:00"), 36.5);
    let sending = ground.send("leader-0", vec![sent]);
    let closing = async {
        somebody_waits(&ground.sandbox).await;
        for statement in [
            "UPDATE screening.slot SET outcome = 1, missed_at = closes_at WHERE observation_id = $1
               AND opens_at = (SELECT min(opens_at) FROM screening.slot WHERE observation_id = $1)",
            "INSERT INTO screening.escalation (subject_id, kind, person_id, unit_id, holder_id, since, missed)
             SELECT o.id, 5, o.person_id, o.unit_id, u.holders[1], o.starts_at, 1
             FROM screening.observation o JOIN screening.unit_sight u USING (unit_id) WHERE o.id = $1",
        ] {
            sqlx::query(statement).bind(id).execute(&mut *held).await.expect("closed");
        }
        held.commit().await.expect("committed");
    };
    let (results, ()) = tokio::join!(sending, closing);
    assert!(matches!(results[..], [Read::Accepted(_)]), "{results:?}");
    assert!(ground.digest(&ground.village(0).await).await.is_empty(), "it was read");
}

#[tokio::test]
async fn r13_a_release_waits_for_a_fever_that_is_being_taken_in() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-01-19").await;
    ground.read(reading(&observation.name, on(3, "00:00"), 36.5)).await;
    let id: uuid::Uuid = observation.name.split_once('/').unwrap().1.parse().unwrap();
    // Whoever takes in a reading holds the observation as this does.
    let mut sql = ground.sandbox.sql().await;
    let mut held = sqlx::Connection::begin(&mut sql).await.expect("a transaction");
    let lock = "SELECT FROM screening.observation WHERE id = $1 FOR KEY SHARE";
    sqlx::query(lock).bind(id).execute(&mut *held).await.expect("held");
    let releasing = ground.release("leader-0", &observation.name, "");
    let reading_on = async {
        somebody_waits(&ground.sandbox).await;
        let fill = "UPDATE screening.slot SET outcome = 6 WHERE observation_id = $1";
        sqlx::query(fill).bind(id).execute(&mut *held).await.expect("filled");
        held.commit().await.expect("committed");
    };
    let (released, ()) = tokio::join!(releasing, reading_on);
    assert_eq!(reason(&released.expect_err("febrile")), "RELEASE_CONDITIONS_UNMET");
}

#[tokio::test]
async fn r13_whoever_reads_and_whoever_releases_at_once_know_of_one_another() {
    let ground = Ground::build().await;
    for nth in 0..8 {
        let observation = ground.observed(0, "", "2020-01-19").await;
        ground.read(reading(&observation.name, on(3, "00:00"), 36.5)).await;
        let fever = ground.send("leader-0", vec![reading(&observation.name, on(3, "00:00"), 38.5)]);
        let (fever, released) = tokio::join!(fever, ground.release("duty-0", &observation.name, ""));
        let [Read::Accepted(fever)] = &fever[..] else { panic!("{nth}: {fever:?}") };
        let is_marked = fever.marks().any(|mark| mark == pb::Mark::AfterEnd);
        assert_eq!(is_marked, released.is_ok(), "{nth}: either the one or the other was first");
        assert!(!fever.referral.is_empty());
    }
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn an_event_that_says_something_else_is_refused_and_not_called_a_duplicate() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let other = ground.observed(0, "", "2020-02-01").await;
    let sent = reading(&observation.name, on(3, "00:00"), 36.5);
    ground.read(sent.clone()).await;
    let fever = pb::Reading { temperature: 38.5, ..sent.clone() };
    let elsewhere = pb::Reading { observation: other.name, ..sent.clone() };
    let new = reading(&observation.name, on(3, "00:00"), 36.6);
    let twice = pb::Reading { temperature: 39.0, ..new.clone() };
    let results = ground.send("leader-0", vec![fever, elsewhere, sent, new, twice]).await;
    let reused =
        |result: &Read| matches!(result, Read::Refused(refused) if refused.reason == "EVENT_ID_REUSED");
    assert!(reused(&results[0]) && reused(&results[1]) && reused(&results[4]), "{results:?}");
    assert!(matches!(results[2], Read::Duplicate(_)), "{results:?}");
    assert!(matches!(results[3], Read::Accepted(_)), "{results:?}");
    assert_eq!(ground.outcomes(&observation.name).await[0], pb::Outcome::Well);
}

#[tokio::test]
async fn who_moves_into_a_hospital_is_missed_no_more() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    ground.advance(on(3, "13:00")).await;
    let village = ground.village(0).await;
    assert_eq!(ground.digest(&village).await.len(), 1);
    let request = pb::MoveObservationRequest {
        request_id: request_id(),
        name: observation.name,
        place: pb::Place::Hospital.into(),
        facility: "娄底市中心医院".to_owned(),
        ..Default::default()
    };
    ground.screening("leader-0").observations().move_observation(request).await.expect("recorded");
    assert!(ground.digest(&village).await.is_empty());
}
