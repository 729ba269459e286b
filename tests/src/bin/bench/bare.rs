//! What a bare table takes, in the same Postgres: the baselines of taking in reports.

use std::{env, fs, path::Path, path::PathBuf, process::Stdio, time::Instant};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use sqlx::{Connection as _, PgConnection};
use tokio::process::Command;
use uuid::Uuid;

use super::city::City;

/// How many rows a statement of many inserts.
const BATCH: usize = 1_000;

/// Two tables as wide as a revision, without index, constraint or trigger.
const TABLES: &str = "CREATE SCHEMA bench;
    CREATE TABLE bench.single (LIKE reporting.revision);
    CREATE TABLE bench.many (LIKE reporting.revision);";

/// One row, with everything but the place written out.
const SINGLE: &str = r"\set place random(1, 12636)
INSERT INTO bench.single (business_date, day_id, place, slot, number, kind, timing, content, figures, reason, caller, request_id, fingerprint, entered_at_unit, on_behalf, informant, channel, received_at, note)
VALUES ('2020-02-03', '01900000-0000-7000-8000-000000000000', :place, 0, 1, 1, 2, 1, '{120,1,3}', '', 'bench-reporter-12345', '01900000-0000-7000-8000-000000000001', '\x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20', '01900000-0000-7000-8000-000000000002', false, '', 1, '2020-02-03 10:00:00+00', '');
";

const MANY: &str = "INSERT INTO bench.many (business_date, day_id, place, slot, number, kind, timing, content, figures, reason, caller, request_id, fingerprint, entered_at_unit, on_behalf, informant, channel, received_at, note)
    SELECT $1, $2, r.place, 0, 1, 1, 2, 1, '{120,1,3}', '', r.caller, r.request_id, r.fingerprint, r.unit, false, '', 1, r.received_at, ''
    FROM unnest($3::int[], $4::text[], $5::uuid[], $6::bytea[], $7::uuid[], $8::timestamptz[]) AS r (place, caller, request_id, fingerprint, unit, received_at)";

/// Makes the tables.
pub(crate) async fn prepare(city: &City) -> anyhow::Result<()> {
    run(city, TABLES).await
}

/// Empties the tables, so that a run does not fill the disk.
pub(crate) async fn empty(city: &City) -> anyhow::Result<()> {
    run(city, "TRUNCATE bench.single, bench.many").await
}

async fn run(city: &City, sql: &'static str) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(&city.admin_url).await?;
    sqlx::raw_sql(sql).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// Rows a second that pgbench inserts one by one over 8 connections, with a prepared statement.
pub(crate) async fn single(city: &City, folder: &Path, seconds: u64) -> anyhow::Result<f64> {
    let script = folder.join("single.sql");
    fs::write(&script, SINGLE)?;
    let running = Command::new(pgbench()?)
        .args(["-n", "-M", "prepared", "-c", "8", "-j", "2", "-T", &seconds.to_string(), "-f"])
        .arg(&script)
        .arg(&city.admin_url)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = running.await.context("running pgbench")?;
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    anyhow::ensure!(output.status.success(), "pgbench failed: {wrong}");
    let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.with_context(|| format!("pgbench said no rate:\n{said}"))
}

fn pgbench() -> anyhow::Result<PathBuf> {
    let asked = env::var_os("RAMPART_POSTGRES_BIN").map(PathBuf::from);
    let mut folders: Vec<PathBuf> = asked.into_iter().collect();
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    let found = folders.into_iter().map(|folder| folder.join("pgbench")).find(|path| path.is_file());
    found.context("pgbench is not there: it comes with PostgreSQL's server package")
}

/// Rows a second that one connection inserts, 1,000 a statement, each statement durable.
pub(crate) async fn many(city: &City, rows: usize) -> anyhow::Result<f64> {
    let mut connection = PgConnection::connect(&city.admin_url).await?;
    let (day, now) = (Uuid::now_v7(), chassis::clock::wall());
    let units: Vec<Uuid> = (0..BATCH).map(|_| Uuid::now_v7()).collect();
    let places: Vec<i32> = (0..).take(BATCH).collect();
    let callers = vec!["bench-reporter-12345".to_owned(); BATCH];
    let prints = vec![vec![7_u8; 32]; BATCH];
    let times: Vec<DateTime<Utc>> = vec![now; BATCH];
    let batches = rows.div_ceil(BATCH);
    let began = Instant::now();
    for _ in 0..batches {
        let requests: Vec<Uuid> = (0..BATCH).map(|_| Uuid::new_v4()).collect();
        sqlx::query(MANY)
            .bind(city.date)
            .bind(day)
            .bind(&places)
            .bind(&callers)
            .bind(&requests)
            .bind(&prints)
            .bind(&units)
            .bind(&times)
            .execute(&mut connection)
            .await?;
    }
    let rate = (batches * BATCH) as f64 / began.elapsed().as_secs_f64();
    connection.close().await?;
    Ok(rate)
}
