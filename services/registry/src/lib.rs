//! The registry: who and where. Units of the tree, officers, and the appointments that say what an
//! officer may do.

pub mod appointments;
pub mod authority;
pub mod batches;
pub mod founding;
mod moment;
pub mod officers;
pub mod proofs;
pub mod scope;
pub mod units;

pub use moment::Moment;

use std::sync::Arc;

use chassis::{
    Clock, Config, RunError, claims,
    database::{Part, StartError},
    feed::{self, Feed},
    meters::Levels,
    partitions::DayTable,
    served,
    server::{self, Server},
    watching::Watching,
};
use proto::registry::{
    appointment_service_server::AppointmentServiceServer, officer_service_server::OfficerServiceServer,
    proof_service_server::ProofServiceServer, unit_service_server::UnitServiceServer,
};
use sqlx::migrate::Migrator;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// The domain of this service's errors.
pub const DOMAIN: &str = "registry.rampart";
/// The schema in the database.
pub const SCHEMA: &str = "registry";
/// The schema's history.
pub static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
/// What the schema is made by.
pub const PARTS: &[Part] = &[("_sqlx_migrations", &MIGRATIONS)];

const SERVICES: &[&str] = &[
    "rampart.registry.v1.UnitService",
    "rampart.registry.v1.OfficerService",
    "rampart.registry.v1.AppointmentService",
    "rampart.registry.v1.ProofService",
];
const DAY_TABLES: &[DayTable] = &[claims::TABLE, feed::TABLE];

/// Brings the schema up to date, with the owner's URL.
///
/// # Errors
/// [`StartError`].
pub async fn migrate(owner_url: &str) -> Result<(), StartError> {
    chassis::database::migrate(owner_url, PARTS).await
}

/// Runs the registry on a listener until `shutdown`.
///
/// # Errors
/// [`RunError`].
pub async fn run(
    config: Config,
    clock: Clock,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let (database, keeper) = server::open(&config, DAY_TABLES, &shutdown).await?;
    let pool = database.pool().clone();

    let authority = Arc::new(authority::Appointments { database: database.clone(), clock: clock.clone() });
    let feed = Feed::start(database.clone(), shutdown.clone()).await.map_err(RunError::Tables)?;
    let watching = Watching { feed, authority: authority.clone(), shutdown: shutdown.clone() };
    let officers = officers::api::Officers { database: database.clone(), clock: clock.clone() };
    let appointments = appointments::api::Appointments {
        database: database.clone(),
        clock: clock.clone(),
        watching: watching.clone(),
    };
    let proofs =
        proofs::api::Proofs { database: database.clone(), clock: clock.clone(), watching: watching.clone() };
    let units = units::api::Units { database, clock, watching };
    let routes = Routes::new(served!(UnitServiceServer::new(units)))
        .add_service(served!(OfficerServiceServer::new(officers)))
        .add_service(served!(AppointmentServiceServer::new(appointments)))
        .add_service(served!(ProofServiceServer::new(proofs)));
    let levels = Levels::default();
    let server = Server { domain: DOMAIN, names: SERVICES, routes, authority, pool, levels };
    server.serve(&config, listener, shutdown).await?;
    let _ = keeper.await;
    Ok(())
}
