//! The command line.

mod access;
mod admissions;
mod alarms;
mod appointments;
mod batches;
mod beds;
mod bulletin;
mod cases;
mod checkpoints;
mod contacts;
mod days;
mod days_show;
mod demo;
mod enforcements;
mod erasures;
mod expected_lists;
mod facilities;
mod facilities_directory;
mod facilities_phones;
mod figures;
mod forms;
mod handdowns;
mod hands;
mod homes;
mod import;
mod incidents;
mod observations;
mod observations_watch;
mod officers;
mod pages;
mod passages;
mod persons;
mod policies;
mod postgres;
mod prove;
mod prove_persons;
mod readings;
mod rechecks;
mod referrals;
mod reporting;
mod reports;
mod reports_args;
mod reports_differences;
mod reports_import;
mod reports_show;
mod reports_watch;
mod results;
mod rollup;
mod rollup_show;
mod schedules;
mod support;
mod sweeps;
mod today;
mod units;
mod up;
mod worklist;

use std::process::ExitCode;

use chassis::{config::EXIT_USAGE, telemetry};
use clap::{CommandFactory as _, Parser, Subcommand};
use tonic::Status;
use tracing_subscriber::EnvFilter;

use crate::{
    client,
    output::{self, Style},
};

/// The command ran, and what it found is not as it should be: a law is broken, rows are bad.
pub const EXIT_FOUND: u8 = 1;
/// The command could not do its work.
pub const EXIT_FAILED: u8 = 2;

const EXIT_CODES: &str = "\
Exit codes:
  0   done
  1   done, and what was found is not as it should be (a broken law, bad rows)
  2   not done: refused, or a service or the database cannot be reached
  64  the flags or the configuration cannot be used
  130 stopped by Ctrl-C

Start with `rampart up`; it writes the context that the other commands need.";

/// Rampart: nothing falls through.
///
/// The operator's tool of a four-level epidemic command: runs the services on one machine, and talks
/// to them wherever they run.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    style: Style,
    /// Act as this subject, with a token of the issuer that `rampart up` runs with
    #[arg(long = "as", global = true, value_name = "SUBJECT")]
    subject: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything on this machine: a private Postgres and every service, until Ctrl-C
    Up(up::Args),
    /// Play the main job: a day of Loudi's 12,636 grids, and for persons the week after
    Demo(demo::Args),
    /// Make roles, schemas, the root unit and the first administrator on a Postgres of your own
    Bootstrap(up::BootstrapArgs),
    /// Look at and change the tree of units
    #[command(subcommand)]
    Units(units::Command),
    /// Look at and record officers
    #[command(subcommand)]
    Officers(officers::Command),
    /// Appoint, relieve, hand over; list vacancies and who answers
    #[command(subcommand)]
    Appointments(appointments::Command),
    /// Look at and change forms: what is asked, of whom, by when
    #[command(subcommand)]
    Forms(forms::Command),
    /// Open, close, sign and seal the business days of a form
    #[command(subcommand)]
    Days(days::Command),
    /// Take in reports; list who has not reported; return, correct, excuse, chase
    #[command(subcommand)]
    Reports(reports::Command),
    /// Show the totals of units, current or as sealed
    #[command(subcommand)]
    Rollup(rollup::Command),
    /// Take in persons who must be followed up; show, find, merge and reveal them
    #[command(subcommand)]
    Persons(persons::Command),
    /// List whose personal values will be erased, and were; close an epidemic in an area: propose, approve, certify
    #[command(subcommand)]
    Erasures(erasures::Command),
    /// Agree whose hands a person is in whom two units have found
    #[command(subcommand)]
    Hands(hands::Command),
    /// Hand persons down to where they are to be found: import lists, send, acknowledge, verify
    #[command(subcommand)]
    Handdowns(handdowns::Command),
    /// Show and say what holds in an area from a date on: the response level, how long persons are observed
    #[command(subcommand)]
    Schedules(schedules::Command),
    /// Set up posts at stations and tolls; show what their shifts came to
    #[command(subcommand)]
    Checkpoints(checkpoints::Command),
    /// Send who passes checkpoints; show what their shifts came to
    #[command(subcommand)]
    Passages(passages::Command),
    /// Watch over persons: open, extend, release; list what is to be done today, and what to chase
    #[command(subcommand)]
    Observations(observations::Command),
    /// Send temperature and symptoms of persons under observation; show their slots
    #[command(subcommand)]
    Readings(readings::Command),
    /// List and answer referrals of persons with fever or symptoms
    #[command(subcommand)]
    Referrals(referrals::Command),
    /// Record whom facilities admit and discharge
    #[command(subcommand)]
    Admissions(admissions::Command),
    /// Take in who met whom; follow, list, link and count contacts
    #[command(subcommand)]
    Contacts(contacts::Command),
    /// Open, classify, mark and count cases
    #[command(subcommand)]
    Cases(cases::Command),
    /// Record results; list and handle those that came too late
    #[command(subcommand)]
    Results(results::Command),
    /// List and report a county's first case and clusters
    #[command(subcommand)]
    Incidents(incidents::Command),
    /// Record who sleeps where
    #[command(subcommand)]
    Homes(homes::Command),
    /// Sweep grids household by household: targets, visits, progress, closing
    #[command(subcommand)]
    Sweeps(sweeps::Command),
    /// List and settle refusals to comply
    #[command(subcommand)]
    Enforcements(enforcements::Command),
    /// Offer, ask for and deliver food, medicine and care; care teams
    #[command(subcommand)]
    Support(support::Command),
    /// Enter facilities, their roles and phones; print the directory, find where to send somebody
    #[command(subcommand)]
    Facilities(facilities::Command),
    /// Set up wards; send, list and sum counts of beds
    #[command(subcommand)]
    Beds(beds::Command),
    /// Show and set the numbers that areas set for themselves
    #[command(subcommand)]
    Policies(policies::Command),
    /// List what is not as it must be of facilities, phones and beds, put before a unit
    Alarms(alarms::Args),
    /// Show what the registers of persons, cases and contacts come to, day by day
    Figures(figures::Args),
    /// List what must be done now, whatever it is about, in due order: a grid leader's day
    Today(today::Args),
    /// List what is put before a unit, since those below have not done it: the most dangerous first
    Chase(today::ChaseArgs),
    /// Print the bulletin of a seal
    Bulletin(bulletin::Args),
    /// Check that the laws hold on the live data; exit 1 where one is broken
    Prove(prove::Args),
    /// Print a token for a subject, signed by the issuer that `rampart up` runs with
    Token(access::TokenArgs),
    /// Run a command with a private throwaway Postgres, whose URL is in RAMPART_TEST_POSTGRES
    Postgres(postgres::Args),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Runs a command line.
#[must_use]
pub fn main(cli: Cli) -> ExitCode {
    let filter = EnvFilter::try_from_env("RAMPART_LOG");
    telemetry::start(filter.unwrap_or_else(|_| EnvFilter::new("warn")), telemetry::LogFormat::Text);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&error.into()),
    };
    let outcome = runtime.block_on(run(cli));
    // Reading standard input or a blocked terminal must not keep the program.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    outcome.unwrap_or_else(|error| refuse(&error))
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let access = access::Access { subject: cli.subject };
    match cli.command {
        Command::Up(args) => up::up(args).await,
        Command::Demo(args) => demo::demo(args, cli.style).await,
        Command::Bootstrap(args) => up::bootstrap(args).await,
        Command::Units(command) => units::run(command, &access, cli.style).await,
        Command::Officers(command) => officers::run(command, &access, cli.style).await,
        Command::Appointments(command) => appointments::run(command, &access, cli.style).await,
        Command::Forms(command) => forms::run(command, &access, cli.style).await,
        Command::Days(command) => days::run(command, &access, cli.style).await,
        Command::Reports(command) => reports::run(command, &access, cli.style).await,
        Command::Rollup(command) => rollup::run(command, &access, cli.style).await,
        Command::Persons(command) => persons::run(command, &access, cli.style).await,
        Command::Erasures(command) => erasures::run(command, &access, cli.style).await,
        Command::Hands(command) => hands::run(command, &access, cli.style).await,
        Command::Handdowns(command) => handdowns::run(command, &access, cli.style).await,
        Command::Schedules(command) => schedules::run(command, &access, cli.style).await,
        Command::Checkpoints(command) => checkpoints::run(command, &access, cli.style).await,
        Command::Passages(command) => passages::run(command, &access, cli.style).await,
        Command::Observations(command) => observations::run(command, &access, cli.style).await,
        Command::Readings(command) => readings::run(command, &access, cli.style).await,
        Command::Referrals(command) => referrals::run(command, &access, cli.style).await,
        Command::Admissions(command) => admissions::run(command, &access, cli.style).await,
        Command::Contacts(command) => contacts::run(command, &access, cli.style).await,
        Command::Cases(command) => cases::run(command, &access, cli.style).await,
        Command::Results(command) => results::run(command, &access, cli.style).await,
        Command::Incidents(command) => incidents::run(command, &access, cli.style).await,
        Command::Homes(command) => homes::run(command, &access, cli.style).await,
        Command::Sweeps(command) => sweeps::run(command, &access, cli.style).await,
        Command::Enforcements(command) => enforcements::run(command, &access, cli.style).await,
        Command::Support(command) => support::run(command, &access, cli.style).await,
        Command::Facilities(command) => facilities::run(command, &access, cli.style).await,
        Command::Beds(command) => beds::run(command, &access, cli.style).await,
        Command::Policies(command) => policies::run(command, &access, cli.style).await,
        Command::Alarms(args) => alarms::run(args, &access, cli.style).await,
        Command::Figures(args) => figures::run(&args, &access, cli.style).await,
        Command::Today(args) => today::today(args, &access, cli.style).await,
        Command::Chase(args) => today::chase(args, &access, cli.style).await,
        Command::Bulletin(args) => bulletin::run(&args, &access, cli.style).await,
        Command::Prove(args) => prove::run(&args, &access, cli.style).await,
        Command::Token(args) => access::token(&args, &access),
        Command::Postgres(args) => postgres::run(args).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "rampart", &mut script);
            output::put(&String::from_utf8(script)?)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A usage error that clap could not find.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

fn refuse(error: &anyhow::Error) -> ExitCode {
    if let Some(status) = error.downcast_ref::<Status>() {
        output::say(&client::explain(status));
        return ExitCode::from(EXIT_FAILED);
    }
    output::say(&format!("{error:#}"));
    ExitCode::from(if error.is::<Usage>() { EXIT_USAGE } else { EXIT_FAILED })
}
