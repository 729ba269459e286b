//! What is done about reports that have not come: chase notes, and excuses.

use std::collections::BTreeMap;

use chassis::{Fault, Violations, claims::Claim, feed, parse, server};
use proto::reporting as pb;
use sqlx::PgConnection;
use tonic::Request;

use super::{
    TOPIC, batch,
    parse::{self as contract, COLLECTION},
    revise,
    store::{self, Changes, Expected},
};
use crate::{
    days::{Plan, lock_key, store as days},
    forms::parse::UNITS,
    house::House,
};

/// The longest text.
const TEXT: usize = 500;

/// Notes a chase.
pub(super) async fn note(
    house: &House,
    request: Request<pb::AddChaseNoteRequest>,
) -> Result<pb::AddChaseNoteResponse, Fault> {
    let (caller, deadline, mut request) = server::accept(request)?;
    let request_id = parse::request_id(&mut request.request_id)?;
    let mut wrong = Violations::default();
    let id = wrong.name("name", COLLECTION, &request.name);
    wrong.text("note", &request.note, TEXT);
    wrong.refuse()?;
    let claim = Claim::new(&caller, request_id, "AddChaseNote", &request);
    let mut work = house.database.begin(deadline).await?;
    revise::in_hand(house, &mut work, &caller, "reports.chase", id).await?;
    if let Some(answer) = claim.replay(&mut work).await? {
        return Ok(answer);
    }
    let chase = (caller.subject().to_owned(), request.note.clone(), house.clock.now());
    store::chase(&mut work, id, &chase).await?;
    feed::note(&mut work, TOPIC, &[id]).await?;
    claim.commit(work, pb::AddChaseNoteResponse { chase_note: Some(contract::chase_note(chase)) }).await
}

/// Excuses one or many.
pub(super) async fn excuse(
    house: &House,
    request: Request<pb::ExcuseReportsRequest>,
) -> Result<pb::ExcuseReportsResponse, Fault> {
    let (caller, deadline, mut request) = server::accept(request)?;
    let request_id = parse::request_id(&mut request.request_id)?;
    let mut wrong = Violations::default();
    let asked = super::list::asked(&mut wrong, &request.form, &request.business_date, "");
    wrong.text("reason", &request.reason, TEXT);
    wrong.keep("units", parse::count(request.units.len(), 1_000));
    let units = wrong.names("units", UNITS, &request.units);
    wrong.refuse()?;
    let claim = Claim::new(&caller, request_id, "ExcuseReports", &request);
    let mut work = house.database.begin(deadline).await?;
    let plan = house.plan(&mut work, asked.form, asked.date).await?;
    let mut ranges = Vec::with_capacity(units.len());
    for unit in units {
        let place = house.place(&caller, "reports.excuse", &plan, unit)?;
        ranges.push((place, plan.tree.at(place).map_or(place, |node| node.end)));
    }
    if let Some(answer) = claim.replay(&mut work).await? {
        return Ok(answer);
    }
    // An excuse is a decision: it takes a fresh view of who may decide.
    house.jurisdiction.fresh()?;
    days::lock(&mut work, &[lock_key(plan.day.id)], false).await?;
    let plan = house.plan_by_id(&mut work, plan.day.id).await?.ok_or(Fault::Conflict)?;
    let slot = match request.slot.as_str() {
        "" => None,
        key => Some(plan.slot(key).ok_or_else(|| Fault::invalid("slot", "is no slot of this day"))?),
    };
    let places: Vec<i32> =
        plan.reporting().filter(|place| ranges.iter().any(|(a, z)| (*a..*z).contains(place))).collect();
    let excused = excuse_places(&mut work, &plan, &places, slot, &request.reason).await?;
    claim
        .commit(work, pb::ExcuseReportsResponse { excused: i64::try_from(excused).unwrap_or(i64::MAX) })
        .await
}

/// Excuses what has not come of some places; answers how many. The day's lock is held.
///
/// # Errors
/// Where the database fails.
pub async fn excuse_places(
    connection: &mut PgConnection,
    plan: &Plan,
    places: &[i32],
    slot: Option<i16>,
    reason: &str,
) -> Result<usize, Fault> {
    let mut deltas = BTreeMap::new();
    let mut changed: Vec<Expected> = Vec::new();
    for mut row in store::lock(connection, plan, places).await?.1 {
        if slot.is_some_and(|slot| slot != row.slot) {
            continue;
        }
        let Some(after) = row.standing.excused() else { continue };
        batch::add_change(&mut deltas, plan, row.place, &row.standing, &after);
        row.standing = after;
        reason.clone_into(&mut row.reason);
        changed.push(row);
    }
    let rows: Vec<&Expected> = changed.iter().collect();
    store::write(connection, plan, Changes { revisions: &[], rows: &rows, deltas: &deltas, stripe: 0 })
        .await?;
    Ok(changed.len())
}
