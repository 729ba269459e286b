//! A file of visits: CSV, one household, or one grid's tally, a line.

use std::io::Read;

use chrono::{DateTime, Utc};
use proto::screening::{self as pb, visit::Seen};

use crate::lines::{self, Cells, Line};

/// The columns, of which the first three must be there.
const COLUMNS: [&str; 9] =
    ["event_id", "grid", "time", "number", "outcome", "visited", "refused", "absent", "vacant"];

/// How many visits a call carries.
pub const BATCH: usize = 200;

/// Reads a file of one sweep.
///
/// # Errors
/// A file without the columns that every visit needs, or that cannot be read.
pub fn read(reader: impl Read, sweep: &str) -> anyhow::Result<Vec<Line<pb::Visit>>> {
    lines::read(reader, &COLUMNS, 3, |cells| visit(cells, sweep))
}

fn visit(cells: &Cells<'_>, sweep: &str) -> Result<pb::Visit, String> {
    let time: DateTime<Utc> = cells.get("time").parse().map_err(|_| {
        format!("time: {:?} is no instant such as 2020-02-02T09:00:00+08:00", cells.get("time"))
    })?;
    let count = |column: &str| match cells.get(column) {
        "" => Ok(0),
        text => text.parse::<i32>().map_err(|_| format!("{column}: {text:?} is no whole number")),
    };
    let seen = if cells.get("number").is_empty() {
        Seen::Tally(pb::Tally {
            visited: count("visited")?,
            refused: count("refused")?,
            absent: count("absent")?,
            vacant: count("vacant")?,
        })
    } else {
        let word = cells.get("outcome");
        let outcome = pb::VisitOutcome::from_str_name(&format!("VISIT_OUTCOME_{}", word.to_uppercase()));
        let outcome = outcome.filter(|outcome| *outcome != pb::VisitOutcome::Unspecified);
        let outcome = outcome
            .ok_or_else(|| format!("outcome: {word:?} is none of visited, refused, absent, vacant"))?;
        let number = cells.get("number").to_owned();
        Seen::Household(pb::HouseholdVisit { number, outcome: outcome.into() })
    };
    Ok(pb::Visit {
        event_id: cells.get("event_id").to_owned(),
        sweep: sweep.to_owned(),
        grid: cells.get("grid").to_owned(),
        time: Some(chassis::parse::timestamp(time)),
        seen: Some(seen),
        found: vec![],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_household_or_a_tally_and_a_bad_one_is_named() {
        let file = "event_id,grid,time,number,outcome,visited,absent\n\
                    1,units/1,2020-02-02T09:00:00+08:00,101,visited,,\n\
                    2,units/1,2020-02-02T09:00:00+08:00,,,12,3\n\
                    3,units/1,2020-02-02T09:00:00+08:00,102,locked,,\n\
                    4,units/1,2020-02-02T09:00:00+08:00,,,many,\n";
        let lines = read(file.as_bytes(), "sweeps/1").expect("a file");
        let seen = |nth: usize| lines[nth].1.as_ref().expect("a visit").seen.clone();
        assert!(matches!(seen(0), Some(Seen::Household(household)) if household.number == "101"));
        assert!(matches!(seen(1), Some(Seen::Tally(tally)) if (tally.visited, tally.absent) == (12, 3)));
        assert!(lines[2].1.as_ref().is_err_and(|wrong| wrong.starts_with("outcome")));
        assert!(lines[3].1.as_ref().is_err_and(|wrong| wrong.starts_with("visited")));
    }
}
