//! Referrals decide here: a person with fever or symptoms waits until a facility says what it found, whatever becomes of the
//! observation.

pub mod api;
pub mod ops;
pub mod parse;
pub mod store;
pub mod watch;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// The feed's topic of referrals.
pub const TOPIC: &str = "referrals";

/// Within how long a referral must have been answered [K].
pub const ANSWERED_WITHIN: TimeDelta = TimeDelta::hours(12);

/// Within how long a case must have been opened of who is suspected (R5).
pub const CASE_WITHIN: TimeDelta = TimeDelta::hours(2);

/// What a facility says of a referred person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Answer {
    /// No reason to suspect.
    Cleared = 1,
    /// Kept there.
    Kept = 2,
    /// Sent on to another facility, which is referred to next.
    SentOn = 3,
    /// Suspected: a case is to be opened.
    Suspected = 4,
    /// Never arrived: referred again.
    NoShow = 5,
}

impl Answer {
    /// The answer of a number of the contract.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        [Self::Cleared, Self::Kept, Self::SentOn, Self::Suspected, Self::NoShow]
            .into_iter()
            .find(|answer| *answer as i32 == number)
    }
}

/// A person whom somebody must look at.
#[derive(Clone, Debug)]
pub struct Referral {
    /// The id.
    pub id: Uuid,
    /// The observation, if the person is under any.
    pub observation: Option<Uuid>,
    /// The person.
    pub person: Uuid,
    /// Whose hands.
    pub unit: Uuid,
    /// The first of those who are one.
    pub one: Uuid,
    /// In whose hands the person was when it was opened.
    pub found_unit: Uuid,
    /// The temperature that opened it, in tenths of a degree Celsius.
    pub decidegrees: Option<i16>,
    /// The symptoms that opened it.
    pub symptoms: Vec<i16>,
    /// Whether a rapid test was positive (H1).
    pub tested_positive: bool,
    /// Whom it is addressed to; the township's primary care where nobody is named (R19).
    pub to_facility: String,
    /// The one whose answer made this one.
    pub previous: Option<Uuid>,
    /// The one that its answer made.
    pub next: Option<Uuid>,
    /// Whether it is put before the unit itself before it is late.
    pub at_once: bool,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// Who opened it.
    pub opened_by: String,
    /// When it must have been answered.
    pub deadline_at: DateTime<Utc>,
    /// What the facility said, as [`Answer`] numbers it.
    pub answer: Option<i16>,
    /// Which facility.
    pub facility: String,
    /// When it was answered.
    pub answered_at: Option<DateTime<Utc>>,
    /// Who recorded the answer.
    pub answered_by: String,
    /// Until when who is suspected must be a case; none where nobody waits for that.
    pub case_due_at: Option<DateTime<Utc>>,
}

impl Referral {
    /// Until when somebody must act on it: until a case must have been opened of who is suspected, else until it must
    /// have been answered.
    #[must_use]
    pub fn due_at(&self) -> DateTime<Utc> {
        self.case_due_at.unwrap_or(self.deadline_at)
    }

    /// The referral that its answer makes, if any: to another facility, or once more to the same one.
    #[must_use]
    pub fn follow(&self, answer: Answer, next_facility: &str, id: Uuid, now: DateTime<Utc>) -> Option<Self> {
        let to_facility = match answer {
            Answer::SentOn => next_facility.to_owned(),
            Answer::NoShow => self.to_facility.clone(),
            Answer::Cleared | Answer::Kept | Answer::Suspected => return None,
        };
        Some(Self {
            id,
            to_facility,
            previous: Some(self.id),
            next: None,
            // Somebody must go and find the person.
            at_once: answer == Answer::NoShow,
            opened_at: now,
            opened_by: self.answered_by.clone(),
            deadline_at: now + ANSWERED_WITHIN,
            answer: None,
            facility: String::new(),
            answered_at: None,
            answered_by: String::new(),
            case_due_at: None,
            ..self.clone()
        })
    }

    /// Notes what a facility says.
    pub fn answer(&mut self, answer: Answer, facility: &str, by: &str, now: DateTime<Utc>) {
        self.answer = Some(answer as i16);
        facility.clone_into(&mut self.facility);
        self.answered_at = Some(now);
        by.clone_into(&mut self.answered_by);
    }
}
