//! Faults: whatever was read or has passed is there once, whatever stops, and nothing is decided on stale knowledge.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use proto::{
    registry,
    screening::{self as pb, passage_result::Result as Came, reading_result::Result as Read},
};
use rampart::client::Screening;
use tests::{
    Sandbox,
    faults::{Process, durable_postgres, free_port, insist, silence},
    person_keys_text, reason, request_id, until,
};
use tonic::{Code, Status};

use crate::{
    ground::{Ground, NUMBER, details, without_papers},
    observation_feed::Follower,
    passages::passage,
    watch::{on, reading},
};

/// Sends readings until they are answered; each is taken in, now or before. Answers how many were now.
async fn send(screening: Screening, readings: Vec<pb::Reading>) -> usize {
    let (answer, _) = insist(|| {
        let request = pb::IngestReadingsRequest { readings: readings.clone() };
        let mut sender = screening.readings();
        async move { sender.ingest_readings(request).await }
    })
    .await;
    let results = answer.into_inner().results.into_iter().map(|one| one.result.expect("a result"));
    let accepted = results.map(|result| match result {
        Read::Accepted(_) => 1,
        Read::Duplicate(_) => 0,
        Read::Refused(refused) => panic!("{refused:?}"),
    });
    accepted.sum()
}

/// Sends passages by a stream of their own until they are acknowledged; answers how many were new.
async fn pass(screening: Screening, passages: Vec<pb::Passage>) -> usize {
    let (acknowledged, _) = insist(|| {
        let batch = pb::IngestPassagesRequest { sequence: 1, passages: passages.clone() };
        let mut sender = screening.passages();
        async move {
            let answers = sender.ingest_passages(futures::stream::iter([batch])).await?;
            let acknowledged = answers.into_inner().message().await?;
            acknowledged.ok_or_else(|| Status::unavailable("the stream ended"))
        }
    })
    .await;
    let results = acknowledged.results.into_iter().map(|one| one.result.expect("a result"));
    let came = results.map(|result| match result {
        Came::Accepted(_) => 1,
        Came::Duplicate(_) => 0,
        Came::Refused(refused) => panic!("{refused:?}"),
    });
    came.sum()
}

async fn count(ground: &Ground, what: &str) -> i64 {
    let mut sql = ground.sandbox.sql().await;
    let query = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM screening.{what}"));
    sqlx::query_scalar(query).fetch_one(&mut sql).await.expect("a count")
}

/// The verdict of a proof by a replica.
async fn proved(screening: &Screening) -> (Vec<pb::PersonException>, pb::PersonVerdict) {
    use proto::screening::prove_persons_response::Event;
    let request = pb::ProvePersonsRequest::default();
    let mut stream = screening.proofs().prove_persons(request).await.expect("a proof").into_inner();
    let mut exceptions = Vec::new();
    loop {
        match stream.message().await.expect("a message").expect("a verdict").event {
            Some(Event::Verdict(verdict)) => return (exceptions, verdict),
            Some(Event::Exception(exception)) => exceptions.push(exception),
            _ => {}
        }
    }
}

/// Puts somebody under observation by a replica.
async fn observed(screening: &Screening, unit: &str, today: &str) -> String {
    let person = pb::Person {
        details: Some(without_papers("")),
        responsible_unit: unit.to_owned(),
        purpose: pb::Purpose::Returnee.into(),
        ..Default::default()
    };
    let request =
        pb::IntakePersonRequest { request_id: request_id(), person: Some(person), source: String::new() };
    let taken = screening.persons().intake_person(request).await.expect("taken in").into_inner();
    let observation = pb::Observation {
        person: taken.person.expect("a person").name,
        basis: pb::Basis::Returnee.into(),
        last_exposure_date: today.to_owned(),
        ..Default::default()
    };
    let request = pb::OpenObservationRequest { request_id: request_id(), observation: Some(observation) };
    let opened = screening.observations().open_observation(request).await.expect("opened").into_inner();
    opened.observation.expect("an observation").name
}

/// Screening as a process of its own, which can be killed.
fn start(sandbox: &Sandbox, folder: &Path, port: u16) -> Process {
    let program = (screening::SUBJECT, env!("CARGO_BIN_EXE_screening"));
    let keys = person_keys_text("first");
    Process::start(sandbox, program, (folder, port), &[("RAMPART_PERSON_KEYS", &keys)])
}

#[tokio::test]
async fn after_kill_9_and_sending_again_every_reading_and_passage_is_there_once() {
    const BATCHES: usize = 60;
    const OF_BATCH: usize = 20;
    let ground = Ground::build().await;
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut process = start(&ground.sandbox, folder.path(), port);
    let duty = ground.sandbox.screening_replica_as(&process.url, "duty");
    let list = pb::ListPersonsRequest { ancestor_unit: ground.grids[2].clone(), ..Default::default() };
    until(async || duty.persons().list_persons(list.clone()).await.ok()).await;

    let now: DateTime<Utc> = chassis::clock::wall();
    let today = now.with_timezone(&chrono_tz::Asia::Shanghai).date_naive().to_string();
    let mut observations = Vec::new();
    for nth in 0..OF_BATCH {
        observations.push(observed(&duty, &ground.grids[nth % 3], &today).await);
    }
    let checkpoint = pb::Checkpoint {
        responsible_unit: ground.counties[0].clone(),
        kind: pb::CheckpointKind::Toll.into(),
        display_name: "双峰收费站".to_owned(),
        start_date: today,
        ..Default::default()
    };
    let request = pb::CreateCheckpointRequest { request_id: request_id(), checkpoint: Some(checkpoint) };
    let post = duty.checkpoints().create_checkpoint(request).await.expect("set up").into_inner();
    let post = post.checkpoint.expect("a checkpoint").name;
    let read_at = |nth: usize| now - TimeDelta::minutes(i64::try_from(nth).unwrap());
    let readings: Vec<Vec<pb::Reading>> = (0..BATCHES)
        .map(|nth| observations.iter().map(|one| reading(one, read_at(nth), 36.5)).collect())
        .collect();
    let passages: Vec<Vec<pb::Passage>> =
        (0..BATCHES).map(|_| (0..OF_BATCH).map(|_| passage(&post, now)).collect()).collect();

    let mut senders = Vec::new();
    for part in readings.chunks(BATCHES / 3) {
        let (part, duty) = (part.to_vec(), ground.sandbox.screening_replica_as(&process.url, "duty"));
        senders.push(tokio::spawn(async move {
            for batch in part {
                send(duty.clone(), batch).await;
            }
        }));
    }
    for part in passages.chunks(BATCHES / 2) {
        let (part, duty) = (part.to_vec(), ground.sandbox.screening_replica_as(&process.url, "duty"));
        senders.push(tokio::spawn(async move {
            for batch in part {
                pass(duty.clone(), batch).await;
            }
        }));
    }
    until(async || {
        let some = i64::try_from(OF_BATCH * 2).unwrap();
        (count(&ground, "reading").await >= some && count(&ground, "passage").await >= some).then_some(())
    })
    .await;
    process.kill();
    let process = start(&ground.sandbox, folder.path(), port);
    for sender in senders {
        sender.await.expect("sent");
    }
    // Everything once more, as a client does that does not know what was acknowledged.
    let duty = ground.sandbox.screening_replica_as(&process.url, "duty");
    for batch in readings {
        assert_eq!(send(duty.clone(), batch).await, 0, "each was taken in before");
    }
    for batch in passages {
        assert_eq!(pass(duty.clone(), batch).await, 0, "each was taken in before");
    }
    let all = i64::try_from(BATCHES * OF_BATCH).unwrap();
    assert_eq!((count(&ground, "reading").await, count(&ground, "passage").await), (all, all));
    let mut sql = ground.sandbox.sql().await;
    let passed: i64 = sqlx::query_scalar("SELECT sum(passed)::bigint FROM screening.shift")
        .fetch_one(&mut sql)
        .await
        .expect("a tally");
    assert_eq!(passed, all, "counted once");
    let (exceptions, verdict) = proved(&duty).await;
    assert!(verdict.holds, "{exceptions:?}");
    assert_eq!(verdict.readings, all);
}

#[tokio::test]
async fn who_follows_goes_on_at_another_replica_when_one_is_killed_and_misses_nothing() {
    const MANY: usize = 24;
    let ground = Ground::build().await;
    ground.sandbox.appointed(&ground.sandbox.root, registry::Office::Integrator, "machine").await;
    ground.known("machine").await;
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut process = start(&ground.sandbox, folder.path(), port);
    let machine = ground.sandbox.screening_replica_as(&process.url, "machine");
    until(async || machine.persons().list_persons(pb::ListPersonsRequest::default()).await.ok()).await;
    let mut follower = Follower::open(&machine, "").await;
    follower.snapshot().await;
    // It gives positions to what others do, until it is killed.
    let opening = async {
        let mut names = Vec::new();
        for nth in 0..MANY {
            names.push(ground.observed(nth % 3, "", "2020-02-01").await.name);
        }
        names
    };
    let following = async {
        follower.until(|held| held.len() >= MANY / 4).await;
        process.kill();
        while follower.take().await.is_ok() {}
        let mut again = Follower::open(&ground.screening("machine"), &follower.token).await;
        again.held.append(&mut follower.held);
        again.until(|held| held.len() == MANY).await;
        again.held
    };
    let (names, held) = tokio::join!(opening, following);
    assert!(names.iter().all(|name| held.contains_key(name)));
}

#[tokio::test]
async fn while_the_registry_is_silent_for_an_hour_facts_are_taken_in_and_nothing_is_decided() {
    let mut ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-01-19").await;
    let village = ground.village(0).await;
    ground.sandbox.stack().stop_service("registry").await.expect("stopped");
    let mut sql = ground.sandbox.sql().await;
    let refused = until(async || {
        // Again and again: something may have been on its way when the registry ended.
        silence(&mut sql, screening::SCHEMA).await;
        // Nothing was read: what is refused for that was not refused for silence.
        let refused = ground.release("duty-0", &observation.name, "").await.expect_err("nothing was read");
        (reason(&refused) == "FEED_STALE").then_some(refused)
    })
    .await;
    assert_eq!(refused.code(), Code::Unavailable);
    // Facts: somebody is found and watched over, read, passes, and a slot closes.
    ground.read(reading(&observation.name, on(3, "00:00"), 36.5)).await;
    let other = ground.observed(0, "", "2020-02-01").await;
    ground.advance(on(3, "12:30")).await;
    assert_eq!(ground.outcomes(&other.name).await[0], pb::Outcome::Missed);
    // Then it is back.
    ground.sandbox.stack().start_registry().await.expect("started");
    until(async || ground.release("duty-0", &observation.name, "").await.ok()).await;
    assert_eq!(ground.digest(&village).await.len(), 1, "of what was missed meanwhile");
}

#[tokio::test]
async fn a_database_that_stops_and_starts_under_load_loses_no_reading() {
    const BATCHES: usize = 60;
    let (_folder, mut server) = durable_postgres().await;
    let ground = Ground::on(Sandbox::start_on(server.url("postgres"), &[tests::Part::Screening]).await).await;
    let mut observations = Vec::new();
    for nth in 0..10 {
        observations.push(ground.observed(nth % 3, "", "2020-02-01").await.name);
    }
    let at = on(3, "00:00");
    let (says_down, down) = tokio::sync::watch::channel(false);
    let senders = (0..4).map(|_| {
        let (duty, mut down) = (ground.screening("duty"), down.clone());
        let batches: Vec<Vec<pb::Reading>> =
            (0..BATCHES).map(|_| observations.iter().map(|one| reading(one, at, 36.5)).collect()).collect();
        tokio::spawn(async move {
            for (nth, batch) in batches.into_iter().enumerate() {
                // The second half is sent to a database that is down, and until it is back.
                if nth == BATCHES / 2 {
                    down.wait_for(|down| *down).await.expect("it goes down");
                }
                send(duty.clone(), batch).await;
            }
        })
    });
    let senders: Vec<_> = senders.collect();
    until(async || (count(&ground, "reading").await > 0).then_some(())).await;
    server.crash().await.expect("stopped");
    let request = pb::IngestReadingsRequest { readings: vec![reading(&observations[0], at, 36.5)] };
    let refused = ground.screening("duty").readings().ingest_readings(request).await.expect_err("it is down");
    assert_eq!(refused.code(), Code::Unavailable);
    says_down.send_replace(true);
    server.resume().await.expect("started");
    for sender in senders {
        sender.await.expect("sent");
    }
    let all = i64::try_from(4 * BATCHES * 10).unwrap();
    assert_eq!(count(&ground, "reading").await, all);
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
}

#[tokio::test]
async fn two_replicas_that_open_an_observation_of_one_person_at_once_open_one() {
    let mut ground = Ground::build().await;
    let second = ground.sandbox.stack().start_screening().await.expect("another replica");
    let replicas = [ground.screening("leader-0"), ground.sandbox.screening_replica_as(&second, "leader-0")];
    let list = pb::ListPersonsRequest { ancestor_unit: ground.grids[0].clone(), ..Default::default() };
    until(async || replicas[1].persons().list_persons(list.clone()).await.ok()).await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let open = |replica: &Screening| {
        let (replica, person) = (replica.clone(), person.clone());
        async move {
            let observation = pb::Observation {
                person,
                basis: pb::Basis::Returnee.into(),
                last_exposure_date: "2020-02-01".to_owned(),
                ..Default::default()
            };
            let request =
                pb::OpenObservationRequest { request_id: request_id(), observation: Some(observation) };
            replica.observations().open_observation(request).await.expect("opened").into_inner()
        }
    };
    let opened = futures::future::join_all((0..6).map(|nth| open(&replicas[nth % 2]))).await;
    assert_eq!(opened.iter().filter(|opened| !opened.known).count(), 1);
    assert_eq!(count(&ground, "observation").await, 1);
    let observation = opened[0].observation.clone().expect("an observation").name;
    // Both close the same slots; each is closed once.
    ground.advance(on(5, "00:30")).await;
    assert_eq!(ground.digest(&ground.counties[0]).await[0].missed_in_a_row, 4);
    assert_eq!(ground.outcomes(&observation).await[..4], [pb::Outcome::Missed; 4]);
    assert!(ground.proof().await.1.holds);
}
