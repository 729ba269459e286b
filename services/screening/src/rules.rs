//! The rules in force on a date (V1): which editions of the plans, which response level, and what they say of
//! observations. A decision keeps the rule set that made it; old ones are never worked out anew. What command centres have
//! said of their areas stands above the usual here: [`crate::schedules`].

use chrono::{DateTime, Datelike as _, Days, NaiveDate, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

/// An edition, and the year, month and day from which it holds.
type Edition = (i16, (i32, u32, u32));

/// Editions of the control plan. [S]; the day of the fourth is about right.
const CONTROL_PLANS: [Edition; 6] = [
    (2, (2020, 1, 22)),
    (3, (2020, 1, 28)),
    (4, (2020, 2, 7)),
    (5, (2020, 2, 21)),
    (6, (2020, 3, 7)),
    (7, (2020, 9, 15)),
];

/// Editions of the treatment plan. [S], but for the fifth and the seventh [K].
const TREATMENT_PLANS: [Edition; 5] =
    [(3, (2020, 1, 23)), (4, (2020, 1, 27)), (5, (2020, 2, 5)), (6, (2020, 2, 18)), (7, (2020, 3, 3))];

/// Hunan's response levels (E1): an area's own stand above them.
const RESPONSE_LEVELS: [Edition; 3] = [(1, (2020, 1, 23)), (2, (2020, 3, 10)), (3, (2020, 3, 31))];

/// What is in force on a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleSet {
    /// Edition of the control plan.
    pub control_plan: i16,
    /// Edition of the treatment plan.
    pub treatment_plan: i16,
    /// Response level, 1 the gravest.
    pub response_level: i16,
}

/// How a person is observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How many days after the last contact, which is day 0.
    pub days: i16,
    /// How many readings a day.
    pub slots_a_day: i16,
}

impl Terms {
    /// The usual terms: 14 days with two readings a day (R12, R16), in every edition read and at every response level.
    pub const USUAL: Self = Self { days: 14, slots_a_day: 2 };
}

/// By what a person is observed: the rules in force, and the terms that go with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// The rules.
    pub rules: RuleSet,
    /// The terms.
    pub terms: Terms,
}

impl RuleSet {
    /// What is usually in force on a date; before the first edition, the first. What is in force at a unit, with the
    /// response level that its command centre has said, is [`crate::schedules::ops::rules`].
    #[must_use]
    pub fn on(date: NaiveDate) -> Self {
        let of = |editions: &[Edition]| {
            let begun = |edition: &&Edition| {
                let (year, month, day) = edition.1;
                (year, month, day) <= (date.year(), date.month(), date.day())
            };
            editions.iter().rev().find(begun).or(editions.first()).map_or(0, |edition| edition.0)
        };
        Self {
            control_plan: of(&CONTROL_PLANS),
            treatment_plan: of(&TREATMENT_PLANS),
            response_level: of(&RESPONSE_LEVELS),
        }
    }
}

/// When an observation ends: at the end of the last of its days, the day of the last contact being day 0
/// (R12).
#[must_use]
pub fn window_end(last_exposure: NaiveDate, terms: Terms, zone: Tz) -> DateTime<Utc> {
    day_start(last_exposure + Days::new(u64::from(terms.days.unsigned_abs()) + 1), zone)
}

/// The first instant of a civil day.
#[must_use]
pub fn day_start(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = date.and_time(chrono::NaiveTime::MIN);
    // Where a zone's clocks skip midnight, the day begins an hour later.
    let start = zone.from_local_datetime(&midnight).earliest();
    let start = start.or_else(|| zone.from_local_datetime(&(midnight + TimeDelta::hours(1))).earliest());
    start.map_or_else(|| midnight.and_utc(), |start| start.with_timezone(&Utc))
}

/// The slot of a day in which an instant lies: each an equal part of the day.
#[must_use]
pub fn slot_at(instant: DateTime<Utc>, slots_a_day: i16, zone: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
    let date = instant.with_timezone(&zone).date_naive();
    let (start, end) = (day_start(date, zone), day_start(date + Days::new(1), zone));
    let count = i32::from(slots_a_day.max(1));
    let border = |nth: i32| if nth == count { end } else { start + (end - start) / count * nth };
    let nth = (0..count).rev().find(|nth| border(*nth) <= instant).unwrap_or(0);
    (border(nth), border(nth + 1))
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Shanghai;
    use proptest::prelude::*;

    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn v1_control_plan_3_and_treatment_plan_4_hold_on_3_february() {
        let rules = RuleSet::on(date("2020-02-03"));
        assert_eq!((rules.control_plan, rules.treatment_plan, rules.response_level), (3, 4, 1));
        assert_eq!(RuleSet::on(date("2020-02-05")).treatment_plan, 5);
        assert_eq!(RuleSet::on(date("2026-11-24")).control_plan, 7);
        assert_eq!(RuleSet::on(date("2019-12-31")).control_plan, 2);
    }

    #[test]
    fn r12_the_day_of_the_last_contact_is_day_0() {
        let end = window_end(date("2020-02-16"), Terms::USUAL, Shanghai);
        assert_eq!(end.to_rfc3339(), "2020-03-01T16:00:00+00:00", "over 29 February");
    }

    #[test]
    fn the_day_is_cut_into_equal_slots() {
        let noon = "2020-02-03T04:00:00Z".parse().expect("an instant");
        let (opens, closes) = slot_at(noon, 2, Shanghai);
        assert_eq!((opens, closes), (noon, noon + TimeDelta::hours(12)));
        let before = slot_at(noon - TimeDelta::microseconds(1), 2, Shanghai);
        assert_eq!(before, (noon - TimeDelta::hours(12), noon));
    }

    proptest! {
        #[test]
        fn every_instant_lies_in_one_slot_and_the_next_follows(at in 1_500_000_000_i64..1_700_000_000, count in 1_i16..5) {
            // New York has days of 23 and of 25 hours.
            for zone in [Shanghai, chrono_tz::America::New_York] {
                let at = DateTime::from_timestamp(at, 0).expect("an instant");
                let (opens, closes) = slot_at(at, count, zone);
                prop_assert!(opens <= at && at < closes);
                prop_assert_eq!(slot_at(closes, count, zone).0, closes);
                prop_assert_eq!(slot_at(opens, count, zone), (opens, closes));
            }
        }
    }
}
