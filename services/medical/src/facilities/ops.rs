//! What is done with facilities in the caller's transaction.

use chassis::{Caller, Fault, feed};
use proto::medical as pb;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Facility,
    parse::{self as contract, facility_name},
    store,
};
use crate::{directory, house::House, phones};

/// A facility that the caller has a permission to, locked; any other is answered like an absent one.
///
/// # Errors
/// [`Fault::NotFound`] naming it; where the database fails.
pub async fn locked(
    house: &House,
    connection: &mut PgConnection,
    (caller, permission): (&Caller, &str),
    id: Uuid,
) -> Result<Facility, Fault> {
    let found = store::lock(connection, id).await?;
    house.jurisdiction.seen(caller, permission, found, |facility| facility.unit, facility_name(id))
}

/// That a facility is open for good: nobody has said a last day.
///
/// # Errors
/// [`Fault::Precondition`] where one was said.
pub fn open(facility: &Facility) -> Result<(), Fault> {
    let Some(last) = facility.ends_on else { return Ok(()) };
    let words = format!("closes after {last}");
    Err(Fault::unfit("FACILITY_CLOSED", ("facility", facility_name(facility.id)), words))
}

/// Facilities as the contract has them, with their phones.
///
/// # Errors
/// Where the database fails.
pub async fn shown(
    house: &House,
    connection: &mut PgConnection,
    facilities: &[Facility],
) -> Result<Vec<pb::Facility>, Fault> {
    let ids: Vec<Uuid> = facilities.iter().map(|facility| facility.id).collect();
    let mut numbers = phones::store::of(connection, &ids).await?;
    let today = house.clock.today();
    let show = |facility: &Facility| {
        contract::facility(facility, &numbers.remove(&facility.id).unwrap_or_default(), today)
    };
    Ok(facilities.iter().map(show).collect())
}

/// A facility as it is after a change, which is noted in the directory's feed.
///
/// # Errors
/// Where the database fails.
pub async fn changed(
    house: &House,
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<pb::Facility>, Fault> {
    feed::note(connection, directory::TOPIC, &[id]).await?;
    let found = store::some(connection, &[id]).await?;
    Ok(shown(house, connection, &found).await?.pop())
}
