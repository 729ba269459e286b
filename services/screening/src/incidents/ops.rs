//! Incidents are found here, in the transaction that confirms a case or takes in somebody febrile: where the case resided,
//! where the person is, and in that county.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{CLUSTERED, Incident, Kind, WITHIN, store};
use crate::{
    cases::{
        self, Case,
        classify::{cluster_from, has_suspected_clusters},
    },
    house::House,
    observations,
    schedules::{self, COUNTY, TOWNSHIP},
};

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
        store::lock_unit(connection, county).await?;
        let units = house.jurisdiction.standing_below(&[county]);
        let is_first = cases::store::confirmed(connection, &units).await? <= 1;
        if is_first && !store::is_known(connection, Kind::FirstCase, county, DateTime::UNIX_EPOCH).await? {
            found.push(add(house, connection, Kind::FirstCase, county, case).await?);
        }
    }
    let present = cases::store::present_at(connection, case).await?.into_iter();
    let present = present.filter_map(|unit| house.jurisdiction.standing(unit));
    let mut places: Vec<Uuid> = present.chain([counted]).filter(|place| is_small(house, *place)).collect();
    places.sort_unstable();
    places.dedup();
    for place in places {
        found.extend(clustered(house, connection, place, case).await?);
    }
    Ok(found)
}

/// Finds what somebody febrile, who was taken in at some units, makes an incident of: a suspected cluster where somebody
/// was confirmed there before (R8).
///
/// # Errors
/// Where the database fails.
pub async fn detect_febrile(
    house: &House,
    connection: &mut PgConnection,
    units: &[Uuid],
) -> Result<(), Fault> {
    let standing = units.iter().filter_map(|unit| house.jurisdiction.standing(*unit));
    let mut places: Vec<Uuid> = standing.filter(|place| is_small(house, *place)).collect();
    places.sort_unstable();
    places.dedup();
    for place in places {
        let rules = schedules::ops::rules(house, connection, place, house.clock.today()).await?;
        if !has_suspected_clusters(rules) {
            continue;
        }
        let since = house.clock.now() - CLUSTERED;
        let confirmed = cases::store::confirmed_at(connection, &at(house, place), since).await?;
        if let Some(case) = confirmed.into_iter().last() {
            let case = Case { rules, ..case };
            clustered(house, connection, place, &case).await?;
        }
    }
    Ok(())
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

/// The cluster, or suspected one, that a case is the last of at a small place, where that is not known.
async fn clustered(
    house: &House,
    connection: &mut PgConnection,
    place: Uuid,
    case: &Case,
) -> Result<Option<Uuid>, Fault> {
    store::lock_unit(connection, place).await?;
    let (units, since) = (at(house, place), house.clock.now() - CLUSTERED);
    let confirmed = cases::store::confirmed_at(connection, &units, since).await?.len();
    let is_cluster = confirmed >= cluster_from(case.rules);
    let is_suspected = !is_cluster
        && has_suspected_clusters(case.rules)
        && cases::store::has_febrile(connection, &units, case.one, since).await?;
    let kind = is_cluster.then_some(Kind::Cluster).or_else(|| is_suspected.then_some(Kind::SuspectedCluster));
    match kind {
        Some(kind) if !store::is_known(connection, kind, place, since).await? => {
            Ok(Some(add(house, connection, kind, place, case).await?))
        }
        _ => Ok(None),
    }
}

async fn add(
    house: &House,
    connection: &mut PgConnection,
    kind: Kind,
    unit: Uuid,
    case: &Case,
) -> Result<Uuid, Fault> {
    let now: DateTime<Utc> = house.clock.now();
    let incident = Incident {
        id: Uuid::now_v7(),
        kind: kind as i16,
        unit,
        case: case.id,
        control_plan: case.rules.control_plan,
        created_at: now,
        deadline_at: now + WITHIN,
        reported_at: None,
        reported_by: String::new(),
        grade: 0,
    };
    observations::store::keep_units(connection, &[house.sight(unit)]).await?;
    store::insert(connection, &incident).await?;
    Ok(incident.id)
}
