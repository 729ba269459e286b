//! Screening as a process of its own: `screening serve` and `screening migrate`.

use std::process::ExitCode;

use chassis::program::{self, Program};
use jurisdiction::follow::Source;
use screening::keyring::Keyring;

fn main() -> ExitCode {
    program::main(Program {
        name: screening::SCHEMA,
        check: || {
            let source = Source::from_environment().err().map(|error| error.to_string());
            let keys = Keyring::from_environment().err().map(|error| error.to_string());
            source.into_iter().chain(keys).collect()
        },
        migrate: |url| Box::pin(async move { screening::migrate(&url).await.map_err(Into::into) }),
        serve: |config, clock, listener, shutdown| {
            Box::pin(async move {
                let (source, keys) = (Source::from_environment()?, Keyring::from_environment()?);
                screening::run(config, clock, source, keys, listener, shutdown).await.map_err(Into::into)
            })
        },
    })
}
