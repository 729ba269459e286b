//! Referrals decide here: a person with fever or symptoms waits until a facility says what it found.

pub mod api;
pub mod parse;
pub mod store;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// Within how long a referral must have been answered [K].
pub const ANSWERED_WITHIN: TimeDelta = TimeDelta::hours(12);

/// What a facility may say: numbers as the contract has them.
pub const ANSWERS: std::ops::RangeInclusive<i32> = 1..=5;

/// A person whom somebody must look at.
#[derive(Clone, Debug)]
pub struct Referral {
    /// The id.
    pub id: Uuid,
    /// The observation.
    pub observation: Uuid,
    /// The person.
    pub person: Uuid,
    /// Whose hands.
    pub unit: Uuid,
    /// The temperature that opened it, in tenths of a degree Celsius.
    pub decidegrees: Option<i16>,
    /// The symptoms that opened it.
    pub symptoms: Vec<i16>,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When it must have been answered.
    pub deadline_at: DateTime<Utc>,
    /// What the facility said.
    pub answer: Option<i16>,
    /// Which facility.
    pub facility: String,
    /// When it was answered.
    pub answered_at: Option<DateTime<Utc>>,
    /// Who recorded the answer.
    pub answered_by: String,
}
