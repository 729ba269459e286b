//! The pool of one service, its migrations and its transactions.

use std::{borrow::Cow, time::Duration};

use sqlx::{
    Connection as _, PgConnection, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Fault, work::Work};

/// The migrations that every service's schema begins with.
static OWN: Migrator = sqlx::migrate!("./migrations");

/// The oldest schema of this crate that this program still works with.
const SCHEMA: i64 = 2;

/// The longest a transaction of a call may take where the call brings no deadline of its own.
const LONGEST: Duration = Duration::from_secs(10);

/// The longest a call waits for a connection: shorter than what callers wait for an answer, so that they
/// are told that the database is down, and not that time has passed.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// A connection that was idle for so long is asked whether it still is one before it is used.
const ASK_AFTER: Duration = Duration::from_secs(1);

/// How long a service that starts waits for its database to start, too.
const STARTING: Duration = Duration::from_secs(30);

/// One service's database: its runtime role, whose search_path is the service's schema.
#[derive(Clone, Debug)]
pub struct Database {
    pool: PgPool,
    secret: [u8; 32],
}

/// Why a service cannot start on its database.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be reached or refuses.
    #[error("the database cannot be used: {0}")]
    Sqlx(#[from] sqlx::Error),
    /// The service was told to end first.
    #[error("stopped before the database was up")]
    Stopped,
    /// A migration failed.
    #[error("the migration failed: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The schema needs a newer program.
    #[error(
        "the schema needs a program that knows schema {floor} and this one knows {SCHEMA}: install the newer release"
    )]
    TooOld {
        /// What the schema asks for.
        floor: i64,
    },
}

impl Database {
    /// Connects with the runtime role's URL, waiting a while for a database that is not up yet, and checks
    /// that the schema suits this program.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn connect(url: &str, most: u32, shutdown: &CancellationToken) -> Result<Self, StartError> {
        let mut own = starting(url, shutdown).await?;
        let database = Self::on(url, most, &mut own).await?;
        own.close().await?;
        Ok(database)
    }

    /// As [`Self::connect`], with a connection of the start's own, which is left to the caller.
    pub(crate) async fn on(url: &str, most: u32, own: &mut PgConnection) -> Result<Self, StartError> {
        let options: PgConnectOptions = url.parse()?;
        let pool = PgPoolOptions::new()
            .max_connections(most)
            .acquire_timeout(LONGEST_WAIT)
            // A connection that was in use just now is taken to be good: to ask would cost every call a
            // round trip.
            .test_before_acquire(false)
            .before_acquire(|connection, used| {
                Box::pin(async move {
                    if used.idle_for >= ASK_AFTER {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options);
        let floor =
            sqlx::query_scalar!("SELECT oldest_schema FROM program_floor").fetch_one(&mut *own).await?;
        if floor > SCHEMA {
            return Err(StartError::TooOld { floor });
        }
        let secret = sqlx::query_scalar!("SELECT value FROM secret").fetch_one(own).await?;
        let secret = secret.try_into().unwrap_or([0; 32]);
        Ok(Self { pool, secret })
    }

    /// The pool, for reads of one statement.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// What signs this service's opaque tokens, the same for all its replicas.
    #[must_use]
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// Begins the transaction of a call, which ends with the call's deadline.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] without a connection, [`Fault::Deadline`] where the deadline has passed.
    pub async fn begin(&self, deadline: Option<Instant>) -> Result<Work, Fault> {
        Ok(Work::begin(&self.pool, beginning(deadline)?).await?)
    }

    /// As [`Self::begin`], for a page of a list: what it asks is planned for its very arguments each time. A plan for any
    /// arguments does not know which filters are left out, nor how short a page is.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn begin_page(&self, deadline: Option<Instant>) -> Result<Work, Fault> {
        let begin = format!("{}; SET LOCAL plan_cache_mode = force_custom_plan", beginning(deadline)?);
        Ok(Work::begin(&self.pool, begin).await?)
    }

    /// Begins a transaction that touches few rows of great tables: it looks them up by index, whatever the
    /// statistics of a table that has just been filled say. It shares these advisory
    /// locks with others like it, in their order.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] without a connection.
    pub async fn begin_pointed(&self, locks: &[i64]) -> Result<Work, Fault> {
        let mut begin = format!(
            "BEGIN; SET LOCAL statement_timeout = {}; SET LOCAL enable_seqscan = off",
            LONGEST.as_millis()
        );
        for lock in locks {
            begin.push_str(&format!("; SELECT pg_advisory_xact_lock_shared({lock})"));
        }
        Ok(Work::begin(&self.pool, begin).await?)
    }

    /// Begins a read-only transaction that sees one state of the database throughout.
    ///
    /// # Errors
    /// As [`Database::begin`].
    pub async fn snapshot(&self) -> Result<Work, Fault> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL plan_cache_mode = auto";
        Ok(Work::begin(&self.pool, begin.to_owned()).await?)
    }
}

/// The words that begin a transaction which ends with a call's deadline.
fn beginning(deadline: Option<Instant>) -> Result<String, Fault> {
    let left = deadline.map_or(LONGEST, |end| end.saturating_duration_since(Instant::now()));
    if left.is_zero() {
        return Err(Fault::Deadline);
    }
    let timeout = left.as_millis().max(1);
    Ok(format!("BEGIN; SET LOCAL statement_timeout = {timeout}; SET LOCAL plan_cache_mode = auto"))
}

/// A connection for what is done at a start, for which it waits until the database lets this role in: a pool gives up on one
/// after as long as a call waits, which a busy machine may need for it.
///
/// # Errors
/// [`StartError`].
pub(crate) async fn starting(url: &str, shutdown: &CancellationToken) -> Result<PgConnection, StartError> {
    let options: PgConnectOptions = url.parse()?;
    shutdown.run_until_cancelled(reachable(&options)).await.ok_or(StartError::Stopped)?
}

async fn reachable(options: &PgConnectOptions) -> Result<PgConnection, StartError> {
    let end = Instant::now() + STARTING;
    let mut said = false;
    loop {
        match PgConnection::connect_with(options).await {
            Ok(connection) => return Ok(connection),
            Err(error) if Instant::now() < end && is_not_up(&error) => {
                if !std::mem::replace(&mut said, true) {
                    tracing::warn!(%error, "the database is not up yet; trying on for {} s", STARTING.as_secs());
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Nobody listens, it is starting up, or it has no connection left just now.
fn is_not_up(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(refusal) => matches!(refusal.code().as_deref(), Some("57P03" | "53300")),
        _ => false,
    }
}

/// A part of a schema: the table that keeps its history, and its migrations.
pub type Part = (&'static str, &'static Migrator);

/// The checksums of every migration of a service, this crate's first: what a schema is made by.
pub fn history(parts: &[Part]) -> impl Iterator<Item = &[u8]> {
    let parts = parts.iter().flat_map(|(_, migrations)| migrations.iter());
    OWN.iter().chain(parts).map(|migration| migration.checksum.as_ref())
}

/// Brings a service's schema up to date: this crate's part, then the others in order. Waits for another
/// migration of the same database and does nothing where nothing is to do.
///
/// # Errors
/// [`StartError`]; a migration is applied whole or not at all.
pub async fn migrate(owner_url: &str, parts: &[Part]) -> Result<(), StartError> {
    let pool = PgPoolOptions::new().max_connections(1).connect(owner_url).await?;
    for (table, migrations) in [("_chassis_migrations", &OWN)].iter().chain(parts) {
        let part = Migrator {
            migrations: Cow::Borrowed(&migrations.migrations),
            table_name: Cow::Borrowed(*table),
            ..Migrator::DEFAULT
        };
        part.run(&pool).await?;
    }
    pool.close().await;
    Ok(())
}
