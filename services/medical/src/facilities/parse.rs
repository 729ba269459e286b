//! Between the contract's facilities and ours.

use chassis::{Fault, Violations, parse};
use chrono::{DateTime, NaiveDate, Utc};
use proto::medical as pb;
use uuid::Uuid;

use super::{Facility, GRADES, HeldRole, OWNERSHIPS, Role, codes};
use crate::{
    house::{UNITS, unit_name},
    phones::{Phone, parse as phones},
};

/// The collection of facilities' names.
pub const COLLECTION: &str = "facilities";

/// The resource name of a facility.
#[must_use]
pub fn facility_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// A text that may be left out.
///
/// # Errors
/// As [`parse::text`].
pub fn optional_text(value: &str, longest: usize) -> Result<String, String> {
    if value.is_empty() {
        Ok(String::new())
    } else {
        parse::text(value, longest).map(|text| text.trim().to_owned())
    }
}

/// A number of an enum of the contract, zero being none.
///
/// # Errors
/// That it is required.
pub fn number(said: i32, known: &std::ops::RangeInclusive<i32>, words: &str) -> Result<i16, String> {
    let number = i16::try_from(said).ok().filter(|number| known.contains(&i32::from(*number)));
    number.ok_or_else(|| format!("is required: {words}"))
}

fn code(said: &str) -> Result<String, String> {
    if said.trim().is_empty() { Ok(String::new()) } else { codes::parse(said) }
}

/// A facility that is to be entered.
///
/// # Errors
/// Every violation.
pub fn entering(said: Option<&pb::Facility>, now: DateTime<Utc>) -> Result<Facility, Fault> {
    let said = said.ok_or_else(|| Fault::invalid("facility", "is required"))?;
    let mut facility = Facility {
        id: Uuid::now_v7(),
        unit: Uuid::nil(),
        display_name: String::new(),
        grade: 0,
        ownership: 0,
        address: String::new(),
        organisation_code: String::new(),
        code_failed_at: None,
        code_confirmed: false,
        ends_on: None,
        created_at: now,
        version: 1,
        roles: Vec::new(),
    };
    say(&mut facility, said, |_| true, now)?;
    Ok(facility)
}

/// What may be changed of a facility.
const CHANGEABLE: [&str; 7] = [
    "display_name",
    "grade",
    "ownership",
    "unit",
    "address",
    "organisation_code",
    "organisation_code_confirmed",
];

/// Which facility an update is of, and the version that was read.
///
/// # Errors
/// A name that is none, an empty or unknown mask.
pub fn update(request: &pb::UpdateFacilityRequest) -> Result<(Uuid, String), Fault> {
    let said = request.facility.as_ref().ok_or_else(|| Fault::invalid("facility", "is required"))?;
    let mut wrong = Violations::default();
    let id = wrong.name("facility.name", COLLECTION, &said.name);
    let _ = parse::mask(&mut wrong, request.update_mask.as_ref(), &CHANGEABLE);
    wrong.refuse()?;
    Ok((id, said.etag.clone()))
}

/// A facility after an update.
///
/// # Errors
/// Every violation.
pub fn updated(
    request: &pb::UpdateFacilityRequest,
    known: &Facility,
    now: DateTime<Utc>,
) -> Result<Facility, Fault> {
    let said = request.facility.as_ref().ok_or_else(|| Fault::invalid("facility", "is required"))?;
    let asked = parse::mask(&mut Violations::default(), request.update_mask.as_ref(), &CHANGEABLE);
    let mut facility = known.clone();
    say(&mut facility, said, asked, now)?;
    Ok(facility)
}

fn say(
    facility: &mut Facility,
    said: &pb::Facility,
    asked: impl Fn(&str) -> bool,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let mut wrong = Violations::default();
    if asked("display_name") {
        let name = wrong.keep("facility.display_name", parse::text(&said.display_name, 100));
        name.unwrap_or_default().trim().clone_into(&mut facility.display_name);
    }
    if asked("grade") {
        let grade = number(said.grade, &GRADES, "which grade, or UNGRADED?");
        facility.grade = wrong.keep("facility.grade", grade).unwrap_or_default();
    }
    if asked("ownership") {
        let ownership = number(said.ownership, &OWNERSHIPS, "who owns it?");
        facility.ownership = wrong.keep("facility.ownership", ownership).unwrap_or_default();
    }
    if asked("unit") {
        facility.unit = wrong.name("facility.unit", UNITS, &said.unit);
    }
    if asked("address") {
        facility.address =
            wrong.keep("facility.address", optional_text(&said.address, 200)).unwrap_or_default();
    }
    if asked("organisation_code") {
        let code = wrong.keep("facility.organisation_code", code(&said.organisation_code));
        facility.say_code(&code.unwrap_or_default(), now);
    }
    if asked("organisation_code_confirmed") {
        facility.code_confirmed = said.organisation_code_confirmed;
    }
    wrong.refuse()
}

/// A role that is to be granted, and to which facility.
///
/// # Errors
/// Every violation.
pub fn granting(
    request: &pb::GrantRoleRequest,
    (by, now): (&str, DateTime<Utc>),
    today: NaiveDate,
) -> Result<(Uuid, HeldRole), Fault> {
    let mut wrong = Violations::default();
    let facility = wrong.name("facility", COLLECTION, &request.facility);
    let role = wrong.keep("role", role(request.role));
    let starts_on = wrong.keep("start_date", parse::optional_date(&request.start_date)).flatten();
    let starts_on = starts_on.unwrap_or(today);
    let ends_on = wrong.keep("end_date", parse::optional_date(&request.end_date)).flatten();
    if ends_on.is_some_and(|last| last < starts_on) {
        wrong.add("end_date", "must not be before start_date");
    }
    let order = wrong.keep("order", optional_text(&request.order, 100)).unwrap_or_default();
    wrong.refuse()?;
    let role = role.map_or(0, |role| role as i16);
    let held = HeldRole {
        id: Uuid::now_v7(),
        role,
        starts_on,
        ends_on,
        order,
        granted_at: now,
        granted_by: by.to_owned(),
    };
    Ok((facility, held))
}

/// The last day of something that is open.
///
/// # Errors
/// No date, or one that is past.
pub fn last_day(said: &str, today: NaiveDate) -> Result<NaiveDate, String> {
    let last = parse::date(said)?;
    if last < today { Err(format!("must not be before today, {today}")) } else { Ok(last) }
}

/// A role that is said.
///
/// # Errors
/// That it is required.
pub fn role(said: i32) -> Result<Role, String> {
    Role::of(said).ok_or_else(|| "is required: which role?".to_owned())
}

/// The word of a role for programs.
#[must_use]
pub fn role_word(role: i16) -> String {
    let role = pb::Role::try_from(i32::from(role)).unwrap_or_default().as_str_name();
    role.split_once('_').map_or(role, |(_, word)| word).to_owned()
}

/// A facility as the contract has it, on a day, with its phones.
#[must_use]
pub fn facility(facility: &Facility, numbers: &[Phone], today: NaiveDate) -> pb::Facility {
    let is_unanswered = numbers.iter().any(|phone| phone.marked_at.is_some());
    let role = |held: &HeldRole| pb::FacilityRole {
        role: held.role.into(),
        start_date: held.starts_on.to_string(),
        end_date: held.ends_on.map(|date| date.to_string()).unwrap_or_default(),
        order: held.order.clone(),
        granted_by: held.granted_by.clone(),
    };
    pb::Facility {
        name: facility_name(facility.id),
        display_name: facility.display_name.clone(),
        grade: facility.grade.into(),
        ownership: facility.ownership.into(),
        unit: unit_name(facility.unit),
        address: facility.address.clone(),
        organisation_code: facility.organisation_code.clone(),
        organisation_code_confirmed: facility.code_confirmed,
        roles: facility.roles.iter().map(role).collect(),
        phones: numbers.iter().map(phones::phone).collect(),
        marks: facility.marks(today, is_unanswered).into_iter().map(|mark| mark as i32).collect(),
        end_date: facility.ends_on.map(|date| date.to_string()).unwrap_or_default(),
        create_time: Some(parse::timestamp(facility.created_at)),
        etag: parse::etag(facility.version),
    }
}
