//! Who holds which office where, as the registry's feed says it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::Office;

/// An appointment with what is known of its officer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Where.
    pub unit: Uuid,
    /// What.
    pub office: Office,
    /// How: 1 in full, 2 acting, 3 deputy.
    pub holding: i32,
    /// The first instant.
    pub start: DateTime<Utc>,
    /// The first instant at which it no longer holds.
    pub end: Option<DateTime<Utc>>,
    /// The subject of the officer's credentials; empty for none.
    pub subject: String,
    /// The officer's name.
    pub display_name: String,
    /// The officer's official phone.
    pub official_phone: String,
}

impl Held {
    /// Whether it holds at an instant.
    #[must_use]
    pub fn is_in_force(&self, at: DateTime<Utc>) -> bool {
        self.start <= at && self.end.is_none_or(|end| at < end)
    }
}

/// Whom to call about a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The officer's name.
    pub display_name: String,
    /// The officer's official phone.
    pub official_phone: String,
    /// The office by which they answer.
    pub office: Office,
    /// Where they hold it.
    pub unit: Uuid,
}

impl From<&Held> for Contact {
    fn from(held: &Held) -> Self {
        Self {
            display_name: held.display_name.clone(),
            official_phone: held.official_phone.clone(),
            office: held.office,
            unit: held.unit,
        }
    }
}
