//! `rampart homes …`.

use std::process::ExitCode;

use proto::screening as pb;

use super::{access::Access, observations::named, pages, reporting::request_id, units::resolve};
use crate::output::{Column, Style};

/// Who sleeps where, so that whoever lives with somebody ill is observed longer.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Set up a home with those who sleep there
    Create {
        /// Whose it is: units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        unit: String,
        /// persons/{uuid}
        #[arg(required = true, num_args = 1..=50)]
        persons: Vec<String>,
        /// From which day on; today where it is not said
        #[arg(long, default_value = "", value_name = "DATE")]
        since: String,
    },
    /// List homes, the oldest first
    List {
        /// Only of this unit and of those below it
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// Only those where this person sleeps or slept, persons/{uuid}
        #[arg(long, default_value = "", value_name = "PERSON")]
        person: String,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Record that somebody sleeps there
    Join {
        /// homes/{uuid}
        home: String,
        /// persons/{uuid}
        person: String,
        /// From which day on; today where it is not said
        #[arg(long, default_value = "", value_name = "DATE")]
        since: String,
    },
    /// Record that somebody does not sleep there any more
    Leave {
        /// homes/{uuid}
        home: String,
        /// persons/{uuid}
        person: String,
        /// Their last day; today where it is not said
        #[arg(long, default_value = "", value_name = "DATE")]
        last: String,
    },
}

const COLUMNS: &[Column] = &[
    Column { key: "name", en: "Home", zh: "编号" },
    Column { key: "unit", en: "Whose", zh: "责任单位" },
    Column { key: "person", en: "Who", zh: "人员" },
    Column { key: "from", en: "From", zh: "入住" },
    Column { key: "to", en: "To", zh: "离开" },
];

/// One row a resident.
fn rows(home: pb::Home) -> Vec<Vec<String>> {
    let (name, unit) = (home.name, home.unit);
    let row = |resident: pb::Resident| {
        let person = if resident.person.is_empty() { "(elsewhere)".to_owned() } else { resident.person };
        vec![name.clone(), unit.clone(), person, resident.start_date, resident.end_date]
    };
    home.residents.into_iter().map(row).collect()
}

/// Runs a command on homes.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut homes = access.screening()?.homes();
    let request_id = request_id();
    let found: Vec<pb::Home> = match command {
        Command::Create { unit, persons, since } => {
            let unit = resolve(access, &unit).await?;
            let request = pb::CreateHomeRequest { request_id, unit, persons, start_date: since };
            homes.create_home(request).await?.into_inner().home.into_iter().collect()
        }
        Command::List { below, person, limit } => {
            let mut request = pb::ListHomesRequest {
                ancestor_unit: named(below, access).await?,
                person,
                page_size: pages::size(limit),
                page_token: String::new(),
            };
            pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = homes.list_homes(request.clone()).await?.into_inner();
                Ok((page.homes, page.next_page_token))
            })
            .await?
        }
        Command::Join { home, person, since } => {
            let request = pb::JoinHomeRequest { request_id, name: home, person, start_date: since };
            homes.join_home(request).await?.into_inner().home.into_iter().collect()
        }
        Command::Leave { home, person, last } => {
            let request = pb::LeaveHomeRequest { request_id, name: home, person, end_date: last };
            homes.leave_home(request).await?.into_inner().home.into_iter().collect()
        }
    };
    style.rows(COLUMNS, &found.into_iter().flat_map(rows).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
