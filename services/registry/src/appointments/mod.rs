//! Appointments decide here: who may appoint whom, and when an office changes hands.

pub mod api;
pub mod ops;
pub mod parse;
pub mod store;
pub mod watch;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use jurisdiction::Office;
use uuid::Uuid;

/// The topic of appointments in the feed.
pub const TOPIC: &str = "appointment";

/// In what way an office is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum Holding {
    /// In full: one at an instant.
    Full = 1,
    /// Acting: one at an instant.
    Acting = 2,
    /// Deputy: as many as are needed.
    Deputy = 3,
}

impl Holding {
    /// The way of a number.
    #[must_use]
    pub fn of(number: i16) -> Option<Self> {
        [Self::Full, Self::Acting, Self::Deputy].into_iter().find(|holding| *holding as i16 == number)
    }
}

/// What is said of an appointment that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAppointment {
    /// Who.
    pub officer: Uuid,
    /// Where.
    pub unit: Uuid,
    /// What.
    pub office: Office,
    /// How.
    pub holding: Holding,
    /// From when; now where none.
    pub start: Option<DateTime<Utc>>,
    /// Until when; open where none.
    pub end: Option<DateTime<Utc>>,
}

/// An appointment.
#[derive(Clone, Debug)]
pub struct Appointment {
    /// The id.
    pub id: Uuid,
    /// Who.
    pub officer: Uuid,
    /// Where.
    pub unit: Uuid,
    /// What.
    pub office: Office,
    /// How.
    pub holding: Holding,
    /// The first instant.
    pub start: DateTime<Utc>,
    /// The first instant at which it no longer holds.
    pub end: Option<DateTime<Utc>>,
    /// Why it was ended.
    pub end_reason: String,
    /// Where the unit stands today: orders the lists.
    pub path: String,
}

/// An appointment with what other services know of its officer.
#[derive(Clone, Debug)]
pub struct Held {
    /// The appointment.
    pub appointment: Appointment,
    /// The subject of the officer's credentials, where they have any.
    pub subject: Option<String>,
    /// Name.
    pub display_name: String,
    /// Official phone.
    pub official_phone: String,
}

/// Somebody who answers for a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Name.
    pub display_name: String,
    /// Official phone.
    pub official_phone: String,
    /// The office by which they answer.
    pub office: Office,
    /// How they hold it.
    pub holding: Holding,
    /// Where they hold it.
    pub unit: Uuid,
    /// What that unit is called.
    pub unit_display_name: String,
}

/// A required office that nobody holds.
#[derive(Clone, Debug)]
pub struct Vacancy {
    /// The unit.
    pub unit: Uuid,
    /// Its name.
    pub display_name: String,
    /// Its level.
    pub level: i16,
    /// The office.
    pub office: Office,
    /// Who answers by default.
    pub answering: Option<Contact>,
    /// Where the unit stands: orders the list.
    pub path: String,
}

/// The first thing that an office may do and its appointer may not: nobody hands out more than they
/// have, but who sets up the tree appoints to every office.
#[must_use]
pub fn beyond(office: Office, held: &BTreeSet<&'static str>) -> Option<&'static str> {
    if held.contains("units.write") {
        return None;
    }
    office.permissions().find(|permission| !held.contains(permission))
}

/// From when until when an appointment holds; open where there is no end.
pub type Term = (DateTime<Utc>, Option<DateTime<Utc>>);

/// From when until when an appointment is to hold, or why it cannot.
///
/// # Errors
/// The field and what is wrong with it.
pub fn term(
    start: Option<DateTime<Utc>>,
    end: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Term, (&'static str, String)> {
    let start = start.unwrap_or(now);
    if start < now {
        return Err((
            "start_time",
            "must not be earlier than now: what was done before would change".to_owned(),
        ));
    }
    if end.is_some_and(|end| end <= start) {
        return Err(("end_time", "must be later than the start".to_owned()));
    }
    Ok((start, end))
}

/// At which instant an appointment ends, or why it cannot end then.
///
/// # Errors
/// In words.
pub fn ending(
    appointment: &Appointment,
    asked: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, String> {
    let end = asked.unwrap_or(now);
    if end < now {
        return Err("an appointment ends now or later, never before: what was done stays done".to_owned());
    }
    if appointment.end.is_some_and(|ends| ends <= end) {
        return Err("the appointment has ended, or ends earlier than asked".to_owned());
    }
    if appointment.start >= end {
        return Err("the appointment has not begun by then".to_owned());
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    #[test]
    fn nobody_hands_out_more_than_they_have() {
        let duty: BTreeSet<_> = Office::DutyOfficer.permissions().collect();
        assert_eq!(beyond(Office::InformationReporter, &duty), None);
        assert_eq!(beyond(Office::Leader, &duty), None);
        assert_eq!(beyond(Office::Administrator, &duty), Some("units.write"));
        let administrator: BTreeSet<_> = Office::Administrator.permissions().collect();
        assert!(Office::ALL.into_iter().all(|office| beyond(office, &administrator).is_none()));
    }

    #[test]
    fn an_appointment_is_never_made_for_the_past() {
        let now = instant("2020-02-03T00:00:00Z");
        assert_eq!(term(None, None, now), Ok((now, None)));
        let early = term(Some(instant("2020-02-02T23:59:59Z")), None, now);
        assert_eq!(early.expect_err("in the past").0, "start_time");
        assert_eq!(term(None, Some(now), now).expect_err("empty").0, "end_time");
    }
}
