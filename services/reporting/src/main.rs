//! Reporting as a process of its own: `reporting serve` and `reporting migrate`.

use std::process::ExitCode;

use chassis::program::{self, Program};
use jurisdiction::follow::Source;

fn main() -> ExitCode {
    program::main(Program {
        name: reporting::SCHEMA,
        check: || Source::from_environment().err().map(|error| error.to_string()).into_iter().collect(),
        migrate: |url| Box::pin(async move { reporting::migrate(&url).await.map_err(Into::into) }),
        serve: |config, clock, listener, shutdown| {
            Box::pin(async move {
                let source = Source::from_environment()?;
                reporting::run(config, clock, source, listener, shutdown).await.map_err(Into::into)
            })
        },
    })
}
