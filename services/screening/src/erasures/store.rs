//! Erasures remember here: who is due, what holds them, and everything that is personal.

use std::collections::BTreeMap;

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Counts, Erasure, Held, Hold};
use crate::persons::Purpose;

/// A place in the list of who is to be erased: the date, and the person.
pub type Place = (NaiveDate, Uuid);

/// Whether nobody else is at it, until the transaction ends.
///
/// # Errors
/// Where the database fails.
pub async fn is_alone(connection: &mut PgConnection) -> Result<bool, Fault> {
    let taken = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.erasures', 0)) AS "taken!""#
    );
    Ok(taken.fetch_one(connection).await?)
}

/// Some rows whose date has passed, after a place, each with the first of those who are one.
///
/// # Errors
/// Where the database fails.
pub async fn due(
    connection: &mut PgConnection,
    today: NaiveDate,
    after: Place,
    limit: i64,
) -> Result<Vec<(Place, Uuid)>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT delete_after AS "delete_after!", id, same_as FROM person
           WHERE erased_at IS NULL AND delete_after < $1 AND (delete_after, id) > ($2, $3) ORDER BY delete_after, id LIMIT $4"#,
        today,
        after.0,
        after.1,
        limit,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows.map(|row| ((row.delete_after, row.id), row.same_as)).collect())
}

/// What holds persons, each named by the first of those who are one: what, and whose it is. Nothing of who may be erased
/// on a date, or whom a closing covers.
///
/// # Errors
/// Where the database fails.
pub async fn holds(
    connection: &mut PgConnection,
    ones: &[Uuid],
    today: NaiveDate,
    covered: &[Uuid],
) -> Result<BTreeMap<Uuid, Vec<Held>>, Fault> {
    let everybody = sqlx::query!("SELECT id, same_as FROM person WHERE same_as = ANY($1)", ones);
    let everybody: BTreeMap<Uuid, Uuid> =
        everybody.fetch_all(&mut *connection).await?.into_iter().map(|row| (row.id, row.same_as)).collect();
    let persons: Vec<Uuid> = everybody.keys().copied().collect();
    // What waits is told by its kind where it is one of the others; of a new kind of task nothing need be written here.
    let rows = sqlx::query!(
        r#"SELECT person_id AS "person!", 1 AS "hold!", unit_id AS "unit!" FROM observation
           WHERE person_id = ANY($1) AND ended_at IS NULL
           UNION SELECT id, 2, unit_id FROM person WHERE id = ANY($1) AND delete_after IS NULL
           UNION SELECT person_id, 2, unit_id FROM case_record WHERE person_id = ANY($1) AND state NOT IN (5, 6)
           UNION SELECT person_id, 3, unit_id FROM referral
                 WHERE person_id = ANY($1) AND (answered_at IS NULL OR case_due_at IS NOT NULL)
           UNION SELECT person_id, 4, holder_unit_id FROM handdown
                 WHERE person_id = ANY($1) AND (closed_at IS NULL OR (outcome IN (3, 5) AND next_id IS NULL))
           UNION SELECT person_id, 5, unit_id FROM admission
                 WHERE person_id = ANY($1) AND admitted_at IS NOT NULL AND discharged_at IS NULL
           UNION SELECT person_id, 6, unit_id FROM support_request WHERE person_id = ANY($1) AND due_at IS NOT NULL
           UNION SELECT person_id, 7, unit_id FROM enforcement_request WHERE person_id = ANY($1) AND settled_at IS NULL
           UNION SELECT id, 8, unit_id FROM person WHERE id = ANY($1) AND delete_after >= $2 AND NOT id = ANY($3)
           UNION SELECT person_id, 9, unit_id FROM waiting WHERE person_id = ANY($1) AND kind NOT IN (1, 6, 7, 9, 10, 15)"#,
        &persons,
        today,
        covered,
    );
    let mut holds: BTreeMap<Uuid, Vec<Held>> = BTreeMap::new();
    for row in rows.fetch_all(connection).await? {
        let hold = Hold::of(row.hold).ok_or_else(|| Fault::internal("a hold"))?;
        if let Some(one) = everybody.get(&row.person) {
            holds.entry(*one).or_default().push(Held { hold, person: row.person, unit: row.unit });
        }
    }
    Ok(holds)
}

/// Locks everybody who is one person; nothing where somebody is at work on any of them.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, one: Uuid) -> Result<Option<Vec<Uuid>>, Fault> {
    let locked = sqlx::query_scalar!(
        "SELECT id FROM person WHERE same_as = $1 AND erased_at IS NULL ORDER BY id FOR UPDATE SKIP LOCKED",
        one,
    );
    let locked = locked.fetch_all(&mut *connection).await?;
    // In a second statement: whoever was taken in meanwhile is seen by it.
    let all = sqlx::query_scalar!(
        "SELECT id FROM person WHERE same_as = $1 AND erased_at IS NULL ORDER BY id",
        one
    );
    let all = all.fetch_all(connection).await?;
    Ok(Some(locked).filter(|locked| !locked.is_empty() && *locked == all))
}

/// Erases what is personal of persons, who are locked, and notes of each how much there was. Of the texts of an exposure
/// the name of a person here stays: it tells nothing.
///
/// # Errors
/// Where the database fails.
pub async fn erase(connection: &mut PgConnection, persons: &[Uuid], now: DateTime<Utc>) -> Result<(), Fault> {
    let mut counts: BTreeMap<Uuid, Counts> = persons.iter().map(|id| (*id, Counts::default())).collect();
    let marks =
        sqlx::query_scalar!("DELETE FROM person_mark WHERE person_id = ANY($1) RETURNING person_id", persons);
    for person in marks.fetch_all(&mut *connection).await? {
        counts.entry(person).or_default().marks += 1;
    }
    let findings =
        sqlx::query_scalar!("DELETE FROM finding WHERE person_id = ANY($1) RETURNING person_id", persons);
    for person in findings.fetch_all(&mut *connection).await? {
        counts.entry(person).or_default().findings += 1;
    }
    // A chain is one person's, whose first hop is that of the person who was handed down.
    let sources = sqlx::query_scalar!(
        "UPDATE handdown_source s SET key_id = NULL, sealed = NULL FROM handdown h
         WHERE s.sealed IS NOT NULL AND h.id = s.chain_id
           AND s.chain_id IN (SELECT chain_id FROM handdown WHERE person_id = ANY($1)) RETURNING h.person_id",
        persons,
    );
    for person in sources.fetch_all(&mut *connection).await? {
        counts.entry(person).or_default().sources += 1;
    }
    let exposures = sqlx::query!(
        "UPDATE exposure SET key_id = NULL, sealed = NULL, place_hash = NULL, place = '', place_key = '', erased_at = $2,
                index_reference = CASE WHEN index_reference ~ '^persons/[0-9a-f-]{36}$' THEN index_reference ELSE '' END
         WHERE (contact_id = ANY($1) OR index_id = ANY($1))
           AND (sealed IS NOT NULL OR place <> '' OR (index_reference <> '' AND index_reference !~ '^persons/[0-9a-f-]{36}$'))
         RETURNING contact_id, index_id",
        persons,
        now,
    );
    for row in exposures.fetch_all(&mut *connection).await? {
        let person = if persons.contains(&row.contact_id) { Some(row.contact_id) } else { row.index_id };
        if let Some(person) = person {
            counts.entry(person).or_default().exposures += 1;
        }
    }
    let closures = sqlx::query!(
        "DELETE FROM closure_person WHERE person_id = ANY($1) RETURNING person_id, closure_id",
        persons
    );
    let closures: BTreeMap<Uuid, Uuid> = closures
        .fetch_all(&mut *connection)
        .await?
        .into_iter()
        .map(|row| (row.person_id, row.closure_id))
        .collect();
    fn column(counts: &BTreeMap<Uuid, Counts>, value: impl Fn(&Counts) -> i32) -> Vec<i32> {
        counts.values().map(value).collect()
    }
    sqlx::query!(
        "WITH erased AS (
             UPDATE person SET key_id = NULL, sealed = NULL, damaged = false, erased_at = $2, updated_at = $2, version = version + 1
             WHERE id = ANY($1) RETURNING id, same_as, unit_id, purpose, delete_after)
         INSERT INTO erasure (person_id, one_id, unit_id, purpose, delete_after, erased_at, marks, findings, sources, exposures,
                              closure_id)
         SELECT e.id, e.same_as, e.unit_id, e.purpose, e.delete_after, $2, c.marks, c.findings, c.sources, c.exposures, c.closure
         FROM erased e JOIN unnest($1::uuid[], $3::integer[], $4::integer[], $5::integer[], $6::integer[], $7::uuid[])
                            AS c (id, marks, findings, sources, exposures, closure) ON c.id = e.id",
        &counts.keys().copied().collect::<Vec<_>>(),
        now,
        &column(&counts, |counts| counts.marks),
        &column(&counts, |counts| counts.findings),
        &column(&counts, |counts| counts.sources),
        &column(&counts, |counts| counts.exposures),
        &counts.keys().map(|person| closures.get(person).copied()).collect::<Vec<_>>() as &[Option<Uuid>],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A page of erasures to come in the hands of units, after a place: those whose date lies between two dates, the second
/// left out.
///
/// # Errors
/// Where the database fails.
pub async fn to_come(
    connection: &mut PgConnection,
    units: &[Uuid],
    (from, until): (NaiveDate, NaiveDate),
    after: Place,
    limit: i64,
) -> Result<Vec<Erasure>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT id, same_as, unit_id, purpose, delete_after AS "delete_after!" FROM person
           WHERE unit_id = ANY($1) AND erased_at IS NULL AND delete_after >= $2 AND delete_after < $3
             AND (delete_after, id) > ($4, $5) ORDER BY delete_after, id LIMIT $6"#,
        units,
        from,
        until,
        after.0,
        after.1,
        limit,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    rows.map(|row| {
        Ok(Erasure {
            person: row.id,
            one: row.same_as,
            unit: row.unit_id,
            purpose: purpose(row.purpose)?,
            delete_after: Some(row.delete_after),
            is_closed: false,
            erased: None,
        })
    })
    .collect()
}

/// Persons as they are in a list of erasures to come, in the order of their ids; and whether a closing covers them.
///
/// # Errors
/// Where the database fails.
pub async fn of(
    connection: &mut PgConnection,
    persons: &[Uuid],
    is_closed: bool,
) -> Result<Vec<Erasure>, Fault> {
    let rows = sqlx::query!(
        "SELECT id, same_as, unit_id, purpose, delete_after FROM person WHERE id = ANY($1) AND erased_at IS NULL ORDER BY id",
        persons,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    rows.map(|row| {
        Ok(Erasure {
            person: row.id,
            one: row.same_as,
            unit: row.unit_id,
            purpose: purpose(row.purpose)?,
            delete_after: row.delete_after,
            is_closed,
            erased: None,
        })
    })
    .collect()
}

/// A page of the persons in the hands of units who were erased, by one closing or whichever way, the earliest first, after
/// one.
///
/// # Errors
/// Where the database fails.
pub async fn erased(
    connection: &mut PgConnection,
    (units, closure): (&[Uuid], Option<Uuid>),
    after: (DateTime<Utc>, Uuid),
    limit: i64,
) -> Result<Vec<Erasure>, Fault> {
    let rows = sqlx::query!(
        "SELECT e.person_id, p.same_as, p.unit_id, e.purpose, e.delete_after, e.erased_at, e.marks, e.findings, e.sources,
                e.exposures
         FROM erasure e JOIN person p ON p.id = e.person_id
         WHERE p.unit_id = ANY($1) AND (e.erased_at, e.person_id) > ($2, $3) AND ($5::uuid IS NULL OR e.closure_id = $5)
         ORDER BY e.erased_at, e.person_id LIMIT $4",
        units,
        after.0,
        after.1,
        limit,
        closure,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    rows.map(|row| {
        let (marks, findings, sources, exposures) = (row.marks, row.findings, row.sources, row.exposures);
        Ok(Erasure {
            person: row.person_id,
            one: row.same_as,
            unit: row.unit_id,
            purpose: purpose(row.purpose)?,
            delete_after: Some(row.delete_after),
            is_closed: false,
            erased: Some((row.erased_at, Counts { marks, findings, sources, exposures })),
        })
    })
    .collect()
}

/// How many rows are due on a date: their date has passed, and something holds them.
///
/// # Errors
/// Where the database fails.
pub async fn count_due(connection: &mut PgConnection, today: NaiveDate) -> Result<i64, Fault> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM person WHERE erased_at IS NULL AND delete_after < $1"#,
        today,
    );
    Ok(count.fetch_one(connection).await?)
}

fn purpose(number: i16) -> Result<Purpose, Fault> {
    Purpose::of(number.into()).ok_or_else(|| Fault::internal("a purpose"))
}
