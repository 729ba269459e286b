//! What all handlers and activations of screening share.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use chassis::{Caller, Clock, Database, Fault, watching::Watching};
use chrono::NaiveDate;
use jurisdiction::{Contact, Jurisdiction};
use proto::registry::Level;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    escalations::Called,
    keyring::Keyring,
    observations::{Observation, parse::observation_name, store::Sight},
    persons::parse::unit_name,
};

/// What all handlers share.
#[derive(Clone, Debug)]
pub struct House {
    /// Screening's database.
    pub database: Database,
    /// What time it is.
    pub clock: Clock,
    /// What is known of the registry.
    pub jurisdiction: Jurisdiction,
    /// The keys of personal values.
    pub keys: Keyring,
    /// The days that readings have a partition of.
    pub reading_days: Days,
    /// The days that passages have a partition of.
    pub passage_days: Days,
    /// What watches need.
    pub watching: Watching,
    /// When the service drains.
    pub shutdown: CancellationToken,
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
    /// Whether the caller has a permission at the very unit, so that what is in its hands is in his.
    #[must_use]
    pub fn has_in_hand(&self, caller: &Caller, permission: &str, unit: Uuid) -> bool {
        self.jurisdiction.standing(unit).is_some_and(|unit| caller.scopes(permission).contains(&unit))
    }

    /// Where what a unit takes in is taken in: there, or, where it is at work no more, where what is in its hands
    /// stands today.
    ///
    /// # Errors
    /// [`Fault::NotFound`] naming the unit, whether it exists or not.
    pub fn taking(&self, caller: &Caller, permission: &str, unit: Uuid) -> Result<Uuid, Fault> {
        let may = self.jurisdiction.takes(caller, permission, unit);
        let standing = self.jurisdiction.standing(unit).filter(|_| may);
        standing.ok_or_else(|| Fault::NotFound(unit_name(unit)))
    }

    /// The county of a unit, by where it stands today; the unit itself where that is none of a county's.
    #[must_use]
    pub fn county(&self, unit: Uuid) -> Uuid {
        let today = self.jurisdiction.today();
        let standing = self.jurisdiction.standing(unit).unwrap_or(unit);
        let upwards = today.place(standing).map(|place| today.upwards(place).collect::<Vec<_>>());
        let mut above = upwards.iter().flatten().filter_map(|place| today.at(*place));
        let county = above.find(|node| i32::from(node.level) <= Level::County as i32);
        county.map_or(standing, |node| node.id)
    }

    /// The units at and below which the caller has a permission, or those of them at and below one.
    ///
    /// # Errors
    /// [`Fault::NotFound`] naming the one, whether it exists or not.
    pub fn units(
        &self,
        caller: &Caller,
        permission: &str,
        ancestor: Option<Uuid>,
    ) -> Result<Vec<Uuid>, Fault> {
        match ancestor {
            Some(unit) => {
                self.jurisdiction.within(caller, permission, unit)?;
                Ok(self.jurisdiction.standing_below(&[unit]))
            }
            None => Ok(self.jurisdiction.standing_below(&caller.scopes(permission))),
        }
    }

    /// As [`Jurisdiction::seen`], an observation.
    ///
    /// # Errors
    /// [`Fault::NotFound`] naming it.
    pub fn observed(
        &self,
        caller: &Caller,
        permission: &str,
        id: Uuid,
        found: Option<Observation>,
    ) -> Result<Observation, Fault> {
        self.jurisdiction.seen(
            caller,
            permission,
            found,
            |observation| observation.unit,
            observation_name(id),
        )
    }

    /// As [`House::units`], but only the uppermost of them: none of the answer stands above another.
    ///
    /// # Errors
    /// As [`House::units`].
    pub fn tops(
        &self,
        caller: &Caller,
        permission: &str,
        ancestor: Option<Uuid>,
    ) -> Result<Vec<Uuid>, Fault> {
        if let Some(unit) = ancestor {
            self.jurisdiction.within(caller, permission, unit)?;
            return Ok(vec![unit]);
        }
        let today = self.jurisdiction.today();
        let mut scopes: Vec<Uuid> = caller.scopes(permission).to_vec();
        scopes.sort_unstable();
        scopes.dedup();
        let below = |unit: Uuid| scopes.iter().any(|other| *other != unit && today.contains(*other, unit));
        Ok(scopes.iter().copied().filter(|unit| !below(*unit)).collect())
    }

    /// By which units what is in a unit's hands is seen today, and before which is put what was not done
    /// there: those above it, up to the county; the unit itself where nobody stands above it.
    #[must_use]
    pub fn sight(&self, unit: Uuid) -> Sight {
        let today = self.jurisdiction.today();
        let standing = self.jurisdiction.standing(unit).unwrap_or(unit);
        let upwards = today.place(standing).map(|place| today.upwards(place).collect::<Vec<_>>());
        let nodes: Vec<_> = upwards.iter().flatten().filter_map(|place| today.at(*place)).collect();
        let mut ancestors: Vec<Uuid> = nodes.iter().map(|node| node.id).collect();
        let up_to = |node: &&&jurisdiction::Node| i32::from(node.level) >= Level::County as i32;
        // What is in a closed unit's hands is in the successor's, else in those of the unit above.
        let above = usize::from(self.jurisdiction.heir(unit) == Some(standing));
        let mut holders: Vec<Uuid> = nodes.iter().skip(above).take_while(up_to).map(|node| node.id).collect();
        if holders.is_empty() {
            holders.push(ancestors.get(above).or(ancestors.first()).copied().unwrap_or(unit));
        }
        if standing != unit {
            ancestors.insert(0, unit);
        }
        Sight { unit, ancestors, holders }
    }

    /// Who is to be called about what a unit has not done, as [`Called`] numbers it: where there is no deputy, whoever
    /// answers.
    #[must_use]
    pub fn called(&self, unit: Uuid, calls: i16) -> Option<Contact> {
        let standing = self.jurisdiction.standing(unit)?;
        let deputy = Some(calls).filter(|calls| *calls == Called::Deputy as i16);
        let deputy = deputy.and_then(|_| self.jurisdiction.deputy(standing));
        deputy.or_else(|| self.answering(unit))
    }

    /// Who answers today for what is in a unit's hands.
    #[must_use]
    pub fn answering(&self, unit: Uuid) -> Option<Contact> {
        let unit = self.jurisdiction.standing(unit)?;
        self.jurisdiction.answering(&self.jurisdiction.today(), unit)
    }
}
