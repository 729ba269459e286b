//! A list of contacts: CSV, one contact a line.

use std::io::Read;

use chrono::{DateTime, Utc};
use proto::screening::{self as pb, exposure_item::Contact};

use crate::{
    handdowns_file::{paper, yes},
    lines::{self, Cells, Lines},
};

/// The columns, of which the first three must be there.
const COLUMNS: [&str; 14] = [
    "event_id",
    "kind",
    "first_time",
    "last_time",
    "index",
    "index_reference",
    "contact",
    "display_name",
    "paper_type",
    "paper_number",
    "phone",
    "address",
    "place",
    "protected",
];

/// How many contacts a call carries.
pub const BATCH: usize = 200;

/// Reads a file.
///
/// # Errors
/// A file without the columns that every contact needs, or that cannot be read.
pub fn read(reader: impl Read) -> anyhow::Result<Lines<pb::ExposureItem>> {
    lines::read(reader, &COLUMNS, 3, contact)
}

/// A kind of contact by its word.
///
/// # Errors
/// Which there are.
pub fn kind(word: &str) -> Result<pb::ContactKind, String> {
    let kind = pb::ContactKind::from_str_name(&format!("CONTACT_KIND_{}", word.to_uppercase()));
    kind.filter(|kind| *kind != pb::ContactKind::Unspecified).ok_or_else(|| {
        format!(
            "kind: {word:?} is none of living_together, direct_care, aerosol_procedure, same_room, shared_meal, \
             hospital_visit, near_seat, field_assessment, general"
        )
    })
}

fn contact(cells: &Cells<'_>) -> Result<pb::ExposureItem, String> {
    let time = |column: &str| match cells.get(column) {
        "" => Ok(None),
        text => text
            .parse::<DateTime<Utc>>()
            .map(|at| Some(chassis::parse::timestamp(at)))
            .map_err(|_| format!("{column}: {text:?} is no instant such as 2020-02-01T12:00:00+08:00")),
    };
    let contact = match cells.get("contact") {
        "" => Contact::Details(pb::PersonDetails {
            display_name: cells.get("display_name").to_owned(),
            paper: Some(paper(cells)?),
            phones: cells.get("phone").split_whitespace().map(str::to_owned).collect(),
            address: cells.get("address").to_owned(),
            ..pb::PersonDetails::default()
        }),
        name => Contact::Person(name.to_owned()),
    };
    Ok(pb::ExposureItem {
        event_id: cells.get("event_id").to_owned(),
        index: cells.get("index").to_owned(),
        index_reference: cells.get("index_reference").to_owned(),
        contact: Some(contact),
        kind: kind(cells.get("kind"))?.into(),
        place: cells.get("place").to_owned(),
        first_time: time("first_time")?,
        last_time: time("last_time")?,
        protected: yes(cells, "protected")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_a_person_or_somebody_new_and_a_bad_line_is_named() {
        let file = "event_id,kind,first_time,index_reference,contact,display_name\n\
                    1,living_together,2020-02-01T12:00:00+08:00,a,persons/1,\n\
                    2,shared_meal,2020-02-01T12:00:00+08:00,a,,张样例\n\
                    3,handshake,2020-02-01T12:00:00+08:00,a,,张样例\n\
                    4,near_seat,yesterday,a,,张样例\n";
        let lines = read(file.as_bytes()).expect("a file").lines;
        let contact = |nth: usize| lines[nth].1.as_ref().expect("a contact").contact.clone();
        assert_eq!(contact(0), Some(Contact::Person("persons/1".to_owned())));
        assert!(matches!(contact(1), Some(Contact::Details(details)) if details.display_name == "张样例"));
        assert!(lines[2].1.as_ref().is_err_and(|wrong| wrong.starts_with("kind")));
        assert!(lines[3].1.as_ref().is_err_and(|wrong| wrong.starts_with("first_time")));
    }
}
