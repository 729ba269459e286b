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
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use axum::{Router, http::StatusCode, routing::get};
    use tokio::net::TcpListener;

    use super::*;

    /// Often enough for a test.
    const QUICK: Pace = Pace { every: Duration::from_millis(50), apart: Duration::from_millis(1) };
    /// Never by itself in the time of a test.
    const NEVER: Duration = Duration::from_secs(3_600);

    fn set(ids: &[&str]) -> String {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let key = |id: &&str| serde_json::json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": id, "x": x});
        serde_json::json!({"keys": ids.iter().map(key).collect::<Vec<_>>()}).to_string()
    }

    /// An issuer that answers what it is told to, and counts.
    struct Issuer {
        answer: Mutex<(StatusCode, String)>,
        asked: AtomicUsize,
    }

    impl Issuer {
        async fn start(ids: &[&str]) -> (Arc<Self>, KeySource) {
            let issuer = Arc::new(Self { answer: Mutex::default(), asked: AtomicUsize::new(0) });
            issuer.answers(StatusCode::OK, &set(ids));
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/keys", listener.local_addr().unwrap()).parse().unwrap();
            let asked = issuer.clone();
            let keys = get(move || async move {
                asked.asked.fetch_add(1, Ordering::SeqCst);
                asked.answer.lock().unwrap().clone()
            });
            let serve = axum::serve(listener, Router::new().route("/keys", keys));
            tokio::spawn(async move { serve.await });
            (issuer, KeySource::Url { url, ca: None })
        }

        fn answers(&self, status: StatusCode, body: &str) {
            *self.answer.lock().unwrap() = (status, body.to_owned());
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }
    }

    async fn until(mut there: impl FnMut() -> bool) {
        let waited = async {
            while !there() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), waited).await.expect("it came in ten seconds");
    }

    #[tokio::test]
    async fn keys_by_url_are_fetched_rotated_and_kept_when_the_url_is_down() {
        let (issuer, source) = Issuer::start(&["one"]).await;
        let changes = Arc::new(AtomicUsize::new(0));
        let changed = changes.clone();
        let count = move || {
            changed.fetch_add(1, Ordering::SeqCst);
        };
        let keys = Keys::open_at(QUICK, source, count).await.expect("fetched at the start");
        assert!(keys.find(Some("one")).is_some() && keys.find(Some("two")).is_none());

        issuer.answers(StatusCode::OK, &set(&["two"]));
        until(|| keys.find(Some("two")).is_some()).await;
        assert!(keys.find(Some("one")).is_none(), "a key that was withdrawn is good no more");
        let empty = serde_json::json!({"keys": []}).to_string();
        let large = set(&["x".repeat(LARGEST).as_str()]);
        let bad = [
            (StatusCode::SERVICE_UNAVAILABLE, set(&["three"])),
            (StatusCode::FOUND, set(&["three"])),
            (StatusCode::OK, "<html>".to_owned()),
            (StatusCode::OK, empty),
            (StatusCode::OK, large),
        ];
        for (status, body) in bad {
            issuer.answers(status, &body);
            let before = issuer.asked();
            until(|| issuer.asked() > before + 1).await;
            assert!(keys.find(Some("two")).is_some(), "the old keys are kept at {status}");
        }
        assert_eq!(changes.load(Ordering::SeqCst), 1, "what was verified is forgotten at a change only");

        issuer.answers(StatusCode::OK, &set(&["two", "three"]));
        until(|| keys.find(Some("three")).is_some()).await;
        drop(keys);
        sleep(Duration::from_millis(200)).await;
        let before = issuer.asked();
        sleep(Duration::from_millis(200)).await;
        assert_eq!(issuer.asked(), before, "nobody asks any more");
    }

    #[tokio::test]
    async fn an_unknown_key_has_the_url_asked_but_not_more_often_than_allowed() {
        let (issuer, source) = Issuer::start(&["one"]).await;
        let pace = Pace { every: NEVER, apart: Duration::from_millis(400) };
        let keys = Keys::open_at(pace, source, || ()).await.expect("fetched at the start");
        sleep(Duration::from_millis(100)).await;
        assert!(keys.find(Some("one")).is_some());
        assert_eq!(issuer.asked(), 1, "a known key asks nobody");

        issuer.answers(StatusCode::OK, &set(&["one", "two"]));
        until(|| keys.find(Some("two")).is_some()).await;
        let begun = std::time::Instant::now();
        let before = issuer.asked();
        while begun.elapsed() < Duration::from_secs(1) {
            assert!(keys.find(Some("nobody's")).is_none());
            sleep(Duration::from_millis(1)).await;
        }
        let asked = issuer.asked() - before;
        assert!((1..=3).contains(&asked), "asked {asked} times in a second");
    }

    #[tokio::test]
    async fn looking_for_a_key_does_not_wait_for_an_issuer_that_is_silent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap()).parse().unwrap();
        let answers = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let (mut first, _) = listener.accept().await.unwrap();
            let _ = first.read(&mut [0; 4_096]).await.unwrap();
            let body = set(&["one"]);
            let head =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            first.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            drop(first);
            // Accepted, and never answered.
            let silent = listener.accept().await.unwrap();
            std::future::pending::<()>().await;
            drop(silent);
        });
        let keys =
            Keys::open_at(QUICK, KeySource::Url { url, ca: None }, || ()).await.expect("the first answer");
        sleep(Duration::from_millis(200)).await;
        let begun = std::time::Instant::now();
        assert!(keys.find(Some("one")).is_some() && keys.find(Some("two")).is_none());
        assert!(begun.elapsed() < Duration::from_millis(100));
        answers.abort();
    }

    #[tokio::test]
    async fn a_source_without_keys_at_the_start_is_an_error_that_names_it() {
        let (issuer, source) = Issuer::start(&["one"]).await;
        issuer.answers(StatusCode::NOT_FOUND, "");
        let error = Keys::open(source, || ()).await.err().expect("no keys").to_string();
        assert!(error.contains("/keys") && error.contains("404"), "{error}");
        assert_eq!(
            issuer.asked(),
            usize::try_from(TRIES).unwrap(),
            "an issuer that starts late is waited for"
        );
        let error = Keys::open(KeySource::File("/nowhere/keys".into()), || ()).await.err().expect("no file");
        assert!(error.to_string().contains("/nowhere/keys"), "{error}");
    }

    #[tokio::test]
    async fn a_file_that_is_replaced_is_taken_up() {
        let path = std::env::temp_dir().join(format!("keys-{}.json", uuid::Uuid::now_v7()));
        std::fs::write(&path, set(&["one"])).unwrap();
        let keys = Keys::open_at(QUICK, KeySource::File(path.clone()), || ()).await.expect("read");
        std::fs::write(&path, "half").unwrap();
        sleep(Duration::from_millis(200)).await;
        assert!(keys.find(Some("one")).is_some());
        std::fs::write(&path, set(&["two"])).unwrap();
        until(|| keys.find(Some("two")).is_some()).await;
        std::fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn an_https_issuer_is_believed_by_its_ca_alone() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        for name in ["issuer", "another"] {
            let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
            std::fs::write(file(&format!("{name}.pem")), made.cert.pem()).unwrap();
            std::fs::write(file(&format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
        }
        let files =
            crate::tls::ServerFiles { cert: file("issuer.pem"), key: file("issuer.key"), client_ca: None };
        let mut config = files.load().unwrap();
        config.alpn_protocols.clear();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/keys", listener.local_addr().unwrap().port());
        let serve = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let _ = stream.read(&mut [0; 4_096]).await;
                let body = set(&["one"]);
                let head =
                    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        let open =
            |ca: &str| Keys::open(KeySource::Url { url: url.parse().unwrap(), ca: Some(file(ca)) }, || ());
        let keys = open("issuer.pem").await.expect("its CA");
        assert!(keys.find(Some("one")).is_some());
        let error = open("another.pem").await.err().expect("not its CA").to_string();
        assert!(error.contains("certificate"), "{error}");
        serve.abort();
    }
}
