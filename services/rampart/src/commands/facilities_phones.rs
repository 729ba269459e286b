//! The phones of facilities, and the calls to them.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::ValueEnum;
use proto::medical as pb;

use super::{
    Usage,
    access::Access,
    pages,
    reporting::{instant, request_id},
};
use crate::output::{self, Column, Style};

/// Commands on phones.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Add a phone to a facility
    AddPhone {
        /// facilities/{uuid}
        facility: String,
        /// The number
        number: String,
        /// What it is for, such as 发热门诊
        #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
        label: String,
        /// When somebody answers, such as 08:00-17:30; around the clock where it is not said
        #[arg(long, value_name = "HOURS")]
        hours: Option<String>,
    },
    /// Change what a phone is for, or its hours
    UpdatePhone {
        /// phones/{uuid}
        phone: String,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
        /// When somebody answers, such as 08:00-17:30; nothing for around the clock
        #[arg(long, value_name = "HOURS")]
        hours: Option<String>,
    },
    /// Say that you have found a phone right
    VerifyPhone {
        /// phones/{uuid}
        phone: String,
    },
    /// Take a phone out of the directory
    RemovePhone {
        /// phones/{uuid}
        phone: String,
    },
    /// Record a call to a phone of the directory
    Call {
        /// phones/{uuid}
        phone: String,
        /// What came of it
        #[arg(value_enum)]
        outcome: Outcome,
        /// When, such as 2020-02-03T08:00:00+08:00; now where it is not said
        #[arg(long, value_name = "INSTANT")]
        at: Option<DateTime<Utc>>,
    },
    /// List the calls to a phone
    Calls {
        /// phones/{uuid}
        phone: String,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
}

/// What came of a call.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Outcome {
    /// Somebody of the facility answered
    Answered = 1,
    /// Nobody answered
    NoAnswer,
    /// It was busy
    Busy,
    /// Somebody else answered
    WrongNumber,
    /// There is no such number
    OutOfService,
}

const PHONES: &[Column] = &[
    Column { key: "name", en: "Phone", zh: "编号" },
    Column { key: "number", en: "Number", zh: "号码" },
    Column { key: "label", en: "For", zh: "用途" },
    Column { key: "hours", en: "Hours", zh: "时间" },
    Column { key: "verified", en: "Verified", zh: "核实时间" },
    Column { key: "verified_by", en: "By", zh: "核实人" },
    Column { key: "failed_calls", en: "Failed calls", zh: "未接通" },
    Column { key: "unanswered_since", en: "Not answered since", zh: "标注时间" },
];

const CALLS: &[Column] = &[
    Column { key: "name", en: "Call", zh: "编号" },
    Column { key: "time", en: "Called", zh: "拨打时间" },
    Column { key: "outcome", en: "Outcome", zh: "结果" },
    Column { key: "mark", en: "Mark", zh: "标注" },
    Column { key: "called_by", en: "Who", zh: "拨打人" },
];

/// Hours as they are said on the command line: from, until.
fn hours(said: &str) -> Result<(String, String), Usage> {
    if said.is_empty() {
        return Ok((String::new(), String::new()));
    }
    let parts = said.split_once('-').map(|(from, until)| (from.trim().to_owned(), until.trim().to_owned()));
    parts.ok_or_else(|| Usage(format!("--hours {said:?} must be FROM-UNTIL, such as 08:00-17:30")))
}

/// Hours in words.
pub(super) fn in_words(open: &str, close: &str) -> String {
    if open.is_empty() { "24h".to_owned() } else { format!("{open}-{close}") }
}

fn phone_row(phone: pb::Phone) -> Vec<String> {
    vec![
        phone.name,
        phone.number,
        phone.label,
        in_words(&phone.open_time, &phone.close_time),
        instant(phone.verify_time),
        phone.verified_by,
        phone.failed_calls.to_string(),
        instant(phone.mark_time),
    ]
}

fn call_row(call: pb::Call) -> Vec<String> {
    let outcome = output::word(call.outcome().as_str_name(), "CALL_OUTCOME_");
    let mark = if call.outside_hours { "outside the hours" } else { "" };
    vec![call.name, instant(call.call_time), outcome, mark.to_owned(), call.called_by]
}

/// Runs a command on phones.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut phones = access.medical()?.phones();
    let request_id = request_id();
    let shown = match command {
        Command::AddPhone { facility, number, label, hours: said } => {
            let (open_time, close_time) = hours(&said.unwrap_or_default())?;
            let phone = pb::Phone { facility, number, label, open_time, close_time, ..pb::Phone::default() };
            let request = pb::AddPhoneRequest { request_id, phone: Some(phone) };
            phones.add_phone(request).await?.into_inner().phone
        }
        Command::UpdatePhone { phone, label, hours: said } => {
            let mut paths = Vec::new();
            paths.extend(label.as_ref().map(|_| "label".to_owned()));
            if said.is_some() {
                paths.extend(["open_time".to_owned(), "close_time".to_owned()]);
            }
            let (open_time, close_time) = hours(&said.unwrap_or_default())?;
            let label = label.unwrap_or_default();
            let phone = pb::Phone { name: phone, label, open_time, close_time, ..pb::Phone::default() };
            let update_mask = Some(prost_types::FieldMask { paths });
            let request = pb::UpdatePhoneRequest { request_id, phone: Some(phone), update_mask };
            phones.update_phone(request).await?.into_inner().phone
        }
        Command::VerifyPhone { phone } => {
            let request = pb::VerifyPhoneRequest { request_id, name: phone };
            phones.verify_phone(request).await?.into_inner().phone
        }
        Command::RemovePhone { phone } => {
            let request = pb::RemovePhoneRequest { request_id, name: phone };
            phones.remove_phone(request).await?.into_inner().phone
        }
        Command::Call { phone, outcome, at } => {
            let call_time = at.map(chassis::parse::timestamp);
            let request = pb::LogCallRequest { request_id, phone, outcome: outcome as i32, call_time };
            let answer = phones.log_call(request).await?.into_inner();
            if answer.marked {
                output::say("the number is marked as not answered in the directory; the county is told");
            }
            style.rows(CALLS, &answer.call.into_iter().map(call_row).collect::<Vec<_>>())?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Calls { phone, limit } => {
            let (page_size, page_token) = (pages::size(limit), String::new());
            let mut request = pb::ListCallsRequest { phone, page_size, page_token };
            let calls = pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = phones.list_calls(request.clone()).await?.into_inner();
                Ok((page.calls, page.next_page_token))
            });
            style.rows(CALLS, &calls.await?.into_iter().map(call_row).collect::<Vec<_>>())?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    style.rows(PHONES, &shown.into_iter().map(phone_row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
