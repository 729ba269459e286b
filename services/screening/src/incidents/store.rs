//! Incidents remember here.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Incident;
use crate::keyring::Mark;

/// Incidents by a condition.
macro_rules! incidents {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Incident,
            "SELECT id, kind, unit_id AS unit, place, case_id AS \"case\", control_plan, created_at, deadline_at, reported_at, reported_by, grade
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

/// Waits until nobody else looks for incidents at a place: a unit, or what has a name.
///
/// # Errors
/// Where the database fails.
pub async fn lock_place(connection: &mut PgConnection, place: &str) -> Result<(), Fault> {
    sqlx::query!(
        r#"SELECT pg_advisory_xact_lock(hashtextextended('incident ' || $1, 0)) AS "locked!: ()""#,
        place,
    )
    .fetch_one(connection)
    .await?;
    Ok(())
}

/// Whether there is an incident of a kind in a unit that was found from an instant on: at a place that is found under some
/// hashes, or in the unit itself where there are none.
///
/// # Errors
/// Where the database fails.
pub async fn is_known(
    connection: &mut PgConnection,
    kind: super::Kind,
    (unit, place): (Uuid, &[Mark]),
    since: DateTime<Utc>,
) -> Result<bool, Fault> {
    let hashes: Vec<Vec<u8>> = place.iter().map(|mark| mark.hash.clone()).collect();
    let known = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM incident WHERE kind = $1 AND unit_id = $2 AND created_at >= $3
                            AND CASE WHEN cardinality($4::bytea[]) = 0 THEN place_hash IS NULL ELSE place_hash = ANY($4) END) AS "known!""#,
        kind as i16,
        unit,
        since,
        &hashes,
    );
    Ok(known.fetch_one(connection).await?)
}

/// Adds an incident, found again under the hash of a place that has a name.
///
/// # Errors
/// Where the database fails.
pub async fn insert(
    connection: &mut PgConnection,
    incident: &Incident,
    place: Option<&Mark>,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO incident (id, kind, unit_id, case_id, control_plan, created_at, deadline_at, place, place_hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        incident.id,
        incident.kind,
        incident.unit,
        incident.case,
        incident.control_plan,
        incident.created_at,
        incident.deadline_at,
        incident.place,
        place.map(|mark| mark.hash.as_slice()),
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
