//! Who a command acts as, and `rampart token`.

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use chassis::tls::ClientFiles;

use super::Usage;
use crate::{
    client::{Medical, Registry, Reporting, Screening},
    context::ClientContext,
    issuer::Issuer,
    output,
};

/// How long the token of a command is good for.
const COMMAND: Duration = Duration::from_secs(600);

/// Who commands act as.
#[derive(Debug)]
pub(crate) struct Access {
    /// The subject of `--as`.
    pub(crate) subject: Option<String>,
}

impl Access {
    /// Clients of the registry of the context, as the subject asked for. RAMPART_TOKEN goes before
    /// the context's issuer, RAMPART_REGISTRY before its address, and RAMPART_CA, RAMPART_CERT and
    /// RAMPART_KEY before its files.
    pub(crate) fn registry(&self) -> anyhow::Result<Registry> {
        let (address, token, files) = self.reach("RAMPART_REGISTRY", |context| &context.registry)?;
        Registry::with_files(&address, &token, &files)
    }

    /// Clients of reporting, in the same way; RAMPART_REPORTING goes before the context's address.
    pub(crate) fn reporting(&self) -> anyhow::Result<Reporting> {
        let (address, token, files) = self.reach("RAMPART_REPORTING", |context| &context.reporting)?;
        Reporting::with_files(&address, &token, &files)
    }

    /// Clients of screening, in the same way; RAMPART_SCREENING goes before the context's address.
    pub(crate) fn screening(&self) -> anyhow::Result<Screening> {
        let (address, token, files) = self.reach("RAMPART_SCREENING", |context| &context.screening)?;
        Screening::with_files(&address, &token, &files)
    }

    /// Clients of medical, in the same way; RAMPART_MEDICAL goes before the context's address.
    pub(crate) fn medical(&self) -> anyhow::Result<Medical> {
        let (address, token, files) = self.reach("RAMPART_MEDICAL", |context| &context.medical)?;
        Medical::with_files(&address, &token, &files)
    }

    fn reach(
        &self,
        variable: &str,
        known: impl Fn(&ClientContext) -> &String,
    ) -> anyhow::Result<(String, String, ClientFiles)> {
        let context = ClientContext::read()?;
        let address = std::env::var(variable).ok();
        let address = address.or_else(|| context.as_ref().map(|context| known(context).clone()));
        let address = address.filter(|address| !address.is_empty());
        let address = address.ok_or_else(|| {
            Usage(format!(
                "no services are known here: run `rampart up` first, or set {variable} and RAMPART_TOKEN"
            ))
        })?;
        let token = match std::env::var("RAMPART_TOKEN") {
            Ok(token) if self.subject.is_none() => token,
            _ => self.sign(context.as_ref(), COMMAND)?,
        };
        Ok((address, token, files(context.as_ref(), ClientFiles::from_environment())))
    }

    fn sign(&self, context: Option<&ClientContext>, lifetime: Duration) -> anyhow::Result<String> {
        let folder = context.and_then(|context| context.issuer.as_ref()).ok_or_else(|| {
            Usage("no issuer is known here: run `rampart up` first, or set RAMPART_TOKEN".into())
        })?;
        let subject = self.subject.as_ref().or_else(|| context?.subject.as_ref());
        let subject = subject.ok_or_else(|| Usage("say who you are with --as SUBJECT".into()))?;
        Issuer::open(folder)?.token(subject, lifetime).context("signing a token")
    }
}

/// The files for https: of the environment, else of the context. A certificate and its key are of one place.
fn files(context: Option<&ClientContext>, environment: ClientFiles) -> ClientFiles {
    let Some(context) = context else {
        return environment;
    };
    let ca = environment.ca.or_else(|| context.ca.clone());
    let (cert, key) = match (environment.cert, environment.key) {
        (None, None) => (context.cert.clone(), context.key.clone()),
        of_environment => of_environment,
    };
    ClientFiles { ca, cert, key }
}

/// Flags of `rampart token`.
#[derive(Debug, clap::Args)]
pub(crate) struct TokenArgs {
    /// Hours the token is good for
    #[arg(long, default_value_t = 12, value_name = "HOURS", value_parser = clap::value_parser!(u64).range(1..=720))]
    hours: u64,
}

/// Prints a token.
pub(crate) fn token(args: &TokenArgs, access: &Access) -> anyhow::Result<ExitCode> {
    let context = ClientContext::read()?;
    let lifetime = Duration::from_secs(args.hours * 3_600);
    output::put(&access.sign(context.as_ref(), lifetime)?)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environments_files_go_before_the_contexts_and_pairs_are_not_mixed() {
        let context = serde_json::json!({
            "registry": "https://registry", "reporting": "https://reporting",
            "ca": "context.ca", "cert": "context.cert", "key": "context.key"
        });
        let context: ClientContext = serde_json::from_value(context).expect("a context");
        let all = |ca: &str, cert: Option<&str>, key: Option<&str>| ClientFiles {
            ca: Some(ca.into()),
            cert: cert.map(Into::into),
            key: key.map(Into::into),
        };
        let none = files(Some(&context), ClientFiles::default());
        assert_eq!(none, all("context.ca", Some("context.cert"), Some("context.key")));
        let own = all("own.ca", Some("own.cert"), None);
        assert_eq!(files(Some(&context), own.clone()), own);
    }
}
