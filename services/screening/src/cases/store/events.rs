//! What befell cases: only ever added to.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::cases::{Case, Event, State, Statements};

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
    /// When it was recorded.
    pub happened_at: DateTime<Utc>,
    /// Since when it is so, as it was stated.
    pub stated_at: DateTime<Utc>,
    /// Where the case was counted from then on.
    pub counted_unit_id: Option<Uuid>,
    /// The edition of the control plan.
    pub control_plan: i16,
    /// The edition of the treatment plan.
    pub treatment_plan: i16,
    /// What the ward stated for a discharge.
    pub temperature_normal_since: Option<DateTime<Utc>>,
    /// The same.
    pub respiratory_better_at: Option<DateTime<Utc>>,
    /// The same.
    pub imaging_better_at: Option<DateTime<Utc>>,
}

/// What is noted of a case.
#[derive(Clone, Copy, Debug)]
pub struct Note<'a> {
    /// What befell it.
    pub event: Event,
    /// What it was before.
    pub before: State,
    /// Since when it is so, as it was stated.
    pub stated_at: DateTime<Utc>,
    /// The conditions that were not met.
    pub unmet: &'a [i16],
    /// What the ward stated for a discharge.
    pub statements: Statements,
    /// Who said so.
    pub said_by: &'a str,
    /// In words.
    pub words: &'a str,
}

impl<'a> Note<'a> {
    /// That something befell a case which changes nothing of what it is.
    #[must_use]
    pub fn of(
        event: Event,
        case: &Case,
        stated_at: DateTime<Utc>,
        (said_by, words): (&'a str, &'a str),
    ) -> Self {
        let statements = Statements::default();
        Self { event, before: case.state, stated_at, unmet: &[], statements, said_by, words }
    }
}

/// Notes what befell a case, which is locked, and stands now as it does since. A decision forwards and a severity count
/// from when they were stated to be so, a decision from no earlier than the one before it; everything else from now on.
///
/// # Errors
/// Where the database fails.
pub async fn note(
    connection: &mut PgConnection,
    case: &Case,
    note: Note<'_>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let from = if matches!(note.event, Event::Classified | Event::Severity) { note.stated_at } else { now };
    sqlx::query!(
        "INSERT INTO case_event (case_id, number, kind, before, after, severity, unmet, said_by, words, happened_at, stated_at,
                                 counts_from, counted_unit_id, control_plan, treatment_plan, temperature_normal_since,
                                 respiratory_better_at, imaging_better_at)
         SELECT $1, coalesce(max(number), 0) + 1, $2::smallint, $3, $4, $5, $6, $7, $8, $9, $10,
                CASE WHEN $2::smallint = 3 THEN GREATEST($11, max(counts_from) FILTER (WHERE kind IN (3, 4, 7, 8))) ELSE $11 END,
                $12, $13, $14, $15, $16, $17
         FROM case_event WHERE case_id = $1",
        case.id,
        note.event as i16,
        note.before as i16,
        case.state as i16,
        case.severity,
        note.unmet,
        note.said_by,
        note.words,
        now,
        note.stated_at,
        from,
        case.counted_unit,
        case.rules.control_plan,
        case.rules.treatment_plan,
        note.statements.temperature_normal_since,
        note.statements.respiratory_better_at,
        note.statements.imaging_better_at,
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
        "SELECT kind, before, after, severity, unmet, said_by, words, happened_at, stated_at, counted_unit_id, control_plan,
                treatment_plan, temperature_normal_since, respiratory_better_at, imaging_better_at
         FROM case_event WHERE case_id = $1 ORDER BY number",
        case,
    );
    Ok(rows.fetch_all(connection).await?)
}

/// Whether a case was ever in a state by a decision.
///
/// # Errors
/// Where the database fails.
pub async fn was(connection: &mut PgConnection, case: Uuid, state: State) -> Result<bool, Fault> {
    let was = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM case_event WHERE case_id = $1 AND after = $2) AS "was!""#,
        case,
        state as i16,
    );
    Ok(was.fetch_one(connection).await?)
}

/// The severity of a case that was stated last, if that was later than an instant.
///
/// # Errors
/// Where the database fails.
pub async fn severity_since(
    connection: &mut PgConnection,
    case: Uuid,
    at: DateTime<Utc>,
) -> Result<Option<i16>, Fault> {
    let last = sqlx::query_scalar!(
        "SELECT severity FROM case_event WHERE case_id = $1 AND kind = 6 AND stated_at > $2
         ORDER BY stated_at DESC, number DESC LIMIT 1",
        case,
        at,
    );
    Ok(last.fetch_optional(connection).await?)
}

/// Keeps what was said of the severity of a case in the history of the one that it was merged into (R24), which counts
/// it from now on; and every case that was merged into it before is merged into that one.
///
/// # Errors
/// Where the database fails.
pub async fn follow_merge(
    connection: &mut PgConnection,
    (one, merged): (Uuid, Uuid),
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO case_event (case_id, number, kind, before, after, severity, unmet, said_by, words, happened_at, stated_at,
                                 counts_from, counted_unit_id, control_plan, treatment_plan)
         SELECT $1, coalesce((SELECT max(number) FROM case_event WHERE case_id = $1), 0) + row_number() OVER (ORDER BY e.number),
                e.kind, e.before, e.after, e.severity, e.unmet, e.said_by, e.words, e.happened_at, e.stated_at, $3,
                e.counted_unit_id, e.control_plan, e.treatment_plan
         FROM case_event e WHERE e.case_id = $2 AND e.kind = 6",
        one,
        merged,
        now,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("UPDATE case_record SET leads_id = $1 WHERE leads_id = $2 AND leads_id <> id", one, merged)
        .execute(connection)
        .await?;
    Ok(())
}
