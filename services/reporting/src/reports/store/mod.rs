//! Reports remember here.

mod revisions;
mod write;

use std::collections::HashMap;

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Content, Standing, Timing};
use crate::{days::Plan, forms::Figures};

pub use revisions::{Before, NewRevision, Placed, before, revisions};
pub use write::{Changes, write};

/// An expectation with how it stands.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The report's id.
    pub id: Uuid,
    /// Where the unit stands in the day's tree.
    pub place: i32,
    /// Which slot.
    pub slot: i16,
    /// How it stands.
    pub standing: Standing,
    /// Why it was returned or excused.
    pub reason: String,
    /// When the report that counts was received.
    pub received_at: Option<DateTime<Utc>>,
    /// When it was last reminded of.
    pub reminded_at: Option<DateTime<Utc>>,
}

struct Row {
    id: Uuid,
    place: i32,
    slot: i16,
    timing: i16,
    content: i16,
    returned: bool,
    revision: i32,
    figures: Vec<Option<i64>>,
    last_known: Vec<Option<i64>>,
    reason: String,
    received_at: Option<DateTime<Utc>>,
    reminded_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Expected {
    type Error = Fault;

    fn try_from(row: Row) -> Result<Self, Fault> {
        let timing = Timing::of(row.timing).ok_or_else(|| Fault::internal("a timing"))?;
        let standing = Standing {
            timing,
            content: Content::of(row.content),
            returned: row.returned,
            revision: row.revision,
            figures: row.figures,
            last_known: row.last_known,
        };
        Ok(Self {
            id: row.id,
            place: row.place,
            slot: row.slot,
            standing,
            reason: row.reason,
            received_at: row.received_at,
            reminded_at: row.reminded_at,
        })
    }
}

/// Expectations `e` of one day, by whatever follows their columns.
macro_rules! expected {
    ($connection:expr, $plan:expr, $rest:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"SELECT e.id, e.place, e.slot, e.timing, e.content, e.returned, e.revision,
                      e.figures AS "figures: Vec<Option<i64>>", e.last_known AS "last_known: Vec<Option<i64>>",
                      e.reason, e.received_at, e.reminded_at "# + $rest,
            $plan.day.date,
            $plan.day.id
            $(, $value)*
        )
        .fetch_all($connection)
        .await?
        .into_iter()
        .map(Expected::try_from)
        .collect::<Result<Vec<Expected>, Fault>>()
    };
}

/// Locks the expectations of places, which are in order, and of each in the order of its slots; answers
/// them with the [`crate::days::Day::stamp`] of the day, unless there are none. Each place is looked up by
/// its key: for `place = ANY(…)` the planner would rather read the whole day, which comes in the wanted
/// order, and leave out the others, as long as it takes the day for small: on a partition that was just
/// filled.
///
/// # Errors
/// Where the database fails.
pub async fn lock(
    connection: &mut PgConnection,
    plan: &Plan,
    places: &[i32],
) -> Result<(Option<Vec<i64>>, Vec<Expected>), Fault> {
    let rows = sqlx::query!(
        r#"SELECT e.id, e.place, e.slot, e.timing, e.content, e.returned, e.revision,
                  e.figures AS "figures: Vec<Option<i64>>", e.last_known AS "last_known: Vec<Option<i64>>",
                  e.reason, e.received_at, e.reminded_at,
                  (SELECT ARRAY[version, pending] FROM day WHERE id = $2) AS stamp
           FROM unnest($3::int[]) AS wanted (place) CROSS JOIN LATERAL (
               SELECT * FROM expectation
               WHERE business_date = $1 AND day_id = $2 AND place = wanted.place ORDER BY slot FOR UPDATE
           ) AS e"#,
        plan.day.date,
        plan.day.id,
        places,
    );
    let mut stamp = None;
    let mut locked = Vec::with_capacity(places.len());
    for row in rows.fetch_all(connection).await? {
        stamp = row.stamp;
        let row = Row {
            id: row.id,
            place: row.place,
            slot: row.slot,
            timing: row.timing,
            content: row.content,
            returned: row.returned,
            revision: row.revision,
            figures: row.figures,
            last_known: row.last_known,
            reason: row.reason,
            received_at: row.received_at,
            reminded_at: row.reminded_at,
        };
        locked.push(row.try_into()?);
    }
    Ok((stamp, locked))
}

/// Every expectation from a place up to an end, in order.
///
/// # Errors
/// Where the database fails.
pub async fn standings(
    connection: &mut PgConnection,
    plan: &Plan,
    first: i32,
    end: i32,
) -> Result<Vec<Expected>, Fault> {
    expected!(
        connection,
        plan,
        "FROM expectation e WHERE e.business_date = $1 AND e.day_id = $2 AND e.place >= $3 AND e.place < $4
         ORDER BY e.place, e.slot",
        first,
        end
    )
}

/// What a page of reports is chosen by.
#[derive(Debug)]
pub struct Selection<'a> {
    /// The first places of ranges.
    pub firsts: &'a [i32],
    /// Their ends.
    pub ends: &'a [i32],
    /// Only with these timings.
    pub timings: &'a [i16],
    /// Only with this content.
    pub content: Option<i16>,
    /// Only this slot.
    pub slot: Option<i16>,
    /// After this place and slot.
    pub after: (i32, i16),
    /// At most so many.
    pub limit: i64,
}

/// A page of reports, in the order of the tree.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    plan: &Plan,
    selection: &Selection<'_>,
) -> Result<Vec<Expected>, Fault> {
    expected!(
        connection,
        plan,
        "FROM expectation e WHERE e.business_date = $1 AND e.day_id = $2
         AND EXISTS (SELECT FROM unnest($3::int[], $4::int[]) AS r (a, z) WHERE e.place >= r.a AND e.place < r.z)
         AND e.timing = ANY($5) AND ($6::smallint IS NULL OR e.content = $6) AND ($7::smallint IS NULL OR e.slot = $7)
         AND (e.place, e.slot) > ($8, $9) ORDER BY e.place, e.slot LIMIT $10",
        selection.firsts,
        selection.ends,
        selection.timings,
        selection.content,
        selection.slot,
        selection.after.0,
        selection.after.1,
        selection.limit
    )
}

/// The expectations of some reports of a day.
///
/// # Errors
/// Where the database fails.
pub async fn of_ids(
    connection: &mut PgConnection,
    plan: &Plan,
    ids: &[Uuid],
) -> Result<Vec<Expected>, Fault> {
    expected!(
        connection,
        plan,
        "FROM expectation e WHERE e.business_date = $1 AND e.day_id = $2 AND e.id = ANY($3)",
        ids
    )
}

/// The days of some reports.
///
/// # Errors
/// Where the database fails.
pub async fn days_of(connection: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, Uuid>, Fault> {
    let rows = sqlx::query!("SELECT id, day_id FROM expectation WHERE id = ANY($1)", ids);
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.id, row.day_id)).collect())
}

/// Writes the expectations of a part of the tree: places, each with every slot, and what is last known.
///
/// # Errors
/// Where the database fails.
pub async fn insert(
    connection: &mut PgConnection,
    plan: &Plan,
    expected: &[(i32, i16, Figures)],
) -> Result<(), Fault> {
    let width = plan.columns();
    let mut columns = (vec![], vec![], vec![], vec![]);
    for (place, slot, last_known) in expected {
        columns.0.push(*place);
        columns.1.push(*slot);
        columns.2.push(Uuid::now_v7());
        columns.3.extend((0..width).map(|column| crate::forms::value(last_known, column)));
    }
    sqlx::query!(
        "INSERT INTO expectation (business_date, day_id, place, slot, id, last_known)
         SELECT $1, $2, e.place, e.slot, e.id, ($6::bigint[])[(e.n - 1) * $7 + 1 : e.n * $7]
         FROM unnest($3::int[], $4::smallint[], $5::uuid[]) WITH ORDINALITY AS e (place, slot, id, n)",
        plan.day.date,
        plan.day.id,
        &columns.0,
        &columns.1,
        &columns.2,
        &columns.3 as &[Option<i64>],
        i64::try_from(width).unwrap_or(i64::MAX),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What some units said last on a day: unit, slot, figures and what was last known then.
///
/// # Errors
/// Where the database fails.
pub async fn said(
    connection: &mut PgConnection,
    plan: &Plan,
    units: &[Uuid],
) -> Result<Vec<(Uuid, Figures, Figures)>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT u.unit_id, e.figures AS "figures: Vec<Option<i64>>", e.last_known AS "last_known: Vec<Option<i64>>"
           FROM tree_unit u JOIN expectation e ON e.business_date = $1 AND e.day_id = $2 AND e.place = u.place
           WHERE u.tree_id = $3 AND u.unit_id = ANY($4) ORDER BY e.place, e.slot"#,
        plan.day.date,
        plan.day.id,
        plan.day.tree,
        units,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows.map(|row| (row.unit_id, row.figures, row.last_known)).collect())
}

/// Marks everything of some slots that is still due as missing; answers place and report.
///
/// # Errors
/// Where the database fails.
pub async fn close(
    connection: &mut PgConnection,
    plan: &Plan,
    slots: &[i16],
) -> Result<Vec<(i32, Uuid)>, Fault> {
    let rows = sqlx::query!(
        "UPDATE expectation SET timing = 6 WHERE business_date = $1 AND day_id = $2 AND slot = ANY($3) AND timing = 1
         RETURNING place, id",
        plan.day.date,
        plan.day.id,
        slots,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.place, row.id)).collect())
}

/// Notes on everything of a slot that is still due that it was reminded of; answers the reports.
///
/// # Errors
/// Where the database fails.
pub async fn remind(
    connection: &mut PgConnection,
    plan: &Plan,
    slot: i16,
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>, Fault> {
    let ids = sqlx::query_scalar!(
        "UPDATE expectation SET reminded_at = $4 WHERE business_date = $1 AND day_id = $2 AND slot = $3 AND timing = 1
         RETURNING id",
        plan.day.date,
        plan.day.id,
        slot,
        now,
    );
    Ok(ids.fetch_all(connection).await?)
}

/// A chase note: who, what and when.
pub type Chase = (String, String, DateTime<Utc>);

/// Notes a chase.
///
/// # Errors
/// Where the database fails.
pub async fn chase(connection: &mut PgConnection, report: Uuid, chase: &Chase) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO chase_note (report_id, chased_at, chased_by, note, id) VALUES ($1, $2, $3, $4, $5)",
        report,
        chase.2,
        chase.0,
        chase.1,
        Uuid::now_v7(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The chase notes of some reports, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn chases(
    connection: &mut PgConnection,
    reports: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Chase>>, Fault> {
    let rows = sqlx::query!(
        "SELECT report_id, chased_at, chased_by, note FROM chase_note WHERE report_id = ANY($1) ORDER BY chased_at, id",
        reports,
    );
    let mut notes: HashMap<Uuid, Vec<Chase>> = HashMap::new();
    for row in rows.fetch_all(connection).await? {
        notes.entry(row.report_id).or_default().push((row.chased_by, row.note, row.chased_at));
    }
    Ok(notes)
}
