//! Keys: a new one takes over from the old while the service is at work.

use proto::screening as pb;
use sqlx::Row as _;
use tests::{person_keys, request_id, until};

use crate::ground::{Ground, NUMBER, details, without_papers};

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
