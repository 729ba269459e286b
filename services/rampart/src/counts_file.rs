//! A file of counts of beds: CSV, one count a line.

use std::io::Read;

use chrono::{DateTime, Utc};
use proto::medical as pb;

use crate::lines::{self, Cells, Line};

/// The columns, all of which must be there.
const COLUMNS: [&str; 6] = ["event_id", "ward", "as_of_time", "physical", "staffed", "occupied"];

/// Reads a file.
///
/// # Errors
/// A file without the columns, or that cannot be read.
pub fn read(reader: impl Read) -> anyhow::Result<Vec<Line<pb::Count>>> {
    // Ids, instants and numbers: nothing that a wrong character set damages and that is read all the same.
    Ok(lines::read(reader, &COLUMNS, COLUMNS.len(), count)?.lines)
}

fn count(cells: &Cells<'_>) -> Result<pb::Count, String> {
    let said = cells.get("as_of_time");
    let as_of: DateTime<Utc> = said
        .parse()
        .map_err(|_| format!("as_of_time: {said:?} is no instant such as 2020-02-03T08:00:00+08:00"))?;
    let number = |column: &str| {
        let said = cells.get(column);
        // An empty cell is no zero: the service says that it is required.
        let number = if said.is_empty() { Ok(None) } else { said.parse().map(Some) };
        number.map_err(|_| format!("{column}: {said:?} is no whole number"))
    };
    Ok(pb::Count {
        event_id: cells.get("event_id").to_owned(),
        ward: cells.get("ward").to_owned(),
        as_of_time: Some(chassis::parse::timestamp(as_of)),
        physical: number("physical")?,
        staffed: number("staffed")?,
        occupied: number("occupied")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_named_and_an_empty_cell_is_no_zero() {
        let file = "event_id,ward,as_of_time,physical,staffed,occupied\n\
                    1,wards/1,2020-02-03T08:00:00+08:00,10,8,\n\
                    2,wards/1,today,10,8,0\n\
                    3,wards/1,2020-02-03T08:00:00+08:00,10,8.5,0\n";
        let lines = read(file.as_bytes()).expect("a file");
        let count = lines[0].1.as_ref().expect("a count");
        assert_eq!((count.physical, count.staffed, count.occupied), (Some(10), Some(8), None));
        assert!(lines[1].1.as_ref().is_err_and(|wrong| wrong.starts_with("as_of_time")));
        assert!(lines[2].1.as_ref().is_err_and(|wrong| wrong.starts_with("staffed")));
        assert!(read("event_id,ward\n".as_bytes()).is_err());
    }
}
