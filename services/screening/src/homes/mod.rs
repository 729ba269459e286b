//! Homes: who sleeps where, and who is observed longer when somebody there falls ill.

pub mod api;
pub mod ops;
pub mod parse;
pub mod store;

use chrono::NaiveDate;
use uuid::Uuid;

/// A home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The id.
    pub id: Uuid,
    /// Whose it is.
    pub unit: Uuid,
    /// Who sleeps, or slept, there.
    pub residents: Vec<Resident>,
}

/// That somebody sleeps somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resident {
    /// The home.
    pub home: Uuid,
    /// Who, as the unit has recorded them.
    pub person: Uuid,
    /// Whose hands.
    pub unit: Uuid,
    /// The first of those who are one person.
    pub one: Uuid,
    /// From which day on.
    pub starts_on: NaiveDate,
    /// The last day.
    pub ends_on: Option<NaiveDate>,
}
