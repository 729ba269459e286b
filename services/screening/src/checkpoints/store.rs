//! Checkpoints remember here.

use std::collections::HashMap;

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Checkpoint, Tally};

struct Row {
    id: Uuid,
    unit_id: Uuid,
    kind: i16,
    display_name: String,
    starts_on: NaiveDate,
    ends_on: Option<NaiveDate>,
    shifts_a_day: i16,
    changed_on: Vec<NaiveDate>,
    changed_to: Vec<i16>,
    created_at: DateTime<Utc>,
    version: i64,
}

impl From<Row> for Checkpoint {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            unit: row.unit_id,
            kind: row.kind,
            display_name: row.display_name,
            starts_on: row.starts_on,
            ends_on: row.ends_on,
            shifts_a_day: row.shifts_a_day,
            changes: row.changed_on.into_iter().zip(row.changed_to).collect(),
            created_at: row.created_at,
            version: row.version,
        }
    }
}

/// Checkpoints by a condition.
macro_rules! checkpoints {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Row,
            "SELECT id, unit_id, kind, display_name, starts_on, ends_on, shifts_a_day, changed_on, changed_to, created_at, version
             FROM checkpoint WHERE " + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await
        .map(|rows| rows.into_iter().map(Checkpoint::from).collect::<Vec<_>>())
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

/// Writes how a checkpoint, which is locked, is from now on: shifts that begin at an instant, when it has ended, or later
/// are none, and which shift ends next is looked up again.
///
/// # Errors
/// Where the database fails.
pub async fn update(
    connection: &mut PgConnection,
    checkpoint: &Checkpoint,
    ends_at: Option<DateTime<Utc>>,
) -> Result<(), Fault> {
    let (changed_on, changed_to): (Vec<NaiveDate>, Vec<i16>) = checkpoint.changes.iter().copied().unzip();
    sqlx::query!(
        "UPDATE checkpoint SET display_name = $2, ends_on = $3, changed_on = $4, changed_to = $5, next_end_at = 'epoch',
                version = version + 1
         WHERE id = $1",
        checkpoint.id,
        checkpoint.display_name,
        checkpoint.ends_on,
        &changed_on,
        &changed_to,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE shift SET ended_at = NULL WHERE checkpoint_id = $1 AND starts_at >= $2 AND ended_at IS NOT NULL",
        checkpoint.id,
        ends_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Checkpoints of which a shift has ended, and since when that was not looked at; locked. Whoever is at work on others is
/// left alone.
///
/// # Errors
/// Where the database fails.
pub async fn ending(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(Checkpoint, DateTime<Utc>)>, Fault> {
    let ids = sqlx::query!(
        r#"SELECT id, next_end_at AS "next_end_at!" FROM checkpoint WHERE next_end_at <= $1 ORDER BY next_end_at, id LIMIT $2
           FOR NO KEY UPDATE SKIP LOCKED"#,
        now,
        limit,
    );
    let since: HashMap<Uuid, DateTime<Utc>> =
        ids.fetch_all(&mut *connection).await?.into_iter().map(|row| (row.id, row.next_end_at)).collect();
    let ids: Vec<Uuid> = since.keys().copied().collect();
    let found = some(connection, &ids).await?.into_iter();
    Ok(found
        .filter_map(|checkpoint| Some((since.get(&checkpoint.id).copied()?, checkpoint)))
        .map(|(at, one)| (one, at))
        .collect())
}

/// Notes which shifts of a checkpoint, which is locked, have ended, and when the next does.
///
/// # Errors
/// Where the database fails.
pub async fn end(
    connection: &mut PgConnection,
    checkpoint: Uuid,
    over: &[(DateTime<Utc>, DateTime<Utc>)],
    next: Option<DateTime<Utc>>,
) -> Result<(), Fault> {
    let (starts, ends): (Vec<_>, Vec<_>) = over.iter().copied().unzip();
    sqlx::query!(
        "INSERT INTO shift (checkpoint_id, starts_at, ended_at)
         SELECT $1, starts_at, ended_at FROM unnest($2::timestamptz[], $3::timestamptz[]) AS s (starts_at, ended_at)
         ORDER BY starts_at ON CONFLICT ON CONSTRAINT shift_pkey DO UPDATE SET ended_at = excluded.ended_at",
        checkpoint,
        &starts,
        &ends,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("UPDATE checkpoint SET next_end_at = $2 WHERE id = $1", checkpoint, next)
        .execute(connection)
        .await?;
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
        "SELECT starts_at, passed, from_outside, from_area, febrile, sent_down, tested, positive, untested, nil_at, nil_by FROM shift
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
                tested: row.tested,
                positive: row.positive,
                untested: row.untested,
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
            "INSERT INTO shift AS s (checkpoint_id, starts_at, passed, from_outside, from_area, febrile, sent_down, tested, positive, untested)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT ON CONSTRAINT shift_pkey DO UPDATE SET passed = s.passed + excluded.passed,
                 from_outside = s.from_outside + excluded.from_outside, from_area = s.from_area + excluded.from_area,
                 febrile = s.febrile + excluded.febrile, sent_down = s.sent_down + excluded.sent_down,
                 tested = s.tested + excluded.tested, positive = s.positive + excluded.positive,
                 untested = s.untested + excluded.untested",
            checkpoint,
            starts_at,
            tally.passed,
            tally.from_outside,
            tally.from_area,
            tally.febrile,
            tally.sent_down,
            tally.tested,
            tally.positive,
            tally.untested,
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
