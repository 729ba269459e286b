//! Schedules decide here: what command centres say of their areas from a date on. The clocks of hand-downs (H2 to H6), by
//! when a sender must have sent, a receiver acknowledged and verified; the response level (E1); how long and how often
//! persons are observed (R12, R16). Of each, the nearest area's counts.

pub mod api;
pub mod ops;
pub mod parse;
pub mod store;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use crate::{
    rechecks,
    rules::{Terms, day_start},
};

/// The level of counties, as the registry numbers it.
pub const COUNTY: i16 = 3;
/// The level of townships.
pub const TOWNSHIP: i16 = 4;

/// The levels of senders.
pub const LEVELS: std::ops::RangeInclusive<i16> = 1..=6;

/// The basis of terms that are for every basis which has none of its own in an area.
pub const EVERY_BASIS: i16 = 0;

/// The response level that an area has said (E1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// The area.
    pub area: Uuid,
    /// From which date on.
    pub effective_on: NaiveDate,
    /// The level, 1 the gravest.
    pub level: i16,
    /// The order by which it is so.
    pub order: String,
}

/// Terms of observation that an area has set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AreaTerms {
    /// The area.
    pub area: Uuid,
    /// From which date on.
    pub effective_on: NaiveDate,
    /// Of which basis, as the contract numbers it; [`EVERY_BASIS`] for those that have none of their own.
    pub basis: i16,
    /// The terms.
    pub terms: Terms,
    /// In which weeks after a discharge who was discharged is looked at again; none where the area has not said it.
    pub recheck_weeks: Vec<i16>,
    /// The order by which it is so.
    pub order: String,
}

/// What the nearest of some areas has said, the nearest being the first.
#[must_use]
pub fn level_of<'a>(areas: &[Uuid], said: &'a [Level]) -> Option<&'a Level> {
    areas.iter().find_map(|area| said.iter().find(|level| level.area == *area))
}

/// The terms of a basis that the nearest of some areas has set, the nearest being the first: there its own, else those of
/// every basis.
#[must_use]
pub fn terms_of<'a>(areas: &[Uuid], set: &'a [AreaTerms], basis: i16) -> Option<&'a AreaTerms> {
    let of = |area: Uuid, basis: i16| set.iter().find(|terms| terms.area == area && terms.basis == basis);
    areas.iter().find_map(|area| of(*area, basis).or_else(|| of(*area, EVERY_BASIS)))
}

/// The weeks of rechecks that the nearest of some areas has said, the nearest being the first; else the usual ones (R16).
#[must_use]
pub fn weeks_of<'a>(areas: &[Uuid], set: &'a [AreaTerms]) -> &'a [i16] {
    let of = |area: &Uuid| set.iter().find(|terms| terms.area == *area && !terms.recheck_weeks.is_empty());
    areas.iter().find_map(of).map_or(&rechecks::WEEKS, |terms| &terms.recheck_weeks)
}

/// The clocks of one level of senders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// The level of the sender, 1 a province, 6 a grid.
    pub sender_level: i16,
    /// By when of the day what was gathered must have been sent.
    pub send_by: NaiveTime,
    /// Minutes from sending to acknowledging.
    pub acknowledge_minutes: i32,
    /// The same for who is urgent.
    pub urgent_minutes: i32,
    /// Minutes from acknowledging to verifying.
    pub verify_minutes: i32,
    /// Minutes of silence after which it goes on.
    pub step_minutes: i32,
}

impl Clocks {
    /// The usual clocks of a level of senders: a city by 16:00 (H3), a county by 17:00 (H4), stations, villages and
    /// others by 16:00 (H2), townships by 18:00 [K]. That a hand-down is acknowledged within an hour (urgent: a
    /// quarter), verified within a day, and that silence goes on after half an hour is usual [K]: cities set theirs.
    #[must_use]
    pub fn usual(sender_level: i16) -> Self {
        let hour = match sender_level {
            COUNTY => 17,
            TOWNSHIP => 18,
            _ => 16,
        };
        Self {
            sender_level,
            send_by: NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default(),
            acknowledge_minutes: 60,
            urgent_minutes: 15,
            verify_minutes: 24 * 60,
            step_minutes: 30,
        }
    }

    /// By when what is gathered at an instant must have been sent: by the clock of that day or, past it, of the
    /// next.
    #[must_use]
    pub fn send_due(&self, now: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
        let today = now.with_timezone(&zone).date_naive();
        let at = |date: chrono::NaiveDate| {
            let clock = date.and_time(self.send_by).and_local_timezone(zone).earliest();
            clock.map_or_else(|| day_start(date, zone), |clock| clock.with_timezone(&Utc))
        };
        let due = at(today);
        if due > now { due } else { at(today + Days::new(1)) }
    }

    /// By when what is sent at an instant must be acknowledged.
    #[must_use]
    pub fn acknowledge_due(&self, now: DateTime<Utc>, urgent: bool) -> DateTime<Utc> {
        let minutes = if urgent { self.urgent_minutes } else { self.acknowledge_minutes };
        now + TimeDelta::minutes(minutes.into())
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Shanghai;

    use super::*;

    #[test]
    fn e1_the_nearest_area_counts_and_there_a_basis_own_terms_before_those_of_every_basis() {
        let [city, county, village] = [1, 2, 3].map(Uuid::from_u128);
        let set = |area, basis, days| AreaTerms {
            area,
            effective_on: NaiveDate::MIN,
            basis,
            terms: Terms { days, ..Terms::USUAL },
            recheck_weeks: if basis == 5 { vec![area.as_u128() as i16, 9] } else { vec![] },
            order: String::new(),
        };
        let all = [set(city, 5, 28), set(city, EVERY_BASIS, 21), set(county, EVERY_BASIS, 10)];
        let days = |areas: &[Uuid], basis| terms_of(areas, &all, basis).map(|found| found.terms.days);
        assert_eq!(days(&[village, county, city], 5), Some(10), "the county is nearer");
        assert_eq!(days(&[city], 5), Some(28));
        assert_eq!(days(&[city], 1), Some(21));
        assert_eq!(days(&[village], 1), None);
        assert_eq!(weeks_of(&[village, county, city], &all), [1, 9], "the county has said none");
        assert_eq!(weeks_of(&[village], &all), rechecks::WEEKS);
        let said = |area, level| Level { area, effective_on: NaiveDate::MIN, level, order: String::new() };
        let said = [said(city, 2), said(county, 1)];
        let level = |areas: &[Uuid]| level_of(areas, &said).map(|found| found.level);
        assert_eq!(
            (level(&[village, county, city]), level(&[city]), level(&[village])),
            (Some(1), Some(2), None)
        );
    }

    #[test]
    fn h3_the_city_issues_by_16_h4_the_county_pushes_by_17() {
        let now = "2020-02-11T15:30:00+08:00".parse().expect("an instant");
        let due = |level: i16, now| Clocks::usual(level).send_due(now, Shanghai).with_timezone(&Shanghai);
        assert_eq!(due(2, now).to_rfc3339(), "2020-02-11T16:00:00+08:00");
        assert_eq!(due(COUNTY, now).to_rfc3339(), "2020-02-11T17:00:00+08:00");
        let at_four = "2020-02-11T16:00:00+08:00".parse().expect("an instant");
        assert_eq!(due(2, at_four).to_rfc3339(), "2020-02-12T16:00:00+08:00", "half open");
    }
}
