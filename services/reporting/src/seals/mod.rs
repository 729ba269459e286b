//! Seals decide here: what a seal consists of, and its digest.
//!
//! The digest of a unit is over its identity, its figures, its own expectations and the digests of the
//! units below. An expectation is encoded as the revision that the seal contains of it, so that the whole
//! can be computed again from the revisions at any time.

pub mod store;

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::{
    days::{Plan, ReadTo},
    forms::{Figures, value},
    reports::{Revision, Standing, Timing, store::Expected},
    rollups::{Cells, cumulative},
};

/// A SHA-256 digest.
pub type Digest = [u8; 32];

/// A seal without its figures.
#[derive(Clone, Debug)]
pub struct Seal {
    /// The id.
    pub id: Uuid,
    /// The day.
    pub day: Uuid,
    /// Its number.
    pub number: i32,
    /// When it was made.
    pub sealed_at: DateTime<Utc>,
    /// Who made it; empty for the service itself.
    pub sealed_by: String,
    /// The date that the bulletin bears.
    pub bulletin_date: NaiveDate,
    /// When the bulletin is published.
    pub publish_at: DateTime<Utc>,
    /// The owner's digest.
    pub digest: Vec<u8>,
    /// How many revisions it contains.
    pub revisions: i64,
    /// How many of them the seal before does not have.
    pub amendments: i64,
    /// The units that had not signed off.
    pub unsigned: Vec<Uuid>,
    /// Why.
    pub reason: String,
    /// How far the registry had been heard of.
    pub sealed_on: ReadTo,
}

/// The figures of a seal.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// By place: cells, cumulative figures, digest.
    pub totals: BTreeMap<i32, (Cells, Figures, Digest)>,
    /// By the place that its expectations are kept with: what the seal contains of each.
    pub parts: BTreeMap<i32, Vec<i32>>,
}

/// What a seal contains of an expectation: the number of its revision, or that there is none.
#[must_use]
pub fn code(standing: &Standing) -> i32 {
    match (standing.timing, standing.returned) {
        (timing, _) if timing.is_reported() => standing.revision,
        (Timing::Excused, false) => -1,
        (Timing::Excused, true) => -3,
        (_, true) => -2,
        (_, false) => 0,
    }
}

/// How an expectation stood when it was sealed, from the revision that the seal contains.
#[must_use]
pub fn standing(code: i32, revision: Option<&Revision>, last_known: Figures) -> Option<Standing> {
    if code > 0 {
        let revision = revision?;
        return Some(Standing {
            timing: revision.timing,
            content: revision.content,
            returned: false,
            revision: code,
            figures: revision.figures.clone(),
            last_known,
        });
    }
    let timing = if code == -1 || code == -3 { Timing::Excused } else { Timing::Missing };
    Some(Standing { timing, returned: code <= -2, ..Standing::awaited(last_known) })
}

/// The place with which an expectation is sealed: the nearest whose total is kept.
#[must_use]
pub fn part_of(plan: &Plan, place: i32) -> i32 {
    plan.kept_above(place).next().unwrap_or_else(|| plan.owner())
}

/// Puts together a seal from how every expectation stands, in the order of place and slot, and the
/// cumulative figures of every kept unit: what it began with, and what has come since.
#[must_use]
pub fn contents(
    plan: &Plan,
    number: i32,
    rows: &[Expected],
    began: &BTreeMap<i32, Figures>,
    since: &BTreeMap<i32, Cells>,
) -> Contents {
    let columns = plan.columns();
    let mut cells: BTreeMap<i32, Cells> = plan.kept().map(|place| (place, Cells::none(columns))).collect();
    let mut own: BTreeMap<i32, digest::Context> = BTreeMap::new();
    let mut contents = Contents::default();
    for row in rows {
        let part = part_of(plan, row.place);
        contents.parts.entry(part).or_default().push(code(&row.standing));
        let adds = Cells::of(&row.standing, columns);
        for place in plan.kept_above(row.place) {
            cells.entry(place).or_insert_with(|| Cells::none(columns)).add(&adds.0);
        }
        let context = own.entry(part).or_insert_with(|| digest::Context::new(&digest::SHA256));
        encode(context, plan, row);
    }
    let mut below: BTreeMap<i32, Vec<Digest>> = BTreeMap::new();
    let empty = Cells::none(columns);
    // Children have greater places than their parents.
    for (place, cells) in cells.into_iter().rev() {
        let mut sums = cumulative(
            began.get(&place).unwrap_or(&Vec::new()),
            since.get(&place).unwrap_or(&empty),
            columns,
        );
        for field in &plan.form.definition.fields {
            if !field.cumulative {
                sums[field.column] = None;
            }
        }
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"rampart.seal.v1");
        context.update(plan.day.id.as_bytes());
        context.update(&number.to_be_bytes());
        context.update(plan.tree.at(place).map(|node| node.id).unwrap_or_default().as_bytes());
        cells.figures().iter().for_each(|cell| context.update(&cell.to_be_bytes()));
        figures(&mut context, &sums, columns);
        if let Some(own) = own.remove(&place) {
            context.update(own.finish().as_ref());
        }
        let mut children = below.remove(&place).unwrap_or_default();
        children.reverse();
        children.iter().for_each(|child| context.update(child));
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        let parent = plan.kept_above(place).nth(1);
        if let Some(parent) = parent {
            below.entry(parent).or_default().push(digest);
        }
        contents.totals.insert(place, (cells, sums, digest));
    }
    contents
}

/// The canonical encoding of one expectation.
fn encode(context: &mut digest::Context, plan: &Plan, row: &Expected) {
    let standing = &row.standing;
    context.update(plan.tree.at(row.place).map(|node| node.id).unwrap_or_default().as_bytes());
    context.update(&row.slot.to_be_bytes());
    context.update(&code(standing).to_be_bytes());
    context.update(&(standing.timing as i16).to_be_bytes());
    context.update(&standing.content.map_or(0_i16, |content| content as i16).to_be_bytes());
    figures(context, &standing.figures, plan.columns());
}

fn figures(context: &mut digest::Context, figures: &Figures, columns: usize) {
    for column in 0..columns {
        match value(figures, column) {
            None => context.update(&[0]),
            Some(figure) => {
                context.update(&[1]);
                context.update(&figure.to_be_bytes());
            }
        }
    }
}
