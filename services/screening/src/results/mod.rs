//! Results decide here: which of them somebody must act on.

pub mod api;
pub mod ops;
pub mod parse;
pub mod store;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::cases::State;

/// How long somebody has to act on a result (R25) [K].
pub const WITHIN: TimeDelta = TimeDelta::hours(2);

/// By what a specimen was tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum TestKind {
    /// RT-PCR.
    Pcr = 1,
    /// A sequence.
    Sequence = 2,
    /// Serology.
    Serology = 3,
}

impl TestKind {
    /// The kind of a number.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        [Self::Pcr, Self::Sequence, Self::Serology].into_iter().find(|kind| *kind as i32 == number)
    }
}

/// What came of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum TestOutcome {
    /// Positive.
    Positive = 1,
    /// Negative.
    Negative = 2,
    /// Neither.
    Indeterminate = 3,
}

impl TestOutcome {
    /// The outcome of a number.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        [Self::Positive, Self::Negative, Self::Indeterminate]
            .into_iter()
            .find(|outcome| *outcome as i32 == number)
    }
}

/// A result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Result {
    /// The id.
    pub id: Uuid,
    /// Whose, as the unit has recorded them.
    pub person: Uuid,
    /// Whose hands.
    pub unit: Uuid,
    /// The first of those who are one person.
    pub one: Uuid,
    /// By what it was tested.
    pub kind: TestKind,
    /// What came of it.
    pub outcome: TestOutcome,
    /// When the specimen was taken.
    pub taken_at: DateTime<Utc>,
    /// When the laboratory said so.
    pub resulted_at: DateTime<Utc>,
    /// Which laboratory.
    pub laboratory: String,
    /// The result that this one stands for.
    pub amends: Option<Uuid>,
    /// Whether another one stands for it.
    pub amended: bool,
    /// The result of another unit's that tells the one that has the person of it (R25).
    pub told_by: Option<Uuid>,
    /// Until when somebody must act on it.
    pub deadline_at: Option<DateTime<Utc>>,
    /// When somebody did.
    pub handled_at: Option<DateTime<Utc>>,
    /// Who did.
    pub handled_by: String,
    /// What was done.
    pub handling: String,
    /// Who recorded it.
    pub entered_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

impl Result {
    /// A negative RT-PCR of nobody, taken at an instant.
    #[must_use]
    pub fn blank(id: Uuid, at: DateTime<Utc>) -> Self {
        Self {
            id,
            person: Uuid::nil(),
            unit: Uuid::nil(),
            one: Uuid::nil(),
            kind: TestKind::Pcr,
            outcome: TestOutcome::Negative,
            taken_at: at,
            resulted_at: at,
            laboratory: String::new(),
            amends: None,
            amended: false,
            told_by: None,
            deadline_at: None,
            handled_at: None,
            handled_by: String::new(),
            handling: String::new(),
            entered_by: String::new(),
            created_at: at,
        }
    }
}

/// Whether somebody must act on a result (R25): a positive one of who is no confirmed case, one that arrives after the
/// decision it would have changed, and one that stands for the result that a class refers to.
#[must_use]
pub fn is_a_task(
    outcome: TestOutcome,
    case: Option<State>,
    is_observed: bool,
    amends_what_the_class_refers_to: bool,
) -> bool {
    let is_confirmed = matches!(case, Some(State::Confirmed | State::Asymptomatic | State::Readmitted));
    let is_late = case.map_or(!is_observed, State::is_settled);
    (outcome == TestOutcome::Positive && !is_confirmed) || is_late || amends_what_the_class_refers_to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r25_a_result_is_a_task_where_it_comes_too_late_or_is_positive_of_no_confirmed_case() {
        use TestOutcome::{Negative, Positive};
        assert!(is_a_task(Positive, None, true, false));
        assert!(is_a_task(Positive, Some(State::Suspected), true, false));
        assert!(!is_a_task(Positive, Some(State::Confirmed), false, false));
        assert!(!is_a_task(Negative, None, true, false));
        assert!(is_a_task(Negative, None, false, false), "released");
        for settled in [State::Excluded, State::Discharged, State::Released, State::Died, State::Cleared] {
            assert!(is_a_task(Negative, Some(settled), true, false), "{settled:?}");
        }
        assert!(is_a_task(Negative, Some(State::Confirmed), false, true), "amended");
    }
}
