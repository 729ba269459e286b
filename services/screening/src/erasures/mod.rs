//! Erasures decide here: whose values are kept no longer, and what must end before they are erased (P2).

pub mod api;
pub mod erasing;
pub mod parse;
pub mod store;

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::persons::Purpose;

/// What reading the list needs.
pub const PERMISSION: &str = "erasures.read";
/// How many days ahead an erasure is announced where nobody asks for another number: a fortnight, as long as an observation
/// takes [D].
pub const NOTICE_DAYS: u32 = 14;
/// The longest notice, in days.
pub const LONGEST_NOTICE: u32 = 366;

/// What must end before values are erased: numbers as the contract has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Hold {
    /// An observation is open.
    Observation = 1,
    /// The person is or was a case, which the law keeps.
    Case = 2,
    /// A referral is not answered, or the case of who is suspected is not opened.
    Referral = 3,
    /// A hand-down is under way.
    Handdown = 4,
    /// A facility has the person.
    Admission = 5,
    /// Support is to be given.
    Support = 6,
    /// An enforcement request is not settled.
    Enforcement = 7,
    /// Another record of the same person is to be kept longer.
    Record = 8,
    /// Something else waits for somebody.
    Task = 9,
}

impl Hold {
    /// The hold of a number of the database.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        let all = [
            Self::Observation,
            Self::Case,
            Self::Referral,
            Self::Handdown,
            Self::Admission,
            Self::Support,
            Self::Enforcement,
            Self::Record,
            Self::Task,
        ];
        all.into_iter().find(|hold| *hold as i32 == number)
    }
}

/// What holds the erasure of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// What.
    pub hold: Hold,
    /// Of which of those who are one.
    pub person: Uuid,
    /// Whose it is.
    pub unit: Uuid,
}

/// How far an erasure is: numbers as the contract has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum State {
    /// The date comes.
    Announced = 1,
    /// The date has passed.
    Due = 2,
    /// Erased.
    Erased = 3,
}

/// What was erased with a person's details.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Marks by which the person was found.
    pub marks: i32,
    /// What units said.
    pub findings: i32,
    /// What checkpoints saw.
    pub sources: i32,
    /// Exposures with texts.
    pub exposures: i32,
}

/// An erasure of one person's values, to come or done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The person.
    pub person: Uuid,
    /// The first of those who are one.
    pub one: Uuid,
    /// Whose hands.
    pub unit: Uuid,
    /// Why there is a row.
    pub purpose: Purpose,
    /// After which date the values are erased; none where the law keeps them.
    pub delete_after: Option<NaiveDate>,
    /// Whether a closing that was approved covers the person.
    pub is_closed: bool,
    /// When it was done, and what was erased; nothing before.
    pub erased: Option<(DateTime<Utc>, Counts)>,
}

impl Erasure {
    /// How far it is on a date.
    #[must_use]
    pub fn state(&self, today: NaiveDate) -> State {
        match self.erased {
            Some(_) => State::Erased,
            None if self.is_closed || self.delete_after.is_some_and(|date| date < today) => State::Due,
            None => State::Announced,
        }
    }
}

/// What may be told of what holds the erasure of a person: what lies in hands that are not seen is something that waits, no
/// more, so that nobody learns from the list who is known elsewhere. That the person's own date comes holds nobody.
#[must_use]
pub fn told(held: &[Held], person: Uuid, sees: impl Fn(Uuid) -> bool) -> Vec<Hold> {
    let others = held.iter().filter(|held| held.hold != Hold::Record || held.person != person);
    let mut told: Vec<Hold> =
        others.map(|held| if sees(held.unit) { held.hold } else { Hold::Task }).collect();
    told.sort_unstable();
    told.dedup();
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p2_values_are_kept_to_the_end_of_the_date_itself() {
        let date = |day| NaiveDate::from_ymd_opt(2020, 8, day).unwrap();
        let mut erasure = Erasure {
            person: Uuid::nil(),
            one: Uuid::nil(),
            unit: Uuid::nil(),
            purpose: Purpose::Returnee,
            delete_after: Some(date(1)),
            is_closed: false,
            erased: None,
        };
        assert_eq!(erasure.state(date(1)), State::Announced);
        assert_eq!(erasure.state(date(2)), State::Due);
        let closed = Erasure { is_closed: true, ..erasure };
        assert_eq!(closed.state(date(1)), State::Due, "the epidemic is closed");
        erasure.erased = Some((DateTime::default(), Counts::default()));
        assert_eq!(erasure.state(date(2)), State::Erased);
    }

    #[test]
    fn what_lies_in_other_hands_is_told_as_something_that_waits() {
        let (own, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let held = |hold, unit| Held { hold, person: unit, unit };
        let all = [
            held(Hold::Case, other),
            held(Hold::Support, own),
            held(Hold::Observation, other),
            held(Hold::Support, own),
            held(Hold::Record, own),
        ];
        assert_eq!(told(&all, own, |unit| unit == own), [Hold::Support, Hold::Task]);
        assert_eq!(told(&all, own, |_| true), [Hold::Observation, Hold::Case, Hold::Support]);
        assert_eq!(told(&all[4..], other, |_| true), [Hold::Record], "another row's date");
        for number in 1..=9 {
            assert_eq!(Hold::of(number).map(|hold| hold as i32), Some(number));
        }
    }
}
