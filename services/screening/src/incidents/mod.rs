//! Incidents decide here: what must be reported as an event (R7, R8).

pub mod api;
pub mod ops;
pub mod parse;
pub mod places;
pub mod store;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// How long after being found an incident must be reported (R7).
pub const WITHIN: TimeDelta = TimeDelta::hours(2);
/// Within how long cases of one place are a cluster (R8).
pub const CLUSTERED: TimeDelta = TimeDelta::days(14);

/// What happened: numbers as the contract has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Kind {
    /// A county's first confirmed case.
    FirstCase = 1,
    /// A cluster.
    Cluster = 2,
    /// A suspected cluster.
    SuspectedCluster = 3,
}

/// An incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// The id.
    pub id: Uuid,
    /// What, as [`Kind`] numbers it.
    pub kind: i16,
    /// Where; the county of a place that has a name.
    pub unit: Uuid,
    /// The name of the place, as an exposure says it; empty where none does.
    pub place: String,
    /// The case that made it one.
    pub case: Uuid,
    /// The edition that says so.
    pub control_plan: i16,
    /// When it was found.
    pub created_at: DateTime<Utc>,
    /// Until when it must have been reported.
    pub deadline_at: DateTime<Utc>,
    /// When it was.
    pub reported_at: Option<DateTime<Utc>>,
    /// Who said so.
    pub reported_by: String,
    /// The level it was given; 0 while ungraded.
    pub grade: i16,
}
