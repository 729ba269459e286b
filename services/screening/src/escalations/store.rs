//! Escalations remember here.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Called, Escalation, Kind};

/// The most that are found at once.
const AT_ONCE: i64 = 5_000;

/// Something that ought to have happened and has not.
#[derive(Clone, Copy, Debug)]
pub struct Overdue {
    /// About what.
    pub subject: Uuid,
    /// What.
    pub kind: Kind,
    /// The person, where it is about one.
    pub person: Option<Uuid>,
    /// Whose it is.
    pub unit: Uuid,
    /// Before how many levels above the unit: 0 before the unit itself.
    pub level: i16,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Puts something before a unit, or before another one than before. Its unit must have been kept by
/// [`crate::observations::store::keep_units`].
///
/// # Errors
/// Where the database fails.
pub async fn raise(connection: &mut PgConnection, overdue: Overdue) -> Result<(), Fault> {
    raise_calling(connection, overdue, Called::Answering).await
}

/// As [`raise`], with who is to be called.
///
/// # Errors
/// Where the database fails.
pub async fn raise_calling(
    connection: &mut PgConnection,
    overdue: Overdue,
    calls: Called,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO escalation AS e (subject_id, kind, rank, person_id, unit_id, level, holder_id, since, calls)
         SELECT $1, $2, $8, $3, u.unit_id, $5::smallint,
                CASE WHEN $5::smallint = 0 THEN u.ancestors[1] ELSE u.holders[LEAST(cardinality(u.holders), $5::smallint)] END, $6, $7
         FROM unit_sight u WHERE u.unit_id = $4
         ON CONFLICT ON CONSTRAINT escalation_pkey
         DO UPDATE SET unit_id = excluded.unit_id, level = excluded.level, holder_id = excluded.holder_id, calls = excluded.calls
         WHERE (e.unit_id, e.level, e.calls) <> (excluded.unit_id, excluded.level, excluded.calls)",
        overdue.subject,
        overdue.kind as i16,
        overdue.person,
        overdue.unit,
        overdue.level,
        overdue.since,
        calls as i16,
        overdue.kind.rank(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Withdraws what was put before anybody about something: of these kinds.
///
/// # Errors
/// Where the database fails.
pub async fn withdraw(connection: &mut PgConnection, subjects: &[Uuid], kinds: &[Kind]) -> Result<(), Fault> {
    let kinds: Vec<i16> = kinds.iter().map(|kind| *kind as i16).collect();
    sqlx::query!(
        "DELETE FROM escalation WHERE (subject_id, kind) IN
             (SELECT subject_id, kind FROM escalation WHERE subject_id = ANY($1) AND kind = ANY($2)
              ORDER BY subject_id, kind FOR UPDATE)",
        subjects,
        &kinds,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Units that have something waiting in their hands, and of which nobody keeps yet by whom they are seen.
///
/// # Errors
/// Where the database fails.
pub async fn unkept(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<Uuid>, Fault> {
    let units = sqlx::query_scalar!(
        r#"SELECT DISTINCT w.unit_id AS "unit!" FROM waiting w
           WHERE (w.at_once OR w.deadline_at <= $1) AND NOT EXISTS (SELECT FROM unit_sight u WHERE u.unit_id = w.unit_id) ORDER BY 1"#,
        now,
    );
    Ok(units.fetch_all(connection).await?)
}

/// Puts whatever waits before whoever is next: at once before the unit itself where that is said, past its deadline
/// before the unit above, a level up for each further day. Also where it came into other hands. Answers how many.
///
/// # Errors
/// Where the database fails.
pub async fn raise_waiting(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, Fault> {
    let raised = sqlx::query!(
        "INSERT INTO escalation AS e (subject_id, kind, rank, person_id, unit_id, level, holder_id, since)
         SELECT w.subject_id, w.kind, ($3::smallint[])[w.kind], w.person_id, w.unit_id, w.level,
                CASE WHEN w.level = 0 THEN u.ancestors[1] ELSE u.holders[LEAST(cardinality(u.holders), w.level)] END, w.deadline_at
         FROM (SELECT *, CASE WHEN deadline_at > $1 THEN 0 ELSE LEAST(1 + floor(extract(epoch FROM $1 - deadline_at) / 86400), 9) END::smallint AS level
               FROM waiting WHERE at_once OR deadline_at <= $1) w
         JOIN unit_sight u ON u.unit_id = w.unit_id
         LEFT JOIN LATERAL (
             SELECT x.unit_id, x.level FROM escalation x WHERE x.subject_id = w.subject_id AND x.kind = w.kind OFFSET 0
         ) x ON true
         WHERE (x.unit_id, x.level) IS DISTINCT FROM (w.unit_id, w.level)
         ORDER BY w.subject_id LIMIT $2
         ON CONFLICT ON CONSTRAINT escalation_pkey
         DO UPDATE SET unit_id = excluded.unit_id, level = excluded.level, holder_id = excluded.holder_id,
                       since = excluded.since, person_id = excluded.person_id",
        now,
        AT_ONCE,
        &ranks(),
    );
    Ok(raised.execute(connection).await?.rows_affected())
}

/// How dangerous each kind is, at the place of its number from one on; what nobody has ranked comes first.
fn ranks() -> Vec<i16> {
    (1..=i16::from(u8::MAX)).map(|number| Kind::of(number).map_or(0, Kind::rank)).collect()
}

/// Withdraws whatever is put before somebody although it waits no more: a row that was raised from a state in which
/// it still waited, while a handler that settled it found nothing to withdraw yet. Answers how many.
///
/// # Errors
/// Where the database fails.
pub async fn withdraw_settled(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, Fault> {
    let withdrawn = sqlx::query!(
        "DELETE FROM escalation e WHERE e.kind = ANY($1) AND NOT EXISTS
             (SELECT FROM waiting w WHERE w.subject_id = e.subject_id AND w.kind = e.kind AND (w.at_once OR w.deadline_at <= $2))",
        &Kind::OF_WAITING.map(|kind| kind as i16),
        now,
    );
    Ok(withdrawn.execute(connection).await?.rows_affected())
}

/// A place in a digest: how dangerous, since when, about what.
pub type Page = (i16, DateTime<Utc>, Uuid);

/// A page of what is put before a unit, the most dangerous and then the oldest first; without what two units have to
/// agree on, which is told to who agrees only.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    (holder, agrees): (Uuid, bool),
    after: Page,
    limit: i64,
) -> Result<Vec<Escalation>, Fault> {
    let rows = sqlx::query_as!(
        Escalation,
        "SELECT subject_id AS subject, kind, rank, person_id AS person, unit_id AS unit, level, holder_id AS holder, since,
                missed, calls
         FROM escalation WHERE holder_id = $1 AND (rank, since, subject_id) > ($2, $3, $4) AND (kind <> 14 OR $6)
         ORDER BY rank, since, subject_id LIMIT $5",
        holder,
        after.0,
        after.1,
        after.2,
        limit,
        agrees,
    );
    Ok(rows.fetch_all(connection).await?)
}
