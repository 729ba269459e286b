//! Rechecks remember here.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{A_WEEK, Outcome, Recheck};
use crate::worklists::After;

/// Rechecks by a condition.
macro_rules! rechecks {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Recheck,
            "SELECT id, case_id AS case, person_id AS person, unit_id AS unit, one_id AS one, week, discharged_on, deadline_at,
                    created_at, outcome, done_on, result_id AS result, settled_at, settled_by, words
             FROM recheck WHERE " + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await
    };
}

/// A recheck.
///
/// # Errors
/// Where the database fails.
pub async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<Recheck>, Fault> {
    Ok(rechecks!(connection, "id = $1", id)?.pop())
}

/// As [`get`], locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<Recheck>, Fault> {
    Ok(rechecks!(connection, "id = $1 FOR NO KEY UPDATE", id)?.pop())
}

/// What a page of rechecks is chosen by.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// Only in the hands of these units.
    pub units: &'a [Uuid],
    /// Only of who is one person.
    pub one: Option<Uuid>,
    /// Also those that were settled.
    pub settled: bool,
    /// After this place. In due order, only open ones whose week has begun.
    pub after: After,
    /// Of which instant.
    pub now: DateTime<Utc>,
    /// At most so many.
    pub limit: i64,
}

/// A page of rechecks.
///
/// # Errors
/// Where the database fails.
pub async fn list(connection: &mut PgConnection, asked: Selection<'_>) -> Result<Vec<Recheck>, Fault> {
    Ok(match asked.after {
        After::Made(after) => rechecks!(
            connection,
            "unit_id = ANY($1) AND ($2::uuid IS NULL OR one_id = $2) AND (settled_at IS NULL OR $3) AND id > $4
             ORDER BY id LIMIT $5",
            asked.units,
            asked.one,
            asked.settled,
            after,
            asked.limit
        )?,
        After::Due((due_at, id)) => rechecks!(
            connection,
            "unit_id = ANY($1) AND ($2::uuid IS NULL OR one_id = $2) AND settled_at IS NULL AND deadline_at <= $3
             AND (deadline_at, id) > ($4, $5) ORDER BY deadline_at, id LIMIT $6",
            asked.units,
            asked.one,
            asked.now + A_WEEK,
            due_at,
            id,
            asked.limit
        )?,
    })
}

/// Adds a recheck, unless one of that week is open already.
///
/// # Errors
/// Where the database fails.
pub async fn insert(connection: &mut PgConnection, recheck: &Recheck, by: &str) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO recheck (id, case_id, person_id, unit_id, one_id, week, discharged_on, deadline_at, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (case_id, week) WHERE settled_at IS NULL DO NOTHING",
        recheck.id,
        recheck.case,
        recheck.person,
        recheck.unit,
        recheck.one,
        recheck.week,
        recheck.discharged_on,
        recheck.deadline_at,
        recheck.created_at,
        by,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what came of a recheck, which is locked.
///
/// # Errors
/// Where the database fails.
pub async fn tell(connection: &mut PgConnection, recheck: &Recheck) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE recheck SET outcome = $2, done_on = $3, result_id = $4, settled_at = $5, settled_by = $6, words = $7 WHERE id = $1",
        recheck.id,
        recheck.outcome,
        recheck.done_on,
        recheck.result,
        recheck.settled_at,
        recheck.settled_by,
        recheck.words,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Settles the open rechecks of who is one person in a unit's hands by what follows; answers which.
///
/// # Errors
/// Where the database fails.
pub async fn settle(
    connection: &mut PgConnection,
    (one, unit): (Uuid, Uuid),
    outcome: Outcome,
    (by, words, now): (&str, &str, DateTime<Utc>),
) -> Result<Vec<Uuid>, Fault> {
    let settled = sqlx::query_scalar!(
        "UPDATE recheck SET outcome = $3, settled_at = $4, settled_by = $5, words = $6
         WHERE id IN (SELECT id FROM recheck WHERE one_id = $1 AND unit_id = $2 AND settled_at IS NULL ORDER BY id FOR UPDATE)
         RETURNING id",
        one,
        unit,
        outcome as i16,
        now,
        by,
        words,
    );
    Ok(settled.fetch_all(connection).await?)
}

/// Settles the open rechecks of a case that counts no more; answers which.
///
/// # Errors
/// Where the database fails.
pub async fn settle_merged(
    connection: &mut PgConnection,
    case: Uuid,
    (by, words, now): (&str, &str, DateTime<Utc>),
) -> Result<Vec<Uuid>, Fault> {
    let settled = sqlx::query_scalar!(
        "UPDATE recheck SET outcome = $2, settled_at = $3, settled_by = $4, words = $5
         WHERE case_id = $1 AND settled_at IS NULL RETURNING id",
        case,
        Outcome::Merged as i16,
        now,
        by,
        words,
    );
    Ok(settled.fetch_all(connection).await?)
}
