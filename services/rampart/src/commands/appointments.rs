//! `rampart appointments …`.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use proto::registry as pb;

use super::{EXIT_FOUND, access::Access, pages, units::resolve};
use crate::output::{self, Column, Style};

/// Who holds which office where.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List appointments in force
    List {
        /// Only at this unit and below it: units/{uuid}, or SYSTEM/VINTAGE/CODE
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// Only of this officer, officers/{uuid}
        #[arg(long, default_value = "", hide_default_value = true, value_name = "OFFICER")]
        officer: String,
        /// Also those that have ended or have not begun
        #[arg(long)]
        all: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Appoint an officer to an office of a unit
    Appoint {
        /// officers/{uuid}
        officer: String,
        /// The office
        #[arg(value_enum)]
        office: OfficeArg,
        /// The unit: units/{uuid}, or SYSTEM/VINTAGE/CODE
        unit: String,
        /// In what way the office is held
        #[arg(long, value_enum, default_value = "full")]
        holding: HoldingArg,
        /// From when on, such as 2020-02-03T08:00:00+08:00; now where not said
        #[arg(long, value_name = "INSTANT")]
        from: Option<DateTime<Utc>>,
        /// Until when; open where not said
        #[arg(long, value_name = "INSTANT")]
        until: Option<DateTime<Utc>>,
    },
    /// End an appointment
    Relieve {
        /// appointments/{uuid}
        appointment: String,
        /// Why
        #[arg(long)]
        reason: String,
        /// When; now where not said
        #[arg(long, value_name = "INSTANT")]
        at: Option<DateTime<Utc>>,
    },
    /// Relieve the holder and appoint a successor at the same instant
    HandOver {
        /// appointments/{uuid}
        appointment: String,
        /// officers/{uuid}
        successor: String,
        /// Why
        #[arg(long)]
        reason: String,
        /// When; now where not said
        #[arg(long, value_name = "INSTANT")]
        at: Option<DateTime<Utc>>,
        /// Until when the former holder stays as deputy
        #[arg(long, value_name = "INSTANT")]
        overlap_until: Option<DateTime<Utc>>,
    },
    /// List required offices that nobody holds, and who answers by default; exit 1 where there are any
    Vacancies {
        /// Only at this unit and below it: units/{uuid}, or SYSTEM/VINTAGE/CODE
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
    },
    /// Say who answers for a unit now, with official phones
    Answering {
        /// units/{uuid}, or SYSTEM/VINTAGE/CODE
        unit: String,
    },
}

/// An office on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum OfficeArg {
    Administrator,
    Leader,
    DutyOfficer,
    InformationReporter,
    HealthOfficer,
    Integrator,
}

impl From<OfficeArg> for pb::Office {
    fn from(office: OfficeArg) -> Self {
        match office {
            OfficeArg::Administrator => Self::Administrator,
            OfficeArg::Leader => Self::Leader,
            OfficeArg::DutyOfficer => Self::DutyOfficer,
            OfficeArg::InformationReporter => Self::InformationReporter,
            OfficeArg::HealthOfficer => Self::HealthOfficer,
            OfficeArg::Integrator => Self::Integrator,
        }
    }
}

/// A holding on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum HoldingArg {
    Full,
    Acting,
    Deputy,
}

impl From<HoldingArg> for pb::Holding {
    fn from(holding: HoldingArg) -> Self {
        match holding {
            HoldingArg::Full => Self::Full,
            HoldingArg::Acting => Self::Acting,
            HoldingArg::Deputy => Self::Deputy,
        }
    }
}

const APPOINTMENTS: &[Column] = &[
    Column { key: "name", en: "Appointment", zh: "编号" },
    Column { key: "office", en: "Office", zh: "职务" },
    Column { key: "holding", en: "Holding", zh: "方式" },
    Column { key: "unit", en: "Unit", zh: "单位" },
    Column { key: "officer", en: "Officer", zh: "人员" },
    Column { key: "start_time", en: "From", zh: "起" },
    Column { key: "end_time", en: "Until", zh: "止" },
];

const CONTACTS: &[Column] = &[
    Column { key: "unit", en: "Unit", zh: "单位" },
    Column { key: "display_name", en: "Place", zh: "名称" },
    Column { key: "office", en: "Office", zh: "职务" },
    Column { key: "answering", en: "Answers", zh: "负责人" },
    Column { key: "official_phone", en: "Phone", zh: "电话" },
    Column { key: "answering_at", en: "At", zh: "所在单位" },
];

/// Runs a command on appointments.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut appointments = access.registry()?.appointments();
    let request_id = uuid::Uuid::now_v7().to_string();
    let found = match command {
        Command::List { below, officer, all, limit } => {
            let mut request = pb::ListAppointmentsRequest {
                ancestor_unit: optional(access, below).await?,
                officer,
                show_all: all,
                page_size: pages::size(limit),
                ..pb::ListAppointmentsRequest::default()
            };
            pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = appointments.list_appointments(request.clone()).await?.into_inner();
                Ok((page.appointments, page.next_page_token))
            })
            .await?
        }
        Command::Appoint { officer, office, unit, holding, from, until } => {
            let appointment = pb::Appointment {
                officer,
                unit: resolve(access, &unit).await?,
                office: pb::Office::from(office).into(),
                holding: pb::Holding::from(holding).into(),
                start_time: from.map(chassis::parse::timestamp),
                end_time: until.map(chassis::parse::timestamp),
                ..pb::Appointment::default()
            };
            let request = pb::AppointRequest { request_id, appointment: Some(appointment) };
            appointments.appoint(request).await?.into_inner().appointment.into_iter().collect()
        }
        Command::Relieve { appointment, reason, at } => {
            let end_time = at.map(chassis::parse::timestamp);
            let request = pb::RelieveRequest { request_id, name: appointment, end_time, reason };
            appointments.relieve(request).await?.into_inner().appointment.into_iter().collect()
        }
        Command::HandOver { appointment, successor, reason, at, overlap_until } => {
            let request = pb::HandOverRequest {
                request_id,
                name: appointment,
                successor_officer: successor,
                hand_over_time: at.map(chassis::parse::timestamp),
                overlap_end_time: overlap_until.map(chassis::parse::timestamp),
                reason,
            };
            let done = appointments.hand_over(request).await?.into_inner();
            [done.former, done.successor, done.overlap].into_iter().flatten().collect()
        }
        Command::Vacancies { below } => {
            let ancestor_unit = optional(access, below).await?;
            return vacancies(&access.registry()?, ancestor_unit, style).await;
        }
        Command::Answering { unit } => {
            let name = resolve(access, &unit).await?;
            let request = pb::GetAnsweringRequest { unit: name.clone() };
            let answering = appointments.get_answering(request).await?.into_inner();
            let place = answering.display_name;
            let rows = answering.contacts.into_iter();
            let rows: Vec<_> = rows.map(|one| contact(&name, &place, one.office(), Some(one))).collect();
            style.rows(CONTACTS, &rows)?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let rows: Vec<_> = found.into_iter().map(row).collect();
    style.rows(APPOINTMENTS, &rows)?;
    Ok(ExitCode::SUCCESS)
}

async fn optional(access: &Access, unit: Option<String>) -> anyhow::Result<String> {
    match unit {
        Some(unit) => resolve(access, &unit).await,
        None => Ok(String::new()),
    }
}

async fn vacancies(
    registry: &crate::client::Registry,
    ancestor_unit: String,
    style: Style,
) -> anyhow::Result<ExitCode> {
    let found = crate::client::vacancies(registry, ancestor_unit).await?;
    let rows =
        found.iter().map(|one| contact(&one.unit, &one.display_name, one.office(), one.answering.clone()));
    let rows: Vec<_> = rows.collect();
    style.rows(CONTACTS, &rows)?;
    Ok(if rows.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FOUND) })
}

fn contact(unit: &str, place: &str, office: pb::Office, answering: Option<pb::Contact>) -> Vec<String> {
    let office = output::word(office.as_str_name(), "OFFICE_");
    let answering = answering.unwrap_or_default();
    let at = answering.unit_display_name;
    vec![unit.to_owned(), place.to_owned(), office, answering.display_name, answering.official_phone, at]
}

fn row(appointment: pb::Appointment) -> Vec<String> {
    let office = output::word(appointment.office().as_str_name(), "OFFICE_");
    let holding = output::word(appointment.holding().as_str_name(), "HOLDING_");
    let shown = |time: Option<prost_types::Timestamp>| {
        let instant = time.and_then(|time| chassis::parse::instant(time).ok());
        instant.map(|instant| instant.to_rfc3339()).unwrap_or_default()
    };
    let (from, until) = (shown(appointment.start_time), shown(appointment.end_time));
    vec![appointment.name, office, holding, appointment.unit, appointment.officer, from, until]
}
