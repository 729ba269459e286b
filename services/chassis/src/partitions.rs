//! Tables that grow by the day are partitioned by it; this makes the days to come and drops the old.

use std::time::Duration;

use chrono::{Days, NaiveDate};
use sqlx::{PgConnection, PgPool, Postgres, pool::PoolConnection};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Fault, clock};

/// How many days ahead partitions stand ready.
const AHEAD: u64 = 3;

/// How often a connection is asked for: half a minute in all.
const ATTEMPTS: usize = 10;

/// How many connections a start opens first: one for what it reads, one for what follows the registry beside it.
const FIRST: u32 = 2;

/// As long as a call waits for a connection: where one is refused at once, the next is asked for no sooner.
const BETWEEN: Duration = Duration::from_secs(3);

/// A table partitioned by day, and how long its rows are kept.
#[derive(Clone, Copy, Debug)]
pub struct DayTable {
    /// The table's name in the service's schema.
    pub table: &'static str,
    /// How many days its rows are kept.
    pub kept_days: u64,
}

/// Makes the partitions around a day and drops those past their retention. Idempotent.
///
/// # Errors
/// Where the database fails.
pub async fn keep(connection: &mut PgConnection, tables: &[DayTable], today: NaiveDate) -> Result<(), Fault> {
    for DayTable { table, kept_days } in tables {
        sqlx::query_scalar!(
            "SELECT keep_day_partitions($1, $2, $3, $4)",
            table,
            today - Days::new(*kept_days),
            today - Days::new(1),
            today + Days::new(AHEAD),
        )
        .fetch_one(&mut *connection)
        .await?;
    }
    Ok(())
}

/// The same over a connection of the pool.
async fn keep_by(pool: &PgPool, tables: &[DayTable], today: NaiveDate) -> Result<(), Fault> {
    keep(&mut *patiently(pool).await?, tables, today).await
}

/// A connection: what is done in the background waits for one longer than a call does, through a database that has none
/// left or starts again.
async fn patiently(pool: &PgPool) -> Result<PoolConnection<Postgres>, Fault> {
    for _ in 1..ATTEMPTS {
        let asked = Instant::now();
        match pool.acquire().await.map_err(Fault::from) {
            Err(Fault::Unavailable(_)) => tracing::warn!("the database is busy; trying on"),
            acquired => return acquired,
        }
        tokio::time::sleep_until(asked + BETWEEN).await;
    }
    Ok(pool.acquire().await?)
}

/// Opens the first connections of a pool: what a start reads next finds them, however busy the database is.
///
/// # Errors
/// Where the database has none for half a minute.
pub(crate) async fn warm(pool: &PgPool) -> Result<(), Fault> {
    let most = pool.options().get_max_connections().min(FIRST);
    let mut opened = Vec::new();
    for _ in 0..most {
        opened.push(patiently(pool).await?);
    }
    Ok(())
}

/// Keeps the partitions every hour until `shutdown`. A failure is logged and tried again.
pub async fn keeper(pool: PgPool, tables: &'static [DayTable], shutdown: CancellationToken) {
    let mut hour = tokio::time::interval(Duration::from_secs(3_600));
    hour.tick().await;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = hour.tick() => {}
        }
        if let Err(fault) = keep_by(&pool, tables, clock::wall().date_naive()).await {
            tracing::warn!(?fault, "the day's partitions could not be made; trying again in an hour");
        }
    }
}
