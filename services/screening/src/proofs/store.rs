//! What a proof reads: some observations with all that hangs on them, on one state of the database.

use std::collections::HashMap;

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Filled;
use crate::{
    observations::{Observation, store::some},
    readings::{Outcome, Slot},
};

/// An observation with all that hangs on it.
#[derive(Clone, Debug)]
pub struct Proved {
    /// The observation.
    pub observation: Observation,
    /// Its slots, in order.
    pub slots: Vec<Filled>,
    /// How many readings were read.
    pub readings: i64,
    /// Whether the observation that counts for the person is open.
    pub is_led: bool,
    /// How many open observations count for the person.
    pub counting: i64,
    /// Whether its lists are those that the unit's are.
    pub is_seen: bool,
    /// By whom it is seen.
    pub ancestors: Vec<Uuid>,
    /// Whether an event says that it ended.
    pub is_decided: bool,
    /// Whether two units have not agreed whose hands.
    pub is_asked: bool,
    /// Whether the person was taken for ill, and has no case.
    pub is_case_missing: bool,
}

/// Some observations of units after one, in the order of their ids: open ones, and those that ended on a date
/// or later.
///
/// # Errors
/// Where the database fails.
pub async fn observations(
    connection: &mut PgConnection,
    units: &[Uuid],
    since: Option<DateTime<Utc>>,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Uuid>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM observation WHERE unit_id = ANY($1) AND id > $2 AND (ended_at IS NULL OR ended_at >= $3)
         ORDER BY id LIMIT $4",
        units,
        after,
        since,
        limit,
    );
    Ok(ids.fetch_all(connection).await?)
}

/// All that hangs on some observations.
///
/// # Errors
/// Where the database fails.
pub async fn proved(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Proved>, Fault> {
    let mut slots = slots(&mut *connection, ids).await?;
    let readings = sqlx::query!(
        r#"SELECT observation_id, count(*) AS "count!" FROM reading WHERE observation_id = ANY($1) GROUP BY 1"#,
        ids,
    );
    let readings = readings.fetch_all(&mut *connection).await?.into_iter();
    let readings: HashMap<Uuid, i64> = readings.map(|row| (row.observation_id, row.count)).collect();
    let rows = sqlx::query!(
        r#"SELECT o.id,
                  EXISTS (SELECT FROM observation l WHERE l.one_id = o.one_id AND l.leads_id = l.id AND l.ended_at IS NULL) AS "is_led!",
                  (SELECT count(*) FROM observation l WHERE l.one_id = o.one_id AND l.leads_id = l.id AND l.ended_at IS NULL) AS "counting!",
                  coalesce((SELECT array_agg(s.ancestor_id ORDER BY s.ancestor_id) FROM observation_sight s
                            WHERE s.observation_id = o.id AND s.lost = o.lost AND s.due_at = o.due_at), '{}')
                      IS NOT DISTINCT FROM
                  (SELECT array_agg(a ORDER BY a) FROM unit_sight u CROSS JOIN unnest(u.ancestors) AS a WHERE u.unit_id = o.unit_id) AS "is_seen!",
                  coalesce((SELECT ancestors FROM unit_sight u WHERE u.unit_id = o.unit_id), '{}') AS "ancestors!",
                  EXISTS (SELECT FROM observation_event e WHERE e.observation_id = o.id AND e.kind = 7) AS "is_decided!",
                  EXISTS (SELECT FROM hands_question q JOIN person p ON p.id IN (q.holding_person_id, q.finding_person_id)
                          WHERE q.settled_at IS NULL AND p.same_as = o.one_id) AS "is_asked!",
                  o.ending IS NOT DISTINCT FROM 2
                      AND NOT EXISTS (SELECT FROM case_record c WHERE c.one_id = o.one_id) AS "is_case_missing!"
           FROM observation o WHERE o.id = ANY($1)"#,
        ids,
    );
    let rows = rows.fetch_all(&mut *connection).await?.into_iter();
    let mut rows: HashMap<Uuid, _> = rows.map(|row| (row.id, row)).collect();
    let found = some(connection, ids).await?.into_iter();
    Ok(found
        .filter_map(|observation| {
            let row = rows.remove(&observation.id)?;
            Some(Proved {
                slots: slots.remove(&observation.id).unwrap_or_default(),
                readings: readings.get(&observation.id).copied().unwrap_or_default(),
                observation,
                is_led: row.is_led,
                counting: row.counting,
                is_seen: row.is_seen,
                ancestors: row.ancestors,
                is_decided: row.is_decided,
                is_asked: row.is_asked,
                is_case_missing: row.is_case_missing,
            })
        })
        .collect())
}

/// Something that waits for somebody.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// About what.
    pub subject: Uuid,
    /// What, as [`crate::escalations::Kind`] numbers it.
    pub kind: i16,
    /// The person, where it is about one.
    pub person: Option<Uuid>,
    /// Whose it is.
    pub unit: Uuid,
    /// Until when.
    pub deadline_at: DateTime<Utc>,
    /// Whether it is put before somebody.
    pub is_seen: bool,
}

/// Some of what waits in the hands of units, past its deadline or put before them at once, after one.
///
/// # Errors
/// Where the database fails.
pub async fn waiting(
    connection: &mut PgConnection,
    units: &[Uuid],
    now: DateTime<Utc>,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Waiting>, Fault> {
    let rows = sqlx::query_as!(
        Waiting,
        r#"SELECT w.subject_id AS "subject!", w.kind AS "kind!", w.person_id AS person, w.unit_id AS "unit!",
                  w.deadline_at AS "deadline_at!",
                  EXISTS (SELECT FROM escalation e WHERE e.subject_id = w.subject_id AND e.kind = w.kind) AS "is_seen!"
           FROM waiting w WHERE w.unit_id = ANY($1) AND (w.at_once OR w.deadline_at <= $2) AND w.subject_id > $3
           ORDER BY w.subject_id LIMIT $4"#,
        units,
        now,
        after,
        limit,
    );
    Ok(rows.fetch_all(connection).await?)
}

/// The slots of observations, each with the gravest reading taken in it, but for what was marked as outside: it
/// was received before there was such a slot.
async fn slots(connection: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<Filled>>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT s.observation_id, s.opens_at, s.closes_at, s.outcome, s.missed_at,
                  (SELECT max(r.outcome) FROM reading r
                   WHERE r.observation_id = s.observation_id AND r.taken_at >= s.opens_at AND r.taken_at < s.closes_at
                     AND NOT r.marks @> '{4}') AS own,
                  s.outcome >= 3 AND EXISTS (
                      SELECT FROM observation o JOIN reading r ON r.observation_id = o.id
                      WHERE o.one_id = (SELECT one_id FROM observation WHERE id = s.observation_id)
                        AND r.outcome = s.outcome AND r.taken_at >= s.opens_at AND r.taken_at < s.closes_at
                  ) AS "is_said!"
           FROM slot s WHERE s.observation_id = ANY($1) ORDER BY s.observation_id, s.opens_at"#,
        ids,
    );
    let mut slots: HashMap<Uuid, Vec<Filled>> = HashMap::new();
    for row in rows.fetch_all(connection).await? {
        slots.entry(row.observation_id).or_default().push(Filled {
            slot: Slot {
                opens_at: row.opens_at,
                closes_at: row.closes_at,
                outcome: Outcome::of(row.outcome),
                missed_at: row.missed_at,
            },
            own: row.own.and_then(Outcome::of),
            is_said: row.is_said,
        });
    }
    Ok(slots)
}
