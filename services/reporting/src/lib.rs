//! Reporting: what is said of each day. Forms, business days with what is expected, reports with their
//! revisions, totals, seals and bulletins.

pub mod bulletins;
pub mod days;
pub mod forms;
pub mod house;
pub mod plans;
pub mod proofs;
pub mod registers;
pub mod reports;
pub mod rollups;
pub mod seals;

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
use house::House;
use jurisdiction::{
    Jurisdiction,
    follow::{self, Source},
};
use proto::reporting::{
    bulletin_service_server::BulletinServiceServer, day_service_server::DayServiceServer,
    form_service_server::FormServiceServer, proof_service_server::ProofServiceServer,
    report_service_server::ReportServiceServer, rollup_service_server::RollupServiceServer,
};
use sqlx::migrate::Migrator;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// The domain of this service's errors.
pub const DOMAIN: &str = "reporting.rampart";
/// The schema in the database.
pub const SCHEMA: &str = "reporting";
/// The subject as whom this service follows the registry.
pub const SUBJECT: &str = "reporting";
/// The schema's history.
pub static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
/// What the schema is made by.
pub const PARTS: &[Part] = &[jurisdiction::PART, ("_sqlx_migrations", &MIGRATIONS)];

const SERVICES: &[&str] = &[
    "rampart.reporting.v1.FormService",
    "rampart.reporting.v1.DayService",
    "rampart.reporting.v1.ReportService",
    "rampart.reporting.v1.RollupService",
    "rampart.reporting.v1.BulletinService",
    "rampart.reporting.v1.ProofService",
];
const DAY_TABLES: &[DayTable] = &[claims::TABLE, feed::TABLE];

/// Brings the schema up to date, with the owner's URL.
///
/// # Errors
/// [`StartError`].
pub async fn migrate(owner_url: &str) -> Result<(), StartError> {
    chassis::database::migrate(owner_url, PARTS).await
}

/// Runs reporting on a listener until `shutdown`. It follows the registry, and screening's figures where it is told where
/// screening is; without, drafts have nothing to go by.
///
/// # Errors
/// [`RunError`].
pub async fn run(
    config: Config,
    clock: Clock,
    source: Source,
    registers: Option<Source>,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let (database, keeper) = server::open(&config, DAY_TABLES, &shutdown).await?;
    let pool = database.pool().clone();

    let (jurisdiction, watching) = Jurisdiction::start_watched(&database, &clock, source, &shutdown).await?;
    let authority = watching.authority.clone();
    if let Some(registers) = registers {
        follow::follow(&database, &registers, Arc::new(registers::feed::Figures), &shutdown);
    }
    let plans = plans::Plans::default();
    let house = Arc::new(House { database, clock, jurisdiction, plans, watching });
    let activations = tokio::spawn(days::activations::run(Arc::clone(&house), shutdown.clone()));

    let batcher = reports::batch::start(Arc::clone(&house));
    let routes =
        Routes::new(served!(FormServiceServer::new(forms::api::Forms { house: Arc::clone(&house) })))
            .add_service(served!(DayServiceServer::new(days::api::Days { house: Arc::clone(&house) })))
            .add_service(served!(ReportServiceServer::new(reports::api::Reports {
                house: Arc::clone(&house),
                batcher
            })))
            .add_service(served!(RollupServiceServer::new(rollups::api::Rollups {
                house: Arc::clone(&house)
            })))
            .add_service(served!(BulletinServiceServer::new(bulletins::api::Bulletins {
                house: Arc::clone(&house)
            })))
            .add_service(served!(ProofServiceServer::new(proofs::api::Proofs { house })));
    let levels = Levels::default();
    let server = Server { domain: DOMAIN, names: SERVICES, routes, authority, pool, levels };
    server.serve(&config, listener, shutdown).await?;
    let _ = tokio::join!(keeper, activations);
    Ok(())
}
