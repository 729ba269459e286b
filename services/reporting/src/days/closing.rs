//! Closing: what has not come when a slot closes is missing. Reminders go out before that.

use std::collections::BTreeMap;

use chassis::{Fault, feed};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Plan, State, lock_key, store};
use crate::{
    house::House,
    reports::{
        Standing, TOPIC, batch,
        store::{self as reports, Changes},
    },
    rollups::store as totals,
};

/// Closes the slots whose hour has come, or, by hand, those of which nothing is due; the day closes with
/// the last. In the caller's transaction.
///
/// # Errors
/// DAY_NOT_OVER where, by hand, something is still due before its hour.
pub async fn close(house: &House, work: &mut PgConnection, id: Uuid, by_hand: bool) -> Result<(), Fault> {
    let now = house.clock.now();
    store::lock(work, &[lock_key(id)], true).await?;
    let day = store::by_id(work, id).await?.ok_or(Fault::Conflict)?;
    let plan = house.plan_of(work, day).await?;
    let day = &plan.day;
    if day.state >= State::Closed {
        return Ok(());
    }
    if day.state == State::Opening {
        return Err(Fault::Unavailable("the day is being opened; repeat the call"));
    }
    let mut closing: Vec<i16> = Vec::new();
    for (slot, times) in (0_i16..).zip(&plan.day.times.slots) {
        if !plan.day.closed_slots.contains(&slot) && (times.hard_close <= now || by_hand) {
            closing.push(slot);
        }
    }
    if by_hand {
        let owner = totals::total(work, &plan, plan.owner()).await?;
        let early = plan.day.times.last_close().is_some_and(|last| now < last);
        let due = owner.matrix()[0];
        if early && due > 0 {
            return Err(Fault::unmet(
                "DAY_NOT_OVER",
                super::parse::day_name(id),
                format!("{due} reports are still due, and the last hard close has not come"),
                vec![("due", due.to_string())],
            ));
        }
    }
    if closing.is_empty() {
        return Ok(());
    }
    let missing = reports::close(work, &plan, &closing).await?;
    let awaited = Standing::awaited(vec![]);
    let mut deltas = BTreeMap::new();
    if let Some(after) = awaited.closed() {
        for (place, _) in &missing {
            batch::add_change(&mut deltas, &plan, *place, &awaited, &after);
        }
    }
    reports::write(work, &plan, Changes::of_totals(&deltas)).await?;
    let ids: Vec<Uuid> = missing.iter().map(|(_, id)| *id).collect();
    feed::note(work, TOPIC, &ids).await?;
    let mut closed = plan.day.closed_slots.clone();
    closed.extend(closing);
    closed.sort_unstable();
    let over = closed.len() == plan.day.times.slots.len();
    store::closed(work, id, &closed, over.then_some(now)).await?;
    tracing::info!(form = plan.form.key, date = %plan.day.date, missing = missing.len(), over, "slots closed");
    Ok(())
}

/// When reminders of a day go out, in order, each with its slot.
#[must_use]
pub fn reminders(plan: &Plan) -> Vec<(DateTime<Utc>, i16)> {
    let slots = (0_i16..).zip(&plan.day.times.slots);
    let mut all: Vec<_> =
        slots.flat_map(|(slot, times)| times.reminders.iter().map(move |at| (*at, slot))).collect();
    all.sort_unstable();
    all
}

/// Sends out the reminders whose time has come: items of the feed of reports.
///
/// # Errors
/// Where the database fails.
pub async fn remind(house: &House, plan: &Plan) -> Result<(), Fault> {
    let now = house.clock.now();
    let all = reminders(plan);
    let passed = all.iter().take_while(|(at, _)| *at <= now).count();
    let done = usize::try_from(plan.day.reminded).unwrap_or(0);
    if passed <= done {
        return Ok(());
    }
    let mut work = house.database.begin(None).await?;
    let count = i16::try_from(passed).unwrap_or(i16::MAX);
    if !store::reminded(&mut work, plan.day.id, count).await? {
        return Ok(());
    }
    let mut slots: Vec<i16> = all[done..passed].iter().map(|(_, slot)| *slot).collect();
    slots.sort_unstable();
    slots.dedup();
    for slot in slots {
        let due = reports::remind(&mut work, plan, slot, now).await?;
        feed::note(&mut work, TOPIC, &due).await?;
    }
    work.commit().await?;
    Ok(())
}
