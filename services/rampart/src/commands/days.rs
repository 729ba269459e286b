//! `rampart days …`.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use chrono::{DateTime, NaiveDate, Utc};
use proto::reporting as pb;

use super::{
    EXIT_FAILED,
    access::Access,
    days_show as shown, pages,
    reporting::{self as shared, read_json},
    rollup_show,
    units::resolve,
};
use crate::{
    client::Reporting,
    form_file::ScheduleFile,
    output::{self, Style},
};

/// The business days of a form, from opening to the seal.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List days, the latest first
    #[command(after_help = "Example:\n  rampart days list --form grid-day --from 2020-02-01")]
    List {
        /// Only of this form: forms/{uuid}, or its key
        #[arg(long, value_name = "FORM")]
        form: Option<String>,
        /// Only in this state
        #[arg(long, value_enum, value_name = "STATE")]
        state: Option<StateArg>,
        /// The first business date
        #[arg(long, value_name = "DATE")]
        from: Option<NaiveDate>,
        /// The last business date
        #[arg(long, value_name = "DATE")]
        until: Option<NaiveDate>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Show one day: its slots, sign-offs, differences and seals
    #[command(after_help = "Example:\n  rampart days show grid-day 2020-02-03")]
    Show {
        #[command(flatten)]
        day: DayArg,
    },
    /// Open a day by hand; days open by themselves when they begin
    #[command(after_help = "Example:\n  rampart days open grid-day 2020-02-03")]
    Open {
        #[command(flatten)]
        day: DayArg,
    },
    /// Give one date another schedule than its form's
    #[command(after_help = "\
The file is JSON, as the schedule in `rampart forms show KEY --output json`; - is standard input.

Example:
  rampart forms show grid-day --output json | jq '.schedule | .window_end_minutes = 1380' |
    rampart days override grid-day 2020-01-31 - --reason 'the bulletin of 31 January ends at 23:00'")]
    Override {
        #[command(flatten)]
        day: DayArg,
        /// The file: JSON; none with --remove
        #[arg(required_unless_present = "remove")]
        file: Option<PathBuf>,
        /// The form's own schedule again
        #[arg(long, conflicts_with = "file")]
        remove: bool,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Close a day: what is still due is missing from then on
    #[command(after_help = "Example:\n  rampart days close grid-day 2020-02-03")]
    Close {
        #[command(flatten)]
        day: DayArg,
    },
    /// Agree to a unit's figures, as they are shown
    #[command(after_help = "\
Shows the figures, asks on a terminal whether they are right, and agrees to exactly these: where they \
have changed meanwhile it is refused. Elsewhere than on a terminal it does not ask.

Example:
  rampart days sign grid-day 2020-02-03 NBS/2019/431302000000 --note 'checked by phone'")]
    Sign {
        #[command(flatten)]
        day: DayArg,
        /// The unit that agrees: units/{uuid}, or SYSTEM/VINTAGE/CODE
        unit: String,
        /// A remark
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Seal a closed day; of a sealed day, make an amended seal of what has come since
    #[command(after_help = "\
All unmet conditions are named at once.

Example:
  rampart days seal grid-day 2020-02-03 --bulletin-date 2020-02-04
  rampart days seal grid-day 2020-02-03 --reason 'two corrections of 长青街道'")]
    Seal {
        #[command(flatten)]
        day: DayArg,
        /// Why; required without sign-offs and for an amended seal
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
        /// Although units have not agreed to their figures; the seal names them
        #[arg(long)]
        without_sign_offs: bool,
        /// The date that the bulletin bears; the date of the seal where not said
        #[arg(long, value_name = "DATE")]
        bulletin_date: Option<NaiveDate>,
        /// When the bulletin is published; now where not said
        #[arg(long, value_name = "INSTANT")]
        publish: Option<DateTime<Utc>>,
    },
}

/// A day of a form.
#[derive(Debug, clap::Args)]
pub(crate) struct DayArg {
    /// forms/{uuid}, or the form's key
    form: String,
    /// The business date, YYYY-MM-DD
    date: NaiveDate,
}

/// A state on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum StateArg {
    Opening,
    Open,
    Closed,
    Sealed,
}

impl From<StateArg> for pb::DayState {
    fn from(state: StateArg) -> Self {
        match state {
            StateArg::Opening => Self::Opening,
            StateArg::Open => Self::Open,
            StateArg::Closed => Self::Closed,
            StateArg::Sealed => Self::Sealed,
        }
    }
}

/// Runs a command on days.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let reporting = access.reporting()?;
    let request_id = shared::request_id();
    match command {
        Command::List { form, state, from, until, limit } => {
            let form = match form {
                Some(form) => shared::form(&reporting, &form, until).await?.name,
                None => String::new(),
            };
            let request = pb::ListDaysRequest {
                form,
                state: state.map_or(pb::DayState::Unspecified, Into::into).into(),
                start_date: from.map(|date| date.to_string()).unwrap_or_default(),
                end_date: until.map(shared::after).unwrap_or_default(),
                page_size: pages::size(limit),
                page_token: String::new(),
            };
            let days = list(&reporting, request, limit).await?;
            shown::rows(style, &days, &keys(&reporting).await?)?;
        }
        Command::Show { day } => {
            let (form, day) = find(&reporting, &day).await?;
            shown::day(style, &form, &day)?;
        }
        Command::Open { day } => {
            let form = shared::form(&reporting, &day.form, Some(day.date)).await?;
            let business_date = day.date.to_string();
            let request = pb::OpenDayRequest { request_id, form: form.name.clone(), business_date };
            let opened = reporting.days().open_day(request).await?.into_inner().day;
            shown::row(style, &form, opened)?;
        }
        Command::Override { day, file, reason, remove: _ } => {
            let form = shared::form(&reporting, &day.form, Some(day.date)).await?;
            let schedule = file.map(|file| read_json::<ScheduleFile>(&file)).transpose()?;
            let request = pb::OverrideDayRequest {
                request_id,
                form: form.name.clone(),
                business_date: day.date.to_string(),
                schedule: schedule.map(Into::into),
                reason,
            };
            let done = reporting.days().override_day(request).await?.into_inner();
            let state = if done.r#override.is_some() {
                "has a schedule of its own"
            } else {
                "has the schedule of its form"
            };
            output::say(&format!("{} of {} {state}", day.date, form.key));
            if done.day.is_some() {
                shown::row(style, &form, done.day)?;
            }
        }
        Command::Close { day } => {
            let (form, found) = find(&reporting, &day).await?;
            let request = pb::CloseDayRequest { request_id, name: found.name };
            let closed = reporting.days().close_day(request).await?.into_inner().day;
            shown::row(style, &form, closed)?;
        }
        Command::Sign { day, unit, note, yes } => {
            let (form, found) = find(&reporting, &day).await?;
            let unit = resolve(access, &unit).await?;
            let rollup = super::rollup::get(&reporting, &form, day.date, unit.clone(), 0).await?;
            // What is agreed to stands beside what came of it, which alone is the output.
            output::say(&rollup_show::text(style, &form, &rollup));
            if !yes && !agreed(style)? {
                output::say("nothing is signed");
                return Ok(ExitCode::from(EXIT_FAILED));
            }
            let figures_etag = rollup.etag;
            let request = pb::SignOffDayRequest { request_id, name: found.name, unit, figures_etag, note };
            let signed = reporting.days().sign_off_day(request).await?.into_inner();
            shown::sign_offs(style, signed.sign_off.as_slice()).print()?;
            output::say(&match signed.outstanding {
                0 => "every unit has agreed to its figures".to_owned(),
                count => format!("{count} units have not agreed yet"),
            });
        }
        Command::Seal { day, reason, without_sign_offs, bulletin_date, publish } => {
            let (_, found) = find(&reporting, &day).await?;
            let request = pb::SealDayRequest {
                request_id,
                name: found.name,
                figures_etag: String::new(),
                without_sign_offs,
                reason,
                bulletin_date: bulletin_date.map(|date| date.to_string()).unwrap_or_default(),
                publish_time: publish.map(chassis::parse::timestamp),
            };
            let sealed = reporting.days().seal_day(request).await?.into_inner().seal;
            shown::seals(style, sealed.as_slice()).print()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn find(reporting: &Reporting, day: &DayArg) -> anyhow::Result<(pb::Form, pb::Day)> {
    let form = shared::form(reporting, &day.form, Some(day.date)).await?;
    let found = shared::day(reporting, &form, day.date).await?;
    Ok((form, found))
}

async fn list(
    reporting: &Reporting,
    mut request: pb::ListDaysRequest,
    limit: usize,
) -> anyhow::Result<Vec<pb::Day>> {
    pages::up_to(limit, async |page_token| {
        request.page_token = page_token;
        let page = reporting.days().list_days(request.clone()).await?.into_inner();
        Ok((page.days, page.next_page_token))
    })
    .await
}

/// Every form's key by its name, for people.
async fn keys(reporting: &Reporting) -> anyhow::Result<std::collections::BTreeMap<String, String>> {
    let request =
        pb::ListFormsRequest { show_ended: true, page_size: 1_000, ..pb::ListFormsRequest::default() };
    let page = reporting.forms().list_forms(request).await?.into_inner();
    Ok(page.forms.into_iter().map(|form| (form.name, form.key)).collect())
}

/// Whether the officer agrees; elsewhere than on a terminal the command itself says so.
fn agreed(style: Style) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(true);
    }
    let question = style.pick("Agree to these figures? [y/N] ", "同意以上数据？[y/N] ");
    io::stderr().write_all(question.as_bytes())?;
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "是"))
}
