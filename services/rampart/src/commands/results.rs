//! `rampart results …`.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::ValueEnum;
use proto::screening as pb;

use super::{
    access::Access,
    observations::named,
    pages,
    reporting::{instant, request_id},
};
use crate::output::{self, Column, Style};

/// What laboratories say of persons.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Record a result
    Record {
        /// persons/{uuid}
        person: String,
        /// What came of it
        #[arg(value_enum)]
        outcome: Outcome,
        /// By what it was tested
        #[arg(long, value_enum, default_value_t)]
        kind: Kind,
        /// When the specimen was taken, such as 2020-02-02T12:00:00+08:00
        #[arg(long, value_name = "INSTANT")]
        taken: DateTime<Utc>,
        /// Which laboratory
        #[arg(long, value_name = "TEXT")]
        laboratory: String,
        /// The result that this one stands for, results/{uuid}
        #[arg(long, default_value = "", value_name = "RESULT")]
        amends: String,
    },
    /// List results, the oldest first
    List {
        /// Only of persons in the hands of this unit and of those below it
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// Only of this person, persons/{uuid}
        #[arg(long, default_value = "", value_name = "PERSON")]
        person: String,
        /// Only those that somebody must act on
        #[arg(long, conflicts_with = "today")]
        unhandled: bool,
        /// What must be done now, in due order
        #[arg(long)]
        today: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Say what was done about a result
    Handle {
        /// results/{uuid}
        result: String,
        /// What was done
        #[arg(long = "done", value_name = "TEXT")]
        handling: String,
    },
}

/// What came of a test.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Outcome {
    /// Positive
    Positive,
    /// Negative
    Negative,
    /// Neither
    Indeterminate,
}

/// By what a specimen was tested.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Kind {
    /// RT-PCR
    #[default]
    Pcr,
    /// A sequence
    Sequence,
    /// Serology
    Serology,
}

const COLUMNS: &[Column] = &[
    Column { key: "name", en: "Result", zh: "编号" },
    Column { key: "person", en: "Person", zh: "人员" },
    Column { key: "responsible_unit", en: "Whose", zh: "责任单位" },
    Column { key: "kind", en: "Test", zh: "检测" },
    Column { key: "outcome", en: "Outcome", zh: "结果" },
    Column { key: "taken", en: "Taken", zh: "采样" },
    Column { key: "laboratory", en: "Laboratory", zh: "实验室" },
    Column { key: "act_by", en: "Act by", zh: "处理时限" },
    Column { key: "handled", en: "Handled", zh: "处理" },
    Column { key: "handling", en: "What was done", zh: "处理情况" },
];

fn row(result: pb::Result) -> Vec<String> {
    vec![
        result.name.clone(),
        result.person.clone(),
        result.responsible_unit.clone(),
        output::word(result.kind().as_str_name(), "TEST_KIND_"),
        output::word(result.outcome().as_str_name(), "TEST_OUTCOME_"),
        instant(result.taken_time),
        result.laboratory,
        instant(result.deadline_time),
        instant(result.handle_time),
        result.handling,
    ]
}

/// Runs a command on results.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut results = access.screening()?.results();
    let found: Vec<pb::Result> = match command {
        Command::Record { person, outcome, kind, taken, laboratory, amends } => {
            let result = pb::Result {
                person,
                kind: kind as i32 + 1,
                outcome: outcome as i32 + 1,
                taken_time: Some(chassis::parse::timestamp(taken)),
                laboratory,
                amends,
                ..pb::Result::default()
            };
            let request = pb::RecordResultRequest { request_id: request_id(), result: Some(result) };
            results.record_result(request).await?.into_inner().result.into_iter().collect()
        }
        Command::List { below, person, unhandled, today, limit } => {
            let mut request = pb::ListResultsRequest {
                ancestor_unit: named(below, access).await?,
                person,
                unhandled,
                due_order: today,
                page_size: pages::size(limit),
                page_token: String::new(),
            };
            pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = results.list_results(request.clone()).await?.into_inner();
                Ok((page.results, page.next_page_token))
            })
            .await?
        }
        Command::Handle { result, handling } => {
            let request = pb::HandleResultRequest { request_id: request_id(), name: result, handling };
            results.handle_result(request).await?.into_inner().result.into_iter().collect()
        }
    };
    style.rows(COLUMNS, &found.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
