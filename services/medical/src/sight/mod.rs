//! By which units what stands at a unit is seen, and before which it is put. Kept beside the facilities, so that every list
//! takes its scope as a condition on it.

pub mod store;

use uuid::Uuid;

/// Who sees a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The unit.
    pub unit: Uuid,
    /// Itself, then the one that took its place, where it is at work no more, then those above.
    pub ancestors: Vec<Uuid>,
    /// The county, then those above it; where it is no county's, the highest that is known.
    pub holders: Vec<Uuid>,
}
