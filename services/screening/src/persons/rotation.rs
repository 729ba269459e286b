//! Rotation: what is sealed with an old key is sealed with the first one, and what was found by a key that is gone
//! is forgotten, a little at a time, under load. Who was marked by older rules is marked anew, and what an older program left
//! open is sealed. Of two replicas whose rings begin with different keys, as while they are restarted one by one, the one
//! that was started last is at it alone: else each would seal anew what the other has sealed.

use std::{sync::Arc, time::Duration};

use chassis::Fault;
use tokio_util::sync::CancellationToken;

use super::store;
use crate::{exposures, handdowns, house::House, incidents};

/// How many rows of a table are sealed anew in one transaction.
const AT_ONCE: i64 = 200;
/// How often is looked whether there is anything to do.
const PULSE: Duration = Duration::from_secs(10);

/// Looks after the keys until `shutdown`. Any number of replicas may.
pub async fn run(house: Arc<House>, shutdown: CancellationToken) {
    let (mut failing, mut is_said) = (false, false);
    loop {
        let wait = match rotate(&house, &mut is_said).await {
            Ok(0) => {
                failing = false;
                PULSE
            }
            Ok(count) => {
                tracing::info!(count, key = house.keys.first(), "sealed anew");
                Duration::ZERO
            }
            Err(fault) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(?fault, "values cannot be sealed anew");
                }
                PULSE
            }
        };
        if shutdown.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
            return;
        }
    }
}

/// Seals some rows anew, and forgets what was found by keys that are gone; answers how many. Says first, once, with which
/// key this process seals.
async fn rotate(house: &House, is_said: &mut bool) -> Result<usize, Fault> {
    // That nothing matches is known for these keys only.
    let mut work = house.database.begin_page(None).await?;
    if !store::seals_with(&mut work, house.keys.first(), !*is_said).await? {
        return Ok(0);
    }
    let persons = store::sealed_before(&mut work, &house.keys, AT_ONCE).await?;
    for person in &persons {
        let marks = person.details.marks(&house.keys, person.unit);
        store::reseal(&mut work, &house.keys, person, &marks).await?;
    }
    let findings = store::reseal_findings(&mut work, &house.keys, AT_ONCE).await?;
    let forgotten = store::forget_marks(&mut work, &house.keys, AT_ONCE).await?;
    let sources = handdowns::store::reseal(&mut work, &house.keys, AT_ONCE).await?;
    let exposures = exposures::store::reseal(&mut work, &house.keys, AT_ONCE).await?
        + exposures::store::seal_open(&mut work, &house.keys, AT_ONCE).await?;
    let incidents = incidents::store::reseal(&mut work, &house.keys, AT_ONCE).await?;
    work.commit().await?;
    *is_said = true;
    Ok(persons.len() + findings + forgotten + sources + exposures + incidents)
}
