//! Opening balances: what cumulative figures begin with.

use std::collections::BTreeMap;

use chassis::{Fault, Violations, claims::Claim, pages, parse, server};
use chrono::NaiveDate;
use proto::reporting as pb;
use sqlx::PgConnection;
use tonic::Request;
use uuid::Uuid;

use super::store;
use crate::{
    forms::{
        Figures, Form,
        parse::{COLLECTION as FORMS, UNITS, form_name, unit_name},
        store as forms, value,
    },
    house::House,
    reports::parse::by_key,
};

/// Sets opening balances.
pub(super) async fn set(
    house: &House,
    request: Request<pb::SetOpeningBalancesRequest>,
) -> Result<pb::SetOpeningBalancesResponse, Fault> {
    let (caller, deadline, mut request) = server::accept(request)?;
    let request_id = parse::request_id(&mut request.request_id)?;
    let mut wrong = Violations::default();
    let id = wrong.name("form", FORMS, &request.form);
    let as_of = wrong.keep("as_of", parse::date(&request.as_of)).unwrap_or_default();
    wrong.keep("balances", parse::count(request.balances.len(), 1_000));
    wrong.refuse()?;
    let claim = Claim::new(&caller, request_id, "SetOpeningBalances", &request);
    let mut work = house.database.begin(deadline).await?;
    let absent = || Fault::NotFound(form_name(id));
    forms::lock(&mut work, id).await?.ok_or_else(absent)?;
    let form = forms::on(&mut work, id, house.clock.today()).await?.ok_or_else(absent)?;
    let balances = checked(house, &form, &request.balances)?;
    for unit in balances.keys() {
        house.jurisdiction.within(&caller, "balances.write", *unit)?;
    }
    if let Some(answer) = claim.replay(&mut work).await? {
        return Ok(answer);
    }
    write(&mut work, &form, as_of, &balances).await?;
    let set = i32::try_from(balances.len()).unwrap_or(i32::MAX);
    let answer = claim.commit(work, pb::SetOpeningBalancesResponse { balances: set }).await?;
    house.plans.forget();
    Ok(answer)
}

/// Writes the balances of units of a form, as of a date.
async fn write(
    connection: &mut PgConnection,
    form: &Form,
    as_of: NaiveDate,
    balances: &BTreeMap<Uuid, Figures>,
) -> Result<(), Fault> {
    if let Some(sealed) = store::sealed_after(connection, form.id, as_of).await? {
        let words = format!("{sealed} is sealed with other balances; correct its figures instead");
        let date = vec![("business_date", sealed.to_string())];
        return Err(Fault::unmet("BALANCE_IN_USE", form_name(form.id), words, date));
    }
    let known = store::balances(connection, form.id).await?;
    let others = known.keys().any(|unit| !balances.contains_key(unit));
    if others && form.balance_as_of.is_some_and(|before| before != as_of) {
        return Err(Fault::invalid("as_of", "must be that of the other units' balances, or set all of them"));
    }
    for (unit, figures) in balances {
        store::set_balance(connection, form.id, *unit, figures).await?;
    }
    store::set_balance_date(connection, form.id, as_of).await
}

/// The balances by unit, checked against the form.
fn checked(
    house: &House,
    form: &Form,
    asked: &[pb::OpeningBalance],
) -> Result<BTreeMap<Uuid, Figures>, Fault> {
    let mut wrong = Violations::default();
    let mut balances = BTreeMap::new();
    let today = house.jurisdiction.today();
    for (at, balance) in asked.iter().enumerate() {
        let mut inner = Violations::default();
        let unit = inner.name("unit", UNITS, &balance.unit);
        let level = today.node(unit).map(|node| node.level);
        if level.is_some_and(|level| level != form.level) {
            inner.add("unit", "must stand at the level at which units report");
        }
        let mut figures = vec![Some(0); form.columns.len()];
        for (key, figure) in &balance.figures {
            match form.field(key) {
                Some(field) if field.cumulative && (0..=crate::forms::LARGEST).contains(figure) => {
                    figures[field.column] = Some(*figure);
                }
                Some(field) if field.cumulative => {
                    inner.add(format!("figures[{key:?}]"), "must not be negative");
                }
                _ => inner.add(format!("figures[{key:?}]"), "is no cumulative field of this form"),
            }
        }
        if balances.insert(unit, figures).is_some() {
            inner.add("unit", "must be named once");
        }
        wrong.nest(&format!("balances[{at}]"), inner);
    }
    wrong.refuse()?;
    Ok(balances)
}

/// Lists opening balances.
pub(super) async fn list(
    house: &House,
    request: Request<pb::ListOpeningBalancesRequest>,
) -> Result<pb::ListOpeningBalancesResponse, Fault> {
    let (caller, deadline, mut request) = server::accept(request)?;
    let mut wrong = Violations::default();
    let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
    let id = wrong.name("form", FORMS, &request.form);
    wrong.refuse()?;
    let pager = page.of(&house.database, &caller, "ListOpeningBalances", &request);
    let after = pager.after()?;
    let mut work = house.database.begin(deadline).await?;
    let form = forms::on(&mut work, id, house.clock.today()).await?;
    let form = form.ok_or_else(|| Fault::NotFound(form_name(id)))?;
    let today = house.jurisdiction.today();
    let scopes = caller.scopes("rollups.read");
    let mut balances: Vec<(Uuid, Figures)> = store::balances(&mut work, id)
        .await?
        .into_iter()
        .filter(|(unit, _)| *unit > after && scopes.iter().any(|scope| today.contains(*scope, *unit)))
        .collect();
    let next_page_token = pager.cut(&mut balances, |(unit, _)| unit.to_string());
    let balances = balances.into_iter().map(|(unit, figures)| pb::OpeningBalance {
        unit: unit_name(unit),
        figures: by_key(&form, &cumulative(&form, &figures)),
    });
    Ok(pb::ListOpeningBalancesResponse {
        balances: balances.collect(),
        as_of: form.balance_as_of.map(|date| date.to_string()).unwrap_or_default(),
        next_page_token,
    })
}

/// Those of the figures that are of cumulative fields.
fn cumulative(form: &Form, figures: &Figures) -> Figures {
    let mut shown = vec![None; figures.len()];
    for field in form.definition.fields.iter().filter(|field| field.cumulative) {
        if let Some(cell) = shown.get_mut(field.column) {
            *cell = value(figures, field.column);
        }
    }
    shown
}
