//! What is done with observations in the caller's transaction: opened, changed, ended, and what becomes of
//! them where persons change hands or are found to be one.

use chassis::{Caller, Fault, feed};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Ending, Event, Observation, Place, TOPIC,
    parse::{Placed, placed},
    store,
};
use crate::{
    admissions::ops as admissions,
    escalations::{self, Kind, store::Overdue},
    exposures,
    house::House,
    persons::{self, Person, parse::person_name},
    readings, rechecks, referrals,
    rules::{Ordered, window_end},
    schedules,
};

/// What is asked for when a person is put under observation.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Who.
    pub person: Uuid,
    /// Why, as the contract numbers it.
    pub basis: i16,
    /// Day 0 (R12).
    pub last_exposure: NaiveDate,
    /// Where.
    pub place: Place,
    /// The facility's official name.
    pub facility: String,
    /// By what the person was observed before, where that goes on as it was (R13); else by what is in force (V1).
    pub former: Option<Ordered>,
}

/// Puts a person in the caller's hands under observation, as [`put_under`].
///
/// # Errors
/// [`Fault::NotFound`] for a person in nobody's hands below the caller's; where the database fails.
pub async fn open(
    house: &House,
    connection: &mut PgConnection,
    caller: &Caller,
    opening: Opening,
) -> Result<(Observation, bool), Fault> {
    let absent = || Fault::NotFound(person_name(opening.person));
    let person = persons::store::get(connection, &house.keys, &[opening.person]).await?.pop();
    let person = person.filter(|person| house.jurisdiction.sees(caller, "observations.write", person.unit));
    let seen = person.ok_or_else(absent)?.unit;
    let (observation, known) = put_under(house, connection, caller.subject(), opening).await?;
    // In other hands since it was looked at.
    if observation.unit != seen { Err(Fault::Conflict) } else { Ok((observation, known)) }
}

/// Puts a person under observation, whoever's hands they are in, or answers the observation in the same hands, with
/// the later exposure; says whether it was known.
///
/// # Errors
/// [`Fault::NotFound`] for nobody; where the database fails.
pub async fn put_under(
    house: &House,
    connection: &mut PgConnection,
    by: &str,
    opening: Opening,
) -> Result<(Observation, bool), Fault> {
    let absent = || Fault::NotFound(person_name(opening.person));
    // Whoever opens, merges or agrees waits here for one another.
    let locked = persons::ops::lock_person(house, connection, opening.person).await?;
    let (person, _) = locked.ok_or_else(absent)?;
    let one = person.same_as;
    let (now, zone) = (house.clock.now(), house.clock.zone());
    let open = store::lock_open(connection, one).await?;
    if let Some(own) = open.iter().find(|own| own.unit == person.unit) {
        let mut own = own.clone();
        if extend(house, connection, &mut own, opening.last_exposure).await? {
            change(house, connection, &own, Event::Extended, (by, "found again", now)).await?;
        }
        return Ok((own, true));
    }
    let id = Uuid::now_v7();
    let Ordered { rules, terms } = match opening.former {
        Some(former) => former,
        None => schedules::ops::ordered(house, connection, person.unit, opening.basis).await?,
    };
    let mut observation = Observation {
        id,
        person: person.id,
        unit: person.unit,
        one,
        opened_unit: person.unit,
        leads: open.first().map_or(id, |leading| leading.id),
        basis: opening.basis,
        last_exposure: opening.last_exposure,
        place: opening.place as i16,
        facility: opening.facility,
        days: terms.days,
        slots_a_day: terms.slots_a_day,
        slots_before: None,
        rules,
        starts_at: now,
        ends_at: now,
        due_at: now,
        lost: false,
        ending: None,
        reason: String::new(),
        unmet: Vec::new(),
        ended_at: None,
        ended_by: String::new(),
        version: 1,
    };
    observation.end_at(window_end(opening.last_exposure, terms, zone), zone);
    store::insert(connection, &observation).await?;
    readings::store::plan(connection, observation.id, &observation.slots(zone), now).await?;
    store::note(connection, &observation, Event::Opened, (by, "", now)).await?;
    store::keep_in_sight(connection, &[id], |unit| house.sight(unit)).await?;
    followed(connection, one, observation.unit).await?;
    Ok((observation, false))
}

/// Takes another exposure into an open observation, which is locked, by what is in force for it today; answers whether
/// anything changes (R12, V1).
///
/// # Errors
/// Where the database fails.
pub async fn extend(
    house: &House,
    connection: &mut PgConnection,
    observation: &mut Observation,
    last_exposure: NaiveDate,
) -> Result<bool, Fault> {
    if last_exposure <= observation.last_exposure {
        return Ok(false);
    }
    let (unit, basis) = (observation.unit, observation.basis);
    let ordered = schedules::ops::ordered(house, connection, unit, basis).await?;
    Ok(observation.extend(last_exposure, ordered, (house.clock.today(), house.clock.zone())))
}

/// Notes that who is one person, locked, is followed up in a unit's hands: nobody need be reminded any more.
///
/// # Errors
/// Where the database fails.
pub async fn followed(connection: &mut PgConnection, one: Uuid, unit: Uuid) -> Result<(), Fault> {
    let cleared = persons::store::clear_follow(connection, one, unit).await?;
    if cleared.is_empty() {
        return Ok(());
    }
    escalations::store::withdraw(connection, &cleared, &[Kind::PersonUnobserved]).await
}

/// Ends the open observation in a unit's hands of who is one person, who is locked. What another unit observes beside
/// goes on: it is told nothing by that.
///
/// # Errors
/// Where the database fails.
pub async fn end_in(
    house: &House,
    connection: &mut PgConnection,
    (one, unit): (Uuid, Uuid),
    (ending, reason, by): (Ending, &str, &str),
) -> Result<(), Fault> {
    let now = house.clock.now();
    let open = store::lock_open(connection, one).await?;
    for mut observation in open.into_iter().filter(|observation| observation.unit == unit) {
        decide(&mut observation, ending, reason, by, now);
        end(house, connection, &observation, now).await?;
    }
    Ok(())
}

/// Writes how an open observation, which is locked, stands after a change, with the slots to come.
///
/// # Errors
/// Where the database fails.
pub async fn change(
    house: &House,
    connection: &mut PgConnection,
    observation: &Observation,
    event: Event,
    (by, words, now): (&str, &str, DateTime<Utc>),
) -> Result<(), Fault> {
    let id = observation.id;
    store::update(connection, observation).await?;
    readings::store::plan(connection, id, &observation.slots(house.clock.zone()), now).await?;
    store::note(connection, observation, event, (by, words, now)).await?;
    feed::note(connection, TOPIC, &[id]).await?;
    store::keep_in_sight(connection, &[id], |unit| house.sight(unit)).await?;
    match event {
        Event::Lost => {
            let (person, unit) = (Some(observation.person), observation.unit);
            let lost = Overdue { subject: id, kind: Kind::Lost, person, unit, level: 1, since: now };
            escalations::store::raise(connection, lost).await?;
            escalations::store::withdraw(connection, &[id], &[Kind::ReleaseOverdue]).await
        }
        Event::Found => escalations::store::withdraw(connection, &[id], &[Kind::Lost]).await,
        Event::Extended => escalations::store::withdraw(connection, &[id], &[Kind::ReleaseOverdue]).await,
        // The hospital reads from now on.
        Event::Moved if observation.place == Place::Hospital as i16 => {
            escalations::store::withdraw(connection, &[id], &[Kind::ReadingMissed]).await
        }
        Event::Opened | Event::Shortened | Event::Moved | Event::Ended | Event::Kept => Ok(()),
    }
}

/// Places an open observation, which is locked with everybody who is the person. Home again from a hospital is a hand-down,
/// where home is in other hands: as an event.
///
/// # Errors
/// Where the database fails.
pub async fn relocate(
    house: &House,
    connection: &mut PgConnection,
    (observation, everybody): (&mut Observation, &[Person]),
    Placed { place, facility, home_unit }: Placed,
    (by, event): (&str, Uuid),
) -> Result<(), Fault> {
    let facility_before = std::mem::replace(&mut observation.facility, facility);
    let was_in_hospital = observation.place == Place::Hospital as i16;
    observation.place = place as i16;
    let words = placed(observation);
    let said = (by, words.as_str(), house.clock.now());
    change(house, connection, observation, Event::Moved, said).await?;
    if was_in_hospital && place == Place::Home {
        let person = everybody.iter().find(|person| person.id == observation.person);
        let person = person.ok_or(Fault::Conflict)?;
        let home = (facility_before.as_str(), home_unit);
        admissions::come_home(house, connection, person, home, (by, event)).await?;
    }
    observation.version += 1;
    Ok(())
}

/// Ends an observation, whose person or which itself is locked, and which says how. Whoever is reading the person is waited
/// for. What was observed beside it counts from then on.
///
/// # Errors
/// Where the database fails.
pub async fn end(
    house: &House,
    connection: &mut PgConnection,
    observation: &Observation,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let id = observation.id;
    store::lock_to_end(connection, id).await?;
    store::update(connection, observation).await?;
    readings::store::finish(connection, id, observation.place, now).await?;
    let said = (observation.ended_by.as_str(), observation.reason.as_str(), now);
    store::note(connection, observation, Event::Ended, said).await?;
    exposures::store::settle(connection, id, (&observation.ended_by, &observation.reason), now).await?;
    escalations::store::withdraw(connection, &[id], &Kind::OF_OBSERVATIONS).await?;
    if observation.ending == Some(Ending::Died as i16) {
        let (of, said) = ((observation.one, observation.unit), (said.0, said.1, now));
        rechecks::ops::settle(connection, of, rechecks::Outcome::Died, said).await?;
    }
    store::keep_in_sight(connection, &[id], |unit| house.sight(unit)).await?;
    if observation.leads != id {
        return Ok(());
    }
    let beside = store::lock_open(connection, observation.one).await?;
    if let Some(leading) = beside.first().map(|first| first.id) {
        for other in &beside {
            store::follow(connection, other.id, leading).await?;
        }
    }
    Ok(())
}

/// Before two persons are joined: where both are under observation, what was the merged one's counts no more
/// for itself, so that one observation of the person counts.
///
/// # Errors
/// Where the database fails.
pub async fn before_merge(connection: &mut PgConnection, kept: Uuid, merged: Uuid) -> Result<(), Fault> {
    let leading = store::lock_open(connection, kept).await?.into_iter().next();
    if let Some(leading) = leading {
        for other in store::lock_open(connection, merged).await? {
            store::follow(connection, other.id, leading.id).await?;
        }
    }
    Ok(())
}

/// After a person came into other hands, or two were joined: what one unit observes twice goes on as one, and
/// everything is seen by who stands above it now.
///
/// # Errors
/// Where the database fails.
pub async fn settle(
    house: &House,
    connection: &mut PgConnection,
    one: Uuid,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let open = store::lock_open(connection, one).await?;
    let mut kept: Vec<Observation> = Vec::new();
    for observation in open {
        match kept.iter_mut().find(|kept| kept.unit == observation.unit) {
            Some(kept) => {
                let words = format!("goes on as observations/{}", kept.id);
                if extend(house, connection, kept, observation.last_exposure).await? {
                    let said = ("screening", "as another unit has said", now);
                    change(house, connection, kept, Event::Extended, said).await?;
                }
                let mut joined = observation;
                joined.leads = kept.id;
                decide(&mut joined, Ending::Joined, &words, "screening", now);
                end(house, connection, &joined, now).await?;
                referrals::store::go_on(connection, joined.id, kept.id).await?;
            }
            None => kept.push(observation),
        }
    }
    for observation in &kept {
        // What was read of the same person before counts from now on.
        readings::store::fill_from_all(connection, observation).await?;
        readings::store::recount(connection, &[observation.id]).await?;
        followed(connection, one, observation.unit).await?;
    }
    let kept: Vec<Uuid> = kept.iter().map(|observation| observation.id).collect();
    store::keep_in_sight(connection, &kept, |unit| house.sight(unit)).await
}

/// Notes by what an observation ends.
pub fn decide(observation: &mut Observation, ending: Ending, reason: &str, by: &str, now: DateTime<Utc>) {
    observation.ending = Some(ending as i16);
    reason.clone_into(&mut observation.reason);
    observation.ended_at = Some(now);
    by.clone_into(&mut observation.ended_by);
}
