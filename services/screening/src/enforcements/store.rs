//! Enforcement requests remember here.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Enforcement;
use crate::worklists::After;

/// Enforcement requests by a condition.
macro_rules! enforcements {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Enforcement,
            "SELECT id, unit_id AS unit, person_id AS person, one_id AS one, sweep_id AS sweep, household, households, reason,
                    deadline_at, created_at, outcome, settled_at, settled_by, words
             FROM enforcement_request WHERE " + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await
    };
}

/// An enforcement request, locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<Enforcement>, Fault> {
    Ok(enforcements!(connection, "id = $1 FOR NO KEY UPDATE", id)?.pop())
}

/// The open request of a household of a sweep's grid, locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock_open(
    connection: &mut PgConnection,
    (sweep, grid, number): (Uuid, Uuid, &str),
) -> Result<Option<Enforcement>, Fault> {
    Ok(enforcements!(
        connection,
        "sweep_id = $1 AND unit_id = $2 AND household = $3 AND settled_at IS NULL FOR NO KEY UPDATE",
        sweep,
        grid,
        number
    )?
    .pop())
}

/// The open request of the households that a grid of a sweep counts, locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock_open_of_grid(
    connection: &mut PgConnection,
    sweep: Uuid,
    grid: Uuid,
) -> Result<Option<Enforcement>, Fault> {
    Ok(enforcements!(
        connection,
        "sweep_id = $1 AND unit_id = $2 AND households IS NOT NULL AND settled_at IS NULL FOR NO KEY UPDATE",
        sweep,
        grid
    )?
    .pop())
}

/// The open requests that somebody made of who refused readings, and who was read later than they refused last; locked, but
/// for those that are being changed.
///
/// # Errors
/// Where the database fails.
pub async fn lock_read_since(
    connection: &mut PgConnection,
    made_by: &str,
) -> Result<Vec<Enforcement>, Fault> {
    Ok(enforcements!(
        connection,
        "settled_at IS NULL AND person_id IS NOT NULL AND created_by = $1 AND (
             SELECT s.outcome FROM observation o JOIN slot s ON s.observation_id = o.id
             WHERE o.one_id = enforcement_request.one_id AND o.unit_id = enforcement_request.unit_id AND s.outcome >= 4
             ORDER BY s.opens_at DESC, s.outcome DESC LIMIT 1) > 4
         ORDER BY id FOR NO KEY UPDATE SKIP LOCKED",
        made_by
    )?)
}

/// Writes how many households refuse.
///
/// # Errors
/// Where the database fails.
pub async fn count(connection: &mut PgConnection, id: Uuid, households: i32) -> Result<(), Fault> {
    sqlx::query!("UPDATE enforcement_request SET households = $2 WHERE id = $1", id, households)
        .execute(connection)
        .await?;
    Ok(())
}

/// Who is under observation and refused as many of the last readings since an instant as are too many, and of whom nobody
/// has made a request since: person, unit, and the first of those who are one. Their hands stay so; who is being changed
/// is left alone.
///
/// # Errors
/// Where the database fails.
pub async fn refusing(
    connection: &mut PgConnection,
    since: DateTime<Utc>,
    in_a_row: i64,
) -> Result<Vec<(Uuid, Uuid, Uuid)>, Fault> {
    let rows = sqlx::query!(
        "SELECT p.id, p.unit_id, p.same_as
         FROM observation o
         JOIN person p ON (p.id, p.unit_id, p.same_as) = (o.person_id, o.unit_id, o.one_id)
         CROSS JOIN LATERAL (
             SELECT count(*) FILTER (WHERE last.outcome = 4) AS refused, min(last.opens_at) AS first_at
             FROM (SELECT outcome, opens_at FROM slot s WHERE s.observation_id = o.id AND s.outcome > 0
                   ORDER BY opens_at DESC LIMIT $2) last
         ) lately
         WHERE o.id IN (SELECT observation_id FROM slot WHERE outcome = 4 AND opens_at >= $1) AND o.ended_at IS NULL
           AND lately.refused = $2
           AND NOT EXISTS (SELECT FROM enforcement_request e WHERE e.one_id = o.one_id AND e.unit_id = o.unit_id
                             AND (e.settled_at IS NULL OR e.settled_at > lately.first_at))
         ORDER BY p.id FOR KEY SHARE OF p SKIP LOCKED",
        since,
        in_a_row,
    );
    let rows = rows.fetch_all(connection).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.unit_id, row.same_as)).collect())
}

/// A page of the enforcement requests of units; in due order, of those that must be settled.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    units: &[Uuid],
    settled: bool,
    after: After,
    limit: i64,
) -> Result<Vec<Enforcement>, Fault> {
    Ok(match after {
        After::Made(after) => enforcements!(
            connection,
            "unit_id = ANY($1) AND (settled_at IS NULL OR $2) AND id > $3 ORDER BY id LIMIT $4",
            units,
            settled,
            after,
            limit
        )?,
        After::Due((due_at, id)) => enforcements!(
            connection,
            "unit_id = ANY($1) AND settled_at IS NULL AND (deadline_at, id) > ($2, $3) ORDER BY deadline_at, id LIMIT $4",
            units,
            due_at,
            id,
            limit
        )?,
    })
}

/// Adds an enforcement request.
///
/// # Errors
/// Where the database fails.
pub async fn insert(connection: &mut PgConnection, enforcement: &Enforcement, by: &str) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO enforcement_request (id, unit_id, person_id, one_id, sweep_id, household, reason, deadline_at, created_at, created_by,
                                          households)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        enforcement.id,
        enforcement.unit,
        enforcement.person,
        enforcement.one,
        enforcement.sweep,
        enforcement.household,
        enforcement.reason,
        enforcement.deadline_at,
        enforcement.created_at,
        by,
        enforcement.households,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes how a request, which is locked, was settled.
///
/// # Errors
/// Where the database fails.
pub async fn settle(connection: &mut PgConnection, enforcement: &Enforcement) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE enforcement_request SET outcome = $2, settled_at = $3, settled_by = $4, words = $5 WHERE id = $1",
        enforcement.id,
        enforcement.outcome,
        enforcement.settled_at,
        enforcement.settled_by,
        enforcement.words,
    )
    .execute(connection)
    .await?;
    Ok(())
}
