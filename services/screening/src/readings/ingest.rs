//! Ingest: many readings at once, each by itself, with all that follows from them.

use std::collections::{BTreeMap, HashMap, HashSet};

use chassis::{Caller, Fault};
use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::{
    Mark, Met, Outcome, Reading, marks,
    store::{self, Kept, Spoken},
};
use crate::{
    escalations::{self, Kind},
    homes,
    house::House,
    referrals,
};

/// What became of a reading that is well-formed.
#[derive(Clone, Debug)]
pub enum Result {
    /// Taken in now: what it says, what is irregular, and the referral that is open.
    Accepted(Outcome, Vec<Mark>, Option<Uuid>),
    /// Taken in before.
    Duplicate,
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
    let sees = |unit: Uuid| house.sees(caller, "readings.write", unit);
    let mut taken = Vec::with_capacity(readings.len());
    let mut sent = HashSet::with_capacity(readings.len());
    for spoken in store::spoken_of(&mut work, readings).await? {
        // Who reads where it was opened may send what was read, whoever has the person by now.
        let Some(reading) =
            readings.get(spoken.nth).filter(|_| sees(spoken.unit) || sees(spoken.opened_unit))
        else {
            continue;
        };
        results[spoken.nth] = Result::Duplicate;
        if sent.insert((reading.event, day(house, reading.taken_at))) {
            taken.push(taken_in(house, caller, reading, spoken, now));
        }
    }
    let kept: Vec<&Kept> = taken.iter().map(|taken| &taken.kept).collect();
    let new: HashSet<Uuid> = store::insert(&mut work, &kept).await?.into_iter().collect();
    taken.retain(|taken| new.contains(&taken.kept.reading.event));
    store::fill(&mut work, &filled(&taken)).await?;

    let read = |taken: &&Taken| taken.spoken.is_raised && taken.kept.reading.outcome.is_read();
    let raised: HashSet<Uuid> = taken.iter().filter(read).flat_map(observations).collect();
    if !raised.is_empty() {
        let raised: Vec<Uuid> = raised.into_iter().collect();
        escalations::store::withdraw(&mut work, &raised, &[Kind::ReadingMissed]).await?;
    }
    let grave: Vec<&Kept> = kept_of(&taken, Outcome::Symptoms);
    let open: HashMap<Uuid, Uuid> = if grave.is_empty() {
        HashMap::new()
    } else {
        let opened = referrals::store::open(&mut work, &grave, now).await?;
        let ill: Vec<Uuid> = opened.keys().copied().collect();
        for one in homes::store::observed(&mut work, &ill).await? {
            homes::ops::rebase(house, &mut work, one, day(house, now), caller.subject()).await?;
        }
        opened
    };
    work.commit().await?;
    for taken in taken {
        let reading = &taken.kept.reading;
        let referral = open.get(&reading.observation).copied();
        let referral = referral.filter(|_| reading.outcome == Outcome::Symptoms);
        results[taken.nth] = Result::Accepted(reading.outcome, taken.marks, referral);
    }
    Ok(results)
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
