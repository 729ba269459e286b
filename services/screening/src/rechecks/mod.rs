//! Rechecks decide here: in which weeks after a discharge somebody is looked at again, and what may be told of it (R16).

pub mod api;
pub mod ops;
pub mod parse;
pub mod store;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use crate::rules::day_start;

/// The weeks after a discharge in which who was discharged is looked at again, where no area has said others: usual, not
/// read [K].
pub const WEEKS: [i16; 2] = [2, 4];
/// How long before its deadline a recheck is to be done: its week.
pub const A_WEEK: TimeDelta = TimeDelta::days(7);

/// What came of a recheck: numbers as the contract has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum Outcome {
    /// The person is well.
    Well = 1,
    /// The person has symptoms.
    Symptoms = 2,
    /// A result is positive again.
    Positive = 3,
    /// The person refuses.
    Refused = 4,
    /// The person has died.
    Died = 5,
    /// In hospital again.
    Readmitted = 6,
    /// The discharge was corrected.
    Withdrawn = 7,
    /// Left for a place outside.
    Left = 8,
    /// One with another, whose case stands (R24).
    Merged = 9,
}

impl Outcome {
    /// The outcome of a number.
    #[must_use]
    pub fn of(number: i16) -> Option<Self> {
        let all = [
            Self::Well,
            Self::Symptoms,
            Self::Positive,
            Self::Refused,
            Self::Died,
            Self::Readmitted,
            Self::Withdrawn,
            Self::Left,
            Self::Merged,
        ];
        all.into_iter().find(|outcome| *outcome as i16 == number)
    }

    /// The outcome of a number that somebody may tell; others follow from what was decided.
    #[must_use]
    pub fn told(number: i32) -> Option<Self> {
        Self::of(number.try_into().ok()?).filter(|outcome| *outcome <= Self::Died)
    }
}

/// A recheck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recheck {
    /// The id.
    pub id: Uuid,
    /// The case.
    pub case: Uuid,
    /// Who, as the unit has recorded them.
    pub person: Uuid,
    /// Whose hands.
    pub unit: Uuid,
    /// The first of those who are one person.
    pub one: Uuid,
    /// In which week after the discharge.
    pub week: i16,
    /// The day of the discharge.
    pub discharged_on: NaiveDate,
    /// Until when it must be told.
    pub deadline_at: DateTime<Utc>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// What came of it, as [`Outcome`] numbers it.
    pub outcome: Option<i16>,
    /// On which day it was done.
    pub done_on: Option<NaiveDate>,
    /// The positive result.
    pub result: Option<Uuid>,
    /// When it was settled.
    pub settled_at: Option<DateTime<Utc>>,
    /// Who told it.
    pub settled_by: String,
    /// In words.
    pub words: String,
}

/// The last day of a week after a discharge, whose day is day 0, as that of a last contact is (R12).
#[must_use]
pub fn due_on(discharged_on: NaiveDate, week: i16) -> NaiveDate {
    discharged_on + Days::new(7 * u64::from(week.unsigned_abs()))
}

/// Until when a recheck must be told: to the end of its last day, or of today where the discharge is told later.
#[must_use]
pub fn deadline(discharged_on: NaiveDate, week: i16, today: NaiveDate, zone: Tz) -> DateTime<Utc> {
    day_start(due_on(discharged_on, week).max(today) + Days::new(1), zone)
}

impl Recheck {
    /// The last day of its week.
    #[must_use]
    pub fn due_on(&self) -> NaiveDate {
        due_on(self.discharged_on, self.week)
    }

    /// Whether it was done after its last day.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.done_on.is_some_and(|done_on| done_on > self.due_on())
    }

    /// Whether what is told of it must be acted on: nothing else has followed since.
    #[must_use]
    pub fn is_acted_on(&self) -> bool {
        self.outcome.and_then(Outcome::of).is_none_or(|outcome| outcome <= Outcome::Died)
    }

    /// Whether something may still be told of it: nothing was but a refusal, whatever settled it besides.
    #[must_use]
    pub fn may_be_told(&self) -> bool {
        let outcome = self.outcome.and_then(Outcome::of);
        outcome.is_none_or(|outcome| outcome == Outcome::Refused || outcome > Outcome::Died)
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Shanghai;

    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn r16_the_second_week_ends_with_day_14_and_who_is_told_of_late_has_today() {
        let discharged = date("2020-02-03");
        assert_eq!(due_on(discharged, 2), date("2020-02-17"));
        assert_eq!(due_on(discharged, 4), date("2020-03-02"), "over 29 February");
        let until = |today| deadline(discharged, 2, date(today), Shanghai).to_rfc3339();
        assert_eq!(until("2020-02-03"), "2020-02-17T16:00:00+00:00");
        assert_eq!(until("2020-02-20"), "2020-02-20T16:00:00+00:00");
    }

    #[test]
    fn r16_a_refusal_and_what_followed_may_still_be_told_otherwise() {
        let told = |outcome: Option<Outcome>| {
            let recheck = Recheck {
                id: Uuid::nil(),
                case: Uuid::nil(),
                person: Uuid::nil(),
                unit: Uuid::nil(),
                one: Uuid::nil(),
                week: 2,
                discharged_on: date("2020-02-03"),
                deadline_at: DateTime::UNIX_EPOCH,
                created_at: DateTime::UNIX_EPOCH,
                outcome: outcome.map(|outcome| outcome as i16),
                done_on: None,
                result: None,
                settled_at: None,
                settled_by: String::new(),
                words: String::new(),
            };
            recheck.may_be_told()
        };
        for outcome in [None, Some(Outcome::Refused), Some(Outcome::Readmitted), Some(Outcome::Merged)] {
            assert!(told(outcome), "{outcome:?}");
        }
        for outcome in [Outcome::Well, Outcome::Symptoms, Outcome::Positive, Outcome::Died] {
            assert!(!told(Some(outcome)), "{outcome:?}");
        }
        assert_eq!((Outcome::told(5), Outcome::told(6), Outcome::told(0)), (Some(Outcome::Died), None, None));
    }
}
