//! The sandbox: every service as it really runs, on a real database of its own, for one test.

#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "a sandbox that fails, fails its test")]

pub mod collector;
mod database;
pub mod faults;
pub mod plans;

use std::{env, path::PathBuf, sync::OnceLock, time::Duration};

use chassis::Clock;
use chrono::{DateTime, Utc};
use proto::registry as pb;
use rampart::{
    client::{Medical, Registry, Reporting, Screening},
    issuer::Issuer,
    stack::{self, Stack},
};
use screening::keyring::Keyring;
use sqlx::{Connection as _, PgConnection};
use tonic::Status;
use tonic_types::StatusExt as _;
use uuid::Uuid;

use database::{TestDatabase, founding};
pub use database::{as_role, blank};
pub use rampart::stack::{ALL, Part};

/// The password of every role in the throwaway Postgres.
const PASSWORD: &str = "throwaway";
/// The subject of the first administrator.
pub const ADMIN: &str = "admin";
/// The code of the root.
pub const ROOT_CODE: &str = "990100000000";

/// A running stack on a database of its own, at 3 February 2020 00:00 in the city.
#[derive(Debug)]
pub struct Sandbox {
    /// Moves all services together.
    pub clock: Clock,
    /// Signs whatever a test wants signed.
    pub issuer: Issuer,
    /// The administrator's URL of this test's database, for looking and for tampering.
    pub admin_url: String,
    /// The root of the tree, `units/{uuid}`.
    pub root: String,
    stack: Stack,
    parts: &'static [Part],
    registry: Registry,
    /// Dropped last: nobody is connected to it then who would miss it.
    database: Option<TestDatabase>,
}

/// The first instant of 3 February 2020, by the city's clock.
const START: &str = "2020-02-02T16:00:00Z";

impl Sandbox {
    /// Starts the registry and what a test needs beside it, on 3 February 2020: the less is running, the more tests a
    /// small machine carries.
    pub async fn start(parts: &'static [Part]) -> Self {
        Self::start_at(START, parts).await
    }

    /// Starts at an instant.
    pub async fn start_at(start: &str, parts: &'static [Part]) -> Self {
        let database = TestDatabase::make().await;
        Self::on(database.url(), Some(database), parts, person_keys("first"), instant(start)).await
    }

    /// Starts on a database of the test's own server, which is made ready first.
    pub async fn start_on(admin_url: String, parts: &'static [Part]) -> Self {
        let clock = Clock::system(chrono_tz::Asia::Shanghai);
        stack::bootstrap(&admin_url, PASSWORD, &founding(), &clock).await.expect("made ready");
        Self::on(admin_url, None, parts, person_keys("first"), instant(START)).await
    }

    async fn on(
        admin_url: String,
        database: Option<TestDatabase>,
        parts: &'static [Part],
        person_keys: Keyring,
        start: DateTime<Utc>,
    ) -> Self {
        let clock = Clock::simulated(chrono_tz::Asia::Shanghai, start);
        let issuer = issuer();
        let options = stack::Options {
            admin_url: admin_url.clone(),
            password: PASSWORD.to_owned(),
            clock: clock.clone(),
            addresses: stack::Addresses::any(),
            person_keys,
        };
        let stack = Stack::start(&options, &issuer, parts).await.expect("the stack starts");
        let token = issuer.token(ADMIN, Duration::from_secs(3_600)).expect("a token");
        let registry = Registry::new(&stack.registry, &token).expect("a client");
        let root = lookup(&registry, ROOT_CODE).await;
        Self { clock, issuer, admin_url, root, stack, parts, registry, database }
    }

    /// Stops the services and starts them again on the same data at the same hour, as after a crash or an upgrade.
    pub async fn restart(self) -> Self {
        self.restart_with(person_keys("first")).await
    }

    /// The same, with another ring of keys for personal values.
    pub async fn restart_with(self, person_keys: Keyring) -> Self {
        let now = self.clock.now();
        self.stack.stop().await.expect("the stack stops");
        Self::on(self.admin_url, self.database, self.parts, person_keys, now).await
    }

    /// The services themselves: to stop one, or to start another replica.
    pub fn stack(&mut self) -> &mut Stack {
        &mut self.stack
    }

    /// A client of a replica of reporting as a subject.
    #[must_use]
    pub fn replica_as(&self, endpoint: &str, subject: &str) -> Reporting {
        let token = self.issuer.token(subject, Duration::from_secs(3_600)).expect("a token");
        Reporting::new(endpoint, &token).expect("a client")
    }

    /// The registry as the first administrator.
    #[must_use]
    pub fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// The registry as a subject.
    #[must_use]
    pub fn registry_as(&self, subject: &str) -> Registry {
        let token = self.issuer.token(subject, Duration::from_secs(3_600)).expect("a token");
        self.registry.with_token(&token).expect("a client")
    }

    /// Reporting as the first administrator.
    #[must_use]
    pub fn reporting(&self) -> Reporting {
        self.reporting_as(ADMIN)
    }

    /// Reporting as a subject.
    #[must_use]
    pub fn reporting_as(&self, subject: &str) -> Reporting {
        self.replica_as(&self.stack.reporting, subject)
    }

    /// Reporting's address.
    #[must_use]
    pub fn reporting_url(&self) -> &str {
        &self.stack.reporting
    }

    /// Screening as a subject.
    #[must_use]
    pub fn screening_as(&self, subject: &str) -> Screening {
        let token = self.issuer.token(subject, Duration::from_secs(3_600)).expect("a token");
        Screening::new(&self.stack.screening, &token).expect("a client")
    }

    /// A client of a replica of screening as a subject.
    #[must_use]
    pub fn screening_replica_as(&self, endpoint: &str, subject: &str) -> Screening {
        let token = self.issuer.token(subject, Duration::from_secs(3_600)).expect("a token");
        Screening::new(endpoint, &token).expect("a client")
    }

    /// Screening's address.
    #[must_use]
    pub fn screening_url(&self) -> &str {
        &self.stack.screening
    }

    /// Medical as a subject.
    #[must_use]
    pub fn medical_as(&self, subject: &str) -> Medical {
        let token = self.issuer.token(subject, Duration::from_secs(3_600)).expect("a token");
        Medical::new(&self.stack.medical, &token).expect("a client")
    }

    /// Medical's address.
    #[must_use]
    pub fn medical_url(&self) -> &str {
        &self.stack.medical
    }

    /// The registry's address.
    #[must_use]
    pub fn registry_url(&self) -> &str {
        &self.stack.registry
    }

    /// A connection to this test's database as its administrator.
    pub async fn sql(&self) -> PgConnection {
        PgConnection::connect(&self.admin_url).await.expect("the database")
    }

    /// Creates a unit below another and answers it.
    pub async fn unit(&self, parent: &str, level: pb::Level, name: &str) -> pb::Unit {
        let request =
            pb::CreateUnitRequest { request_id: request_id(), unit: Some(new_unit(parent, level, name)) };
        let made = self.registry.units().create_unit(request).await;
        made.expect("the unit is created").into_inner().unit.expect("a unit")
    }
}

impl Sandbox {
    /// Records an officer with credentials of the subject, at home at a unit.
    pub async fn officer(&self, home: &str, subject: &str) -> pb::Officer {
        let request =
            pb::CreateOfficerRequest { request_id: request_id(), officer: Some(new_officer(home, subject)) };
        let made = self.registry.officers().create_officer(request).await;
        made.expect("the officer is recorded").into_inner().officer.expect("an officer")
    }

    /// Records an officer and appoints them in full.
    pub async fn appointed(&self, unit: &str, office: pb::Office, subject: &str) -> pb::Appointment {
        let officer = self.officer(unit, subject).await;
        let request = pb::AppointRequest {
            request_id: request_id(),
            appointment: Some(new_appointment(&officer.name, unit, office)),
        };
        let made = self.registry.appointments().appoint(request).await;
        made.expect("the officer is appointed").into_inner().appointment.expect("an appointment")
    }
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

/// What is said of an officer: a plainly artificial name, and nobody's phone.
#[must_use]
pub fn new_officer(home: &str, subject: &str) -> pb::Officer {
    pb::Officer {
        display_name: format!("样例 {subject}"),
        official_phone: "0000-0000001".to_owned(),
        subject: subject.to_owned(),
        home_unit: home.to_owned(),
        ..pb::Officer::default()
    }
}

/// An appointment in full, from now on.
#[must_use]
pub fn new_appointment(officer: &str, unit: &str, office: pb::Office) -> pb::Appointment {
    pb::Appointment {
        officer: officer.to_owned(),
        unit: unit.to_owned(),
        office: office.into(),
        holding: pb::Holding::Full.into(),
        ..pb::Appointment::default()
    }
}

/// What an import answered.
#[derive(Debug, Default)]
pub struct Imported {
    /// Rows that are not good.
    pub problems: Vec<pb::ImportProblem>,
    /// What the list does.
    pub effects: Vec<pb::ImportEffect>,
    /// What it came to.
    pub summary: pb::ImportSummary,
}

impl Sandbox {
    /// Imports rows below the root as the first administrator.
    ///
    /// # Errors
    /// The refusal.
    pub async fn import(
        &self,
        header: pb::ImportHeader,
        rows: Vec<pb::ImportRow>,
    ) -> Result<Imported, Status> {
        use pb::{import_units_request::Part, import_units_response::Part as Answer};
        let rows: Vec<_> = rows.chunks(500).map(<[_]>::to_vec).collect();
        let rows = rows.into_iter().map(|rows| Part::Rows(pb::ImportRows { rows }));
        let parts = std::iter::once(Part::Header(header)).chain(rows);
        let messages: Vec<_> = parts.map(|part| pb::ImportUnitsRequest { part: Some(part) }).collect();
        let stream = futures::stream::iter(messages);
        let mut answers = self.registry().units().import_units(stream).await?.into_inner();
        let mut imported = Imported::default();
        while let Some(answer) = answers.message().await? {
            match answer.part {
                Some(Answer::Problem(problem)) => imported.problems.push(problem),
                Some(Answer::Effect(effect)) => imported.effects.push(effect),
                Some(Answer::Summary(summary)) => imported.summary = summary,
                Some(Answer::ReceivedRows(_)) | None => {}
            }
        }
        Ok(imported)
    }

    /// The header of an import below the root.
    #[must_use]
    pub fn import_header(&self, vintage: &str) -> pb::ImportHeader {
        pb::ImportHeader {
            request_id: request_id(),
            system: "NBS".to_owned(),
            vintage: vintage.to_owned(),
            root_unit: self.root.clone(),
            ..pb::ImportHeader::default()
        }
    }
}

/// Asks until there is an answer. Fails its test after half a minute.
pub async fn until<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "it did not come in half a minute");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A fresh request_id.
#[must_use]
pub fn request_id() -> String {
    Uuid::new_v4().to_string()
}

/// What is said of a new unit with only the necessary.
#[must_use]
pub fn new_unit(parent: &str, level: pb::Level, name: &str) -> pb::NewUnit {
    pb::NewUnit {
        display_name: name.to_owned(),
        level: level.into(),
        parent_unit: parent.to_owned(),
        ..pb::NewUnit::default()
    }
}

/// The reason of a refusal.
#[must_use]
pub fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    details.error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

/// The fields that a refusal names.
#[must_use]
pub fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details.bad_request().map(|bad| bad.field_violations.clone());
    violations.unwrap_or_default().into_iter().map(|violation| violation.field).collect()
}

/// Real data beside the project, where there is any; a test that wants it skips, saying so.
#[must_use]
pub fn shared_data(file: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let path = folder.join(file);
    if path.is_file() {
        return Some(path);
    }
    #[allow(clippy::print_stderr, reason = "a skipped test says so")]
    {
        eprintln!("skipped: there is no {}", path.display());
    }
    None
}

async fn lookup(registry: &Registry, code: &str) -> String {
    let request = pb::LookupUnitRequest {
        code: Some(pb::UnitCode {
            system: "NBS".to_owned(),
            vintage: "2019".to_owned(),
            code: code.to_owned(),
        }),
        as_of: String::new(),
    };
    let found = registry.units().lookup_unit(request).await.expect("the root is there");
    found.into_inner().unit.expect("a unit").name
}

/// Rings of a test program's own: `behind` has a new key behind the first one's, the second begins with the new key and
/// still has the first one's, the third has the new key only.
///
/// # Panics
/// For any name but `first`, `behind`, `second` and `third`.
#[must_use]
pub fn person_keys(name: &str) -> Keyring {
    Keyring::parse(&person_keys_text(name)).expect("a ring")
}

/// The same as a process of its own takes them.
///
/// # Panics
/// As [`person_keys`].
#[must_use]
pub fn person_keys_text(name: &str) -> String {
    static ENTRIES: OnceLock<[String; 2]> = OnceLock::new();
    let [first, second] =
        ENTRIES.get_or_init(|| ["first", "second"].map(|id| Keyring::make(id).expect("a key")));
    match name {
        "first" => first.clone(),
        "behind" => format!("{first},{second}"),
        "second" => format!("{second},{first}"),
        "third" => second.clone(),
        _ => panic!("no ring {name}"),
    }
}

/// One issuer for all sandboxes of a test program.
fn issuer() -> Issuer {
    static ISSUER: OnceLock<(Issuer, tempfile::TempDir)> = OnceLock::new();
    let made = ISSUER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        (Issuer::open(folder.path()).expect("an issuer"), folder)
    });
    made.0.clone()
}
