//! Expected lists remember here.

use std::collections::HashMap;

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Day, Due, ExpectedList, Received, Term, folded};

struct Row {
    id: Uuid,
    unit_id: Uuid,
    kind: i16,
    source_name: String,
    next_due_at: Option<DateTime<Utc>>,
}

/// Expected lists by a condition, with what was said of each.
macro_rules! lists {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {{
        let rows = sqlx::query_as!(
            Row,
            "SELECT id, unit_id, kind, source_name, next_due_at FROM expected_list WHERE " + $condition
            $(, $value)*
        )
        .fetch_all(&mut *$connection)
        .await?;
        with_terms($connection, rows).await
    }};
}

async fn with_terms(connection: &mut PgConnection, rows: Vec<Row>) -> Result<Vec<ExpectedList>, Fault> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let said = sqlx::query!(
        "SELECT list_id, effective_on, due_by, covers_until, by_order, set_at FROM expected_list_term
         WHERE list_id = ANY($1) ORDER BY list_id, effective_on",
        &ids,
    );
    let mut terms: HashMap<Uuid, Vec<Term>> = HashMap::new();
    for row in said.fetch_all(connection).await? {
        terms.entry(row.list_id).or_default().push(Term {
            effective_on: row.effective_on,
            hours: row.due_by.zip(row.covers_until),
            order: row.by_order,
            set_at: row.set_at,
        });
    }
    let with = |row: Row| ExpectedList {
        terms: terms.remove(&row.id).unwrap_or_default(),
        id: row.id,
        unit: row.unit_id,
        kind: row.kind,
        source: row.source_name,
        next_due_at: row.next_due_at,
    };
    Ok(rows.into_iter().map(with).collect())
}

/// An expected list.
///
/// # Errors
/// Where the database fails.
pub async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<ExpectedList>, Fault> {
    Ok(lists!(connection, "id = $1", id)?.pop())
}

/// An expected list, locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<ExpectedList>, Fault> {
    Ok(lists!(connection, "id = $1 FOR NO KEY UPDATE", id)?.pop())
}

/// A page of the expected lists of units, in the order in which they were first said.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    units: &[Uuid],
    after: Uuid,
    limit: i64,
) -> Result<Vec<ExpectedList>, Fault> {
    lists!(connection, "unit_id = ANY($1) AND id > $2 ORDER BY id LIMIT $3", units, after, limit)
}

/// Some expected lists that were due and of which nobody has looked whether they came, locked; whoever is at work on others is
/// left alone.
///
/// # Errors
/// Where the database fails.
pub async fn due(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<ExpectedList>, Fault> {
    lists!(
        connection,
        "next_due_at < $1 ORDER BY next_due_at, id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED",
        now,
        limit
    )
}

/// The expected list of a unit, of a kind and from somebody: made where there is none. Locked.
///
/// # Errors
/// Where the database fails.
pub async fn made(
    connection: &mut PgConnection,
    (unit, kind, source): (Uuid, i16, &str),
) -> Result<Option<ExpectedList>, Fault> {
    let key = folded(source);
    sqlx::query!(
        "INSERT INTO expected_list (id, unit_id, kind, source_name, source_key) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT ON CONSTRAINT expected_list_key DO NOTHING",
        Uuid::now_v7(),
        unit,
        kind,
        source,
        key,
    )
    .execute(&mut *connection)
    .await?;
    Ok(lists!(
        connection,
        "unit_id = $1 AND kind = $2 AND source_key = $3 FOR NO KEY UPDATE",
        unit,
        kind,
        key
    )?
    .pop())
}

/// Keeps what is said of a list, which is locked, over what was said for that very date.
///
/// # Errors
/// Where the database fails.
pub async fn set(connection: &mut PgConnection, list: Uuid, term: &Term, by: &str) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO expected_list_term (list_id, effective_on, due_by, covers_until, by_order, set_by, set_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT ON CONSTRAINT expected_list_term_pkey DO UPDATE SET due_by = excluded.due_by,
             covers_until = excluded.covers_until, by_order = excluded.by_order, set_by = excluded.set_by, set_at = excluded.set_at",
        list,
        term.effective_on,
        term.hours.map(|hours| hours.0),
        term.hours.map(|hours| hours.1),
        term.order,
        by,
        term.set_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// When it is next to be looked whether a list, which is locked, has come.
///
/// # Errors
/// Where the database fails.
pub async fn look_at(
    connection: &mut PgConnection,
    list: Uuid,
    next: Option<DateTime<Utc>>,
) -> Result<(), Fault> {
    sqlx::query!("UPDATE expected_list SET next_due_at = $2 WHERE id = $1", list, next)
        .execute(connection)
        .await?;
    Ok(())
}

/// Adds a day of a list, which is locked, that was due: when it goes before the unit above, and when it came. One that is
/// there stays.
///
/// # Errors
/// Where the database fails.
pub async fn add_day(
    connection: &mut PgConnection,
    list: Uuid,
    due: Due,
    (above_at, came_at): (DateTime<Utc>, Option<DateTime<Utc>>),
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO expected_list_day (list_id, expected_on, due_at, cut_off_at, above_at, came_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT ON CONSTRAINT expected_list_day_pkey DO NOTHING",
        list,
        due.on,
        due.at,
        due.cut_off,
        above_at,
        came_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// When the first list came that is each of some expected ones, by the place of each: of a unit, of a kind, from somebody, of a
/// cut-off.
///
/// # Errors
/// Where the database fails.
pub async fn came(
    connection: &mut PgConnection,
    asked: &[(Uuid, i16, String, DateTime<Utc>)],
) -> Result<Vec<Option<DateTime<Utc>>>, Fault> {
    let units: Vec<Uuid> = asked.iter().map(|one| one.0).collect();
    let kinds: Vec<i16> = asked.iter().map(|one| one.1).collect();
    let keys: Vec<String> = asked.iter().map(|one| one.2.clone()).collect();
    let cut_offs: Vec<DateTime<Utc>> = asked.iter().map(|one| one.3).collect();
    let came = sqlx::query_scalar!(
        "SELECT (SELECT min(r.received_at) FROM received_list r WHERE r.unit_id = a.unit_id AND r.kind = a.kind
                   AND (a.key = '' OR r.source_key = a.key) AND r.starts_at < a.cut_off_at AND r.ends_at >= a.cut_off_at) AS came_at
         FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::timestamptz[]) WITH ORDINALITY AS a (unit_id, kind, key, cut_off_at, nth)
         ORDER BY a.nth",
        &units,
        &kinds,
        &keys,
        &cut_offs,
    );
    Ok(came.fetch_all(connection).await?)
}

/// Keeps that a list was received, the first time it was, and that the days have come whose list it is. Units are those as
/// which the receiver may expect it.
///
/// # Errors
/// Where the database fails.
pub async fn receive(
    connection: &mut PgConnection,
    units: &[Uuid],
    received: &Received,
) -> Result<(), Fault> {
    // Whoever looks meanwhile whether it has come waits, and finds it.
    let lists = sqlx::query_scalar!(
        "SELECT id FROM expected_list WHERE unit_id = ANY($1) AND kind = $2 AND source_key IN ('', $3) ORDER BY id FOR NO KEY UPDATE",
        units,
        received.kind,
        received.key,
    );
    let lists = lists.fetch_all(&mut *connection).await?;
    sqlx::query!(
        "INSERT INTO received_list (unit_id, kind, source_key, starts_at, ends_at, received_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT ON CONSTRAINT received_list_pkey DO NOTHING",
        received.unit,
        received.kind,
        received.key,
        received.window.0,
        received.window.1,
        received.at,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE expected_list_day SET came_at = $4
         WHERE list_id = ANY($1) AND came_at IS NULL AND cut_off_at > $2 AND cut_off_at <= $3",
        &lists,
        received.window.0,
        received.window.1,
        received.at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps that there is no list of a day, of one that is locked, unless that was said before.
///
/// # Errors
/// Where the database fails.
pub async fn say_nil(
    connection: &mut PgConnection,
    list: Uuid,
    (due, above_at): (Due, DateTime<Utc>),
    (by, words, now): (&str, &str, DateTime<Utc>),
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO expected_list_day AS d (list_id, expected_on, due_at, cut_off_at, above_at, nil_at, nil_by, words)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT ON CONSTRAINT expected_list_day_pkey DO UPDATE SET nil_at = excluded.nil_at, nil_by = excluded.nil_by,
             words = excluded.words
         WHERE d.nil_at IS NULL",
        list,
        due.on,
        due.at,
        due.cut_off,
        above_at,
        now,
        by,
        words,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Up to which cut-off before an instant it was said of a unit's lists, of a kind and from somebody, that there is none; nothing
/// where nobody has.
///
/// # Errors
/// Where the database fails.
pub async fn nil_before(
    connection: &mut PgConnection,
    (unit, kind, key): (Uuid, i16, &str),
    before: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Fault> {
    let ends_at = sqlx::query_scalar!(
        "SELECT max(d.cut_off_at) FROM expected_list l JOIN expected_list_day d ON d.list_id = l.id
         WHERE l.unit_id = $1 AND l.kind = $2 AND l.source_key IN ('', $3) AND d.nil_at IS NOT NULL AND d.cut_off_at < $4",
        unit,
        kind,
        key,
        before,
    );
    Ok(ends_at.fetch_one(connection).await?)
}

struct DayRow {
    list_id: Uuid,
    expected_on: NaiveDate,
    due_at: DateTime<Utc>,
    cut_off_at: DateTime<Utc>,
    came_at: Option<DateTime<Utc>>,
    nil_at: Option<DateTime<Utc>>,
    nil_by: String,
    words: String,
}

impl From<DayRow> for Day {
    fn from(row: DayRow) -> Self {
        Self {
            due: Due { on: row.expected_on, at: row.due_at, cut_off: row.cut_off_at },
            came_at: row.came_at,
            nil: row.nil_at.map(|at| (at, row.nil_by, row.words)),
        }
    }
}

/// What is kept of a day of some lists, by the list.
///
/// # Errors
/// Where the database fails.
pub async fn days_on(
    connection: &mut PgConnection,
    lists: &[Uuid],
    date: NaiveDate,
) -> Result<HashMap<Uuid, Day>, Fault> {
    let rows = sqlx::query_as!(
        DayRow,
        "SELECT list_id, expected_on, due_at, cut_off_at, came_at, nil_at, nil_by, words FROM expected_list_day
         WHERE list_id = ANY($1) AND expected_on = $2",
        lists,
        date,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.list_id, Day::from(row))).collect())
}

/// A page of the days of units' lists that have not come, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn missing(
    connection: &mut PgConnection,
    units: &[Uuid],
    (due_at, after): (DateTime<Utc>, Uuid),
    limit: i64,
) -> Result<Vec<(ExpectedList, Day)>, Fault> {
    let rows = sqlx::query_as!(
        DayRow,
        "SELECT d.list_id, d.expected_on, d.due_at, d.cut_off_at, d.came_at, d.nil_at, d.nil_by, d.words
         FROM expected_list l JOIN expected_list_day d ON d.list_id = l.id
         WHERE l.unit_id = ANY($1) AND d.came_at IS NULL AND d.nil_at IS NULL AND (d.due_at, d.list_id) > ($2, $3)
         ORDER BY d.due_at, d.list_id LIMIT $4",
        units,
        due_at,
        after,
        limit,
    );
    let rows = rows.fetch_all(&mut *connection).await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.list_id).collect();
    let lists = lists!(connection, "id = ANY($1)", &ids)?;
    let lists: HashMap<Uuid, ExpectedList> = lists.into_iter().map(|list| (list.id, list)).collect();
    Ok(rows.into_iter().filter_map(|row| Some((lists.get(&row.list_id)?.clone(), Day::from(row)))).collect())
}
