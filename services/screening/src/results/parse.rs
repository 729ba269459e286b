//! Between the contract's results and ours.

use chassis::{Fault, Violations, parse};
use chrono::{DateTime, Utc};
use proto::screening as pb;
use uuid::Uuid;

use super::{Result as Tested, TestKind, TestOutcome};
use crate::{
    cases::parse::instant,
    persons::parse::{COLLECTION as PERSONS, person_name, unit_name},
};

/// The collection of results' names.
pub const COLLECTION: &str = "results";
/// The longest name of a laboratory.
const LABORATORY: usize = 100;

/// The resource name of a result.
#[must_use]
pub fn result_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// A result that is to be recorded, but for whose hands the person is in.
///
/// # Errors
/// Every violation.
pub fn recorded(said: Option<&pb::Result>, by: &str, now: DateTime<Utc>) -> Result<Tested, Fault> {
    let said = said.ok_or_else(|| Fault::invalid("result", "is required"))?;
    let mut wrong = Violations::default();
    let person = wrong.name("result.person", PERSONS, &said.person);
    let kind = TestKind::of(said.kind).ok_or_else(|| "is required: PCR, SEQUENCE or SEROLOGY".to_owned());
    let kind = wrong.keep("result.kind", kind).unwrap_or(TestKind::Pcr);
    let outcome = TestOutcome::of(said.outcome)
        .ok_or_else(|| "is required: POSITIVE, NEGATIVE or INDETERMINATE".to_owned());
    let outcome = wrong.keep("result.outcome", outcome).unwrap_or(TestOutcome::Indeterminate);
    let taken = said.taken_time.ok_or_else(|| "is required: when was the specimen taken?".to_owned());
    let taken = taken.and_then(|taken| instant(Some(taken), now));
    let taken_at = wrong.keep("result.taken_time", taken).unwrap_or(now);
    let resulted_at = wrong.keep("result.result_time", instant(said.result_time, now)).unwrap_or(now);
    if resulted_at < taken_at {
        wrong.add("result.result_time", "must not be before taken_time");
    }
    let laboratory = wrong.keep("result.laboratory", parse::text(&said.laboratory, LABORATORY));
    let laboratory = laboratory.unwrap_or_default().to_owned();
    let amends = wrong.optional_name("result.amends", COLLECTION, &said.amends);
    wrong.refuse()?;
    Ok(Tested {
        person,
        kind,
        outcome,
        taken_at,
        resulted_at,
        laboratory,
        amends,
        entered_by: by.to_owned(),
        ..Tested::blank(Uuid::now_v7(), now)
    })
}

/// A result as the contract has it.
#[must_use]
pub fn result(result: &Tested) -> pb::Result {
    pb::Result {
        name: result_name(result.id),
        person: person_name(result.person),
        responsible_unit: unit_name(result.unit),
        kind: result.kind as i32,
        outcome: result.outcome as i32,
        taken_time: Some(parse::timestamp(result.taken_at)),
        result_time: Some(parse::timestamp(result.resulted_at)),
        laboratory: result.laboratory.clone(),
        amends: result.amends.map(result_name).unwrap_or_default(),
        amended: result.amended,
        deadline_time: result.deadline_at.map(parse::timestamp),
        handle_time: result.handled_at.map(parse::timestamp),
        handling: result.handling.clone(),
        entered_by: result.entered_by.clone(),
        create_time: Some(parse::timestamp(result.created_at)),
    }
}
