//! The city that is measured: 5 counties, 88 towns, 2,097 villages and 12,636 grids, a reporter for each
//! grid, and as many forms of the grid day as a run fills.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use chassis::Clock;
use chrono::{Days, NaiveDate};
use futures::{StreamExt as _, TryStreamExt as _};
use proto::{registry as pb, reporting};
use rampart::{
    client::{Registry, Reporting},
    demo,
    issuer::Issuer,
    postgres::Postgres,
    stack,
};
use registry::{
    founding::Founding,
    units::{Code, Level},
};
use tests::{new_appointment, new_officer, request_id};

use super::{
    say,
    services::{self, DAY, Services},
};

/// How many grids the city has, and so how many reports a form's day expects.
pub(crate) const GRIDS: usize = 12_636;

/// The root's code.
const ROOT: &str = "431300000000";

/// Over how many connections the callers are spread.
const CONNECTIONS: usize = 4;

/// The running city.
pub(crate) struct City {
    /// The services.
    pub(crate) services: Services,
    /// Signs tokens.
    pub(crate) issuer: Issuer,
    /// The administrator's URL of the database.
    pub(crate) admin_url: String,
    /// The business date of everything: the city's today.
    pub(crate) date: NaiveDate,
    /// The city's unit.
    pub(crate) root: String,
    /// The grids, in the order of the tree.
    pub(crate) grids: Vec<String>,
    /// Reporting as each grid's reporter, spread over a few connections.
    pub(crate) reporters: Vec<Reporting>,
    /// The registry as the administrator.
    pub(crate) registry: Registry,
    /// Reporting as the administrator.
    pub(crate) reporting: Reporting,
    connections: Vec<Reporting>,
    programs: PathBuf,
    folder: PathBuf,
    password: String,
    forms: std::sync::atomic::AtomicUsize,
}

impl City {
    /// Builds it through the API.
    pub(crate) async fn build(postgres: &Postgres, folder: &Path, programs: &Path) -> anyhow::Result<Self> {
        let clock = Clock::system(chrono_tz::Asia::Shanghai);
        let admin_url = postgres.url("postgres");
        let issuer = Issuer::open(&folder.join("issuer"))?;
        let password = uuid::Uuid::new_v4().simple().to_string();
        stack::bootstrap(&admin_url, &password, &founding()?, &clock).await?;
        say("starting registry and reporting");
        let services = Services::start(programs, folder, &admin_url, &password, &issuer).await?;
        let token = issuer.token("admin", DAY)?;
        let registry = Registry::new(&services.registry, &token)?;
        let reporting = Reporting::new(&services.reporting, &token)?;
        say("making the city's units");
        demo::units::build(&registry, &demo::tree::towns()?, &demo::tree::Official::new()).await?;
        let root = demo::units::find(&mut registry.units(), ROOT).await?.context("no root")?;
        let grids = grids(&registry).await?;
        anyhow::ensure!(grids.len() == GRIDS, "the city has {} grids", grids.len());
        let connections = (0..CONNECTIONS).map(|_| Reporting::new(&services.reporting, &token));
        let connections = connections.collect::<Result<Vec<_>, _>>()?;
        let mut city = Self {
            services,
            issuer,
            admin_url,
            date: clock.now().with_timezone(&clock.zone()).date_naive(),
            root,
            grids,
            reporters: vec![],
            registry,
            reporting,
            connections,
            programs: programs.to_owned(),
            folder: folder.to_owned(),
            password,
            forms: 0.into(),
        };
        say("appointing a reporter for each grid");
        let homes = city.grids.iter().enumerate();
        let posts: Vec<_> = homes.map(|(nth, grid)| (reporter(nth), grid.clone())).collect();
        city.appoint(&posts, pb::Office::InformationReporter, pb::Holding::Full).await?;
        city.reporters = city.tokens(DAY)?;
        city.duty("bench-duty").await?;
        Ok(city)
    }

    /// Starts screening; answers where it is.
    pub(crate) fn screening(&self) -> anyhow::Result<(tokio::process::Child, String)> {
        let registry = &self.services.registry;
        services::screening(
            &self.programs,
            &self.folder,
            &self.admin_url,
            &self.password,
            &self.issuer,
            registry,
        )
    }

    /// Reporting as each grid's reporter, with tokens that are good for so long: another time, another token.
    pub(crate) fn tokens(&self, lifetime: Duration) -> anyhow::Result<Vec<Reporting>> {
        let of = |nth: usize| {
            let token = self.issuer.token(&reporter(nth), lifetime)?;
            self.connections[nth % CONNECTIONS].with_token(&token)
        };
        (0..self.grids.len()).map(of).collect()
    }

    /// Records officers at home at units and appoints them there; answers the appointments.
    pub(crate) async fn appoint(
        &self,
        posts: &[(String, String)],
        office: pb::Office,
        holding: pb::Holding,
    ) -> anyhow::Result<Vec<pb::Appointment>> {
        let mut appointed = Vec::with_capacity(posts.len());
        for posts in posts.chunks(500) {
            let officers = posts.iter().map(|(subject, home)| new_officer(home, subject)).collect();
            let request = pb::BatchCreateOfficersRequest { request_id: request_id(), officers };
            let officers =
                self.registry.officers().batch_create_officers(request).await?.into_inner().officers;
            let appointments = officers.iter().zip(posts).map(|(officer, (_, unit))| pb::Appointment {
                holding: holding.into(),
                ..new_appointment(&officer.name, unit, office)
            });
            let request =
                pb::BatchAppointRequest { request_id: request_id(), appointments: appointments.collect() };
            let made = self.registry.appointments().batch_appoint(request).await?.into_inner();
            appointed.extend(made.appointments);
        }
        Ok(appointed)
    }

    /// Appoints a deputy duty officer of the city and waits until reporting knows; answers the appointment.
    pub(crate) async fn duty(&self, subject: &str) -> anyhow::Result<pb::Appointment> {
        let posts = [(subject.to_owned(), self.root.clone())];
        let made = self.appoint(&posts, pb::Office::DutyOfficer, pb::Holding::Deputy).await?.pop();
        self.known(subject).await?;
        made.context("no appointment")
    }

    /// Waits until reporting knows a subject.
    pub(crate) async fn known(&self, subject: &str) -> anyhow::Result<()> {
        let client = self.caller(subject)?;
        for _ in 0..1_200 {
            if client.days().list_days(reporting::ListDaysRequest::default()).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        anyhow::bail!("reporting did not hear of {subject} in half a minute")
    }

    /// Reporting as a subject, on a connection of its own.
    pub(crate) fn caller(&self, subject: &str) -> anyhow::Result<Reporting> {
        Reporting::new(&self.services.reporting, &self.issuer.token(subject, DAY)?)
    }

    /// Makes forms of the grid day and opens their days: each expects a report of every grid.
    pub(crate) async fn forms(&self, count: usize) -> anyhow::Result<Vec<String>> {
        let made = (0..count).map(|_| self.form(self.date));
        futures::stream::iter(made).buffered(2).map_ok(|day| day.form).try_collect().await
    }

    /// Makes a form that begins on a date and opens its day.
    pub(crate) async fn form(&self, date: NaiveDate) -> anyhow::Result<reporting::Day> {
        let nth = self.forms.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let form = grid_day(nth, date);
        let request = reporting::CreateFormRequest { request_id: request_id(), form: Some(form) };
        let made = self.reporting.forms().create_form(request).await?.into_inner().form;
        let request = reporting::OpenDayRequest {
            request_id: request_id(),
            form: made.context("no form")?.name,
            business_date: date.to_string(),
        };
        for _ in 0..200 {
            // It may be opened by the service itself meanwhile.
            match self.reporting.days().open_day(request.clone()).await {
                Ok(day) => {
                    let day = day.into_inner().day.context("no day")?;
                    if day.state() == reporting::DayState::Open {
                        anyhow::ensure!(
                            day.expected == GRIDS as i64,
                            "{} reports are expected",
                            day.expected
                        );
                        return Ok(day);
                    }
                }
                Err(status) if status.code() == tonic::Code::Unavailable => {}
                Err(status) => return Err(status).context("opening a day"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("a day does not open")
    }

    /// The day before the date of everything.
    pub(crate) fn eve(&self) -> NaiveDate {
        self.date - Days::new(1)
    }

    /// What a grid's reporter says: figures of which the city's sums are known.
    pub(crate) fn said(&self, form: &str, grid: usize) -> reporting::SubmitReportRequest {
        let figures = [("households", 120), ("febrile", 1), ("at_home", 3)];
        reporting::SubmitReportRequest {
            request_id: request_id(),
            form: form.to_owned(),
            business_date: self.date.to_string(),
            unit: self.grids[grid].clone(),
            figures: figures.into_iter().map(|(key, figure)| (key.to_owned(), figure)).collect(),
            ..reporting::SubmitReportRequest::default()
        }
    }

    /// Asks for the city's total.
    pub(crate) fn asked(&self, form: &str) -> reporting::GetRollupRequest {
        reporting::GetRollupRequest {
            form: form.to_owned(),
            business_date: self.date.to_string(),
            unit: self.root.clone(),
            seal: 0,
        }
    }
}

/// The subject of a grid's reporter.
fn reporter(nth: usize) -> String {
    format!("bench-reporter-{nth}")
}

fn founding() -> anyhow::Result<Founding> {
    Ok(Founding {
        display_name: "娄底市".to_owned(),
        level: Level::City,
        code: Code { system: "NBS".to_owned(), vintage: "2019".to_owned(), code: ROOT.to_owned() },
        start_date: NaiveDate::from_ymd_opt(2019, 10, 31).context("no date")?,
        administrator: "admin".to_owned(),
        phone: String::new(),
    })
}

/// The names of all grids, in the order of the tree.
async fn grids(registry: &Registry) -> anyhow::Result<Vec<String>> {
    let mut request = pb::ListUnitsRequest { page_size: 1_000, ..pb::ListUnitsRequest::default() };
    let mut grids = Vec::with_capacity(GRIDS);
    loop {
        let page = registry.units().list_units(request.clone()).await?.into_inner();
        grids.extend(
            page.units.into_iter().filter(|unit| unit.level() == pb::Level::Grid).map(|unit| unit.name),
        );
        if page.next_page_token.is_empty() {
            return Ok(grids);
        }
        request.page_token = page.next_page_token;
    }
}

fn label(text: &str) -> Option<reporting::Label> {
    Some(reporting::Label { zh: text.to_owned(), en: text.to_owned() })
}

fn field(key: &str, kind: reporting::FieldKind) -> reporting::Field {
    reporting::Field {
        key: key.to_owned(),
        label: label(key),
        kind: kind.into(),
        required: true,
        counts_towards_zero: true,
        ..reporting::Field::default()
    }
}

/// The grid day under a key of its own, due for longer than any run.
fn grid_day(nth: usize, start: NaiveDate) -> reporting::Form {
    reporting::Form {
        key: format!("bench-{nth}"),
        label: label("grid day"),
        start_date: start.to_string(),
        level: pb::Level::Grid.into(),
        fields: vec![
            reporting::Field {
                counts_towards_zero: false,
                required: false,
                ..field("households", reporting::FieldKind::Stock)
            },
            field("febrile", reporting::FieldKind::Flow),
            reporting::Field { max_value: Some(500), ..field("at_home", reporting::FieldKind::Stock) },
        ],
        balance_rules: vec![reporting::BalanceRule {
            key: "febrile_at_home".to_owned(),
            label: label("the febrile are at home"),
            expression: "febrile <= at_home".to_owned(),
        }],
        schedule: Some(reporting::Schedule {
            window_start_minutes: 0,
            window_end_minutes: 1_440,
            slots: vec![reporting::Slot {
                deadline_minutes: 5_760,
                hard_close_minutes: 7_200,
                ..reporting::Slot::default()
            }],
            ..reporting::Schedule::default()
        }),
        ..reporting::Form::default()
    }
}
