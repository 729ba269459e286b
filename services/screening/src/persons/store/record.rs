//! What was said of persons, and who saw their values.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{open, seal};
use crate::{
    keyring::{Keyring, Sealed},
    persons::Finding,
};

/// Adds what a unit said.
///
/// # Errors
/// Where the database fails.
pub async fn add_finding(
    connection: &mut PgConnection,
    keys: &Keyring,
    finding: &Finding,
) -> Result<(), Fault> {
    let sealed = seal(keys, finding.id, &finding.details)?;
    sqlx::query!(
        "INSERT INTO finding (id, person_id, unit_id, source, entered_by, created_at, key_id, sealed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        finding.id,
        finding.person,
        finding.unit,
        finding.source,
        finding.entered_by,
        finding.created_at,
        sealed.key,
        sealed.bytes,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What units said of some persons, the first first.
///
/// # Errors
/// Where the database fails.
pub async fn findings(
    connection: &mut PgConnection,
    keys: &Keyring,
    persons: &[Uuid],
) -> Result<Vec<Finding>, Fault> {
    let rows = sqlx::query!(
        "SELECT id, person_id, unit_id, source, entered_by, created_at, key_id, sealed FROM finding
         WHERE person_id = ANY($1) ORDER BY id",
        persons,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    rows.map(|row| {
        Ok(Finding {
            id: row.id,
            person: row.person_id,
            unit: row.unit_id,
            source: row.source,
            entered_by: row.entered_by,
            created_at: row.created_at,
            details: open(keys, row.id, &Sealed { key: row.key_id, bytes: row.sealed })?,
        })
    })
    .collect()
}

/// Notes that somebody sees the values of some persons whole.
///
/// # Errors
/// Where the database fails.
pub async fn note_access(
    connection: &mut PgConnection,
    persons: &[Uuid],
    subject: &str,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let ids: Vec<Uuid> = persons.iter().map(|_| Uuid::now_v7()).collect();
    sqlx::query!(
        "INSERT INTO access (id, person_id, subject, reason, accessed_at)
         SELECT id, person_id, $3, $4, $5 FROM unnest($1::uuid[], $2::uuid[]) AS a (id, person_id)",
        &ids,
        persons,
        subject,
        reason,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Somebody who saw values: id, subject, reason and when.
pub type Access = (Uuid, String, String, DateTime<Utc>);

/// Who saw a person's values before an access, the latest first.
///
/// # Errors
/// Where the database fails.
pub async fn accesses(
    connection: &mut PgConnection,
    person: Uuid,
    before: Uuid,
    limit: i64,
) -> Result<Vec<Access>, Fault> {
    let rows = sqlx::query!(
        "SELECT id, subject, reason, accessed_at FROM access WHERE person_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        person,
        before,
        limit,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows.map(|row| (row.id, row.subject, row.reason, row.accessed_at)).collect())
}
