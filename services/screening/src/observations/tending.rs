//! Tending: what happens by itself. Slots that have elapsed are closed, shifts that are over and lists whose hour has passed are
//! noted, what is overdue is put before the units above, what is kept no longer is dropped, and what is in a unit's hands is seen by whoever stands above it today. Every
//! step is idempotent and takes no input; replicas that are at it at once wait for one another's rows.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chassis::Fault;
use tokio_util::sync::CancellationToken;

use super::store;
use crate::{
    checkpoints, enforcements, escalations, expected_lists, handdowns, hands, house::House, passages,
    readings,
};

/// How often the clock is looked at.
const PULSE: Duration = Duration::from_millis(250);

/// How often it is looked who stands where although the tree is the same: an opening that began on the tree
/// before may have ended only now.
const AGAIN: Duration = Duration::from_secs(60);

/// How many slots are closed in one transaction.
const AT_ONCE: i64 = 5_000;

/// Tends until `shutdown`. A failure is said once and tried again.
pub async fn run(house: Arc<House>, shutdown: CancellationToken) {
    let mut failing = false;
    let mut stood = None;
    loop {
        match tend(&house, &mut stood).await {
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
async fn tend(house: &House, stood: &mut Option<([u8; 32], Instant)>) -> Result<(), Fault> {
    passages::ingest::keep_day(house, house.clock.today()).await?;
    let today = house.jurisdiction.today();
    if today.nodes().is_empty() {
        return Ok(());
    }
    // First who stands where: what is missed is put before whoever stands above today.
    let is_so = |stood: &([u8; 32], Instant)| stood.0 == *today.digest() && stood.1.elapsed() < AGAIN;
    if !stood.as_ref().is_some_and(is_so) {
        stand(house).await?;
        *stood = Some((*today.digest(), Instant::now()));
    }
    while close(house).await? == AT_ONCE {}
    enforcements::ops::who_refuse(house).await?;
    checkpoints::shifts::end(house).await?;
    expected_lists::ops::look(house).await?;
    let mut work = house.database.begin_pointed(&[]).await?;
    let now = house.clock.now();
    let unkept = escalations::store::unkept(&mut work, now).await?;
    let sights: Vec<_> = unkept.iter().map(|unit| house.sight(*unit)).collect();
    store::keep_units(&mut work, &sights).await?;
    escalations::store::raise_waiting(&mut work, now).await?;
    escalations::store::withdraw_settled(&mut work, now).await?;
    handdowns::ops::raise_silence(house, &mut work).await?;
    work.commit().await?;
    Ok(())
}

/// Closes some slots that have elapsed; answers how many.
async fn close(house: &House) -> Result<i64, Fault> {
    let mut work = house.database.begin_pointed(&[]).await?;
    let closed = readings::store::close_elapsed(&mut work, house.clock.now(), AT_ONCE).await?;
    work.commit().await?;
    Ok(closed)
}

/// Takes in the tree of today, unit by unit.
async fn stand(house: &House) -> Result<(), Fault> {
    let mut work = house.database.begin(None).await?;
    let sights = store::sights(&mut work).await?;
    drop(work);
    for kept in sights {
        let sight = house.sight(kept.unit);
        if sight != kept {
            let mut work = house.database.begin(None).await?;
            store::stand_otherwise(&mut work, &sight).await?;
            hands::ops::note_move(house, &mut work, (&kept, &sight)).await?;
            work.commit().await?;
        }
    }
    // Whoever has somebody and nothing that waits: a move of it is noted, too.
    let mut work = house.database.begin(None).await?;
    let unkept = store::unkept(&mut work).await?;
    let sights: Vec<_> = unkept.iter().map(|unit| house.sight(*unit)).collect();
    store::keep_units(&mut work, &sights).await?;
    work.commit().await?;
    Ok(())
}
