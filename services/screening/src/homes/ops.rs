//! What is done about homes in the caller's transaction: who lives with somebody who fell ill is observed longer.

use chassis::Fault;
use chrono::{DateTime, Days, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::store;
use crate::{
    admissions,
    cases::{self, Case},
    exposures::{self, CONTACT_OF_CASE, Window, window},
    house::House,
    observations::{
        self, Event, Place,
        ops::{Opening, change, put_under},
    },
    persons::store as persons,
};

/// How many days back whoever lived with a case is looked for: as long as an observation lasts (R12).
pub const TOGETHER: Days = Days::new(14);

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
    for mate in store::mates(connection, ill, (on, on)).await? {
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

/// Whoever lived with somebody who has become a case is under observation from the last day together on (R10, R12), who is
/// not ill: until the case was isolated or admitted, within the case's window.
///
/// # Errors
/// Where the database fails.
pub async fn observe(
    house: &House,
    connection: &mut PgConnection,
    case: &Case,
    by: &str,
) -> Result<usize, Fault> {
    let day = |at: DateTime<Utc>| at.with_timezone(&house.clock.zone()).date_naive();
    let apart = [case.isolated_at, admissions::store::admitted_since(connection, case.one).await?];
    let today = house.clock.today();
    let last = apart.into_iter().flatten().map(day).min().map_or(today, |apart| apart.min(today));
    let known = (case.onset_on, case.sampled_on);
    let mut followed = 0;
    for mate in store::mates(connection, case.one, (last - TOGETHER, last)).await? {
        if window(case.rules.control_plan, known, mate.last) == Window::Before {
            continue;
        }
        let own = cases::store::of_one(connection, mate.one).await?;
        if own.is_some_and(|own| own.state.is_ill()) {
            continue;
        }
        let (basis, place, facility) = (CONTACT_OF_CASE, Place::Home, String::new());
        let (person, former) = (mate.person, None);
        let opening = Opening { person, basis, last_exposure: mate.last, place, facility, former };
        let (observation, _) = put_under(house, connection, by, opening).await?;
        exposures::ops::settle(house, connection, observation.id, (by, "somebody at home is a case")).await?;
        followed += 1;
    }
    Ok(followed)
}
