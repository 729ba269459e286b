//! Files that are sent in batches: each line is its own answer, and sending a file again is safe.

use std::process::ExitCode;

use tonic::Status;

use super::{EXIT_FOUND, reporting::Retry};
use crate::{
    lines::{Line, Lines},
    output::{self, Column, Style},
};

/// What is done with cells that look damaged.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Damages {
    /// Send what looks damaged by a wrong character set as it is
    #[arg(long)]
    accept_damaged: bool,
}

const DAMAGED: &[Column] = &[
    Column { key: "line", en: "Line", zh: "行" },
    Column { key: "column", en: "Column", zh: "列" },
    Column { key: "damage", en: "Looks damaged", zh: "疑似乱码" },
    Column { key: "likely", en: "Perhaps", zh: "疑为" },
];

/// The lines of a file that may be sent; where cells look damaged and nobody has accepted that, they are listed, and the
/// command ends with the code before anything is sent (I12).
pub(crate) fn accepted<T>(
    read: Lines<T>,
    damages: Damages,
    style: Style,
) -> anyhow::Result<Result<Vec<Line<T>>, ExitCode>> {
    if read.is_gb18030 {
        output::say("the file is not UTF-8; it was read as GB18030");
    }
    if read.damaged.is_empty() {
        return Ok(Ok(read.lines));
    }
    let count = read.damaged.len();
    if damages.accept_damaged {
        output::say(&format!("{count} cells look damaged and are sent as they are"));
        return Ok(Ok(read.lines));
    }
    let rows = read.damaged.into_iter().map(|one| {
        let likely = one.damage.repaired().unwrap_or_default().to_owned();
        vec![one.line.to_string(), one.column, one.damage.words().to_owned(), likely]
    });
    style.rows(DAMAGED, &rows.collect::<Vec<_>>())?;
    output::say(&format!(
        "{count} cells look damaged by a wrong character set; nothing was sent. Mend the file and save it as \"CSV UTF-8\", or send them as they are with --accept-damaged"
    ));
    Ok(Err(ExitCode::from(EXIT_FOUND)))
}

/// What became of one line.
pub(crate) enum Came {
    /// Taken in, now or before.
    Taken,
    /// Not taken in: the reason, and the words.
    Refused(String, String),
}

impl Came {
    /// No answer.
    pub(crate) fn unanswered() -> Self {
        Self::Refused("UNANSWERED".to_owned(), "no answer; send the file again".to_owned())
    }
}

const REFUSED: &[Column] = &[
    Column { key: "line", en: "Line", zh: "行" },
    Column { key: "event_id", en: "Id", zh: "编号" },
    Column { key: "result", en: "Result", zh: "结果" },
    Column { key: "message", en: "Why", zh: "原因" },
];

/// Sends lines in batches, and prints those that were refused; answers 1 where any was.
///
/// # Errors
/// The refusal of a whole batch, after saying how many lines were not answered.
pub(crate) async fn send<T: Clone>(
    lines: Vec<Line<T>>,
    (what, size): (&str, usize),
    style: Style,
    mut call: impl AsyncFnMut(Vec<T>) -> Result<Vec<(String, Came)>, Status>,
) -> anyhow::Result<ExitCode> {
    let (mut sound, mut refused) = (Vec::new(), Vec::new());
    for (line, item) in lines {
        match item {
            Ok(item) => sound.push((line, item)),
            Err(wrong) => refused.push((line, vec![String::new(), "BAD_LINE".to_owned(), wrong])),
        }
    }
    let bar = output::bar(sound.len(), what);
    let (mut taken, mut retry) = (0, Retry::default());
    let (mut rest, mut sent) = (&sound[..], Ok(()));
    while !rest.is_empty() {
        let (batch, after) = rest.split_at(rest.len().min(size));
        match call(batch.iter().map(|(_, item)| item.clone()).collect()).await {
            Ok(results) => {
                retry.worked();
                for ((line, _), (id, came)) in batch.iter().zip(results) {
                    match came {
                        Came::Taken => taken += 1,
                        Came::Refused(reason, words) => refused.push((*line, vec![id, reason, words])),
                    }
                }
                bar.inc(u64::try_from(batch.len())?);
                rest = after;
            }
            Err(status) => {
                sent = retry.after(status).await;
                if sent.is_err() {
                    break;
                }
            }
        }
    }
    bar.finish_and_clear();
    refused.sort_by_key(|row| row.0);
    let count = refused.len();
    let rows = refused.into_iter().map(|(line, row)| [vec![line.to_string()], row].concat());
    style.rows(REFUSED, &rows.collect::<Vec<_>>())?;
    output::say(&format!("{taken} taken in, now or before; {count} refused"));
    if let Err(error) = sent {
        output::say(&format!("{} of {} were not answered; send the file again", rest.len(), sound.len()));
        return Err(error.into());
    }
    Ok(if count == 0 { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FOUND) })
}
