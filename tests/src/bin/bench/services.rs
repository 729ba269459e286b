//! The services as processes of their own.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::Stdio,
    time::Duration,
};

use ::screening::keyring::Keyring;
use anyhow::Context as _;
use rampart::{client, issuer::ISSUER, issuer::Issuer, stack::role_url};
use tokio::process::{Child, Command};

/// How long a token is good for: longer than any run.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The running services.
#[derive(Debug)]
pub(crate) struct Services {
    /// The registry's address.
    pub(crate) registry: String,
    /// Reporting's address.
    pub(crate) reporting: String,
    children: Vec<(&'static str, Child)>,
}

/// What a service is started with.
struct Start<'a> {
    programs: &'a Path,
    folder: &'a Path,
    admin_url: &'a str,
    password: &'a str,
    issuer: &'a Issuer,
}

/// What the services have written to their logs: warnings and errors.
pub(crate) fn said(folder: &Path) -> String {
    let logs = ["registry", "reporting", "screening"]
        .map(|name| fs::read_to_string(folder.join(format!("{name}.log"))));
    logs.map(Result::unwrap_or_default).join("\n")
}

/// Starts screening beside both; answers where it is.
pub(crate) fn screening(
    programs: &Path,
    folder: &Path,
    admin_url: &str,
    password: &str,
    issuer: &Issuer,
    registry: &str,
) -> anyhow::Result<(Child, String)> {
    let start = Start { programs, folder, admin_url, password, issuer };
    let token = folder.join("screening.token");
    fs::write(&token, issuer.token(::screening::SUBJECT, DAY)?)?;
    let keys = Keyring::make("bench").map_err(|fault| anyhow::anyhow!("{fault:?}"))?;
    let token = token.display().to_string();
    let more = [
        ("RAMPART_REGISTRY", registry),
        ("RAMPART_REGISTRY_TOKEN_FILE", token.as_str()),
        ("RAMPART_PERSON_KEYS", keys.as_str()),
    ];
    let (child, at) = start.service("screening", &more)?;
    Ok((child, format!("http://{at}")))
}

impl Services {
    /// Starts both on a database that was bootstrapped, and waits until they answer.
    pub(crate) async fn start(
        programs: &Path,
        folder: &Path,
        admin_url: &str,
        password: &str,
        issuer: &Issuer,
    ) -> anyhow::Result<Self> {
        let start = Start { programs, folder, admin_url, password, issuer };
        let (registry, at) = start.service("registry", &[])?;
        let registry_url = format!("http://{at}");
        let mut services = Self {
            registry: registry_url.clone(),
            reporting: String::new(),
            children: vec![("registry", registry)],
        };

        let token = folder.join("reporting.token");
        fs::write(&token, issuer.token(reporting::SUBJECT, DAY)?)?;
        let token = token.display().to_string();
        let more =
            [("RAMPART_REGISTRY", registry_url.as_str()), ("RAMPART_REGISTRY_TOKEN_FILE", token.as_str())];
        let (reporting, at) = start.service("reporting", &more)?;
        services.reporting = format!("http://{at}");
        services.children.push(("reporting", reporting));
        services.ready(issuer).await?;
        Ok(services)
    }

    async fn ready(&mut self, issuer: &Issuer) -> anyhow::Result<()> {
        let token = issuer.token("admin", DAY)?;
        let registry = client::Registry::new(&self.registry, &token)?;
        let reporting = client::Reporting::new(&self.reporting, &token)?;
        for _ in 0..600 {
            for (name, child) in &mut self.children {
                if let Some(status) = child.try_wait()? {
                    anyhow::bail!("{name} ended: {status}");
                }
            }
            let units = registry.units().list_units(proto::registry::ListUnitsRequest::default()).await;
            let days = reporting.days().list_days(proto::reporting::ListDaysRequest::default()).await;
            if units.is_ok() && days.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("the services do not answer")
    }

    /// The resident memory of each, in MiB.
    pub(crate) fn memory(&self) -> anyhow::Result<Vec<(&'static str, f64)>> {
        let of = |(name, child): &(&'static str, Child)| {
            let id = child.id().context("a service ended")?;
            let status = fs::read_to_string(format!("/proc/{id}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
            let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
            Ok((*name, kib / 1_024.0))
        };
        self.children.iter().map(of).collect()
    }

    /// Ends both, the last started first; what is in hand ends first.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        for (name, mut child) in self.children.into_iter().rev() {
            if let Some(id) = child.id() {
                Command::new("kill").args(["-TERM", &id.to_string()]).status().await?;
            }
            let ended = tokio::time::timeout(Duration::from_secs(20), child.wait()).await;
            let status = ended.with_context(|| format!("{name} does not end"))??;
            anyhow::ensure!(status.success(), "{name} ended: {status}");
        }
        Ok(())
    }
}

impl Start<'_> {
    /// Starts one on a free port, outside our process group: Ctrl-C reaches only us, and we end it.
    fn service(&self, name: &'static str, more: &[(&str, &str)]) -> anyhow::Result<(Child, SocketAddr)> {
        let at = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let log = fs::File::create(self.folder.join(format!("{name}.log")))?;
        let program = self.programs.join(name);
        let mut command = Command::new(&program);
        command
            .arg("serve")
            .env("RAMPART_LISTEN", at.to_string())
            .env("RAMPART_DATABASE_URL", role_url(self.admin_url, &format!("{name}_runtime"), self.password)?)
            .env("RAMPART_JWKS", self.issuer.trust().jwks.to_string())
            .env("RAMPART_ISSUER", ISSUER)
            .env("RAMPART_DRAIN_NOTICE", "0")
            .env("RAMPART_LOG", "warn")
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn().with_context(|| {
            format!("{} cannot be started: build it first, as tests/bench does", program.display())
        })?;
        Ok((child, at))
    }
}
