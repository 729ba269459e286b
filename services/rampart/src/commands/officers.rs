//! `rampart officers …`.

use std::process::ExitCode;

use proto::registry as pb;

use super::{access::Access, pages, units::resolve};
use crate::output::{Column, Style};

/// Officers, and how they are reached.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show one officer
    Get {
        /// officers/{uuid}
        officer: String,
    },
    /// List officers at home at a unit and below it, or all you may see
    List {
        /// units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Record an officer
    Create {
        /// Name
        name: String,
        /// Where the officer belongs: units/{uuid}, or SYSTEM/VINTAGE/CODE
        #[arg(long, value_name = "UNIT")]
        home: String,
        /// Official phone
        #[arg(long, default_value = "", hide_default_value = true, value_name = "PHONE")]
        phone: String,
        /// Subject of the officer's credentials; none for one who never logs in
        #[arg(long, default_value = "", hide_default_value = true, value_name = "SUBJECT")]
        subject: String,
    },
}

const COLUMNS: &[Column] = &[
    Column { key: "name", en: "Officer", zh: "编号" },
    Column { key: "display_name", en: "Name", zh: "姓名" },
    Column { key: "official_phone", en: "Phone", zh: "电话" },
    Column { key: "subject", en: "Subject", zh: "账号" },
    Column { key: "home_unit", en: "Home unit", zh: "所属" },
];

/// Runs a command on officers.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut officers = access.registry()?.officers();
    let found = match command {
        Command::Get { officer } => {
            let request = pb::GetOfficerRequest { name: officer };
            officers.get_officer(request).await?.into_inner().officer.into_iter().collect()
        }
        Command::List { below, limit } => {
            let ancestor_unit = match below {
                Some(unit) => resolve(access, &unit).await?,
                None => String::new(),
            };
            let page_size = pages::size(limit);
            let mut request = pb::ListOfficersRequest { ancestor_unit, page_size, page_token: String::new() };
            pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = officers.list_officers(request.clone()).await?.into_inner();
                Ok((page.officers, page.next_page_token))
            })
            .await?
        }
        Command::Create { name, home, phone, subject } => {
            let officer = pb::Officer {
                display_name: name,
                official_phone: phone,
                subject,
                home_unit: resolve(access, &home).await?,
                ..pb::Officer::default()
            };
            let request_id = uuid::Uuid::now_v7().to_string();
            let request = pb::CreateOfficerRequest { request_id, officer: Some(officer) };
            officers.create_officer(request).await?.into_inner().officer.into_iter().collect::<Vec<_>>()
        }
    };
    let row = |officer: pb::Officer| {
        vec![officer.name, officer.display_name, officer.official_phone, officer.subject, officer.home_unit]
    };
    style.rows(COLUMNS, &found.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
