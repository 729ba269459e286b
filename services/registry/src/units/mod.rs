//! Units decide here: what a unit is, and what may be done to the tree. Pure.

pub mod api;
pub mod import;
pub mod ops;
pub mod parse;
pub mod store;
pub mod watch;

use chassis::damage::{Damage, damage};
use chrono::{DateTime, NaiveDate, Utc};
use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;

/// How high a unit stands; a smaller number stands higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum Level {
    /// 省.
    Province = 1,
    /// 市.
    City = 2,
    /// 县, 区.
    County = 3,
    /// 乡, 镇, 街道.
    Township = 4,
    /// 村, 社区.
    Village = 5,
    /// 网格.
    Grid = 6,
}

impl Level {
    /// Every level, the highest first.
    pub const ALL: [Self; 6] =
        [Self::Province, Self::City, Self::County, Self::Township, Self::Village, Self::Grid];

    /// The level of a number.
    #[must_use]
    pub fn of(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|level| *level as i16 == number)
    }

    /// The word for people and metadata.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Province => "PROVINCE",
            Self::City => "CITY",
            Self::County => "COUNTY",
            Self::Township => "TOWNSHIP",
            Self::Village => "VILLAGE",
            Self::Grid => "GRID",
        }
    }

    /// Whether a unit of this level may stand directly above one of the other: higher, not
    /// necessarily the next.
    #[must_use]
    pub fn may_stand_above(self, below: Self) -> bool {
        self < below
    }
}

/// Whether a unit is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Status {
    /// At work.
    Active = 1,
    /// Merged, split or dissolved.
    Closed = 2,
}

/// An official code (RULES I3): it means nothing without its system and vintage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    /// Who gave it, such as NBS.
    pub system: String,
    /// The edition, such as 2019.
    pub vintage: String,
    /// The code itself.
    pub code: String,
}

/// An integrator's own number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExternalId {
    /// The system that gave it.
    pub system: String,
    /// The number there.
    pub value: String,
}

/// The parent that a new unit names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parent {
    /// A unit that is in the tree.
    Unit(Uuid),
    /// An earlier item of the same batch, by its position.
    Earlier(usize),
}

/// What is said of a unit that is to be created.
#[derive(Clone, Debug)]
pub struct NewUnit {
    /// The name, in NFC.
    pub display_name: String,
    /// The level.
    pub level: Level,
    /// Where it stands.
    pub parent: Parent,
    /// Its codes.
    pub codes: Vec<Code>,
    /// Its numbers elsewhere.
    pub external_ids: Vec<ExternalId>,
    /// Its first date; today where none is said.
    pub start_date: Option<NaiveDate>,
}

/// What changes about a unit, and from which date on.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// A new name.
    pub display_name: Option<String>,
    /// A new place.
    pub parent: Option<Uuid>,
    /// A new status.
    pub status: Option<Status>,
    /// Who takes its place.
    pub successors: Option<Vec<Uuid>>,
    /// The codes that it then bears.
    pub codes: Option<Vec<Code>>,
    /// Its numbers elsewhere.
    pub external_ids: Option<Vec<ExternalId>>,
}

/// A unit as of one date.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Its id.
    pub id: Uuid,
    /// Its name on that date.
    pub display_name: String,
    /// Its level.
    pub level: Level,
    /// The unit above on that date.
    pub parent: Option<Uuid>,
    /// Where it stands on that date, for order and subtrees.
    pub path: String,
    /// Whether it is at work on that date.
    pub status: Status,
    /// Its first date.
    pub start_date: NaiveDate,
    /// The first date on which it is closed.
    pub end_date: Option<NaiveDate>,
    /// Its codes on that date.
    pub codes: Vec<Code>,
    /// Its numbers elsewhere.
    pub external_ids: Vec<ExternalId>,
    /// Who took its place.
    pub successors: Vec<Uuid>,
    /// When it was recorded.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Counts its changes.
    pub version: i64,
}

/// The longest name, in characters.
const LONGEST_NAME: usize = 100;

/// The topic of units in the feed.
pub const TOPIC: &str = "unit";

/// The length of a unit's part of a path: eight hexadecimal letters of its ordinal.
pub const SEGMENT: usize = 8;

/// The segment of an ordinal in a path.
#[must_use]
pub fn segment(ordinal: i64) -> String {
    format!("{ordinal:08x}")
}

/// Whether one path lies at or below another: the whole of subtree membership.
#[must_use]
pub fn contains(above: &str, below: &str) -> bool {
    below.starts_with(above)
}

/// The parts of a tree that are both below one of the scopes and below the ancestor: disjoint, in
/// the order of the tree.
#[must_use]
pub fn ranges(scopes: &[String], ancestor: Option<&str>) -> Vec<String> {
    let mut parts: Vec<&str> = Vec::new();
    for scope in scopes {
        match ancestor {
            None => parts.push(scope),
            Some(ancestor) if contains(scope, ancestor) => parts.push(ancestor),
            Some(ancestor) if contains(ancestor, scope) => parts.push(scope),
            Some(_) => {}
        }
    }
    parts.sort_unstable();
    parts.dedup_by(|below, above| contains(above, below));
    parts.into_iter().map(str::to_owned).collect()
}

/// A name as it is stored: NFC, rare characters kept (RULES I12), white space trimmed.
///
/// # Errors
/// What is wrong with it, such as damage by a wrong character set.
pub fn name(text: &str) -> Result<String, String> {
    if let Some(damage) = damage(text) {
        return Err(damage.to_string());
    }
    Ok(chassis::parse::text(text.trim(), LONGEST_NAME)?.nfc().collect())
}

/// A damaged name as it is, where damage by a wrong character set is all that is wrong with it. A
/// control character is none: no character set makes one of a place's name.
#[must_use]
pub fn damaged_name(text: &str) -> Option<String> {
    let text = text.trim();
    let fits =
        !text.contains(|letter: char| letter.is_ascii_control()) && text.chars().count() <= LONGEST_NAME;
    let damaged = damage(text).is_some_and(|damage| damage != Damage::Control);
    (fits && damaged).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A path of a small tree, so that paths often lie below each other.
    fn path() -> impl Strategy<Value = String> {
        prop::collection::vec(1_i64..4, 1..5).prop_map(|ordinals| ordinals.into_iter().map(segment).collect())
    }

    proptest! {
        #[test]
        fn a_unit_is_in_one_range_where_scope_and_ancestor_have_it_and_in_none_otherwise(
            scopes in prop::collection::vec(path(), 0..6), ancestor in prop::option::of(path()), unit in path(),
        ) {
            let ranges = ranges(&scopes, ancestor.as_deref());
            let inside = scopes.iter().any(|scope| contains(scope, &unit))
                && ancestor.is_none_or(|ancestor| contains(&ancestor, &unit));
            let times = ranges.iter().filter(|range| contains(range, &unit)).count();
            prop_assert_eq!(times, usize::from(inside));
            prop_assert!(ranges.is_sorted(), "in the order of the tree");
        }
    }

    #[test]
    fn a_parent_stands_at_a_higher_level_not_necessarily_the_next() {
        assert!(Level::City.may_stand_above(Level::Grid));
        assert!(!Level::Village.may_stand_above(Level::Village));
        assert!(!Level::Grid.may_stand_above(Level::Village));
    }

    #[test]
    fn ranges_are_what_scope_and_ancestor_share() {
        let scopes = ["0a0b", "0a", "0c"].map(str::to_owned);
        assert_eq!(ranges(&scopes, None), ["0a", "0c"]);
        assert_eq!(ranges(&scopes, Some("0a0d")), ["0a0d"]);
        assert_eq!(ranges(&scopes[..1], Some("0a")), ["0a0b"]);
        assert!(ranges(&scopes, Some("0d")).is_empty());
    }
}
