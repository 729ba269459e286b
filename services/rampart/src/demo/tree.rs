//! The tree that the demo plays on: Loudi's real counties and towns with their real numbers of villages;
//! villages and grids are generated, unless a file gives the official ones.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde::Deserialize;

/// The towns of 2019 with their numbers of villages (real) and of grids (published for three, the rest
/// shared out so that the city has its 12,636).
const TOWNS: &str = include_str!("../../data/loudi_towns_2019.csv");

/// A town as the table has it.
#[derive(Clone, Debug, Deserialize)]
pub struct Town {
    /// 12 digits of the county.
    pub county_code: String,
    /// The county's name.
    pub county: String,
    /// 12 digits of the town.
    pub town_code: String,
    /// The town's name.
    pub town: String,
    /// How many villages it has.
    pub villages: usize,
    /// How many grids it has.
    pub grids: usize,
}

/// A village that the demo makes, with its grids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Village {
    /// Its name: generated, and looks it.
    pub name: String,
    /// Its generated code: the town's nine digits and a number from 901.
    pub code: String,
    /// The names of its grids.
    pub grids: Vec<String>,
}

/// Reads the towns' table.
///
/// # Errors
/// A damaged table.
pub fn towns() -> anyhow::Result<Vec<Town>> {
    let mut reader = csv::Reader::from_reader(TOWNS.as_bytes());
    let towns = reader.deserialize().collect::<Result<_, _>>();
    towns.context("the towns' table is damaged")
}

/// The counties of the towns: code and name.
#[must_use]
pub fn counties(towns: &[Town]) -> BTreeMap<String, String> {
    let counties = towns.iter().map(|town| (town.county_code.clone(), town.county.clone()));
    counties.collect()
}

/// The generated villages of a town, its grids shared out evenly, the first villages having one more.
#[must_use]
pub fn villages(town: &Town) -> Vec<Village> {
    let each = town.grids / town.villages.max(1);
    let over = town.grids % town.villages.max(1);
    (0..town.villages)
        .map(|index| {
            let count = each + usize::from(index < over);
            Village {
                name: format!("{}{:02}村", town.town, index + 1),
                code: format!("{}{:03}", town.town_code.get(..9).unwrap_or_default(), 901 + index),
                grids: (1..=count).map(|grid| format!("第{grid}网格")).collect(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_city_has_88_towns_2097_villages_and_12636_grids() {
        let towns = towns().expect("the table");
        let villages: Vec<_> = towns.iter().flat_map(villages).collect();
        let grids: usize = villages.iter().map(|village| village.grids.len()).sum();
        assert_eq!((counties(&towns).len(), towns.len(), villages.len(), grids), (5, 88, 2_097, 12_636));
        assert!(villages.iter().all(|village| !village.grids.is_empty()));
    }

    #[test]
    fn generated_codes_are_told_from_official_ones_and_are_unique() {
        let towns = towns().expect("the table");
        let codes: Vec<_> = towns.iter().flat_map(villages).map(|village| village.code).collect();
        let unique: std::collections::BTreeSet<_> = codes.iter().collect();
        assert_eq!(unique.len(), codes.len());
        assert!(codes.iter().all(|code| code.len() == 12 && code[9..] >= *"901"));
    }
}
