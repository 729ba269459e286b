//! A form as a file: JSON in the words of the contract. What is shown of a form is what makes one.

use proto::{registry, reporting as pb};
use serde::{Deserialize, Serialize};

use crate::output::word;

/// A form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FormFile {
    key: String,
    label: Label,
    #[serde(skip_serializing_if = "String::is_empty")]
    start_date: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    end_date: String,
    /// units/{uuid}, or a code; the root of the tree where empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub owner_unit: String,
    level: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    submitting_offices: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    sign_off_level: String,
    fields: Vec<Field>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    balance_rules: Vec<Rule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<ScheduleFile>,
    #[serde(skip_serializing_if = "Label::is_empty")]
    note: Label,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Label {
    zh: String,
    en: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Field {
    key: String,
    label: Label,
    kind: String,
    #[serde(skip_serializing_if = "is_false")]
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_value: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_value: Option<i64>,
    #[serde(skip_serializing_if = "is_false")]
    counts_towards_zero: bool,
    #[serde(skip_serializing_if = "is_false")]
    cumulative: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    publication: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mask_below: Option<i32>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    indicator: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Rule {
    key: String,
    label: Label,
    expression: String,
}

/// A schedule, of a form or of a single day. Minutes count from 00:00 of the business date.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleFile {
    window_start_minutes: i32,
    window_end_minutes: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_off_minutes: Option<i32>,
    slots: Vec<Slot>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seal_minutes: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Slot {
    #[serde(skip_serializing_if = "String::is_empty")]
    key: String,
    #[serde(skip_serializing_if = "Label::is_empty")]
    label: Label,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_start_minutes: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_end_minutes: Option<i32>,
    deadline_minutes: i32,
    grace_minutes: i32,
    hard_close_minutes: i32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reminder_minutes: Vec<i32>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Label {
    fn is_empty(&self) -> bool {
        self.zh.is_empty() && self.en.is_empty()
    }

    fn of(label: Option<&pb::Label>) -> Self {
        label.map(|label| Self { zh: label.zh.clone(), en: label.en.clone() }).unwrap_or_default()
    }

    fn asked(self) -> Option<pb::Label> {
        (!self.is_empty()).then_some(pb::Label { zh: self.zh, en: self.en })
    }
}

/// A level in words; nothing where it is not said.
fn level_word(number: i32) -> String {
    match registry::Level::try_from(number) {
        Ok(registry::Level::Unspecified) | Err(_) => String::new(),
        Ok(level) => word(level.as_str_name(), "LEVEL_"),
    }
}

/// The number of a word of the contract; of none where it is empty.
fn number<T: Into<i32>>(
    path: &str,
    value: &str,
    prefix: &str,
    from: impl Fn(&str) -> Option<T>,
) -> anyhow::Result<i32> {
    if value.is_empty() {
        return Ok(0);
    }
    let known = from(&format!("{prefix}{}", value.to_uppercase()));
    known.map(Into::into).ok_or_else(|| anyhow::anyhow!("{path}: {value:?} is no word of the contract"))
}

impl From<&pb::Form> for FormFile {
    fn from(form: &pb::Form) -> Self {
        let note = form.note.as_ref();
        let offices =
            form.submitting_offices.iter().filter_map(|office| registry::Office::try_from(*office).ok());
        Self {
            key: form.key.clone(),
            label: Label::of(form.label.as_ref()),
            start_date: form.start_date.clone(),
            end_date: form.end_date.clone(),
            owner_unit: form.owner_unit.clone(),
            level: level_word(form.level),
            submitting_offices: offices.map(|office| word(office.as_str_name(), "OFFICE_")).collect(),
            sign_off_level: level_word(form.sign_off_level),
            fields: form.fields.iter().map(field).collect(),
            balance_rules: form
                .balance_rules
                .iter()
                .map(|rule| Rule {
                    key: rule.key.clone(),
                    label: Label::of(rule.label.as_ref()),
                    expression: rule.expression.clone(),
                })
                .collect(),
            schedule: form.schedule.as_ref().map(Into::into),
            note: note.map(|note| Label { zh: note.zh.clone(), en: note.en.clone() }).unwrap_or_default(),
        }
    }
}

fn field(field: &pb::Field) -> Field {
    let publication = match field.publication() {
        pb::Publication::Unspecified => String::new(),
        said => word(said.as_str_name(), "PUBLICATION_"),
    };
    Field {
        key: field.key.clone(),
        label: Label::of(field.label.as_ref()),
        kind: match field.kind() {
            pb::FieldKind::Unspecified => String::new(),
            kind => word(kind.as_str_name(), "FIELD_KIND_"),
        },
        required: field.required,
        min_value: field.min_value,
        max_value: field.max_value,
        counts_towards_zero: field.counts_towards_zero,
        cumulative: field.cumulative,
        publication,
        mask_below: field.mask_below,
        indicator: field.indicator.clone(),
    }
}

impl From<&pb::Schedule> for ScheduleFile {
    fn from(schedule: &pb::Schedule) -> Self {
        let slots = schedule.slots.iter().map(|slot| Slot {
            key: slot.key.clone(),
            label: Label::of(slot.label.as_ref()),
            window_start_minutes: slot.window_start_minutes,
            window_end_minutes: slot.window_end_minutes,
            deadline_minutes: slot.deadline_minutes,
            grace_minutes: slot.grace_minutes,
            hard_close_minutes: slot.hard_close_minutes,
            reminder_minutes: slot.reminder_minutes.clone(),
        });
        Self {
            window_start_minutes: schedule.window_start_minutes,
            window_end_minutes: schedule.window_end_minutes,
            cut_off_minutes: schedule.cut_off_minutes,
            slots: slots.collect(),
            seal_minutes: schedule.seal_minutes,
        }
    }
}

impl From<ScheduleFile> for pb::Schedule {
    fn from(file: ScheduleFile) -> Self {
        let slots = file.slots.into_iter().map(|slot| pb::Slot {
            key: slot.key,
            label: slot.label.asked(),
            window_start_minutes: slot.window_start_minutes,
            window_end_minutes: slot.window_end_minutes,
            deadline_minutes: slot.deadline_minutes,
            grace_minutes: slot.grace_minutes,
            hard_close_minutes: slot.hard_close_minutes,
            reminder_minutes: slot.reminder_minutes,
        });
        Self {
            window_start_minutes: file.window_start_minutes,
            window_end_minutes: file.window_end_minutes,
            cut_off_minutes: file.cut_off_minutes,
            slots: slots.collect(),
            seal_minutes: file.seal_minutes,
        }
    }
}

impl FormFile {
    /// The form as the contract has it.
    ///
    /// # Errors
    /// A word that is none of the contract. All else the service checks, and names all at once.
    pub fn asked(self) -> anyhow::Result<pb::Form> {
        let level = |path: &str, value: &str| number(path, value, "LEVEL_", registry::Level::from_str_name);
        let offices = self.submitting_offices.iter().enumerate().map(|(at, office)| {
            number(&format!("submitting_offices[{at}]"), office, "OFFICE_", registry::Office::from_str_name)
        });
        let mut fields = Vec::with_capacity(self.fields.len());
        for (at, field) in self.fields.into_iter().enumerate() {
            let path = |name: &str| format!("fields[{at}].{name}");
            let kind = number(&path("kind"), &field.kind, "FIELD_KIND_", pb::FieldKind::from_str_name)?;
            let publication = number(
                &path("publication"),
                &field.publication,
                "PUBLICATION_",
                pb::Publication::from_str_name,
            )?;
            fields.push(pb::Field {
                key: field.key,
                label: field.label.asked(),
                kind,
                required: field.required,
                min_value: field.min_value,
                max_value: field.max_value,
                counts_towards_zero: field.counts_towards_zero,
                cumulative: field.cumulative,
                publication,
                mask_below: field.mask_below,
                indicator: field.indicator,
            });
        }
        let rules = self.balance_rules.into_iter().map(|rule| pb::BalanceRule {
            key: rule.key,
            label: rule.label.asked(),
            expression: rule.expression,
        });
        Ok(pb::Form {
            key: self.key,
            label: self.label.asked(),
            start_date: self.start_date,
            end_date: self.end_date,
            level: level("level", &self.level)?,
            submitting_offices: offices.collect::<Result<_, _>>()?,
            sign_off_level: level("sign_off_level", &self.sign_off_level)?,
            owner_unit: self.owner_unit,
            fields,
            balance_rules: rules.collect(),
            schedule: self.schedule.map(Into::into),
            note: self.note.asked().map(|note| pb::FormNote { zh: note.zh, en: note.en }),
            ..pb::Form::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_makes_the_same_form() {
        let label = || Some(pb::Label { zh: "网格日报".to_owned(), en: "Grid day".to_owned() });
        let form = pb::Form {
            key: "grid-day".to_owned(),
            label: label(),
            start_date: "2020-02-03".to_owned(),
            owner_unit: "units/0190".to_owned(),
            level: registry::Level::Grid.into(),
            sign_off_level: registry::Level::County.into(),
            submitting_offices: vec![registry::Office::InformationReporter.into()],
            fields: vec![pb::Field {
                key: "at_home".to_owned(),
                label: label(),
                kind: pb::FieldKind::Stock.into(),
                required: true,
                min_value: Some(0),
                max_value: Some(1_000),
                counts_towards_zero: true,
                cumulative: false,
                publication: pb::Publication::Masked.into(),
                mask_below: Some(5),
                indicator: "screening.confirmed".to_owned(),
            }],
            balance_rules: vec![pb::BalanceRule {
                key: "sum".to_owned(),
                label: label(),
                expression: "at_home >= 0".to_owned(),
            }],
            schedule: Some(pb::Schedule {
                window_start_minutes: -480,
                window_end_minutes: 960,
                cut_off_minutes: Some(960),
                slots: vec![pb::Slot {
                    deadline_minutes: 960,
                    hard_close_minutes: 1_080,
                    ..pb::Slot::default()
                }],
                seal_minutes: None,
            }),
            note: Some(pb::FormNote { zh: "假定".to_owned(), en: "assumed".to_owned() }),
            ..pb::Form::default()
        };
        let text = serde_json::to_string_pretty(&FormFile::from(&form)).unwrap();
        let read: FormFile = serde_json::from_str(&text).unwrap();
        assert_eq!(read.asked().unwrap(), form);
    }

    #[test]
    fn a_word_that_is_none_is_named_with_its_path() {
        let file: FormFile = serde_json::from_str(r#"{"level": "galaxy"}"#).unwrap();
        assert!(file.asked().unwrap_err().to_string().starts_with("level: \"galaxy\""));
        assert!(serde_json::from_str::<FormFile>(r#"{"levle": "grid"}"#).is_err());
    }
}
