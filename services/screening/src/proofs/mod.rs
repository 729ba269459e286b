//! Proofs decide here: what of an observation breaks the law of persons, and what is only listed.

pub mod api;
pub mod parts;
pub mod store;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use crate::{
    escalations::Kind,
    handdowns::{self, Handdown},
    observations::{Observation, State},
    readings::{Outcome, Slot},
    rules::Terms,
};

/// What proving needs.
pub const PERMISSION: &str = "proofs.read";

/// What a proof finds: numbers as the contract has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Finding {
    /// Who stands above answers.
    AnsweredAbove = 1,
    /// The unit is closed.
    UnitClosed = 2,
    /// The person is lost.
    Lost = 3,
    /// Two units have not agreed.
    HandsOpen = 4,
    /// A referral past its deadline.
    ReferralUnanswered = 5,
    /// A release that has been due for a day.
    ReleaseOverdue = 6,
    /// Nobody answers.
    Unanswered = 7,
    /// More than one counts, or none.
    ObservedTwice = 8,
    /// An outcome is missing, or is not that of the readings.
    SlotDiffers = 9,
    /// The slots do not cover the window.
    WindowDiffers = 10,
    /// Ended without a decision.
    Undecided = 11,
    /// Not in the lists of the units above.
    OutOfSight = 12,
    /// A hand-down that waits too long.
    HanddownOverdue = 13,
    /// A hand-down whose person is in neither side's hands, or that leads nowhere.
    HanddownDiffers = 14,
    /// Something waits for somebody past its deadline, or since it is put before them at once.
    TaskWaiting = 15,
    /// Something waits, and is put before nobody.
    TaskUnseen = 16,
    /// A person was taken for ill, and has no case.
    CaseMissing = 17,
    /// A close contact of a case, within the window, whom nobody has put under observation.
    ContactUnfollowed = 18,
    /// Whose hands is not what was last noted.
    HandsDiffer = 40,
    /// Two persons are found under one paper.
    PaperShared = 41,
    /// A person who was found, and whom nobody follows up.
    Unobserved = 19,
    /// The unit, or one above it, was moved, and nobody there has taken over what it had.
    UnitMoved = 22,
}

impl Finding {
    /// Whether it breaks the law; else it is listed, since somebody must look.
    #[must_use]
    pub fn breaks_the_law(self) -> bool {
        let is_listed = matches!(
            self,
            Self::HanddownOverdue
                | Self::TaskWaiting
                | Self::CaseMissing
                | Self::Unobserved
                | Self::UnitMoved
        );
        self >= Self::Unanswered && !is_listed
    }
}

/// How long after its end a slot may wait for being closed.
const CLOSED_WITHIN: TimeDelta = TimeDelta::minutes(5);

/// A slot, with the gravest reading taken in it: of its own observation, and of all of the same person.
#[derive(Clone, Copy, Debug)]
pub struct Filled {
    /// The slot.
    pub slot: Slot,
    /// The gravest of its own.
    pub own: Option<Outcome>,
    /// Whether somebody has read what the slot says.
    pub is_said: bool,
}

/// What is wrong with one slot.
#[must_use]
pub fn wrong_with(filled: &Filled, now: DateTime<Utc>) -> Option<String> {
    let Filled { slot, own, is_said } = *filled;
    let opens = slot.opens_at.to_rfc3339();
    match slot.outcome {
        None if slot.closes_at <= now - CLOSED_WITHIN => {
            Some(format!("the slot of {opens} has elapsed without an outcome"))
        }
        outcome if outcome < own => Some(format!("the slot of {opens} says {outcome:?}, a reading {own:?}")),
        Some(outcome) if outcome >= Outcome::Absent && !is_said => {
            Some(format!("the slot of {opens} says {outcome:?}, and no reading does"))
        }
        Some(Outcome::Missed) if slot.missed_at.is_none() => {
            Some(format!("the slot of {opens} was missed, and nobody knows when that was found"))
        }
        _ => None,
    }
}

/// What is wrong with the slots of an open observation as a whole: they overlap, or do not reach from now to the
/// end.
#[must_use]
pub fn wrong_with_all(observation: &Observation, slots: &[Filled], now: DateTime<Utc>) -> Option<String> {
    if slots.windows(2).any(|pair| pair[0].slot.closes_at > pair[1].slot.opens_at) {
        return Some("slots overlap".to_owned());
    }
    if observation.ended_at.is_some() {
        return None;
    }
    let to_come: Vec<&Slot> =
        slots.iter().map(|filled| &filled.slot).filter(|slot| slot.closes_at > now).collect();
    if to_come.windows(2).any(|pair| pair[0].closes_at != pair[1].opens_at) {
        return Some("there is a gap between slots to come".to_owned());
    }
    let is_over = observation.ends_at <= now;
    let covered = to_come.first().is_some_and(|first| first.opens_at <= now.max(observation.starts_at))
        && to_come.last().is_some_and(|last| last.closes_at >= observation.ends_at);
    (!is_over && !covered).then(|| "the slots do not reach from now to the end of the window".to_owned())
}

/// A change of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// When it came about.
    pub at: DateTime<Utc>,
    /// The end from then on.
    pub ends_at: DateTime<Utc>,
    /// How many readings there were a day from then on; nothing where that stayed as it was.
    pub slots_a_day: Option<i16>,
}

impl Change {
    /// Has an observation be as this change left it, who was as the one before had left it.
    pub fn apply(&self, observation: &mut Observation, zone: Tz) {
        if let Some(slots_a_day) = self.slots_a_day {
            observation.change_slots(slots_a_day, self.at.with_timezone(&zone).date_naive());
        }
        observation.end_at(self.ends_at, zone);
    }
}

/// An observation as it was when it was opened, before any of its changes.
#[must_use]
pub fn at_first(observation: &Observation, changes: &[Change]) -> Observation {
    // Whatever was opened before there were terms had the usual ones.
    let said = changes.first().and_then(|first| first.slots_a_day);
    let slots_a_day = said.unwrap_or(Terms::USUAL.slots_a_day);
    Observation { slots_a_day, slots_before: None, ..observation.clone() }
}

/// What is wrong with the slots of an observation that have elapsed by an instant: one is missing of those that each
/// change of the window has planned, in order.
#[must_use]
pub fn wrong_with_elapsed(
    observation: &Observation,
    slots: &[Filled],
    changes: &[Change],
    (now, zone): (DateTime<Utc>, Tz),
) -> Option<String> {
    let last = observation.ended_at.unwrap_or(now).min(now);
    let nexts = changes.iter().skip(1).map(|change| change.at.min(last)).chain([last]);
    let mut planned = at_first(observation, changes);
    for (change, next) in changes.iter().zip(nexts) {
        change.apply(&mut planned, zone);
        let mut elapsed = planned.slots(zone).into_iter().filter(|slot| slot.1 > change.at && slot.1 <= next);
        let is_there = |(opens_at, closes_at)| {
            let found = slots.binary_search_by_key(&opens_at, |filled| filled.slot.opens_at);
            found.is_ok_and(|nth| slots[nth].slot.closes_at == closes_at)
        };
        if let Some((opens_at, _)) = elapsed.find(|slot| !is_there(*slot)) {
            return Some(format!("the slot of {} is missing", opens_at.to_rfc3339()));
        }
    }
    None
}

/// What is wrong with a hand-down: `stands` is the unit where what was in a unit's hands stands today.
#[must_use]
pub fn wrong_with_handdown(
    handdown: &Handdown,
    stands: impl Fn(Uuid) -> Uuid,
    now: DateTime<Utc>,
) -> Option<String> {
    let has = if handdown.state <= handdowns::State::Sent { Some(handdown.from) } else { handdown.to };
    if handdown.state == handdowns::State::Closed {
        return handdown.next.is_none().then(|| "it is handed on, and nobody has the next hop".to_owned());
    }
    if has.map(&stands) != Some(stands(handdown.holder)) {
        return Some("the person is in neither side's hands".to_owned());
    }
    let waits = handdown.escalate_at.is_some_and(|at| at <= now - CLOSED_WITHIN);
    waits.then(|| format!("silence since {} is put before nobody", handdown.due_at.to_rfc3339()))
}

/// How long something may wait for being put before somebody.
pub const SEEN_WITHIN: TimeDelta = TimeDelta::minutes(5);

/// What a proof calls something that waits, of a kind as [`Kind`] numbers it.
#[must_use]
pub fn waits(kind: i16) -> Finding {
    match Kind::of(kind) {
        Some(Kind::ReferralUnanswered) => Finding::ReferralUnanswered,
        Some(Kind::ReleaseOverdue) => Finding::ReleaseOverdue,
        _ => Finding::TaskWaiting,
    }
}

/// How a release stands that nobody decides.
#[must_use]
pub fn is_overdue(observation: &Observation, now: DateTime<Utc>) -> bool {
    observation.state(now) == State::ReleaseDue && observation.due_at <= now - TimeDelta::days(1)
}
