//! `rampart sweeps …`.

use std::{collections::HashMap, fs::File, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use proto::screening::{self as pb, visit_result::Result as Answer};

use super::{
    EXIT_FOUND,
    access::Access,
    batches::{self, Came},
    observations::named,
    pages,
    reporting::{instant, request_id},
    today,
    units::resolve,
};
use crate::{
    output::{self, Column, Style},
    visits_file::{self, BATCH},
};

/// Carpet sweeps: every household of a grid is visited.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Set up a sweep over every grid at and below a unit
    Create {
        /// Its name
        name: String,
        /// units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        #[arg(long, value_name = "UNIT")]
        unit: String,
        /// Its first day; today where it is not said
        #[arg(long, default_value = "", value_name = "DATE")]
        since: String,
        /// What is asked of whoever is found, such as return_time, vehicle, health; all ten where none is said
        #[arg(long = "fact", alias = "facts", value_delimiter = ',', value_name = "FACT", value_parser = fact)]
        facts: Vec<pb::Fact>,
    },
    /// List sweeps that lie in, or cover, your units
    List {
        /// Only those that lie in, or cover, this unit
        #[arg(long, value_name = "UNIT")]
        unit: Option<String>,
        /// Also those that were closed
        #[arg(long)]
        closed: bool,
        /// What must be done: how far the unit is in each open sweep that is not at 100 percent there
        #[arg(long, requires = "unit", conflicts_with = "closed")]
        today: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Say how many households a grid has, or which
    Target {
        /// sweeps/{uuid}
        sweep: String,
        /// The grid
        grid: String,
        /// How many; that there are none is said, too
        #[arg(long, value_name = "N", conflicts_with = "numbers", required_unless_present = "numbers")]
        households: Option<i32>,
        /// Their numbers in the grid
        #[arg(long = "number", value_name = "NUMBER")]
        numbers: Vec<String>,
    },
    /// Send a file of visits: CSV with the columns event_id, grid (units/{uuid}, or an official code), time, and number,
    /// outcome (visited, refused, absent, vacant) for a household, or visited, refused, absent, vacant for a grid's tally;
    /// whoever was found has display_name, purpose (returnee, contact, case, febrile), and as known paper_type, paper_number,
    /// phone, address, exposed (day 0 of a returnee's observation, which begins then). Lines of one event_id are one visit
    /// with several persons. Sending a file again is safe
    Import {
        /// The file
        file: PathBuf,
        /// sweeps/{uuid}
        #[arg(long, value_name = "SWEEP")]
        sweep: String,
        #[command(flatten)]
        damages: batches::Damages,
    },
    /// List the households of a grid that must be visited, or visited again, and how far one is that counts
    Today {
        /// sweeps/{uuid}
        sweep: String,
        /// The grid
        grid: String,
        /// Also those that were visited
        #[arg(long)]
        all: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Show how far a unit and each right below it is; exit 1 where it is not at 100 percent
    Progress {
        /// sweeps/{uuid}
        sweep: String,
        /// The unit
        unit: String,
    },
    /// Close a sweep
    Close {
        /// sweeps/{uuid}
        sweep: String,
        /// A grid that is not done, units/{uuid} or an official code, and why: GRID=REASON
        #[arg(long = "except", value_name = "GRID=REASON", value_parser = exception)]
        exceptions: Vec<pb::SweepException>,
    },
}

/// A fact of C10 by its word.
fn fact(word: &str) -> Result<pb::Fact, String> {
    let fact = pb::Fact::from_str_name(&format!("FACT_{}", word.trim().to_uppercase()));
    let fact = fact.filter(|fact| *fact != pb::Fact::Unspecified);
    fact.ok_or_else(|| {
        format!("{word:?} is none of number, person, return_time, place, itinerary, vehicle, …")
    })
}

const COLUMNS: &[Column] = &[
    Column { key: "name", en: "Sweep", zh: "编号" },
    Column { key: "display_name", en: "Name", zh: "名称" },
    Column { key: "unit", en: "Covers", zh: "范围" },
    Column { key: "start_date", en: "From", zh: "开始" },
    Column { key: "closed", en: "Closed", zh: "结束" },
    Column { key: "exceptions", en: "Exceptions", zh: "例外" },
];

const PROGRESS: &[Column] = &[
    Column { key: "unit", en: "Unit", zh: "单位" },
    Column { key: "display_name", en: "Name", zh: "名称" },
    Column { key: "percent", en: "%", zh: "%" },
    Column { key: "grids_done", en: "Grids done", zh: "完成网格" },
    Column { key: "grids", en: "Grids", zh: "网格" },
    Column { key: "grids_without_target", en: "Without target", zh: "未报户数" },
    Column { key: "households", en: "Households", zh: "户数" },
    Column { key: "visited", en: "Visited", zh: "已访" },
    Column { key: "refused", en: "Refused", zh: "拒访" },
    Column { key: "absent", en: "Absent", zh: "无人" },
    Column { key: "vacant", en: "Vacant", zh: "空户" },
];

const HOUSEHOLDS: &[Column] = &[
    Column { key: "number", en: "Household", zh: "户号" },
    Column { key: "outcome", en: "Seen", zh: "结果" },
    Column { key: "time", en: "When", zh: "时间" },
];

/// A grid and why it is not done.
fn exception(text: &str) -> Result<pb::SweepException, String> {
    let (grid, reason) = text.split_once('=').ok_or("must be GRID=REASON")?;
    Ok(pb::SweepException { grid: grid.trim().to_owned(), reason: reason.trim().to_owned() })
}

fn row(sweep: pb::Sweep) -> Vec<String> {
    vec![
        sweep.name,
        sweep.display_name,
        sweep.unit,
        sweep.start_date,
        instant(sweep.close_time),
        sweep.exceptions.len().to_string(),
    ]
}

fn progress(progress: pb::Progress) -> Vec<String> {
    let counts = [progress.percent, progress.grids_done, progress.grids, progress.grids_without_target];
    let sums = [progress.households, progress.visited, progress.refused, progress.absent, progress.vacant];
    let mut row = vec![progress.unit, progress.display_name];
    row.extend(counts.map(|count| count.to_string()));
    row.extend(sums.map(|sum| sum.to_string()));
    row
}

/// Runs a command on sweeps.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let screening = access.screening()?;
    let mut sweeps = screening.sweeps();
    let request_id = request_id();
    let found: Vec<pb::Sweep> = match command {
        Command::Create { name, unit, since, facts } => {
            let sweep = pb::Sweep {
                display_name: name,
                unit: resolve(access, &unit).await?,
                start_date: since,
                facts: facts.into_iter().map(i32::from).collect(),
                ..pb::Sweep::default()
            };
            let request = pb::CreateSweepRequest { request_id, sweep: Some(sweep) };
            let made = sweeps.create_sweep(request).await?.into_inner();
            output::say(&format!("covers {} grids", made.grids));
            made.sweep.into_iter().collect()
        }
        Command::List { unit, today: true, limit, .. } => {
            return today::sweeps_to_do(unit, limit, access, style).await;
        }
        Command::List { unit, closed, limit, .. } => {
            let mut request = pb::ListSweepsRequest {
                unit: named(unit, access).await?,
                closed,
                page_size: pages::size(limit),
                page_token: String::new(),
            };
            pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = sweeps.list_sweeps(request.clone()).await?.into_inner();
                Ok((page.sweeps, page.next_page_token))
            })
            .await?
        }
        Command::Target { sweep, grid, households, numbers } => {
            let grid = resolve(access, &grid).await?;
            let targets = vec![pb::SweepTarget { grid, households, numbers }];
            let request = pb::SetTargetsRequest { request_id, sweep, targets };
            let set = sweeps.set_targets(request).await?.into_inner();
            output::say(&format!("{} households", set.households));
            return Ok(ExitCode::SUCCESS);
        }
        Command::Import { file, sweep, damages } => {
            let shown = file.display();
            let reader = File::open(&file).with_context(|| format!("opening {shown}"))?;
            let read = visits_file::read(reader, &sweep).with_context(|| format!("reading {shown}"))?;
            let mut lines = match batches::accepted(read, damages, style)? {
                Ok(lines) => lines,
                Err(code) => return Ok(code),
            };
            let mut known: HashMap<String, String> = HashMap::new();
            for visit in lines.iter_mut().filter_map(|(_, visit)| visit.as_mut().ok()) {
                if !known.contains_key(&visit.grid) {
                    known.insert(visit.grid.clone(), resolve(access, &visit.grid).await?);
                }
                visit.grid.clone_from(&known[&visit.grid]);
            }
            return batches::send(lines, ("visits", BATCH), style, async |visits| {
                let request = pb::IngestVisitsRequest { visits };
                let answer = screening.sweeps().ingest_visits(request).await?.into_inner();
                Ok(answer.results.into_iter().map(came).collect())
            })
            .await;
        }
        Command::Today { sweep, grid, all, limit } => {
            let grid = resolve(access, &grid).await?;
            let far = pb::GetProgressRequest { sweep: sweep.clone(), unit: grid.clone() };
            let mut request = pb::ListHouseholdsRequest {
                sweep,
                grid,
                open: !all,
                page_size: pages::size(limit),
                page_token: String::new(),
            };
            let found = pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = sweeps.list_households(request.clone()).await?.into_inner();
                Ok((page.households, page.next_page_token))
            })
            .await?;
            let rows = found.into_iter().map(|household| {
                let outcome = output::word(household.outcome().as_str_name(), "VISIT_OUTCOME_");
                let outcome = if outcome == "unspecified" { "not visited".to_owned() } else { outcome };
                vec![household.number, outcome, instant(household.time)]
            });
            let rows = rows.collect::<Vec<_>>();
            let progress = sweeps.get_progress(far).await?.into_inner().progress;
            // A grid that counts has no households to name: how far it is, is what there is to do.
            let counts = progress.filter(|progress| rows.is_empty() && progress.percent < 100);
            match counts {
                Some(progress) => style.rows(PROGRESS, &[self::progress(progress)])?,
                None => style.rows(HOUSEHOLDS, &rows)?,
            }
            return Ok(ExitCode::SUCCESS);
        }
        Command::Progress { sweep, unit } => {
            let request = pb::GetProgressRequest { sweep, unit: resolve(access, &unit).await? };
            let answer = sweeps.get_progress(request).await?.into_inner();
            let is_done = answer.progress.as_ref().is_some_and(|progress| progress.percent == 100);
            let rows = answer.progress.into_iter().chain(answer.children).map(progress);
            style.rows(PROGRESS, &rows.collect::<Vec<_>>())?;
            return Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FOUND) });
        }
        Command::Close { sweep, mut exceptions } => {
            for exception in &mut exceptions {
                exception.grid = resolve(access, &exception.grid).await?;
            }
            let request = pb::CloseSweepRequest { request_id, name: sweep, exceptions };
            sweeps.close_sweep(request).await?.into_inner().sweep.into_iter().collect()
        }
    };
    style.rows(COLUMNS, &found.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

fn came(result: pb::VisitResult) -> (String, Came) {
    let came = match result.result {
        Some(Answer::Accepted(_) | Answer::Duplicate(_)) => Came::Taken,
        Some(Answer::Refused(why)) => Came::Refused(why.reason, why.message),
        None => Came::unanswered(),
    };
    (result.event_id, came)
}
