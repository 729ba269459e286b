//! `rampart hands …`.

use std::process::ExitCode;

use proto::screening as pb;

use super::{
    access::Access,
    observations::named,
    pages,
    reporting::{instant, request_id},
    units::resolve,
};
use crate::output::{Column, Style};

/// Questions whose hands a person is in: two units have found the same one; and units that were closed or moved.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the open questions that concern your units, the oldest first
    List {
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: i32,
    },
    /// Say which of the two units takes the person; it holds when both sides have said the same
    Agree {
        /// handsQuestions/{uuid}
        question: String,
        /// units/{uuid}, or SYSTEM/VINTAGE/CODE
        #[arg(long, value_name = "UNIT")]
        unit: String,
    },
    /// Give the persons of a unit that was closed to another, 500 at once
    Assign {
        /// The unit that is at work no more
        #[arg(long, value_name = "UNIT")]
        from: String,
        /// The unit that takes them
        #[arg(long, value_name = "UNIT")]
        to: String,
        /// Only this person, persons/{uuid}; may be repeated [default: everybody]
        #[arg(long = "person", value_name = "PERSON")]
        persons: Vec<String>,
        /// Why; kept
        #[arg(long)]
        reason: String,
    },
    /// List units that were moved below yours, and that nobody has taken over
    Moves {
        /// Only below this unit and those below it
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// Also those that were taken over
        #[arg(long)]
        settled: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Take over what a unit has that was moved below yours
    TakeOver {
        /// The unit that was moved: units/{uuid}, or SYSTEM/VINTAGE/CODE
        unit: String,
        /// What was looked at, or by what order; kept
        #[arg(long)]
        reason: String,
    },
}

const MOVES: &[Column] = &[
    Column { key: "unit", en: "Unit", zh: "单位" },
    Column { key: "parent_unit", en: "Now below", zh: "现上级" },
    Column { key: "moved", en: "Since", zh: "划转日期" },
    Column { key: "deadline", en: "Take over by", zh: "时限" },
    Column { key: "settled", en: "Settled", zh: "处置时间" },
    Column { key: "taken_over_by", en: "Taken over by", zh: "接管人" },
    Column { key: "reason", en: "Why", zh: "说明" },
];

fn moved(one: pb::UnitMove) -> Vec<String> {
    vec![
        one.unit,
        one.parent_unit,
        one.move_date,
        instant(one.deadline_time),
        instant(one.settle_time),
        one.taken_over_by,
        one.reason,
    ]
}

const ASSIGNED: &[Column] = &[
    Column { key: "assigned", en: "Assigned", zh: "已移交" },
    Column { key: "remaining", en: "Left", zh: "剩余" },
];

const COLUMNS: &[Column] = &[
    Column { key: "name", en: "Question", zh: "编号" },
    Column { key: "person", en: "Person", zh: "人员" },
    Column { key: "holding_unit", en: "Has the person", zh: "现责任单位" },
    Column { key: "finding_unit", en: "Found the person", zh: "发现单位" },
    Column { key: "holder_says", en: "Holder says", zh: "责任方意见" },
    Column { key: "finder_says", en: "Finder says", zh: "发现方意见" },
    Column { key: "contact", en: "Whom to phone", zh: "对方联系人" },
    Column { key: "phone", en: "Phone", zh: "电话" },
    Column { key: "asked", en: "Since", zh: "提出时间" },
    Column { key: "settled", en: "Settled", zh: "商定时间" },
];

/// Runs a command on questions.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut hands = access.screening()?.hands();
    let found: Vec<pb::HandsQuestion> = match command {
        Command::List { limit } => {
            let request =
                pb::ListHandsQuestionsRequest { page_size: limit.clamp(1, 1_000), page_token: String::new() };
            hands.list_hands_questions(request).await?.into_inner().questions
        }
        Command::Agree { question, unit } => {
            let unit = resolve(access, &unit).await?;
            let request = pb::AgreeHandsRequest { request_id: request_id(), name: question, unit };
            hands.agree_hands(request).await?.into_inner().question.into_iter().collect()
        }
        Command::Assign { from, to, persons, reason } => {
            let (from_unit, to_unit) = (resolve(access, &from).await?, resolve(access, &to).await?);
            let request =
                pb::AssignHandsRequest { request_id: request_id(), from_unit, to_unit, persons, reason };
            let answer = hands.assign_hands(request).await?.into_inner();
            style.rows(ASSIGNED, &[vec![answer.assigned.to_string(), answer.remaining.to_string()]])?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Moves { below, settled, limit } => {
            let ancestor_unit = named(below, access).await?;
            let page_size = pages::size(limit);
            let mut request =
                pb::ListUnitMovesRequest { ancestor_unit, settled, page_size, ..Default::default() };
            let found = pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = hands.list_unit_moves(request.clone()).await?.into_inner();
                Ok((page.moves, page.next_page_token))
            })
            .await?;
            style.rows(MOVES, &found.into_iter().map(moved).collect::<Vec<_>>())?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::TakeOver { unit, reason } => {
            let unit = resolve(access, &unit).await?;
            let request = pb::TakeOverUnitRequest { request_id: request_id(), unit, reason };
            let taken = hands.take_over_unit(request).await?.into_inner().r#move;
            style.rows(MOVES, &taken.into_iter().map(moved).collect::<Vec<_>>())?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let row = |one: pb::HandsQuestion| {
        vec![
            one.name,
            one.person,
            one.holding_unit,
            one.finding_unit,
            one.holder_says,
            one.finder_says,
            one.contact_name,
            one.contact_phone,
            instant(one.create_time),
            instant(one.settle_time),
        ]
    };
    style.rows(COLUMNS, &found.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
