//! A private Postgres, run from the installed programs as a child of ours: for `rampart up`, for the demo
//! and for tests. It listens on the loopback only and stops when we do, however we end.
//!
//! Beside the data folder `x` lie `x.password` (the superuser's, 0600) and `x.log`.

mod binaries;
mod programs;
#[cfg(test)]
mod tests;
mod user;

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    net::TcpListener,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use programs::{Programs, SUPERUSER};
use tempfile::TempDir;
use tokio::{
    process::Child,
    time::{Instant, sleep, timeout},
};
use user::User;

/// Recovery after a crash replays up to `max_wal_size` before connections are accepted.
const START_LIMIT: Duration = Duration::from_secs(120);
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// What a private Postgres is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data folder; made if it is not there.
    pub data: PathBuf,
    /// The port on 127.0.0.1; a free one if none is given.
    pub port: Option<u16>,
    /// Whether commits outlive a crash of the machine. False only for throwaway tests.
    pub durable: bool,
}

/// A running Postgres. Call [`Postgres::stop`] at the end; dropping it is the last resort and ends it
/// without a checkpoint.
#[derive(Debug)]
pub struct Postgres {
    programs: Programs,
    port: u16,
    password: String,
    running: Option<Running>,
    /// Removed when this is dropped, after the server.
    throwaway: Option<TempDir>,
}

#[derive(Debug)]
struct Running {
    server: Child,
    guard: Child,
}

/// Starts Postgres on the given folder, which is initialised the first time, and waits until it accepts
/// connections.
pub async fn start(options: Options) -> anyhow::Result<Postgres> {
    let data = std::path::absolute(&options.data)?;
    let made_by = fs::read_to_string(data.join("PG_VERSION")).ok();
    let programs = Programs {
        folder: binaries::find(made_by.as_deref().map(str::trim))?,
        user: User::choose(&data)?,
        data,
        durable: options.durable,
    };
    let parent = programs.data.parent().context("the data folder cannot be /")?;
    fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
    if let Some(user) = programs.user {
        user.must_reach(parent)?;
    }
    if made_by.is_none() {
        programs.initialise().await?;
    }
    let password = programs.beside("password");
    let mut postgres = Postgres {
        port: match options.port {
            Some(port) => port,
            None => TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port(),
        },
        password: fs::read_to_string(&password)
            .with_context(|| format!("reading the superuser's password from {}", password.display()))?,
        programs,
        running: None,
        throwaway: None,
    };
    postgres.resume().await?;
    Ok(postgres)
}

/// Starts an empty Postgres for tests, on a free port, in a folder that goes when it goes. Nothing in it
/// outlives a crash of the machine.
pub async fn throwaway() -> anyhow::Result<Postgres> {
    let folder = tempfile::Builder::new().prefix("rampart-").tempdir()?;
    // Whoever runs Postgres passes through, whatever the umask.
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711))?;
    let mut postgres =
        start(Options { data: folder.path().join("data"), port: None, durable: false }).await?;
    postgres.throwaway = Some(folder);
    Ok(postgres)
}

impl Postgres {
    /// The superuser's URL of a database; `postgres` is there from the start.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends every connection, writes a checkpoint and waits for the end.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.halt("fast").await
    }

    /// Ends it at once, as a crash would: the next [`Postgres::resume`] recovers from the log. For fault tests.
    pub async fn crash(&mut self) -> anyhow::Result<()> {
        self.halt("immediate").await
    }

    /// Starts it again after [`Postgres::crash`], on the same port.
    pub async fn resume(&mut self) -> anyhow::Result<()> {
        if self.running.is_some() {
            bail!("Postgres is running already");
        }
        if let Some(pid) = self.programs.running_server() {
            bail!(
                "a Postgres (process {pid}) is already running on {}: stop that one first, or choose another folder",
                self.programs.data.display()
            );
        }
        TcpListener::bind(("127.0.0.1", self.port))
            .with_context(|| format!("port {} on 127.0.0.1 is not free", self.port))?;

        let path = self.programs.beside("log");
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))?;
        let before = log.metadata()?.len();
        let running = self
            .running
            .insert(Running { server: self.programs.server(self.port, log)?, guard: self.programs.guard()? });
        let deadline = Instant::now() + START_LIMIT;
        while !self.programs.accepts(running.server.id()) {
            if let Some(status) = running.server.try_wait()? {
                self.running = None;
                bail!("Postgres did not start ({status}):\n{}", tail(&path, before));
            }
            if Instant::now() > deadline {
                self.halt("immediate").await?;
                bail!("Postgres was not ready after {START_LIMIT:?}:\n{}", tail(&path, before));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn halt(&mut self, mode: &str) -> anyhow::Result<()> {
        let Some(mut running) = self.running.take() else {
            return Ok(());
        };
        let stopped = programs::run(self.programs.stop(mode, STOP_LIMIT), "pg_ctl stop").await;
        let ended = timeout(Duration::from_secs(5), running.server.wait()).await;
        if ended.is_err() {
            running.server.kill().await?;
        }
        running.guard.kill().await?;
        // It may have ended by itself before; then there was nothing to stop.
        if ended.is_err() { stopped } else { Ok(()) }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(running) = &mut self.running
            && matches!(running.server.try_wait(), Ok(None))
        {
            // What pg_ctl cannot end, the drop of the child kills.
            let _ = self.programs.stop("immediate", Duration::from_secs(5)).output();
        }
    }
}

/// The last lines written to the log since it had the given length.
fn tail(log: &Path, since: u64) -> String {
    let mut text = Vec::new();
    let read = File::open(log).and_then(|mut file| {
        file.seek(SeekFrom::Start(since))?;
        file.read_to_end(&mut text)
    });
    if read.is_err() {
        return format!("(its log {} cannot be read)", log.display());
    }
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
