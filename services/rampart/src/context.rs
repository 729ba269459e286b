//! What the next shell needs to know: where the services are and who calls. `rampart up` writes it.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// The contents of the context file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientContext {
    /// Where the registry is, such as `http://127.0.0.1:7401`.
    pub registry: String,
    /// Where reporting is, such as `http://127.0.0.1:7402`.
    pub reporting: String,
    /// Where screening is, such as `http://127.0.0.1:7403`. A context written before there was one has none.
    #[serde(default)]
    pub screening: String,
    /// Where medical is, such as `http://127.0.0.1:7404`. A context written before there was one has none.
    #[serde(default)]
    pub medical: String,
    /// Whose certificates https services have (PEM); RAMPART_CA goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The certificate that is shown to https services (PEM); RAMPART_CERT goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert: Option<PathBuf>,
    /// The certificate's private key (PEM); RAMPART_KEY goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// The folder of the issuer that `rampart up` runs with; none for a cluster's own issuer.
    pub issuer: Option<PathBuf>,
    /// The subject that commands act as where `--as` does not say another.
    pub subject: Option<String>,
}

impl ClientContext {
    /// Where the context is kept: RAMPART_CONTEXT, or rampart/context.json in the user's
    /// configuration folder.
    #[must_use]
    pub fn path() -> PathBuf {
        if let Some(path) = std::env::var_os("RAMPART_CONTEXT") {
            return path.into();
        }
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let base = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
        base.unwrap_or_else(|| home.join(".config")).join("rampart/context.json")
    }

    /// Reads the context, if there is one.
    ///
    /// # Errors
    /// A file that is there but cannot be read.
    pub fn read() -> anyhow::Result<Option<Self>> {
        let path = Self::path();
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .with_context(|| format!("{} is no client context", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// Writes the context, for its owner's eyes only.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub fn write(&self) -> anyhow::Result<PathBuf> {
        let path = Self::path();
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        let file = file.with_context(|| format!("writing {}", path.display()))?;
        serde_json::to_writer_pretty(file, self)?;
        Ok(path)
    }
}
