//! The tree that the demo plays on: Loudi's real counties and towns with their real numbers of villages;
//! villages and grids are generated, unless a file gives the official ones.

use std::{collections::BTreeMap, path::Path};

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

/// The most villages of a town of a small city, and how many grids each of them has.
const SMALL: (usize, usize) = (5, 3);

/// Makes the city a small one: every town, with a few of its villages.
pub fn shrink(towns: &mut [Town], official: &mut Official) {
    for town in towns {
        town.villages = town.villages.min(SMALL.0);
        town.grids = town.villages * SMALL.1;
    }
    for villages in official.values_mut() {
        villages.truncate(SMALL.0);
    }
}

/// The counties of the towns: code and name.
#[must_use]
pub fn counties(towns: &[Town]) -> BTreeMap<String, String> {
    let counties = towns.iter().map(|town| (town.county_code.clone(), town.county.clone()));
    counties.collect()
}

/// Official villages by the code of their town: each with code and name, in the order of the file.
pub type Official = BTreeMap<String, Vec<(String, String)>>;

/// Reads the official villages from a file with the columns of the statistics bureau's list.
///
/// # Errors
/// A file that cannot be read, or that has other columns.
pub fn official(file: &Path) -> anyhow::Result<Official> {
    #[derive(Deserialize)]
    struct Row {
        village_code12: String,
        village_name: String,
        town_code12: String,
    }
    let mut villages = Official::new();
    let mut reader = csv::Reader::from_path(file).with_context(|| format!("reading {}", file.display()))?;
    for (line, row) in reader.deserialize::<Row>().enumerate() {
        let row = row.with_context(|| format!("{}: line {}", file.display(), line + 2))?;
        villages.entry(row.town_code12).or_default().push((row.village_code12, row.village_name));
    }
    Ok(villages)
}

/// The villages of a town, official ones where a file gives them and generated ones otherwise; its grids
/// are shared out evenly, the first villages having one more.
#[must_use]
pub fn villages(town: &Town, official: &Official) -> Vec<Village> {
    let generated = || {
        let short = town.town_code.get(..9).unwrap_or_default();
        let one = |index| (format!("{short}{:03}", 901 + index), format!("{}{:02}村", town.town, index + 1));
        (0..town.villages).map(one).collect()
    };
    let named = official.get(&town.town_code).cloned().unwrap_or_else(generated);
    let each = town.grids / named.len().max(1);
    let over = town.grids % named.len().max(1);
    let villages = named.into_iter().enumerate().map(|(index, (code, name))| {
        let count = each + usize::from(index < over);
        Village { name, code, grids: (1..=count).map(|grid| format!("第{grid}网格")).collect() }
    });
    villages.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_city_has_88_towns_2097_villages_and_12636_grids() {
        let towns = towns().expect("the table");
        let villages: Vec<_> = towns.iter().flat_map(|town| villages(town, &Official::new())).collect();
        let grids: usize = villages.iter().map(|village| village.grids.len()).sum();
        assert_eq!((counties(&towns).len(), towns.len(), villages.len(), grids), (5, 88, 2_097, 12_636));
        assert!(villages.iter().all(|village| !village.grids.is_empty()));
    }

    #[test]
    fn generated_codes_are_told_from_official_ones_and_are_unique() {
        let towns = towns().expect("the table");
        let codes: Vec<_> = towns
            .iter()
            .flat_map(|town| villages(town, &Official::new()))
            .map(|village| village.code)
            .collect();
        let unique: std::collections::BTreeSet<_> = codes.iter().collect();
        assert_eq!(unique.len(), codes.len());
        assert!(codes.iter().all(|code| code.len() == 12 && code[9..] >= *"901"));
    }
}
