//! Persons as handlers of other resources come by them: only those whom the caller may see, and everybody else like nobody.

use chassis::{Caller, Fault};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Person, parse::person_name, store};
use crate::house::House;

/// A person in hands at or above which the caller has a permission, locked with everybody who is the same: persons are
/// locked before what is theirs. The second of the answer is everybody, the person too, the first taken in first.
///
/// # Errors
/// [`Fault::NotFound`] naming the person, whether there is one or not; where the database fails.
pub async fn lock(
    house: &House,
    connection: &mut PgConnection,
    caller: &Caller,
    permission: &str,
    id: Uuid,
) -> Result<(Person, Vec<Person>), Fault> {
    let absent = || Fault::NotFound(person_name(id));
    let one = store::one(connection, id).await?.ok_or_else(absent)?;
    let everybody = store::lock_same(connection, &house.keys, one).await?;
    let person = everybody.iter().find(|person| person.id == id);
    let person = person.filter(|person| house.sees(caller, permission, person.unit)).ok_or_else(absent)?;
    Ok((person.clone(), everybody))
}

/// Whose hands a person is in, at or above which the caller has a permission, and the first of those who are one with
/// them. Both stay so until the transaction ends.
///
/// # Errors
/// As [`lock`].
pub async fn hold(
    house: &House,
    connection: &mut PgConnection,
    caller: &Caller,
    permission: &str,
    id: Uuid,
) -> Result<(Uuid, Uuid), Fault> {
    let found = store::hold_hands(connection, id).await?;
    let seen = found.filter(|(unit, _)| house.sees(caller, permission, *unit));
    seen.ok_or_else(|| Fault::NotFound(person_name(id)))
}

/// The first of those who are one with whom a list is asked of; nothing where it is asked of all. Of nobody, as of nobody
/// of the caller's, nothing is listed: the nil id.
///
/// # Errors
/// Where the database fails.
pub async fn asked(connection: &mut PgConnection, person: Option<Uuid>) -> Result<Option<Uuid>, Fault> {
    match person {
        None => Ok(None),
        Some(person) => Ok(Some(store::one(connection, person).await?.unwrap_or_default())),
    }
}
