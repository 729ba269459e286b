//! How a service serves: gate, health, reflection, limits, drain.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use sqlx::{Connection as _, PgPool};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc},
    task::JoinHandle,
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{service::Routes, transport::server::TcpIncoming};
use tonic_health::{ServingStatus, server::HealthReporter};
use tracing::Instrument as _;

use crate::{
    Authority, Config, Database, Fault, clock,
    database::{self, StartError},
    identity::Verifier,
    keys::KeysError,
    layers::{self, Gate},
    meters::{Levels, Meters},
    partitions::{self, DayTable},
    telemetry::TelemetryError,
    tls::{self, TlsError},
};

/// The largest message in either direction, in bytes.
pub const LARGEST_MESSAGE: usize = 4 << 20;

/// Sets on a generated server what every server of ours has: compression and message limits.
#[macro_export]
macro_rules! served {
    ($server:expr) => {
        $server
            .accept_compressed(::tonic::codec::CompressionEncoding::Gzip)
            .accept_compressed(::tonic::codec::CompressionEncoding::Zstd)
            .send_compressed(::tonic::codec::CompressionEncoding::Gzip)
            .max_decoding_message_size($crate::server::LARGEST_MESSAGE)
            .max_encoding_message_size($crate::server::LARGEST_MESSAGE)
    };
}

/// Turns what a handler found into what tonic sends.
///
/// # Errors
/// The fault as a status of this domain.
pub fn reply<T>(domain: &'static str, answer: Result<T, Fault>) -> Result<tonic::Response<T>, tonic::Status> {
    answer.map(tonic::Response::new).map_err(|fault| fault.into_status(domain))
}

/// Answers a call with a stream, whose messages `work` sends until it ends or the client goes away.
pub fn stream<M, F>(
    domain: &'static str,
    work: impl FnOnce(Messages<M>) -> F,
) -> tonic::Response<ReceiverStream<Result<M, tonic::Status>>>
where
    M: Send + 'static,
    F: Future<Output = Result<(), Fault>> + Send + 'static,
{
    let (messages, stream) = mpsc::channel(64);
    let work = work(messages.clone());
    let ending = async move {
        if let Err(fault) = work.await {
            let _ = messages.send(Err(fault.into_status(domain))).await;
        }
    };
    tokio::spawn(ending.in_current_span());
    tonic::Response::new(ReceiverStream::new(stream))
}

/// Where the messages of a stream are sent.
pub type Messages<M> = mpsc::Sender<Result<M, tonic::Status>>;

/// The caller, the deadline and the message of a request that came through the gate.
///
/// # Errors
/// [`Fault::Internal`] where no gate stood before the handler.
pub fn accept<T>(
    request: tonic::Request<T>,
) -> Result<(crate::Caller, Option<tokio::time::Instant>, T), Fault> {
    let caller = request.extensions().get::<crate::Caller>().cloned();
    let caller = caller.ok_or_else(|| Fault::internal("a handler without a gate before it"))?;
    let deadline = request.extensions().get::<layers::Deadline>().map(|deadline| deadline.0);
    Ok((caller, deadline, request.into_inner()))
}

/// Why a service ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It could not start on its database.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It could not serve.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Its tables could not be made ready or read.
    #[error("the tables could not be made ready: {0:?}")]
    Tables(Fault),
}

/// Connects a service to its database, the days of its tables ready, which are kept until `shutdown`; the second of the
/// answer is who keeps them.
///
/// # Errors
/// [`RunError`].
pub async fn open(
    config: &Config,
    tables: &'static [DayTable],
    shutdown: &CancellationToken,
) -> Result<(Database, JoinHandle<()>), RunError> {
    let url = &config.database_url.0;
    let mut own = database::starting(url, shutdown).await?;
    let database = Database::on(url, config.connections.get(), &mut own).await?;
    partitions::keep(&mut own, tables, clock::wall().date_naive()).await.map_err(RunError::Tables)?;
    own.close().await.map_err(StartError::from)?;
    partitions::warm(database.pool()).await.map_err(RunError::Tables)?;
    let keeper = tokio::spawn(partitions::keeper(database.pool().clone(), tables, shutdown.clone()));
    Ok((database, keeper))
}

/// A service that is ready to serve.
pub struct Server {
    /// The domain of its errors, such as `registry.rampart`.
    pub domain: &'static str,
    /// The full names of its gRPC services, for the health service.
    pub names: &'static [&'static str],
    /// Its gRPC services.
    pub routes: Routes,
    /// What a subject may do.
    pub authority: Arc<dyn Authority>,
    /// What readiness is asked of.
    pub pool: PgPool,
    /// What it counts of what it keeps.
    pub levels: Levels,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Server").field("domain", &self.domain).finish_non_exhaustive()
    }
}

/// Why a service does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The issuer's keys cannot be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The descriptor set is damaged.
    #[error("the contract's descriptor set is damaged: {0}")]
    Contract(#[from] prost_reflect::DescriptorError),
    /// Reflection cannot be built.
    #[error("reflection cannot be served: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The files for TLS cannot be used.
    #[error("TLS cannot be served: {0}")]
    Tls(#[from] TlsError),
    /// The port for health alone, or that for figures, cannot be listened on.
    #[error("{0} cannot be served on {1}: {2}")]
    Listen(&'static str, SocketAddr, std::io::Error),
    /// The figures cannot be sent or served.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The transport failed.
    #[error("serving failed: {0}")]
    Transport(#[from] tonic::transport::Error),
}

impl Server {
    /// Serves until `shutdown`, then says NOT_SERVING, waits the drain notice, and lets what is in
    /// hand end.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn serve(
        self,
        config: &Config,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> Result<(), ServeError> {
        // Probes and scrapes are answered until what is in hand has ended.
        let ended = CancellationToken::new();
        let _ends = ended.clone().drop_guard();
        let collector = config.otlp_endpoint.as_deref();
        let meters = Meters::new(self.domain, collector, config.metrics_listen.is_some(), self.levels)?;
        let meters = Arc::new(meters);
        if let Some(address) = config.metrics_listen {
            let listener = listen("metrics", address).await?;
            tokio::spawn(Arc::clone(&meters).serve(listener, ended.clone()));
        }
        let gate = Arc::new(Gate {
            domain: self.domain,
            methods: layers::methods(proto::DESCRIPTOR_SET)?,
            verifier: Arc::new(Verifier::open(config.trust.clone()).await?),
            authority: self.authority,
            room: Arc::new(Semaphore::new(config.concurrency.get())),
            meters: Arc::clone(&meters),
        });
        let gated =
            self.routes.into_axum_router().layer(axum::middleware::from_fn_with_state(gate, layers::enter));
        let mut routes = Routes::from(gated);

        let (reporter, health) = tonic_health::server::health_reporter();
        if let Some(address) = config.health_listen {
            let listener = listen("health", address).await?;
            let alone = tonic::transport::Server::builder()
                .max_concurrent_streams(Some(16))
                .add_service(health.clone())
                .serve_with_incoming_shutdown(TcpIncoming::from(listener), ended.cancelled_owned());
            tokio::spawn(alone);
        }
        routes = routes.add_service(health);
        if config.reflection {
            let reflection = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(proto::DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .build_v1()?;
            routes = routes.add_service(reflection);
        }
        let watch = tokio::spawn(watch_readiness(
            reporter,
            self.names,
            self.pool,
            config.drain_notice,
            shutdown.clone(),
        ));

        let drained = async move {
            shutdown.cancelled().await;
            // The notice: load balancers see NOT_SERVING before the listener closes.
            let _ = watch.await;
        };
        let router = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .http2_keepalive_timeout(Some(Duration::from_secs(10)))
            .max_connection_age(config.connection_age)
            .max_concurrent_streams(Some(1_024))
            .add_routes(routes);
        let served = match config.tls.clone() {
            Some(files) => router.serve_with_incoming_shutdown(tls::accept(listener, files)?, drained).await,
            None => {
                // Set here, because the server leaves connections that it is handed as they are.
                let connected = TcpIncoming::from(listener).with_nodelay(Some(true));
                router.serve_with_incoming_shutdown(connected, drained).await
            }
        };
        meters.end().await;
        Ok(served?)
    }
}

async fn listen(what: &'static str, address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|error| ServeError::Listen(what, address, error))
}

/// Ready means: the database answers. Alive is the health service answering at all.
async fn watch_readiness(
    reporter: HealthReporter,
    names: &'static [&'static str],
    pool: PgPool,
    notice: Duration,
    shutdown: CancellationToken,
) {
    let mut tick = tokio::time::interval(Duration::from_secs(2));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            _ = tick.tick() => {}
        }
        let asked = tokio::time::timeout(Duration::from_secs(2), sqlx::query("SELECT 1").execute(&pool));
        let ready = matches!(asked.await, Ok(Ok(_)));
        say(&reporter, names, if ready { ServingStatus::Serving } else { ServingStatus::NotServing }).await;
    }
    say(&reporter, names, ServingStatus::NotServing).await;
    tokio::time::sleep(notice).await;
}

async fn say(reporter: &HealthReporter, names: &[&str], status: ServingStatus) {
    reporter.set_service_status("", status).await;
    for name in names {
        reporter.set_service_status(name, status).await;
    }
}
