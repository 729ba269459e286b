//! Figures decide here: what the registers come to, as signed differences of each unit's days.

pub mod api;
pub mod levels;
pub mod parse;
pub mod store;
pub mod tally;
pub mod watch;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use uuid::Uuid;

/// The topic of sheets in the feed.
pub const TOPIC: &str = "figure";

/// What is counted: numbers as the contract has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum Indicator {
    /// Flow: returnees put under observation.
    ReturneesFound = 1,
    /// Stock: returnees under observation.
    Returnees = 2,
    /// Stock: persons under observation at home.
    AtHome = 3,
    /// Stock: persons under observation.
    UnderObservation = 4,
    /// Stock: persons whom nobody finds.
    Lost = 5,
    /// Flow: persons referred for a fever or symptom.
    FebrileFound = 6,
    /// Stock: requests for support that are not confirmed yet.
    SupportOpen = 7,
    /// Flow: newly confirmed.
    Confirmed = 8,
    /// Flow: discharged.
    Discharged = 9,
    /// Flow: died.
    Died = 10,
    /// Stock: ever confirmed.
    ConfirmedCumulative = 11,
    /// Stock: suspected.
    Suspected = 12,
    /// Stock: asymptomatic.
    Asymptomatic = 13,
    /// Stock: severe or critical.
    Severe = 14,
    /// Stock: ever severe or critical.
    SevereCumulative = 15,
    /// Stock: close contacts of cases who were traced.
    ContactsTraced = 16,
    /// Stock: those released.
    ContactsReleased = 17,
    /// Stock: those who became cases.
    ContactsConverted = 18,
    /// Stock: those under observation.
    ContactsObserved = 19,
    /// Stock: those who are lost.
    ContactsLost = 20,
}

/// How many indicators there are.
pub const INDICATORS: usize = 20;

impl Indicator {
    /// Those of which a day's difference is how many there were that day; of all others it is by how much the stock
    /// changed.
    pub const FLOWS: [Self; 5] =
        [Self::ReturneesFound, Self::FebrileFound, Self::Confirmed, Self::Discharged, Self::Died];

    /// Whether a number is that of a flow.
    #[must_use]
    pub fn is_flow(number: usize) -> bool {
        Self::FLOWS.iter().any(|flow| *flow as usize == number)
    }
}

/// One number for each indicator, by its number less one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub [i64; INDICATORS]);

impl Counts {
    /// Adds to what is counted.
    pub fn add(&mut self, indicator: Indicator, count: i64) {
        if let Some(of) = self.0.get_mut(indicator as usize - 1) {
            *of += count;
        }
    }

    /// What is not zero: the number of the indicator, and its count.
    pub fn stated(&self) -> impl Iterator<Item = (usize, i64)> + '_ {
        self.0.iter().enumerate().filter(|(_, count)| **count != 0).map(|(at, count)| (at + 1, *count))
    }
}

/// What one unit came to on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// The id.
    pub id: Uuid,
    /// The unit.
    pub unit: Uuid,
    /// The day.
    pub date: NaiveDate,
    /// The differences of the day.
    pub changes: Counts,
    /// When it changed last.
    pub changed_at: chrono::DateTime<chrono::Utc>,
}

/// What the registers say of one unit at the end of a day: the stocks then, and the flows of every day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The stocks; flows are not read from it.
    pub stocks: Counts,
    /// The flows by day; stocks are not read from it.
    pub flows: BTreeMap<NaiveDate, Counts>,
}

/// What some days that follow one another came to, the first first: the day, its differences, and the stocks at its end.
/// `changes` are those of each day by indicator; what stands under the day before the first is what the stocks were then.
#[must_use]
pub fn told(days: &[NaiveDate], changes: Vec<(NaiveDate, usize, i64)>) -> Vec<(NaiveDate, Counts, Counts)> {
    let mut by_day: BTreeMap<NaiveDate, Counts> = BTreeMap::new();
    for (day, number, change) in changes {
        if let Some(count) = by_day.entry(day).or_default().0.get_mut(number - 1) {
            *count = change;
        }
    }
    let before = days.first().and_then(|first| by_day.remove(&(*first - Days::new(1))));
    let mut stocks = before.unwrap_or_default();
    let of = |day: &NaiveDate| {
        let changes = by_day.get(day).copied().unwrap_or_default();
        stocks.0.iter_mut().zip(changes.0).for_each(|(stock, change)| *stock += change);
        (*day, changes, stocks)
    };
    days.iter().map(of).collect()
}

/// Brings a unit's sheets to what the registers say at the end of a day; answers the days of which the sheet changed.
pub fn settle(
    sheets: &mut BTreeMap<NaiveDate, Counts>,
    standing: &Standing,
    date: NaiveDate,
) -> BTreeSet<NaiveDate> {
    let before = sheets.clone();
    let mut known = Counts::default();
    for (day, changes) in &*sheets {
        if *day <= date {
            known.0.iter_mut().zip(changes.0).for_each(|(known, change)| *known += change);
        }
    }
    let days: BTreeSet<NaiveDate> =
        sheets.keys().chain(standing.flows.keys()).copied().chain([date]).collect();
    for day in days {
        let flows = standing.flows.get(&day).copied().unwrap_or_default();
        let sheet = sheets.entry(day).or_default();
        for at in 0..INDICATORS {
            if Indicator::is_flow(at + 1) {
                sheet.0[at] = flows.0[at];
            } else if day == date {
                sheet.0[at] += standing.stocks.0[at] - known.0[at];
            }
        }
    }
    sheets.retain(|day, changes| before.contains_key(day) || *changes != Counts::default());
    let changed = sheets.iter().filter(|(day, changes)| before.get(day) != Some(changes));
    changed.map(|(day, _)| *day).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(nth: u64) -> NaiveDate {
        NaiveDate::default() + chrono::Days::new(nth)
    }

    fn standing(stock: i64, flows: &[(u64, i64)]) -> Standing {
        let mut standing = Standing::default();
        standing.stocks.add(Indicator::AtHome, stock);
        for (nth, count) in flows {
            standing.flows.entry(day(*nth)).or_default().add(Indicator::Confirmed, *count);
        }
        standing
    }

    #[test]
    fn d7_a_flow_that_becomes_known_late_changes_the_day_it_is_of() {
        let mut sheets = BTreeMap::new();
        settle(&mut sheets, &standing(3, &[(1, 2)]), day(1));
        let changed = settle(&mut sheets, &standing(2, &[(1, 1), (2, 1)]), day(3));
        assert_eq!(changed, BTreeSet::from([day(1), day(2), day(3)]));
        assert_eq!(sheets[&day(1)].0[Indicator::Confirmed as usize - 1], 1, "one was no case of that day");
        assert_eq!(sheets[&day(3)].0[Indicator::AtHome as usize - 1], -1, "the stock changed that day");
    }

    #[test]
    fn nothing_changes_where_nothing_has_changed() {
        let mut sheets = BTreeMap::new();
        let standing = standing(3, &[(1, 2)]);
        assert_eq!(settle(&mut sheets, &standing, day(1)), BTreeSet::from([day(1)]));
        assert!(settle(&mut sheets, &standing, day(1)).is_empty());
        assert!(settle(&mut sheets, &standing, day(2)).is_empty(), "nor on the next day");
        assert_eq!(sheets.len(), 1);
    }

    proptest! {
        #[test]
        fn the_differences_always_add_up_to_the_stock(stocks in proptest::collection::vec((0_u64..9, 0_i64..50), 1..12)) {
            let mut sheets = BTreeMap::new();
            for (nth, stock) in stocks {
                settle(&mut sheets, &standing(stock, &[]), day(nth));
                let sum: i64 = sheets.range(..=day(nth)).map(|(_, sheet)| sheet.0[Indicator::AtHome as usize - 1]).sum();
                prop_assert_eq!(sum, stock);
            }
        }
    }
}
