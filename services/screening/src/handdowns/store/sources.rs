//! The lists that named a person.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    keyring::{Keyring, Sealed},
    passages::Facts,
};

/// A list that named a person.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it comes from, as the contract numbers it.
    pub kind: i16,
    /// The list's own number or title.
    pub reference: String,
    /// Who sent it.
    pub source_name: String,
    /// The first instant it covers.
    pub window_starts_at: Option<DateTime<Utc>>,
    /// The first instant it does not cover any more.
    pub window_ends_at: Option<DateTime<Utc>>,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// Who entered it.
    pub entered_by: String,
    /// What a checkpoint saw of the person: sealed at rest, bound to the event's id.
    pub facts: Option<Facts>,
}

/// Seals some sources anew that are sealed with a key that is not the first; answers how many.
///
/// # Errors
/// Where the database fails.
pub async fn reseal(connection: &mut PgConnection, keys: &Keyring, limit: i64) -> Result<usize, Fault> {
    let rows = sqlx::query!(
        r#"SELECT event_id, entered_by, key_id AS "key_id!", sealed AS "sealed!" FROM handdown_source
           WHERE (key_id < $1 OR key_id > $1) AND sealed IS NOT NULL ORDER BY event_id LIMIT $2 FOR UPDATE SKIP LOCKED"#,
        keys.first(),
        limit,
    );
    let rows = rows.fetch_all(&mut *connection).await?;
    let count = rows.len();
    for row in rows {
        let opened = keys.open(row.event_id, &Sealed { key: row.key_id, bytes: row.sealed })?;
        let sealed = keys.seal(row.event_id, &opened)?;
        sqlx::query!(
            "UPDATE handdown_source SET key_id = $3, sealed = $4 WHERE event_id = $1 AND entered_by = $2",
            row.event_id,
            row.entered_by,
            sealed.key,
            sealed.bytes
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(count)
}

/// The chain that an item, which was sent before, has gone into.
///
/// # Errors
/// Where the database fails.
pub async fn sent_before(
    connection: &mut PgConnection,
    event: Uuid,
    entered_by: &str,
) -> Result<Option<Uuid>, Fault> {
    let chain = sqlx::query_scalar!(
        "SELECT chain_id FROM handdown_source WHERE event_id = $1 AND entered_by = $2",
        event,
        entered_by,
    );
    Ok(chain.fetch_optional(connection).await?)
}

/// Up to when lists of a kind that a unit sent before an instant reach; nothing where none has a window.
///
/// # Errors
/// Where the database fails.
pub async fn covered_before(
    connection: &mut PgConnection,
    (unit, kind): (Uuid, i16),
    starts_at: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Fault> {
    let ends_at = sqlx::query_scalar!(
        "SELECT max(window_ends_at) FROM handdown_source WHERE from_unit_id = $1 AND kind = $2 AND window_starts_at < $3",
        unit,
        kind,
        starts_at,
    );
    Ok(ends_at.fetch_one(connection).await?)
}

/// Adds a list that named a person, and from which unit it came; answers whether its item is new.
///
/// # Errors
/// Where the database fails.
pub async fn add_source(
    connection: &mut PgConnection,
    keys: &Keyring,
    (chain, from, event): (Uuid, Uuid, Uuid),
    source: &Source,
) -> Result<bool, Fault> {
    let sealed = match &source.facts {
        Some(facts) => {
            let body =
                serde_json::to_vec(facts).map_err(|_| Fault::internal("facts that cannot be written"))?;
            Some(keys.seal(event, &body)?)
        }
        None => None,
    };
    let added = sqlx::query!(
        "INSERT INTO handdown_source (chain_id, number, event_id, entered_by, kind, reference, window_starts_at, window_ends_at,
                                      received_at, from_unit_id, key_id, sealed, source_name)
         SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM handdown_source WHERE chain_id = $1
         ON CONFLICT ON CONSTRAINT handdown_source_pkey DO NOTHING",
        chain,
        event,
        source.entered_by,
        source.kind,
        source.reference,
        source.window_starts_at,
        source.window_ends_at,
        source.received_at,
        from,
        sealed.as_ref().map(|sealed| sealed.key.clone()),
        sealed.map(|sealed| sealed.bytes),
        source.source_name,
    );
    Ok(added.execute(connection).await?.rows_affected() == 1)
}

/// The lists that named the person of a chain, the first first.
///
/// # Errors
/// Where the database fails.
pub async fn sources(
    connection: &mut PgConnection,
    keys: &Keyring,
    chain: Uuid,
) -> Result<Vec<Source>, Fault> {
    let rows = sqlx::query!(
        "SELECT kind, reference, source_name, window_starts_at, window_ends_at, received_at, entered_by, event_id, key_id, sealed
         FROM handdown_source WHERE chain_id = $1 ORDER BY number",
        chain,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    rows.map(|row| {
        let facts = match row.key_id.zip(row.sealed) {
            Some((key, bytes)) => {
                let opened = keys.open(row.event_id, &Sealed { key, bytes })?;
                // The cause is left out: it may quote the value.
                Some(serde_json::from_slice(&opened).map_err(|_| Fault::internal("sealed facts"))?)
            }
            None => None,
        };
        Ok(Source {
            kind: row.kind,
            reference: row.reference,
            source_name: row.source_name,
            window_starts_at: row.window_starts_at,
            window_ends_at: row.window_ends_at,
            received_at: row.received_at,
            entered_by: row.entered_by,
            facts,
        })
    })
    .collect()
}
