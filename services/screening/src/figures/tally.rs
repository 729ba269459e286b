//! Tallying: units of which something has changed are counted anew, and what differs from what was said is a signed
//! difference of the day. One replica at a time is at it; it takes no input and may be broken off anywhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chassis::{Fault, feed};
use chrono::{Days, NaiveDate};
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Counts, Indicator, Sheet, Standing, TOPIC, settle, store};
use crate::{cases::store as cases, exposures::store as exposures, house::House, rules::day_start};

/// How often it is looked for changes.
const PULSE: Duration = Duration::from_millis(250);

/// How many notes are taken in at once, and how many units are counted in one transaction.
const NOTES: i64 = 5_000;
const UNITS: usize = 200;

/// How many days may go by unnoticed before the oldest of their changes are put on a later one.
const BACK: u64 = 31;

/// Tallies until `shutdown`. A failure is said once and tried again.
pub async fn run(house: Arc<House>, shutdown: CancellationToken) {
    let mut failing = false;
    loop {
        let more = match tally(&house).await {
            Ok(more) => {
                failing = false;
                more
            }
            Err(fault) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(?fault, "figures could not be counted; trying on");
                }
                false
            }
        };
        let pause = if more { Duration::ZERO } else { PULSE };
        if shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
    }
}

/// Takes in some notes; answers whether there may be more.
async fn tally(house: &House) -> Result<bool, Fault> {
    let today = house.clock.today();
    if !store::is_due(house.database.pool(), today).await? {
        return Ok(false);
    }
    let mut work = house.database.begin(None).await?;
    let Some(last) = store::progress(&mut work).await? else {
        return Ok(false);
    };
    let (units, notes) = store::take_notes(&mut work, NOTES).await?;
    let first = last.unwrap_or(today).clamp(today - Days::new(BACK), today);
    // A change of before midnight that is found after it is that day's.
    for date in first.iter_days().take_while(|date| *date <= today) {
        for some in units.chunks(UNITS) {
            count(house, &mut work, some, date).await?;
        }
    }
    let more = notes == NOTES;
    if !more {
        store::set_progress(&mut work, today).await?;
    }
    work.commit().await?;
    Ok(more)
}

/// Counts units as they stood at the end of a day, and writes what has changed.
async fn count(
    house: &House,
    connection: &mut PgConnection,
    units: &[Uuid],
    date: NaiveDate,
) -> Result<(), Fault> {
    let standings = standings(house, connection, units, date).await?;
    let mut known: BTreeMap<Uuid, BTreeMap<NaiveDate, Counts>> = BTreeMap::new();
    let mut names = BTreeMap::new();
    for sheet in store::sheets(connection, units).await? {
        names.insert((sheet.unit, sheet.date), sheet.id);
        known.entry(sheet.unit).or_default().insert(sheet.date, sheet.changes);
    }
    let mut changed = Vec::new();
    for (unit, standing) in standings {
        let mut sheets = known.remove(&unit).unwrap_or_default();
        for day in settle(&mut sheets, &standing, date) {
            changed.push(Sheet {
                id: names.get(&(unit, day)).copied().unwrap_or_else(Uuid::now_v7),
                unit,
                date: day,
                changes: sheets.get(&day).copied().unwrap_or_default(),
                changed_at: house.clock.now(),
            });
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    store::keep(connection, &changed).await?;
    let keys: Vec<Uuid> = changed.iter().map(|sheet| sheet.id).collect();
    feed::note(connection, TOPIC, &keys).await
}

/// What the registers say of units at the end of a day.
async fn standings(
    house: &House,
    connection: &mut PgConnection,
    units: &[Uuid],
    date: NaiveDate,
) -> Result<BTreeMap<Uuid, Standing>, Fault> {
    use Indicator as Of;
    let zone = house.clock.zone();
    let (start, end) = (day_start(date, zone), day_start(date + Days::new(1), zone));
    let mut standings: BTreeMap<Uuid, Standing> =
        units.iter().collect::<BTreeSet<_>>().into_iter().map(|unit| (*unit, Standing::default())).collect();
    let mut stock = |unit: Uuid, figures: &[(Of, i64)]| {
        let standing = standings.entry(unit).or_default();
        figures.iter().for_each(|(indicator, count)| standing.stocks.add(*indicator, *count));
    };
    for row in store::observed(connection, units, end).await? {
        let all = [(Of::Returnees, row.returnees), (Of::AtHome, row.at_home)];
        stock(row.unit, &all);
        stock(row.unit, &[(Of::UnderObservation, row.all), (Of::Lost, row.lost)]);
    }
    for (unit, open) in store::support_open(connection, units).await? {
        stock(unit, &[(Of::SupportOpen, open)]);
    }
    for (unit, figures) in cases::figures(connection, units, (start, end)).await? {
        stock(unit, &[(Of::ConfirmedCumulative, figures.confirmed.1), (Of::Suspected, figures.suspected)]);
        stock(unit, &[(Of::Asymptomatic, figures.asymptomatic), (Of::Severe, figures.severe.0)]);
        stock(unit, &[(Of::SevereCumulative, figures.severe.1)]);
    }
    for (unit, figures) in exposures::figures(connection, units, end).await? {
        stock(unit, &[(Of::ContactsTraced, figures.traced()), (Of::ContactsReleased, figures.released)]);
        stock(unit, &[(Of::ContactsConverted, figures.converted), (Of::ContactsLost, figures.lost)]);
        stock(unit, &[(Of::ContactsObserved, figures.under_observation)]);
    }
    let mut flow = |unit: Uuid, day: NaiveDate, indicator: Of, count: i64| {
        standings.entry(unit).or_default().flows.entry(day).or_default().add(indicator, count);
    };
    for (unit, day, count) in store::returnees_found(connection, units, zone).await? {
        flow(unit, day, Of::ReturneesFound, count);
    }
    for (unit, day, count) in store::febrile_found(connection, units, zone).await? {
        flow(unit, day, Of::FebrileFound, count);
    }
    for flows in cases::flows(connection, units, zone).await? {
        flow(flows.unit, flows.date, Of::Confirmed, flows.confirmed);
        flow(flows.unit, flows.date, Of::Discharged, flows.discharged);
        flow(flows.unit, flows.date, Of::Died, flows.died);
    }
    Ok(standings)
}
