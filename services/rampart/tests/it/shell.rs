//! The binary, as somebody at a terminal runs it.

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::mpsc,
    time::Duration,
};

use serde_json::Value;
use tests::Sandbox;

/// The binary as a subject against a sandbox.
pub(crate) struct Shell {
    pub(crate) sandbox: Sandbox,
    pub(crate) folder: tempfile::TempDir,
}

impl Shell {
    pub(crate) fn new(sandbox: Sandbox) -> Self {
        Self { sandbox, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    pub(crate) fn command(&self, subject: &str, line: &[&str]) -> Command {
        let token = self.sandbox.issuer.token(subject, Duration::from_secs(600)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rampart"));
        command
            .args(line)
            .env("RAMPART_CONTEXT", self.folder.path().join("none.json"))
            .env("RAMPART_REGISTRY", self.sandbox.registry_url())
            .env("RAMPART_REPORTING", self.sandbox.reporting_url())
            .env("RAMPART_SCREENING", self.sandbox.screening_url())
            .env("RAMPART_MEDICAL", self.sandbox.medical_url())
            .env("RAMPART_TOKEN", token);
        command
    }

    pub(crate) async fn run(&self, subject: &str, line: &[&str]) -> Output {
        let mut command = self.command(subject, line);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// What a command prints that must end with a code.
    pub(crate) async fn ends(&self, code: i32, subject: &str, line: &[&str]) -> String {
        let output = self.run(subject, line).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The document a command prints.
    pub(crate) async fn json(&self, subject: &str, line: &[&str]) -> Value {
        let printed = self.ends(0, subject, &[line, &["--output", "json"]].concat()).await;
        serde_json::from_str(&printed).unwrap()
    }

    /// The lines of a command that does not end by itself; it ends with the receiver.
    pub(crate) fn follow(&self, subject: &str, line: &[&str]) -> mpsc::Receiver<String> {
        let mut child = self.command(subject, line).stdout(Stdio::piped()).spawn().unwrap();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            for line in lines.map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
            child.kill().unwrap();
            child.wait().unwrap();
        });
        receiver
    }
}
