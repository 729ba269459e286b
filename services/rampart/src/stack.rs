//! The whole of Rampart in one process: roles and schemas, migrations, the founding, and every
//! service on its listener. `rampart up`, `rampart demo` and the tests run the same.

use std::{net::SocketAddr, num::NonZeroU32, num::NonZeroUsize, sync::Arc, time::Duration};

use anyhow::Context as _;
use chassis::{
    Clock, Config,
    bootstrap::{self, Schema},
    config::Secret,
    telemetry::LogFormat,
};
use jurisdiction::follow::{Credential, Source};
use registry::founding::{Founded, Founding};
use screening::keyring::Keyring;
use tokio::{net::TcpListener, task::JoinHandle, time::Instant};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::issuer::Issuer;

/// How long the token of one of our own services is good for; it is signed anew for every connection.
const MACHINE: Duration = Duration::from_secs(24 * 3_600);

/// What a stack runs on.
#[derive(Clone, Debug)]
pub struct Options {
    /// The administrator's URL of the stack's own database.
    pub admin_url: String,
    /// The password of every role, on a private database.
    pub password: String,
    /// The clock of all services.
    pub clock: Clock,
    /// Where the services listen.
    pub addresses: Addresses,
    /// The keys of personal values.
    pub person_keys: Keyring,
}

/// Where the services listen; port 0 for any.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Addresses {
    /// Address of the registry
    #[arg(long, default_value = "127.0.0.1:7401", value_name = "ADDR")]
    pub registry: SocketAddr,
    /// Address of reporting
    #[arg(long, default_value = "127.0.0.1:7402", value_name = "ADDR")]
    pub reporting: SocketAddr,
    /// Address of screening
    #[arg(long, default_value = "127.0.0.1:7403", value_name = "ADDR")]
    pub screening: SocketAddr,
    /// Address of medical
    #[arg(long, default_value = "127.0.0.1:7404", value_name = "ADDR")]
    pub medical: SocketAddr,
}

impl Addresses {
    /// Any free ports of this machine.
    #[must_use]
    pub fn any() -> Self {
        let any = ([127, 0, 0, 1], 0).into();
        Self { registry: any, reporting: any, screening: any, medical: any }
    }
}

/// A running stack.
#[derive(Debug)]
pub struct Stack {
    /// Where the registry is, as a URL.
    pub registry: String,
    /// Where reporting is, as a URL; empty where it was not started.
    pub reporting: String,
    /// Where screening is, as a URL; empty where it was not started.
    pub screening: String,
    /// Where medical is, as a URL; empty where it was not started.
    pub medical: String,
    options: Options,
    issuer: Issuer,
    services: Vec<Service>,
}

/// A service beside the registry, which every stack has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// Screening.
    Screening,
    /// Medical.
    Medical,
    /// Reporting. Without screening in the stack no register fills in its drafts.
    Reporting,
}

/// Every service beside the registry.
pub const ALL: &[Part] = &[Part::Screening, Part::Medical, Part::Reporting];

/// A service of a stack; it ends when this is dropped.
#[derive(Debug)]
struct Service {
    name: &'static str,
    _running: DropGuard,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Options {
    async fn listen(
        &self,
        service: &str,
        address: SocketAddr,
        issuer: &Issuer,
    ) -> anyhow::Result<(Config, TcpListener)> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("the service {service} cannot listen on {address}"))?;
        let role = format!("{service}_runtime");
        let config = Config {
            listen: listener.local_addr()?,
            database_url: Secret(role_url(&self.admin_url, &role, &self.password)?),
            connections: NonZeroU32::new(12).unwrap_or(NonZeroU32::MIN),
            tls: None,
            health_listen: None,
            trust: issuer.trust(),
            zone: self.clock.zone(),
            concurrency: NonZeroUsize::new(1_024).unwrap_or(NonZeroUsize::MIN),
            connection_age: Duration::from_secs(1_800),
            drain_notice: Duration::ZERO,
            reflection: true,
            metrics_listen: None,
            otlp_endpoint: None,
            log: String::new(),
            log_format: LogFormat::Text,
        };
        Ok((config, listener))
    }
}

/// Makes roles, schemas and tables, and the root and first administrator where there are none.
///
/// # Errors
/// Where the administrator's URL does not allow it.
pub async fn bootstrap(
    admin_url: &str,
    password: &str,
    founding: &Founding,
    clock: &Clock,
) -> anyhow::Result<Founded> {
    let schemas =
        [registry::SCHEMA, reporting::SCHEMA, screening::SCHEMA, medical::SCHEMA].map(|name| Schema {
            name: name.to_owned(),
            owner_password: password.to_owned(),
            runtime_password: password.to_owned(),
            plans_once: name == screening::SCHEMA,
        });
    bootstrap::prepare(admin_url, &schemas).await.context("making roles and schemas")?;
    let owner = role_url(admin_url, "registry_owner", password)?;
    registry::migrate(&owner).await?;
    reporting::migrate(&role_url(admin_url, "reporting_owner", password)?).await?;
    screening::migrate(&role_url(admin_url, "screening_owner", password)?).await?;
    medical::migrate(&role_url(admin_url, "medical_owner", password)?).await?;
    let followers = [reporting::SUBJECT, screening::SUBJECT, medical::SUBJECT];
    let founded = registry::founding::found(&owner, founding, &followers, clock.now()).await;
    founded.map_err(|fault| anyhow::anyhow!("{}", fault.into_status(registry::DOMAIN).message()))
}

/// The URL of the same database as another role.
///
/// # Errors
/// Where the URL has no user and host.
pub fn role_url(admin_url: &str, role: &str, password: &str) -> anyhow::Result<String> {
    let (scheme, rest) = admin_url.split_once("://").context("the database URL has no scheme")?;
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    Ok(format!("{scheme}://{role}:{password}@{host}"))
}

/// Waits until a service says that it serves.
async fn ready(endpoint: &str) -> anyhow::Result<()> {
    let channel = endpoint.parse::<Endpoint>()?.connect_lazy();
    let mut health = HealthClient::new(channel);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let asked = health.check(HealthCheckRequest::default()).await;
        let serving = i32::from(ServingStatus::Serving);
        if asked.is_ok_and(|answer| answer.into_inner().status == serving) {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < deadline, "{endpoint} does not say that it serves");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

impl Stack {
    /// Starts the registry and some services beside it on a database that was bootstrapped.
    ///
    /// # Errors
    /// A port that is taken, a database that does not answer.
    pub async fn start(options: &Options, issuer: &Issuer, parts: &[Part]) -> anyhow::Result<Self> {
        let mut stack = Self {
            registry: String::new(),
            reporting: String::new(),
            screening: String::new(),
            medical: String::new(),
            options: options.clone(),
            issuer: issuer.clone(),
            services: Vec::new(),
        };
        stack.start_registry().await?;
        if parts.contains(&Part::Screening) {
            stack.screening = stack.start_screening().await?;
        }
        if parts.contains(&Part::Medical) {
            stack.medical = stack.start_medical().await?;
        }
        if parts.contains(&Part::Reporting) {
            stack.reporting = stack.start_reporting().await?;
        }
        Ok(stack)
    }

    /// Starts the registry: at first, or again at the address it had.
    ///
    /// # Errors
    /// As [`Stack::start`].
    pub async fn start_registry(&mut self) -> anyhow::Result<()> {
        let (config, listener) =
            self.options.listen("registry", self.options.addresses.registry, &self.issuer).await?;
        self.options.addresses.registry = config.listen;
        self.registry = format!("http://{}", config.listen);
        let shutdown = CancellationToken::new();
        let run = registry::run(config, self.options.clock.clone(), listener, shutdown.clone());
        self.launch("registry", shutdown, async move { run.await.map_err(anyhow::Error::from) });
        self.ready(&self.registry.clone()).await
    }

    /// Starts a replica of reporting; answers where it is.
    ///
    /// # Errors
    /// As [`Stack::start`].
    pub async fn start_reporting(&mut self) -> anyhow::Result<String> {
        let (config, listener) =
            self.options.listen("reporting", self.options.addresses.reporting, &self.issuer).await?;
        let endpoint = format!("http://{}", config.listen);
        let source = self.source(reporting::SUBJECT, &self.registry)?;
        let screening = Some(&self.screening).filter(|endpoint| !endpoint.is_empty());
        let registers = screening.map(|endpoint| self.source(reporting::SUBJECT, endpoint)).transpose()?;
        let shutdown = CancellationToken::new();
        let clock = self.options.clock.clone();
        let run = reporting::run(config, clock, source, registers, listener, shutdown.clone());
        self.launch("reporting", shutdown, async move { run.await.map_err(anyhow::Error::from) });
        self.ready(&endpoint).await?;
        Ok(endpoint)
    }

    /// Starts a replica of screening; answers where it is.
    ///
    /// # Errors
    /// As [`Stack::start`].
    pub async fn start_screening(&mut self) -> anyhow::Result<String> {
        self.start_screening_with(|_| {}).await
    }

    /// Starts a replica of screening that is set up otherwise; answers where it is.
    ///
    /// # Errors
    /// As [`Stack::start`].
    pub async fn start_screening_with(&mut self, change: impl FnOnce(&mut Config)) -> anyhow::Result<String> {
        let (mut config, listener) =
            self.options.listen("screening", self.options.addresses.screening, &self.issuer).await?;
        change(&mut config);
        let endpoint = format!("http://{}", config.listen);
        let (source, keys) =
            (self.source(screening::SUBJECT, &self.registry)?, self.options.person_keys.clone());
        let shutdown = CancellationToken::new();
        let clock = self.options.clock.clone();
        let run = screening::run(config, clock, source, keys, listener, shutdown.clone());
        self.launch("screening", shutdown, async move { run.await.map_err(anyhow::Error::from) });
        self.ready(&endpoint).await?;
        Ok(endpoint)
    }

    /// Starts a replica of medical; answers where it is.
    ///
    /// # Errors
    /// As [`Stack::start`].
    pub async fn start_medical(&mut self) -> anyhow::Result<String> {
        let (config, listener) =
            self.options.listen("medical", self.options.addresses.medical, &self.issuer).await?;
        let endpoint = format!("http://{}", config.listen);
        let source = self.source(medical::SUBJECT, &self.registry)?;
        let shutdown = CancellationToken::new();
        let clock = self.options.clock.clone();
        let run = medical::run(config, clock, source, listener, shutdown.clone());
        self.launch("medical", shutdown, async move { run.await.map_err(anyhow::Error::from) });
        self.ready(&endpoint).await?;
        Ok(endpoint)
    }

    /// How a service of ours follows another one.
    fn source(&self, subject: &'static str, of: &str) -> anyhow::Result<Source> {
        let issuer = self.issuer.clone();
        let token = move || issuer.token(subject, MACHINE).map_err(|error| error.to_string());
        Ok(Source::new(of, Credential::Signed(Arc::new(token)))?)
    }

    fn launch(
        &mut self,
        name: &'static str,
        shutdown: CancellationToken,
        run: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.services.push(Service { name, _running: shutdown.drop_guard(), task: tokio::spawn(run) });
    }

    async fn ready(&mut self, endpoint: &str) -> anyhow::Result<()> {
        tokio::select! {
            ready = ready(endpoint) => ready,
            error = self.failed() => Err(error),
        }
    }

    /// Stops every replica of one service: what is in hand ends first.
    ///
    /// # Errors
    /// One that failed.
    pub async fn stop_service(&mut self, name: &str) -> anyhow::Result<()> {
        let stopping = self.services.extract_if(.., |service| service.name == name).collect();
        end(stopping).await
    }

    /// Stops the replica of a service that was started first: what is in hand ends first.
    ///
    /// # Errors
    /// As [`Stack::stop_service`]; where there is none.
    pub async fn stop_oldest(&mut self, name: &str) -> anyhow::Result<()> {
        let oldest = self.services.iter().position(|service| service.name == name);
        let oldest = oldest.with_context(|| format!("no {name} is running"))?;
        end(vec![self.services.remove(oldest)]).await
    }

    /// The ring of keys that replicas of screening have which are started from now on.
    pub fn set_person_keys(&mut self, keys: Keyring) {
        self.options.person_keys = keys;
    }

    /// Waits until a service ends by itself, which it should not.
    ///
    /// # Errors
    /// Why it ended.
    pub async fn failed(&mut self) -> anyhow::Error {
        let ends = self.services.iter_mut().map(|service| {
            Box::pin(async move {
                match (&mut service.task).await {
                    Ok(Ok(())) => anyhow::anyhow!("{} ended", service.name),
                    Ok(Err(error)) => error.context(service.name),
                    Err(error) => anyhow::Error::from(error).context(service.name),
                }
            })
        });
        let (error, _, _) = futures::future::select_all(ends).await;
        error
    }

    /// Stops every service: what is in hand ends first.
    ///
    /// # Errors
    /// A service that failed.
    pub async fn stop(self) -> anyhow::Result<()> {
        end(self.services).await
    }
}

/// Tells them all to end, and waits until they have.
async fn end(services: Vec<Service>) -> anyhow::Result<()> {
    let ending: Vec<_> = services.into_iter().map(|service| (service.name, service.task)).collect();
    for (name, task) in ending {
        task.await?.context(name)?;
    }
    Ok(())
}
