//! Events remember here.

use chassis::{Fault, clock, partitions::DayTable};
use sqlx::PgConnection;

use super::{List, Sent};
use crate::refusals::reused;

/// What was sent is known for as long as a client may go on sending it again.
pub const TABLE: DayTable = DayTable { table: "event_claim", kept_days: 14 };

/// Notes what was taken in under an id of a caller's.
///
/// # Errors
/// Where the database fails.
pub async fn note(connection: &mut PgConnection, list: List, sent: &Sent, by: &str) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO event_claim (day, list, event_id, sent_by, fingerprint)
         VALUES ($1, $2, $3, $4, sha256((SELECT value FROM secret) || $5)) ON CONFLICT DO NOTHING",
        clock::wall().date_naive(),
        list as i16,
        sent.event,
        by,
        sent.digest,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What was taken in before under an id of a caller's, where something was: it is what is sent now, or was so long ago that
/// nobody knows.
///
/// # Errors
/// `EVENT_ID_REUSED` where it was something else; where the database fails.
pub async fn the_same<T>(
    connection: &mut PgConnection,
    list: List,
    (sent, by): (&Sent, &str),
    before: Option<T>,
) -> Result<Option<T>, Fault> {
    if before.is_none() {
        return Ok(None);
    }
    let other = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM event_claim WHERE list = $1 AND event_id = $2 AND sent_by = $3
                            AND fingerprint <> sha256((SELECT value FROM secret) || $4)) AS "other!""#,
        list as i16,
        sent.event,
        by,
        sent.digest,
    );
    if other.fetch_one(connection).await? { Err(reused(sent.event)) } else { Ok(before) }
}
