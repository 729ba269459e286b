//! The public directory of facilities, printed; and where to send somebody.

use std::process::ExitCode;

use proto::medical as pb;

use super::{
    EXIT_FOUND,
    access::Access,
    beds::Class,
    facilities::{Role, grade, role},
    facilities_phones::in_words,
    pages,
    reporting::instant,
    units::resolve,
};
use crate::output::{Column, Style};

/// Commands on the directory.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print the directory of a county: whom to send where, and how they are reached
    Directory {
        /// The county, city or township by its name, such as 双峰县
        #[arg(long, value_name = "NAME", conflicts_with = "unit", required_unless_present = "unit")]
        county: Option<String>,
        /// Any unit: units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        #[arg(long, value_name = "UNIT")]
        unit: Option<String>,
        /// Only those that have this role today
        #[arg(long, value_enum)]
        role: Option<Role>,
    },
    /// Find the nearest facilities with a role, and with free beds where a class is said; exit 1 where there is none
    Find {
        /// From where: units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        #[arg(long, value_name = "UNIT")]
        from: String,
        /// What it must be for
        #[arg(long, value_enum)]
        role: Role,
        /// The class of beds that must be free
        #[arg(long, value_enum)]
        class: Option<Class>,
        /// How many of them
        #[arg(long, default_value_t = 1, requires = "class", value_name = "N")]
        beds: i32,
        /// At most so many facilities
        #[arg(long, default_value_t = 5, value_name = "N")]
        limit: i32,
    },
}

const DIRECTORY: &[Column] = &[
    Column { key: "display_name", en: "Facility", zh: "机构" },
    Column { key: "grade", en: "Grade", zh: "等级" },
    Column { key: "roles", en: "Roles", zh: "职能" },
    Column { key: "address", en: "Address", zh: "地址" },
    Column { key: "phones", en: "Phones", zh: "电话" },
    Column { key: "where", en: "Where", zh: "所在地" },
    Column { key: "facility", en: "Name", zh: "编号" },
];

const FOUND: &[Column] = &[
    Column { key: "display_name", en: "Facility", zh: "机构" },
    Column { key: "levels_up", en: "Levels up", zh: "上溯层级" },
    Column { key: "free_beds", en: "Free beds", zh: "空床" },
    Column { key: "as_of", en: "As of", zh: "截至" },
    Column { key: "phones", en: "Phones", zh: "电话" },
    Column { key: "where", en: "Where", zh: "所在地" },
    Column { key: "facility", en: "Name", zh: "编号" },
];

/// The numbers of an entry, a line each in a table.
fn phones(entry: &pb::DirectoryEntry) -> String {
    let shown = entry.phones.iter().map(|phone| {
        let hours = in_words(&phone.open_time, &phone.close_time);
        let verified = instant(phone.verify_time);
        let verified = match verified.split_once('T') {
            Some((day, _)) => format!(", verified {day} by {}", phone.verified_by),
            None => ", never verified".to_owned(),
        };
        let mark = if phone.unanswered { ", NOT ANSWERED" } else { "" };
        let label = if phone.label.is_empty() { String::new() } else { format!(" {}", phone.label) };
        format!("{}{label} ({hours}{verified}{mark})", phone.number)
    });
    shown.collect::<Vec<_>>().join("\n")
}

fn entry_row(style: Style, entry: &pb::DirectoryEntry) -> Vec<String> {
    let roles = entry.roles().map(|held| role(style, held)).collect::<Vec<_>>().join(", ");
    vec![
        entry.display_name.clone(),
        grade(style, entry.grade()),
        roles,
        entry.address.clone(),
        phones(entry),
        entry.unit_display_name.clone(),
        entry.facility.clone(),
    ]
}

fn found_row(found: &pb::FoundFacility, free: String) -> Vec<String> {
    let entry = found.entry.clone().unwrap_or_default();
    vec![
        entry.display_name.clone(),
        found.levels_up.to_string(),
        free,
        instant(found.as_of_time),
        phones(&entry),
        entry.unit_display_name,
        entry.facility,
    ]
}

/// Runs a command on the directory.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut directory = access.medical()?.directory();
    match command {
        Command::Directory { county, unit, role } => {
            let unit = match unit {
                Some(unit) => resolve(access, &unit).await?,
                None => String::new(),
            };
            let mut request = pb::ListDirectoryRequest {
                unit,
                unit_display_name: county.unwrap_or_default(),
                role: role.map_or(0, |role| role as i32),
                page_size: 1_000,
                page_token: String::new(),
            };
            let entries = pages::up_to(usize::MAX, async |page_token| {
                request.page_token = page_token;
                let page = directory.list_directory(request.clone()).await?.into_inner();
                Ok((page.entries, page.next_page_token))
            });
            let rows = entries.await?.iter().map(|entry| entry_row(style, entry)).collect::<Vec<_>>();
            style.rows(DIRECTORY, &rows)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Find { from, role, class, beds, limit } => {
            let request = pb::FindFacilitiesRequest {
                unit: resolve(access, &from).await?,
                role: role as i32,
                bed_class: class.map_or(0, |class| class as i32),
                beds: if class.is_some() { beds } else { 0 },
                limit,
            };
            let answer = directory.find_facilities(request).await?.into_inner();
            let free = |found: &pb::FoundFacility| {
                if class.is_some() { found.free_beds.to_string() } else { String::new() }
            };
            let known = answer.facilities.iter().map(|found| found_row(found, free(found)));
            let unknown = answer.unknown.iter().map(|found| found_row(found, "unknown: phone".to_owned()));
            style.rows(FOUND, &known.chain(unknown).collect::<Vec<_>>())?;
            let none = answer.facilities.is_empty();
            Ok(if none { ExitCode::from(EXIT_FOUND) } else { ExitCode::SUCCESS })
        }
    }
}
