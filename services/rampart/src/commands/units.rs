//! `rampart units …`.

use std::process::ExitCode;

use proto::registry as pb;

use super::{Usage, access::Access, pages};
use crate::output::{self, Column, Style};

/// The tree of units.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show one unit
    Get {
        /// units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        unit: String,
        /// As of this date, YYYY-MM-DD
        #[arg(long, default_value = "", hide_default_value = true, value_name = "DATE")]
        as_of: String,
    },
    /// List units below another, or everything you may see
    List {
        /// Below this unit: units/{uuid}, or SYSTEM/VINTAGE/CODE
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// Only directly below it
        #[arg(long, requires = "below")]
        children: bool,
        /// Only this level
        #[arg(long, value_enum, value_name = "LEVEL")]
        level: Option<LevelArg>,
        /// Also closed units
        #[arg(long)]
        closed: bool,
        /// As of this date, YYYY-MM-DD
        #[arg(long, default_value = "", hide_default_value = true, value_name = "DATE")]
        as_of: String,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Take in an official list of villages (CSV)
    Import(super::import::Args),
    /// Create a unit
    Create {
        /// Its name
        name: String,
        /// Its level
        #[arg(long, value_enum, value_name = "LEVEL")]
        level: LevelArg,
        /// The unit above: units/{uuid}, or SYSTEM/VINTAGE/CODE
        #[arg(long, value_name = "UNIT")]
        parent: String,
        /// An official code SYSTEM/VINTAGE/CODE; may be repeated
        #[arg(long, value_name = "CODE")]
        code: Vec<String>,
        /// Its first date; today where not said
        #[arg(long, default_value = "", hide_default_value = true, value_name = "DATE")]
        start_date: String,
    },
}

/// A level on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum LevelArg {
    /// 省
    Province,
    /// 市
    City,
    /// 县, 区
    County,
    /// 乡, 镇, 街道
    Township,
    /// 村, 社区
    Village,
    /// 网格
    Grid,
}

impl LevelArg {
    /// Its number in the contract.
    pub(crate) fn number(self) -> i32 {
        let level = match self {
            Self::Province => pb::Level::Province,
            Self::City => pb::Level::City,
            Self::County => pb::Level::County,
            Self::Township => pb::Level::Township,
            Self::Village => pb::Level::Village,
            Self::Grid => pb::Level::Grid,
        };
        level.into()
    }
}

const COLUMNS: &[Column] = &[
    Column { key: "name", en: "Unit", zh: "编号" },
    Column { key: "display_name", en: "Name", zh: "名称" },
    Column { key: "level", en: "Level", zh: "层级" },
    Column { key: "codes", en: "Codes", zh: "代码" },
    Column { key: "status", en: "Status", zh: "状态" },
    Column { key: "parent_unit", en: "Parent", zh: "上级" },
    Column { key: "start_date", en: "Since", zh: "起始" },
];

/// Runs a command on units.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut units = access.registry()?.units();
    let found = match command {
        Command::Import(args) => return super::import::run(args, access, style).await,
        Command::Get { unit, as_of } => {
            let name = resolve(access, &unit).await?;
            let request = pb::GetUnitRequest { name, as_of };
            units.get_unit(request).await?.into_inner().unit.into_iter().collect()
        }
        Command::List { below, children, level, closed, as_of, limit } => {
            let ancestor_unit = match below {
                Some(unit) => resolve(access, &unit).await?,
                None => String::new(),
            };
            let mut request = pb::ListUnitsRequest {
                ancestor_unit,
                children_only: children,
                level: level.map(LevelArg::number).unwrap_or_default(),
                show_closed: closed,
                as_of,
                page_size: pages::size(limit),
                page_token: String::new(),
            };
            pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = units.list_units(request.clone()).await?.into_inner();
                Ok((page.units, page.next_page_token))
            })
            .await?
        }
        Command::Create { name, level, parent, code, start_date } => {
            let unit = pb::NewUnit {
                display_name: name,
                level: level.number(),
                parent_unit: resolve(access, &parent).await?,
                codes: code.iter().map(|code| parse_code(code)).collect::<Result<_, _>>()?,
                start_date,
                ..pb::NewUnit::default()
            };
            let request =
                pb::CreateUnitRequest { request_id: uuid::Uuid::now_v7().to_string(), unit: Some(unit) };
            units.create_unit(request).await?.into_inner().unit.into_iter().collect()
        }
    };
    let rows: Vec<_> = found.into_iter().map(row).collect();
    style.rows(COLUMNS, &rows)?;
    Ok(ExitCode::SUCCESS)
}

fn row(unit: pb::Unit) -> Vec<String> {
    let level = output::word(unit.level().as_str_name(), "LEVEL_");
    let status = output::word(unit.status().as_str_name(), "UNIT_STATUS_");
    let codes = unit.codes.iter().map(|code| format!("{}/{}/{}", code.system, code.vintage, code.code));
    let codes = codes.collect::<Vec<_>>().join(" ");
    vec![unit.name, unit.display_name, level, codes, status, unit.parent_unit, unit.start_date]
}

/// The name of a unit that was given by name or by code.
pub(crate) async fn resolve(access: &Access, unit: &str) -> anyhow::Result<String> {
    if unit.starts_with("units/") {
        return Ok(unit.to_owned());
    }
    let request = pb::LookupUnitRequest { code: Some(parse_code(unit)?), as_of: String::new() };
    let found = access.registry()?.units().lookup_unit(request).await?.into_inner();
    Ok(found.unit.map(|unit| unit.name).unwrap_or_default())
}

fn parse_code(text: &str) -> Result<pb::UnitCode, Usage> {
    match text.split('/').collect::<Vec<_>>().as_slice() {
        [system, vintage, code] => Ok(pb::UnitCode {
            system: (*system).to_owned(),
            vintage: (*vintage).to_owned(),
            code: (*code).to_owned(),
        }),
        _ => Err(Usage(format!(
            "{text:?} is neither units/{{uuid}} nor SYSTEM/VINTAGE/CODE such as NBS/2019/431302001001"
        ))),
    }
}
