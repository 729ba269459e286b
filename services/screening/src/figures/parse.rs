//! Figures of the contract.

use chassis::parse;
use proto::screening as pb;
use uuid::Uuid;

use super::{Counts, Sheet};
use crate::persons::parse::unit_name;

/// The collection of sheets.
pub const COLLECTION: &str = "figureSheets";

/// The name of a sheet.
#[must_use]
pub fn sheet_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// Differences as the contract has them.
#[must_use]
pub fn differences(counts: &Counts) -> Vec<pb::Figure> {
    let of = |(number, difference)| pb::Figure { indicator: indicator(number), difference };
    counts.stated().map(of).collect()
}

/// The number that the contract has for an indicator's.
#[must_use]
pub fn indicator(number: usize) -> i32 {
    i32::try_from(number).unwrap_or_default()
}

/// A sheet as the contract has it.
#[must_use]
pub fn sheet(sheet: &Sheet) -> pb::FigureSheet {
    pb::FigureSheet {
        name: sheet_name(sheet.id),
        unit: unit_name(sheet.unit),
        business_date: sheet.date.to_string(),
        figures: differences(&sheet.changes),
        update_time: Some(parse::timestamp(sheet.changed_at)),
    }
}
