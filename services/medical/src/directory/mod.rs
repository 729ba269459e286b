//! The directory decides here: what every officer may know of a facility, and how near one is.

pub mod api;
pub mod ops;
pub mod parse;
pub mod store;
pub mod watch;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The feed's topic: facilities whose public side changed.
pub const TOPIC: &str = "directory";

/// The most facilities that are found at once.
pub const MOST_FOUND: i32 = 50;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// From where.
    pub unit: Uuid,
    /// The role, by number.
    pub role: i16,
    /// The class of beds, by number.
    pub bed_class: Option<i16>,
    /// How many of them must be free.
    pub beds: i32,
    /// At most so many facilities.
    pub limit: usize,
}

/// A facility that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The facility.
    pub facility: Uuid,
    /// How many levels above the asking unit the unit stands that has both.
    pub levels_up: i32,
    /// How many beds of the class are free by fresh figures.
    pub free: i64,
    /// The oldest of these.
    pub as_of: Option<DateTime<Utc>>,
}
