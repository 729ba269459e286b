//! Between the contract's readings and ours.

use chassis::{Violations, parse};
use chrono::{DateTime, TimeDelta, Utc};
use proto::screening as pb;

use super::{Kind, Mark, OLDEST_DAYS, Outcome, Reading, Slot, outcome, store::Kept};
use crate::{
    observations::parse::{COLLECTION, observation_name},
    persons::parse::optional_text,
};

/// The longest note.
const NOTE: usize = 100;
/// The coldest and the hottest that a thermometer shows of somebody alive, in tenths of a degree.
const ALIVE: std::ops::RangeInclusive<i16> = 340..=430;

/// A temperature in tenths of a degree; nothing where it was not measured.
///
/// # Errors
/// What it must be.
pub fn decidegrees(celsius: f64) -> Result<Option<i16>, String> {
    if celsius == 0.0 {
        return Ok(None);
    }
    let wrong = "must be degrees Celsius from 34.0 to 43.0, such as 36.8, with one decimal";
    let tenths = (celsius * 10.0).round();
    if !celsius.is_finite() || (celsius * 10.0 - tenths).abs() > 1e-6 || !(0.0..1_000.0).contains(&tenths) {
        return Err(wrong.to_owned());
    }
    #[allow(clippy::cast_possible_truncation, reason = "between 0 and 1,000")]
    let tenths = tenths as i16;
    if ALIVE.contains(&tenths) { Ok(Some(tenths)) } else { Err(wrong.to_owned()) }
}

/// What a person complains of, as the contract numbers it, each once.
///
/// # Errors
/// What it must be.
pub fn symptoms(numbers: &[i32]) -> Result<Vec<i16>, String> {
    let known = |number: &i32| *number > 0 && pb::Symptom::try_from(*number).is_ok();
    if !numbers.iter().all(known) {
        return Err("has one that there is not".to_owned());
    }
    let mut symptoms: Vec<i16> = numbers.iter().filter_map(|number| i16::try_from(*number).ok()).collect();
    symptoms.sort_unstable();
    symptoms.dedup();
    Ok(symptoms)
}

/// A reading of the contract.
///
/// # Errors
/// Every violation.
pub fn reading(said: &pb::Reading, now: DateTime<Utc>) -> Result<Reading, Violations> {
    let mut wrong = Violations::default();
    let event = wrong.keep("event_id", parse::uuid(&said.event_id));
    let observation = wrong.keep("observation", parse::name(COLLECTION, &said.observation));
    let taken_at = said.taken_time.ok_or_else(|| "is required".to_owned()).and_then(parse::instant);
    let taken_at = wrong.keep("taken_time", taken_at.and_then(|at| taken(at, now)));
    let kind = match pb::ReadingKind::try_from(said.kind) {
        Ok(pb::ReadingKind::Taken) => Ok(Kind::Taken),
        Ok(pb::ReadingKind::Absent) => Ok(Kind::Absent),
        Ok(pb::ReadingKind::Refused) => Ok(Kind::Refused),
        _ => Err("is required: TAKEN, ABSENT or REFUSED".to_owned()),
    };
    let kind = wrong.keep("kind", kind);
    let degrees = wrong.keep("temperature", decidegrees(said.temperature)).flatten();
    let symptoms = wrong.keep("symptoms", symptoms(&said.symptoms)).unwrap_or_default();
    let nothing = degrees.is_none() && symptoms.is_empty();
    if kind == Some(Kind::Taken) && nothing && wrong.is_empty() {
        wrong.add("temperature", "is required where no symptom is said");
    }
    if matches!(kind, Some(Kind::Absent | Kind::Refused)) && !nothing {
        wrong.add("kind", "must be TAKEN where there is a temperature or a symptom");
    }
    let note = wrong.keep("note", optional_text(&said.note, NOTE)).unwrap_or_default();
    match (event, observation, taken_at, kind) {
        (Some(event), Some(observation), Some(taken_at), Some(kind)) if wrong.is_empty() => Ok(Reading {
            event,
            observation,
            taken_at,
            outcome: outcome(kind, degrees, &symptoms),
            decidegrees: degrees,
            symptoms,
            note,
        }),
        _ => Err(wrong),
    }
}

fn taken(at: DateTime<Utc>, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    if at > now + parse::SKEW {
        return Err(format!("must not be in the future; it is {}", now.to_rfc3339()));
    }
    if at < now - TimeDelta::days(OLDEST_DAYS) {
        return Err(format!("is over {OLDEST_DAYS} days ago; it is {}", now.to_rfc3339()));
    }
    Ok(at)
}

/// The marks that a list is of: those of readings that nobody looks for, all of them where none is said.
///
/// # Errors
/// What they must be.
pub fn listed(marks: &[i32]) -> Result<Vec<i16>, String> {
    let all = [Mark::AfterEnd, Mark::Outside, Mark::Joined];
    if !marks.iter().all(|mark| all.iter().any(|known| *known as i32 == *mark)) {
        return Err("must be AFTER_END, OUTSIDE or JOINED".to_owned());
    }
    let asked = all.into_iter().filter(|known| marks.is_empty() || marks.contains(&(*known as i32)));
    Ok(asked.map(|known| known as i16).collect())
}

/// An outcome as the contract numbers it.
#[must_use]
pub fn number(outcome: Option<Outcome>) -> i32 {
    outcome.map_or(0, |outcome| outcome as i32)
}

/// Degrees Celsius as the contract has them.
#[must_use]
pub fn celsius(decidegrees: Option<i16>) -> f64 {
    decidegrees.map_or(0.0, |tenths| f64::from(tenths) / 10.0)
}

/// A reading as the contract has it.
#[must_use]
pub fn shown(kept: &Kept) -> pb::Reading {
    let reading = &kept.reading;
    let kind = match reading.outcome {
        Outcome::Absent => pb::ReadingKind::Absent,
        Outcome::Refused => pb::ReadingKind::Refused,
        _ => pb::ReadingKind::Taken,
    };
    pb::Reading {
        event_id: reading.event.to_string(),
        observation: observation_name(reading.observation),
        taken_time: Some(parse::timestamp(reading.taken_at)),
        kind: kind.into(),
        temperature: celsius(reading.decidegrees),
        symptoms: reading.symptoms.iter().map(|symptom| i32::from(*symptom)).collect(),
        note: reading.note.clone(),
        receive_time: Some(parse::timestamp(kept.received_at)),
        entered_by: kept.sent_by.clone(),
        marks: kept.marks.iter().map(|mark| i32::from(*mark)).collect(),
        outcome: number(Some(reading.outcome)),
    }
}

/// A slot as the contract has it: what has elapsed without a reading was missed, whether or not anybody has
/// written it yet.
#[must_use]
pub fn slot(slot: &Slot, now: DateTime<Utc>) -> pb::Slot {
    let elapsed = (slot.closes_at <= now).then_some(Outcome::Missed);
    pb::Slot {
        open_time: Some(parse::timestamp(slot.opens_at)),
        close_time: Some(parse::timestamp(slot.closes_at)),
        outcome: number(slot.outcome.or(elapsed)),
        miss_time: slot.missed_at.map(parse::timestamp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_decimal_point_is_no_temperature() {
        for wrong in [3.69, 369.0, 36.95, -36.9, f64::NAN, f64::INFINITY, 1e300, 33.9, 43.1] {
            assert!(decidegrees(wrong).is_err(), "{wrong}");
        }
        for (celsius, tenths) in [(36.9, 369), (34.0, 340), (43.0, 430), (37.3, 373)] {
            assert_eq!(decidegrees(celsius), Ok(Some(tenths)));
        }
        assert_eq!(decidegrees(0.0), Ok(None), "not measured");
    }
}
