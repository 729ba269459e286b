//! The health side's day: opening balances, what the counties' health officers enter for every town, the
//! counties' agreement, and the city's seal.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

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

/// How long reporting may take to hear of what the registers have.
const PATIENCE: Duration = Duration::from_secs(60);

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

/// What is said of figures that no day's flow was published of.
const EXPLAINED: &str =
    "此前已追踪，登记系统当日补录 (traced before this day; entered in the registers on it)";

/// The fields that the balances of the day before hold.
const FROM_BEFORE: [&str; 3] = ["contacts_traced", "contacts_released", "contacts_converted"];

/// Enters every town's day as the registers have drafted it (D7), each county's health officer for their towns; zero is
/// said of most. What the balances hold already is said to be none of this day, and why.
///
/// # Errors
/// A refusal.
pub async fn enter(stage: &Stage, tree: &Tree, form: &str) -> anyhow::Result<()> {
    let mut said: Vec<Said> = Vec::with_capacity(tree.towns.len());
    for (town, draft) in tree.towns.iter().zip(drafts(stage, tree, form).await?) {
        let (mut figures, mut explanations) = (draft.figures, BTreeMap::new());
        for key in FROM_BEFORE {
            let registered = figures.insert(key.to_owned(), 0).unwrap_or_default();
            explanations.extend((registered != 0).then(|| (key.to_owned(), EXPLAINED.to_owned())));
        }
        let is_zero = figures.values().all(|figure| *figure == 0);
        said.push(Said {
            subject: health(&town.code),
            request: pb::SubmitReportRequest {
                request_id: request_id(&format!("epidemic {}", town.code)),
                form: form.to_owned(),
                business_date: DATE.to_owned(),
                unit: town.unit.clone(),
                zero: is_zero,
                figures: if is_zero { BTreeMap::new() } else { figures },
                explanations,
                ..pb::SubmitReportRequest::default()
            },
        });
    }
    send::all(stage, &said, "towns of the health side").await?;
    Ok(())
}

fn health(code: &str) -> String {
    format!("{}-health", code.get(..6).unwrap_or_default())
}

/// The drafts of all towns, in their order, as soon as reporting has heard all that the registers had at midnight.
async fn drafts(stage: &Stage, tree: &Tree, form: &str) -> anyhow::Result<Vec<pb::DraftReportResponse>> {
    let screening = stage.screening_as("city-duty")?;
    let (cases, contacts) = counted(&screening, &tree.city.unit, DATE).await?;
    let registered = (cases.confirmed_new, cases.discharged_new, contacts.under_observation);
    let began = Instant::now();
    loop {
        let mut drafts = Vec::with_capacity(tree.towns.len());
        for town in &tree.towns {
            let officer = stage.reporting_as(&health(&town.code))?;
            let request = pb::DraftReportRequest {
                form: form.to_owned(),
                business_date: DATE.to_owned(),
                unit: town.unit.clone(),
                slot: String::new(),
            };
            let draft = patiently(|| async { officer.reports().draft_report(request.clone()).await });
            drafts.push(draft.await?);
        }
        let sum = |key: &str| drafts.iter().filter_map(|draft| draft.figures.get(key)).sum::<i64>();
        if registered == (sum("confirmed"), sum("discharged"), sum("contacts_observed")) {
            return Ok(drafts);
        }
        anyhow::ensure!(began.elapsed() < PATIENCE, "reporting has not heard of all that the registers have");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// How many figures are others than the registers have, and how many of them nobody has explained.
///
/// # Errors
/// A refusal.
pub async fn differences(stage: &Stage, form: &str) -> anyhow::Result<(usize, usize)> {
    let request = pb::ListDifferencesRequest {
        form: form.to_owned(),
        business_date: DATE.to_owned(),
        page_size: 1_000,
        ..pb::ListDifferencesRequest::default()
    };
    let officer = stage.reporting_as("city-duty")?;
    let found = patiently(|| async { officer.reports().list_differences(request.clone()).await }).await?;
    let unexplained = found.differences.iter().filter(|one| one.explanation.is_empty()).count();
    Ok((found.differences.len(), unexplained))
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
