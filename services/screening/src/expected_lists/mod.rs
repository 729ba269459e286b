//! Expected lists decide here: which lists a unit is to receive every day by an hour (H2, H3), and whether they came. Zero is
//! said, never assumed.

pub mod api;
pub mod ops;
pub mod parse;
pub mod store;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;

use crate::rules::day_start;

/// What was said of a list from a date on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// From which date on.
    pub effective_on: NaiveDate,
    /// By when of the day it must have come, and up to when it must reach; nothing where it is expected no more.
    pub hours: Option<(NaiveTime, NaiveTime)>,
    /// The order by which it is so.
    pub order: String,
    /// When it was said.
    pub set_at: DateTime<Utc>,
}

/// A list that a unit is to receive every day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedList {
    /// The id.
    pub id: Uuid,
    /// Who is to receive it.
    pub unit: Uuid,
    /// Where it comes from, as the contract numbers it.
    pub kind: i16,
    /// From whom; empty where any list of the kind is it.
    pub source: String,
    /// When it is next looked whether it has come; nothing where it is expected no more.
    pub next_due_at: Option<DateTime<Utc>>,
    /// What was said of it, in the order of their dates.
    pub terms: Vec<Term>,
}

/// A day of a list: when it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The day.
    pub on: NaiveDate,
    /// By when it must have come.
    pub at: DateTime<Utc>,
    /// Up to when it must reach.
    pub cut_off: DateTime<Utc>,
}

impl ExpectedList {
    /// What holds of it on a date.
    #[must_use]
    pub fn term_on(&self, date: NaiveDate) -> Option<&Term> {
        self.terms.iter().rev().find(|term| term.effective_on <= date)
    }

    /// When it is due on a date; nothing where it is not expected then, or was only after its hour.
    #[must_use]
    pub fn due_on(&self, date: NaiveDate, zone: Tz) -> Option<Due> {
        let term = self.term_on(date)?;
        let (due_by, covers_until) = term.hours?;
        let at = |time: NaiveTime| {
            let clock = date.and_time(time).and_local_timezone(zone).earliest();
            clock.map_or_else(|| day_start(date, zone), |clock| clock.with_timezone(&Utc))
        };
        Some(Due { on: date, at: at(due_by), cut_off: at(covers_until) }).filter(|due| due.at > term.set_at)
    }

    /// When it is due first from an instant on; nothing where it is expected no more.
    #[must_use]
    pub fn next_due(&self, since: DateTime<Utc>, zone: Tz) -> Option<Due> {
        let first = since.with_timezone(&zone).date_naive();
        let last = self.terms.last()?.effective_on.max(first) + Days::new(1);
        let days = first.iter_days().take_while(|day| *day <= last);
        days.filter_map(|day| self.due_on(day, zone)).find(|due| due.at >= since)
    }

    /// The days whose hour has passed since it was last looked, and when it is next to be looked. A list that comes at the very
    /// instant is on time.
    #[must_use]
    pub fn passed(&self, now: DateTime<Utc>, zone: Tz) -> (Vec<Due>, Option<DateTime<Utc>>) {
        let (mut passed, mut since) = (Vec::new(), self.next_due_at);
        while let Some(due) = since.and_then(|since| self.next_due(since, zone)) {
            if due.at >= now {
                return (passed, Some(due.at));
            }
            passed.push(due);
            since = Some(due.at + TimeDelta::microseconds(1));
        }
        (passed, None)
    }
}

/// A day of a list, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// When it is due.
    pub due: Due,
    /// When it came.
    pub came_at: Option<DateTime<Utc>>,
    /// When it was said that there is none, by whom, and what they said of it.
    pub nil: Option<(DateTime<Utc>, String, String)>,
}

/// How a list of a day stands: numbers as the contract has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum State {
    /// Not due yet, and not come.
    Expected = 1,
    /// Came by its hour.
    OnTime = 2,
    /// Came after its hour.
    Late = 3,
    /// There was none, as was said.
    Nil = 4,
    /// Its hour has passed, and nothing was said.
    Missing = 5,
}

impl Day {
    /// How it stands at an instant. What came stands above what was said.
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> State {
        match (self.came_at, &self.nil) {
            (Some(came_at), _) if came_at <= self.due.at => State::OnTime,
            (Some(_), _) => State::Late,
            (None, Some(_)) => State::Nil,
            (None, None) if now <= self.due.at => State::Expected,
            (None, None) => State::Missing,
        }
    }
}

/// A list that a unit has received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// By whom.
    pub unit: Uuid,
    /// Where it comes from, as the contract numbers it.
    pub kind: i16,
    /// From whom, as it is compared.
    pub key: String,
    /// From when to when it reaches: it is that of a day whose cut-off lies after the one and not after the other.
    pub window: (DateTime<Utc>, DateTime<Utc>),
    /// When it came.
    pub at: DateTime<Utc>,
}

/// From when to when a list reaches that came at an instant: as it says; a day where it says one end only; and where it says
/// neither, so that it is that of the cut-off nearest to when it came.
#[must_use]
pub fn reach(
    (starts_at, ends_at): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    came_at: DateTime<Utc>,
) -> (DateTime<Utc>, DateTime<Utc>) {
    let (day, half) = (TimeDelta::days(1), TimeDelta::hours(12));
    match (starts_at, ends_at) {
        (Some(starts_at), Some(ends_at)) => (starts_at, ends_at),
        (Some(starts_at), None) => (starts_at, starts_at + day),
        (None, Some(ends_at)) => (ends_at - day, ends_at),
        (None, None) => (came_at - half, came_at + half),
    }
}

/// Who sends a list, as it is compared: whatever its spaces and capitals.
#[must_use]
pub fn folded(source: &str) -> String {
    source.nfkc().filter(|sign| !sign.is_whitespace()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Shanghai;
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2020-02-{text}:00+08:00").parse().expect("an instant")
    }

    fn time(hour: u32) -> NaiveTime {
        NaiveTime::from_hms_opt(hour, 0, 0).expect("an hour")
    }

    fn list(terms: &[(&str, Option<u32>, &str)]) -> ExpectedList {
        let term = |(from, hour, said): &(&str, Option<u32>, &str)| Term {
            effective_on: from.parse().expect("a date"),
            hours: hour.map(|hour| (time(hour), time(hour))),
            order: String::new(),
            set_at: at(said),
        };
        let terms = terms.iter().map(term).collect();
        let next_due_at = Some(DateTime::UNIX_EPOCH);
        ExpectedList {
            id: Uuid::nil(),
            unit: Uuid::nil(),
            kind: 1,
            source: String::new(),
            next_due_at,
            terms,
        }
    }

    #[test]
    fn h3_a_list_is_due_from_the_first_hour_after_it_was_said_until_it_is_expected_no_more() {
        let said_late = list(&[("2020-02-11", Some(15), "11T18:00"), ("2020-02-13", None, "11T18:00")]);
        let dues = |list: &ExpectedList| {
            let (passed, next) = list.passed(at("20T00:00"), Shanghai);
            assert_eq!(next, None);
            passed.into_iter().map(|due| due.at).collect::<Vec<_>>()
        };
        assert_eq!(dues(&said_late), [at("12T15:00")], "not of the day of which its hour had passed");
        let in_time = list(&[("2020-02-11", Some(15), "11T14:00"), ("2020-02-12", None, "11T14:00")]);
        assert_eq!(dues(&in_time), [at("11T15:00")]);
        let (passed, next) = in_time.passed(at("11T15:00"), Shanghai);
        assert_eq!((passed, next), (vec![], Some(at("11T15:00"))), "at the very instant there is time");
    }

    #[test]
    fn a_list_is_that_of_the_days_whose_cut_off_it_covers() {
        let covers =
            |window: (DateTime<Utc>, DateTime<Utc>), cut_off| window.0 < cut_off && cut_off <= window.1;
        let said = reach((Some(at("10T15:00")), Some(at("11T15:00"))), at("11T20:00"));
        assert!(covers(said, at("11T15:00")) && !covers(said, at("10T15:00")));
        let unsaid = reach((None, None), at("12T02:00"));
        assert!(covers(unsaid, at("11T15:00")) && !covers(unsaid, at("12T15:00")), "the nearest");
        let end = reach((None, Some(at("11T15:00"))), at("13T09:00"));
        assert!(covers(end, at("11T15:00")) && !covers(end, at("10T15:00")), "not of every day before");
    }

    proptest! {
        #[test]
        fn every_day_is_noted_once_however_often_is_looked(hours in proptest::collection::vec(1_i64..60, 1..20)) {
            let mut list = list(&[
                ("2020-02-03", Some(15), "01T00:00"),
                ("2020-02-05", Some(16), "01T00:00"),
                ("2020-02-08", None, "01T00:00"),
            ]);
            let (mut now, mut noted) = (at("03T00:00"), Vec::new());
            for hours in hours {
                now += TimeDelta::hours(hours);
                let (passed, next) = list.passed(now, Shanghai);
                noted.extend(passed.into_iter().map(|due| due.at));
                list.next_due_at = next;
            }
            let all = ["03T15:00", "04T15:00", "05T16:00", "06T16:00", "07T16:00"].map(at);
            let passed: Vec<_> = all.into_iter().filter(|due| *due < now).collect();
            prop_assert_eq!(noted, passed);
        }
    }
}
