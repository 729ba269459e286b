//! Between the contract's hand-downs and ours.

use chassis::{Fault, Violations, parse};
use chrono::{DateTime, Utc};
use proto::screening as pb;
use uuid::Uuid;

use super::{Handdown, LISTS, Receipt, ingest::Taken, store::Source};
use crate::{
    observations::parse::optional,
    passages::parse::shown_facts,
    persons::parse::{damaged_item, person_name, unit_name},
    refusals::refusal,
};

/// The collection of hand-downs' names.
pub const COLLECTION: &str = "handdowns";
/// The longest title of a list.
const REFERENCE: usize = 100;
/// The longest name of who sends a list.
pub const SOURCE_NAME: usize = 100;

/// The resource name of a hand-down.
#[must_use]
pub fn handdown_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// A list that named a person; one of a unit's own where none is said.
pub fn source(
    wrong: &mut Violations,
    said: Option<&pb::HanddownSource>,
    by: &str,
    now: DateTime<Utc>,
) -> Source {
    let own = pb::HanddownSource { kind: pb::ListKind::Unit.into(), ..pb::HanddownSource::default() };
    let said = said.unwrap_or(&own);
    let kind = i16::try_from(said.kind).ok().filter(|kind| LISTS.contains(&i32::from(*kind)));
    let kind = kind.ok_or_else(|| "is required: where does the list come from?".to_owned());
    let kind = wrong.keep("source.kind", kind).unwrap_or_default();
    let reference = wrong.keep("source.reference", optional(&said.reference, REFERENCE)).unwrap_or_default();
    let source_name =
        wrong.keep("source.source_name", optional(&said.source_name, SOURCE_NAME)).unwrap_or_default();
    let starts_at = said.window_start_time.map(parse::instant).transpose();
    let starts_at = wrong.keep("source.window_start_time", starts_at).flatten();
    let ends_at = said.window_end_time.map(parse::instant).transpose();
    let ends_at = wrong.keep("source.window_end_time", ends_at).flatten();
    if starts_at.zip(ends_at).is_some_and(|(starts_at, ends_at)| starts_at >= ends_at) {
        wrong.add("source.window_end_time", "must be after window_start_time");
    }
    Source {
        kind,
        reference: reference.to_owned(),
        source_name: source_name.to_owned(),
        window_starts_at: starts_at,
        window_ends_at: ends_at,
        received_at: now,
        entered_by: by.to_owned(),
        facts: None,
    }
}

/// By what somebody outside the system has taken a person over: whatever of it is missing is said.
pub fn receipt(wrong: &mut Violations, said: Option<&pb::Receipt>, now: DateTime<Utc>) -> Option<Receipt> {
    let none = pb::Receipt::default();
    let said = said.unwrap_or(&none);
    let mut text = |field: &str, value: &str, asked: &str| {
        let text = if value.is_empty() {
            Err(format!("is required: {asked}"))
        } else {
            parse::text(value, REFERENCE).map(str::to_owned)
        };
        wrong.keep(field, text)
    };
    let receiver = text("receipt.receiver", &said.receiver, "who outside has the person now?");
    let letter = text("receipt.letter", &said.letter, "by which letter?");
    let received_at = said.receive_time.ok_or_else(|| "is required: since when?".to_owned());
    let received_at = received_at
        .and_then(parse::instant)
        .and_then(|at| if at > now { Err("must not be in the future".to_owned()) } else { Ok(at) });
    let received_at = wrong.keep("receipt.receive_time", received_at);
    Some(Receipt { receiver: receiver?, received_at: received_at?, letter: letter? })
}

/// A list as the contract has it, with what a checkpoint saw of the person, masked or whole.
#[must_use]
pub fn shown_source(source: &Source, masked: bool) -> pb::HanddownSource {
    pb::HanddownSource {
        kind: source.kind.into(),
        reference: source.reference.clone(),
        window_start_time: source.window_starts_at.map(parse::timestamp),
        window_end_time: source.window_ends_at.map(parse::timestamp),
        receive_time: Some(parse::timestamp(source.received_at)),
        entered_by: source.entered_by.clone(),
        passage: source.facts.as_ref().map(|facts| shown_facts(facts, masked)),
        source_name: source.source_name.clone(),
    }
}

/// A hand-down as the contract has it.
#[must_use]
pub fn handdown(handdown: &Handdown) -> pb::Handdown {
    let unit = |unit: Option<Uuid>| unit.map(unit_name).unwrap_or_default();
    pb::Handdown {
        name: handdown_name(handdown.id),
        chain: handdown_name(handdown.chain),
        person: person_name(handdown.person),
        from_unit: unit_name(handdown.from),
        to_unit: unit(handdown.to),
        final_unit: unit(handdown.last),
        urgent: handdown.urgent,
        state: handdown.state as i32,
        outcome: handdown.outcome.unwrap_or_default().into(),
        words: handdown.words.clone(),
        next: handdown.next.map(handdown_name).unwrap_or_default(),
        due_time: Some(parse::timestamp(handdown.due_at)),
        create_time: Some(parse::timestamp(handdown.created_at)),
        created_by: handdown.created_by.clone(),
        send_time: handdown.sent_at.map(parse::timestamp),
        sent_by: handdown.sent_by.clone(),
        acknowledge_time: handdown.acknowledged_at.map(parse::timestamp),
        acknowledged_by: handdown.acknowledged_by.clone(),
        close_time: handdown.closed_at.map(parse::timestamp),
        verified_by: handdown.verified_by.clone(),
        readdressed: handdown.readdressed,
        receipt: handdown.receipt.as_ref().map(|receipt| pb::Receipt {
            receiver: receipt.receiver.clone(),
            receive_time: Some(parse::timestamp(receipt.received_at)),
            letter: receipt.letter.clone(),
        }),
    }
}

/// A change that does not suit how a hand-down stands.
#[must_use]
pub fn misfit(handdown: &Handdown, words: &str) -> Fault {
    let name = handdown_name(handdown.id);
    let state = pb::HanddownState::try_from(handdown.state as i32).unwrap_or_default().as_str_name();
    let state = state.splitn(3, '_').last().unwrap_or(state).to_owned();
    let words = format!("is {state}: {words}");
    Fault::unmet("HANDDOWN_STATE", name.clone(), words, vec![("handdown", name), ("state", state)])
}

/// A unit that has said that the person is not there.
#[must_use]
pub fn ring(id: Uuid, unit: Uuid) -> Fault {
    let (name, unit) = (handdown_name(id), unit_name(unit));
    let words = format!("{unit} has said that the person is not there; say another unit");
    Fault::unmet("HANDDOWN_RING", name.clone(), words, vec![("handdown", name), ("unit", unit)])
}

/// What became of an item, in its place of the list; a failure that is nobody's fault ends the call.
///
/// # Errors
/// A fault that is no item's.
pub fn result(
    (nth, item): (usize, &pb::HanddownItem),
    taken: Result<Taken, Fault>,
) -> Result<pb::handdown_result::Result, Fault> {
    use pb::handdown_result::Result as Answer;
    match taken {
        Ok(Taken::In(begun, joined)) => Ok(Answer::Accepted(pb::AcceptedHanddown {
            handdown: Some(handdown(&begun)),
            joined,
            damaged: damaged_item(item.details.as_ref(), "details.", &[]),
        })),
        Ok(Taken::Before(chain)) => Ok(Answer::Duplicate(handdown_name(chain))),
        Err(fault) => {
            let (code, reason, message) = refusal("items", nth, fault)?;
            Ok(Answer::Refused(pb::RefusedHanddown { code: code.into(), reason, message }))
        }
    }
}
