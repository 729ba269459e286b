//! Persons remember here. Personal values are sealed on the way in and opened on the way out.

mod following;
mod marks;
mod record;
mod resealed;

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Details, Marked, Person, Purpose};
use crate::{
    hands::Cause,
    keyring::{Keyring, Sealed},
};

/// The number of the rules that persons are marked by: the second finds infants by their guardian's number, the third who is
/// at a place, the fourth notes whose texts look damaged, the fifth whose phones are doubtful.
const MARKED: i16 = 5;

pub use following::{clear_follow, follow_by, is_unfollowed, waive};
use marks::mark;
pub use marks::{forget_marks, found, lock_marks, of_kinds};
pub use record::{Access, accesses, add_finding, findings, note_access};
pub use resealed::{reseal, reseal_findings, seals_with};

struct Row {
    id: Uuid,
    same_as: Uuid,
    unit_id: Uuid,
    present_unit_id: Option<Uuid>,
    counted_unit_id: Option<Uuid>,
    purpose: i16,
    delete_after: Option<NaiveDate>,
    erased_at: Option<DateTime<Utc>>,
    follow_by: Option<DateTime<Utc>>,
    key_id: Option<String>,
    sealed: Option<Vec<u8>>,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Row {
    fn open(self, keys: &Keyring) -> Result<Person, Fault> {
        let details = match self.key_id.zip(self.sealed) {
            Some((key, bytes)) => open(keys, self.id, &Sealed { key, bytes })?,
            None => Details::default(),
        };
        Ok(Person {
            id: self.id,
            same_as: self.same_as,
            unit: self.unit_id,
            present_unit: self.present_unit_id,
            counted_unit: self.counted_unit_id,
            purpose: Purpose::of(self.purpose.into()).ok_or_else(|| Fault::internal("a purpose"))?,
            delete_after: self.delete_after,
            erased_at: self.erased_at,
            follow_by: self.follow_by,
            details,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

fn open(keys: &Keyring, id: Uuid, sealed: &Sealed) -> Result<Details, Fault> {
    // The cause is left out: it may quote the value.
    serde_json::from_slice(&keys.open(id, sealed)?).map_err(|_| Fault::internal("sealed details"))
}

fn seal(keys: &Keyring, id: Uuid, details: &Details) -> Result<Sealed, Fault> {
    let body = serde_json::to_vec(details).map_err(|_| Fault::internal("details that cannot be written"))?;
    keys.seal(id, &body)
}

/// Persons by a condition, opened.
macro_rules! persons {
    ($connection:expr, $keys:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Row,
            "SELECT id, same_as, unit_id, present_unit_id, counted_unit_id, purpose, delete_after, erased_at, follow_by, key_id,
                    sealed, version, created_at, updated_at
             FROM person WHERE " + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await?
        .into_iter()
        .map(|row| row.open($keys))
        .collect::<Result<Vec<Person>, Fault>>()
    };
}

/// Persons by their ids, in the order of their ids.
///
/// # Errors
/// Where the database fails.
pub async fn get(connection: &mut PgConnection, keys: &Keyring, ids: &[Uuid]) -> Result<Vec<Person>, Fault> {
    persons!(connection, keys, "id = ANY($1) ORDER BY id", ids)
}

/// Whose hands a person is in, and the first of those who are one with them, without opening what is sealed; nothing for
/// nobody.
///
/// # Errors
/// Where the database fails.
pub async fn hands(connection: &mut PgConnection, person: Uuid) -> Result<Option<(Uuid, Uuid)>, Fault> {
    let hands = sqlx::query!("SELECT unit_id, same_as FROM person WHERE id = $1", person);
    Ok(hands.fetch_optional(connection).await?.map(|row| (row.unit_id, row.same_as)))
}

/// As [`hands`], and they stay so until the transaction ends: for whoever writes them beside the person.
///
/// # Errors
/// Where the database fails.
pub async fn hold_hands(connection: &mut PgConnection, person: Uuid) -> Result<Option<(Uuid, Uuid)>, Fault> {
    let hands = sqlx::query!("SELECT unit_id, same_as FROM person WHERE id = $1 FOR KEY SHARE", person);
    Ok(hands.fetch_optional(connection).await?.map(|row| (row.unit_id, row.same_as)))
}

/// The first of those who were found to be one with a person; nothing for nobody.
///
/// # Errors
/// Where the database fails.
pub async fn one(connection: &mut PgConnection, person: Uuid) -> Result<Option<Uuid>, Fault> {
    let one = sqlx::query_scalar!("SELECT same_as FROM person WHERE id = $1", person);
    Ok(one.fetch_optional(connection).await?)
}

/// Why there are rows of who is one person, the first taken in first.
///
/// # Errors
/// Where the database fails.
pub async fn purposes(connection: &mut PgConnection, one: Uuid) -> Result<Vec<Purpose>, Fault> {
    let purposes = sqlx::query_scalar!("SELECT purpose FROM person WHERE same_as = $1 ORDER BY id", one);
    let purposes = purposes.fetch_all(connection).await?;
    Ok(purposes.into_iter().filter_map(|purpose| Purpose::of(purpose.into())).collect())
}

/// Everybody who was found to be one person, the first taken in first.
///
/// # Errors
/// Where the database fails.
pub async fn same(connection: &mut PgConnection, keys: &Keyring, one: Uuid) -> Result<Vec<Person>, Fault> {
    persons!(connection, keys, "same_as = $1 ORDER BY id", one)
}

/// As [`same`], locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock_same(
    connection: &mut PgConnection,
    keys: &Keyring,
    one: Uuid,
) -> Result<Vec<Person>, Fault> {
    persons!(connection, keys, "same_as = $1 ORDER BY id FOR UPDATE", one)
}

/// What a page of persons is chosen by.
#[derive(Debug)]
pub struct Selection<'a> {
    /// Only in the hands of these units.
    pub units: &'a [Uuid],
    /// Only with this purpose.
    pub purpose: Option<i16>,
    /// Only under all of these marks, each by any key: hashes of one value.
    pub marks: [Option<Vec<Vec<u8>>>; 2],
    /// Only who was found and is not followed up, in due order: then after such a one.
    pub unfollowed: Option<(DateTime<Utc>, Uuid)>,
    /// Only whose texts look damaged.
    pub damaged: bool,
    /// After this person.
    pub after: Uuid,
    /// At most so many.
    pub limit: i64,
}

/// A page of persons whose values were not erased, in the order in which they were taken in.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    keys: &Keyring,
    selection: &Selection<'_>,
) -> Result<Vec<Person>, Fault> {
    let [paper, phone] = &selection.marks;
    if let Some(after) = selection.unfollowed {
        return persons!(
            connection,
            keys,
            "id IN (SELECT subject_id FROM waiting WHERE kind = 13 AND unit_id = ANY($1)) AND (follow_by, id) > ($2, $7)
             AND erased_at IS NULL AND (damaged OR NOT $8)
             AND ($3::smallint IS NULL OR purpose = $3)
             AND ($4::bytea[] IS NULL OR id = ANY(ARRAY(SELECT person_id FROM person_mark WHERE hash = ANY($4))))
             AND ($5::bytea[] IS NULL OR id = ANY(ARRAY(SELECT person_id FROM person_mark WHERE hash = ANY($5))))
             ORDER BY follow_by, id LIMIT $6",
            selection.units,
            after.0,
            selection.purpose,
            paper.as_deref(),
            phone.as_deref(),
            selection.limit,
            after.1,
            selection.damaged
        );
    }
    persons!(
        connection,
        keys,
        "unit_id = ANY($1) AND id > $2 AND erased_at IS NULL AND (damaged OR NOT $7) AND ($3::smallint IS NULL OR purpose = $3)
         AND ($4::bytea[] IS NULL OR id = ANY(ARRAY(SELECT person_id FROM person_mark WHERE hash = ANY($4))))
         AND ($5::bytea[] IS NULL OR id = ANY(ARRAY(SELECT person_id FROM person_mark WHERE hash = ANY($5))))
         ORDER BY id LIMIT $6",
        selection.units,
        selection.after,
        selection.purpose,
        paper.as_deref(),
        phone.as_deref(),
        selection.limit,
        selection.damaged
    )
}

/// Adds a person whom somebody has taken in.
///
/// # Errors
/// Where the database fails.
pub async fn insert(
    connection: &mut PgConnection,
    keys: &Keyring,
    (person, marks): (&Person, &[Marked]),
    by: &str,
) -> Result<(), Fault> {
    let sealed = seal(keys, person.id, &person.details)?;
    sqlx::query!(
        "WITH taken AS (
             INSERT INTO person (id, same_as, unit_id, present_unit_id, purpose, delete_after, key_id, sealed, created_at,
                                 updated_at, marked, follow_by, damaged)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $13, $14) RETURNING id, same_as, unit_id)
         INSERT INTO hands_event (person_id, one_id, unit_id, cause, said_by, happened_at)
         SELECT id, same_as, unit_id, $11, $12, $9 FROM taken",
        person.id,
        person.same_as,
        person.unit,
        person.present_unit,
        person.purpose as i16,
        person.delete_after,
        sealed.key,
        sealed.bytes,
        person.created_at,
        MARKED,
        Cause::TakenIn as i16,
        by,
        person.follow_by,
        !person.details.damaged().is_empty(),
    )
    .execute(&mut *connection)
    .await?;
    mark(connection, person.id, marks).await
}

/// Changes what is known of a person whose version is still the one given; answers whether it was.
///
/// # Errors
/// Where the database fails.
pub async fn update(
    connection: &mut PgConnection,
    keys: &Keyring,
    person: &Person,
    marks: &[Marked],
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let sealed = seal(keys, person.id, &person.details)?;
    let updated = sqlx::query!(
        "UPDATE person SET key_id = $3, sealed = $4, present_unit_id = $5, purpose = $6, delete_after = $7,
                updated_at = $8, marked = $9, damaged = $10, version = version + 1
         WHERE id = $1 AND version = $2",
        person.id,
        person.version,
        sealed.key,
        sealed.bytes,
        person.present_unit,
        person.purpose as i16,
        person.delete_after,
        now,
        MARKED,
        !person.details.damaged().is_empty(),
    );
    if updated.execute(&mut *connection).await?.rows_affected() == 0 {
        return Ok(false);
    }
    mark(connection, person.id, marks).await?;
    Ok(true)
}

/// Joins everybody who is `merged` to `kept`, and notes why. What was in the merged one's hands is in the
/// kept one's, unless it is to be agreed on first: then the rows do not tell that anything has changed. What another unit
/// has found besides stays its own until that is agreed on.
///
/// # Errors
/// Where the database fails.
pub async fn join(
    connection: &mut PgConnection,
    (kept, merged): (&Person, &Person),
    takes_hands: bool,
    (reason, by, now): (&str, &str, DateTime<Utc>),
) -> Result<(), Fault> {
    sqlx::query!(
        "WITH joined AS (
             UPDATE person SET same_as = $1, unit_id = CASE WHEN unit_id = $4 AND $8 THEN $3 ELSE unit_id END,
                    updated_at = CASE WHEN $8 THEN $5 ELSE updated_at END, version = version + CASE WHEN $8 THEN 1 ELSE 0 END
             WHERE same_as = $2 RETURNING id, same_as, unit_id)
         INSERT INTO hands_event (person_id, one_id, unit_id, cause, said_by, happened_at)
         SELECT id, same_as, unit_id, $6, $7, $5 FROM joined ORDER BY id",
        kept.id,
        merged.id,
        kept.unit,
        merged.unit,
        now,
        Cause::Joined as i16,
        by,
        takes_hands,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO merge (id, kept_id, merged_id, reason, merged_by, merged_at) VALUES ($1, $2, $3, $4, $5, $6)",
        Uuid::now_v7(),
        kept.id,
        merged.id,
        reason,
        by,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts a person, as some units have recorded them, into a unit's hands, and notes why and by whom. What
/// another unit has found stays its own until that is agreed on.
///
/// # Errors
/// Where the database fails.
pub async fn take_hands(
    connection: &mut PgConnection,
    (one, from): (Uuid, &[Uuid]),
    unit: Uuid,
    (cause, by, now): (Cause, &str, DateTime<Utc>),
) -> Result<(), Fault> {
    sqlx::query!(
        "WITH taken AS (
             UPDATE person SET unit_id = $2, updated_at = $3, version = version + 1
             WHERE same_as = $1 AND unit_id = ANY($4) AND unit_id <> $2 RETURNING id, same_as, unit_id)
         INSERT INTO hands_event (person_id, one_id, unit_id, cause, said_by, happened_at)
         SELECT id, same_as, unit_id, $5, $6, $3 FROM taken ORDER BY id",
        one,
        unit,
        now,
        from,
        cause as i16,
        by,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Some persons in the hands of a unit, and how many there are: of who was erased nobody need take care.
///
/// # Errors
/// Where the database fails.
pub async fn held(connection: &mut PgConnection, unit: Uuid, limit: i64) -> Result<(Vec<Uuid>, i64), Fault> {
    let rows = sqlx::query!(
        r#"SELECT id, count(*) OVER () AS "all!" FROM person WHERE unit_id = $1 AND erased_at IS NULL ORDER BY id LIMIT $2"#,
        unit,
        limit,
    );
    let rows = rows.fetch_all(connection).await?;
    let all = rows.first().map_or(0, |row| row.all);
    Ok((rows.into_iter().map(|row| row.id).collect(), all))
}

/// Some persons who are sealed with a key that is not the first, or marked by older rules, locked; whoever is at
/// work on others is left alone.
///
/// # Errors
/// Where the database fails.
pub async fn sealed_before(
    connection: &mut PgConnection,
    keys: &Keyring,
    limit: i64,
) -> Result<Vec<Person>, Fault> {
    persons!(
        connection,
        keys,
        "erased_at IS NULL AND (key_id < $1 OR key_id > $1 OR marked < $3) ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED",
        keys.first(),
        limit,
        MARKED
    )
}
