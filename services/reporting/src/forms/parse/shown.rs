//! Forms as the contract has them.

use chassis::{parse, parse::etag};
use proto::reporting as pb;

use super::{form_name, office_number, unit_name};
use crate::forms::{Form, Kind, Label, Publication, schedule::Schedule};

impl From<Label> for pb::Label {
    fn from(label: Label) -> Self {
        Self { zh: label.zh, en: label.en }
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
