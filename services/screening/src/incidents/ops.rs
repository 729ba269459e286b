//! Incidents are found here, in the transaction that confirms a case: where it resided, and in that county.

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
    schedules::{COUNTY, TOWNSHIP},
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
        let is_first = cases::store::confirmed(connection, &units, None).await? <= 1;
        if is_first && !store::is_known(connection, Kind::FirstCase, county, DateTime::UNIX_EPOCH).await? {
            found.push(add(house, connection, Kind::FirstCase, county, case).await?);
        }
    }
    // A small place is a grid or a village: above that, residents are no cluster by living there.
    let is_small = today.node(counted).is_some_and(|node| node.level > TOWNSHIP);
    if is_small {
        store::lock_unit(connection, counted).await?;
        let since = house.clock.now() - CLUSTERED;
        let confirmed = cases::store::confirmed(connection, &[counted], Some(since)).await?;
        let is_cluster = usize::try_from(confirmed).unwrap_or(usize::MAX) >= cluster_from(case.rules);
        let is_suspected = !is_cluster
            && has_suspected_clusters(case.rules)
            && cases::store::has_febrile(connection, counted, since).await?;
        let kind =
            is_cluster.then_some(Kind::Cluster).or_else(|| is_suspected.then_some(Kind::SuspectedCluster));
        if let Some(kind) = kind
            && !store::is_known(connection, kind, counted, since).await?
        {
            found.push(add(house, connection, kind, counted, case).await?);
        }
    }
    Ok(found)
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
