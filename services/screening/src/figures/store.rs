//! Figures remember here.

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Counts, INDICATORS, Sheet};

/// Whether there is anything to do on a day: notes, or a day that has gone by.
///
/// # Errors
/// Where the database fails.
pub async fn is_due(pool: &PgPool, today: NaiveDate) -> Result<bool, Fault> {
    let due = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM figure_inbox)
                  OR EXISTS (SELECT FROM figure_progress WHERE tallied_on IS DISTINCT FROM $1) AS "due!""#,
        today,
    );
    Ok(due.fetch_one(pool).await?)
}

/// Up to which day notes have been taken in, none yet where none was; nothing where another replica is at it.
///
/// # Errors
/// Where the database fails.
pub async fn progress(connection: &mut PgConnection) -> Result<Option<Option<NaiveDate>>, Fault> {
    let row = sqlx::query_scalar!("SELECT tallied_on FROM figure_progress FOR UPDATE SKIP LOCKED");
    Ok(row.fetch_optional(connection).await?)
}

/// Notes up to which day notes have been taken in.
///
/// # Errors
/// Where the database fails.
pub async fn set_progress(connection: &mut PgConnection, date: NaiveDate) -> Result<(), Fault> {
    sqlx::query!("UPDATE figure_progress SET tallied_on = $1 WHERE tallied_on IS DISTINCT FROM $1", date)
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes some notes: the units they name, each once, and how many they were.
///
/// # Errors
/// Where the database fails.
pub async fn take_notes(connection: &mut PgConnection, limit: i64) -> Result<(Vec<Uuid>, i64), Fault> {
    let taken = sqlx::query!(
        r#"WITH taken AS (
               DELETE FROM figure_inbox WHERE id IN (SELECT id FROM figure_inbox ORDER BY id LIMIT $1) RETURNING unit_id
           )
           SELECT coalesce(array_agg(DISTINCT unit_id), '{}') AS "units!", count(*) AS "count!" FROM taken"#,
        limit,
    );
    let taken = taken.fetch_one(connection).await?;
    Ok((taken.units, taken.count))
}

fn counts(changes: &[i64]) -> Counts {
    let mut counts = Counts::default();
    counts.0.iter_mut().zip(changes).for_each(|(count, change)| *count = *change);
    counts
}

macro_rules! sheets {
    ($connection:expr, $rest:literal $(, $value:expr)*) => {
        sqlx::query!("SELECT id, unit_id, business_date, changes, changed_at FROM figure_sheet " + $rest $(, $value)*)
            .fetch_all($connection)
            .await
            .map(|rows| {
                let sheets = rows.into_iter().map(|row| Sheet {
                    id: row.id,
                    unit: row.unit_id,
                    date: row.business_date,
                    changes: counts(&row.changes),
                    changed_at: row.changed_at,
                });
                sheets.collect()
            })
    };
}

/// Every sheet of units.
///
/// # Errors
/// Where the database fails.
pub async fn sheets(connection: &mut PgConnection, units: &[Uuid]) -> Result<Vec<Sheet>, Fault> {
    Ok(sheets!(connection, "WHERE unit_id = ANY($1)", units)?)
}

/// Some sheets.
///
/// # Errors
/// Where the database fails.
pub async fn get(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Sheet>, Fault> {
    Ok(sheets!(connection, "WHERE id = ANY($1)", ids)?)
}

/// Sheets after one, in the order of their ids.
///
/// # Errors
/// Where the database fails.
pub async fn after(connection: &mut PgConnection, after: Uuid, limit: i64) -> Result<Vec<Sheet>, Fault> {
    Ok(sheets!(connection, "WHERE id > $1 ORDER BY id LIMIT $2", after, limit)?)
}

/// Keeps sheets as they are.
///
/// # Errors
/// Where the database fails.
pub async fn keep(connection: &mut PgConnection, sheets: &[Sheet]) -> Result<(), Fault> {
    let ids: Vec<Uuid> = sheets.iter().map(|sheet| sheet.id).collect();
    let units: Vec<Uuid> = sheets.iter().map(|sheet| sheet.unit).collect();
    let dates: Vec<NaiveDate> = sheets.iter().map(|sheet| sheet.date).collect();
    let changes: Vec<i64> = sheets.iter().flat_map(|sheet| sheet.changes.0).collect();
    let changed: Vec<DateTime<Utc>> = sheets.iter().map(|sheet| sheet.changed_at).collect();
    sqlx::query!(
        "INSERT INTO figure_sheet (id, unit_id, business_date, changes, changed_at)
         SELECT id, unit_id, business_date, ($4::bigint[])[(n - 1) * $6 + 1 : n * $6], changed_at
         FROM unnest($1::uuid[], $2::uuid[], $3::date[], $5::timestamptz[])
              WITH ORDINALITY AS s (id, unit_id, business_date, changed_at, n)
         ON CONFLICT ON CONSTRAINT figure_sheet_key DO UPDATE SET changes = excluded.changes, changed_at = excluded.changed_at",
        &ids,
        &units,
        &dates,
        &changes,
        &changed,
        i64::try_from(INDICATORS).unwrap_or(i64::MAX),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What units came to together, by day, the days before the first put together on the one before it.
///
/// # Errors
/// Where the database fails.
pub async fn by_day(
    connection: &mut PgConnection,
    units: &[Uuid],
    (first, last): (NaiveDate, NaiveDate),
) -> Result<Vec<(NaiveDate, usize, i64)>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT GREATEST(s.business_date, $2::date - 1) AS "date!", c.number AS "number!", sum(c.change)::bigint AS "change!"
           FROM figure_sheet s CROSS JOIN LATERAL unnest(s.changes) WITH ORDINALITY AS c (change, number)
           WHERE s.unit_id = ANY($1) AND s.business_date <= $3 AND c.change <> 0 GROUP BY 1, 2"#,
        units,
        first,
        last,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows.map(|row| (row.date, usize::try_from(row.number).unwrap_or_default(), row.change)).collect())
}

/// Who was under observation in a unit's hands.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The unit.
    pub unit: Uuid,
    /// Everybody.
    pub all: i64,
    /// Returnees.
    pub returnees: i64,
    /// At home.
    pub at_home: i64,
    /// Lost.
    pub lost: i64,
}

/// Who was under observation at an instant, by hands of today: each person once.
///
/// # Errors
/// Where the database fails.
pub async fn observed(
    connection: &mut PgConnection,
    units: &[Uuid],
    at: DateTime<Utc>,
) -> Result<Vec<Observed>, Fault> {
    let rows = sqlx::query_as!(
        Observed,
        r#"WITH open AS (
               SELECT id, unit_id, basis, place, lost FROM observation
               WHERE unit_id = ANY($1) AND ended_at IS NULL AND leads_id = id AND starts_at < $2
               UNION ALL
               SELECT id, unit_id, basis, place, lost FROM observation
               WHERE unit_id = ANY($1) AND ended_at >= $2 AND leads_id = id AND starts_at < $2
           )
           SELECT unit_id AS "unit!", count(*) AS "all!", count(*) FILTER (WHERE basis = 1) AS "returnees!",
                  count(*) FILTER (WHERE place = 1) AS "at_home!",
                  -- Whoever was lost or found since was not, or was, at that instant.
                  count(*) FILTER (WHERE coalesce((
                      SELECT v.kind = 6 FROM observation_event v WHERE v.observation_id = o.id AND v.kind IN (5, 6) AND v.happened_at >= $2
                      ORDER BY v.number LIMIT 1), lost)) AS "lost!"
           FROM open o GROUP BY 1"#,
        units,
        at,
    );
    Ok(rows.fetch_all(connection).await?)
}

/// How many requests for support wait, by unit.
///
/// # Errors
/// Where the database fails.
pub async fn support_open(connection: &mut PgConnection, units: &[Uuid]) -> Result<Vec<(Uuid, i64)>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT unit_id, count(*) AS "count!" FROM support_request WHERE unit_id = ANY($1) AND due_at IS NOT NULL GROUP BY 1"#,
        units,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.unit_id, row.count)).collect())
}

/// How many returnees were put under observation, by unit and civil day of a zone. Who was never one is not among them.
///
/// # Errors
/// Where the database fails.
pub async fn returnees_found(
    connection: &mut PgConnection,
    units: &[Uuid],
    zone: Tz,
) -> Result<Vec<(Uuid, NaiveDate, i64)>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT opened_unit_id, (starts_at AT TIME ZONE $2)::date AS "date!", count(*) AS "count!" FROM observation
           WHERE opened_unit_id = ANY($1) AND basis = 1 AND leads_id = id AND coalesce(ending, 0) NOT IN (5, 6, 7) GROUP BY 1, 2"#,
        units,
        zone.name(),
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows.map(|row| (row.opened_unit_id, row.date, row.count)).collect())
}

/// How many persons were referred for a fever or symptom, by unit and civil day of a zone: each once a day.
///
/// # Errors
/// Where the database fails.
pub async fn febrile_found(
    connection: &mut PgConnection,
    units: &[Uuid],
    zone: Tz,
) -> Result<Vec<(Uuid, NaiveDate, i64)>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT found_unit_id, (opened_at AT TIME ZONE $2)::date AS "date!", count(DISTINCT coalesce(observation_id, id)) AS "count!"
           FROM referral WHERE found_unit_id = ANY($1) AND previous_id IS NULL GROUP BY 1, 2"#,
        units,
        zone.name(),
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows.map(|row| (row.found_unit_id, row.date, row.count)).collect())
}

/// What waits in the whole of screening, by kind.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// Slots that have elapsed and are not closed yet.
    pub slots: i64,
    /// Hand-downs that are not closed.
    pub handdowns: i64,
    /// Questions whose hands a person is in.
    pub questions: i64,
}

/// What waits at an instant.
///
/// # Errors
/// Where the database fails.
pub async fn waiting(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<Waiting, Fault> {
    let waiting = sqlx::query_as!(
        Waiting,
        r#"SELECT (SELECT count(*) FROM slot WHERE outcome = 0 AND closes_at <= $1) AS "slots!",
                  (SELECT count(*) FROM handdown WHERE closed_at IS NULL) AS "handdowns!",
                  (SELECT count(*) FROM hands_question WHERE settled_at IS NULL) AS "questions!""#,
        now,
    );
    Ok(waiting.fetch_one(connection).await?)
}

/// Who is under observation, unit by unit.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// The unit.
    pub unit: Uuid,
    /// Everybody.
    pub all: i64,
    /// Those to be released.
    pub due: i64,
    /// Those whom nobody finds.
    pub lost: i64,
    /// Those whom a moved unit had, and whom nobody has taken over.
    pub moved: i64,
}

/// Who is under observation at an instant, unit by unit: each person once.
///
/// # Errors
/// Where the database fails.
pub async fn open(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<Open>, Fault> {
    let open = sqlx::query_as!(
        Open,
        r#"WITH moved AS (
               SELECT u.unit_id, max(m.noted_at) AS noted_at FROM unit_move m JOIN unit_sight u ON m.unit_id = ANY(u.ancestors)
               WHERE m.settled_at IS NULL GROUP BY 1)
           SELECT o.unit_id AS unit, count(*) AS "all!", count(*) FILTER (WHERE due_at <= $1 AND NOT lost) AS "due!",
                  count(*) FILTER (WHERE lost) AS "lost!", count(*) FILTER (WHERE starts_at <= noted_at) AS "moved!"
           FROM observation o LEFT JOIN moved m ON m.unit_id = o.unit_id WHERE ended_at IS NULL AND leads_id = id GROUP BY 1"#,
        now,
    );
    Ok(open.fetch_all(connection).await?)
}

/// How much is put before somebody, by the number of its kind.
///
/// # Errors
/// Where the database fails.
pub async fn put_before(connection: &mut PgConnection) -> Result<Vec<(i16, i64)>, Fault> {
    let rows = sqlx::query!(r#"SELECT kind, count(*) AS "count!" FROM escalation GROUP BY 1"#);
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.kind, row.count)).collect())
}
