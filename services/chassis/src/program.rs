//! What the small binary of a service does: parse, bind, run, and an exit code.

use std::{pin::Pin, process::ExitCode};

use clap::{Args as _, Command, FromArgMatches as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::{Clock, Config, ConfigArgs, config::EXIT_USAGE, fault, telemetry};

/// After how many steps of tasks the sockets are looked at. By tokio's own 61, what the database has answered
/// lies about while callers' messages are worked off: a batch waits so at every statement.
const LOOK_AT_SOCKETS: u32 = 7;

/// What a step of a program answers.
pub type Step = Pin<Box<dyn Future<Output = Result<(), Box<dyn std::error::Error>>> + Send>>;

/// A service as a process of its own.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// What is wrong with settings of its own, beside those of every service.
    pub check: fn() -> Vec<String>,
    /// Brings its schema up to date with the owner's URL.
    pub migrate: fn(String) -> Step,
    /// Runs it until shutdown.
    pub serve: fn(Config, Clock, TcpListener, CancellationToken) -> Step,
}

/// Runs a service's program: `serve` or `migrate`.
#[must_use]
pub fn main(program: Program) -> ExitCode {
    let serve = ConfigArgs::augment_args(Command::new("serve").about("Serve until SIGTERM or Ctrl-C"));
    let owner = clap::Arg::new("owner-url")
        .long("owner-url")
        .env("RAMPART_OWNER_URL")
        .hide_env_values(true)
        .value_name("URL")
        .required(true)
        .help("URL of the database with the schema's owner");
    let migrate = Command::new("migrate").about("Bring the schema up to date").arg(owner);
    let matches = Command::new(program.name)
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .subcommand(serve)
        .subcommand(migrate)
        .get_matches();

    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = match runtime.enable_all().event_interval(LOOK_AT_SOCKETS).build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, 1),
    };
    match matches.subcommand() {
        Some(("migrate", matches)) => {
            telemetry::start(EnvFilter::new("info"), telemetry::LogFormat::Text);
            let url = matches.get_one::<String>("owner-url").cloned().unwrap_or_default();
            finish(runtime.block_on((program.migrate)(url)))
        }
        Some((_, matches)) => {
            match ConfigArgs::from_arg_matches(matches).map(|args| args.resolve((program.check)())) {
                Err(error) => error.exit(),
                Ok(Err(errors)) => fail(&errors, EXIT_USAGE),
                Ok(Ok(config)) => finish(runtime.block_on(serve_until_signal(program, config))),
            }
        }
        None => ExitCode::from(EXIT_USAGE),
    }
}

async fn serve_until_signal(program: Program, config: Config) -> Result<(), Box<dyn std::error::Error>> {
    let (filter, format) = (EnvFilter::new(&config.log), config.log_format);
    let traces = match config.otlp_endpoint.as_deref() {
        Some(collector) => Some(telemetry::start_tracing(filter, format, program.name, collector)?),
        None => {
            telemetry::start(filter, format);
            None
        }
    };
    tracing::info!(service = program.name, ?config, "starting");
    let listener = TcpListener::bind(config.listen).await?;
    let shutdown = CancellationToken::new();
    tokio::spawn(cancel_on_signal(shutdown.clone()));
    let clock = Clock::system(config.zone);
    let outcome = (program.serve)(config, clock, listener, shutdown).await;
    if let Some(traces) = traces {
        traces.end().await;
    }
    outcome
}

/// Cancels on SIGTERM or Ctrl-C.
pub async fn cancel_on_signal(shutdown: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    shutdown.cancel();
}

fn finish(outcome: Result<(), Box<dyn std::error::Error>>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error.as_ref(), 1),
    }
}

#[allow(clippy::print_stderr, reason = "the last word of a program that fails")]
fn fail(error: &(dyn std::error::Error + 'static), code: u8) -> ExitCode {
    eprintln!("{}", fault::chain(error));
    ExitCode::from(code)
}
