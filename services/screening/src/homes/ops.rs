//! What is done about homes in the caller's transaction: who lives with somebody who fell ill is observed longer.

use chassis::Fault;
use chrono::NaiveDate;
use sqlx::PgConnection;
use uuid::Uuid;

use super::store;
use crate::{
    cases,
    exposures::{self, CONTACT_OF_CASE},
    house::House,
    observations::{
        self, Event, Place,
        ops::{Opening, change, put_under},
    },
    persons::store as persons,
};

/// Whoever has become symptomatic: the windows of those under observation who live with them begin again on that day
/// (R12).
///
/// # Errors
/// Where the database fails.
pub async fn rebase(
    house: &House,
    connection: &mut PgConnection,
    ill: Uuid,
    on: NaiveDate,
    by: &str,
) -> Result<(), Fault> {
    let now = house.clock.now();
    for mate in store::housemates(connection, ill, on).await? {
        persons::lock_same(connection, &house.keys, mate.one).await?;
        for mut open in observations::store::lock_open(connection, mate.one).await? {
            if observations::ops::extend(house, connection, &mut open, on).await? {
                let said = (by, "somebody at home fell ill", now);
                change(house, connection, &open, Event::Extended, said).await?;
            }
        }
    }
    Ok(())
}

/// Whoever lives with somebody who has become a case is under observation from that day on, who is not ill.
///
/// # Errors
/// Where the database fails.
pub async fn observe(
    house: &House,
    connection: &mut PgConnection,
    ill: Uuid,
    on: NaiveDate,
    by: &str,
) -> Result<usize, Fault> {
    let mut followed = 0;
    for mate in store::housemates(connection, ill, on).await? {
        let own = cases::store::of_one(connection, mate.one).await?;
        if own.is_some_and(|own| own.state.is_ill()) {
            continue;
        }
        let (basis, place, facility) = (CONTACT_OF_CASE, Place::Home, String::new());
        let (person, former) = (mate.person, None);
        let opening = Opening { person, basis, last_exposure: on, place, facility, former };
        let (observation, _) = put_under(house, connection, by, opening).await?;
        exposures::ops::settle(house, connection, observation.id, (by, "somebody at home is a case")).await?;
        followed += 1;
    }
    Ok(followed)
}
