//! Referrals remember here.

use std::collections::{BTreeMap, HashMap};

use chassis::{Fault, feed};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{ANSWERED_WITHIN, Referral, TOPIC};
use crate::{
    readings::{Mark, store::Kept},
    worklists::After,
};

/// Referrals by a condition.
macro_rules! referrals {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Referral,
            r#"SELECT r.id, r.observation_id AS observation, r.person_id AS person, r.unit_id AS unit, r.one_id AS one,
                      r.found_unit_id AS found_unit, r.decidegrees, r.symptoms, r.tested_positive, r.to_facility, r.previous_id AS previous,
                      (SELECT n.id FROM referral n WHERE n.previous_id = r.id) AS next, r.at_once, r.opened_at, r.opened_by,
                      r.deadline_at, r.answer, r.facility, r.answered_at, r.answered_by, r.case_due_at
               FROM referral r WHERE "# + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await
    };
}

/// Opens a referral for each observation that none is open of; answers the open one of each. One of whom nobody watches over
/// any more is put before the unit at once.
///
/// # Errors
/// Where the database fails.
pub async fn open(
    connection: &mut PgConnection,
    grave: &[&Kept],
    (by, now): (&str, DateTime<Utc>),
) -> Result<HashMap<Uuid, Uuid>, Fault> {
    let first: BTreeMap<Uuid, &Kept> =
        grave.iter().rev().map(|kept| (kept.reading.observation, *kept)).collect();
    let mut made = Vec::new();
    for (observation, kept) in &first {
        let is = |mark: Mark| kept.marks.contains(&(mark as i16));
        let opened = sqlx::query_scalar!(
            "INSERT INTO referral (id, observation_id, person_id, unit_id, one_id, found_unit_id, decidegrees, symptoms,
                                   at_once, opened_at, deadline_at, opened_by)
             SELECT $1, o.id, o.person_id, o.unit_id, o.one_id, o.unit_id, $3, $4, $5, $6, $7, $8 FROM observation o WHERE o.id = $2
             ON CONFLICT (observation_id) WHERE answered_at IS NULL DO NOTHING RETURNING id",
            Uuid::now_v7(),
            observation,
            kept.reading.decidegrees,
            &kept.reading.symptoms,
            is(Mark::AfterEnd) && !is(Mark::Joined),
            now,
            now + ANSWERED_WITHIN,
            by,
        );
        made.extend(opened.fetch_optional(&mut *connection).await?);
    }
    if !made.is_empty() {
        feed::note(connection, TOPIC, &made).await?;
    }
    let observations: Vec<Uuid> = first.keys().copied().collect();
    let open = sqlx::query!(
        r#"SELECT observation_id AS "observation_id!", id FROM referral WHERE observation_id = ANY($1) AND answered_at IS NULL"#,
        &observations,
    );
    let open = open.fetch_all(connection).await?.into_iter();
    Ok(open.map(|row| (row.observation_id, row.id)).collect())
}

/// Adds a referral.
///
/// # Errors
/// Where the database fails.
pub async fn insert(connection: &mut PgConnection, referral: &Referral) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO referral (id, observation_id, person_id, unit_id, one_id, found_unit_id, decidegrees, symptoms, to_facility,
                               previous_id, at_once, opened_at, opened_by, deadline_at, tested_positive)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        referral.id,
        referral.observation,
        referral.person,
        referral.unit,
        referral.one,
        referral.found_unit,
        referral.decidegrees,
        &referral.symptoms,
        referral.to_facility,
        referral.previous,
        referral.at_once,
        referral.opened_at,
        referral.opened_by,
        referral.deadline_at,
        referral.tested_positive,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes of a referral, which is locked, that a rapid test of the person was positive.
///
/// # Errors
/// Where the database fails.
pub async fn mark_positive(connection: &mut PgConnection, id: Uuid) -> Result<(), Fault> {
    sqlx::query!("UPDATE referral SET tested_positive = true WHERE id = $1", id).execute(connection).await?;
    Ok(())
}

/// The open referral of an observation that has joined another one is that one's, unless it has one.
///
/// # Errors
/// Where the database fails.
pub async fn go_on(connection: &mut PgConnection, joined: Uuid, kept: Uuid) -> Result<(), Fault> {
    let moved = sqlx::query_scalar!(
        "UPDATE referral SET observation_id = $2 WHERE observation_id = $1 AND answered_at IS NULL
           AND NOT EXISTS (SELECT FROM referral k WHERE k.observation_id = $2 AND k.answered_at IS NULL) RETURNING id",
        joined,
        kept,
    );
    let moved = moved.fetch_all(&mut *connection).await?;
    if moved.is_empty() { Ok(()) } else { feed::note(connection, TOPIC, &moved).await }
}

/// Some referrals.
///
/// # Errors
/// Where the database fails.
pub async fn some(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Referral>, Fault> {
    Ok(referrals!(connection, "r.id = ANY($1)", ids)?)
}

/// A referral.
///
/// # Errors
/// Where the database fails.
pub async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<Referral>, Fault> {
    Ok(referrals!(connection, "r.id = $1", id)?.pop())
}

/// A referral, locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<Referral>, Fault> {
    Ok(referrals!(connection, "r.id = $1 FOR UPDATE OF r", id)?.pop())
}

/// The open referrals of who is one person, in a unit's hands, locked, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn lock_open(connection: &mut PgConnection, one: Uuid, unit: Uuid) -> Result<Vec<Referral>, Fault> {
    Ok(referrals!(
        connection,
        "r.one_id = $1 AND r.unit_id = $2 AND r.answered_at IS NULL ORDER BY r.id FOR UPDATE OF r",
        one,
        unit
    )?)
}

/// What a page of referrals is chosen by.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// Only in the hands of these units.
    pub units: &'a [Uuid],
    /// Only of who is one person.
    pub one: Option<Uuid>,
    /// Also those that were answered; in due order these only while a case is waited for.
    pub answered: bool,
    /// After this place. In due order, only what waits: for its answer, or for a case (R5).
    pub after: After,
    /// At most so many.
    pub limit: i64,
}

/// A page of referrals.
///
/// # Errors
/// Where the database fails.
pub async fn list(connection: &mut PgConnection, asked: Selection<'_>) -> Result<Vec<Referral>, Fault> {
    Ok(match asked.after {
        After::Made(after) => referrals!(
            connection,
            "r.unit_id = ANY($1) AND ($2::uuid IS NULL OR r.one_id = $2) AND (r.answered_at IS NULL OR $3) AND r.id > $4
             ORDER BY r.id LIMIT $5",
            asked.units,
            asked.one,
            asked.answered,
            after,
            asked.limit
        )?,
        After::Due((due_at, id)) => referrals!(
            connection,
            "r.unit_id = ANY($1) AND ($2::uuid IS NULL OR r.one_id = $2) AND (r.answered_at IS NULL OR r.case_due_at IS NOT NULL)
             AND (coalesce(r.case_due_at, r.deadline_at), r.id) > ($3, $4)
             ORDER BY coalesce(r.case_due_at, r.deadline_at), r.id LIMIT $5",
            asked.units,
            asked.one,
            due_at,
            id,
            asked.limit
        )?,
    })
}

/// Every open referral after one, in the order of their ids.
///
/// # Errors
/// Where the database fails.
pub async fn open_after(
    connection: &mut PgConnection,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Referral>, Fault> {
    Ok(referrals!(
        connection,
        "(r.answered_at IS NULL OR r.case_due_at IS NOT NULL) AND r.id > $1 ORDER BY r.id LIMIT $2",
        after,
        limit
    )?)
}

/// Nobody waits any more for a case of who is one person, in a unit's hands; answers of which referrals.
///
/// # Errors
/// Where the database fails.
pub async fn case_opened(connection: &mut PgConnection, one: Uuid, unit: Uuid) -> Result<Vec<Uuid>, Fault> {
    let waited = sqlx::query_scalar!(
        "UPDATE referral SET case_due_at = NULL WHERE one_id = $1 AND unit_id = $2 AND case_due_at IS NOT NULL RETURNING id",
        one,
        unit,
    );
    Ok(waited.fetch_all(connection).await?)
}

/// Writes the answer of a referral, which is locked.
///
/// # Errors
/// Where the database fails.
pub async fn update(connection: &mut PgConnection, referral: &Referral) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE referral SET answer = $2, facility = $3, answered_at = $4, answered_by = $5, case_due_at = $6 WHERE id = $1",
        referral.id,
        referral.answer,
        referral.facility,
        referral.answered_at,
        referral.answered_by,
        referral.case_due_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}
