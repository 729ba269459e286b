//! Capacity decides here: what is irregular about a count, and which count counts.

pub mod api;
pub mod ingest;
pub mod parse;
pub mod store;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use uuid::Uuid;

/// The most counts of one call.
pub const LARGEST: usize = 500;
/// The most beds of a ward.
pub const MOST_BEDS: i32 = 10_000;
/// How long ago a count may have been made when it is sent.
pub const COUNTED_WITHIN: TimeDelta = TimeDelta::days(60);
/// How many days counts are kept.
pub const KEPT_DAYS: u64 = 400;

/// A count that is well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The client's id of it.
    pub event: Uuid,
    /// The ward.
    pub ward: Uuid,
    /// When it was made.
    pub as_of: DateTime<Utc>,
    /// How many beds stand there.
    pub physical: i32,
    /// For how many there is staff.
    pub staffed: i32,
    /// In how many somebody lies.
    pub occupied: i32,
}

/// What is irregular about a count: numbers as the contract has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Mark {
    /// More occupied than staffed.
    OverStaffed = 1,
    /// More occupied than stand there.
    OverPhysical = 2,
    /// Staff for more than stand there.
    StaffedAbovePhysical = 3,
    /// Made before one that is known.
    OutOfOrder = 4,
    /// Made after the last day.
    AfterClose = 5,
}

/// What is irregular about a count, given when the one that counts so far was made, the day on which this one was, and the
/// last day of the ward.
#[must_use]
pub fn marks(
    count: &Count,
    counts: Option<DateTime<Utc>>,
    day: NaiveDate,
    last: Option<NaiveDate>,
) -> Vec<Mark> {
    let marks = [
        (Mark::OverStaffed, count.occupied > count.staffed.min(count.physical)),
        (Mark::OverPhysical, count.occupied > count.physical),
        (Mark::StaffedAbovePhysical, count.staffed > count.physical),
        (Mark::OutOfOrder, counts.is_some_and(|counts| count.as_of < counts)),
        (Mark::AfterClose, last.is_some_and(|last| last < day)),
    ];
    marks.into_iter().filter(|(_, is_so)| *is_so).map(|(mark, _)| mark).collect()
}

/// The beds of a class: sums of fresh figures, and what is unknown beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassBeds {
    /// The class, by number.
    pub bed_class: i16,
    /// How many wards have a fresh figure.
    pub wards: i32,
    /// How many beds stand there.
    pub physical: i64,
    /// For how many there is staff.
    pub staffed: i64,
    /// In how many somebody lies.
    pub occupied: i64,
    /// How many are free, ward by ward.
    pub free: i64,
    /// How many of the wards are over their staffed beds.
    pub over_staffed: i32,
    /// The oldest of the figures.
    pub oldest: Option<DateTime<Utc>>,
    /// How many wards have none that is fresh.
    pub unknown_wards: i32,
    /// How many beds stood there when they were last counted.
    pub unknown_physical: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_true_but_irregular_is_marked() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
        let date = |text: &str| text.parse::<NaiveDate>().expect("a date");
        let (noon, day) = (at("2020-02-03T04:00:00Z"), date("2020-02-03"));
        let of = |physical, staffed, occupied, counts: Option<&str>, last: Option<&str>| {
            let (event, ward) = (Uuid::nil(), Uuid::nil());
            let count = Count { event, ward, as_of: noon, physical, staffed, occupied };
            marks(&count, counts.map(at), day, last.map(date))
        };
        assert_eq!(of(10, 8, 8, Some("2020-02-03T04:00:00Z"), Some("2020-02-03")), []);
        assert_eq!(of(10, 8, 9, None, None), [Mark::OverStaffed]);
        assert_eq!(of(10, 8, 11, None, None), [Mark::OverStaffed, Mark::OverPhysical]);
        assert_eq!(
            of(8, 10, 9, None, None),
            [Mark::OverStaffed, Mark::OverPhysical, Mark::StaffedAbovePhysical]
        );
        assert_eq!(
            of(8, 8, 8, Some("2020-02-03T04:00:01Z"), Some("2020-02-02")),
            [Mark::OutOfOrder, Mark::AfterClose]
        );
    }
}
