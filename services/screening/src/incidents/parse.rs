//! Between the contract's incidents and ours.

use chassis::parse;
use proto::screening as pb;
use uuid::Uuid;

use super::Incident;
use crate::{cases::parse::case_name, persons::parse::unit_name};

/// The collection of incidents' names.
pub const COLLECTION: &str = "incidents";

/// The resource name of an incident.
#[must_use]
pub fn incident_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// An incident as the contract has it.
#[must_use]
pub fn incident(incident: &Incident) -> pb::Incident {
    pb::Incident {
        name: incident_name(incident.id),
        kind: incident.kind.into(),
        unit: unit_name(incident.unit),
        case: case_name(incident.case),
        control_plan: incident.control_plan.into(),
        create_time: Some(parse::timestamp(incident.created_at)),
        deadline_time: Some(parse::timestamp(incident.deadline_at)),
        report_time: incident.reported_at.map(parse::timestamp),
        reported_by: incident.reported_by.clone(),
        grade: incident.grade.into(),
        place: incident.place.clone(),
    }
}
