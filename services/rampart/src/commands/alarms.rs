//! `rampart alarms`.

use std::process::ExitCode;

use proto::medical as pb;

use super::{access::Access, pages, reporting::instant, units::resolve};
use crate::output::{self, Column, Style};

/// What is put before a unit of facilities, phones and beds: the most dangerous first
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Before whom: units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
    unit: String,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
}

const COLUMNS: &[Column] = &[
    Column { key: "kind", en: "What", zh: "情况" },
    Column { key: "since", en: "Since", zh: "起始" },
    Column { key: "facility_display_name", en: "Facility", zh: "机构" },
    Column { key: "subject_display_name", en: "About", zh: "对象" },
    Column { key: "contact_name", en: "Call", zh: "联系人" },
    Column { key: "contact_phone", en: "Phone", zh: "电话" },
    Column { key: "subject", en: "Name", zh: "编号" },
    Column { key: "facility", en: "Facility's name", zh: "机构编号" },
];

fn row(alarm: pb::Alarm) -> Vec<String> {
    let kind = output::word(alarm.kind().as_str_name(), "ALARM_KIND_");
    vec![
        kind,
        instant(alarm.since_time),
        alarm.facility_display_name,
        alarm.subject_display_name,
        alarm.contact_name,
        alarm.contact_phone,
        alarm.subject,
        alarm.facility,
    ]
}

/// Prints the digest of a unit.
pub(crate) async fn run(args: Args, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut alarms = access.medical()?.alarms();
    let mut request = pb::ListAlarmsRequest {
        holder_unit: resolve(access, &args.unit).await?,
        page_size: pages::size(args.limit),
        page_token: String::new(),
    };
    let found = pages::up_to(args.limit, async |page_token| {
        request.page_token = page_token;
        let page = alarms.list_alarms(request.clone()).await?.into_inner();
        Ok((page.alarms, page.next_page_token))
    });
    style.rows(COLUMNS, &found.await?.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
