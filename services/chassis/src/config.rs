//! Configuration: flags and environment, checked as a whole, so that every mistake is reported in one
//! run.

use std::{
    fmt,
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use chrono_tz::Tz;
use tracing_subscriber::EnvFilter;

use crate::{identity::Trust, telemetry::LogFormat};

/// What a program answers to a configuration it cannot use (`EX_USAGE`).
pub const EXIT_USAGE: u8 = 64;

/// The flags of every service. Values are taken as text here and checked together.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ConfigArgs {
    /// Address to serve gRPC on
    #[arg(long, env = "RAMPART_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:7400")]
    pub listen: String,
    /// URL of the database with the service's runtime role
    #[arg(long, env = "RAMPART_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Most connections to the database
    #[arg(long, env = "RAMPART_CONNECTIONS", value_name = "N", default_value = "16")]
    pub connections: String,
    /// File with the issuer's public keys (JWKS)
    #[arg(long, env = "RAMPART_JWKS", value_name = "FILE")]
    pub jwks: Option<String>,
    /// Issuer that tokens must name
    #[arg(long, env = "RAMPART_ISSUER", value_name = "ISS")]
    pub issuer: Option<String>,
    /// Audience that tokens must name
    #[arg(long, env = "RAMPART_AUDIENCE", value_name = "AUD", default_value = "rampart")]
    pub audience: String,
    /// Zone of the city's civil dates
    #[arg(long, env = "RAMPART_ZONE", value_name = "ZONE", default_value = "Asia/Shanghai")]
    pub zone: String,
    /// Most calls in hand; the next one is told to come later
    #[arg(long, env = "RAMPART_CONCURRENCY", value_name = "N", default_value = "1024")]
    pub concurrency: String,
    /// Seconds a connection may live before the client must make a new one
    #[arg(long, env = "RAMPART_CONNECTION_AGE", value_name = "SECONDS", default_value = "1800")]
    pub connection_age: String,
    /// Seconds between saying NOT_SERVING and closing, for load balancers to notice
    #[arg(long, env = "RAMPART_DRAIN_NOTICE", value_name = "SECONDS", default_value = "5")]
    pub drain_notice: String,
    /// Whether to serve reflection: true or false
    #[arg(long, env = "RAMPART_REFLECTION", value_name = "BOOL", default_value = "true")]
    pub reflection: String,
    /// What to log, such as info or info,registry=debug
    #[arg(long, env = "RAMPART_LOG", value_name = "FILTER", default_value = "info,sqlx=warn")]
    pub log: String,
    /// How log lines look: text or json
    #[arg(long, env = "RAMPART_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: String,
}

/// A configuration that was checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where gRPC is served.
    pub listen: SocketAddr,
    /// The runtime role's URL.
    pub database_url: Secret,
    /// Most connections to the database.
    pub connections: NonZeroU32,
    /// Whose tokens are believed.
    pub trust: Trust,
    /// The zone of civil dates.
    pub zone: Tz,
    /// Most calls in hand.
    pub concurrency: NonZeroUsize,
    /// How long a connection may live.
    pub connection_age: Duration,
    /// How long NOT_SERVING is said before closing.
    pub drain_notice: Duration,
    /// Whether reflection is served.
    pub reflection: bool,
    /// The log filter, as given.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
}

/// A value that no log shows.
#[derive(Clone)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(hidden)")
    }
}

/// Everything that is wrong with a configuration.
#[derive(Debug)]
pub struct ConfigErrors(Vec<String>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the configuration cannot be used:")?;
        for error in &self.0 {
            write!(formatter, "\n  {error}")?;
        }
        write!(formatter, "\n(--help lists every flag and its variable)")
    }
}

impl std::error::Error for ConfigErrors {}

impl ConfigArgs {
    /// Checks every value.
    ///
    /// # Errors
    /// [`ConfigErrors`] with all that is wrong.
    pub fn resolve(self) -> Result<Config, ConfigErrors> {
        let mut wrong = Vec::new();
        let listen = parsed(&mut wrong, "listen", &self.listen, "an address such as 127.0.0.1:7400");
        let database_url = required(&mut wrong, "database-url", self.database_url);
        let is_url = |url: &String| url.starts_with("postgres://") || url.starts_with("postgresql://");
        if database_url.as_ref().is_some_and(|url| !is_url(url)) {
            wrong.push("--database-url (RAMPART_DATABASE_URL) must begin with postgres://".to_owned());
        }
        let connections = parsed(&mut wrong, "connections", &self.connections, "a number from 1");
        let jwks = required(&mut wrong, "jwks", self.jwks).map(PathBuf::from);
        if let Some(path) = jwks.as_ref().filter(|path| !path.is_file()) {
            wrong.push(format!("--jwks (RAMPART_JWKS): there is no file {}", path.display()));
        }
        let issuer = required(&mut wrong, "issuer", self.issuer);
        let zone = parsed(&mut wrong, "zone", &self.zone, "a zone such as Asia/Shanghai");
        let concurrency = parsed(&mut wrong, "concurrency", &self.concurrency, "a number from 1");
        let age = parsed(&mut wrong, "connection-age", &self.connection_age, "seconds");
        let notice = parsed(&mut wrong, "drain-notice", &self.drain_notice, "seconds");
        let reflection = parsed(&mut wrong, "reflection", &self.reflection, "true or false");
        if let Err(error) = EnvFilter::try_new(&self.log) {
            wrong.push(format!("--log (RAMPART_LOG): {error}"));
        }
        let log_format = <LogFormat as clap::ValueEnum>::from_str(&self.log_format, true);
        if log_format.is_err() {
            wrong.push("--log-format (RAMPART_LOG_FORMAT) must be text or json".to_owned());
        }

        let config = || {
            Some(Config {
                listen: listen?,
                database_url: Secret(database_url?),
                connections: connections?,
                trust: Trust { issuer: issuer?, audience: self.audience, jwks: jwks? },
                zone: zone?,
                concurrency: concurrency?,
                connection_age: Duration::from_secs(age?),
                drain_notice: Duration::from_secs(notice?),
                reflection: reflection?,
                log: self.log,
                log_format: log_format.ok()?,
            })
        };
        match config() {
            Some(config) if wrong.is_empty() => Ok(config),
            _ => Err(ConfigErrors(wrong)),
        }
    }
}

fn variable(flag: &str) -> String {
    format!("RAMPART_{}", flag.replace('-', "_").to_uppercase())
}

fn required(wrong: &mut Vec<String>, flag: &str, value: Option<String>) -> Option<String> {
    let value = value.filter(|value| !value.is_empty());
    if value.is_none() {
        wrong.push(format!("--{flag} ({}) is required", variable(flag)));
    }
    value
}

fn parsed<T: FromStr>(wrong: &mut Vec<String>, flag: &str, value: &str, form: &str) -> Option<T> {
    let parsed = value.parse().ok();
    if parsed.is_none() {
        wrong.push(format!("--{flag} ({}) must be {form}, is {value:?}", variable(flag)));
    }
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_reported_in_one_run() {
        let args = ConfigArgs {
            listen: "nowhere".to_owned(),
            database_url: Some("mysql://x".to_owned()),
            zone: "Mars/Olympus".to_owned(),
            ..ConfigArgs::default()
        };
        let report = args.resolve().expect_err("nothing of it is right").to_string();
        for flag in ["listen", "database-url", "jwks", "issuer", "zone", "connections", "reflection"] {
            assert!(report.contains(&format!("--{flag} ")), "{flag} is not in {report}");
        }
    }
}
