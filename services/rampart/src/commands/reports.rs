//! `rampart reports …`.

use std::process::ExitCode;

use proto::reporting as pb;

use super::{
    EXIT_FOUND, Usage,
    access::Access,
    pages,
    reporting::{self as shared, by_key},
    reports_args::DayArg,
    reports_differences as differences, reports_import, reports_show as shown, reports_watch as watch,
    units::resolve,
};
use crate::{
    client::Reporting,
    output::{self, Style},
};

pub(crate) use super::reports_args::Command;

/// Runs a command on reports.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let reporting = access.reporting()?;
    let mut reports = reporting.reports();
    let request_id = shared::request_id();
    match command {
        Command::Import(args) => return reports_import::run(args, access, style).await,
        Command::Watch(args) => watch::run(&args, access, style).await?,
        Command::Submit {
            form,
            date,
            unit,
            figures,
            zero,
            slot,
            channel,
            on_behalf_of,
            made,
            note,
            explanations,
            draft,
        } => {
            let form = shared::form(&reporting, &form, Some(date)).await?.name;
            let unit = resolve(access, &unit).await?;
            let mut figures = by_key(figures)?;
            if draft {
                let request = pb::DraftReportRequest {
                    form: form.clone(),
                    business_date: date.to_string(),
                    unit: unit.clone(),
                    slot: slot.clone(),
                };
                let known = reports.draft_report(request).await?.into_inner();
                for (key, figure) in known.figures {
                    figures.entry(key).or_insert(figure);
                }
            }
            let request = pb::SubmitReportRequest {
                request_id,
                form,
                business_date: date.to_string(),
                unit,
                slot,
                zero,
                figures,
                explanations: explanations.into_iter().collect(),
                channel: pb::Channel::from(channel).into(),
                on_behalf_of,
                made_time: made.map(chassis::parse::timestamp),
                note,
            };
            shown::submitted(style, reports.submit_report(request).await?.into_inner())?;
        }
        Command::Draft { form, date, unit, slot } => {
            let form = shared::form(&reporting, &form, Some(date)).await?;
            let request = pb::DraftReportRequest {
                form: form.name.clone(),
                business_date: date.to_string(),
                unit: resolve(access, &unit).await?,
                slot,
            };
            differences::draft(style, &form, reports.draft_report(request).await?.into_inner())?;
        }
        Command::Differences { day, unexplained } => {
            let mut request = pb::ListDifferencesRequest {
                form: shared::form(&reporting, &day.form, Some(day.date)).await?.name,
                business_date: day.date.to_string(),
                ancestor_unit: below(access, &day).await?,
                unexplained,
                page_size: 1_000,
                page_token: String::new(),
            };
            let found = pages::up_to(usize::MAX, async |page_token| {
                request.page_token = page_token;
                let page = reports.list_differences(request.clone()).await?.into_inner();
                Ok((page.differences, page.next_page_token))
            });
            let found = found.await?;
            differences::list(style, &found)?;
            let is_explained = found.iter().all(|difference| !difference.explanation.is_empty());
            return Ok(if is_explained { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FOUND) });
        }
        Command::List { day, timing, content, limit } => {
            let form = shared::form(&reporting, &day.form, Some(day.date)).await?;
            let request = pb::ListReportsRequest {
                form: form.name.clone(),
                business_date: day.date.to_string(),
                ancestor_unit: below(access, &day).await?,
                timing: timing.map_or(pb::Timing::Unspecified, Into::into).into(),
                content: content.map_or(pb::Content::Unspecified, Into::into).into(),
                page_size: pages::size(limit.saturating_add(1)),
                page_token: String::new(),
            };
            shown::rows(style, &form, &list(&reporting, request, limit).await?)?;
        }
        Command::Missing { day, slot } => {
            let form = shared::form(&reporting, &day.form, Some(day.date)).await?.name;
            let request = pb::ListMissingRequest {
                form,
                business_date: day.date.to_string(),
                ancestor_unit: below(access, &day).await?,
                slot,
                page_size: 1_000,
                page_token: String::new(),
            };
            let found = missing(&reporting, request).await?;
            shown::missing(style, &found)?;
            return Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FOUND) });
        }
        Command::Show { report } => {
            let request = pb::GetReportRequest { name: report };
            let found = reports.get_report(request).await?.into_inner().report.unwrap_or_default();
            shown::report(style, &form_of(&reporting, &found).await?, &found)?;
        }
        Command::Return { report, reason } => {
            let request = pb::ReturnReportRequest { request_id, name: report, reason };
            let done = reports.return_report(request).await?.into_inner().report.unwrap_or_default();
            shown::rows(style, &form_of(&reporting, &done).await?, &[done])?;
        }
        Command::Correct { report, figures, reason, announce } => {
            let request = pb::CorrectReportRequest {
                request_id,
                name: report,
                figures: by_key(figures)?,
                reason,
                announce_date: announce.map(|date| date.to_string()).unwrap_or_default(),
            };
            let done = reports.correct_report(request).await?.into_inner();
            let report = done.report.unwrap_or_default();
            shown::rows(style, &form_of(&reporting, &report).await?, &[report])?;
            output::say(&format!("differences: {}", shown::signed(&done.differences)));
        }
        Command::Excuse { form, date, units, slot, reason } => {
            if units.len() > 1_000 {
                return Err(
                    Usage("at most 1,000 units at once; a unit stands for all below it".into()).into()
                );
            }
            let mut names = Vec::with_capacity(units.len());
            for unit in &units {
                names.push(resolve(access, unit).await?);
            }
            let request = pb::ExcuseReportsRequest {
                request_id,
                form: shared::form(&reporting, &form, Some(date)).await?.name,
                business_date: date.to_string(),
                units: names,
                slot,
                reason,
            };
            shown::excused(style, reports.excuse_reports(request).await?.into_inner().excused)?;
        }
        Command::Chase { report, note } => {
            let request = pb::AddChaseNoteRequest { request_id, name: report, note };
            let noted = reports.add_chase_note(request).await?.into_inner().chase_note;
            shown::chases(style, noted.as_slice()).print()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn below(access: &Access, day: &DayArg) -> anyhow::Result<String> {
    match &day.below {
        Some(unit) => resolve(access, unit).await,
        None => Ok(String::new()),
    }
}

/// The form of a report in the version of its day.
async fn form_of(reporting: &Reporting, report: &pb::Report) -> anyhow::Result<pb::Form> {
    shared::form(reporting, &report.form, report.business_date.parse().ok()).await
}

async fn list(
    reporting: &Reporting,
    mut request: pb::ListReportsRequest,
    limit: usize,
) -> anyhow::Result<Vec<pb::Report>> {
    // One more than is shown, to know whether there are more.
    let mut all = pages::up_to(limit.saturating_add(1), async |page_token| {
        request.page_token = page_token;
        let page = reporting.reports().list_reports(request.clone()).await?.into_inner();
        Ok((page.reports, page.next_page_token))
    })
    .await?;
    if all.len() > limit {
        output::say(&format!("there are more than {limit}: --limit shows them"));
        all.truncate(limit);
    }
    Ok(all)
}

async fn missing(
    reporting: &Reporting,
    mut request: pb::ListMissingRequest,
) -> anyhow::Result<Vec<pb::MissingReport>> {
    pages::up_to(usize::MAX, async |page_token| {
        request.page_token = page_token;
        let page = reporting.reports().list_missing(request.clone()).await?.into_inner();
        Ok((page.missing, page.next_page_token))
    })
    .await
}
