//! `rampart beds …`: wards, and what is counted in them.

use std::{fs::File, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use clap::ValueEnum;
use proto::medical::{self as pb, count_result::Result as Answer};

use super::{
    EXIT_FOUND,
    access::Access,
    batches::{self, Came},
    observations::named,
    pages,
    reporting::{instant, request_id},
    units::resolve,
};
use crate::{
    client::Medical,
    counts_file,
    output::{self, Column, Style},
};

const IMPORT: &str = "\
The file is CSV in UTF-8 with the columns event_id (a UUID made once for each count), ward, as_of_time, \
physical, staffed, occupied. Every line that is refused is listed with its number and why; the others are \
taken in. A count is taken in once: a file that is sent again changes nothing.";

/// Wards, and how many of their beds are there, staffed, occupied, free, or unknown.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Set up a ward
    AddWard {
        /// facilities/{uuid}
        facility: String,
        /// Its name
        name: String,
        /// The class of its beds
        #[arg(value_enum)]
        class: Class,
    },
    /// List wards with what was counted last
    List {
        /// Only in this unit and in those below it
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// Only of this facility
        #[arg(long, value_name = "FACILITY")]
        facility: Option<String>,
        /// Only of this class
        #[arg(long, value_enum)]
        class: Option<Class>,
        /// Also those that have closed
        #[arg(long)]
        closed: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Change a ward's name, or the class of its beds, which are unknown then
    UpdateWard {
        /// wards/{uuid}
        ward: String,
        /// Its name
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// The class of its beds
        #[arg(long, value_enum)]
        class: Option<Class>,
    },
    /// Close a ward after a day
    CloseWard {
        /// wards/{uuid}
        ward: String,
        /// Its last day
        #[arg(long, value_name = "DATE")]
        after: String,
    },
    /// Send what you have counted in a ward
    Count {
        /// wards/{uuid}
        ward: String,
        /// How many beds stand there
        #[arg(long, value_name = "N")]
        physical: i32,
        /// For how many of them there is staff
        #[arg(long, value_name = "N")]
        staffed: i32,
        /// In how many somebody lies
        #[arg(long, value_name = "N")]
        occupied: i32,
        /// When, such as 2020-02-03T08:00:00+08:00; now where it is not said
        #[arg(long, value_name = "INSTANT")]
        at: Option<DateTime<Utc>>,
    },
    /// Send the counts of a file
    #[command(after_help = IMPORT)]
    Import {
        /// The file: CSV
        file: PathBuf,
    },
    /// List the counts of a ward, the last first
    History {
        /// wards/{uuid}
        ward: String,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Sum the beds of a unit, or of a facility, by class; exit 1 where some are unknown
    Sum {
        /// units/{uuid}, an official code SYSTEM/VINTAGE/CODE, or facilities/{uuid}
        of: String,
    },
}

/// The class of beds.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Class {
    /// A single room for isolation
    IsolationSingle = 1,
    /// A shared room for isolation
    IsolationShared,
    /// A room with negative pressure
    NegativePressure,
    /// Intensive care
    Icu,
    /// Observation
    Observation,
    /// Central isolation of contacts
    CentralIsolation,
}

const WARDS: &[Column] = &[
    Column { key: "name", en: "Ward", zh: "编号" },
    Column { key: "display_name", en: "Name", zh: "病区" },
    Column { key: "class", en: "Class", zh: "床位类别" },
    Column { key: "physical", en: "Physical", zh: "实有" },
    Column { key: "staffed", en: "Staffed", zh: "可开放" },
    Column { key: "occupied", en: "Occupied", zh: "占用" },
    Column { key: "free", en: "Free", zh: "空床" },
    Column { key: "as_of", en: "As of", zh: "截至" },
    Column { key: "marks", en: "Marks", zh: "标注" },
    Column { key: "facility", en: "Facility", zh: "机构" },
    Column { key: "end_date", en: "Closes", zh: "停用" },
];

const COUNTS: &[Column] = &[
    Column { key: "as_of", en: "As of", zh: "截至" },
    Column { key: "physical", en: "Physical", zh: "实有" },
    Column { key: "staffed", en: "Staffed", zh: "可开放" },
    Column { key: "occupied", en: "Occupied", zh: "占用" },
    Column { key: "marks", en: "Marks", zh: "标注" },
    Column { key: "sent_by", en: "Who", zh: "报送人" },
    Column { key: "received", en: "Received", zh: "接收时间" },
];

const SUMS: &[Column] = &[
    Column { key: "class", en: "Class", zh: "床位类别" },
    Column { key: "wards", en: "Wards", zh: "病区" },
    Column { key: "physical", en: "Physical", zh: "实有" },
    Column { key: "staffed", en: "Staffed", zh: "可开放" },
    Column { key: "occupied", en: "Occupied", zh: "占用" },
    Column { key: "free", en: "Free", zh: "空床" },
    Column { key: "over_staffed_wards", en: "Wards over", zh: "超员病区" },
    Column { key: "oldest", en: "Oldest", zh: "最早截至" },
    Column { key: "unknown_wards", en: "Wards unknown", zh: "不明病区" },
    Column { key: "unknown_physical", en: "Beds unknown", zh: "不明床位" },
];

/// A class in words.
pub(super) fn class(class: pb::BedClass) -> String {
    output::word(class.as_str_name(), "BED_CLASS_")
}

fn marks(marks: impl Iterator<Item = pb::CapacityMark>) -> String {
    marks.map(|mark| output::word(mark.as_str_name(), "CAPACITY_MARK_")).collect::<Vec<_>>().join(" ")
}

fn ward_row(ward: pb::Ward) -> Vec<String> {
    let class = class(ward.bed_class());
    let counted = ward.figure.as_ref();
    let number =
        |of: fn(&pb::Figure) -> i32| counted.map(|figure| of(figure).to_string()).unwrap_or_default();
    vec![
        ward.name,
        ward.display_name,
        class,
        number(|figure| figure.physical),
        number(|figure| figure.staffed),
        number(|figure| figure.occupied),
        ward.free.map_or_else(|| "unknown".to_owned(), |free| free.to_string()),
        counted.map(|figure| instant(figure.as_of_time)).unwrap_or_default(),
        counted.map(|figure| marks(figure.marks())).unwrap_or_default(),
        ward.facility,
        ward.end_date,
    ]
}

fn count_row(figure: pb::Figure) -> Vec<String> {
    let marks = marks(figure.marks());
    let numbers = [figure.physical, figure.staffed, figure.occupied].map(|number| number.to_string());
    let mut row = vec![instant(figure.as_of_time)];
    row.extend(numbers);
    row.extend([marks, figure.sent_by, instant(figure.receive_time)]);
    row
}

fn sum_row(sum: pb::ClassBeds) -> Vec<String> {
    let class = class(sum.bed_class());
    let mut row = vec![class, sum.wards.to_string()];
    row.extend([sum.physical, sum.staffed, sum.occupied, sum.free].map(|number| number.to_string()));
    row.extend([
        sum.over_staffed_wards.to_string(),
        instant(sum.oldest_time),
        sum.unknown_wards.to_string(),
        sum.unknown_physical.to_string(),
    ]);
    row
}

/// Runs a command on beds.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let medical = access.medical()?;
    let mut wards = medical.wards();
    let found: Vec<pb::Ward> = match command {
        Command::AddWard { facility, name, class } => {
            let bed_class = class as i32;
            let ward = Some(pb::Ward { facility, display_name: name, bed_class, ..pb::Ward::default() });
            let request = pb::CreateWardRequest { request_id: request_id(), ward };
            wards.create_ward(request).await?.into_inner().ward.into_iter().collect()
        }
        Command::List { below, facility, class, closed, limit } => {
            let mut request = pb::ListWardsRequest {
                ancestor_unit: named(below, access).await?,
                facility: facility.unwrap_or_default(),
                bed_class: class.map_or(0, |class| class as i32),
                closed,
                page_size: pages::size(limit),
                page_token: String::new(),
            };
            pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = wards.list_wards(request.clone()).await?.into_inner();
                Ok((page.wards, page.next_page_token))
            })
            .await?
        }
        Command::UpdateWard { ward, name, class } => {
            let asked = [("display_name", name.is_some()), ("bed_class", class.is_some())];
            let paths = asked.into_iter().filter(|(_, asked)| *asked).map(|(path, _)| path.to_owned());
            let update_mask = Some(prost_types::FieldMask { paths: paths.collect() });
            let ward = Some(pb::Ward {
                name: ward,
                display_name: name.unwrap_or_default(),
                bed_class: class.map_or(0, |class| class as i32),
                ..pb::Ward::default()
            });
            let request = pb::UpdateWardRequest { request_id: request_id(), ward, update_mask };
            wards.update_ward(request).await?.into_inner().ward.into_iter().collect()
        }
        Command::CloseWard { ward, after } => {
            let request = pb::CloseWardRequest { request_id: request_id(), name: ward, end_date: after };
            wards.close_ward(request).await?.into_inner().ward.into_iter().collect()
        }
        Command::Count { ward, physical, staffed, occupied, at } => {
            let count = pb::Count {
                event_id: request_id(),
                ward: ward.clone(),
                as_of_time: Some(chassis::parse::timestamp(at.unwrap_or_else(chassis::clock::wall))),
                physical: Some(physical),
                staffed: Some(staffed),
                occupied: Some(occupied),
            };
            let request = pb::IngestCapacityRequest { counts: vec![count] };
            let answer = medical.capacity().ingest_capacity(request).await?.into_inner();
            match answer.results.into_iter().find_map(|one| one.result) {
                Some(Answer::Refused(why)) => {
                    output::say(&format!("{} ({})", why.message, why.reason));
                    return Ok(ExitCode::from(EXIT_FOUND));
                }
                Some(Answer::Accepted(taken)) => {
                    let marks = taken.marks().map(|mark| output::word(mark.as_str_name(), "CAPACITY_MARK_"));
                    for mark in marks {
                        output::say(&format!("taken in, and marked: {mark}"));
                    }
                }
                _ => {}
            }
            let request = pb::GetWardRequest { name: ward };
            wards.get_ward(request).await?.into_inner().ward.into_iter().collect()
        }
        Command::Import { file } => return import(&medical, file, style).await,
        Command::History { ward, limit } => return history(&medical, ward, limit, style).await,
        Command::Sum { of } => return sum(access, of, style).await,
    };
    style.rows(WARDS, &found.into_iter().map(ward_row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

/// Lists the counts of a ward.
async fn history(medical: &Medical, ward: String, limit: usize, style: Style) -> anyhow::Result<ExitCode> {
    let mut capacity = medical.capacity();
    let (page_size, page_token) = (pages::size(limit), String::new());
    let mut request = pb::ListCapacityRequest { ward, page_size, page_token };
    let figures = pages::up_to(limit, async |page_token| {
        request.page_token = page_token;
        let page = capacity.list_capacity(request.clone()).await?.into_inner();
        Ok((page.figures, page.next_page_token))
    });
    style.rows(COUNTS, &figures.await?.into_iter().map(count_row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

/// Sums beds; answers 1 where some are unknown.
async fn sum(access: &Access, of: String, style: Style) -> anyhow::Result<ExitCode> {
    let (unit, facility) = if of.starts_with("facilities/") {
        (String::new(), of)
    } else {
        (resolve(access, &of).await?, String::new())
    };
    let request = pb::GetBedsRequest { unit, facility };
    let sums = access.medical()?.capacity().get_beds(request).await?.into_inner().classes;
    let is_unknown = sums.iter().any(|sum| sum.unknown_wards > 0);
    style.rows(SUMS, &sums.into_iter().map(sum_row).collect::<Vec<_>>())?;
    Ok(if is_unknown { ExitCode::from(EXIT_FOUND) } else { ExitCode::SUCCESS })
}

/// Imports a file; answers 1 where lines are refused.
async fn import(medical: &Medical, file: PathBuf, style: Style) -> anyhow::Result<ExitCode> {
    let shown = file.display();
    let reader = File::open(&file).with_context(|| format!("opening {shown}"))?;
    let lines = counts_file::read(reader).with_context(|| format!("reading {shown}"))?;
    batches::send(lines, ("counts", 500), style, async |counts| {
        let request = pb::IngestCapacityRequest { counts };
        let answer = medical.capacity().ingest_capacity(request).await?.into_inner();
        Ok(answer.results.into_iter().map(came).collect())
    })
    .await
}

fn came(result: pb::CountResult) -> (String, Came) {
    let came = match result.result {
        Some(Answer::Accepted(_) | Answer::Duplicate(_)) => Came::Taken,
        Some(Answer::Refused(why)) => Came::Refused(why.reason, why.message),
        None => Came::unanswered(),
    };
    (result.event_id, came)
}
