//! Returns and corrections: revisions that somebody above decides.

use std::{collections::BTreeMap, sync::Arc};

use chassis::{Caller, Fault, Violations, claims::Claim, parse, server};
use proto::reporting as pb;
use sqlx::PgConnection;
use tonic::Request;
use uuid::Uuid;

use super::{
    Content, Revision, RevisionKind, Standing, batch, differences,
    parse::{self as contract, COLLECTION, report_name},
    store::{self, Changes, Expected, NewRevision},
};
use crate::{
    days::{Plan, State, lock_key, store as days},
    forms::value,
    house::House,
};

/// The longest reason.
const REASON: usize = 500;

/// A report that the caller may decide on, and the office by which.
pub(super) struct InHand {
    pub(super) plan: Arc<Plan>,
    pub(super) id: Uuid,
    pub(super) place: i32,
    pub(super) office: Uuid,
}

/// Finds a report for a caller with a permission.
pub(super) async fn in_hand(
    house: &House,
    connection: &mut PgConnection,
    caller: &Caller,
    permission: &'static str,
    id: Uuid,
) -> Result<InHand, Fault> {
    let absent = || Fault::NotFound(report_name(id));
    let day = store::days_of(connection, &[id]).await?.remove(&id).ok_or_else(absent)?;
    let plan = house.plan_by_id(connection, day).await?.ok_or_else(absent)?;
    let row = store::of_ids(connection, &plan, &[id]).await?.pop().ok_or_else(absent)?;
    if !house.visible(caller, permission, &plan).contains(row.place) {
        return Err(absent());
    }
    // Chasing, returning and excusing is for whoever answers above; correcting is for who may submit.
    let office = if permission == "reports.correct" {
        house.office(caller, permission, &plan, row.place)?
    } else {
        plan.tree.at(row.place).map(|node| node.id).unwrap_or_default()
    };
    Ok(InHand { plan, id, place: row.place, office })
}

/// Takes the day's lock and the report's row, as both stand now.
async fn lock(
    house: &House,
    connection: &mut PgConnection,
    found: &InHand,
) -> Result<(Arc<Plan>, Expected), Fault> {
    days::lock(connection, &[lock_key(found.plan.day.id)], false).await?;
    let (plan, rows) = batch::lock(house, connection, &found.plan, &[found.place]).await?;
    let row = rows.into_iter().find(|row| row.id == found.id).ok_or(Fault::Conflict)?;
    Ok((plan, row))
}

/// Returns a report with a reason.
pub(super) async fn send_back(
    house: &House,
    request: Request<pb::ReturnReportRequest>,
) -> Result<pb::ReturnReportResponse, Fault> {
    let (caller, deadline, mut request) = server::accept(request)?;
    let request_id = parse::request_id(&mut request.request_id)?;
    let mut wrong = Violations::default();
    let id = wrong.name("name", COLLECTION, &request.name);
    wrong.text("reason", &request.reason, REASON);
    wrong.refuse()?;
    let claim = Claim::new(&caller, request_id, "ReturnReport", &request);
    let mut work = house.database.begin(deadline).await?;
    let found = in_hand(house, &mut work, &caller, "reports.return", id).await?;
    if let Some(answer) = claim.replay(&mut work).await? {
        return Ok(answer);
    }
    let (plan, mut row) = lock(house, &mut work, &found).await?;
    if plan.day.state == State::Sealed {
        return Err(batch::use_correction(id));
    }
    if row.standing.content.is_none() {
        let words = "has no figures that count: there is nothing to return";
        return Err(Fault::unfit("NOTHING_TO_RETURN", ("report", report_name(id)), words));
    }
    let after = row.standing.returned(plan.day.closed_slots.contains(&row.slot));
    row.reason.clone_from(&request.reason);
    row.received_at = None;
    let new = Decision {
        kind: RevisionKind::Return,
        reason: request.reason.clone(),
        announce_date: None,
        office: found.office,
    };
    decide(house, &mut work, &plan, &mut row, after, new, (caller.subject(), request_id)).await?;
    claim.commit(work, pb::ReturnReportResponse { report: Some(contract::report(&plan, &row)) }).await
}

/// Corrects a report (D4).
pub(super) async fn correct(
    house: &House,
    request: Request<pb::CorrectReportRequest>,
) -> Result<pb::CorrectReportResponse, Fault> {
    let (caller, deadline, mut request) = server::accept(request)?;
    let request_id = parse::request_id(&mut request.request_id)?;
    let mut wrong = Violations::default();
    let id = wrong.name("name", COLLECTION, &request.name);
    wrong.text("reason", &request.reason, REASON);
    let announced = wrong.keep("announce_date", parse::optional_date(&request.announce_date)).flatten();
    if request.figures.is_empty() {
        wrong.add("figures", "must name at least one figure that changes");
    }
    wrong.refuse()?;
    let claim = Claim::new(&caller, request_id, "CorrectReport", &request);
    let mut work = house.database.begin(deadline).await?;
    let found = in_hand(house, &mut work, &caller, "reports.correct", id).await?;
    if let Some(answer) = claim.replay(&mut work).await? {
        return Ok(answer);
    }
    let (plan, mut row) = lock(house, &mut work, &found).await?;
    let (after, changes) = corrected(&plan, &row, &request.figures)?;
    let new = Decision {
        kind: RevisionKind::Correction,
        reason: request.reason.clone(),
        announce_date: Some(announced.unwrap_or_else(|| house.clock.today())),
        office: found.office,
    };
    decide(house, &mut work, &plan, &mut row, after, new, (caller.subject(), request_id)).await?;
    claim
        .commit(
            work,
            pb::CorrectReportResponse {
                report: Some(contract::report(&plan, &row)),
                differences: contract::by_key(&plan.form, &changes),
            },
        )
        .await
}

/// How a report stands after figures of it were corrected, and by how much each figure changes.
fn corrected(
    plan: &Plan,
    row: &Expected,
    said: &BTreeMap<String, i64>,
) -> Result<(Standing, Vec<Option<i64>>), Fault> {
    let mut wrong = Violations::default();
    let said = contract::figures(&mut wrong, &plan.form, said, false);
    wrong.refuse()?;
    let figures: Vec<Option<i64>> = (0..plan.columns())
        .map(|column| value(&said, column).or_else(|| value(&row.standing.figures, column)))
        .collect();
    let changes = differences(&row.standing.figures, &figures);
    if row.standing.content.is_none() || changes.iter().all(Option::is_none) {
        let words = "has no figures to correct, or none of those given differs";
        return Err(Fault::unfit("NOTHING_TO_CORRECT", ("report", report_name(row.id)), words));
    }
    let content = if plan.form.says_zero(&figures) { Content::Zero } else { Content::Data };
    Ok((row.standing.corrected(content, figures), changes))
}

/// What a revision is decided with.
struct Decision {
    kind: RevisionKind,
    reason: String,
    announce_date: Option<chrono::NaiveDate>,
    office: Uuid,
}

/// Writes a revision with all its effects.
async fn decide(
    house: &House,
    connection: &mut PgConnection,
    plan: &Plan,
    row: &mut Expected,
    after: Standing,
    decision: Decision,
    (caller, request_id): (&str, Uuid),
) -> Result<(), Fault> {
    let is_correction = decision.kind == RevisionKind::Correction;
    let revision = Revision {
        number: after.revision,
        kind: decision.kind,
        timing: after.timing,
        content: after.content,
        figures: after.figures.clone(),
        differences: is_correction.then(|| differences(&row.standing.figures, &after.figures)),
        reason: decision.reason,
        caller: caller.to_owned(),
        entered_at_unit: decision.office,
        on_behalf: true,
        informant: String::new(),
        channel: 1,
        made_at: None,
        received_at: house.clock.now(),
        announce_date: decision.announce_date,
        note: String::new(),
        explanations: BTreeMap::new(),
    };
    let mut deltas = BTreeMap::new();
    batch::add_change(&mut deltas, plan, row.place, &row.standing, &after);
    row.standing = after;
    let (place, slot) = (row.place, row.slot);
    let new = NewRevision { place, slot, request_id, fingerprint: Vec::new(), revision };
    let changes = Changes { revisions: &[new], rows: &[row], deltas: &deltas, stripe: 0 };
    store::write(connection, plan, changes).await
}
