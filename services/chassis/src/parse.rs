//! Checks of single values that many messages share. Each says what is wrong and what is right.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::{Fault, Violations};

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
    id.ok_or_else(|| format!("must be {collection}/{{uuid}}, is {}", quoted(value)))
}

/// As [`name`], where one is said.
///
/// # Errors
/// As [`name`].
pub fn optional_name(collection: &str, value: &str) -> Result<Option<Uuid>, String> {
    if value.is_empty() { Ok(None) } else { name(collection, value).map(Some) }
}

/// A UUID in its usual 36 characters, as a request_id.
///
/// # Errors
/// What it must look like.
pub fn uuid(value: &str) -> Result<Uuid, String> {
    let id = Some(value).filter(|id| id.len() == 36);
    id.and_then(|id| Uuid::try_parse(id).ok())
        .filter(|id| !id.is_nil())
        .ok_or_else(|| format!("must be a UUID that is not nil, is {}", quoted(value)))
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
        .ok_or_else(|| format!("must be a date YYYY-MM-DD, is {}", quoted(value)))
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
    fn a_date_is_a_day_that_exists() {
        assert!(date("2020-02-29").is_ok());
        for wrong in ["2019-02-29", "2020-2-3", "20200203", "0020-02-03", ""] {
            assert!(date(wrong).is_err(), "{wrong}");
        }
    }
}
