//! `rampart erasures …`.

mod list;

use std::process::ExitCode;

use chassis::parse::hex;
use clap::ValueEnum;
use proto::screening as pb;
use screening::closures::digest_of;

use super::{
    EXIT_FOUND,
    access::Access,
    pages,
    reporting::{instant, request_id},
    units::resolve,
};
use crate::{
    client::Screening,
    output::{self, Column, Style},
};

/// Erasures of personal values: those whose date comes or has passed, and the closing of an epidemic in an area.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List whose personal values will be erased, what holds that, and whose were erased
    List(list::Args),
    /// Propose to close the epidemic in an area: a dry run, which erases nothing until two others approve
    Close {
        /// A county, or what stands above: units/{uuid}, or SYSTEM/VINTAGE/CODE
        area: String,
        /// Why, without personal values
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Approve a closing; with the second approval everybody in the area whom nothing holds is erased, for good
    Approve {
        /// closures/{uuid}
        closure: String,
    },
    /// Cancel a closing that is not done; what was erased stays so
    Cancel {
        /// closures/{uuid}
        closure: String,
        /// Why, without personal values
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List closings and how far they are, the first proposed first
    Closures {
        /// Only these
        #[arg(long, value_enum)]
        state: Option<State>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Print the certificate of a closing, and make its digest again from the list of who was erased; exit 1 where they differ
    Certificate {
        /// closures/{uuid}
        closure: String,
    },
}

/// How far a closing is.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum State {
    /// Fewer than two have approved it
    Proposed,
    /// Whoever nothing holds is erased
    Erasing,
    /// Nobody is left but whom the law keeps
    Closed,
    /// Cancelled
    Cancelled,
}

impl From<State> for pb::ClosureState {
    fn from(state: State) -> Self {
        match state {
            State::Proposed => Self::Proposed,
            State::Erasing => Self::Erasing,
            State::Closed => Self::Closed,
            State::Cancelled => Self::Cancelled,
        }
    }
}

const COLUMNS: &[Column] = &[
    Column { key: "name", en: "Closing", zh: "编号" },
    Column { key: "area", en: "Area", zh: "范围" },
    Column { key: "state", en: "State", zh: "状态" },
    Column { key: "proposed_by", en: "Proposed by", zh: "提出人" },
    Column { key: "proposed", en: "Proposed", zh: "提出时间" },
    Column { key: "approved_by", en: "Approved by", zh: "批准人" },
    Column { key: "would_erase", en: "Would erase", zh: "拟删除人数" },
    Column { key: "would_hold", en: "Would hold", zh: "拟暂缓" },
    Column { key: "covered", en: "Covered", zh: "涉及人数" },
    Column { key: "erased", en: "Erased", zh: "已删除人数" },
    Column { key: "left", en: "Left", zh: "剩余人数" },
    Column { key: "held", en: "Held by", zh: "暂缓原因" },
];

const CERTIFICATE: &[Column] = &[
    Column { key: "name", en: "Closing", zh: "编号" },
    Column { key: "area", en: "Area", zh: "范围" },
    Column { key: "reason", en: "Why", zh: "事由" },
    Column { key: "proposed_by", en: "Proposed by", zh: "提出人" },
    Column { key: "proposed", en: "Proposed", zh: "提出时间" },
    Column { key: "approved_by", en: "Approved by", zh: "批准人" },
    Column { key: "approved", en: "Approved", zh: "批准时间" },
    Column { key: "closed", en: "Closed", zh: "完成时间" },
    Column { key: "covered", en: "Covered", zh: "涉及人数" },
    Column { key: "erased", en: "Erased", zh: "已删除人数" },
    Column { key: "marks", en: "Marks", zh: "检索标记" },
    Column { key: "findings", en: "Findings", zh: "发现记录" },
    Column { key: "sources", en: "Sources", zh: "来源记录" },
    Column { key: "exposures", en: "Exposures", zh: "接触记录" },
    Column { key: "kept", en: "Kept by law", zh: "依法保存" },
    Column { key: "gone_on", en: "Kept to their date", zh: "按期保存" },
    Column { key: "first", en: "First erased", zh: "首位删除" },
    Column { key: "first_time", en: "At", zh: "时间" },
    Column { key: "last", en: "Last erased", zh: "末位删除" },
    Column { key: "last_time", en: "At", zh: "时间" },
    Column { key: "sha256", en: "SHA-256", zh: "摘要" },
    Column { key: "checked", en: "Made again", zh: "复核" },
];

fn holds(held: &[pb::ClosureHold]) -> String {
    let one = |held: &pb::ClosureHold| {
        format!("{} {}", output::word(held.hold().as_str_name(), "ERASURE_HOLD_"), held.persons)
    };
    held.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn approvers(closure: &pb::Closure) -> String {
    closure.approvals.iter().map(|one| one.approved_by.clone()).collect::<Vec<_>>().join(", ")
}

fn row(closure: &pb::Closure) -> Vec<String> {
    let persons = |counts: Option<pb::ClosureCounts>| counts.unwrap_or_default().persons.to_string();
    vec![
        closure.name.clone(),
        closure.area.clone(),
        output::word(closure.state().as_str_name(), "CLOSURE_STATE_"),
        closure.proposed_by.clone(),
        instant(closure.propose_time),
        approvers(closure),
        persons(closure.would_erase),
        holds(&closure.would_hold),
        closure.covered.to_string(),
        persons(closure.erased),
        closure.left.to_string(),
        holds(&closure.held),
    ]
}

/// Everybody whom a closing has erased, in order, as its digest is made of.
async fn erased(screening: &Screening, closure: &str) -> anyhow::Result<Vec<String>> {
    let mut request = pb::ListErasuresRequest {
        closure: closure.to_owned(),
        state: pb::ErasureState::Erased.into(),
        page_size: pages::size(usize::MAX),
        ..Default::default()
    };
    let found = pages::up_to(usize::MAX, async |page_token| {
        request.page_token = page_token;
        let page = screening.erasures().list_erasures(request.clone()).await?.into_inner();
        Ok((page.erasures, page.next_page_token))
    });
    Ok(found.await?.into_iter().map(|erasure| erasure.person).collect())
}

async fn certificate(screening: &Screening, name: String, style: Style) -> anyhow::Result<ExitCode> {
    let answer = screening.erasures().get_closure(pb::GetClosureRequest { name }).await?.into_inner();
    let closure = answer.closure.unwrap_or_default();
    let Some(certificate) = closure.certificate.clone() else {
        let state = output::word(closure.state().as_str_name(), "CLOSURE_STATE_");
        anyhow::bail!("{} has no certificate: it is {state}", closure.name);
    };
    let persons = erased(screening, &closure.name).await?;
    let is_same = hex(&digest_of(persons.into_iter())) == certificate.sha256;
    let counts = certificate.erased.unwrap_or_default();
    let row = vec![
        closure.name.clone(),
        closure.area.clone(),
        closure.reason.clone(),
        closure.proposed_by.clone(),
        instant(closure.propose_time),
        approvers(&closure),
        instant(closure.approvals.last().and_then(|approval| approval.approve_time)),
        instant(certificate.close_time),
        closure.covered.to_string(),
        counts.persons.to_string(),
        counts.marks.to_string(),
        counts.findings.to_string(),
        counts.sources.to_string(),
        counts.exposures.to_string(),
        certificate.kept.to_string(),
        certificate.gone_on.to_string(),
        certificate.first_person,
        instant(certificate.first_time),
        certificate.last_person,
        instant(certificate.last_time),
        certificate.sha256,
        if is_same { "the same" } else { "another" }.to_owned(),
    ];
    style.rows(CERTIFICATE, &[row])?;
    Ok(if is_same { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FOUND) })
}

/// Runs a command on erasures.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let screening = access.screening()?;
    let mut erasures = screening.erasures();
    let found: Vec<pb::Closure> = match command {
        Command::List(args) => return list::run(args, access, style).await,
        Command::Certificate { closure } => return certificate(&screening, closure, style).await,
        Command::Close { area, reason } => {
            let area = resolve(access, &area).await?;
            let request = pb::ProposeClosureRequest { request_id: request_id(), area, reason };
            erasures.propose_closure(request).await?.into_inner().closure.into_iter().collect()
        }
        Command::Approve { closure } => {
            let request = pb::ApproveClosureRequest { request_id: request_id(), name: closure };
            erasures.approve_closure(request).await?.into_inner().closure.into_iter().collect()
        }
        Command::Cancel { closure, reason } => {
            let request = pb::CancelClosureRequest { request_id: request_id(), name: closure, reason };
            erasures.cancel_closure(request).await?.into_inner().closure.into_iter().collect()
        }
        Command::Closures { state, limit } => {
            let mut request = pb::ListClosuresRequest {
                state: state.map_or(0, |state| pb::ClosureState::from(state).into()),
                page_size: pages::size(limit),
                page_token: String::new(),
            };
            pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = erasures.list_closures(request.clone()).await?.into_inner();
                Ok((page.closures, page.next_page_token))
            })
            .await?
        }
    };
    style.rows(COLUMNS, &found.iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
