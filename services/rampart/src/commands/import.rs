//! `rampart units import`: an official list, shown before it is applied.

use std::{fs::File, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use futures::StreamExt as _;
use proto::registry::{
    self as pb, import_units_request::Part, import_units_response::Part as Answer,
    unit_service_client::UnitServiceClient,
};

use super::{EXIT_FOUND, access::Access};
use crate::{
    client::Authorized,
    output::{self, Column, Style},
    units_file::{self, FileLevel, FileUnit, UnitsFile},
};

/// How many rows a message carries.
const CHUNK: usize = 500;

/// Flags of `rampart units import`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file: CSV with the columns village_code12, village_name, town_code12, town_name, county_code12, county_name
    file: PathBuf,
    /// The system of its codes, such as NBS
    #[arg(long, value_name = "SYSTEM")]
    system: String,
    /// The vintage of its codes, such as 2019
    #[arg(long, value_name = "VINTAGE")]
    vintage: String,
    /// The unit that its counties stand under: units/{uuid}, or SYSTEM/VINTAGE/CODE; the root of the tree where not said
    #[arg(long, value_name = "UNIT")]
    root: Option<String>,
    /// The first date on which new units exist and new names hold, YYYY-MM-DD; today where not said
    #[arg(long, default_value = "", hide_default_value = true, value_name = "DATE")]
    effective_date: String,
    /// Only show what would happen
    #[arg(long)]
    dry_run: bool,
    /// Apply the good rows where others are bad
    #[arg(long)]
    keep_going: bool,
    /// Take names that look damaged as they are
    #[arg(long)]
    accept_damaged: bool,
}

const COLUMNS: &[Column] = &[
    Column { key: "what", en: "What", zh: "情况" },
    Column { key: "line", en: "Line", zh: "行" },
    Column { key: "code", en: "Code", zh: "代码" },
    Column { key: "name", en: "Name", zh: "名称" },
    Column { key: "detail", en: "Detail", zh: "说明" },
];

/// New units are counted, not listed one by one, beyond so many.
const LISTED: usize = 20;

/// Imports a file; answers 1 where rows are bad.
pub(crate) async fn run(args: Args, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let shown = args.file.display();
    let reader = File::open(&args.file).with_context(|| format!("opening {shown}"))?;
    let file = units_file::read(reader).with_context(|| format!("reading {shown}"))?;
    let mut units = access.registry()?.units();
    let root_unit = match &args.root {
        Some(root) => super::units::resolve(access, root).await?,
        None => root(&mut units).await?,
    };
    let header = pb::ImportHeader {
        request_id: uuid::Uuid::now_v7().to_string(),
        system: args.system.clone(),
        vintage: args.vintage.clone(),
        root_unit,
        effective_date: args.effective_date.clone(),
        // Lines that could not even be sent stop the rest, as a bad row does.
        dry_run: args.dry_run || (!file.bad.is_empty() && !args.keep_going),
        keep_going: args.keep_going,
        accept_damaged: args.accept_damaged,
    };
    let outcome = send(&mut units, header, &file).await?;
    report(&file, &outcome, style)?;
    let summary = outcome.summary;
    let bad = summary.problems + i64::try_from(file.bad.len())?;
    output::say(&format!(
        "{} units named: {} new, {} renamed, {} given their code of {}, {} unchanged, {} absent, {} elsewhere, {bad} bad. {}",
        file.rows.len(),
        summary.created,
        summary.renamed,
        summary.recoded,
        args.vintage,
        summary.unchanged,
        summary.absent,
        summary.elsewhere,
        verdict(&args, summary.applied, bad),
    ));
    Ok(if bad > 0 { ExitCode::from(EXIT_FOUND) } else { ExitCode::SUCCESS })
}

fn verdict(args: &Args, applied: bool, bad: i64) -> &'static str {
    match (applied, args.dry_run) {
        (true, _) if bad > 0 => "Applied without the bad rows.",
        (true, _) => "Applied.",
        (false, true) => "A dry run: nothing was changed.",
        (false, false) => {
            "Nothing was changed: mend the bad rows, or take the others with --keep-going (and damaged names with --accept-damaged)."
        }
    }
}

/// The root of the tree, which is the first unit of its order.
async fn root(units: &mut UnitServiceClient<Authorized>) -> anyhow::Result<String> {
    let request = pb::ListUnitsRequest { page_size: 1, ..pb::ListUnitsRequest::default() };
    let first = units.list_units(request).await?.into_inner().units.pop();
    let root = first.filter(|unit| unit.parent_unit.is_empty());
    Ok(root.context("you do not see the root of the tree: say --root")?.name)
}

/// Everything that the registry answered.
#[derive(Debug, Default)]
struct Outcome {
    problems: Vec<pb::ImportProblem>,
    effects: Vec<pb::ImportEffect>,
    summary: pb::ImportSummary,
}

async fn send(
    units: &mut UnitServiceClient<Authorized>,
    header: pb::ImportHeader,
    file: &UnitsFile,
) -> anyhow::Result<Outcome> {
    let rows: Vec<pb::ImportRow> = file.rows.iter().map(row).collect();
    let bar = output::bar(rows.len(), "rows");
    let parts = std::iter::once(Part::Header(header)).chain(
        rows.chunks(CHUNK).map(|rows| Part::Rows(pb::ImportRows { rows: rows.to_vec() })).collect::<Vec<_>>(),
    );
    let messages = parts.map(|part| pb::ImportUnitsRequest { part: Some(part) });
    let mut answers = units.import_units(futures::stream::iter(messages)).await?.into_inner();
    let mut outcome = Outcome::default();
    while let Some(answer) = answers.next().await {
        match answer?.part {
            Some(Answer::ReceivedRows(count)) => bar.set_position(u64::try_from(count)?),
            Some(Answer::Problem(problem)) => outcome.problems.push(problem),
            Some(Answer::Effect(effect)) => outcome.effects.push(effect),
            Some(Answer::Summary(summary)) => outcome.summary = summary,
            None => {}
        }
    }
    bar.finish_and_clear();
    Ok(outcome)
}

fn row(unit: &FileUnit) -> pb::ImportRow {
    let (level, parent_code) = match unit.level {
        // The city above the counties is the root, not a row.
        FileLevel::County => (pb::Level::County, String::new()),
        FileLevel::Township => (pb::Level::Township, unit.parent_code.clone()),
        FileLevel::Village => (pb::Level::Village, unit.parent_code.clone()),
        FileLevel::Grid => (pb::Level::Grid, unit.parent_code.clone()),
    };
    pb::ImportRow {
        line: i64::try_from(unit.line).unwrap_or(i64::MAX),
        level: level.into(),
        code: unit.code.clone(),
        display_name: unit.name.clone(),
        parent_code,
    }
}

fn report(file: &UnitsFile, outcome: &Outcome, style: Style) -> anyhow::Result<()> {
    let cells = |what: &str, line: i64, code: &str, name: &str, detail: &str| {
        let line = if line > 0 { line.to_string() } else { String::new() };
        vec![what.to_owned(), line, code.to_owned(), name.to_owned(), detail.to_owned()]
    };
    let mut rows = Vec::new();
    for bad in &file.bad {
        rows.push(cells("bad", i64::try_from(bad.line)?, "", &bad.text, &bad.reason));
    }
    for problem in &outcome.problems {
        let what = if problem.damaged { "damaged" } else { "bad" };
        rows.push(cells(what, problem.line, &problem.code, "", &problem.reason));
    }
    let new = outcome.effects.iter().filter(|effect| effect.kind() == pb::import_effect::Kind::New);
    let many = style.output == output::Form::Table && new.count() > LISTED;
    for effect in &outcome.effects {
        let (what, detail) = match effect.kind() {
            pb::import_effect::Kind::New if many => continue,
            pb::import_effect::Kind::New => ("new", String::new()),
            pb::import_effect::Kind::Renamed => ("renamed", format!("was {}", effect.former_name)),
            pb::import_effect::Kind::Absent => ("absent", "not in the file; stays as it is".to_owned()),
            pb::import_effect::Kind::Elsewhere => {
                ("elsewhere", "stands under another unit; move it if the file is right".to_owned())
            }
            pb::import_effect::Kind::Unspecified => continue,
        };
        rows.push(cells(what, effect.line, &effect.code, &effect.display_name, &detail));
    }
    if many {
        output::say("new units are many: --output csv or json lists them");
    }
    if !rows.is_empty() || style.output != output::Form::Table {
        style.rows(COLUMNS, &rows)?;
    }
    Ok(())
}
