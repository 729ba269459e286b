//! Forms of the contract, checked: every violation of every field and rule at once.

mod schedule;
mod shown;

use chassis::{Fault, Violations, parse};
use chrono::{DateTime, NaiveDate, Utc};
use jurisdiction::Office;
use proto::reporting as pb;
use uuid::Uuid;

use super::{
    Definition, Field, Form, Kind, LARGEST, Label, Publication,
    balance::{Balance, Rule, Term},
    schedule::Schedule,
};
use crate::registers;

pub use jurisdiction::{UNITS, unit_name};
pub use schedule::schedule;
pub use shown::kind_number;

/// The collection of form names.
pub const COLLECTION: &str = "forms";
/// The name of a form.
#[must_use]
pub fn form_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// What is said of a form that is to be made.
#[derive(Debug)]
pub struct New {
    /// The short name.
    pub key: String,
    /// The owner; the root where none.
    pub owner: Option<Uuid>,
    /// The level at which units report.
    pub level: i16,
    /// The first business date; today where none.
    pub start: Option<NaiveDate>,
    /// The first business date on which it is no longer asked for.
    pub end: Option<NaiveDate>,
    /// What it says; columns as they stand in the form.
    pub definition: Definition,
}

impl New {
    /// The first version of the form, of an owner; from today on where no date is said.
    #[must_use]
    pub fn form(self, owner: Uuid, today: NaiveDate, now: DateTime<Utc>) -> Form {
        Form {
            id: Uuid::now_v7(),
            key: self.key,
            owner,
            level: self.level,
            columns: self.definition.fields.iter().map(|field| field.key.clone()).collect(),
            balance_as_of: None,
            version: 1,
            start: self.start.unwrap_or(today),
            end: self.end,
            definition: self.definition,
            created_at: now,
            recorded_at: now,
        }
    }
}

/// Checks a form that is to be made.
///
/// # Errors
/// [`Fault::Invalid`] with everything that is wrong.
pub fn create(form: Option<&pb::Form>) -> Result<New, Fault> {
    let form = form.ok_or_else(|| Fault::invalid("form", "is required"))?;
    let mut wrong = Violations::default();
    let key = wrong.keep("key", slug(&form.key, 32));
    let owner = wrong.optional_name("owner_unit", UNITS, &form.owner_unit);
    let level = wrong.keep("level", level(form.level));
    let start = wrong.keep("start_date", parse::optional_date(&form.start_date)).flatten();
    let end = wrong.keep("end_date", parse::optional_date(&form.end_date)).flatten();
    if end.zip(start).is_some_and(|(end, start)| end <= start) {
        wrong.add("end_date", "must be after start_date");
    }
    let definition = definition(&mut wrong, form);
    match (key, level) {
        (Some(key), Some(level)) if wrong.is_empty() => Ok(New { key, owner, level, start, end, definition }),
        _ => Err(wrong.under("form")),
    }
}

/// What an update may change.
pub const CHANGEABLE: &[&str] = &[
    "label",
    "end_date",
    "submitting_offices",
    "sign_off_level",
    "fields",
    "balance_rules",
    "schedule",
    "note",
];

/// The form with the fields of a mask taken from a message, checked as a whole.
///
/// # Errors
/// [`Fault::Invalid`] with everything that is wrong.
pub fn changed(
    mut present: pb::Form,
    new: &pb::Form,
    asks: impl Fn(&str) -> bool,
) -> Result<(Definition, Option<NaiveDate>), Fault> {
    let new = new.clone();
    if asks("label") {
        present.label = new.label;
    }
    if asks("end_date") {
        present.end_date = new.end_date;
    }
    if asks("submitting_offices") {
        present.submitting_offices = new.submitting_offices;
    }
    if asks("sign_off_level") {
        present.sign_off_level = new.sign_off_level;
    }
    if asks("fields") {
        present.fields = new.fields;
    }
    if asks("balance_rules") {
        present.balance_rules = new.balance_rules;
    }
    if asks("schedule") {
        present.schedule = new.schedule;
    }
    if asks("note") {
        present.note = new.note;
    }
    let mut wrong = Violations::default();
    let end = wrong.keep("end_date", parse::optional_date(&present.end_date)).flatten();
    let definition = definition(&mut wrong, &present);
    if wrong.is_empty() { Ok((definition, end)) } else { Err(wrong.under("form")) }
}

fn definition(wrong: &mut Violations, form: &pb::Form) -> Definition {
    let label = label(wrong, "label", form.label.as_ref());
    let offices =
        form.submitting_offices.iter().enumerate().filter_map(|(at, office)| {
            wrong.keep(&format!("submitting_offices[{at}]"), office_word(*office))
        });
    let submitting_offices = offices.collect();
    let sign_off_level = Some(form.sign_off_level).filter(|asked| *asked != 0);
    let sign_off_level = wrong.keep("sign_off_level", sign_off_level.map(level).transpose()).flatten();
    if sign_off_level.is_some_and(|sign_off| i32::from(sign_off) > form.level) {
        wrong.add("sign_off_level", "must not be below the level at which units report");
    }
    let fields = fields(wrong, &form.fields);
    let rules = rules(wrong, &form.balance_rules, &fields);
    let schedule = match &form.schedule {
        Some(asked) => self::schedule(wrong, "schedule", asked),
        None => {
            wrong.add("schedule", "is required");
            None
        }
    };
    let note = form.note.clone().unwrap_or_default();
    wrong.optional_text("note.zh", &note.zh, 1_000);
    wrong.optional_text("note.en", &note.en, 1_000);
    Definition {
        label,
        submitting_offices,
        sign_off_level,
        fields,
        rules,
        schedule: schedule.unwrap_or(Schedule {
            window_start: 0,
            window_end: 0,
            cut_off: 0,
            slots: vec![],
            seal: None,
        }),
        note: Label { zh: note.zh, en: note.en },
    }
}

fn fields(wrong: &mut Violations, asked: &[pb::Field]) -> Vec<Field> {
    if asked.is_empty() || asked.len() > 64 {
        wrong.add("fields", format!("must be 1 to 64, are {}", asked.len()));
    }
    let mut fields: Vec<Field> = Vec::with_capacity(asked.len());
    for (at, field) in asked.iter().enumerate() {
        let mut inner = Violations::default();
        let key = inner.keep("key", identifier(&field.key)).unwrap_or_default();
        if fields.iter().any(|other| other.key == key) {
            inner.add("key", "must be unique in the form");
        }
        if key == "cum" {
            inner.add("key", "must not be cum");
        }
        let label = label(&mut inner, "label", field.label.as_ref());
        let kind = match field.kind() {
            pb::FieldKind::Flow => Kind::Flow,
            pb::FieldKind::Stock => Kind::Stock,
            pb::FieldKind::Unspecified => {
                inner.add("kind", "is required: FIELD_KIND_FLOW or FIELD_KIND_STOCK");
                Kind::Flow
            }
        };
        let (least, greatest) = (field.min_value.unwrap_or(0), field.max_value.unwrap_or(LARGEST));
        if least < 0 || greatest > LARGEST || least > greatest {
            inner.add("max_value", format!("0 <= min_value <= max_value <= {LARGEST} must hold"));
        }
        if field.cumulative && kind == Kind::Stock {
            inner.add("cumulative", "is for flows only: a stock is what there is");
        }
        let below = field.mask_below.unwrap_or(5);
        let publication = match field.publication() {
            pb::Publication::Masked => Publication::Masked { below },
            pb::Publication::Full => Publication::Full,
            pb::Publication::Internal | pb::Publication::Unspecified => Publication::Internal,
        };
        if !(2..=100).contains(&below) {
            inner.add("mask_below", "must be 2 to 100");
        }
        if field.counts_towards_zero && least > 0 {
            inner.add("counts_towards_zero", "cannot be where the least value is above zero");
        }
        let indicator = Some(field.indicator.clone()).filter(|word| !word.is_empty());
        inner.keep(
            "indicator",
            indicator.as_deref().map_or(Ok(()), |word| registers::parse::fits(kind, word)),
        );
        wrong.nest(&format!("fields[{at}]"), inner);
        fields.push(Field {
            key,
            column: at,
            label,
            kind,
            required: field.required,
            least,
            greatest,
            counts_towards_zero: field.counts_towards_zero,
            cumulative: field.cumulative,
            publication,
            indicator,
        });
    }
    fields
}

fn rules(wrong: &mut Violations, asked: &[pb::BalanceRule], fields: &[Field]) -> Vec<Rule> {
    if asked.len() > 32 {
        wrong.add("balance_rules", "must be at most 32");
    }
    let mut rules: Vec<Rule> = Vec::with_capacity(asked.len());
    for (at, rule) in asked.iter().enumerate() {
        let mut inner = Violations::default();
        let key = inner.keep("key", identifier(&rule.key)).unwrap_or_default();
        if rules.iter().any(|other| other.key == key) {
            inner.add("key", "must be unique in the form");
        }
        let label = label(&mut inner, "label", rule.label.as_ref());
        let length = rule.expression.chars().count();
        if !(3..=300).contains(&length) {
            inner.add("expression", "must have 3 to 300 characters");
        }
        if let Some(balance) = inner.keep("expression", Balance::parse(&rule.expression)) {
            for term in balance.terms() {
                let unknown = match term {
                    Term::Number(_) => None,
                    Term::Field(key) => (!fields.iter().any(|field| field.key == *key)).then_some(key),
                    Term::Cumulative(key) => {
                        (!fields.iter().any(|field| field.key == *key && field.cumulative)).then_some(key)
                    }
                };
                if let Some(key) = unknown {
                    inner.add("expression", format!("{} is no such field", parse::quoted(key)));
                }
            }
        }
        wrong.nest(&format!("balance_rules[{at}]"), inner);
        rules.push(Rule { key, label, expression: rule.expression.clone() });
    }
    rules
}

fn label(wrong: &mut Violations, path: &str, label: Option<&pb::Label>) -> Label {
    let label = label.cloned().unwrap_or_default();
    wrong.text(&format!("{path}.zh"), &label.zh, 100);
    wrong.text(&format!("{path}.en"), &label.en, 100);
    Label { zh: label.zh, en: label.en }
}

fn slug(value: &str, longest: usize) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    parse::symbol(value, longest, "[a-z0-9-]", allowed).map(str::to_owned)
}

fn identifier(value: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !value.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Err(format!("must begin with a letter a to z, is {}", parse::quoted(value)));
    }
    parse::symbol(value, 32, "[a-z0-9_]", allowed).map(str::to_owned)
}

/// A level of the contract.
///
/// # Errors
/// What it must be.
pub fn level(number: i32) -> Result<i16, String> {
    i16::try_from(number)
        .ok()
        .filter(|level| (1..=6).contains(level))
        .ok_or_else(|| "is required: a Level".to_owned())
}

fn office_word(number: i32) -> Result<String, String> {
    Office::of_contract(number)
        .map(|office| office.word().to_owned())
        .ok_or_else(|| "is no office".to_owned())
}

/// The number that the contract has for the office of a word.
#[must_use]
pub fn office_number(word: &str) -> i32 {
    Office::of_word(word).map_or(0, |office| office.contract().into())
}
