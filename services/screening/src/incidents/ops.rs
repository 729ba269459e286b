//! Incidents are found here, in the transaction that confirms a case, takes in somebody febrile, or says more of where
//! somebody is or was: where the case resided, where the person is, where an exposure was, and in that county.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{CLUSTERED, Incident, Kind, WITHIN, places::folded, store};
use crate::{
    admissions,
    cases::{
        self, Case,
        classify::{cluster_from, has_suspected_clusters},
    },
    exposures,
    handdowns::address::names_units_only,
    house::House,
    keyring::Mark,
    observations, persons,
    schedules::{self, COUNTY, TOWNSHIP},
};

/// A small place: a grid or village, or what has a name and is none, within a county.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Site {
    /// A unit.
    Unit(Uuid),
    /// A county, the name of a place in it as it is compared, and as an exposure says it.
    Named(Uuid, String, String),
}

impl Site {
    /// What it is told apart by.
    fn place(&self) -> String {
        match self {
            Self::Unit(unit) => unit.to_string(),
            Self::Named(county, key, _) => format!("{county} {key}"),
        }
    }
}

/// Finds what a case that was confirmed now makes an incident of (R7, R8).
///
/// # Errors
/// Where the database fails.
pub async fn detect(house: &House, connection: &mut PgConnection, case: &Case) -> Result<Vec<Uuid>, Fault> {
    let Some(counted) = case.counted_unit.and_then(|unit| house.jurisdiction.standing(unit)) else {
        return Ok(Vec::new());
    };
    let today = house.jurisdiction.today();
    let upwards = today.place(counted).map(|place| today.upwards(place).collect::<Vec<_>>());
    let county = upwards
        .iter()
        .flatten()
        .filter_map(|place| today.at(*place))
        .find(|node| node.level == COUNTY)
        .map(|node| node.id);
    let mut found = Vec::new();
    if let Some(county) = county {
        store::lock_place(connection, &county.to_string()).await?;
        let units = house.jurisdiction.standing_below(&[county]);
        let is_first = cases::store::confirmed(connection, &units).await? <= 1;
        let ever = DateTime::UNIX_EPOCH;
        if is_first && !store::is_known(connection, Kind::FirstCase, (county, &[]), ever).await? {
            let place = Place { unit: county, name: String::new(), marks: Vec::new() };
            found.push(add(house, connection, Kind::FirstCase, place, case).await?);
        }
    }
    let present = cases::store::present_at(connection, case).await?.into_iter();
    let present = present.filter_map(|unit| house.jurisdiction.standing(unit));
    let units = present.chain([counted]).filter(|place| is_small(house, *place)).map(Site::Unit);
    let mut sites: Vec<Site> = units.collect();
    sites.extend(named(house, connection, (case.one, case.unit)).await?);
    for site in in_order(sites) {
        found.extend(clustered(house, connection, &site, case).await?);
    }
    Ok(found)
}

/// After more was said of where some are or were, each one with somebody and in some hands: finds the clusters at places
/// that have a name which a case of theirs belongs to, if it was confirmed lately (R8).
///
/// # Errors
/// Where the database fails.
pub async fn placed(house: &House, connection: &mut PgConnection, of: &[(Uuid, Uuid)]) -> Result<(), Fault> {
    let since = house.clock.now() - CLUSTERED;
    let mut seen = Vec::new();
    for (one, unit) in of {
        let case = cases::store::of_one(connection, *one).await?;
        let lately = |case: &Case| case.unit == *unit && case.found[1].is_some_and(|at| at >= since);
        let Some(case) = case.filter(lately) else { continue };
        let sites = named(house, connection, (*one, *unit)).await?;
        seen.extend(sites.into_iter().map(|site| (site, case.clone())));
    }
    seen.sort_by(|one, other| one.0.cmp(&other.0));
    for (site, case) in seen {
        clustered(house, connection, &site, &case).await?;
    }
    Ok(())
}

/// Finds what somebody febrile, who was taken in by one unit and is at another perhaps, makes an incident of: a suspected
/// cluster where somebody was confirmed there before (R8).
///
/// # Errors
/// Where the database fails.
pub async fn detect_febrile(
    house: &House,
    connection: &mut PgConnection,
    (one, unit, present): (Uuid, Uuid, Option<Uuid>),
) -> Result<(), Fault> {
    let rules = schedules::ops::rules(house, connection, unit, house.clock.today()).await?;
    if !has_suspected_clusters(rules) {
        return Ok(());
    }
    let standing = present.into_iter().chain([unit]).filter_map(|unit| house.jurisdiction.standing(unit));
    let mut sites: Vec<Site> = standing.filter(|place| is_small(house, *place)).map(Site::Unit).collect();
    sites.extend(named(house, connection, (one, unit)).await?);
    for site in in_order(sites) {
        if let Some(case) = confirmed(house, connection, &site).await?.into_iter().last() {
            let case = Case { rules, ..case };
            clustered(house, connection, &site, &case).await?;
        }
    }
    Ok(())
}

/// Sites in the order in which everybody looks at them, each once.
fn in_order(mut sites: Vec<Site>) -> Vec<Site> {
    sites.sort_unstable();
    sites.dedup_by(|one, other| one.place() == other.place());
    sites
}

/// The places that have a name and no unit's, where somebody is, as the unit that has the person has recorded it, or where
/// somebody met the person in the last four weeks: who is confirmed lately may have been there two weeks before.
async fn named(
    house: &House,
    connection: &mut PgConnection,
    (one, unit): (Uuid, Uuid),
) -> Result<Vec<Site>, Fault> {
    let everybody = persons::store::same(connection, &house.keys, one).await?.into_iter();
    let present = everybody.filter(|person| person.unit == unit).map(|person| person.details.present_place);
    let present = present.map(|name| (name, false));
    let since = house.clock.now() - CLUSTERED * 2;
    let met = exposures::store::places_of(connection, &house.keys, (one, unit), since).await?;
    let county = house.county(unit);
    let today = house.jurisdiction.today();
    let brought = brought(connection, (one, unit)).await?;
    let mut sites = Vec::new();
    for (name, is_open) in present.chain(met.into_iter().map(|name| (name, true))) {
        let key = folded(&name);
        if !key.is_empty() && !brought.contains(&key) && !names_units_only(&today, county, &name) {
            // What is sealed stays so.
            sites.push(Site::Named(county, key, if is_open { name } else { String::new() }));
        }
    }
    // Where both say it, what an exposure says is shown.
    sites.sort_unstable_by(|one, other| other.cmp(one));
    sites.dedup_by(|one, other| one.place() == other.place());
    Ok(sites)
}

/// A small place is a grid or a village: above that, residents are no cluster by living there.
fn is_small(house: &House, place: Uuid) -> bool {
    house.jurisdiction.today().node(place).is_some_and(|node| node.level > TOWNSHIP)
}

/// A place, and every unit that was closed and stands there now.
fn at(house: &House, place: Uuid) -> Vec<Uuid> {
    let below = house.jurisdiction.standing_below(&[place]).into_iter();
    below.filter(|unit| house.jurisdiction.standing(*unit) == Some(place)).collect()
}

/// Where somebody was brought, to be treated or observed, by the names as they are compared: nobody fell ill by being there.
async fn brought(connection: &mut PgConnection, of: (Uuid, Uuid)) -> Result<Vec<String>, Fault> {
    let facilities = admissions::store::facilities_of(connection, of).await?;
    Ok(facilities.iter().map(|facility| folded(facility)).collect())
}

/// The cases that were confirmed lately at a site, the last last.
async fn confirmed(house: &House, connection: &mut PgConnection, site: &Site) -> Result<Vec<Case>, Fault> {
    let since = house.clock.now() - CLUSTERED;
    match site {
        Site::Unit(place) => cases::store::confirmed_at(connection, &at(house, *place), since).await,
        Site::Named(county, key, _) => {
            let units = house.jurisdiction.standing_below(&[*county]);
            let named = (persons::place_marks(&house.keys, key), key.as_str());
            let instants = (since, since - CLUSTERED);
            let mut confirmed = Vec::new();
            for case in cases::store::confirmed_named(connection, named, &units, instants).await? {
                if !brought(connection, (case.one, case.unit)).await?.contains(key) {
                    confirmed.push(case);
                }
            }
            Ok(confirmed)
        }
    }
}

/// Whether somebody febrile, who is not the one given, was taken in lately at a site.
async fn has_febrile(
    house: &House,
    connection: &mut PgConnection,
    site: &Site,
    but: Uuid,
) -> Result<bool, Fault> {
    let since = house.clock.now() - CLUSTERED;
    match site {
        Site::Unit(place) => cases::store::has_febrile(connection, &at(house, *place), but, since).await,
        Site::Named(county, key, _) => {
            let units = house.jurisdiction.standing_below(&[*county]);
            let marks = persons::place_marks(&house.keys, key);
            cases::store::has_febrile_named(connection, &marks, &units, but, since).await
        }
    }
}

/// The cluster, or suspected one, that a case is the last of at a small place, where that is not known.
async fn clustered(
    house: &House,
    connection: &mut PgConnection,
    site: &Site,
    case: &Case,
) -> Result<Option<Uuid>, Fault> {
    let since = house.clock.now() - CLUSTERED;
    let place = match site {
        Site::Unit(unit) => Place { unit: *unit, name: String::new(), marks: Vec::new() },
        Site::Named(county, key, name) => {
            Place { unit: *county, name: name.clone(), marks: persons::place_marks(&house.keys, key) }
        }
    };
    store::lock_place(connection, &site.place()).await?;
    let is_cluster = confirmed(house, connection, site).await?.len() >= cluster_from(case.rules);
    let is_suspected = !is_cluster
        && has_suspected_clusters(case.rules)
        && has_febrile(house, connection, site, case.one).await?;
    let kind = is_cluster.then_some(Kind::Cluster).or_else(|| is_suspected.then_some(Kind::SuspectedCluster));
    match kind {
        Some(kind) if !store::is_known(connection, kind, (place.unit, &place.marks), since).await? => {
            Ok(Some(add(house, connection, kind, place, case).await?))
        }
        _ => Ok(None),
    }
}

/// Where an incident is.
struct Place {
    unit: Uuid,
    name: String,
    marks: Vec<Mark>,
}

async fn add(
    house: &House,
    connection: &mut PgConnection,
    kind: Kind,
    place: Place,
    case: &Case,
) -> Result<Uuid, Fault> {
    let now: DateTime<Utc> = house.clock.now();
    let incident = Incident {
        id: Uuid::now_v7(),
        kind: kind as i16,
        unit: place.unit,
        place: place.name,
        case: case.id,
        control_plan: case.rules.control_plan,
        created_at: now,
        deadline_at: now + WITHIN,
        reported_at: None,
        reported_by: String::new(),
        grade: 0,
    };
    observations::store::keep_units(connection, &[house.sight(place.unit)]).await?;
    store::insert(connection, &house.keys, &incident, place.marks.first()).await?;
    Ok(incident.id)
}
