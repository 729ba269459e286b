//! Escalations remember here.

use chassis::Fault;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Escalation, Kind};

/// The most that are found at once.
const AT_ONCE: i64 = 5_000;

/// How long a release may be due before it is put before the unit above (R26).
const OVERDUE: TimeDelta = TimeDelta::days(1);

/// Puts before the unit above what ought to have happened with an observation and has not, once.
///
/// # Errors
/// Where the database fails.
pub async fn raise(
    connection: &mut PgConnection,
    observation: Uuid,
    kind: Kind,
    since: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO escalation (observation_id, kind, holder_id, since)
         SELECT o.id, $2, u.holders[1], $3 FROM observation o JOIN unit_sight u ON u.unit_id = o.unit_id
         WHERE o.id = $1 AND o.ended_at IS NULL ON CONFLICT ON CONSTRAINT escalation_pkey DO NOTHING",
        observation,
        kind as i16,
        since,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Withdraws what was put before anybody about some observations: of these kinds.
///
/// # Errors
/// Where the database fails.
pub async fn withdraw(
    connection: &mut PgConnection,
    observations: &[Uuid],
    kinds: &[Kind],
) -> Result<(), Fault> {
    let kinds: Vec<i16> = kinds.iter().map(|kind| *kind as i16).collect();
    sqlx::query!(
        "DELETE FROM escalation WHERE (observation_id, kind) IN
             (SELECT observation_id, kind FROM escalation WHERE observation_id = ANY($1) AND kind = ANY($2)
              ORDER BY observation_id, kind FOR UPDATE)",
        observations,
        &kinds,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts before the units above which referrals are past their deadline, and which releases have been due for
/// too long; answers how many were new.
///
/// # Errors
/// Where the database fails.
pub async fn raise_overdue(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, Fault> {
    let referrals = sqlx::query!(
        "INSERT INTO escalation (observation_id, kind, holder_id, since)
         SELECT o.id, $1, u.holders[1], r.deadline_at
         FROM referral r JOIN observation o ON o.id = r.observation_id JOIN unit_sight u ON u.unit_id = o.unit_id
         WHERE r.answered_at IS NULL AND r.deadline_at <= $2 AND o.ended_at IS NULL
           AND NOT EXISTS (SELECT FROM escalation e WHERE e.observation_id = o.id AND e.kind = $1)
         ORDER BY o.id LIMIT $3 ON CONFLICT ON CONSTRAINT escalation_pkey DO NOTHING",
        Kind::ReferralUnanswered as i16,
        now,
        AT_ONCE,
    );
    let referrals = referrals.execute(&mut *connection).await?.rows_affected();
    let releases = sqlx::query!(
        "INSERT INTO escalation (observation_id, kind, holder_id, since)
         SELECT o.id, $1, u.holders[1], o.due_at FROM observation o JOIN unit_sight u ON u.unit_id = o.unit_id
         WHERE o.ended_at IS NULL AND NOT o.lost AND o.due_at <= $2
           AND NOT EXISTS (SELECT FROM escalation e WHERE e.observation_id = o.id AND e.kind = $1)
         ORDER BY o.id LIMIT $3 ON CONFLICT ON CONSTRAINT escalation_pkey DO NOTHING",
        Kind::ReleaseOverdue as i16,
        now - OVERDUE,
        AT_ONCE,
    );
    Ok(referrals + releases.execute(connection).await?.rows_affected())
}

/// A place in a digest: what, since when, about which observation.
pub type Page = (i16, DateTime<Utc>, Uuid);

/// A page of what is put before a unit, the most dangerous and then the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    holder: Uuid,
    after: Page,
    limit: i64,
) -> Result<Vec<Escalation>, Fault> {
    let rows = sqlx::query_as!(
        Escalation,
        "SELECT e.observation_id AS observation, e.kind, o.person_id AS person, o.unit_id AS unit, e.holder_id AS holder,
                e.since, e.missed
         FROM escalation e JOIN observation o ON o.id = e.observation_id
         WHERE e.holder_id = $1 AND (e.kind, e.since, e.observation_id) > ($2, $3, $4)
         ORDER BY e.kind, e.since, e.observation_id LIMIT $5",
        holder,
        after.0,
        after.1,
        after.2,
        limit,
    );
    Ok(rows.fetch_all(connection).await?)
}
