//! Totals remember here.

use std::collections::BTreeMap;

use chassis::Fault;
use chrono::NaiveDate;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Cells, STRIPES};
use crate::{days::Plan, forms::Figures, reports::store as reports};

/// What is added to totals, by place.
pub type Deltas = BTreeMap<i32, Cells>;

/// Writes the totals of a part of the tree, all that is known so far in the first stripe.
///
/// # Errors
/// Where the database fails.
pub async fn insert(connection: &mut PgConnection, plan: &Plan, totals: &Deltas) -> Result<(), Fault> {
    let width = Cells::none(plan.columns()).0.len();
    let places: Vec<i32> = totals.keys().copied().collect();
    let cells: Vec<i64> = totals.values().flat_map(|cells| cells.0.clone()).collect();
    sqlx::query!(
        "INSERT INTO total (business_date, day_id, place, stripe, cells)
         SELECT $1, $2, t.place, stripe,
                CASE WHEN stripe = 0 THEN ($4::bigint[])[(t.n - 1) * $5 + 1 : t.n * $5] ELSE array_fill(0::bigint, ARRAY[$5::int]) END
         FROM unnest($3::int[]) WITH ORDINALITY AS t (place, n), generate_series(0, $6::int) AS stripe",
        plan.day.date,
        plan.day.id,
        &places,
        &cells,
        i64::try_from(width).unwrap_or(i64::MAX),
        i32::from(STRIPES - 1),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The total at a place: one statement sums the stripes of a kept total, or the few expectations below.
///
/// # Errors
/// Where the database fails.
pub async fn total(connection: &mut PgConnection, plan: &Plan, place: i32) -> Result<Cells, Fault> {
    let mut total = Cells::none(plan.columns());
    if plan.keeps_total(place) {
        let stripes = sqlx::query_scalar!(
            "SELECT cells FROM total WHERE business_date = $1 AND day_id = $2 AND place = $3",
            plan.day.date,
            plan.day.id,
            place,
        );
        stripes.fetch_all(connection).await?.iter().for_each(|cells| total.add(cells));
        return Ok(total);
    }
    let end = plan.tree.at(place).map_or(place, |node| node.end);
    let mut changes = 0;
    for row in reports::standings(connection, plan, place, end).await? {
        total.add(&Cells::of(&row.standing, plan.columns()).0);
        changes += i64::from(row.standing.revision) * 8 + row.standing.timing as i64;
    }
    total.0[0] = changes;
    Ok(total)
}

/// The kept totals of many places.
///
/// # Errors
/// Where the database fails.
pub async fn totals(
    connection: &mut PgConnection,
    plan: &Plan,
    places: &[i32],
) -> Result<BTreeMap<i32, Cells>, Fault> {
    let rows = sqlx::query!(
        "SELECT place, cells FROM total WHERE business_date = $1 AND day_id = $2 AND place = ANY($3)",
        plan.day.date,
        plan.day.id,
        places,
    );
    let mut totals = BTreeMap::new();
    for row in rows.fetch_all(connection).await? {
        totals.entry(row.place).or_insert_with(|| Cells::none(plan.columns())).add(&row.cells);
    }
    Ok(totals)
}

/// The sums of all days of a form up to and with a date, of units whose totals are kept: what cumulative
/// figures have had since the opening balance, whose date may have been set since the plan was kept.
///
/// # Errors
/// Where the database fails.
pub async fn since_balance(
    connection: &mut PgConnection,
    plan: &Plan,
    units: &[Uuid],
) -> Result<BTreeMap<Uuid, Cells>, Fault> {
    let rows = sqlx::query!(
        "SELECT u.unit_id, t.cells FROM form f
         JOIN day d ON d.form_id = f.id AND d.business_date <= $2
                   AND (f.balance_as_of IS NULL OR d.business_date > f.balance_as_of)
         JOIN tree_unit u ON u.tree_id = d.tree_id AND u.unit_id = ANY($3)
         JOIN total t ON t.business_date = d.business_date AND t.day_id = d.id AND t.place = u.place
         WHERE f.id = $1",
        plan.form.id,
        plan.day.date,
        units,
    );
    let mut sums: BTreeMap<Uuid, Cells> = BTreeMap::new();
    for row in rows.fetch_all(connection).await? {
        sums.entry(row.unit_id).or_insert_with(|| Cells::none(plan.columns())).add(&row.cells);
    }
    Ok(sums)
}

/// The opening balances of all units of a form.
///
/// # Errors
/// Where the database fails.
pub async fn balances(connection: &mut PgConnection, form: Uuid) -> Result<BTreeMap<Uuid, Figures>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT unit_id, figures AS "figures: Vec<Option<i64>>" FROM opening_balance WHERE form_id = $1"#,
        form,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.unit_id, row.figures)).collect())
}

/// Sets the opening balance of one unit.
///
/// # Errors
/// Where the database fails.
pub async fn set_balance(
    connection: &mut PgConnection,
    form: Uuid,
    unit: Uuid,
    figures: &Figures,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO opening_balance (form_id, unit_id, figures) VALUES ($1, $2, $3)
         ON CONFLICT ON CONSTRAINT opening_balance_pkey DO UPDATE SET figures = $3",
        form,
        unit,
        figures as &[Option<i64>],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Sets the date at whose end a form's balances hold.
///
/// # Errors
/// Where the database fails.
pub async fn set_balance_date(
    connection: &mut PgConnection,
    form: Uuid,
    as_of: NaiveDate,
) -> Result<(), Fault> {
    sqlx::query!("UPDATE form SET balance_as_of = $2 WHERE id = $1", form, as_of).execute(connection).await?;
    Ok(())
}

/// The first date after a date whose day is sealed.
///
/// # Errors
/// Where the database fails.
pub async fn sealed_after(
    connection: &mut PgConnection,
    form: Uuid,
    date: NaiveDate,
) -> Result<Option<NaiveDate>, Fault> {
    let first = sqlx::query_scalar!(
        "SELECT min(business_date) FROM day WHERE form_id = $1 AND business_date > $2 AND state = 4",
        form,
        date,
    );
    Ok(first.fetch_one(connection).await?)
}
