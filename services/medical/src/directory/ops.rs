//! Entries, and what is near: for the handlers, the feed and the pulse.

use chassis::{Fault, feed};
use proto::medical as pb;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Found, TOPIC, Wanted,
    parse::{self as contract, Place},
    store::{self, Ring},
};
use crate::{facilities::Facility, house::House, phones};

/// The public entries of facilities, in their order.
///
/// # Errors
/// Where the database fails.
pub async fn entries(
    house: &House,
    connection: &mut PgConnection,
    facilities: &[Facility],
) -> Result<Vec<pb::DirectoryEntry>, Fault> {
    let ids: Vec<Uuid> = facilities.iter().map(|facility| facility.id).collect();
    let numbers = phones::store::of(connection, &ids).await?;
    let today = house.clock.today();
    let entry = |facility: &Facility| {
        let numbers = numbers.get(&facility.id).map(Vec::as_slice).unwrap_or_default();
        contract::entry(facility, numbers, &place(house, facility.unit), today)
    };
    Ok(facilities.iter().map(entry).collect())
}

/// Where a unit stands today, its county, and its names.
fn place(house: &House, unit: Uuid) -> Place {
    let standing = house.jurisdiction.standing(unit).unwrap_or(unit);
    let tree = house.jurisdiction.today();
    let county = house.sight(unit).holders.first().copied().unwrap_or(standing);
    let display_name = tree.place(standing).map(|place| tree.full_name(place)).unwrap_or_default();
    Place { unit: standing, county, display_name }
}

/// The nearest facilities with beds enough, and beside them those of which nobody knows: ring by ring around the asking
/// unit, until there are enough.
///
/// # Errors
/// Where the database fails.
pub async fn find(
    house: &House,
    connection: &mut PgConnection,
    wanted: &Wanted,
) -> Result<(Vec<Found>, Vec<Found>), Fault> {
    let (today, now) = (house.clock.today(), house.clock.now());
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    let mut but = None;
    for (levels_up, node) in (0_i32..).zip(house.upwards(wanted.unit)) {
        let ring = Ring { area: node.id, but, levels_up };
        for (list, known) in [(&mut found, true), (&mut unknown, false)] {
            let left = i64::try_from(wanted.limit.saturating_sub(list.len())).unwrap_or_default();
            if left > 0 {
                list.extend(store::find(connection, ring, (wanted, known), (today, now), left).await?);
            }
        }
        if found.len() >= wanted.limit {
            break;
        }
        but = Some(node.id);
    }
    Ok((found, unknown))
}

/// Notes in the feed what a new day changes: roles that begin or have ended, facilities that have closed.
///
/// # Errors
/// Where the database fails.
pub async fn turn_day(house: &House) -> Result<(), Fault> {
    let today = house.clock.today();
    let mut work = house.database.begin(None).await?;
    let noted = store::noted_on(&mut work, today).await?;
    if noted < today {
        let changed = store::turn(&mut work, noted, today).await?;
        feed::note(&mut work, TOPIC, &changed).await?;
    }
    work.commit().await?;
    Ok(())
}
