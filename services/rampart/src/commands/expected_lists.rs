//! `rampart handdowns expected …`.

use std::process::ExitCode;

use proto::screening as pb;

use super::{
    EXIT_FOUND,
    access::Access,
    handdowns::List,
    observations::named,
    pages,
    reporting::{instant, request_id},
    units::resolve,
};
use crate::output::{self, Column, Style};

/// Lists that units are to receive every day by an hour: what is missing is put before them, and then above.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show what is expected of a day, and how each stands; exit 1 where one is missing
    List {
        /// Only of this unit and of those below it
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// The day; today where it is not said
        #[arg(long, default_value = "", hide_default_value = true, value_name = "DATE")]
        date: String,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Show every list that has not come, of whatever day, the oldest first; exit 1 where there is one
    Missing {
        /// Only of this unit and of those below it
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Say that a unit expects a list every day from a date on, or no more
    Set {
        /// Who is to receive it: units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        unit: String,
        /// Where it comes from
        #[arg(long, value_enum)]
        list: List,
        /// From whom, as its lists say; where it is not said, any list of the kind is it
        #[arg(long = "from", default_value = "", hide_default_value = true, value_name = "NAME")]
        source_name: String,
        /// From which date on
        #[arg(long, value_name = "DATE")]
        date: String,
        /// By when of the day it must have come, such as 15:00
        #[arg(long, value_name = "HH:MM", required_unless_present = "no_more")]
        by: Option<String>,
        /// Up to when of the day it must reach; the same where it is not said
        #[arg(long, default_value = "", hide_default_value = true, value_name = "HH:MM")]
        covers_until: String,
        /// It is expected no more
        #[arg(long, conflicts_with_all = ["by", "covers_until"])]
        no_more: bool,
        /// The number and title of the order
        #[arg(long, value_name = "TEXT")]
        order: String,
    },
    /// Say that there is no list for a day
    Nil {
        /// expectedLists/{uuid}
        expected_list: String,
        /// The day; today where it is not said
        #[arg(long, default_value = "", hide_default_value = true, value_name = "DATE")]
        date: String,
        /// Who says so, and how
        #[arg(long, value_name = "TEXT")]
        words: String,
    },
}

const DAYS: &[Column] = &[
    Column { key: "expected_list", en: "List", zh: "编号" },
    Column { key: "unit", en: "Unit", zh: "接收单位" },
    Column { key: "kind", en: "Kind", zh: "来源" },
    Column { key: "source_name", en: "From", zh: "报送单位" },
    Column { key: "date", en: "Day", zh: "日期" },
    Column { key: "due", en: "Due", zh: "时限" },
    Column { key: "state", en: "State", zh: "状态" },
    Column { key: "received", en: "Came", zh: "接收时间" },
    Column { key: "nil_by", en: "Said nil", zh: "零报告人" },
    Column { key: "words", en: "Words", zh: "说明" },
];

const LISTS: &[Column] = &[
    Column { key: "name", en: "List", zh: "编号" },
    Column { key: "unit", en: "Unit", zh: "接收单位" },
    Column { key: "kind", en: "Kind", zh: "来源" },
    Column { key: "source_name", en: "From", zh: "报送单位" },
    Column { key: "due_by", en: "By", zh: "时限" },
    Column { key: "covers_until", en: "Up to", zh: "截止" },
    Column { key: "effective_date", en: "From date", zh: "起" },
    Column { key: "order", en: "Order", zh: "文号" },
];

fn day(day: pb::ExpectedListDay) -> Vec<String> {
    vec![
        day.expected_list.clone(),
        day.unit.clone(),
        output::word(day.kind().as_str_name(), "LIST_KIND_"),
        day.source_name.clone(),
        day.date.clone(),
        instant(day.due_time),
        output::word(day.state().as_str_name(), "LIST_STATE_"),
        instant(day.receive_time),
        day.nil_by,
        day.words,
    ]
}

/// Runs a command on expected lists.
pub(super) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut lists = access.screening()?.expected_lists();
    let found = match command {
        Command::List { below, date, limit } => {
            let ancestor_unit = named(below, access).await?;
            let mut request = pb::ListExpectedListsRequest {
                ancestor_unit,
                date,
                page_size: pages::size(limit),
                ..Default::default()
            };
            pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = lists.list_expected_lists(request.clone()).await?.into_inner();
                Ok((page.expected_lists, page.next_page_token))
            })
            .await?
        }
        Command::Missing { below, limit } => {
            let ancestor_unit = named(below, access).await?;
            let mut request = pb::ListMissingListsRequest {
                ancestor_unit,
                page_size: pages::size(limit),
                ..Default::default()
            };
            pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = lists.list_missing_lists(request.clone()).await?.into_inner();
                Ok((page.expected_lists, page.next_page_token))
            })
            .await?
        }
        Command::Set { unit, list, source_name, date, by, covers_until, no_more, order } => {
            let request = pb::SetExpectedListRequest {
                request_id: request_id(),
                unit: resolve(access, &unit).await?,
                kind: list as i32 + 1,
                source_name,
                effective_date: date,
                due_by: by.unwrap_or_default(),
                covers_until,
                order,
                expected_no_more: no_more,
            };
            let set = lists.set_expected_list(request).await?.into_inner().expected_list.unwrap_or_default();
            let kind = output::word(set.kind().as_str_name(), "LIST_KIND_");
            let pb::ExpectedList {
                name, unit, source_name, due_by, covers_until, effective_date, order, ..
            } = set;
            let row = vec![name, unit, kind, source_name, due_by, covers_until, effective_date, order];
            style.rows(LISTS, &[row])?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Nil { expected_list, date, words } => {
            let request = pb::SayNilListRequest { request_id: request_id(), expected_list, date, words };
            lists.say_nil_list(request).await?.into_inner().expected_list.into_iter().collect()
        }
    };
    let is_missing = found.iter().any(|day| day.state() == pb::ListState::Missing);
    style.rows(DAYS, &found.into_iter().map(day).collect::<Vec<_>>())?;
    Ok(if is_missing { ExitCode::from(EXIT_FOUND) } else { ExitCode::SUCCESS })
}
