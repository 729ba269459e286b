//! `rampart demo`: the main job.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Instant};

use anyhow::Context as _;
use chassis::Clock;
use proto::registry as pb;

use super::up::{RootArgs, Up};
use crate::{
    client::{Authorized, Registry},
    demo::tree::{self, Town},
    issuer::Issuer,
    output::{self, Form, Style},
};

/// Midnight of 3 February 2020 in Loudi.
const START: &str = "2020-02-02T16:00:00Z";
/// How many units a call may create.
const BATCH: usize = 1_000;

/// Flags of `rampart demo`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of the demo's private Postgres; kept between runs
    #[arg(long, env = "RAMPART_DEMO_DATA", default_value = "/var/tmp/rampart-demo", value_name = "FOLDER")]
    data: PathBuf,
    /// Address of the registry
    #[arg(long, default_value = "127.0.0.1:7401", value_name = "ADDR")]
    registry: SocketAddr,
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
    let clock = Clock::simulated(chrono_tz::Asia::Shanghai, START.parse()?);
    let founding = args.root.founding()?;
    output::say(&format!("starting Postgres and the services in {} …", args.data.display()));
    let up = Up::start(&args.data, args.registry, &founding, clock).await?;
    let played = tokio::select! {
        played = play(&up) => played,
        _ = tokio::signal::ctrl_c() => Ok(None),
    };
    let summary = match played {
        Ok(Some(summary)) => summary,
        stopped => {
            output::say("stopping …");
            up.stop().await?;
            return stopped.map(|_| ExitCode::from(130));
        }
    };
    if style.output == Form::Json {
        output::put(&serde_json::to_string_pretty(&summary)?)?;
    } else {
        output::put(&format!(
            "units: {} counties, {} towns, {} villages, {} grids ({:.1} s)",
            summary.units.counties,
            summary.units.towns,
            summary.units.villages,
            summary.units.grids,
            summary.seconds,
        ))?;
    }
    if args.exit {
        up.stop().await?;
        return Ok(ExitCode::SUCCESS);
    }
    output::say(&format!(
        "\nregistry   {}\n\nTry `rampart units list --level county`, or:\n  buf curl --schema proto --http2-prior-knowledge \\\n    -H \"authorization: Bearer $(rampart token)\" -d '{{\"level\":\"LEVEL_COUNTY\"}}' \\\n    {}/rampart.registry.v1.UnitService/ListUnits\n\nCtrl-C stops everything; the data stays.",
        up.stack.registry, up.stack.registry
    ));
    up.stay().await
}

/// What the demo found and made.
#[derive(Debug, serde::Serialize)]
struct Summary {
    units: UnitCounts,
    seconds: f64,
}

#[derive(Debug, Default, serde::Serialize)]
struct UnitCounts {
    counties: usize,
    towns: usize,
    villages: usize,
    grids: usize,
}

async fn play(up: &Up) -> anyhow::Result<Option<Summary>> {
    let began = Instant::now();
    let registry = administrator(&up.issuer, &up.stack.registry)?;
    build(&registry).await?;
    let units = count(&registry).await?;
    Ok(Some(Summary { units, seconds: began.elapsed().as_secs_f64() }))
}

fn administrator(issuer: &Issuer, endpoint: &str) -> anyhow::Result<Registry> {
    let token = issuer.token("admin", std::time::Duration::from_secs(3_600))?;
    Registry::new(endpoint, &token)
}

/// Builds the tree town by town; a town that is there already, from an earlier run, is left as it is.
async fn build(registry: &Registry) -> anyhow::Result<()> {
    let towns = tree::towns()?;
    let mut units = registry.units();
    let root = find(&mut units, "431300000000").await?.context("the root is not there")?;
    let bar = output::bar(towns.len(), "towns");
    for (code, name) in tree::counties(&towns) {
        if find(&mut units, &code).await?.is_none() {
            let county = unit(&name, pb::Level::County, &root, &code);
            create(&mut units, vec![county]).await?;
        }
    }
    for town in &towns {
        bar.set_message(town.town.clone());
        if find(&mut units, &town.town_code).await?.is_none() {
            let county = find(&mut units, &town.county_code).await?;
            let county = county.context("a county is not there")?;
            create(&mut units, town_units(town, &county)).await?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

/// A town with its villages and their grids, parents first.
fn town_units(town: &Town, county: &str) -> Vec<pb::NewUnit> {
    let mut all = vec![unit(&town.town, pb::Level::Township, county, &town.town_code)];
    let below = format!("client:{}", town.town_code);
    for village in tree::villages(town) {
        all.push(unit(&village.name, pb::Level::Village, &below, &village.code));
        all.extend(village.grids.iter().map(|grid| pb::NewUnit {
            display_name: grid.clone(),
            level: pb::Level::Grid.into(),
            parent_unit: format!("client:{}", village.code),
            start_date: START_DATE.to_owned(),
            ..pb::NewUnit::default()
        }));
    }
    all
}

/// The tree's first date: that of the codes.
const START_DATE: &str = "2019-10-31";

fn unit(name: &str, level: pb::Level, parent: &str, code: &str) -> pb::NewUnit {
    pb::NewUnit {
        display_name: name.to_owned(),
        level: level.into(),
        parent_unit: parent.to_owned(),
        codes: vec![nbs(code)],
        start_date: START_DATE.to_owned(),
        client_id: code.to_owned(),
        ..pb::NewUnit::default()
    }
}

fn nbs(code: &str) -> pb::UnitCode {
    pb::UnitCode { system: "NBS".to_owned(), vintage: "2019".to_owned(), code: code.to_owned() }
}

type Units = pb::unit_service_client::UnitServiceClient<Authorized>;

async fn create(units: &mut Units, batch: Vec<pb::NewUnit>) -> anyhow::Result<()> {
    anyhow::ensure!(batch.len() <= BATCH, "a town has more than {BATCH} units");
    let request = pb::BatchCreateUnitsRequest { request_id: uuid::Uuid::now_v7().to_string(), units: batch };
    units.batch_create_units(request).await?;
    Ok(())
}

async fn find(units: &mut Units, code: &str) -> anyhow::Result<Option<String>> {
    let request = pb::LookupUnitRequest { code: Some(nbs(code)), as_of: String::new() };
    match units.lookup_unit(request).await {
        Ok(found) => Ok(found.into_inner().unit.map(|unit| unit.name)),
        Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
        Err(status) => Err(status.into()),
    }
}

async fn count(registry: &Registry) -> anyhow::Result<UnitCounts> {
    let mut counts = UnitCounts::default();
    let mut request = pb::ListUnitsRequest { page_size: 1_000, ..pb::ListUnitsRequest::default() };
    loop {
        let page = registry.units().list_units(request.clone()).await?.into_inner();
        for unit in &page.units {
            match unit.level() {
                pb::Level::County => counts.counties += 1,
                pb::Level::Township => counts.towns += 1,
                pb::Level::Village => counts.villages += 1,
                pb::Level::Grid => counts.grids += 1,
                _ => {}
            }
        }
        if page.next_page_token.is_empty() {
            return Ok(counts);
        }
        request.page_token = page.next_page_token;
    }
}

fn remove(folder: &std::path::Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.with_context(|| format!("removing {}", folder.display())),
    }
}
