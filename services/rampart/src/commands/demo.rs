//! `rampart demo`: the main job.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use chassis::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use proto::registry as pb;
use serde_json::{Value, json};

use super::up::{RootArgs, Up};
use crate::{
    client::{self, Registry},
    demo::{
        officers,
        units::{self, UnitCounts},
    },
    issuer::Issuer,
    output::{self, Form, Style},
    stack::Addresses,
};

/// Midnight of 3 February 2020 in Loudi.
const START: &str = "2020-02-02T16:00:00Z";
/// At nine in the morning a leader is replaced.
const REPLACED_AFTER: TimeDelta = TimeDelta::hours(9);

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
    output::say(&format!("starting Postgres and the services in {} …", args.data.display()));
    let up = Up::start(&args.data, args.addresses, &founding, clock.clone()).await?;
    let played = tokio::select! {
        played = play(&up, &clock, &founding.administrator) => played.map(Some),
        _ = tokio::signal::ctrl_c() => Ok(None),
    };
    // The simulated time belongs to the data: the next run goes on from it.
    fs::write(&clock_file, clock.now().to_rfc3339()).context("keeping the simulated time")?;
    let summary = match played {
        Ok(Some(summary)) => summary,
        stopped => {
            output::say("stopping …");
            up.stop().await?;
            return stopped.map(|_| ExitCode::from(130));
        }
    };
    if style.output == Form::Json {
        output::put(&serde_json::to_string_pretty(&summary.document())?)?;
    } else {
        output::put(&summary.text())?;
    }
    if args.exit {
        up.stop().await?;
        return Ok(ExitCode::SUCCESS);
    }
    output::say(&format!(
        "\nregistry   {}\n\nTry `rampart appointments vacancies`, or:\n  buf curl --schema proto --http2-prior-knowledge \\\n    -H \"authorization: Bearer $(rampart token)\" -d '{{\"level\":\"LEVEL_COUNTY\"}}' \\\n    {}/rampart.registry.v1.UnitService/ListUnits\n\nCtrl-C stops everything; the data stays.",
        up.stack.registry, up.stack.registry
    ));
    up.stay().await
}

/// What the demo found and made.
#[derive(Debug)]
struct Summary {
    units: UnitCounts,
    appointments: usize,
    vacancies: Vec<pb::Vacancy>,
    refused_after: Option<Duration>,
    took: Duration,
}

impl Summary {
    fn text(&self) -> String {
        let units = &self.units;
        let mut lines = vec![
            format!(
                "units         {} counties, {} towns, {} villages, {} grids",
                units.counties, units.towns, units.villages, units.grids
            ),
            format!("appointments  {} in force", self.appointments),
        ];
        if let Some(after) = self.refused_after {
            lines.push(format!("hand-over     the former leader was refused after {} ms", after.as_millis()));
        }
        for vacancy in &self.vacancies {
            let answering = vacancy.answering.clone().unwrap_or_default();
            lines.push(format!(
                "vacant        {} of {} ({}): {} of {} answers, {}",
                output::word(vacancy.office().as_str_name(), "OFFICE_"),
                vacancy.display_name,
                vacancy.unit,
                answering.display_name,
                answering.unit_display_name,
                answering.official_phone
            ));
        }
        lines.push(format!("took          {:.1} s", self.took.as_secs_f64()));
        lines.join("\n")
    }

    fn document(&self) -> Value {
        let vacancies = self.vacancies.iter().map(|vacancy| {
            let answering = vacancy.answering.clone().unwrap_or_default();
            json!({
                "unit": vacancy.unit,
                "display_name": vacancy.display_name,
                "office": output::word(vacancy.office().as_str_name(), "OFFICE_"),
                "answering": answering.display_name,
                "answering_at": answering.unit_display_name,
                "official_phone": answering.official_phone,
            })
        });
        json!({
            "units": {
                "county": {"count": self.units.counties, "source": "real"},
                "township": {"count": self.units.towns, "source": "real"},
                "village": {"count": self.units.villages, "source": "real", "names": "generated"},
                "grid": {"count": self.units.grids, "source": "real", "names": "generated"},
            },
            "appointments": {"count": self.appointments, "source": "generated"},
            "vacancies": vacancies.collect::<Vec<_>>(),
            "hand_over_refused_after_ms": self.refused_after.map(|after| after.as_millis()),
            "seconds": self.took.as_secs_f64(),
        })
    }
}

async fn play(up: &Up, clock: &Clock, administrator: &str) -> anyhow::Result<Summary> {
    let began = Instant::now();
    let registry = as_subject(&up.issuer, &up.stack.registry, administrator)?;
    units::build(&registry).await?;
    officers::fill(&registry).await?;
    clock.advance_to(START.parse::<DateTime<Utc>>()? + REPLACED_AFTER);
    let refused_after = match officers::replace_leader(&registry).await? {
        Some(former) => Some(refused(&as_subject(&up.issuer, &up.stack.registry, &former)?).await?),
        None => None,
    };
    Ok(Summary {
        units: units::count(&registry).await?,
        appointments: officers::count(&registry).await?,
        vacancies: client::vacancies(&registry, String::new()).await?,
        refused_after,
        took: began.elapsed(),
    })
}

/// How long it takes until a relieved officer is refused.
async fn refused(former: &Registry) -> anyhow::Result<Duration> {
    let began = Instant::now();
    while former.units().list_units(pb::ListUnitsRequest::default()).await.is_ok() {
        anyhow::ensure!(began.elapsed() < Duration::from_secs(10), "a relieved leader is still let in");
    }
    Ok(began.elapsed())
}

fn as_subject(issuer: &Issuer, endpoint: &str, subject: &str) -> anyhow::Result<Registry> {
    Registry::new(endpoint, &issuer.token(subject, Duration::from_secs(3_600))?)
}

/// The simulated time of an earlier run, or the beginning.
fn resumed(file: &Path) -> anyhow::Result<DateTime<Utc>> {
    match fs::read_to_string(file) {
        Ok(text) => text.trim().parse().with_context(|| format!("{} holds no instant", file.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(START.parse()?),
        Err(error) => Err(error).with_context(|| format!("reading {}", file.display())),
    }
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.with_context(|| format!("removing {}", folder.display())),
    }
}
