//! Whether somebody follows up whoever was found.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// Has a person, who is locked, followed up until an instant, unless somebody in the same hands observes them.
///
/// # Errors
/// Where the database fails.
pub async fn follow_by(connection: &mut PgConnection, person: Uuid, by: DateTime<Utc>) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE person p SET follow_by = $2 WHERE id = $1 AND NOT EXISTS
             (SELECT FROM observation o WHERE o.one_id = p.same_as AND o.unit_id = p.unit_id AND o.ended_at IS NULL)",
        person,
        by,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that who is one person, locked, is followed up in a unit's hands, or need not be.
///
/// # Errors
/// Where the database fails.
pub async fn clear_follow(connection: &mut PgConnection, one: Uuid, unit: Uuid) -> Result<Vec<Uuid>, Fault> {
    let cleared = sqlx::query_scalar!(
        "UPDATE person SET follow_by = NULL WHERE same_as = $1 AND unit_id = $2 AND follow_by IS NOT NULL RETURNING id",
        one,
        unit,
    );
    Ok(cleared.fetch_all(connection).await?)
}

/// Whether a person waits for being followed up.
///
/// # Errors
/// Where the database fails.
pub async fn is_unfollowed(connection: &mut PgConnection, person: Uuid) -> Result<bool, Fault> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM waiting WHERE kind = 13 AND subject_id = $1) AS "found!""#,
        person,
    );
    Ok(found.fetch_one(connection).await?)
}

/// Keeps the decision that nobody need follow a person up.
///
/// # Errors
/// Where the database fails.
pub async fn waive(
    connection: &mut PgConnection,
    person: Uuid,
    (reason, by, now): (&str, &str, DateTime<Utc>),
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO waiver (id, person_id, reason, decided_by, decided_at) VALUES ($1, $2, $3, $4, $5)",
        Uuid::now_v7(),
        person,
        reason,
        by,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}
