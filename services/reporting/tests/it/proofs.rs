//! Proofs: they pass, and they can fail.

use futures::StreamExt as _;
use proto::reporting::ProofFinding as Finding;
use sqlx::Executor as _;

use crate::town::{Town, epidemic_day, grid_day, said, submit};

async fn sealed_town() -> Town {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    for grid in 0..4 {
        town.report(&form.name, grid, &[("febrile", 1), ("at_home", 5)]).await.expect("taken in");
    }
    town.sealed(&form.name, "").await;
    town
}

#[tokio::test]
async fn what_is_in_order_is_proved_and_the_missing_are_named() {
    let town = sealed_town().await;
    let (exceptions, verdict) = town.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
    assert_eq!((verdict.days, verdict.expectations, verdict.revisions, verdict.seals), (1, 5, 4, 1));
    let kinds: Vec<_> = exceptions.iter().map(|one| (one.finding(), one.breaks_the_law)).collect();
    assert_eq!(kinds, [(Finding::Missing, false)]);
    assert!(exceptions[0].display_name.contains("乙县"));
}

#[tokio::test]
async fn a_cumulative_seal_is_proved_too() {
    let town = Town::build().await;
    let form = town.form(epidemic_day()).await;
    let figures = [("confirmed", 2), ("discharged", 1), ("observed", 4)];
    submit(&town.sandbox.reporting_as("health-0"), said(&form.name, &town.towns[0], &figures)).await.unwrap();
    town.sealed(&form.name, "on paper").await;
    let (exceptions, verdict) = town.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_of_tampering_is_found() {
    let triggers = "ALTER TABLE reporting.seal DISABLE TRIGGER USER; ALTER TABLE reporting.seal_total DISABLE TRIGGER USER;
        ALTER TABLE reporting.seal_part DISABLE TRIGGER USER; ALTER TABLE reporting.revision DISABLE TRIGGER USER;";
    let cases = [
        (
            "UPDATE reporting.total SET cells[12] = cells[12] + 1 WHERE stripe = 0 AND place = 1",
            Finding::TotalDiffers,
        ),
        (
            "UPDATE reporting.total SET cells[2] = cells[2] + 1 WHERE stripe = 0 AND place = 0",
            Finding::MatrixDiffers,
        ),
        ("UPDATE reporting.expectation SET figures[2] = 7 WHERE revision = 1", Finding::FactsDiffer),
        ("UPDATE reporting.expectation SET timing = 2, content = 2 WHERE timing = 6", Finding::FactsDiffer),
        ("DELETE FROM reporting.expectation WHERE timing = 6", Finding::ExpectationDiffers),
        (
            "DELETE FROM reporting.revision WHERE place = (SELECT min(place) FROM reporting.revision)",
            Finding::FactsDiffer,
        ),
        ("UPDATE reporting.revision SET figures[2] = 9", Finding::SealDiffers),
        ("UPDATE reporting.seal_total SET cells[12] = 99 WHERE place = 0", Finding::SealDiffers),
        ("UPDATE reporting.seal_part SET revisions[1] = 0", Finding::SealDiffers),
        ("UPDATE reporting.seal SET digest = '\\x00'", Finding::SealDiffers),
    ];
    let checks = cases.map(|(tampering, finding)| async move {
        let town = sealed_town().await;
        let mut sql = town.sandbox.sql().await;
        let statements = format!("{triggers} {tampering}");
        sql.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(statements))).await.expect("tampered");
        let (exceptions, verdict) = town.proof().await;
        let found = exceptions.iter().any(|one| one.finding() == finding && one.breaks_the_law);
        assert!(found && !verdict.holds, "{tampering}: {exceptions:?}");
    });
    // Most of each is waiting; all at once would be too many services for a small machine.
    futures::stream::iter(checks).buffer_unordered(2).collect::<()>().await;
}

#[tokio::test]
async fn what_was_sealed_or_said_cannot_be_changed_by_the_service_s_own_role() {
    let town = sealed_town().await;
    let runtime = tests::as_role(&town.sandbox.admin_url, "reporting_runtime");
    let mut sql = <sqlx::PgConnection as sqlx::Connection>::connect(&runtime).await.unwrap();
    for statement in
        ["UPDATE seal SET reason = 'x'", "DELETE FROM seal_part", "UPDATE revision SET reason = 'x'"]
    {
        let refused = sql.execute(statement).await.expect_err(statement);
        assert!(refused.to_string().contains("never changed"), "{refused}");
    }
}
