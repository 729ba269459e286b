//! The feed of units: a snapshot, then every change, at least once and in one order.

use std::{collections::BTreeMap, time::Duration};

use proto::registry::{self as pb, watch_units_response::Event};
use sqlx::Connection as _;
use tests::{Sandbox, reason, request_id};
use tonic::{Code, Status, Streaming};

/// A consumer: what it holds, and where it would resume.
struct Consumer {
    stream: Streaming<pb::WatchUnitsResponse>,
    held: BTreeMap<String, pb::UnitHistory>,
    token: String,
}

impl Consumer {
    async fn open(sandbox: &Sandbox, start_token: &str) -> Self {
        let request = pb::WatchUnitsRequest { start_token: start_token.to_owned() };
        let stream = sandbox.registry().units().watch_units(request).await.expect("opened");
        Self { stream: stream.into_inner(), held: BTreeMap::new(), token: start_token.to_owned() }
    }

    async fn take(&mut self) -> Result<Event, Status> {
        let message = tokio::time::timeout(Duration::from_secs(10), self.stream.message());
        let message = message.await.expect("a heartbeat at least every ten seconds")?.expect("open");
        if !message.token.is_empty() {
            self.token = message.token;
        }
        let event = message.event.expect("an event");
        if let Event::Unit(unit) = &event {
            self.held.insert(unit.name.clone(), unit.clone());
        }
        Ok(event)
    }

    async fn until(&mut self, seen: impl Fn(&Self, &Event) -> bool) {
        loop {
            let event = self.take().await.expect("open");
            if seen(self, &event) {
                return;
            }
        }
    }

    async fn snapshot(&mut self) -> i64 {
        loop {
            if let Event::SnapshotEnd(end) = self.take().await.expect("open") {
                return end.units;
            }
        }
    }
}

#[tokio::test]
async fn a_snapshot_names_everything_and_changes_follow() {
    let sandbox = Sandbox::start(&[]).await;
    let before = sandbox.unit(&sandbox.root, pb::Level::County, "甲县").await;
    let mut consumer = Consumer::open(&sandbox, "").await;
    assert_eq!(consumer.snapshot().await, 2);
    assert!(consumer.held.contains_key(&before.name));

    let after = sandbox.unit(&before.name, pb::Level::Township, "丙镇").await;
    consumer.until(|consumer, _| consumer.held.contains_key(&after.name)).await;
    let held = &consumer.held[&after.name];
    assert_eq!(held.places[0].parent_unit, before.name);
    assert_eq!(held.statuses[0].status(), pb::UnitStatus::Active);
}

#[tokio::test]
async fn what_happened_while_away_comes_after_the_token() {
    let sandbox = Sandbox::start(&[]).await;
    let mut consumer = Consumer::open(&sandbox, "").await;
    consumer.snapshot().await;
    let token = consumer.token.clone();
    drop(consumer);
    let made = sandbox.unit(&sandbox.root, pb::Level::County, "甲县").await;
    let sandbox = sandbox.restart().await;
    let mut consumer = Consumer::open(&sandbox, &token).await;
    consumer.until(|consumer, _| consumer.held.contains_key(&made.name)).await;
    assert_eq!(consumer.held[&made.name].names[0].display_name, "甲县");
}

#[tokio::test]
async fn a_transaction_that_commits_late_is_not_lost() {
    let sandbox = Sandbox::start(&[]).await;
    let mut consumer = Consumer::open(&sandbox, "").await;
    consumer.snapshot().await;
    let early = sandbox.unit(&sandbox.root, pb::Level::County, "甲县").await;
    let id: uuid::Uuid = early.name.trim_start_matches("units/").parse().unwrap();
    consumer.until(|consumer, _| consumer.held.contains_key(&early.name)).await;

    // A note with the smaller number commits after one with the greater number was sequenced.
    let mut slow = sandbox.sql().await;
    let mut work = slow.begin().await.unwrap();
    sqlx::query("INSERT INTO registry.change_inbox (topic, keys) VALUES ('unit', ARRAY[$1])")
        .bind(id)
        .execute(&mut *work)
        .await
        .unwrap();
    let quick = sandbox.unit(&sandbox.root, pb::Level::County, "乙县").await;
    consumer.until(|consumer, _| consumer.held.contains_key(&quick.name)).await;
    let token = consumer.token.clone();
    work.commit().await.unwrap();

    consumer.held.clear();
    consumer.until(|consumer, _| consumer.held.contains_key(&early.name)).await;
    assert_ne!(consumer.token, token, "it stands after what was seen before");
}

#[tokio::test]
async fn a_silent_feed_gives_signs_of_life_with_a_token() {
    let sandbox = Sandbox::start(&[]).await;
    let mut consumer = Consumer::open(&sandbox, "").await;
    consumer.snapshot().await;
    consumer.until(|_, event| matches!(event, Event::Heartbeat(_))).await;
    assert!(!consumer.token.is_empty());
}

#[tokio::test]
async fn a_token_that_is_too_old_asks_for_a_snapshot() {
    let sandbox = Sandbox::start(&[]).await;
    let mut consumer = Consumer::open(&sandbox, "").await;
    consumer.snapshot().await;
    let token = consumer.token.clone();
    sandbox.unit(&sandbox.root, pb::Level::County, "甲县").await;
    consumer.until(|consumer, _| consumer.held.len() == 2).await;
    // What the retention does after a week.
    let mut sql = sandbox.sql().await;
    sqlx::query("DELETE FROM registry.change").execute(&mut sql).await.unwrap();
    for wrong in [token.as_str(), "bm9uc2Vuc2U"] {
        let mut late = Consumer::open(&sandbox, wrong).await;
        let refused = late.take().await.expect_err("too old");
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::OutOfRange, "CHANGE_TOKEN_EXPIRED"));
    }
}

#[tokio::test]
async fn a_relieved_caller_s_open_stream_ends() {
    let sandbox = Sandbox::start(&[]).await;
    let mut consumer = Consumer::open(&sandbox, "").await;
    consumer.snapshot().await;
    let mut sql = sandbox.sql().await;
    sqlx::query("UPDATE registry.appointment SET during = tstzrange(lower(during), $1)")
        .bind(sandbox.clock.now())
        .execute(&mut sql)
        .await
        .unwrap();
    let ended = loop {
        if let Err(status) = consumer.take().await {
            break status;
        }
    };
    assert_eq!((ended.code(), reason(&ended).as_str()), (Code::PermissionDenied, "PERMISSION_DENIED"));
}

#[tokio::test]
async fn a_draining_service_ends_its_streams_with_unavailable() {
    let sandbox = Sandbox::start(&[]).await;
    let mut consumer = Consumer::open(&sandbox, "").await;
    consumer.snapshot().await;
    let stopping = tokio::spawn(sandbox.restart());
    let ended = loop {
        if let Err(status) = consumer.take().await {
            break status;
        }
    };
    assert_eq!(ended.code(), Code::Unavailable);
    let sandbox = stopping.await.unwrap();
    let mut consumer = Consumer::open(&sandbox, &consumer.token).await;
    consumer.take().await.expect("resumed");
}

#[tokio::test]
async fn every_change_of_many_writers_arrives() {
    let sandbox = Sandbox::start(&[]).await;
    let mut consumer = Consumer::open(&sandbox, "").await;
    consumer.snapshot().await;
    let writers = (0..6).map(|writer| {
        let mut units = sandbox.registry().units();
        let root = sandbox.root.clone();
        tokio::spawn(async move {
            for unit in 0..10 {
                let request = pb::CreateUnitRequest {
                    request_id: request_id(),
                    unit: Some(tests::new_unit(&root, pb::Level::County, &format!("县{writer}-{unit}"))),
                };
                units.create_unit(request).await.expect("created");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    consumer.until(|consumer, _| consumer.held.len() == 61).await;
}

#[tokio::test]
async fn a_watch_that_breaks_off_within_a_note_misses_none_of_it() {
    let sandbox = Sandbox::start(&[]).await;
    let mut consumer = Consumer::open(&sandbox, "").await;
    consumer.snapshot().await;
    let unit = |n: i32| tests::new_unit(&sandbox.root, pb::Level::County, &format!("第{n}县"));
    let units = (0..20).map(unit).collect();
    let request = pb::BatchCreateUnitsRequest { request_id: request_id(), units };
    sandbox.registry().units().batch_create_units(request).await.expect("made");
    for seen in [1, 19] {
        let mut first = Consumer::open(&sandbox, &consumer.token).await;
        first.until(|first, _| first.held.len() == seen).await;
        let mut second = Consumer::open(&sandbox, &first.token).await;
        second.until(|_, event| matches!(event, Event::Heartbeat(_))).await;
        first.held.append(&mut second.held);
        assert_eq!(first.held.len(), 20, "broken off after {seen}");
    }
}
