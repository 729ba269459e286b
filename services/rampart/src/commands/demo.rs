//! `rampart demo`: the main job.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use chassis::{Clock, program::cancel_on_signal};
use chrono::{DateTime, Utc};
use proto::reporting as pb;
use tokio_util::sync::CancellationToken;

use super::{
    EXIT_FOUND,
    up::{RootArgs, Up},
};
use crate::{
    demo::{
        bulletins, forms,
        journal::Journal,
        play::{self, Outcome},
        stage::{START, Stage},
        tree,
    },
    output::{self, Form, Lang, Style},
    stack::Addresses,
};

/// Flags of `rampart demo`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of the demo's private Postgres; kept between runs
    #[arg(long, env = "RAMPART_DEMO_DATA", default_value = "/var/tmp/rampart-demo", value_name = "FOLDER")]
    data: PathBuf,
    #[command(flatten)]
    addresses: Addresses,
    /// Begin anew: remove the data of earlier runs
    #[arg(long)]
    fresh: bool,
    /// End when the job is done, instead of staying up until Ctrl-C
    #[arg(long)]
    exit: bool,
    /// Play in a small city, to see it all in a minute or two: every town with a few of its villages, and fewer
    /// returnees. Data that were begun with the whole city go on with it
    #[arg(long)]
    small: bool,
    /// File with the official villages, instead of generated ones: the columns of the statistics bureau's list
    #[arg(long, value_name = "FILE")]
    units: Option<PathBuf>,
    #[command(flatten)]
    root: RootArgs,
}

/// Plays the main job.
pub(crate) async fn demo(args: Args, style: Style) -> anyhow::Result<ExitCode> {
    if args.fresh {
        remove(&args.data)?;
    }
    let clock_file = args.data.join("clock");
    let clock = Clock::simulated(chrono_tz::Asia::Shanghai, resumed(&clock_file)?);
    let founding = args.root.founding()?;
    let mut official = args.units.as_deref().map(tree::official).transpose()?.unwrap_or_default();
    let mut towns = tree::towns()?;
    if args.small {
        tree::shrink(&mut towns, &mut official);
    }
    output::say(&format!("starting Postgres and the services in {} …", args.data.display()));
    let up = Up::start(&args.data, args.addresses, &founding, clock.clone()).await?;
    let stack = &up.stack;
    let services = (stack.registry.as_str(), stack.reporting.as_str(), stack.screening.as_str());
    let stage = Stage::new(&up.issuer, &clock, services, &founding.administrator)?;
    let bulletins = args.data.join("bulletins");
    let journal = Journal::new(&args.data.join("journal"));
    let played = tokio::select! {
        played = play::play(&stage, (&towns, &official), &journal, &bulletins) => played.map(Some),
        () = cancel_on_signal(CancellationToken::new()) => Ok(None),
    };
    // The simulated time belongs to the data: the next run goes on from it.
    fs::write(&clock_file, clock.now().to_rfc3339()).context("keeping the simulated time")?;
    let outcome = match played {
        Ok(Some(outcome)) => outcome,
        stopped => {
            output::say("stopping …");
            up.stop().await?;
            return stopped.map(|_| ExitCode::from(130));
        }
    };
    if style.output == Form::Json {
        output::put(&serde_json::to_string_pretty(&outcome.document())?)?;
    } else {
        put_bulletin(&stage, &outcome, style.lang).await?;
        output::put(&outcome.text())?;
    }
    let code = if outcome.laws.hold() && outcome.morning.hold() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_FOUND)
    };
    output::say(&format!("bulletins     {} files in {}", outcome.bulletins, bulletins.display()));
    if args.exit {
        up.stop().await?;
        return Ok(code);
    }
    output::say(&format!(
        "\nregistry   {}\nreporting  {}\nscreening  {}\nmedical    {}\n\nTry `rampart reports missing grid-day 2020-02-03`, or:\n  buf curl --schema proto --http2-prior-knowledge \\\n    -H \"authorization: Bearer $(rampart token)\" -d '{{\"key\":\"grid-day\"}}' \\\n    {}/rampart.reporting.v1.FormService/GetForm\n\nCtrl-C stops everything; the data stays.",
        up.stack.registry, up.stack.reporting, up.stack.screening, up.stack.medical, up.stack.reporting
    ));
    up.stay().await
}

/// Prints the bulletin of the epidemic day.
async fn put_bulletin(stage: &Stage, outcome: &Outcome, lang: Lang) -> anyhow::Result<()> {
    let language = match lang {
        Lang::Zh => pb::Language::Zh,
        Lang::En => pb::Language::En,
    };
    let seal = outcome.seals.iter().find(|(key, _)| *key == forms::EPIDEMIC_DAY).map(|(_, seal)| seal);
    if let Some(seal) = seal {
        let how = (pb::Template::Internal, pb::Format::Text, language);
        output::put(&bulletins::print(stage, seal, how).await?)?;
    }
    Ok(())
}

/// The simulated time of an earlier run, or the beginning.
fn resumed(file: &Path) -> anyhow::Result<DateTime<Utc>> {
    match fs::read_to_string(file) {
        Ok(text) => text.trim().parse().with_context(|| format!("{} holds no instant", file.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(START),
        Err(error) => Err(error).with_context(|| format!("reading {}", file.display())),
    }
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.with_context(|| format!("removing {}", folder.display())),
    }
}
