//! What all handlers and activations of screening share.

use chassis::{Caller, Clock, Database, Fault};
use jurisdiction::Jurisdiction;
use uuid::Uuid;

use crate::{keyring::Keyring, persons::parse::unit_name};

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
}

impl House {
    /// Whether the caller has a permission at or above a unit, wherever that stands today.
    #[must_use]
    pub fn sees(&self, caller: &Caller, permission: &str, unit: Uuid) -> bool {
        let Some(unit) = self.jurisdiction.standing(unit) else { return false };
        let today = self.jurisdiction.today();
        caller.scopes(permission).iter().any(|scope| today.contains(*scope, unit))
    }

    /// Whether the caller has a permission at the very unit, so that what is in its hands is in his.
    #[must_use]
    pub fn has_in_hand(&self, caller: &Caller, permission: &str, unit: Uuid) -> bool {
        self.jurisdiction.standing(unit).is_some_and(|unit| caller.scopes(permission).contains(&unit))
    }

    /// A unit at work today, at or below which the caller has a permission.
    ///
    /// # Errors
    /// [`Fault::NotFound`] naming the unit, whether it exists or not.
    pub fn within(&self, caller: &Caller, permission: &str, unit: Uuid) -> Result<(), Fault> {
        if self.jurisdiction.today().place(unit).is_some() && self.sees(caller, permission, unit) {
            return Ok(());
        }
        Err(Fault::NotFound(unit_name(unit)))
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
                self.within(caller, permission, unit)?;
                Ok(self.jurisdiction.standing_below(&[unit]))
            }
            None => Ok(self.jurisdiction.standing_below(&caller.scopes(permission))),
        }
    }
}
