//! Which part of a tree a caller may see or act for.

use uuid::Uuid;

use crate::Tree;

/// Ranges of places, each from its first up to, not including, its last; in order, apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(i32, i32)>);

impl Ranges {
    /// These ranges put in order, those that touch joined.
    #[must_use]
    pub fn of(mut ranges: Vec<(i32, i32)>) -> Self {
        ranges.retain(|(first, end)| first < end);
        ranges.sort_unstable();
        let mut joined: Vec<(i32, i32)> = Vec::with_capacity(ranges.len());
        for (first, end) in ranges {
            match joined.last_mut() {
                Some(last) if first <= last.1 => last.1 = last.1.max(end),
                _ => joined.push((first, end)),
            }
        }
        Self(joined)
    }

    /// Whether a place lies within.
    #[must_use]
    pub fn contains(&self, place: i32) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= place);
        after.checked_sub(1).is_some_and(|at| place < self.0[at].1)
    }

    /// Only what lies within another range, too.
    #[must_use]
    pub fn within(&self, first: i32, end: i32) -> Self {
        Self::of(self.0.iter().map(|range| (range.0.max(first), range.1.min(end))).collect())
    }

    /// The first places, for SQL.
    #[must_use]
    pub fn firsts(&self) -> Vec<i32> {
        self.0.iter().map(|range| range.0).collect()
    }

    /// The ends, for SQL.
    #[must_use]
    pub fn ends(&self) -> Vec<i32> {
        self.0.iter().map(|range| range.1).collect()
    }

    /// Whether nothing lies within.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The places of a pinned tree at or below the scopes, by that tree or by today's.
#[must_use]
pub fn visible(pinned: &Tree, today: &Tree, scopes: &[Uuid]) -> Ranges {
    let range = |tree: &Tree, unit: Uuid| {
        let place = tree.place(unit)?;
        Some((place, tree.at(place)?.end))
    };
    let mut ranges: Vec<_> = scopes.iter().filter_map(|scope| range(pinned, *scope)).collect();
    if pinned.digest() != today.digest() {
        let now = Ranges::of(scopes.iter().filter_map(|scope| range(today, *scope)).collect());
        for (first, end) in now.0 {
            let below = (first..end).filter_map(|place| pinned.place(today.at(place)?.id));
            ranges.extend(below.map(|place| (place, place + 1)));
        }
    }
    Ranges::of(ranges)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tree::Seed;

    proptest! {
        #[test]
        fn joined_ranges_hold_the_same_places(ranges in prop::collection::vec((0..50, 0..50), 0..12), place in 0..50) {
            let before = ranges.iter().any(|(first, end)| (*first..*end).contains(&place));
            prop_assert_eq!(Ranges::of(ranges).contains(place), before);
        }
    }

    #[test]
    fn a_unit_that_moved_is_seen_by_both_its_old_and_its_new_parent() {
        let ids: Vec<Uuid> = (1..=4).map(Uuid::from_u128).collect();
        let tree = |parent: usize| {
            let seed = |n: usize, parent: Option<usize>| Seed {
                id: ids[n],
                level: 1,
                ordinal: n as i64,
                display_name: n.to_string(),
                parent: parent.map(|at| ids[at]),
            };
            Tree::build(vec![seed(0, None), seed(1, Some(0)), seed(2, Some(0)), seed(3, Some(parent))])
        };
        let (then, now) = (tree(1), tree(2));
        let place = then.place(ids[3]).expect("placed");
        for scope in [ids[1], ids[2]] {
            assert!(visible(&then, &now, &[scope]).contains(place));
        }
        assert!(!visible(&then, &then, &[ids[2]]).contains(place));
    }
}
