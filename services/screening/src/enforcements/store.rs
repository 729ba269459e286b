//! Enforcement requests remember here.

use chassis::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Enforcement;

/// Enforcement requests by a condition.
macro_rules! enforcements {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Enforcement,
            "SELECT id, unit_id AS unit, person_id AS person, one_id AS one, sweep_id AS sweep, household, reason, deadline_at,
                    created_at, outcome, settled_at, settled_by, words
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

/// A page of the enforcement requests of units, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    units: &[Uuid],
    settled: bool,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Enforcement>, Fault> {
    Ok(enforcements!(
        connection,
        "unit_id = ANY($1) AND (settled_at IS NULL OR $2) AND id > $3 ORDER BY id LIMIT $4",
        units,
        settled,
        after,
        limit
    )?)
}

/// Adds an enforcement request.
///
/// # Errors
/// Where the database fails.
pub async fn insert(connection: &mut PgConnection, enforcement: &Enforcement, by: &str) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO enforcement_request (id, unit_id, person_id, one_id, sweep_id, household, reason, deadline_at, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
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
