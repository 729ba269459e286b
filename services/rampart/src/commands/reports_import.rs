//! `rampart reports import`: many reports over one stream.

use std::{collections::HashMap, fs::File, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use indicatif::ProgressBar;
use proto::reporting::{self as pb, stream_result::Result as Answer};
use tonic::{Code, Status};

use super::{
    EXIT_FOUND,
    access::Access,
    reporting::{self as shared, Retry},
    units,
};
use crate::{
    output::{self, Column, Form, Style},
    reports_file::{self, BadLine, Line},
    sheet::Sheet,
};

const ABOUT: &str = "\
The file is CSV in UTF-8 with the columns form, business_date, unit, and as needed slot, zero, channel, \
on_behalf_of, note, and one column for each field, headed by its key. An empty figure is unknown, not zero; \
a zero report says yes in the column zero and has no figures. form is a key or forms/{uuid}, unit is \
SYSTEM/VINTAGE/CODE or units/{uuid}.

Every line that is refused is listed with its number and why; the others are taken in. What a line says is \
taken in once: a file that is sent again, after a broken connection or by mistake, changes nothing. To go \
back to figures that were replaced meanwhile, say why in the note.

Example:
  rampart reports import reports.csv --output csv > refused.csv";

/// Flags of `rampart reports import`.
#[derive(Debug, clap::Args)]
#[command(after_help = ABOUT)]
pub(crate) struct Args {
    /// The file: CSV
    file: PathBuf,
}

const COLUMNS: &[Column] = &[
    Column { key: "line", en: "Line", zh: "行" },
    Column { key: "unit", en: "Unit", zh: "单位" },
    Column { key: "reason", en: "Refused", zh: "拒收" },
    Column { key: "message", en: "Why", zh: "原因" },
];

/// How many reports a batch carries.
const BATCH: usize = 500;

/// How many batches are under way before the first is acknowledged.
const AHEAD: usize = 4;

/// How many units are looked up at once.
const LOOKUPS: usize = 16;

/// What became of the lines.
#[derive(Debug, Default)]
struct Outcome {
    refused: Vec<(u64, String, String, String)>,
    timings: std::collections::BTreeMap<String, usize>,
    accepted: usize,
    warned: usize,
}

/// Imports a file; answers 1 where lines are refused.
pub(crate) async fn run(args: Args, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let shown = args.file.display();
    let reader = File::open(&args.file).with_context(|| format!("opening {shown}"))?;
    let file = reports_file::read(reader).with_context(|| format!("reading {shown}"))?;
    let mut outcome = Outcome::default();
    let refuse = |bad: BadLine| (bad.line, bad.unit, "BAD_LINE".to_owned(), bad.reason);
    outcome.refused.extend(file.bad.into_iter().map(refuse));
    let lines = resolve(access, file.lines, &mut outcome).await?;
    let bar = output::bar(lines.len(), "reports");
    let sent = send(access, &lines, &mut outcome, &bar).await;
    bar.finish_and_clear();
    outcome.refused.sort();
    let mut sheet = Sheet::new(style, COLUMNS);
    for (line, unit, reason, message) in &outcome.refused {
        sheet.add_row(vec![
            (*line).into(),
            unit.clone().into(),
            reason.clone().into(),
            message.clone().into(),
        ]);
    }
    if !sheet.is_empty() || style.output != Form::Table {
        sheet.print()?;
    }
    let timings = outcome.timings.iter().map(|(timing, count)| format!("{count} {timing}"));
    output::say(&format!(
        "{} taken in ({}), {} with a warning, {} refused",
        outcome.accepted,
        timings.collect::<Vec<_>>().join(", "),
        outcome.warned,
        outcome.refused.len(),
    ));
    if let Err(error) = sent {
        let left = lines.len() - answered(&bar);
        output::say(&format!("{left} of {} were not answered; send the file again", lines.len()));
        return Err(error);
    }
    Ok(if outcome.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FOUND) })
}

fn answered(bar: &ProgressBar) -> usize {
    usize::try_from(bar.position()).unwrap_or_default()
}

/// The lines with the resource names of their forms and units, and their request_ids. Each form and unit is
/// asked for once.
async fn resolve(access: &Access, lines: Vec<Line>, outcome: &mut Outcome) -> anyhow::Result<Vec<Line>> {
    let reporting = access.reporting()?;
    let mut forms: HashMap<(String, String), Result<String, Status>> = HashMap::new();
    let mut codes: Vec<String> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for Line { report, .. } in &lines {
        if seen.insert(report.unit.clone()) {
            codes.push(report.unit.clone());
        }
        let key = (report.form.clone(), report.business_date.clone());
        if let std::collections::hash_map::Entry::Vacant(entry) = forms.entry(key) {
            let found = shared::form(&reporting, &report.form, report.business_date.parse().ok()).await;
            entry.insert(refusal(found.map(|form| form.name))?);
        }
    }
    let bar = output::bar(codes.len(), "units");
    let units: HashMap<String, Result<String, Status>> = futures::stream::iter(codes)
        .map(|code| async {
            let found = refusal(units::resolve(access, &code).await);
            bar.inc(1);
            found.map(|found| (code, found))
        })
        .buffer_unordered(LOOKUPS)
        .try_collect()
        .await?;
    bar.finish_and_clear();
    let mut good = Vec::with_capacity(lines.len());
    for Line { line, mut report } in lines {
        let form = &forms[&(report.form.clone(), report.business_date.clone())];
        match (form, &units[&report.unit]) {
            (Ok(form), Ok(unit)) => {
                (report.form, report.unit) = (form.clone(), unit.clone());
                report.request_id = reports_file::request_id(&report);
                good.push(Line { line, report });
            }
            (Err(status), _) | (_, Err(status)) => {
                let code = format!("{:?}", status.code());
                outcome.refused.push((line, report.unit, code, status.message().to_owned()));
            }
        }
    }
    Ok(good)
}

/// What is wrong with one line stays with that line; anything else ends the import.
fn refusal<T>(found: anyhow::Result<T>) -> anyhow::Result<Result<T, Status>> {
    let error = match found {
        Ok(found) => return Ok(Ok(found)),
        Err(error) => error,
    };
    if let Some(usage) = error.downcast_ref::<super::Usage>() {
        return Ok(Err(Status::invalid_argument(usage.to_string())));
    }
    let status = error.downcast::<Status>()?;
    match status.code() {
        Code::NotFound | Code::InvalidArgument | Code::FailedPrecondition | Code::PermissionDenied => {
            Ok(Err(status))
        }
        _ => Err(status.into()),
    }
}

/// Sends the lines; what a broken stream left without an answer is sent again over the next.
async fn send(
    access: &Access,
    lines: &[Line],
    outcome: &mut Outcome,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let mut retry = Retry::default();
    while answered(bar) < lines.len() {
        let rest = &lines[answered(bar)..];
        match stream(access, rest, outcome, bar, &mut retry).await {
            Ok(()) => {}
            Err(error) => retry.after(error.downcast::<Status>()?).await?,
        }
    }
    Ok(())
}

async fn stream(
    access: &Access,
    lines: &[Line],
    outcome: &mut Outcome,
    bar: &ProgressBar,
    retry: &mut Retry,
) -> anyhow::Result<()> {
    let (sender, receiver) = tokio::sync::mpsc::channel(AHEAD);
    let requests = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let batches: Vec<_> = lines.chunks(BATCH).map(<[Line]>::to_vec).collect();
    let feeder = tokio::spawn(async move {
        for (sequence, batch) in (1..).zip(batches) {
            let reports = batch.into_iter().map(|line| line.report).collect();
            // A stream that ended takes no more.
            if sender.send(pb::StreamReportsRequest { sequence, reports }).await.is_err() {
                return;
            }
        }
    });
    let mut answers = access.reporting()?.reports().stream_reports(requests).await?.into_inner();
    let mut rest = lines;
    while let Some(answer) = answers.message().await? {
        let (batch, after) = rest.split_at(answer.results.len().min(rest.len()));
        for (line, result) in batch.iter().zip(answer.results) {
            if result.request_id != line.report.request_id {
                anyhow::bail!("the answers are not in the order of the reports");
            }
            note(outcome, line, result.result);
        }
        bar.inc(u64::try_from(batch.len())?);
        if !batch.is_empty() {
            retry.worked();
        }
        rest = after;
    }
    feeder.abort();
    if rest.is_empty() { Ok(()) } else { Err(Status::unavailable("the stream ended early").into()) }
}

fn note(outcome: &mut Outcome, line: &Line, answer: Option<Answer>) {
    let unit = line.report.unit.clone();
    match answer {
        Some(Answer::Accepted(done)) => {
            outcome.accepted += 1;
            outcome.warned += usize::from(!done.warnings.is_empty());
            let timing = super::reports_show::timing(done.timing()).replace('_', " ");
            *outcome.timings.entry(timing).or_default() += 1;
        }
        Some(Answer::Refused(refusal)) => {
            outcome.refused.push((line.line, unit, refusal.reason, refusal.message));
        }
        None => outcome.refused.push((line.line, unit, String::new(), "no answer".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_line_stays_with_it() {
        let absent: anyhow::Result<()> = Err(Status::not_found("x").into());
        assert!(refusal(absent).unwrap().is_err());
        let usage: anyhow::Result<()> = Err(super::super::Usage("no code".into()).into());
        assert!(refusal(usage).unwrap().is_err());
        let down: anyhow::Result<()> = Err(Status::unavailable("x").into());
        assert!(refusal(down).is_err());
    }

    #[test]
    fn refusals_are_noted_with_their_line() {
        let line = Line { line: 7, report: pb::SubmitReportRequest::default() };
        let mut outcome = Outcome::default();
        let refused = pb::Refusal { code: 9, reason: "NOT_EXPECTED".into(), message: "no".into() };
        note(&mut outcome, &line, Some(Answer::Refused(refused)));
        note(&mut outcome, &line, Some(Answer::Accepted(pb::SubmitReportResponse::default())));
        assert_eq!(outcome.refused[0].0, 7);
        assert_eq!(outcome.accepted, 1);
    }
}
