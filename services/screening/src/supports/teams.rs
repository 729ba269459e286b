//! Care teams: who brings support, with members and an area.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Who a member may be: numbers as the contract has them.
pub const MEMBERS: std::ops::RangeInclusive<i32> = 1..=4;

/// A care team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// The id.
    pub id: Uuid,
    /// Its area: this unit and those below it.
    pub unit: Uuid,
    /// Its name.
    pub display_name: String,
    /// Its members.
    pub members: Vec<Member>,
    /// When it was set up.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub dissolved_at: Option<DateTime<Utc>>,
}

/// A member of a care team: an official contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The name by which they are called.
    pub display_name: String,
    /// Who they are, as the contract numbers it.
    pub kind: i16,
    /// The phone on which they answer for the team.
    pub phone: String,
}
