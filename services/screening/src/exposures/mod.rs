//! Exposures decide here: which contacts are close, how they lie to the index's window, and who is put under
//! observation.

pub mod api;
pub mod ingest;
pub mod ops;
pub mod parse;
pub mod store;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use crate::persons::Purpose;

/// What kind a contact may be: numbers as the contract has them (R10; the last is R11's).
pub const KINDS: std::ops::RangeInclusive<i32> = 1..=9;

/// From which edition of the control plan on the window begins before onset, or before sampling (R10).
const WINDOW_BEFORE_ONSET_SINCE: i16 = 6;
/// How many days before.
const DAYS_BEFORE: Days = Days::new(2);

/// How long somebody has to decide what becomes of a contact whose index turned out to be no case (R13) [K].
pub const DECIDED_WITHIN: TimeDelta = TimeDelta::hours(24);

/// Why a contact of a case is under observation, as the contract numbers it.
pub const CONTACT_OF_CASE: i16 = 2;
/// Why a contact of a returnee is.
pub const CONTACT_OF_RETURNEE: i16 = 3;

/// That somebody met somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// The id.
    pub id: Uuid,
    /// The client's id of it.
    pub event: Uuid,
    /// Who sent it.
    pub entered_by: String,
    /// The index; nobody while it dangles.
    pub index: Option<Index>,
    /// How the list names an index that is not known.
    pub index_reference: String,
    /// The contact.
    pub contact: Uuid,
    /// Whose hands the contact is in.
    pub contact_unit: Uuid,
    /// The first of those who are one with the contact.
    pub contact_one: Uuid,
    /// What kind, as the contract numbers it.
    pub kind: i16,
    /// Where.
    pub place: String,
    /// When it began.
    pub first_at: DateTime<Utc>,
    /// When it ended.
    pub last_at: DateTime<Utc>,
    /// Whether there was effective protection.
    pub protected: bool,
    /// Whether it is a close contact.
    pub close: bool,
    /// The edition of the control plan in force when it was entered.
    pub control_plan: i16,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
    /// When it was taken back.
    pub withdrawn_at: Option<DateTime<Utc>>,
    /// Why it was taken back.
    pub withdraw_reason: String,
}

impl Exposure {
    /// How it lies to the window of its index, by what is known of the index.
    #[must_use]
    pub fn window(&self, zone: Tz) -> Window {
        let known = self.index.map_or((None, None), |index| (index.onset_on, index.sampled_on));
        window(self.control_plan, known, self.last_at.with_timezone(&zone).date_naive())
    }
}

/// Who exposed somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index {
    /// The person.
    pub person: Uuid,
    /// Whose hands.
    pub unit: Uuid,
    /// The first of those who are one.
    pub one: Uuid,
    /// Since when ill.
    pub onset_on: Option<NaiveDate>,
    /// When first sampled.
    pub sampled_on: Option<NaiveDate>,
}

/// How an exposure lies to the index's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Window {
    /// Nobody knows when the index fell ill.
    Unknown = 1,
    /// Within.
    Within = 2,
    /// Over before it began.
    Before = 3,
}

/// How an exposure whose last day is given lies to the window of an index (R10): from onset on; from edition 6 on from
/// two days before onset, or before sampling of who had no symptoms.
#[must_use]
pub fn window(
    control_plan: i16,
    (onset_on, sampled_on): (Option<NaiveDate>, Option<NaiveDate>),
    last: NaiveDate,
) -> Window {
    let begins = if control_plan >= WINDOW_BEFORE_ONSET_SINCE {
        onset_on.or(sampled_on).and_then(|date| date.checked_sub_days(DAYS_BEFORE))
    } else {
        onset_on
    };
    match begins {
        None => Window::Unknown,
        Some(begins) if last < begins => Window::Before,
        Some(_) => Window::Within,
    }
}

/// Why a close contact within the window is put under observation, by why the index has a row; nobody is for the
/// contact of a contact. An index nobody knows is taken for a case.
#[must_use]
pub fn basis(index: Option<Purpose>) -> Option<i16> {
    match index {
        None | Some(Purpose::Case) => Some(CONTACT_OF_CASE),
        Some(Purpose::Returnee) => Some(CONTACT_OF_RETURNEE),
        Some(Purpose::Contact | Purpose::Febrile) => None,
    }
}

/// The figures of contacts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Released.
    pub released: i64,
    /// Became cases.
    pub converted: i64,
    /// Under observation.
    pub under_observation: i64,
    /// Lost.
    pub lost: i64,
    /// Whoever else was a close contact of a case.
    pub apart: i64,
    /// General contacts.
    pub general: i64,
}

impl Figures {
    /// Traced: a sum, so that it cannot differ from its parts.
    #[must_use]
    pub fn traced(&self) -> i64 {
        self.released + self.converted + self.under_observation + self.lost
    }
}

impl std::iter::Sum for Figures {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            released: sum.released + one.released,
            converted: sum.converted + one.converted,
            under_observation: sum.under_observation + one.under_observation,
            lost: sum.lost + one.lost,
            apart: sum.apart + one.apart,
            general: sum.general + one.general,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn date(text: &str) -> Option<NaiveDate> {
        Some(text.parse().expect("a date"))
    }

    #[test]
    fn r10_the_window_begins_at_onset_and_from_edition_6_on_two_days_before() {
        let onset = (date("2020-02-03"), None);
        let last = |text| date(text).expect("a date");
        assert_eq!(window(3, onset, last("2020-02-02")), Window::Before);
        assert_eq!(window(3, onset, last("2020-02-03")), Window::Within);
        assert_eq!(window(6, onset, last("2020-02-01")), Window::Within);
        assert_eq!(window(6, onset, last("2020-01-31")), Window::Before);
        assert_eq!(window(6, (None, date("2020-02-03")), last("2020-02-01")), Window::Within, "sampled");
        assert_eq!(window(3, (None, date("2020-02-03")), last("2020-02-01")), Window::Unknown);
    }

    proptest! {
        #[test]
        fn r10_no_later_edition_takes_a_contact_out_of_the_window(onset in 0_u64..60, last in 0_u64..60, plan in 2_i16..7) {
            let day = |nth: u64| date("2020-01-01").expect("a date") + Days::new(nth);
            let at = |plan: i16| window(plan, (Some(day(onset)), None), day(last));
            prop_assert!(at(plan) == Window::Before || at(plan + 1) == Window::Within);
        }
    }
}
