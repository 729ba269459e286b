//! Referrals remember here.

use std::collections::{BTreeMap, HashMap};

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{ANSWERED_WITHIN, Referral};
use crate::readings::store::Kept;

/// Referrals by a condition.
macro_rules! referrals {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Referral,
            "SELECT r.id, r.observation_id AS observation, o.person_id AS person, o.unit_id AS unit, r.decidegrees, r.symptoms,
                    r.opened_at, r.deadline_at, r.answer, r.facility, r.answered_at, r.answered_by
             FROM referral r JOIN observation o ON o.id = r.observation_id WHERE " + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await
    };
}

/// Opens a referral for each observation that none is open of; answers the open one of each.
///
/// # Errors
/// Where the database fails.
pub async fn open(
    connection: &mut PgConnection,
    grave: &[&Kept],
    now: DateTime<Utc>,
) -> Result<HashMap<Uuid, Uuid>, Fault> {
    let first: BTreeMap<Uuid, &Kept> =
        grave.iter().rev().map(|kept| (kept.reading.observation, *kept)).collect();
    for (observation, kept) in &first {
        sqlx::query!(
            "INSERT INTO referral (id, observation_id, found_unit_id, decidegrees, symptoms, opened_at, deadline_at)
             SELECT $1, o.id, o.unit_id, $3, $4, $5, $6 FROM observation o WHERE o.id = $2
             ON CONFLICT (observation_id) WHERE answered_at IS NULL DO NOTHING",
            Uuid::now_v7(),
            observation,
            kept.reading.decidegrees,
            &kept.reading.symptoms,
            now,
            now + ANSWERED_WITHIN,
        )
        .execute(&mut *connection)
        .await?;
    }
    let observations: Vec<Uuid> = first.keys().copied().collect();
    let open = sqlx::query!(
        "SELECT observation_id, id FROM referral WHERE observation_id = ANY($1) AND answered_at IS NULL",
        &observations,
    );
    let open = open.fetch_all(connection).await?.into_iter();
    Ok(open.map(|row| (row.observation_id, row.id)).collect())
}

/// A referral, locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<Referral>, Fault> {
    Ok(referrals!(connection, "r.id = $1 FOR UPDATE OF r", id)?.pop())
}

/// Referrals in the hands of units after one, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    units: &[Uuid],
    answered: bool,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Referral>, Fault> {
    Ok(referrals!(
        connection,
        "o.unit_id = ANY($1) AND (r.answered_at IS NULL OR $2) AND r.id > $3 ORDER BY r.id LIMIT $4",
        units,
        answered,
        after,
        limit
    )?)
}

/// Writes the answer of a referral, which is locked.
///
/// # Errors
/// Where the database fails.
pub async fn update(connection: &mut PgConnection, referral: &Referral) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE referral SET answer = $2, facility = $3, answered_at = $4, answered_by = $5 WHERE id = $1",
        referral.id,
        referral.answer,
        referral.facility,
        referral.answered_at,
        referral.answered_by,
    )
    .execute(connection)
    .await?;
    Ok(())
}
