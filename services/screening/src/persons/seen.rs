//! Persons as handlers of other resources come by them: only those whom the caller may see, and everybody else like nobody.

use chassis::{Caller, Fault};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Person, ops, parse::person_name, store};
use crate::house::House;

/// A person in hands of which facts are taken in from the caller, locked with everybody who is the same: persons are
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
    let locked = ops::lock_person(house, connection, id).await?;
    let seen = locked.filter(|(person, _)| house.jurisdiction.takes(caller, permission, person.unit));
    seen.ok_or_else(|| Fault::NotFound(person_name(id)))
}

/// Whose hands a person is in, where facts are taken in from the caller, and the first of those who are one with
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
    let seen = found.filter(|(unit, _)| house.jurisdiction.takes(caller, permission, *unit));
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
