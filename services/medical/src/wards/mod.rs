//! Wards decide here: which beds are free, and whether anybody knows.

pub mod api;
pub mod parse;
pub mod store;

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

/// The class of beds: numbers as the contract has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum BedClass {
    /// A single room for isolation (M7).
    IsolationSingle = 1,
    /// A shared room for isolation (M7).
    IsolationShared = 2,
    /// A room with negative pressure.
    NegativePressure = 3,
    /// Intensive care.
    Icu = 4,
    /// Observation.
    Observation = 5,
    /// Central isolation of contacts.
    CentralIsolation = 6,
}

impl BedClass {
    /// Every class.
    pub const ALL: [Self; 6] = [
        Self::IsolationSingle,
        Self::IsolationShared,
        Self::NegativePressure,
        Self::Icu,
        Self::Observation,
        Self::CentralIsolation,
    ];

    /// The class of a number.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|class| *class as i32 == number)
    }
}

/// What somebody counted in a ward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// When it was counted.
    pub as_of: DateTime<Utc>,
    /// How many beds stand there.
    pub physical: i32,
    /// For how many there is staff.
    pub staffed: i32,
    /// In how many somebody lies.
    pub occupied: i32,
    /// What is irregular about it, as the contract numbers it.
    pub marks: Vec<i16>,
    /// Who told it.
    pub sent_by: String,
    /// When it was received.
    pub received_at: DateTime<Utc>,
}

impl Figure {
    /// How many beds are free: of those that stand there and are staffed, less the occupied, and never below none.
    #[must_use]
    pub fn free(&self) -> i32 {
        (self.physical.min(self.staffed) - self.occupied).max(0)
    }
}

/// A ward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ward {
    /// The id.
    pub id: Uuid,
    /// Whose.
    pub facility: Uuid,
    /// Where that lies.
    pub unit: Uuid,
    /// Its name.
    pub display_name: String,
    /// The class of its beds, as [`BedClass`] numbers it.
    pub bed_class: i16,
    /// Its last day.
    pub ends_on: Option<NaiveDate>,
    /// The facility's last day.
    pub facility_ends_on: Option<NaiveDate>,
    /// What was counted last.
    pub figure: Option<Figure>,
    /// From when on its beds are unknown.
    pub stale_at: DateTime<Utc>,
    /// When it was set up.
    pub created_at: DateTime<Utc>,
    /// Counts the changes.
    pub version: i64,
}

impl Ward {
    /// How many beds are free, where the figure is fresh (M10) and the ward is open; one that is too old is no bed.
    #[must_use]
    pub fn free(&self, (today, now): (NaiveDate, DateTime<Utc>)) -> Option<i32> {
        let last_days = [self.ends_on, self.facility_ends_on];
        let is_open = last_days.into_iter().flatten().all(|last| today <= last);
        self.figure.as_ref().filter(|_| is_open && now < self.stale_at).map(Figure::free)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn ward(physical: i32, staffed: i32, occupied: i32) -> Ward {
        let (as_of, by) = (DateTime::UNIX_EPOCH, String::new());
        let figure =
            Figure { as_of, physical, staffed, occupied, marks: vec![], sent_by: by, received_at: as_of };
        Ward {
            id: Uuid::nil(),
            facility: Uuid::nil(),
            unit: Uuid::nil(),
            display_name: String::new(),
            bed_class: 4,
            ends_on: None,
            facility_ends_on: None,
            figure: Some(figure),
            stale_at: as_of + TimeDelta::hours(6),
            created_at: as_of,
            version: 1,
        }
    }

    #[test]
    fn m10_a_figure_counts_until_it_is_too_old_and_not_a_moment_longer() {
        let ward = ward(10, 8, 5);
        let on = |now: DateTime<Utc>| (now.date_naive(), now);
        assert_eq!(ward.free(on(ward.stale_at - TimeDelta::microseconds(1))), Some(3));
        assert_eq!(ward.free(on(ward.stale_at)), None, "unknown is no zero, and no bed");
        assert_eq!(Ward { figure: None, ..ward }.free(on(DateTime::UNIX_EPOCH)), None);
    }

    #[test]
    fn what_has_closed_has_no_free_bed() {
        let now = DateTime::UNIX_EPOCH;
        let before = now.date_naive().pred_opt();
        let free = |closed: Ward| closed.free((now.date_naive(), now));
        assert_eq!(free(Ward { ends_on: Some(now.date_naive()), ..ward(10, 8, 5) }), Some(3), "its last day");
        assert_eq!(free(Ward { ends_on: before, ..ward(10, 8, 5) }), None);
        assert_eq!(free(Ward { facility_ends_on: before, ..ward(10, 8, 5) }), None);
    }

    proptest! {
        #[test]
        fn no_more_beds_are_free_than_stand_there_and_are_staffed(p in 0..50, s in 0..50, o in 0..50) {
            let now = DateTime::UNIX_EPOCH;
            let free = ward(p, s, o).free((now.date_naive(), now)).expect("fresh");
            prop_assert!(free >= 0 && free <= p && free <= s);
            prop_assert!(free == 0 || free + o == p.min(s));
        }
    }
}
