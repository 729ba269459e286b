//! What is done with expected lists in the caller's transaction, and when their hour has passed.

use chassis::Fault;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Day, Due, ExpectedList, Received, Term, folded, reach, store};
use crate::{handdowns::store::Source, house::House, schedules};

/// How many lists are looked at in one transaction.
const AT_ONCE: i64 = 500;

/// Looks whether the lists have come whose hour has passed.
///
/// # Errors
/// Where the database fails.
pub async fn look(house: &House) -> Result<(), Fault> {
    let now = house.clock.now();
    let mut work = house.database.begin(None).await?;
    for list in store::due(&mut work, now, AT_ONCE).await? {
        let next = note(house, &mut work, &list, now).await?;
        store::look_at(&mut work, list.id, next).await?;
    }
    work.commit().await?;
    Ok(())
}

/// Notes the days of a list, which is locked, whose hour has passed; answers when it is next to be looked. A unit that was closed
/// expects nothing any more.
async fn note(
    house: &House,
    connection: &mut PgConnection,
    list: &ExpectedList,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Fault> {
    if house.jurisdiction.standing(list.unit).is_some_and(|unit| unit != list.unit) {
        return Ok(None);
    }
    let (passed, next) = list.passed(now, house.clock.zone());
    if passed.is_empty() {
        return Ok(next);
    }
    let came = came(connection, passed.iter().map(|due| (list, due))).await?;
    for (due, came_at) in passed.into_iter().zip(came) {
        let above_at = above_at(house, connection, list.unit, due).await?;
        store::add_day(connection, list.id, due, (above_at, came_at)).await?;
    }
    Ok(next)
}

/// When the first list came that is each of some expected ones.
async fn came<'a>(
    connection: &mut PgConnection,
    asked: impl Iterator<Item = (&'a ExpectedList, &'a Due)>,
) -> Result<Vec<Option<DateTime<Utc>>>, Fault> {
    let asked: Vec<_> =
        asked.map(|(list, due)| (list.unit, list.kind, folded(&list.source), due.cut_off)).collect();
    store::came(connection, &asked).await
}

/// When a missing list goes before the unit above: once the unit's clocks say that silence goes on.
async fn above_at(
    house: &House,
    connection: &mut PgConnection,
    unit: Uuid,
    due: Due,
) -> Result<DateTime<Utc>, Fault> {
    let clocks = schedules::ops::of_sender(house, connection, unit).await?;
    Ok(due.at + TimeDelta::minutes(clocks.step_minutes.into()))
}

/// Keeps what is said of a unit's list, of a kind and from somebody, from a date on. What had passed until now is noted before
/// that, by what held then.
///
/// # Errors
/// [`Fault::Invalid`] for one that is to be expected no more and never was; where the database fails.
pub async fn set(
    house: &House,
    connection: &mut PgConnection,
    of: (Uuid, i16, &str),
    term: &Term,
    by: &str,
) -> Result<ExpectedList, Fault> {
    let known = store::made(connection, of).await?.ok_or(Fault::Conflict)?;
    if term.hours.is_none() && known.terms.is_empty() {
        return Err(Fault::invalid("source_name", "no such list is expected: is it said as it was?"));
    }
    note(house, connection, &known, house.clock.now()).await?;
    store::set(connection, known.id, term, by).await?;
    let mut list = store::get(connection, known.id).await?.ok_or(Fault::Conflict)?;
    list.next_due_at = list.next_due(term.set_at, house.clock.zone()).map(|due| due.at);
    store::look_at(connection, list.id, list.next_due_at).await?;
    Ok(list)
}

/// Notes that a list has come to a unit, which said itself to be another where that is at work no more.
///
/// # Errors
/// Where the database fails.
pub async fn receive(
    connection: &mut PgConnection,
    (unit, said): (Uuid, Uuid),
    source: &Source,
) -> Result<(), Fault> {
    let received = Received {
        unit,
        kind: source.kind,
        key: folded(&source.source_name),
        window: reach((source.window_starts_at, source.window_ends_at), source.received_at),
        at: source.received_at,
    };
    store::receive(connection, &[unit, said], &received).await
}

/// Up to when it was said, of the days before a list, that there is none of its like.
///
/// # Errors
/// Where the database fails.
pub async fn nil_before(
    connection: &mut PgConnection,
    unit: Uuid,
    source: &Source,
    starts_at: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Fault> {
    let of = (unit, source.kind, folded(&source.source_name));
    store::nil_before(connection, (of.0, of.1, &of.2), starts_at + TimeDelta::days(1)).await
}

/// Some lists as they stand on a day: those that are expected then.
///
/// # Errors
/// Where the database fails.
pub async fn days_on(
    house: &House,
    connection: &mut PgConnection,
    lists: &[ExpectedList],
    date: NaiveDate,
) -> Result<Vec<(ExpectedList, Day)>, Fault> {
    let ids: Vec<Uuid> = lists.iter().map(|list| list.id).collect();
    let mut kept = store::days_on(connection, &ids, date).await?;
    let mut days = Vec::with_capacity(lists.len());
    for list in lists {
        let kept = kept.remove(&list.id);
        let due = kept.as_ref().map(|day| day.due).or_else(|| list.due_on(date, house.clock.zone()));
        let Some(due) = due else { continue };
        days.push((list.clone(), kept.unwrap_or(Day { due, came_at: None, nil: None })));
    }
    // What has come before its hour is noted when that passes.
    let open = days.iter().map(|(list, day)| (list, &day.due));
    for (came_at, (_, day)) in came(connection, open).await?.into_iter().zip(&mut days) {
        day.came_at = day.came_at.or(came_at);
    }
    Ok(days)
}

/// Keeps that there is no list of a day, of one that is locked and expected then; answers the day as it stands.
///
/// # Errors
/// Where the database fails.
pub async fn say_nil(
    house: &House,
    connection: &mut PgConnection,
    list: &ExpectedList,
    due: Due,
    said: (&str, &str),
) -> Result<Day, Fault> {
    let above_at = above_at(house, connection, list.unit, due).await?;
    let (by, words) = said;
    store::say_nil(connection, list.id, (due, above_at), (by, words, house.clock.now())).await?;
    let day = days_on(house, connection, std::slice::from_ref(list), due.on).await?.pop();
    day.map(|(_, day)| day).ok_or(Fault::Conflict)
}
