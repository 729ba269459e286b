//! Schedules remember here.

use chassis::Fault;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{AreaTerms, Clocks, Level};
use crate::rules::Terms;

/// Clocks that an area has set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set {
    /// The area.
    pub area: Uuid,
    /// From which date on.
    pub effective_on: NaiveDate,
    /// The clocks.
    pub clocks: Clocks,
}

struct Row {
    area_unit_id: Uuid,
    effective_on: NaiveDate,
    sender_level: i16,
    send_by: NaiveTime,
    acknowledge_minutes: i32,
    urgent_minutes: i32,
    verify_minutes: i32,
    step_minutes: i32,
}

/// What areas have set for a response level that is in force on a date, the latest of each.
///
/// # Errors
/// Where the database fails.
pub async fn in_force(
    connection: &mut PgConnection,
    areas: &[Uuid],
    response_level: i16,
    date: NaiveDate,
) -> Result<Vec<Set>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT DISTINCT ON (area_unit_id, sender_level) area_unit_id, effective_on, sender_level, send_by,
                acknowledge_minutes, urgent_minutes, verify_minutes, step_minutes
         FROM handdown_clock WHERE area_unit_id = ANY($1) AND response_level = $2 AND effective_on <= $3
         ORDER BY area_unit_id, sender_level, effective_on DESC",
        areas,
        response_level,
        date,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| Set {
            area: row.area_unit_id,
            effective_on: row.effective_on,
            clocks: Clocks {
                sender_level: row.sender_level,
                send_by: row.send_by,
                acknowledge_minutes: row.acknowledge_minutes,
                urgent_minutes: row.urgent_minutes,
                verify_minutes: row.verify_minutes,
                step_minutes: row.step_minutes,
            },
        })
        .collect())
}

/// Sets clocks of an area for a response level from a date on, over what was set for that very date.
///
/// # Errors
/// Where the database fails.
pub async fn set(
    connection: &mut PgConnection,
    set: Set,
    response_level: i16,
    (by, now): (&str, DateTime<Utc>),
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO handdown_clock (area_unit_id, response_level, effective_on, sender_level, send_by, acknowledge_minutes,
                                     urgent_minutes, verify_minutes, step_minutes, set_by, set_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT ON CONSTRAINT handdown_clock_pkey DO UPDATE SET send_by = excluded.send_by,
             acknowledge_minutes = excluded.acknowledge_minutes, urgent_minutes = excluded.urgent_minutes,
             verify_minutes = excluded.verify_minutes, step_minutes = excluded.step_minutes, set_by = excluded.set_by,
             set_at = excluded.set_at",
        set.area,
        response_level,
        set.effective_on,
        set.clocks.sender_level,
        set.clocks.send_by,
        set.clocks.acknowledge_minutes,
        set.clocks.urgent_minutes,
        set.clocks.verify_minutes,
        set.clocks.step_minutes,
        by,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The response levels that areas have said and that are in force on a date, one of each at most.
///
/// # Errors
/// Where the database fails.
pub async fn levels(
    connection: &mut PgConnection,
    areas: &[Uuid],
    date: NaiveDate,
) -> Result<Vec<Level>, Fault> {
    let rows = sqlx::query_as!(
        Level,
        r#"SELECT DISTINCT ON (area_unit_id) area_unit_id AS area, effective_on, level, by_order AS "order"
           FROM response_level WHERE area_unit_id = ANY($1) AND effective_on <= $2
           ORDER BY area_unit_id, effective_on DESC"#,
        areas,
        date,
    );
    Ok(rows.fetch_all(connection).await?)
}

/// Says the response level of an area from a date on, over what was said for that very date.
///
/// # Errors
/// Where the database fails.
pub async fn set_level(
    connection: &mut PgConnection,
    level: &Level,
    (by, now): (&str, DateTime<Utc>),
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO response_level (area_unit_id, effective_on, level, by_order, set_by, set_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT ON CONSTRAINT response_level_pkey DO UPDATE SET level = excluded.level, by_order = excluded.by_order,
             set_by = excluded.set_by, set_at = excluded.set_at",
        level.area,
        level.effective_on,
        level.level,
        level.order,
        by,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The terms of observation that areas have set for a response level and that are in force on a date, one of each area and
/// basis at most.
///
/// # Errors
/// Where the database fails.
pub async fn terms(
    connection: &mut PgConnection,
    areas: &[Uuid],
    response_level: i16,
    date: NaiveDate,
) -> Result<Vec<AreaTerms>, Fault> {
    let rows = sqlx::query!(
        "SELECT DISTINCT ON (area_unit_id, basis) area_unit_id, effective_on, basis, days, slots_a_day, recheck_weeks, by_order
         FROM observation_terms WHERE area_unit_id = ANY($1) AND response_level = $2 AND effective_on <= $3
         ORDER BY area_unit_id, basis, effective_on DESC",
        areas,
        response_level,
        date,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| AreaTerms {
            area: row.area_unit_id,
            effective_on: row.effective_on,
            basis: row.basis,
            terms: Terms { days: row.days, slots_a_day: row.slots_a_day },
            recheck_weeks: row.recheck_weeks,
            order: row.by_order,
        })
        .collect())
}

/// Sets terms of observation of an area for a response level from a date on, over what was set for that very date.
///
/// # Errors
/// Where the database fails.
pub async fn set_terms(
    connection: &mut PgConnection,
    set: &AreaTerms,
    response_level: i16,
    (by, now): (&str, DateTime<Utc>),
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO observation_terms (area_unit_id, response_level, effective_on, basis, days, slots_a_day, by_order, set_by,
                                        set_at, recheck_weeks)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT ON CONSTRAINT observation_terms_pkey DO UPDATE SET days = excluded.days,
             slots_a_day = excluded.slots_a_day, by_order = excluded.by_order, set_by = excluded.set_by,
             set_at = excluded.set_at, recheck_weeks = excluded.recheck_weeks",
        set.area,
        response_level,
        set.effective_on,
        set.basis,
        set.terms.days,
        set.terms.slots_a_day,
        set.order,
        by,
        now,
        &set.recheck_weeks,
    )
    .execute(connection)
    .await?;
    Ok(())
}
