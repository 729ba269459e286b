//! What a service says about itself while it runs.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// Starts logging to standard error. The first call counts; later ones change nothing.
pub fn start(filter: EnvFilter, format: LogFormat) {
    let base = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let _ = match format {
        LogFormat::Text => base.with(lines.with_target(false)).try_init(),
        LogFormat::Json => base.with(lines.json().flatten_event(true)).try_init(),
    };
}
