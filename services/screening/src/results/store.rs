//! Results remember here.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Result as Tested, TestKind, TestOutcome};
use crate::worklists::After;

struct Row {
    id: Uuid,
    person_id: Uuid,
    unit_id: Uuid,
    one_id: Uuid,
    kind: i16,
    outcome: i16,
    taken_at: DateTime<Utc>,
    resulted_at: DateTime<Utc>,
    laboratory: String,
    amends_id: Option<Uuid>,
    amended: bool,
    told_by_id: Option<Uuid>,
    deadline_at: Option<DateTime<Utc>>,
    handled_at: Option<DateTime<Utc>>,
    handled_by: String,
    handling: String,
    entered_by: String,
    created_at: DateTime<Utc>,
}

impl TryFrom<Row> for Tested {
    type Error = Fault;

    fn try_from(row: Row) -> Result<Self, Fault> {
        Ok(Self {
            id: row.id,
            person: row.person_id,
            unit: row.unit_id,
            one: row.one_id,
            kind: TestKind::of(row.kind.into()).ok_or_else(|| Fault::internal("a kind of test"))?,
            outcome: TestOutcome::of(row.outcome.into()).ok_or_else(|| Fault::internal("an outcome"))?,
            taken_at: row.taken_at,
            resulted_at: row.resulted_at,
            laboratory: row.laboratory,
            amends: row.amends_id,
            amended: row.amended,
            told_by: row.told_by_id,
            deadline_at: row.deadline_at,
            handled_at: row.handled_at,
            handled_by: row.handled_by,
            handling: row.handling,
            entered_by: row.entered_by,
            created_at: row.created_at,
        })
    }
}

/// Results by a condition.
macro_rules! results {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Row,
            "SELECT id, person_id, unit_id, one_id, kind, outcome, taken_at, resulted_at, laboratory, amends_id, amended,
                    told_by_id, deadline_at, handled_at, handled_by, handling, entered_by, created_at
             FROM result WHERE " + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await?
        .into_iter()
        .map(Tested::try_from)
        .collect::<Result<Vec<Tested>, Fault>>()
    };
}

/// A result.
///
/// # Errors
/// Where the database fails.
pub async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<Tested>, Fault> {
    Ok(results!(connection, "id = $1", id)?.pop())
}

/// As [`get`], locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<Tested>, Fault> {
    Ok(results!(connection, "id = $1 FOR NO KEY UPDATE", id)?.pop())
}

/// The results of who is one person, by when the specimens were taken, each once: not those that only tell of one.
///
/// # Errors
/// Where the database fails.
pub async fn of_one(connection: &mut PgConnection, one: Uuid) -> Result<Vec<Tested>, Fault> {
    results!(connection, "one_id = $1 AND told_by_id IS NULL ORDER BY taken_at, resulted_at, id", one)
}

/// The result that another one tells of; nothing for one that tells of none.
///
/// # Errors
/// Where the database fails.
pub async fn told_by(connection: &mut PgConnection, result: Uuid) -> Result<Option<Uuid>, Fault> {
    let told_by = sqlx::query_scalar!("SELECT told_by_id FROM result WHERE id = $1", result);
    Ok(told_by.fetch_optional(connection).await?.flatten())
}

/// The result that tells a unit of another one.
///
/// # Errors
/// Where the database fails.
pub async fn telling(
    connection: &mut PgConnection,
    result: Uuid,
    unit: Uuid,
) -> Result<Option<Tested>, Fault> {
    Ok(results!(connection, "told_by_id = $1 AND unit_id = $2 ORDER BY id LIMIT 1", result, unit)?.pop())
}

/// What a page of results is chosen by.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// Only of persons in the hands of these units.
    pub units: &'a [Uuid],
    /// Only of who is one person.
    pub one: Option<Uuid>,
    /// Only those that somebody must act on and nobody has.
    pub unhandled: bool,
    /// After this place. In due order, only those that somebody must act on and nobody has.
    pub after: After,
    /// At most so many.
    pub limit: i64,
}

/// A page of results.
///
/// # Errors
/// Where the database fails.
pub async fn list(connection: &mut PgConnection, asked: Selection<'_>) -> Result<Vec<Tested>, Fault> {
    match asked.after {
        After::Made(after) if asked.unhandled => results!(
            connection,
            "unit_id = ANY($1) AND deadline_at IS NOT NULL AND handled_at IS NULL AND ($2::uuid IS NULL OR one_id = $2)
             AND id > $3 ORDER BY id LIMIT $4",
            asked.units,
            asked.one,
            after,
            asked.limit
        ),
        After::Made(after) => results!(
            connection,
            "unit_id = ANY($1) AND ($2::uuid IS NULL OR one_id = $2) AND id > $3 ORDER BY id LIMIT $4",
            asked.units,
            asked.one,
            after,
            asked.limit
        ),
        After::Due((due_at, id)) => results!(
            connection,
            "unit_id = ANY($1) AND deadline_at IS NOT NULL AND handled_at IS NULL AND ($2::uuid IS NULL OR one_id = $2)
             AND (deadline_at, id) > ($3, $4) ORDER BY deadline_at, id LIMIT $5",
            asked.units,
            asked.one,
            due_at,
            id,
            asked.limit
        ),
    }
}

/// The positive results in a unit's hands of who is one person that somebody must act on and nobody has, locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock_waiting(
    connection: &mut PgConnection,
    (one, unit): (Uuid, Uuid),
) -> Result<Vec<Tested>, Fault> {
    results!(
        connection,
        "one_id = $1 AND unit_id = $2 AND outcome = 1 AND deadline_at IS NOT NULL AND handled_at IS NULL
         ORDER BY id FOR NO KEY UPDATE",
        one,
        unit
    )
}

/// Adds a result; what it amends counts no more.
///
/// # Errors
/// [`Fault::Conflict`] where another one has amended the same; where the database fails.
pub async fn insert(connection: &mut PgConnection, result: &Tested) -> Result<(), Fault> {
    if let Some(amends) = result.amends {
        let amended = sqlx::query!("UPDATE result SET amended = true WHERE id = $1 AND NOT amended", amends);
        if amended.execute(&mut *connection).await?.rows_affected() == 0 {
            return Err(Fault::Conflict);
        }
    }
    sqlx::query!(
        "INSERT INTO result (id, person_id, unit_id, one_id, kind, outcome, taken_at, resulted_at, laboratory, amends_id,
                             told_by_id, deadline_at, entered_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        result.id,
        result.person,
        result.unit,
        result.one,
        result.kind as i16,
        result.outcome as i16,
        result.taken_at,
        result.resulted_at,
        result.laboratory,
        result.amends,
        result.told_by,
        result.deadline_at,
        result.entered_by,
        result.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what was done about a result, which is locked.
///
/// # Errors
/// Where the database fails.
pub async fn handle(connection: &mut PgConnection, result: &Tested) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE result SET handled_at = $2, handled_by = $3, handling = $4 WHERE id = $1",
        result.id,
        result.handled_at,
        result.handled_by,
        result.handling,
    )
    .execute(connection)
    .await?;
    Ok(())
}
