//! What a proof of a past day reads: observations and hand-downs as they stood at its end, by what was noted of each
//! change.

use std::collections::HashMap;

use chassis::Fault;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Asked, Proved};
use crate::{
    handdowns::{self, Handdown, State},
    observations::{Event, store::some},
    proofs::at_first,
};

/// As [`super::observations`], at an instant: of persons who were in the hands of units then.
///
/// # Errors
/// Where the database fails.
pub async fn observations(
    connection: &mut PgConnection,
    (units, since, after, limit): Asked<'_>,
    at: DateTime<Utc>,
) -> Result<Vec<Uuid>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT o.id FROM observation o
         CROSS JOIN LATERAL (SELECT unit_id FROM hands_event WHERE person_id = o.person_id AND happened_at < $5
                             ORDER BY number DESC LIMIT 1) h
         WHERE o.person_id IN (SELECT person_id FROM hands_event WHERE unit_id = ANY($1) AND happened_at < $5)
           AND h.unit_id = ANY($1) AND o.id > $2 AND o.starts_at < $5
           AND (o.ended_at IS NULL OR o.ended_at >= $5 OR o.ended_at >= $3)
         ORDER BY o.id LIMIT $4",
        units,
        after,
        since,
        limit,
        at,
    );
    Ok(ids.fetch_all(connection).await?)
}

/// As [`super::proved`], at an instant. By whom an observation was seen and which one counted is not kept: what is
/// counted is how many of one person were open in the same hands.
///
/// # Errors
/// Where the database fails.
pub async fn proved(
    connection: &mut PgConnection,
    ids: &[Uuid],
    at: DateTime<Utc>,
    zone: Tz,
) -> Result<Vec<Proved>, Fault> {
    let mut slots = super::slots(&mut *connection, ids).await?;
    let mut changes = super::changes(&mut *connection, ids).await?;
    let readings = sqlx::query!(
        r#"SELECT observation_id, count(*) AS "count!" FROM reading
           WHERE observation_id = ANY($1) AND received_at < $2 GROUP BY 1"#,
        ids,
        at,
    );
    let readings = readings.fetch_all(&mut *connection).await?.into_iter();
    let readings: HashMap<Uuid, i64> = readings.map(|row| (row.observation_id, row.count)).collect();
    let rows = sqlx::query!(
        r#"SELECT o.id, h.unit_id, h.one_id,
                  (SELECT count(*) FROM observation b
                   CROSS JOIN LATERAL (SELECT unit_id, one_id FROM hands_event WHERE person_id = b.person_id AND happened_at < $2
                                       ORDER BY number DESC LIMIT 1) bh
                   WHERE b.person_id IN (SELECT person_id FROM hands_event WHERE one_id = h.one_id AND happened_at < $2)
                     AND (bh.unit_id, bh.one_id) = (h.unit_id, h.one_id) AND b.starts_at < $2
                     AND (b.ended_at IS NULL OR b.ended_at >= $2)) AS "beside!",
                  EXISTS (SELECT FROM observation_event e WHERE e.observation_id = o.id AND e.kind = 7 AND e.happened_at < $2) AS "is_decided!",
                  coalesce((SELECT e.kind FROM observation_event e WHERE e.observation_id = o.id AND e.kind IN (5, 6) AND e.happened_at < $2
                            ORDER BY e.number DESC LIMIT 1), 6) AS "lost!",
                  EXISTS (SELECT FROM hands_question q JOIN hands_event p ON p.person_id IN (q.holding_person_id, q.finding_person_id)
                          WHERE q.created_at < $2 AND (q.settled_at IS NULL OR q.settled_at >= $2)
                            AND p.one_id = h.one_id AND p.happened_at < $2) AS "is_asked!",
                  (SELECT min(r.deadline_at) FROM referral r
                   WHERE r.observation_id = o.id AND r.deadline_at < $2 AND (r.answered_at IS NULL OR r.answered_at >= $2)) AS unanswered
           FROM observation o
           CROSS JOIN LATERAL (SELECT unit_id, one_id FROM hands_event WHERE person_id = o.person_id AND happened_at < $2
                               ORDER BY number DESC LIMIT 1) h
           WHERE o.id = ANY($1)"#,
        ids,
        at,
    );
    let rows = rows.fetch_all(&mut *connection).await?.into_iter();
    let mut rows: HashMap<Uuid, _> = rows.map(|row| (row.id, row)).collect();
    let found = some(connection, ids).await?.into_iter();
    Ok(found
        .filter_map(|mut observation| {
            let row = rows.remove(&observation.id)?;
            let mut changes = changes.remove(&observation.id).unwrap_or_default();
            changes.retain(|change| change.at < at);
            let mut slots = slots.remove(&observation.id).unwrap_or_default();
            slots.retain(|filled| filled.slot.closes_at <= at);
            observation = at_first(&observation, &changes);
            for change in &changes {
                change.apply(&mut observation, zone);
            }
            (observation.unit, observation.one) = (row.unit_id, row.one_id);
            observation.lost = row.lost == Event::Lost as i32;
            observation.ended_at = observation.ended_at.filter(|ended_at| *ended_at < at);
            let is_open = observation.ended_at.is_none();
            Some(Proved {
                slots,
                changes,
                readings: readings.get(&observation.id).copied().unwrap_or_default(),
                observation,
                is_led: true,
                counting: if is_open { row.beside } else { 1 },
                is_seen: true,
                ancestors: Vec::new(),
                is_decided: row.is_decided,
                is_asked: row.is_asked,
                is_case_missing: false,
                unanswered: row.unanswered,
            })
        })
        .collect())
}

/// Some hand-downs after one that were open at an instant, of persons who were in the hands of units then, as they
/// stood: sent or not, acknowledged or not.
///
/// # Errors
/// Where the database fails.
pub async fn handdowns(
    connection: &mut PgConnection,
    (units, after, limit): (&[Uuid], Uuid, i64),
    at: DateTime<Utc>,
) -> Result<Vec<Handdown>, Fault> {
    let rows = sqlx::query!(
        "SELECT d.id, h.unit_id FROM handdown d
         CROSS JOIN LATERAL (SELECT unit_id FROM hands_event WHERE person_id = d.person_id AND happened_at < $4
                             ORDER BY number DESC LIMIT 1) h
         WHERE d.person_id IN (SELECT person_id FROM hands_event WHERE unit_id = ANY($1) AND happened_at < $4)
           AND h.unit_id = ANY($1) AND d.id > $2 AND d.created_at < $4 AND (d.closed_at IS NULL OR d.closed_at >= $4)
         ORDER BY d.id LIMIT $3",
        units,
        after,
        limit,
        at,
    );
    let rows = rows.fetch_all(&mut *connection).await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let holders: HashMap<Uuid, Uuid> = rows.into_iter().map(|row| (row.id, row.unit_id)).collect();
    let mut found = handdowns::store::some(connection, &ids).await?;
    for handdown in &mut found {
        let was = |instant: Option<DateTime<Utc>>| instant.is_some_and(|instant| instant < at);
        handdown.holder = holders.get(&handdown.id).copied().unwrap_or(handdown.holder);
        handdown.state = match () {
            () if was(handdown.acknowledged_at) => State::Acknowledged,
            () if was(handdown.sent_at) => State::Sent,
            () => State::Created,
        };
        (handdown.closed_at, handdown.escalate_at) = (None, None);
    }
    Ok(found)
}
