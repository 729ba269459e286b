//! Between the contract's policies and ours.

use chassis::{Fault, Violations, parse};
use chrono::{DateTime, Utc};
use proto::medical as pb;

use super::{Kind, Set};
use crate::house::{UNITS, unit_name};

/// A policy that is to be set.
///
/// # Errors
/// Every violation.
pub fn setting(
    request: &pb::SetPolicyRequest,
    (by, now): (&str, DateTime<Utc>),
) -> Result<(Set, Kind), Fault> {
    let mut wrong = Violations::default();
    let area = wrong.name("area_unit", UNITS, &request.area_unit);
    let kind = Kind::of(request.kind, request.bed_class);
    match kind {
        Some(kind) if request.value != 0 && !kind.bounds().contains(&request.value) => {
            let bounds = kind.bounds();
            wrong.add(
                "value",
                format!("must be {} to {}, or 0 to take it back", bounds.start(), bounds.end()),
            );
        }
        Some(_) => {}
        None if pb::PolicyKind::try_from(request.kind).unwrap_or_default() == pb::PolicyKind::Unspecified => {
            wrong.add("kind", "is required: which policy?");
        }
        None => wrong.add("bed_class", "is required for FIGURE_HOURS, and for no other"),
    }
    wrong.refuse()?;
    let kind = kind.unwrap_or(Kind::FailedCalls);
    let (number, bed_class) = kind.numbers();
    let value = Some(request.value).filter(|value| *value > 0);
    Ok((Set { area, kind: number, bed_class, value, set_at: now, set_by: by.to_owned() }, kind))
}

/// A policy as the contract has it.
#[must_use]
pub fn policy(kind: Kind, (value, set): (i32, Option<&Set>)) -> pb::Policy {
    let (number, bed_class) = kind.numbers();
    pb::Policy {
        kind: number.into(),
        bed_class: bed_class.into(),
        value,
        area_unit: set.map(|set| unit_name(set.area)).unwrap_or_default(),
        set_time: set.map(|set| parse::timestamp(set.set_at)),
        set_by: set.map(|set| set.set_by.clone()).unwrap_or_default(),
    }
}
