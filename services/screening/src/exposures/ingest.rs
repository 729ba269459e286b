//! Ingest: the contacts of a list, each in a transaction of its own.

use chassis::{Caller, Fault};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Exposure, Index, ops,
    parse::{Contact, Item},
    store,
};
use crate::{
    events::{self, List, Sent},
    house::House,
    persons::{Person, intake, ops::lock_person, parse::person_name, store as persons},
    schedules,
};

/// The most contacts of one call.
pub const LARGEST: usize = 500;

/// What became of an item.
#[derive(Debug)]
pub enum Taken {
    /// A new exposure, and the contact's observation.
    In(Box<Exposure>, Option<Uuid>),
    /// Sent before.
    Before(Uuid),
}

/// Takes in one contact of a list; one who is said by details in the hands of a unit.
///
/// # Errors
/// [`Fault::NotFound`] for a contact in nobody's hands below the caller's; [`Fault::Invalid`] for a contact who is the
/// index; where the database fails.
pub async fn take_in(
    house: &House,
    caller: &Caller,
    mut item: Item,
    unit: Option<Uuid>,
) -> Result<Taken, Fault> {
    if let Contact::Somebody(intake) = &mut item.contact {
        intake.unit = unit.unwrap_or(intake.unit);
    }
    let mut work = house.database.begin(None).await?;
    if let Some(before) = sent_before(&mut work, &item.sent, caller).await? {
        return Ok(Taken::Before(before));
    }
    let hands = hold(house, &mut work, &item.contact, item.index).await?;
    let contact = contact(house, &mut work, caller, &item).await?;
    let mut reference = item.reference.clone();
    let index = match item.index {
        None => None,
        Some(index) => {
            let seen = index_seen(house, &mut work, caller, (index, hands)).await?;
            if seen.is_none() && reference.is_empty() {
                // Nobody here, or nobody of his: both look the same, and the edge dangles.
                reference = person_name(index);
            }
            seen
        }
    };
    if index.is_some_and(|index| index.one == contact.same_as) {
        return Err(Fault::invalid("person", "must be another person than the index"));
    }
    let now = house.clock.now();
    let rules = schedules::ops::rules(house, &mut work, contact.unit, house.clock.today()).await?;
    let exposure = Exposure {
        id: Uuid::now_v7(),
        event: item.sent.event,
        entered_by: caller.subject().to_owned(),
        index,
        index_reference: reference,
        contact: contact.id,
        contact_unit: contact.unit,
        contact_one: contact.same_as,
        kind: item.kind,
        place: item.place,
        first_at: item.first_at,
        last_at: item.last_at,
        protected: item.protected,
        close: false,
        control_plan: rules.control_plan,
        created_at: now,
        withdrawn_at: None,
        withdraw_reason: String::new(),
    };
    if !store::insert(&mut work, &house.keys, &exposure).await? {
        drop(work);
        let mut work = house.database.begin(None).await?;
        let before = sent_before(&mut work, &item.sent, caller).await?;
        return before.map(Taken::Before).ok_or(Fault::Conflict);
    }
    events::store::note(&mut work, List::Exposures, &item.sent, caller.subject()).await?;
    let exposure = store::get(&mut work, &house.keys, exposure.id).await?.ok_or(Fault::Conflict)?;
    let observation = ops::follow(house, &mut work, &exposure, caller.subject()).await?;
    ops::placed(house, &mut work, &exposure).await?;
    work.commit().await?;
    Ok(Taken::In(Box::new(exposure), observation))
}

/// The exposure that an item was taken in as before.
async fn sent_before(
    connection: &mut PgConnection,
    sent: &Sent,
    caller: &Caller,
) -> Result<Option<Uuid>, Fault> {
    let before = store::sent_before(connection, sent.event, caller.subject()).await?;
    events::store::the_same(connection, List::Exposures, (sent, caller.subject()), before).await
}

/// Locks the contact, where somebody is known as that, with everybody who is the same, and holds the hands of the index, so
/// that both are those that are written: in the order of who they are, as whoever merges them does. Answers the hands of
/// the index.
///
/// # Errors
/// Where the database fails.
pub async fn hold(
    house: &House,
    connection: &mut PgConnection,
    contact: &Contact,
    index: Option<Uuid>,
) -> Result<Option<(Uuid, Uuid)>, Fault> {
    let contact_one = match contact {
        Contact::Person(id) => persons::one(connection, *id).await?,
        Contact::Somebody(said) => intake::known_as(house, connection, said).await?,
    };
    let Some(index) = index else { return Ok(None) };
    let index_one = persons::one(connection, index).await?;
    let mut hands = None;
    if index_one <= contact_one {
        hands = persons::hold_hands(connection, index).await?;
    }
    if let Some(one) = contact_one {
        persons::lock_same(connection, &house.keys, one).await?;
    }
    if index_one > contact_one {
        hands = persons::hold_hands(connection, index).await?;
    }
    Ok(hands)
}

/// The contact, locked: a person in hands at or below the caller's, or somebody taken in now.
async fn contact(
    house: &House,
    connection: &mut PgConnection,
    caller: &Caller,
    item: &Item,
) -> Result<Person, Fault> {
    match &item.contact {
        Contact::Somebody(said) => {
            Ok(intake::take_in(house, connection, caller, (**said).clone()).await?.person)
        }
        Contact::Person(id) => {
            let locked = lock_person(house, connection, *id).await?.map(|(person, _)| person);
            let seen =
                locked.filter(|person| house.jurisdiction.takes(caller, "exposures.write", person.unit));
            seen.ok_or_else(|| Fault::NotFound(person_name(*id)))
        }
    }
}

/// An index whose hands are held, in hands at or below the caller's; nobody else's.
///
/// # Errors
/// Where the database fails.
pub async fn index_seen(
    house: &House,
    connection: &mut PgConnection,
    caller: &Caller,
    (id, hands): (Uuid, Option<(Uuid, Uuid)>),
) -> Result<Option<Index>, Fault> {
    match hands.filter(|(unit, _)| house.jurisdiction.takes(caller, "exposures.write", *unit)) {
        Some(hands) => Ok(Some(ops::index_of(connection, id, hands).await?)),
        None => Ok(None),
    }
}
