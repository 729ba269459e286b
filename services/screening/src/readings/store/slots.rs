//! Slots: planned, closed, filled, counted.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    escalations::Kind,
    observations::{Observation, Place, Read},
    readings::{Outcome, Slot},
};

/// Writes which slots an observation has: those to come are as said, those that have elapsed stay. What was
/// read in this hour before there was a slot counts.
///
/// # Errors
/// Where the database fails.
pub async fn plan(
    connection: &mut PgConnection,
    observation: Uuid,
    slots: &[(DateTime<Utc>, DateTime<Utc>)],
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let (opens, closes): (Vec<_>, Vec<_>) = slots.iter().filter(|slot| slot.1 > now).copied().unzip();
    sqlx::query!(
        "DELETE FROM slot WHERE observation_id = $1 AND closes_at > $2 AND outcome = 0
           AND (opens_at, closes_at) NOT IN (SELECT * FROM unnest($3::timestamptz[], $4::timestamptz[]))",
        observation,
        now,
        &opens,
        &closes,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO slot (observation_id, opens_at, closes_at, outcome)
         SELECT $1, opens_at, closes_at,
                coalesce((SELECT max(outcome) FROM reading r WHERE r.observation_id = $1 AND r.taken_at >= s.opens_at
                                                              AND r.taken_at < s.closes_at), 0)
         FROM unnest($2::timestamptz[], $3::timestamptz[]) AS s (opens_at, closes_at)
         ON CONFLICT ON CONSTRAINT slot_pkey DO NOTHING",
        observation,
        &opens,
        &closes,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What becomes of the slots of an observation that ends: those to come go, those that have elapsed without a
/// reading were missed.
///
/// # Errors
/// Where the database fails.
pub async fn finish(
    connection: &mut PgConnection,
    observation: Uuid,
    place: i16,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM slot WHERE observation_id = $1 AND closes_at > $2 AND outcome = 0",
        observation,
        now
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE slot SET outcome = CASE WHEN $3 THEN $4::smallint ELSE $5::smallint END, missed_at = CASE WHEN $3 THEN NULL ELSE $2::timestamptz END
         WHERE observation_id = $1 AND outcome = 0",
        observation,
        now,
        place == Place::Hospital as i16,
        Outcome::InHospital as i16,
        Outcome::Missed as i16,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Closes some slots that have elapsed without a reading: they were missed, unless a hospital has the
/// person, and that is put before the units above, unless a later one was read. Slots that are being read are left for the
/// next time. Answers how many were closed.
///
/// # Errors
/// Where the database fails.
pub async fn close_elapsed(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<i64, Fault> {
    let closed = sqlx::query_scalar!(
        r#"WITH elapsed AS MATERIALIZED (
               SELECT observation_id, opens_at, closes_at FROM slot WHERE outcome = 0 AND closes_at <= $1
               ORDER BY closes_at, observation_id LIMIT $2 FOR UPDATE SKIP LOCKED
           ), whose AS MATERIALIZED (
               SELECT e.*, o.place = $3 AS in_hospital, o.slots_a_day, o.person_id, o.unit_id, u.holders
               FROM elapsed e CROSS JOIN LATERAL (SELECT place, slots_a_day, person_id, unit_id FROM observation WHERE id = e.observation_id) o
               CROSS JOIN LATERAL (SELECT holders FROM unit_sight WHERE unit_id = o.unit_id) u
           ), closed AS (
               UPDATE slot s SET outcome = CASE WHEN w.in_hospital THEN $4::smallint ELSE $5::smallint END,
                                 missed_at = CASE WHEN w.in_hospital THEN NULL ELSE $1::timestamptz END
               FROM whose w WHERE s.observation_id = w.observation_id AND s.opens_at = w.opens_at
               RETURNING s.observation_id
           ), raised AS (
               INSERT INTO escalation AS e (subject_id, kind, rank, person_id, unit_id, level, holder_id, since, missed)
               SELECT observation_id, $6, $7, person_id, unit_id, 1 + (missed - 1) / slots_a_day,
                      holders[LEAST(cardinality(holders), 1 + (missed - 1) / slots_a_day)], since, missed
               FROM (
                   SELECT observation_id, person_id, unit_id, slots_a_day, holders, min(opens_at) AS since, count(*)::smallint AS missed
                   FROM whose w WHERE NOT in_hospital AND NOT EXISTS (
                       SELECT FROM slot l WHERE l.observation_id = w.observation_id AND l.opens_at > w.opens_at AND l.opens_at <= $1
                                            AND l.outcome IN (2, 5, 6))
                   GROUP BY 1, 2, 3, 4, 5
               ) w ORDER BY observation_id
               ON CONFLICT ON CONSTRAINT escalation_pkey DO UPDATE SET missed = e.missed + excluded.missed,
                   (level, holder_id) = (
                       SELECT 1 + steps, holders[LEAST(cardinality(holders), 1 + steps)]
                       FROM (SELECT (e.missed + excluded.missed - 1) / o.slots_a_day AS steps, u.holders
                             FROM observation o JOIN unit_sight u ON u.unit_id = o.unit_id WHERE o.id = e.subject_id) h)
           )
           SELECT count(*) AS "count!" FROM closed"#,
        now,
        limit,
        Place::Hospital as i16,
        Outcome::InHospital as i16,
        Outcome::Missed as i16,
        Kind::ReadingMissed as i16,
        Kind::ReadingMissed.rank(),
    );
    Ok(closed.fetch_one(connection).await?)
}

/// What is known of the slots of an observation.
///
/// # Errors
/// Where the database fails.
pub async fn read(
    connection: &mut PgConnection,
    observation: &Observation,
    now: DateTime<Utc>,
) -> Result<Read, Fault> {
    let row = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE outcome IN ($3, $4, $5) OR (outcome = 0 AND closes_at <= $2)) AS "unread!",
                  count(*) FILTER (WHERE outcome = 0 AND closes_at > $2) AS "waiting!",
                  (SELECT outcome FROM slot WHERE observation_id = $1 AND outcome > 0 ORDER BY opens_at DESC LIMIT 1) AS last,
                  EXISTS (SELECT FROM referral WHERE one_id = $6 AND unit_id = $7 AND answered_at IS NULL) AS "is_referred!"
           FROM slot WHERE observation_id = $1"#,
        observation.id,
        now,
        Outcome::Missed as i16,
        Outcome::Absent as i16,
        Outcome::Refused as i16,
        observation.one,
        observation.unit,
    );
    let row = row.fetch_one(connection).await?;
    let last = row.last.and_then(Outcome::of);
    Ok(Read { unread: row.unread, waiting: row.waiting, last, is_referred: row.is_referred })
}

/// Writes what came of slots, by their keys in order: the gravest counts. Answers the observations of those that had been missed.
///
/// # Errors
/// Where the database fails.
pub async fn fill(
    connection: &mut PgConnection,
    slots: &std::collections::BTreeMap<(Uuid, DateTime<Utc>), Outcome>,
) -> Result<Vec<Uuid>, Fault> {
    let observations: Vec<Uuid> = slots.keys().map(|key| key.0).collect();
    let opens: Vec<DateTime<Utc>> = slots.keys().map(|key| key.1).collect();
    let outcomes: Vec<i16> = slots.values().map(|outcome| *outcome as i16).collect();
    let filled = sqlx::query_scalar!(
        "WITH filled AS (
             UPDATE slot s SET outcome = r.outcome
             FROM unnest($1::uuid[], $2::timestamptz[], $3::smallint[]) AS r (observation_id, opens_at, outcome)
             WHERE s.observation_id = r.observation_id AND s.opens_at = r.opens_at AND s.outcome < r.outcome
             RETURNING s.observation_id, s.missed_at
         )
         SELECT observation_id FROM filled WHERE missed_at IS NOT NULL",
        &observations,
        &opens,
        &outcomes,
    );
    Ok(filled.fetch_all(connection).await?)
}

/// Writes into the slots of an open observation what was read in other observations of the same person: of all where it
/// counts for the person, else of those in the same hands.
///
/// # Errors
/// Where the database fails.
pub async fn fill_from_all(connection: &mut PgConnection, observation: &Observation) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE slot s SET outcome = r.outcome
         FROM (SELECT s.opens_at, max(r.outcome) AS outcome
               FROM slot s JOIN observation o ON o.one_id = $2 AND ($3 OR o.unit_id = $4)
               JOIN reading r ON r.observation_id = o.id AND r.taken_at >= s.opens_at AND r.taken_at < s.closes_at
               WHERE s.observation_id = $1 GROUP BY 1) r
         WHERE s.observation_id = $1 AND s.opens_at = r.opens_at AND s.outcome < r.outcome",
        observation.id,
        observation.one,
        observation.leads == observation.id,
        observation.unit,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Counts anew how many readings of observations there are not in a row, missed or with nobody there, after something was
/// sent: since the last slot that was read, or that a hospital had. What is put before somebody goes as many
/// levels up or down, or is withdrawn; whoever is not where they are observed is put before them at once.
///
/// # Errors
/// Where the database fails.
pub async fn recount(connection: &mut PgConnection, observations: &[Uuid]) -> Result<(), Fault> {
    sqlx::query!(
        "WITH raised AS MATERIALIZED (
             SELECT subject_id FROM escalation WHERE subject_id = ANY($1) AND kind = $2 ORDER BY subject_id FOR UPDATE
         ), counted AS MATERIALIZED (
             SELECT o.id, o.person_id, o.unit_id, count(s.opens_at)::smallint AS missed, min(s.opens_at) AS since,
                    ((count(s.opens_at) - 1) / o.slots_a_day)::smallint AS steps
             FROM observation o LEFT JOIN LATERAL (
                 SELECT opens_at FROM slot s
                 WHERE s.observation_id = o.id AND s.outcome IN ($3, $4) AND s.opens_at > coalesce(
                     (SELECT max(opens_at) FROM slot l WHERE l.observation_id = o.id AND l.outcome IN (2, 5, 6)), '-infinity')
             ) s ON true
             WHERE o.id = ANY($1) AND (o.ended_at IS NULL OR o.id IN (SELECT subject_id FROM raised)) GROUP BY o.id
         ), withdrawn AS (
             DELETE FROM escalation e USING counted c WHERE e.subject_id = c.id AND e.kind = $2 AND c.missed = 0
         )
         INSERT INTO escalation AS e (subject_id, kind, rank, person_id, unit_id, level, holder_id, since, missed)
         SELECT c.id, $2, $5, c.person_id, c.unit_id, 1 + c.steps, u.holders[LEAST(cardinality(u.holders), 1 + c.steps)], c.since, c.missed
         FROM counted c JOIN unit_sight u ON u.unit_id = c.unit_id WHERE c.missed > 0 ORDER BY c.id
         ON CONFLICT ON CONSTRAINT escalation_pkey DO UPDATE
         SET missed = excluded.missed, since = excluded.since, level = excluded.level, holder_id = excluded.holder_id",
        observations,
        Kind::ReadingMissed as i16,
        Outcome::Missed as i16,
        Outcome::Absent as i16,
        Kind::ReadingMissed.rank(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Slots of an observation after one, the first first.
///
/// # Errors
/// Where the database fails.
pub async fn slots(
    connection: &mut PgConnection,
    observation: Uuid,
    after: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Slot>, Fault> {
    let rows = sqlx::query!(
        "SELECT opens_at, closes_at, outcome, missed_at FROM slot WHERE observation_id = $1 AND opens_at > $2
         ORDER BY opens_at LIMIT $3",
        observation,
        after,
        limit,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| Slot {
            opens_at: row.opens_at,
            closes_at: row.closes_at,
            outcome: Outcome::of(row.outcome),
            missed_at: row.missed_at,
        })
        .collect())
}
