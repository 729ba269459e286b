//! Observations remember here.

mod events;
mod sight;
mod work;

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Observation;
use crate::rules::RuleSet;

pub use events::{Happened, happened, note};
pub use sight::{
    DEPARTURES, Page, Sight, departed, keep_in_sight, keep_units, list, seen, sights, stand_otherwise, unkept,
};
pub use work::{Due, work};

struct Row {
    id: Uuid,
    person_id: Uuid,
    unit_id: Uuid,
    one_id: Uuid,
    opened_unit_id: Uuid,
    leads_id: Uuid,
    basis: i16,
    last_exposure: NaiveDate,
    place: i16,
    facility: String,
    days: i16,
    slots_a_day: i16,
    slots_since: Option<NaiveDate>,
    slots_before: Option<i16>,
    control_plan: i16,
    treatment_plan: i16,
    response_level: i16,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    due_at: DateTime<Utc>,
    lost: bool,
    ending: Option<i16>,
    reason: String,
    unmet: Vec<i16>,
    ended_at: Option<DateTime<Utc>>,
    ended_by: String,
    version: i64,
}

impl From<Row> for Observation {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            person: row.person_id,
            unit: row.unit_id,
            one: row.one_id,
            opened_unit: row.opened_unit_id,
            leads: row.leads_id,
            basis: row.basis,
            last_exposure: row.last_exposure,
            place: row.place,
            facility: row.facility,
            days: row.days,
            slots_a_day: row.slots_a_day,
            slots_before: row.slots_since.zip(row.slots_before),
            rules: RuleSet {
                control_plan: row.control_plan,
                treatment_plan: row.treatment_plan,
                response_level: row.response_level,
            },
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            due_at: row.due_at,
            lost: row.lost,
            ending: row.ending,
            reason: row.reason,
            unmet: row.unmet,
            ended_at: row.ended_at,
            ended_by: row.ended_by,
            version: row.version,
        }
    }
}

/// Observations by a condition.
macro_rules! observations {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Row,
            "SELECT id, person_id, unit_id, one_id, opened_unit_id, leads_id, basis, last_exposure, place, facility,
                    days, slots_a_day, slots_since, slots_before, control_plan, treatment_plan, response_level, starts_at,
                    ends_at, due_at, lost, ending, reason, unmet, ended_at, ended_by, version
             FROM observation WHERE " + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await
        .map(|rows| rows.into_iter().map(Observation::from).collect::<Vec<_>>())
    };
}

/// An observation.
///
/// # Errors
/// Where the database fails.
pub async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<Observation>, Fault> {
    Ok(observations!(connection, "id = $1", id)?.pop())
}

/// Some observations, in the order of their ids.
///
/// # Errors
/// Where the database fails.
pub async fn some(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Observation>, Fault> {
    Ok(observations!(connection, "id = ANY($1) ORDER BY id", ids)?)
}

/// As [`get`], locked: not for who only refers to it, such as a slot that is being closed.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<Observation>, Fault> {
    Ok(observations!(connection, "id = $1 FOR NO KEY UPDATE", id)?.pop())
}

/// As [`lock`], to end it: waits for whoever is reading the person, and whoever reads later knows that it ended.
///
/// # Errors
/// Where the database fails.
pub async fn lock_to_end(connection: &mut PgConnection, id: Uuid) -> Result<Option<Observation>, Fault> {
    Ok(observations!(connection, "id = $1 FOR UPDATE", id)?.pop())
}

/// The open observations of everybody who was found to be one, locked, the one that counts first.
///
/// # Errors
/// Where the database fails.
pub async fn lock_open(connection: &mut PgConnection, one: Uuid) -> Result<Vec<Observation>, Fault> {
    // Locked in the order in which readings look at them.
    let mut open =
        observations!(connection, "one_id = $1 AND ended_at IS NULL ORDER BY id FOR NO KEY UPDATE", one)?;
    open.sort_by_key(|observation| observation.leads != observation.id);
    Ok(open)
}

/// The last observation in a unit's hands of who is one person, where that ended because the person was taken for ill.
///
/// # Errors
/// Where the database fails.
pub async fn converted(
    connection: &mut PgConnection,
    one: Uuid,
    unit: Uuid,
) -> Result<Option<Observation>, Fault> {
    Ok(observations!(
        connection,
        "ending = 2 AND id = (SELECT id FROM observation WHERE one_id = $1 AND unit_id = $2
                              ORDER BY ended_at DESC NULLS FIRST, id DESC LIMIT 1)",
        one,
        unit
    )?
    .pop())
}

/// Every observation of a person, open or ended, the first first.
///
/// # Errors
/// Where the database fails.
pub async fn of_person(
    connection: &mut PgConnection,
    person: Uuid,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Observation>, Fault> {
    Ok(observations!(connection, "person_id = $1 AND id > $2 ORDER BY id LIMIT $3", person, after, limit)?)
}

/// Adds an observation.
///
/// # Errors
/// Where the database fails.
pub async fn insert(connection: &mut PgConnection, observation: &Observation) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO observation (id, person_id, unit_id, one_id, opened_unit_id, leads_id, basis, last_exposure, place,
                                  facility, slots_a_day, control_plan, treatment_plan, response_level, starts_at,
                                  ends_at, due_at, days)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        observation.id,
        observation.person,
        observation.unit,
        observation.one,
        observation.opened_unit,
        observation.leads,
        observation.basis,
        observation.last_exposure,
        observation.place,
        observation.facility,
        observation.slots_a_day,
        observation.rules.control_plan,
        observation.rules.treatment_plan,
        observation.rules.response_level,
        observation.starts_at,
        observation.ends_at,
        observation.due_at,
        observation.days,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes how an observation, which is locked, stands now.
///
/// # Errors
/// Where the database fails.
pub async fn update(connection: &mut PgConnection, observation: &Observation) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE observation SET leads_id = $2, last_exposure = $3, place = $4, facility = $5, ends_at = $6, due_at = $7,
                lost = $8, ending = $9, reason = $10, unmet = $11, ended_at = $12, ended_by = $13, days = $14,
                slots_a_day = $15, slots_since = $16, slots_before = $17, control_plan = $18, treatment_plan = $19,
                response_level = $20, version = version + 1
         WHERE id = $1",
        observation.id,
        observation.leads,
        observation.last_exposure,
        observation.place,
        observation.facility,
        observation.ends_at,
        observation.due_at,
        observation.lost,
        observation.ending,
        observation.reason,
        &observation.unmet,
        observation.ended_at,
        observation.ended_by,
        observation.days,
        observation.slots_a_day,
        observation.slots_before.map(|(since, _)| since),
        observation.slots_before.map(|(_, before)| before),
        observation.rules.control_plan,
        observation.rules.treatment_plan,
        observation.rules.response_level,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Another observation of the person counts: nothing that anybody is shown of this one, which is locked, is changed by it.
///
/// # Errors
/// Where the database fails.
pub async fn follow(connection: &mut PgConnection, id: Uuid, leading: Uuid) -> Result<(), Fault> {
    sqlx::query!("UPDATE observation SET leads_id = $2 WHERE id = $1", id, leading)
        .execute(connection)
        .await?;
    Ok(())
}
