//! `rampart observations watch`.

use std::process::ExitCode;

use proto::screening::{self as pb, watch_observations_response::Event};
use tonic::Status;

use super::{
    access::Access,
    observations::{COLUMNS, row},
    reporting::{self as shared, Retry},
};
use crate::{
    output::{self, Column, Form, Style},
    sheet::Sheet,
};

const ABOUT: &str = "\
First a line for each open observation, then one whenever one changes, ends, or comes into your sight; \"gone\" is \
what you no longer see. --output json prints one object a line, with the token that --since takes to resume after it: \
the first after the last of what is open.

Example:
  rampart --as province observations watch --output json";

/// Flags of `rampart observations watch`.
#[derive(Debug, clap::Args)]
#[command(after_help = ABOUT)]
pub(crate) struct Args {
    /// What changed after this token; everything that is open, and what changes, where not said
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TOKEN")]
    since: String,
}

/// Prints observations and changes until the program is stopped.
pub(super) async fn run(args: &Args, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut request = pb::WatchObservationsRequest { start_token: args.since.clone() };
    if style.output == Form::Csv {
        output::put(&sheet(style).csv_head()?)?;
    }
    let mut retry = Retry::default();
    loop {
        // A new connection has a new token of the caller.
        let ended = match access.screening()?.observations().watch_observations(request.clone()).await {
            Err(status) => status,
            Ok(stream) => {
                let mut stream = stream.into_inner();
                loop {
                    match stream.message().await {
                        Ok(Some(message)) => {
                            retry.worked();
                            request.start_token.clone_from(&message.token);
                            show(style, message)?;
                        }
                        Ok(None) => break Status::unavailable("the stream ended"),
                        Err(status) => break status,
                    }
                }
            }
        };
        retry.after(ended).await?;
    }
}

/// An observation's columns, after what came, and before the token.
fn sheet(style: Style) -> Sheet {
    let mut sheet = Sheet::new(style, &[Column { key: "event", en: "Event", zh: "变更" }]);
    COLUMNS.iter().for_each(|column| sheet.add_column(column.key, style.pick(column.en, column.zh)));
    sheet.add_column("token", style.pick("Token", "位置"));
    sheet
}

fn show(style: Style, message: pb::WatchObservationsResponse) -> anyhow::Result<()> {
    let (event, cells) = match message.event {
        Some(Event::Observation(observation)) => ("observation", row(observation)),
        Some(Event::Gone(gone)) => ("gone", vec![gone.name]),
        Some(Event::SnapshotEnd(end)) => {
            output::say(&format!("{} are open; what changes follows", end.observations));
            ("snapshot-end", Vec::new())
        }
        Some(Event::Heartbeat(_)) | None => return Ok(()),
    };
    let mut record: Vec<String> = std::iter::once(event.to_owned()).chain(cells).collect();
    let words: Vec<&str> = record.iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
    let words = words.join("  ");
    record.resize(COLUMNS.len() + 1, String::new());
    record.push(message.token);
    let mut sheet = sheet(style);
    sheet.add_row(record.into_iter().map(Into::into).collect());
    shared::change(style, &words, &sheet.json()[0], &sheet)
}
