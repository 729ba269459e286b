//! What a caller may see or act for: all that stands today at and below the units at which they hold a permission.

use chassis::{Caller, Fault};
use uuid::Uuid;

use crate::Jurisdiction;

/// The collection of units' names, the registry's.
pub const UNITS: &str = "units";

/// The resource name of a unit.
#[must_use]
pub fn unit_name(id: Uuid) -> String {
    format!("{UNITS}/{id}")
}

impl Jurisdiction {
    /// Whether the caller has a permission at or above a unit, wherever that stands today.
    #[must_use]
    pub fn sees(&self, caller: &Caller, permission: &str, unit: Uuid) -> bool {
        let Some(unit) = self.standing(unit) else { return false };
        let today = self.today();
        caller.scopes(permission).iter().any(|scope| today.contains(*scope, unit))
    }

    /// Whether a fact about what is in a unit's hands is taken in from the caller: who may at or above it, and who holds an
    /// office at the very unit, though that is at work no more.
    #[must_use]
    pub fn takes(&self, caller: &Caller, permission: &str, unit: Uuid) -> bool {
        caller.scopes(permission).contains(&unit) || self.sees(caller, permission, unit)
    }

    /// A unit at work today, at or above which the caller has a permission.
    ///
    /// # Errors
    /// [`Fault::NotFound`] naming the unit, whether it exists or not.
    pub fn within(&self, caller: &Caller, permission: &str, unit: Uuid) -> Result<(), Fault> {
        if self.today().place(unit).is_some() && self.sees(caller, permission, unit) {
            return Ok(());
        }
        Err(Fault::NotFound(unit_name(unit)))
    }

    /// What was found, if the caller has a permission at or above the unit whose it is; any other is answered like an
    /// absent one.
    ///
    /// # Errors
    /// [`Fault::NotFound`] with the name, whether it exists or not.
    pub fn seen<T>(
        &self,
        caller: &Caller,
        permission: &str,
        found: Option<T>,
        unit: impl FnOnce(&T) -> Uuid,
        name: String,
    ) -> Result<T, Fault> {
        let seen = found.filter(|found| self.sees(caller, permission, unit(found)));
        seen.ok_or(Fault::NotFound(name))
    }
}
