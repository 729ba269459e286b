//! What is done with results in the caller's transaction.

use chassis::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Result as Tested, WITHIN, is_a_task, store};
use crate::{
    cases,
    escalations::{self, Kind, store::Overdue},
    house::House,
    observations,
    persons::Person,
};

/// Whether somebody must act on a result, whose person is locked, by what is in a unit's hands: it tells nobody what
/// another unit knows.
///
/// # Errors
/// Where the database fails.
pub async fn is_task_of(
    connection: &mut PgConnection,
    result: &Tested,
    unit: Uuid,
) -> std::result::Result<bool, Fault> {
    let case = cases::store::of_one(connection, result.one).await?.filter(|case| case.unit == unit);
    let open = observations::store::lock_open(connection, result.one).await?;
    let is_observed = open.iter().any(|observation| observation.unit == unit);
    let refers = case.as_ref().is_some_and(|case| case.result.is_some() && case.result == result.amends);
    Ok(is_a_task(result.outcome, case.map(|case| case.state), is_observed, refers))
}

/// Writes a result; where somebody must act on it, it is put before the unit.
///
/// # Errors
/// Where the database fails.
pub async fn record(
    house: &House,
    connection: &mut PgConnection,
    result: &Tested,
) -> std::result::Result<(), Fault> {
    store::insert(connection, result).await?;
    let Some(since) = result.deadline_at else { return Ok(()) };
    observations::store::keep_units(connection, &[house.sight(result.unit)]).await?;
    let (subject, person, unit) = (result.id, Some(result.person), result.unit);
    let task = Overdue { subject, kind: Kind::ResultUnhandled, person, unit, level: 0, since };
    escalations::store::raise(connection, task).await
}

/// Tells the unit that has the person of a result that another unit recorded of whom it has found, where somebody must act
/// on it there (R25), or where it amends one of which that unit was told. The finder is told nothing.
///
/// # Errors
/// Where the database fails.
pub async fn tell(
    house: &House,
    connection: &mut PgConnection,
    result: &Tested,
    holder: &Person,
) -> std::result::Result<(), Fault> {
    let known = match result.amends {
        Some(amends) => store::telling(connection, amends, holder.unit).await?,
        None => None,
    };
    let is_task = is_task_of(connection, result, holder.unit).await?;
    if !is_task && known.is_none() {
        return Ok(());
    }
    let told = Tested {
        id: Uuid::now_v7(),
        person: holder.id,
        unit: holder.unit,
        amends: known.map(|known| known.id),
        told_by: Some(result.id),
        deadline_at: is_task.then(|| house.clock.now() + WITHIN),
        ..result.clone()
    };
    record(house, connection, &told).await
}

/// Writes that somebody has acted on a result, which is locked, and puts it before nobody any more.
///
/// # Errors
/// Where the database fails.
pub async fn handle(
    house: &House,
    connection: &mut PgConnection,
    result: &mut Tested,
    (by, words): (&str, &str),
) -> std::result::Result<(), Fault> {
    result.handled_at = Some(house.clock.now());
    by.clone_into(&mut result.handled_by);
    words.clone_into(&mut result.handling);
    store::handle(connection, result).await?;
    escalations::store::withdraw(connection, &[result.id], &[Kind::ResultUnhandled]).await
}

/// Once a case is confirmed or asymptomatic: positive results that waited in the hands of the unit that has it are acted on
/// by that. Those of a second finder wait on: it is told nothing.
///
/// # Errors
/// Where the database fails.
pub async fn refer_to(
    house: &House,
    connection: &mut PgConnection,
    of: (Uuid, Uuid),
    by: &str,
) -> std::result::Result<(), Fault> {
    for mut waiting in store::lock_waiting(connection, of).await? {
        handle(house, connection, &mut waiting, (by, "the case was classified")).await?;
    }
    Ok(())
}
