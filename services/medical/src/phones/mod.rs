//! Phones decide here: whether a call counts, and whether a number is marked as not answered.

pub mod api;
pub mod parse;
pub mod store;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use uuid::Uuid;

/// How long ago a call may have been made when it is recorded.
pub const CALLED_WITHIN: TimeDelta = TimeDelta::days(7);

/// What came of a call: numbers as the contract has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Outcome {
    /// Somebody of the facility answered.
    Answered = 1,
    /// Nobody answered.
    NoAnswer = 2,
    /// Busy.
    Busy = 3,
    /// Somebody else answered.
    WrongNumber = 4,
    /// There is no such number.
    OutOfService = 5,
}

impl Outcome {
    /// The outcome of a number.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        let all = [Self::Answered, Self::NoAnswer, Self::Busy, Self::WrongNumber, Self::OutOfService];
        all.into_iter().find(|outcome| *outcome as i32 == number)
    }
}

/// When somebody answers, by the city's clock: from, until; around the clock where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hours(pub Option<(NaiveTime, NaiveTime)>);

impl Hours {
    /// Whether somebody should answer at a time of the day. Until before from is the next day's, equal is around the clock.
    #[must_use]
    pub fn have(self, time: NaiveTime) -> bool {
        match self.0 {
            None => true,
            Some((opens, closes)) if opens < closes => opens <= time && time < closes,
            Some((opens, closes)) => time >= opens || time < closes,
        }
    }
}

/// A number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// The id.
    pub id: Uuid,
    /// Whose.
    pub facility: Uuid,
    /// The number.
    pub number: String,
    /// What it is for.
    pub label: String,
    /// When somebody answers.
    pub hours: Hours,
    /// When it was last verified.
    pub verified_at: Option<DateTime<Utc>>,
    /// By whom.
    pub verified_by: String,
    /// How many calls have failed since it was last answered or verified.
    pub failed_calls: i32,
    /// Since when it is marked.
    pub marked_at: Option<DateTime<Utc>>,
    /// When it was removed.
    pub removed_at: Option<DateTime<Utc>>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// Counts the changes.
    pub version: i64,
}

impl Phone {
    /// Takes in how many calls have failed: it is marked from so many on. Only an answer takes the mark away, never one
    /// more call that fails, how many they may be by now.
    pub fn count(&mut self, failed: i32, most: i32, now: DateTime<Utc>) {
        let answered = failed == 0 || failed < self.failed_calls;
        self.failed_calls = failed;
        self.marked_at = match self.marked_at {
            _ if failed >= most => self.marked_at.or(Some(now)),
            marked if !answered => marked,
            _ => None,
        };
    }
}

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The id.
    pub id: Uuid,
    /// To which number.
    pub phone: Uuid,
    /// What came of it, as [`Outcome`] numbers it.
    pub outcome: i16,
    /// When it was made.
    pub called_at: DateTime<Utc>,
    /// Whether outside the hours: then it does not count.
    pub outside_hours: bool,
    /// Who recorded it.
    pub called_by: String,
    /// When.
    pub recorded_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u32, minute: u32) -> NaiveTime {
        NaiveTime::from_hms_opt(hour, minute, 0).expect("a time")
    }

    #[test]
    fn a_call_counts_within_the_hours_also_over_midnight() {
        let day = Hours(Some((at(8, 0), at(17, 30))));
        assert_eq!(
            [at(7, 59), at(8, 0), at(17, 29), at(17, 30)].map(|time| day.have(time)),
            [false, true, true, false]
        );
        let night = Hours(Some((at(20, 0), at(8, 0))));
        assert_eq!(
            [at(19, 59), at(20, 0), at(3, 0), at(8, 0)].map(|time| night.have(time)),
            [false, true, true, false]
        );
        assert!(Hours(None).have(at(3, 0)) && Hours(Some((at(0, 0), at(0, 0)))).have(at(3, 0)));
    }

    #[test]
    fn a_number_is_marked_once_from_so_many_failed_calls_on() {
        let start = DateTime::UNIX_EPOCH;
        let mut phone = Phone {
            id: Uuid::nil(),
            facility: Uuid::nil(),
            number: String::new(),
            label: String::new(),
            hours: Hours(None),
            verified_at: None,
            verified_by: String::new(),
            failed_calls: 0,
            marked_at: None,
            removed_at: None,
            created_at: start,
            version: 1,
        };
        let later = start + TimeDelta::hours(1);
        for (failed, now, marked) in
            [(2, start, None), (3, start, Some(start)), (4, later, Some(start)), (0, later, None)]
        {
            phone.count(failed, 3, now);
            assert_eq!((phone.failed_calls, phone.marked_at), (failed, marked));
        }
        phone.count(3, 3, start);
        phone.count(4, 5, later);
        assert_eq!(phone.marked_at, Some(start), "one more that fails, where more may fail by now");
        phone.count(2, 5, later);
        assert_eq!(phone.marked_at, None, "an answer that was recorded late");
    }
}
