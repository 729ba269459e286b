//! Reports are taken in together: what waits while one transaction commits makes the next. Each is
//! acknowledged when durable, with all its effects: revision, standing, totals, feed.
//!
//! Rows are locked in one order everywhere, so that batches do not deadlock: the day (shared), then
//! expectations by place, then what one statement writes: revisions, and totals by place.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use chassis::{Fault, batcher::Batcher};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Content, Revision, Standing, Timing,
    parse::report_name,
    store::{self, Before, Changes, Expected, NewRevision},
};
use crate::{
    days::{Plan, State, lock_key},
    forms::{Figures, parse::unit_name},
    house::House,
    rollups::{Cells, STRIPES},
};

/// The stripes of the totals that batches of single reports add to, one for each worker: more would only
/// wait for the same disk. The first stripe is for everything that is no batch.
const SINGLES: [i16; 1] = [1];

/// The stripes that the batches of streams add to.
pub const STREAMS: [i16; 2] = [3, 4];

const _: () = assert!(SINGLES.len() + STREAMS.len() < STRIPES as usize);

/// The most reports of one transaction.
const MOST: usize = 256;

/// A report that was checked and may be taken in.
#[derive(Clone, Debug)]
pub struct Item {
    /// The day.
    pub plan: Arc<Plan>,
    /// Where the unit stands.
    pub place: i32,
    /// Which slot.
    pub slot: i16,
    /// Whose request_id it is.
    pub request_id: Uuid,
    /// Of the message without it.
    pub fingerprint: Vec<u8>,
    /// What it says; number and timing are found when it is taken in.
    pub revision: Revision,
}

/// What became of a report.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The report's id.
    pub report: Uuid,
    /// The number of the revision.
    pub revision: i32,
    /// How it stands.
    pub timing: Timing,
    /// What it says.
    pub content: Option<Content>,
    /// The figures.
    pub figures: Figures,
}

/// Starts the workers of a replica.
#[must_use]
pub fn start(house: Arc<House>) -> Batcher<Item, Accepted> {
    Batcher::start(SINGLES.len(), MOST, move |worker, items| {
        let house = Arc::clone(&house);
        let stripe = SINGLES[worker % SINGLES.len()];
        Box::pin(async move { together(&house, stripe, items).await })
    })
}

/// Takes in reports in one transaction; on a failure one by one, so that nobody pays for another.
pub async fn together(house: &House, stripe: i16, items: Vec<Item>) -> Vec<Result<Accepted, Fault>> {
    match attempt(house, stripe, &items, LookBack::AtWhatWasSaid).await {
        Ok(answers) => answers,
        // No report's fault: to try one by one would only keep everybody waiting for the same answer.
        Err(Fault::Unavailable(words)) => items.iter().map(|_| Err(Fault::Unavailable(words))).collect(),
        Err(Fault::Deadline) => items.iter().map(|_| Err(Fault::Deadline)).collect(),
        Err(first) => {
            tracing::debug!(?first, reports = items.len(), "a batch failed; taking its reports one by one");
            let mut answers = Vec::with_capacity(items.len());
            for item in &items {
                let alone = attempt(house, stripe, std::slice::from_ref(item), LookBack::Always).await;
                answers.push(alone.and_then(|mut one| one.pop().unwrap_or(Err(Fault::Conflict))));
            }
            answers
        }
    }
}

/// When a batch looks for repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LookBack {
    /// Where something has been said of one of its expectations: a repetition is about the same one. A
    /// request_id that was used for another one is stopped by its unique key.
    AtWhatWasSaid,
    /// In any case.
    Always,
}

async fn attempt(
    house: &House,
    stripe: i16,
    items: &[Item],
    look_back: LookBack,
) -> Result<Vec<Result<Accepted, Fault>>, Fault> {
    let mut by_day: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        by_day.entry(item.plan.day.id).or_default().push(at);
    }
    let keys: Vec<i64> = by_day.keys().map(|day| lock_key(*day)).collect();
    let mut work = house.database.begin_pointed(&keys).await?;
    let mut answers: Vec<Option<Result<Accepted, Fault>>> = items.iter().map(|_| None).collect();
    for ats in by_day.into_values() {
        let of_day: Vec<&Item> = ats.iter().map(|at| &items[*at]).collect();
        for (at, answer) in ats.iter().zip(take(house, &mut work, stripe, &of_day, look_back).await?) {
            answers[*at] = Some(answer);
        }
    }
    work.commit().await?;
    Ok(answers.into_iter().map(|answer| answer.unwrap_or(Err(Fault::Conflict))).collect())
}

/// Locks the reports of some places of a day, whose lock is held; answers them with the day's plan as it is
/// now, for which the one at hand is good if the day has not changed.
pub(super) async fn lock(
    house: &House,
    connection: &mut PgConnection,
    at_hand: &Arc<Plan>,
    places: &[i32],
) -> Result<(Arc<Plan>, Vec<Expected>), Fault> {
    let (stamp, rows) = store::lock(connection, at_hand, places).await?;
    if stamp.is_some_and(|stamp| stamp == at_hand.day.stamp()) {
        return Ok((Arc::clone(at_hand), rows));
    }
    let plan = house.plan_by_id(connection, at_hand.day.id).await?.ok_or(Fault::Conflict)?;
    Ok((plan, rows))
}

/// Takes in the reports of one day, in their order.
async fn take(
    house: &House,
    connection: &mut PgConnection,
    stripe: i16,
    items: &[&Item],
    look_back: LookBack,
) -> Result<Vec<Result<Accepted, Fault>>, Fault> {
    let mut places: Vec<i32> = items.iter().map(|item| item.place).collect();
    places.sort_unstable();
    places.dedup();
    let Some(last) = items.last() else { return Ok(vec![]) };
    let (plan, locked) = lock(house, connection, &last.plan, &places).await?;
    let plan = plan.as_ref();
    let mut expected: HashMap<(i32, i16), Expected> =
        locked.into_iter().map(|row| ((row.place, row.slot), row)).collect();
    // A repetition waits at its expectation for the first to end, so that it is seen here.
    let was_said = expected.values().any(|row| row.standing.revision > 0);
    let mut before = if was_said || look_back == LookBack::Always {
        let request_ids: Vec<Uuid> = items.iter().map(|item| item.request_id).collect();
        store::before(connection, plan.day.date, &request_ids).await?
    } else {
        HashMap::new()
    };

    let mut answers = Vec::with_capacity(items.len());
    let mut revisions = Vec::with_capacity(items.len());
    let mut touched = BTreeSet::new();
    let mut deltas = BTreeMap::new();
    for item in items {
        let key = (item.place, item.slot);
        let claim = (item.revision.caller.clone(), item.request_id);
        if let Some(first) = before.get(&claim) {
            answers.push(repeated(item, plan, first, expected.get(&key)));
            continue;
        }
        let Some(row) = expected.get_mut(&key) else {
            answers.push(Err(not_expected(plan, item.place)));
            continue;
        };
        let Some(standing) = next(plan, item, &row.standing) else {
            answers.push(Err(use_correction(row.id)));
            continue;
        };
        add_change(&mut deltas, plan, item.place, &row.standing, &standing);
        row.standing = standing;
        row.received_at = Some(item.revision.received_at);
        touched.insert(key);
        let revision =
            Revision { number: row.standing.revision, timing: row.standing.timing, ..item.revision.clone() };
        let accepted = Accepted {
            report: row.id,
            revision: revision.number,
            timing: revision.timing,
            content: revision.content,
            figures: revision.figures.clone(),
        };
        let first = Before {
            key,
            day: plan.day.id,
            fingerprint: item.fingerprint.clone(),
            number: revision.number,
            timing: revision.timing,
            content: revision.content,
            figures: revision.figures.clone(),
        };
        before.insert(claim, first);
        let (request_id, fingerprint) = (item.request_id, item.fingerprint.clone());
        revisions.push(NewRevision { place: item.place, slot: item.slot, request_id, fingerprint, revision });
        answers.push(Ok(accepted));
    }
    if !revisions.is_empty() {
        let changed: Vec<&Expected> = touched.iter().filter_map(|key| expected.get(key)).collect();
        let changes = Changes { revisions: &revisions, rows: &changed, deltas: &deltas, stripe };
        store::write(connection, plan, changes).await?;
    }
    Ok(answers)
}

/// How an expectation stands after a report; nothing where that takes a correction.
fn next(plan: &Plan, item: &Item, standing: &Standing) -> Option<Standing> {
    let slot = plan.day.times.slots.get(usize::try_from(item.slot).ok()?)?;
    let at = Timing::arrival(slot, plan.day.closed_at, item.revision.received_at);
    let content = item.revision.content.unwrap_or(Content::Data);
    standing.report(content, item.revision.figures.clone(), slot, at).ok()
}

/// The answer to a request_id that was used before.
fn repeated(item: &Item, plan: &Plan, first: &Before, row: Option<&Expected>) -> Result<Accepted, Fault> {
    let same = first.fingerprint == item.fingerprint
        && first.key == (item.place, item.slot)
        && first.day == plan.day.id;
    match row {
        Some(row) if same => Ok(Accepted {
            report: row.id,
            revision: first.number,
            timing: first.timing,
            content: first.content,
            figures: first.figures.clone(),
        }),
        _ => Err(Fault::RequestIdReused(item.request_id)),
    }
}

/// Adds a change to the totals at and above a place.
pub fn add_change(
    deltas: &mut BTreeMap<i32, Cells>,
    plan: &Plan,
    place: i32,
    before: &Standing,
    after: &Standing,
) {
    let change = Cells::change(before, after, plan.columns());
    for place in plan.kept_above(place) {
        deltas.entry(place).or_insert_with(|| Cells::none(plan.columns())).add(&change.0);
    }
}

/// The refusal of a unit of which no report is expected.
pub(super) fn not_expected(plan: &Plan, place: i32) -> Fault {
    if plan.day.state == State::Opening {
        return Fault::Unavailable("the day is being opened; repeat the call");
    }
    let unit = unit_name(plan.tree.at(place).map(|node| node.id).unwrap_or_default());
    let words =
        format!("no report of the form {} is expected of this unit on {}", plan.form.key, plan.day.date);
    Fault::unfit("NOT_EXPECTED", ("unit", unit), words)
}

/// The refusal of a report that is closed.
#[must_use]
pub fn use_correction(report: Uuid) -> Fault {
    let words = "has been reported and the day is closed: correct it, with a reason";
    Fault::unfit("USE_CORRECTION", ("report", report_name(report)), words)
}
