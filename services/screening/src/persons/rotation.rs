//! Rotation: what is sealed with an old key is sealed with the first one, and what was found by a key that is gone
//! is forgotten, a little at a time, under load. Who was marked by older rules is marked anew.

use std::{sync::Arc, time::Duration};

use chassis::Fault;
use tokio_util::sync::CancellationToken;

use super::store;
use crate::{handdowns, house::House};

/// How many rows of a table are sealed anew in one transaction.
const AT_ONCE: i64 = 200;
/// How often is looked whether there is anything to do.
const PULSE: Duration = Duration::from_secs(60);

/// Looks after the keys until `shutdown`. Any number of replicas may.
pub async fn run(house: Arc<House>, shutdown: CancellationToken) {
    let mut failing = false;
    loop {
        let wait = match rotate(&house).await {
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

/// Seals some rows anew, and forgets what was found by keys that are gone; answers how many.
async fn rotate(house: &House) -> Result<usize, Fault> {
    // That nothing matches is known for these keys only.
    let mut work = house.database.begin_page(None).await?;
    let persons = store::sealed_before(&mut work, &house.keys, AT_ONCE).await?;
    for person in &persons {
        let marks = person.details.marks(&house.keys, person.unit);
        store::reseal(&mut work, &house.keys, person, &marks).await?;
    }
    let findings = store::reseal_findings(&mut work, &house.keys, AT_ONCE).await?;
    let forgotten = store::forget_marks(&mut work, &house.keys, AT_ONCE).await?;
    let sources = handdowns::store::reseal(&mut work, &house.keys, AT_ONCE).await?;
    work.commit().await?;
    Ok(persons.len() + findings + forgotten + sources)
}
