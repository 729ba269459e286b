//! A file of visits: CSV, one household, or one grid's tally, a line.

use std::{collections::HashMap, io::Read};

use chrono::{DateTime, Utc};
use proto::screening::{self as pb, visit::Seen};

use crate::{
    handdowns_file::paper,
    lines::{self, Cells, Line, Lines},
};

/// The columns, of which the first three must be there.
const COLUMNS: [&str; 17] = [
    "event_id",
    "grid",
    "time",
    "number",
    "outcome",
    "visited",
    "refused",
    "absent",
    "vacant",
    "display_name",
    "purpose",
    "paper_type",
    "paper_number",
    "phone",
    "address",
    "basis",
    "exposed",
];

/// How many visits a call carries.
pub const BATCH: usize = 200;

/// Reads a file of one sweep: lines of one event are one visit with several persons, in the place of the first.
///
/// # Errors
/// A file without the columns that every visit needs, or that cannot be read.
pub fn read(reader: impl Read, sweep: &str) -> anyhow::Result<Lines<pb::Visit>> {
    let read = lines::read(reader, &COLUMNS, 3, |cells| visit(cells, sweep))?;
    let mut visits: Vec<Line<pb::Visit>> = Vec::with_capacity(read.lines.len());
    let mut known: HashMap<String, usize> = HashMap::new();
    for (line, visit) in read.lines {
        if let Ok(more) = &visit {
            let first = *known.entry(more.event_id.clone()).or_insert(visits.len());
            if let Some((_, Ok(first))) = visits.get_mut(first) {
                first.found.extend(more.found.iter().cloned());
                continue;
            }
        }
        visits.push((line, visit));
    }
    Ok(Lines { lines: visits, damaged: read.damaged, is_gb18030: read.is_gb18030 })
}

/// Whoever was found, where a line names somebody.
fn found(cells: &Cells<'_>) -> Result<Option<pb::FoundPerson>, String> {
    if cells.get("display_name").is_empty() {
        return Ok(None);
    }
    let word = cells.get("purpose");
    let purpose = pb::Purpose::from_str_name(&format!("PURPOSE_{}", word.to_uppercase()));
    let purpose = purpose.filter(|purpose| *purpose != pb::Purpose::Unspecified);
    let purpose =
        purpose.ok_or_else(|| format!("purpose: {word:?} is none of returnee, contact, case, febrile"))?;
    let basis = match (cells.get("exposed"), cells.get("basis")) {
        ("", _) => pb::Basis::Unspecified,
        (_, "") => match purpose {
            pb::Purpose::Contact => pb::Basis::ContactOfCase,
            pb::Purpose::Febrile => pb::Basis::Febrile,
            _ => pb::Basis::Returnee,
        },
        (_, word) => pb::Basis::from_str_name(&format!("BASIS_{}", word.to_uppercase()))
            .ok_or_else(|| format!("basis: {word:?} is none such as returnee, contact_of_case, febrile"))?,
    };
    let details = pb::PersonDetails {
        display_name: cells.get("display_name").to_owned(),
        paper: Some(paper(cells)?),
        phones: Some(cells.get("phone").to_owned()).filter(|phone| !phone.is_empty()).into_iter().collect(),
        address: cells.get("address").to_owned(),
        ..pb::PersonDetails::default()
    };
    Ok(Some(pb::FoundPerson {
        details: Some(details),
        purpose: purpose.into(),
        basis: basis.into(),
        last_exposure_date: cells.get("exposed").to_owned(),
    }))
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
        found: found(cells)?.into_iter().collect(),
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
        let lines = read(file.as_bytes(), "sweeps/1").expect("a file").lines;
        let seen = |nth: usize| lines[nth].1.as_ref().expect("a visit").seen.clone();
        assert!(matches!(seen(0), Some(Seen::Household(household)) if household.number == "101"));
        assert!(matches!(seen(1), Some(Seen::Tally(tally)) if (tally.visited, tally.absent) == (12, 3)));
        assert!(lines[2].1.as_ref().is_err_and(|wrong| wrong.starts_with("outcome")));
        assert!(lines[3].1.as_ref().is_err_and(|wrong| wrong.starts_with("visited")));
    }

    #[test]
    fn c8_a_visit_carries_whoever_was_found_and_several_lines_are_one_visit() {
        let file = "event_id,grid,time,number,outcome,display_name,purpose,exposed\n\
                    1,NBS/2019/1,2020-02-02T09:00:00+08:00,101,visited,张样例,returnee,2020-01-24\n\
                    1,NBS/2019/1,2020-02-02T09:00:00+08:00,101,visited,李样例,febrile,\n\
                    2,NBS/2019/1,2020-02-02T09:00:00+08:00,102,visited,王样例,nobody,\n";
        let lines = read(file.as_bytes(), "sweeps/1").expect("a file").lines;
        assert_eq!(lines.len(), 2);
        let found = &lines[0].1.as_ref().expect("a visit").found;
        assert_eq!((found.len(), found[0].basis()), (2, pb::Basis::Returnee));
        assert_eq!((found[1].purpose(), found[1].basis()), (pb::Purpose::Febrile, pb::Basis::Unspecified));
        assert!(lines[1].1.as_ref().is_err_and(|wrong| wrong.starts_with("purpose")));
    }
}
