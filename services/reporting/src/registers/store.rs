//! Registers remember here.

use std::collections::HashMap;

use chassis::Fault;
use chrono::NaiveDate;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Sums;
use crate::days::Plan;

/// What one unit came to on one day.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// The unit.
    pub unit: Uuid,
    /// The day.
    pub date: NaiveDate,
    /// The differences, by the number of the indicator less one.
    pub changes: Vec<i64>,
}

/// Keeps sheets as they are now.
///
/// # Errors
/// Where the database fails.
pub async fn keep(connection: &mut PgConnection, serial: i64, sheets: &[Sheet]) -> Result<(), Fault> {
    let units: Vec<Uuid> = sheets.iter().map(|sheet| sheet.unit).collect();
    let dates: Vec<NaiveDate> = sheets.iter().map(|sheet| sheet.date).collect();
    let width = sheets.iter().map(|sheet| sheet.changes.len()).max().unwrap_or_default();
    let padded = |sheet: &Sheet| {
        let mut changes = sheet.changes.clone();
        changes.resize(width, 0);
        changes
    };
    let changes: Vec<i64> = sheets.iter().flat_map(padded).collect();
    sqlx::query!(
        "INSERT INTO register_sheet (unit_id, business_date, serial, changes)
         SELECT unit_id, business_date, $1, ($4::bigint[])[(n - 1) * $5 + 1 : n * $5]
         FROM unnest($2::uuid[], $3::date[]) WITH ORDINALITY AS s (unit_id, business_date, n)
         ON CONFLICT ON CONSTRAINT register_sheet_pkey DO UPDATE SET serial = excluded.serial, changes = excluded.changes",
        serial,
        &units,
        &dates,
        &changes,
        i64::try_from(width).unwrap_or(i64::MAX),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets what was last received before a serial.
///
/// # Errors
/// Where the database fails.
pub async fn forget_before(connection: &mut PgConnection, before: i64) -> Result<(), Fault> {
    sqlx::query!("DELETE FROM register_sheet WHERE serial < $1", before).execute(connection).await?;
    Ok(())
}

/// What units came to on a day and until its end, unit by unit, of some indicators.
///
/// # Errors
/// Where the database fails.
pub async fn sums(
    connection: &mut PgConnection,
    units: &[Uuid],
    date: NaiveDate,
    numbers: &[i32],
) -> Result<HashMap<Uuid, Sums>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT s.unit_id, n.number AS "number!",
                  coalesce(sum(s.changes[n.number]) FILTER (WHERE s.business_date = $2), 0)::bigint AS "of_day!",
                  coalesce(sum(s.changes[n.number]), 0)::bigint AS "until!"
           FROM register_sheet s CROSS JOIN unnest($3::int[]) AS n (number)
           WHERE s.unit_id = ANY($1) AND s.business_date <= $2 GROUP BY 1, 2"#,
        units,
        date,
        numbers,
    );
    let mut by_unit: HashMap<Uuid, Sums> = HashMap::new();
    for row in rows.fetch_all(connection).await? {
        by_unit.entry(row.unit_id).or_default().0.insert(row.number, (row.of_day, row.until));
    }
    Ok(by_unit)
}

/// Why a revision says otherwise than the registers: a place and slot, the revision's number, the field, and the words.
pub type Explanation = ((i32, i16), i32, String, String);

/// Writes why revisions of a day say otherwise than the registers.
///
/// # Errors
/// Where the database fails.
pub async fn explain(
    connection: &mut PgConnection,
    plan: &Plan,
    explanations: &[Explanation],
) -> Result<(), Fault> {
    if explanations.is_empty() {
        return Ok(());
    }
    let places: Vec<i32> = explanations.iter().map(|one| one.0.0).collect();
    let slots: Vec<i16> = explanations.iter().map(|one| one.0.1).collect();
    let numbers: Vec<i32> = explanations.iter().map(|one| one.1).collect();
    let fields: Vec<&str> = explanations.iter().map(|one| one.2.as_str()).collect();
    let words: Vec<&str> = explanations.iter().map(|one| one.3.as_str()).collect();
    sqlx::query!(
        "INSERT INTO explanation (business_date, day_id, place, slot, number, field, words)
         SELECT $1, $2, place, slot, number, field, words
         FROM unnest($3::int[], $4::smallint[], $5::int[], $6::text[], $7::text[]) AS e (place, slot, number, field, words)",
        plan.day.date,
        plan.day.id,
        &places,
        &slots,
        &numbers,
        &fields as &[&str],
        &words as &[&str],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Everything that was said of some places of a day to explain a difference, in the order of the revisions.
///
/// # Errors
/// Where the database fails.
pub async fn explanations(
    connection: &mut PgConnection,
    plan: &Plan,
    places: &[i32],
) -> Result<Vec<Explanation>, Fault> {
    let rows = sqlx::query!(
        "SELECT place, slot, number, field, words FROM explanation WHERE day_id = $1 AND place = ANY($2)
         ORDER BY place, slot, number, field",
        plan.day.id,
        places,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows.map(|row| ((row.place, row.slot), row.number, row.field, row.words)).collect())
}
