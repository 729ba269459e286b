//! `rampart reports …`.

use std::process::ExitCode;

use chrono::{DateTime, NaiveDate, Utc};
use proto::reporting as pb;

use super::{
    EXIT_FOUND, Usage,
    access::Access,
    pages,
    reporting::{self as shared, by_key, figure},
    reports_differences as differences, reports_import, reports_show as shown, reports_watch as watch,
    units::resolve,
};
use crate::{
    client::Reporting,
    output::{self, Style},
};

/// What units said of a day, and who has not said anything.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Take in one report, with figures or zero
    #[command(after_help = "\
Empty is not zero: say --zero, or every figure that is known. A report that was in before is replaced \
while the day is open; after the close it is corrected.

Example:
  rampart reports submit grid-day 2020-02-03 NBS/2019/431302001001 at_home=3 left_for_work=12
  rampart reports submit grid-day 2020-02-03 NBS/2019/431302001001 --zero --channel phone --on-behalf-of 组长")]
    Submit {
        /// forms/{uuid}, or the form's key
        form: String,
        /// The business date, YYYY-MM-DD
        date: NaiveDate,
        /// The unit that reports: units/{uuid}, or SYSTEM/VINTAGE/CODE
        unit: String,
        /// Figures, KEY=NUMBER
        #[arg(value_name = "KEY=NUMBER", value_parser = figure, required_unless_present_any = ["zero", "draft"])]
        figures: Vec<(String, i64)>,
        /// Say zero, without figures
        #[arg(long, conflicts_with = "figures")]
        zero: bool,
        /// The slot, where the form has several
        #[arg(long, default_value = "", hide_default_value = true, value_name = "SLOT")]
        slot: String,
        /// How it reached you
        #[arg(long, value_enum, default_value = "network")]
        channel: ChannelArg,
        /// Who said so, where you enter it for the unit
        #[arg(long, default_value = "", hide_default_value = true, value_name = "NAME")]
        on_behalf_of: String,
        /// When it was made, such as 2020-02-03T15:30:00+08:00
        #[arg(long, value_name = "INSTANT")]
        made: Option<DateTime<Utc>>,
        /// A remark
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
        /// Why a figure is another than the registers have, KEY=WORDS
        #[arg(long = "explain", value_name = "KEY=WORDS", value_parser = explanation)]
        explanations: Vec<(String, String)>,
        /// Fill in what the registers know of the fields that are not said
        #[arg(long, conflicts_with = "zero")]
        draft: bool,
    },
    /// Show what the registers know of a report, and where it says otherwise
    #[command(
        after_help = "Example:\n  rampart reports draft epidemic-day 2020-02-03 NBS/2019/431322101000\n  rampart reports submit epidemic-day 2020-02-03 NBS/2019/431322101000 --draft"
    )]
    Draft {
        /// forms/{uuid}, or the form's key
        form: String,
        /// The business date, YYYY-MM-DD
        date: NaiveDate,
        /// The unit that is to report: units/{uuid}, or SYSTEM/VINTAGE/CODE
        unit: String,
        /// The slot, where the form has several
        #[arg(long, default_value = "", hide_default_value = true, value_name = "SLOT")]
        slot: String,
    },
    /// List where reports say otherwise than the registers; exit 1 where that is not explained
    #[command(
        after_help = "Example:\n  rampart reports differences epidemic-day 2020-02-03 --below NBS/2019/431302000000 --unexplained"
    )]
    Differences {
        #[command(flatten)]
        day: DayArg,
        /// Only those that nobody has explained
        #[arg(long)]
        unexplained: bool,
    },
    /// Take in many reports from a file (CSV); exit 1 where any is refused
    Import(reports_import::Args),
    /// List the reports of a day in the order of the tree
    #[command(
        after_help = "Example:\n  rampart reports list grid-day 2020-02-03 --below NBS/2019/431302000000 --timing late"
    )]
    List {
        #[command(flatten)]
        day: DayArg,
        /// Only this timing
        #[arg(long, value_enum, value_name = "TIMING")]
        timing: Option<TimingArg>,
        /// Only this content
        #[arg(long, value_enum, value_name = "CONTENT")]
        content: Option<ContentArg>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// List who has not reported, and whom to call; exit 1 where there are any
    #[command(
        after_help = "Example:\n  rampart reports missing grid-day 2020-02-03 --below NBS/2019/431302000000 --lang zh"
    )]
    Missing {
        #[command(flatten)]
        day: DayArg,
        /// Only this slot
        #[arg(long, default_value = "", hide_default_value = true, value_name = "SLOT")]
        slot: String,
    },
    /// Show one report with all its revisions and notes
    #[command(after_help = "Example:\n  rampart reports show reports/0190c7a6-…")]
    Show {
        /// reports/{uuid}
        report: String,
    },
    /// Return a report to its unit: its figures count no more, and it is awaited again
    #[command(
        after_help = "Example:\n  rampart reports return reports/0190c7a6-… --reason 'households and persons mixed up'"
    )]
    Return {
        /// reports/{uuid}
        report: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Correct figures of a report; all others stay
    #[command(
        after_help = "Example:\n  rampart reports correct reports/0190c7a6-… at_home=4 --reason 'counted again' --announce 2020-02-05"
    )]
    Correct {
        /// reports/{uuid}
        report: String,
        /// The figures that change, KEY=NUMBER
        #[arg(value_name = "KEY=NUMBER", value_parser = figure, required = true)]
        figures: Vec<(String, i64)>,
        /// Why
        #[arg(long)]
        reason: String,
        /// The date on which it is announced; today where not said
        #[arg(long, value_name = "DATE")]
        announce: Option<NaiveDate>,
    },
    /// Excuse units, and all below them, from reporting
    #[command(
        after_help = "Example:\n  rampart reports excuse grid-day 2020-02-03 NBS/2019/431302001000 --reason 'power cut until noon'"
    )]
    Excuse {
        /// forms/{uuid}, or the form's key
        form: String,
        /// The business date, YYYY-MM-DD
        date: NaiveDate,
        /// The units: units/{uuid}, or SYSTEM/VINTAGE/CODE
        #[arg(required = true)]
        units: Vec<String>,
        /// Only this slot
        #[arg(long, default_value = "", hide_default_value = true, value_name = "SLOT")]
        slot: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Note that you asked for a report, whom and what they answered
    #[command(
        after_help = "Example:\n  rampart reports chase reports/0190c7a6-… --note 'called the leader: in half an hour'"
    )]
    Chase {
        /// reports/{uuid}
        report: String,
        /// Whom you asked and what was answered
        #[arg(long)]
        note: String,
    },
    /// Print the reports of your units whenever they change, one a line, until Ctrl-C
    Watch(watch::Args),
}

/// The reports of a day.
#[derive(Debug, clap::Args)]
pub(crate) struct DayArg {
    /// forms/{uuid}, or the form's key
    form: String,
    /// The business date, YYYY-MM-DD
    date: NaiveDate,
    /// Only of this unit and the units below it: units/{uuid}, or SYSTEM/VINTAGE/CODE
    #[arg(long, value_name = "UNIT")]
    below: Option<String>,
}

/// A channel on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum ChannelArg {
    Network,
    Phone,
    Paper,
    Other,
}

impl From<ChannelArg> for pb::Channel {
    fn from(channel: ChannelArg) -> Self {
        match channel {
            ChannelArg::Network => Self::Network,
            ChannelArg::Phone => Self::Phone,
            ChannelArg::Paper => Self::Paper,
            ChannelArg::Other => Self::Other,
        }
    }
}

/// A timing on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum TimingArg {
    Due,
    OnTime,
    Late,
    AfterClose,
    Excused,
    Missing,
}

impl From<TimingArg> for pb::Timing {
    fn from(timing: TimingArg) -> Self {
        match timing {
            TimingArg::Due => Self::Due,
            TimingArg::OnTime => Self::OnTime,
            TimingArg::Late => Self::Late,
            TimingArg::AfterClose => Self::AfterClose,
            TimingArg::Excused => Self::Excused,
            TimingArg::Missing => Self::Missing,
        }
    }
}

/// A content on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum ContentArg {
    /// Figures
    Data,
    /// Zero, said
    Zero,
}

impl From<ContentArg> for pb::Content {
    fn from(content: ContentArg) -> Self {
        match content {
            ContentArg::Data => Self::Data,
            ContentArg::Zero => Self::Zero,
        }
    }
}

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
                page_size: i32::try_from(limit.clamp(1, 1_000))?,
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

/// Words for a field on the command line.
fn explanation(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, words)| !key.is_empty() && !words.is_empty());
    let (key, words) = pair.ok_or_else(|| format!("{text:?} is not KEY=WORDS"))?;
    Ok((key.to_owned(), words.to_owned()))
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
    let mut all = Vec::new();
    loop {
        let page = reporting.reports().list_reports(request.clone()).await?.into_inner();
        all.extend(page.reports);
        if page.next_page_token.is_empty() || all.len() >= limit {
            if !page.next_page_token.is_empty() || all.len() > limit {
                output::say(&format!("there are more than {limit}: --limit shows them"));
            }
            all.truncate(limit);
            return Ok(all);
        }
        request.page_token = page.next_page_token;
    }
}

async fn missing(
    reporting: &Reporting,
    mut request: pb::ListMissingRequest,
) -> anyhow::Result<Vec<pb::MissingReport>> {
    let mut all = Vec::new();
    loop {
        let page = reporting.reports().list_missing(request.clone()).await?.into_inner();
        all.extend(page.missing);
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        request.page_token = page.next_page_token;
    }
}
