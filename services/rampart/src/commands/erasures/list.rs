//! `rampart erasures list`.

use std::process::ExitCode;

use clap::ValueEnum;
use proto::screening as pb;

use crate::{
    commands::{access::Access, observations::named, pages, reporting::instant},
    output::{self, Column, Style},
};

/// Flags of `rampart erasures list`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only in the hands of this unit and of those below it
    #[arg(long, value_name = "UNIT")]
    below: Option<String>,
    /// Only these; all that are not erased yet where not said
    #[arg(long, value_enum)]
    state: Option<State>,
    /// How many days ahead are announced
    #[arg(long, default_value_t = 14, value_name = "DAYS")]
    notice: i32,
    /// Only those of this closing, whatever their date: to come, or erased by it
    #[arg(long, default_value = "", hide_default_value = true, value_name = "CLOSURE")]
    closure: String,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
}

/// How far an erasure is.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    /// The date comes
    Announced,
    /// The date has passed: erased by itself once nothing holds it
    Due,
    /// Erased
    Erased,
}

impl From<State> for pb::ErasureState {
    fn from(state: State) -> Self {
        match state {
            State::Announced => Self::Announced,
            State::Due => Self::Due,
            State::Erased => Self::Erased,
        }
    }
}

const COLUMNS: &[Column] = &[
    Column { key: "person", en: "Person", zh: "编号" },
    Column { key: "responsible_unit", en: "In the hands of", zh: "责任单位" },
    Column { key: "purpose", en: "Purpose", zh: "类别" },
    Column { key: "delete_after", en: "Kept to", zh: "保存至" },
    Column { key: "state", en: "State", zh: "状态" },
    Column { key: "holds", en: "Held by", zh: "暂缓原因" },
    Column { key: "erased", en: "Erased", zh: "删除时间" },
    Column { key: "marks", en: "Marks", zh: "检索标记" },
    Column { key: "findings", en: "Findings", zh: "发现记录" },
    Column { key: "sources", en: "Sources", zh: "来源记录" },
    Column { key: "exposures", en: "Exposures", zh: "接触记录" },
];

fn row(erasure: &pb::Erasure) -> Vec<String> {
    let holds = erasure.holds().map(|hold| output::word(hold.as_str_name(), "ERASURE_HOLD_"));
    let mut row = vec![
        erasure.person.clone(),
        erasure.responsible_unit.clone(),
        output::word(erasure.purpose().as_str_name(), "PURPOSE_"),
        erasure.delete_after.clone(),
        output::word(erasure.state().as_str_name(), "ERASURE_STATE_"),
        holds.collect::<Vec<_>>().join(" "),
        instant(erasure.erase_time),
    ];
    let counts =
        erasure.erased.map(|counts| [counts.marks, counts.findings, counts.sources, counts.exposures]);
    row.extend(counts.map_or_else(Default::default, |counts| counts.map(|count| count.to_string())));
    row
}

/// Lists erasures, to come or done.
pub(crate) async fn run(args: Args, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut erasures = access.screening()?.erasures();
    let mut request = pb::ListErasuresRequest {
        ancestor_unit: named(args.below, access).await?,
        state: args.state.map_or(0, |state| pb::ErasureState::from(state).into()),
        notice_days: args.notice,
        page_size: pages::size(args.limit),
        page_token: String::new(),
        closure: args.closure,
    };
    let found = pages::up_to(args.limit, async |page_token| {
        request.page_token = page_token;
        let page = erasures.list_erasures(request.clone()).await?.into_inner();
        Ok((page.erasures, page.next_page_token))
    })
    .await?;
    style.rows(COLUMNS, &found.iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
