//! `rampart enforcements …`.

use std::process::ExitCode;

use clap::ValueEnum;
use proto::screening as pb;

use super::{
    access::Access,
    observations::named,
    pages,
    reporting::{instant, request_id},
};
use crate::output::{self, Column, Style};

/// Refusals to comply: of households in a sweep, and of persons.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make an enforcement request about a person, or about a unit
    Create {
        /// What is refused
        reason: String,
        /// persons/{uuid}
        #[arg(long, default_value = "", value_name = "PERSON")]
        person: String,
        /// units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        #[arg(long, value_name = "UNIT", conflicts_with = "person")]
        unit: Option<String>,
    },
    /// List enforcement requests, the oldest first
    List {
        /// Only of this unit and of those below it
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// Also those that were settled
        #[arg(long)]
        settled: bool,
        /// What must be done now, in due order
        #[arg(long, conflicts_with = "settled")]
        today: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Say how one was settled
    Settle {
        /// enforcementRequests/{uuid}
        request: String,
        /// How
        #[arg(value_enum)]
        outcome: Outcome,
        /// In words
        #[arg(long, value_name = "TEXT")]
        words: String,
    },
}

/// How a refusal was settled.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Outcome {
    /// They comply
    Complied,
    /// The police have enforced it
    Enforced,
    /// Nothing follows
    Dropped,
}

const COLUMNS: &[Column] = &[
    Column { key: "name", en: "Request", zh: "编号" },
    Column { key: "unit", en: "Whose", zh: "责任单位" },
    Column { key: "person", en: "Person", zh: "人员" },
    Column { key: "household", en: "Household", zh: "户号" },
    Column { key: "households", en: "Households", zh: "户数" },
    Column { key: "reason", en: "What is refused", zh: "事由" },
    Column { key: "settle_by", en: "Settle by", zh: "时限" },
    Column { key: "outcome", en: "Outcome", zh: "处置" },
    Column { key: "words", en: "How", zh: "说明" },
];

fn row(request: pb::EnforcementRequest) -> Vec<String> {
    let outcome = output::word(request.outcome().as_str_name(), "ENFORCEMENT_OUTCOME_");
    let outcome = if outcome == "unspecified" { "open".to_owned() } else { outcome };
    vec![
        request.name,
        request.unit,
        request.person,
        request.household,
        if request.households > 0 { request.households.to_string() } else { String::new() },
        request.reason,
        instant(request.deadline_time),
        outcome,
        request.words,
    ]
}

/// Runs a command on enforcement requests.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut enforcements = access.screening()?.enforcements();
    let request_id = request_id();
    let found: Vec<pb::EnforcementRequest> = match command {
        Command::Create { reason, person, unit } => {
            let unit = named(unit, access).await?;
            let said = Some(pb::EnforcementRequest { reason, person, unit, ..Default::default() });
            let request = pb::CreateEnforcementRequestRequest { request_id, enforcement_request: said };
            let made = enforcements.create_enforcement_request(request).await?.into_inner();
            made.enforcement_request.into_iter().collect()
        }
        Command::List { below, settled, today, limit } => {
            let mut request = pb::ListEnforcementRequestsRequest {
                ancestor_unit: named(below, access).await?,
                settled,
                due_order: today,
                page_size: pages::size(limit),
                page_token: String::new(),
            };
            pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = enforcements.list_enforcement_requests(request.clone()).await?.into_inner();
                Ok((page.enforcement_requests, page.next_page_token))
            })
            .await?
        }
        Command::Settle { request: name, outcome, words } => {
            let outcome = outcome as i32 + 1;
            let request = pb::SettleEnforcementRequestRequest { request_id, name, outcome, words };
            let settled = enforcements.settle_enforcement_request(request).await?.into_inner();
            settled.enforcement_request.into_iter().collect()
        }
    };
    style.rows(COLUMNS, &found.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
