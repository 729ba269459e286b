//! Between the contract's enforcement requests and ours.

use chassis::{Fault, Violations, parse};
use chrono::{DateTime, Utc};
use proto::screening as pb;
use uuid::Uuid;

use super::{Enforcement, OUTCOMES, WITHIN};
use crate::{
    persons::parse::{COLLECTION as PERSONS, REASON, UNITS, person_name, unit_name},
    sweeps::parse::sweep_name,
};

/// The collection of enforcement requests' names.
pub const COLLECTION: &str = "enforcementRequests";

/// The resource name of an enforcement request.
#[must_use]
pub fn enforcement_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// An enforcement request that is to be made: of a person, but for whose hands they are in, or of a unit.
///
/// # Errors
/// Every violation.
pub fn made(said: Option<&pb::EnforcementRequest>, now: DateTime<Utc>) -> Result<Enforcement, Fault> {
    let said = said.ok_or_else(|| Fault::invalid("enforcement_request", "is required"))?;
    let mut wrong = Violations::default();
    let unit = wrong.optional_name("enforcement_request.unit", UNITS, &said.unit);
    let person = wrong.optional_name("enforcement_request.person", PERSONS, &said.person);
    if said.unit.is_empty() == said.person.is_empty() {
        wrong.add("enforcement_request.unit", "either the unit or the person is required");
    }
    let reason = wrong.keep("enforcement_request.reason", parse::text(&said.reason, REASON));
    let reason = reason.unwrap_or_default().to_owned();
    let deadline_at = said.deadline_time.map_or(Ok(now + WITHIN), parse::instant);
    let to_come = |at| if at <= now { Err("must be in the future".to_owned()) } else { Ok(at) };
    let deadline_at = wrong.keep("enforcement_request.deadline_time", deadline_at.and_then(to_come));
    wrong.refuse()?;
    let own = Enforcement::new(unit.unwrap_or_default(), reason, now);
    Ok(Enforcement { person, deadline_at: deadline_at.unwrap_or(own.deadline_at), ..own })
}

/// Which enforcement request is settled, and how, as the contract numbers it.
///
/// # Errors
/// Every violation.
pub fn settling(said: &pb::SettleEnforcementRequestRequest) -> Result<(Uuid, i16), Fault> {
    let mut wrong = Violations::default();
    let id = wrong.name("name", COLLECTION, &said.name);
    let outcome = Some(said.outcome).filter(|outcome| OUTCOMES.contains(outcome));
    let outcome = outcome.and_then(|outcome| i16::try_from(outcome).ok());
    let outcome = outcome.ok_or_else(|| "is required: COMPLIED, ENFORCED or DROPPED".to_owned());
    let outcome = wrong.keep("outcome", outcome).unwrap_or_default();
    wrong.text("words", &said.words, REASON);
    wrong.refuse()?;
    Ok((id, outcome))
}

/// An enforcement request as the contract has it.
#[must_use]
pub fn enforcement(enforcement: &Enforcement) -> pb::EnforcementRequest {
    pb::EnforcementRequest {
        name: enforcement_name(enforcement.id),
        unit: unit_name(enforcement.unit),
        person: enforcement.person.map(person_name).unwrap_or_default(),
        sweep: enforcement.sweep.map(sweep_name).unwrap_or_default(),
        household: enforcement.household.clone(),
        reason: enforcement.reason.clone(),
        deadline_time: Some(parse::timestamp(enforcement.deadline_at)),
        create_time: Some(parse::timestamp(enforcement.created_at)),
        outcome: enforcement.outcome.unwrap_or_default().into(),
        settle_time: enforcement.settled_at.map(parse::timestamp),
        words: enforcement.words.clone(),
        households: enforcement.households.unwrap_or_default(),
    }
}
