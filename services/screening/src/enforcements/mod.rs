//! Enforcement requests decide here: a refusal to comply must be settled by somebody (R26).

pub mod api;
pub mod ops;
pub mod parse;
pub mod store;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// How long somebody has to settle a refusal [K].
pub const WITHIN: TimeDelta = TimeDelta::hours(24);

/// After how many refused readings in a row a person refuses to comply (R26) [K].
pub const REFUSED_IN_A_ROW: i64 = 2;

/// How a refusal may be settled: numbers as the contract has them.
pub const OUTCOMES: std::ops::RangeInclusive<i32> = 1..=3;
/// They comply.
pub const COMPLIED: i16 = 1;

/// A refusal to comply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enforcement {
    /// The id.
    pub id: Uuid,
    /// Whose it is.
    pub unit: Uuid,
    /// Who refuses, where it is somebody known here.
    pub person: Option<Uuid>,
    /// The first of those who are one with them.
    pub one: Option<Uuid>,
    /// The sweep in which it was refused.
    pub sweep: Option<Uuid>,
    /// The household's number in the grid.
    pub household: String,
    /// How many households refuse, in a grid that counts them.
    pub households: Option<i32>,
    /// What is refused.
    pub reason: String,
    /// Until when it must be settled.
    pub deadline_at: DateTime<Utc>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// How it was settled.
    pub outcome: Option<i16>,
    /// When it was settled.
    pub settled_at: Option<DateTime<Utc>>,
    /// Who settled it.
    pub settled_by: String,
    /// In words.
    pub words: String,
}

impl Enforcement {
    /// A refusal in a unit, to be settled in a day.
    #[must_use]
    pub fn new(unit: Uuid, reason: String, now: DateTime<Utc>) -> Self {
        Self {
            id: Uuid::now_v7(),
            unit,
            person: None,
            one: None,
            sweep: None,
            household: String::new(),
            households: None,
            reason,
            deadline_at: now + WITHIN,
            created_at: now,
            outcome: None,
            settled_at: None,
            settled_by: String::new(),
            words: String::new(),
        }
    }
}
