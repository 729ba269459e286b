//! What befell observations.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::observations::{Event, Observation};

/// Something that befell an observation.
#[derive(Clone, Debug)]
pub struct Happened {
    /// What, as the contract numbers it.
    pub kind: i16,
    /// Who said so.
    pub said_by: String,
    /// In words.
    pub words: String,
    /// The end of the window from then on.
    pub ends_at: DateTime<Utc>,
    /// When.
    pub happened_at: DateTime<Utc>,
}

/// Notes what befell an observation, which is locked.
///
/// # Errors
/// Where the database fails.
pub async fn note(
    connection: &mut PgConnection,
    observation: &Observation,
    event: Event,
    (said_by, words, now): (&str, &str, DateTime<Utc>),
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO observation_event (observation_id, number, kind, said_by, words, ends_at, happened_at)
         SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6 FROM observation_event WHERE observation_id = $1",
        observation.id,
        event as i16,
        said_by,
        words,
        observation.ends_at,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What befell an observation, the first first.
///
/// # Errors
/// Where the database fails.
pub async fn happened(connection: &mut PgConnection, observation: Uuid) -> Result<Vec<Happened>, Fault> {
    let rows = sqlx::query_as!(
        Happened,
        "SELECT kind, said_by, words, ends_at, happened_at FROM observation_event WHERE observation_id = $1 ORDER BY number",
        observation,
    );
    Ok(rows.fetch_all(connection).await?)
}
