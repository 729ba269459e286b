//! Transactions: whatever becomes of one, the next that uses its connection begins with nothing.

use chassis::{Database, database::migrate};
use sqlx::{Connection as _, PgConnection};
use tests::{as_role, blank, until};
use tokio_util::sync::CancellationToken;

/// A lock that a transaction waits for.
const LOCK: i64 = 20_200_203;

/// A database with one connection, and one of the administrator, who holds the lock.
async fn locked() -> (Database, PgConnection) {
    let url = blank(&[registry::SCHEMA]).await;
    migrate(&as_role(&url, "registry_owner"), registry::PARTS).await.expect("migrated");
    let runtime = as_role(&url, "registry_runtime");
    let database = Database::connect(&runtime, 1, &CancellationToken::new()).await.expect("connected");
    let mut admin = PgConnection::connect(&url).await.expect("connected");
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut admin).await.expect("locked");
    (database, admin)
}

/// Waits until somebody waits for the lock; answers who.
async fn waiting(admin: &mut PgConnection) -> i32 {
    const WAITING: &str = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    until(async || sqlx::query_scalar(WAITING).fetch_optional(&mut *admin).await.expect("locks")).await
}

/// Whether a statement of its own is durable when it is answered.
async fn is_durable(database: &Database, admin: &mut PgConnection) -> bool {
    let made = sqlx::query_scalar("SELECT pg_current_xact_id()::text").fetch_one(database.pool()).await;
    let made: String = made.expect("a transaction of its own");
    let status = sqlx::query_scalar("SELECT pg_xact_status($1::xid8)").bind(made).fetch_one(admin).await;
    let status: String = status.expect("a status");
    status == "committed"
}

#[tokio::test]
async fn one_that_is_given_up_while_it_begins_is_over() {
    let (database, mut admin) = locked().await;
    tokio::select! {
        begun = database.begin_pointed(&[LOCK]) => panic!("it waits: {begun:?}"),
        _ = waiting(&mut admin) => {}
    }
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(LOCK).execute(&mut admin).await.expect("unlocked");
    assert!(is_durable(&database, &mut admin).await, "what is written next is in nobody's transaction");
}

#[tokio::test]
async fn one_that_fails_to_begin_is_over() {
    let (database, mut admin) = locked().await;
    let failing = tokio::spawn({
        let database = database.clone();
        async move { database.begin_pointed(&[LOCK]).await.map(drop) }
    });
    let pid = waiting(&mut admin).await;
    sqlx::query("SELECT pg_cancel_backend($1)").bind(pid).execute(&mut admin).await.expect("cancelled");
    failing.await.expect("it ends").expect_err("cancelled");
    let mut next = database.begin(None).await.expect("the next one begins");
    sqlx::query("SELECT 1").execute(&mut *next).await.expect("and works");
    next.commit().await.expect("committed");
    assert!(is_durable(&database, &mut admin).await);
}

#[tokio::test]
async fn one_that_is_dropped_is_rolled_back() {
    let (database, mut admin) = locked().await;
    let mut work = database.begin(None).await.expect("begun");
    let made = sqlx::query_scalar("SELECT pg_current_xact_id()::text").fetch_one(&mut *work).await;
    let made: String = made.expect("a transaction");
    drop(work);
    assert!(is_durable(&database, &mut admin).await);
    let status = sqlx::query_scalar("SELECT pg_xact_status($1::xid8)").bind(made).fetch_one(&mut admin).await;
    assert_eq!(status.ok(), Some("aborted".to_owned()));
}
