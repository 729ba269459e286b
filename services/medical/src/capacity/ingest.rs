//! Ingest: many counts at once, each by itself.

use std::collections::{BTreeMap, HashMap, HashSet};

use chassis::{Caller, Fault, Violations};
use chrono::{DateTime, Days, NaiveDate, Utc};
use proto::medical as pb;
use uuid::Uuid;

use super::{
    Count, KEPT_DAYS, marks, parse as contract,
    store::{self, Kept},
};
use crate::{house::House, policies};

/// What became of a count.
#[derive(Debug)]
pub enum Result {
    /// Taken in now, with what is irregular about it, by number.
    Accepted(Vec<i16>),
    /// Taken in before.
    Duplicate,
    /// Another count was taken in by the same event.
    Reused,
    /// Of a ward that the caller may not tell of, or that is none.
    Absent(Uuid),
    /// Wrong whatever the state.
    Malformed(Violations),
}

/// Takes in counts in one transaction; answers what became of each, in their order.
///
/// # Errors
/// Where the database fails: nothing of any is kept then.
pub async fn take_in(
    house: &House,
    caller: &Caller,
    said: &[pb::Count],
) -> std::result::Result<Vec<Result>, Fault> {
    let now = house.clock.now();
    let mut results: BTreeMap<usize, Result> = BTreeMap::new();
    let mut sound: Vec<(usize, Count)> = Vec::with_capacity(said.len());
    for (nth, said) in said.iter().enumerate() {
        match contract::count(said, now) {
            Ok(count) => sound.push((nth, count)),
            Err(wrong) => drop(results.insert(nth, Result::Malformed(wrong))),
        }
    }
    let days: HashSet<NaiveDate> = sound.iter().map(|(_, count)| day(house, count)).collect();
    keep_days(house, &days).await?;

    let mut work = house.database.begin(None).await?;
    let wards: Vec<Uuid> = sound.iter().map(|(_, count)| count.ward).collect();
    let met = store::meet(&mut work, &wards).await?.into_iter();
    let met = met.filter(|ward| house.jurisdiction.takes(caller, "capacity.write", ward.unit));
    let met: HashMap<Uuid, store::Met> = met.map(|ward| (ward.id, ward)).collect();
    let events: Vec<Uuid> = sound.iter().map(|(_, count)| count.event).collect();
    let days: Vec<NaiveDate> = days.into_iter().collect();
    let known = store::known(&mut work, caller.subject(), &events, &days).await?.into_iter();
    let mut known: HashMap<(Uuid, NaiveDate), Count> =
        known.map(|count| ((count.event, day(house, &count)), count)).collect();

    let mut counts: HashMap<Uuid, DateTime<Utc>> = HashMap::new();
    counts.extend(met.values().filter_map(|ward| Some((ward.id, ward.as_of?))));
    let (mut kept, mut shown) = (Vec::with_capacity(sound.len()), BTreeMap::new());
    for (nth, count) in sound {
        let Some(ward) = met.get(&count.ward) else {
            results.insert(nth, Result::Absent(count.ward));
            continue;
        };
        let day = day(house, &count);
        if let Some(before) = known.insert((count.event, day), count.clone()) {
            let is_same = before == count;
            results.insert(nth, if is_same { Result::Duplicate } else { Result::Reused });
            known.insert((count.event, day), before);
            continue;
        }
        let last = counts.get(&count.ward).copied();
        let marks = marks(&count, last, day, ward.ends_on).into_iter();
        let marks: Vec<i16> = marks.map(|mark| mark as i16).collect();
        if last.is_none_or(|last| last <= count.as_of) {
            counts.insert(count.ward, count.as_of);
            shown.insert(count.ward, kept.len());
        }
        results.insert(nth, Result::Accepted(marks.clone()));
        kept.push(Kept { count, day, marks });
    }
    if !kept.is_empty() {
        let by = (caller.subject(), now);
        let inserted = store::insert(&mut work, &kept, by).await?;
        if usize::try_from(inserted).ok() != Some(kept.len()) {
            // Somebody sends one of them of another ward at this very moment.
            return Err(Fault::Conflict);
        }
        let set = policies::store::all(&mut work).await?;
        let shown = shown.values().filter_map(|nth| kept.get(*nth)).filter_map(|kept| {
            let ward = met.get(&kept.count.ward)?;
            let counts = policies::ops::figure_counts(house, &set, ward.unit, ward.bed_class);
            Some((kept, kept.count.as_of + counts))
        });
        store::show(&mut work, &shown.collect::<Vec<_>>(), by).await?;
    }
    work.commit().await?;
    Ok(results.into_values().collect())
}

fn day(house: &House, count: &Count) -> NaiveDate {
    count.as_of.with_timezone(&house.clock.zone()).date_naive()
}

/// Makes the partitions of the days that this process has not seen yet.
async fn keep_days(house: &House, days: &HashSet<NaiveDate>) -> std::result::Result<(), Fault> {
    for day in days.iter().filter(|day| !house.counted_days.contains(**day)) {
        let oldest = house.clock.today() - Days::new(KEPT_DAYS);
        store::make_partition(house.database.pool(), oldest, *day).await?;
        house.counted_days.insert(*day);
    }
    Ok(())
}
