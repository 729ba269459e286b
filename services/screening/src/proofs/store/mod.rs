//! What a proof reads: some observations with all that hangs on them, on one state of the database.

pub mod past;

use std::collections::HashMap;

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Change, Filled};
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
    /// When its window was set or changed, and how, in order.
    pub changes: Vec<Change>,
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
    /// The deadline of a referral that was past it on a past day; none of today, when it waits as whatever waits.
    pub unanswered: Option<DateTime<Utc>>,
}

/// What is asked for: of which units, with those that ended on an instant or later, after which, at most how many.
pub type Asked<'a> = (&'a [Uuid], Option<DateTime<Utc>>, Uuid, i64);

/// Some observations of units after one, in the order of their ids: open ones, and those that ended on a date
/// or later.
///
/// # Errors
/// Where the database fails.
pub async fn observations(
    connection: &mut PgConnection,
    (units, since, after, limit): Asked<'_>,
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

/// Units that have, or had, a person or something that waits in their hands.
///
/// # Errors
/// Where the database fails.
pub async fn holding(connection: &mut PgConnection) -> Result<Vec<Uuid>, Fault> {
    let units = sqlx::query_scalar!(
        r#"SELECT unit_id AS "unit!" FROM person UNION SELECT unit_id FROM hands_event UNION SELECT unit_id FROM waiting"#
    );
    Ok(units.fetch_all(connection).await?)
}

/// Persons and whose hands they are in: those in the hands of units of whom something else was last noted.
///
/// # Errors
/// Where the database fails.
pub async fn hands_that_differ(
    connection: &mut PgConnection,
    units: &[Uuid],
) -> Result<Vec<(Uuid, Uuid)>, Fault> {
    let rows = sqlx::query!(
        "SELECT p.id, p.unit_id FROM person p
         LEFT JOIN LATERAL (SELECT one_id, unit_id FROM hands_event WHERE person_id = p.id ORDER BY number DESC LIMIT 1) h ON true
         WHERE p.unit_id = ANY($1) AND (p.same_as, p.unit_id) IS DISTINCT FROM (h.one_id, h.unit_id) ORDER BY p.id",
        units,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.id, row.unit_id)).collect())
}

/// Persons in the hands of units under whose paper another person is found, too.
///
/// # Errors
/// Where the database fails.
pub async fn papers_shared(
    connection: &mut PgConnection,
    units: &[Uuid],
) -> Result<Vec<(Uuid, Uuid)>, Fault> {
    let rows = sqlx::query!(
        "SELECT p.id, p.unit_id FROM person p WHERE p.unit_id = ANY($1) AND EXISTS (
             SELECT FROM person_mark m JOIN person_mark o ON o.hash = m.hash AND o.person_id <> m.person_id
             JOIN person q ON q.id = o.person_id
             WHERE m.person_id = p.id AND m.kind = 1 AND q.same_as <> p.same_as) ORDER BY p.id",
        units,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.id, row.unit_id)).collect())
}

/// Persons in the hands of units who were never under observation and are no case, each with when they were taken in.
///
/// # Errors
/// Where the database fails.
pub async fn unobserved(
    connection: &mut PgConnection,
    units: &[Uuid],
) -> Result<Vec<(Uuid, Uuid, DateTime<Utc>)>, Fault> {
    let rows = sqlx::query!(
        "SELECT p.id, p.unit_id, p.created_at FROM person p
         WHERE p.unit_id = ANY($1) AND NOT EXISTS (SELECT FROM observation o WHERE o.one_id = p.same_as)
           AND NOT EXISTS (SELECT FROM case_record c WHERE c.one_id = p.same_as) ORDER BY p.id",
        units,
    );
    Ok(rows
        .fetch_all(connection)
        .await?
        .into_iter()
        .map(|row| (row.id, row.unit_id, row.created_at))
        .collect())
}

/// All that hangs on some observations.
///
/// # Errors
/// Where the database fails.
pub async fn proved(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Proved>, Fault> {
    let mut slots = slots(&mut *connection, ids).await?;
    let mut changes = changes(&mut *connection, ids).await?;
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
                changes: changes.remove(&observation.id).unwrap_or_default(),
                readings: readings.get(&observation.id).copied().unwrap_or_default(),
                observation,
                is_led: row.is_led,
                counting: row.counting,
                is_seen: row.is_seen,
                ancestors: row.ancestors,
                is_decided: row.is_decided,
                is_asked: row.is_asked,
                is_case_missing: row.is_case_missing,
                unanswered: None,
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

/// The changes of the windows of observations, in order.
async fn changes(connection: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<Change>>, Fault> {
    let rows = sqlx::query!(
        "SELECT observation_id, happened_at, ends_at, slots_a_day FROM observation_event
         WHERE observation_id = ANY($1) AND kind <> 7 ORDER BY observation_id, number",
        ids,
    );
    let mut changes: HashMap<Uuid, Vec<Change>> = HashMap::new();
    for row in rows.fetch_all(connection).await? {
        let change = Change { at: row.happened_at, ends_at: row.ends_at, slots_a_day: row.slots_a_day };
        changes.entry(row.observation_id).or_default().push(change);
    }
    Ok(changes)
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
