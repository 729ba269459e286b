//! Sights are remembered here.

use chassis::Fault;
use sqlx::PgConnection;

use super::Sight;

/// Keeps by whom a unit is seen, unless it is kept: then as it was last said by [`change`].
///
/// # Errors
/// Where the database fails.
pub async fn keep(connection: &mut PgConnection, sight: &Sight) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO unit_sight (unit_id, ancestors, holders) VALUES ($1, $2, $3)
         ON CONFLICT ON CONSTRAINT unit_sight_pkey DO NOTHING",
        sight.unit,
        &sight.ancestors,
        &sight.holders,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Every unit that is kept.
///
/// # Errors
/// Where the database fails.
pub async fn all(connection: &mut PgConnection) -> Result<Vec<Sight>, Fault> {
    let rows =
        sqlx::query_as!(Sight, "SELECT unit_id AS unit, ancestors, holders FROM unit_sight ORDER BY unit_id");
    Ok(rows.fetch_all(connection).await?)
}

/// Takes in that a unit stands otherwise now.
///
/// # Errors
/// Where the database fails.
pub async fn change(connection: &mut PgConnection, sight: &Sight) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE unit_sight SET ancestors = $2, holders = $3 WHERE unit_id = $1",
        sight.unit,
        &sight.ancestors,
        &sight.holders,
    )
    .execute(connection)
    .await?;
    Ok(())
}
