//! Observations decide here: how long a person is watched over, in which slots, and by what it may end.

pub mod api;
pub mod ops;
pub mod pages;
pub mod parse;
pub mod store;
pub mod tending;
pub mod watch;

use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use crate::{
    readings::Outcome,
    rules::{Ordered, RuleSet, Terms, slot_at, window_end},
};

/// The feed's topic of observations.
pub const TOPIC: &str = "observations";

/// Why a person is under observation: numbers as the contract has them.
pub const BASES: std::ops::RangeInclusive<i32> = 1..=6;
/// The basis of who was discharged or released (R4, R16), as the contract numbers it.
pub const DISCHARGED: i16 = 5;

/// Where a person is observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Place {
    /// At home.
    Home = 1,
    /// In central quarantine.
    Central = 2,
    /// In a hospital, which takes the slots.
    Hospital = 3,
    /// Elsewhere.
    Other = 4,
}

impl Place {
    /// The place of a number of the contract; home where none is said.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        if number == 0 {
            return Some(Self::Home);
        }
        [Self::Home, Self::Central, Self::Hospital, Self::Other]
            .into_iter()
            .find(|place| *place as i32 == number)
    }
}

/// By what decision an observation ends (R13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Ending {
    /// Released.
    Released = 1,
    /// Became a case.
    Converted = 2,
    /// Handed to another unit, which acknowledged.
    Transferred = 3,
    /// Died.
    Died = 4,
    /// The index was excluded, or it is the wrong person.
    Voided = 5,
    /// Never to have been entered.
    EnteredInError = 6,
    /// Goes on as another observation of the same person.
    Joined = 7,
}

impl Ending {
    /// The ending of a number that a caller may ask for.
    #[must_use]
    pub fn asked(number: i32) -> Option<Self> {
        [Self::Converted, Self::Died, Self::Voided, Self::EnteredInError]
            .into_iter()
            .find(|ending| *ending as i32 == number)
    }
}

/// What befell an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Event {
    /// Opened.
    Opened = 1,
    /// Another exposure.
    Extended = 2,
    /// Shortened by an order.
    Shortened = 3,
    /// Observed at another place.
    Moved = 4,
    /// Lost.
    Lost = 5,
    /// Found.
    Found = 6,
    /// Ended.
    Ended = 7,
    /// Goes on although the index turned out to be no case (R13).
    Kept = 8,
}

/// How an observation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum State {
    /// Open, within its window.
    Active = 1,
    /// Open, the window over.
    ReleaseDue = 2,
    /// Open, nobody knows where the person is.
    Lost = 3,
    /// Ended.
    Ended = 4,
}

/// What a release asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Condition {
    /// The window is over.
    WindowOver = 1,
    /// Each slot was read.
    EverySlotRead = 2,
    /// The last reading is without fever or symptom.
    LastReadingWell = 3,
    /// No referral waits.
    NoOpenReferral = 4,
    /// The person is not lost.
    NotLost = 5,
}

/// A person under observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The id.
    pub id: Uuid,
    /// The person, as the unit has recorded them.
    pub person: Uuid,
    /// Whose hands.
    pub unit: Uuid,
    /// The first of those who are one person.
    pub one: Uuid,
    /// Where it was opened.
    pub opened_unit: Uuid,
    /// The observation that counts for the person; itself where it does.
    pub leads: Uuid,
    /// Why, as the contract numbers it.
    pub basis: i16,
    /// Day 0 (R12).
    pub last_exposure: NaiveDate,
    /// Where the person is observed.
    pub place: i16,
    /// The facility's official name.
    pub facility: String,
    /// How many days after day 0 it goes on.
    pub days: i16,
    /// How many readings a day.
    pub slots_a_day: i16,
    /// Where that was changed: from which date on, and how many there were a day until then.
    pub slots_before: Option<(NaiveDate, i16)>,
    /// The rules that set days and slots.
    pub rules: RuleSet,
    /// When it was opened.
    pub starts_at: DateTime<Utc>,
    /// When the window ends.
    pub ends_at: DateTime<Utc>,
    /// From when on a release is due.
    pub due_at: DateTime<Utc>,
    /// Whether nobody knows where the person is.
    pub lost: bool,
    /// By what it ended.
    pub ending: Option<i16>,
    /// Why it ended.
    pub reason: String,
    /// The conditions that were not met.
    pub unmet: Vec<i16>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Who ended it.
    pub ended_by: String,
    /// Counts the changes.
    pub version: i64,
}

impl Observation {
    /// How it stands at an instant.
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> State {
        match self.ended_at {
            Some(_) => State::Ended,
            None if self.lost => State::Lost,
            None if self.due_at <= now => State::ReleaseDue,
            None => State::Active,
        }
    }

    /// By what the person is observed.
    #[must_use]
    pub fn ordered(&self) -> Ordered {
        Ordered { rules: self.rules, terms: Terms { days: self.days, slots_a_day: self.slots_a_day } }
    }

    /// How many readings there are on a date.
    #[must_use]
    pub fn slots_a_day_on(&self, date: NaiveDate) -> i16 {
        self.slots_before.filter(|(since, _)| date < *since).map_or(self.slots_a_day, |(_, before)| before)
    }

    /// Has so many readings a day from tomorrow on: the slots of today stay as they are.
    pub fn change_slots(&mut self, slots_a_day: i16, today: NaiveDate) {
        let before = self.slots_a_day_on(today);
        self.slots_before = (before != slots_a_day).then_some((today + Days::new(1), before));
        self.slots_a_day = slots_a_day;
    }

    /// Its window and slots, as they are to be.
    #[must_use]
    pub fn slots(&self, zone: Tz) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        slots(self.starts_at, self.ends_at, |date| self.slots_a_day_on(date), zone)
    }

    /// Takes in another exposure, after which it goes by what is in force today; the end never moves to an earlier day
    /// (R12, V1). Answers whether anything changes.
    pub fn extend(
        &mut self,
        last_exposure: NaiveDate,
        ordered: Ordered,
        (today, zone): (NaiveDate, Tz),
    ) -> bool {
        if last_exposure <= self.last_exposure {
            return false;
        }
        self.last_exposure = last_exposure;
        (self.rules, self.days) = (ordered.rules, ordered.terms.days);
        self.change_slots(ordered.terms.slots_a_day, today);
        let end = window_end(last_exposure, ordered.terms, zone).max(self.ends_at);
        self.end_at(end, zone);
        true
    }

    /// Sets the end, and from when on a release is due.
    pub fn end_at(&mut self, end: DateTime<Utc>, zone: Tz) {
        self.ends_at = end;
        self.due_at = self.slots(zone).last().map_or(end, |last| end.max(last.1));
    }
}

/// The slots from an instant to the end of a window, as many a day as that day has, the first being the one in which the
/// instant lies: slots before are nobody's (R12). Whoever is found after the end is read once.
fn slots(
    from: DateTime<Utc>,
    end: DateTime<Utc>,
    a_day: impl Fn(NaiveDate) -> i16,
    zone: Tz,
) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let at =
        |instant: DateTime<Utc>| slot_at(instant, a_day(instant.with_timezone(&zone).date_naive()), zone);
    let first = at(from);
    let following = std::iter::successors(Some(first), |slot| Some(at(slot.1)));
    let within = following.enumerate().take_while(|(nth, slot)| *nth == 0 || slot.0 < end);
    within.map(|(_, slot)| slot).collect()
}

/// What is known of the slots of an observation when its release is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Read {
    /// Slots that were missed, or at which the person refused or was absent, and that were not read since.
    pub unread: i64,
    /// Slots that have not elapsed and were not read.
    pub waiting: i64,
    /// What came of the last slot that was read.
    pub last: Option<Outcome>,
    /// Whether a referral waits for its answer.
    pub is_referred: bool,
}

/// What a release asks for and has not (R13).
#[must_use]
pub fn unmet(observation: &Observation, read: Read, now: DateTime<Utc>) -> Vec<Condition> {
    let last_is_well = matches!(read.last, Some(Outcome::Well | Outcome::InHospital));
    // Who was found after the end is read once; the rest of that slot need not be waited for.
    let is_over = observation.ends_at <= now;
    let conditions = [
        (Condition::WindowOver, is_over),
        (Condition::EverySlotRead, read.unread == 0 && (read.waiting == 0 || !is_over)),
        (Condition::LastReadingWell, last_is_well),
        (Condition::NoOpenReferral, !read.is_referred),
        (Condition::NotLost, !observation.lost),
    ];
    conditions.into_iter().filter(|(_, met)| !met).map(|(condition, _)| condition).collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use chrono_tz::Asia::Shanghai;
    use proptest::prelude::*;

    use super::*;

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    fn observation(starts_at: &str, last_exposure: &str) -> Observation {
        let starts_at = instant(starts_at);
        let last_exposure = last_exposure.parse().expect("a date");
        let rules = RuleSet::on(starts_at.date_naive());
        let mut observation = Observation {
            id: Uuid::nil(),
            person: Uuid::nil(),
            unit: Uuid::nil(),
            one: Uuid::nil(),
            opened_unit: Uuid::nil(),
            leads: Uuid::nil(),
            basis: 1,
            last_exposure,
            place: 1,
            facility: String::new(),
            days: 14,
            slots_a_day: 2,
            slots_before: None,
            rules,
            starts_at,
            ends_at: starts_at,
            due_at: starts_at,
            lost: false,
            ending: None,
            reason: String::new(),
            unmet: vec![],
            ended_at: None,
            ended_by: String::new(),
            version: 1,
        };
        observation.end_at(window_end(last_exposure, Terms::USUAL, Shanghai), Shanghai);
        observation
    }

    #[test]
    fn r12_found_on_the_day_of_the_contact_there_are_two_slots_on_each_of_15_days() {
        let observation = observation("2020-02-03T00:30:00Z", "2020-02-03");
        let slots = observation.slots(Shanghai);
        assert_eq!(slots.len(), 30, "day 0 to day 14");
        assert_eq!(slots[0].0, instant("2020-02-02T16:00:00Z"));
        assert_eq!(slots[29].1, observation.ends_at);
        assert_eq!(observation.due_at, observation.ends_at);
    }

    #[test]
    fn r12_who_is_found_after_day_14_is_read_once() {
        let observation = observation("2020-02-20T00:30:00Z", "2020-02-03");
        assert_eq!(observation.slots(Shanghai).len(), 1);
        assert_eq!(observation.due_at, instant("2020-02-20T04:00:00Z"), "the close of that slot");
        let read = Read { last: Some(Outcome::Well), ..Read::default() };
        assert!(unmet(&observation, read, observation.starts_at).is_empty(), "then released");
        let unread = Read { waiting: 1, ..Read::default() };
        let words = unmet(&observation, unread, observation.starts_at);
        assert_eq!(words, [Condition::EverySlotRead, Condition::LastReadingWell]);
    }

    #[test]
    fn r13_every_unmet_condition_is_named() {
        let mut observation = observation("2020-02-03T00:30:00Z", "2020-02-03");
        observation.lost = true;
        let read = Read { unread: 1, waiting: 4, last: Some(Outcome::Symptoms), is_referred: true };
        assert_eq!(unmet(&observation, read, observation.starts_at).len(), 5);
    }

    fn ordered(days: i16, slots_a_day: i16) -> Ordered {
        let rules = RuleSet::on("2020-02-03".parse().expect("a date"));
        Ordered { rules, terms: Terms { days, slots_a_day } }
    }

    #[test]
    fn r12_after_another_exposure_today_keeps_its_slots_and_tomorrow_has_as_many_as_are_in_force() {
        let mut observation = observation("2020-02-03T00:30:00Z", "2020-02-03");
        let day = |text: &str| -> NaiveDate { text.parse().expect("a date") };
        let before = observation.slots(Shanghai);
        assert!(observation.extend(day("2020-02-05"), ordered(3, 4), (day("2020-02-05"), Shanghai)));
        assert_eq!(observation.ends_at, instant("2020-02-17T16:00:00Z"), "never to an earlier day");
        let slots = observation.slots(Shanghai);
        assert_eq!(slots[..6], before[..6], "the 3rd to the 5th");
        assert_eq!(slots.len(), 6 + 12 * 4);
        // Said twice on one day: what was until the day's end stays.
        assert!(observation.extend(day("2020-02-06"), ordered(14, 3), (day("2020-02-05"), Shanghai)));
        assert_eq!(observation.slots_before, Some((day("2020-02-06"), 2)));
        assert!(observation.extend(day("2020-02-07"), ordered(14, 2), (day("2020-02-05"), Shanghai)));
        assert_eq!(observation.slots_before, None);
        assert_eq!(observation.slots(Shanghai).len(), 6 + 2 * 16);
    }

    proptest! {
        #[test]
        fn r12_a_new_exposure_never_moves_the_end_to_an_earlier_day(said in proptest::collection::vec((0_i64..40, 1_i16..61, 1_i16..5), 1..8)) {
            let mut observation = observation("2020-02-03T00:30:00Z", "2020-02-03");
            for (day, days, slots) in said {
                let (end, before) = (observation.ends_at, observation.last_exposure);
                let date = before + TimeDelta::days(day - 20);
                let is_later = observation.extend(date, ordered(days, slots), (before, Shanghai));
                prop_assert_eq!(is_later, date > before);
                prop_assert!(observation.ends_at >= end);
                prop_assert_eq!(observation.last_exposure, before.max(date));
                let needed = window_end(observation.last_exposure, observation.ordered().terms, Shanghai);
                prop_assert!(observation.ends_at >= needed);
                let slots = observation.slots(Shanghai);
                prop_assert!(slots.windows(2).all(|pair| pair[0].1 == pair[1].0));
                prop_assert_eq!(slots[slots.len() - 1].1, observation.ends_at);
            }
        }

        #[test]
        fn the_slots_cover_the_window_without_gap_or_overlap(start in 1_580_000_000_i64..1_583_000_000, length in 0_i64..2_000_000, count in 1_i16..5) {
            let from = DateTime::from_timestamp(start, 0).expect("an instant");
            let end = from + TimeDelta::seconds(length);
            let slots = slots(from, end, |_| count, Shanghai);
            prop_assert!(slots[0].0 <= from && from < slots[0].1);
            prop_assert!(slots.windows(2).all(|pair| pair[0].1 == pair[1].0));
            prop_assert!(slots[slots.len() - 1].1 >= end || slots.len() == 1);
        }
    }
}
