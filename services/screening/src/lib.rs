//! Screening: whoever must be followed up, each in one pair of hands, from the first report to a recorded
//! decision.

pub mod admissions;
pub mod cases;
pub mod checkpoints;
pub mod closures;
pub mod enforcements;
pub mod erasures;
pub mod escalations;
pub mod events;
pub mod expected_lists;
pub mod exposures;
pub mod feeds;
pub mod figures;
pub mod handdowns;
pub mod hands;
pub mod homes;
pub mod house;
pub mod incidents;
pub mod keyring;
pub mod observations;
pub mod passages;
pub mod persons;
pub mod proofs;
pub mod readings;
pub mod rechecks;
pub mod referrals;
pub mod refusals;
pub mod results;
pub mod rules;
pub mod schedules;
pub mod supports;
pub mod sweeps;
pub mod worklists;

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
use keyring::Keyring;
use proto::screening::{
    admission_service_server::AdmissionServiceServer, case_service_server::CaseServiceServer,
    checkpoint_service_server::CheckpointServiceServer, enforcement_service_server::EnforcementServiceServer,
    erasure_service_server::ErasureServiceServer, escalation_service_server::EscalationServiceServer,
    expected_list_service_server::ExpectedListServiceServer, exposure_service_server::ExposureServiceServer,
    figure_service_server::FigureServiceServer, handdown_service_server::HanddownServiceServer,
    hands_service_server::HandsServiceServer, home_service_server::HomeServiceServer,
    incident_service_server::IncidentServiceServer, observation_service_server::ObservationServiceServer,
    passage_service_server::PassageServiceServer, person_service_server::PersonServiceServer,
    proof_service_server::ProofServiceServer, reading_service_server::ReadingServiceServer,
    recheck_service_server::RecheckServiceServer, referral_service_server::ReferralServiceServer,
    result_service_server::ResultServiceServer, schedule_service_server::ScheduleServiceServer,
    support_service_server::SupportServiceServer, sweep_service_server::SweepServiceServer,
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

const SERVICES: &[&str] = &[
    "rampart.screening.v1.PersonService",
    "rampart.screening.v1.HandsService",
    "rampart.screening.v1.ObservationService",
    "rampart.screening.v1.ReadingService",
    "rampart.screening.v1.ReferralService",
    "rampart.screening.v1.AdmissionService",
    "rampart.screening.v1.HanddownService",
    "rampart.screening.v1.ScheduleService",
    "rampart.screening.v1.ExpectedListService",
    "rampart.screening.v1.CheckpointService",
    "rampart.screening.v1.PassageService",
    "rampart.screening.v1.ExposureService",
    "rampart.screening.v1.CaseService",
    "rampart.screening.v1.RecheckService",
    "rampart.screening.v1.ResultService",
    "rampart.screening.v1.IncidentService",
    "rampart.screening.v1.SweepService",
    "rampart.screening.v1.EnforcementService",
    "rampart.screening.v1.SupportService",
    "rampart.screening.v1.HomeService",
    "rampart.screening.v1.ErasureService",
    "rampart.screening.v1.EscalationService",
    "rampart.screening.v1.FigureService",
    "rampart.screening.v1.ProofService",
];
const DAY_TABLES: &[DayTable] =
    &[claims::TABLE, feed::TABLE, observations::store::DEPARTURES, events::store::TABLE];

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
    let (database, keeper) = server::open(&config, DAY_TABLES, &shutdown).await?;
    let pool = database.pool().clone();

    let (jurisdiction, watching) = Jurisdiction::start_watched(&database, &clock, source, &shutdown).await?;
    let authority = watching.authority.clone();
    let house = Arc::new(House {
        database,
        clock,
        jurisdiction,
        keys,
        reading_days: Days::default(),
        passage_days: Days::default(),
        watching,
        shutdown: shutdown.clone(),
    });
    let rotation = tokio::spawn(persons::rotation::run(Arc::clone(&house), shutdown.clone()));
    let tending = tokio::spawn(observations::tending::run(Arc::clone(&house), shutdown.clone()));
    let erasing = tokio::spawn(erasures::erasing::run(Arc::clone(&house), shutdown.clone()));
    let tallying = tokio::spawn(figures::tally::run(Arc::clone(&house), shutdown.clone()));

    let levels = Levels::default();
    let counting = tokio::spawn(figures::levels::run(Arc::clone(&house), levels.clone(), shutdown.clone()));

    let routes = routes(&house);
    let server = Server { domain: DOMAIN, names: SERVICES, routes, authority, pool, levels };
    server.serve(&config, listener, shutdown).await?;
    let _ = tokio::join!(keeper, rotation, tending, erasing, tallying, counting);
    Ok(())
}

fn routes(house: &Arc<House>) -> Routes {
    let house = || Arc::clone(house);
    Routes::new(served!(PersonServiceServer::new(persons::api::Persons { house: house() })))
        .add_service(served!(HandsServiceServer::new(hands::api::Hands { house: house() })))
        .add_service(served!(ObservationServiceServer::new(observations::api::Observations {
            house: house()
        })))
        .add_service(served!(ReadingServiceServer::new(readings::api::Readings { house: house() })))
        .add_service(served!(ReferralServiceServer::new(referrals::api::Referrals { house: house() })))
        .add_service(served!(AdmissionServiceServer::new(admissions::api::Admissions { house: house() })))
        .add_service(served!(HanddownServiceServer::new(handdowns::api::Handdowns { house: house() })))
        .add_service(served!(ScheduleServiceServer::new(schedules::api::Schedules { house: house() })))
        .add_service(served!(ExpectedListServiceServer::new(expected_lists::api::ExpectedLists {
            house: house()
        })))
        .add_service(served!(CheckpointServiceServer::new(checkpoints::api::Checkpoints { house: house() })))
        .add_service(served!(PassageServiceServer::new(passages::api::Passages { house: house() })))
        .add_service(served!(ExposureServiceServer::new(exposures::api::Exposures { house: house() })))
        .add_service(served!(CaseServiceServer::new(cases::api::Cases { house: house() })))
        .add_service(served!(RecheckServiceServer::new(rechecks::api::Rechecks { house: house() })))
        .add_service(served!(ResultServiceServer::new(results::api::Results { house: house() })))
        .add_service(served!(IncidentServiceServer::new(incidents::api::Incidents { house: house() })))
        .add_service(served!(SweepServiceServer::new(sweeps::api::Sweeps { house: house() })))
        .add_service(served!(EnforcementServiceServer::new(enforcements::api::Enforcements {
            house: house()
        })))
        .add_service(served!(SupportServiceServer::new(supports::api::Supports { house: house() })))
        .add_service(served!(HomeServiceServer::new(homes::api::Homes { house: house() })))
        .add_service(served!(ErasureServiceServer::new(erasures::api::Erasures { house: house() })))
        .add_service(served!(EscalationServiceServer::new(escalations::api::Escalations { house: house() })))
        .add_service(served!(FigureServiceServer::new(figures::api::Figures { house: house() })))
        .add_service(served!(ProofServiceServer::new(proofs::api::Proofs { house: house() })))
}
