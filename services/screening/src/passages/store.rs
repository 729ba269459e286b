//! Passages remember here.

use chassis::Fault;
use chrono::{DateTime, Days, NaiveDate, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{KEPT_DAYS, Passage};

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
                                key_id, sealed)
           SELECT passed_on, $9, event_id, checkpoint_id, passed_at, $10, decidegrees, handdown_id, key_id, sealed
           FROM unnest($1::date[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::smallint[], $6::uuid[], $7::text[], $8::bytea[])
                AS p (passed_on, event_id, checkpoint_id, passed_at, decidegrees, handdown_id, key_id, sealed)
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
    );
    Ok(new.fetch_all(connection).await?)
}
