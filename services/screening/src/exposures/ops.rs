//! What is done with exposures in the caller's transaction: whom they put under observation, and of whom it is asked
//! whether they are to stay there.

use chassis::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    DECIDED_WITHIN, Exposure, Index, Window, basis,
    store::{self, Why},
};
use crate::{
    cases::{self, Case},
    escalations::{self, Kind},
    homes,
    house::House,
    incidents,
    observations::{
        Place,
        ops::{Opening, put_under},
    },
    persons::{Purpose, store as persons},
};

/// A person, in some hands and one with somebody, as an index, with what is known of the illness.
///
/// # Errors
/// Where the database fails.
pub async fn index_of(
    connection: &mut PgConnection,
    person: Uuid,
    (unit, one): (Uuid, Uuid),
) -> Result<Index, Fault> {
    let known = cases::store::of_one(connection, one).await?;
    Ok(Index {
        person,
        unit,
        one,
        onset_on: known.as_ref().and_then(|case| case.onset_on),
        sampled_on: known.as_ref().and_then(|case| case.sampled_on),
    })
}

/// After an exposure at a place that has a name was entered, or linked: who met there may be a cluster (R8).
///
/// # Errors
/// Where the database fails.
pub async fn placed(house: &House, connection: &mut PgConnection, exposure: &Exposure) -> Result<(), Fault> {
    if exposure.place.is_empty() {
        return Ok(());
    }
    let contact = [(exposure.contact_one, exposure.contact_unit)].into_iter();
    let both: Vec<_> = contact.chain(exposure.index.map(|index| (index.one, index.unit))).collect();
    incidents::ops::placed(house, connection, &both).await
}

/// Puts the contact of an exposure under observation where that is called for, or for longer; answers the
/// observation.
///
/// # Errors
/// Where the database fails.
pub async fn follow(
    house: &House,
    connection: &mut PgConnection,
    exposure: &Exposure,
    by: &str,
) -> Result<Option<Uuid>, Fault> {
    // Whoever was found to be their own contact is none (R24).
    let is_own = exposure.index.is_some_and(|index| index.one == exposure.contact_one);
    if !exposure.close || exposure.withdrawn_at.is_some() || is_own {
        return Ok(None);
    }
    let last = exposure.last_at.with_timezone(&house.clock.zone()).date_naive();
    if exposure.window(house.clock.zone()) == Window::Before {
        return Ok(None);
    }
    let purpose = match exposure.index {
        None => None,
        Some(index) => Some(purpose(connection, index.one).await?),
    };
    let Some(basis) = basis(purpose) else { return Ok(None) };
    // Who is ill is followed as a case, by the unit that knows it.
    let own = cases::store::of_one(connection, exposure.contact_one).await?;
    if own.is_some_and(|own| own.unit == exposure.contact_unit && own.state.is_ill()) {
        return Ok(None);
    }
    let (person, place, facility, former) = (exposure.contact, Place::Home, String::new(), None);
    let opening = Opening { person, basis, last_exposure: last, place, facility, former };
    let (observation, _) = put_under(house, connection, by, opening).await?;
    settle(house, connection, observation.id, (by, "there is an index")).await?;
    Ok(Some(observation.id))
}

/// Once somebody turned out to be no case: asks what becomes of those who are under observation for them alone (R13).
///
/// # Errors
/// Where the database fails.
pub async fn ask(house: &House, connection: &mut PgConnection, case: &Case) -> Result<(), Fault> {
    let (now, zone) = (house.clock.now(), house.clock.zone());
    let close = store::close_of(connection, case.one).await?.into_iter();
    let exposures: Vec<Uuid> = close
        .filter(|exposure| exposure.window(zone) != Window::Before)
        .map(|exposure| exposure.id)
        .collect();
    let today = house.clock.today();
    let mates = homes::store::mates(connection, case.one, (today - homes::ops::TOGETHER, today)).await?;
    let at_home: Vec<Uuid> = mates.into_iter().map(|mate| mate.person).collect();
    if exposures.is_empty() && at_home.is_empty() {
        return Ok(());
    }
    let deadline = now + DECIDED_WITHIN;
    store::ask(connection, Why::NoCase(case.one, case.id), (&exposures, &at_home), (now, deadline)).await
}

/// Once an exposure was taken back, whose contact is locked: asks what becomes of the contact, who may have been under
/// observation for it alone (R13).
///
/// # Errors
/// Where the database fails.
pub async fn taken_back(
    house: &House,
    connection: &mut PgConnection,
    exposure: &Exposure,
) -> Result<(), Fault> {
    // It has put nobody under observation.
    if !exposure.close || exposure.window(house.clock.zone()) == Window::Before {
        return Ok(());
    }
    let now = house.clock.now();
    let deadline = now + DECIDED_WITHIN;
    store::ask(connection, Why::Withdrawn(exposure.id), (&[exposure.id], &[]), (now, deadline)).await
}

/// Once it is decided what becomes of a contact: it is put before nobody any more. Answers whether it was asked.
///
/// # Errors
/// Where the database fails.
pub async fn settle(
    house: &House,
    connection: &mut PgConnection,
    observation: Uuid,
    (by, words): (&str, &str),
) -> Result<bool, Fault> {
    let is_settled = store::settle(connection, observation, (by, words), house.clock.now()).await?;
    if is_settled {
        escalations::store::withdraw(connection, &[observation], &[Kind::ContactUndecided]).await?;
    }
    Ok(is_settled)
}

/// Why there is a row of who is one person: of all of them the gravest.
async fn purpose(connection: &mut PgConnection, one: Uuid) -> Result<Purpose, Fault> {
    let purposes = persons::purposes(connection, one).await?;
    let graver = [Purpose::Case, Purpose::Returnee].into_iter().find(|purpose| purposes.contains(purpose));
    Ok(graver.or(purposes.first().copied()).unwrap_or(Purpose::Contact))
}

/// Once more is known of an index: whoever of the contacts is to be under observation, is; answers how many.
///
/// # Errors
/// Where the database fails.
pub async fn reassess(
    house: &House,
    connection: &mut PgConnection,
    one: Uuid,
    by: &str,
) -> Result<usize, Fault> {
    let mut followed = Vec::new();
    for exposure in store::close_of(connection, one).await? {
        followed.extend(follow(house, connection, &exposure, by).await?);
    }
    followed.dedup();
    Ok(followed.len())
}
