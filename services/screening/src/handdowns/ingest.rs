//! Ingest: the persons of a list, each in a transaction of its own, so that what was answered is durable and what
//! is wrong with one stops no other.

use chassis::{Caller, Fault, fault::Violations, parse};
use proto::screening as pb;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Handdown, Outcome,
    address::lowest_known,
    ops,
    store::{self, Source},
};
use crate::{
    events::{self, List, Sent},
    house::House,
    passages::Facts,
    persons::{
        Finding, intake,
        parse::{Intake, UNITS, born, listed},
        store as persons,
    },
    referrals::{self, parse::Referring},
};

/// The most persons of one call.
pub const LARGEST: usize = 500;

/// A person of a list who is well-formed.
#[derive(Debug)]
pub struct Item {
    /// The client's id of it.
    pub event: Uuid,
    /// What is said of the person.
    pub intake: Intake,
    /// The lowest known unit, where the list says it.
    pub to: Option<Uuid>,
    /// Whether it goes at once.
    pub urgent: bool,
}

impl Item {
    /// An item of the contract, of a list that a unit hands down.
    ///
    /// # Errors
    /// Every violation, with paths below the item.
    pub fn new(item: &pb::HanddownItem, from: &str, reference: &str) -> Result<Self, Fault> {
        let mut wrong = Violations::default();
        let event = wrong.keep("event_id", parse::uuid(&item.event_id));
        let to = wrong.keep("to_unit", parse::optional_name(UNITS, &item.to_unit)).flatten();
        let purpose = if item.purpose == 0 { pb::Purpose::Returnee } else { item.purpose() };
        let intake = listed(&mut wrong, item.details.as_ref(), from, purpose, reference)?;
        wrong.refuse()?;
        let (Some(event), Some(intake)) = (event, intake) else {
            return Err(Fault::internal("what is wrong was not said"));
        };
        Ok(Self { event, intake, to, urgent: item.urgent })
    }
}

/// What became of an item.
#[derive(Debug)]
pub enum Taken {
    /// A new hand-down, or an open one with one more source.
    In(Box<Handdown>, bool),
    /// Sent before, into this chain.
    Before(Uuid),
}

/// Takes in one person of a list, known by what was sent under which id.
///
/// # Errors
/// Where the database fails; [`Fault::Invalid`] for a unit that cannot be reached.
pub async fn take_in(
    house: &House,
    caller: &Caller,
    (item, sent): (Item, &Sent),
    source: &Source,
) -> Result<Taken, Fault> {
    let mut work = house.database.begin(None).await?;
    if let Some(chain) = sent_before(&mut work, sent, caller).await? {
        return Ok(Taken::Before(chain));
    }
    born(&item.intake.details, "details", house.clock.today())?;
    let known = match intake::known_as(house, &mut work, &item.intake).await? {
        Some(one) => known(house, &mut work, caller, one, &item).await?,
        None => None,
    };
    let taken = match known {
        Some(handdown) => joined(house, &mut work, caller, handdown, &item).await?,
        None => begun_now(house, &mut work, caller, &item).await?,
    };
    let Taken::In(handdown, _) = &taken else { return Ok(taken) };
    if let Some(facts) = source.facts.as_ref().filter(|facts| facts.is_positive()) {
        refer(house, &mut work, caller, handdown, facts).await?;
    }
    let given = (handdown.chain, item.intake.unit, item.event);
    if store::add_source(&mut work, &house.keys, given, source).await? {
        events::store::note(&mut work, List::Handdowns, sent, caller.subject()).await?;
        work.commit().await?;
        return Ok(taken);
    }
    // The same item was taken in at the same time: what that came to stands, and this is undone.
    drop(work);
    let mut work = house.database.begin(None).await?;
    let before = sent_before(&mut work, sent, caller).await?;
    before.map(Taken::Before).ok_or(Fault::Conflict)
}

/// Refers the person of a hand-down, who is locked, and whose rapid test was positive: to nobody named, which is the township's
/// primary care (H1, R19).
async fn refer(
    house: &House,
    connection: &mut PgConnection,
    caller: &Caller,
    handdown: &Handdown,
    facts: &Facts,
) -> Result<(), Fault> {
    let person = persons::get(connection, &house.keys, &[handdown.person]).await?.pop();
    let person = person.ok_or(Fault::Conflict)?;
    let asked = Referring {
        person: person.id,
        decidegrees: facts.decidegrees,
        symptoms: Vec::new(),
        to_facility: String::new(),
        tested_positive: true,
    };
    referrals::ops::refer(house, connection, &person, asked, caller.subject()).await.map(drop)
}

/// The chain that an item was taken in with before.
async fn sent_before(
    connection: &mut PgConnection,
    sent: &Sent,
    caller: &Caller,
) -> Result<Option<Uuid>, Fault> {
    let before = store::sent_before(connection, sent.event, caller.subject()).await?;
    events::store::the_same(connection, List::Handdowns, (sent, caller.subject()), before).await
}

/// The hand-down that a list's person is in already: under way from, to or within the unit; or the last one of who was
/// found there and is not urgent now. Nothing for who must be handed down, as is whoever is known only elsewhere.
async fn known(
    house: &House,
    connection: &mut PgConnection,
    caller: &Caller,
    one: Uuid,
    item: &Item,
) -> Result<Option<Handdown>, Fault> {
    let mut everybody = persons::lock_same(connection, &house.keys, one).await?;
    // Who was erased meanwhile is known no more (P2).
    everybody.retain(|person| person.erased_at.is_none());
    let from = item.intake.unit;
    let today = house.jurisdiction.today();
    let within =
        |unit: Uuid| house.jurisdiction.standing(unit).is_some_and(|unit| today.contains(from, unit));
    if let Some(begun) = store::begun_by(connection, one, from).await? {
        return Ok(Some(begun));
    }
    let open = store::lock_open(connection, one).await?;
    if let Some(open) = open.into_iter().find(|open| within(open.holder) || open.to.is_some_and(within)) {
        return Ok(Some(open));
    }
    let own = everybody.iter().find(|person| person.unit == from);
    let Some(person) = own.or_else(|| everybody.iter().find(|person| within(person.unit))) else {
        return Ok(None);
    };
    if item.urgent || store::is_over(connection, one).await? {
        return Ok(None);
    }
    let is_found = |last: &Handdown| last.outcome == Some(Outcome::Found as i16);
    match store::last(connection, person.id).await? {
        Some(last) if is_found(&last) => Ok(Some(last)),
        // Still to be handed down, or gone and back again.
        _ if person.unit == from => Ok(None),
        Some(last) if last.outcome == Some(Outcome::LeftArea as i16) => Ok(None),
        Some(last) => Ok(Some(last)),
        None => Ok(Some(ops::found_already(house, connection, (person, from), caller.subject()).await?)),
    }
}

/// Adds what another list says to a hand-down that is under way.
async fn joined(
    house: &House,
    connection: &mut PgConnection,
    caller: &Caller,
    mut begun: Handdown,
    item: &Item,
) -> Result<Taken, Fault> {
    let finding = Finding {
        id: Uuid::now_v7(),
        person: begun.person,
        unit: item.intake.unit,
        source: item.intake.source.clone(),
        entered_by: caller.subject().to_owned(),
        created_at: house.clock.now(),
        details: item.intake.details.clone(),
    };
    persons::add_finding(connection, &house.keys, &finding).await?;
    if item.urgent && !begun.urgent && begun.closed_at.is_none() {
        ops::withdraw(connection, &begun).await?;
        ops::hurry(house, connection, &mut begun, caller.subject()).await?;
    }
    Ok(Taken::In(Box::new(begun), true))
}

/// Takes a person in and begins to hand them down.
async fn begun_now(
    house: &House,
    connection: &mut PgConnection,
    caller: &Caller,
    item: &Item,
) -> Result<Taken, Fault> {
    let from = item.intake.unit;
    let person = intake::take_in(house, connection, caller, item.intake.clone()).await?.person;
    let open = store::lock_open(connection, person.same_as).await?;
    if let Some(open) = open.into_iter().find(|open| open.person == person.id) {
        // Somebody in this unit's hands has begun it: there is one hand-down of a person.
        return Ok(Taken::In(Box::new(open), true));
    }
    let to = item.to.or_else(|| {
        let details = &item.intake.details;
        let address =
            if details.present_place.is_empty() { &details.address } else { &details.present_place };
        let lowest = lowest_known(&house.jurisdiction.today(), from, address);
        Some(lowest).filter(|lowest| *lowest != from)
    });
    let begun = (to, item.urgent, None);
    let handdown = ops::begin(house, connection, &person, begun, caller.subject()).await?;
    Ok(Taken::In(Box::new(handdown), false))
}
