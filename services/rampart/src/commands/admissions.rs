//! `rampart admissions …`.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::ValueEnum;
use proto::{screening as pb, types::ExternalId};

use super::{
    Usage,
    access::Access,
    observations::named,
    reporting::{instant, request_id},
};
use crate::output::{self, Column, Style};

/// Whom facilities have admitted and discharged.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Record that a facility has admitted somebody
    Admit {
        /// persons/{uuid}
        person: String,
        /// The facility's official name
        #[arg(long, value_name = "TEXT")]
        facility: String,
        /// When, such as 2020-02-03T08:00:00+08:00; now where not said
        #[arg(long, value_name = "INSTANT")]
        at: Option<DateTime<Utc>>,
        /// What the facility's system knows it by: SYSTEM/NUMBER
        #[arg(long = "number", value_name = "NUMBER")]
        external: Option<String>,
    },
    /// Record that a facility has discharged somebody
    Discharge {
        /// persons/{uuid}
        person: String,
        /// The facility's official name
        #[arg(long, value_name = "TEXT")]
        facility: String,
        /// Where to
        #[arg(long, value_enum, default_value = "home")]
        to: Destination,
        /// Where home is: units/{uuid}, or an official code SYSTEM/VINTAGE/CODE; where the person was where not said
        #[arg(long, value_name = "UNIT")]
        home: Option<String>,
        /// When, such as 2020-02-03T08:00:00+08:00; now where not said
        #[arg(long, value_name = "INSTANT")]
        at: Option<DateTime<Utc>>,
        /// What the facility's system knows it by: SYSTEM/NUMBER
        #[arg(long = "number", value_name = "NUMBER")]
        external: Option<String>,
    },
    /// List whom facilities have, the oldest first
    List {
        /// Only in the hands of this unit and of those below it
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// Only of this person, persons/{uuid}
        #[arg(long, default_value = "", hide_default_value = true, value_name = "PERSON")]
        person: String,
        /// Also whom they have let go
        #[arg(long)]
        discharged: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: i32,
    },
}

/// Where somebody was discharged to.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Destination {
    /// Home
    Home,
    /// Another facility
    Facility,
}

const COLUMNS: &[Column] = &[
    Column { key: "name", en: "Admission", zh: "编号" },
    Column { key: "person", en: "Person", zh: "人员" },
    Column { key: "responsible_unit", en: "In the hands of", zh: "责任单位" },
    Column { key: "facility", en: "Facility", zh: "医疗机构" },
    Column { key: "admitted", en: "Admitted", zh: "入院" },
    Column { key: "discharged", en: "Discharged", zh: "出院" },
    Column { key: "destination", en: "To", zh: "去向" },
    Column { key: "referral", en: "Referral", zh: "转诊" },
    Column { key: "handdown", en: "Hand-down", zh: "交接" },
];

fn row(admission: pb::Admission) -> Vec<String> {
    let destination = match admission.destination() {
        pb::Destination::Unspecified => String::new(),
        destination => output::word(destination.as_str_name(), "DESTINATION_"),
    };
    vec![
        admission.name,
        admission.person,
        admission.responsible_unit,
        admission.facility,
        instant(admission.admit_time),
        instant(admission.discharge_time),
        destination,
        admission.referral,
        admission.handdown,
    ]
}

/// A number that a facility's system knows an admission by.
fn external(text: Option<String>) -> anyhow::Result<Option<ExternalId>> {
    let Some(text) = text else { return Ok(None) };
    let wrong = || Usage(format!("{text:?} is no SYSTEM/NUMBER such as hunan-ehr/20200203-17"));
    let (system, value) = text.split_once('/').ok_or_else(wrong)?;
    Ok(Some(ExternalId { system: system.to_owned(), value: value.to_owned() }))
}

/// Runs a command on admissions.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut admissions = access.screening()?.admissions();
    let time =
        |at: Option<DateTime<Utc>>| Some(chassis::parse::timestamp(at.unwrap_or_else(chassis::clock::wall)));
    let request_id = request_id();
    let found: Vec<pb::Admission> = match command {
        Command::Admit { person, facility, at, external: number } => {
            let (external_id, admit_time) = (external(number)?, time(at));
            let admission = pb::Admission { person, facility, external_id, admit_time, ..Default::default() };
            let request = pb::RecordAdmissionRequest { request_id, admission: Some(admission) };
            admissions.record_admission(request).await?.into_inner().admission.into_iter().collect()
        }
        Command::Discharge { person, facility, to, home, at, external: number } => {
            let destination = match to {
                Destination::Home => pb::Destination::Home,
                Destination::Facility => pb::Destination::Facility,
            };
            let admission = pb::Admission {
                person,
                facility,
                external_id: external(number)?,
                discharge_time: time(at),
                destination: destination.into(),
                home_unit: named(home, access).await?,
                ..Default::default()
            };
            let request = pb::RecordDischargeRequest { request_id, admission: Some(admission) };
            admissions.record_discharge(request).await?.into_inner().admission.into_iter().collect()
        }
        Command::List { below, person, discharged, limit } => {
            let request = pb::ListAdmissionsRequest {
                ancestor_unit: named(below, access).await?,
                person,
                discharged,
                page_size: limit.clamp(1, 1_000),
                page_token: String::new(),
            };
            admissions.list_admissions(request).await?.into_inner().admissions
        }
    };
    style.rows(COLUMNS, &found.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
