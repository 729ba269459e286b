//! What is done with hand-downs in the caller's transaction. Whoever changes one has locked everybody who is
//! the same person before, as whoever opens an observation or merges has.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Handdown, Outcome, State, next_hop,
    parse::{handdown_name, misfit, ring},
    store,
};
use crate::{
    escalations::{self, Kind, store::Overdue},
    hands,
    house::House,
    observations,
    persons::{Person, store as persons},
    schedules,
};

/// How many silences are put before somebody in one transaction.
const AT_ONCE: i64 = 1_000;

/// Every kind of what is said of hand-downs that wait.
const KINDS: [Kind; 2] = [Kind::UrgentHanddown, Kind::HanddownOverdue];

/// Begins a hand-down of a person who is locked: the first hop, or the next of a chain.
///
/// # Errors
/// [`Fault::Invalid`] for a unit that cannot be reached; where the database fails.
pub async fn begin(
    house: &House,
    connection: &mut PgConnection,
    person: &Person,
    (to, urgent, before): (Option<Uuid>, bool, Option<&Handdown>),
    by: &str,
) -> Result<Handdown, Fault> {
    let now = house.clock.now();
    let clocks = schedules::ops::of_sender(house, connection, person.unit).await?;
    let due_at = clocks.send_due(now, house.clock.zone());
    let mut handdown = Handdown::made(person, before, (by, now), (&clocks, due_at));
    handdown.urgent = urgent;
    if let Some(to) = to {
        address(house, connection, &mut handdown, to).await?;
        if urgent {
            handdown.send(by, now, clocks.acknowledge_due(now, true));
        }
    } else if urgent {
        // Nobody knows where: that cannot wait for the clock.
        (handdown.due_at, handdown.escalate_at) = (now, Some(now));
    }
    store::insert(connection, &handdown).await?;
    Ok(handdown)
}

/// Notes that a list of a unit has named a person who is in the hands of one below it already: found, with nothing to
/// be handed down.
///
/// # Errors
/// Where the database fails.
pub async fn found_already(
    house: &House,
    connection: &mut PgConnection,
    (person, from): (&Person, Uuid),
    by: &str,
) -> Result<Handdown, Fault> {
    let now = house.clock.now();
    let clocks = schedules::ops::of_sender(house, connection, from).await?;
    let mut handdown = Handdown::made(person, None, (by, now), (&clocks, now));
    (handdown.from, handdown.to, handdown.last) = (from, Some(person.unit), Some(person.unit));
    store::insert(connection, &handdown).await?;
    handdown.close(Outcome::Found, "was in these hands before the list", "screening", now);
    store::update(connection, &handdown).await?;
    Ok(handdown)
}

/// Says where a hand-down is to end, and so who receives this hop; a unit that was closed since stands for
/// its successor.
///
/// # Errors
/// [`Fault::Invalid`] for the sender itself; a unit that has said that the person is not there (H5).
pub async fn address(
    house: &House,
    connection: &mut PgConnection,
    handdown: &mut Handdown,
    to: Uuid,
) -> Result<(), Fault> {
    let standing = house
        .jurisdiction
        .standing(to)
        .ok_or_else(|| Fault::invalid("to_unit", "is no unit that is or was at work"))?;
    let today = house.jurisdiction.today();
    // What a closed unit had may be handed to whoever stands above it: that one has it only in sight.
    let from = house.jurisdiction.standing(handdown.from).unwrap_or(handdown.from);
    if standing == from && today.place(handdown.from).is_some() {
        return Err(Fault::invalid("to_unit", "is the sender itself"));
    }
    let hops = store::hops(connection, handdown.chain).await?;
    if hops.iter().any(|hop| hop.is_ended_at(standing)) {
        return Err(ring(handdown.id, standing));
    }
    let hop = next_hop(&today, from, standing);
    handdown.to = Some(hop.filter(|hop| *hop != handdown.from).unwrap_or(standing));
    handdown.last = Some(standing);
    handdown.readdressed = standing != to;
    Ok(())
}

/// Locks the person of a hand-down, everybody who is the same, and then the hand-down.
///
/// # Errors
/// [`Fault::Conflict`] where it changed while it was waited for; where the database fails.
pub async fn lock(
    house: &House,
    connection: &mut PgConnection,
    seen: &Handdown,
) -> Result<(Person, Handdown), Fault> {
    let everybody = persons::lock_same(connection, &house.keys, seen.one).await?;
    let person = everybody.into_iter().find(|person| person.id == seen.person).ok_or(Fault::Conflict)?;
    let handdown = store::lock(connection, seen.id).await?.ok_or(Fault::Conflict)?;
    Ok((person, handdown))
}

/// Sends what a unit has gathered and whose place is known; answers how many were sent, and how many were not.
///
/// # Errors
/// Where the database fails.
pub async fn send(
    house: &House,
    connection: &mut PgConnection,
    unit: Uuid,
    by: &str,
) -> Result<(i32, i32), Fault> {
    let now = house.clock.now();
    let clocks = schedules::ops::of_sender(house, connection, unit).await?;
    let (mut sent, mut unaddressed) = (0, 0);
    for mut gathered in store::gathered(connection, unit).await? {
        if gathered.to.is_none() {
            unaddressed += 1;
            continue;
        }
        gathered.send(by, now, clocks.acknowledge_due(now, gathered.urgent));
        withdraw(connection, &gathered).await?;
        store::update(connection, &gathered).await?;
        sent += 1;
    }
    Ok((sent, unaddressed))
}

/// Acknowledges hand-downs, as they were seen; those that were before stay as they are.
///
/// # Errors
/// [`Fault::Precondition`] for one that is not sent; where the database fails.
pub async fn acknowledge(
    house: &House,
    connection: &mut PgConnection,
    seen: &[Handdown],
    by: &str,
) -> Result<(), Fault> {
    // Persons in one order, whoever is at it at once.
    let mut order: Vec<&Handdown> = seen.iter().collect();
    order.sort_unstable_by_key(|handdown| (handdown.one, handdown.id));
    for seen in order {
        let (_, mut handdown) = lock(house, connection, seen).await?;
        match handdown.state {
            State::Created => return Err(misfit(&handdown, "the sender has not sent it yet")),
            State::Sent => take_over(house, connection, &mut handdown, by).await?,
            State::Acknowledged | State::NotFound | State::Closed => {}
        }
    }
    Ok(())
}

/// Says of a hand-down, which is locked, where it is to end instead, and why: before it is sent, or by the next hop.
///
/// # Errors
/// As [`begin`]; [`Fault::Precondition`] where nobody may say so now.
pub async fn redirect(
    house: &House,
    connection: &mut PgConnection,
    handdown: &mut Handdown,
    (to, reason): (Uuid, &str),
    by: &str,
) -> Result<Handdown, Fault> {
    match handdown.state {
        State::Created => {
            address(house, connection, handdown, to).await?;
            reason.clone_into(&mut handdown.words);
            if handdown.urgent {
                withdraw(connection, handdown).await?;
                hurry(house, connection, handdown, by).await?;
            }
            store::update(connection, handdown).await?;
            Ok(handdown.clone())
        }
        State::Acknowledged | State::NotFound => {
            pass_on(house, connection, handdown, (to, Outcome::PassedOn, reason), by).await
        }
        State::Sent => Err(misfit(handdown, "the receiver must acknowledge it first")),
        State::Closed => Err(misfit(handdown, "hand the person down anew")),
    }
}

/// Takes a person over: from now on in the receiver's hands, and on to the next hop where the chain does not
/// end there.
///
/// # Errors
/// Where the database fails.
pub async fn take_over(
    house: &House,
    connection: &mut PgConnection,
    handdown: &mut Handdown,
    by: &str,
) -> Result<(), Fault> {
    let now = house.clock.now();
    let to = handdown.to.ok_or_else(|| Fault::internal("a hand-down that was sent to nobody"))?;
    let to = house.jurisdiction.standing(to).unwrap_or(to);
    handdown.readdressed |= handdown.to != Some(to);
    handdown.to = Some(to);
    handdown.acknowledge(by, now);
    withdraw(connection, handdown).await?;
    store::update(connection, handdown).await?;
    let said = (hands::Cause::HandedDown, by, now);
    persons::take_hands(connection, (handdown.one, &[handdown.holder]), to, said).await?;
    hands::store::follow_person(connection, handdown.one, now).await?;
    observations::ops::settle(house, connection, handdown.one, now).await?;
    follow(house, connection, handdown.one, now).await?;
    let last = handdown.last.and_then(|last| house.jurisdiction.standing(last)).filter(|last| *last != to);
    if let Some(last) = last {
        pass_on(house, connection, handdown, (last, Outcome::PassedOn, ""), by).await?;
    }
    Ok(())
}

/// Closes a hand-down and begins the next hop, from whoever has the person now.
///
/// # Errors
/// As [`begin`].
pub async fn pass_on(
    house: &House,
    connection: &mut PgConnection,
    handdown: &mut Handdown,
    (to, outcome, words): (Uuid, Outcome, &str),
    by: &str,
) -> Result<Handdown, Fault> {
    handdown.close(outcome, words, by, house.clock.now());
    withdraw(connection, handdown).await?;
    store::update(connection, handdown).await?;
    let person =
        persons::get(connection, &house.keys, &[handdown.person]).await?.pop().ok_or(Fault::Conflict)?;
    let next = begin(house, connection, &person, (Some(to), handdown.urgent, Some(handdown)), by).await?;
    handdown.next = Some(next.id);
    store::update(connection, handdown).await?;
    Ok(next)
}

/// After a person came into other hands otherwise: hand-downs from or to other hands are overtaken.
///
/// # Errors
/// Where the database fails.
pub async fn follow(
    house: &House,
    connection: &mut PgConnection,
    one: Uuid,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    for mut open in store::lock_open(connection, one).await? {
        let has = if open.state <= State::Sent { Some(open.from) } else { open.to };
        if has != Some(open.holder) {
            let standing = |unit: Uuid| house.jurisdiction.standing(unit).unwrap_or(unit);
            if has.map(standing) == Some(standing(open.holder)) {
                continue;
            }
            open.close(Outcome::Overtaken, "the person came into other hands", "screening", now);
            withdraw(connection, &open).await?;
            store::update(connection, &open).await?;
        }
    }
    Ok(())
}

/// Withdraws what was put before anybody about a hand-down.
///
/// # Errors
/// Where the database fails.
pub async fn withdraw(connection: &mut PgConnection, handdown: &Handdown) -> Result<(), Fault> {
    escalations::store::withdraw(connection, &[handdown.id], &KINDS).await
}

/// Puts silence before whoever is next (H6); answers for how many hand-downs.
///
/// # Errors
/// Where the database fails.
pub async fn raise_silence(house: &House, connection: &mut PgConnection) -> Result<usize, Fault> {
    let now = house.clock.now();
    let silent = store::silent(connection, now, AT_ONCE).await?;
    let silences: Vec<_> = silent.iter().map(|handdown| handdown.silence(now)).collect();
    let mut units: Vec<Uuid> = silences.iter().flatten().map(|silence| silence.unit).collect();
    units.sort_unstable();
    units.dedup();
    let sights: Vec<_> = units.iter().map(|unit| house.sight(*unit)).collect();
    observations::store::keep_units(connection, &sights).await?;
    for (mut handdown, silence) in silent.into_iter().zip(silences) {
        if let Some(silence) = silence {
            let kind = if handdown.urgent { Kind::UrgentHanddown } else { Kind::HanddownOverdue };
            let overdue = Overdue {
                subject: handdown.id,
                kind,
                person: Some(handdown.person),
                unit: silence.unit,
                level: silence.level,
                since: handdown.due_at,
            };
            escalations::store::raise_calling(connection, overdue, silence.calls).await?;
        }
        handdown.escalate_at = silence.and_then(|silence| silence.next_at);
        store::update(connection, &handdown).await?;
    }
    Ok(units.len())
}

/// The resource name of a hand-down's person's observation that is open, if any.
///
/// # Errors
/// Where the database fails.
pub async fn observed(connection: &mut PgConnection, handdown: &Handdown) -> Result<Option<Uuid>, Fault> {
    let open = observations::store::lock_open(connection, handdown.one).await?;
    let own = open.iter().find(|observation| observation.unit == handdown.holder);
    Ok(own.map(|observation| observation.id))
}

/// The name of a hand-down, for who cannot see it.
#[must_use]
pub fn absent(id: Uuid) -> Fault {
    Fault::NotFound(handdown_name(id))
}

/// Makes a hand-down urgent, of which another list says so: what is not sent yet is sent at once.
///
/// # Errors
/// Where the database fails.
pub async fn hurry(
    house: &House,
    connection: &mut PgConnection,
    handdown: &mut Handdown,
    by: &str,
) -> Result<(), Fault> {
    let now = house.clock.now();
    handdown.urgent = true;
    if handdown.state == State::Created && handdown.to.is_some() {
        let clocks = schedules::ops::of_sender(house, connection, handdown.from).await?;
        handdown.send(by, now, clocks.acknowledge_due(now, true));
    } else {
        handdown.escalate_at = Some(handdown.due_at);
    }
    store::update(connection, handdown).await
}
