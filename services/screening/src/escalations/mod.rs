//! Escalations decide here: what ought to have happened and has not is put before the units above, the most
//! dangerous first, and withdrawn by what was missing.

pub mod api;
pub mod store;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What is put before a unit: the least is the most dangerous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Kind {
    /// A referral past its deadline.
    ReferralUnanswered = 1,
    /// A person is lost (R13).
    Lost = 2,
    /// Readings were missed.
    ReadingMissed = 3,
    /// A release has been due for a day (R26).
    ReleaseOverdue = 4,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] =
        [Self::ReferralUnanswered, Self::Lost, Self::ReadingMissed, Self::ReleaseOverdue];
}

/// Something that is put before a unit.
#[derive(Clone, Debug)]
pub struct Escalation {
    /// About which observation.
    pub observation: Uuid,
    /// What, as [`Kind`] numbers it.
    pub kind: i16,
    /// The person.
    pub person: Uuid,
    /// Whose hands.
    pub unit: Uuid,
    /// Before whom.
    pub holder: Uuid,
    /// Since when it ought to have happened.
    pub since: DateTime<Utc>,
    /// How many readings were missed in a row.
    pub missed: i16,
}
