//! Between the contract's wards and ours.

use chassis::{Fault, Violations, parse};
use chrono::{DateTime, NaiveDate, Utc};
use proto::medical as pb;
use uuid::Uuid;

use super::{BedClass, Figure, Ward};
use crate::facilities::parse::{COLLECTION as FACILITIES, facility_name};

/// The collection of wards' names.
pub const COLLECTION: &str = "wards";

/// The resource name of a ward.
#[must_use]
pub fn ward_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// A class of beds that is said.
///
/// # Errors
/// That it is required.
pub fn bed_class(said: i32) -> Result<i16, String> {
    let class = BedClass::of(said).ok_or_else(|| "is required: which class of beds?".to_owned());
    class.map(|class| class as i16)
}

/// A ward that is to be set up; its facility says where.
///
/// # Errors
/// Every violation.
pub fn setting_up(said: Option<&pb::Ward>, now: DateTime<Utc>) -> Result<Ward, Fault> {
    let said = said.ok_or_else(|| Fault::invalid("ward", "is required"))?;
    let mut wrong = Violations::default();
    let facility = wrong.name("ward.facility", FACILITIES, &said.facility);
    let display_name = wrong.keep("ward.display_name", parse::text(&said.display_name, 100));
    let display_name = display_name.unwrap_or_default().trim().to_owned();
    let bed_class = wrong.keep("ward.bed_class", bed_class(said.bed_class)).unwrap_or_default();
    wrong.refuse()?;
    Ok(Ward {
        id: Uuid::now_v7(),
        facility,
        unit: Uuid::nil(),
        display_name,
        bed_class,
        ends_on: None,
        facility_ends_on: None,
        figure: None,
        stale_at: now,
        created_at: now,
        version: 1,
    })
}

/// What may be changed of a ward.
const CHANGEABLE: [&str; 2] = ["display_name", "bed_class"];

/// Which ward an update is of, and the version that was read.
///
/// # Errors
/// A name that is none, an empty or unknown mask.
pub fn update(request: &pb::UpdateWardRequest) -> Result<(Uuid, String), Fault> {
    let said = request.ward.as_ref().ok_or_else(|| Fault::invalid("ward", "is required"))?;
    let mut wrong = Violations::default();
    let id = wrong.name("ward.name", COLLECTION, &said.name);
    let _ = parse::mask(&mut wrong, request.update_mask.as_ref(), &CHANGEABLE);
    wrong.refuse()?;
    Ok((id, said.etag.clone()))
}

/// A ward after an update.
///
/// # Errors
/// Every violation.
pub fn updated(request: &pb::UpdateWardRequest, known: &Ward) -> Result<Ward, Fault> {
    let said = request.ward.as_ref().ok_or_else(|| Fault::invalid("ward", "is required"))?;
    let mut wrong = Violations::default();
    let asked = parse::mask(&mut wrong, request.update_mask.as_ref(), &CHANGEABLE);
    let mut ward = known.clone();
    if asked("display_name") {
        let name = wrong.keep("ward.display_name", parse::text(&said.display_name, 100));
        name.unwrap_or_default().trim().clone_into(&mut ward.display_name);
    }
    if asked("bed_class") {
        ward.bed_class = wrong.keep("ward.bed_class", bed_class(said.bed_class)).unwrap_or_default();
    }
    wrong.refuse()?;
    Ok(ward)
}

/// A count as the contract has it.
#[must_use]
pub fn figure(figure: &Figure) -> pb::Figure {
    pb::Figure {
        as_of_time: Some(parse::timestamp(figure.as_of)),
        physical: figure.physical,
        staffed: figure.staffed,
        occupied: figure.occupied,
        marks: figure.marks.iter().map(|mark| i32::from(*mark)).collect(),
        sent_by: figure.sent_by.clone(),
        receive_time: Some(parse::timestamp(figure.received_at)),
    }
}

/// A ward as the contract has it, on a day at an instant.
#[must_use]
pub fn ward(ward: &Ward, at: (NaiveDate, DateTime<Utc>)) -> pb::Ward {
    pb::Ward {
        name: ward_name(ward.id),
        facility: facility_name(ward.facility),
        display_name: ward.display_name.clone(),
        bed_class: ward.bed_class.into(),
        figure: ward.figure.as_ref().map(figure),
        fresh_until_time: ward.figure.as_ref().map(|_| parse::timestamp(ward.stale_at)),
        free: ward.free(at),
        end_date: ward.ends_on.map(|date| date.to_string()).unwrap_or_default(),
        create_time: Some(parse::timestamp(ward.created_at)),
        etag: parse::etag(ward.version),
    }
}
