//! Between the contract's schedules and ours.

use chassis::{Violations, parse};
use chrono::{NaiveDate, NaiveTime};
use proto::screening as pb;
use uuid::Uuid;

use super::{AreaTerms, Clocks, EVERY_BASIS, LEVELS, Level};
use crate::{
    observations::{BASES, DISCHARGED},
    persons::parse::{UNITS, unit_name},
    rules::Terms,
};

/// The longest number and title of an order.
pub const ORDER: usize = 100;
/// The most days of an observation.
const DAYS: std::ops::RangeInclusive<i32> = 1..=60;
/// The most readings a day.
const SLOTS: std::ops::RangeInclusive<i32> = 1..=4;

/// The most rechecks after a discharge, and the weeks they may be in [D].
const RECHECKS: usize = 12;
const WEEKS: std::ops::RangeInclusive<i32> = 1..=52;

/// The longest clock, in minutes: a week.
const LONGEST: i32 = 7 * 24 * 60;

fn minutes(minutes: i32) -> Result<i32, String> {
    if (1..=LONGEST).contains(&minutes) {
        return Ok(minutes);
    }
    Err(format!("must be 1 to {LONGEST} minutes, is {minutes}"))
}

/// A response level of the contract.
pub fn response_level(wrong: &mut Violations, field: &str, said: i32) -> i16 {
    let level = i16::try_from(said).ok().filter(|level| (1..=4).contains(level));
    wrong.keep(field, level.ok_or_else(|| "must be 1 to 4 (E1)".to_owned())).unwrap_or_default()
}

/// An area, and the date from which on something is said of it: not before today.
pub fn area_from(
    wrong: &mut Violations,
    (area, effective_date): (&str, &str),
    today: NaiveDate,
) -> (Uuid, NaiveDate) {
    let area = wrong.keep("area_unit", parse::name(UNITS, area)).unwrap_or_default();
    let date = parse::date(effective_date).and_then(|date| {
        if date < today { Err(format!("must not be before today, {today}")) } else { Ok(date) }
    });
    (area, wrong.keep("effective_date", date).unwrap_or_default())
}

/// What a command centre says of its area's response level.
pub fn level(wrong: &mut Violations, said: &pb::SetResponseLevelRequest, today: NaiveDate) -> Level {
    let (area, effective_on) = area_from(wrong, (&said.area_unit, &said.effective_date), today);
    let level = response_level(wrong, "level", said.level);
    let order = wrong.keep("order", parse::text(&said.order, ORDER)).unwrap_or_default().to_owned();
    Level { area, effective_on, level, order }
}

/// The terms of observation that a command centre sets, and for which response level.
pub fn terms(
    wrong: &mut Violations,
    said: &pb::SetObservationTermsRequest,
    today: NaiveDate,
) -> (AreaTerms, i16) {
    let (area, effective_on) = area_from(wrong, (&said.area_unit, &said.effective_date), today);
    let response_level = response_level(wrong, "response_level", said.response_level);
    let is_basis = said.basis == i32::from(EVERY_BASIS) || BASES.contains(&said.basis);
    let basis = i16::try_from(said.basis).ok().filter(|_| is_basis);
    let basis = wrong.keep("basis", basis.ok_or_else(|| "is none there is".to_owned())).unwrap_or_default();
    let mut within = |field: &str, said: i32, range: std::ops::RangeInclusive<i32>| {
        let words = || format!("must be {} to {}, is {said}", range.start(), range.end());
        let kept = i16::try_from(said).ok().filter(|_| range.contains(&said)).ok_or_else(words);
        wrong.keep(field, kept).unwrap_or_default()
    };
    let days = within("days", said.days, DAYS);
    let slots_a_day = within("slots_a_day", said.slots_a_day, SLOTS);
    let recheck_weeks = recheck_weeks(wrong, &said.recheck_weeks);
    if !recheck_weeks.is_empty() && basis != DISCHARGED {
        wrong.add("recheck_weeks", "are said for the basis DISCHARGED only");
    }
    let order = wrong.keep("order", parse::text(&said.order, ORDER)).unwrap_or_default().to_owned();
    let terms = Terms { days, slots_a_day };
    (AreaTerms { area, effective_on, basis, terms, recheck_weeks, order }, response_level)
}

/// Weeks after a discharge, the earliest first.
fn recheck_weeks(wrong: &mut Violations, said: &[i32]) -> Vec<i16> {
    let weeks: Vec<i16> = said.iter().filter_map(|week| i16::try_from(*week).ok()).collect();
    let is_known = said.len() <= RECHECKS && said.iter().all(|week| WEEKS.contains(week));
    if !is_known || !weeks.is_sorted_by(|week, next| week < next) {
        let (first, last) = (WEEKS.start(), WEEKS.end());
        wrong.add("recheck_weeks", format!("must be at most {RECHECKS} weeks, {first} to {last}, in order"));
    }
    weeks
}

/// A response level as the contract has it; Hunan's where no area has said one.
#[must_use]
pub fn level_shown(in_force: i16, said: Option<&Level>) -> pb::ResponseLevel {
    pb::ResponseLevel {
        level: in_force.into(),
        area_unit: said.map(|said| unit_name(said.area)).unwrap_or_default(),
        effective_date: said.map(|said| said.effective_on.to_string()).unwrap_or_default(),
        order: said.map(|said| said.order.clone()).unwrap_or_default(),
    }
}

/// The terms of a basis as the contract has them; the usual ones where no area has set any.
#[must_use]
pub fn terms_shown(basis: i32, set: Option<&AreaTerms>) -> pb::ObservationTerms {
    let terms = set.map_or(Terms::USUAL, |set| set.terms);
    pb::ObservationTerms {
        basis,
        days: terms.days.into(),
        slots_a_day: terms.slots_a_day.into(),
        area_unit: set.map(|set| unit_name(set.area)).unwrap_or_default(),
        effective_date: set.map(|set| set.effective_on.to_string()).unwrap_or_default(),
        order: set.map(|set| set.order.clone()).unwrap_or_default(),
        recheck_weeks: Vec::new(),
    }
}

/// Clocks of the contract; nothing where any is wrong.
pub fn clocks(wrong: &mut Violations, said: &[pb::Clocks]) -> Vec<Clocks> {
    let mut all: Vec<Clocks> = Vec::with_capacity(said.len());
    if said.is_empty() {
        wrong.add("clocks", "must be one for each level of senders that has not the usual one");
    }
    for (nth, said) in said.iter().enumerate() {
        let under = |field: &str| format!("clocks[{nth}].{field}");
        let level = i16::try_from(said.sender_level).ok().filter(|level| LEVELS.contains(level));
        let level = level.ok_or_else(|| "must be the number of a level, 1 to 6".to_owned());
        let level = wrong.keep(&under("sender_level"), level).unwrap_or_default();
        if all.iter().any(|other| other.sender_level == level) {
            wrong.add(under("sender_level"), "is there twice");
        }
        let clock = NaiveTime::parse_from_str(&said.send_by, "%H:%M");
        let clock = clock.map_err(|_| "must be HH:MM".to_owned());
        let mut keep =
            |field: &str, value: i32| wrong.keep(&under(field), minutes(value)).unwrap_or_default();
        all.push(Clocks {
            sender_level: level,
            acknowledge_minutes: keep("acknowledge_minutes", said.acknowledge_minutes),
            urgent_minutes: keep("urgent_minutes", said.urgent_minutes),
            verify_minutes: keep("verify_minutes", said.verify_minutes),
            step_minutes: keep("step_minutes", said.step_minutes),
            send_by: wrong.keep(&under("send_by"), clock).unwrap_or_default(),
        });
    }
    all
}

/// Clocks as the contract has them.
#[must_use]
pub fn shown(clocks: &Clocks) -> pb::Clocks {
    pb::Clocks {
        sender_level: clocks.sender_level.into(),
        send_by: clocks.send_by.format("%H:%M").to_string(),
        acknowledge_minutes: clocks.acknowledge_minutes,
        urgent_minutes: clocks.urgent_minutes,
        verify_minutes: clocks.verify_minutes,
        step_minutes: clocks.step_minutes,
    }
}
