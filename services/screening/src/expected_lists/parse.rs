//! Between the contract's expected lists and ours.

use chassis::{Fault, Violations, parse};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use proto::screening as pb;
use uuid::Uuid;

use super::{Day, ExpectedList, Term};
use crate::{
    handdowns::{LISTS, parse::SOURCE_NAME},
    observations::parse::optional,
    persons::parse::{REASON, UNITS, unit_name},
    schedules::parse::ORDER,
};

/// The collection of expected lists' names.
pub const COLLECTION: &str = "expectedLists";

/// The resource name of an expected list.
#[must_use]
pub fn expected_list_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// What is said of a unit's list: whose, of which kind, from whom, and what from a date on.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Who is to receive it.
    pub unit: Uuid,
    /// Where it comes from.
    pub kind: i16,
    /// From whom.
    pub source: String,
    /// What is said.
    pub term: Term,
}

/// What a command centre says of a unit's list.
///
/// # Errors
/// Every violation.
pub fn setting(
    said: &pb::SetExpectedListRequest,
    (today, now): (NaiveDate, DateTime<Utc>),
) -> Result<Setting, Fault> {
    let mut wrong = Violations::default();
    let unit = wrong.name("unit", UNITS, &said.unit);
    let kind = i16::try_from(said.kind).ok().filter(|kind| LISTS.contains(&i32::from(*kind)));
    let kind =
        wrong.keep("kind", kind.ok_or_else(|| "is required: where does the list come from?".to_owned()));
    let source = wrong.keep("source_name", optional(&said.source_name, SOURCE_NAME)).unwrap_or_default();
    let date = parse::date(&said.effective_date).and_then(|date| {
        if date < today { Err(format!("must not be before today, {today}")) } else { Ok(date) }
    });
    let effective_on = wrong.keep("effective_date", date).unwrap_or_default();
    let order = wrong.keep("order", parse::text(&said.order, ORDER)).unwrap_or_default().to_owned();
    let hours = if said.expected_no_more {
        for (field, hour) in [("due_by", &said.due_by), ("covers_until", &said.covers_until)] {
            if !hour.is_empty() {
                wrong.add(field, "is not said of a list that is expected no more");
            }
        }
        None
    } else {
        hours(&mut wrong, &said.due_by, &said.covers_until)
    };
    wrong.refuse()?;
    let term = Term { effective_on, hours, order, set_at: now };
    Ok(Setting { unit, kind: kind.unwrap_or_default(), source: source.to_owned(), term })
}

/// By when a list must have come, and up to when it must reach.
fn hours(wrong: &mut Violations, due_by: &str, covers_until: &str) -> Option<(NaiveTime, NaiveTime)> {
    let hour = |said: &str| NaiveTime::parse_from_str(said, "%H:%M").map_err(|_| "must be HH:MM".to_owned());
    let due_by = wrong.keep("due_by", hour(due_by))?;
    if covers_until.is_empty() {
        return Some((due_by, due_by));
    }
    let covers_until = wrong.keep("covers_until", hour(covers_until))?;
    if covers_until > due_by {
        wrong.add("covers_until", "must not be after due_by");
    }
    Some((due_by, covers_until))
}

/// Of which list it is said that there is none, of which day, and the words.
///
/// # Errors
/// Every violation.
pub fn nil(said: &pb::SayNilListRequest, today: NaiveDate) -> Result<(Uuid, NaiveDate), Fault> {
    let mut wrong = Violations::default();
    let id = wrong.name("expected_list", COLLECTION, &said.expected_list);
    let date = wrong.keep("date", parse::optional_date(&said.date)).flatten().unwrap_or(today);
    if date > today {
        wrong.add("date", format!("must not be in the future; today is {today}"));
    }
    wrong.text("words", &said.words, REASON);
    wrong.refuse()?;
    Ok((id, date))
}

/// A list as the contract has it, as it holds from the date of a term on.
#[must_use]
pub fn expected_list(list: &ExpectedList, term: &Term) -> pb::ExpectedList {
    let hour =
        |hour: Option<NaiveTime>| hour.map(|hour| hour.format("%H:%M").to_string()).unwrap_or_default();
    pb::ExpectedList {
        name: expected_list_name(list.id),
        unit: unit_name(list.unit),
        kind: list.kind.into(),
        source_name: list.source.clone(),
        due_by: hour(term.hours.map(|hours| hours.0)),
        covers_until: hour(term.hours.map(|hours| hours.1)),
        effective_date: term.effective_on.to_string(),
        order: term.order.clone(),
    }
}

/// A day of a list as the contract has it.
#[must_use]
pub fn day(list: &ExpectedList, day: &Day, now: DateTime<Utc>) -> pb::ExpectedListDay {
    let (nil_at, nil_by, words) =
        day.nil.clone().map_or_else(Default::default, |(at, by, words)| (Some(at), by, words));
    pb::ExpectedListDay {
        expected_list: expected_list_name(list.id),
        unit: unit_name(list.unit),
        kind: list.kind.into(),
        source_name: list.source.clone(),
        date: day.due.on.to_string(),
        due_time: Some(parse::timestamp(day.due.at)),
        cut_off_time: Some(parse::timestamp(day.due.cut_off)),
        state: day.state(now) as i32,
        receive_time: day.came_at.map(parse::timestamp),
        nil_time: nil_at.map(parse::timestamp),
        nil_by,
        words,
    }
}
