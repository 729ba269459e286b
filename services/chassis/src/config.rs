//! Configuration: flags and environment, checked as a whole, so that every mistake is reported in one
//! run.

use std::{
    fmt,
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use chrono_tz::Tz;
use tracing_subscriber::EnvFilter;

use crate::{
    identity::Trust,
    keys::KeySource,
    telemetry::LogFormat,
    tls::{ServerFiles, TlsError},
};

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
    /// Certificate to serve TLS with (PEM, with its chain); without one, plaintext is served
    #[arg(long, env = "RAMPART_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<String>,
    /// Private key of the certificate (PEM)
    #[arg(long, env = "RAMPART_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<String>,
    /// CA of the clients (PEM); with one, a client without a certificate of it is not let in
    #[arg(long, env = "RAMPART_TLS_CLIENT_CA", value_name = "FILE")]
    pub tls_client_ca: Option<String>,
    /// Address to serve health alone on, in plaintext, for probes
    #[arg(long, env = "RAMPART_HEALTH_LISTEN", value_name = "ADDR")]
    pub health_listen: Option<String>,
    /// The issuer's public keys (JWKS): a file, or an http or https URL
    #[arg(long, env = "RAMPART_JWKS", value_name = "FILE|URL")]
    pub jwks: Option<String>,
    /// CA of the issuer's https URL (PEM), in place of the system's authorities
    #[arg(long, env = "RAMPART_JWKS_CA", value_name = "FILE")]
    pub jwks_ca: Option<String>,
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
    /// Address to serve figures for Prometheus on, at /metrics, in plaintext
    #[arg(long, env = "RAMPART_METRICS_LISTEN", value_name = "ADDR")]
    pub metrics_listen: Option<String>,
    /// Collector to send traces and figures to (OTLP over gRPC), such as http://127.0.0.1:4317
    #[arg(long, env = "RAMPART_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
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
    /// The files of TLS; none to serve plaintext.
    pub tls: Option<ServerFiles>,
    /// Where health alone is served, in plaintext.
    pub health_listen: Option<SocketAddr>,
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
    /// Where figures are served for Prometheus.
    pub metrics_listen: Option<SocketAddr>,
    /// The collector of traces and figures.
    pub otlp_endpoint: Option<String>,
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
    /// Checks every value; `wrong` is what is wrong already.
    ///
    /// # Errors
    /// [`ConfigErrors`] with all that is wrong.
    pub fn resolve(self, mut wrong: Vec<String>) -> Result<Config, ConfigErrors> {
        let listen = parsed(&mut wrong, "listen", &self.listen, "an address such as 127.0.0.1:7400");
        let database_url = required(&mut wrong, "database-url", self.database_url);
        let is_url = |url: &String| url.starts_with("postgres://") || url.starts_with("postgresql://");
        if database_url.as_ref().is_some_and(|url| !is_url(url)) {
            wrong.push("--database-url (RAMPART_DATABASE_URL) must begin with postgres://".to_owned());
        }
        let connections = parsed(&mut wrong, "connections", &self.connections, "a number from 1");
        let tls = tls(&mut wrong, self.tls_cert, self.tls_key, self.tls_client_ca);
        let health_listen = address(&mut wrong, "health-listen", self.health_listen);
        let jwks = required(&mut wrong, "jwks", self.jwks);
        let jwks = jwks.and_then(|jwks| keys(&mut wrong, &jwks, given(self.jwks_ca)));
        let issuer = required(&mut wrong, "issuer", self.issuer);
        let zone = parsed(&mut wrong, "zone", &self.zone, "a zone such as Asia/Shanghai");
        let concurrency = parsed(&mut wrong, "concurrency", &self.concurrency, "a number from 1");
        let age = parsed(&mut wrong, "connection-age", &self.connection_age, "seconds");
        let notice = parsed(&mut wrong, "drain-notice", &self.drain_notice, "seconds");
        let reflection = parsed(&mut wrong, "reflection", &self.reflection, "true or false");
        let metrics_listen = address(&mut wrong, "metrics-listen", self.metrics_listen);
        let otlp_endpoint = given(self.otlp_endpoint);
        let is_url = |url: &String| {
            let known = url.starts_with("http://") || url.starts_with("https://");
            known && url.parse::<http::Uri>().is_ok()
        };
        if otlp_endpoint.as_ref().is_some_and(|url| !is_url(url)) {
            let words = "must be an address such as http://127.0.0.1:4317";
            wrong.push(format!("--otlp-endpoint (RAMPART_OTLP_ENDPOINT) {words}"));
        }
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
                tls,
                health_listen,
                trust: Trust { issuer: issuer?, audience: self.audience, jwks: jwks? },
                zone: zone?,
                concurrency: concurrency?,
                connection_age: Duration::from_secs(age?),
                drain_notice: Duration::from_secs(notice?),
                reflection: reflection?,
                metrics_listen,
                otlp_endpoint,
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

fn given(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.is_empty())
}

fn address(wrong: &mut Vec<String>, flag: &str, value: Option<String>) -> Option<SocketAddr> {
    parsed(wrong, flag, &given(value)?, "an address such as 127.0.0.1:7500")
}

/// The files of TLS, which are read once to see that they can be used.
fn tls(
    wrong: &mut Vec<String>,
    cert: Option<String>,
    key: Option<String>,
    client_ca: Option<String>,
) -> Option<ServerFiles> {
    let client_ca = given(client_ca).map(PathBuf::from);
    match (given(cert), given(key)) {
        (Some(cert), Some(key)) => {
            let files = ServerFiles { cert: cert.into(), key: key.into(), client_ca };
            if let Err(TlsError(errors)) = files.load() {
                wrong.extend(errors.into_iter().map(|error| format!("--tls-cert, --tls-key, --tls-client-ca: {error}")));
            }
            return Some(files);
        }
        (Some(_), None) => {
            wrong.push("--tls-cert (RAMPART_TLS_CERT) wants --tls-key (RAMPART_TLS_KEY)".to_owned());
        }
        (None, Some(_)) => {
            wrong.push("--tls-key (RAMPART_TLS_KEY) wants --tls-cert (RAMPART_TLS_CERT)".to_owned());
        }
        (None, None) if client_ca.is_some() => wrong.push(
            "--tls-client-ca (RAMPART_TLS_CLIENT_CA) wants --tls-cert (RAMPART_TLS_CERT) and --tls-key (RAMPART_TLS_KEY)"
                .to_owned(),
        ),
        (None, None) => {}
    }
    None
}

/// Where the issuer's keys are; a URL is asked when the service starts.
fn keys(wrong: &mut Vec<String>, jwks: &str, ca: Option<String>) -> Option<KeySource> {
    if let Some(ca) = ca.as_ref().filter(|ca| !Path::new(ca).is_file()) {
        wrong.push(format!("--jwks-ca (RAMPART_JWKS_CA): there is no file {ca}"));
    }
    if jwks.starts_with("http://") || jwks.starts_with("https://") {
        let words = "--jwks (RAMPART_JWKS)";
        let url =
            jwks.parse::<reqwest::Url>().map_err(|error| wrong.push(format!("{words}: {jwks}: {error}")));
        let url = url.ok()?;
        if !url.username().is_empty() || url.password().is_some() {
            // It would be in the log.
            wrong.push(format!("{words}: public keys want no user and password in their URL"));
        }
        return Some(KeySource::Url { url, ca: ca.map(PathBuf::from) });
    }
    if !Path::new(jwks).is_file() {
        wrong.push(format!("--jwks (RAMPART_JWKS): there is no file {jwks}"));
    }
    Some(KeySource::File(jwks.into()))
}

fn required(wrong: &mut Vec<String>, flag: &str, value: Option<String>) -> Option<String> {
    let value = given(value);
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
            tls_cert: Some("server.pem".to_owned()),
            health_listen: Some("7500".to_owned()),
            metrics_listen: Some("9400".to_owned()),
            otlp_endpoint: Some("collector:4317".to_owned()),
            ..ConfigArgs::default()
        };
        let report = args.resolve(vec![]).expect_err("nothing of it is right").to_string();
        for flag in [
            "listen",
            "database-url",
            "jwks",
            "issuer",
            "zone",
            "connections",
            "reflection",
            "tls-cert",
            "health-listen",
            "metrics-listen",
            "otlp-endpoint",
        ] {
            assert!(report.contains(&format!("--{flag} ")), "{flag} is not in {report}");
        }
    }

    #[test]
    fn everything_about_tls_and_the_keys_that_is_wrong_is_said_together() {
        let args = ConfigArgs {
            tls_cert: Some("/nowhere/cert.pem".to_owned()),
            tls_key: Some("/nowhere/key.pem".to_owned()),
            tls_client_ca: Some("/nowhere/ca.pem".to_owned()),
            jwks: Some("https://[issuer/keys".to_owned()),
            jwks_ca: Some("/nowhere/issuer.pem".to_owned()),
            ..ConfigArgs::default()
        };
        let report = args.resolve(vec![]).expect_err("nothing of it is there").to_string();
        let wrong = [
            "cert.pem",
            "/nowhere/key.pem",
            "/nowhere/ca.pem",
            "/nowhere/issuer.pem",
            "https://[issuer/keys",
        ];
        for words in wrong {
            assert!(report.contains(words), "{words} is not in {report}");
        }
        for (cert, key, client_ca) in [(None, Some("k"), None), (None, None, Some("c"))] {
            let [tls_cert, tls_key, tls_client_ca] =
                [cert, key, client_ca].map(|one: Option<&str>| one.map(str::to_owned));
            let args = ConfigArgs { tls_cert, tls_key, tls_client_ca, ..ConfigArgs::default() };
            let report = args.resolve(vec![]).expect_err("one without the other").to_string();
            assert!(report.contains("wants --tls-cert"), "{report}");
        }
    }
}
