//! Ingest: many readings at once, each by itself, with all that follows from them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chassis::{Caller, Fault};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Mark, Met, Outcome, Reading, marks,
    store::{self, Kept, Spoken},
};
use crate::{homes, house::House, referrals};

/// What became of a reading that is well-formed.
#[derive(Clone, Debug)]
pub enum Result {
    /// Taken in now: what it says, what is irregular, and the referral that is open.
    Accepted(Outcome, Vec<Mark>, Option<Uuid>),
    /// Taken in before.
    Duplicate,
    /// Another reading was taken in by the same event.
    Reused,
    /// Of an observation that the caller may not see, or that is none.
    Absent(Uuid),
}

/// What must be written of a reading.
struct Taken {
    nth: usize,
    kept: Kept,
    spoken: Spoken,
    marks: Vec<Mark>,
}

/// Takes in readings in one transaction; answers what became of each, in their order.
///
/// # Errors
/// Where the database fails: nothing of any is kept then.
pub async fn take_in(
    house: &House,
    caller: &Caller,
    readings: &[Reading],
) -> std::result::Result<Vec<Result>, Fault> {
    let now = house.clock.now();
    let mut results: Vec<Result> =
        readings.iter().map(|reading| Result::Absent(reading.observation)).collect();
    make_partitions(house, readings).await?;
    let mut work = house.database.begin_pointed(&[]).await?;
    let ill = readings.iter().filter(|reading| reading.outcome == Outcome::Symptoms);
    let ill: Vec<Uuid> = ill.map(|reading| reading.observation).collect();
    if !ill.is_empty() {
        // Persons before their observations, as everywhere.
        homes::store::lock_persons(&mut work, &ill).await?;
    }
    let sees = |unit: Uuid| house.jurisdiction.takes(caller, "readings.write", unit);
    let mut taken = Vec::with_capacity(readings.len());
    let mut sent = HashSet::with_capacity(readings.len());
    let mut again = Vec::new();
    for spoken in store::spoken_of(&mut work, readings, now).await? {
        // Who reads where it was opened may send what was read, whoever has the person by now.
        let Some(reading) =
            readings.get(spoken.nth).filter(|_| sees(spoken.unit) || sees(spoken.opened_unit))
        else {
            continue;
        };
        if sent.insert((reading.event, day(house, reading.taken_at))) {
            taken.push(taken_in(house, caller, reading, spoken, now));
        } else {
            again.push(spoken.nth);
        }
    }
    let kept: Vec<&Kept> = taken.iter().map(|taken| &taken.kept).collect();
    let known: HashSet<_> = store::insert(&mut work, caller.subject(), &kept).await?.into_iter().collect();
    let is_new = |taken: &Taken| !known.contains(&(taken.kept.reading.event, taken.kept.taken_on));
    again.extend(taken.iter().filter(|taken| !is_new(taken)).map(|taken| taken.nth));
    taken.retain(is_new);
    let missed = store::fill(&mut work, &filled(&taken)).await?;

    let turns = |taken: &&Taken| match taken.kept.reading.outcome {
        Outcome::Absent => taken.spoken.slot.is_some(),
        _ => taken.spoken.is_raised,
    };
    let turned: HashSet<Uuid> = taken.iter().filter(turns).flat_map(observations).chain(missed).collect();
    if !turned.is_empty() {
        store::recount(&mut work, &turned.into_iter().collect::<Vec<_>>()).await?;
    }
    let grave: Vec<&Kept> = kept_of(&taken, Outcome::Symptoms);
    let open =
        if grave.is_empty() { HashMap::new() } else { fall_ill(house, &mut work, caller, &grave).await? };
    for (nth, result) in sent_again(house, &mut work, caller, readings, &again).await? {
        results[nth] = result;
    }
    work.commit().await?;
    for taken in taken {
        let reading = &taken.kept.reading;
        let referral = open.get(&reading.observation).copied();
        let referral = referral.filter(|_| reading.outcome == Outcome::Symptoms);
        results[taken.nth] = Result::Accepted(reading.outcome, taken.marks, referral);
    }
    Ok(results)
}

/// Refers whoever has fever or a symptom; those who slept at home with them on the day of the reading are observed longer.
/// Answers the open referrals of observations.
async fn fall_ill(
    house: &House,
    connection: &mut PgConnection,
    caller: &Caller,
    grave: &[&Kept],
) -> std::result::Result<HashMap<Uuid, Uuid>, Fault> {
    let by = caller.subject();
    let opened = referrals::store::open(connection, grave, (by, house.clock.now())).await?;
    let ill: Vec<Uuid> = opened.keys().copied().collect();
    let at_home: HashMap<Uuid, Uuid> = homes::store::observed(connection, &ill).await?.into_iter().collect();
    let days =
        grave.iter().filter_map(|kept| Some((*at_home.get(&kept.reading.observation)?, kept.taken_on)));
    for (one, on) in days.collect::<BTreeSet<_>>() {
        homes::ops::rebase(house, connection, one, on, by).await?;
    }
    Ok(opened)
}

/// What becomes of readings that were sent before: recognised, or refused where the event was another reading's.
async fn sent_again(
    house: &House,
    connection: &mut PgConnection,
    caller: &Caller,
    readings: &[Reading],
    again: &[usize],
) -> std::result::Result<Vec<(usize, Result)>, Fault> {
    if again.is_empty() {
        return Ok(Vec::new());
    }
    let said = again.iter().filter_map(|nth| Some((*nth, readings.get(*nth)?)));
    let said: Vec<(usize, &Reading)> = said.collect();
    let events: Vec<Uuid> = said.iter().map(|(_, reading)| reading.event).collect();
    let days: Vec<NaiveDate> = said.iter().map(|(_, reading)| day(house, reading.taken_at)).collect();
    let known = store::known(connection, (caller.subject(), &events), &days).await?;
    let is_known = |reading: &Reading| known.iter().any(|kept| kept.reading == *reading);
    let result = |reading: &Reading| if is_known(reading) { Result::Duplicate } else { Result::Reused };
    Ok(said.into_iter().map(|(nth, reading)| (nth, result(reading))).collect())
}

fn taken_in(house: &House, caller: &Caller, reading: &Reading, spoken: Spoken, now: DateTime<Utc>) -> Taken {
    let met = Met {
        slot: spoken.slot,
        later_read: spoken.later_read,
        has_ended: spoken.has_ended,
        is_joined: spoken.is_joined,
    };
    let marks = marks(&met, now);
    let kept = Kept {
        reading: reading.clone(),
        taken_on: day(house, reading.taken_at),
        sent_by: caller.subject().to_owned(),
        received_at: now,
        marks: marks.iter().map(|mark| *mark as i16).collect(),
    };
    Taken { nth: spoken.nth, kept, spoken, marks }
}

fn day(house: &House, instant: DateTime<Utc>) -> NaiveDate {
    instant.with_timezone(&house.clock.zone()).date_naive()
}

/// The observation itself, and the one that counts for the same person.
fn observations(taken: &Taken) -> impl Iterator<Item = Uuid> + use<> {
    let leading = taken.spoken.leading.map(|leading| leading.0);
    [Some(taken.spoken.observation), leading].into_iter().flatten()
}

/// What comes of each slot: of the observation's own, and of the one that counts for the same person.
fn filled(taken: &[Taken]) -> BTreeMap<(Uuid, DateTime<Utc>), Outcome> {
    let mut slots = BTreeMap::new();
    for taken in taken {
        let own = taken.spoken.slot.map(|slot| (taken.spoken.observation, slot.opens_at));
        let leading = taken.spoken.leading.and_then(|(id, opens_at)| Some((id, opens_at?)));
        for key in [own, leading].into_iter().flatten() {
            let gravest = slots.entry(key).or_insert(taken.kept.reading.outcome);
            *gravest = taken.kept.reading.outcome.max(*gravest);
        }
    }
    slots
}

fn kept_of(taken: &[Taken], outcome: Outcome) -> Vec<&Kept> {
    taken.iter().map(|taken| &taken.kept).filter(|kept| kept.reading.outcome == outcome).collect()
}

/// Makes the partitions of the days that this process has not seen yet.
async fn make_partitions(house: &House, readings: &[Reading]) -> std::result::Result<(), Fault> {
    let days: HashSet<NaiveDate> = readings.iter().map(|reading| day(house, reading.taken_at)).collect();
    for day in days {
        if !house.reading_days.contains(day) {
            store::make_partition(house.database.pool(), day).await?;
            house.reading_days.insert(day);
        }
    }
    Ok(())
}
