//! Checkpoints decide here: posts, their shifts, and what a shift came to.

pub mod api;
pub mod parse;
pub mod shifts;
pub mod store;

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use crate::rules::{day_start, slot_at};

/// Where a checkpoint may stand: numbers as the contract has them.
pub const KINDS: std::ops::RangeInclusive<i32> = 1..=5;
/// How many shifts a day may have.
pub const SHIFTS: std::ops::RangeInclusive<i32> = 1..=6;
/// How many shifts a day has where nobody says it [K].
pub const USUAL_SHIFTS: i16 = 3;

/// A shift: from, to.
pub type Shift = (DateTime<Utc>, DateTime<Utc>);

/// A post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The id.
    pub id: Uuid,
    /// Whose it is.
    pub unit: Uuid,
    /// Where it stands, as the contract numbers it.
    pub kind: i16,
    /// Its name.
    pub display_name: String,
    /// Its first day.
    pub starts_on: NaiveDate,
    /// Its last day.
    pub ends_on: Option<NaiveDate>,
    /// How many shifts a day had at first, equal parts of it.
    pub shifts_a_day: i16,
    /// The days from which on there are others, the first first, and how many.
    pub changes: Vec<(NaiveDate, i16)>,
    /// When it was set up.
    pub created_at: DateTime<Utc>,
    /// Counts the changes.
    pub version: i64,
}

impl Checkpoint {
    /// How many shifts a date has.
    #[must_use]
    pub fn shifts_a_day_on(&self, date: NaiveDate) -> i16 {
        let changed = self.changes.iter().rev().find(|(since, _)| *since <= date);
        changed.map_or(self.shifts_a_day, |(_, count)| *count)
    }

    /// How many shifts a day has, as was said last.
    #[must_use]
    pub fn shifts_said(&self) -> i16 {
        self.changes.last().map_or(self.shifts_a_day, |(_, count)| *count)
    }

    /// Has a day have so many shifts from a date on.
    pub fn change_shifts(&mut self, count: i16, since: NaiveDate) {
        self.changes.retain(|(before, _)| *before < since);
        if self.shifts_said() != count {
            self.changes.push((since, count));
        }
    }

    /// Whether a date lies between the first day and the last.
    #[must_use]
    pub fn stands_on(&self, date: NaiveDate) -> bool {
        self.starts_on <= date && self.ends_on.is_none_or(|last| date <= last)
    }

    /// The shift in which an instant lies, also before the first day and after the last: from, to.
    #[must_use]
    pub fn shift_at(&self, instant: DateTime<Utc>, zone: Tz) -> Shift {
        let date = instant.with_timezone(&zone).date_naive();
        slot_at(instant, self.shifts_a_day_on(date), zone)
    }

    /// The shifts of a date, the first first; none before its first and after its last day.
    #[must_use]
    pub fn shifts_on(&self, date: NaiveDate, zone: Tz) -> Vec<Shift> {
        if !self.stands_on(date) {
            return Vec::new();
        }
        let end = day_start(date + chrono::Days::new(1), zone);
        let first = self.shift_at(day_start(date, zone), zone);
        let following = std::iter::successors(Some(first), |shift| Some(self.shift_at(shift.1, zone)));
        following.take_while(|shift| shift.0 < end).collect()
    }

    /// What is told of the shifts of a date, the first first: each with what it came to, and whether it is none of the
    /// day's. Who passed when there was no shift counts, too.
    #[must_use]
    pub fn told_on(
        &self,
        date: NaiveDate,
        zone: Tz,
        mut tallies: HashMap<DateTime<Utc>, Tally>,
    ) -> Vec<(Shift, Tally, bool)> {
        let own = self.shifts_on(date, zone).into_iter();
        let mut told: Vec<_> =
            own.map(|shift| (shift, tallies.remove(&shift.0).unwrap_or_default(), false)).collect();
        let others = tallies.into_iter().filter(|(_, tally)| tally.passed > 0);
        told.extend(others.map(|(starts_at, tally)| (self.shift_at(starts_at, zone), tally, true)));
        told.sort_unstable_by_key(|(shift, ..)| *shift);
        told
    }

    /// The shift in which an instant lies, of which it may be said that nobody passed.
    ///
    /// # Errors
    /// Why that cannot be said.
    pub fn nil_at(&self, instant: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> Result<Shift, String> {
        let shift = self.shift_at(instant, zone);
        if shift.1 > now {
            return Err(format!("the shift ends at {}; say it then", shift.1.to_rfc3339()));
        }
        if self.shifts_on(shift.0.with_timezone(&zone).date_naive(), zone).is_empty() {
            return Err("the checkpoint had no shift then".to_owned());
        }
        Ok(shift)
    }
}

/// What a shift came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many passed.
    pub passed: i64,
    /// How many of them came from outside the province.
    pub from_outside: i64,
    /// How many came from the epidemic area.
    pub from_area: i64,
    /// How many had fever.
    pub febrile: i64,
    /// How many are handed down.
    pub sent_down: i64,
    /// How many had a rapid test.
    pub tested: i64,
    /// How many of them were positive.
    pub positive: i64,
    /// How many arrived from outside the province without one.
    pub untested: i64,
    /// Who said that nobody passed.
    pub nil_by: Option<String>,
}

impl Tally {
    /// Adds what another came to.
    pub fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.from_outside += other.from_outside;
        self.from_area += other.from_area;
        self.febrile += other.febrile;
        self.sent_down += other.sent_down;
        self.tested += other.tested;
        self.positive += other.positive;
        self.untested += other.untested;
    }
}

/// How a shift stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum ShiftState {
    /// Not over, and nothing said.
    Open = 1,
    /// Somebody passed.
    Passed = 2,
    /// Nobody passed, as was said.
    Nil = 3,
    /// Over, and nothing said.
    Missing = 4,
}

/// How a shift stands at an instant: zero is said, never assumed.
#[must_use]
pub fn shift_state(tally: &Tally, ends_at: DateTime<Utc>, now: DateTime<Utc>) -> ShiftState {
    match tally {
        Tally { passed: 1.., .. } => ShiftState::Passed,
        Tally { nil_by: Some(_), .. } => ShiftState::Nil,
        _ if ends_at <= now => ShiftState::Missing,
        _ => ShiftState::Open,
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Shanghai;

    use super::*;

    #[test]
    fn a_day_has_its_shifts_and_none_before_the_first_or_after_the_last_day() {
        let date = |text: &str| text.parse::<NaiveDate>().expect("a date");
        let checkpoint = Checkpoint {
            id: Uuid::nil(),
            unit: Uuid::nil(),
            kind: 4,
            display_name: String::new(),
            starts_on: date("2020-02-28"),
            ends_on: Some(date("2020-02-29")),
            shifts_a_day: 3,
            changes: Vec::new(),
            created_at: DateTime::UNIX_EPOCH,
            version: 1,
        };
        let of = |text: &str| checkpoint.shifts_on(date(text), Shanghai);
        assert_eq!((of("2020-02-27").len(), of("2020-02-29").len(), of("2020-03-01").len()), (0, 3, 0));
        let shifts = of("2020-02-29");
        assert_eq!(shifts[0].0.to_rfc3339(), "2020-02-28T16:00:00+00:00");
        assert!(shifts.windows(2).all(|pair| pair[0].1 == pair[1].0));
        let mut changed = checkpoint.clone();
        changed.change_shifts(2, date("2020-02-29"));
        changed.change_shifts(4, date("2020-02-29"));
        assert_eq!(changed.changes, [(date("2020-02-29"), 4)], "what was said last of a day");
        let of = |text: &str| changed.shifts_on(date(text), Shanghai).len();
        assert_eq!((of("2020-02-28"), of("2020-02-29")), (3, 4), "what was before stays as it was");
        changed.change_shifts(3, date("2020-02-29"));
        assert_eq!((changed.shifts_said(), changed.changes.len()), (3, 0));
    }
}
