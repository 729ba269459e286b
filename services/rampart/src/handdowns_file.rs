//! A list of persons to be handed down: CSV, one person a line.

use std::io::Read;

use proto::screening as pb;

use crate::lines::{self, Cells, Lines};

/// The columns, of which the first two must be there.
const COLUMNS: [&str; 9] = [
    "event_id",
    "display_name",
    "paper_type",
    "paper_number",
    "phone",
    "address",
    "place",
    "to_unit",
    "urgent",
];

/// How many persons a call carries.
pub const BATCH: usize = 200;

/// Reads a file.
///
/// # Errors
/// A file without the columns that every person needs, or that cannot be read.
pub fn read(reader: impl Read) -> anyhow::Result<Lines<pb::HanddownItem>> {
    lines::read(reader, &COLUMNS, 2, |cells| {
        let phones = cells.get("phone").split_whitespace().map(str::to_owned).collect();
        Ok(pb::HanddownItem {
            event_id: cells.get("event_id").to_owned(),
            details: Some(pb::PersonDetails {
                display_name: cells.get("display_name").to_owned(),
                paper: Some(paper(cells)?),
                phones,
                address: cells.get("address").to_owned(),
                present_place: cells.get("place").to_owned(),
                ..pb::PersonDetails::default()
            }),
            to_unit: cells.get("to_unit").to_owned(),
            urgent: yes(cells, "urgent")?,
            ..pb::HanddownItem::default()
        })
    })
}

/// A paper by its columns paper_type and paper_number: an identity card where only the number is there.
///
/// # Errors
/// Which types there are.
pub fn paper(cells: &Cells<'_>) -> Result<pb::Paper, String> {
    let word = match cells.get("paper_type") {
        "" if cells.get("paper_number").is_empty() => "none",
        "" => "identity_card",
        word => word,
    };
    let kind = pb::PaperType::from_str_name(&format!("PAPER_TYPE_{}", word.to_uppercase()));
    let kind = kind.ok_or_else(|| {
        format!("paper_type: {word:?} is none of identity_card, passport, hk_macao_permit, taiwan_permit, infant, none")
    })?;
    Ok(pb::Paper { r#type: kind.into(), number: cells.get("paper_number").to_owned() })
}

/// A column that says yes or no; no where it is empty.
///
/// # Errors
/// What it must be.
pub fn yes(cells: &Cells<'_>, column: &str) -> Result<bool, String> {
    match cells.get(column) {
        "" | "no" | "false" => Ok(false),
        "yes" | "true" => Ok(true),
        other => Err(format!("{column}: {other:?} is neither yes nor no")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_needs_no_more_than_an_id_and_a_name() {
        let lines = read("event_id,display_name\n1,张样例\n".as_bytes()).expect("a file").lines;
        let item = lines[0].1.as_ref().expect("a person");
        assert_eq!(item.details.as_ref().map(|details| details.display_name.as_str()), Some("张样例"));
        let lines = read("event_id,display_name,paper_type,urgent\n1,a,library,yes\n2,b,,maybe\n".as_bytes());
        let lines = lines.expect("a file").lines;
        assert!(lines[0].1.as_ref().is_err_and(|wrong| wrong.starts_with("paper_type")));
        assert!(lines[1].1.as_ref().is_err_and(|wrong| wrong.starts_with("urgent")));
        assert!(read("display_name\n".as_bytes()).is_err());
    }
}
