//! Support decides here: what may follow on what, and by when the next step must be done.

pub mod api;
pub mod ops;
pub mod parse;
pub mod store;
pub mod teams;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// How long whoever got something has to confirm it [K].
const CONFIRMED_WITHIN: TimeDelta = TimeDelta::hours(24);

/// What is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Kind {
    /// Food and daily needs.
    Food = 1,
    /// Medicine.
    Medicine = 2,
    /// Care for who was left alone.
    Care = 3,
    /// Something else.
    Other = 4,
}

impl Kind {
    /// The kind of a number.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        [Self::Food, Self::Medicine, Self::Care, Self::Other].into_iter().find(|kind| *kind as i32 == number)
    }

    /// Within how long it must be there [K].
    #[must_use]
    pub fn within(self) -> TimeDelta {
        match self {
            Self::Food | Self::Other => TimeDelta::hours(24),
            Self::Medicine => TimeDelta::hours(12),
            Self::Care => TimeDelta::hours(2),
        }
    }
}

/// How support stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum State {
    /// Offered by a unit.
    Offered = 1,
    /// Asked for by the family.
    Asked = 2,
    /// To be delivered.
    Accepted = 3,
    /// Delivered, not confirmed.
    Delivered = 4,
    /// Confirmed.
    Confirmed = 5,
    /// Declined.
    Declined = 6,
    /// Not needed any more.
    Cancelled = 7,
}

impl State {
    /// The state of a number.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        let all = [
            Self::Offered,
            Self::Asked,
            Self::Accepted,
            Self::Delivered,
            Self::Confirmed,
            Self::Declined,
            Self::Cancelled,
        ];
        all.into_iter().find(|state| *state as i32 == number)
    }

    /// Whether it must be said why support that stands so comes to stand otherwise.
    #[must_use]
    pub fn wants_words(self, to: Self) -> bool {
        matches!((self, to), (_, Self::Declined | Self::Cancelled) | (Self::Delivered, Self::Accepted))
    }

    /// Whether support that stands so may come to stand otherwise.
    #[must_use]
    pub fn leads_to(self, to: Self) -> bool {
        matches!(
            (self, to),
            (Self::Offered | Self::Asked, Self::Accepted | Self::Declined | Self::Cancelled)
                | (Self::Accepted, Self::Delivered | Self::Cancelled)
                | (Self::Delivered, Self::Confirmed)
                // It never came: it is to be delivered again.
                | (Self::Delivered, Self::Accepted)
        )
    }

    /// By when the next step must be done, of support of a kind that must be there at an instant.
    #[must_use]
    pub fn due_at(self, there_by: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Offered | Self::Asked | Self::Accepted => Some(there_by),
            Self::Delivered => Some(now + CONFIRMED_WITHIN),
            Self::Confirmed | Self::Declined | Self::Cancelled => None,
        }
    }
}

/// Support of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    /// The id.
    pub id: Uuid,
    /// Who, as the unit has recorded them.
    pub person: Uuid,
    /// Whose hands.
    pub unit: Uuid,
    /// The first of those who are one person.
    pub one: Uuid,
    /// What.
    pub kind: Kind,
    /// What exactly.
    pub items: String,
    /// How it stands.
    pub state: State,
    /// Until when the next step must be done.
    pub due_at: Option<DateTime<Utc>>,
    /// Who brings it.
    pub team: Option<Uuid>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was moved on last.
    pub moved_at: DateTime<Utc>,
    /// Who moved it on.
    pub moved_by: String,
    /// What was said.
    pub words: String,
}

impl Support {
    /// Moves it on to how it stands now. What did not come is due again as from now; what is only accepted is due as it
    /// was.
    pub fn move_on(&mut self, to: State, now: DateTime<Utc>) {
        let is_again = self.state == State::Delivered;
        let there_by = self.due_at.filter(|_| !is_again).unwrap_or_else(|| now + self.kind.within());
        (self.state, self.due_at, self.moved_at) = (to, to.due_at(there_by, now), now);
    }
}

/// That support was made or moved on.
#[derive(Clone, Debug)]
pub struct Moved {
    /// How it stood from then on.
    pub state: State,
    /// Until when the next step must be done from then on.
    pub due_at: Option<DateTime<Utc>>,
    /// Who brings it.
    pub team: Option<Uuid>,
    /// Who said so.
    pub said_by: String,
    /// What was said.
    pub words: String,
    /// When.
    pub happened_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_has_a_next_step_has_a_deadline_and_whatever_has_none_has_not(number in 1_i32..8) {
            let state = State::of(number).expect("a state");
            let now = DateTime::UNIX_EPOCH;
            let has_next = (1..8).filter_map(State::of).any(|to| state.leads_to(to));
            prop_assert_eq!(state.due_at(now, now).is_some(), has_next);
            prop_assert!(!state.leads_to(state));
        }
    }
}
