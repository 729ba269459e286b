//! What cases were counted as, read from what befell them.

use std::collections::{BTreeMap, HashSet};

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::cases::{
    Event, State,
    figures::{self as told, Figures, Flows, Told},
};

/// What befell each of the cases that were ever counted in units, as far as figures know of it.
async fn histories(connection: &mut PgConnection, units: &[Uuid]) -> Result<Vec<Vec<Told>>, Fault> {
    let rows = sqlx::query!(
        "SELECT case_id, kind, before, after, severity, stated_at, counts_from, counted_unit_id FROM case_event
         WHERE case_id IN (SELECT case_id FROM case_event WHERE counted_unit_id = ANY($1)) AND kind IN (3, 4, 6, 7, 8, 9)
         ORDER BY case_id, number",
        units,
    );
    let mut histories: BTreeMap<Uuid, Vec<Told>> = BTreeMap::new();
    for row in rows.fetch_all(connection).await? {
        let state = |number: i16| State::of(number).ok_or_else(|| Fault::internal("a state"));
        histories.entry(row.case_id).or_default().push(Told {
            event: Event::of(row.kind).ok_or_else(|| Fault::internal("an event"))?,
            before: state(row.before)?,
            after: state(row.after)?,
            severity: row.severity,
            stated_at: row.stated_at,
            counts_from: row.counts_from,
            unit: row.counted_unit_id,
        });
    }
    Ok(histories.into_values().collect())
}

/// The figures of cases that resided in units, unit by unit, of a day: its first instant, and the first after it.
/// Units that no case resided in are left out. By events that are never changed: no day's figures are others later, but
/// by what is recorded late of that very day.
///
/// # Errors
/// Where the database fails.
pub async fn figures(
    connection: &mut PgConnection,
    units: &[Uuid],
    day: (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<(Uuid, Figures)>, Fault> {
    let histories = histories(connection, units).await?;
    let mut by_unit: BTreeMap<Uuid, Vec<Figures>> = BTreeMap::new();
    for (unit, figures) in histories.iter().filter_map(|history| told::of_day(history, day)) {
        by_unit.entry(unit).or_default().push(figures);
    }
    let units: HashSet<&Uuid> = units.iter().collect();
    let asked = by_unit.into_iter().filter(|(unit, _)| units.contains(unit));
    Ok(asked.map(|(unit, figures)| (unit, figures.into_iter().sum())).collect())
}

/// What happened to cases that resided in units, on every day on which anything did: what [`figures`] of that day says is
/// new.
///
/// # Errors
/// Where the database fails.
pub async fn flows(connection: &mut PgConnection, units: &[Uuid], zone: Tz) -> Result<Vec<Flows>, Fault> {
    let mut flows: BTreeMap<(Uuid, NaiveDate), Flows> = BTreeMap::new();
    for flow in histories(connection, units).await?.iter().flat_map(|history| told::flows(history, zone)) {
        let (unit, date) = (flow.unit, flow.date);
        let none = Flows { unit, date, confirmed: 0, discharged: 0, died: 0 };
        let sum = flows.entry((unit, date)).or_insert(none);
        sum.confirmed += flow.confirmed;
        sum.discharged += flow.discharged;
        sum.died += flow.died;
    }
    let units: HashSet<&Uuid> = units.iter().collect();
    Ok(flows.into_values().filter(|flow| units.contains(&flow.unit)).collect())
}
