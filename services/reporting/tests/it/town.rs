//! A small town: what most tests play on.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use proto::{registry, reporting as pb};
use rampart::client::Reporting;
use tests::{Sandbox, new_appointment, request_id};
use tonic::Status;

/// The day that is played.
pub(crate) const DATE: &str = "2020-02-03";

/// A city with two counties; the first has two towns of two grids each, the second one town of one grid.
pub(crate) struct Town {
    pub(crate) sandbox: Sandbox,
    pub(crate) counties: Vec<String>,
    pub(crate) towns: Vec<String>,
    pub(crate) villages: Vec<String>,
    pub(crate) grids: Vec<String>,
}

/// An instant of the day, by the city's clock.
pub(crate) fn at(time: &str) -> DateTime<Utc> {
    format!("2020-02-03T{time}:00+08:00").parse().expect("an instant")
}

impl Town {
    /// Builds it in a sandbox of its own: grid n has the reporter `reporter-n`, county n the duty officer `duty-n` and the health
    /// officer `health-n`, the city the duty officer `duty`.
    pub(crate) async fn build() -> Self {
        Self::build_in(Sandbox::start(&[tests::Part::Reporting]).await).await
    }

    /// Builds it in a sandbox.
    pub(crate) async fn build_in(sandbox: Sandbox) -> Self {
        let root = sandbox.root.clone();
        let mut town = Self { sandbox, counties: vec![], towns: vec![], villages: vec![], grids: vec![] };
        for (county, towns) in [("甲县", &[2, 2][..]), ("乙县", &[1][..])] {
            let county = town.sandbox.unit(&root, registry::Level::County, county).await.name;
            for (nth, grids) in towns.iter().enumerate() {
                let unit =
                    town.sandbox.unit(&county, registry::Level::Township, &format!("{nth}镇")).await.name;
                let village = town.sandbox.unit(&unit, registry::Level::Village, "村").await.name;
                for grid in 0..*grids {
                    let name = format!("第{grid}网格");
                    let grid = town.sandbox.unit(&village, registry::Level::Grid, &name).await.name;
                    town.grids.push(grid);
                }
                town.towns.push(unit);
                town.villages.push(village);
            }
            town.counties.push(county);
        }
        let city = town.sandbox.root.clone();
        town.sandbox.appointed(&city, registry::Office::DutyOfficer, "duty").await;
        for (nth, county) in town.counties.iter().enumerate() {
            town.sandbox.appointed(county, registry::Office::DutyOfficer, &format!("duty-{nth}")).await;
            town.sandbox.appointed(county, registry::Office::HealthOfficer, &format!("health-{nth}")).await;
        }
        for (nth, grid) in town.grids.iter().enumerate() {
            let reporter = registry::Office::InformationReporter;
            town.sandbox.appointed(grid, reporter, &format!("reporter-{nth}")).await;
            town.sandbox.appointed(grid, registry::Office::Leader, &format!("leader-{nth}")).await;
        }
        town.known().await;
        town
    }

    /// Waits until reporting knows what the registry knows now.
    pub(crate) async fn known(&self) {
        let marker = uuid::Uuid::new_v4().to_string();
        let officer = self.sandbox.officer(&self.sandbox.root, &marker).await;
        let request = registry::AppointRequest {
            request_id: request_id(),
            appointment: Some(registry::Appointment {
                holding: registry::Holding::Deputy.into(),
                ..new_appointment(&officer.name, &self.sandbox.root, registry::Office::Integrator)
            }),
        };
        self.sandbox.registry().appointments().appoint(request).await.expect("appointed");
        let day = pb::ListDaysRequest::default();
        tests::until(async || self.sandbox.reporting_as(&marker).days().list_days(day.clone()).await.ok())
            .await;
    }

    /// Creates a form and opens its day.
    pub(crate) async fn form(&self, form: pb::Form) -> pb::Form {
        let request = pb::CreateFormRequest { request_id: request_id(), form: Some(form) };
        let form = self.sandbox.reporting().forms().create_form(request).await.expect("created");
        let form = form.into_inner().form.expect("a form");
        self.open(&form.name, DATE).await;
        form
    }

    /// Opens a day.
    pub(crate) async fn open(&self, form: &str, date: &str) -> pb::Day {
        let request = pb::OpenDayRequest {
            request_id: request_id(),
            form: form.to_owned(),
            business_date: date.to_owned(),
        };
        let opened = self.sandbox.reporting().days().open_day(request).await.expect("opened");
        opened.into_inner().day.expect("a day")
    }

    /// The day of a form.
    pub(crate) async fn day(&self, form: &str) -> pb::Day {
        let request = pb::GetDayRequest {
            form: form.to_owned(),
            business_date: DATE.to_owned(),
            ..pb::GetDayRequest::default()
        };
        let day = self.sandbox.reporting().days().get_day(request).await.expect("a day");
        day.into_inner().day.expect("a day")
    }

    /// Waits until the day of a form has come so far.
    pub(crate) async fn reaches(&self, form: &str, state: pb::DayState) -> pb::Day {
        tests::until(async || Some(self.day(form).await).filter(|day| day.state() >= state)).await
    }

    /// Reports for a grid, as its reporter.
    pub(crate) async fn report(
        &self,
        form: &str,
        grid: usize,
        figures: &[(&str, i64)],
    ) -> Result<pb::SubmitReportResponse, Status> {
        submit(
            &self.sandbox.reporting_as(&format!("reporter-{grid}")),
            said(form, &self.grids[grid], figures),
        )
        .await
    }

    /// The current total of a unit.
    pub(crate) async fn rollup(&self, form: &str, unit: &str) -> pb::Rollup {
        let request = pb::GetRollupRequest {
            form: form.to_owned(),
            business_date: DATE.to_owned(),
            unit: unit.to_owned(),
            seal: 0,
        };
        let rollup = self.sandbox.reporting().rollups().get_rollup(request).await.expect("a total");
        rollup.into_inner().rollup.expect("a total")
    }

    /// Who has not reported, as the first administrator sees it.
    pub(crate) async fn missing(&self, form: &str) -> Vec<pb::MissingReport> {
        let request = pb::ListMissingRequest {
            form: form.to_owned(),
            business_date: DATE.to_owned(),
            ..pb::ListMissingRequest::default()
        };
        let missing = self.sandbox.reporting().reports().list_missing(request).await.expect("a list");
        missing.into_inner().missing
    }

    /// Closes and seals a day.
    pub(crate) async fn sealed(&self, form: &str, reason: &str) -> pb::Seal {
        self.sandbox.clock.advance_to(at("23:59"));
        let day = self.reaches(form, pb::DayState::Closed).await;
        let request = pb::SealDayRequest {
            request_id: request_id(),
            name: day.name,
            reason: reason.to_owned(),
            without_sign_offs: !reason.is_empty(),
            ..pb::SealDayRequest::default()
        };
        let sealed = self.sandbox.reporting_as("duty").days().seal_day(request).await.expect("sealed");
        sealed.into_inner().seal.expect("a seal")
    }

    /// The proof of everything: exceptions and verdict.
    pub(crate) async fn proof(&self) -> (Vec<pb::ProofException>, pb::ProofVerdict) {
        use pb::prove_reports_response::Event;
        let request = pb::ProveReportsRequest::default();
        let mut stream = self.sandbox.reporting().proofs().prove_reports(request).await.unwrap().into_inner();
        let mut exceptions = Vec::new();
        while let Some(message) = stream.message().await.expect("goes on") {
            match message.event {
                Some(Event::Exception(exception)) => exceptions.push(exception),
                Some(Event::Verdict(verdict)) => return (exceptions, verdict),
                _ => {}
            }
        }
        panic!("no verdict")
    }
}

/// What is said of a unit on the day; nothing said is zero.
pub(crate) fn said(form: &str, unit: &str, figures: &[(&str, i64)]) -> pb::SubmitReportRequest {
    pb::SubmitReportRequest {
        request_id: request_id(),
        form: form.to_owned(),
        business_date: DATE.to_owned(),
        unit: unit.to_owned(),
        zero: figures.is_empty(),
        figures: figures.iter().map(|(key, figure)| ((*key).to_owned(), *figure)).collect::<BTreeMap<_, _>>(),
        ..pb::SubmitReportRequest::default()
    }
}

/// Sends a report.
pub(crate) async fn submit(
    reporting: &Reporting,
    request: pb::SubmitReportRequest,
) -> Result<pb::SubmitReportResponse, Status> {
    let mut request = tonic::Request::new(request);
    request.set_timeout(Duration::from_secs(10));
    Ok(reporting.reports().submit_report(request).await?.into_inner())
}

/// A text in both languages.
pub(crate) fn label(text: &str) -> Option<pb::Label> {
    Some(pb::Label { zh: text.to_owned(), en: text.to_owned() })
}

/// A field that is required and counts towards zero.
pub(crate) fn field(key: &str, kind: pb::FieldKind) -> pb::Field {
    pb::Field {
        key: key.to_owned(),
        label: label(key),
        kind: kind.into(),
        required: true,
        counts_towards_zero: true,
        ..pb::Field::default()
    }
}

/// The grid day: due at 16:00, closed at 17:00.
pub(crate) fn grid_day() -> pb::Form {
    let households = pb::Field {
        counts_towards_zero: false,
        required: false,
        ..field("households", pb::FieldKind::Stock)
    };
    pb::Form {
        key: "grid-day".to_owned(),
        label: label("grid day"),
        level: registry::Level::Grid.into(),
        fields: vec![
            households,
            field("febrile", pb::FieldKind::Flow),
            pb::Field { max_value: Some(500), ..field("at_home", pb::FieldKind::Stock) },
        ],
        balance_rules: vec![pb::BalanceRule {
            key: "febrile_at_home".to_owned(),
            label: label("the febrile are at home"),
            expression: "febrile <= at_home".to_owned(),
        }],
        schedule: Some(pb::Schedule {
            window_start_minutes: 0,
            window_end_minutes: 960,
            slots: vec![pb::Slot {
                deadline_minutes: 960,
                grace_minutes: 10,
                hard_close_minutes: 1_020,
                reminder_minutes: vec![30],
                ..pb::Slot::default()
            }],
            ..pb::Schedule::default()
        }),
        ..pb::Form::default()
    }
}

/// The epidemic day: of towns, from the health side, signed by counties.
pub(crate) fn epidemic_day() -> pb::Form {
    let cumulative = |key: &str| pb::Field {
        cumulative: true,
        publication: pb::Publication::Full.into(),
        ..field(key, pb::FieldKind::Flow)
    };
    let observed =
        pb::Field { publication: pb::Publication::Masked.into(), ..field("observed", pb::FieldKind::Stock) };
    pb::Form {
        key: "epidemic-day".to_owned(),
        label: label("epidemic day"),
        level: registry::Level::Township.into(),
        submitting_offices: vec![registry::Office::HealthOfficer.into()],
        sign_off_level: registry::Level::County.into(),
        fields: vec![cumulative("confirmed"), cumulative("discharged"), observed],
        schedule: Some(pb::Schedule {
            window_start_minutes: 0,
            window_end_minutes: 1_440,
            slots: vec![pb::Slot { deadline_minutes: 960, hard_close_minutes: 1_020, ..pb::Slot::default() }],
            ..pb::Schedule::default()
        }),
        ..pb::Form::default()
    }
}

/// The total of one field.
pub(crate) fn figure<'a>(rollup: &'a pb::Rollup, key: &str) -> &'a pb::RollupFigure {
    rollup.figures.iter().find(|figure| figure.key == key).expect("the field")
}
