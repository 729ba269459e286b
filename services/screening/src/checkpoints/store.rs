//! Checkpoints remember here.

use std::collections::HashMap;

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Checkpoint, Tally};

/// Checkpoints by a condition.
macro_rules! checkpoints {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Checkpoint,
            "SELECT id, unit_id AS unit, kind, display_name, starts_on, ends_on, shifts_a_day, created_at
             FROM checkpoint WHERE " + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await
    };
}

/// Some checkpoints, in the order of their ids.
///
/// # Errors
/// Where the database fails.
pub async fn some(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Checkpoint>, Fault> {
    Ok(checkpoints!(connection, "id = ANY($1) ORDER BY id", ids)?)
}

/// A checkpoint, locked: not for who only refers to it.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<Checkpoint>, Fault> {
    Ok(checkpoints!(connection, "id = $1 FOR NO KEY UPDATE", id)?.pop())
}

/// A page of the checkpoints of units, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    units: &[Uuid],
    after: Uuid,
    limit: i64,
) -> Result<Vec<Checkpoint>, Fault> {
    Ok(checkpoints!(connection, "unit_id = ANY($1) AND id > $2 ORDER BY id LIMIT $3", units, after, limit)?)
}

/// Adds a checkpoint.
///
/// # Errors
/// Where the database fails.
pub async fn insert(connection: &mut PgConnection, checkpoint: &Checkpoint, by: &str) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO checkpoint (id, unit_id, kind, display_name, starts_on, ends_on, shifts_a_day, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        checkpoint.id,
        checkpoint.unit,
        checkpoint.kind,
        checkpoint.display_name,
        checkpoint.starts_on,
        checkpoint.ends_on,
        checkpoint.shifts_a_day,
        checkpoint.created_at,
        by,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes the last day of a checkpoint.
///
/// # Errors
/// Where the database fails.
pub async fn close(connection: &mut PgConnection, id: Uuid, last: NaiveDate) -> Result<(), Fault> {
    sqlx::query!("UPDATE checkpoint SET ends_on = $2 WHERE id = $1", id, last).execute(connection).await?;
    Ok(())
}

/// What the shifts of a checkpoint that begin in a time came to, by their beginning.
///
/// # Errors
/// Where the database fails.
pub async fn tallies(
    connection: &mut PgConnection,
    checkpoint: Uuid,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<HashMap<DateTime<Utc>, Tally>, Fault> {
    let rows = sqlx::query!(
        "SELECT starts_at, passed, from_outside, from_area, febrile, sent_down, nil_at, nil_by FROM shift
         WHERE checkpoint_id = $1 AND starts_at >= $2 AND starts_at < $3",
        checkpoint,
        from,
        to,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| {
            let tally = Tally {
                passed: row.passed,
                from_outside: row.from_outside,
                from_area: row.from_area,
                febrile: row.febrile,
                sent_down: row.sent_down,
                nil_by: row.nil_at.map(|_| row.nil_by),
            };
            (row.starts_at, tally)
        })
        .collect())
}

/// Adds to what shifts came to: in the order of their keys, so that batches wait for one another.
///
/// # Errors
/// Where the database fails.
pub async fn add(
    connection: &mut PgConnection,
    tallies: &[(Uuid, DateTime<Utc>, Tally)],
) -> Result<(), Fault> {
    for (checkpoint, starts_at, tally) in tallies {
        sqlx::query!(
            "INSERT INTO shift AS s (checkpoint_id, starts_at, passed, from_outside, from_area, febrile, sent_down)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT ON CONSTRAINT shift_pkey DO UPDATE SET passed = s.passed + excluded.passed,
                 from_outside = s.from_outside + excluded.from_outside, from_area = s.from_area + excluded.from_area,
                 febrile = s.febrile + excluded.febrile, sent_down = s.sent_down + excluded.sent_down",
            checkpoint,
            starts_at,
            tally.passed,
            tally.from_outside,
            tally.from_area,
            tally.febrile,
            tally.sent_down,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Notes that nobody passed in a shift, unless somebody has.
///
/// # Errors
/// Where the database fails.
pub async fn say_nil(
    connection: &mut PgConnection,
    checkpoint: Uuid,
    starts_at: DateTime<Utc>,
    (by, now): (&str, DateTime<Utc>),
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO shift AS s (checkpoint_id, starts_at, nil_at, nil_by) VALUES ($1, $2, $3, $4)
         ON CONFLICT ON CONSTRAINT shift_pkey DO UPDATE SET nil_at = excluded.nil_at, nil_by = excluded.nil_by
         WHERE s.passed = 0 AND s.nil_at IS NULL",
        checkpoint,
        starts_at,
        now,
        by,
    )
    .execute(connection)
    .await?;
    Ok(())
}
