//! `rampart passages …`.

use std::{fs::File, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use chrono::NaiveDate;
use proto::screening::{self as pb, passage_result::Result as Came};

use super::{
    EXIT_FOUND,
    access::Access,
    batches,
    checkpoints::{self, SHIFTS},
    observations::named,
    pages,
    reporting::instant,
};
use crate::{
    output::{self, Column, Style},
    passages_file::{self, BATCH},
};

/// Who passes checkpoints.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Send a file of passages: CSV with the columns event_id, pass_time, display_name, and, where they are known,
    /// paper_type, paper_number, phone, place, temperature, from_outside, from_area, direction, party, seat, origin, test.
    /// Sending a file again is safe
    Import {
        /// The file
        file: PathBuf,
        /// checkpoints/{uuid}
        #[arg(long, value_name = "CHECKPOINT")]
        at: String,
        #[command(flatten)]
        damages: batches::Damages,
    },
    /// Count who passed, shift by shift of a day; exit 1 where nothing was said of one that is over
    List {
        /// Only at this post, checkpoints/{uuid}
        #[arg(long, value_name = "CHECKPOINT")]
        at: Option<String>,
        /// Only at posts of this unit and of those below it
        #[arg(long, value_name = "UNIT", conflicts_with = "at")]
        below: Option<String>,
        /// The day
        #[arg(long, value_name = "DATE", required_unless_present = "today")]
        date: Option<NaiveDate>,
        /// What must be done: the picture of today's shifts, those of which nothing was said first
        #[arg(long, conflicts_with = "date")]
        today: bool,
        /// At most so many posts
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// List who passed in one vehicle or party, whole, for a reason, which is kept with your name
    Fellows {
        /// checkpoints/{uuid}
        checkpoint: String,
        /// The vehicle or party, such as a train's number and day
        party: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Only on this day
        #[arg(long, default_value = "", hide_default_value = true, value_name = "DATE")]
        date: String,
        /// At most so many
        #[arg(long, default_value_t = 200, value_name = "N")]
        limit: usize,
    },
}

const FELLOWS: &[Column] = &[
    Column { key: "passed", en: "Passed", zh: "通过时间" },
    Column { key: "seat", en: "Seat", zh: "座位" },
    Column { key: "display_name", en: "Name", zh: "姓名" },
    Column { key: "paper", en: "Paper", zh: "证件号码" },
    Column { key: "phones", en: "Phones", zh: "电话" },
    Column { key: "place", en: "Where to", zh: "去向" },
    Column { key: "temperature", en: "Temperature", zh: "体温" },
    Column { key: "handdown", en: "Hand-down", zh: "移交" },
];

fn fellow(fellow: pb::Fellow) -> Vec<String> {
    let passage = fellow.passage.unwrap_or_default();
    let details = passage.details.unwrap_or_default();
    let temperature = if passage.temperature > 0.0 { passage.temperature.to_string() } else { String::new() };
    vec![
        instant(passage.pass_time),
        passage.seat,
        details.display_name,
        details.paper.unwrap_or_default().number,
        details.phones.join(" "),
        details.present_place,
        temperature,
        fellow.handdown,
    ]
}

/// Lists who passed in one vehicle or party.
async fn fellows(
    mut request: pb::ListFellowsRequest,
    limit: usize,
    access: &Access,
    style: Style,
) -> anyhow::Result<ExitCode> {
    request.page_size = pages::size(limit);
    let mut passages = access.screening()?.passages();
    let found = pages::up_to(limit, async |page_token| {
        request.page_token = page_token;
        let page = passages.list_fellows(request.clone()).await?.into_inner();
        Ok((page.fellows, page.next_page_token))
    })
    .await?;
    style.rows(FELLOWS, &found.into_iter().map(fellow).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

/// Counts who passed the posts of a unit, or one, in the shifts of a day; of today's, what was not said first.
async fn list(
    (at, below): (Option<String>, Option<String>),
    date: Option<NaiveDate>,
    limit: usize,
    access: &Access,
    style: Style,
) -> anyhow::Result<ExitCode> {
    let mut service = access.screening()?.checkpoints();
    let posts = if let Some(name) = at {
        let answer = service.get_checkpoint(pb::GetCheckpointRequest { name }).await?;
        answer.into_inner().checkpoint.into_iter().collect()
    } else {
        let mut request = pb::ListCheckpointsRequest {
            ancestor_unit: named(below, access).await?,
            page_size: pages::size(limit),
            page_token: String::new(),
        };
        pages::up_to(limit, async |page_token| {
            request.page_token = page_token;
            let page = service.list_checkpoints(request.clone()).await?.into_inner();
            Ok((page.checkpoints, page.next_page_token))
        })
        .await?
    };
    let mut shifts = Vec::new();
    for post in posts {
        let date = date.map(|date| date.to_string()).unwrap_or_default();
        let request = pb::GetShiftsRequest { checkpoint: post.name.clone(), date };
        let answer = service.get_shifts(request).await?.into_inner();
        shifts.extend(answer.shifts.into_iter().map(|shift| (post.clone(), shift)));
    }
    let is_missing = |shift: &pb::Shift| shift.state() == pb::ShiftState::Missing;
    let found = shifts.iter().any(|(_, shift)| is_missing(shift));
    if date.is_none() {
        shifts.sort_by_key(|(_, shift)| {
            (!is_missing(shift), shift.start_time.map_or(0, |start| start.seconds))
        });
    }
    let columns = [&POST[..], SHIFTS].concat();
    let row = |(post, shift): (pb::Checkpoint, pb::Shift)| {
        [vec![post.name, post.display_name], checkpoints::shift(shift)].concat()
    };
    style.rows(&columns, &shifts.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(if found { ExitCode::from(EXIT_FOUND) } else { ExitCode::SUCCESS })
}

const POST: [Column; 2] = [
    Column { key: "checkpoint", en: "Checkpoint", zh: "编号" },
    Column { key: "display_name", en: "Name", zh: "名称" },
];

const RESULTS: &[Column] = &[
    Column { key: "line", en: "Line", zh: "行" },
    Column { key: "event_id", en: "Passage", zh: "编号" },
    Column { key: "result", en: "Result", zh: "结果" },
    Column { key: "handdown", en: "Hand-down", zh: "移交" },
    Column { key: "message", en: "Why", zh: "原因" },
];

/// Runs a command on passages.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let (file, at, damages) = match command {
        Command::Import { file, at, damages } => (file, at, damages),
        Command::List { at, below, date, limit, .. } => {
            return list((at, below), date, limit, access, style).await;
        }
        Command::Fellows { checkpoint, party, reason, date, limit } => {
            let request = pb::ListFellowsRequest { checkpoint, party, reason, date, ..Default::default() };
            return fellows(request, limit, access, style).await;
        }
    };
    let shown = file.display();
    let reader = File::open(&file).with_context(|| format!("opening {shown}"))?;
    let read = passages_file::read(reader, &at).with_context(|| format!("reading {shown}"))?;
    let lines = match batches::accepted(read, damages, style)? {
        Ok(lines) => lines,
        Err(code) => return Ok(code),
    };
    let (mut sound, mut rows, mut refused) = (Vec::new(), Vec::new(), 0_usize);
    for (line, passage) in lines {
        match passage {
            Ok(passage) => sound.push((line, passage)),
            Err(wrong) => {
                refused += 1;
                let result = "BAD_LINE".to_owned();
                rows.push((line, vec![line.to_string(), String::new(), result, String::new(), wrong]));
            }
        }
    }
    let bar = output::bar(sound.len(), "passages");
    let batches: Vec<_> = (1_i64..)
        .zip(sound.chunks(BATCH))
        .map(|(sequence, batch)| pb::IngestPassagesRequest {
            sequence,
            passages: batch.iter().map(|(_, passage)| passage.clone()).collect(),
        })
        .collect();
    let mut taken = 0_usize;
    if !batches.is_empty() {
        let stream = futures::stream::iter(batches);
        let mut answers = access.screening()?.passages().ingest_passages(stream).await?.into_inner();
        let mut batches = sound.chunks(BATCH);
        while let Some(answer) = answers.message().await.with_context(|| again(taken, sound.len()))? {
            let batch = batches.next().unwrap_or_default();
            for ((line, _), result) in batch.iter().zip(answer.results) {
                let mut row = vec![line.to_string(), result.event_id];
                match result.result {
                    Some(Came::Accepted(accepted)) => {
                        taken += 1;
                        if accepted.handdown.is_empty() {
                            continue;
                        }
                        let word = if accepted.urgent { "at once" } else { "in the batch" };
                        row.extend([word.to_owned(), accepted.handdown, String::new()]);
                    }
                    Some(Came::Duplicate(_)) => {
                        taken += 1;
                        continue;
                    }
                    Some(Came::Refused(why)) => {
                        refused += 1;
                        row.extend([why.reason, String::new(), why.message]);
                    }
                    None => {
                        refused += 1;
                        let words = "no answer; send the file again".to_owned();
                        row.extend(["UNANSWERED".to_owned(), String::new(), words]);
                    }
                }
                rows.push((*line, row));
            }
            bar.inc(u64::try_from(batch.len())?);
        }
    }
    bar.finish_and_clear();
    rows.sort_by_key(|row| row.0);
    style.rows(RESULTS, &rows.into_iter().map(|row| row.1).collect::<Vec<_>>())?;
    output::say(&format!("{taken} taken in, now or before; {refused} refused"));
    anyhow::ensure!(taken + refused >= sound.len(), again(taken, sound.len()));
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FOUND) })
}

fn again(taken: usize, all: usize) -> String {
    format!("{taken} of {all} were taken in; send the file again, what was taken in is recognised")
}
