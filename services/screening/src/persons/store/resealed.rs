//! What is sealed with an old key is sealed with the first.

use chassis::Fault;
use sqlx::PgConnection;

use super::{MARKED, marks::mark, open, seal};
use crate::{
    keyring::{Keyring, Sealed},
    persons::{Marked, Person},
};

/// Whether everything is to be sealed with a key: the one that was said last. Says it, where it is to be said.
///
/// # Errors
/// Where the database fails.
pub async fn seals_with(connection: &mut PgConnection, key: &str, is_to_say: bool) -> Result<bool, Fault> {
    if is_to_say {
        sqlx::query!(
            "INSERT INTO sealing_key (key_id) VALUES ($1) ON CONFLICT ON CONSTRAINT sealing_key_pkey DO UPDATE SET key_id = $1",
            key,
        )
        .execute(connection)
        .await?;
        return Ok(true);
    }
    let said = sqlx::query_scalar!("SELECT key_id FROM sealing_key").fetch_optional(connection).await?;
    Ok(said.is_none_or(|said| said == key))
}

/// Seals a person anew without any other change; the row is locked. Marks of keys that are gone go.
///
/// # Errors
/// Where the database fails.
pub async fn reseal(
    connection: &mut PgConnection,
    keys: &Keyring,
    person: &Person,
    marks: &[Marked],
) -> Result<(), Fault> {
    let sealed = seal(keys, person.id, &person.details)?;
    sqlx::query!(
        "UPDATE person SET key_id = $2, sealed = $3, marked = $4, damaged = $5 WHERE id = $1",
        person.id,
        sealed.key,
        sealed.bytes,
        MARKED,
        !person.details.damaged().is_empty(),
    )
    .execute(&mut *connection)
    .await?;
    mark(connection, person.id, marks).await
}

/// Seals some findings anew that are sealed with a key that is not the first; answers how many.
///
/// # Errors
/// Where the database fails.
pub async fn reseal_findings(
    connection: &mut PgConnection,
    keys: &Keyring,
    limit: i64,
) -> Result<usize, Fault> {
    let rows = sqlx::query!(
        "SELECT id, key_id, sealed FROM finding WHERE (key_id < $1 OR key_id > $1) ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED",
        keys.first(),
        limit,
    );
    let rows = rows.fetch_all(&mut *connection).await?;
    let count = rows.len();
    for row in rows {
        let details = open(keys, row.id, &Sealed { key: row.key_id, bytes: row.sealed })?;
        let sealed = seal(keys, row.id, &details)?;
        sqlx::query!(
            "UPDATE finding SET key_id = $2, sealed = $3 WHERE id = $1",
            row.id,
            sealed.key,
            sealed.bytes
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(count)
}
