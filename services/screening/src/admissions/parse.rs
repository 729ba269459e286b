//! Between the contract's admissions and ours.

use chassis::{Fault, Violations, parse};
use chrono::{DateTime, Utc};
use proto::{screening as pb, types};
use uuid::Uuid;

use super::{Admission, Destination};
use crate::{
    cases::parse::instant,
    handdowns::parse::handdown_name,
    persons::parse::{COLLECTION as PERSONS, UNITS, person_name, unit_name},
    referrals::parse::{FACILITY, referral_name},
};

/// The collection of admissions' names.
pub const COLLECTION: &str = "admissions";

/// The resource name of an admission.
#[must_use]
pub fn admission_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// What is told of an admission, or of its end.
#[derive(Clone, Debug)]
pub struct Told {
    /// Who.
    pub person: Uuid,
    /// The facility's official name.
    pub facility: String,
    /// What the facility's system knows it by; both empty where it says none.
    pub external: (String, String),
    /// When.
    pub at: DateTime<Utc>,
    /// Where to, for a discharge.
    pub destination: Destination,
    /// Where home is, for who goes home.
    pub home_unit: Option<Uuid>,
}

impl Told {
    /// Whether a system knows it by a number.
    #[must_use]
    pub fn is_numbered(&self) -> bool {
        !self.external.1.is_empty()
    }
}

/// An admission that is told.
///
/// # Errors
/// Every violation.
pub fn admitted(said: Option<&pb::Admission>, now: DateTime<Utc>) -> Result<Told, Fault> {
    let said = said.ok_or_else(|| Fault::invalid("admission", "is required"))?;
    let mut wrong = Violations::default();
    let told = told(&mut wrong, said, ("admit_time", said.admit_time), now);
    wrong.refuse()?;
    Ok(told)
}

/// A discharge that is told.
///
/// # Errors
/// Every violation.
pub fn discharged(
    said: Option<&pb::Admission>,
    now: DateTime<Utc>,
    is_unit: impl Fn(Uuid) -> bool,
) -> Result<Told, Fault> {
    let said = said.ok_or_else(|| Fault::invalid("admission", "is required"))?;
    let mut wrong = Violations::default();
    let mut told = told(&mut wrong, said, ("discharge_time", said.discharge_time), now);
    let destination =
        Destination::of(said.destination).ok_or_else(|| "is required: HOME or FACILITY".to_owned());
    told.destination = wrong.keep("admission.destination", destination).unwrap_or(Destination::Home);
    told.home_unit = wrong.optional_name("admission.home_unit", UNITS, &said.home_unit);
    if told.home_unit.is_some_and(|unit| !is_unit(unit)) {
        wrong.add("admission.home_unit", "is no unit that is or was at work");
    }
    if told.home_unit.is_some() && told.destination != Destination::Home {
        wrong.add("admission.home_unit", "is for who goes home");
    }
    wrong.refuse()?;
    Ok(told)
}

fn told(
    wrong: &mut Violations,
    said: &pb::Admission,
    (field, at): (&str, Option<prost_types::Timestamp>),
    now: DateTime<Utc>,
) -> Told {
    let person = wrong.name("admission.person", PERSONS, &said.person);
    let facility = parse::text(&said.facility, FACILITY).map(str::to_owned);
    let facility = wrong.keep("admission.facility", facility).unwrap_or_default();
    let at = at.ok_or_else(|| "is required".to_owned()).and_then(|at| instant(Some(at), now));
    let at = wrong.keep(&format!("admission.{field}"), at).unwrap_or(now);
    let external = said.external_id.as_ref().map(|external| self::external(wrong, external));
    let external = external.unwrap_or_default();
    Told { person, facility, external, at, destination: Destination::Home, home_unit: None }
}

fn external(wrong: &mut Violations, said: &types::ExternalId) -> (String, String) {
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    // What was said instead is not repeated: it may be the patient's.
    let system = parse::symbol(&said.system, 64, "[a-z0-9._-]", lower);
    let system =
        system.map(str::to_owned).map_err(|_| "must be 1 to 64 characters of [a-z0-9._-]".to_owned());
    let system = wrong.keep("admission.external_id.system", system).unwrap_or_default();
    let value = parse::text(&said.value, 128).map(str::to_owned);
    (system, wrong.keep("admission.external_id.value", value).unwrap_or_default())
}

/// An admission as the contract has it.
#[must_use]
pub fn admission(admission: &Admission) -> pb::Admission {
    let (system, value) = admission.external.clone();
    pb::Admission {
        name: admission_name(admission.id),
        person: person_name(admission.person),
        responsible_unit: unit_name(admission.unit),
        facility: admission.facility.clone(),
        external_id: (!value.is_empty()).then_some(types::ExternalId { system, value }),
        admit_time: admission.admitted_at.map(parse::timestamp),
        admitted_by: admission.admitted_by.clone(),
        discharge_time: admission.discharged_at.map(parse::timestamp),
        discharged_by: admission.discharged_by.clone(),
        destination: admission.destination.unwrap_or_default().into(),
        home_unit: admission.home_unit.map(unit_name).unwrap_or_default(),
        referral: admission.referral.map(referral_name).unwrap_or_default(),
        handdown: admission.handdown.map(handdown_name).unwrap_or_default(),
    }
}
