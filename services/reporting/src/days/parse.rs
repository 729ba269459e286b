//! Days of the contract.

use chassis::{parse, parse::etag};
use proto::reporting as pb;
use uuid::Uuid;

use super::{Day, Plan, ReadTo, sealing, store::Difference};
use crate::{
    forms::{
        parse::{form_name, unit_name},
        store::Override,
    },
    rollups::Cells,
    seals::{Seal, store::SignOff},
};

/// The collection of day names.
pub const COLLECTION: &str = "days";
/// The collection of seal names.
pub const SEALS: &str = "seals";

/// The name of a day.
#[must_use]
pub fn day_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// How far a feed had been read, as the contract has it.
#[must_use]
pub fn position(read_to: &ReadTo) -> pb::FeedPosition {
    pb::FeedPosition {
        feed: read_to.feed.clone(),
        token: read_to.token.clone(),
        hear_time: Some(parse::timestamp(read_to.heard_at)),
    }
}

/// A day as the contract has it, without sign-offs, seals and differences.
#[must_use]
pub fn day(day: &Day) -> pb::Day {
    let slots = day.times.slots.iter().map(|slot| pb::DaySlot {
        slot: slot.key.clone(),
        window_start_time: Some(parse::timestamp(slot.window_start)),
        window_end_time: Some(parse::timestamp(slot.window_end)),
        deadline_time: Some(parse::timestamp(slot.deadline)),
        grace_end_time: Some(parse::timestamp(slot.grace_end)),
        hard_close_time: Some(parse::timestamp(slot.hard_close)),
    });
    pb::Day {
        name: day_name(day.id),
        form: form_name(day.form),
        form_version: day.form_version,
        business_date: day.date.to_string(),
        state: i32::from(day.state as i16),
        window_start_time: Some(parse::timestamp(day.times.window_start)),
        window_end_time: Some(parse::timestamp(day.times.window_end)),
        as_of_time: Some(parse::timestamp(day.times.as_of)),
        slots: slots.collect(),
        expected: day.expected,
        opened_parts: day.opened_parts,
        parts: day.parts,
        open_time: Some(parse::timestamp(day.opened_at)),
        close_time: day.closed_at.map(parse::timestamp),
        opened_on: Some(position(&day.opened_on)),
        opened_behind: day.opened_behind,
        pending_amendments: day.pending,
        etag: etag(day.version),
        ..pb::Day::default()
    }
}

/// A seal as the contract has it.
#[must_use]
pub fn seal(seal: &Seal) -> pb::Seal {
    pb::Seal {
        name: format!("{SEALS}/{}", seal.id),
        day: day_name(seal.day),
        number: seal.number,
        seal_time: Some(parse::timestamp(seal.sealed_at)),
        sealed_by: seal.sealed_by.clone(),
        bulletin_date: seal.bulletin_date.to_string(),
        publish_time: Some(parse::timestamp(seal.publish_at)),
        digest: parse::hex(&seal.digest),
        revisions: seal.revisions,
        amendments: seal.amendments,
        unsigned_units: seal.unsigned.iter().map(|unit| unit_name(*unit)).collect(),
        reason: seal.reason.clone(),
        sealed_on: Some(position(&seal.sealed_on)),
    }
}

/// The sign-offs of the units that must sign, those that have not as well.
#[must_use]
pub fn sign_offs(
    plan: &Plan,
    signed: &[SignOff],
    totals: &std::collections::BTreeMap<i32, Cells>,
    sees: impl Fn(i32) -> bool,
) -> Vec<pb::SignOff> {
    let places = sealing::signing(plan).into_iter().filter(|place| sees(*place));
    places
        .map(|place| {
            let node = plan.tree.at(place);
            let mut sign_off = pb::SignOff {
                unit: unit_name(node.map(|node| node.id).unwrap_or_default()),
                display_name: node.map(|node| node.display_name.clone()).unwrap_or_default(),
                ..pb::SignOff::default()
            };
            if let Some((_, by, at, changes, note)) = signed.iter().find(|signed| signed.0 == place) {
                sign_off.signed_by.clone_from(by);
                sign_off.sign_time = Some(parse::timestamp(*at));
                sign_off.figures_etag = etag(*changes);
                sign_off.stale = totals.get(&place).map(Cells::changes) != Some(*changes);
                sign_off.note.clone_from(note);
            }
            sign_off
        })
        .collect()
}

/// A difference as the contract has it.
#[must_use]
pub fn difference((unit, kind, display_name, at): Difference) -> pb::OpeningDifference {
    pb::OpeningDifference {
        kind: kind.into(),
        unit: unit_name(unit),
        display_name,
        create_time: Some(parse::timestamp(at)),
    }
}

/// An override as the contract has it; nothing where the form's own schedule holds again.
#[must_use]
pub fn day_override((schedule, reason, said_by, said_at): Override) -> Option<pb::DayOverride> {
    schedule.map(|schedule| pb::DayOverride {
        schedule: Some(schedule.into()),
        reason,
        said_by,
        create_time: Some(parse::timestamp(said_at)),
    })
}
