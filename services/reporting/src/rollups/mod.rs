//! Totals decide here: what one expectation adds to every unit above it, and how cells are read.
//!
//! The cells of a total are the number of changes, the matrix, the returned, and four for each column:
//! the sum of what was stated, how many stated it, the sum of what is last known of those that did not,
//! and of how many of them anything is known. Everything adds up, so that the order of what happens does
//! not matter (law 3).

pub mod api;
pub mod balances;
pub mod parse;
pub mod store;

use crate::{
    forms::{Figures, value},
    reports::{Content, Standing, Timing},
};

/// Units of this level and above have totals of their own; below, they are summed when read.
pub const KEPT_LEVEL: i16 = 4;

/// Into how many rows a total is split, so that batchers do not wait for each other.
pub const STRIPES: i16 = 5;

const CHANGES: usize = 0;
const DUE: usize = 1;
const MISSING: usize = 2;
const EXCUSED: usize = 3;
const REPORTED: usize = 4;
const RETURNED: usize = 10;
const COLUMNS: usize = 11;
const OF_COLUMN: usize = 4;

/// The cells of a total, or of what one expectation adds to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cells(pub Vec<i64>);

/// The total of one column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ColumnTotal {
    /// The sum of what was stated.
    pub sum: i64,
    /// How many stated it.
    pub stated: i64,
    /// The sum of what is last known of those that did not.
    pub last_known: i64,
    /// Of how many of them anything is known.
    pub known: i64,
}

impl Cells {
    /// Nothing, for so many columns.
    #[must_use]
    pub fn none(columns: usize) -> Self {
        Self(vec![0; COLUMNS + columns * OF_COLUMN])
    }

    /// What an expectation adds.
    #[must_use]
    pub fn of(standing: &Standing, columns: usize) -> Self {
        let mut cells = Self::none(columns);
        let at = match (standing.timing, standing.content) {
            (Timing::Due, _) => DUE,
            (Timing::Missing, _) => MISSING,
            (Timing::Excused, _) => EXCUSED,
            (timing, content) => {
                let row = match timing {
                    Timing::OnTime => 0,
                    Timing::Late => 2,
                    _ => 4,
                };
                REPORTED + row + usize::from(content == Some(Content::Zero))
            }
        };
        cells.0[at] = 1;
        cells.0[RETURNED] = i64::from(standing.returned);
        for column in 0..columns {
            let at = COLUMNS + column * OF_COLUMN;
            if let Some(figure) = value(&standing.figures, column) {
                cells.0[at] = figure;
                cells.0[at + 1] = 1;
            } else if let Some(figure) = value(&standing.last_known, column) {
                cells.0[at + 2] = figure;
                cells.0[at + 3] = 1;
            }
        }
        cells
    }

    /// What a change of one expectation adds, counting the change.
    #[must_use]
    pub fn change(before: &Standing, after: &Standing, columns: usize) -> Self {
        let mut cells = Self::of(after, columns);
        for (cell, old) in cells.0.iter_mut().zip(Self::of(before, columns).0) {
            *cell -= old;
        }
        cells.0[CHANGES] = 1;
        cells
    }

    /// Adds others, which may have fewer columns or more.
    pub fn add(&mut self, other: &[i64]) {
        if self.0.len() < other.len() {
            self.0.resize(other.len(), 0);
        }
        for (cell, more) in self.0.iter_mut().zip(other) {
            *cell += more;
        }
    }

    /// How many changes they have seen.
    #[must_use]
    pub fn changes(&self) -> i64 {
        self.0.first().copied().unwrap_or_default()
    }

    /// The same without the number of changes: what is compared and sealed.
    #[must_use]
    pub fn figures(&self) -> &[i64] {
        self.0.get(DUE..).unwrap_or_default()
    }

    /// Due, missing, excused, and the six of what came: on time, late, after close, each data and zero.
    #[must_use]
    pub fn matrix(&self) -> [i64; 9] {
        std::array::from_fn(|cell| self.0.get(DUE + cell).copied().unwrap_or_default())
    }

    /// How many are expected.
    #[must_use]
    pub fn expected(&self) -> i64 {
        self.matrix().iter().sum()
    }

    /// How many were returned and have not come back.
    #[must_use]
    pub fn returned(&self) -> i64 {
        self.0.get(RETURNED).copied().unwrap_or_default()
    }

    /// The total of a column.
    #[must_use]
    pub fn column(&self, column: usize) -> ColumnTotal {
        let at = COLUMNS + column * OF_COLUMN;
        let cell = |n: usize| self.0.get(at + n).copied().unwrap_or_default();
        ColumnTotal { sum: cell(0), stated: cell(1), last_known: cell(2), known: cell(3) }
    }
}

/// The cumulative figure of every column: what it began with, and what has come since.
#[must_use]
pub fn cumulative(balance: &Figures, since: &Cells, columns: usize) -> Figures {
    (0..columns).map(|column| Some(value(balance, column).unwrap_or(0) + since.column(column).sum)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn standing() -> impl Strategy<Value = Standing> {
        let figures = || prop::collection::vec(prop::option::of(0..100_i64), 3);
        (0..6_usize, any::<bool>(), figures(), figures()).prop_map(|(timing, zero, figures, last_known)| {
            let timing = Timing::ALL[timing];
            let content = if zero { Content::Zero } else { Content::Data };
            let content = timing.is_reported().then_some(content);
            Standing { timing, content, returned: false, revision: 1, figures, last_known }
        })
    }

    proptest! {
        #[test]
        fn changes_in_any_order_give_the_recomputed_total(steps in prop::collection::vec((0..4_usize, standing()), 0..40)) {
            let mut now: Vec<Standing> = vec![Standing::awaited(vec![None; 3]); 4];
            let mut total = Cells::none(3);
            now.iter().for_each(|standing| total.add(&Cells::of(standing, 3).0));
            let mut deltas = Vec::new();
            for (which, next) in steps {
                deltas.push(Cells::change(&now[which], &next, 3));
                now[which] = next;
            }
            // The last change is added first: sums do not mind.
            deltas.iter().rev().for_each(|delta| total.add(&delta.0));
            let mut recomputed = Cells::none(3);
            now.iter().for_each(|standing| recomputed.add(&Cells::of(standing, 3).0));
            prop_assert_eq!(total.figures(), recomputed.figures());
            prop_assert_eq!(total.expected(), 4);
        }
    }
}
