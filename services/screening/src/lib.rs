//! Screening: whoever must be followed up, each in one pair of hands. Persons, and whose hands they are in.

pub mod hands;
pub mod house;
pub mod keyring;
pub mod persons;

use std::sync::Arc;

use chassis::{
    Clock, Config, Database, RunError, claims, clock,
    database::{Part, StartError},
    feed,
    partitions::{self, DayTable},
    served,
    server::Server,
};
use house::House;
use jurisdiction::{Jurisdiction, follow::Source};
use keyring::Keyring;
use proto::screening::{
    hands_service_server::HandsServiceServer, person_service_server::PersonServiceServer,
};
use sqlx::migrate::Migrator;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// The domain of this service's errors.
pub const DOMAIN: &str = "screening.rampart";
/// The schema in the database.
pub const SCHEMA: &str = "screening";
/// The subject as whom this service follows the registry.
pub const SUBJECT: &str = "screening";
/// The schema's history.
pub static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
/// What the schema is made by.
pub const PARTS: &[Part] = &[jurisdiction::PART, ("_sqlx_migrations", &MIGRATIONS)];

const SERVICES: &[&str] = &["rampart.screening.v1.PersonService", "rampart.screening.v1.HandsService"];
const DAY_TABLES: &[DayTable] = &[claims::TABLE, feed::TABLE];

/// Brings the schema up to date, with the owner's URL.
///
/// # Errors
/// [`StartError`].
pub async fn migrate(owner_url: &str) -> Result<(), StartError> {
    chassis::database::migrate(owner_url, PARTS).await
}

/// Runs screening on a listener until `shutdown`.
///
/// # Errors
/// [`RunError`].
pub async fn run(
    config: Config,
    clock: Clock,
    source: Source,
    keys: Keyring,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let url = &config.database_url.0;
    let database = Database::connect(url, config.connections.get(), &shutdown).await?;
    let pool = database.pool().clone();
    partitions::keep(&pool, DAY_TABLES, clock::wall().date_naive()).await.map_err(RunError::Tables)?;
    let keeper = tokio::spawn(partitions::keeper(pool.clone(), DAY_TABLES, shutdown.clone()));

    let followed = Jurisdiction::start(database.clone(), clock.clone(), source, shutdown.clone());
    let jurisdiction = followed.await.map_err(RunError::Tables)?;
    let authority = Arc::new(jurisdiction.clone());
    let house = Arc::new(House { database, clock, jurisdiction, keys });
    let rotation = tokio::spawn(persons::rotation::run(Arc::clone(&house), shutdown.clone()));

    let routes =
        Routes::new(served!(PersonServiceServer::new(persons::api::Persons { house: Arc::clone(&house) })))
            .add_service(served!(HandsServiceServer::new(hands::api::Hands { house })));
    let server = Server { domain: DOMAIN, names: SERVICES, routes, authority, pool };
    server.serve(&config, listener, shutdown).await?;
    let _ = tokio::join!(keeper, rotation);
    Ok(())
}
