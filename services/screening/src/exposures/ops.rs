//! What is done with exposures in the caller's transaction: whom they put under observation.

use chassis::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Exposure, Index, Window, basis, store};
use crate::{
    cases,
    house::House,
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
    if !exposure.close || exposure.withdrawn_at.is_some() {
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
    let facility = String::new();
    let opening =
        Opening { person: exposure.contact, basis, last_exposure: last, place: Place::Home, facility };
    let (observation, _) = put_under(house, connection, by, opening).await?;
    Ok(Some(observation.id))
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
