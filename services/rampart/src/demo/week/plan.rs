//! What befalls whom in the week: always the same for the same observation.

use crate::demo::{facts::shares, stage::lot};

use super::LAST;

/// Confirmed from 4 to 11 February: 69 less 40, as published.
pub const CONFIRMED: i64 = 29;
/// Discharged from 4 to 11 February: 18 less 2, as published.
pub const DISCHARGED: i64 = 16;
/// Until which day those who fall ill are contacts; then the contacts' 14 days are over, and they are returnees.
pub const CONTACTS_UNTIL: i64 = 6;

/// On which day how many are lost, and found again.
const LOST: [(i64, usize, usize); 2] = [(3, 3, 0), (5, 0, 1)];

/// Which of a day's visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// In the morning.
    Morning,
    /// In the evening.
    Evening,
}

impl Pass {
    /// At which minute of the day temperatures are taken.
    #[must_use]
    pub fn minute(self) -> i64 {
        match self {
            Self::Morning => 620,
            Self::Evening => 1_190,
        }
    }

    /// How many minutes before this visit's readings those of the visit before were taken.
    #[must_use]
    pub fn since_the_one_before(self) -> i64 {
        match self {
            Self::Morning => Self::Morning.minute() + 1_440 - Self::Evening.minute(),
            Self::Evening => Self::Evening.minute() - Self::Morning.minute(),
        }
    }
}

/// What becomes of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visit {
    /// Read in time.
    Read,
    /// Read, and told with the next visit's readings.
    Late,
    /// Nobody was there.
    Absent,
    /// Nobody went.
    Missed,
}

/// What becomes of the visit of an observation at a minute of 3 February: of 1,000 nobody goes to one, one is out, and
/// ten are told late.
#[must_use]
pub fn visit(observation: &str, minute: i64) -> Visit {
    match lot(&format!("visit {observation} {minute}")) % 1_000 {
        0 => Visit::Missed,
        1 => Visit::Absent,
        2..12 => Visit::Late,
        _ => Visit::Read,
    }
}

/// Whether a health officer decides on a release that conditions forbid (R26); of 15 one waits.
#[must_use]
pub fn is_decided(observation: &str) -> bool {
    !lot(&format!("decided {observation}")).is_multiple_of(15)
}

fn share(total: i64, day: i64) -> usize {
    let days = usize::try_from(LAST).unwrap_or_default();
    let at = usize::try_from(day - 1).unwrap_or(usize::MAX);
    shares(total, days).get(at).and_then(|count| usize::try_from(*count).ok()).unwrap_or_default()
}

/// How many are confirmed on a day, so many after the 3rd: spread evenly, which is nobody's word.
#[must_use]
pub fn confirmed_on(day: i64) -> usize {
    share(CONFIRMED, day)
}

/// How many are discharged on a day.
#[must_use]
pub fn discharged_on(day: i64) -> usize {
    share(DISCHARGED, day)
}

/// How many are lost on a day, and found again.
#[must_use]
pub fn lost_on(day: i64) -> (usize, usize) {
    LOST.iter().find(|lost| lost.0 == day).map_or((0, 0), |lost| (lost.1, lost.2))
}

/// So many places spread evenly over a list.
pub fn spread(length: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count.min(length)).map(move |nth| nth * length / count.max(1))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_registers_of_11_february_come_to_69_confirmed_and_18_discharged() {
        let sum = |of: fn(i64) -> usize| (1..=LAST).map(of).sum::<usize>();
        assert_eq!((40 + sum(confirmed_on), 2 + sum(discharged_on)), (69, 18));
        assert_eq!((confirmed_on(0), confirmed_on(LAST + 1)), (0, 0));
    }

    #[test]
    fn a_visit_always_comes_to_the_same_and_most_are_read() {
        let all: Vec<_> = (0..20_000).map(|nth| visit(&format!("observations/{nth}"), 620)).collect();
        let count = |of: Visit| all.iter().filter(|visit| **visit == of).count();
        assert_eq!(visit("observations/7", 620), all[7]);
        assert!((100..300).contains(&count(Visit::Late)), "{}", count(Visit::Late));
        assert!((5..40).contains(&count(Visit::Missed)) && (5..40).contains(&count(Visit::Absent)));
    }

    #[test]
    fn places_are_spread_and_differ() {
        let places: HashSet<_> = spread(853, 23).collect();
        assert_eq!((places.len(), places.contains(&0)), (23, true));
        assert_eq!(spread(2, 5).count(), 2);
    }

    #[test]
    fn the_visit_before_lies_in_the_slot_before() {
        assert_eq!(Pass::Morning.minute() - Pass::Morning.since_the_one_before(), 1_190 - 1_440);
        assert_eq!(Pass::Evening.minute() - Pass::Evening.since_the_one_before(), 620);
    }
}
