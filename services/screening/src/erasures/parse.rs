//! Between the contract's erasures and ours.

use chassis::{Violations, parse};
use chrono::{Days, NaiveDate};
use proto::screening as pb;
use uuid::Uuid;

use super::{Erasure, Hold, LONGEST_NOTICE, NOTICE_DAYS};
use crate::{
    closures::parse::COLLECTION as CLOSURES,
    persons::parse::{person_name, unit_name},
};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Those to come whose date lies between two dates, the second left out.
    ToCome(NaiveDate, NaiveDate),
    /// Those that were done.
    Erased,
    /// Those of a closing that are to come.
    OfClosure(Uuid),
    /// Those that a closing has done.
    ErasedBy(Uuid),
}

/// What a request asks for on a date.
pub fn asked(wrong: &mut Violations, request: &pb::ListErasuresRequest, today: NaiveDate) -> Asked {
    if let Some(closure) = wrong.optional_name("closure", CLOSURES, &request.closure) {
        return match pb::ErasureState::try_from(request.state) {
            Ok(pb::ErasureState::Erased) => Asked::ErasedBy(closure),
            Ok(pb::ErasureState::Unspecified) => Asked::OfClosure(closure),
            _ => {
                wrong.add("state", "must be ERASED, or not said, of a closing");
                Asked::OfClosure(closure)
            }
        };
    }
    let days = match request.notice_days {
        0 => Ok(NOTICE_DAYS),
        days => u32::try_from(days)
            .ok()
            .filter(|days| (1..=LONGEST_NOTICE).contains(days))
            .ok_or_else(|| format!("must be 1 to {LONGEST_NOTICE}, or 0 for {NOTICE_DAYS}")),
    };
    let days = wrong.keep("notice_days", days).unwrap_or_default();
    let until = today + Days::new(days.into());
    match pb::ErasureState::try_from(request.state) {
        Ok(pb::ErasureState::Unspecified) => Asked::ToCome(NaiveDate::default(), until),
        Ok(pb::ErasureState::Announced) => Asked::ToCome(today, until),
        Ok(pb::ErasureState::Due) => Asked::ToCome(NaiveDate::default(), today),
        Ok(pb::ErasureState::Erased) => Asked::Erased,
        Err(_) => {
            wrong.add("state", "is none there is");
            Asked::Erased
        }
    }
}

/// An erasure as the contract has it on a date, with what holds it.
#[must_use]
pub fn erasure(erasure: &Erasure, holds: &[Hold], today: NaiveDate) -> pb::Erasure {
    let (erased_at, counts) = erasure.erased.unzip();
    pb::Erasure {
        person: person_name(erasure.person),
        responsible_unit: unit_name(erasure.unit),
        purpose: erasure.purpose as i32,
        delete_after: erasure.delete_after.map(|date| date.to_string()).unwrap_or_default(),
        state: erasure.state(today) as i32,
        holds: holds.iter().map(|hold| *hold as i32).collect(),
        erase_time: erased_at.map(parse::timestamp),
        erased: counts.map(|counts| pb::ErasedCounts {
            marks: counts.marks,
            findings: counts.findings,
            sources: counts.sources,
            exposures: counts.exposures,
        }),
    }
}
