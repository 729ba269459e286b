//! Bulletins decide here: what of a seal is printed, for whom, and what is masked (P5, P7).

pub mod api;
pub mod render;

use std::collections::{BTreeMap, BTreeSet};

use chassis::parse::hex;
use serde::Serialize;

use crate::{
    days::Plan,
    forms::{Field, Kind, Label, Publication, parse::unit_name, value},
    rollups::parse::warnings,
    seals::{Seal, store::Totals},
};

/// For whom a bulletin is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// For the command centre.
    Internal,
    /// For everybody.
    Public,
}

/// A field as the bulletin names it.
#[derive(Clone, Debug, Serialize)]
pub struct Head {
    /// Its key.
    pub key: String,
    /// What people call it.
    pub label: Label,
    /// How it behaves.
    pub kind: Kind,
    /// Whether it has a cumulative figure.
    pub cumulative: bool,
}

/// One figure of one unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// What was stated; nothing where it is masked.
    pub value: Option<i64>,
    /// The cumulative figure.
    pub cumulative: Option<i64>,
    /// How many did not state it.
    pub unknown: i64,
    /// Of a stock: what is last known of those.
    pub last_known: Option<i64>,
    /// Whether it is masked.
    pub masked: bool,
    /// New less old, against the seal before.
    pub difference: Option<i64>,
}

/// How many expectations have which timing and content.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Matrix {
    /// All.
    pub expected: i64,
    /// On time: data, zero.
    pub on_time: [i64; 2],
    /// Late: data, zero.
    pub late: [i64; 2],
    /// After close: data, zero.
    pub after_close: [i64; 2],
    /// Excused.
    pub excused: i64,
    /// Missing.
    pub missing: i64,
    /// Reported of expected, in per cent with one decimal.
    pub completeness: f64,
    /// On time of expected, in per cent with one decimal.
    pub timeliness: f64,
}

/// One unit.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// units/{uuid}.
    pub unit: String,
    /// Its name.
    pub name: String,
    /// How high it stands.
    pub level: i16,
    /// How far below the owner.
    pub depth: usize,
    /// One for each field.
    pub cells: Vec<Cell>,
    /// Internal only.
    pub matrix: Option<Matrix>,
}

/// Something that a seal has and the one before has not.
#[derive(Clone, Debug, Serialize)]
pub struct Amendment {
    /// The unit, with those above it.
    pub unit: String,
    /// correction, after close, excused.
    pub kind: &'static str,
    /// New less old, by field.
    pub differences: BTreeMap<String, i64>,
    /// The day corrected.
    pub business_date: String,
    /// The day on which it is announced.
    pub announce_date: String,
    /// Why.
    pub reason: String,
}

/// Everything that is printed.
#[derive(Clone, Debug, Serialize)]
pub struct Document {
    /// The form's key.
    pub form: String,
    /// What people call the form.
    pub title: Label,
    /// What people should know of it.
    pub note: Label,
    /// For whom it is printed.
    pub template: Template,
    /// The business date.
    pub business_date: String,
    /// The date that the bulletin bears.
    pub bulletin_date: String,
    /// When the window starts, in the city's time.
    pub window_start: String,
    /// When it ends.
    pub window_end: String,
    /// As of when the figures hold.
    pub as_of: String,
    /// The same for people: 24:00 instead of 0:00 of the day after.
    pub as_of_words: Label,
    /// When it was sealed.
    pub seal_time: String,
    /// When it is published.
    pub publish_time: String,
    /// The seal's number.
    pub seal: i32,
    /// Why it was amended.
    pub reason: String,
    /// The seal's digest.
    pub digest: String,
    /// The fields printed.
    pub fields: Vec<Head>,
    /// The owner, then the units below it.
    pub rows: Vec<Row>,
    /// Who has not reported. Internal only.
    pub missing: Vec<String>,
    /// What was added to the seal before.
    pub amendments: Vec<Amendment>,
    /// Balance rules that do not hold. Internal only.
    pub warnings: Vec<String>,
}

/// What a bulletin is printed from.
#[derive(Debug)]
pub struct Source<'a> {
    /// The day.
    pub plan: &'a Plan,
    /// The city's zone.
    pub zone: chrono_tz::Tz,
    /// The seal.
    pub seal: &'a Seal,
    /// Its figures.
    pub totals: &'a Totals,
    /// The figures of the seal before.
    pub before: Option<&'a Totals>,
    /// The places of who has not reported.
    pub missing: Vec<i32>,
    /// What was added.
    pub amendments: Vec<Amendment>,
}

/// Puts a bulletin together.
#[must_use]
pub fn document(source: Source<'_>, template: Template) -> Document {
    let Source { plan, zone, seal, totals, before, missing, amendments } = source;
    let is_internal = template == Template::Internal;
    let fields: Vec<&Field> = plan
        .form
        .definition
        .fields
        .iter()
        .filter(|field| is_internal || field.publication != Publication::Internal)
        .collect();
    let masked: Vec<BTreeSet<i32>> = fields
        .iter()
        .map(|field| match field.publication {
            Publication::Masked { below } if !is_internal => mask(plan, totals, field, below.into()),
            _ => BTreeSet::new(),
        })
        .collect();
    let rows = totals.iter().filter_map(|(place, (cells, sums, _))| {
        let node = plan.tree.at(*place)?;
        let cell = |(field, masked): (&&Field, &BTreeSet<i32>)| {
            let total = cells.column(field.column);
            if masked.contains(place) {
                return Cell { masked: true, ..Cell::default() };
            }
            let earlier = before.and_then(|before| before.get(place));
            let difference = earlier.map(|(old, ..)| total.sum - old.column(field.column).sum);
            Cell {
                value: Some(total.sum),
                cumulative: value(sums, field.column).filter(|_| field.cumulative),
                unknown: cells.expected() - total.stated,
                last_known: (field.kind == Kind::Stock && total.known > 0).then_some(total.last_known),
                masked: false,
                difference: difference.filter(|difference| *difference != 0),
            }
        };
        Some(Row {
            unit: unit_name(node.id),
            name: node.display_name.clone(),
            level: node.level,
            depth: plan.kept_above(*place).count().saturating_sub(1),
            cells: fields.iter().zip(&masked).map(cell).collect(),
            matrix: is_internal.then(|| matrix(cells)),
        })
    });
    let rows: Vec<Row> = rows.collect();
    let owner = totals.get(&plan.owner());
    let warnings = owner.filter(|_| is_internal).map(|(cells, sums, _)| warnings(plan, cells, sums));
    let shown: BTreeSet<&str> = fields
        .iter()
        .filter(|field| is_internal || field.publication == Publication::Full)
        .map(|field| field.key.as_str())
        .collect();
    let amendments = amendments.into_iter().filter_map(|mut amendment| {
        amendment.differences.retain(|key, _| shown.contains(key.as_str()));
        // What a single grid corrected of figures that the public does not see is not for the public.
        (is_internal || !amendment.differences.is_empty()).then_some(amendment)
    });
    let local = |instant: chrono::DateTime<chrono::Utc>| {
        instant.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string()
    };
    Document {
        form: plan.form.key.clone(),
        title: plan.form.definition.label.clone(),
        note: plan.form.definition.note.clone(),
        template,
        business_date: plan.day.date.to_string(),
        bulletin_date: seal.bulletin_date.to_string(),
        window_start: local(plan.day.times.window_start),
        window_end: local(plan.day.times.window_end),
        as_of: local(plan.day.times.as_of),
        as_of_words: words(plan.day.times.as_of.with_timezone(&zone).naive_local()),
        seal_time: local(seal.sealed_at),
        publish_time: local(seal.publish_at),
        seal: seal.number,
        reason: seal.reason.clone(),
        digest: hex(&seal.digest),
        fields: fields
            .iter()
            .map(|field| Head {
                key: field.key.clone(),
                label: field.label.clone(),
                kind: field.kind,
                cumulative: field.cumulative,
            })
            .collect(),
        rows,
        missing: if is_internal {
            missing.into_iter().map(|place| plan.tree.full_name(place)).collect()
        } else {
            vec![]
        },
        amendments: amendments.collect(),
        warnings: warnings.unwrap_or_default(),
    }
}

/// An instant as bulletins say it: the end of a day is its 24:00.
fn words(local: chrono::NaiveDateTime) -> Label {
    use chrono::{Days, Timelike as _};
    let midnight = local.hour() == 0 && local.minute() == 0;
    let date = if midnight { local.date() - Days::new(1) } else { local.date() };
    let hour = if midnight { "24".to_owned() } else { local.format("%-H").to_string() };
    let minutes = local.format("%M").to_string();
    Label {
        zh: if local.minute() == 0 {
            format!("{}{hour}时", date.format("%Y年%-m月%-d日"))
        } else {
            format!("{}{hour}时{minutes}分", date.format("%Y年%-m月%-d日"))
        },
        en: format!("{} {hour}:{minutes}", date.format("%-d %B %Y")),
    }
}

fn matrix(cells: &crate::rollups::Cells) -> Matrix {
    let [_, missing, excused, a, b, c, d, e, f] = cells.matrix();
    let expected = cells.expected();
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = |part: i64| {
        if expected == 0 { 0.0 } else { (part as f64 * 1_000.0 / expected as f64).round() / 10.0 }
    };
    Matrix {
        expected,
        on_time: [a, b],
        late: [c, d],
        after_close: [e, f],
        excused,
        missing,
        completeness: rate(a + b + c + d + e + f),
        timeliness: rate(a + b),
    }
}

/// The places whose figure is masked: small ones, and, where one alone among siblings would be, the
/// smallest other, so that nobody can compute it from the sum.
fn mask(plan: &Plan, totals: &Totals, field: &Field, below: i64) -> BTreeSet<i32> {
    let figure = |place: i32| totals.get(&place).map_or(0, |(cells, ..)| cells.column(field.column).sum);
    let sum = |place: i32| totals.get(&place).and_then(|(_, sums, _)| value(sums, field.column)).unwrap_or(0);
    let is_small = |place: &i32| (1..below).contains(&figure(*place)) || (1..below).contains(&sum(*place));
    let owner = plan.owner();
    let mut masked: BTreeSet<i32> = Some(owner).filter(is_small).into_iter().collect();
    for parent in totals.keys() {
        let children: Vec<i32> =
            plan.tree.children(*parent).filter(|child| totals.contains_key(child)).collect();
        let small: Vec<i32> = children.iter().copied().filter(is_small).collect();
        let complement = match small.as_slice() {
            [only] => {
                let others = children.iter().copied().filter(|child| child != only);
                others.min_by_key(|child| (figure(*child) == 0, figure(*child)))
            }
            _ => None,
        };
        masked.extend(small);
        masked.extend(complement);
    }
    masked
}
