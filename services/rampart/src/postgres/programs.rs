//! Postgres' programs, each run on our data by the right user.

use std::{
    env,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::{fs::OpenOptionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{self, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::process::{Child, Command};
use uuid::Uuid;

use super::user::User;

pub(super) const SUPERUSER: &str = "rampart";

/// For two cores that the services share.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "shared_buffers=256MB",
    "max_connections=400",
    "max_wal_size=2GB",
    "jit=off",
    "timezone=UTC",
    "log_timezone=UTC",
];
/// The last setting of a name counts.
const THROWAWAY_SETTINGS: &[&str] =
    &["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=256MB"];

/// Ends Postgres when we are gone without a word (SIGKILL): its standard input is a pipe that we alone hold.
const GUARD: &str = r#"trap '' HUP INT TERM; read -r _; exec "$0" stop -s -m fast -D "$1""#;

#[derive(Debug)]
pub(super) struct Programs {
    pub(super) folder: PathBuf,
    pub(super) user: Option<User>,
    pub(super) data: PathBuf,
    pub(super) durable: bool,
}

impl Programs {
    /// A file or folder next to the data.
    pub(super) fn beside(&self, ending: &str) -> PathBuf {
        let mut path = OsString::from(&self.data);
        path.push(format!(".{ending}"));
        path.into()
    }

    /// The data are made under another name first: a folder that has its name is complete.
    pub(super) async fn initialise(&self) -> anyhow::Result<()> {
        if fs::read_dir(&self.data).is_ok_and(|mut entries| entries.next().is_some()) {
            bail!("{} is neither empty nor a Postgres data folder", self.data.display());
        }
        let unfinished = self.beside("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        fs::create_dir(&unfinished).with_context(|| format!("making {}", unfinished.display()))?;
        let password = self.beside("password");
        write_secret(&password, &Uuid::new_v4().simple().to_string())
            .with_context(|| format!("writing {}", password.display()))?;
        if let Some(user) = self.user {
            user.takes(&unfinished)?;
            user.takes(&password)?;
        }
        let mut command = self.command("initdb");
        command
            .args(["--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256"])
            .args(["--data-checksums", "--username", SUPERUSER, "--pwfile"])
            .arg(&password)
            .arg("-D")
            .arg(&unfinished);
        if !self.durable {
            command.arg("--no-sync");
        }
        run(command, "initdb").await?;
        fs::rename(&unfinished, &self.data).with_context(|| format!("making {}", self.data.display()))
    }

    pub(super) fn server(&self, port: u16, log: File) -> anyhow::Result<Child> {
        let mut command = self.command("postgres");
        command.arg("-D").arg(&self.data).args(["-p", &port.to_string()]);
        let throwaway = if self.durable { &[] } else { THROWAWAY_SETTINGS };
        for setting in SETTINGS.iter().chain(throwaway) {
            command.args(["-c", setting]);
        }
        command.stdout(log.try_clone()?).stderr(log);
        let child = Command::from(command).kill_on_drop(true).spawn();
        child.context("starting postgres")
    }

    pub(super) fn guard(&self) -> anyhow::Result<Child> {
        let mut command = self.command("/bin/sh");
        command
            .args(["-c", GUARD])
            .arg(self.folder.join("pg_ctl"))
            .arg(&self.data)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = Command::from(command).kill_on_drop(true).spawn();
        child.context("starting the guard of postgres")
    }

    pub(super) fn stop(&self, mode: &str, limit: Duration) -> process::Command {
        let mut command = self.command("pg_ctl");
        command.args(["stop", "-s", "-m", mode, "-t", &limit.as_secs().to_string(), "-D"]).arg(&self.data);
        command
    }

    /// The live server on these data, whoever started it.
    pub(super) fn running_server(&self) -> Option<u32> {
        let pid = self.server_file()?.lines().next()?.trim().parse().ok()?;
        // After a crash the number may have gone to another program.
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        name.starts_with("post").then_some(pid)
    }

    /// The eighth line of the server's file is its state; the first tells whether it is the server we mean.
    pub(super) fn accepts(&self, server: Option<u32>) -> bool {
        let Some(file) = self.server_file() else {
            return false;
        };
        let mut lines = file.lines().map(str::trim);
        lines.next().and_then(|pid| pid.parse().ok()) == server && lines.nth(6) == Some("ready")
    }

    fn server_file(&self) -> Option<String> {
        fs::read_to_string(self.data.join("postmaster.pid")).ok()
    }

    /// As the right user, outside our process group so that Ctrl-C in the terminal reaches only us, from a
    /// folder that every user may enter, and without settings of the caller's own Postgres.
    fn command(&self, program: &str) -> process::Command {
        let mut command = process::Command::new(self.folder.join(program));
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command.env("LC_ALL", "C").current_dir("/").process_group(0).stdin(Stdio::null());
        if let Some(user) = self.user {
            user.runs(&mut command);
        }
        command
    }
}

pub(super) async fn run(command: process::Command, name: &str) -> anyhow::Result<()> {
    let running = Command::from(command).kill_on_drop(true).output();
    let output = running.await.with_context(|| format!("running {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name} failed ({}):\n{}", output.status, said.trim_end());
    }
    Ok(())
}

fn write_secret(path: &Path, secret: &str) -> io::Result<()> {
    if path.exists() {
        fs::remove_file(path)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(secret.as_bytes())
}
