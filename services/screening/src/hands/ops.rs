//! What is done with hands in the caller's transaction.

use chassis::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Assigning, Cause, MOST, store};
use crate::{
    cases::ops as cases,
    handdowns::ops as handdowns,
    house::House,
    observations::ops as observations,
    persons::{parse::person_name, store as persons},
};

/// Gives persons of a unit that is at work no more to another: those who are asked for, or as many as are given at
/// once. Says how many, and how many are left.
///
/// # Errors
/// [`Fault::NotFound`] for a person in other hands; where the database fails.
pub async fn assign(
    house: &House,
    connection: &mut PgConnection,
    asked: &Assigning,
    by: &str,
) -> Result<(i32, i32), Fault> {
    let now = house.clock.now();
    let (held, all) = persons::held(connection, asked.from, i64::try_from(MOST).unwrap_or(i64::MAX)).await?;
    let chosen = if asked.persons.is_empty() { &held } else { &asked.persons };
    let mut ones: Vec<(Uuid, Uuid)> = Vec::with_capacity(chosen.len());
    for person in chosen {
        let hands = persons::hands(connection, *person).await?.filter(|hands| hands.0 == asked.from);
        ones.push((hands.ok_or_else(|| Fault::NotFound(person_name(*person)))?.1, *person));
    }
    // Persons in one order, whoever is at it at once; everybody who is one goes together.
    ones.sort_unstable();
    ones.dedup_by_key(|one| one.0);
    for (one, _) in ones {
        persons::lock_same(connection, &house.keys, one).await?;
        let said = (Cause::Assigned, by, now);
        persons::take_hands(connection, (one, &[asked.from]), asked.to, said).await?;
        store::follow_person(connection, one, now).await?;
        observations::settle(house, connection, one, now).await?;
        cases::after_merge(house, connection, one, by).await?;
        handdowns::follow(house, connection, one, now).await?;
    }
    let (_, left) = persons::held(connection, asked.from, 1).await?;
    let assigned = i32::try_from(all - left).unwrap_or(i32::MAX);
    store::note_assignment(connection, asked, assigned, (by, now)).await?;
    Ok((assigned, i32::try_from(left).unwrap_or(i32::MAX)))
}
