//! What all handlers and activations of medical share.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use chassis::{Caller, Clock, Database, Fault, watching::Watching};
use chrono::NaiveDate;
use jurisdiction::{Contact, Jurisdiction, Node};
use proto::registry::Level;
use uuid::Uuid;

use crate::sight::Sight;

pub use jurisdiction::{UNITS, unit_name};

/// What all handlers share.
#[derive(Clone, Debug)]
pub struct House {
    /// Medical's database.
    pub database: Database,
    /// What time it is.
    pub clock: Clock,
    /// What is known of the registry.
    pub jurisdiction: Jurisdiction,
    /// The days that counts of beds have a partition of.
    pub counted_days: Days,
    /// What watches need.
    pub watching: Watching,
}

/// Days that this process has seen to.
#[derive(Clone, Debug, Default)]
pub struct Days(Arc<Mutex<HashSet<NaiveDate>>>);

impl Days {
    /// Whether a day was seen to.
    #[must_use]
    pub fn contains(&self, day: NaiveDate) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&day)
    }

    /// Notes that a day was seen to.
    pub fn insert(&self, day: NaiveDate) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(day);
    }
}

impl House {
    /// The units by which what a list shows must be seen: one that the caller asks for, or all at which he has the
    /// permission.
    ///
    /// # Errors
    /// [`Fault::NotFound`] naming the one, whether it exists or not.
    pub fn areas(
        &self,
        caller: &Caller,
        permission: &str,
        ancestor: Option<Uuid>,
    ) -> Result<Vec<Uuid>, Fault> {
        let Some(unit) = ancestor else { return Ok(caller.scopes(permission).to_vec()) };
        self.jurisdiction.within(caller, permission, unit)?;
        Ok(vec![unit])
    }

    /// The units from where a unit stands today up to the root; none for a stranger.
    #[must_use]
    pub fn upwards(&self, unit: Uuid) -> Vec<Node> {
        let today = self.jurisdiction.today();
        let place = self.jurisdiction.standing(unit).and_then(|unit| today.place(unit));
        let places = place.map(|place| today.upwards(place).collect::<Vec<_>>()).unwrap_or_default();
        places.into_iter().filter_map(|place| today.at(place).cloned()).collect()
    }

    /// By which units what stands at a unit is seen today, and before which it is put: the county, then those above it.
    #[must_use]
    pub fn sight(&self, unit: Uuid) -> Sight {
        let nodes = self.upwards(unit);
        let mut ancestors: Vec<Uuid> = nodes.iter().map(|node| node.id).collect();
        let below = |node: &&Node| i32::from(node.level) > Level::County as i32;
        let mut holders: Vec<Uuid> = nodes.iter().skip_while(below).map(|node| node.id).collect();
        if holders.is_empty() {
            holders.push(ancestors.last().copied().unwrap_or(unit));
        }
        if ancestors.first() != Some(&unit) {
            ancestors.insert(0, unit);
        }
        Sight { unit, ancestors, holders }
    }

    /// Who answers today for what stands at a unit.
    #[must_use]
    pub fn answering(&self, unit: Uuid) -> Option<Contact> {
        let unit = self.jurisdiction.standing(unit)?;
        self.jurisdiction.answering(&self.jurisdiction.today(), unit)
    }
}
