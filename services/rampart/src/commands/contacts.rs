//! `rampart contacts …`.

use std::{fs::File, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::ValueEnum;
use proto::screening::{self as pb, exposure_result::Result as Answer};

use super::{
    access::Access,
    batches::{self, Came},
    observations::named,
    pages,
    reporting::{instant, request_id},
    today,
    units::resolve,
};
use crate::{
    chains::{self, Step},
    contacts_file::{self, BATCH},
    output::{self, Column, Style},
};

/// Who met whom: contacts are taken in, put under observation, and followed.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Take in a list: CSV with the columns event_id, kind, first_time, and, where they are known, last_time, index,
    /// index_reference, contact (persons/{uuid}) or display_name, paper_type, paper_number, phone, address, place,
    /// protected. Sending a file again is safe
    Import {
        /// The file
        file: PathBuf,
        /// Who takes in those who are new
        #[arg(long, value_name = "UNIT")]
        unit: String,
        #[command(flatten)]
        damages: batches::Damages,
    },
    /// List exposures, the oldest first
    List {
        /// Only of contacts in the hands of this unit and of those below it
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// Only of this index, persons/{uuid}
        #[arg(long, default_value = "", value_name = "PERSON")]
        index: String,
        /// Only of this contact, persons/{uuid}
        #[arg(long, default_value = "", value_name = "PERSON")]
        contact: String,
        /// Only those of which nobody has said who the index is
        #[arg(long)]
        dangling: bool,
        /// What must be done: contacts whom nobody follows up yet, those whose index is not known, and, with --below, those
        /// to be decided on there since the index turned out to be no case
        #[arg(long, conflicts_with_all = ["index", "contact", "dangling"])]
        today: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Say who the index of a dangling exposure is
    Link {
        /// exposures/{uuid}
        exposure: String,
        /// persons/{uuid}
        index: String,
    },
    /// Take an exposure back that never was
    Withdraw {
        /// exposures/{uuid}
        exposure: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Decide that a contact stays under observation although the index turned out to be no case; the other way is
    /// `observations end … voided`
    Keep {
        /// observations/{uuid}
        observation: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Follow a person's contacts, and theirs
    Trace {
        /// persons/{uuid}
        person: String,
        /// How many generations
        #[arg(long, default_value_t = 3, value_name = "N")]
        generations: i32,
        /// As rows (see --output), a tree, or a graph for Graphviz
        #[arg(long, value_enum, default_value_t)]
        draw: Draw,
    },
    /// Count the contacts of cases: traced, released, converted, under observation, lost
    Count {
        /// units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        unit: String,
        /// As of the end of this day; now where it is not said
        #[arg(long, default_value = "", value_name = "DATE")]
        date: String,
    },
}

/// How a chain is drawn.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Draw {
    /// One row an exposure
    #[default]
    Rows,
    /// A tree
    Tree,
    /// A graph in the language of Graphviz
    Graph,
}

const COLUMNS: &[Column] = &[
    Column { key: "generation", en: "Generation", zh: "代" },
    Column { key: "name", en: "Exposure", zh: "编号" },
    Column { key: "index", en: "Index", zh: "传染源" },
    Column { key: "contact", en: "Contact", zh: "接触者" },
    Column { key: "kind", en: "Kind", zh: "接触方式" },
    Column { key: "close", en: "Close", zh: "密切接触" },
    Column { key: "window", en: "Window", zh: "时限" },
    Column { key: "first_time", en: "From", zh: "开始" },
    Column { key: "last_time", en: "To", zh: "最后" },
    Column { key: "place", en: "Place", zh: "地点" },
    Column { key: "withdrawn", en: "Taken back", zh: "撤销" },
];

const FIGURES: &[Column] = &[
    Column { key: "traced", en: "Traced", zh: "追踪" },
    Column { key: "released", en: "Released", zh: "解除" },
    Column { key: "converted", en: "Converted", zh: "转为病例" },
    Column { key: "under_observation", en: "Under observation", zh: "医学观察" },
    Column { key: "lost", en: "Lost", zh: "失访" },
    Column { key: "apart", en: "Apart", zh: "其他" },
    Column { key: "general", en: "General", zh: "一般接触" },
];

fn kind(exposure: &pb::Exposure) -> String {
    output::word(exposure.kind().as_str_name(), "CONTACT_KIND_")
}

fn row(generation: String, exposure: pb::Exposure) -> Vec<String> {
    let index = if exposure.index.is_empty() { &exposure.index_reference } else { &exposure.index };
    vec![
        generation,
        exposure.name.clone(),
        index.clone(),
        exposure.contact.clone(),
        kind(&exposure),
        exposure.close.to_string(),
        output::word(exposure.window().as_str_name(), "EXPOSURE_WINDOW_"),
        instant(exposure.first_time),
        instant(exposure.last_time),
        exposure.place,
        instant(exposure.withdraw_time),
    ]
}

/// Runs a command on contacts.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let screening = access.screening()?;
    let mut exposures = screening.exposures();
    let found: Vec<pb::Exposure> = match command {
        Command::Import { file, unit, damages } => {
            let unit = resolve(access, &unit).await?;
            let shown = file.display();
            let reader = File::open(&file).with_context(|| format!("opening {shown}"))?;
            let read = contacts_file::read(reader).with_context(|| format!("reading {shown}"))?;
            let lines = match batches::accepted(read, damages, style)? {
                Ok(lines) => lines,
                Err(code) => return Ok(code),
            };
            return batches::send(lines, ("contacts", BATCH), style, async |items| {
                let request = pb::IngestExposuresRequest { unit: unit.clone(), items };
                let answer = screening.exposures().ingest_exposures(request).await?.into_inner();
                Ok(answer.results.into_iter().map(came).collect())
            })
            .await;
        }
        Command::List { below, today: true, limit, .. } => {
            return today::contacts(below, limit, access, style).await;
        }
        Command::List { below, index, contact, dangling, limit, .. } => {
            let mut request = pb::ListExposuresRequest {
                ancestor_unit: named(below, access).await?,
                index,
                contact,
                dangling,
                page_size: pages::size(limit),
                page_token: String::new(),
            };
            pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = exposures.list_exposures(request.clone()).await?.into_inner();
                Ok((page.exposures, page.next_page_token))
            })
            .await?
        }
        Command::Link { exposure, index } => {
            let request = pb::LinkExposureRequest { request_id: request_id(), name: exposure, index };
            let linked = exposures.link_exposure(request).await?.into_inner();
            if !linked.observation.is_empty() {
                output::say(&format!("under observation: {}", linked.observation));
            }
            linked.exposure.into_iter().collect()
        }
        Command::Withdraw { exposure, reason } => {
            let request = pb::WithdrawExposureRequest { request_id: request_id(), name: exposure, reason };
            exposures.withdraw_exposure(request).await?.into_inner().exposure.into_iter().collect()
        }
        Command::Keep { observation, reason } => {
            let request = pb::KeepContactRequest { request_id: request_id(), observation, reason };
            let kept = exposures.keep_contact(request).await?.into_inner().observation.unwrap_or_default();
            output::say(&format!("stays under observation: {}", kept.name));
            return Ok(ExitCode::SUCCESS);
        }
        Command::Trace { person, generations, draw } => {
            let request = pb::TraceContactsRequest { person: person.clone(), generations };
            let mut parts = exposures.trace_contacts(request).await?.into_inner();
            let mut traced = Vec::new();
            while let Some(part) = parts.message().await? {
                traced.extend(part.exposures);
            }
            return show(&person, traced, draw, style);
        }
        Command::Count { unit, date } => {
            let request = pb::CountContactsRequest { unit: resolve(access, &unit).await?, date };
            let figures = exposures.count_contacts(request).await?.into_inner();
            let counts = [
                figures.traced,
                figures.released,
                figures.converted,
                figures.under_observation,
                figures.lost,
                figures.apart,
                figures.general,
            ];
            style.rows(FIGURES, &[counts.map(|count| count.to_string()).to_vec()])?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let rows = found.into_iter().map(|exposure| row(String::new(), exposure)[1..].to_vec());
    style.rows(&COLUMNS[1..], &rows.collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

fn came(result: pb::ExposureResult) -> (String, Came) {
    let came = match result.result {
        Some(Answer::Accepted(_) | Answer::Duplicate(_)) => Came::Taken,
        Some(Answer::Refused(why)) => Came::Refused(why.reason, why.message),
        None => Came::unanswered(),
    };
    (result.event_id, came)
}

fn show(person: &str, traced: Vec<pb::TracedExposure>, draw: Draw, style: Style) -> anyhow::Result<ExitCode> {
    let steps = || {
        let exposures = traced.iter().filter_map(|traced| traced.exposure.as_ref());
        let step = |exposure: &pb::Exposure| Step {
            from: exposure.index.clone(),
            to: exposure.contact.clone(),
            kind: kind(exposure),
        };
        exposures.map(step).collect::<Vec<_>>()
    };
    match draw {
        Draw::Tree => output::put(chains::tree(person, &steps()).trim_end())?,
        Draw::Graph => output::put(chains::graph(person, &steps()).trim_end())?,
        Draw::Rows => {
            let rows = traced
                .into_iter()
                .filter_map(|traced| Some(row(traced.generation.to_string(), traced.exposure?)));
            style.rows(COLUMNS, &rows.collect::<Vec<_>>())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
