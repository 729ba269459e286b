//! A file of passages: CSV, one person a line.

use std::io::Read;

use chrono::{DateTime, Utc};
use proto::screening as pb;

use crate::{
    handdowns_file::{paper, yes},
    lines::{self, Cells, Lines},
};

/// The columns, of which the first three must be there.
const COLUMNS: [&str; 15] = [
    "event_id",
    "pass_time",
    "display_name",
    "paper_type",
    "paper_number",
    "phone",
    "place",
    "temperature",
    "from_outside",
    "from_area",
    "direction",
    "party",
    "seat",
    "origin",
    "test",
];

/// How many persons a batch carries.
pub const BATCH: usize = 500;

/// Reads a file of one checkpoint.
///
/// # Errors
/// A file without the columns that every passage needs, or that cannot be read.
pub fn read(reader: impl Read, checkpoint: &str) -> anyhow::Result<Lines<pb::Passage>> {
    lines::read(reader, &COLUMNS, 3, |cells| passage(cells, checkpoint))
}

fn passage(cells: &Cells<'_>, checkpoint: &str) -> Result<pb::Passage, String> {
    let passed: DateTime<Utc> = cells.get("pass_time").parse().map_err(|_| {
        format!("pass_time: {:?} is no instant such as 2020-02-11T08:00:00+08:00", cells.get("pass_time"))
    })?;
    let temperature = match cells.get("temperature") {
        "" => 0.0,
        text => text.parse().map_err(|_| format!("temperature: {text:?} is no number such as 36.8"))?,
    };
    let direction = match cells.get("direction") {
        "" | "arriving" => pb::Direction::Arriving,
        "leaving" => pb::Direction::Leaving,
        other => return Err(format!("direction: {other:?} is neither arriving nor leaving")),
    };
    let test = match cells.get("test") {
        "" => pb::TestResult::Unspecified,
        "negative" => pb::TestResult::Negative,
        "positive" => pb::TestResult::Positive,
        other => return Err(format!("test: {other:?} is neither negative nor positive")),
    };
    Ok(pb::Passage {
        event_id: cells.get("event_id").to_owned(),
        checkpoint: checkpoint.to_owned(),
        pass_time: Some(chassis::parse::timestamp(passed)),
        direction: direction.into(),
        party: cells.get("party").to_owned(),
        seat: cells.get("seat").to_owned(),
        origin: cells.get("origin").to_owned(),
        details: Some(pb::PersonDetails {
            display_name: cells.get("display_name").to_owned(),
            paper: Some(paper(cells)?),
            phones: cells.get("phone").split_whitespace().map(str::to_owned).collect(),
            present_place: cells.get("place").to_owned(),
            ..pb::PersonDetails::default()
        }),
        temperature,
        from_outside: yes(cells, "from_outside")?,
        from_area: yes(cells, "from_area")?,
        test: test.into(),
        to_unit: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_named_and_the_others_are_read() {
        let file = "event_id,pass_time,display_name,temperature,from_outside\n\
                    1,2020-02-11T08:00:00+08:00,张样例,36.8,yes\n\
                    2,eight,张样例,36.8,no\n\
                    3,2020-02-11T08:00:00+08:00,张样例,36.8,perhaps\n";
        let lines = read(file.as_bytes(), "checkpoints/1").expect("a file").lines;
        let passage = lines[0].1.as_ref().expect("a passage");
        assert!(passage.from_outside && !passage.from_area);
        assert!(lines[1].1.as_ref().is_err_and(|wrong| wrong.starts_with("pass_time")));
        assert!(lines[2].1.as_ref().is_err_and(|wrong| wrong.starts_with("from_outside")));
    }
}
