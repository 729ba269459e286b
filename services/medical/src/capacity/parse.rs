//! Between the contract's counts and ours.

use chassis::{Fault, Violations, parse};
use chrono::{DateTime, Utc};
use proto::medical as pb;
use tonic::Code;
use uuid::Uuid;

use super::{COUNTED_WITHIN, ClassBeds, Count, MOST_BEDS, ingest::Result as Came};
use crate::wards::parse::{COLLECTION as WARDS, ward_name};

fn beds(said: Option<i32>) -> Result<i32, String> {
    let count = said.ok_or_else(|| "is required: zero is said, never assumed".to_owned())?;
    if (0..=MOST_BEDS).contains(&count) {
        Ok(count)
    } else {
        Err(format!("must be 0 to {MOST_BEDS}, is {count}"))
    }
}

/// A count that is well-formed.
///
/// # Errors
/// Every violation.
pub fn count(said: &pb::Count, now: DateTime<Utc>) -> Result<Count, Violations> {
    let mut wrong = Violations::default();
    let event = wrong.keep("event_id", parse::uuid(&said.event_id)).unwrap_or_default();
    let ward = wrong.name("ward", WARDS, &said.ward);
    let as_of = said.as_of_time.ok_or_else(|| "is required".to_owned()).and_then(parse::instant);
    let as_of = as_of.and_then(|at| {
        let known = now - COUNTED_WITHIN <= at && at <= now + parse::SKEW;
        if known { Ok(at) } else { Err("must not be in the future, nor more than 60 days ago".to_owned()) }
    });
    let as_of = wrong.keep("as_of_time", as_of).unwrap_or_default();
    let physical = wrong.keep("physical", beds(said.physical)).unwrap_or_default();
    let staffed = wrong.keep("staffed", beds(said.staffed)).unwrap_or_default();
    let occupied = wrong.keep("occupied", beds(said.occupied)).unwrap_or_default();
    if wrong.is_empty() { Ok(Count { event, ward, as_of, physical, staffed, occupied }) } else { Err(wrong) }
}

/// What became of a count as the contract has it.
#[must_use]
pub fn result(nth: usize, event_id: &str, came: Came) -> pb::CountResult {
    use pb::count_result::Result as Answer;
    let refused = |code: Code, reason: &str, message: String| {
        Answer::Refused(pb::RefusedCount { code: code as i32, reason: reason.to_owned(), message })
    };
    let answer = match came {
        Came::Accepted(marks) => {
            Answer::Accepted(pb::AcceptedCount { marks: marks.into_iter().map(i32::from).collect() })
        }
        Came::Duplicate => Answer::Duplicate(pb::DuplicateCount {}),
        Came::Reused => {
            let words = format!("counts[{nth}]: another count was sent by this event_id; make a new one");
            refused(Code::InvalidArgument, "EVENT_ID_REUSED", words)
        }
        Came::Absent(ward) => {
            refused(Code::NotFound, "NOT_FOUND", format!("counts[{nth}]: there is no {}", ward_name(ward)))
        }
        Came::Malformed(violations) => {
            let words: Vec<String> = violations
                .into_inner()
                .into_iter()
                .map(|one| format!("counts[{nth}].{}: {}", one.field, one.description))
                .collect();
            refused(Code::InvalidArgument, "INVALID_ARGUMENT", words.join("; "))
        }
    };
    pb::CountResult { event_id: event_id.to_owned(), result: Some(answer) }
}

/// What sums of beds are asked of: a unit, or a facility.
///
/// # Errors
/// Every violation: neither, or both.
pub fn asked(request: &pb::GetBedsRequest) -> Result<(Option<Uuid>, Option<Uuid>), Fault> {
    let mut wrong = Violations::default();
    let unit = wrong.optional_name("unit", crate::house::UNITS, &request.unit);
    let facility = wrong.optional_name("facility", crate::facilities::parse::COLLECTION, &request.facility);
    if request.unit.is_empty() == request.facility.is_empty() {
        wrong.add("unit", "this or facility is required, and not both");
    }
    wrong.refuse()?;
    Ok((unit, facility))
}

/// Sums as the contract has them.
#[must_use]
pub fn beds_of(class: &ClassBeds) -> pb::ClassBeds {
    pb::ClassBeds {
        bed_class: class.bed_class.into(),
        wards: class.wards,
        physical: class.physical,
        staffed: class.staffed,
        occupied: class.occupied,
        free: class.free,
        over_staffed_wards: class.over_staffed,
        oldest_time: class.oldest.map(parse::timestamp),
        unknown_wards: class.unknown_wards,
        unknown_physical: class.unknown_physical,
    }
}
