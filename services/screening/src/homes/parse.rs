//! Between the contract's homes and ours.

use chassis::parse;
use chrono::NaiveDate;
use proto::screening as pb;
use uuid::Uuid;

use super::{Home, Resident};
use crate::persons::parse::{person_name, unit_name};

/// The collection of homes' names.
pub const COLLECTION: &str = "homes";

/// The resource name of a home.
#[must_use]
pub fn home_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// A day that is not in the future; today where none is said.
///
/// # Errors
/// What it must be.
pub fn day(text: &str, today: NaiveDate) -> Result<NaiveDate, String> {
    match parse::optional_date(text)? {
        Some(date) if date > today => Err(format!("must not be in the future; today is {today}")),
        date => Ok(date.unwrap_or(today)),
    }
}

/// A home as the contract has it, to the unit that leads: every resident with whose hands they are in; of whom the caller
/// may not see, no more.
#[must_use]
pub fn home(home: &Home, sees: impl Fn(Uuid) -> bool) -> pb::Home {
    let resident = |resident: &Resident| pb::Resident {
        person: if sees(resident.unit) { person_name(resident.person) } else { String::new() },
        start_date: resident.starts_on.to_string(),
        end_date: resident.ends_on.map(|date| date.to_string()).unwrap_or_default(),
        responsible_unit: unit_name(resident.unit),
    };
    pb::Home {
        name: home_name(home.id),
        unit: unit_name(home.unit),
        residents: home.residents.iter().map(resident).collect(),
    }
}
