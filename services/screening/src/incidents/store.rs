//! Incidents remember here.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Incident;

/// Incidents by a condition.
macro_rules! incidents {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Incident,
            "SELECT id, kind, unit_id AS unit, case_id AS \"case\", control_plan, created_at, deadline_at, reported_at, reported_by, grade
             FROM incident WHERE " + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await
    };
}

/// An incident, locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<Incident>, Fault> {
    Ok(incidents!(connection, "id = $1 FOR NO KEY UPDATE", id)?.pop())
}

/// A page of the incidents of units, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    units: &[Uuid],
    unreported: bool,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Incident>, Fault> {
    Ok(incidents!(
        connection,
        "unit_id = ANY($1) AND (reported_at IS NULL OR NOT $2) AND id > $3 ORDER BY id LIMIT $4",
        units,
        unreported,
        after,
        limit
    )?)
}

/// Waits until nobody else looks for incidents in a unit.
///
/// # Errors
/// Where the database fails.
pub async fn lock_unit(connection: &mut PgConnection, unit: Uuid) -> Result<(), Fault> {
    sqlx::query!(
        r#"SELECT pg_advisory_xact_lock(hashtextextended('incident ' || $1::text, 0)) AS "locked!: ()""#,
        unit.to_string(),
    )
    .fetch_one(connection)
    .await?;
    Ok(())
}

/// Whether there is an incident of a kind in a unit that was found from an instant on.
///
/// # Errors
/// Where the database fails.
pub async fn is_known(
    connection: &mut PgConnection,
    kind: super::Kind,
    unit: Uuid,
    since: DateTime<Utc>,
) -> Result<bool, Fault> {
    let known = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM incident WHERE kind = $1 AND unit_id = $2 AND created_at >= $3) AS "known!""#,
        kind as i16,
        unit,
        since,
    );
    Ok(known.fetch_one(connection).await?)
}

/// Adds an incident.
///
/// # Errors
/// Where the database fails.
pub async fn insert(connection: &mut PgConnection, incident: &Incident) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO incident (id, kind, unit_id, case_id, control_plan, created_at, deadline_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        incident.id,
        incident.kind,
        incident.unit,
        incident.case,
        incident.control_plan,
        incident.created_at,
        incident.deadline_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes that an incident, which is locked, was reported.
///
/// # Errors
/// Where the database fails.
pub async fn report(connection: &mut PgConnection, incident: &Incident) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE incident SET reported_at = $2, reported_by = $3, grade = $4 WHERE id = $1",
        incident.id,
        incident.reported_at,
        incident.reported_by,
        incident.grade,
    )
    .execute(connection)
    .await?;
    Ok(())
}
