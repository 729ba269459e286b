//! Between the contract's phones and ours.

use chassis::{Fault, Violations, parse};
use chrono::{DateTime, NaiveTime, Utc};
use proto::medical as pb;
use uuid::Uuid;

use super::{CALLED_WITHIN, Call, Hours, Outcome, Phone};
use crate::facilities::parse::{COLLECTION as FACILITIES, facility_name, optional_text};

/// The collection of phones' names.
pub const COLLECTION: &str = "phones";
/// The collection of calls' names.
pub const CALLS: &str = "calls";

/// The resource name of a phone.
#[must_use]
pub fn phone_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

fn number(said: &str) -> Result<String, String> {
    let number: String = said.chars().filter(|sign| !sign.is_whitespace()).collect();
    let good = |sign: char| sign.is_ascii_digit() || matches!(sign, '+' | '-');
    let digits = number.chars().filter(char::is_ascii_digit).count();
    if number.len() > 20 || digits < 3 || !number.chars().all(good) {
        return Err("must be 3 to 20 digits, + and -".to_owned());
    }
    Ok(number)
}

fn time(said: &str) -> Result<NaiveTime, String> {
    let time = Some(said).filter(|text| text.len() == 5);
    let time = time.and_then(|text| NaiveTime::parse_from_str(text, "%H:%M").ok());
    time.ok_or_else(|| format!("must be HH:MM, 00:00 to 23:59, is {}", parse::quoted(said)))
}

fn hours(wrong: &mut Violations, said: &pb::Phone) -> Hours {
    if said.open_time.is_empty() && said.close_time.is_empty() {
        return Hours(None);
    }
    let opens = wrong.keep("phone.open_time", time(&said.open_time));
    let closes = wrong.keep("phone.close_time", time(&said.close_time));
    Hours(opens.zip(closes))
}

/// A phone that is to be added.
///
/// # Errors
/// Every violation.
pub fn adding(said: Option<&pb::Phone>, now: DateTime<Utc>) -> Result<Phone, Fault> {
    let said = said.ok_or_else(|| Fault::invalid("phone", "is required"))?;
    let mut wrong = Violations::default();
    let facility = wrong.name("phone.facility", FACILITIES, &said.facility);
    let number = wrong.keep("phone.number", number(&said.number)).unwrap_or_default();
    let label = wrong.keep("phone.label", optional_text(&said.label, 50)).unwrap_or_default();
    let hours = hours(&mut wrong, said);
    wrong.refuse()?;
    Ok(Phone {
        id: Uuid::now_v7(),
        facility,
        number,
        label,
        hours,
        verified_at: None,
        verified_by: String::new(),
        failed_calls: 0,
        marked_at: None,
        removed_at: None,
        created_at: now,
        version: 1,
    })
}

/// What may be changed of a phone.
const CHANGEABLE: [&str; 3] = ["label", "open_time", "close_time"];

/// Which phone an update is of, and the version that was read.
///
/// # Errors
/// A name that is none, an empty or unknown mask, one of the hours without the other.
pub fn update(request: &pb::UpdatePhoneRequest) -> Result<(Uuid, String), Fault> {
    let said = request.phone.as_ref().ok_or_else(|| Fault::invalid("phone", "is required"))?;
    let mut wrong = Violations::default();
    let id = wrong.name("phone.name", COLLECTION, &said.name);
    let asked = parse::mask(&mut wrong, request.update_mask.as_ref(), &CHANGEABLE);
    if asked("open_time") != asked("close_time") {
        wrong.add("update_mask", "open_time and close_time change together");
    }
    wrong.refuse()?;
    Ok((id, said.etag.clone()))
}

/// A phone after an update.
///
/// # Errors
/// Every violation.
pub fn updated(request: &pb::UpdatePhoneRequest, known: &Phone) -> Result<Phone, Fault> {
    let said = request.phone.as_ref().ok_or_else(|| Fault::invalid("phone", "is required"))?;
    let mut wrong = Violations::default();
    let asked = parse::mask(&mut wrong, request.update_mask.as_ref(), &CHANGEABLE);
    let mut phone = known.clone();
    if asked("label") {
        phone.label = wrong.keep("phone.label", optional_text(&said.label, 50)).unwrap_or_default();
    }
    if asked("open_time") {
        phone.hours = hours(&mut wrong, said);
    }
    wrong.refuse()?;
    Ok(phone)
}

/// A call that is to be recorded: to which phone, what came of it, and when it was made.
///
/// # Errors
/// Every violation.
pub fn calling(
    request: &pb::LogCallRequest,
    now: DateTime<Utc>,
) -> Result<(Uuid, i16, DateTime<Utc>), Fault> {
    let mut wrong = Violations::default();
    let phone = wrong.name("phone", COLLECTION, &request.phone);
    let outcome = Outcome::of(request.outcome).ok_or_else(|| "is required: what came of it?".to_owned());
    let outcome = wrong.keep("outcome", outcome).map_or(0, |outcome| outcome as i16);
    let called_at = request.call_time.map_or(Ok(now), parse::instant).and_then(|at| {
        let known = now - CALLED_WITHIN <= at && at <= now + parse::SKEW;
        if known { Ok(at) } else { Err("must not be in the future, nor more than 7 days ago".to_owned()) }
    });
    let called_at = wrong.keep("call_time", called_at).unwrap_or_default();
    wrong.refuse()?;
    Ok((phone, outcome, called_at))
}

/// The hours of a phone as the contract has them: from, until.
#[must_use]
pub fn times(hours: Hours) -> (String, String) {
    let text = |time: NaiveTime| time.format("%H:%M").to_string();
    hours.0.map(|(opens, closes)| (text(opens), text(closes))).unwrap_or_default()
}

/// A phone as the contract has it.
#[must_use]
pub fn phone(phone: &Phone) -> pb::Phone {
    let (open_time, close_time) = times(phone.hours);
    pb::Phone {
        name: phone_name(phone.id),
        facility: facility_name(phone.facility),
        number: phone.number.clone(),
        label: phone.label.clone(),
        open_time,
        close_time,
        verify_time: phone.verified_at.map(parse::timestamp),
        verified_by: phone.verified_by.clone(),
        failed_calls: phone.failed_calls,
        mark_time: phone.marked_at.map(parse::timestamp),
        create_time: Some(parse::timestamp(phone.created_at)),
        etag: parse::etag(phone.version),
    }
}

/// A call as the contract has it.
#[must_use]
pub fn call(call: &Call) -> pb::Call {
    pb::Call {
        name: format!("{CALLS}/{}", call.id),
        phone: phone_name(call.phone),
        outcome: call.outcome.into(),
        call_time: Some(parse::timestamp(call.called_at)),
        outside_hours: call.outside_hours,
        called_by: call.called_by.clone(),
        create_time: Some(parse::timestamp(call.recorded_at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_and_a_time_is_of_a_day() {
        assert_eq!(number("0738-120 "), Ok("0738-120".to_owned()));
        for wrong in ["", "12", "0738 内线 3", "000000000000000000000", "+-+"] {
            assert!(number(wrong).is_err(), "{wrong}");
        }
        for wrong in ["24:00", "8:00", "08:60", "noon"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
