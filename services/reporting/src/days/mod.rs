//! Days decide here: what is expected, and how a day goes from opening to its seals.

pub mod activations;
pub mod api;
pub mod closing;
pub mod opening;
pub mod parse;
pub mod sealing;
pub mod store;

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use jurisdiction::Tree;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    forms::{Form, schedule::Times},
    rollups::KEPT_LEVEL,
};

/// How far a day has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum State {
    /// Expectations are being written.
    Opening = 1,
    /// Reports are awaited.
    Open = 2,
    /// What has not come is missing.
    Closed = 3,
    /// Figures are fixed.
    Sealed = 4,
}

impl State {
    /// The state of a number.
    #[must_use]
    pub fn of(number: i16) -> Option<Self> {
        [Self::Opening, Self::Open, Self::Closed, Self::Sealed]
            .into_iter()
            .find(|state| *state as i16 == number)
    }

    /// Its word in the contract.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Opening => "OPENING",
            Self::Open => "OPEN",
            Self::Closed => "CLOSED",
            Self::Sealed => "SEALED",
        }
    }
}

/// How far a feed had been read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadTo {
    /// Which feed.
    pub feed: String,
    /// The token.
    pub token: String,
    /// When it was last heard of.
    pub heard_at: DateTime<Utc>,
}

/// One business day of a form.
#[derive(Clone, Debug)]
pub struct Day {
    /// The id.
    pub id: Uuid,
    /// The form.
    pub form: Uuid,
    /// The business date.
    pub date: NaiveDate,
    /// The form's version.
    pub form_version: i32,
    /// How far it has come.
    pub state: State,
    /// The tree it is pinned to.
    pub tree: Uuid,
    /// The slots as instants.
    pub times: Times,
    /// The slots that are closed.
    pub closed_slots: Vec<i16>,
    /// How many reminders went out.
    pub reminded: i16,
    /// How many reports are expected.
    pub expected: i64,
    /// How many parts there are to open.
    pub parts: i32,
    /// How many are open.
    pub opened_parts: i32,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// How far the registry had been heard of.
    pub opened_on: ReadTo,
    /// Whether that was not far enough.
    pub opened_behind: bool,
    /// What no seal contains yet.
    pub pending: i64,
    /// The version.
    pub version: i64,
}

impl Day {
    /// What tells this state of the day from every other.
    #[must_use]
    pub fn stamp(&self) -> [i64; 2] {
        [self.version, self.pending]
    }
}

/// A day with all it is read with.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The day.
    pub day: Day,
    /// The form in the day's version.
    pub form: Form,
    /// The tree of the day.
    pub tree: Arc<Tree>,
}

impl Plan {
    /// The place of the form's owner.
    #[must_use]
    pub fn owner(&self) -> i32 {
        self.tree.place(self.form.owner).unwrap_or_default()
    }

    /// How many columns figures have.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.form.columns.len()
    }

    /// Whether totals of the unit at a place are kept.
    #[must_use]
    pub fn keeps_total(&self, place: i32) -> bool {
        self.tree.at(place).is_some_and(|node| node.level <= KEPT_LEVEL)
    }

    /// The places at and above one whose totals are kept, up to the form's owner.
    pub fn kept_above(&self, place: i32) -> impl Iterator<Item = i32> {
        let owner = self.owner();
        self.tree.upwards(place).filter(move |place| *place >= owner).filter(|place| self.keeps_total(*place))
    }

    /// The places whose totals are kept, in order.
    pub fn kept(&self) -> impl Iterator<Item = i32> {
        let owner = self.owner();
        let end = self.tree.at(owner).map_or(0, |node| node.end);
        (owner..end).filter(|place| self.keeps_total(*place))
    }

    /// The places at which units report.
    pub fn reporting(&self) -> impl Iterator<Item = i32> {
        let owner = self.owner();
        let end = self.tree.at(owner).map_or(0, |node| node.end);
        (owner..end).filter(|place| self.tree.at(*place).is_some_and(|node| node.level == self.form.level))
    }

    /// The slot of a key; the only one for an empty key.
    #[must_use]
    pub fn slot(&self, key: &str) -> Option<i16> {
        let slots = &self.day.times.slots;
        let found = slots.iter().position(|slot| slot.key == key);
        let only = (key.is_empty() && slots.len() == 1).then_some(0);
        found.or(only).and_then(|slot| i16::try_from(slot).ok())
    }
}

/// What locks a day in the database: shared by what is said of it, alone for its seal and its opening.
#[must_use]
pub fn lock_key(day: Uuid) -> i64 {
    let bytes = day.as_bytes();
    i64::from_be_bytes(std::array::from_fn(|at| bytes[at + 8]))
}
