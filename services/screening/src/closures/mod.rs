//! Closings of an epidemic decide here (P3): who approves them, how far they are, and what they came to.

pub mod api;
pub mod closing;
pub mod ops;
pub mod parse;
pub mod store;

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::erasures::{Held, Hold};

/// What seeing closings needs.
pub const READ: &str = "closures.read";
/// What proposing one needs.
pub const PROPOSE: &str = "closures.propose";
/// What approving or cancelling one needs.
pub const APPROVE: &str = "closures.approve";
/// How many must approve.
pub const APPROVALS: usize = 2;
/// How many kinds of hold there are.
pub const HOLDS: usize = Hold::Task as usize;

/// How far a closing is: numbers as the contract has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum State {
    /// Fewer than two have approved it.
    Proposed = 1,
    /// Whoever nothing holds is erased.
    Erasing = 2,
    /// Nobody is left but whom the law keeps.
    Closed = 3,
    /// Cancelled.
    Cancelled = 4,
}

impl State {
    /// The word of the contract.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Proposed => "PROPOSED",
            Self::Erasing => "ERASING",
            Self::Closed => "CLOSED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// How much, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Persons: records.
    pub persons: i64,
    /// Marks by which they are found.
    pub marks: i64,
    /// What units said.
    pub findings: i64,
    /// What checkpoints saw.
    pub sources: i64,
    /// Exposures with texts.
    pub exposures: i64,
}

impl Counts {
    /// In the order in which they are kept.
    #[must_use]
    pub fn list(self) -> Vec<i64> {
        vec![self.persons, self.marks, self.findings, self.sources, self.exposures]
    }

    /// Of what is kept.
    #[must_use]
    pub fn of(list: &[i64]) -> Self {
        let at = |nth: usize| list.get(nth).copied().unwrap_or_default();
        Self { persons: at(0), marks: at(1), findings: at(2), sources: at(3), exposures: at(4) }
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.persons += other.persons;
        self.marks += other.marks;
        self.findings += other.findings;
        self.sources += other.sources;
        self.exposures += other.exposures;
    }
}

/// How many persons each kind of hold holds, the first kind first.
pub type Holding = [i64; HOLDS];

/// Adds some persons, each with the first of those who are one, to how many are held by what.
pub fn count_held(holding: &mut Holding, persons: &[(Uuid, Uuid)], held: &BTreeMap<Uuid, Vec<Held>>) {
    for (_, one) in persons {
        let kinds: BTreeSet<Hold> = held.get(one).into_iter().flatten().map(|held| held.hold).collect();
        for kind in kinds {
            holding[kind as usize - 1] += 1;
        }
    }
}

/// Whether persons are kept by law, by what holds them: for ever, whatever else ends.
#[must_use]
pub fn is_kept(held: &[Held]) -> bool {
    held.iter().any(|held| held.hold == Hold::Case)
}

/// What a closing came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// When nobody was left but whom the law keeps.
    pub closed_at: DateTime<Utc>,
    /// What was erased.
    pub erased: Counts,
    /// How many persons are kept by law.
    pub kept: i64,
    /// The digest of who was erased, in order.
    pub digest: Vec<u8>,
}

/// A closing of the epidemic in an area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closure {
    /// The id.
    pub id: Uuid,
    /// A county, or what stands above.
    pub area: Uuid,
    /// Why.
    pub reason: String,
    /// Who proposed it.
    pub proposed_by: String,
    /// When.
    pub proposed_at: DateTime<Utc>,
    /// What would have been erased then.
    pub would_erase: Counts,
    /// How many would have been held then.
    pub would_hold: Vec<i64>,
    /// Who has approved it, and when.
    pub approvals: Vec<(String, DateTime<Utc>)>,
    /// How many persons there were at the second approval.
    pub covered: Option<i64>,
    /// How many were held when they were looked at last.
    pub held: Vec<i64>,
    /// When it was cancelled, by whom and why.
    pub cancelled: Option<(DateTime<Utc>, String, String)>,
    /// What it came to.
    pub certificate: Option<Certificate>,
}

/// Why an approval is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No such step leads from how it stands.
    State,
    /// The same one has proposed or approved it.
    Approver,
}

impl Closure {
    /// How far it is.
    #[must_use]
    pub fn state(&self) -> State {
        match self {
            Self { cancelled: Some(_), .. } => State::Cancelled,
            Self { certificate: Some(_), .. } => State::Closed,
            Self { approvals, .. } if approvals.len() >= APPROVALS => State::Erasing,
            _ => State::Proposed,
        }
    }

    /// When the last who must has approved it.
    #[must_use]
    pub fn approved_at(&self) -> Option<DateTime<Utc>> {
        self.approvals.get(APPROVALS - 1).map(|(_, at)| *at)
    }

    /// Whether somebody may approve it now: two who are neither the one who proposed it nor each other.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn may_approve(&self, subject: &str) -> Result<(), Refusal> {
        let is_new = self.proposed_by != subject && self.approvals.iter().all(|(by, _)| by != subject);
        match self.state() {
            State::Proposed if is_new => Ok(()),
            State::Proposed => Err(Refusal::Approver),
            _ => Err(Refusal::State),
        }
    }

    /// Whether it may be cancelled now.
    ///
    /// # Errors
    /// [`Refusal::State`] of one that has ended.
    pub fn may_cancel(&self) -> Result<(), Refusal> {
        match self.state() {
            State::Proposed | State::Erasing => Ok(()),
            State::Closed | State::Cancelled => Err(Refusal::State),
        }
    }
}

/// The digest of who was erased: over their names, each followed by a line feed, in order.
#[must_use]
pub fn digest_of(names: impl Iterator<Item = String>) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA256);
    for name in names {
        context.update(name.as_bytes());
        context.update(b"\n");
    }
    context.finish().as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closure(approved_by: &[&str]) -> Closure {
        Closure {
            id: Uuid::nil(),
            area: Uuid::nil(),
            reason: String::new(),
            proposed_by: "one".to_owned(),
            proposed_at: DateTime::default(),
            would_erase: Counts::default(),
            would_hold: Vec::new(),
            approvals: approved_by.iter().map(|by| ((*by).to_owned(), DateTime::default())).collect(),
            covered: None,
            held: Vec::new(),
            cancelled: None,
            certificate: None,
        }
    }

    #[test]
    fn p3_two_approve_who_are_neither_the_one_who_proposed_nor_each_other() {
        assert_eq!(closure(&[]).may_approve("one"), Err(Refusal::Approver));
        assert_eq!(closure(&[]).may_approve("two"), Ok(()));
        assert_eq!(closure(&["two"]).may_approve("two"), Err(Refusal::Approver));
        assert_eq!(closure(&["two"]).may_approve("three"), Ok(()));
        assert_eq!(closure(&["two"]).state(), State::Proposed);
        let both = closure(&["two", "three"]);
        assert_eq!((both.state(), both.may_approve("four")), (State::Erasing, Err(Refusal::State)));
        assert_eq!(both.may_cancel(), Ok(()), "what is left may be kept");
        let cancelled = Some((DateTime::default(), String::new(), String::new()));
        let cancelled = Closure { cancelled, ..both };
        assert_eq!((cancelled.state(), cancelled.may_cancel()), (State::Cancelled, Err(Refusal::State)));
    }

    #[test]
    fn p3_a_certificate_can_be_made_again_with_any_sha256() {
        let names = ["persons/1", "persons/2"].map(str::to_owned);
        // printf 'persons/1\npersons/2\n' | sha256sum
        let known = "29bf4badb5596a489940ec427ea8c8e0b305c09bb595faaa16b306ec99e28964";
        assert_eq!(chassis::parse::hex(&digest_of(names.into_iter())), known);
    }

    #[test]
    fn whom_several_things_hold_counts_for_each_and_each_record_once() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let held = |hold| Held { hold, person: one, unit: one };
        let holds = BTreeMap::from([(one, vec![held(Hold::Case), held(Hold::Task), held(Hold::Task)])]);
        let mut holding = Holding::default();
        count_held(
            &mut holding,
            &[(one, one), (other, one), (Uuid::from_u128(3), Uuid::from_u128(3))],
            &holds,
        );
        assert_eq!(holding, [0, 2, 0, 0, 0, 0, 0, 0, 2]);
        assert!(is_kept(&holds[&one]) && !is_kept(&[held(Hold::Task)]));
    }
}
