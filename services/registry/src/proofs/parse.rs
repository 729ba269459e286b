//! Between the contract's proofs and ours.

use std::collections::HashMap;

use proto::registry as pb;
use uuid::Uuid;

use super::{Counts, Finding, Kind, Law, Part};
use crate::{
    appointments::parse::{appointment_name, office_number},
    units::parse::unit_name,
};

impl From<Law> for pb::RegistryLaw {
    fn from(law: Law) -> Self {
        match law {
            Law::Offices => Self::Offices,
            Law::Tree => Self::Tree,
        }
    }
}

impl From<Kind> for pb::RegistryFinding {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::VacantAnswered => Self::VacantAnswered,
            Kind::VacantUnanswered => Self::VacantUnanswered,
            Kind::HeldTwice => Self::HeldTwice,
            Kind::OfficerAbsent => Self::OfficerAbsent,
            Kind::UnitAbsent => Self::UnitAbsent,
            Kind::Incomplete => Self::Incomplete,
            Kind::Misplaced => Self::Misplaced,
            Kind::Cycle => Self::Cycle,
            Kind::ParentClosed => Self::ParentClosed,
        }
    }
}

impl From<Counts> for pb::OfficeCounts {
    fn from(counts: Counts) -> Self {
        Self {
            units: counts.units,
            offices: counts.offices,
            held_in_full: counts.full,
            held_acting: counts.acting,
            answered_by_default: counts.default,
            unanswered: counts.unanswered,
        }
    }
}

/// A finding for the contract, with what its unit is called.
#[must_use]
pub fn exception(finding: Finding, names: &HashMap<Uuid, (String, i16)>) -> pb::RegistryException {
    let (display_name, level) = names.get(&finding.unit).cloned().unwrap_or_default();
    let appointments = finding.appointments.into_iter().map(appointment_name);
    pb::RegistryException {
        law: pb::RegistryLaw::from(finding.kind.law()).into(),
        finding: pb::RegistryFinding::from(finding.kind).into(),
        broken: finding.kind.breaks(),
        unit: unit_name(finding.unit),
        display_name,
        level: level.into(),
        office: finding.office.map(office_number).unwrap_or_default(),
        holding: finding.holding.map(|holding| holding as i32).unwrap_or_default(),
        answering: finding.answering.map(Into::into),
        related: appointments.chain(finding.parent.map(unit_name)).collect(),
    }
}

/// A part that was checked.
#[must_use]
pub fn progress(part: &Part, counts: Counts, done: usize, total: usize) -> pb::ProofProgress {
    let number = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    pb::ProofProgress {
        unit: unit_name(part.head.unit),
        display_name: part.head.display_name.clone(),
        counts: Some(counts.into()),
        done: number(done),
        total: number(total),
    }
}
