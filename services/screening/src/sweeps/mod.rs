//! Sweeps decide here: when a grid is done, how far a unit is, and which facts were not said.

pub mod api;
pub mod ingest;
pub mod ops;
pub mod parse;
pub mod store;

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::persons::Details;

/// The level of grids, as the registry numbers it.
pub const GRID: i16 = 6;
/// The ten things of C10, as the contract numbers them.
pub const FACTS: std::ops::RangeInclusive<i16> = 1..=10;
/// The number of the questionnaire.
const NUMBER: i16 = 1;
/// Name, occupation, address and phone.
const PERSON: i16 = 2;

/// What a household's visit came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Outcome {
    /// Visited.
    Visited = 1,
    /// Refused.
    Refused = 2,
    /// Nobody was there.
    Absent = 3,
    /// Nobody lives there.
    Vacant = 4,
}

impl Outcome {
    /// The outcome of a number of the contract.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        [Self::Visited, Self::Refused, Self::Absent, Self::Vacant]
            .into_iter()
            .find(|outcome| *outcome as i32 == number)
    }
}

/// A sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// The id.
    pub id: Uuid,
    /// What it covers.
    pub unit: Uuid,
    /// Its name.
    pub display_name: String,
    /// Its first day.
    pub starts_on: NaiveDate,
    /// What is asked of whoever is found.
    pub facts: Vec<i16>,
    /// When it was set up.
    pub created_at: DateTime<Utc>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// Who closed it.
    pub closed_by: String,
}

/// A grid of a sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// The grid.
    pub unit: Uuid,
    /// How many households; nothing while nobody has said it.
    pub target: Option<i32>,
    /// Whether it has said which.
    pub listed: bool,
    /// How many were visited.
    pub visited: i32,
    /// Refused.
    pub refused: i32,
    /// Absent.
    pub absent: i32,
    /// Vacant.
    pub vacant: i32,
    /// Of when the tally is, while it counts.
    pub tallied_at: Option<DateTime<Utc>>,
    /// Why it was not done when the sweep was closed.
    pub exception: String,
}

impl Grid {
    /// How many households need no further visit.
    #[must_use]
    pub fn settled(&self) -> i32 {
        self.visited + self.refused + self.vacant
    }

    /// Whether it is done: as many as there are, and nobody to be visited again.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.absent == 0 && self.target.is_some_and(|target| self.settled() >= target)
    }

    /// The grid, and in words how far from done it is.
    #[must_use]
    pub fn why_open(&self) -> (Uuid, String) {
        let words = match self.target {
            None => "nobody has said how many households it has".to_owned(),
            Some(target) => format!("{} of {target}, {} absent", self.settled(), self.absent),
        };
        (self.unit, words)
    }
}

/// How far some grids are together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many grids.
    pub grids: i32,
    /// How many of them are done.
    pub done: i32,
    /// How many have not said how many households they have.
    pub without_target: i32,
    /// How many households.
    pub households: i64,
    /// What their visits came to: visited, refused, absent, vacant.
    pub tally: [i64; 4],
    /// How many need no further visit, of those that there are.
    settled: i64,
}

impl Progress {
    /// With one more grid.
    #[must_use]
    pub fn with(mut self, grid: &Grid) -> Self {
        self.grids += 1;
        self.done += i32::from(grid.is_done());
        self.without_target += i32::from(grid.target.is_none());
        let target = i64::from(grid.target.unwrap_or_default());
        self.households += target;
        // More than there are in one grid never make up for another.
        self.settled += i64::from(grid.settled()).min(target);
        for (sum, count) in self.tally.iter_mut().zip([grid.visited, grid.refused, grid.absent, grid.vacant])
        {
            *sum += i64::from(count);
        }
        self
    }

    /// Percent, rounded down; 100 only where every grid is done.
    #[must_use]
    pub fn percent(&self) -> i32 {
        if self.grids > 0 && self.done == self.grids {
            return 100;
        }
        let percent = self.settled * 100 / self.households.max(1);
        i32::try_from(percent.min(99)).unwrap_or(99)
    }
}

/// Which of the facts that are asked were not said of somebody.
#[must_use]
pub fn missing(asked: &[i16], said: &Details) -> Vec<i16> {
    let is_person_said = !said.occupation.is_empty() && !said.address.is_empty() && !said.phones.is_empty();
    let is_said = |fact: i16| match fact {
        NUMBER => true,
        PERSON => is_person_said,
        fact => said.facts.iter().any(|(said, _)| *said == fact),
    };
    asked.iter().copied().filter(|fact| !is_said(*fact)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grid() -> impl Strategy<Value = Grid> {
        (proptest::option::of(0_i32..50), 0_i32..60, 0_i32..5, 0_i32..5, 0_i32..5).prop_map(
            |(target, visited, refused, absent, vacant)| Grid {
                target,
                visited,
                refused,
                absent,
                vacant,
                ..Grid::default()
            },
        )
    }

    #[test]
    fn absent_does_not_count_towards_100_percent_and_refused_and_vacant_do() {
        let grid = Grid { target: Some(4), visited: 2, refused: 1, vacant: 1, ..Grid::default() };
        assert!(grid.is_done());
        assert!(!Grid { absent: 1, ..grid.clone() }.is_done(), "somebody must go again");
        assert!(!Grid { target: None, ..grid.clone() }.is_done(), "nobody has said how many");
        let behind = Grid { target: Some(100), ..Grid::default() };
        let both = Progress::default().with(&grid).with(&behind);
        assert_eq!((both.done, both.percent()), (1, 3));
    }

    #[test]
    fn c10_what_was_not_said_is_named() {
        let said = Details { facts: vec![(3, "1月23日".to_owned())], ..Details::default() };
        assert_eq!(missing(&[1, 2, 3, 4], &said), [2, 4]);
    }

    proptest! {
        #[test]
        fn a_sweep_is_at_100_percent_exactly_where_every_grid_is_done(grids in proptest::collection::vec(grid(), 1..20)) {
            let all = grids.iter().fold(Progress::default(), |progress, grid| progress.with(grid));
            prop_assert_eq!(all.percent() == 100, grids.iter().all(Grid::is_done));
            prop_assert!((0..=100).contains(&all.percent()));
        }
    }
}
