//! `rampart facilities …`: what there is to send people to.

use std::process::ExitCode;

use clap::ValueEnum;
use proto::medical as pb;

use super::{
    access::Access, facilities_directory, facilities_phones, observations::named, pages,
    reporting::request_id, units::resolve,
};
use crate::output::{self, Column, Lang, Style};

/// Hospitals, clinics, health centres, laboratories, hotels for isolation: what they are for, and how they are reached.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Enter a facility
    Create {
        /// Its official name
        name: String,
        /// Where it lies: units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        #[arg(long, value_name = "UNIT")]
        unit: String,
        #[command(flatten)]
        said: Said,
    },
    /// Show a facility with its roles and phones
    Get {
        /// facilities/{uuid}
        facility: String,
    },
    /// List facilities
    List {
        /// Only in this unit and in those below it
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// Only those that have this role today
        #[arg(long, value_enum)]
        role: Option<Role>,
        /// Also those that have closed
        #[arg(long)]
        closed: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Change what is known of a facility
    Update {
        /// facilities/{uuid}
        facility: String,
        /// Its official name
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// Where it lies
        #[arg(long, value_name = "UNIT")]
        unit: Option<String>,
        #[command(flatten)]
        said: Said,
    },
    /// Close a facility after a day
    Close {
        /// facilities/{uuid}
        facility: String,
        /// Its last day
        #[arg(long, value_name = "DATE")]
        after: String,
    },
    /// Give a facility a role
    Grant {
        /// facilities/{uuid}
        facility: String,
        /// What it is for
        #[arg(value_enum)]
        role: Role,
        /// Its first day; today where it is not said
        #[arg(long, default_value = "", hide_default_value = true, value_name = "DATE")]
        since: String,
        /// Its last day; none where it is not said
        #[arg(long, default_value = "", hide_default_value = true, value_name = "DATE")]
        until: String,
        /// By which order
        #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
        order: String,
    },
    /// End a role after a day, or take back one that would begin later
    EndRole {
        /// facilities/{uuid}
        facility: String,
        /// What it is for
        #[arg(value_enum)]
        role: Role,
        /// Its last day
        #[arg(long, value_name = "DATE")]
        after: String,
    },
    #[command(flatten)]
    Phones(facilities_phones::Command),
    #[command(flatten)]
    Directory(facilities_directory::Command),
}

/// What is said of a facility.
#[derive(Debug, clap::Args)]
pub(crate) struct Said {
    /// Its grade; for a new one none where it is not said
    #[arg(long, value_enum)]
    grade: Option<Grade>,
    /// Who owns it; for a new one the state where it is not said
    #[arg(long, value_enum)]
    ownership: Option<Ownership>,
    /// Its address
    #[arg(long, value_name = "TEXT")]
    address: Option<String>,
    /// Its organisation code (GB 32100)
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// You have compared a code that fails its check with the certificate
    #[arg(long)]
    code_confirmed: bool,
}

/// The grade of a hospital.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Grade {
    /// None
    Ungraded = 1,
    #[value(name = "1c")]
    OneC,
    #[value(name = "1b")]
    OneB,
    #[value(name = "1a")]
    OneA,
    #[value(name = "2c")]
    TwoC,
    #[value(name = "2b")]
    TwoB,
    #[value(name = "2a")]
    TwoA,
    #[value(name = "3c")]
    ThreeC,
    #[value(name = "3b")]
    ThreeB,
    #[value(name = "3a")]
    ThreeA,
}

/// Who owns a facility.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Ownership {
    /// The state
    Public = 1,
    /// A collective, such as a village
    Collective,
    /// Somebody private
    Private,
    /// Others
    Other,
}

/// What a facility is for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Role {
    /// Takes confirmed and suspected cases
    DesignatedHospital = 1,
    /// Sees whoever has fever
    FeverClinic,
    /// Screens, isolates and refers
    PrimaryCare,
    /// Keeps close contacts apart
    CentralIsolation,
    /// Tests specimens
    Laboratory,
}

const COLUMNS: &[Column] = &[
    Column { key: "name", en: "Facility", zh: "编号" },
    Column { key: "display_name", en: "Name", zh: "名称" },
    Column { key: "grade", en: "Grade", zh: "等级" },
    Column { key: "ownership", en: "Ownership", zh: "所有制" },
    Column { key: "roles", en: "Roles", zh: "职能" },
    Column { key: "phones", en: "Phones", zh: "电话" },
    Column { key: "address", en: "Address", zh: "地址" },
    Column { key: "unit", en: "Where", zh: "所在地" },
    Column { key: "organisation_code", en: "Code", zh: "统一社会信用代码" },
    Column { key: "marks", en: "Marks", zh: "标注" },
    Column { key: "end_date", en: "Closes", zh: "停用" },
];

/// A grade for people.
pub(super) fn grade(style: Style, grade: pb::FacilityGrade) -> String {
    let (en, zh) = match grade {
        pb::FacilityGrade::Unspecified => ("", ""),
        pb::FacilityGrade::Ungraded => ("ungraded", "未定级"),
        pb::FacilityGrade::OneC => ("1C", "一级丙等"),
        pb::FacilityGrade::OneB => ("1B", "一级乙等"),
        pb::FacilityGrade::OneA => ("1A", "一级甲等"),
        pb::FacilityGrade::TwoC => ("2C", "二级丙等"),
        pb::FacilityGrade::TwoB => ("2B", "二级乙等"),
        pb::FacilityGrade::TwoA => ("2A", "二级甲等"),
        pb::FacilityGrade::ThreeC => ("3C", "三级丙等"),
        pb::FacilityGrade::ThreeB => ("3B", "三级乙等"),
        pb::FacilityGrade::ThreeA => ("3A", "三级甲等"),
    };
    if style.lang == Lang::Zh { zh } else { en }.to_owned()
}

/// A role for people.
pub(super) fn role(style: Style, role: pb::Role) -> String {
    let zh = match role {
        pb::Role::Unspecified => "",
        pb::Role::DesignatedHospital => "定点医院",
        pb::Role::FeverClinic => "发热门诊",
        pb::Role::PrimaryCare => "基层医疗机构",
        pb::Role::CentralIsolation => "集中隔离点",
        pb::Role::Laboratory => "检测机构",
    };
    if style.lang == Lang::Zh { zh.to_owned() } else { output::word(role.as_str_name(), "ROLE_") }
}

fn row(style: Style, facility: pb::Facility) -> Vec<String> {
    let ownership = output::word(facility.ownership().as_str_name(), "OWNERSHIP_");
    let marks = facility.marks().map(|mark| output::word(mark.as_str_name(), "FACILITY_MARK_"));
    let marks = marks.collect::<Vec<_>>().join(" ");
    let roles = facility.roles.iter().map(|held| {
        let until = if held.end_date.is_empty() { String::new() } else { format!(" to {}", held.end_date) };
        format!("{} from {}{until}", role(style, held.role()), held.start_date)
    });
    let phones = facility.phones.iter().map(|phone| {
        let mark = if phone.mark_time.is_some() { " (not answered)" } else { "" };
        format!("{} {}{mark}", phone.number, phone.label).trim_end().to_owned()
    });
    let joined = |texts: Vec<String>| texts.join(", ");
    vec![
        facility.name.clone(),
        facility.display_name.clone(),
        grade(style, facility.grade()),
        ownership,
        joined(roles.collect()),
        joined(phones.collect()),
        facility.address,
        facility.unit,
        facility.organisation_code,
        marks,
        facility.end_date,
    ]
}

/// What is irregular about a facility is said beside it, too.
fn warn(facility: &pb::Facility) {
    for mark in facility.marks() {
        output::say(match mark {
            pb::FacilityMark::CodeFails => {
                "the organisation code fails its check: compare it with the certificate, and confirm it with `facilities update … --code-confirmed`"
            }
            pb::FacilityMark::FeverClinicBelowGrade => {
                "a fever clinic should be of grade 2 or higher: this is put before the county"
            }
            pb::FacilityMark::PhoneUnanswered => "nobody answers one of its phones",
            pb::FacilityMark::Unspecified => continue,
        });
    }
}

/// Runs a command on facilities.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut facilities = access.medical()?.facilities();
    let found: Vec<pb::Facility> = match command {
        Command::Phones(command) => return facilities_phones::run(command, access, style).await,
        Command::Directory(command) => return facilities_directory::run(command, access, style).await,
        Command::Create { name, unit, said } => {
            let facility = Some(pb::Facility {
                display_name: name,
                unit: resolve(access, &unit).await?,
                grade: said.grade.unwrap_or(Grade::Ungraded) as i32,
                ownership: said.ownership.unwrap_or(Ownership::Public) as i32,
                address: said.address.unwrap_or_default(),
                organisation_code: said.code.unwrap_or_default(),
                organisation_code_confirmed: said.code_confirmed,
                ..pb::Facility::default()
            });
            let request = pb::CreateFacilityRequest { request_id: request_id(), facility };
            facilities.create_facility(request).await?.into_inner().facility.into_iter().collect()
        }
        Command::Get { facility } => {
            let request = pb::GetFacilityRequest { name: facility };
            facilities.get_facility(request).await?.into_inner().facility.into_iter().collect()
        }
        Command::List { below, role, closed, limit } => {
            let mut request = pb::ListFacilitiesRequest {
                ancestor_unit: named(below, access).await?,
                role: role.map_or(0, |role| role as i32),
                closed,
                page_size: pages::size(limit),
                page_token: String::new(),
            };
            let all = pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = facilities.list_facilities(request.clone()).await?.into_inner();
                Ok((page.facilities, page.next_page_token))
            });
            let rows = all.await?.into_iter().map(|facility| row(style, facility));
            style.rows(COLUMNS, &rows.collect::<Vec<_>>())?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Update { facility, name, unit, said } => {
            let request = update(access, facility, (name, unit), said).await?;
            facilities.update_facility(request).await?.into_inner().facility.into_iter().collect()
        }
        Command::Close { facility, after } => {
            let request =
                pb::CloseFacilityRequest { request_id: request_id(), name: facility, end_date: after };
            facilities.close_facility(request).await?.into_inner().facility.into_iter().collect()
        }
        Command::Grant { facility, role, since, until, order } => {
            let request = pb::GrantRoleRequest {
                request_id: request_id(),
                facility,
                role: role as i32,
                start_date: since,
                end_date: until,
                order,
            };
            facilities.grant_role(request).await?.into_inner().facility.into_iter().collect()
        }
        Command::EndRole { facility, role, after } => {
            let (request_id, role) = (request_id(), role as i32);
            let request = pb::EndRoleRequest { request_id, facility, role, end_date: after };
            facilities.end_role(request).await?.into_inner().facility.into_iter().collect()
        }
    };
    found.iter().for_each(warn);
    style.rows(COLUMNS, &found.into_iter().map(|facility| row(style, facility)).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

async fn update(
    access: &Access,
    facility: String,
    (name, unit): (Option<String>, Option<String>),
    said: Said,
) -> anyhow::Result<pb::UpdateFacilityRequest> {
    let asked = [
        ("display_name", name.is_some()),
        ("unit", unit.is_some()),
        ("grade", said.grade.is_some()),
        ("ownership", said.ownership.is_some()),
        ("address", said.address.is_some()),
        ("organisation_code", said.code.is_some()),
        ("organisation_code_confirmed", said.code_confirmed),
    ];
    let paths = asked.into_iter().filter(|(_, asked)| *asked).map(|(path, _)| path.to_owned());
    Ok(pb::UpdateFacilityRequest {
        request_id: request_id(),
        facility: Some(pb::Facility {
            name: facility,
            display_name: name.unwrap_or_default(),
            unit: named(unit, access).await?,
            grade: said.grade.map_or(0, |grade| grade as i32),
            ownership: said.ownership.map_or(0, |ownership| ownership as i32),
            address: said.address.unwrap_or_default(),
            organisation_code: said.code.unwrap_or_default(),
            organisation_code_confirmed: said.code_confirmed,
            ..pb::Facility::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: paths.collect() }),
    })
}
