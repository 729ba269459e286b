//! The health side's day: opening balances, what the counties' health officers enter for every town, the
//! counties' agreement, and the city's seal.

use std::collections::BTreeMap;

use proto::reporting as pb;

use super::{
    days, facts,
    facts::{Contacts, TownDay},
    grids::Said,
    persons::evening::counted,
    send,
    stage::{DATE, DATE_AFTER, DATE_BEFORE, Stage, patiently, request_id},
    walk::{Place, Tree},
};

/// Sets what the cumulative figures begin with: the published ones less the day's own. Contacts have no
/// published split and no published flows: all of them are from before.
///
/// # Errors
/// A refusal.
pub async fn balances(stage: &Stage, tree: &Tree, form: &str) -> anyhow::Result<()> {
    let (published, contacts) = published()?;
    let balances = tree.towns.iter().filter_map(|town| {
        let (day, contacts) = (published.get(&town.code)?, contacts.get(&town.code)?);
        let figures = [
            ("confirmed", day.confirmed_cumulative - day.confirmed_new),
            ("discharged", day.discharged_cumulative - day.discharged_new),
            ("contacts_traced", contacts.traced()),
            ("contacts_released", contacts.released),
            ("contacts_converted", contacts.converted),
        ];
        Some(pb::OpeningBalance { unit: town.unit.clone(), figures: by_key(figures) })
    });
    let request = pb::SetOpeningBalancesRequest {
        request_id: request_id("opening balances"),
        form: form.to_owned(),
        as_of: DATE_BEFORE.to_owned(),
        balances: balances.collect(),
    };
    patiently(|| async { stage.reporting.rollups().set_opening_balances(request.clone()).await }).await?;
    Ok(())
}

/// Enters every town's day as the registers of cases and contacts have it (D7), each county's health officer for their
/// towns; zero is said of most.
///
/// # Errors
/// A refusal.
pub async fn enter(stage: &Stage, tree: &Tree, form: &str) -> anyhow::Result<()> {
    let screening = stage.screening_as("city-duty")?;
    let mut said: Vec<Said> = Vec::with_capacity(tree.towns.len());
    for town in &tree.towns {
        let (cases, contacts) = counted(&screening, &town.unit, DATE).await?;
        let figures = [
            ("confirmed", cases.confirmed_new),
            ("severe", cases.severe_current),
            ("deaths", cases.died_new),
            ("discharged", cases.discharged_new),
            ("contacts_traced", 0),
            ("contacts_released", 0),
            ("contacts_converted", 0),
            ("contacts_observed", contacts.under_observation),
        ];
        let is_zero = figures.iter().all(|(_, figure)| *figure == 0);
        said.push(Said {
            subject: format!("{}-health", town.code.get(..6).unwrap_or_default()),
            request: pb::SubmitReportRequest {
                request_id: request_id(&format!("epidemic {}", town.code)),
                form: form.to_owned(),
                business_date: DATE.to_owned(),
                unit: town.unit.clone(),
                zero: is_zero,
                figures: if is_zero { BTreeMap::new() } else { by_key(figures) },
                ..pb::SubmitReportRequest::default()
            },
        });
    }
    send::all(stage, &said, "towns of the health side").await?;
    Ok(())
}

/// Closes the day, which nothing is due of any more; every county agrees to its figures, and the city
/// seals.
///
/// # Errors
/// A refusal.
pub async fn agree_and_seal(stage: &Stage, tree: &Tree, form: &str) -> anyhow::Result<()> {
    let day = days::played(stage, form).await?;
    if day.state() >= pb::DayState::Sealed {
        return Ok(());
    }
    let city = stage.reporting_as("city-duty")?;
    let close =
        pb::CloseDayRequest { request_id: request_id("close the epidemic day"), name: day.name.clone() };
    patiently(|| async { city.days().close_day(close.clone()).await }).await?;
    for county in &tree.counties {
        let officer = stage.reporting_as(&duty(county))?;
        let figures_etag = days::rollup(&officer, form, &county.unit).await?.etag;
        let sign = pb::SignOffDayRequest {
            request_id: request_id(&format!("sign off {} {figures_etag}", county.code)),
            name: day.name.clone(),
            unit: county.unit.clone(),
            figures_etag,
            note: String::new(),
        };
        patiently(|| async { officer.days().sign_off_day(sign.clone()).await }).await?;
    }
    days::seal(stage, (form, &tree.city.unit), ("seal the epidemic day", "", DATE_AFTER)).await
}

fn duty(county: &Place) -> String {
    format!("{}-duty", county.code.get(..6).unwrap_or_default())
}

type Published = (BTreeMap<String, TownDay>, BTreeMap<String, Contacts>);

fn published() -> anyhow::Result<Published> {
    let published = facts::by_town()?;
    let contacts = facts::contacts(&published);
    Ok((published, contacts))
}

fn by_key<const N: usize>(figures: [(&str, i64); N]) -> BTreeMap<String, i64> {
    figures.into_iter().map(|(key, figure)| (key.to_owned(), figure)).collect()
}
