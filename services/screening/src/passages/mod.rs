//! Passages decide here: who goes on at once, who in the batch of the clock, who is only counted (H1, H6).

pub mod api;
pub mod ingest;
pub mod parse;
pub mod store;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;

use crate::{
    checkpoints::Tally,
    keyring::{Keyring, Mark, Sealed},
    readings::FEVER,
};

/// How long personal values of passages are kept, in days (P1: a retention of their own) [K].
pub const KEPT_DAYS: u64 = 14;

/// What of a passage decides where it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// Tenths of a degree Celsius; none where it was not measured.
    pub decidegrees: Option<i16>,
    /// Whether the person leaves the area.
    pub leaves: bool,
    /// Whether from outside the province.
    pub from_outside: bool,
    /// Whether from the epidemic area.
    pub from_area: bool,
    /// Whether there was a rapid test.
    pub tested: bool,
    /// Whether it was positive.
    pub positive: bool,
}

/// Where a passage goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Handed down at once: febrile, from the epidemic area, or tested positive.
    AtOnce,
    /// Handed down in the batch of the clock: from outside the province.
    Batch,
    /// Only counted.
    Counted,
}

impl Signs {
    /// Whether the person has fever.
    #[must_use]
    pub fn is_febrile(self) -> bool {
        self.decidegrees.is_some_and(|degrees| degrees >= FEVER)
    }

    /// Where the passage goes. Who leaves is handed down only where that cannot wait.
    #[must_use]
    pub fn way(self) -> Way {
        match self {
            _ if self.is_febrile() || self.positive => Way::AtOnce,
            Self { leaves: true, .. } => Way::Counted,
            Self { from_area: true, .. } => Way::AtOnce,
            Self { from_outside: true, .. } => Way::Batch,
            _ => Way::Counted,
        }
    }

    /// Whether somebody arrives from outside the province without a test (H1).
    #[must_use]
    pub fn is_untested(self) -> bool {
        self.from_outside && !self.leaves && !self.tested
    }

    /// What the passage adds to its shift.
    #[must_use]
    pub fn tally(self, is_sent_down: bool) -> Tally {
        Tally {
            passed: 1,
            from_outside: self.from_outside.into(),
            from_area: self.from_area.into(),
            febrile: self.is_febrile().into(),
            sent_down: is_sent_down.into(),
            tested: self.tested.into(),
            positive: self.positive.into(),
            untested: self.is_untested().into(),
            nil_by: None,
        }
    }
}

/// A passage as it is kept.
#[derive(Clone, Debug)]
pub struct Passage {
    /// The client's id of it.
    pub event: Uuid,
    /// The checkpoint.
    pub checkpoint: Uuid,
    /// The day of passing.
    pub passed_on: NaiveDate,
    /// When.
    pub passed_at: DateTime<Utc>,
    /// What decides.
    pub signs: Signs,
    /// The chain by which the person is handed down.
    pub handdown: Option<Uuid>,
    /// Under what the fellows of the vehicle or party are found.
    pub party_hash: Option<Vec<u8>>,
    /// The personal part.
    pub sealed: Sealed,
}

/// What a checkpoint saw of a person who is handed down: sealed beside the source, whose values go with the person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// When the person passed.
    pub passed_at: DateTime<Utc>,
    /// Tenths of a degree Celsius; none where it was not measured.
    pub decidegrees: Option<i16>,
    /// Whether from outside the province.
    pub from_outside: bool,
    /// Whether from the epidemic area.
    pub from_area: bool,
    /// Whether from outside the province, arriving, without a test.
    pub untested: bool,
    /// What the rapid test says, as the contract numbers it.
    pub test: i32,
    /// Where from.
    pub origin: String,
    /// The vehicle or party.
    pub party: String,
    /// The seat.
    pub seat: String,
}

/// A positive rapid test, as the contract numbers it.
const POSITIVE: i32 = 2;

impl Facts {
    /// Whether the rapid test was positive (H1).
    #[must_use]
    pub fn is_positive(&self) -> bool {
        self.test == POSITIVE
    }
}

/// A vehicle or party, whatever its spaces and capitals.
#[must_use]
pub fn folded(party: &str) -> String {
    party.nfkc().filter(|sign| !sign.is_whitespace()).flat_map(char::to_uppercase).collect()
}

/// Under what the fellows of a vehicle or party are found, by every key; the sealing one's is the first.
#[must_use]
pub fn party_marks(keys: &Keyring, party: &str) -> Vec<Mark> {
    keys.marks(PARTY, &folded(party))
}

/// The kind of a party among what is found by a keyed hash; that of guardians is as great, and never looked for here.
const PARTY: u8 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h6_who_is_febrile_or_from_the_area_goes_at_once_h1_who_is_from_outside_in_the_batch() {
        let way = |signs: Signs| signs.way();
        let degrees = |tenths| Signs { decidegrees: Some(tenths), ..Signs::default() };
        assert_eq!(way(degrees(373)), Way::AtOnce);
        assert_eq!(way(degrees(372)), Way::Counted);
        assert_eq!(way(Signs { from_area: true, from_outside: true, ..degrees(365) }), Way::AtOnce);
        assert_eq!(way(Signs { from_outside: true, ..Signs::default() }), Way::Batch);
        assert_eq!(way(Signs { from_outside: true, positive: true, ..Signs::default() }), Way::AtOnce);
        assert_eq!(way(Signs { from_area: true, leaves: true, ..Signs::default() }), Way::Counted);
        assert_eq!(way(Signs { leaves: true, ..degrees(380) }), Way::AtOnce);
    }
}
