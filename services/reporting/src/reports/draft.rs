//! What the registers know of a report: drafts, and where reports say otherwise (D7).

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chassis::{Fault, Violations, clock, pages, parse, server};
use chrono::{DateTime, Utc};
use proto::reporting as pb;
use sqlx::PgConnection;
use tonic::Request;
use uuid::Uuid;

use super::{
    Timing,
    batch::Accepted,
    list::{self, Chosen, Page, asked},
    parse::{self as contract, report_name},
    store::{self, Expected},
};
use crate::{
    days::Plan,
    forms::{
        Figures,
        parse::{COLLECTION as FORMS, UNITS, unit_name},
        value,
    },
    house::House,
    registers::{self, Sums, feed::TOPIC, parse::number, store as register},
};

/// Drafts a report.
pub(super) async fn draft(
    house: &House,
    request: Request<pb::DraftReportRequest>,
) -> Result<pb::DraftReportResponse, Fault> {
    let (caller, deadline, request) = server::accept(request)?;
    let mut wrong = Violations::default();
    let form = wrong.name("form", FORMS, &request.form);
    let date = wrong.keep("business_date", parse::date(&request.business_date)).unwrap_or_default();
    let unit = wrong.name("unit", UNITS, &request.unit);
    wrong.refuse()?;
    let mut work = house.database.begin(deadline).await?;
    let plan = house.plan(&mut work, form, date).await?;
    let slot = plan.slot(&request.slot).ok_or_else(|| Fault::invalid("slot", "is no slot of this day"))?;
    let place = house.place(&caller, "reports.read", &plan, unit)?;
    let rows = store::standings(&mut work, &plan, place, place + 1).await?;
    let row = rows.into_iter().find(|row| row.slot == slot);
    let row = row.ok_or_else(|| super::batch::not_expected(&plan, place))?;
    let heard_at = house.jurisdiction.heard(TOPIC);
    let is_stale = heard_at.is_none_or(is_stale);
    let registered = registered(house, &mut work, &plan, &[place]).await?;
    let (figures, unfilled) = filled(registered.get(&place));
    let fields = plan.form.definition.fields.iter();
    let to_be_said = fields.filter(|field| field.indicator.is_none()).map(|field| field.key.clone());
    Ok(pb::DraftReportResponse {
        figures,
        to_be_said: to_be_said.collect(),
        unfilled,
        heard_time: heard_at.map(parse::timestamp),
        stale: is_stale,
        differences: differences(&mut work, &plan, &[&row], &registered).await?,
        report: Some(contract::report(&plan, &row)),
    })
}

/// What the registers fill in, and what they do not, with why.
fn filled(registered: Option<&Registered>) -> (BTreeMap<String, i64>, Vec<pb::UnfilledField>) {
    let (mut figures, mut unfilled) = (BTreeMap::new(), Vec::new());
    for (key, filled) in registered.into_iter().flatten() {
        match filled {
            Ok(figure) => {
                figures.insert(key.clone(), *figure);
            }
            Err(reason) => {
                unfilled.push(pb::UnfilledField { field: key.clone(), reason: reason.to_string() });
            }
        }
    }
    (figures, unfilled)
}

/// A page of differences.
pub(super) async fn list(
    house: &House,
    request: Request<pb::ListDifferencesRequest>,
) -> Result<pb::ListDifferencesResponse, Fault> {
    let (caller, deadline, mut request) = server::accept(request)?;
    let mut wrong = Violations::default();
    let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
    let asked = asked(&mut wrong, &request.form, &request.business_date, &request.ancestor_unit);
    wrong.refuse()?;
    let pager = page.of(&house.database, &caller, "ListDifferences", &request);
    let mut work = house.database.begin(deadline).await?;
    let timings = &[Timing::OnTime, Timing::Late, Timing::AfterClose];
    let chosen = Chosen { timings, content: None, slot: "" };
    let Page { plan, rows, next_page_token } =
        list::page(house, &mut work, (&caller, &pager), &asked, chosen).await?;
    let rows: Vec<&Expected> = rows.iter().collect();
    let places: Vec<i32> = rows.iter().map(|row| row.place).collect();
    let registered = registered(house, &mut work, &plan, &places).await?;
    let mut differences = differences(&mut work, &plan, &rows, &registered).await?;
    if request.unexplained {
        differences.retain(|difference| difference.explanation.is_empty());
    }
    let heard_time = house.jurisdiction.heard(TOPIC).map(parse::timestamp);
    Ok(pb::ListDifferencesResponse { differences, heard_time, next_page_token })
}

/// What there is to warn of in a report that was just taken in: figures that are others than the registers have and
/// that the request does not explain.
pub(super) async fn unexplained(
    house: &House,
    plan: &Arc<Plan>,
    place: i32,
    accepted: &Accepted,
    explained: &BTreeMap<String, String>,
) -> Result<Vec<String>, Fault> {
    if plan.form.registered().next().is_none() {
        return Ok(Vec::new());
    }
    let mut work = house.database.begin(None).await?;
    let registered = registered(house, &mut work, plan, &[place]).await?;
    let registered = registered.get(&place).into_iter().flatten();
    let others = differing(plan, &accepted.figures, registered);
    let unexplained = others.filter(|(key, ..)| !explained.contains_key(key.as_str()));
    let words = |(key, said, registered): (&String, i64, i64)| {
        format!("{key}: {said} was said, the registers have {registered}; explain it, or mend the registers")
    };
    Ok(unexplained.map(words).collect())
}

/// What the registers say of a unit's fields, by key.
type Registered = BTreeMap<String, Result<i64, registers::Unfilled>>;

/// What the registers say of some places of a day and everything below them; nothing while they were never heard of.
async fn registered(
    house: &House,
    connection: &mut PgConnection,
    plan: &Plan,
    places: &[i32],
) -> Result<HashMap<i32, Registered>, Fault> {
    let fields = plan.form.registered();
    let fields: Vec<_> =
        fields.filter_map(|field| Some((field, number(field.indicator.as_deref()?)?))).collect();
    if fields.is_empty() || house.jurisdiction.heard(TOPIC).is_none() {
        return Ok(HashMap::new());
    }
    let end = |place: i32| plan.tree.at(place).map_or(place, |node| node.end);
    let is_asked = |at: i32| places.iter().any(|place| (*place..end(*place)).contains(&at));
    // A unit of that day stands where it stood; any other one, such as one closed before, where it stands today.
    let mut stands: HashMap<Uuid, i32> = (0_i32..)
        .zip(plan.tree.nodes())
        .filter(|(at, _)| is_asked(*at))
        .map(|(at, node)| (node.id, at))
        .collect();
    let top = plan.tree.at(plan.owner()).map(|node| node.id);
    for unit in house.jurisdiction.standing_below(top.as_slice()) {
        if plan.tree.place(unit).is_none() {
            let standing = house.jurisdiction.standing(unit);
            let at = standing.and_then(|unit| plan.tree.place(unit)).filter(|at| is_asked(*at));
            stands.extend(at.map(|at| (unit, at)));
        }
    }
    let units: Vec<Uuid> = stands.keys().copied().collect();
    let numbers: Vec<i32> = fields.iter().map(|(_, number)| *number).collect();
    let sums = register::sums(connection, &units, plan.day.date, &numbers).await?;
    let slots = plan.day.times.slots.len();
    let of_place = |place: i32| {
        let mut together = Sums::default();
        let below = stands.iter().filter(|(_, at)| (place..end(place)).contains(at));
        below.filter_map(|(unit, _)| sums.get(unit)).for_each(|sums| together.add(sums));
        let filled = fields
            .iter()
            .map(|(field, number)| (field.key.clone(), registers::filled(field, *number, slots, &together)));
        filled.collect::<Registered>()
    };
    Ok(places.iter().map(|place| (*place, of_place(*place))).collect())
}

/// Where figures are others than the registers have: the key, what was said, and what the registers have.
fn differing<'a>(
    plan: &'a Plan,
    figures: &'a Figures,
    registered: impl Iterator<Item = (&'a String, &'a Result<i64, registers::Unfilled>)> + 'a,
) -> impl Iterator<Item = (&'a String, i64, i64)> + 'a {
    registered.filter_map(|(key, filled)| {
        let said = value(figures, plan.form.field(key)?.column)?;
        let registered = (*filled).ok()?;
        (said != registered).then_some((key, said, registered))
    })
}

/// Where reports say otherwise than the registers, with what was said last to explain it.
async fn differences(
    connection: &mut PgConnection,
    plan: &Plan,
    rows: &[&Expected],
    registered: &HashMap<i32, Registered>,
) -> Result<Vec<pb::Difference>, Fault> {
    let mut found = Vec::new();
    for row in rows {
        let of_row = registered.get(&row.place).into_iter().flatten();
        found.extend(differing(plan, &row.standing.figures, of_row).map(|other| (*row, other)));
    }
    let mut places: Vec<i32> = found.iter().map(|(row, _)| row.place).collect();
    places.dedup();
    let said = if places.is_empty() {
        Vec::new()
    } else {
        register::explanations(connection, plan, &places).await?
    };
    // In the order of the revisions: the last one stays.
    let said: HashMap<((i32, i16), String), String> =
        said.into_iter().map(|(key, _, field, words)| ((key, field), words)).collect();
    let shown = found.into_iter().map(|(row, (key, figure, registered))| pb::Difference {
        report: report_name(row.id),
        unit: unit_name(plan.tree.at(row.place).map(|node| node.id).unwrap_or_default()),
        display_name: plan.tree.full_name(row.place),
        slot: contract::report(plan, row).slot,
        field: key.clone(),
        said: figure,
        registered,
        explanation: said.get(&((row.place, row.slot), key.clone())).cloned().unwrap_or_default(),
    });
    Ok(shown.collect())
}

fn is_stale(heard_at: DateTime<Utc>) -> bool {
    (clock::wall() - heard_at).to_std().is_ok_and(|age| age > jurisdiction::FRESH)
}
