//! Reporting as a process of its own: `reporting serve` and `reporting migrate`.

use std::process::ExitCode;

use chassis::program::{self, Program};
use jurisdiction::follow::Source;

/// The variable with screening's address; without it, drafts have nothing to go by.
const SCREENING: &str = "RAMPART_SCREENING";

fn main() -> ExitCode {
    program::main(Program {
        name: reporting::SCHEMA,
        check: || {
            let (registry, screening) = (Source::from_environment().err(), Source::named(SCREENING).err());
            registry.into_iter().chain(screening).map(|error| error.to_string()).collect()
        },
        migrate: |url| Box::pin(async move { reporting::migrate(&url).await.map_err(Into::into) }),
        serve: |config, clock, listener, shutdown| {
            Box::pin(async move {
                let (source, registers) = (Source::from_environment()?, Source::named(SCREENING)?);
                reporting::run(config, clock, source, registers, listener, shutdown).await.map_err(Into::into)
            })
        },
    })
}
