//! Forms decide here: what is asked, by when, and what makes a zero.

pub mod api;
pub mod balance;
pub mod ops;
pub mod parse;
pub mod schedule;
pub mod store;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use balance::Rule;
use schedule::Schedule;

/// The greatest figure there can be.
pub const LARGEST: i64 = 1_000_000_000;

/// Figures by column: what is absent was not stated.
pub type Figures = Vec<Option<i64>>;

/// A text for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// How a figure behaves (D8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What happened in the window: sums over units, slots and days.
    Flow,
    /// What there is at the cut-off: of a silent unit it is unknown.
    Stock,
}

/// What the public template shows of a field (P5, P7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Publication {
    /// Nothing.
    Internal,
    /// Values, but no small ones.
    Masked {
        /// Values from 1 up to, not including, this one are masked.
        below: i32,
    },
    /// Everything.
    Full,
}

/// One figure that a form asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its key.
    pub key: String,
    /// Its place in every array of figures.
    pub column: usize,
    /// What people call it.
    pub label: Label,
    /// How it behaves.
    pub kind: Kind,
    /// Whether a report with figures must state it.
    pub required: bool,
    /// The least value.
    pub least: i64,
    /// The greatest value.
    pub greatest: i64,
    /// Whether it is zero in a zero report.
    pub counts_towards_zero: bool,
    /// Whether it has a cumulative figure.
    pub cumulative: bool,
    /// What the public sees.
    pub publication: Publication,
    /// By which the registers fill it (D7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indicator: Option<String>,
}

/// What one version of a form says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// What people call the form.
    pub label: Label,
    /// The words of the offices that may submit, correct and sign; all where empty.
    pub submitting_offices: Vec<String>,
    /// The level at which units sign off.
    pub sign_off_level: Option<i16>,
    /// What is asked.
    pub fields: Vec<Field>,
    /// What should hold.
    pub rules: Vec<Rule>,
    /// When it is due.
    pub schedule: Schedule,
    /// What people should know.
    pub note: Label,
}

/// A form in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The id.
    pub id: Uuid,
    /// The short name.
    pub key: String,
    /// Who issues it and seals its days.
    pub owner: Uuid,
    /// The level at which units report.
    pub level: i16,
    /// The fields of all versions, by column.
    pub columns: Vec<String>,
    /// The date at whose end opening balances hold.
    pub balance_as_of: Option<NaiveDate>,
    /// The version.
    pub version: i32,
    /// Its first business date.
    pub start: NaiveDate,
    /// The first business date on which the form is no longer asked for.
    pub end: Option<NaiveDate>,
    /// What it says.
    pub definition: Definition,
    /// When the form was first recorded.
    pub created_at: chrono::DateTime<chrono::Utc>,
    /// When this version was recorded.
    pub recorded_at: chrono::DateTime<chrono::Utc>,
}

impl Form {
    /// Whether the form is asked for on a date in this version.
    #[must_use]
    pub fn is_asked_on(&self, date: NaiveDate) -> bool {
        self.start <= date && self.end.is_none_or(|end| date < end)
    }

    /// The field of a key.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&Field> {
        self.definition.fields.iter().find(|field| field.key == key)
    }

    /// The fields that the registers fill, each with its indicator.
    pub fn registered(&self) -> impl Iterator<Item = &Field> {
        self.definition.fields.iter().filter(|field| field.indicator.is_some())
    }

    /// Whether any field has a cumulative figure.
    #[must_use]
    pub fn has_cumulative(&self) -> bool {
        self.definition.fields.iter().any(|field| field.cumulative)
    }

    /// The figures of a zero report: the fields that count towards zero are, the others are not stated.
    #[must_use]
    pub fn zero(&self) -> Figures {
        let mut figures = vec![None; self.columns.len()];
        for field in self.definition.fields.iter().filter(|field| field.counts_towards_zero) {
            figures[field.column] = Some(0);
        }
        figures
    }

    /// Whether figures say zero: every field that counts towards zero is stated and is zero (D1).
    #[must_use]
    pub fn says_zero(&self, figures: &Figures) -> bool {
        let mut counting = self.definition.fields.iter().filter(|field| field.counts_towards_zero);
        counting.clone().next().is_some() && counting.all(|field| value(figures, field.column) == Some(0))
    }
}

/// The figure of a column; nothing where it was not stated, or the column came later.
#[must_use]
pub fn value(figures: &[Option<i64>], column: usize) -> Option<i64> {
    figures.get(column).copied().flatten()
}
