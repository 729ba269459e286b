//! `rampart postgres -- COMMAND`: for tests and for preparing queries.

use std::process::ExitCode;

use anyhow::Context as _;
use chassis::program::cancel_on_signal;
use tokio_util::sync::CancellationToken;

use crate::postgres;

/// Flags of `rampart postgres`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Runs the command and answers its exit code.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let server = postgres::throwaway().await?;
    let (program, arguments) = args.command.split_first().context("no command")?;
    let mut command = tokio::process::Command::new(program)
        .args(arguments)
        .env("RAMPART_TEST_POSTGRES", server.url("postgres"))
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{program} cannot be started"))?;
    let stopped = CancellationToken::new();
    tokio::spawn(cancel_on_signal(stopped.clone()));
    // The command gets the terminal's Ctrl-C too, and ends by itself.
    let status = stopped.run_until_cancelled(command.wait()).await;
    server.stop().await?;
    let code = match status {
        None => 130,
        Some(status) => status?.code().unwrap_or(1),
    };
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}
