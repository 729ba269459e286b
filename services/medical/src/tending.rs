//! Tending: what happens by itself. A new day is noted in the directory's feed, and a changed tree is taken in. Every step
//! is idempotent and takes no input; replicas that are at it at once wait for one another's rows.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chassis::{Fault, feed};
use chrono::NaiveDate;
use tokio_util::sync::CancellationToken;

use crate::{directory, facilities, house::House, policies, sight};

/// How often the clock is looked at.
const PULSE: Duration = Duration::from_millis(250);

/// How often it is looked who stands where although the tree is the same: a facility that was entered on the tree before may
/// be seen only now.
const AGAIN: Duration = Duration::from_secs(60);

/// What this replica has seen to.
#[derive(Debug, Default)]
struct Seen {
    day: Option<NaiveDate>,
    tree: Option<([u8; 32], Instant)>,
}

/// Tends until `shutdown`. A failure is said once and tried again.
pub async fn run(house: Arc<House>, shutdown: CancellationToken) {
    let (mut failing, mut seen) = (false, Seen::default());
    loop {
        match tend(&house, &mut seen).await {
            Ok(()) => failing = false,
            Err(fault) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(?fault, "what is due by the clock could not be done; trying on");
                }
            }
        }
        if shutdown.run_until_cancelled(tokio::time::sleep(PULSE)).await.is_none() {
            return;
        }
    }
}

/// Does everything that is due now.
async fn tend(house: &House, seen: &mut Seen) -> Result<(), Fault> {
    let today = house.jurisdiction.today();
    if today.nodes().is_empty() {
        return Ok(());
    }
    let is_so = |stood: &([u8; 32], Instant)| stood.0 == *today.digest() && stood.1.elapsed() < AGAIN;
    if !seen.tree.as_ref().is_some_and(is_so) {
        stand(house).await?;
        seen.tree = Some((*today.digest(), Instant::now()));
    }
    let day = house.clock.today();
    if seen.day != Some(day) {
        directory::ops::turn_day(house).await?;
        seen.day = Some(day);
    }
    Ok(())
}

/// Takes in the tree of today, unit by unit: who sees what lies there, what counts there, and where its entries say it is.
async fn stand(house: &House) -> Result<(), Fault> {
    let mut work = house.database.begin(None).await?;
    let sights = sight::store::all(&mut work).await?;
    drop(work);
    for kept in sights {
        let now = house.sight(kept.unit);
        if now != kept {
            let mut work = house.database.begin(None).await?;
            sight::store::change(&mut work, &now).await?;
            let there = facilities::store::at(&mut work, kept.unit).await?;
            feed::note(&mut work, directory::TOPIC, &there).await?;
            work.commit().await?;
        }
    }
    let mut work = house.database.begin(None).await?;
    policies::ops::refresh(house, &mut work, None).await?;
    work.commit().await?;
    Ok(())
}
