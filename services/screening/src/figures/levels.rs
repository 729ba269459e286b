//! The law's counts as metrics: how many are under observation, for how many of them somebody answers, and what waits.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chassis::{Fault, meters::Levels};
use tokio_util::sync::CancellationToken;

use super::store;
use crate::{erasures::store as erasures, escalations::Kind, house::House};

/// How often it is counted.
const PULSE: Duration = Duration::from_secs(15);

/// Counts until `shutdown`. What cannot be counted now is told as it was.
pub async fn run(house: Arc<House>, levels: Levels, shutdown: CancellationToken) {
    loop {
        match count(&house).await {
            Ok(counted) => levels.set(counted),
            Err(fault) => tracing::debug!(?fault, "what there is could not be counted; trying again"),
        }
        if shutdown.run_until_cancelled(tokio::time::sleep(PULSE)).await.is_none() {
            return;
        }
    }
}

/// Everything that is told. Open observations are those whose unit has somebody answering, and the excepted.
async fn count(house: &House) -> Result<BTreeMap<String, i64>, Fault> {
    let mut work = house.database.begin(None).await?;
    let now = house.clock.now();
    let (open, waiting) = (store::open(&mut work, now).await?, store::waiting(&mut work, now).await?);
    let put_before = store::put_before(&mut work).await?;
    let due = erasures::count_due(&mut work, house.clock.today()).await?;
    drop(work);
    let mut counted = BTreeMap::new();
    let mut add = |what: &str, count: i64| *counted.entry(what.to_owned()).or_insert(0) += count;
    let today = house.jurisdiction.today();
    for unit in open {
        let is_at_work = today.place(unit.unit).is_some();
        let answers = house.answering(unit.unit).filter(|_| is_at_work);
        let answered = if answers.is_some() { unit.all - unit.moved } else { 0 };
        add("observations open", unit.all);
        add("observations answered for", answered);
        add("observations excepted", unit.all - answered);
        add("observations to be released", unit.due);
        add("observations of the lost", unit.lost);
    }
    add("slots elapsed and not closed", waiting.slots);
    add("hand-downs under way", waiting.handdowns);
    add("questions whose hands", waiting.questions);
    add("erasures due", due);
    for (kind, count) in put_before {
        let kind = Kind::of(kind).map_or_else(|| kind.to_string(), |kind| format!("{kind:?}"));
        add(&format!("put before somebody: {kind}"), count);
    }
    Ok(counted)
}
