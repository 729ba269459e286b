//! Facilities decide here: what they are for on which days (M6), and what is irregular about them.

pub mod api;
pub mod codes;
pub mod ops;
pub mod parse;
pub mod store;

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

/// Grades: numbers as the contract has them, rising with the grade.
pub const GRADES: std::ops::RangeInclusive<i32> = 1..=10;
/// The lowest grade that a fever clinic should have (M6): 2 C.
pub const FEVER_CLINIC_GRADE: i16 = 5;
/// Owners: numbers as the contract has them.
pub const OWNERSHIPS: std::ops::RangeInclusive<i32> = 1..=4;

/// What a facility is for: numbers as the contract has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum Role {
    /// Takes confirmed and suspected cases.
    DesignatedHospital = 1,
    /// Sees whoever has fever.
    FeverClinic = 2,
    /// The first hop (R19).
    PrimaryCare = 3,
    /// Keeps close contacts apart.
    CentralIsolation = 4,
    /// Tests specimens.
    Laboratory = 5,
}

impl Role {
    /// The role of a number.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        let all = [
            Self::DesignatedHospital,
            Self::FeverClinic,
            Self::PrimaryCare,
            Self::CentralIsolation,
            Self::Laboratory,
        ];
        all.into_iter().find(|role| *role as i32 == number)
    }
}

/// A role and its days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRole {
    /// The id.
    pub id: Uuid,
    /// The role, as [`Role`] numbers it.
    pub role: i16,
    /// Its first day.
    pub starts_on: NaiveDate,
    /// Its last day.
    pub ends_on: Option<NaiveDate>,
    /// By which order.
    pub order: String,
    /// When it was granted.
    pub granted_at: DateTime<Utc>,
    /// By whom.
    pub granted_by: String,
}

impl HeldRole {
    /// Whether it is had on a date.
    #[must_use]
    pub fn holds_on(&self, date: NaiveDate) -> bool {
        self.starts_on <= date && self.ends_on.is_none_or(|last| date <= last)
    }
}

/// What is irregular: numbers as the contract has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Mark {
    /// The organisation code fails its check, and nobody has compared it (I8).
    CodeFails = 1,
    /// A fever clinic below grade 2 (M6).
    FeverClinicBelowGrade = 2,
    /// Nobody answers one of its phones.
    PhoneUnanswered = 3,
}

/// A facility.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facility {
    /// The id.
    pub id: Uuid,
    /// Where it lies.
    pub unit: Uuid,
    /// Its official name.
    pub display_name: String,
    /// Its grade, as the contract numbers it.
    pub grade: i16,
    /// Who owns it, as the contract numbers it.
    pub ownership: i16,
    /// Its address.
    pub address: String,
    /// Its organisation code, or nothing.
    pub organisation_code: String,
    /// Since when it has a code that fails its check.
    pub code_failed_at: Option<DateTime<Utc>>,
    /// Whether somebody has compared that with the certificate.
    pub code_confirmed: bool,
    /// Its last day.
    pub ends_on: Option<NaiveDate>,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
    /// Counts the changes.
    pub version: i64,
    /// Its roles, the first first.
    pub roles: Vec<HeldRole>,
}

impl Facility {
    /// Whether it is open on a date.
    #[must_use]
    pub fn is_open_on(&self, date: NaiveDate) -> bool {
        self.ends_on.is_none_or(|last| date <= last)
    }

    /// What it is for on a date, by number; nothing once it has closed.
    #[must_use]
    pub fn roles_on(&self, date: NaiveDate) -> Vec<i16> {
        let held = self.roles.iter().filter(|role| self.is_open_on(date) && role.holds_on(date));
        let mut roles: Vec<i16> = held.map(|role| role.role).collect();
        roles.sort_unstable();
        roles
    }

    /// Keeps a code with since when it fails: the check is made anew where the code is another.
    pub fn say_code(&mut self, code: &str, now: DateTime<Utc>) {
        if self.organisation_code == code {
            return;
        }
        code.clone_into(&mut self.organisation_code);
        self.code_confirmed = false;
        self.code_failed_at = Some(now).filter(|_| !code.is_empty() && !codes::checks(code));
    }

    /// What is irregular about it on a date.
    #[must_use]
    pub fn marks(&self, date: NaiveDate, is_unanswered: bool) -> Vec<Mark> {
        let is_fever_clinic = self.roles_on(date).contains(&(Role::FeverClinic as i16));
        let marks = [
            (Mark::CodeFails, self.code_failed_at.is_some() && !self.code_confirmed),
            (Mark::FeverClinicBelowGrade, is_fever_clinic && self.grade < FEVER_CLINIC_GRADE),
            (Mark::PhoneUnanswered, is_unanswered),
        ];
        marks.into_iter().filter(|(_, is_so)| *is_so).map(|(mark, _)| mark).collect()
    }
}

/// What ends when a role is to end after a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The role of this id gets the day as its last.
    Ends(Uuid),
    /// The role of this id would begin later, and is taken back: it has never been had.
    TakenBack(Uuid),
}

/// Which role ends when one is to end after a day: the one that is had then, else the first that would begin later.
#[must_use]
pub fn ending(roles: &[HeldRole], role: Role, last: NaiveDate, today: NaiveDate) -> Option<Ending> {
    let of_role = || roles.iter().filter(|held| held.role == role as i16);
    if let Some(held) = of_role().find(|held| held.holds_on(last)) {
        return Some(Ending::Ends(held.id));
    }
    let later = of_role().filter(|held| held.starts_on > last && held.starts_on > today);
    later.min_by_key(|held| held.starts_on).map(|held| Ending::TakenBack(held.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn held(role: Role, from: &str, to: Option<&str>) -> HeldRole {
        HeldRole {
            id: Uuid::now_v7(),
            role: role as i16,
            starts_on: date(from),
            ends_on: to.map(date),
            order: String::new(),
            granted_at: DateTime::UNIX_EPOCH,
            granted_by: String::new(),
        }
    }

    fn facility(grade: i16, roles: Vec<HeldRole>) -> Facility {
        Facility {
            id: Uuid::nil(),
            unit: Uuid::nil(),
            display_name: String::new(),
            grade,
            ownership: 1,
            address: String::new(),
            organisation_code: String::new(),
            code_failed_at: None,
            code_confirmed: false,
            ends_on: None,
            created_at: DateTime::UNIX_EPOCH,
            version: 1,
            roles,
        }
    }

    #[test]
    fn m6_a_fever_clinic_is_marked_below_grade_2_and_on_its_days_only() {
        let roles = vec![held(Role::FeverClinic, "2020-02-03", Some("2020-02-05"))];
        let marks = |grade, on| facility(grade, roles.clone()).marks(date(on), false);
        assert_eq!(marks(4, "2020-02-03"), [Mark::FeverClinicBelowGrade]);
        assert_eq!(marks(4, "2020-02-02"), []);
        assert_eq!(marks(4, "2020-02-06"), []);
        assert_eq!(marks(FEVER_CLINIC_GRADE, "2020-02-03"), []);
        let closed = Facility { ends_on: Some(date("2020-02-02")), ..facility(4, roles) };
        assert_eq!(closed.marks(date("2020-02-03"), false), [], "a closed facility has no role");
    }

    #[test]
    fn i8_a_code_that_fails_is_marked_until_it_is_compared_and_again_when_it_is_another() {
        let mut facility = facility(1, vec![]);
        facility.say_code("91110000101623741X", DateTime::UNIX_EPOCH);
        assert_eq!(facility.marks(date("2020-02-03"), true), [Mark::CodeFails, Mark::PhoneUnanswered]);
        facility.code_confirmed = true;
        facility.say_code("91110000101623741X", DateTime::UNIX_EPOCH);
        assert_eq!(facility.marks(date("2020-02-03"), false), [], "said again, it is the same");
        facility.say_code("91110000101623741W", DateTime::UNIX_EPOCH);
        assert_eq!(facility.marks(date("2020-02-03"), false), [Mark::CodeFails]);
        facility.say_code("91110000101623741K", DateTime::UNIX_EPOCH);
        assert_eq!(facility.marks(date("2020-02-03"), false), []);
    }

    #[test]
    fn m6_a_role_ends_on_a_day_on_which_it_is_had_or_is_taken_back_before_it_began() {
        let today = date("2020-02-10");
        let past = held(Role::FeverClinic, "2020-02-01", Some("2020-02-05"));
        let next = held(Role::FeverClinic, "2020-02-20", None);
        let roles = [past.clone(), next.clone(), held(Role::PrimaryCare, "2020-02-01", None)];
        let of = |last| ending(&roles, Role::FeverClinic, date(last), today);
        assert_eq!(of("2020-02-03"), Some(Ending::Ends(past.id)));
        assert_eq!(of("2020-02-10"), Some(Ending::TakenBack(next.id)));
        assert_eq!(of("2020-03-01"), Some(Ending::Ends(next.id)));
        assert_eq!(ending(&roles, Role::Laboratory, today, today), None);
        let begun = date("2020-02-21");
        assert_eq!(
            ending(&roles, Role::FeverClinic, date("2020-02-12"), begun),
            None,
            "what has been had is not taken back"
        );
    }
}
