//! Between the contract's enforcement requests and ours.

use chassis::parse;
use proto::screening as pb;
use uuid::Uuid;

use super::Enforcement;
use crate::{
    persons::parse::{person_name, unit_name},
    sweeps::parse::sweep_name,
};

/// The collection of enforcement requests' names.
pub const COLLECTION: &str = "enforcementRequests";

/// The resource name of an enforcement request.
#[must_use]
pub fn enforcement_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
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
