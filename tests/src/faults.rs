//! What tests of faults share: a service that can be killed, a database that can be stopped, and a client that sends again.

use std::{
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use chrono::TimeDelta;
use rampart::postgres::{self, Postgres};
use sqlx::{AssertSqlSafe, PgConnection};
use tempfile::TempDir;
use tonic::{Code, Status};

use crate::{Sandbox, as_role};

/// Asks until it is answered, as a client does that knows the retry policy: what is UNAVAILABLE, or was cut off, is asked
/// again, sooner than google.rpc.RetryInfo has it. Answers how often it was refused, too.
pub async fn insist<T, F>(mut ask: impl FnMut() -> F) -> (T, usize)
where
    F: Future<Output = Result<T, Status>>,
{
    for refused in 0..1_500 {
        match ask().await {
            Ok(answer) => return (answer, refused),
            Err(status) => assert!(passes(&status), "{status:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it was not answered in half a minute")
}

/// Whether a client may repeat the call: UNAVAILABLE, or a call that was cut off.
fn passes(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled | Code::DeadlineExceeded)
        || status.message().contains("transport")
}

/// A Postgres of the test's own, with durable commits, which can be stopped, and the folder of its data.
pub async fn durable_postgres() -> (TempDir, Postgres) {
    let folder = tempfile::Builder::new().prefix("rampart-").tempdir().expect("a folder");
    let may_enter = std::fs::Permissions::from_mode(0o711);
    std::fs::set_permissions(folder.path(), may_enter).expect("whoever Postgres runs as may enter");
    let options = postgres::Options { data: folder.path().join("data"), port: None, durable: true };
    let server = postgres::start(options).await.expect("a Postgres");
    (folder, server)
}

/// Lets a service have heard nothing of the registry for an hour.
pub async fn silence(sql: &mut PgConnection, service: &str) {
    let ago = chassis::clock::wall() - TimeDelta::hours(1);
    let update = AssertSqlSafe(format!("UPDATE {service}.followed SET heard_at = $1"));
    sqlx::query(update).bind(ago).execute(sql).await.expect("silent");
}

/// A service as a process of its own, which can be killed. It has the machine's clock.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Its address.
    pub url: String,
}

impl Process {
    /// Starts the program of a service of this name on a sandbox's database, with a folder for its token, on a port, with
    /// more of its environment.
    #[must_use]
    pub fn start(
        sandbox: &Sandbox,
        (service, program): (&str, &str),
        (folder, port): (&Path, u16),
        environment: &[(&str, &str)],
    ) -> Self {
        let token = sandbox.issuer.token(service, Duration::from_secs(600)).expect("a token");
        let file = folder.join("token");
        std::fs::write(&file, token).expect("written");
        let trust = sandbox.issuer.trust();
        let child = Command::new(program)
            .arg("serve")
            .env("RAMPART_LISTEN", format!("127.0.0.1:{port}"))
            .env("RAMPART_DATABASE_URL", as_role(&sandbox.admin_url, &format!("{service}_runtime")))
            .env("RAMPART_JWKS", trust.jwks.to_string())
            .env("RAMPART_ISSUER", &trust.issuer)
            .env("RAMPART_AUDIENCE", &trust.audience)
            .env("RAMPART_DRAIN_NOTICE", "0")
            .env("RAMPART_REGISTRY", sandbox.registry_url())
            .env("RAMPART_REGISTRY_TOKEN_FILE", file)
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }

    /// Ends it as kill -9 does.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens on just now.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
