//! Days remember here.

use chassis::Fault;
use chrono::{DateTime, Days, NaiveDate, Utc};
use jurisdiction::{Node, Tree};
use sqlx::{PgConnection, PgPool, types::Json};
use uuid::Uuid;

use super::{Day, ReadTo, State};
use crate::forms::schedule::Times;

/// What grows by business day, and how many percent of its pages are left free for rows that change.
const TABLES: [(&str, i32); 3] = [("expectation", 55), ("revision", 0), ("total", 50)];

struct Row {
    id: Uuid,
    form_id: Uuid,
    business_date: NaiveDate,
    form_version: i32,
    state: i16,
    tree_id: Uuid,
    times: Json<Times>,
    closed_slots: Vec<i16>,
    reminded: i16,
    expected: i64,
    parts: i32,
    opened_parts: i32,
    opened_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    opened_on: Json<ReadTo>,
    opened_behind: bool,
    pending: i64,
    version: i64,
}

impl TryFrom<Row> for Day {
    type Error = Fault;

    fn try_from(row: Row) -> Result<Self, Fault> {
        Ok(Self {
            id: row.id,
            form: row.form_id,
            date: row.business_date,
            form_version: row.form_version,
            state: State::of(row.state).ok_or_else(|| Fault::internal("a day's state"))?,
            tree: row.tree_id,
            times: row.times.0,
            closed_slots: row.closed_slots,
            reminded: row.reminded,
            expected: row.expected,
            parts: row.parts,
            opened_parts: row.opened_parts,
            opened_at: row.opened_at,
            closed_at: row.closed_at,
            opened_on: row.opened_on.0,
            opened_behind: row.opened_behind,
            pending: row.pending,
            version: row.version,
        })
    }
}

/// Days by a condition.
macro_rules! days {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"SELECT id, form_id, business_date, form_version, state, tree_id, times AS "times: Json<Times>",
                      closed_slots, reminded, expected, parts, opened_parts, opened_at, closed_at,
                      opened_on AS "opened_on: Json<ReadTo>", opened_behind, pending, version
               FROM day WHERE "# + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await?
        .into_iter()
        .map(Day::try_from)
        .collect::<Result<Vec<Day>, Fault>>()
    };
}

/// The day of an id.
///
/// # Errors
/// Where the database fails.
pub async fn by_id(connection: &mut PgConnection, id: Uuid) -> Result<Option<Day>, Fault> {
    Ok(days!(connection, "id = $1", id)?.pop())
}

/// The day of a form on a date.
///
/// # Errors
/// Where the database fails.
pub async fn by_date(
    connection: &mut PgConnection,
    form: Uuid,
    date: NaiveDate,
) -> Result<Option<Day>, Fault> {
    Ok(days!(connection, "form_id = $1 AND business_date = $2", form, date)?.pop())
}

/// The days that are not sealed, the earliest first.
///
/// # Errors
/// Where the database fails.
pub async fn in_hand(connection: &mut PgConnection) -> Result<Vec<Day>, Fault> {
    days!(connection, "state < 4 ORDER BY business_date, id")
}

/// What a page of days is chosen by.
#[derive(Debug)]
pub struct Selection {
    /// Only of this form.
    pub form: Option<Uuid>,
    /// Only in this state.
    pub state: Option<i16>,
    /// From this date on.
    pub start: Option<NaiveDate>,
    /// Before this date.
    pub end: Option<NaiveDate>,
    /// After this date and id, counting down.
    pub after: Option<(NaiveDate, Uuid)>,
    /// At most so many.
    pub limit: i64,
}

/// A page of days, the latest first.
///
/// # Errors
/// Where the database fails.
pub async fn list(connection: &mut PgConnection, selection: &Selection) -> Result<Vec<Day>, Fault> {
    days!(
        connection,
        "($1::uuid IS NULL OR form_id = $1) AND ($2::smallint IS NULL OR state = $2)
         AND ($3::date IS NULL OR business_date >= $3) AND ($4::date IS NULL OR business_date < $4)
         AND ($5::date IS NULL OR (business_date, id) < ($5, $6))
         ORDER BY business_date DESC, id DESC LIMIT $7",
        selection.form,
        selection.state,
        selection.start,
        selection.end,
        selection.after.map(|after| after.0),
        selection.after.map(|after| after.1),
        selection.limit
    )
}

/// Takes the lock of days: alone, or shared with others who share.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, keys: &[i64], alone: bool) -> Result<(), Fault> {
    let mut keys = keys.to_vec();
    keys.sort_unstable();
    keys.dedup();
    if alone {
        sqlx::query!("SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key", &keys)
            .fetch_all(connection)
            .await?;
    } else {
        sqlx::query!("SELECT pg_advisory_xact_lock_shared(key) FROM unnest($1::bigint[]) AS key", &keys)
            .fetch_all(connection)
            .await?;
    }
    Ok(())
}

/// How long what was said is kept, in days: it is evidence, and not dropped by itself in any lifetime.
const KEPT: u64 = 36_500;

/// Makes the partitions of a business date.
///
/// # Errors
/// Where the database fails.
pub async fn make_partitions(pool: &PgPool, date: NaiveDate) -> Result<(), Fault> {
    for (table, room) in TABLES {
        let kept = sqlx::query_scalar!(
            "SELECT keep_day_partitions($1, $2, $3, $3, $4)",
            table,
            date - Days::new(KEPT),
            date,
            room,
        );
        kept.fetch_one(pool).await?;
    }
    Ok(())
}

/// The id of a tree with these units, which is kept where none is.
///
/// # Errors
/// Where the database fails.
pub async fn keep_tree(connection: &mut PgConnection, tree: &Tree) -> Result<Uuid, Fault> {
    let known = sqlx::query_scalar!("SELECT id FROM tree WHERE digest = $1", tree.digest());
    if let Some(id) = known.fetch_optional(&mut *connection).await? {
        return Ok(id);
    }
    let made = sqlx::query_scalar!(
        "INSERT INTO tree (id, digest) VALUES ($1, $2) ON CONFLICT ON CONSTRAINT tree_digest_taken DO NOTHING RETURNING id",
        Uuid::now_v7(),
        tree.digest(),
    );
    let Some(id) = made.fetch_optional(&mut *connection).await? else {
        let known = sqlx::query_scalar!("SELECT id FROM tree WHERE digest = $1", tree.digest());
        return Ok(known.fetch_one(connection).await?);
    };
    let mut place = 0;
    for nodes in tree.nodes().chunks(5_000) {
        let mut columns = (vec![], vec![], vec![], vec![], vec![], vec![]);
        for node in nodes {
            columns.0.push(place);
            columns.1.push(node.end);
            columns.2.push(node.parent);
            columns.3.push(node.id);
            columns.4.push(node.level);
            columns.5.push(node.display_name.clone());
            place += 1;
        }
        sqlx::query!(
            "INSERT INTO tree_unit (tree_id, place, end_place, parent_place, unit_id, level, display_name)
             SELECT $1, * FROM unnest($2::int[], $3::int[], $4::int[], $5::uuid[], $6::smallint[], $7::text[])",
            id,
            &columns.0,
            &columns.1,
            &columns.2 as &[Option<i32>],
            &columns.3,
            &columns.4,
            &columns.5,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(id)
}

/// A tree that was kept.
///
/// # Errors
/// Where the database fails.
pub async fn tree(connection: &mut PgConnection, id: Uuid) -> Result<Tree, Fault> {
    let rows = sqlx::query!(
        "SELECT unit_id, level, display_name, parent_place, end_place FROM tree_unit WHERE tree_id = $1 ORDER BY place",
        id,
    );
    let nodes = rows.fetch_all(connection).await?.into_iter().map(|row| Node {
        id: row.unit_id,
        level: row.level,
        display_name: row.display_name,
        parent: row.parent_place,
        end: row.end_place,
    });
    Ok(Tree::of(nodes.collect()))
}

/// Records a day that opens, unless it is there.
///
/// # Errors
/// Where the database fails.
pub async fn insert(connection: &mut PgConnection, day: &Day) -> Result<bool, Fault> {
    let inserted = sqlx::query!(
        "INSERT INTO day (id, form_id, business_date, form_version, state, tree_id, times, parts, opened_at, opened_on, opened_behind)
         VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8, $9, $10) ON CONFLICT ON CONSTRAINT day_form_date_taken DO NOTHING",
        day.id,
        day.form,
        day.date,
        day.form_version,
        day.tree,
        Json(&day.times) as _,
        day.parts,
        day.opened_at,
        Json(&day.opened_on) as _,
        day.opened_behind,
    );
    Ok(inserted.execute(connection).await?.rows_affected() == 1)
}

/// Notes that a part is open; the last one opens the day.
///
/// # Errors
/// Where the database fails.
pub async fn part_opened(connection: &mut PgConnection, day: Uuid, expected: i64) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE day SET opened_parts = opened_parts + 1, expected = expected + $2, version = version + 1,
                state = CASE WHEN opened_parts + 1 >= parts THEN 2 ELSE state END
         WHERE id = $1",
        day,
        expected,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives a day other times.
///
/// # Errors
/// Where the database fails.
pub async fn set_times(connection: &mut PgConnection, day: Uuid, times: &Times) -> Result<(), Fault> {
    sqlx::query!("UPDATE day SET times = $2, version = version + 1 WHERE id = $1", day, Json(times) as _)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes which slots are closed, and, with an instant, that the day is.
///
/// # Errors
/// Where the database fails.
pub async fn closed(
    connection: &mut PgConnection,
    day: Uuid,
    slots: &[i16],
    at: Option<DateTime<Utc>>,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE day SET closed_slots = $2, closed_at = $3, version = version + 1,
                state = CASE WHEN $3::timestamptz IS NULL THEN state ELSE 3 END
         WHERE id = $1",
        day,
        slots,
        at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes how many reminders went out; answers whether nobody else did so.
///
/// # Errors
/// Where the database fails.
pub async fn reminded(connection: &mut PgConnection, day: Uuid, count: i16) -> Result<bool, Fault> {
    let updated = sqlx::query!(
        "UPDATE day SET reminded = $2, version = version + 1 WHERE id = $1 AND reminded < $2",
        day,
        count,
    );
    Ok(updated.execute(connection).await?.rows_affected() == 1)
}

/// Adds to what no seal contains yet.
///
/// # Errors
/// Where the database fails.
pub async fn amended(connection: &mut PgConnection, day: Uuid, more: i64) -> Result<(), Fault> {
    sqlx::query!("UPDATE day SET pending = pending + $2 WHERE id = $1 AND state = 4", day, more)
        .execute(connection)
        .await?;
    Ok(())
}

/// Where the tree came out different: the unit, 1 not expected, 2 closed, 3 moved, and its name.
pub type Difference = (Uuid, i16, String, DateTime<Utc>);

/// The differences of a day, the earliest first.
///
/// # Errors
/// Where the database fails.
pub async fn differences(connection: &mut PgConnection, day: Uuid) -> Result<Vec<Difference>, Fault> {
    let rows = sqlx::query!(
        "SELECT unit_id, kind, display_name, found_at FROM opening_difference WHERE day_id = $1 ORDER BY found_at, unit_id",
        day,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows.map(|row| (row.unit_id, row.kind, row.display_name, row.found_at)).collect())
}

/// Notes differences; answers the units that were not noted so before.
///
/// # Errors
/// Where the database fails.
pub async fn note_differences(
    connection: &mut PgConnection,
    day: Uuid,
    differences: &[Difference],
) -> Result<Vec<(Uuid, i16)>, Fault> {
    let mut columns = (vec![], vec![], vec![], vec![]);
    for (unit, kind, name, at) in differences {
        columns.0.push(*unit);
        columns.1.push(*kind);
        columns.2.push(name.clone());
        columns.3.push(*at);
    }
    let rows = sqlx::query!(
        "INSERT INTO opening_difference (day_id, unit_id, kind, display_name, found_at)
         SELECT $1, * FROM unnest($2::uuid[], $3::smallint[], $4::text[], $5::timestamptz[])
         ON CONFLICT ON CONSTRAINT opening_difference_pkey DO NOTHING RETURNING unit_id, kind",
        day,
        &columns.0,
        &columns.1,
        &columns.2,
        &columns.3,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.unit_id, row.kind)).collect())
}

/// Takes the turn of what happens by the clock, for this transaction; answers whether it is free.
///
/// # Errors
/// Where the database fails.
pub async fn try_turn(connection: &mut PgConnection) -> Result<bool, Fault> {
    let taken = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.days', 0)) AS "taken!""#
    );
    Ok(taken.fetch_one(connection).await?)
}
