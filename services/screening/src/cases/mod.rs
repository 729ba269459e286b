//! Cases decide here: what a case is, what may become of it, and by when what must be done about it.

pub mod api;
pub mod classify;
pub mod clocks;
pub mod deciding;
pub mod figures;
pub mod ops;
pub mod parse;
pub mod store;

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::rules::RuleSet;

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
    /// The temperature has been normal for more than three days (R15).
    TemperatureNormal = 7,
    /// The respiratory signs are better (R15).
    RespiratoryBetter = 8,
    /// The imaging is better (R15).
    ImagingBetter = 9,
}

/// What the ward states for a discharge (R15).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statements {
    /// Since when the temperature has been normal.
    pub temperature_normal_since: Option<DateTime<Utc>>,
    /// When the respiratory signs were found better.
    pub respiratory_better_at: Option<DateTime<Utc>>,
    /// When the imaging was taken that shows it better.
    pub imaging_better_at: Option<DateTime<Utc>>,
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
    /// Confirmed or excluded: by a classification, never said by itself (R1, R14).
    Decided = 6,
}

impl Step {
    /// Every step that is said to be done.
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
    /// Another case of the same person was merged into it (R24).
    Merged = 7,
    /// Counted elsewhere: a correction (R23).
    Recounted = 8,
    /// Merged into another case of the same person (R24).
    MergedInto = 9,
}

impl Event {
    /// The event of a number of the database.
    #[must_use]
    pub fn of(number: i16) -> Option<Self> {
        let all = [
            Self::Opened,
            Self::Findings,
            Self::Classified,
            Self::Corrected,
            Self::Marked,
            Self::Severity,
            Self::Merged,
            Self::Recounted,
            Self::MergedInto,
        ];
        all.into_iter().find(|event| *event as i16 == number)
    }
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
    /// When it was found to be of each class, in the order of [`clocks::CLASSES`]; confirmed stays said after discharge.
    pub found: [Option<DateTime<Utc>>; 3],
    /// The result that the class refers to.
    pub result: Option<Uuid>,
    /// When it was reported (R5): once for each class that it was found to be.
    pub reports: Vec<DateTime<Utc>>,
    /// When that was audited (R6).
    pub audits: Vec<DateTime<Utc>>,
    /// When it was investigated (R9).
    pub investigated_at: Option<DateTime<Utc>>,
    /// When the person was isolated (R18).
    pub isolated_at: Option<DateTime<Utc>>,
    /// When the person was treated (R18).
    pub treated_at: Option<DateTime<Utc>>,
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
            found: [None; 3],
            result: None,
            reports: Vec::new(),
            audits: Vec::new(),
            investigated_at: None,
            isolated_at: None,
            treated_at: None,
            rules: RuleSet::on(at.date_naive()),
            created_at: at,
            version: 1,
        }
    }
}
