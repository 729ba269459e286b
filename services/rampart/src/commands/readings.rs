//! `rampart readings …`.

use std::{fs::File, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use proto::{screening as pb, screening::reading_result::Result as Answer};

use super::{
    EXIT_FOUND,
    access::Access,
    batches::{self, Came},
    observations::named,
    reporting::{instant, request_id},
    worklist,
};
use crate::{
    client::Screening,
    output::{self, Column, Style},
    readings_file,
};

const IMPORT: &str = "\
The file is CSV in UTF-8 with the columns event_id (a UUID made once for each reading), observation, \
taken_time, kind (taken, absent, refused), and as needed temperature, symptoms (words with spaces between), \
note. Every line that is refused is listed with its number and why; the others are taken in. A reading is \
taken in once: a file that is sent again changes nothing.";

/// Temperature and symptoms of persons under observation.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Send one reading
    Take {
        /// observations/{uuid}
        observation: String,
        /// Degrees Celsius, such as 36.8
        #[arg(long, default_value_t = 0.0, hide_default_value = true, value_name = "DEGREES")]
        temperature: f64,
        /// What the person complains of, such as cough; may be repeated
        #[arg(long = "symptom", value_name = "WORD", value_parser = readings_file::symptom)]
        symptoms: Vec<pb::Symptom>,
        /// Nobody was there
        #[arg(long, conflicts_with_all = ["temperature", "symptoms", "refused"])]
        absent: bool,
        /// The person refused
        #[arg(long, conflicts_with_all = ["temperature", "symptoms"])]
        refused: bool,
        /// When, such as 2020-02-03T08:00:00+08:00; now where not said
        #[arg(long, value_name = "INSTANT")]
        at: Option<DateTime<Utc>>,
        /// How it was taken where that was no visit, such as "by phone"
        #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
        note: String,
    },
    /// Send the readings of a file
    #[command(after_help = IMPORT)]
    Import {
        /// The file: CSV
        file: PathBuf,
        #[command(flatten)]
        damages: batches::Damages,
    },
    /// List the readings of an observation in the order in which they were taken, or whom to read now
    List {
        /// observations/{uuid}
        #[arg(required_unless_present = "today", conflicts_with = "today")]
        observation: Option<String>,
        /// What must be done: whose slot of this hour has not been read, what closes first, first
        #[arg(long)]
        today: bool,
        /// Only there and below: units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        #[arg(long, value_name = "UNIT", requires = "today")]
        below: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: i32,
    },
    /// List readings that nobody looks for: after the end, in no slot, of what goes on as another observation
    Marked {
        /// units/{uuid}, or an official code SYSTEM/VINTAGE/CODE; all you may see where not said
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: i32,
    },
    /// List the slots of an observation, and what came of each
    Slots {
        /// observations/{uuid}
        observation: String,
    },
}

const RESULTS: &[Column] = &[
    Column { key: "line", en: "Line", zh: "行" },
    Column { key: "event_id", en: "Reading", zh: "编号" },
    Column { key: "result", en: "Result", zh: "结果" },
    Column { key: "outcome", en: "Says", zh: "结论" },
    Column { key: "marks", en: "Marks", zh: "标注" },
    Column { key: "referral", en: "Referral", zh: "转诊" },
    Column { key: "message", en: "Why", zh: "原因" },
];

const READINGS: &[Column] = &[
    Column { key: "taken", en: "Taken", zh: "测量时间" },
    Column { key: "outcome", en: "Says", zh: "结论" },
    Column { key: "temperature", en: "Temperature", zh: "体温" },
    Column { key: "symptoms", en: "Symptoms", zh: "症状" },
    Column { key: "marks", en: "Marks", zh: "标注" },
    Column { key: "received", en: "Received", zh: "接收时间" },
    Column { key: "entered_by", en: "Who", zh: "录入人" },
    Column { key: "note", en: "Note", zh: "备注" },
    Column { key: "observation", en: "Observation", zh: "观察" },
];

const SLOTS: &[Column] = &[
    Column { key: "opens", en: "From", zh: "开始" },
    Column { key: "closes", en: "To", zh: "截止" },
    Column { key: "outcome", en: "Outcome", zh: "结果" },
    Column { key: "missed", en: "Found missed", zh: "漏测记录时间" },
];

/// How many readings a call carries.
const BATCH: usize = 500;

fn outcome(outcome: pb::Outcome) -> String {
    match outcome {
        pb::Outcome::Unspecified => String::new(),
        outcome => output::word(outcome.as_str_name(), "OUTCOME_"),
    }
}

fn marks(marks: impl Iterator<Item = pb::Mark>) -> String {
    marks.map(|mark| output::word(mark.as_str_name(), "MARK_")).collect::<Vec<_>>().join(" ")
}

/// Symptoms in words.
pub(super) fn symptoms(symptoms: impl Iterator<Item = pb::Symptom>) -> String {
    symptoms.map(|symptom| output::word(symptom.as_str_name(), "SYMPTOM_")).collect::<Vec<_>>().join(" ")
}

/// What became of a reading as a row, and whether it was refused.
fn result(line: u64, result: pb::ReadingResult) -> (Vec<String>, bool) {
    let mut row = vec![line.to_string(), result.event_id];
    let refused = match result.result {
        Some(Answer::Accepted(accepted)) => {
            let says = outcome(accepted.outcome());
            let marks = marks(accepted.marks());
            row.extend(["accepted".to_owned(), says, marks, accepted.referral, String::new()]);
            false
        }
        Some(Answer::Duplicate(_)) => {
            row.push("duplicate".to_owned());
            false
        }
        Some(Answer::Refused(refused)) => {
            row.extend([refused.reason, String::new(), String::new(), String::new(), refused.message]);
            true
        }
        None => {
            row.push("unanswered".to_owned());
            true
        }
    };
    row.resize(RESULTS.len(), String::new());
    (row, refused)
}

/// Runs a command on readings.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let screening = access.screening()?;
    match command {
        Command::Take { observation, temperature, symptoms, absent, refused, at, note } => {
            let kind = match (absent, refused) {
                (true, _) => pb::ReadingKind::Absent,
                (_, true) => pb::ReadingKind::Refused,
                _ => pb::ReadingKind::Taken,
            };
            let reading = pb::Reading {
                event_id: request_id(),
                observation,
                taken_time: Some(chassis::parse::timestamp(at.unwrap_or_else(chassis::clock::wall))),
                kind: kind.into(),
                temperature,
                symptoms: symptoms.into_iter().map(i32::from).collect(),
                note,
                ..pb::Reading::default()
            };
            let request = pb::IngestReadingsRequest { readings: vec![reading] };
            let answer = screening.readings().ingest_readings(request).await?.into_inner();
            let (rows, refused): (Vec<_>, Vec<_>) =
                answer.results.into_iter().map(|answer| result(1, answer)).unzip();
            style.rows(RESULTS, &rows)?;
            let found = refused.contains(&true);
            Ok(if found { ExitCode::from(EXIT_FOUND) } else { ExitCode::SUCCESS })
        }
        Command::Import { file, damages } => import(&screening, file, damages, style).await,
        Command::List { observation: None, below, limit, .. } => {
            worklist::to_read(below, usize::try_from(limit).unwrap_or_default(), access, style).await
        }
        Command::List { observation: Some(observation), limit, .. } => {
            let request = pb::ListReadingsRequest {
                observation,
                page_size: limit.clamp(1, 1_000),
                ..Default::default()
            };
            let found = screening.readings().list_readings(request).await?.into_inner().readings;
            show(found, style)
        }
        Command::Marked { below, limit } => {
            let request = pb::ListReadingsRequest {
                ancestor_unit: named(below, access).await?,
                page_size: limit.clamp(1, 1_000),
                ..Default::default()
            };
            let found = screening.readings().list_readings(request).await?.into_inner().readings;
            show(found, style)
        }
        Command::Slots { observation } => {
            let request = pb::ListSlotsRequest { observation, page_size: 1_000, page_token: String::new() };
            let found = screening.readings().list_slots(request).await?.into_inner().slots;
            let row = |slot: pb::Slot| {
                vec![
                    instant(slot.open_time),
                    instant(slot.close_time),
                    outcome(slot.outcome()),
                    instant(slot.miss_time),
                ]
            };
            style.rows(SLOTS, &found.into_iter().map(row).collect::<Vec<_>>())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn show(readings: Vec<pb::Reading>, style: Style) -> anyhow::Result<ExitCode> {
    let row = |reading: pb::Reading| {
        vec![
            instant(reading.taken_time),
            outcome(reading.outcome()),
            if reading.temperature > 0.0 { reading.temperature.to_string() } else { String::new() },
            symptoms(reading.symptoms()),
            marks(reading.marks()),
            instant(reading.receive_time),
            reading.entered_by,
            reading.note,
            reading.observation,
        ]
    };
    style.rows(READINGS, &readings.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

/// Imports a file; answers 1 where lines are refused.
async fn import(
    screening: &Screening,
    file: PathBuf,
    damages: batches::Damages,
    style: Style,
) -> anyhow::Result<ExitCode> {
    let shown = file.display();
    let reader = File::open(&file).with_context(|| format!("opening {shown}"))?;
    let read = readings_file::read(reader).with_context(|| format!("reading {shown}"))?;
    let lines = match batches::accepted(read, damages, style)? {
        Ok(lines) => lines,
        Err(code) => return Ok(code),
    };
    batches::send(lines, ("readings", BATCH), style, async |readings| {
        let request = pb::IngestReadingsRequest { readings };
        let answer = screening.readings().ingest_readings(request).await?.into_inner();
        Ok(answer.results.into_iter().map(came).collect())
    })
    .await
}

fn came(result: pb::ReadingResult) -> (String, Came) {
    let came = match result.result {
        Some(Answer::Accepted(_) | Answer::Duplicate(_)) => Came::Taken,
        Some(Answer::Refused(why)) => Came::Refused(why.reason, why.message),
        None => Came::unanswered(),
    };
    (result.event_id, came)
}
