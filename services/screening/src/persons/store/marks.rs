//! By what persons are found.

use chassis::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    keyring::{Keyring, Mark},
    persons::{Kind, Marked},
};

/// Waits until nobody else takes in a person who is found under one of these marks.
///
/// # Errors
/// Where the database fails.
pub async fn lock_marks(connection: &mut PgConnection, marks: &[Mark]) -> Result<(), Fault> {
    let number =
        |mark: &Mark| mark.hash.first_chunk().map_or(0, |bytes: &[u8; 8]| i64::from_be_bytes(*bytes));
    let mut locks: Vec<i64> = marks.iter().map(number).collect();
    locks.sort_unstable();
    locks.dedup();
    sqlx::query!(
        r#"SELECT pg_advisory_xact_lock(lock) AS "locked!: ()" FROM unnest($1::bigint[]) AS lock"#,
        &locks
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

/// Who is found under any of some marks: of each the person whom they were found to be, the first taken in
/// first.
///
/// # Errors
/// Where the database fails.
pub async fn found(connection: &mut PgConnection, marks: &[Mark], limit: i64) -> Result<Vec<Uuid>, Fault> {
    let hashes: Vec<Vec<u8>> = marks.iter().map(|mark| mark.hash.clone()).collect();
    let found = sqlx::query_scalar!(
        "SELECT DISTINCT p.same_as FROM person_mark m JOIN person p ON p.id = m.person_id WHERE m.hash = ANY($1)
         ORDER BY 1 LIMIT $2",
        &hashes,
        limit,
    );
    Ok(found.fetch_all(connection).await?)
}

/// Has a person found under these marks and no others.
pub(super) async fn mark(connection: &mut PgConnection, person: Uuid, marks: &[Marked]) -> Result<(), Fault> {
    let hashes: Vec<Vec<u8>> = marks.iter().map(|(_, mark)| mark.hash.clone()).collect();
    let key_ids: Vec<String> = marks.iter().map(|(_, mark)| mark.key.clone()).collect();
    let kinds: Vec<i16> = marks.iter().map(|(kind, _)| *kind as i16).collect();
    sqlx::query!("DELETE FROM person_mark WHERE person_id = $1 AND NOT hash = ANY($2)", person, &hashes)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        "INSERT INTO person_mark (person_id, hash, key_id, kind)
         SELECT $1, hash, key_id, kind FROM unnest($2::bytea[], $3::text[], $4::smallint[]) AS m (hash, key_id, kind)
         ORDER BY hash ON CONFLICT ON CONSTRAINT person_mark_pkey DO NOTHING",
        person,
        &hashes,
        &key_ids,
        &kinds,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes away some marks under keys that are in the ring no more, of persons who are sealed with the first key and
/// so marked under it; answers how many.
///
/// # Errors
/// Where the database fails.
pub async fn forget_marks(connection: &mut PgConnection, keys: &Keyring, limit: i64) -> Result<usize, Fault> {
    // From one key to the next: there are few, however many marks.
    let used = sqlx::query_scalar!(
        r#"WITH RECURSIVE used (key_id) AS (
               SELECT min(key_id) FROM person_mark
               UNION ALL
               SELECT (SELECT min(m.key_id) FROM person_mark m WHERE m.key_id > u.key_id) FROM used u WHERE u.key_id IS NOT NULL)
           SELECT key_id AS "key_id!" FROM used WHERE key_id IS NOT NULL"#
    );
    let ring = keys.ids();
    let used = used.fetch_all(&mut *connection).await?.into_iter();
    let gone: Vec<String> = used.filter(|key| !ring.contains(key)).collect();
    if gone.is_empty() {
        return Ok(0);
    }
    let forgotten = sqlx::query!(
        "DELETE FROM person_mark WHERE (hash, person_id) IN (
             SELECT m.hash, m.person_id FROM person_mark m JOIN person p ON p.id = m.person_id
             WHERE m.key_id = ANY($1) AND p.key_id = $2 ORDER BY m.hash LIMIT $3 FOR UPDATE OF m SKIP LOCKED)",
        &gone,
        keys.first(),
        limit,
    );
    let forgotten = forgotten.execute(connection).await?.rows_affected();
    Ok(usize::try_from(forgotten).unwrap_or(usize::MAX))
}

/// The marks of some kinds.
#[must_use]
pub fn of_kinds(marks: &[Marked], kinds: &[Kind]) -> Vec<Mark> {
    marks.iter().filter(|(kind, _)| kinds.contains(kind)).map(|(_, mark)| mark.clone()).collect()
}
