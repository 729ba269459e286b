//! Readings decide here: what a visit says about its slot, and what is irregular about it.

pub mod api;
pub mod ingest;
pub mod parse;
pub mod store;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The most readings of one call.
pub const LARGEST: usize = 500;

/// Fever begins here, in tenths of a degree Celsius [K].
pub const FEVER: i16 = 373;

/// How long ago a reading may have been taken, in days; older ones are of no observation that is open, and
/// are written into its reason.
pub const OLDEST_DAYS: i64 = 60;

/// What came of a slot: the greater, the graver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum Outcome {
    /// Elapsed without a reading.
    Missed = 1,
    /// A hospital had the person.
    InHospital = 2,
    /// Nobody was there.
    Absent = 3,
    /// The person refused.
    Refused = 4,
    /// Read, without fever or symptom.
    Well = 5,
    /// Read, with fever or a symptom.
    Symptoms = 6,
}

impl Outcome {
    /// The outcome of a number of the database; nothing for a slot without one.
    #[must_use]
    pub fn of(number: i16) -> Option<Self> {
        [Self::Missed, Self::InHospital, Self::Absent, Self::Refused, Self::Well, Self::Symptoms]
            .into_iter()
            .find(|outcome| *outcome as i16 == number)
    }

    /// Whether somebody has read the person.
    #[must_use]
    pub fn is_read(self) -> bool {
        self >= Self::Well
    }
}

/// What became of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The person was read.
    Taken,
    /// Nobody was there.
    Absent,
    /// The person refused.
    Refused,
}

/// What is irregular about a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum Mark {
    /// Received after its slot had closed.
    Late = 1,
    /// Received after one of a later slot.
    OutOfOrder = 2,
    /// The observation had ended.
    AfterEnd = 3,
    /// In no slot.
    Outside = 4,
    /// Its observation goes on as another one.
    Joined = 5,
}

/// A reading as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The client's id of it.
    pub event: Uuid,
    /// Of which observation.
    pub observation: Uuid,
    /// When it was taken.
    pub taken_at: DateTime<Utc>,
    /// What it says about its slot.
    pub outcome: Outcome,
    /// Tenths of a degree Celsius.
    pub decidegrees: Option<i16>,
    /// What the person complains of, as the contract numbers it.
    pub symptoms: Vec<i16>,
    /// How it was taken.
    pub note: String,
}

/// What a visit says about its slot.
#[must_use]
pub fn outcome(kind: Kind, decidegrees: Option<i16>, symptoms: &[i16]) -> Outcome {
    match kind {
        Kind::Absent => Outcome::Absent,
        Kind::Refused => Outcome::Refused,
        Kind::Taken if decidegrees.is_some_and(|degrees| degrees >= FEVER) => Outcome::Symptoms,
        Kind::Taken if symptoms.is_empty() => Outcome::Well,
        Kind::Taken => Outcome::Symptoms,
    }
}

/// A slot of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// When it begins.
    pub opens_at: DateTime<Utc>,
    /// When it ends.
    pub closes_at: DateTime<Utc>,
    /// What came of it.
    pub outcome: Option<Outcome>,
    /// When it was found missed.
    pub missed_at: Option<DateTime<Utc>>,
}

/// What is known of a reading's observation when it comes in.
#[derive(Clone, Copy, Debug)]
pub struct Met {
    /// The slot in which it was taken.
    pub slot: Option<Slot>,
    /// Whether a later slot has been read.
    pub later_read: bool,
    /// Whether the observation has ended.
    pub has_ended: bool,
    /// Whether it goes on as another one.
    pub is_joined: bool,
}

/// What is irregular about a reading.
#[must_use]
pub fn marks(met: &Met, now: DateTime<Utc>) -> Vec<Mark> {
    let marks = [
        (Mark::Late, met.slot.is_some_and(|slot| slot.closes_at <= now)),
        (Mark::OutOfOrder, met.later_read),
        (Mark::AfterEnd, met.has_ended),
        (Mark::Outside, met.slot.is_none()),
        (Mark::Joined, met.is_joined),
    ];
    marks.into_iter().filter(|(_, is_so)| *is_so).map(|(mark, _)| mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fever_begins_at_37_3() {
        assert_eq!(outcome(Kind::Taken, Some(372), &[]), Outcome::Well);
        assert_eq!(outcome(Kind::Taken, Some(373), &[]), Outcome::Symptoms);
        assert_eq!(outcome(Kind::Taken, Some(365), &[2]), Outcome::Symptoms);
        assert_eq!(outcome(Kind::Refused, None, &[]), Outcome::Refused);
    }

    #[test]
    fn a_numbered_outcome_is_itself() {
        for number in 1..=6 {
            assert_eq!(Outcome::of(number).map(|outcome| outcome as i16), Some(number));
        }
        assert_eq!(Outcome::of(0), None);
    }
}
