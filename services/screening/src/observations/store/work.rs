//! What is to be done now about those whom units see.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Page, Row};
use crate::{escalations::Kind, observations::Observation, readings::Slot};

/// What is to be done now about an observation, apart from its release.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// The slot of this hour, where it has not been read.
    pub slot: Option<Slot>,
    /// How many readings were missed in a row.
    pub missed: i16,
}

/// A page of what units see, as [`super::list`] has it to the end, each with what is due.
///
/// # Errors
/// Where the database fails.
pub async fn work(
    connection: &mut PgConnection,
    units: &[Uuid],
    after: Page,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(Observation, Due)>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT o.id, o.person_id, o.unit_id, o.one_id, o.opened_unit_id, o.leads_id, o.basis, o.last_exposure, o.place,
                  o.facility, o.days, o.slots_a_day, o.slots_since, o.slots_before, o.control_plan,
                  o.treatment_plan, o.response_level, o.starts_at, o.ends_at, o.due_at, o.lost, o.ending,
                  o.reason, o.unmet, o.ended_at, o.ended_by, o.version,
                  t.opens_at AS "opens_at?", t.closes_at AS "closes_at?", coalesce(e.missed, 0::smallint) AS "missed!"
           FROM unnest($1::uuid[]) AS scope (id)
           CROSS JOIN LATERAL (
               SELECT s.lost, s.due_at, s.observation_id FROM observation_sight s
               WHERE s.ancestor_id = scope.id AND (s.lost, s.due_at, s.observation_id) > ($2, $3, $4)
               ORDER BY s.lost, s.due_at, s.observation_id LIMIT $6
           ) seen
           CROSS JOIN LATERAL (SELECT * FROM observation WHERE id = seen.observation_id) o
           LEFT JOIN LATERAL (
               SELECT * FROM slot WHERE observation_id = seen.observation_id AND opens_at <= $5 ORDER BY opens_at DESC LIMIT 1
           ) t ON t.closes_at > $5 AND t.outcome = 0
           LEFT JOIN LATERAL (SELECT missed FROM escalation WHERE subject_id = seen.observation_id AND kind = $7) e ON true
           ORDER BY seen.lost, seen.due_at, seen.observation_id LIMIT $6"#,
        units,
        after.0,
        after.1,
        after.2,
        now,
        limit,
        Kind::ReadingMissed as i16,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| {
            let slot = row.opens_at.zip(row.closes_at);
            let slot = slot.map(|(opens_at, closes_at)| Slot {
                opens_at,
                closes_at,
                outcome: None,
                missed_at: None,
            });
            let observation = Row {
                id: row.id,
                person_id: row.person_id,
                unit_id: row.unit_id,
                one_id: row.one_id,
                opened_unit_id: row.opened_unit_id,
                leads_id: row.leads_id,
                basis: row.basis,
                last_exposure: row.last_exposure,
                place: row.place,
                facility: row.facility,
                days: row.days,
                slots_a_day: row.slots_a_day,
                slots_since: row.slots_since,
                slots_before: row.slots_before,
                control_plan: row.control_plan,
                treatment_plan: row.treatment_plan,
                response_level: row.response_level,
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
            };
            (observation.into(), Due { slot, missed: row.missed })
        })
        .collect())
}
