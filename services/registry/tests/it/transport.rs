//! The transport: TLS on both sides, certificates that are renewed, and health for probes. A second
//! registry runs on the sandbox's database, as another machine's would.

use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chassis::{
    Config, Database,
    config::Secret,
    telemetry::LogFormat,
    tls::{ClientFiles, ServerFiles},
};
use jurisdiction::{
    Jurisdiction,
    follow::{Credential, Source},
};
use proto::registry as pb;
use rampart::client::Registry;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tests::{ADMIN, Sandbox, until};
use tokio::{io::AsyncReadExt as _, net::TcpListener, net::TcpStream, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// An authority that signs certificates into a folder.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, tests::request_id());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("signed");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).expect("written");
        Self { issuer, folder }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Writes `{name}.pem` and `{name}.key` for a host, in place of what is there.
    fn write(&self, name: &str, host: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![host.to_owned()]).expect("a host");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        let files = (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
        std::fs::write(&files.0, certificate.pem()).expect("written");
        std::fs::write(&files.1, key.serialize_pem()).expect("written");
        files
    }

    fn server(&self, host: &str, client_ca: Option<PathBuf>) -> ServerFiles {
        let (cert, key) = self.write("server", host);
        ServerFiles { cert, key, client_ca }
    }

    /// A client that believes this authority and shows nothing.
    fn believed(&self) -> ClientFiles {
        ClientFiles { ca: Some(self.path("ca.pem")), cert: None, key: None }
    }

    /// A client that believes this authority and shows a certificate of another, or of this one.
    fn shown(&self, of: &Self) -> ClientFiles {
        let (cert, key) = of.write("client", "client");
        ClientFiles { cert: Some(cert), key: Some(key), ..self.believed() }
    }
}

pub(crate) struct Second {
    pub(crate) address: SocketAddr,
    health: SocketAddr,
    pub(crate) token: String,
    shutdown: CancellationToken,
    run: JoinHandle<()>,
}

pub(crate) async fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address")
}

impl Second {
    async fn start(sandbox: &Sandbox, files: ServerFiles) -> Self {
        Self::with(sandbox, |config| config.tls = Some(files)).await
    }

    /// Starts one that is set up otherwise.
    pub(crate) async fn with(sandbox: &Sandbox, change: impl FnOnce(&mut Config)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (address, health) = (listener.local_addr().expect("an address"), free().await);
        let mut config = Config {
            listen: address,
            database_url: Secret(tests::as_role(&sandbox.admin_url, "registry_runtime")),
            connections: NonZeroU32::MIN.saturating_add(3),
            tls: None,
            health_listen: Some(health),
            trust: sandbox.issuer.trust(),
            zone: sandbox.clock.zone(),
            concurrency: NonZeroUsize::MIN.saturating_add(63),
            connection_age: Duration::from_secs(600),
            drain_notice: Duration::ZERO,
            reflection: false,
            metrics_listen: None,
            otlp_endpoint: None,
            log: String::new(),
            log_format: LogFormat::Text,
        };
        change(&mut config);
        let shutdown = CancellationToken::new();
        let run = registry::run(config, sandbox.clock.clone(), listener, shutdown.clone());
        let run = tokio::spawn(async move { run.await.expect("it serves") });
        let token = sandbox.issuer.token(ADMIN, Duration::from_secs(600)).expect("a token");
        Self { address, health, token, shutdown, run }
    }

    /// One call on a connection of its own.
    async fn call(&self, host: &str, files: &ClientFiles) -> Result<(), Status> {
        let url = format!("https://{host}:{}", self.address.port());
        let registry = Registry::with_files(&url, &self.token, files).expect("a client");
        registry.units().list_units(pb::ListUnitsRequest::default()).await.map(drop)
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.run.await.expect("it ends");
    }
}

#[tokio::test]
async fn only_clients_with_a_certificate_of_the_ca_are_let_in() {
    let sandbox = Sandbox::start(&[]).await;
    let (own, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let files = own.server("localhost", Some(clients.path("ca.pem")));
    let second = Second::start(&sandbox, files).await;
    second.call("localhost", &own.shown(&clients)).await.expect("a certificate of the CA");
    let refused = [
        (own.believed(), "CertificateRequired"),
        (own.shown(&strangers), "UnknownCA"),
        (clients.shown(&clients), "UnknownIssuer"),
    ];
    for (files, cause) in refused {
        let refused = second.call("localhost", &files).await.expect_err(cause);
        let words = chassis::fault::chain(&refused);
        assert!(words.contains(cause), "not for {cause}: {words}");
    }
    let plain = Registry::new(&format!("http://{}", second.address), &second.token).expect("a client");
    plain.units().list_units(pb::ListUnitsRequest::default()).await.expect_err("plaintext");
    second.stop().await;
}

#[tokio::test]
async fn without_a_client_ca_the_server_alone_shows_a_certificate() {
    let sandbox = Sandbox::start(&[]).await;
    let own = Authority::new();
    let second = Second::start(&sandbox, own.server("localhost", None)).await;
    second.call("localhost", &own.believed()).await.expect("let in");
    second.call("127.0.0.1", &own.believed()).await.expect_err("a certificate for another host");
    second.stop().await;
}

#[tokio::test]
async fn renewed_files_are_taken_up_without_a_restart() {
    let sandbox = Sandbox::start(&[]).await;
    let (own, clients, later) = (Authority::new(), Authority::new(), Authority::new());
    let client_ca = own.path("clients.pem");
    std::fs::copy(clients.path("ca.pem"), &client_ca).expect("copied");
    let second = Second::start(&sandbox, own.server("localhost", Some(client_ca.clone()))).await;
    let known = own.shown(&clients);
    second.call("localhost", &known).await.expect("let in");

    // A certificate for another host, so that it shows which one is served.
    own.server("127.0.0.1", None);
    until(async || second.call("127.0.0.1", &known).await.ok()).await;
    second.call("localhost", &known).await.expect_err("the old certificate is not served any more");

    own.server("localhost", None);
    std::fs::copy(later.path("ca.pem"), &client_ca).expect("copied");
    let new = own.shown(&later);
    until(async || second.call("localhost", &new).await.ok()).await;
    second.call("localhost", &known).await.expect_err("the old authority's clients are out");
    second.stop().await;
}

#[tokio::test]
async fn a_handshake_that_stalls_holds_nobody_up_and_is_cut_off() {
    let sandbox = Sandbox::start(&[]).await;
    let own = Authority::new();
    let second = Second::start(&sandbox, own.server("localhost", None)).await;
    let mut stalled = Vec::new();
    for _ in 0..100 {
        stalled.push(TcpStream::connect(second.address).await.expect("connected"));
    }
    let files = own.believed();
    let call = tokio::time::timeout(Duration::from_secs(5), second.call("localhost", &files));
    call.await.expect("not held up").expect("served");
    let mut first = stalled.swap_remove(0);
    let cut = tokio::time::timeout(Duration::from_secs(15), first.read(&mut [0; 16])).await;
    assert_eq!(cut.expect("cut off in time").unwrap_or(0), 0);
    second.stop().await;
}

#[tokio::test]
async fn the_port_for_health_answers_in_plaintext_and_serves_nothing_else() {
    let sandbox = Sandbox::start(&[]).await;
    let own = Authority::new();
    let second = Second::start(&sandbox, own.server("localhost", Some(own.path("ca.pem")))).await;
    let url = format!("http://{}", second.health);
    let channel = Endpoint::from_shared(url.clone()).expect("an address").connect_lazy();
    for service in ["", "rampart.registry.v1.UnitService"] {
        let serving = until(async || {
            let request = HealthCheckRequest { service: service.to_owned() };
            let answer = HealthClient::new(channel.clone()).check(request).await.ok()?;
            Some(answer.into_inner().status).filter(|status| *status == 1)
        });
        serving.await;
    }
    let registry = Registry::new(&url, &second.token).expect("a client");
    let refused =
        registry.units().list_units(pb::ListUnitsRequest::default()).await.expect_err("health only");
    assert_eq!(refused.code(), Code::Unimplemented);
    second.stop().await;
    // It ends with the service.
    until(async || HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.err()).await;
}

/// Leads on to an address, and counts who comes; answers the port.
async fn counted(to: SocketAddr) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut to = TcpStream::connect(to).await?;
                tokio::io::copy_bidirectional(&mut from, &mut to).await
            });
        }
    });
    (port, count)
}

#[tokio::test]
async fn the_feed_is_followed_over_mtls_with_a_certificate_that_is_renewed() {
    let sandbox = Sandbox::start(&[]).await;
    let (own, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let second = Second::start(&sandbox, own.server("localhost", Some(clients.path("ca.pem")))).await;
    let follower = tests::blank(&["reporting"]).await;
    let owner = tests::as_role(&follower, "reporting_owner");
    chassis::database::migrate(&owner, &[jurisdiction::PART]).await.expect("migrated");
    let database =
        Database::connect(&tests::as_role(&follower, "reporting_runtime"), 4, &second.shutdown).await;
    let database = database.expect("there");

    let token = sandbox.issuer.token("reporting", Duration::from_secs(600)).expect("a token");
    let token_file = own.path("token");
    std::fs::write(&token_file, token).expect("written");
    let files = own.shown(&strangers);
    let (cert, key) = (files.cert.clone().expect("a file"), files.key.clone().expect("a file"));
    let (port, tried) = counted(second.address).await;
    let url = format!("https://localhost:{port}");
    let source = Source::new(&url, Credential::File(token_file)).expect("an address");
    let missing = ClientFiles { ca: Some(own.path("nothing")), ..files.clone() };
    source.clone().with_files(missing).expect_err("a CA that is not there");
    let source = source.with_files(files).expect("files that can be read");
    let jurisdiction = Jurisdiction::start(database, sandbox.clock.clone(), source, second.shutdown.clone());
    let jurisdiction = jurisdiction.await.expect("started");
    // Two feeds, each tried more than once: the first try of each has failed.
    until(async || Some(()).filter(|()| tried.load(Ordering::SeqCst) > 2)).await;
    assert!(jurisdiction.held_by(ADMIN).is_empty(), "followed with a stranger's certificate");

    let (new_cert, new_key) = clients.write("client", "client");
    std::fs::copy(new_cert, cert).expect("copied");
    std::fs::copy(new_key, key).expect("copied");
    until(async || Some(()).filter(|()| !jurisdiction.held_by(ADMIN).is_empty())).await;
    second.stop().await;
}
