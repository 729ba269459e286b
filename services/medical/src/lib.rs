//! Medical: facilities, wards and beds, and how old what is known of them is.

pub mod alarms;
pub mod capacity;
pub mod directory;
pub mod facilities;
pub mod house;
pub mod phones;
pub mod policies;
pub mod sight;
pub mod tending;
pub mod wards;

use std::sync::Arc;

use chassis::{
    Clock, Config, RunError, claims,
    database::{Part, StartError},
    feed,
    meters::Levels,
    partitions::DayTable,
    served,
    server::{self, Server},
};
use house::{Days, House};
use jurisdiction::{Jurisdiction, follow::Source};
use proto::medical::{
    alarm_service_server::AlarmServiceServer, capacity_service_server::CapacityServiceServer,
    directory_service_server::DirectoryServiceServer, facility_service_server::FacilityServiceServer,
    phone_service_server::PhoneServiceServer, policy_service_server::PolicyServiceServer,
    ward_service_server::WardServiceServer,
};
use sqlx::migrate::Migrator;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// The domain of this service's errors.
pub const DOMAIN: &str = "medical.rampart";
/// The schema in the database.
pub const SCHEMA: &str = "medical";
/// The subject as whom this service follows the registry.
pub const SUBJECT: &str = "medical";
/// The schema's history.
pub static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
/// What the schema is made by.
pub const PARTS: &[Part] = &[jurisdiction::PART, ("_sqlx_migrations", &MIGRATIONS)];

const SERVICES: &[&str] = &[
    "rampart.medical.v1.FacilityService",
    "rampart.medical.v1.PhoneService",
    "rampart.medical.v1.DirectoryService",
    "rampart.medical.v1.WardService",
    "rampart.medical.v1.CapacityService",
    "rampart.medical.v1.PolicyService",
    "rampart.medical.v1.AlarmService",
];
const DAY_TABLES: &[DayTable] = &[claims::TABLE, feed::TABLE];

/// Brings the schema up to date, with the owner's URL.
///
/// # Errors
/// [`StartError`].
pub async fn migrate(owner_url: &str) -> Result<(), StartError> {
    chassis::database::migrate(owner_url, PARTS).await
}

/// Runs medical on a listener until `shutdown`.
///
/// # Errors
/// [`RunError`].
pub async fn run(
    config: Config,
    clock: Clock,
    source: Source,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let (database, keeper) = server::open(&config, DAY_TABLES, &shutdown).await?;
    let pool = database.pool().clone();

    let (jurisdiction, watching) = Jurisdiction::start_watched(&database, &clock, source, &shutdown).await?;
    let authority = watching.authority.clone();
    let house = Arc::new(House { database, clock, jurisdiction, counted_days: Days::default(), watching });
    let tending = tokio::spawn(tending::run(Arc::clone(&house), shutdown.clone()));

    let (routes, levels) = (routes(&house), Levels::default());
    let server = Server { domain: DOMAIN, names: SERVICES, routes, authority, pool, levels };
    server.serve(&config, listener, shutdown).await?;
    let _ = tokio::join!(keeper, tending);
    Ok(())
}

fn routes(house: &Arc<House>) -> Routes {
    let house = || Arc::clone(house);
    Routes::new(served!(FacilityServiceServer::new(facilities::api::Facilities { house: house() })))
        .add_service(served!(PhoneServiceServer::new(phones::api::Phones { house: house() })))
        .add_service(served!(DirectoryServiceServer::new(directory::api::Directory { house: house() })))
        .add_service(served!(WardServiceServer::new(wards::api::Wards { house: house() })))
        .add_service(served!(CapacityServiceServer::new(capacity::api::Capacity { house: house() })))
        .add_service(served!(PolicyServiceServer::new(policies::api::Policies { house: house() })))
        .add_service(served!(AlarmServiceServer::new(alarms::api::Alarms { house: house() })))
}
