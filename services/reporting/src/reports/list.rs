//! Reading reports: one, many, and who has not reported.

use chassis::{Fault, Violations, pages, pages::Pager, parse, server};
use chrono::NaiveDate;
use jurisdiction::Ranges;
use proto::reporting as pb;
use tonic::Request;
use uuid::Uuid;

use super::{
    Timing,
    parse::{self as contract, COLLECTION, report_name},
    store::{self, Selection},
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
    let form = wrong.keep("form", parse::name(FORMS, form)).unwrap_or_default();
    let date = wrong.keep("business_date", parse::date(date)).unwrap_or_default();
    let ancestor = parse::optional_name(UNITS, ancestor);
    Asked { form, date, ancestor: wrong.keep("ancestor_unit", ancestor).flatten() }
}

/// The part of a day's tree that a list is of: below the ancestor, where one is named, and within the
/// caller's scopes.
pub(super) fn part(
    house: &House,
    caller: &chassis::Caller,
    plan: &Plan,
    ancestor: Option<Uuid>,
) -> Result<Ranges, Fault> {
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
    let id = parse::name(COLLECTION, &request.name).map_err(|wrong| Fault::invalid("name", wrong))?;
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
    let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
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
    let timings: Vec<i16> =
        Timing::ALL.into_iter().map(|one| one as i16).filter(|one| timing == 0 || *one == timing).collect();
    let token = std::mem::take(&mut request.page_token);
    request.page_size = 0;
    let pager = Pager::new(&house.database, &caller, "ListReports", &request);
    let after = place_and_slot(pager.key(&token)?)?;
    let mut work = house.database.begin(deadline).await?;
    let plan = house.plan(&mut work, asked.form, asked.date).await?;
    let ranges = part(house, &caller, &plan, asked.ancestor)?;
    let selection = Selection {
        firsts: &ranges.firsts(),
        ends: &ranges.ends(),
        timings: &timings,
        content,
        slot: None,
        after,
        limit: size + 1,
    };
    let mut rows = store::list(&mut work, &plan, &selection).await?;
    let next_page_token = pager.cut(&mut rows, size, |row| format!("{} {}", row.place, row.slot));
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
    let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
    let asked = asked(&mut wrong, &request.form, &request.business_date, &request.ancestor_unit);
    wrong.refuse()?;
    let token = std::mem::take(&mut request.page_token);
    request.page_size = 0;
    let pager = Pager::new(&house.database, &caller, "ListMissing", &request);
    let after = place_and_slot(pager.key(&token)?)?;
    let mut work = house.database.begin(deadline).await?;
    let plan = house.plan(&mut work, asked.form, asked.date).await?;
    let slot = match request.slot.as_str() {
        "" => None,
        key => Some(plan.slot(key).ok_or_else(|| Fault::invalid("slot", "is no slot of this day"))?),
    };
    let ranges = part(house, &caller, &plan, asked.ancestor)?;
    let selection = Selection {
        firsts: &ranges.firsts(),
        ends: &ranges.ends(),
        timings: &[Timing::Due as i16, Timing::Missing as i16],
        content: None,
        slot,
        after,
        limit: size + 1,
    };
    let mut rows = store::list(&mut work, &plan, &selection).await?;
    let next_page_token = pager.cut(&mut rows, size, |row| format!("{} {}", row.place, row.slot));
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let chases = store::chases(&mut work, &ids).await?;
    // Whom to call is a question of today's tree, where the unit still stands in it.
    let today = house.jurisdiction.today();
    let missing = rows.iter().map(|row| {
        let report = contract::report(&plan, row);
        let unit = plan.tree.at(row.place).map(|node| node.id).unwrap_or_default();
        let tree = if today.place(unit).is_some() { &today } else { &plan.tree };
        let contact = house.jurisdiction.answering(tree, unit);
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
        if let Some(contact) = contact {
            missing.officer_display_name = contact.display_name;
            missing.official_phone = contact.official_phone;
            missing.office = office_number(contact.office.word());
            missing.officer_unit = unit_name(contact.unit);
        }
        missing
    });
    Ok(pb::ListMissingResponse { missing: missing.collect(), next_page_token })
}

/// The place and slot after which a page begins.
pub(super) fn place_and_slot(key: Option<String>) -> Result<(i32, i16), Fault> {
    let Some(key) = key else { return Ok((-1, 0)) };
    let (place, slot) = key.split_once(' ').ok_or(Fault::PageToken)?;
    Ok((place.parse().map_err(|_| Fault::PageToken)?, slot.parse().map_err(|_| Fault::PageToken)?))
}
