//! Medical as a process of its own: `medical serve` and `medical migrate`.

use std::process::ExitCode;

use chassis::program::{self, Program};
use jurisdiction::follow::Source;

fn main() -> ExitCode {
    program::main(Program {
        name: medical::SCHEMA,
        check: || Source::from_environment().err().map(|error| error.to_string()).into_iter().collect(),
        migrate: |url| Box::pin(async move { medical::migrate(&url).await.map_err(Into::into) }),
        serve: |config, clock, listener, shutdown| {
            Box::pin(async move {
                let source = Source::from_environment()?;
                medical::run(config, clock, source, listener, shutdown).await.map_err(Into::into)
            })
        },
    })
}
