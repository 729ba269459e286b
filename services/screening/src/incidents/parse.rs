//! Between the contract's incidents and ours.

use chassis::{Fault, Violations, parse};
use chrono::{DateTime, Utc};
use proto::screening as pb;
use uuid::Uuid;

use super::Incident;
use crate::{
    cases::parse::{case_name, instant},
    persons::parse::unit_name,
};

/// The collection of incidents' names.
pub const COLLECTION: &str = "incidents";

/// The resource name of an incident.
#[must_use]
pub fn incident_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// Which incident was reported, when, and the level it was given.
///
/// # Errors
/// Every violation.
pub fn reported(
    said: &pb::ReportIncidentRequest,
    now: DateTime<Utc>,
) -> Result<(Uuid, DateTime<Utc>, i16), Fault> {
    let mut wrong = Violations::default();
    let id = wrong.name("name", COLLECTION, &said.name);
    let at = wrong.keep("report_time", instant(said.report_time, now)).unwrap_or(now);
    let grade = i16::try_from(said.grade).ok().filter(|grade| (0..=4).contains(grade));
    let grade = grade.ok_or_else(|| "must be 1 to 4, or 0 while it is ungraded".to_owned());
    let grade = wrong.keep("grade", grade).unwrap_or_default();
    wrong.refuse()?;
    Ok((id, at, grade))
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
