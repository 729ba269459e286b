//! The tree as the registry has it: whom the play can speak for.

use std::collections::HashMap;

use proto::registry as pb;

use super::units::UnitCounts;
use crate::client::Registry;

/// A unit of the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// units/{uuid}.
    pub unit: String,
    /// Its official or generated code; of a grid its village's with its number: 431302001901-1.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Where the unit above stands in the list of its level.
    pub above: usize,
}

/// The tree, level by level, each in the order of the tree.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The root.
    pub city: Place,
    /// Counties.
    pub counties: Vec<Place>,
    /// Towns.
    pub towns: Vec<Place>,
    /// Villages.
    pub villages: Vec<Place>,
    /// Grids.
    pub grids: Vec<Place>,
}

impl Tree {
    /// Reads the whole tree.
    ///
    /// # Errors
    /// A refusal.
    pub async fn read(registry: &Registry) -> anyhow::Result<Self> {
        let mut tree = Self::default();
        let mut request = pb::ListUnitsRequest { page_size: 1_000, ..pb::ListUnitsRequest::default() };
        loop {
            let page = registry.units().list_units(request.clone()).await?.into_inner();
            page.units.into_iter().for_each(|unit| tree.take(unit));
            if page.next_page_token.is_empty() {
                return Ok(tree);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Takes the next unit of the order, in which parents come before their children.
    fn take(&mut self, unit: pb::Unit) {
        let level = unit.level();
        let code = unit.codes.into_iter().next().map(|code| code.code).unwrap_or_default();
        let mut place = Place { unit: unit.name, code, name: unit.display_name, above: 0 };
        let last = |places: &[Place]| places.len().saturating_sub(1);
        match level {
            pb::Level::County => self.counties.push(place),
            pb::Level::Township => {
                place.above = last(&self.counties);
                self.towns.push(place);
            }
            pb::Level::Village => {
                place.above = last(&self.towns);
                self.villages.push(place);
            }
            pb::Level::Grid => {
                place.above = last(&self.villages);
                let before = self.grids.iter().rev().take_while(|grid| grid.above == place.above).count();
                let village = self.villages.last().map(|village| village.code.as_str()).unwrap_or_default();
                place.code = format!("{village}-{}", before + 1);
                self.grids.push(place);
            }
            _ => self.city = place,
        }
    }

    /// How many units there are of each level.
    #[must_use]
    pub fn counts(&self) -> UnitCounts {
        UnitCounts {
            counties: self.counties.len(),
            towns: self.towns.len(),
            villages: self.villages.len(),
            grids: self.grids.len(),
        }
    }

    /// Whether the villages bear official codes; those that the demo makes go from 901.
    #[must_use]
    pub fn is_official(&self) -> bool {
        self.villages.first().is_some_and(|village| village.code.get(9..).is_some_and(|end| end < "901"))
    }

    /// The first nine digits of the code of a grid's town: what its officers' subjects begin with.
    #[must_use]
    pub fn town_of(&self, grid: usize) -> &str {
        self.grids.get(grid).and_then(|grid| grid.code.get(..9)).unwrap_or_default()
    }

    /// The first nine digits of the code of every unit's town, by unit; of a county, its first six.
    #[must_use]
    pub fn codes(&self) -> HashMap<&str, &str> {
        let below = self.towns.iter().chain(&self.villages).chain(&self.grids).map(|place| (place, 9));
        let all = self.counties.iter().map(|place| (place, 6)).chain(below);
        all.map(|(place, digits)| (place.unit.as_str(), place.code.get(..digits).unwrap_or_default()))
            .collect()
    }

    /// A grid of a town, by the numbers of village and grid from 0.
    #[must_use]
    pub fn grid_in(&self, town_code: &str, village: usize, grid: usize) -> Option<usize> {
        let village = self.villages_of(town_code).nth(village)?;
        let of_village = |(_, grid): &(usize, &Place)| grid.above == village;
        self.grids.iter().enumerate().filter(of_village).nth(grid).map(|(at, _)| at)
    }

    /// The places of a town's villages.
    pub fn villages_of(&self, town_code: &str) -> impl Iterator<Item = usize> {
        let town = self.towns.iter().position(|town| town.code == town_code);
        let villages = self.villages.iter().enumerate();
        villages.filter(move |(_, village)| Some(village.above) == town).map(|(at, _)| at)
    }
}

#[cfg(test)]
pub(in crate::demo) mod tests {
    use super::*;
    use crate::demo::tree;

    /// The tree as the demo makes it, without a registry.
    pub(in crate::demo) fn generated() -> Tree {
        let mut tree = Tree::default();
        let unit = |level: pb::Level, name: &str, code: &str| pb::Unit {
            name: format!("units/{name}-{code}"),
            display_name: name.to_owned(),
            level: level.into(),
            codes: vec![pb::UnitCode { code: code.to_owned(), ..pb::UnitCode::default() }],
            ..pb::Unit::default()
        };
        tree.take(unit(pb::Level::City, "娄底市", "431300000000"));
        let mut county = String::new();
        for town in tree::towns().expect("the table") {
            if county != town.county_code {
                county.clone_from(&town.county_code);
                tree.take(unit(pb::Level::County, &town.county, &town.county_code));
            }
            tree.take(unit(pb::Level::Township, &town.town, &town.town_code));
            for village in tree::villages(&town, &tree::Official::new()) {
                tree.take(unit(pb::Level::Village, &village.name, &village.code));
                for name in &village.grids {
                    let mut grid = unit(pb::Level::Grid, name, "");
                    grid.codes.clear();
                    grid.name = format!("units/{}-{name}", village.code);
                    tree.take(grid);
                }
            }
        }
        tree
    }

    #[test]
    fn grids_are_named_after_their_villages() {
        let tree = generated();
        let counts = tree.counts();
        assert_eq!((counts.counties, counts.towns, counts.villages, counts.grids), (5, 88, 2_097, 12_636));
        assert!(!tree.is_official());
        let second = tree.grid_in("431302001000", 0, 1).expect("a grid");
        assert_eq!(tree.grids[second].code, "431302001901-2");
        assert_eq!(tree.town_of(second), "431302001");
        assert_eq!(tree.villages_of("431302001000").count(), 12);
    }
}
