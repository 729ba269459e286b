//! Clients of the services as one caller: every call has a deadline, and UNAVAILABLE is repeated.

use std::time::Duration;

use anyhow::Context as _;
use chassis::{fault, telemetry, tls::ClientFiles};
use proto::{
    medical::{
        alarm_service_client::AlarmServiceClient, capacity_service_client::CapacityServiceClient,
        directory_service_client::DirectoryServiceClient, facility_service_client::FacilityServiceClient,
        phone_service_client::PhoneServiceClient, policy_service_client::PolicyServiceClient,
        ward_service_client::WardServiceClient,
    },
    registry::{
        self as pb, appointment_service_client::AppointmentServiceClient,
        officer_service_client::OfficerServiceClient,
        proof_service_client::ProofServiceClient as RegistryProofServiceClient,
        unit_service_client::UnitServiceClient,
    },
    reporting::{
        bulletin_service_client::BulletinServiceClient, day_service_client::DayServiceClient,
        form_service_client::FormServiceClient, proof_service_client::ProofServiceClient,
        report_service_client::ReportServiceClient, rollup_service_client::RollupServiceClient,
    },
    screening::{
        admission_service_client::AdmissionServiceClient, case_service_client::CaseServiceClient,
        checkpoint_service_client::CheckpointServiceClient,
        enforcement_service_client::EnforcementServiceClient, erasure_service_client::ErasureServiceClient,
        escalation_service_client::EscalationServiceClient,
        expected_list_service_client::ExpectedListServiceClient,
        exposure_service_client::ExposureServiceClient, figure_service_client::FigureServiceClient,
        handdown_service_client::HanddownServiceClient, hands_service_client::HandsServiceClient,
        home_service_client::HomeServiceClient, incident_service_client::IncidentServiceClient,
        observation_service_client::ObservationServiceClient, passage_service_client::PassageServiceClient,
        person_service_client::PersonServiceClient,
        proof_service_client::ProofServiceClient as PersonProofServiceClient,
        reading_service_client::ReadingServiceClient, recheck_service_client::RecheckServiceClient,
        referral_service_client::ReferralServiceClient, result_service_client::ResultServiceClient,
        schedule_service_client::ScheduleServiceClient, support_service_client::SupportServiceClient,
        sweep_service_client::SweepServiceClient,
    },
};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

use crate::retry::Retrying;

/// Adds the caller's token to every call, and the trace that the call belongs to.
#[derive(Clone)]
pub struct Bearer(MetadataValue<Ascii>);

impl std::fmt::Debug for Bearer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Bearer(hidden)")
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        telemetry::inject(request.metadata_mut());
        Ok(request)
    }
}

/// A channel to a service, as a caller.
pub type Authorized = InterceptedService<Retrying<Channel>, Bearer>;

/// The largest answer a client takes.
const LARGEST_ANSWER: usize = 16 << 20;

/// The clients of one service as one caller.
macro_rules! clients {
    ($(#[$doc:meta])* $service:ident { $($(#[$of:meta])* $method:ident: $client:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $service {
            channel: Retrying<Channel>,
            bearer: Bearer,
        }

        impl $service {
            /// Connects when the first call is made.
            ///
            /// # Errors
            /// An address or a token that is none.
            pub fn new(endpoint: &str, token: &str) -> anyhow::Result<Self> {
                Self::with_files(endpoint, token, &ClientFiles::default())
            }

            /// The same, with a CA and a certificate for an https address.
            ///
            /// # Errors
            /// An address or a token that is none, files that cannot be used.
            pub fn with_files(endpoint: &str, token: &str, files: &ClientFiles) -> anyhow::Result<Self> {
                Ok(Self { channel: channel(endpoint, files)?, bearer: bearer(token)? })
            }

            /// The same connection as another caller.
            ///
            /// # Errors
            /// A token that is none.
            pub fn with_token(&self, token: &str) -> anyhow::Result<Self> {
                Ok(Self { channel: self.channel.clone(), bearer: bearer(token)? })
            }

            $($(#[$of])*
            #[must_use]
            pub fn $method(&self) -> $client<Authorized> {
                $client::with_interceptor(self.channel.clone(), self.bearer.clone())
                    .max_decoding_message_size(LARGEST_ANSWER)
            })*
        }
    };
}

clients! {
    /// The registry.
    Registry {
        /// Units.
        units: UnitServiceClient,
        /// Officers.
        officers: OfficerServiceClient,
        /// Appointments.
        appointments: AppointmentServiceClient,
        /// Proofs.
        proofs: RegistryProofServiceClient,
    }
}

clients! {
    /// Reporting.
    Reporting {
        /// Forms.
        forms: FormServiceClient,
        /// Days.
        days: DayServiceClient,
        /// Reports.
        reports: ReportServiceClient,
        /// Roll-ups.
        rollups: RollupServiceClient,
        /// Bulletins.
        bulletins: BulletinServiceClient,
        /// Proofs.
        proofs: ProofServiceClient,
    }
}

clients! {
    /// Screening.
    Screening {
        /// Persons.
        persons: PersonServiceClient,
        /// Questions whose hands a person is in.
        hands: HandsServiceClient,
        /// Observations.
        observations: ObservationServiceClient,
        /// Readings, slots and what is to be done.
        readings: ReadingServiceClient,
        /// Referrals.
        referrals: ReferralServiceClient,
        /// Admissions and discharges.
        admissions: AdmissionServiceClient,
        /// Hand-downs.
        handdowns: HanddownServiceClient,
        /// The clocks of hand-downs.
        schedules: ScheduleServiceClient,
        /// Lists that units expect.
        expected_lists: ExpectedListServiceClient,
        /// Checkpoints and their shifts.
        checkpoints: CheckpointServiceClient,
        /// Passages.
        passages: PassageServiceClient,
        /// Exposures and their chains.
        exposures: ExposureServiceClient,
        /// Cases.
        cases: CaseServiceClient,
        /// Rechecks after a discharge.
        rechecks: RecheckServiceClient,
        /// Results.
        results: ResultServiceClient,
        /// Incidents.
        incidents: IncidentServiceClient,
        /// Sweeps and their visits.
        sweeps: SweepServiceClient,
        /// Refusals to comply.
        enforcements: EnforcementServiceClient,
        /// Support and care teams.
        supports: SupportServiceClient,
        /// Homes: who sleeps where.
        homes: HomeServiceClient,
        /// What the registers come to.
        figures: FigureServiceClient,
        /// Whose values are kept no longer.
        erasures: ErasureServiceClient,
        /// Digests of what was not done.
        escalations: EscalationServiceClient,
        /// Proofs of persons.
        proofs: PersonProofServiceClient,
    }
}

clients! {
    /// Medical.
    Medical {
        /// Facilities and their roles.
        facilities: FacilityServiceClient,
        /// Phones and calls.
        phones: PhoneServiceClient,
        /// The public directory.
        directory: DirectoryServiceClient,
        /// Wards.
        wards: WardServiceClient,
        /// Counts of beds.
        capacity: CapacityServiceClient,
        /// What areas set.
        policies: PolicyServiceClient,
        /// Digests of what is not as it must be.
        alarms: AlarmServiceClient,
    }
}

fn channel(endpoint: &str, files: &ClientFiles) -> anyhow::Result<Retrying<Channel>> {
    let endpoint: Endpoint =
        endpoint.parse().with_context(|| format!("{endpoint:?} is no address such as http://host:7401"))?;
    let endpoint = files.secure(endpoint).context("TLS (RAMPART_CA, RAMPART_CERT, RAMPART_KEY)")?;
    let channel = endpoint
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(60))
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(30))
        .connect_lazy();
    Ok(Retrying::new(channel))
}

fn bearer(token: &str) -> anyhow::Result<Bearer> {
    Ok(Bearer(format!("Bearer {token}").parse().context("the token has characters that no token has")?))
}

/// A refusal in words for people: the message, and every violation or unmet condition on a line.
#[must_use]
pub fn explain(status: &Status) -> String {
    let details = status.get_error_details();
    let reason = details.error_info().map_or("", |info| info.reason.as_str());
    let mut lines = vec![format!("{} ({:?} {reason})", status.message(), status.code())];
    // What the transport says without its cause, such as a certificate, helps nobody.
    lines.extend(std::error::Error::source(status).map(|cause| format!("  {}", fault::chain(cause))));
    if let Some(request) = details.bad_request().filter(|bad| bad.field_violations.len() > 1) {
        let violations = request.field_violations.iter();
        lines.extend(violations.map(|one| format!("  {}: {}", one.field, one.description)));
    }
    if let Some(failure) = details.precondition_failure().filter(|all| all.violations.len() > 1) {
        let violations = failure.violations.iter();
        lines.extend(violations.map(|one| format!("  {}: {}", one.subject, one.description)));
    }
    lines.join("\n")
}

/// Every vacancy at a unit and below it, or of all the caller may see.
///
/// # Errors
/// The refusal of a page.
pub async fn vacancies(registry: &Registry, ancestor_unit: String) -> Result<Vec<pb::Vacancy>, Status> {
    let mut request =
        pb::ListVacanciesRequest { ancestor_unit, page_size: 1_000, ..pb::ListVacanciesRequest::default() };
    let mut all = Vec::new();
    loop {
        let page = registry.appointments().list_vacancies(request.clone()).await?.into_inner();
        all.extend(page.vacancies);
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        request.page_token = page.next_page_token;
    }
}
