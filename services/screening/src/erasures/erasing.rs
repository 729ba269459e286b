//! Erasing: whoever's date has passed, or whom a closing covers, and whom nothing holds is erased, person by person, each in a transaction of its own:
//! a fall in the middle leaves each of them whole or erased, and the next pass goes on. One replica at a time is at it; it
//! takes no input.

use std::{
    ops::Add,
    sync::Arc,
    time::{Duration, Instant},
};

use chassis::Fault;
use chrono::NaiveDate;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::store::{self, Place};
use crate::{
    closures::closing::{self, Reach},
    house::House,
};

/// How often the clock is looked at.
const PULSE: Duration = Duration::from_millis(250);
/// How long after a pass the next one begins on the same day: something that held a person may have ended.
const AGAIN: Duration = Duration::from_secs(60);
/// The same where somebody was at work on a person whose date has passed, where another replica was, or where it failed.
const SOON: Duration = Duration::from_secs(5);
/// How many rows are looked at at once.
pub const AT_ONCE: i64 = 200;

/// Erases until `shutdown`. A failure is said once and tried again.
pub async fn run(house: Arc<House>, shutdown: CancellationToken) {
    let mut failing = false;
    let mut next: Option<(NaiveDate, Instant)> = None;
    loop {
        let today = house.clock.today();
        if next.is_none_or(|(date, at)| date != today || at <= Instant::now()) {
            let mut pause = AGAIN;
            // Who cannot be erased by their date stops no closing.
            let dated = pass(&house, today, &shutdown).await;
            let closed = closing::pass(&house, today, &shutdown).await;
            match dated.and_then(|dated| closed.map(|closed| dated + closed)) {
                Ok(passed) => {
                    failing = false;
                    if passed.erased > 0 {
                        tracing::info!(
                            count = passed.erased,
                            "persons whose date has passed, or whom a closing covers, were erased"
                        );
                    }
                    if passed.is_one_busy {
                        pause = SOON;
                    }
                }
                Err(fault) => {
                    pause = SOON;
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(
                            ?fault,
                            "somebody whose date has passed, or whom a closing covers, could not be erased; trying again"
                        );
                    }
                }
            }
            next = Some((today, Instant::now() + pause));
        }
        if shutdown.run_until_cancelled(tokio::time::sleep(PULSE)).await.is_none() {
            return;
        }
    }
}

/// What a pass came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Passed {
    /// How many rows were erased.
    pub erased: usize,
    /// Whether somebody was at work on one of them.
    pub is_one_busy: bool,
}

impl Add for Passed {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { erased: self.erased + other.erased, is_one_busy: self.is_one_busy || other.is_one_busy }
    }
}

/// What became of one person.
#[derive(Clone, Copy, Debug)]
pub enum Came {
    /// Erased: so many rows.
    Erased(usize),
    /// Something holds them.
    Held,
    /// Somebody is at work on them.
    Busy,
    /// Another replica is at it.
    Elsewhere,
}

/// Goes through everybody whose date has passed. Where one fails the others go on.
async fn pass(house: &House, today: NaiveDate, shutdown: &CancellationToken) -> Result<Passed, Fault> {
    let mut place = Place::default();
    let (mut passed, mut failed) = (Passed::default(), None);
    loop {
        let mut work = house.database.begin_pointed(&[]).await?;
        let due = store::due(&mut work, today, place, AT_ONCE).await?;
        let Some(last) = due.last() else { break };
        place = last.0;
        let mut ones: Vec<Uuid> = due.iter().map(|(_, one)| *one).collect();
        ones.sort_unstable();
        ones.dedup();
        let held = store::holds(&mut work, &ones, today, &[]).await?;
        drop(work);
        for one in ones.into_iter().filter(|one| !held.contains_key(one)) {
            if shutdown.is_cancelled() {
                return Ok(passed);
            }
            match erase(house, one, today, None).await {
                Ok(Came::Erased(rows)) => passed.erased += rows,
                Ok(Came::Held) => {}
                Ok(Came::Busy) => passed.is_one_busy = true,
                // Or what failed just now is not rolled back yet.
                Ok(Came::Elsewhere) => return Ok(Passed { is_one_busy: true, ..passed }),
                Err(fault) => failed = Some(fault),
            }
        }
    }
    failed.map_or(Ok(passed), Err)
}

/// Erases everybody who is one person, unless something holds them by now: their date has passed, or a closing covers them.
///
/// # Errors
/// Where the database fails.
pub async fn erase(house: &House, one: Uuid, today: NaiveDate, reach: Option<&Reach>) -> Result<Came, Fault> {
    let mut work = house.database.begin_pointed(&[]).await?;
    if !store::is_alone(&mut work).await? {
        return Ok(Came::Elsewhere);
    }
    let locked = store::lock(&mut work, one).await?;
    let covered = match reach {
        Some(reach) => reach.covered(&mut work, &[one]).await?,
        None => Vec::new(),
    };
    let came = match locked {
        None => Came::Busy,
        // Whoever begins something about a person holds the row: what has begun is seen now, and what begins waits.
        Some(_) if !store::holds(&mut work, &[one], today, &covered).await?.is_empty() => Came::Held,
        Some(everybody) => {
            store::erase(&mut work, &everybody, house.clock.now()).await?;
            Came::Erased(everybody.len())
        }
    };
    // Also where nothing was done: what is dropped is rolled back a little later, and the next one would not be alone.
    work.commit().await?;
    Ok(came)
}
