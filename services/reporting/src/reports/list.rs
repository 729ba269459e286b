//! Reading reports: one, many, and who has not reported.

use std::{collections::HashMap, sync::Arc};

use chassis::{Caller, Fault, Violations, pages, pages::Pager, parse, server};
use chrono::NaiveDate;
use jurisdiction::Ranges;
use proto::reporting as pb;
use sqlx::PgConnection;
use tonic::Request;
use uuid::Uuid;

use super::{
    Timing,
    parse::{self as contract, COLLECTION, report_name},
    store::{self, Chase, Expected, Selection},
};
use crate::{
    days::Plan,
    forms::parse::{COLLECTION as FORMS, UNITS, office_number, unit_name},
    house::House,
    registers::store as register,
};

/// Which day, and which part of it.
pub(super) struct Asked {
    pub(super) form: Uuid,
    pub(super) date: NaiveDate,
    pub(super) ancestor: Option<Uuid>,
}

/// The day and part that a list asks for.
pub(super) fn asked(wrong: &mut Violations, form: &str, date: &str, ancestor: &str) -> Asked {
    Asked {
        form: wrong.name("form", FORMS, form),
        date: wrong.keep("business_date", parse::date(date)).unwrap_or_default(),
        ancestor: wrong.optional_name("ancestor_unit", UNITS, ancestor),
    }
}

/// Which reports of a part of a day a list is of.
pub(super) struct Chosen<'a> {
    /// Of any of these timings.
    pub(super) timings: &'a [Timing],
    /// Of this content, as the contract numbers it; of any where none.
    pub(super) content: Option<i16>,
    /// Of the slot with this key; of any where empty.
    pub(super) slot: &'a str,
}

/// A page of a day's reports.
pub(super) struct Page {
    pub(super) plan: Arc<Plan>,
    pub(super) rows: Vec<Expected>,
    pub(super) next_page_token: String,
}

/// Reads a page of a day's reports: of the part that is asked for, and within the caller's scopes.
///
/// # Errors
/// DAY_NOT_OPEN; [`Fault::NotFound`] for a unit that is not the caller's to see; where the database fails.
pub(super) async fn page(
    house: &House,
    connection: &mut PgConnection,
    (caller, pager): (&Caller, &Pager),
    asked: &Asked,
    chosen: Chosen<'_>,
) -> Result<Page, Fault> {
    let after = pager.pair()?.unwrap_or((-1, 0));
    let plan = house.plan(connection, asked.form, asked.date).await?;
    let slot = match chosen.slot {
        "" => None,
        key => Some(plan.slot(key).ok_or_else(|| Fault::invalid("slot", "is no slot of this day"))?),
    };
    let ranges = part(house, caller, &plan, asked.ancestor)?;
    let timings: Vec<i16> = chosen.timings.iter().map(|timing| *timing as i16).collect();
    let selection = Selection {
        firsts: &ranges.firsts(),
        ends: &ranges.ends(),
        timings: &timings,
        content: chosen.content,
        slot,
        after,
        limit: pager.limit(),
    };
    let mut rows = store::list(connection, &plan, &selection).await?;
    let next_page_token = pager.cut(&mut rows, |row| format!("{} {}", row.place, row.slot));
    Ok(Page { plan, rows, next_page_token })
}

/// The part of a day's tree that a list is of: below the ancestor, where one is named, and within the
/// caller's scopes.
fn part(house: &House, caller: &Caller, plan: &Plan, ancestor: Option<Uuid>) -> Result<Ranges, Fault> {
    let visible = house.visible(caller, "reports.read", plan);
    let Some(unit) = ancestor else { return Ok(visible) };
    let absent = || Fault::NotFound(unit_name(unit));
    let place = plan.tree.place(unit).filter(|place| visible.contains(*place)).ok_or_else(absent)?;
    let end = plan.tree.at(place).map_or(place, |node| node.end);
    Ok(visible.within(place, end))
}

/// One report with everything that was ever said.
pub(super) async fn get(
    house: &House,
    request: Request<pb::GetReportRequest>,
) -> Result<pb::GetReportResponse, Fault> {
    let (caller, deadline, request) = server::accept(request)?;
    let id = parse::resource(COLLECTION, &request.name)?;
    let mut work = house.database.begin(deadline).await?;
    let absent = || Fault::NotFound(report_name(id));
    let day = store::days_of(&mut work, &[id]).await?.remove(&id).ok_or_else(absent)?;
    let plan = house.plan_by_id(&mut work, day).await?.ok_or_else(absent)?;
    let row = store::of_ids(&mut work, &plan, &[id]).await?.pop().ok_or_else(absent)?;
    if !house.visible(&caller, "reports.read", &plan).contains(row.place) {
        return Err(absent());
    }
    let mut report = contract::report(&plan, &row);
    let revisions = store::revisions(&mut work, &plan, row.place, row.place + 1).await?;
    let explained = register::explanations(&mut work, &plan, &[row.place]).await?;
    let own = revisions.into_iter().filter(|(key, _)| *key == (row.place, row.slot));
    let with_words = own.map(|(key, mut revision)| {
        let of_revision = explained.iter().filter(|one| (one.0, one.1) == (key, revision.number));
        revision.explanations = of_revision.map(|one| (one.2.clone(), one.3.clone())).collect();
        contract::revision(&plan.form, revision)
    });
    report.revisions = with_words.collect();
    let notes = store::chases(&mut work, &[id]).await?.remove(&id).unwrap_or_default();
    report.chase_notes = notes.into_iter().map(contract::chase_note).collect();
    Ok(pb::GetReportResponse { report: Some(report) })
}

/// A page of reports.
pub(super) async fn list(
    house: &House,
    request: Request<pb::ListReportsRequest>,
) -> Result<pb::ListReportsResponse, Fault> {
    let (caller, deadline, mut request) = server::accept(request)?;
    let mut wrong = Violations::default();
    let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
    let asked = asked(&mut wrong, &request.form, &request.business_date, &request.ancestor_unit);
    let timing = i16::try_from(request.timing).unwrap_or(-1);
    if timing != 0 && Timing::of(timing).is_none() {
        wrong.add("timing", "is no timing");
    }
    if !(0..=2).contains(&request.content) {
        wrong.add("content", "is no content");
    }
    wrong.refuse()?;
    let content = i16::try_from(request.content).ok().filter(|content| *content != 0);
    let mut timings = Timing::ALL.to_vec();
    timings.retain(|one| timing == 0 || *one as i16 == timing);
    let pager = page.of(&house.database, &caller, "ListReports", &request);
    let mut work = house.database.begin(deadline).await?;
    let chosen = Chosen { timings: &timings, content, slot: "" };
    let Page { plan, rows, next_page_token } =
        self::page(house, &mut work, (&caller, &pager), &asked, chosen).await?;
    let reports = rows.iter().map(|row| contract::report(&plan, row)).collect();
    Ok(pb::ListReportsResponse { reports, next_page_token })
}

/// A page of who has not reported, with whom to call.
pub(super) async fn missing(
    house: &House,
    request: Request<pb::ListMissingRequest>,
) -> Result<pb::ListMissingResponse, Fault> {
    let (caller, deadline, mut request) = server::accept(request)?;
    let mut wrong = Violations::default();
    let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
    let asked = asked(&mut wrong, &request.form, &request.business_date, &request.ancestor_unit);
    wrong.refuse()?;
    let pager = page.of(&house.database, &caller, "ListMissing", &request);
    let mut work = house.database.begin(deadline).await?;
    let chosen = Chosen { timings: &[Timing::Due, Timing::Missing], content: None, slot: &request.slot };
    let Page { plan, rows, next_page_token } =
        self::page(house, &mut work, (&caller, &pager), &asked, chosen).await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let chases = store::chases(&mut work, &ids).await?;
    let missing = rows.iter().map(|row| missing_report(house, &plan, row, &chases)).collect();
    Ok(pb::ListMissingResponse { missing, next_page_token })
}

/// A report that has not come, with whom to call. That is a question of today's tree, where the unit still stands in it.
fn missing_report(
    house: &House,
    plan: &Plan,
    row: &Expected,
    chases: &HashMap<Uuid, Vec<Chase>>,
) -> pb::MissingReport {
    let report = contract::report(plan, row);
    let unit = plan.tree.at(row.place).map(|node| node.id).unwrap_or_default();
    let today = house.jurisdiction.today();
    let tree = if today.place(unit).is_some() { &today } else { &plan.tree };
    let mut missing = pb::MissingReport {
        report: report.name,
        unit: report.unit,
        display_name: plan.tree.full_name(row.place),
        slot: report.slot,
        timing: report.timing,
        returned: report.returned,
        chased: i32::try_from(chases.get(&row.id).map_or(0, Vec::len)).unwrap_or(i32::MAX),
        ..pb::MissingReport::default()
    };
    if let Some(contact) = house.jurisdiction.answering(tree, unit) {
        missing.officer_display_name = contact.display_name;
        missing.official_phone = contact.official_phone;
        missing.office = office_number(contact.office.word());
        missing.officer_unit = unit_name(contact.unit);
    }
    missing
}
