//! The public facts that the demo carries: the bulletin of 4 February by town, as of 3 February 24:00.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde::Deserialize;

/// The towns that had cases.
const DAY: &str = include_str!("../../data/loudi_epidemic_day_2020-02-03.csv");

/// What was published of one town.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct TownDay {
    /// 12 digits of the town.
    pub town_code: String,
    /// New confirmed cases of the day.
    pub confirmed_new: i64,
    /// Confirmed cases up to the day's end.
    pub confirmed_cumulative: i64,
    /// Severe cases at the day's end.
    pub severe_current: i64,
    /// Discharged on the day.
    pub discharged_new: i64,
    /// Discharged up to the day's end.
    pub discharged_cumulative: i64,
}

/// Close contacts: traced = released + converted + observed (RULES D5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contacts {
    /// Released from observation, cumulative.
    pub released: i64,
    /// Became cases, cumulative.
    pub converted: i64,
    /// Under observation.
    pub observed: i64,
}

/// The city's contacts as published: 902 traced. No split was.
pub const CITY: Contacts = Contacts { released: 40, converted: 9, observed: 853 };

impl Contacts {
    /// Traced, cumulative.
    #[must_use]
    pub fn traced(&self) -> i64 {
        self.released + self.converted + self.observed
    }
}

/// The towns that had cases, by code.
///
/// # Errors
/// A damaged table.
pub fn by_town() -> anyhow::Result<BTreeMap<String, TownDay>> {
    let mut reader = csv::Reader::from_reader(DAY.as_bytes());
    let rows = reader.deserialize().collect::<Result<Vec<TownDay>, _>>();
    let rows = rows.context("the table of 3 February is damaged")?;
    Ok(rows.into_iter().map(|row| (row.town_code.clone(), row)).collect())
}

/// An estimate, for want of a published one: the city's contacts shared out evenly over the towns that
/// had cases, the first by code having one more.
#[must_use]
pub fn contacts(towns: &BTreeMap<String, TownDay>) -> BTreeMap<String, Contacts> {
    let count = towns.len();
    let parts = shares(CITY.released, count)
        .into_iter()
        .zip(shares(CITY.converted, count))
        .zip(shares(CITY.observed, count))
        .map(|((released, converted), observed)| Contacts { released, converted, observed });
    towns.keys().cloned().zip(parts).collect()
}

/// A total in so many equal parts, the first having one more where it does not divide.
#[must_use]
pub fn shares(total: i64, count: usize) -> Vec<i64> {
    let parts = i64::try_from(count).unwrap_or(i64::MAX).max(1);
    (0..parts).map(|at| total / parts + i64::from(at < total % parts)).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bulletin_of_4_february_adds_up() {
        let towns = by_town().expect("the table");
        let sum = |of: fn(&TownDay) -> i64| towns.values().map(of).sum::<i64>();
        assert_eq!(towns.len(), 24);
        assert_eq!(sum(|town| town.confirmed_cumulative), 40);
        assert_eq!(sum(|town| town.confirmed_new), 5);
        assert_eq!(sum(|town| town.severe_current), 1);
        assert_eq!(sum(|town| town.discharged_new), 1);
        assert_eq!(sum(|town| town.discharged_cumulative), 2);
    }

    #[test]
    fn the_contacts_of_the_towns_are_those_of_the_city() {
        let contacts = contacts(&by_town().expect("the table"));
        let sum = |of: fn(&Contacts) -> i64| contacts.values().map(of).sum::<i64>();
        assert_eq!(CITY.traced(), 902);
        assert_eq!(sum(Contacts::traced), 902);
        assert_eq!(sum(|town| town.released), 40);
        assert_eq!(sum(|town| town.converted), 9);
        assert_eq!(sum(|town| town.observed), 853);
    }

    #[test]
    fn shares_are_even_and_whole() {
        assert_eq!(shares(9, 4), [3, 2, 2, 2]);
        assert_eq!(shares(2, 4), [1, 1, 0, 0]);
        assert_eq!(shares(7, 0), Vec::<i64>::new());
    }
}
