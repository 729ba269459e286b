//! Figures of the contract.

use chassis::{Violations, parse};
use chrono::NaiveDate;
use proto::screening as pb;
use uuid::Uuid;

use super::{Counts, Indicator, Sheet};
use crate::persons::parse::unit_name;

/// The most days that are asked for at once.
const MOST_DAYS: i64 = 366;

/// The collection of sheets.
pub const COLLECTION: &str = "figureSheets";

/// The name of a sheet.
#[must_use]
pub fn sheet_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// From which day to which figures are asked for: today where none is said.
pub fn dates(wrong: &mut Violations, (start, end): (&str, &str), today: NaiveDate) -> (NaiveDate, NaiveDate) {
    let start = wrong.keep("start_date", parse::optional_date(start)).flatten().unwrap_or(today);
    let end = wrong.keep("end_date", parse::optional_date(end)).flatten().unwrap_or(today);
    if !(0..=MOST_DAYS).contains(&(end - start).num_days()) {
        let words = format!("must be from the first day on, and at most {MOST_DAYS} days after it");
        wrong.add("end_date", words);
    }
    (start, end)
}

/// What a day came to, as the contract has it.
#[must_use]
pub fn day((date, changes, stocks): &(NaiveDate, Counts, Counts)) -> pb::DayFigures {
    let held = stocks.stated().filter(|(number, _)| !Indicator::is_flow(*number));
    let stocks = held.map(|(number, count)| pb::Stock { indicator: indicator(number), count }).collect();
    pb::DayFigures { business_date: date.to_string(), differences: differences(changes), stocks }
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
