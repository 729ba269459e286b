//! The tree of one date, numbered so that everything below a unit is one range of places.

use std::collections::HashMap;

use aws_lc_rs::digest;
use uuid::Uuid;

/// A unit in the tree of a date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The unit.
    pub id: Uuid,
    /// How high it stands: 1 a province, 6 a grid.
    pub level: i16,
    /// Its name on that date.
    pub display_name: String,
    /// The place of the unit above.
    pub parent: Option<i32>,
    /// The first place that is no longer below it.
    pub end: i32,
}

/// A unit that is to be placed.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The unit.
    pub id: Uuid,
    /// How high it stands.
    pub level: i16,
    /// Orders siblings.
    pub ordinal: i64,
    /// Its name.
    pub display_name: String,
    /// The unit above.
    pub parent: Option<Uuid>,
}

/// The units of a date in the order of the tree: a unit's place is its number, and what stands below it
/// has the places up to its end.
#[derive(Clone, Debug)]
pub struct Tree {
    nodes: Vec<Node>,
    places: HashMap<Uuid, i32>,
    digest: [u8; 32],
}

impl Tree {
    /// Numbers the units. One whose parent is not among them is left out with all below it: nobody
    /// answers for it on that date.
    #[must_use]
    pub fn build(seeds: Vec<Seed>) -> Self {
        let mut below: HashMap<Option<Uuid>, Vec<Seed>> = HashMap::new();
        for seed in seeds {
            below.entry(seed.parent).or_default().push(seed);
        }
        for siblings in below.values_mut() {
            // The last first, since a stack gives them back in reverse.
            siblings.sort_unstable_by_key(|seed| std::cmp::Reverse((seed.ordinal, seed.id)));
        }
        let mut nodes: Vec<Node> = Vec::new();
        let mut waiting: Vec<(Seed, Option<i32>)> = Vec::new();
        waiting.extend(below.remove(&None).unwrap_or_default().into_iter().map(|seed| (seed, None)));
        while let Some((seed, parent)) = waiting.pop() {
            let place = as_place(nodes.len());
            let children = below.remove(&Some(seed.id)).unwrap_or_default();
            waiting.extend(children.into_iter().map(|child| (child, Some(place))));
            let (id, level, display_name) = (seed.id, seed.level, seed.display_name);
            nodes.push(Node { id, level, display_name, parent, end: place + 1 });
        }
        for place in (0..nodes.len()).rev() {
            let end = nodes[place].end;
            if let Some(parent) = nodes[place].parent.and_then(|parent| nodes.get_mut(as_index(parent))) {
                parent.end = parent.end.max(end);
            }
        }
        Self::of(nodes)
    }

    /// A tree that was numbered before.
    #[must_use]
    pub fn of(nodes: Vec<Node>) -> Self {
        let places = nodes.iter().enumerate().map(|(place, node)| (node.id, as_place(place))).collect();
        let digest = digest(&nodes);
        Self { nodes, places, digest }
    }

    /// Tells trees apart: equal for the same units, names and places.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Every unit, in the order of places.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The place of a unit.
    #[must_use]
    pub fn place(&self, unit: Uuid) -> Option<i32> {
        self.places.get(&unit).copied()
    }

    /// The unit at a place.
    #[must_use]
    pub fn at(&self, place: i32) -> Option<&Node> {
        self.nodes.get(usize::try_from(place).ok()?)
    }

    /// The unit of an id.
    #[must_use]
    pub fn node(&self, unit: Uuid) -> Option<&Node> {
        self.at(self.place(unit)?)
    }

    /// Whether `inner` is `outer` or stands below it.
    #[must_use]
    pub fn contains(&self, outer: Uuid, inner: Uuid) -> bool {
        let (Some(outer), Some(place)) = (self.place(outer), self.place(inner)) else {
            return false;
        };
        outer <= place && self.at(outer).is_some_and(|node| place < node.end)
    }

    /// The places from a place up to the root, itself first.
    pub fn upwards(&self, place: i32) -> impl Iterator<Item = i32> {
        std::iter::successors(Some(place), |place| self.at(*place)?.parent)
    }

    /// The places right below a place, in order.
    pub fn children(&self, place: i32) -> impl Iterator<Item = i32> {
        let end = self.at(place).map_or(0, |node| node.end);
        let first = Some(place + 1).filter(|first| *first < end);
        std::iter::successors(first, move |place| Some(self.at(*place)?.end).filter(|next| *next < end))
    }

    /// The names from the level below the root down to a place.
    #[must_use]
    pub fn full_name(&self, place: i32) -> String {
        let mut names: Vec<&str> = self
            .upwards(place)
            .filter_map(|place| self.at(place))
            .filter(|node| node.parent.is_some())
            .map(|node| node.display_name.as_str())
            .collect();
        names.reverse();
        names.join(" / ")
    }
}

/// A place as an index.
fn as_index(place: i32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

fn as_place(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}

fn digest(nodes: &[Node]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for node in nodes {
        context.update(node.id.as_bytes());
        context.update(&node.level.to_be_bytes());
        context.update(&node.end.to_be_bytes());
        context.update(&u64::try_from(node.display_name.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(node.display_name.as_bytes());
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A tree of which each unit hangs below an earlier one.
    fn seeds(parents: &[usize]) -> Vec<Seed> {
        let ids: Vec<Uuid> = (0..=parents.len()).map(|n| Uuid::from_u128(n as u128 + 1)).collect();
        let mut seeds = vec![seed(&ids, 0, None)];
        seeds.extend(parents.iter().enumerate().map(|(n, parent)| seed(&ids, n + 1, Some(parent % (n + 1)))));
        seeds
    }

    fn seed(ids: &[Uuid], n: usize, parent: Option<usize>) -> Seed {
        let display_name = format!("{n}");
        Seed { id: ids[n], level: 1, ordinal: n as i64, display_name, parent: parent.map(|at| ids[at]) }
    }

    proptest! {
        #[test]
        fn a_unit_stands_below_exactly_those_above_it(parents in prop::collection::vec(any::<usize>(), 0..60)) {
            let seeds = seeds(&parents);
            let above: HashMap<Uuid, Option<Uuid>> = seeds.iter().map(|seed| (seed.id, seed.parent)).collect();
            let mut mixed = seeds.clone();
            mixed.reverse();
            let tree = Tree::build(mixed);
            prop_assert_eq!(tree.nodes().len(), seeds.len());
            for inner in &seeds {
                let mut ancestors = vec![inner.id];
                while let Some(Some(next)) = ancestors.last().map(|id| above[id]) {
                    ancestors.push(next);
                }
                for outer in &seeds {
                    prop_assert_eq!(tree.contains(outer.id, inner.id), ancestors.contains(&outer.id));
                }
                let place = tree.place(inner.id).expect("placed");
                let up: Vec<Uuid> = tree.upwards(place).map(|place| tree.at(place).expect("a node").id).collect();
                prop_assert_eq!(up, ancestors);
            }
            for place in 0..tree.nodes().len() as i32 {
                let children: Vec<i32> = tree.children(place).collect();
                let expected = tree.nodes().iter().filter(|node| node.parent == Some(place)).count();
                prop_assert_eq!(children.len(), expected);
                prop_assert!(children.is_sorted());
            }
            let again = Tree::of(tree.nodes().to_vec());
            prop_assert_eq!(again.digest(), tree.digest());
        }
    }

    #[test]
    fn what_hangs_below_nothing_is_left_out() {
        let mut seeds = seeds(&[0, 1]);
        seeds.remove(1);
        assert_eq!(Tree::build(seeds).nodes().len(), 1);
    }
}
