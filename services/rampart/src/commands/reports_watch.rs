//! `rampart reports watch`.

use proto::reporting::{self as pb, watch_reports_response::Event};
use tonic::Status;

use super::{
    access::Access,
    reporting::{self as shared, Retry, instant},
    reports_show as shown,
    units::LevelArg,
};
use crate::{
    output::{self, Column, Form, Style},
    sheet::Sheet,
};

const ABOUT: &str = "\
A report that is due and has a new reminder is a line as well. --output json prints one object a line, with \
the token that --since takes to resume after it.

Example:
  rampart reports watch --level village --output json";

/// Flags of `rampart reports watch`.
#[derive(Debug, clap::Args)]
#[command(after_help = ABOUT)]
pub(crate) struct Args {
    /// Only units of this level
    #[arg(long, value_enum, value_name = "LEVEL")]
    level: Option<LevelArg>,
    /// Everything after this token; from now on where not said
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TOKEN")]
    since: String,
}

const COLUMNS: &[Column] = &[
    Column { key: "business_date", en: "Day", zh: "业务日" },
    Column { key: "report", en: "Report", zh: "编号" },
    Column { key: "unit", en: "Unit", zh: "单位" },
    Column { key: "unit_display_name", en: "Name", zh: "名称" },
    Column { key: "slot", en: "Slot", zh: "时段" },
    Column { key: "timing", en: "Timing", zh: "时效" },
    Column { key: "content", en: "Content", zh: "内容" },
    Column { key: "returned", en: "Returned", zh: "退回" },
    Column { key: "revision", en: "Revision", zh: "修订" },
    Column { key: "figures", en: "Figures", zh: "数据" },
    Column { key: "receive_time", en: "Received", zh: "收到" },
    Column { key: "remind_time", en: "Reminded", zh: "提醒" },
    Column { key: "token", en: "Token", zh: "位置" },
];

/// Prints changes until the program is stopped.
pub(super) async fn run(args: &Args, access: &Access, style: Style) -> anyhow::Result<()> {
    let mut request = pb::WatchReportsRequest {
        start_token: args.since.clone(),
        level: args.level.map(LevelArg::number).unwrap_or_default(),
    };
    if style.output == Form::Csv {
        output::put(&Sheet::new(style, COLUMNS).csv_head()?)?;
    }
    let mut retry = Retry::default();
    loop {
        // A new connection has a new token of the caller.
        let ended = match access.reporting()?.reports().watch_reports(request.clone()).await {
            Err(status) => status,
            Ok(stream) => {
                let mut stream = stream.into_inner();
                loop {
                    match stream.message().await {
                        Ok(Some(message)) => {
                            retry.worked();
                            request.start_token.clone_from(&message.token);
                            if let Some(Event::Report(report)) = message.event {
                                show(style, &report, &message.token)?;
                            }
                        }
                        Ok(None) => break Status::unavailable("the stream ended"),
                        Err(status) => break status,
                    }
                }
            }
        };
        retry.after(ended).await?;
    }
}

fn show(style: Style, report: &pb::Report, token: &str) -> anyhow::Result<()> {
    let (timing, content) = (shown::timing(report.timing()), shown::content(report.content()));
    let figures = shared::line(&report.figures);
    let mut sheet = Sheet::new(style, COLUMNS);
    sheet.add_row(vec![
        report.business_date.clone().into(),
        report.name.clone().into(),
        report.unit.clone().into(),
        report.unit_display_name.clone().into(),
        report.slot.clone().into(),
        timing.clone().into(),
        content.clone().into(),
        report.returned.into(),
        report.revision.into(),
        figures.clone().into(),
        instant(report.receive_time).into(),
        instant(report.remind_time).into(),
        token.into(),
    ]);
    let state = match (report.returned, report.remind_time) {
        (true, _) => format!("{timing}, returned: {}", report.reason),
        (false, Some(_)) if report.timing() == pb::Timing::Due => {
            format!("due, reminded {}", instant(report.remind_time))
        }
        _ => timing,
    };
    let words =
        [&*report.business_date, &*report.unit_display_name, &*report.slot, &*state, &*content, &*figures];
    let people: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let mut json = shown::json(report);
    json["token"] = token.into();
    shared::change(style, &people.join("  "), &json, &sheet)
}
