//! Forms of the contract, checked: every violation of every field and rule at once.

use chassis::{Fault, Violations, parse, parse::etag};
use chrono::NaiveDate;
use jurisdiction::Office;
use proto::reporting as pb;
use uuid::Uuid;

use super::{
    Definition, Field, Form, Kind, LARGEST, Label, Publication,
    balance::{Balance, Rule, Term},
    schedule::{Schedule, Slot},
};
use crate::registers;

/// The collection of form names.
pub const COLLECTION: &str = "forms";
/// The collection of unit names.
pub const UNITS: &str = "units";

/// The name of a form.
#[must_use]
pub fn form_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// The name of a unit.
#[must_use]
pub fn unit_name(id: Uuid) -> String {
    format!("{UNITS}/{id}")
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

/// Checks a form that is to be made.
///
/// # Errors
/// [`Fault::Invalid`] with everything that is wrong.
pub fn create(form: Option<&pb::Form>) -> Result<New, Fault> {
    let form = form.ok_or_else(|| Fault::invalid("form", "is required"))?;
    let mut wrong = Violations::default();
    let key = wrong.keep("key", slug(&form.key, 32));
    let owner = wrong.keep("owner_unit", parse::optional_name(UNITS, &form.owner_unit)).flatten();
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
    for (path, text) in [("note.zh", &note.zh), ("note.en", &note.en)] {
        if !text.is_empty() {
            wrong.keep(path, parse::text(text, 1_000).map(drop));
        }
    }
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

/// Checks a schedule under a path.
pub fn schedule(wrong: &mut Violations, path: &str, asked: &pb::Schedule) -> Option<Schedule> {
    let mut inner = Violations::default();
    let minutes = -2_880..=7_200;
    let minute = |inner: &mut Violations, path: &str, value: i32| {
        if !minutes.contains(&value) {
            inner.add(path, "must be a minute from -2880 to 7200");
        }
    };
    minute(&mut inner, "window_start_minutes", asked.window_start_minutes);
    minute(&mut inner, "window_end_minutes", asked.window_end_minutes);
    if asked.window_end_minutes <= asked.window_start_minutes {
        inner.add("window_end_minutes", "must be after the start");
    }
    if asked.slots.is_empty() || asked.slots.len() > 24 {
        inner.add("slots", format!("must be 1 to 24, are {}", asked.slots.len()));
    }
    let mut slots: Vec<Slot> = Vec::with_capacity(asked.slots.len());
    for (at, slot) in asked.slots.iter().enumerate() {
        let mut own = Violations::default();
        let many = asked.slots.len() > 1;
        if many || !slot.key.is_empty() {
            own.keep("key", slug(&slot.key, 16).map(drop));
        }
        if slots.iter().any(|other| other.key == slot.key) {
            own.add("key", "must be unique in the schedule");
        }
        let label = if many || slot.label.is_some() {
            self::label(&mut own, "label", slot.label.as_ref())
        } else {
            Label::default()
        };
        if many && (slot.window_start_minutes.is_none() || slot.window_end_minutes.is_none()) {
            own.add("window_start_minutes", "and window_end_minutes are required of several slots");
        }
        let window_start = slot.window_start_minutes.unwrap_or(asked.window_start_minutes);
        let window_end = slot.window_end_minutes.unwrap_or(asked.window_end_minutes);
        if window_start >= window_end
            || window_start < asked.window_start_minutes
            || window_end > asked.window_end_minutes
        {
            own.add(
                "window_end_minutes",
                "the slot's window must lie within the form's, its end after its start",
            );
        }
        if slots.iter().any(|other| other.window_start < window_end && window_start < other.window_end) {
            own.add("window_start_minutes", "the windows of slots must not overlap");
        }
        for (path, value) in
            [("deadline_minutes", slot.deadline_minutes), ("hard_close_minutes", slot.hard_close_minutes)]
        {
            minute(&mut own, path, value);
        }
        if !(0..=1_440).contains(&slot.grace_minutes) {
            own.add("grace_minutes", "must be 0 to 1440");
        }
        if slot.hard_close_minutes < slot.deadline_minutes.saturating_add(slot.grace_minutes) {
            own.add("hard_close_minutes", "must not be before deadline and grace");
        }
        if slots.last().is_some_and(|last| slot.deadline_minutes < last.deadline) {
            own.add("deadline_minutes", "slots stand in the order of their deadlines");
        }
        if slot.reminder_minutes.len() > 8 || slot.reminder_minutes.iter().any(|m| !(1..=1_440).contains(m)) {
            own.add("reminder_minutes", "must be at most 8, each 1 to 1440");
        }
        inner.nest(&format!("slots[{at}]"), own);
        let mut reminders = slot.reminder_minutes.clone();
        reminders.sort_unstable_by(|a, b| b.cmp(a));
        slots.push(Slot {
            key: slot.key.clone(),
            label,
            window_start,
            window_end,
            deadline: slot.deadline_minutes,
            grace: slot.grace_minutes,
            hard_close: slot.hard_close_minutes,
            reminders,
        });
    }
    if let Some(seal) = asked.seal_minutes {
        minute(&mut inner, "seal_minutes", seal);
        if slots.iter().any(|slot| slot.hard_close > seal) {
            inner.add("seal_minutes", "must not be before the last hard close");
        }
    }
    let good = inner.is_empty();
    wrong.nest(path, inner);
    good.then(|| Schedule {
        window_start: asked.window_start_minutes,
        window_end: asked.window_end_minutes,
        cut_off: asked.cut_off_minutes.unwrap_or(asked.window_end_minutes),
        slots,
        seal: asked.seal_minutes,
    })
}

fn label(wrong: &mut Violations, path: &str, label: Option<&pb::Label>) -> Label {
    let label = label.cloned().unwrap_or_default();
    wrong.keep(&format!("{path}.zh"), parse::text(&label.zh, 100).map(drop));
    wrong.keep(&format!("{path}.en"), parse::text(&label.en, 100).map(drop));
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

impl From<Label> for pb::Label {
    fn from(label: Label) -> Self {
        Self { zh: label.zh, en: label.en }
    }
}

impl From<Schedule> for pb::Schedule {
    fn from(schedule: Schedule) -> Self {
        let slots = schedule.slots.into_iter().map(|slot| pb::Slot {
            key: slot.key,
            label: Some(slot.label).filter(|label| !label.zh.is_empty()).map(Into::into),
            window_start_minutes: Some(slot.window_start),
            window_end_minutes: Some(slot.window_end),
            deadline_minutes: slot.deadline,
            grace_minutes: slot.grace,
            hard_close_minutes: slot.hard_close,
            reminder_minutes: slot.reminders,
        });
        Self {
            window_start_minutes: schedule.window_start,
            window_end_minutes: schedule.window_end,
            cut_off_minutes: Some(schedule.cut_off),
            slots: slots.collect(),
            seal_minutes: schedule.seal,
        }
    }
}

/// The number that the contract has for a kind.
#[must_use]
pub fn kind_number(kind: Kind) -> i32 {
    match kind {
        Kind::Flow => pb::FieldKind::Flow.into(),
        Kind::Stock => pb::FieldKind::Stock.into(),
    }
}

impl From<Form> for pb::Form {
    fn from(form: Form) -> Self {
        let definition = form.definition;
        let fields = definition.fields.into_iter().map(|field| {
            let (publication, mask_below) = match field.publication {
                Publication::Internal => (pb::Publication::Internal, None),
                Publication::Masked { below } => (pb::Publication::Masked, Some(below)),
                Publication::Full => (pb::Publication::Full, None),
            };
            pb::Field {
                key: field.key,
                label: Some(field.label.into()),
                kind: kind_number(field.kind),
                required: field.required,
                min_value: Some(field.least),
                max_value: Some(field.greatest),
                counts_towards_zero: field.counts_towards_zero,
                cumulative: field.cumulative,
                publication: publication.into(),
                mask_below,
                indicator: field.indicator.unwrap_or_default(),
            }
        });
        let balance_rules = definition.rules.into_iter().map(|rule| pb::BalanceRule {
            key: rule.key,
            label: Some(rule.label.into()),
            expression: rule.expression,
        });
        Self {
            name: form_name(form.id),
            key: form.key,
            label: Some(definition.label.into()),
            version: form.version,
            start_date: form.start.to_string(),
            end_date: form.end.map(|end| end.to_string()).unwrap_or_default(),
            owner_unit: unit_name(form.owner),
            level: form.level.into(),
            submitting_offices: definition
                .submitting_offices
                .iter()
                .map(|word| office_number(word))
                .collect(),
            sign_off_level: definition.sign_off_level.unwrap_or_default().into(),
            fields: fields.collect(),
            balance_rules: balance_rules.collect(),
            schedule: Some(definition.schedule.into()),
            note: Some(pb::FormNote { zh: definition.note.zh, en: definition.note.en }),
            create_time: Some(parse::timestamp(form.created_at)),
            update_time: Some(parse::timestamp(form.recorded_at)),
            etag: etag(form.version.into()),
        }
    }
}
