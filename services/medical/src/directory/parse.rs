//! Between the contract's directory and ours.

use chassis::{Fault, Violations, parse};
use chrono::NaiveDate;
use jurisdiction::Tree;
use proto::medical as pb;
use proto::registry::Level;
use uuid::Uuid;

use super::{MOST_FOUND, Wanted};
use crate::{
    facilities::{
        Facility,
        parse::{facility_name, role},
    },
    house::{UNITS, unit_name},
    phones::{
        Phone,
        parse::{phone_name, times},
    },
    wards::BedClass,
};

/// Where a facility is found: where its unit stands today, the county, and the names down to it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The unit.
    pub unit: Uuid,
    /// The county.
    pub county: Uuid,
    /// The names.
    pub display_name: String,
}

/// The unit that a list of the directory is of.
///
/// # Errors
/// [`Fault::Invalid`] where neither is said, both, or a name that several units have; [`Fault::NotFound`] for a unit that the
/// tree of today does not have.
pub fn unit(tree: &Tree, request: &pb::ListDirectoryRequest) -> Result<Uuid, Fault> {
    if request.unit.is_empty() == request.unit_display_name.is_empty() {
        return Err(Fault::invalid("unit", "this or unit_display_name is required, and not both"));
    }
    if request.unit_display_name.is_empty() {
        let unit = parse::name(UNITS, &request.unit).map_err(|wrong| Fault::invalid("unit", wrong))?;
        return tree.place(unit).map(|_| unit).ok_or_else(|| Fault::NotFound(unit_name(unit)));
    }
    let named = tree.nodes().iter().filter(|node| {
        i32::from(node.level) <= Level::Township as i32 && node.display_name == request.unit_display_name
    });
    match named.map(|node| node.id).collect::<Vec<_>>().as_slice() {
        [] => Err(Fault::invalid("unit_display_name", "no county, city or township is named so today")),
        [unit] => Ok(*unit),
        [..] => Err(Fault::invalid("unit_display_name", "several are named so: say units/{uuid}")),
    }
}

/// What is looked for.
///
/// # Errors
/// Every violation.
pub fn wanted(request: &pb::FindFacilitiesRequest) -> Result<Wanted, Fault> {
    let mut wrong = Violations::default();
    let unit = wrong.name("unit", UNITS, &request.unit);
    let role = wrong.keep("role", role(request.role)).map_or(0, |role| role as i16);
    let bed_class = wrong.choice("bed_class", request.bed_class, BedClass::of).map(|class| class as i16);
    match request.beds {
        0 => {}
        _ if request.bed_class == 0 => wrong.add("beds", "is for a bed_class"),
        1..=1_000 => {}
        beds => wrong.add("beds", format!("must be 1 to 1000, is {beds}")),
    }
    if !(0..=MOST_FOUND).contains(&request.limit) {
        wrong.add("limit", format!("must be 1 to {MOST_FOUND}, is {}", request.limit));
    }
    wrong.refuse()?;
    let limit = if request.limit == 0 { 5 } else { usize::try_from(request.limit).unwrap_or(5) };
    Ok(Wanted { unit, role, bed_class, beds: request.beds.max(1), limit })
}

/// A public entry as the contract has it, on a day.
#[must_use]
pub fn entry(facility: &Facility, numbers: &[Phone], place: &Place, today: NaiveDate) -> pb::DirectoryEntry {
    pb::DirectoryEntry {
        facility: facility_name(facility.id),
        display_name: facility.display_name.clone(),
        grade: facility.grade.into(),
        unit: unit_name(place.unit),
        county_unit: unit_name(place.county),
        unit_display_name: place.display_name.clone(),
        address: facility.address.clone(),
        roles: facility.roles_on(today).into_iter().map(i32::from).collect(),
        phones: numbers.iter().map(number).collect(),
    }
}

fn number(phone: &Phone) -> pb::DirectoryPhone {
    let (open_time, close_time) = times(phone.hours);
    pb::DirectoryPhone {
        phone: phone_name(phone.id),
        number: phone.number.clone(),
        label: phone.label.clone(),
        open_time,
        close_time,
        verify_time: phone.verified_at.map(parse::timestamp),
        verified_by: phone.verified_by.clone(),
        unanswered: phone.marked_at.is_some(),
    }
}
