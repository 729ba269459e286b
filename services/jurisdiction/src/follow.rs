//! Following the feed of another service: a snapshot, then what changes, taken in under a lease so that one
//! replica at a time follows. A token is stored with what it stands for, in one transaction. The registry's two feeds
//! are followed by every service; others are given as a [`Feed`].

use std::{collections::HashMap, path::PathBuf, pin::Pin, sync::Arc, time::Duration};

use chassis::{
    Database, Fault, clock, parse,
    tls::{ClientFiles, TlsError},
};
use chrono::TimeDelta;
use futures::{Stream, StreamExt as _};
use prost::Message as _;
use proto::registry::{
    self as pb, appointment_service_client::AppointmentServiceClient, unit_service_client::UnitServiceClient,
};
use sqlx::PgConnection;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Request, Status, async_trait,
    transport::{Channel, Endpoint},
};
use uuid::Uuid;

use crate::{
    changes::{APPOINTMENTS, UNITS},
    store::{self, Lease},
};

/// How long a replica may be silent before another follows in its stead.
const LEASE: TimeDelta = TimeDelta::seconds(6);

/// How long the other service may be silent before the connection is made anew; it gives a sign of life every
/// two seconds.
const SILENCE: Duration = Duration::from_secs(10);

/// How many messages are taken in with one transaction.
const TOGETHER: usize = 500;

/// Where a service is, and as whom it is followed.
#[derive(Clone, Debug)]
pub struct Source {
    endpoint: Endpoint,
    credential: Credential,
    files: ClientFiles,
}

/// The token that the other service is shown.
#[derive(Clone)]
pub enum Credential {
    /// Read from a file at every connection, so that it can be renewed.
    File(PathBuf),
    /// Signed at every connection.
    Signed(Arc<dyn Fn() -> Result<String, String> + Send + Sync>),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Credential(hidden)")
    }
}

/// Why a source cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(String);

impl Source {
    /// A source.
    ///
    /// # Errors
    /// An address that is none.
    pub fn new(endpoint: &str, credential: Credential) -> Result<Self, SourceError> {
        let endpoint: Endpoint = endpoint
            .parse()
            .map_err(|_| SourceError(format!("{endpoint:?} is no address such as http://registry:7401")))?;
        let endpoint = endpoint
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(5));
        Ok(Self { endpoint, credential, files: ClientFiles::default() })
    }

    /// The same source, with a CA and a certificate for an https address. The files are read at every
    /// connection, so that they can be renewed.
    ///
    /// # Errors
    /// Files that cannot be used.
    pub fn with_files(self, files: ClientFiles) -> Result<Self, SourceError> {
        let source = Self { files, ..self };
        source.files.secure(source.endpoint.clone()).map_err(|error| SourceError(error.to_string()))?;
        Ok(source)
    }

    /// The registry of a service's own process: RAMPART_REGISTRY and RAMPART_REGISTRY_TOKEN_FILE, and for an
    /// https address RAMPART_CA, RAMPART_CERT and RAMPART_KEY.
    ///
    /// # Errors
    /// All that is missing or wrong.
    pub fn from_environment() -> Result<Self, SourceError> {
        Self::named("RAMPART_REGISTRY")?.ok_or_else(|| {
            SourceError(
                "RAMPART_REGISTRY must be the registry's address and RAMPART_REGISTRY_TOKEN_FILE a file with this service's token".into(),
            )
        })
    }

    /// Another service by the name of the variable that has its address, such as RAMPART_SCREENING; its token is in the
    /// file that the same name with _TOKEN_FILE says. Nothing where neither is set.
    ///
    /// # Errors
    /// All that is missing or wrong.
    pub fn named(variable: &str) -> Result<Option<Self>, SourceError> {
        let address = std::env::var(variable);
        let file = std::env::var_os(format!("{variable}_TOKEN_FILE"));
        match (address, file) {
            (Ok(address), Some(file)) => {
                let source = Self::new(&address, Credential::File(file.into()))?;
                source.with_files(ClientFiles::from_environment()).map(Some)
            }
            (Err(_), None) => Ok(None),
            _ => Err(SourceError(format!("{variable} and {variable}_TOKEN_FILE go together"))),
        }
    }

    /// A call with this service's token.
    ///
    /// # Errors
    /// A token that cannot be had.
    pub fn request<T>(&self, message: T) -> Result<Request<T>, Broken> {
        let token = match &self.credential {
            Credential::Signed(sign) => sign().map_err(Broken::Credential)?,
            Credential::File(path) => std::fs::read_to_string(path)
                .map_err(|error| Broken::Credential(format!("{}: {error}", path.display())))?,
        };
        let mut request = Request::new(message);
        let bearer = format!("Bearer {}", token.trim()).parse();
        let bearer = bearer.map_err(|_| Broken::Credential("the token has odd characters".into()))?;
        request.metadata_mut().insert("authorization", bearer);
        Ok(request)
    }

    /// A connection that is made with the first call.
    ///
    /// # Errors
    /// Files that cannot be used.
    pub fn channel(&self) -> Result<Channel, TlsError> {
        Ok(self.files.secure(self.endpoint.clone())?.connect_lazy())
    }
}

/// Why following was broken off; it begins again.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// This service has no token to show.
    #[error("this service's token: {0}")]
    Credential(String),
    /// The files for TLS cannot be used.
    #[error("the files for TLS: {0}")]
    Files(#[from] TlsError),
    /// The other service refused.
    #[error("the other service: {0}")]
    Refused(#[from] Status),
    /// The other service ended the feed or was silent.
    #[error("the other service ended the feed or was silent for too long")]
    Silent,
    /// Another replica has the lease.
    #[error("another replica follows now")]
    Lease,
    /// The own database failed.
    #[error("the database: {0:?}")]
    Database(Fault),
    /// What came has no name.
    #[error("a message without a name")]
    Nameless,
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        Self::Database(fault)
    }
}

/// What a feed's message carries.
#[derive(Clone, Debug)]
pub enum Event {
    /// A resource as it is now, encoded.
    Resource(Uuid, Vec<u8>),
    /// The snapshot is whole.
    SnapshotEnd,
    /// Nothing changed.
    Heartbeat,
}

/// What a feed brings: events, each with the token to resume at.
pub type Events = Pin<Box<dyn Stream<Item = Result<(Event, String), Broken>> + Send>>;

/// A feed that is followed, and how what it brings is kept.
#[async_trait]
pub trait Feed: Send + Sync + 'static {
    /// By which name it is known how far it was followed.
    fn topic(&self) -> &'static str;

    /// Opens it at a token, or with a snapshot where that is empty.
    ///
    /// # Errors
    /// Why it cannot be opened.
    async fn open(&self, source: &Source, start_token: String) -> Result<Events, Broken>;

    /// Keeps resources, with the serial under which they were received.
    ///
    /// # Errors
    /// Where the database fails.
    async fn keep(
        &self,
        connection: &mut PgConnection,
        serial: i64,
        resources: &[(Uuid, Vec<u8>)],
    ) -> Result<(), Fault>;

    /// Forgets what was last received before a serial, since a snapshot did not name it.
    ///
    /// # Errors
    /// Where the database fails.
    async fn forget_before(
        &self,
        connection: &mut PgConnection,
        before: i64,
        serial: i64,
    ) -> Result<(), Fault>;
}

/// Follows the registry's feeds until `shutdown`. What is answered changes whenever this replica took in something.
pub(crate) fn start(
    database: &Database,
    source: &Source,
    shutdown: &CancellationToken,
) -> watch::Receiver<u64> {
    let (took, taken) = watch::channel(0);
    for topic in [UNITS, APPOINTMENTS] {
        spawn(database, source, Arc::new(Registry(topic)), took.clone(), shutdown);
    }
    taken
}

/// Follows a feed of another service until `shutdown`.
pub fn follow(database: &Database, source: &Source, feed: Arc<dyn Feed>, shutdown: &CancellationToken) {
    spawn(database, source, feed, watch::channel(0).0, shutdown);
}

fn spawn(
    database: &Database,
    source: &Source,
    feed: Arc<dyn Feed>,
    took: watch::Sender<u64>,
    shutdown: &CancellationToken,
) {
    let (database, source, follower) = (database.clone(), source.clone(), Uuid::now_v7());
    let following = Following { database, source, feed, follower, took };
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = following.follow() => {}
        }
    });
}

struct Following {
    database: Database,
    source: Source,
    feed: Arc<dyn Feed>,
    follower: Uuid,
    took: watch::Sender<u64>,
}

impl Following {
    async fn follow(&self) {
        let mut said = String::new();
        loop {
            let pause = match self.while_leased().await {
                Ok(()) | Err(Broken::Lease) => Duration::from_secs(1),
                Err(broken) => {
                    // Said once for an outage, not at every attempt.
                    let words = broken.to_string();
                    if words != said {
                        tracing::warn!(
                            topic = self.feed.topic(),
                            cause = words,
                            "the feed is not followed; trying on"
                        );
                        said = words;
                    }
                    Duration::from_millis(250)
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    fn lease(&self) -> Lease {
        let now = clock::wall();
        Lease { topic: self.feed.topic(), follower: self.follower, until: now + LEASE, now }
    }

    /// Follows as long as this replica has the lease; nothing where another has it.
    async fn while_leased(&self) -> Result<(), Broken> {
        let Some(token) = store::lease(self.database.pool(), self.lease()).await? else {
            return Ok(());
        };
        let mut events = match self.feed.open(&self.source, token.clone()).await {
            Err(Broken::Refused(status)) if status.code() == Code::OutOfRange => {
                // The history is not kept that far back, or is another one: the whole picture again.
                self.take(vec![], Some(""), None).await?;
                self.feed.open(&self.source, String::new()).await?
            }
            opened => opened?,
        }
        .ready_chunks(TOGETHER);
        let mut snapshot = None;
        if token.is_empty() {
            // What is older than this when the snapshot ends was not named by it.
            snapshot = Some(self.take(vec![], None, None).await? + 1);
        }
        loop {
            let chunk = tokio::time::timeout(SILENCE, events.next());
            let Ok(Some(chunk)) = chunk.await else {
                return Err(Broken::Silent);
            };
            // Of several messages about one resource, the last is how it is.
            let mut resources = HashMap::new();
            let mut token = None;
            let mut forget = None;
            for event in chunk {
                let (event, at) = match event {
                    Err(Broken::Refused(status)) if status.code() == Code::OutOfRange => {
                        self.take(vec![], Some(""), None).await?;
                        return Ok(());
                    }
                    event => event?,
                };
                match event {
                    Event::Resource(key, body) => {
                        resources.insert(key, body);
                    }
                    Event::SnapshotEnd => forget = snapshot.take(),
                    Event::Heartbeat => {}
                }
                token = Some(at).filter(|at| !at.is_empty()).or(token);
            }
            self.take(resources.into_iter().collect(), token.as_deref(), forget).await?;
        }
    }

    /// Takes in resources with the token that stands for them; answers the serial.
    async fn take(
        &self,
        resources: Vec<(Uuid, Vec<u8>)>,
        token: Option<&str>,
        forget: Option<i64>,
    ) -> Result<i64, Broken> {
        let more = !resources.is_empty() || forget.is_some();
        let mut work = self.database.begin(None).await?;
        let serial = store::heard(&mut work, self.lease(), token, more).await?.ok_or(Broken::Lease)?;
        if !resources.is_empty() {
            self.feed.keep(&mut work, serial, &resources).await?;
        }
        if let Some(before) = forget {
            self.feed.forget_before(&mut work, before, serial).await?;
        }
        work.commit().await.map_err(Fault::from)?;
        self.took.send_modify(|version| *version += 1);
        Ok(serial)
    }
}

/// One of the registry's feeds, by its topic: kept as it is received.
struct Registry(&'static str);

#[async_trait]
impl Feed for Registry {
    fn topic(&self) -> &'static str {
        self.0
    }

    async fn open(&self, source: &Source, start_token: String) -> Result<Events, Broken> {
        if self.0 == UNITS {
            let request = source.request(pb::WatchUnitsRequest { start_token })?;
            let mut client = UnitServiceClient::new(source.channel()?);
            let stream = client.watch_units(request).await?.into_inner();
            return Ok(Box::pin(stream.map(|message| unit_event(message?))));
        }
        let request = source.request(pb::WatchAppointmentsRequest { start_token })?;
        let mut client = AppointmentServiceClient::new(source.channel()?);
        let stream = client.watch_appointments(request).await?.into_inner();
        Ok(Box::pin(stream.map(|message| appointment_event(message?))))
    }

    async fn keep(
        &self,
        connection: &mut PgConnection,
        serial: i64,
        resources: &[(Uuid, Vec<u8>)],
    ) -> Result<(), Fault> {
        store::keep(connection, self.0, serial, resources).await
    }

    async fn forget_before(
        &self,
        connection: &mut PgConnection,
        before: i64,
        serial: i64,
    ) -> Result<(), Fault> {
        store::forget_before(connection, self.0, before, serial).await
    }
}

fn unit_event(message: pb::WatchUnitsResponse) -> Result<(Event, String), Broken> {
    use pb::watch_units_response::Event as Of;
    let event = match message.event {
        Some(Of::Unit(unit)) => Event::Resource(key("units", &unit.name)?, unit.encode_to_vec()),
        Some(Of::SnapshotEnd(_)) => Event::SnapshotEnd,
        Some(Of::Heartbeat(_)) | None => Event::Heartbeat,
    };
    Ok((event, message.token))
}

fn appointment_event(message: pb::WatchAppointmentsResponse) -> Result<(Event, String), Broken> {
    use pb::watch_appointments_response::Event as Of;
    let event = match message.event {
        Some(Of::Held(held)) => {
            let name = held.appointment.as_ref().map(|appointment| appointment.name.as_str());
            Event::Resource(key("appointments", name.unwrap_or_default())?, held.encode_to_vec())
        }
        Some(Of::SnapshotEnd(_)) => Event::SnapshotEnd,
        Some(Of::Heartbeat(_)) | None => Event::Heartbeat,
    };
    Ok((event, message.token))
}

/// The id in a resource name of a message.
///
/// # Errors
/// [`Broken::Nameless`].
pub fn key(collection: &str, name: &str) -> Result<Uuid, Broken> {
    parse::name(collection, name).map_err(|_| Broken::Nameless)
}
