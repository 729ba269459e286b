//! Keys: a new one takes over from the old while the service is at work.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use proto::screening::{self as pb, exposure_item::Contact, exposure_result::Result as Taken};
use rampart::client::Screening;
use sqlx::{PgConnection, Row as _};
use tests::{faults::insist, person_keys, request_id, until};
use tokio::sync::watch;

use crate::{
    erasures::places,
    exposures::contact,
    ground::{Ground, NUMBER, details, person, without_papers},
    watch::on,
};

#[tokio::test]
async fn a_new_key_takes_over_under_load_and_nothing_is_lost() {
    let ground = Ground::build().await;
    let first = ground.found(0, details(NUMBER)).await;
    let others = (0..30).map(|_| ground.intake("leader-1", 1, without_papers("1950-01-01")));
    futures::future::join_all(others).await;
    let Ground { sandbox, counties, grids } = ground;
    let sandbox = sandbox.restart_with(person_keys("second")).await;
    let ground = Ground { sandbox, counties, grids };
    let load = (0..30).map(|_| ground.intake("leader-0", 0, details(NUMBER)));
    for taken in futures::future::join_all(load).await {
        assert_eq!(taken.expect("taken in").person.unwrap().name, first.name, "found by the old key's mark");
    }
    let mut sql = ground.sandbox.sql().await;
    until(async || {
        let old = "SELECT (SELECT count(*) FROM screening.person WHERE key_id = 'first')
                        + (SELECT count(*) FROM screening.finding WHERE key_id = 'first')";
        let left: i64 = sqlx::query(old).fetch_one(&mut sql).await.expect("a count").get(0);
        (left == 0).then_some(())
    })
    .await;
    let person = ground.get("leader-0", &first.name).await.expect("opened");
    assert_eq!(person.details.unwrap().paper.unwrap().number, NUMBER);
    let request =
        pb::RevealPersonRequest { request_id: request_id(), name: first.name, reason: "to see".to_owned() };
    let revealed =
        ground.screening("duty").persons().reveal_person(request).await.expect("revealed").into_inner();
    assert_eq!(revealed.findings.len(), 31);
    // The old key goes: everybody is found and revealed by the new one, and what was found by the old is forgotten.
    let Ground { sandbox, counties, grids } = ground;
    let ground = Ground { sandbox: sandbox.restart_with(person_keys("third")).await, counties, grids };
    let again = ground.intake("leader-0", 0, details(NUMBER)).await.expect("taken in");
    assert!(again.known);
    assert_eq!(again.person.expect("a person").name, person.name);
    until(async || {
        let old = "SELECT count(*) FROM screening.person_mark WHERE key_id = 'first'";
        let left: i64 = sqlx::query(old).fetch_one(&mut sql).await.expect("a count").get(0);
        (left == 0).then_some(())
    })
    .await;
    let request =
        pb::RevealPersonRequest { request_id: request_id(), name: person.name, reason: "to see".to_owned() };
    ground.screening("duty").persons().reveal_person(request).await.expect("revealed");
}

/// How many rows a key still seals.
async fn sealed_with(sql: &mut PgConnection, key: &str) -> i64 {
    let left = "SELECT (SELECT count(*) FROM screening.person WHERE key_id = $1) + (SELECT count(*) FROM screening.finding WHERE key_id = $1)
                     + (SELECT count(*) FROM screening.handdown_source WHERE key_id = $1)
                     + (SELECT count(*) FROM screening.exposure WHERE key_id = $1) + (SELECT count(*) FROM screening.incident WHERE key_id = $1)";
    sqlx::query_scalar(left).bind(key).fetch_one(sql).await.expect("a count")
}

/// Whoever takes persons in and reads them while replicas come and go: asks any that runs, again where one ends.
struct Load {
    token: String,
    clients: Mutex<HashMap<String, Screening>>,
    running: watch::Receiver<Vec<String>>,
    unit: String,
}

impl Load {
    /// One of those that run now.
    fn any(&self, nth: usize) -> Screening {
        let endpoint = {
            let running = self.running.borrow();
            running[nth % running.len()].clone()
        };
        let mut clients = self.clients.lock().expect("whole");
        let client = clients
            .entry(endpoint)
            .or_insert_with_key(|endpoint| Screening::new(endpoint, &self.token).expect("a client"));
        client.clone()
    }

    /// Takes somebody in with somebody whom they met, and reads the one before; answers the person and the exposure.
    async fn round(&self, nth: usize, before: Option<&str>) -> (String, String) {
        let born = format!("19{:02}-0{}-1{}", 10 + nth / 81 % 90, 1 + nth / 9 % 9, nth % 9);
        let request = pb::IntakePersonRequest {
            request_id: request_id(),
            person: Some(person(&self.unit, without_papers(&born))),
            source: String::new(),
        };
        let (taken, _) = insist(|| {
            let (any, request) = (self.any(nth), request.clone());
            async move { any.persons().intake_person(request).await }
        })
        .await;
        let name = taken.into_inner().person.expect("a person").name;
        let met = pb::ExposureItem {
            place: format!("样例食堂{nth}"),
            ..contact("", Contact::Person(name.clone()), on(2, "12:00"))
        };
        let request = pb::IngestExposuresRequest { unit: self.unit.clone(), items: vec![met] };
        let (met, _) = insist(|| {
            let (any, request) = (self.any(nth + 1), request.clone());
            async move { any.exposures().ingest_exposures(request).await }
        })
        .await;
        let met = match met.into_inner().results.remove(0).result {
            Some(Taken::Accepted(accepted)) => accepted.exposure.expect("one").name,
            Some(Taken::Duplicate(name)) => name,
            other => panic!("not taken in: {other:?}"),
        };
        if let Some(before) = before {
            let request = pb::GetPersonRequest { name: before.to_owned() };
            let (seen, _) = insist(|| {
                let (any, request) = (self.any(nth), request.clone());
                async move { any.persons().get_person(request).await }
            })
            .await;
            assert_eq!(
                seen.into_inner().person.expect("a person").details.expect("whole").address,
                "样例街一号"
            );
        }
        (name, met)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_takes_over_on_two_replicas_one_after_the_other_under_load_and_nobody_is_refused() {
    let mut ground = Ground::build().await;
    let first = ground.found(0, details(NUMBER)).await;
    let second = ground.sandbox.stack().start_screening().await.expect("another replica");
    let mut running = vec![ground.sandbox.screening_url().to_owned(), second];
    let (says, hears) = watch::channel(running.clone());
    let (ends, ended) = watch::channel(false);
    let loads = (0..2).map(|nth| {
        let load = Load {
            token: ground.sandbox.issuer.token("leader-0", Duration::from_secs(3_600)).expect("a token"),
            clients: Mutex::default(),
            running: hears.clone(),
            unit: ground.grids[0].clone(),
        };
        let ended = ended.clone();
        tokio::spawn(async move {
            let mut made: Vec<(String, String)> = Vec::new();
            while !*ended.borrow() {
                let before = made.last().map(|(person, _)| person.clone());
                made.push(load.round(nth + 2 * made.len(), before.as_deref()).await);
            }
            made
        })
    });
    let loads: Vec<_> = loads.collect();
    let mut sql = ground.sandbox.sql().await;
    // A new key is put behind the other on every replica, then before it, and the old one is taken away.
    for (ring, sealing, gone) in
        [("behind", "first", ""), ("second", "second", "first"), ("third", "second", "first")]
    {
        ground.sandbox.stack().set_person_keys(person_keys(ring));
        for _ in 0..2 {
            let started = ground.sandbox.stack().start_screening().await.expect("another replica");
            running.push(started);
            running.remove(0);
            says.send_replace(running.clone());
            let before = sealed_with(&mut sql, sealing).await;
            until(async || (sealed_with(&mut sql, sealing).await > before + 6).then_some(())).await;
            ground.sandbox.stack().stop_oldest("screening").await.expect("stopped");
        }
        until(async || (sealed_with(&mut sql, gone).await == 0).then_some(())).await;
    }
    ends.send_replace(true);
    let mut made = Vec::new();
    for load in loads {
        made.extend(load.await.expect("nobody was refused"));
    }
    assert!(made.len() > 30 && sealed_with(&mut sql, "first").await == 0, "{} rounds", made.len());
    // Both replicas open everything.
    for endpoint in &running {
        let leader = ground.sandbox.screening_replica_as(endpoint, "leader-0");
        let get = pb::GetPersonRequest { name: first.name.clone() };
        let person = leader.persons().get_person(get).await.expect("opened").into_inner().person;
        assert_eq!(person.expect("one").details.expect("whole").paper.expect("a paper").number, NUMBER);
        for (person, exposure) in &made {
            let get = pb::GetPersonRequest { name: person.clone() };
            let person = leader.persons().get_person(get).await.expect("opened").into_inner().person;
            assert_eq!(person.expect("one").details.expect("whole").display_name, "张样例");
            let get = pb::GetExposureRequest { name: exposure.clone() };
            let exposure = leader.exposures().get_exposure(get).await.expect("opened").into_inner().exposure;
            assert!(exposure.expect("one").place.starts_with("样例食堂"));
        }
        let request = pb::RevealPersonRequest {
            request_id: request_id(),
            name: made[0].0.clone(),
            reason: "to see".to_owned(),
        };
        let duty = ground.sandbox.screening_replica_as(endpoint, "duty");
        duty.persons().reveal_person(request).await.expect("revealed");
    }
}

#[tokio::test]
async fn what_an_older_program_left_open_is_sealed_and_taken_away() {
    let ground = Ground::with_doctors().await;
    let index = ground.found(0, details(NUMBER)).await.name;
    let at_work = |of: &str| pb::ExposureItem {
        place: "样例食品厂 食堂".to_owned(),
        index_reference: "样例舅舅".to_owned(),
        ..contact("", Contact::Details(without_papers(of)), on(2, "12:00"))
    };
    let one = ground.exposed(0, at_work("1980-01-01")).await.exposure.expect("one");
    let other = pb::ExposureItem { index: index.clone(), ..at_work("1980-01-02") };
    let other = ground.exposed(0, other).await.exposure.expect("one");
    ground.confirmed(0, &index).await;
    ground.confirmed(0, &other.contact).await;
    let met_there = async || {
        let incidents = ground.incidents("doctor-0").await;
        incidents.iter().any(|incident| incident.place == "样例食品厂 食堂")
    };
    assert!(met_there().await, "who met there");
    // As an older program has written it.
    let mut sql = ground.sandbox.sql().await;
    let older = "WITH e AS (UPDATE screening.exposure SET place = '样例食品厂 食堂', place_key = '样例食品厂食堂', index_reference = '样例舅舅',
                             key_id = NULL, sealed = NULL, place_hash = NULL RETURNING id)
                 UPDATE screening.incident SET place = '样例食品厂 食堂', key_id = NULL, sealed = NULL WHERE sealed IS NOT NULL";
    sqlx::query(older).execute(&mut sql).await.expect("opened behind the service");
    let shown = async |ground: &Ground, name: &str| {
        let request = pb::GetExposureRequest { name: name.to_owned() };
        let doctor = ground.screening("doctor-0");
        doctor.exposures().get_exposure(request).await.expect("shown").into_inner().exposure.expect("one")
    };
    assert_eq!(shown(&ground, &one.name).await, one, "until it is sealed it is read as it stands");
    for text in ["食堂", "舅舅"] {
        until(async || places(&mut sql, text.as_bytes()).await.is_empty().then_some(())).await;
    }
    assert_eq!(shown(&ground, &one.name).await, one);
    assert!(met_there().await);
    // Found by the hash that was made of it.
    let hash = "SELECT count(DISTINCT place_hash) FROM screening.exposure WHERE place_key = ''";
    let hash: i64 = sqlx::query_scalar(hash).fetch_one(&mut sql).await.expect("a count");
    assert_eq!(hash, 1);
}
