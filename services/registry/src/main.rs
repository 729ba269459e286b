//! The registry as a process of its own: `registry serve` and `registry migrate`.

use std::process::ExitCode;

use chassis::program::{self, Program};

fn main() -> ExitCode {
    program::main(Program {
        name: registry::SCHEMA,
        check: Vec::new,
        migrate: |url| Box::pin(async move { registry::migrate(&url).await.map_err(Into::into) }),
        serve: |config, clock, listener, shutdown| {
            Box::pin(
                async move { registry::run(config, clock, listener, shutdown).await.map_err(Into::into) },
            )
        },
    })
}
