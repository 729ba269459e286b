//! Between the contract's closings and ours.

use chassis::{Fault, Violations, fault::Unmet, parse};
use chrono::{DateTime, Utc};
use proto::screening as pb;
use uuid::Uuid;

use super::{Closure, Counts, Refusal};
use crate::persons::parse::{REASON, UNITS, person_name, unit_name};

/// The collection of closings' names.
pub const COLLECTION: &str = "closures";

/// The resource name of a closing.
#[must_use]
pub fn closure_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// The area of a closing that is proposed.
///
/// # Errors
/// Every violation.
pub fn proposed(said: &pb::ProposeClosureRequest) -> Result<Uuid, Fault> {
    let mut wrong = Violations::default();
    let area = wrong.name("area", UNITS, &said.area);
    wrong.text("reason", &said.reason, REASON);
    wrong.refuse()?;
    Ok(area)
}

/// An area that is too small.
#[must_use]
pub fn too_small() -> Fault {
    Fault::invalid(
        "area",
        "must be a county, or what stands above: an epidemic is closed by its command centre",
    )
}

/// Which closing is cancelled.
///
/// # Errors
/// Every violation.
pub fn cancelled(said: &pb::CancelClosureRequest) -> Result<Uuid, Fault> {
    let mut wrong = Violations::default();
    let id = wrong.name("name", COLLECTION, &said.name);
    wrong.text("reason", &said.reason, REASON);
    wrong.refuse()?;
    Ok(id)
}

/// Which state closings are asked for in; zero for all.
pub fn state(wrong: &mut Violations, number: i32) -> i32 {
    if pb::ClosureState::try_from(number).is_err() {
        wrong.add("state", "is none there is");
    }
    number
}

/// Why a step of a closing is refused.
#[must_use]
pub fn refused(closure: &Closure, refusal: Refusal) -> Fault {
    let name = closure_name(closure.id);
    let named = ("closure", name.clone());
    match refusal {
        Refusal::State => Fault::Precondition {
            reason: "CLOSURE_STATE",
            unmet: vec![Unmet {
                subject: name,
                description: "no such step leads from how it stands".to_owned(),
            }],
            metadata: vec![named, ("state", closure.state().word().to_owned())],
        },
        Refusal::Approver => Fault::unfit(
            "CLOSURE_APPROVER",
            named,
            "must be approved by two who have neither proposed nor approved it",
        ),
    }
}

fn counts(counts: Counts) -> pb::ClosureCounts {
    pb::ClosureCounts {
        persons: counts.persons,
        marks: counts.marks,
        findings: counts.findings,
        sources: counts.sources,
        exposures: counts.exposures,
    }
}

fn holding(held: &[i64]) -> Vec<pb::ClosureHold> {
    let held = (1..).zip(held).filter(|(_, persons)| **persons > 0);
    held.map(|(hold, persons)| pb::ClosureHold { hold, persons: *persons }).collect()
}

/// How far a closing is, beside what is kept of it: what was erased, how many are left, and the first and the last erased.
pub type Progress = (Counts, i64, Option<[(Uuid, DateTime<Utc>); 2]>);

/// A closing as the contract has it.
#[must_use]
pub fn closure(closure: &Closure, (erased, left, ends): &Progress) -> pb::Closure {
    let (cancelled_at, cancelled_by, cancel_reason) = match closure.cancelled.clone() {
        Some((at, by, reason)) => (Some(at), by, reason),
        None => Default::default(),
    };
    let [first, last] = ends.map_or([None, None], |ends| ends.map(Some));
    let covered = closure.covered.unwrap_or_default();
    let name = |end: Option<(Uuid, _)>| end.map(|(person, _)| person_name(person)).unwrap_or_default();
    let certificate = closure.certificate.as_ref().map(|certificate| pb::ClosureCertificate {
        close_time: Some(parse::timestamp(certificate.closed_at)),
        erased: Some(counts(certificate.erased)),
        kept: certificate.kept,
        gone_on: covered - certificate.erased.persons - certificate.kept,
        first_person: name(first),
        first_time: first.map(|(_, at)| parse::timestamp(at)),
        last_person: name(last),
        last_time: last.map(|(_, at)| parse::timestamp(at)),
        sha256: parse::hex(&certificate.digest),
    });
    let approvals = closure.approvals.iter().map(|(by, at)| pb::ClosureApproval {
        approved_by: by.clone(),
        approve_time: Some(parse::timestamp(*at)),
    });
    pb::Closure {
        name: closure_name(closure.id),
        area: unit_name(closure.area),
        reason: closure.reason.clone(),
        state: closure.state() as i32,
        proposed_by: closure.proposed_by.clone(),
        propose_time: Some(parse::timestamp(closure.proposed_at)),
        would_erase: Some(counts(closure.would_erase)),
        would_hold: holding(&closure.would_hold),
        approvals: approvals.collect(),
        covered,
        erased: Some(counts(*erased)),
        left: *left,
        held: if *left == 0 { Vec::new() } else { holding(&closure.held) },
        cancelled_by,
        cancel_time: cancelled_at.map(parse::timestamp),
        cancel_reason,
        certificate,
    }
}
