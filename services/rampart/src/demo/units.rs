//! Builds the demo's tree through the public API.

use anyhow::Context as _;
use proto::registry as pb;

use super::tree::{self, Official, Town};
use crate::{
    client::{Authorized, Registry},
    output,
};

/// How many units a call may create.
const BATCH: usize = 1_000;

/// How many units there are of each level below the city.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct UnitCounts {
    /// Counties.
    pub counties: usize,
    /// Towns.
    pub towns: usize,
    /// Villages.
    pub villages: usize,
    /// Grids.
    pub grids: usize,
}

/// Builds the tree town by town; a town that is there already, from an earlier run, is left as it is.
///
/// # Errors
/// A refusal.
pub async fn build(registry: &Registry, towns: &[Town], official: &Official) -> anyhow::Result<()> {
    let mut units = registry.units();
    let root = find(&mut units, "431300000000").await?.context("the root is not there")?;
    let bar = output::bar(towns.len(), "towns");
    for (code, name) in tree::counties(towns) {
        if find(&mut units, &code).await?.is_none() {
            let county = unit(&name, pb::Level::County, &root, &code);
            create(&mut units, vec![county]).await?;
        }
    }
    for town in towns {
        bar.set_message(town.town.clone());
        if find(&mut units, &town.town_code).await?.is_none() {
            let county = find(&mut units, &town.county_code).await?;
            let county = county.context("a county is not there")?;
            create(&mut units, town_units(town, &county, official)).await?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

/// A town with its villages and their grids, parents first.
fn town_units(town: &Town, county: &str, official: &Official) -> Vec<pb::NewUnit> {
    let mut all = vec![unit(&town.town, pb::Level::Township, county, &town.town_code)];
    let below = format!("client:{}", town.town_code);
    for village in tree::villages(town, official) {
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

/// A client of units.
pub type Units = pb::unit_service_client::UnitServiceClient<Authorized>;

async fn create(units: &mut Units, batch: Vec<pb::NewUnit>) -> anyhow::Result<()> {
    anyhow::ensure!(batch.len() <= BATCH, "a town has more than {BATCH} units");
    let request = pb::BatchCreateUnitsRequest { request_id: uuid::Uuid::now_v7().to_string(), units: batch };
    units.batch_create_units(request).await?;
    Ok(())
}

/// The unit that bears a code, if there is one.
///
/// # Errors
/// A refusal.
pub async fn find(units: &mut Units, code: &str) -> anyhow::Result<Option<String>> {
    let request = pb::LookupUnitRequest { code: Some(nbs(code)), as_of: String::new() };
    match units.lookup_unit(request).await {
        Ok(found) => Ok(found.into_inner().unit.map(|unit| unit.name)),
        Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
        Err(status) => Err(status.into()),
    }
}

/// Counts the units below the city.
///
/// # Errors
/// A refusal.
pub async fn count(registry: &Registry) -> anyhow::Result<UnitCounts> {
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
