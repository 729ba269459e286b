//! Escalations decide here: what ought to have happened and has not is put before the units above, the most
//! dangerous first, and withdrawn by what was missing.

pub mod api;
pub mod store;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What is put before a unit: the least is the most dangerous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Kind {
    /// A referral past its deadline.
    ReferralUnanswered = 1,
    /// A result that came after the decision it would have changed (R25).
    ResultUnhandled = 2,
    /// A person is lost (R13).
    Lost = 3,
    /// A hand-down that goes at once waits (H6).
    UrgentHanddown = 4,
    /// Readings were missed.
    ReadingMissed = 5,
    /// Support that was promised has not come.
    SupportOverdue = 6,
    /// A refusal to comply that nobody has settled (R26).
    EnforcementOverdue = 7,
    /// A hand-down waits (H6).
    HanddownOverdue = 8,
    /// A report, an audit or an investigation of a case is past its clock (R5, R6, R9).
    CaseOverdue = 9,
    /// A release has been due for a day (R26).
    ReleaseOverdue = 10,
    /// An incident that nobody has reported (R7).
    IncidentOverdue = 11,
    /// A facility suspects somebody, and there is no case (R1, R5).
    SuspicionUnreported = 15,
}

impl Kind {
    /// Every kind that is about an observation.
    pub const OF_OBSERVATIONS: [Self; 3] = [Self::Lost, Self::ReadingMissed, Self::ReleaseOverdue];
    /// Every other kind.
    pub const OF_OTHERS: [Self; 9] = [
        Self::ReferralUnanswered,
        Self::ResultUnhandled,
        Self::UrgentHanddown,
        Self::SupportOverdue,
        Self::EnforcementOverdue,
        Self::HanddownOverdue,
        Self::CaseOverdue,
        Self::IncidentOverdue,
        Self::SuspicionUnreported,
    ];

    /// The kind of a number of the database.
    #[must_use]
    pub fn of(number: i16) -> Option<Self> {
        let all = Self::OF_OBSERVATIONS.into_iter().chain(Self::OF_OTHERS);
        all.into_iter().find(|kind| *kind as i16 == number)
    }
}

/// Something that is put before a unit.
#[derive(Clone, Debug)]
pub struct Escalation {
    /// About what: the id of an observation, or of what the kind is about.
    pub subject: Uuid,
    /// What, as [`Kind`] numbers it.
    pub kind: i16,
    /// The person, where it is about one.
    pub person: Option<Uuid>,
    /// Whose it is.
    pub unit: Uuid,
    /// Before how many levels above the unit: 0 before the unit itself.
    pub level: i16,
    /// Before whom.
    pub holder: Uuid,
    /// Since when it ought to have happened.
    pub since: DateTime<Utc>,
    /// How many readings were missed in a row.
    pub missed: i16,
}
