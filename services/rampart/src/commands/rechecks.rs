//! `rampart cases rechecks` and `rampart cases recheck`: who was discharged is looked at again.

use std::process::ExitCode;

use clap::ValueEnum;
use proto::screening as pb;

use super::{
    access::Access,
    observations::named,
    pages,
    reporting::{instant, request_id},
};
use crate::{
    output::{self, Column, Style},
    readings_file,
};

/// Which rechecks are listed.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Only of persons in the hands of this unit and of those below it
    #[arg(long, value_name = "UNIT")]
    below: Option<String>,
    /// Only of this person, persons/{uuid}
    #[arg(long, default_value = "", value_name = "PERSON")]
    person: String,
    /// Also those that were settled
    #[arg(long)]
    settled: bool,
    /// What must be done now: those whose week has begun, in due order
    #[arg(long, conflicts_with = "settled")]
    today: bool,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
}

/// What came of a recheck.
#[derive(Debug, clap::Args)]
pub(crate) struct RecordArgs {
    /// rechecks/{uuid}
    recheck: String,
    /// What came of it
    #[arg(value_enum)]
    outcome: Outcome,
    /// On which day; today where it is not said
    #[arg(long, default_value = "", value_name = "DATE")]
    on: String,
    /// For positive: a result of the person's own, results/{uuid}
    #[arg(long, default_value = "", value_name = "RESULT")]
    result: String,
    /// For symptoms: which; may be repeated
    #[arg(long = "symptom", value_name = "WORD", value_parser = readings_file::symptom)]
    symptoms: Vec<pb::Symptom>,
    /// In words
    #[arg(long, default_value = "", value_name = "TEXT")]
    words: String,
}

/// What came of a recheck.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Outcome {
    /// Well
    Well,
    /// Has symptoms, and is referred
    Symptoms,
    /// A result is positive again
    Positive,
    /// Refuses, which is an enforcement request
    Refused,
    /// Has died
    Died,
}

const COLUMNS: &[Column] = &[
    Column { key: "name", en: "Recheck", zh: "编号" },
    Column { key: "person", en: "Person", zh: "人员" },
    Column { key: "responsible_unit", en: "Whose", zh: "责任单位" },
    Column { key: "case", en: "Case", zh: "病例" },
    Column { key: "week", en: "Week", zh: "周次" },
    Column { key: "deadline", en: "Do by", zh: "时限" },
    Column { key: "outcome", en: "Outcome", zh: "结果" },
    Column { key: "done", en: "Done", zh: "复诊日期" },
    Column { key: "late", en: "Late", zh: "超时" },
    Column { key: "words", en: "In words", zh: "说明" },
];

fn row(one: pb::Recheck) -> Vec<String> {
    let outcome = output::word(one.outcome().as_str_name(), "RECHECK_OUTCOME_");
    vec![
        one.name,
        one.person,
        one.responsible_unit,
        one.case,
        one.week.to_string(),
        instant(one.deadline_time),
        if outcome == "unspecified" { "open".to_owned() } else { outcome },
        one.done_date,
        if one.late { "late".to_owned() } else { String::new() },
        one.words,
    ]
}

/// Lists rechecks.
pub(crate) async fn list(args: ListArgs, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut rechecks = access.screening()?.rechecks();
    let mut request = pb::ListRechecksRequest {
        ancestor_unit: named(args.below, access).await?,
        person: args.person,
        settled: args.settled,
        due_order: args.today,
        page_size: pages::size(args.limit),
        page_token: String::new(),
    };
    let found = pages::up_to(args.limit, async |page_token| {
        request.page_token = page_token;
        let page = rechecks.list_rechecks(request.clone()).await?.into_inner();
        Ok((page.rechecks, page.next_page_token))
    })
    .await?;
    style.rows(COLUMNS, &found.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

/// Says what came of a recheck.
pub(crate) async fn record(args: RecordArgs, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let request = pb::RecordRecheckRequest {
        request_id: request_id(),
        name: args.recheck,
        outcome: args.outcome as i32 + 1,
        date: args.on,
        result: args.result,
        symptoms: args.symptoms.into_iter().map(i32::from).collect(),
        words: args.words,
    };
    let told = access.screening()?.rechecks().record_recheck(request).await?.into_inner();
    for (made, name) in [("referred", &told.referral), ("to be settled", &told.enforcement_request)] {
        if !name.is_empty() {
            output::say(&format!("{made}: {name}"));
        }
    }
    style.rows(COLUMNS, &told.recheck.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
