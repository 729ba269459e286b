//! Hands decide here: a person whom a unit found while another had them goes to whichever both sides say.

pub mod api;
pub mod moves;
pub mod ops;
pub mod parse;
pub mod store;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// How long two units may take to agree: usual, not read [K].
pub const AGREED_WITHIN: TimeDelta = TimeDelta::days(1);

/// How a person came into hands, or was found to be another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Cause {
    /// Taken in.
    TakenIn = 1,
    /// Found to be one with another.
    Joined = 2,
    /// Agreed by two units.
    Agreed = 3,
    /// Handed down.
    HandedDown = 4,
    /// Assigned from a unit that was closed.
    Assigned = 5,
}

/// The most persons who are assigned at once.
pub const MOST: usize = 500;

/// Persons of a unit that is at work no more who are to be given to another.
#[derive(Clone, Debug)]
pub struct Assigning {
    /// The unit that was closed.
    pub from: Uuid,
    /// The unit that takes them.
    pub to: Uuid,
    /// Who; everybody where nobody is named.
    pub persons: Vec<Uuid>,
    /// Why.
    pub reason: String,
}

/// A question whose hands a person is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The id.
    pub id: Uuid,
    /// The person as the holding unit knows them.
    pub holding_person: Uuid,
    /// The person as the finding unit knows them.
    pub finding_person: Uuid,
    /// The unit that has the person.
    pub holding_unit: Uuid,
    /// The unit that found the person.
    pub finding_unit: Uuid,
    /// Which unit the holding side says.
    pub holder_says: Option<Uuid>,
    /// Which unit the finding side says.
    pub finder_says: Option<Uuid>,
    /// When the question arose.
    pub created_at: DateTime<Utc>,
    /// When it was settled.
    pub settled_at: Option<DateTime<Utc>>,
}

/// The sides of a question that somebody stands above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sides {
    /// The holding unit's.
    pub holding: bool,
    /// The finding unit's.
    pub finding: bool,
}

impl Question {
    /// The question after somebody has said a unit for the sides they stand above; nothing where the unit is
    /// none of the two.
    #[must_use]
    pub fn said(mut self, sides: Sides, unit: Uuid) -> Option<Self> {
        if unit != self.holding_unit && unit != self.finding_unit {
            return None;
        }
        if sides.holding {
            self.holder_says = Some(unit);
        }
        if sides.finding {
            self.finder_says = Some(unit);
        }
        Some(self)
    }

    /// Whether a side's officers may know the very unit that has the person: those of the holder's side, and whoever
    /// asks once it is settled.
    #[must_use]
    pub fn is_open_to(&self, sides: Sides) -> bool {
        sides.holding || self.settled_at.is_some()
    }

    /// The question as it is told to who may not know the very unit that has the person: the county there stands
    /// for it.
    #[must_use]
    pub fn veiled(mut self, county: Uuid) -> Self {
        let holding = self.holding_unit;
        let units = self.holder_says.iter_mut().chain(&mut self.finder_says).chain([&mut self.holding_unit]);
        units.filter(|unit| **unit == holding).for_each(|unit| *unit = county);
        self
    }

    /// The unit that both sides say.
    #[must_use]
    pub fn agreed(&self) -> Option<Uuid> {
        self.holder_says.filter(|unit| self.finder_says == Some(*unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_change_when_both_sides_have_said_the_same() {
        let [one, other] = [1, 2].map(Uuid::from_u128);
        let question = Question {
            id: Uuid::nil(),
            holding_person: Uuid::nil(),
            finding_person: Uuid::nil(),
            holding_unit: one,
            finding_unit: other,
            holder_says: None,
            finder_says: None,
            created_at: DateTime::UNIX_EPOCH,
            settled_at: None,
        };
        let (holding, finding) =
            (Sides { holding: true, finding: false }, Sides { holding: false, finding: true });
        let said = question.clone().said(finding, other).unwrap();
        assert_eq!(said.agreed(), None);
        assert_eq!(said.clone().said(holding, one).unwrap().agreed(), None, "they differ");
        assert_eq!(said.said(holding, other).unwrap().agreed(), Some(other));
        assert_eq!(
            question.clone().said(Sides { holding: true, finding: true }, one).unwrap().agreed(),
            Some(one)
        );
        assert_eq!(question.said(finding, Uuid::from_u128(3)), None);
    }
}
