//! Closings remember here: what was proposed and approved, who is left, and what it came to.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Certificate, Closure, Counts};

struct Row {
    id: Uuid,
    area_unit_id: Uuid,
    reason: String,
    proposed_by: String,
    proposed_at: DateTime<Utc>,
    would_erase: Vec<i64>,
    would_hold: Vec<i64>,
    approved_by: Vec<String>,
    approved_at: Vec<DateTime<Utc>>,
    covered: Option<i64>,
    held: Option<Vec<i64>>,
    cancelled_at: Option<DateTime<Utc>>,
    cancelled_by: String,
    cancel_reason: String,
    closed_at: Option<DateTime<Utc>>,
    erased: Option<Vec<i64>>,
    kept: Option<i64>,
    digest: Option<Vec<u8>>,
}

impl From<Row> for Closure {
    fn from(row: Row) -> Self {
        let certificate = row.closed_at.map(|closed_at| Certificate {
            closed_at,
            erased: Counts::of(&row.erased.unwrap_or_default()),
            kept: row.kept.unwrap_or_default(),
            digest: row.digest.unwrap_or_default(),
        });
        Self {
            id: row.id,
            area: row.area_unit_id,
            reason: row.reason,
            proposed_by: row.proposed_by,
            proposed_at: row.proposed_at,
            would_erase: Counts::of(&row.would_erase),
            would_hold: row.would_hold,
            approvals: row.approved_by.into_iter().zip(row.approved_at).collect(),
            covered: row.covered,
            held: row.held.unwrap_or_default(),
            cancelled: row.cancelled_at.map(|at| (at, row.cancelled_by, row.cancel_reason)),
            certificate,
        }
    }
}

/// Closings by a condition.
macro_rules! closures {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Row,
            "SELECT id, area_unit_id, reason, proposed_by, proposed_at, would_erase, would_hold, approved_by, approved_at, covered,
                    held, cancelled_at, cancelled_by, cancel_reason, closed_at, erased, kept, digest
             FROM closure WHERE " + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await
        .map(|rows| rows.into_iter().map(Closure::from).collect::<Vec<_>>())
    };
}

/// A closing.
///
/// # Errors
/// Where the database fails.
pub async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<Closure>, Fault> {
    Ok(closures!(connection, "id = $1", id)?.pop())
}

/// As [`get`], locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<Closure>, Fault> {
    Ok(closures!(connection, "id = $1 FOR UPDATE", id)?.pop())
}

/// A page of the closings of some areas, the first proposed first; the state as the contract numbers it, all where zero.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    areas: &[Uuid],
    state: i32,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Closure>, Fault> {
    Ok(closures!(
        connection,
        "area_unit_id = ANY($1) AND id > $3
         AND ($2 = 0 OR $2 = CASE WHEN cancelled_at IS NOT NULL THEN 4 WHEN closed_at IS NOT NULL THEN 3 WHEN covered IS NOT NULL THEN 2 ELSE 1 END)
         ORDER BY id LIMIT $4",
        areas,
        state,
        after,
        limit
    )?)
}

/// The closings that erase, the first proposed first.
///
/// # Errors
/// Where the database fails.
pub async fn erasing(connection: &mut PgConnection) -> Result<Vec<Closure>, Fault> {
    Ok(closures!(
        connection,
        "covered IS NOT NULL AND closed_at IS NULL AND cancelled_at IS NULL ORDER BY id"
    )?)
}

/// Adds a closing that is proposed.
///
/// # Errors
/// Where the database fails.
pub async fn insert(connection: &mut PgConnection, closure: &Closure) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO closure (id, area_unit_id, reason, proposed_by, proposed_at, would_erase, would_hold)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        closure.id,
        closure.area,
        closure.reason,
        closure.proposed_by,
        closure.proposed_at,
        &closure.would_erase.list(),
        &closure.would_hold,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes who has approved a closing, which is locked, and how many it covers.
///
/// # Errors
/// Where the database fails.
pub async fn approve(connection: &mut PgConnection, closure: &Closure) -> Result<(), Fault> {
    let (by, at): (Vec<String>, Vec<DateTime<Utc>>) = closure.approvals.iter().cloned().unzip();
    sqlx::query!(
        "UPDATE closure SET approved_by = $2, approved_at = $3, covered = $4 WHERE id = $1",
        closure.id,
        &by,
        &at,
        closure.covered,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Covers everybody in the hands of units who is covered by no other closing that goes on; answers how many.
///
/// # Errors
/// Where the database fails.
pub async fn cover(connection: &mut PgConnection, closure: Uuid, units: &[Uuid]) -> Result<i64, Fault> {
    let covered = sqlx::query!(
        "INSERT INTO closure_person (person_id, closure_id)
         SELECT id, $1 FROM person WHERE unit_id = ANY($2) AND erased_at IS NULL ORDER BY id
         ON CONFLICT ON CONSTRAINT closure_person_pkey DO NOTHING",
        closure,
        units,
    );
    Ok(i64::try_from(covered.execute(connection).await?.rows_affected()).unwrap_or(i64::MAX))
}

/// Writes that a closing, which is locked, was cancelled; nobody is covered by it any more.
///
/// # Errors
/// Where the database fails.
pub async fn cancel(connection: &mut PgConnection, closure: &Closure) -> Result<(), Fault> {
    let Some((at, by, reason)) = &closure.cancelled else { return Ok(()) };
    sqlx::query!(
        "UPDATE closure SET cancelled_at = $2, cancelled_by = $3, cancel_reason = $4 WHERE id = $1",
        closure.id,
        at,
        by,
        reason,
    )
    .execute(&mut *connection)
    .await?;
    release(connection, closure.id).await
}

/// Writes what a closing, which is locked, came to; nobody is covered by it any more.
///
/// # Errors
/// Where the database fails.
pub async fn close(connection: &mut PgConnection, closure: Uuid, of: &Certificate) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE closure SET closed_at = $2, erased = $3, kept = $4, digest = $5 WHERE id = $1",
        closure,
        of.closed_at,
        &of.erased.list(),
        of.kept,
        of.digest,
    )
    .execute(&mut *connection)
    .await?;
    release(connection, closure).await
}

async fn release(connection: &mut PgConnection, closure: Uuid) -> Result<(), Fault> {
    sqlx::query!("DELETE FROM closure_person WHERE closure_id = $1", closure).execute(connection).await?;
    Ok(())
}

/// Writes how many persons are held, by what.
///
/// # Errors
/// Where the database fails.
pub async fn note_held(connection: &mut PgConnection, closure: Uuid, held: &[i64]) -> Result<(), Fault> {
    let noted = sqlx::query!(
        "UPDATE closure SET held = $2 WHERE id = $1 AND held IS DISTINCT FROM $2 AND closed_at IS NULL AND cancelled_at IS NULL",
        closure,
        held,
    );
    noted.execute(connection).await?;
    Ok(())
}

/// Some persons in the hands of units, in the order of their ids, after one: each with the first of those who are one.
///
/// # Errors
/// Where the database fails.
pub async fn in_hands(
    connection: &mut PgConnection,
    units: &[Uuid],
    after: Uuid,
    limit: i64,
) -> Result<Vec<(Uuid, Uuid)>, Fault> {
    let rows = sqlx::query!(
        "SELECT id, same_as FROM person WHERE unit_id = ANY($1) AND erased_at IS NULL AND id > $2 ORDER BY id LIMIT $3",
        units,
        after,
        limit,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.id, row.same_as)).collect())
}

/// Everybody who is one with some, named by the first of each, in the hands of units.
///
/// # Errors
/// Where the database fails.
pub async fn same_in_hands(
    connection: &mut PgConnection,
    ones: &[Uuid],
    units: &[Uuid],
) -> Result<Vec<Uuid>, Fault> {
    let same = sqlx::query_scalar!(
        "SELECT id FROM person WHERE same_as = ANY($1) AND unit_id = ANY($2) AND erased_at IS NULL",
        ones,
        units,
    );
    Ok(same.fetch_all(connection).await?)
}

/// Some of whom a closing covers and still erases, in the order of their ids, after one: in the hands of units, and not found
/// again since an instant; each with the first of those who are one.
///
/// # Errors
/// Where the database fails.
pub async fn left(
    connection: &mut PgConnection,
    (closure, since): (Uuid, DateTime<Utc>),
    units: &[Uuid],
    after: Uuid,
    limit: i64,
) -> Result<Vec<(Uuid, Uuid)>, Fault> {
    let rows = sqlx::query!(
        "SELECT p.id, p.same_as FROM closure_person c JOIN person p ON p.id = c.person_id
         WHERE c.closure_id = $1 AND p.unit_id = ANY($2) AND c.person_id > $3
           AND NOT EXISTS (SELECT FROM finding f WHERE f.person_id = p.id AND f.created_at > $4)
         ORDER BY c.person_id LIMIT $5",
        closure,
        units,
        after,
        since,
        limit,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.id, row.same_as)).collect())
}

/// Those of some, named by the first of those who are one, whom a closing covers and still erases, as [`left`].
///
/// # Errors
/// Where the database fails.
pub async fn same_left(
    connection: &mut PgConnection,
    (closure, since): (Uuid, DateTime<Utc>),
    units: &[Uuid],
    ones: &[Uuid],
) -> Result<Vec<Uuid>, Fault> {
    let same = sqlx::query_scalar!(
        "SELECT p.id FROM person p JOIN closure_person c ON c.person_id = p.id
         WHERE p.same_as = ANY($2) AND c.closure_id = $1 AND p.unit_id = ANY($3)
           AND NOT EXISTS (SELECT FROM finding f WHERE f.person_id = p.id AND f.created_at > $4)",
        closure,
        ones,
        units,
        since,
    );
    Ok(same.fetch_all(connection).await?)
}

/// How much there is of persons in the hands of units. What two of them share counts once: an exposure with its contact.
///
/// # Errors
/// Where the database fails.
pub async fn counts(
    connection: &mut PgConnection,
    persons: &[Uuid],
    units: &[Uuid],
) -> Result<Counts, Fault> {
    let counts = sqlx::query!(
        r#"SELECT (SELECT count(*) FROM person_mark WHERE person_id = ANY($1)) AS "marks!",
                  (SELECT count(*) FROM finding WHERE person_id = ANY($1)) AS "findings!",
                  (SELECT count(*) FROM handdown_source WHERE sealed IS NOT NULL
                     AND chain_id IN (SELECT h.chain_id FROM handdown h WHERE h.person_id = ANY($1))) AS "sources!",
                  (SELECT count(*) FROM exposure WHERE contact_id = ANY($1) AND sealed IS NOT NULL)
                  + (SELECT count(*) FROM exposure WHERE index_id = ANY($1) AND sealed IS NOT NULL AND NOT contact_unit_id = ANY($2))
                    AS "exposures!""#,
        persons,
        units,
    );
    let counts = counts.fetch_one(connection).await?;
    Ok(Counts {
        persons: i64::try_from(persons.len()).unwrap_or(i64::MAX),
        marks: counts.marks,
        findings: counts.findings,
        sources: counts.sources,
        exposures: counts.exposures,
    })
}

/// What a closing has erased so far, and how many it has left.
///
/// # Errors
/// Where the database fails.
pub async fn progress(connection: &mut PgConnection, closure: Uuid) -> Result<(Counts, i64), Fault> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "persons!", coalesce(sum(marks), 0) AS "marks!", coalesce(sum(findings), 0) AS "findings!",
                  coalesce(sum(sources), 0) AS "sources!", coalesce(sum(exposures), 0) AS "exposures!",
                  (SELECT count(*) FROM closure_person WHERE closure_id = $1) AS "left!"
           FROM erasure WHERE closure_id = $1"#,
        closure,
    );
    let row = row.fetch_one(connection).await?;
    let (persons, marks, findings) = (row.persons, row.marks, row.findings);
    Ok((Counts { persons, marks, findings, sources: row.sources, exposures: row.exposures }, row.left))
}

/// Whoever a closing has erased, in order.
///
/// # Errors
/// Where the database fails.
pub async fn erased(connection: &mut PgConnection, closure: Uuid) -> Result<Vec<Uuid>, Fault> {
    let erased = sqlx::query_scalar!(
        "SELECT person_id FROM erasure WHERE closure_id = $1 ORDER BY erased_at, person_id",
        closure
    );
    Ok(erased.fetch_all(connection).await?)
}

/// The first and the last whom a closing has erased, and when; nothing where nobody was.
///
/// # Errors
/// Where the database fails.
pub async fn ends(
    connection: &mut PgConnection,
    closure: Uuid,
) -> Result<Option<[(Uuid, DateTime<Utc>); 2]>, Fault> {
    let first = sqlx::query!(
        "SELECT person_id, erased_at FROM erasure WHERE closure_id = $1 ORDER BY erased_at, person_id LIMIT 1",
        closure
    );
    let first = first.fetch_optional(&mut *connection).await?.map(|row| (row.person_id, row.erased_at));
    let last = sqlx::query!(
        "SELECT person_id, erased_at FROM erasure WHERE closure_id = $1 ORDER BY erased_at DESC, person_id DESC LIMIT 1",
        closure
    );
    let last = last.fetch_optional(connection).await?.map(|row| (row.person_id, row.erased_at));
    Ok(first.zip(last).map(|(first, last)| [first, last]))
}
