//! `rampart incidents …`.

use std::process::ExitCode;

use proto::screening as pb;

use super::{
    access::Access,
    observations::named,
    pages,
    reporting::{instant, request_id},
};
use crate::output::{self, Column, Style};

/// A county's first case, and clusters: events to report within 2 hours.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List incidents, the oldest first
    List {
        /// Only of this unit and of those below it
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// What must be done now: only those that nobody has reported
        #[arg(long, alias = "unreported")]
        today: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Record that an incident was reported
    Report {
        /// incidents/{uuid}
        incident: String,
        /// The level it was given, 1 (the gravest) to 4; 0 while it is ungraded
        #[arg(long, default_value_t = 0, value_name = "LEVEL")]
        grade: i32,
    },
}

const COLUMNS: &[Column] = &[
    Column { key: "name", en: "Incident", zh: "编号" },
    Column { key: "kind", en: "Kind", zh: "类型" },
    Column { key: "unit", en: "Where", zh: "地点" },
    Column { key: "case", en: "Case", zh: "病例" },
    Column { key: "found", en: "Found", zh: "发现" },
    Column { key: "report_by", en: "Report by", zh: "报告时限" },
    Column { key: "reported", en: "Reported", zh: "报告" },
    Column { key: "grade", en: "Level", zh: "级别" },
];

fn row(incident: pb::Incident) -> Vec<String> {
    let kind = output::word(incident.kind().as_str_name(), "INCIDENT_KIND_");
    let grade = if incident.grade == 0 { "ungraded".to_owned() } else { incident.grade.to_string() };
    vec![
        incident.name,
        kind,
        incident.unit,
        incident.case,
        instant(incident.create_time),
        instant(incident.deadline_time),
        instant(incident.report_time),
        grade,
    ]
}

/// Runs a command on incidents.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut incidents = access.screening()?.incidents();
    let found: Vec<pb::Incident> = match command {
        Command::List { below, today, limit } => {
            let mut request = pb::ListIncidentsRequest {
                ancestor_unit: named(below, access).await?,
                unreported: today,
                page_size: pages::size(limit),
                page_token: String::new(),
            };
            pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = incidents.list_incidents(request.clone()).await?.into_inner();
                Ok((page.incidents, page.next_page_token))
            })
            .await?
        }
        Command::Report { incident, grade } => {
            let (request_id, report_time) = (request_id(), None);
            let request = pb::ReportIncidentRequest { request_id, name: incident, report_time, grade };
            incidents.report_incident(request).await?.into_inner().incident.into_iter().collect()
        }
    };
    style.rows(COLUMNS, &found.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
