//! Cases remember here.

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Case, Event, State};
use crate::{rules::RuleSet, worklists::Place};

struct Row {
    id: Uuid,
    person_id: Uuid,
    unit_id: Uuid,
    one_id: Uuid,
    leads_id: Uuid,
    state: i16,
    links: Vec<i16>,
    signs: Vec<i16>,
    onset_on: Option<NaiveDate>,
    sampled_on: Option<NaiveDate>,
    severity: i16,
    counted_unit_id: Option<Uuid>,
    found_at: Option<DateTime<Utc>>,
    confirmed_at: Option<DateTime<Utc>>,
    is_new: bool,
    discharged_at: Option<DateTime<Utc>>,
    died_at: Option<DateTime<Utc>>,
    result_id: Option<Uuid>,
    reported_at: Option<DateTime<Utc>>,
    audited_at: Option<DateTime<Utc>>,
    investigated_at: Option<DateTime<Utc>>,
    isolated_at: Option<DateTime<Utc>>,
    treated_at: Option<DateTime<Utc>>,
    control_plan: i16,
    treatment_plan: i16,
    created_at: DateTime<Utc>,
    version: i64,
}

impl TryFrom<Row> for Case {
    type Error = Fault;

    fn try_from(row: Row) -> Result<Self, Fault> {
        let rules = RuleSet::on(row.created_at.date_naive());
        Ok(Self {
            id: row.id,
            person: row.person_id,
            unit: row.unit_id,
            one: row.one_id,
            leads: row.leads_id,
            state: State::of(row.state).ok_or_else(|| Fault::internal("a state"))?,
            links: row.links,
            signs: row.signs,
            onset_on: row.onset_on,
            sampled_on: row.sampled_on,
            severity: row.severity,
            counted_unit: row.counted_unit_id,
            found_at: row.found_at,
            confirmed_at: row.confirmed_at,
            is_new: row.is_new,
            discharged_at: row.discharged_at,
            died_at: row.died_at,
            result: row.result_id,
            done: [row.reported_at, row.audited_at, row.investigated_at, row.isolated_at, row.treated_at],
            rules: RuleSet { control_plan: row.control_plan, treatment_plan: row.treatment_plan, ..rules },
            created_at: row.created_at,
            version: row.version,
        })
    }
}

/// Cases by a condition.
macro_rules! cases {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Row,
            "SELECT id, person_id, unit_id, one_id, leads_id, state, links, signs, onset_on, sampled_on, severity,
                    counted_unit_id, found_at, confirmed_at, is_new, discharged_at, died_at, result_id, reported_at,
                    audited_at, investigated_at, isolated_at, treated_at, control_plan, treatment_plan, created_at, version
             FROM case_record WHERE " + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await?
        .into_iter()
        .map(Case::try_from)
        .collect::<Result<Vec<Case>, Fault>>()
    };
}

/// A case; of one that was merged, the one it was merged into.
///
/// # Errors
/// Where the database fails.
pub async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<Case>, Fault> {
    Ok(cases!(connection, "id = (SELECT leads_id FROM case_record WHERE id = $1)", id)?.pop())
}

/// The case of who is one person.
///
/// # Errors
/// Where the database fails.
pub async fn of_one(connection: &mut PgConnection, one: Uuid) -> Result<Option<Case>, Fault> {
    Ok(cases!(connection, "one_id = $1 AND leads_id = id", one)?.pop())
}

/// As [`of_one`], locked; who is one person must have been locked before.
///
/// # Errors
/// Where the database fails.
pub async fn lock_of_one(connection: &mut PgConnection, one: Uuid) -> Result<Option<Case>, Fault> {
    Ok(cases!(connection, "one_id = $1 AND leads_id = id FOR NO KEY UPDATE", one)?.pop())
}

/// What a page of cases is chosen by.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// Only in the hands of these units.
    pub units: &'a [Uuid],
    /// Only in this state.
    pub state: Option<State>,
    /// Only of who is one person.
    pub one: Option<Uuid>,
    /// Only those with a clock that is past at an instant.
    pub overdue_at: Option<DateTime<Utc>>,
    /// After this case.
    pub after: Uuid,
    /// At most so many.
    pub limit: i64,
}

/// A page of cases, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn list(connection: &mut PgConnection, asked: Selection<'_>) -> Result<Vec<Case>, Fault> {
    cases!(
        connection,
        "unit_id = ANY($1) AND leads_id = id AND id > $2 AND ($3::smallint IS NULL OR state = $3)
         AND ($4::uuid IS NULL OR one_id = $4) AND ($5::timestamptz IS NULL OR due_at <= $5) ORDER BY id LIMIT $6",
        asked.units,
        asked.after,
        asked.state.map(|state| state as i16),
        asked.one,
        asked.overdue_at,
        asked.limit
    )
}

/// A page of cases of which a clock runs, in due order; `asked.after` is not looked at.
///
/// # Errors
/// Where the database fails.
pub async fn due(
    connection: &mut PgConnection,
    asked: Selection<'_>,
    after: Place,
) -> Result<Vec<Case>, Fault> {
    cases!(
        connection,
        "unit_id = ANY($1) AND leads_id = id AND due_at IS NOT NULL AND (due_at, id) > ($2, $7)
         AND ($3::smallint IS NULL OR state = $3) AND ($4::uuid IS NULL OR one_id = $4)
         AND ($5::timestamptz IS NULL OR due_at <= $5) ORDER BY due_at, id LIMIT $6",
        asked.units,
        after.0,
        asked.state.map(|state| state as i16),
        asked.one,
        asked.overdue_at,
        asked.limit,
        after.1
    )
}

/// Adds a case.
///
/// # Errors
/// Where the database fails.
pub async fn insert(connection: &mut PgConnection, case: &Case, by: &str) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO case_record (id, person_id, unit_id, one_id, leads_id, state, links, signs, onset_on, sampled_on,
                                  control_plan, treatment_plan, created_at, created_by)
         VALUES ($1, $2, $3, $4, $1, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        case.id,
        case.person,
        case.unit,
        case.one,
        case.state as i16,
        &case.links,
        &case.signs,
        case.onset_on,
        case.sampled_on,
        case.rules.control_plan,
        case.rules.treatment_plan,
        case.created_at,
        by,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes how a case, which is locked, stands now.
///
/// # Errors
/// Where the database fails.
pub async fn update(connection: &mut PgConnection, case: &Case) -> Result<(), Fault> {
    let [reported, audited, investigated, isolated, treated] = case.done;
    sqlx::query!(
        "UPDATE case_record SET leads_id = $2, state = $3, links = $4, signs = $5, onset_on = $6, sampled_on = $7, severity = $8,
                counted_unit_id = $9, found_at = $10, confirmed_at = $11, is_new = $12, discharged_at = $13, died_at = $14,
                result_id = $15, reported_at = $16, audited_at = $17, investigated_at = $18, isolated_at = $19,
                treated_at = $20, due_at = $21, control_plan = $22, treatment_plan = $23, version = version + 1
         WHERE id = $1",
        case.id,
        case.leads,
        case.state as i16,
        &case.links,
        &case.signs,
        case.onset_on,
        case.sampled_on,
        case.severity,
        case.counted_unit,
        case.found_at,
        case.confirmed_at,
        case.is_new,
        case.discharged_at,
        case.died_at,
        case.result,
        reported,
        audited,
        investigated,
        isolated,
        treated,
        case.due_at(),
        case.rules.control_plan,
        case.rules.treatment_plan,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Something that befell a case.
#[derive(Clone, Debug)]
pub struct Happened {
    /// What, as [`Event`] numbers it.
    pub kind: i16,
    /// What the case was before.
    pub before: i16,
    /// What it was from then on.
    pub after: i16,
    /// How severe it was from then on.
    pub severity: i16,
    /// The conditions that were not met.
    pub unmet: Vec<i16>,
    /// Who said so.
    pub said_by: String,
    /// In words.
    pub words: String,
    /// When.
    pub happened_at: DateTime<Utc>,
}

/// Notes what befell a case, which is locked.
///
/// # Errors
/// Where the database fails.
pub async fn note(
    connection: &mut PgConnection,
    case: &Case,
    (event, before, unmet): (Event, State, &[i16]),
    (said_by, words, now): (&str, &str, DateTime<Utc>),
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO case_event (case_id, number, kind, before, after, severity, unmet, said_by, words, happened_at)
         SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9 FROM case_event WHERE case_id = $1",
        case.id,
        event as i16,
        before as i16,
        case.state as i16,
        case.severity,
        unmet,
        said_by,
        words,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What befell a case, the first first.
///
/// # Errors
/// Where the database fails.
pub async fn happened(connection: &mut PgConnection, case: Uuid) -> Result<Vec<Happened>, Fault> {
    let rows = sqlx::query_as!(
        Happened,
        "SELECT kind, before, after, severity, unmet, said_by, words, happened_at FROM case_event
         WHERE case_id = $1 ORDER BY number",
        case,
    );
    Ok(rows.fetch_all(connection).await?)
}

/// How many cases that resided in units were confirmed from an instant on; any time where none is given.
///
/// # Errors
/// Where the database fails.
pub async fn confirmed(
    connection: &mut PgConnection,
    units: &[Uuid],
    since: Option<DateTime<Utc>>,
) -> Result<i64, Fault> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM case_record
           WHERE counted_unit_id = ANY($1) AND leads_id = id AND confirmed_at >= coalesce($2, '-infinity'::timestamptz)"#,
        units,
        since,
    );
    Ok(count.fetch_one(connection).await?)
}

/// Whether somebody febrile was taken in by a unit from an instant on.
///
/// # Errors
/// Where the database fails.
pub async fn has_febrile(
    connection: &mut PgConnection,
    unit: Uuid,
    since: DateTime<Utc>,
) -> Result<bool, Fault> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM person WHERE unit_id = $1 AND purpose = 4 AND created_at >= $2) AS "found!""#,
        unit,
        since,
    );
    Ok(found.fetch_one(connection).await?)
}

/// Writes where the case of who is one person is counted, and that their values are kept (P2, R23), where the unit that
/// knows it has recorded them.
///
/// # Errors
/// Where the database fails.
pub async fn mark_person(connection: &mut PgConnection, case: &Case) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE person SET purpose = 3, delete_after = NULL, counted_unit_id = coalesce(counted_unit_id, $3), version = version + 1
         WHERE same_as = $1 AND unit_id = $2 AND (purpose <> 3 OR counted_unit_id IS NULL)",
        case.one,
        case.unit,
        case.counted_unit,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The figures of cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Confirmed: on the day, and until its end.
    pub confirmed: (i64, i64),
    /// Suspected.
    pub suspected: i64,
    /// Asymptomatic.
    pub asymptomatic: i64,
    /// Severe or critical: at the end of the day, and ever until then.
    pub severe: (i64, i64),
    /// Discharged: on the day, and until its end.
    pub discharged: (i64, i64),
    /// Died: on the day, and until its end.
    pub died: (i64, i64),
}

impl std::iter::Sum for Figures {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        let pair = |one: (i64, i64), other: (i64, i64)| (one.0 + other.0, one.1 + other.1);
        all.fold(Self::default(), |sum, one| Self {
            confirmed: pair(sum.confirmed, one.confirmed),
            suspected: sum.suspected + one.suspected,
            asymptomatic: sum.asymptomatic + one.asymptomatic,
            severe: pair(sum.severe, one.severe),
            discharged: pair(sum.discharged, one.discharged),
            died: pair(sum.died, one.died),
        })
    }
}

/// The figures of cases that resided in units, unit by unit, of a day: its first instant, and the first after it.
/// Units that no case resided in are left out.
///
/// # Errors
/// Where the database fails.
pub async fn figures(
    connection: &mut PgConnection,
    units: &[Uuid],
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<(Uuid, Figures)>, Fault> {
    let figures = sqlx::query!(
        r#"WITH counted AS (
               SELECT c.*,
                      (SELECT e.after FROM case_event e WHERE e.case_id = c.id AND e.happened_at < $3 ORDER BY e.number DESC LIMIT 1) AS stood,
                      (SELECT e.severity FROM case_event e WHERE e.case_id = c.id AND e.happened_at < $3 ORDER BY e.number DESC LIMIT 1) AS was,
                      EXISTS (SELECT FROM case_event e WHERE e.case_id = c.id AND e.severity >= 3 AND e.happened_at < $3) AS ever
               FROM case_record c WHERE c.counted_unit_id = ANY($1) AND c.leads_id = c.id
           )
           SELECT counted_unit_id AS "unit!",
                  count(*) FILTER (WHERE confirmed_at >= $2 AND confirmed_at < $3 AND is_new) AS "confirmed_new!",
                  count(*) FILTER (WHERE confirmed_at < $3) AS "confirmed!",
                  count(*) FILTER (WHERE stood = 2) AS "suspected!",
                  count(*) FILTER (WHERE stood = 4) AS "asymptomatic!",
                  count(*) FILTER (WHERE stood IN (2, 3, 9) AND was >= 3) AS "severe!",
                  count(*) FILTER (WHERE ever AND confirmed_at < $3) AS "ever_severe!",
                  count(*) FILTER (WHERE discharged_at >= $2 AND discharged_at < $3) AS "discharged_new!",
                  count(*) FILTER (WHERE discharged_at < $3) AS "discharged!",
                  count(*) FILTER (WHERE died_at >= $2 AND died_at < $3) AS "died_new!",
                  count(*) FILTER (WHERE died_at < $3) AS "died!"
           FROM counted GROUP BY 1"#,
        units,
        from,
        to,
    );
    let rows = figures.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| {
            let figures = Figures {
                confirmed: (row.confirmed_new, row.confirmed),
                suspected: row.suspected,
                asymptomatic: row.asymptomatic,
                severe: (row.severe, row.ever_severe),
                discharged: (row.discharged_new, row.discharged),
                died: (row.died_new, row.died),
            };
            (row.unit, figures)
        })
        .collect())
}

/// What happened to cases that resided in units, by unit and civil day of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flows {
    /// Where they resided.
    pub unit: Uuid,
    /// The day.
    pub date: NaiveDate,
    /// Newly confirmed.
    pub confirmed: i64,
    /// Discharged.
    pub discharged: i64,
    /// Died.
    pub died: i64,
}

/// What happened to cases that resided in units, on every day on which anything did.
///
/// # Errors
/// Where the database fails.
pub async fn flows(connection: &mut PgConnection, units: &[Uuid], zone: Tz) -> Result<Vec<Flows>, Fault> {
    let rows = sqlx::query_as!(
        Flows,
        r#"SELECT c.counted_unit_id AS "unit!", (f.at AT TIME ZONE $2)::date AS "date!",
                  count(*) FILTER (WHERE f.what = 1) AS "confirmed!", count(*) FILTER (WHERE f.what = 2) AS "discharged!",
                  count(*) FILTER (WHERE f.what = 3) AS "died!"
           FROM case_record c
           CROSS JOIN LATERAL (VALUES (1, CASE WHEN c.is_new THEN c.confirmed_at END), (2, c.discharged_at), (3, c.died_at)) f (what, at)
           WHERE c.counted_unit_id = ANY($1) AND c.leads_id = c.id AND f.at IS NOT NULL GROUP BY 1, 2"#,
        units,
        zone.name(),
    );
    Ok(rows.fetch_all(connection).await?)
}
