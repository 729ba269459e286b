//! Between the contract's passages and ours.

use chassis::{Fault, Violations, parse};
use chrono::{DateTime, TimeDelta, Utc};
use prost::Message as _;
use proto::screening as pb;
use uuid::Uuid;

use super::{Facts, KEPT_DAYS, Signs, store::Fellow};
use crate::{
    checkpoints::parse::COLLECTION,
    handdowns::{ingest::Item, parse::handdown_name},
    keyring::Keyring,
    persons::parse::{damaged_item, optional_text, unit_name},
    readings::parse::{celsius, decidegrees},
};

/// The longest vehicle or party.
pub const PARTY: usize = 50;

/// A passage that is well-formed.
#[derive(Debug)]
pub struct Said {
    /// The client's id of it.
    pub event: Uuid,
    /// The checkpoint.
    pub checkpoint: Uuid,
    /// When.
    pub passed_at: DateTime<Utc>,
    /// What decides where the person goes.
    pub signs: Signs,
    /// What is sealed.
    pub personal: pb::Passage,
}

/// A passage of the contract, but for what is said of the person.
///
/// # Errors
/// Every violation.
pub fn passage(said: pb::Passage, now: DateTime<Utc>) -> Result<Said, Fault> {
    let mut wrong = Violations::default();
    let event = wrong.keep("event_id", parse::uuid(&said.event_id)).unwrap_or_default();
    let checkpoint = wrong.keep("checkpoint", parse::name(COLLECTION, &said.checkpoint)).unwrap_or_default();
    let passed_at = said.pass_time.ok_or_else(|| "is required".to_owned()).and_then(parse::instant);
    let passed_at = wrong.keep("pass_time", passed_at.and_then(|at| passed(at, now))).unwrap_or_default();
    if pb::Direction::try_from(said.direction).is_err() {
        wrong.add("direction", "is none there is");
    }
    if pb::TestResult::try_from(said.test).is_err() {
        wrong.add("test", "is none there is");
    }
    wrong.keep("party", optional_text(&said.party, PARTY).map(drop));
    wrong.keep("seat", optional_text(&said.seat, 20).map(drop));
    wrong.keep("origin", optional_text(&said.origin, 100).map(drop));
    let degrees = wrong.keep("temperature", decidegrees(said.temperature)).flatten();
    wrong.refuse()?;
    let signs = Signs {
        decidegrees: degrees,
        leaves: said.direction() == pb::Direction::Leaving,
        from_outside: said.from_outside,
        from_area: said.from_area,
        tested: said.test() != pb::TestResult::Unspecified,
        positive: said.test() == pb::TestResult::Positive,
    };
    Ok(Said { event, checkpoint, passed_at, signs, personal: said })
}

/// Which texts of a passage look damaged (I12).
#[must_use]
pub fn damaged(said: &pb::Passage) -> Vec<pb::DamagedText> {
    let others =
        [("party", said.party.as_str()), ("seat", said.seat.as_str()), ("origin", said.origin.as_str())];
    damaged_item(said.details.as_ref(), "details.", &others)
}

fn passed(at: DateTime<Utc>, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    if at > now + parse::SKEW {
        return Err(format!("must not be in the future; it is {}", now.to_rfc3339()));
    }
    if at < now - TimeDelta::days(i64::try_from(KEPT_DAYS).unwrap_or(i64::MAX)) {
        return Err(format!("is over {KEPT_DAYS} days ago; it is {}", now.to_rfc3339()));
    }
    Ok(at)
}

/// What a checkpoint saw of a person.
#[must_use]
pub fn facts(said: &Said) -> Facts {
    Facts {
        passed_at: said.passed_at,
        decidegrees: said.signs.decidegrees,
        from_outside: said.signs.from_outside,
        from_area: said.signs.from_area,
        untested: said.signs.is_untested(),
        test: said.personal.test,
        origin: said.personal.origin.clone(),
        party: said.personal.party.clone(),
        seat: said.personal.seat.clone(),
    }
}

/// What a checkpoint saw of a person, as the contract has it, masked or whole.
#[must_use]
pub fn shown_facts(facts: &Facts, masked: bool) -> pb::PassageFacts {
    let show = |value: &String| if masked { String::new() } else { value.clone() };
    pb::PassageFacts {
        pass_time: Some(parse::timestamp(facts.passed_at)),
        from_outside: facts.from_outside,
        from_area: facts.from_area,
        untested: facts.untested,
        test: if masked { 0 } else { facts.test },
        temperature: if masked { 0.0 } else { celsius(facts.decidegrees) },
        origin: show(&facts.origin),
        party: show(&facts.party),
        seat: show(&facts.seat),
        masked,
    }
}

/// Who was in one vehicle or party, as the contract has it: whole.
///
/// # Errors
/// Where the personal part cannot be opened.
pub fn fellow(keys: &Keyring, fellow: &Fellow) -> Result<pb::Fellow, Fault> {
    let passage = keys.open(fellow.event, &fellow.sealed)?;
    // The cause is left out: it may quote the value.
    let passage = pb::Passage::decode(&passage[..]).map_err(|_| Fault::internal("a sealed passage"))?;
    let handdown = fellow.handdown.map(handdown_name).unwrap_or_default();
    Ok(pb::Fellow { passage: Some(passage), handdown })
}

/// The person of a passage as an item of a list that the checkpoint's unit hands down; checks what is said of
/// the person.
///
/// # Errors
/// Every violation.
pub fn item(said: &Said, unit: Uuid, reference: &str, urgent: bool) -> Result<Item, Fault> {
    let purpose = if said.signs.is_febrile() { pb::Purpose::Febrile } else { pb::Purpose::Returnee };
    let to_unit = Some(&said.personal.to_unit).filter(|to| **to != unit_name(unit));
    let item = pb::HanddownItem {
        event_id: said.personal.event_id.clone(),
        details: said.personal.details.clone(),
        purpose: purpose.into(),
        to_unit: to_unit.cloned().unwrap_or_default(),
        urgent,
    };
    Item::new(&item, &unit_name(unit), reference)
}
