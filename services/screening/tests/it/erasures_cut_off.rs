//! Erasures that fall in the middle, or meet somebody at work on the same person: each person is whole or erased.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tests::{person_keys, until};

use crate::{
    erasures::{id, noon, secrets},
    ground::{Ground, NUMBER, OTHER_NUMBER, details, without_papers},
};

#[tokio::test]
async fn a_fall_in_the_middle_leaves_each_whole_or_erased_and_the_next_pass_goes_on() {
    let ground = Ground::build().await;
    let [one, other] =
        [ground.waived(0, details(NUMBER)).await, ground.waived(0, details(OTHER_NUMBER)).await];
    let mut sql = ground.sandbox.sql().await;
    let falls = format!(
        "SET search_path = screening;
         CREATE FUNCTION falls() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''cut off''; END';
         CREATE TRIGGER falls BEFORE INSERT ON erasure FOR EACH ROW WHEN (NEW.person_id = '{}') EXECUTE FUNCTION falls()",
        id(&one)
    );
    sql.execute(sqlx::raw_sql(AssertSqlSafe(falls))).await.expect("it will fall");
    let before = secrets(&mut sql, &one).await;
    ground.advance(noon("08-02")).await;
    ground.erased(&other).await;
    assert_eq!(secrets(&mut sql, &one).await, before, "nothing of it is half done");
    assert!(ground.get("leader-0", &one).await.expect("whole").details.is_some());
    sql.execute("DROP TRIGGER falls ON erasure").await.expect("mended");
    let Ground { sandbox, counties, grids } = ground;
    let ground = Ground { sandbox: sandbox.restart().await, counties, grids };
    ground.known("duty").await;
    ground.erased(&one).await;
    assert!(secrets(&mut sql, &one).await.is_empty());
    let noted: i64 =
        sqlx::query_scalar("SELECT count(*) FROM erasure").fetch_one(&mut sql).await.expect("a count");
    assert_eq!(noted, 2, "each once");
}

#[tokio::test]
async fn a_new_key_takes_over_beside_an_erasure() {
    let ground = Ground::build().await;
    let old = ground.waived(0, details(NUMBER)).await;
    for year in 1930..1945 {
        ground.waived(1, without_papers(&format!("{year}-01-01"))).await;
    }
    ground.advance(noon("07-30")).await;
    let young = ground.found(0, details(OTHER_NUMBER)).await;
    let Ground { sandbox, counties, grids } = ground;
    sandbox.clock.advance_to(noon("08-02"));
    let ground = Ground { sandbox: sandbox.restart_with(person_keys("second")).await, counties, grids };
    ground.known("duty").await;
    ground.erased(&old).await;
    let mut sql = ground.sandbox.sql().await;
    until(async || {
        let left = "SELECT (SELECT count(*) FROM screening.person WHERE key_id = 'first' OR (erased_at IS NULL AND delete_after < '2020-08-02'))
                         + (SELECT count(*) FROM screening.finding WHERE key_id = 'first')";
        let left: i64 = sqlx::query_scalar(left).fetch_one(&mut sql).await.expect("a count");
        (left == 0).then_some(())
    })
    .await;
    let sealed: i64 = sqlx::query_scalar("SELECT count(*) FROM screening.person WHERE sealed IS NOT NULL")
        .fetch_one(&mut sql)
        .await
        .expect("a count");
    assert_eq!(sealed, 1, "what was erased is not sealed again");
    let young = ground.get("leader-0", &young.name).await.expect("opened by the new key");
    assert_eq!(young.details.expect("details").paper.expect("a paper").number, OTHER_NUMBER);
}

#[tokio::test]
async fn whoever_is_taken_in_while_they_are_erased_is_a_new_person() {
    let ground = Ground::build().await;
    let old = ground.waived(0, details(NUMBER)).await;
    let mut sql = ground.sandbox.sql().await;
    // As an erasure does it, stopped before its end.
    sql.execute("BEGIN").await.expect("begun");
    for statement in [
        "SELECT 1 FROM screening.person WHERE id = $1 FOR UPDATE",
        "DELETE FROM screening.person_mark WHERE person_id = $1",
        "UPDATE screening.person SET key_id = NULL, sealed = NULL, erased_at = '2020-02-03', version = version + 1 WHERE id = $1",
    ] {
        sqlx::query(statement).bind(id(&old)).execute(&mut sql).await.expect("done");
    }
    let taking = ground.intake("leader-0", 0, details(NUMBER));
    let waiting = async {
        let mut other = PgConnection::connect(&ground.sandbox.admin_url).await.expect("the database");
        until(async || {
            let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%same_as = $1%FOR UPDATE%'";
            let waits: i64 = sqlx::query_scalar(waits).fetch_one(&mut other).await.expect("a count");
            (waits > 0).then_some(())
        })
        .await;
        sql.execute("COMMIT").await.expect("committed");
    };
    let (taken, ()) = tokio::join!(taking, waiting);
    let taken = taken.expect("taken in");
    assert!(!taken.known && taken.person.expect("a person").name != old);
    // And the other way round: whoever is at work on a person is waited for by a later pass.
    let busy = ground.waived(1, details(OTHER_NUMBER)).await;
    sql.execute("BEGIN").await.expect("begun");
    let lock = sqlx::query("SELECT 1 FROM screening.person WHERE id = $1 FOR KEY SHARE").bind(id(&busy));
    lock.execute(&mut sql).await.expect("locked");
    let free = ground.waived(1, without_papers("1950-01-01")).await;
    ground.advance(noon("08-02")).await;
    ground.erased(&free).await;
    assert!(ground.get("leader-1", &busy).await.expect("whole").details.is_some());
    sql.execute("COMMIT").await.expect("committed");
    ground.advance(noon("08-03")).await;
    ground.erased(&busy).await;
}
