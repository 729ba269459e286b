//! Policies remember here.

use chassis::Fault;
use sqlx::PgConnection;

use super::Set;

/// What every area has set last.
///
/// # Errors
/// Where the database fails.
pub async fn all(connection: &mut PgConnection) -> Result<Vec<Set>, Fault> {
    let rows = sqlx::query_as!(
        Set,
        "SELECT DISTINCT ON (area_unit_id, kind, bed_class) area_unit_id AS area, kind, bed_class, value, set_at, set_by
         FROM policy ORDER BY area_unit_id, kind, bed_class, set_at DESC"
    );
    Ok(rows.fetch_all(connection).await?)
}

/// Sets a policy.
///
/// # Errors
/// Where the database fails.
pub async fn set(connection: &mut PgConnection, set: &Set) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO policy (area_unit_id, kind, bed_class, value, set_at, set_by) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT ON CONSTRAINT policy_pkey DO UPDATE SET value = excluded.value, set_by = excluded.set_by",
        set.area,
        set.kind,
        set.bed_class,
        set.value,
        set.set_at,
        set.set_by,
    )
    .execute(connection)
    .await?;
    Ok(())
}
