//! Between the contract's officers and ours.

use chassis::{Fault, Violations, parse};
use proto::registry as pb;
use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;

use super::{Change, Entry, Officer, phone};
use crate::{
    batches,
    units::parse::{COLLECTION as UNITS, unit_name},
};

/// The collection of officers' names.
pub const COLLECTION: &str = "officers";
const CHANGEABLE: [&str; 4] = ["display_name", "official_phone", "subject", "home_unit"];

/// The resource name of an officer.
#[must_use]
pub fn officer_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

fn display_name(text: &str) -> Result<String, String> {
    Ok(parse::text(text.trim(), 100)?.nfc().collect())
}

fn subject(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() > 200 || text.chars().any(|sign| sign.is_control() || sign.is_whitespace()) {
        return Err("must be at most 200 bytes without white space".to_owned());
    }
    Ok(Some(text.to_owned()))
}

fn entry(officer: &pb::Officer) -> Result<Entry, Violations> {
    let mut wrong = Violations::default();
    let display_name = wrong.keep("display_name", display_name(&officer.display_name));
    let official_phone = wrong.keep("official_phone", phone(&officer.official_phone));
    let subject = wrong.keep("subject", subject(&officer.subject));
    let home_unit = wrong.keep("home_unit", parse::name(UNITS, &officer.home_unit));
    match (display_name, official_phone, subject, home_unit) {
        (Some(display_name), Some(official_phone), Some(subject), Some(home_unit)) => {
            Ok(Entry { display_name, official_phone, subject, home_unit })
        }
        _ => Err(wrong),
    }
}

/// Checks the officer of a create.
///
/// # Errors
/// Every violation.
pub fn create(request: &pb::CreateOfficerRequest) -> Result<Entry, Fault> {
    let officer = request.officer.as_ref().ok_or_else(|| Fault::invalid("officer", "is required"))?;
    entry(officer).map_err(|inner| inner.under("officer"))
}

/// Checks the officers of a batch.
///
/// # Errors
/// Every violation of every item.
pub fn batch(request: &pb::BatchCreateOfficersRequest) -> Result<Vec<Entry>, Fault> {
    batches::checked("officers", &request.officers, |_, officer| entry(officer))
}

/// A change that is asked for.
#[derive(Debug)]
pub struct Update {
    /// The officer.
    pub id: Uuid,
    /// What changes.
    pub change: Change,
    /// The etag that the caller read; empty where they say none.
    pub etag: String,
}

impl TryFrom<&pb::UpdateOfficerRequest> for Update {
    type Error = Fault;

    fn try_from(request: &pb::UpdateOfficerRequest) -> Result<Self, Fault> {
        let officer = request.officer.as_ref().ok_or_else(|| Fault::invalid("officer", "is required"))?;
        let mut wrong = Violations::default();
        let id = wrong.keep("officer.name", parse::name(COLLECTION, &officer.name));
        let asked = parse::mask(&mut wrong, request.update_mask.as_ref(), &CHANGEABLE);
        let mut change = Change::default();
        if asked("display_name") {
            change.display_name = wrong.keep("officer.display_name", display_name(&officer.display_name));
        }
        if asked("official_phone") {
            change.official_phone = wrong.keep("officer.official_phone", phone(&officer.official_phone));
        }
        if asked("subject") {
            change.subject = wrong.keep("officer.subject", subject(&officer.subject));
        }
        if asked("home_unit") {
            change.home_unit = wrong.keep("officer.home_unit", parse::name(UNITS, &officer.home_unit));
        }
        wrong.refuse()?;
        Ok(Self { id: id.unwrap_or_default(), change, etag: officer.etag.clone() })
    }
}

impl From<Officer> for pb::Officer {
    fn from(officer: Officer) -> Self {
        Self {
            name: officer_name(officer.id),
            display_name: officer.entry.display_name,
            official_phone: officer.entry.official_phone,
            subject: officer.entry.subject.unwrap_or_default(),
            home_unit: unit_name(officer.entry.home_unit),
            create_time: Some(parse::timestamp(officer.created_at)),
            update_time: Some(parse::timestamp(officer.updated_at)),
            etag: parse::etag(officer.version),
        }
    }
}
