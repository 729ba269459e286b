//! The business days: waiting for what happens by itself, and what is done to them by hand.

use std::time::{Duration, Instant};

use proto::reporting as pb;
use tonic::Code;

use super::stage::{DATE, Stage, patiently, request_id};
use crate::client::Reporting;

/// How long anything that happens by itself is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a day has come so far.
///
/// # Errors
/// A refusal, or a day that does not get there.
pub async fn wait(stage: &Stage, form: &str, date: &str, state: pb::DayState) -> anyhow::Result<pb::Day> {
    let began = Instant::now();
    loop {
        let found = get(&stage.reporting, form, date).await?;
        if let Some(day) = found.filter(|day| day.state >= i32::from(state)) {
            return Ok(day);
        }
        anyhow::ensure!(began.elapsed() < PATIENCE, "the day {date} of {form} does not become {state:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A day, if it was opened.
///
/// # Errors
/// A refusal.
pub async fn get(reporting: &Reporting, form: &str, date: &str) -> anyhow::Result<Option<pb::Day>> {
    let request = pb::GetDayRequest {
        form: form.to_owned(),
        business_date: date.to_owned(),
        ..pb::GetDayRequest::default()
    };
    match patiently(|| async { reporting.days().get_day(request.clone()).await }).await {
        Ok(found) => Ok(found.day),
        Err(status) if matches!(status.code(), Code::NotFound | Code::FailedPrecondition) => Ok(None),
        Err(status) => Err(status.into()),
    }
}

/// The day that is played, as it stands.
///
/// # Errors
/// A refusal, or a day that was not opened.
pub async fn played(stage: &Stage, form: &str) -> anyhow::Result<pb::Day> {
    let day = get(&stage.reporting, form, DATE).await?;
    day.ok_or_else(|| anyhow::anyhow!("the day {DATE} of {form} is not open"))
}

/// The total of a unit.
///
/// # Errors
/// A refusal.
pub async fn rollup(reporting: &Reporting, form: &str, unit: &str) -> anyhow::Result<pb::Rollup> {
    let request = pb::GetRollupRequest {
        form: form.to_owned(),
        business_date: DATE.to_owned(),
        unit: unit.to_owned(),
        seal: 0,
    };
    let found = patiently(|| async { reporting.rollups().get_rollup(request.clone()).await }).await?;
    Ok(found.rollup.unwrap_or_default())
}

/// The report that is expected of a unit.
///
/// # Errors
/// A refusal, or a unit of which none is expected.
pub async fn report_of(reporting: &Reporting, form: &str, unit: &str) -> anyhow::Result<pb::Report> {
    let request = pb::ListReportsRequest {
        form: form.to_owned(),
        business_date: DATE.to_owned(),
        ancestor_unit: unit.to_owned(),
        page_size: 1,
        ..pb::ListReportsRequest::default()
    };
    let page = patiently(|| async { reporting.reports().list_reports(request.clone()).await }).await?;
    let name = page.reports.into_iter().next().map(|report| report.name);
    let name = name.ok_or_else(|| anyhow::anyhow!("no report is expected of {unit}"))?;
    let request = pb::GetReportRequest { name };
    let found = patiently(|| async { reporting.reports().get_report(request.clone()).await }).await?;
    Ok(found.report.unwrap_or_default())
}

/// Everybody who has not reported, with whom to call.
///
/// # Errors
/// A refusal.
pub async fn missing(reporting: &Reporting, form: &str) -> anyhow::Result<Vec<pb::MissingReport>> {
    let mut request = pb::ListMissingRequest {
        form: form.to_owned(),
        business_date: DATE.to_owned(),
        page_size: 1_000,
        ..pb::ListMissingRequest::default()
    };
    let mut all = Vec::new();
    loop {
        let page = patiently(|| async { reporting.reports().list_missing(request.clone()).await }).await?;
        all.extend(page.missing);
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        request.page_token = page.next_page_token;
    }
}

/// Seals the day that is played, as the city's duty officer who has seen its figures.
///
/// # Errors
/// A refusal.
pub async fn seal(
    stage: &Stage,
    (form, city): (&str, &str),
    (step, reason, bulletin_date): (&str, &str, &str),
) -> anyhow::Result<()> {
    let officer = stage.reporting_as("city-duty")?;
    let day = played(stage, form).await?;
    let figures_etag = rollup(&officer, form, city).await?.etag;
    let request = pb::SealDayRequest {
        request_id: request_id(step),
        name: day.name,
        figures_etag,
        reason: reason.to_owned(),
        bulletin_date: bulletin_date.to_owned(),
        ..pb::SealDayRequest::default()
    };
    patiently(|| async { officer.days().seal_day(request.clone()).await }).await?;
    Ok(())
}
