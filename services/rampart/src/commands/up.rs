//! `rampart up` and `rampart bootstrap`.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use chassis::{Clock, program::cancel_on_signal};
use chrono::NaiveDate;
use registry::{
    founding::Founding,
    units::{Code, Level},
};
use screening::keyring::Keyring;
use tokio_util::sync::CancellationToken;

use super::Usage;
use crate::{
    context::ClientContext,
    issuer::Issuer,
    output,
    postgres::{self, Postgres},
    stack::{self, Addresses, Stack},
};

/// What a new registry begins with.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RootArgs {
    /// Name of the root unit
    #[arg(long, default_value = "娄底市", value_name = "NAME")]
    root_name: String,
    /// Level of the root unit: city or province
    #[arg(long, default_value = "city", value_parser = ["city", "province"], value_name = "LEVEL")]
    root_level: String,
    /// Official code of the root unit: SYSTEM/VINTAGE/CODE
    #[arg(long, default_value = "NBS/2019/431300000000", value_name = "CODE")]
    root_code: String,
    /// First date of the tree
    #[arg(long, default_value = "2019-10-31", value_name = "DATE")]
    root_date: NaiveDate,
    /// Subject of the first administrator
    #[arg(long, default_value = "admin", value_name = "SUBJECT")]
    administrator: String,
    /// Official phone of the first administrator
    #[arg(long, default_value = "", value_name = "PHONE")]
    administrator_phone: String,
}

impl RootArgs {
    pub(crate) fn founding(&self) -> Result<Founding, Usage> {
        let parts: Vec<_> = self.root_code.split('/').collect();
        let [system, vintage, code] = parts.as_slice() else {
            return Err(Usage(
                "--root-code must be SYSTEM/VINTAGE/CODE, such as NBS/2019/431300000000".into(),
            ));
        };
        Ok(Founding {
            display_name: self.root_name.clone(),
            level: if self.root_level == "province" { Level::Province } else { Level::City },
            code: Code {
                system: (*system).to_owned(),
                vintage: (*vintage).to_owned(),
                code: (*code).to_owned(),
            },
            start_date: self.root_date,
            administrator: self.administrator.clone(),
            phone: self.administrator_phone.clone(),
        })
    }
}

/// Flags of `rampart up`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of the private Postgres and of the issuer's key; kept between runs
    #[arg(long, env = "RAMPART_DATA", default_value = "/var/tmp/rampart", value_name = "FOLDER")]
    data: PathBuf,
    #[command(flatten)]
    addresses: Addresses,
    #[command(flatten)]
    root: RootArgs,
}

/// A private Postgres with every service on it.
#[derive(Debug)]
pub(crate) struct Up {
    pub(crate) postgres: Postgres,
    pub(crate) stack: Stack,
    /// Signs for whoever is played.
    pub(crate) issuer: Issuer,
}

impl Up {
    /// Starts everything and writes the client context.
    pub(crate) async fn start(
        data: &Path,
        addresses: Addresses,
        founding: &Founding,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let postgres =
            postgres::start(postgres::Options { data: data.join("postgres"), port: None, durable: true })
                .await?;
        match Self::on(&postgres, data, addresses, founding, clock).await {
            Ok((stack, issuer)) => Ok(Self { postgres, stack, issuer }),
            Err(error) => {
                postgres.stop().await?;
                Err(error)
            }
        }
    }

    async fn on(
        postgres: &Postgres,
        data: &Path,
        addresses: Addresses,
        founding: &Founding,
        clock: Clock,
    ) -> anyhow::Result<(Stack, Issuer)> {
        let admin_url = postgres.url("postgres");
        let issuer = Issuer::open(&data.join("issuer"))?;
        // The database is private and listens on this machine only: its roles get a new password
        // at every start, which nobody needs to keep.
        let password = uuid::Uuid::new_v4().simple().to_string();
        stack::bootstrap(&admin_url, &password, founding, &clock).await?;
        let person_keys = person_keys(&data.join("person-keys"))?;
        let options = stack::Options { admin_url, password, clock, addresses, person_keys };
        let stack = Stack::start(&options, &issuer, stack::ALL).await?;
        ClientContext {
            registry: stack.registry.clone(),
            reporting: stack.reporting.clone(),
            screening: stack.screening.clone(),
            medical: stack.medical.clone(),
            ca: None,
            cert: None,
            key: None,
            issuer: Some(data.join("issuer")),
            subject: Some(founding.administrator.clone()),
        }
        .write()?;
        Ok((stack, issuer))
    }

    /// Stops the services, then the database.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let stopped = self.stack.stop().await;
        self.postgres.stop().await?;
        stopped
    }

    /// Waits for Ctrl-C or SIGTERM, or for a service that fails.
    pub(crate) async fn stay(mut self) -> anyhow::Result<ExitCode> {
        let shutdown = CancellationToken::new();
        tokio::spawn(cancel_on_signal(shutdown.clone()));
        let failure = tokio::select! {
            () = shutdown.cancelled() => None,
            error = self.stack.failed() => Some(error),
        };
        if let Some(error) = failure {
            self.postgres.stop().await?;
            return Err(error);
        }
        output::say("stopping …");
        self.stop().await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The keys of personal values of a private installation: one that is made at the first start and kept beside
/// the data, for its owner alone. In earnest a city keeps them elsewhere than its database.
fn person_keys(path: &Path) -> anyhow::Result<Keyring> {
    if !path.exists() {
        let entry = Keyring::make("up").map_err(|_| anyhow::anyhow!("no randomness for a key"))?;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        writeln!(file, "{entry}").and_then(|()| file.sync_all())?;
    }
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    Keyring::parse(&text).with_context(|| format!("{}", path.display()))
}

/// Runs everything until Ctrl-C.
pub(crate) async fn up(args: Args) -> anyhow::Result<ExitCode> {
    let founding = args.root.founding()?;
    let clock = Clock::system(chrono_tz::Asia::Shanghai);
    output::say(&format!("starting Postgres and the services in {} …", args.data.display()));
    let up = Up::start(&args.data, args.addresses, &founding, clock).await?;
    output::say(&format!(
        "registry   {}\nreporting  {}\nscreening  {}\nmedical    {}\ndatabase   {}\nclients    {} (the next shell needs no flags)\n\nTry `rampart units list`. Ctrl-C stops everything; the data stays.",
        up.stack.registry,
        up.stack.reporting,
        up.stack.screening,
        up.stack.medical,
        args.data.join("postgres").display(),
        ClientContext::path().display(),
    ));
    up.stay().await
}

/// Flags of `rampart bootstrap`.
#[derive(Debug, clap::Args)]
pub(crate) struct BootstrapArgs {
    /// URL of the database with a superuser, or a role that may create roles, schemas and extensions
    #[arg(long, env = "RAMPART_ADMIN_URL", hide_env_values = true, value_name = "URL")]
    admin_url: String,
    /// Password that every service's owner and runtime role get
    #[arg(long, env = "RAMPART_ROLE_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    role_password: String,
    #[command(flatten)]
    root: RootArgs,
}

/// Makes what a Postgres of one's own needs; running it again changes nothing but the passwords.
pub(crate) async fn bootstrap(args: BootstrapArgs) -> anyhow::Result<ExitCode> {
    let founding = args.root.founding()?;
    let clock = Clock::system(chrono_tz::Asia::Shanghai);
    let founded = stack::bootstrap(&args.admin_url, &args.role_password, &founding, &clock).await?;
    let state = if founded.made { "made" } else { "was there" };
    output::say(&format!("roles, schemas and tables are ready; the root units/{} {state}", founded.root));
    Ok(ExitCode::SUCCESS)
}
