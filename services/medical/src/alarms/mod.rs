//! Alarms decide here: how dangerous each kind is.

pub mod api;
pub mod store;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What is not as it must be: numbers as the contract and the view `alarming` have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Kind {
    /// More beds occupied than staffed.
    WardOverStaffed = 1,
    /// Beds of which nobody knows (M10).
    CapacityUnknown = 2,
    /// A phone that nobody answers.
    PhoneUnanswered = 3,
    /// A fever clinic below grade 2 (M6).
    RoleBelowGrade = 4,
    /// A code that fails and that nobody has compared (I8).
    CodeUnconfirmed = 5,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::WardOverStaffed,
        Self::CapacityUnknown,
        Self::PhoneUnanswered,
        Self::RoleBelowGrade,
        Self::CodeUnconfirmed,
    ];

    /// The kind of a number.
    #[must_use]
    pub fn of(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as i16 == number)
    }

    /// How dangerous it is, the least the most: by who may be harmed while it waits [D].
    #[must_use]
    pub fn rank(self) -> i16 {
        match self {
            Self::WardOverStaffed => 10,
            Self::CapacityUnknown => 20,
            Self::PhoneUnanswered => 30,
            Self::RoleBelowGrade => 40,
            Self::CodeUnconfirmed => 50,
        }
    }
}

/// Something that is put before a unit.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// About what.
    pub subject: Uuid,
    /// What, as [`Kind`] numbers it.
    pub kind: i16,
    /// How dangerous it is.
    pub rank: i16,
    /// The facility.
    pub facility: Uuid,
    /// Its name.
    pub facility_display_name: String,
    /// The name of the ward, or the number of the phone.
    pub subject_display_name: String,
    /// Where the facility lies.
    pub unit: Uuid,
    /// Since when it is so.
    pub since: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_lies_without_a_nurse_comes_first_and_no_two_kinds_are_alike() {
        let ranks = Kind::ALL.map(Kind::rank);
        assert!(ranks.windows(2).all(|pair| pair[0] < pair[1]), "in the order of the contract");
        assert_eq!(Kind::of(Kind::ALL[0] as i16), Some(Kind::WardOverStaffed));
    }
}
