//! TLS of a server: certificates from files, taken up again when the files change, and of a client.
//!
//! A handshake has a task and a time limit of its own, so that one that stalls holds nobody up.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::WebPkiClientVerifier,
    },
    server::TlsStream,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

/// How often the files are looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What cannot be used of the files for TLS: all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsError(pub Vec<String>);

impl fmt::Display for TlsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for TlsError {}

/// The files of a server's TLS, in PEM. They may be replaced while the service runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFiles {
    /// The certificate, with those between it and the root.
    pub cert: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
    /// Whose clients are let in; a client must then show a certificate.
    pub client_ca: Option<PathBuf>,
}

impl ServerFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn load(&self) -> Result<ServerConfig, TlsError> {
        let mut wrong = Vec::new();
        let chain = kept(&mut wrong, certificates(&self.cert));
        let key = PrivateKeyDer::from_pem_file(&self.key);
        let key = kept(&mut wrong, key.map_err(|error| format!("{}: {error}", self.key.display())));
        let roots = self.client_ca.as_ref().map(|path| kept(&mut wrong, roots(path)));
        let (Some(chain), Some(key), true) = (chain, key, wrong.is_empty()) else {
            return Err(TlsError(wrong));
        };
        let wrong = |error: &dyn fmt::Display| TlsError(vec![error.to_string()]);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(&error))?;
        let config = match roots.flatten() {
            None => config.with_no_client_auth(),
            Some(roots) => config.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .map_err(|error| wrong(&error))?,
            ),
        };
        let mut config = config.with_single_cert(chain, key).map_err(|error| {
            wrong(&format!("{} with {}: {error}", self.cert.display(), self.key.display()))
        })?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }

    /// How the files look from outside: another stamp, other contents.
    fn stamp(&self) -> Vec<Option<(SystemTime, u64)>> {
        let files = [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()];
        let look = |path: &PathBuf| {
            let meta = std::fs::metadata(path).ok()?;
            Some((meta.modified().ok()?, meta.len()))
        };
        files.into_iter().flatten().map(look).collect()
    }
}

fn kept<T>(wrong: &mut Vec<String>, read: Result<T, String>) -> Option<T> {
    read.map_err(|error| wrong.push(error)).ok()
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let words = |error: &dyn fmt::Display| format!("{}: {error}", path.display());
    let read = CertificateDer::pem_file_iter(path).map_err(|error| words(&error))?;
    let read: Vec<_> = read.collect::<Result<_, _>>().map_err(|error| words(&error))?;
    if read.is_empty() {
        return Err(words(&"there is no certificate in it"));
    }
    Ok(read)
}

fn roots(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(roots)
}

/// Accepts connections and shakes hands with them: a stream of those that are through.
///
/// # Errors
/// Files that cannot be used at the start. Later ones that cannot are told to the log, and the last good
/// ones serve on.
pub(crate) fn accept(
    listener: TcpListener,
    files: ServerFiles,
) -> Result<ReceiverStream<io::Result<TlsStream<TcpStream>>>, TlsError> {
    let files = Watched::open(files)?;
    let current = Arc::clone(&files.current);
    let (through, connected) = mpsc::channel(64);
    tokio::spawn(renew(files, through.clone()));
    tokio::spawn(accept_until_closed(listener, current, through));
    Ok(ReceiverStream::new(connected))
}

type Current = Arc<RwLock<Arc<ServerConfig>>>;
type Through = mpsc::Sender<io::Result<TlsStream<TcpStream>>>;

async fn accept_until_closed(listener: TcpListener, current: Current, through: Through) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = through.closed() => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, most likely: some will be closed.
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let config = current.read().unwrap_or_else(PoisonError::into_inner).clone();
        let through = through.clone();
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            match tokio::time::timeout(HANDSHAKE, TlsAcceptor::from(config).accept(stream)).await {
                Ok(Ok(stream)) => drop(through.send(Ok(stream)).await),
                Ok(Err(error)) => tracing::debug!(%peer, %error, "a handshake failed"),
                Err(_) => tracing::debug!(%peer, "a handshake took too long"),
            }
        });
    }
}

/// Looks at the files until nobody is let in any more; connections that are open stay as they are.
async fn renew(mut files: Watched, through: Through) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_AGAIN) => files.look(),
            () = through.closed() => return,
        }
    }
}

/// The files of a server, and what was made of them last.
struct Watched {
    files: ServerFiles,
    stamp: Vec<Option<(SystemTime, u64)>>,
    current: Current,
    said: Option<TlsError>,
}

impl Watched {
    fn open(files: ServerFiles) -> Result<Self, TlsError> {
        let stamp = files.stamp();
        let current = Arc::new(RwLock::new(Arc::new(files.load()?)));
        Ok(Self { files, stamp, current, said: None })
    }

    /// Reads the files again where they look different.
    fn look(&mut self) {
        let now = self.files.stamp();
        if now == self.stamp {
            return;
        }
        match self.files.load() {
            Ok(config) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                (self.stamp, self.said) = (now, None);
                tracing::info!(cert = %self.files.cert.display(), "took up new certificates");
            }
            // Half of the files may be replaced already: it is tried again, and said once.
            Err(error) if self.said.as_ref() != Some(&error) => {
                tracing::warn!(%error, "kept the old certificates");
                self.said = Some(error);
            }
            Err(_) => {}
        }
    }
}

/// The files of a client's TLS, in PEM; they are read at every connection that is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientFiles {
    /// Whose servers are believed; the system's authorities where there is none.
    pub ca: Option<PathBuf>,
    /// The certificate that is shown to the server.
    pub cert: Option<PathBuf>,
    /// The certificate's private key.
    pub key: Option<PathBuf>,
}

impl ClientFiles {
    /// RAMPART_CA, RAMPART_CERT and RAMPART_KEY.
    #[must_use]
    pub fn from_environment() -> Self {
        let file = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self { ca: file("RAMPART_CA"), cert: file("RAMPART_CERT"), key: file("RAMPART_KEY") }
    }

    /// An endpoint that uses these files, where its address is https.
    ///
    /// # Errors
    /// Everything that is wrong with the files.
    pub fn secure(&self, endpoint: Endpoint) -> Result<Endpoint, TlsError> {
        if endpoint.uri().scheme_str() != Some("https") {
            return Ok(endpoint);
        }
        let mut wrong = Vec::new();
        let mut text = |path: &Option<PathBuf>| {
            let path = path.as_ref()?;
            let read = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
            kept(&mut wrong, read)
        };
        let (ca, cert, key) = (text(&self.ca), text(&self.cert), text(&self.key));
        if self.cert.is_some() != self.key.is_some() {
            wrong.push("a client's certificate and its key go together".to_owned());
        }
        if let Some(Err(error)) = self.ca.as_ref().filter(|_| ca.is_some()).map(|path| certificates(path)) {
            wrong.push(error);
        }
        if !wrong.is_empty() {
            return Err(TlsError(wrong));
        }
        let mut tls = match ca {
            Some(ca) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        if let (Some(cert), Some(key)) = (cert, key) {
            tls = tls.identity(Identity::from_pem(cert, key));
        }
        endpoint.tls_config(tls).map_err(|error| TlsError(vec![crate::fault::chain(&error)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_files_are_taken_up_and_broken_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let files = ServerFiles { cert: file("cert.pem"), key: file("key.pem"), client_ca: None };
        let write = |host: &str| {
            let made = rcgen::generate_simple_self_signed(vec![host.to_owned()]).unwrap();
            std::fs::write(&files.cert, made.cert.pem()).unwrap();
            std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        };
        write("localhost");
        let mut watched = Watched::open(files.clone()).unwrap();
        let current = Arc::clone(&watched.current);
        let serves = || Arc::clone(&current.read().unwrap());
        let first = serves();
        watched.look();
        assert!(Arc::ptr_eq(&first, &serves()), "nothing has changed");

        std::fs::write(&files.cert, "half of a certifi").unwrap();
        watched.look();
        assert!(Arc::ptr_eq(&first, &serves()), "the last good one serves on");
        assert!(watched.said.is_some());

        write("elsewhere.example");
        watched.look();
        assert!(!Arc::ptr_eq(&first, &serves()), "the new one serves");
        assert!(watched.said.is_none());
    }
}
