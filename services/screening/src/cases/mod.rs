//! Cases decide here: what a case is, what may become of it, and by when what must be done about it.

pub mod api;
pub mod classify;
pub mod ops;
pub mod parse;
pub mod store;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use uuid::Uuid;

use crate::rules::RuleSet;

/// How long after being found a case must be reported (R5), and after that audited (R6).
const WITHIN: TimeDelta = TimeDelta::hours(2);
/// How long after the report it must be investigated (R9).
const INVESTIGATED_WITHIN: TimeDelta = TimeDelta::hours(24);

/// What a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum State {
    /// Looked at.
    Observed = 1,
    /// Suspected.
    Suspected = 2,
    /// Confirmed.
    Confirmed = 3,
    /// Positive without symptoms.
    Asymptomatic = 4,
    /// No case.
    Cleared = 5,
    /// Suspected, and excluded.
    Excluded = 6,
    /// Discharged.
    Discharged = 7,
    /// Followed up.
    FollowUpDone = 8,
    /// In hospital again.
    Readmitted = 9,
    /// Released.
    Released = 10,
    /// Died.
    Died = 11,
}

impl State {
    /// The state of a number of the database.
    #[must_use]
    pub fn of(number: i16) -> Option<Self> {
        let all = [
            Self::Observed,
            Self::Suspected,
            Self::Confirmed,
            Self::Asymptomatic,
            Self::Cleared,
            Self::Excluded,
            Self::Discharged,
            Self::FollowUpDone,
            Self::Readmitted,
            Self::Released,
            Self::Died,
        ];
        all.into_iter().find(|state| *state as i16 == number)
    }

    /// Whether the person is, or is thought to be, ill with it.
    #[must_use]
    pub fn is_ill(self) -> bool {
        matches!(self, Self::Suspected | Self::Confirmed | Self::Asymptomatic | Self::Readmitted)
    }

    /// Whether it is, or was, one of the classes that are reported (R5).
    #[must_use]
    pub fn is_reported(self) -> bool {
        !matches!(self, Self::Observed | Self::Cleared | Self::Excluded)
    }

    /// Whether a result that arrives now is late (R25).
    #[must_use]
    pub fn is_settled(self) -> bool {
        matches!(
            self,
            Self::Cleared
                | Self::Excluded
                | Self::Discharged
                | Self::FollowUpDone
                | Self::Released
                | Self::Died
        )
    }
}

/// What a decision asks for: numbers as the contract has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Condition {
    /// The links and signs of the edition (R1).
    SuspectedDefinition = 1,
    /// A positive result (R2): nobody decides otherwise.
    PositiveResult = 2,
    /// No sign (R4).
    NoSign = 3,
    /// Two consecutive negatives a day apart.
    TwoNegatives = 4,
    /// 14 days since the positive specimen (R4).
    FourteenDays = 5,
    /// The observation after discharge has ended (R16).
    FollowUpOver = 6,
}

/// What is done about a case: numbers as the contract has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Step {
    /// Reported (R5).
    Reported = 1,
    /// Audited (R6).
    Audited = 2,
    /// Investigated (R9).
    Investigated = 3,
    /// Isolated (R18).
    Isolated = 4,
    /// Treated (R18).
    Treated = 5,
}

impl Step {
    /// Every step.
    pub const ALL: [Self; 5] =
        [Self::Reported, Self::Audited, Self::Investigated, Self::Isolated, Self::Treated];

    /// The step of a number of the contract.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|step| *step as i32 == number)
    }
}

/// What befell a case: numbers as the contract has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Event {
    /// Opened.
    Opened = 1,
    /// More is known.
    Findings = 2,
    /// Decided forwards.
    Classified = 3,
    /// Decided backwards.
    Corrected = 4,
    /// A step was done.
    Marked = 5,
    /// The severity.
    Severity = 6,
    /// Another case of the same person was merged into it.
    Merged = 7,
}

/// A case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The id.
    pub id: Uuid,
    /// The person, as the unit has recorded them.
    pub person: Uuid,
    /// Whose hands.
    pub unit: Uuid,
    /// The first of those who are one person.
    pub one: Uuid,
    /// The case that this one was merged into; itself else.
    pub leads: Uuid,
    /// What it is.
    pub state: State,
    /// The links.
    pub links: Vec<i16>,
    /// The signs.
    pub signs: Vec<i16>,
    /// The day of onset.
    pub onset_on: Option<NaiveDate>,
    /// The day of the first positive specimen.
    pub sampled_on: Option<NaiveDate>,
    /// How severe, as the contract numbers it.
    pub severity: i16,
    /// Where it resided when it was found.
    pub counted_unit: Option<Uuid>,
    /// When it was found to be suspected, confirmed or asymptomatic.
    pub found_at: Option<DateTime<Utc>>,
    /// When it was confirmed.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// Whether it is a new case of the day of its confirmation (R4).
    pub is_new: bool,
    /// When it was discharged.
    pub discharged_at: Option<DateTime<Utc>>,
    /// When the person died.
    pub died_at: Option<DateTime<Utc>>,
    /// The result that the class refers to.
    pub result: Option<Uuid>,
    /// When each step was done, in the order of [`Step::ALL`].
    pub done: [Option<DateTime<Utc>>; 5],
    /// The rules that the last decision was made by.
    pub rules: RuleSet,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// Counts the changes.
    pub version: i64,
}

impl Case {
    /// A case of nobody that is looked at since an instant.
    #[must_use]
    pub fn blank(id: Uuid, at: DateTime<Utc>) -> Self {
        Self {
            id,
            person: Uuid::nil(),
            unit: Uuid::nil(),
            one: Uuid::nil(),
            leads: id,
            state: State::Observed,
            links: Vec::new(),
            signs: Vec::new(),
            onset_on: None,
            sampled_on: None,
            severity: 0,
            counted_unit: None,
            found_at: None,
            confirmed_at: None,
            is_new: false,
            discharged_at: None,
            died_at: None,
            result: None,
            done: [None; 5],
            rules: RuleSet::on(at.date_naive()),
            created_at: at,
            version: 1,
        }
    }

    /// When a step was done.
    #[must_use]
    pub fn done(&self, step: Step) -> Option<DateTime<Utc>> {
        self.done[step as usize - 1]
    }

    /// By when a step must be done (R5, R6, R9); nothing where it has no clock, or the case none any more.
    #[must_use]
    pub fn deadline(&self, step: Step) -> Option<DateTime<Utc>> {
        if !self.state.is_reported() {
            return None;
        }
        match step {
            Step::Reported => self.found_at.map(|found| found + WITHIN),
            Step::Audited => self.done(Step::Reported).map(|reported| reported + WITHIN),
            Step::Investigated => self.done(Step::Reported).map(|reported| reported + INVESTIGATED_WITHIN),
            Step::Isolated | Step::Treated => None,
        }
    }

    /// By when the next step must be done.
    #[must_use]
    pub fn due_at(&self) -> Option<DateTime<Utc>> {
        let waiting = Step::ALL.into_iter().filter(|step| self.done(*step).is_none());
        waiting.filter_map(|step| self.deadline(step)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r5_r6_r9_the_clocks_follow_one_another() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
        let mut case = Case::blank(Uuid::nil(), at("2020-02-03T00:00:00Z"));
        assert_eq!(case.due_at(), None, "looked at");
        (case.state, case.found_at) = (State::Suspected, Some(at("2020-02-03T01:00:00Z")));
        assert_eq!(case.due_at(), Some(at("2020-02-03T03:00:00Z")));
        case.done[0] = Some(at("2020-02-03T02:00:00Z"));
        assert_eq!(case.due_at(), Some(at("2020-02-03T04:00:00Z")), "the audit");
        case.done[1] = Some(at("2020-02-03T05:00:00Z"));
        assert_eq!(case.due_at(), Some(at("2020-02-04T02:00:00Z")), "the investigation");
        case.state = State::Excluded;
        assert_eq!(case.due_at(), None);
    }
}
