//! Checks of single values that many messages share. Each says what is wrong and what is right. What was said instead of a
//! name, an id or a date is not repeated: where columns are shifted, it is somebody's name or number (P4).

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use uuid::Uuid;

use crate::{Fault, Violations};

/// How far what is told may lie ahead of our clock: those of two machines are never quite the same.
pub const SKEW: TimeDelta = TimeDelta::minutes(1);

/// A resource name `collection/{uuid}`.
///
/// # Errors
/// What a name must look like.
pub fn name(collection: &str, value: &str) -> Result<Uuid, String> {
    let id = value
        .strip_prefix(collection)
        .and_then(|rest| rest.strip_prefix('/'))
        .filter(|id| id.len() == 36)
        .and_then(|id| Uuid::try_parse(id).ok());
    id.ok_or_else(|| format!("must be {collection}/{{uuid}}"))
}

/// The name of the resource that a request is about, in its field `name`.
///
/// # Errors
/// [`Fault::Invalid`] for what is none.
pub fn resource(collection: &str, value: &str) -> Result<Uuid, Fault> {
    name(collection, value).map_err(|wrong| Fault::invalid("name", wrong))
}

/// As [`name`], where one is said.
///
/// # Errors
/// As [`name`].
pub fn optional_name(collection: &str, value: &str) -> Result<Option<Uuid>, String> {
    if value.is_empty() { Ok(None) } else { name(collection, value).map(Some) }
}

/// What [`Violations`] keeps of the checks that nearly every message has. Where there is none, the value is the type's
/// own default, which nobody sees: the request is refused.
impl Violations {
    /// A name of a field, as [`name`].
    pub fn name(&mut self, field: &str, collection: &str, value: &str) -> Uuid {
        self.keep(field, name(collection, value)).unwrap_or_default()
    }

    /// A name of a field, where one is said.
    pub fn optional_name(&mut self, field: &str, collection: &str, value: &str) -> Option<Uuid> {
        if value.is_empty() { None } else { self.keep(field, name(collection, value)) }
    }

    /// Names of a field that repeats, in their order.
    pub fn names(&mut self, field: &str, collection: &str, values: &[String]) -> Vec<Uuid> {
        let names = values.iter().enumerate();
        names
            .filter_map(|(nth, value)| self.keep(&format!("{field}[{nth}]"), name(collection, value)))
            .collect()
    }

    /// As [`Violations::text`], where any is said.
    pub fn optional_text(&mut self, field: &str, value: &str, longest: usize) {
        if !value.is_empty() {
            self.text(field, value, longest);
        }
    }

    /// A choice of an enum, where one is made: zero is none.
    pub fn choice<T>(&mut self, field: &str, number: i32, of: impl FnOnce(i32) -> Option<T>) -> Option<T> {
        if number == 0 {
            return None;
        }
        self.keep(field, of(number).ok_or_else(|| "is none there is".to_owned()))
    }

    /// Text of a field that is taken as it is, as [`text`].
    pub fn text(&mut self, field: &str, value: &str, longest: usize) {
        self.keep(field, text(value, longest));
    }
}

/// How many there are of what repeats: 1 to so many.
///
/// # Errors
/// How many there must be.
pub fn count(are: usize, most: usize) -> Result<(), String> {
    if (1..=most).contains(&are) { Ok(()) } else { Err(format!("must be 1 to {most}, are {are}")) }
}

/// A UUID in its usual 36 characters, as a request_id.
///
/// # Errors
/// What it must look like.
pub fn uuid(value: &str) -> Result<Uuid, String> {
    let id = Some(value).filter(|id| id.len() == 36);
    id.and_then(|id| Uuid::try_parse(id).ok())
        .filter(|id| !id.is_nil())
        .ok_or_else(|| "must be a UUID that is not nil".to_owned())
}

/// Takes the request_id out of a message, whose rest is then what the id was used for.
///
/// # Errors
/// [`Fault::Invalid`] for what is no UUID.
pub fn request_id(field: &mut String) -> Result<Uuid, Fault> {
    uuid(&std::mem::take(field)).map_err(|wrong| Fault::invalid("request_id", wrong))
}

/// The etag of a row's version: opaque, and quoted as HTTP has it.
#[must_use]
pub fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// Whether what a caller has read of a row, by its etag, is the row's present version; one who says none has not looked.
///
/// # Errors
/// [`Fault::EtagMismatch`] where it was changed meanwhile.
pub fn unchanged(read: &str, version: i64) -> Result<(), Fault> {
    let now = etag(version);
    if read.is_empty() || read == now { Ok(()) } else { Err(Fault::EtagMismatch(now)) }
}

/// An instant of the contract, in whole microseconds as the database keeps it.
///
/// # Errors
/// What it must look like.
pub fn instant(value: prost_types::Timestamp) -> Result<DateTime<Utc>, String> {
    let nanos = u32::try_from(value.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    let instant = nanos.and_then(|nanos| DateTime::from_timestamp(value.seconds, nanos));
    let micros = instant.and_then(|instant| DateTime::from_timestamp_micros(instant.timestamp_micros()));
    micros.ok_or_else(|| "must be an instant of the years 0001 to 9999".to_owned())
}

/// A civil date YYYY-MM-DD between 1900 and 2199.
///
/// # Errors
/// What it must look like.
pub fn date(value: &str) -> Result<NaiveDate, String> {
    use chrono::Datelike as _;
    let date = Some(value).filter(|text| text.len() == 10);
    date.and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
        .filter(|date| (1900..2200).contains(&date.year()))
        .ok_or_else(|| "must be a date YYYY-MM-DD".to_owned())
}

/// A date where one is given.
///
/// # Errors
/// As [`date`].
pub fn optional_date(value: &str) -> Result<Option<NaiveDate>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    date(value).map(Some)
}

/// Text of a length in characters, without control characters or the sign of a lost character.
///
/// # Errors
/// What it must look like.
pub fn text(value: &str, longest: usize) -> Result<&str, String> {
    let length = value.chars().count();
    if value.trim().is_empty() {
        return Err("must not be empty".to_owned());
    }
    if length > longest {
        return Err(format!("must have at most {longest} characters, has {length}"));
    }
    if value.chars().any(char::is_control) {
        return Err("must not contain control characters".to_owned());
    }
    if value.contains(char::REPLACEMENT_CHARACTER) {
        return Err("contains U+FFFD, the sign of a lost character: repair the source".to_owned());
    }
    Ok(value)
}

/// A short token of ASCII characters that satisfy `allowed`.
///
/// # Errors
/// What it must look like.
pub fn symbol<'a>(
    value: &'a str,
    longest: usize,
    set: &str,
    allowed: impl Fn(char) -> bool,
) -> Result<&'a str, String> {
    if value.is_empty() || value.len() > longest || !value.chars().all(allowed) {
        return Err(format!("must be 1 to {longest} characters of {set}, is {}", quoted(value)));
    }
    Ok(value)
}

/// Bytes in small hexadecimal digits, as digests are written.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The value for an error message: quoted, without surprises, cut at 64 characters.
#[must_use]
pub fn quoted(value: &str) -> String {
    let mut shown: String = value.chars().take(64).collect();
    if shown.len() < value.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

/// Which fields an update asks to change: those of its mask, all for `*`. An empty mask and an unknown
/// path are violations.
pub fn mask<'a>(
    wrong: &mut Violations,
    mask: Option<&'a prost_types::FieldMask>,
    changeable: &[&str],
) -> impl Fn(&str) -> bool + use<'a> {
    let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
    let known = changeable.join(", ");
    if paths.is_empty() {
        wrong.add("update_mask", format!("is required: any of {known}, or *"));
    }
    for path in paths.iter().filter(|path| *path != "*" && !changeable.contains(&path.as_str())) {
        wrong.add("update_mask", format!("{} is none of {known}", quoted(path)));
    }
    move |field| paths.iter().any(|path| path == field || path == "*")
}

/// An instant as the contract has it.
#[must_use]
pub fn timestamp(instant: DateTime<Utc>) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: instant.timestamp(),
        nanos: i32::try_from(instant.timestamp_subsec_nanos()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_usual_spelling_of_a_name_is_taken() {
        let id = Uuid::now_v7();
        assert_eq!(name("units", &format!("units/{id}")), Ok(id));
        for wrong in [format!("unit/{id}"), format!("units/{}", id.simple()), id.to_string()] {
            assert!(name("units", &wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_violation_has_its_own_field() {
        let (good, mut wrong) = (format!("units/{}", Uuid::now_v7()), Violations::default());
        let names = wrong.names("units", "units", &[good.clone(), "units/1".to_owned(), good]);
        assert_eq!(names.len(), 2, "what is good is kept in its order");
        assert_eq!(wrong.optional_name("parent_unit", "units", ""), None);
        assert_eq!(wrong.choice("state", 0, |_| None::<i32>), None, "no choice is none");
        wrong.choice("state", 9, |_| None::<i32>);
        wrong.optional_text("note", "", 3);
        wrong.text("reason", "", 3);
        let fields: Vec<_> = wrong.into_inner().into_iter().map(|one| one.field).collect();
        assert_eq!(fields, ["units[1]", "state", "reason"]);
    }

    #[test]
    fn who_says_what_version_was_read_must_have_read_the_present_one() {
        assert!(unchanged("", 3).is_ok(), "nothing is said");
        assert!(unchanged(&etag(3), 3).is_ok());
        assert!(matches!(unchanged(&etag(2), 3), Err(Fault::EtagMismatch(now)) if now == etag(3)));
    }

    #[test]
    fn a_date_is_a_day_that_exists() {
        assert!(date("2020-02-29").is_ok());
        for wrong in ["2019-02-29", "2020-2-3", "20200203", "0020-02-03", ""] {
            assert!(date(wrong).is_err(), "{wrong}");
        }
    }
}
