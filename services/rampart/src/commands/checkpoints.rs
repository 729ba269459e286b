//! `rampart checkpoints …`.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::ValueEnum;
use proto::screening as pb;

use super::{
    EXIT_FOUND,
    access::Access,
    observations::named,
    pages,
    reporting::{instant, request_id},
    units::resolve,
};
use crate::output::{self, Column, Style};

/// Posts at stations and highway tolls, and their shifts.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Set up a checkpoint
    Create {
        /// Whose it is: units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        #[arg(long, value_name = "UNIT")]
        unit: String,
        /// Its name
        #[arg(long, value_name = "TEXT")]
        name: String,
        /// Where it stands
        #[arg(long, value_enum)]
        kind: Kind,
        /// Its first day; today where it is not said
        #[arg(long, default_value = "", value_name = "DATE")]
        since: String,
        /// How many shifts a day has
        #[arg(long, default_value_t = 3, value_name = "N")]
        shifts: i32,
    },
    /// List checkpoints
    List {
        /// Only of this unit and of those below it
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Show who passed in the shifts of a day; exit 1 where nothing was said of one that is over
    Shifts {
        /// checkpoints/{uuid}
        checkpoint: String,
        /// The day; today where it is not said
        #[arg(long, default_value = "", value_name = "DATE")]
        date: String,
    },
    /// Say that nobody passed in a shift
    Nil {
        /// checkpoints/{uuid}
        checkpoint: String,
        /// An instant of the shift, such as 2020-02-11T03:00:00+08:00
        at: DateTime<Utc>,
    },
    /// Change a checkpoint's name, last day or shifts, which hold from tomorrow on
    Update {
        /// checkpoints/{uuid}
        checkpoint: String,
        /// Its name
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// Its last day; nothing for none
        #[arg(long, value_name = "DATE")]
        until: Option<String>,
        /// How many shifts a day has
        #[arg(long, value_name = "N")]
        shifts: Option<i32>,
    },
    /// End a checkpoint after a day
    Close {
        /// checkpoints/{uuid}
        checkpoint: String,
        /// Its last day
        #[arg(long, value_name = "DATE")]
        after: String,
    },
}

/// Where a checkpoint stands.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Kind {
    /// A high-speed-rail station
    HighSpeedRail,
    /// A rail station
    Rail,
    /// A bus station
    Bus,
    /// A highway toll
    Toll,
    /// Elsewhere
    Other,
}

const COLUMNS: &[Column] = &[
    Column { key: "name", en: "Checkpoint", zh: "编号" },
    Column { key: "display_name", en: "Name", zh: "名称" },
    Column { key: "kind", en: "Kind", zh: "类型" },
    Column { key: "responsible_unit", en: "Whose", zh: "责任单位" },
    Column { key: "start_date", en: "From", zh: "启用" },
    Column { key: "end_date", en: "To", zh: "停用" },
    Column { key: "shifts_a_day", en: "Shifts a day", zh: "每日班次" },
];

/// What a shift came to.
pub(super) const SHIFTS: &[Column] = &[
    Column { key: "start", en: "From", zh: "开始" },
    Column { key: "end", en: "To", zh: "结束" },
    Column { key: "state", en: "State", zh: "状态" },
    Column { key: "passed", en: "Passed", zh: "通过" },
    Column { key: "from_outside", en: "From outside", zh: "省外" },
    Column { key: "from_area", en: "From the area", zh: "疫区" },
    Column { key: "febrile", en: "Febrile", zh: "发热" },
    Column { key: "sent_down", en: "Sent down", zh: "下发" },
    Column { key: "tested", en: "Tested", zh: "检测" },
    Column { key: "positive", en: "Positive", zh: "阳性" },
    Column { key: "untested", en: "From outside, untested", zh: "省外未检" },
    Column { key: "nil_by", en: "Said nil", zh: "零报告人" },
    Column { key: "mark", en: "Mark", zh: "标注" },
];

fn row(checkpoint: pb::Checkpoint) -> Vec<String> {
    let kind = output::word(checkpoint.kind().as_str_name(), "CHECKPOINT_KIND_");
    vec![
        checkpoint.name,
        checkpoint.display_name,
        kind,
        checkpoint.responsible_unit,
        checkpoint.start_date,
        checkpoint.end_date,
        checkpoint.shifts_a_day.to_string(),
    ]
}

/// A shift in its columns.
pub(super) fn shift(shift: pb::Shift) -> Vec<String> {
    let state = output::word(shift.state().as_str_name(), "SHIFT_STATE_");
    let mut row = vec![instant(shift.start_time), instant(shift.end_time), state];
    let counts = [
        shift.passed,
        shift.from_outside,
        shift.from_area,
        shift.febrile,
        shift.sent_down,
        shift.tested,
        shift.positive,
        shift.untested,
    ];
    row.extend(counts.map(|count| count.to_string()));
    row.push(shift.nil_by);
    row.push(if shift.outside_plan { "outside the plan".to_owned() } else { String::new() });
    row
}

/// Runs a command on checkpoints.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut checkpoints = access.screening()?.checkpoints();
    let found = match command {
        Command::Create { unit, name, kind, since, shifts } => {
            let checkpoint = pb::Checkpoint {
                display_name: name,
                kind: kind as i32 + 1,
                responsible_unit: resolve(access, &unit).await?,
                start_date: since,
                shifts_a_day: shifts,
                ..pb::Checkpoint::default()
            };
            let (request_id, checkpoint) = (request_id(), Some(checkpoint));
            let request = pb::CreateCheckpointRequest { request_id, checkpoint };
            checkpoints.create_checkpoint(request).await?.into_inner().checkpoint.into_iter().collect()
        }
        Command::List { below, limit } => {
            let mut request = pb::ListCheckpointsRequest {
                ancestor_unit: named(below, access).await?,
                page_size: pages::size(limit),
                page_token: String::new(),
            };
            pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = checkpoints.list_checkpoints(request.clone()).await?.into_inner();
                Ok((page.checkpoints, page.next_page_token))
            })
            .await?
        }
        Command::Shifts { checkpoint, date } => {
            let request = pb::GetShiftsRequest { checkpoint, date };
            let shifts = checkpoints.get_shifts(request).await?.into_inner().shifts;
            let is_missing = shifts.iter().any(|shift| shift.state() == pb::ShiftState::Missing);
            style.rows(SHIFTS, &shifts.into_iter().map(shift).collect::<Vec<_>>())?;
            return Ok(if is_missing { ExitCode::from(EXIT_FOUND) } else { ExitCode::SUCCESS });
        }
        Command::Nil { checkpoint, at } => {
            let time = Some(chassis::parse::timestamp(at));
            let request = pb::SayNilShiftRequest { request_id: request_id(), checkpoint, time };
            let said = checkpoints.say_nil_shift(request).await?.into_inner().shift;
            style.rows(SHIFTS, &said.into_iter().map(shift).collect::<Vec<_>>())?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Update { checkpoint, name, until, shifts } => {
            let asked = [
                ("display_name", name.is_some()),
                ("end_date", until.is_some()),
                ("shifts_a_day", shifts.is_some()),
            ];
            let paths = asked.into_iter().filter(|(_, asked)| *asked).map(|(path, _)| path.to_owned());
            let request = pb::UpdateCheckpointRequest {
                request_id: request_id(),
                checkpoint: Some(pb::Checkpoint {
                    name: checkpoint,
                    display_name: name.unwrap_or_default(),
                    end_date: until.unwrap_or_default(),
                    shifts_a_day: shifts.unwrap_or_default(),
                    ..pb::Checkpoint::default()
                }),
                update_mask: Some(prost_types::FieldMask { paths: paths.collect() }),
            };
            checkpoints.update_checkpoint(request).await?.into_inner().checkpoint.into_iter().collect()
        }
        Command::Close { checkpoint, after } => {
            let request =
                pb::CloseCheckpointRequest { request_id: request_id(), name: checkpoint, end_date: after };
            checkpoints.close_checkpoint(request).await?.into_inner().checkpoint.into_iter().collect()
        }
    };
    style.rows(COLUMNS, &found.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
