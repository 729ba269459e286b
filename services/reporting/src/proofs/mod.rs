//! Proofs decide here: whether what is kept is what was said (law 3).

pub mod api;
pub mod checks;

use std::collections::BTreeMap;

use crate::reports::{Content, Revision, RevisionKind, Standing, Timing, store::Expected};

/// What a proof finds: the first three are listed, the others break the law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Finding {
    /// Did not come.
    Missing = 1,
    /// Was returned and has not come back.
    Returned = 2,
    /// No seal contains it yet, or the day is still being opened.
    Pending = 3,
    /// What is expected is not what the tree has.
    ExpectationDiffers = 4,
    /// What counts is not what was said.
    FactsDiffer = 5,
    /// The matrix does not add up.
    MatrixDiffers = 6,
    /// A total is not the sum.
    TotalDiffers = 7,
    /// A seal is not what it consists of.
    SealDiffers = 8,
}

impl Finding {
    /// Whether the law is broken by it.
    #[must_use]
    pub fn breaks_the_law(self) -> bool {
        self > Self::Pending
    }
}

/// What an expectation's revisions come to, and what is wrong with them.
#[must_use]
pub fn wrong_with(row: &Expected, revisions: &[&Revision]) -> Option<String> {
    let numbers: Vec<i32> = revisions.iter().map(|revision| revision.number).collect();
    let count = i32::try_from(revisions.len()).unwrap_or(i32::MAX);
    if numbers != (1..=count).collect::<Vec<_>>() {
        return Some(format!("the revisions are {numbers:?}, not 1 to {count}"));
    }
    let standing = &row.standing;
    if standing.revision != count {
        return Some(format!("stands at revision {} of {count}", standing.revision));
    }
    let counts = revisions.last().filter(|last| last.kind != RevisionKind::Return);
    match counts {
        Some(last) => {
            if standing.timing != last.timing || standing.content != last.content {
                return Some("timing and content are not those of the last revision".to_owned());
            }
            if !same(&standing.figures, &last.figures) {
                return Some("the figures are not those of the last revision".to_owned());
            }
        }
        None if standing.timing.is_reported()
            || standing.content.is_some()
            || !is_empty(&standing.figures) =>
        {
            return Some("figures count that no revision has said".to_owned());
        }
        None => {}
    }
    None
}

/// What is worth a look although the law holds.
#[must_use]
pub fn listed(standing: &Standing) -> Option<Finding> {
    match (standing.timing, standing.returned) {
        (Timing::Due | Timing::Missing, true) => Some(Finding::Returned),
        (Timing::Missing, false) => Some(Finding::Missing),
        _ => None,
    }
}

/// Whether each report has one timing and one content, as D1 has it.
#[must_use]
pub fn is_one_of_each(standing: &Standing) -> bool {
    standing.timing.is_reported() == matches!(standing.content, Some(Content::Data | Content::Zero))
}

fn same(a: &[Option<i64>], b: &[Option<i64>]) -> bool {
    (0..a.len().max(b.len())).all(|at| crate::forms::value(a, at) == crate::forms::value(b, at))
}

fn is_empty(figures: &[Option<i64>]) -> bool {
    figures.iter().all(Option::is_none)
}

/// Revisions by place and slot.
#[must_use]
pub fn by_key(all: &[((i32, i16), Revision)]) -> BTreeMap<(i32, i16), Vec<&Revision>> {
    let mut by_key: BTreeMap<(i32, i16), Vec<&Revision>> = BTreeMap::new();
    for (key, revision) in all {
        by_key.entry(*key).or_default().push(revision);
    }
    by_key
}
