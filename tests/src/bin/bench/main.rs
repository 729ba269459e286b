//! Measures Rampart on this machine: the real services as processes of their own, over real sockets, on a
//! private Postgres whose commits are durable. Every figure stands beside a baseline taken in the same
//! round. What the rows mean is written in `tests/README.md`.

#![allow(clippy::print_stderr, reason = "progress goes to stderr")]

mod bare;
mod buffers;
mod city;
mod latency;
mod load;
mod rounds;
mod services;
mod table;
mod traced;
mod watched;

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::Instant,
};

use anyhow::Context as _;
use clap::Parser as _;
use rampart::postgres;
use table::Table;

/// Measures Rampart: medians over several rounds, each figure beside its baseline.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "bench", version)]
struct Args {
    /// How many rounds
    #[arg(long, default_value_t = 5, value_name = "N")]
    rounds: usize,
    /// Two short rounds
    #[arg(long)]
    quick: bool,
    /// Only these rows, such as 1,3
    #[arg(long, value_delimiter = ',', value_name = "ROWS")]
    only: Vec<u8>,
    /// What is printed: table or json
    #[arg(long, default_value = "table", value_parser = ["table", "json"], value_name = "FORM")]
    output: String,
    /// File that the JSON is written to as well
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Folder on a real disk, in which a folder is made for the time of the run
    #[arg(long, default_value = "/var/tmp", value_name = "FOLDER")]
    data: PathBuf,
    /// Folder with the programs `registry`, `reporting` and `screening`; the one of this program unless said
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
}

/// What a run is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// How many rounds.
    pub(crate) rounds: usize,
    /// How many forms, each of 12,636 reports, the single reports of a round fill.
    pub(crate) single_forms: usize,
    /// How many the streamed reports of a round fill; even.
    pub(crate) stream_forms: usize,
    /// How many seconds pgbench inserts in a round.
    pub(crate) seconds: u64,
    /// How many reads of each kind a round makes while nothing else goes on.
    pub(crate) reads: usize,
    /// How many officers a round relieves.
    pub(crate) relieved: usize,
}

impl Args {
    fn size(&self) -> Size {
        let rounds = if self.quick { 2 } else { self.rounds.max(1) };
        let (single_forms, stream_forms, seconds, reads) =
            if self.quick { (1, 2, 3, 400) } else { (3, 4, 6, 1_000) };
        let relieved = 30_usize.div_ceil(rounds).max(6);
        Size { rounds, single_forms, stream_forms, seconds, reads, relieved }
    }
}

/// Says on stderr what goes on, and since when.
pub(crate) fn say(text: &str) {
    static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let began = BEGAN.get_or_init(Instant::now);
    eprintln!("{:>4}s  {text}", began.elapsed().as_secs());
}

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(&args)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let folder = tempfile::Builder::new().prefix("rampart-bench-").tempdir_in(&args.data)?;
    // Whoever runs Postgres passes through, whatever the umask.
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711))?;
    say("starting Postgres, with durable commits");
    let options = postgres::Options { data: folder.path().join("postgres"), port: None, durable: true };
    let postgres = postgres::start(options).await?;
    let table = Arc::new(Mutex::new(Table::default()));
    let programs = match &args.programs {
        Some(folder) => folder.clone(),
        None => std::env::current_exe()?.parent().context("this program is in no folder")?.to_owned(),
    };
    let asked = rounds::Asked { size: args.size(), only: args.only.clone() };
    let measured = rounds::run(&postgres, folder.path(), &programs, &asked, &table);
    let outcome = tokio::select! {
        outcome = measured => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("stopped before the end")),
    };
    let outcome = outcome.with_context(|| format!("the services said:\n{}", services::said(folder.path())));
    say("stopping Postgres");
    let stopped = postgres.stop().await;
    let table = table.lock().map_err(|_| anyhow::anyhow!("the table was lost"))?;
    let json = serde_json::to_string_pretty(&table.json(asked.size.rounds))?;
    if let Some(path) = &args.save {
        fs::write(path, format!("{json}\n")).with_context(|| format!("writing {}", path.display()))?;
    }
    let text = if args.output == "json" { format!("{json}\n") } else { table.text() };
    std::io::stdout().write_all(text.as_bytes())?;
    outcome.and(stopped)?;
    Ok(if table.all_met() { ExitCode::SUCCESS } else { ExitCode::from(2) })
}
