//! Between the contract's exposures and ours.

use chassis::{Fault, Violations, parse};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use prost::Message as _;
use proto::screening::{self as pb, exposure_item::Contact as Said};
use uuid::Uuid;

use super::{Exposure, KINDS};
use crate::{
    events::Sent,
    observations::parse::exposure as day,
    persons::parse::{
        COLLECTION as PERSONS, Intake, damaged_item, listed, optional_text, person_name, unit_name,
    },
};

/// The collection of exposures' names.
pub const COLLECTION: &str = "exposures";
/// The longest name of a place, or of an index in a list.
const LONGEST: usize = 100;

/// The resource name of an exposure.
#[must_use]
pub fn exposure_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// Who a contact is.
#[derive(Clone, Debug)]
pub enum Contact {
    /// A person.
    Person(Uuid),
    /// Somebody to be taken in.
    Somebody(Box<Intake>),
}

/// A contact of a list that is well-formed.
#[derive(Clone, Debug)]
pub struct Item {
    /// The client's id of it, and what was sent.
    pub sent: Sent,
    /// The index, where it is a person's name.
    pub index: Option<Uuid>,
    /// How the list names the index.
    pub reference: String,
    /// The contact.
    pub contact: Contact,
    /// What kind.
    pub kind: i16,
    /// Where.
    pub place: String,
    /// When it began.
    pub first_at: DateTime<Utc>,
    /// When it ended.
    pub last_at: DateTime<Utc>,
    /// Whether there was effective protection.
    pub protected: bool,
}

/// Which texts of an item look damaged (I12).
#[must_use]
pub fn damaged(said: &pb::ExposureItem) -> Vec<pb::DamagedText> {
    let details = match &said.contact {
        Some(Said::Details(details)) => Some(details),
        _ => None,
    };
    let others = [("index_reference", said.index_reference.as_str()), ("place", said.place.as_str())];
    damaged_item(details, "details.", &others)
}

/// An item of the contract, in a list of a unit.
///
/// # Errors
/// Every violation, with paths below the item.
pub fn item(said: &pb::ExposureItem, unit: &str, now: DateTime<Utc>, zone: Tz) -> Result<Item, Fault> {
    let mut wrong = Violations::default();
    let event = wrong.keep("event_id", parse::uuid(&said.event_id)).unwrap_or_default();
    let index = wrong.keep("index", parse::optional_name(PERSONS, &said.index)).flatten();
    let reference =
        wrong.keep("index_reference", optional_text(&said.index_reference, LONGEST)).unwrap_or_default();
    if said.index.is_empty() && reference.is_empty() {
        wrong.add("index_reference", "is required where index is empty: whose contact is it?");
    }
    let contact = match &said.contact {
        Some(Said::Person(name)) => wrong.keep("person", parse::name(PERSONS, name)).map(Contact::Person),
        Some(Said::Details(details)) => {
            listed(&mut wrong, Some(details), unit, pb::Purpose::Contact, "contact tracing")?
                .map(|intake| Contact::Somebody(Box::new(intake)))
        }
        None => {
            wrong.add("contact", "is required: a person, or the details of one");
            None
        }
    };
    let kind = i16::try_from(said.kind).ok().filter(|kind| KINDS.contains(&i32::from(*kind)));
    let kind = kind.ok_or_else(|| "is required: what kind of contact was it (R10)?".to_owned());
    let kind = wrong.keep("kind", kind).unwrap_or_default();
    let place = wrong.keep("place", optional_text(&said.place, LONGEST)).unwrap_or_default();
    let first_at = said.first_time.ok_or_else(|| "is required".to_owned()).and_then(parse::instant);
    let first_at = wrong.keep("first_time", first_at).unwrap_or_default();
    let last_at = said.last_time.map_or(Ok(first_at), parse::instant);
    let last_at = wrong.keep("last_time", last_at.and_then(|at| past(at, now))).unwrap_or(first_at);
    if wrong.is_empty() {
        if last_at < first_at {
            wrong.add("last_time", "must not be before first_time");
        }
        let date = last_at.with_timezone(&zone).date_naive().to_string();
        wrong.keep("last_time", day(&date, now.with_timezone(&zone).date_naive()).map(drop));
    }
    if index.is_some() && matches!(&contact, Some(Contact::Person(contact)) if Some(*contact) == index) {
        wrong.add("person", "must be another person than the index");
    }
    wrong.refuse()?;
    let contact = contact.ok_or_else(|| Fault::internal("what is wrong was not said"))?;
    let sent = Sent::new(event, &said.encode_to_vec());
    Ok(Item { sent, index, reference, contact, kind, place, first_at, last_at, protected: said.protected })
}

/// An instant that is not in the future.
///
/// # Errors
/// One that is.
pub fn past(at: DateTime<Utc>, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    if at > now + parse::SKEW {
        return Err(format!("must not be in the future; it is {}", now.to_rfc3339()));
    }
    Ok(at)
}

/// An exposure as the contract has it, to who sees its index, its contact, or both.
#[must_use]
pub fn exposure(exposure: &Exposure, sees: impl Fn(Uuid) -> bool, zone: Tz) -> pb::Exposure {
    let index = exposure.index.filter(|index| sees(index.unit));
    let contact = sees(exposure.contact_unit);
    pb::Exposure {
        name: exposure_name(exposure.id),
        index: index.map(|index| person_name(index.person)).unwrap_or_default(),
        index_reference: exposure.index_reference.clone(),
        dangling: exposure.index.is_none(),
        contact: if contact { person_name(exposure.contact) } else { String::new() },
        contact_unit: if contact { unit_name(exposure.contact_unit) } else { String::new() },
        kind: exposure.kind.into(),
        place: exposure.place.clone(),
        first_time: Some(parse::timestamp(exposure.first_at)),
        last_time: Some(parse::timestamp(exposure.last_at)),
        protected: exposure.protected,
        close: exposure.close,
        window: exposure.window(zone) as i32,
        control_plan: exposure.control_plan.into(),
        create_time: Some(parse::timestamp(exposure.created_at)),
        entered_by: exposure.entered_by.clone(),
        withdraw_time: exposure.withdrawn_at.map(parse::timestamp),
        withdraw_reason: exposure.withdraw_reason.clone(),
    }
}

/// An exposure as it is kept for a repetition of the call: an answer that is kept says nothing of anybody.
#[must_use]
pub fn without_texts(shown: &pb::Exposure) -> pb::Exposure {
    pb::Exposure { index_reference: String::new(), place: String::new(), ..shown.clone() }
}

/// What was kept for a repetition, with the texts of the exposure.
#[must_use]
pub fn with_texts(kept: pb::Exposure, exposure: &Exposure) -> pb::Exposure {
    let (index_reference, place) = (exposure.index_reference.clone(), exposure.place.clone());
    pb::Exposure { index_reference, place, ..kept }
}

/// A change that does not suit how an exposure stands.
#[must_use]
pub fn misfit(id: Uuid, words: &str) -> Fault {
    let name = exposure_name(id);
    Fault::unmet("EXPOSURE_STATE", name.clone(), words, vec![("exposure", name)])
}
