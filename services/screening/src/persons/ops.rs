//! What is done with persons in the caller's transaction: two who are found to be one are joined.

use chassis::{Caller, Fault};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Person, parse::person_name, store};
use crate::{
    cases::ops as cases, handdowns::ops as handdowns, hands, house::House, observations::ops as observations,
};

/// Locks everybody who is one of two persons, in one order whoever is which; answers the two.
///
/// # Errors
/// [`Fault::Conflict`] where one of them was found to be another or was erased meanwhile; where the database fails.
pub async fn lock(
    house: &House,
    connection: &mut PgConnection,
    two: [Uuid; 2],
) -> Result<[Person; 2], Fault> {
    for one in [two[0].min(two[1]), two[0].max(two[1])] {
        store::lock_same(connection, &house.keys, one).await?;
    }
    let both = store::get(connection, &house.keys, &two).await?;
    let is_it =
        |person: &Person, id: Uuid| person.id == id && person.same_as == id && person.erased_at.is_none();
    let find = |id: Uuid| both.iter().find(|person| is_it(person, id)).cloned();
    let [one, other] = two.map(find);
    one.zip(other).map(|(one, other)| [one, other]).ok_or(Fault::Conflict)
}

/// A person, with everybody who is the same, locked. Who was found to be another while they were waited for is locked with
/// those; nothing for nobody.
///
/// # Errors
/// Where the database fails.
pub async fn lock_person(
    house: &House,
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<(Person, Vec<Person>)>, Fault> {
    while let Some(one) = store::one(connection, id).await? {
        let everybody = store::lock_same(connection, &house.keys, one).await?;
        if let Some(person) = everybody.iter().find(|person| person.id == id).cloned() {
            return Ok(Some((person, everybody)));
        }
    }
    Ok(None)
}

/// Joins two persons, each with everybody who was found to be them, as somebody who stands above both has decided.
///
/// # Errors
/// [`Fault::NotFound`] for who is hidden behind one of the two; where the database fails.
pub async fn join(
    house: &House,
    connection: &mut PgConnection,
    caller: &Caller,
    (kept, merged): (Uuid, Uuid),
    reason: &str,
) -> Result<(), Fault> {
    if kept == merged {
        return Ok(());
    }
    let [kept, merged] = lock(house, connection, [kept, merged]).await?;
    // Whoever is hidden behind the two is in hands that the caller must stand above, too.
    for person in [&kept, &merged] {
        if !house.jurisdiction.sees(caller, "persons.merge", person.unit) {
            return Err(Fault::NotFound(person_name(person.id)));
        }
    }
    joined(house, connection, (&kept, &merged), (reason, caller.subject(), true)).await
}

/// Joins two persons who were found to be one by what was changed of one, and who are locked. Hands stay as they are, as
/// where a unit takes in somebody whom another has: that is asked of both (H6), and nothing is told.
///
/// # Errors
/// Where the database fails.
pub async fn join_inside(
    house: &House,
    connection: &mut PgConnection,
    two: [Uuid; 2],
    by: &str,
) -> Result<(), Fault> {
    // The first taken in is the one, as at an intake.
    let [kept, merged] = lock(house, connection, [two[0].min(two[1]), two[0].max(two[1])]).await?;
    let reason = "found to be one by what was changed";
    let is_one_unit = kept.unit == merged.unit;
    joined(house, connection, (&kept, &merged), (reason, by, is_one_unit)).await?;
    if !is_one_unit && !hands::store::is_asked(connection, merged.id).await? {
        hands::store::ask(connection, &kept, &merged, house.clock.now()).await?;
    }
    Ok(())
}

/// Joins two persons who are locked, and what hangs on them; what follows from a case only where their hands are one.
async fn joined(
    house: &House,
    connection: &mut PgConnection,
    (kept, merged): (&Person, &Person),
    (reason, by, takes_hands): (&str, &str, bool),
) -> Result<(), Fault> {
    let now = house.clock.now();
    observations::before_merge(connection, kept.id, merged.id).await?;
    cases::before_merge(connection, (kept.id, merged.id), (by, now)).await?;
    store::join(connection, (kept, merged), takes_hands, (reason, by, now)).await?;
    hands::store::follow_merge(connection, kept, merged, now).await?;
    observations::settle(house, connection, kept.id, now).await?;
    if takes_hands {
        cases::after_merge(house, connection, kept.id, by).await?;
        handdowns::follow(house, connection, kept.id, now).await?;
    }
    Ok(())
}
