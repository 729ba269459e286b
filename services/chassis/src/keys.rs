//! The issuer's public keys (JWKS), from a file or by URL, kept up to date beside the calls: a call looks
//! in memory only.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use jsonwebtoken::jwk::{Jwk, JwkSet};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use tokio_util::task::AbortOnDropHandle;

use crate::fault;

/// The largest key set that is read, in bytes.
const LARGEST: usize = 1 << 20;

/// How long the issuer may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// How often a URL is tried before the start is given up.
const TRIES: u32 = 3;

/// Where the issuer's public keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A JWKS file. It may be replaced while the service runs.
    File(PathBuf),
    /// An http or https URL that answers with a JWKS.
    Url {
        /// The URL.
        url: reqwest::Url,
        /// Who vouches for an https server; the system's authorities where there is none.
        ca: Option<PathBuf>,
    },
}

impl std::fmt::Display for KeySource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Url { url, .. } => write!(formatter, "{url}"),
        }
    }
}

/// The issuer's keys cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the issuer's keys at {source_of} cannot be read: {cause}")]
pub struct KeysError {
    source_of: String,
    cause: String,
}

/// How often the source is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// By itself.
    every: Duration,
    /// The least time between two fetches that an unknown key asks for.
    apart: Duration,
}

impl Pace {
    fn of(source: &KeySource) -> Self {
        let every = match source {
            KeySource::File(_) => Duration::from_secs(10),
            KeySource::Url { .. } => Duration::from_secs(300),
        };
        Self { every, apart: Duration::from_secs(10) }
    }
}

/// The keys as they are now. Dropping it ends the looking.
pub(crate) struct Keys {
    shared: Arc<Shared>,
    _looking: AbortOnDropHandle<()>,
}

struct Shared {
    set: RwLock<JwkSet>,
    unknown: Notify,
}

impl Keys {
    /// Reads the keys, and again whenever they may have changed; `changed` is called when they did.
    pub(crate) async fn open(
        source: KeySource,
        changed: impl Fn() + Send + 'static,
    ) -> Result<Self, KeysError> {
        let pace = Pace::of(&source);
        Self::open_at(pace, source, changed).await
    }

    async fn open_at(
        pace: Pace,
        source: KeySource,
        changed: impl Fn() + Send + 'static,
    ) -> Result<Self, KeysError> {
        let words = source.to_string();
        let fail = |cause| KeysError { source_of: words.clone(), cause };
        let mut reader = Reader::new(source).map_err(fail)?;
        let set = reader.first().await.map_err(fail)?;
        let shared = Arc::new(Shared { set: RwLock::new(set), unknown: Notify::new() });
        let looking = tokio::spawn(look(pace, reader, shared.clone(), changed));
        Ok(Self { shared, _looking: AbortOnDropHandle::new(looking) })
    }

    /// The key of an id, or the only key there is. An unknown id has the source asked again, for the
    /// calls to come.
    pub(crate) fn find(&self, id: Option<&str>) -> Option<Jwk> {
        let set = self.shared.set.read().unwrap_or_else(PoisonError::into_inner);
        let Some(id) = id else {
            return set.keys.first().filter(|_| set.keys.len() == 1).cloned();
        };
        let found = set.find(id).cloned();
        if found.is_none() {
            self.shared.unknown.notify_one();
        }
        found
    }
}

async fn look(pace: Pace, mut reader: Reader, shared: Arc<Shared>, changed: impl Fn()) {
    let mut read_at = Instant::now();
    let mut said = String::new();
    loop {
        tokio::select! {
            () = sleep(pace.every) => {}
            () = shared.unknown.notified() => {
                tokio::time::sleep_until(read_at + pace.apart).await;
            }
        }
        read_at = Instant::now();
        match reader.read().await {
            Ok(None) => said.clear(),
            Ok(Some(fresh)) => {
                said.clear();
                let mut set = shared.set.write().unwrap_or_else(PoisonError::into_inner);
                if *set != fresh {
                    *set = fresh;
                    drop(set);
                    changed();
                    tracing::info!(source = %reader.source, "took up the issuer's new keys");
                }
            }
            // Said once for an outage, not at every attempt.
            Err(error) if error != said => {
                tracing::warn!(source = %reader.source, error, "kept the issuer's old keys");
                said = error;
            }
            Err(_) => {}
        }
    }
}

struct Reader {
    source: KeySource,
    client: Option<reqwest::Client>,
    written: Option<SystemTime>,
}

impl Reader {
    fn new(source: KeySource) -> Result<Self, String> {
        let client = match &source {
            KeySource::File(_) => None,
            KeySource::Url { url, ca } => Some(client(url, ca.as_deref())?),
        };
        Ok(Self { source, client, written: None })
    }

    /// An issuer that starts at the same time is waited for a little.
    async fn first(&mut self) -> Result<JwkSet, String> {
        let mut tries = 1;
        loop {
            match self.read().await {
                Ok(set) => return Ok(set.unwrap_or_default()),
                Err(_) if self.client.is_some() && tries < TRIES => tries += 1,
                Err(error) => return Err(error),
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// The keys; nothing where the file was not written since.
    async fn read(&mut self) -> Result<Option<JwkSet>, String> {
        match (&self.source, &self.client) {
            (KeySource::Url { url, .. }, Some(client)) => parse(&fetch(client, url).await?).map(Some),
            (KeySource::Url { .. }, None) => Err("there is no client for it".to_owned()),
            (KeySource::File(path), _) => {
                let meta = tokio::fs::metadata(path).await.map_err(|error| error.to_string())?;
                let written = meta.modified().ok();
                if written.is_some() && written == self.written {
                    return Ok(None);
                }
                let bytes = tokio::fs::read(path).await.map_err(|error| error.to_string())?;
                let set = parse(&bytes)?;
                self.written = written;
                Ok(Some(set))
            }
        }
    }
}

/// The system's authorities are not even looked for where they are not needed: small images have none.
fn client(url: &reqwest::Url, ca: Option<&Path>) -> Result<reqwest::Client, String> {
    let mut builder =
        reqwest::Client::builder().timeout(ANSWER).no_proxy().redirect(reqwest::redirect::Policy::none());
    if let Some(path) = ca {
        let pem = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let bundle = reqwest::Certificate::from_pem_bundle(&pem);
        builder = builder.tls_certs_only(bundle.map_err(|error| fault::chain(&error))?);
    } else if url.scheme() == "http" {
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| fault::chain(&error))
}

async fn fetch(client: &reqwest::Client, url: &reqwest::Url) -> Result<Vec<u8>, String> {
    let words = |error: reqwest::Error| fault::chain(&error);
    let mut answer = client.get(url.clone()).send().await.map_err(words)?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(format!("the answer is {}", answer.status()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(words)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LARGEST {
            return Err(format!("it is larger than {LARGEST} bytes"));
        }
    }
    Ok(bytes)
}

/// A set of keys, of which there must be one at least: no keys at all would lock everybody out.
fn parse(bytes: &[u8]) -> Result<JwkSet, String> {
    let set: JwkSet = serde_json::from_slice(bytes).map_err(|error| format!("it is no JWKS: {error}"))?;
    if set.keys.is_empty() {
        return Err("there is no key in it".to_owned());
    }
    Ok(set)
}

#[cfg(test)]
mod tests;
