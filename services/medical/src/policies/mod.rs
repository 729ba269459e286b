//! Policies decide here: numbers that areas set for themselves, and the usual ones, which no source fixes [K].

pub mod api;
pub mod ops;
pub mod parse;
pub mod store;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::wards::BedClass;

/// What is set: numbers as the contract has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// For how many hours a count of beds of a class counts (M10).
    FigureHours(BedClass),
    /// After how many failed calls a phone is marked.
    FailedCalls,
}

impl Kind {
    /// Every policy.
    #[must_use]
    pub fn all() -> Vec<Self> {
        BedClass::ALL.into_iter().map(Self::FigureHours).chain([Self::FailedCalls]).collect()
    }

    /// The number of the kind, and that of the class, zero for none.
    #[must_use]
    pub fn numbers(self) -> (i16, i16) {
        match self {
            Self::FigureHours(class) => (1, class as i16),
            Self::FailedCalls => (2, 0),
        }
    }

    /// The policy of the numbers.
    #[must_use]
    pub fn of(kind: i32, class: i32) -> Option<Self> {
        let same = |known: &Self| {
            let (own_kind, own_class) = known.numbers();
            (i32::from(own_kind), i32::from(own_class)) == (kind, class)
        };
        Self::all().into_iter().find(same)
    }

    /// What counts where nobody has set anything [K].
    #[must_use]
    pub fn usual(self) -> i32 {
        match self {
            Self::FigureHours(BedClass::Icu | BedClass::NegativePressure) => 6,
            Self::FigureHours(BedClass::CentralIsolation) => 24,
            Self::FigureHours(_) => 12,
            Self::FailedCalls => 3,
        }
    }

    /// What it may be set to.
    #[must_use]
    pub fn bounds(self) -> std::ops::RangeInclusive<i32> {
        match self {
            Self::FigureHours(_) => 1..=168,
            Self::FailedCalls => 1..=20,
        }
    }
}

/// A number that an area has set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// The area.
    pub area: Uuid,
    /// What.
    pub kind: i16,
    /// For which class of beds; zero for none.
    pub bed_class: i16,
    /// The number; none where it was taken back.
    pub value: Option<i32>,
    /// When.
    pub set_at: DateTime<Utc>,
    /// By whom.
    pub set_by: String,
}

/// What counts at a unit, of which the areas are given from the unit itself upwards: what the nearest has set, or the
/// usual number.
#[must_use]
pub fn in_force<'a>(set: &'a [Set], areas: &[Uuid], kind: Kind) -> (i32, Option<&'a Set>) {
    let of_area = |area: &Uuid| {
        set.iter().find_map(|set| {
            let is_it = set.area == *area && (set.kind, set.bed_class) == kind.numbers();
            Some((set.value.filter(|_| is_it)?, Some(set)))
        })
    };
    areas.iter().find_map(of_area).unwrap_or((kind.usual(), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_areas_number_counts_and_what_was_taken_back_does_not() {
        let [unit, county, city] = [1, 2, 3].map(Uuid::from_u128);
        let set = |area, kind: Kind, value| {
            let (kind, bed_class) = kind.numbers();
            let (set_at, set_by) = (DateTime::UNIX_EPOCH, String::new());
            Set { area, kind, bed_class, value, set_at, set_by }
        };
        let icu = Kind::FigureHours(BedClass::Icu);
        let all = [
            set(city, icu, Some(4)),
            set(county, icu, Some(2)),
            set(unit, icu, None),
            set(county, Kind::FailedCalls, Some(9)),
        ];
        let of = |areas: &[Uuid], kind| in_force(&all, areas, kind).0;
        assert_eq!(of(&[unit, county, city], icu), 2);
        assert_eq!(of(&[unit, city], icu), 4);
        assert_eq!(of(&[unit], icu), 6, "the usual one");
        assert_eq!(of(&[county], Kind::FigureHours(BedClass::Observation)), 12);
        assert_eq!(of(&[county], Kind::FailedCalls), 9);
    }

    #[test]
    fn every_usual_number_may_be_set() {
        for kind in Kind::all() {
            assert!(kind.bounds().contains(&kind.usual()));
            let (number, class) = kind.numbers();
            assert_eq!(Kind::of(number.into(), class.into()), Some(kind));
        }
        assert_eq!((Kind::of(1, 0), Kind::of(2, 1), Kind::of(0, 0)), (None, None, None));
    }
}
