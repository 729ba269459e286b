//! Escalations decide here: what ought to have happened and has not is put before the units above, the most
//! dangerous first, and withdrawn by what was missing.

pub mod api;
pub mod store;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What is put before a unit: numbers as the contract has them. How dangerous each is says [`Kind::rank`].
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
    /// A contact of whom no index is left, and of whom nobody has decided (R13).
    ContactUndecided = 12,
    /// Two units have not agreed whose hands.
    HandsUnagreed = 14,
    /// Somebody was found, and nobody follows them up.
    PersonUnobserved = 13,
    /// A facility suspects somebody, and there is no case (R1, R5).
    SuspicionUnreported = 15,
    /// A checkpoint's shift is over, and nothing was said of it (D1).
    ShiftMissing = 16,
    /// A list that a unit expects has not come (H2, H3).
    ListMissing = 17,
    /// Who was discharged was not looked at again in time (R16).
    RecheckOverdue = 22,
    /// A unit was moved below this one, and nobody has taken over what it had.
    UnitMoved = 23,
}

impl Kind {
    /// Every kind that is about an observation.
    pub const OF_OBSERVATIONS: [Self; 4] =
        [Self::Lost, Self::ReadingMissed, Self::ReleaseOverdue, Self::ContactUndecided];
    /// Every other kind.
    pub const OF_OTHERS: [Self; 15] = [
        Self::ReferralUnanswered,
        Self::ResultUnhandled,
        Self::UrgentHanddown,
        Self::SupportOverdue,
        Self::EnforcementOverdue,
        Self::HanddownOverdue,
        Self::CaseOverdue,
        Self::IncidentOverdue,
        Self::SuspicionUnreported,
        Self::HandsUnagreed,
        Self::PersonUnobserved,
        Self::ShiftMissing,
        Self::ListMissing,
        Self::RecheckOverdue,
        Self::UnitMoved,
    ];
    /// Every kind that follows from the view of what waits alone.
    pub const OF_WAITING: [Self; 15] = [
        Self::ReferralUnanswered,
        Self::SuspicionUnreported,
        Self::ReleaseOverdue,
        Self::ResultUnhandled,
        Self::SupportOverdue,
        Self::EnforcementOverdue,
        Self::CaseOverdue,
        Self::IncidentOverdue,
        Self::ContactUndecided,
        Self::HandsUnagreed,
        Self::PersonUnobserved,
        Self::ShiftMissing,
        Self::ListMissing,
        Self::RecheckOverdue,
        Self::UnitMoved,
    ];

    /// The kind of a number of the database.
    #[must_use]
    pub fn of(number: i16) -> Option<Self> {
        let all = Self::OF_OBSERVATIONS.into_iter().chain(Self::OF_OTHERS);
        all.into_iter().find(|kind| *kind as i16 == number)
    }

    /// How dangerous it is, the least the most: by how many may be infected, or harmed, while it waits [D].
    #[must_use]
    pub fn rank(self) -> i16 {
        match self {
            Self::IncidentOverdue => 10,
            Self::ReferralUnanswered => 20,
            Self::SuspicionUnreported => 25,
            Self::ResultUnhandled => 30,
            Self::Lost => 40,
            Self::UrgentHanddown => 50,
            Self::CaseOverdue => 60,
            Self::PersonUnobserved => 70,
            Self::HandsUnagreed => 75,
            Self::UnitMoved => 78,
            Self::ReadingMissed => 80,
            Self::SupportOverdue => 90,
            Self::EnforcementOverdue => 100,
            Self::HanddownOverdue => 110,
            Self::RecheckOverdue => 115,
            Self::ListMissing => 118,
            Self::ShiftMissing => 120,
            Self::ContactUndecided => 125,
            Self::ReleaseOverdue => 130,
        }
    }
}

/// Who is to be called about something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum Called {
    /// Whoever answers for the unit.
    Answering = 0,
    /// The unit's deputy (H6).
    Deputy = 1,
    /// The unit's leader (H6).
    Leader = 2,
}

/// Something that is put before a unit.
#[derive(Clone, Debug)]
pub struct Escalation {
    /// About what: the id of an observation, or of what the kind is about.
    pub subject: Uuid,
    /// What, as [`Kind`] numbers it.
    pub kind: i16,
    /// How dangerous it is, as [`Kind::rank`] has it.
    pub rank: i16,
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
    /// Who is to be called, as [`Called`] numbers it.
    pub calls: i16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h6_what_infects_most_comes_first_and_no_two_kinds_are_alike() {
        let mut all: Vec<Kind> = Kind::OF_OBSERVATIONS.into_iter().chain(Kind::OF_OTHERS).collect();
        all.sort_unstable_by_key(|kind| kind.rank());
        assert!(all.windows(2).all(|pair| pair[0].rank() < pair[1].rank()));
        assert_eq!((all[0], all[1]), (Kind::IncidentOverdue, Kind::ReferralUnanswered));
        assert_eq!(all.last(), Some(&Kind::ReleaseOverdue));
    }
}
