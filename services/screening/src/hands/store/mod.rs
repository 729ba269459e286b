//! Hands remember here.

pub mod moves;

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::hands::{AGREED_WITHIN, Assigning, Question};
use crate::{escalations::Kind, persons::Person};

/// What is put before units while a question is open past its deadline.
const UNAGREED: i16 = Kind::HandsUnagreed as i16;

struct Row {
    id: Uuid,
    holding_person_id: Uuid,
    finding_person_id: Uuid,
    holding_unit_id: Uuid,
    finding_unit_id: Uuid,
    holder_says: Option<Uuid>,
    finder_says: Option<Uuid>,
    created_at: DateTime<Utc>,
    settled_at: Option<DateTime<Utc>>,
}

impl From<Row> for Question {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            holding_person: row.holding_person_id,
            finding_person: row.finding_person_id,
            holding_unit: row.holding_unit_id,
            finding_unit: row.finding_unit_id,
            holder_says: row.holder_says,
            finder_says: row.finder_says,
            created_at: row.created_at,
            settled_at: row.settled_at,
        }
    }
}

/// Whether a unit that has found a person has not yet agreed with who holds them.
///
/// # Errors
/// Where the database fails.
pub async fn is_asked(connection: &mut PgConnection, finding: Uuid) -> Result<bool, Fault> {
    let asked = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM hands_question WHERE finding_person_id = $1 AND settled_at IS NULL) AS "asked!""#,
        finding,
    );
    Ok(asked.fetch_one(connection).await?)
}

/// Asks whose hands a person is in, whom a unit holds and another has found.
///
/// # Errors
/// Where the database fails.
pub async fn ask(
    connection: &mut PgConnection,
    holding: &Person,
    finding: &Person,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO hands_question (id, holding_person_id, finding_person_id, holding_unit_id, finding_unit_id, created_at,
                                     deadline_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        Uuid::now_v7(),
        holding.id,
        finding.id,
        holding.unit,
        finding.unit,
        now,
        now + AGREED_WITHIN,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A question.
///
/// # Errors
/// Where the database fails.
pub async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<Question>, Fault> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, holding_person_id, finding_person_id, holding_unit_id, finding_unit_id, holder_says, finder_says,
                created_at, settled_at
         FROM hands_question WHERE id = $1 FOR UPDATE",
        id,
    );
    Ok(row.fetch_optional(connection).await?.map(Question::from))
}

/// A page of open questions that concern one of some units, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn open(
    connection: &mut PgConnection,
    units: &[Uuid],
    after: Uuid,
    limit: i64,
) -> Result<Vec<Question>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, holding_person_id, finding_person_id, holding_unit_id, finding_unit_id, holder_says, finder_says,
                created_at, settled_at
         FROM hands_question
         WHERE settled_at IS NULL AND id > $2 AND (holding_unit_id = ANY($1) OR finding_unit_id = ANY($1))
         ORDER BY id LIMIT $3",
        units,
        after,
        limit,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(Question::from).collect())
}

/// Writes what the sides have said, and when it was settled.
///
/// # Errors
/// Where the database fails.
pub async fn update(connection: &mut PgConnection, question: &Question) -> Result<(), Fault> {
    sqlx::query!(
        "WITH said AS (UPDATE hands_question SET holder_says = $2, finder_says = $3, settled_at = $4 WHERE id = $1 RETURNING id, settled_at)
         DELETE FROM escalation e USING said s WHERE e.subject_id = s.id AND e.kind = $5 AND s.settled_at IS NOT NULL",
        question.id,
        question.holder_says,
        question.finder_says,
        question.settled_at,
        UNAGREED,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Follows what was agreed: other open questions about the person are put to the unit that has them now.
///
/// # Errors
/// Where the database fails.
pub async fn follow_hands(
    connection: &mut PgConnection,
    settled: &Question,
    unit: Uuid,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE hands_question SET holding_unit_id = $3, holder_says = NULL
         WHERE holding_person_id = $1 AND id <> $2 AND settled_at IS NULL AND holding_unit_id <> $3",
        settled.holding_person,
        settled.id,
        unit,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Follows a merge: the open questions of the merged person are the kept one's, and what is in the kept
/// one's hands already is no question any more.
///
/// # Errors
/// Where the database fails.
pub async fn follow_merge(
    connection: &mut PgConnection,
    kept: &Person,
    merged: &Person,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "WITH said AS (
             UPDATE hands_question SET holding_person_id = $1, holding_unit_id = $2,
                    settled_at = CASE WHEN finding_unit_id = $2 THEN $4::timestamptz END
             WHERE holding_person_id = $3 AND settled_at IS NULL RETURNING id, settled_at)
         DELETE FROM escalation e USING said s WHERE e.subject_id = s.id AND e.kind = $5 AND s.settled_at IS NOT NULL",
        kept.id,
        kept.unit,
        merged.id,
        now,
        UNAGREED,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Follows a person who came into other hands by being handed down: open questions are put to whoever has them
/// now, and what is in the finder's hands already is no question any more.
///
/// # Errors
/// Where the database fails.
pub async fn follow_person(
    connection: &mut PgConnection,
    one: Uuid,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "WITH said AS (
             UPDATE hands_question q SET holding_unit_id = h.unit_id, finding_unit_id = f.unit_id, holder_says = NULL,
                    finder_says = NULL, settled_at = CASE WHEN h.unit_id = f.unit_id THEN $2::timestamptz END
             FROM person h, person f
             WHERE h.id = q.holding_person_id AND f.id = q.finding_person_id AND q.settled_at IS NULL AND f.same_as = $1
               AND (q.holding_unit_id, q.finding_unit_id) <> (h.unit_id, f.unit_id) RETURNING q.id, q.settled_at)
         DELETE FROM escalation e USING said s WHERE e.subject_id = s.id AND e.kind = $3 AND s.settled_at IS NOT NULL",
        one,
        now,
        UNAGREED,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that persons of a unit that is at work no more were given to another.
///
/// # Errors
/// Where the database fails.
pub async fn note_assignment(
    connection: &mut PgConnection,
    asked: &Assigning,
    persons: i32,
    (by, now): (&str, DateTime<Utc>),
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO hands_assignment (id, from_unit_id, to_unit_id, persons, reason, assigned_by, assigned_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        Uuid::now_v7(),
        asked.from,
        asked.to,
        persons,
        asked.reason,
        by,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}
