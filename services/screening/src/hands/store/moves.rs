//! What is remembered of units that were moved.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::hands::moves::Move;

/// Moves by a condition.
macro_rules! moves {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Move,
            "SELECT id, unit_id AS unit, parent_id AS parent, moved_on, noted_at, deadline_at, settled_at, settled_by, reason
             FROM unit_move WHERE " + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await
    };
}

/// Whether something is in the very hands of a unit that has to be taken over: an open observation or hand-down, or somebody
/// who is not observed yet.
///
/// # Errors
/// Where the database fails.
pub async fn has_any(connection: &mut PgConnection, unit: Uuid) -> Result<bool, Fault> {
    let any = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM observation WHERE unit_id = $1 AND ended_at IS NULL)
               OR EXISTS (SELECT FROM handdown WHERE holder_unit_id = $1 AND closed_at IS NULL)
               OR EXISTS (SELECT FROM person p WHERE p.unit_id = $1 AND NOT EXISTS (SELECT FROM observation o WHERE o.one_id = p.same_as)
                            AND NOT EXISTS (SELECT FROM case_record c WHERE c.one_id = p.same_as)) AS "any!""#,
        unit,
    );
    Ok(any.fetch_one(connection).await?)
}

/// Notes that a unit stands below another one, or once more, of something else that was in its hands; what was noted of it
/// before is overtaken.
///
/// # Errors
/// Where the database fails.
pub async fn note(connection: &mut PgConnection, noted: &Move) -> Result<(), Fault> {
    let again = sqlx::query!(
        "UPDATE unit_move SET noted_at = $4 WHERE unit_id = $1 AND parent_id = $2 AND moved_on = $3 AND settled_at IS NULL",
        noted.unit,
        noted.parent,
        noted.moved_on,
        noted.noted_at,
    );
    if again.execute(&mut *connection).await?.rows_affected() > 0 {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE unit_move SET settled_at = $2 WHERE unit_id = $1 AND settled_at IS NULL",
        noted.unit,
        noted.noted_at,
    )
    .execute(&mut *connection)
    .await?;
    // Another replica may note it at once.
    sqlx::query!(
        "INSERT INTO unit_move (id, unit_id, parent_id, moved_on, noted_at, deadline_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (unit_id) WHERE settled_at IS NULL DO NOTHING",
        noted.id,
        noted.unit,
        noted.parent,
        noted.moved_on,
        noted.noted_at,
        noted.deadline_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What nobody has taken over, at an instant of the past or now.
///
/// # Errors
/// Where the database fails.
pub async fn open(connection: &mut PgConnection, past: Option<DateTime<Utc>>) -> Result<Vec<Move>, Fault> {
    Ok(match past {
        Some(at) => {
            moves!(connection, "noted_at < $1 AND (settled_at IS NULL OR settled_at >= $1) ORDER BY id", at)?
        }
        None => moves!(connection, "settled_at IS NULL ORDER BY id")?,
    })
}

/// The open move of a unit, locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock_open(connection: &mut PgConnection, unit: Uuid) -> Result<Option<Move>, Fault> {
    Ok(moves!(connection, "unit_id = $1 AND settled_at IS NULL FOR NO KEY UPDATE", unit)?.pop())
}

/// A page of the moves below units: open ones, or also those that were taken over or overtaken.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    (parents, settled): (&[Uuid], bool),
    after: Uuid,
    limit: i64,
) -> Result<Vec<Move>, Fault> {
    Ok(moves!(
        connection,
        "parent_id = ANY($1) AND (settled_at IS NULL OR $2) AND id > $3 ORDER BY id LIMIT $4",
        parents,
        settled,
        after,
        limit
    )?)
}

/// Writes that what a moved unit had was taken over.
///
/// # Errors
/// Where the database fails.
pub async fn settle(connection: &mut PgConnection, taken: &Move) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE unit_move SET settled_at = $2, settled_by = $3, reason = $4 WHERE id = $1",
        taken.id,
        taken.settled_at,
        taken.settled_by,
        taken.reason,
    )
    .execute(connection)
    .await?;
    Ok(())
}
