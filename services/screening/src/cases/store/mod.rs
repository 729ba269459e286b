//! Cases remember here.

mod counted;
mod events;

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Case, State};
use crate::{keyring::Mark, rules::RuleSet, worklists::After};

pub use super::figures::{Figures, Flows};
pub use counted::{figures, flows};
pub use events::{Happened, Note, follow_merge, happened, note, severity_since, was};

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
    suspected_at: Option<DateTime<Utc>>,
    confirmed_at: Option<DateTime<Utc>>,
    asymptomatic_at: Option<DateTime<Utc>>,
    result_id: Option<Uuid>,
    reports: Vec<DateTime<Utc>>,
    audits: Vec<DateTime<Utc>>,
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
            found: [row.suspected_at, row.confirmed_at, row.asymptomatic_at],
            result: row.result_id,
            reports: row.reports,
            audits: row.audits,
            investigated_at: row.investigated_at,
            isolated_at: row.isolated_at,
            treated_at: row.treated_at,
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
                    counted_unit_id, suspected_at, confirmed_at, asymptomatic_at, result_id, reports, audits,
                    investigated_at, isolated_at, treated_at, control_plan, treatment_plan, created_at, version
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
    /// After this place. In due order, only those of which a clock runs.
    pub after: After,
    /// At most so many.
    pub limit: i64,
}

/// A page of cases.
///
/// # Errors
/// Where the database fails.
pub async fn list(connection: &mut PgConnection, asked: Selection<'_>) -> Result<Vec<Case>, Fault> {
    let state = asked.state.map(|state| state as i16);
    match asked.after {
        After::Made(after) => cases!(
            connection,
            "unit_id = ANY($1) AND leads_id = id AND id > $2 AND ($3::smallint IS NULL OR state = $3)
             AND ($4::uuid IS NULL OR one_id = $4) AND ($5::timestamptz IS NULL OR due_at <= $5) ORDER BY id LIMIT $6",
            asked.units,
            after,
            state,
            asked.one,
            asked.overdue_at,
            asked.limit
        ),
        After::Due((due_at, id)) => cases!(
            connection,
            "unit_id = ANY($1) AND leads_id = id AND due_at IS NOT NULL AND (due_at, id) > ($2, $7)
             AND ($3::smallint IS NULL OR state = $3) AND ($4::uuid IS NULL OR one_id = $4)
             AND ($5::timestamptz IS NULL OR due_at <= $5) ORDER BY due_at, id LIMIT $6",
            asked.units,
            due_at,
            state,
            asked.one,
            asked.overdue_at,
            asked.limit,
            id
        ),
    }
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
    let [suspected, confirmed, asymptomatic] = case.found;
    sqlx::query!(
        "UPDATE case_record SET leads_id = $2, state = $3, links = $4, signs = $5, onset_on = $6, sampled_on = $7, severity = $8,
                counted_unit_id = $9, suspected_at = $10, confirmed_at = $11, asymptomatic_at = $12, result_id = $13, reports = $14,
                audits = $15, investigated_at = $16, isolated_at = $17, treated_at = $18, due_at = $19, control_plan = $20,
                treatment_plan = $21, version = version + 1
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
        suspected,
        confirmed,
        asymptomatic,
        case.result,
        &case.reports,
        &case.audits,
        case.investigated_at,
        case.isolated_at,
        case.treated_at,
        case.due_at(),
        case.rules.control_plan,
        case.rules.treatment_plan,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many cases that resided in units were ever confirmed.
///
/// # Errors
/// Where the database fails.
pub async fn confirmed(connection: &mut PgConnection, units: &[Uuid]) -> Result<i64, Fault> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM case_record
           WHERE counted_unit_id = ANY($1) AND leads_id = id AND confirmed_at IS NOT NULL"#,
        units,
    );
    Ok(count.fetch_one(connection).await?)
}

/// Whether somebody febrile, who is not the one given, was taken in at a place from an instant on: by one of its units, or
/// is present there.
///
/// # Errors
/// Where the database fails.
pub async fn has_febrile(
    connection: &mut PgConnection,
    units: &[Uuid],
    but: Uuid,
    since: DateTime<Utc>,
) -> Result<bool, Fault> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM person WHERE (unit_id = ANY($1) OR present_unit_id = ANY($1)) AND created_at >= $3
                            AND 4 IN (purpose, former_purpose) AND same_as <> $2) AS "found!""#,
        units,
        but,
        since,
    );
    Ok(found.fetch_one(connection).await?)
}

/// The cases that were confirmed from an instant on of who resided at a place, or is present there, the last last.
///
/// # Errors
/// Where the database fails.
pub async fn confirmed_at(
    connection: &mut PgConnection,
    units: &[Uuid],
    since: DateTime<Utc>,
) -> Result<Vec<Case>, Fault> {
    cases!(
        connection,
        "leads_id = id AND id IN (
             SELECT c.id FROM case_record c WHERE c.counted_unit_id = ANY($1) AND c.leads_id = c.id AND c.confirmed_at >= $2
             UNION SELECT c.id FROM person p JOIN case_record c ON c.one_id = p.same_as AND c.unit_id = p.unit_id
             WHERE p.present_unit_id = ANY($1) AND c.confirmed_at >= $2)
         ORDER BY confirmed_at, id",
        units,
        since
    )
}

/// As [`confirmed_at`], of a place that has a name: of whom a record says, under some hashes, that the person is there, or an
/// exposure from the second instant on that the person was; by the name as it is compared, too, where an older program left
/// it open. In the hands of units.
///
/// # Errors
/// Where the database fails.
pub async fn confirmed_named(
    connection: &mut PgConnection,
    (marks, name): (Vec<Mark>, &str),
    units: &[Uuid],
    (since, met_since): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<Case>, Fault> {
    let hashes: Vec<Vec<u8>> = marks.into_iter().map(|mark| mark.hash).collect();
    cases!(
        connection,
        "leads_id = id AND id IN (
             SELECT c.id FROM person_mark m JOIN person p ON p.id = m.person_id
             JOIN case_record c ON c.one_id = p.same_as AND c.unit_id = p.unit_id
             WHERE m.hash = ANY($1) AND p.unit_id = ANY($3) AND c.confirmed_at >= $4
             UNION SELECT c.id FROM exposure e
             CROSS JOIN LATERAL (VALUES (e.contact_one_id, e.contact_unit_id), (e.index_one_id, e.index_unit_id)) AS w (one, unit)
             JOIN case_record c ON c.one_id = w.one AND c.unit_id = w.unit
             WHERE e.id IN (SELECT id FROM exposure WHERE place_hash = ANY($1) AND place_hash IS NOT NULL
                            UNION ALL SELECT id FROM exposure WHERE place_key = $2 AND place_key <> '')
               AND e.withdrawn_at IS NULL AND e.last_at >= $5
               AND c.unit_id = ANY($3) AND c.confirmed_at >= $4)
         ORDER BY confirmed_at, id",
        &hashes,
        name,
        units,
        since,
        met_since
    )
}

/// As [`has_febrile`], of a place that has a name: of whom a record in the hands of units says, under some hashes, that the
/// person is there.
///
/// # Errors
/// Where the database fails.
pub async fn has_febrile_named(
    connection: &mut PgConnection,
    marks: &[Mark],
    units: &[Uuid],
    but: Uuid,
    since: DateTime<Utc>,
) -> Result<bool, Fault> {
    let hashes: Vec<Vec<u8>> = marks.iter().map(|mark| mark.hash.clone()).collect();
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM person_mark m JOIN person p ON p.id = m.person_id
                          WHERE m.hash = ANY($1) AND p.unit_id = ANY($2) AND p.created_at >= $4
                            AND 4 IN (p.purpose, p.former_purpose) AND p.same_as <> $3) AS "found!""#,
        &hashes,
        units,
        but,
        since,
    );
    Ok(found.fetch_one(connection).await?)
}

/// Where the person of a case is present (R23), where the unit that has the case knows it.
///
/// # Errors
/// Where the database fails.
pub async fn present_at(connection: &mut PgConnection, case: &Case) -> Result<Vec<Uuid>, Fault> {
    let present = sqlx::query_scalar!(
        r#"SELECT DISTINCT present_unit_id AS "unit!" FROM person
           WHERE same_as = $1 AND unit_id = $2 AND present_unit_id IS NOT NULL ORDER BY 1"#,
        case.one,
        case.unit,
    );
    Ok(present.fetch_all(connection).await?)
}

/// Writes where the case of who is one person is counted, and that their values are kept (P2, R23), where the unit that
/// knows it has recorded them; and why there was a row of them before.
///
/// # Errors
/// Where the database fails.
pub async fn mark_person(connection: &mut PgConnection, case: &Case) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE person SET former_purpose = CASE WHEN purpose <> 3 THEN purpose ELSE former_purpose END,
                former_delete_after = CASE WHEN purpose <> 3 THEN delete_after ELSE former_delete_after END,
                purpose = 3, delete_after = NULL, counted_unit_id = $3, version = version + 1
         WHERE same_as = $1 AND unit_id = $2 AND (purpose <> 3 OR delete_after IS NOT NULL OR counted_unit_id IS DISTINCT FROM $3)",
        case.one,
        case.unit,
        case.counted_unit,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes that who is one person is no case: they are kept for what they were before, and as long (P2).
///
/// # Errors
/// Where the database fails.
pub async fn unmark_person(
    connection: &mut PgConnection,
    case: &Case,
    delete_after: Option<NaiveDate>,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE person SET purpose = coalesce(former_purpose, purpose), delete_after = coalesce(former_delete_after, $3),
                former_purpose = NULL, former_delete_after = NULL, version = version + 1
         WHERE same_as = $1 AND unit_id = $2 AND purpose = 3",
        case.one,
        case.unit,
        delete_after,
    )
    .execute(connection)
    .await?;
    Ok(())
}
