//! Reports of the contract, checked against the form: every violation of every field at once.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use chassis::{Fault, Violations, parse};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use prost::Message as _;
use proto::reporting as pb;
use uuid::Uuid;

use super::{
    Content, Revision, RevisionKind, Timing,
    batch::Accepted,
    store::{Chase, Expected},
};
use crate::{
    days::{Plan, parse::day_name},
    forms::{
        Figures, Form,
        balance::Term,
        parse::{COLLECTION as FORMS, UNITS, form_name, unit_name},
        value,
    },
};

/// The collection of report names.
pub const COLLECTION: &str = "reports";

/// The name of a report.
#[must_use]
pub fn report_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// How far a client's clock may run ahead.
const AHEAD: TimeDelta = TimeDelta::minutes(5);

/// Which expectation a report is for.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    /// The form.
    pub form: Uuid,
    /// The business date.
    pub date: NaiveDate,
    /// The unit.
    pub unit: Uuid,
}

/// Where a report goes.
///
/// # Errors
/// [`Fault::Invalid`] with everything that is wrong.
pub fn address(request: &pb::SubmitReportRequest) -> Result<Address, Fault> {
    let mut wrong = Violations::default();
    let form = wrong.keep("form", parse::name(FORMS, &request.form));
    let date = wrong.keep("business_date", parse::date(&request.business_date));
    let unit = wrong.keep("unit", parse::name(UNITS, &request.unit));
    wrong.refuse()?;
    let (form, date) = (form.unwrap_or_default(), date.unwrap_or_default());
    Ok(Address { form, date, unit: unit.unwrap_or_default() })
}

/// What identifies a message with its request_id taken out.
#[must_use]
pub fn fingerprint(request: &pb::SubmitReportRequest) -> Vec<u8> {
    digest::digest(&digest::SHA256, &request.encode_to_vec()).as_ref().to_vec()
}

/// What a report says, checked against its form: slot and revision.
///
/// # Errors
/// [`Fault::Invalid`] with everything that is wrong.
pub fn said(
    request: &pb::SubmitReportRequest,
    plan: &Plan,
    caller: &str,
    now: DateTime<Utc>,
) -> Result<(i16, Revision), Fault> {
    let mut wrong = Violations::default();
    let slot = plan.slot(&request.slot);
    if slot.is_none() {
        let keys: Vec<&str> = plan.day.times.slots.iter().map(|slot| slot.key.as_str()).collect();
        wrong.add("slot", format!("must be one of {}", keys.join(", ")));
    }
    let figures = if request.zero {
        if !request.figures.is_empty() {
            wrong.add("figures", "must be empty in a zero report; leave zero out to send figures");
        }
        plan.form.zero()
    } else {
        figures(&mut wrong, &plan.form, &request.figures, true)
    };
    if request.zero && !plan.form.definition.fields.iter().any(|field| field.counts_towards_zero) {
        wrong.add("zero", "cannot be said of this form: none of its fields counts towards zero");
    }
    let channel = wrong.keep("channel", channel(request.channel)).unwrap_or_default();
    wrong.optional_text("on_behalf_of", &request.on_behalf_of, 100);
    wrong.optional_text("note", &request.note, 500);
    let made_at = wrong.keep("made_time", request.made_time.map(parse::instant).transpose()).flatten();
    if made_at.is_some_and(|made_at| made_at > now + AHEAD) {
        wrong.add("made_time", "must not be later than now");
    }
    for (key, words) in &request.explanations {
        let path = format!("explanations[{key:?}]");
        if plan.form.registered().all(|field| field.key != *key) {
            wrong.add(path, "is for a field that the registers fill");
        } else {
            wrong.text(&path, words, 500);
        }
    }
    wrong.refuse()?;
    let content = if plan.form.says_zero(&figures) { Content::Zero } else { Content::Data };
    let revision = Revision {
        number: 0,
        kind: RevisionKind::Report,
        timing: Timing::Due,
        content: Some(content),
        figures,
        differences: None,
        reason: String::new(),
        caller: caller.to_owned(),
        entered_at_unit: Uuid::nil(),
        on_behalf: false,
        informant: request.on_behalf_of.clone(),
        channel,
        made_at,
        received_at: now,
        announce_date: None,
        note: request.note.clone(),
        explanations: request.explanations.clone(),
    };
    Ok((slot.unwrap_or_default(), revision))
}

fn channel(number: i32) -> Result<i16, String> {
    let channel = pb::Channel::try_from(number).map_err(|_| "is no channel".to_owned())?;
    let channel = if channel == pb::Channel::Unspecified { pb::Channel::Network } else { channel };
    i16::try_from(i32::from(channel)).map_err(|_| "is no channel".to_owned())
}

/// The figures by column, checked: `whole` asks for every required field.
pub fn figures(wrong: &mut Violations, form: &Form, said: &BTreeMap<String, i64>, whole: bool) -> Figures {
    let mut figures = vec![None; form.columns.len()];
    for key in said.keys().filter(|key| form.field(key).is_none()) {
        wrong.add(format!("figures[{key:?}]"), "is no field of this form");
    }
    for field in &form.definition.fields {
        let path = || format!("figures[{:?}]", field.key);
        match said.get(&field.key) {
            None if whole && field.required => {
                wrong.add(path(), "is required; where there is nothing to count, say 0");
            }
            None => {}
            Some(figure) if *figure < field.least || *figure > field.greatest => {
                wrong.add(path(), format!("must be {} to {}, is {figure}", field.least, field.greatest));
            }
            Some(figure) => figures[field.column] = Some(*figure),
        }
    }
    figures
}

/// Figures as the contract has them: by key, what was not stated left out.
#[must_use]
pub fn by_key(form: &Form, figures: &Figures) -> BTreeMap<String, i64> {
    let fields = form.columns.iter().enumerate();
    fields.filter_map(|(column, key)| Some((key.clone(), value(figures, column)?))).collect()
}

/// The balance rules that figures break, in words; those with cumulative figures are for roll-ups.
#[must_use]
pub fn warnings(form: &Form, figures: &Figures) -> Vec<String> {
    let known = |term: &Term| match term {
        Term::Number(number) => Some(*number),
        Term::Field(key) => value(figures, form.field(key)?.column),
        Term::Cumulative(_) => None,
    };
    form.definition.rules.iter().filter_map(|rule| rule.warning(known)).collect()
}

/// The answer to a report that was taken in.
#[must_use]
pub fn accepted(form: &Form, accepted: &Accepted) -> pb::SubmitReportResponse {
    pb::SubmitReportResponse {
        report: report_name(accepted.report),
        revision: accepted.revision,
        timing: accepted.timing as i32,
        content: accepted.content.map_or(0, |content| content as i32),
        warnings: warnings(form, &accepted.figures),
    }
}

/// A report as the contract has it, without its revisions.
#[must_use]
pub fn report(plan: &Plan, row: &Expected) -> pb::Report {
    let node = plan.tree.at(row.place);
    let standing = &row.standing;
    let slot = usize::try_from(row.slot).ok().and_then(|slot| plan.day.times.slots.get(slot));
    let silent: Figures = (0..plan.columns())
        .map(|column| {
            value(&standing.last_known, column).filter(|_| value(&standing.figures, column).is_none())
        })
        .collect();
    pb::Report {
        name: report_name(row.id),
        day: day_name(plan.day.id),
        form: form_name(plan.form.id),
        business_date: plan.day.date.to_string(),
        unit: unit_name(node.map(|node| node.id).unwrap_or_default()),
        unit_display_name: node.map(|node| node.display_name.clone()).unwrap_or_default(),
        slot: slot.map(|slot| slot.key.clone()).unwrap_or_default(),
        timing: standing.timing as i32,
        content: standing.content.map_or(0, |content| content as i32),
        figures: by_key(&plan.form, &standing.figures),
        revision: standing.revision,
        returned: standing.returned,
        reason: row.reason.clone(),
        last_known: by_key(&plan.form, &silent),
        receive_time: row.received_at.map(parse::timestamp),
        remind_time: row.reminded_at.map(parse::timestamp),
        warnings: warnings(&plan.form, &standing.figures),
        revisions: Vec::new(),
        chase_notes: Vec::new(),
    }
}

/// A revision as the contract has it.
#[must_use]
pub fn revision(form: &Form, revision: Revision) -> pb::Revision {
    pb::Revision {
        number: revision.number,
        kind: revision.kind as i32,
        timing: revision.timing as i32,
        content: revision.content.map_or(0, |content| content as i32),
        figures: by_key(form, &revision.figures),
        differences: by_key(form, &revision.differences.unwrap_or_default()),
        reason: revision.reason,
        entered_by: revision.caller,
        entered_at_unit: unit_name(revision.entered_at_unit),
        on_behalf: revision.on_behalf,
        informant: revision.informant,
        channel: revision.channel.into(),
        made_time: revision.made_at.map(parse::timestamp),
        receive_time: Some(parse::timestamp(revision.received_at)),
        announce_date: revision.announce_date.map(|date| date.to_string()).unwrap_or_default(),
        note: revision.note,
        explanations: revision.explanations,
    }
}

/// A chase note as the contract has it.
#[must_use]
pub fn chase_note((chased_by, note, at): Chase) -> pb::ChaseNote {
    pb::ChaseNote { chased_by, note, create_time: Some(parse::timestamp(at)) }
}
