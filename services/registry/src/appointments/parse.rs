//! Between the contract's appointments and ours.

use chassis::{Fault, Violations, parse};
use chrono::{DateTime, Utc};
use jurisdiction::Office;
use proto::registry as pb;
use uuid::Uuid;

use super::{Appointment, Contact, Held, Holding, NewAppointment, Vacancy};
use crate::{
    batches,
    officers::parse::{COLLECTION as OFFICERS, officer_name},
    units::parse::{COLLECTION as UNITS, unit_name},
};

/// The collection of appointments' names.
pub const COLLECTION: &str = "appointments";

/// The resource name of an appointment.
#[must_use]
pub fn appointment_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// An office of the contract.
///
/// # Errors
/// What it must be.
pub fn office(number: i32) -> Result<Office, String> {
    Office::of_contract(number).ok_or_else(|| "must be an office".to_owned())
}

/// An office for the contract.
#[must_use]
pub fn office_number(office: Office) -> i32 {
    office.contract().into()
}

/// An instant where one is given.
///
/// # Errors
/// What it must look like.
pub fn optional_instant(value: Option<prost_types::Timestamp>) -> Result<Option<DateTime<Utc>>, String> {
    value.map(parse::instant).transpose()
}

fn appointment(message: &pb::Appointment) -> Result<NewAppointment, Violations> {
    let mut wrong = Violations::default();
    let officer = wrong.keep("officer", parse::name(OFFICERS, &message.officer));
    let unit = wrong.keep("unit", parse::name(UNITS, &message.unit));
    let office = wrong.keep("office", office(message.office));
    let holding = i16::try_from(message.holding).ok().and_then(Holding::of);
    let holding = wrong.keep("holding", holding.ok_or_else(|| "must be full, acting or deputy".to_owned()));
    let start = wrong.keep("start_time", optional_instant(message.start_time));
    let end = wrong.keep("end_time", optional_instant(message.end_time));
    match (officer, unit, office, holding, start, end) {
        (Some(officer), Some(unit), Some(office), Some(holding), Some(start), Some(end)) => {
            Ok(NewAppointment { officer, unit, office, holding, start, end })
        }
        _ => Err(wrong),
    }
}

/// Checks the appointment of a request.
///
/// # Errors
/// Every violation.
pub fn appoint(request: &pb::AppointRequest) -> Result<NewAppointment, Fault> {
    let message = request.appointment.as_ref();
    let message = message.ok_or_else(|| Fault::invalid("appointment", "is required"))?;
    appointment(message).map_err(|inner| inner.under("appointment"))
}

/// Checks the appointments of a batch.
///
/// # Errors
/// Every violation of every item.
pub fn batch(request: &pb::BatchAppointRequest) -> Result<Vec<NewAppointment>, Fault> {
    batches::checked("appointments", &request.appointments, |_, message| appointment(message))
}

/// An end that is asked for.
#[derive(Debug)]
pub struct Relief {
    /// The appointment.
    pub id: Uuid,
    /// When; now where none.
    pub end: Option<DateTime<Utc>>,
    /// Why.
    pub reason: String,
}

impl TryFrom<&pb::RelieveRequest> for Relief {
    type Error = Fault;

    fn try_from(request: &pb::RelieveRequest) -> Result<Self, Fault> {
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name));
        let end = wrong.keep("end_time", optional_instant(request.end_time));
        let reason = wrong.keep("reason", parse::text(&request.reason, 200)).unwrap_or_default().to_owned();
        wrong.refuse()?;
        Ok(Self { id: id.unwrap_or_default(), end: end.flatten(), reason })
    }
}

/// A hand-over that is asked for.
#[derive(Debug)]
pub struct HandOver {
    /// The appointment that ends.
    pub relief: Relief,
    /// Who takes the office over.
    pub successor: Uuid,
    /// Until when the former holder stays as deputy.
    pub overlap_end: Option<DateTime<Utc>>,
}

impl TryFrom<&pb::HandOverRequest> for HandOver {
    type Error = Fault;

    fn try_from(request: &pb::HandOverRequest) -> Result<Self, Fault> {
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name));
        let successor = wrong.keep("successor_officer", parse::name(OFFICERS, &request.successor_officer));
        let end = wrong.keep("hand_over_time", optional_instant(request.hand_over_time));
        let overlap_end = wrong.keep("overlap_end_time", optional_instant(request.overlap_end_time));
        let reason = wrong.keep("reason", parse::text(&request.reason, 200)).unwrap_or_default().to_owned();
        wrong.refuse()?;
        let relief = Relief { id: id.unwrap_or_default(), end: end.flatten(), reason };
        Ok(Self { relief, successor: successor.unwrap_or_default(), overlap_end: overlap_end.flatten() })
    }
}

impl From<Appointment> for pb::Appointment {
    fn from(appointment: Appointment) -> Self {
        Self {
            name: appointment_name(appointment.id),
            officer: officer_name(appointment.officer),
            unit: unit_name(appointment.unit),
            office: office_number(appointment.office),
            holding: appointment.holding as i32,
            start_time: Some(parse::timestamp(appointment.start)),
            end_time: appointment.end.map(parse::timestamp),
            end_reason: appointment.end_reason,
        }
    }
}

impl From<Held> for pb::HeldAppointment {
    fn from(held: Held) -> Self {
        Self {
            appointment: Some(held.appointment.into()),
            subject: held.subject.unwrap_or_default(),
            display_name: held.display_name,
            official_phone: held.official_phone,
        }
    }
}

impl From<Contact> for pb::Contact {
    fn from(contact: Contact) -> Self {
        Self {
            display_name: contact.display_name,
            official_phone: contact.official_phone,
            office: office_number(contact.office),
            holding: contact.holding as i32,
            unit: unit_name(contact.unit),
            unit_display_name: contact.unit_display_name,
        }
    }
}

impl From<Vacancy> for pb::Vacancy {
    fn from(vacancy: Vacancy) -> Self {
        Self {
            unit: unit_name(vacancy.unit),
            display_name: vacancy.display_name,
            office: office_number(vacancy.office),
            answering: vacancy.answering.map(Into::into),
            level: vacancy.level.into(),
        }
    }
}
