//! A proof goes part by part through the tree of its day, so that no read is long.

use std::{collections::HashSet, sync::Arc};

use chassis::{Caller, Fault};
use chrono::{DateTime, NaiveDate, Utc};
use jurisdiction::{Contact, Tree};
use uuid::Uuid;

use crate::{
    hands::moves::{self, Move},
    house::House,
    rules::day_start,
};

/// What a proof is of.
#[derive(Clone, Debug)]
pub struct AsOf {
    /// The instant: now, or the end of a past day.
    pub at: DateTime<Utc>,
    /// Whether it is of a past day.
    pub is_past: bool,
    /// The tree of that day.
    pub tree: Arc<Tree>,
    /// Units that were moved, and that nobody had taken over by then.
    pub moves: Vec<Move>,
}

/// Some units that are proved together.
#[derive(Clone, Debug)]
pub struct Part {
    /// The one that stands above the others.
    pub unit: Uuid,
    /// Its name.
    pub display_name: String,
    /// All of them.
    pub units: Vec<Uuid>,
}

impl AsOf {
    /// As of the end of a date, or now where there is none or it is today.
    ///
    /// # Errors
    /// [`Fault::Invalid`] for a date to come.
    pub fn new(house: &House, date: Option<NaiveDate>) -> Result<Self, Fault> {
        let today = house.clock.today();
        match date {
            Some(date) if date > today => {
                Err(Fault::invalid("as_of_date", format!("must not be after today, {today}")))
            }
            Some(date) if date < today => {
                let at = day_start(date.succ_opt().unwrap_or(date), house.clock.zone());
                Ok(Self { at, is_past: true, tree: house.jurisdiction.tree(date), moves: Vec::new() })
            }
            _ => {
                let (at, tree) = (house.clock.now(), house.jurisdiction.today());
                Ok(Self { at, is_past: false, tree, moves: Vec::new() })
            }
        }
    }

    /// Where what was in a unit's hands stood.
    #[must_use]
    pub fn standing(&self, house: &House, unit: Uuid) -> Option<Uuid> {
        house.jurisdiction.standing_in(&self.tree, unit)
    }

    /// Who answered for what was in a unit's hands, as far as that is known.
    #[must_use]
    pub fn answering(&self, house: &House, unit: Uuid) -> Option<Contact> {
        house.jurisdiction.answering_at(&self.tree, self.standing(house, unit)?, self.at)
    }

    /// The move of a unit or of one above it that concerns what began in its hands at an instant, if any.
    #[must_use]
    pub fn moved(&self, unit: Uuid, began_at: DateTime<Utc>) -> Option<&Move> {
        let upwards = self.tree.upwards(self.tree.place(unit)?).filter_map(|place| self.tree.at(place));
        moves::concerning(&self.moves, upwards.map(|node| node.id), began_at)
    }

    /// The parts of what a caller may see: of each of the highest units, those right below it with all below them, then
    /// the rest. Each unit is in one part.
    #[must_use]
    pub fn parts(&self, house: &House, tops: &[Uuid]) -> Vec<Part> {
        let (tree, jurisdiction) = (&self.tree, &house.jurisdiction);
        let mut seen: HashSet<Uuid> = HashSet::new();
        let mut parts = Vec::new();
        let mut add = |unit: Uuid, mut units: Vec<Uuid>| {
            units.retain(|unit| seen.insert(*unit));
            let display_name = tree.node(unit).map(|node| node.display_name.clone()).unwrap_or_default();
            parts.push(Part { unit, display_name, units });
        };
        for top in tops {
            let children = tree.place(*top).map(|place| tree.children(place).collect::<Vec<_>>());
            for child in children.iter().flatten().filter_map(|place| Some(tree.at(*place)?.id)) {
                add(child, jurisdiction.seen_below(tree, &[child]));
            }
            add(*top, jurisdiction.seen_below(tree, &[*top]));
        }
        parts
    }

    /// The part of units that have something in their hands and are in no other part, for who stands above everything:
    /// nobody else would ever see them.
    #[must_use]
    pub fn strangers(&self, caller: &Caller, parts: &[Part], held: Vec<Uuid>) -> Option<Part> {
        let root = self.tree.at(0)?.id;
        if !caller.scopes(super::PERMISSION).contains(&root) {
            return None;
        }
        let seen: HashSet<Uuid> = parts.iter().flat_map(|part| &part.units).copied().collect();
        let units: Vec<Uuid> = held.into_iter().filter(|unit| !seen.contains(unit)).collect();
        let display_name = "units that the tree does not know".to_owned();
        Some(Part { unit: root, display_name, units }).filter(|part| !part.units.is_empty())
    }
}
