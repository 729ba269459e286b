//! What happens by itself: days open, remind, close and seal by the clock. Every step is idempotent and
//! takes no input; one replica at a time does them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chassis::Fault;
use chrono::{Days, NaiveDate};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{State, closing, opening, sealing, store};
use crate::{forms::store as forms, house::House};

/// How often the clock is looked at.
const PULSE: Duration = Duration::from_millis(250);

/// How many days that nobody opened, since nothing ran, are opened afterwards.
const CATCH_UP: u64 = 7;

/// The tree that each day in hand was last compared with, by its digest.
type Compared = HashMap<Uuid, [u8; 32]>;

/// Does what is due until `shutdown`. A failure is logged once and tried again.
pub async fn run(house: Arc<House>, shutdown: CancellationToken) {
    let mut failing = false;
    let mut compared = Compared::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(PULSE) => {}
        }
        match step(&house, &mut compared).await {
            Ok(()) => failing = false,
            Err(fault) if !failing => {
                failing = true;
                tracing::warn!(?fault, "what is due by the clock could not be done; trying on");
            }
            Err(_) => {}
        }
    }
}

/// Does everything that is due now, unless another replica is at it.
async fn step(house: &House, compared: &mut Compared) -> Result<(), Fault> {
    if house.jurisdiction.today().nodes().is_empty() {
        return Ok(());
    }
    let mut turn = house.database.begin(None).await?;
    if !store::try_turn(&mut turn).await? {
        return Ok(());
    }
    for (form, date) in due(house).await? {
        opening::open(house, form, date).await?;
    }
    let mut connection = house.database.pool().acquire().await?;
    let days = store::in_hand(&mut connection).await?;
    drop(connection);
    let now = house.clock.now();
    compared.retain(|day, _| days.iter().any(|in_hand| in_hand.id == *day));
    for day in days {
        let mut connection = house.database.pool().acquire().await?;
        let plan = house.plan_of(&mut connection, day).await?;
        drop(connection);
        match plan.day.state {
            State::Opening => {
                opening::open(house, plan.day.form, plan.day.date).await?;
            }
            State::Open => {
                let tree = house.jurisdiction.tree(plan.day.date);
                if compared.get(&plan.day.id) != Some(tree.digest()) {
                    opening::compare(house, &plan, &tree).await?;
                    compared.insert(plan.day.id, *tree.digest());
                }
                closing::remind(house, &plan).await?;
                let slots = (0_i16..).zip(&plan.day.times.slots);
                let mut waiting = slots.filter(|(slot, _)| !plan.day.closed_slots.contains(slot));
                if waiting.any(|(_, times)| times.hard_close <= now) {
                    let mut work = house.database.begin(None).await?;
                    closing::close(house, &mut work, plan.day.id, false).await?;
                    work.commit().await?;
                }
            }
            State::Closed => {
                if plan.day.times.seal.is_some_and(|seal| seal <= now) {
                    sealing::by_itself(house, &plan).await?;
                }
            }
            State::Sealed => {}
        }
    }
    turn.commit().await?;
    Ok(())
}

/// The days that should be open and are not: today's, and those of the days before that nobody opened.
async fn due(house: &House) -> Result<Vec<(Uuid, NaiveDate)>, Fault> {
    let today = house.clock.today();
    let mut connection = house.database.pool().acquire().await?;
    let mut due = Vec::new();
    for form in forms::after(&mut connection, "", None).await? {
        let last = forms::last_day(&mut connection, form).await?;
        let earliest = today - Days::new(CATCH_UP);
        // A simulated clock opens only the days it plays.
        let first = match last {
            Some(last) if !house.clock.is_simulated() => (last + Days::new(1)).max(earliest),
            Some(last) => (last + Days::new(1)).max(today),
            None => today,
        };
        for date in first.iter_days().take_while(|date| *date <= today) {
            let asked = forms::on(&mut connection, form, date).await?;
            if asked.is_some_and(|form| form.is_asked_on(date)) {
                due.push((form, date));
            }
        }
    }
    Ok(due)
}
