//! `rampart`: see `rampart --help`.

use std::process::ExitCode;

use clap::Parser as _;
use rampart::commands::{self, Cli};

fn main() -> ExitCode {
    commands::main(Cli::parse())
}
