//! Passages remember here.

use chassis::Fault;
use chrono::{DateTime, Days, NaiveDate, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{KEPT_DAYS, Passage};
use crate::{
    keyring::{Mark, Sealed},
    worklists::Place,
};

/// Makes the partition of a day, and drops those that are kept no longer.
///
/// # Errors
/// Where the database fails.
pub async fn make_partition(pool: &PgPool, day: NaiveDate, today: NaiveDate) -> Result<(), Fault> {
    let oldest = today - Days::new(KEPT_DAYS + 1);
    sqlx::query_scalar!("SELECT keep_day_partitions('passage', $1, $2, $2)", oldest, day)
        .fetch_one(pool)
        .await?;
    Ok(())
}

/// Adds passages; answers the events of those that are new, in no order.
///
/// # Errors
/// Where the database fails.
pub async fn insert(
    connection: &mut PgConnection,
    passages: &[Passage],
    (by, now): (&str, DateTime<Utc>),
) -> Result<Vec<Uuid>, Fault> {
    fn column<T>(passages: &[Passage], value: impl Fn(&Passage) -> T) -> Vec<T> {
        passages.iter().map(value).collect()
    }
    let new = sqlx::query_scalar!(
        r#"INSERT INTO passage (passed_on, sent_by, event_id, checkpoint_id, passed_at, received_at, decidegrees, handdown_id,
                                key_id, sealed, party_hash)
           SELECT passed_on, $9, event_id, checkpoint_id, passed_at, $10, decidegrees, handdown_id, key_id, sealed, party_hash
           FROM unnest($1::date[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::smallint[], $6::uuid[], $7::text[], $8::bytea[],
                       $11::bytea[])
                AS p (passed_on, event_id, checkpoint_id, passed_at, decidegrees, handdown_id, key_id, sealed, party_hash)
           ORDER BY event_id ON CONFLICT ON CONSTRAINT passage_pkey DO NOTHING RETURNING event_id"#,
        &column(passages, |passage| passage.passed_on),
        &column(passages, |passage| passage.event),
        &column(passages, |passage| passage.checkpoint),
        &column(passages, |passage| passage.passed_at),
        &column(passages, |passage| passage.signs.decidegrees) as &[Option<i16>],
        &column(passages, |passage| passage.handdown) as &[Option<Uuid>],
        &column(passages, |passage| passage.sealed.key.clone()),
        &column(passages, |passage| passage.sealed.bytes.clone()),
        by,
        now,
        &column(passages, |passage| passage.party_hash.clone()) as &[Option<Vec<u8>>],
    );
    Ok(new.fetch_all(connection).await?)
}

/// What was taken in before under the ids of passages of a caller's, on their days.
///
/// # Errors
/// Where the database fails.
pub async fn sent_before(
    connection: &mut PgConnection,
    passages: &[&Passage],
    by: &str,
) -> Result<Vec<Fellow>, Fault> {
    if passages.is_empty() {
        return Ok(Vec::new());
    }
    let days: Vec<NaiveDate> = passages.iter().map(|passage| passage.passed_on).collect();
    let events: Vec<Uuid> = passages.iter().map(|passage| passage.event).collect();
    let rows = sqlx::query_as!(
        Row,
        "SELECT p.event_id, p.passed_at, p.handdown_id, p.key_id, p.sealed
         FROM unnest($1::date[], $2::uuid[]) AS s (passed_on, event_id)
         JOIN passage p ON p.passed_on = s.passed_on AND p.sent_by = $3 AND p.event_id = s.event_id",
        &days,
        &events,
        by,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(Fellow::from).collect())
}

/// Somebody who passed, sealed.
#[derive(Clone, Debug)]
pub struct Fellow {
    /// The client's id of the passage.
    pub event: Uuid,
    /// When.
    pub passed_at: DateTime<Utc>,
    /// The chain by which the person is handed down.
    pub handdown: Option<Uuid>,
    /// The personal part.
    pub sealed: Sealed,
}

struct Row {
    event_id: Uuid,
    passed_at: DateTime<Utc>,
    handdown_id: Option<Uuid>,
    key_id: String,
    sealed: Vec<u8>,
}

impl From<Row> for Fellow {
    fn from(row: Row) -> Self {
        Self {
            event: row.event_id,
            passed_at: row.passed_at,
            handdown: row.handdown_id,
            sealed: Sealed { key: row.key_id, bytes: row.sealed },
        }
    }
}

/// Who passed a checkpoint in a vehicle or party, which is found under some marks, from an instant to another: after a
/// place, in the order of passing.
///
/// # Errors
/// Where the database fails.
pub async fn fellows(
    connection: &mut PgConnection,
    (checkpoint, marks): (Uuid, &[Mark]),
    (from, to): (NaiveDate, NaiveDate),
    after: Place,
    limit: i64,
) -> Result<Vec<Fellow>, Fault> {
    let hashes: Vec<Vec<u8>> = marks.iter().map(|mark| mark.hash.clone()).collect();
    let rows = sqlx::query_as!(
        Row,
        "SELECT event_id, passed_at, handdown_id, key_id, sealed FROM passage
         WHERE checkpoint_id = $1 AND party_hash = ANY($2) AND passed_on BETWEEN $3 AND $4 AND (passed_at, event_id) > ($5, $6)
         ORDER BY passed_at, event_id LIMIT $7",
        checkpoint,
        &hashes,
        from,
        to,
        after.0,
        after.1,
        limit,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(Fellow::from).collect())
}

/// Notes that somebody sees who passed a checkpoint together.
///
/// # Errors
/// Where the database fails.
pub async fn note_access(
    connection: &mut PgConnection,
    (checkpoint, shown): (Uuid, usize),
    (subject, reason, now): (&str, &str, DateTime<Utc>),
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO passage_access (id, checkpoint_id, shown, subject, reason, accessed_at) VALUES ($1, $2, $3, $4, $5, $6)",
        Uuid::now_v7(),
        checkpoint,
        i32::try_from(shown).unwrap_or(i32::MAX),
        subject,
        reason,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}
