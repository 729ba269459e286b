//! Ingest: a batch of passages with all that follows from them. Whoever is handed down is handed down first, each
//! known by the event, so that a batch that is sent again after a fall finishes what had begun.

use std::collections::{BTreeMap, HashMap, HashSet};

use chassis::{Caller, Fault};
use chrono::{DateTime, NaiveDate, Utc};
use prost::Message as _;
use proto::screening as pb;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Passage, Way, folded,
    parse::{self as contract, Said},
    party_marks, store,
};
use crate::{
    checkpoints::{self, Checkpoint, Tally, parse::checkpoint_name},
    events::Sent,
    handdowns::{
        self,
        ingest::{Item, Taken},
        store::Source,
    },
    house::House,
    refusals,
};

/// What became of a passage.
#[derive(Debug)]
pub enum Result {
    /// Taken in now.
    Accepted(Accepted),
    /// Taken in before.
    Duplicate,
    /// Not taken in.
    Refused(Fault),
}

/// What a passage that was taken in has come to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accepted {
    /// The chain by which the person is handed down.
    pub handdown: Option<Uuid>,
    /// Whether the person goes at once.
    pub urgent: bool,
    /// Whether from outside the province, arriving, without a test.
    pub untested: bool,
    /// Whether the checkpoint has no shift then.
    pub outside_plan: bool,
    /// Whether the person is handed down by the unit where the checkpoint's stands, that is at work no more.
    pub readdressed: bool,
}

/// A passage on its way, with the place it has in the batch.
struct OnTheWay {
    nth: usize,
    said: Said,
    /// The whole of it, as it is sealed and known again.
    whole: Vec<u8>,
    item: Item,
}

/// A passage that is written: its place in the batch, what it comes to, and the whole of it.
struct Written {
    nth: usize,
    accepted: Accepted,
    whole: Vec<u8>,
}

/// Takes in a batch; answers what became of each passage, in their order.
///
/// # Errors
/// Where the database fails: sending the batch again is safe then.
pub async fn take_in(
    house: &House,
    caller: &Caller,
    passages: Vec<pb::Passage>,
) -> std::result::Result<Vec<Result>, Fault> {
    let now = house.clock.now();
    let mut results: Vec<Result> = passages.iter().map(|_| Result::Duplicate).collect();
    let mut sound = Vec::with_capacity(passages.len());
    for (nth, passage) in passages.into_iter().enumerate() {
        match contract::passage(passage, now) {
            Ok(said) => sound.push((nth, said)),
            Err(fault) => results[nth] = Result::Refused(fault),
        }
    }
    let posts = checkpoints(house, caller, &sound).await?;
    let on_the_way = sorted_out(house, &posts, sound, &mut results);
    let mut passages = Vec::with_capacity(on_the_way.len());
    let mut written: HashMap<Uuid, Written> = HashMap::with_capacity(on_the_way.len());
    for OnTheWay { nth, said, whole, item } in on_the_way {
        let post = &posts[&said.checkpoint];
        let handdown = match said.signs.way() {
            Way::Counted => None,
            _ => match handed_down(house, caller, post, (&said, &whole), item).await {
                Ok(chain) => Some(chain),
                Err(fault) if refusals::is_of_item(&fault) => {
                    results[nth] = Result::Refused(fault);
                    continue;
                }
                Err(fault) => return Err(fault),
            },
        };
        let accepted = Accepted {
            handdown,
            urgent: said.signs.way() == Way::AtOnce,
            untested: said.signs.is_untested(),
            outside_plan: !post.stands_on(day(house, said.passed_at)),
            readdressed: handdown.is_some() && stands(house, post) != post.unit,
        };
        passages.push(kept(house, &said, &whole, handdown)?);
        written.insert(said.event, Written { nth, accepted, whole });
    }
    make_partitions(house, &passages).await?;
    let mut work = house.database.begin_pointed(&[]).await?;
    let new = store::insert(&mut work, &passages, (caller.subject(), now)).await?;
    let new: HashSet<Uuid> = new.into_iter().collect();
    let (fresh, again): (Vec<_>, Vec<_>) = passages.iter().partition(|passage| new.contains(&passage.event));
    checkpoints::store::add(&mut work, &tallied(house, &posts, fresh.into_iter())).await?;
    for event in reused(house, &mut work, caller, (&again, &written)).await? {
        results[written[&event].nth] = Result::Refused(refusals::reused(event));
    }
    work.commit().await?;
    for event in new {
        results[written[&event].nth] = Result::Accepted(written[&event].accepted);
    }
    Ok(results)
}

/// What is well-formed, at a checkpoint of the caller's, and no other than what the batch has under the same id before; of
/// the rest it is said what is wrong.
fn sorted_out(
    house: &House,
    posts: &HashMap<Uuid, Checkpoint>,
    sound: Vec<(usize, Said)>,
    results: &mut [Result],
) -> Vec<OnTheWay> {
    let mut on_the_way: Vec<OnTheWay> = Vec::with_capacity(sound.len());
    let mut sent: HashMap<Uuid, usize> = HashMap::with_capacity(sound.len());
    for (nth, said) in sound {
        let Some(post) = posts.get(&said.checkpoint) else {
            results[nth] = Result::Refused(Fault::NotFound(checkpoint_name(said.checkpoint)));
            continue;
        };
        let at_once = said.signs.way() == Way::AtOnce;
        let item = match contract::item(&said, stands(house, post), &post.display_name, at_once) {
            Ok(item) => item,
            Err(fault) => {
                results[nth] = Result::Refused(fault);
                continue;
            }
        };
        let whole = said.personal.encode_to_vec();
        match sent.get(&said.event).map(|first| &on_the_way[*first]) {
            None => {
                sent.insert(said.event, on_the_way.len());
                on_the_way.push(OnTheWay { nth, said, whole, item });
            }
            Some(first) if first.whole == whole => {}
            Some(_) => results[nth] = Result::Refused(refusals::reused(said.event)),
        }
    }
    on_the_way
}

/// Hands somebody down by the unit where the checkpoint stands; answers the chain.
async fn handed_down(
    house: &House,
    caller: &Caller,
    post: &Checkpoint,
    (said, whole): (&Said, &[u8]),
    item: Item,
) -> std::result::Result<Uuid, Fault> {
    let source = source(post, caller, said, house.clock.now());
    let sent = Sent::new(said.event, whole);
    Ok(match handdowns::ingest::take_in(house, caller, (item, &sent), &source).await? {
        Taken::In(handdown, _) => handdown.chain,
        Taken::Before(chain) => chain,
    })
}

/// Of passages that were sent before: the ids under which another one was.
async fn reused(
    house: &House,
    connection: &mut PgConnection,
    caller: &Caller,
    (again, written): (&[&Passage], &HashMap<Uuid, Written>),
) -> std::result::Result<Vec<Uuid>, Fault> {
    let kept = store::sent_before(connection, again, caller.subject()).await?.into_iter();
    // Of a key that is gone nobody knows what it was.
    let before = kept.filter_map(|kept| Some((kept.event, house.keys.open(kept.event, &kept.sealed).ok()?)));
    let is_other = |(event, before): &(Uuid, Vec<u8>)| written[event].whole != *before;
    Ok(before.filter(is_other).map(|(event, _)| event).collect())
}

/// The checkpoints of a batch that the caller may send for.
async fn checkpoints(
    house: &House,
    caller: &Caller,
    sound: &[(usize, Said)],
) -> std::result::Result<HashMap<Uuid, Checkpoint>, Fault> {
    let ids: HashSet<Uuid> = sound.iter().map(|(_, said)| said.checkpoint).collect();
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let mut work = house.database.begin(None).await?;
    let found = checkpoints::store::some(&mut work, &ids).await?.into_iter();
    let seen = found.filter(|post| house.jurisdiction.takes(caller, "passages.write", post.unit));
    Ok(seen.map(|post| (post.id, post)).collect())
}

/// The unit that hands down who passes: the checkpoint's own, or where that stands which is at work no more.
fn stands(house: &House, post: &Checkpoint) -> Uuid {
    house.jurisdiction.standing(post.unit).unwrap_or(post.unit)
}

/// A checkpoint as the list that named a person, with what it saw.
fn source(post: &Checkpoint, caller: &Caller, said: &Said, now: DateTime<Utc>) -> Source {
    let toll = i32::from(post.kind) == pb::CheckpointKind::Toll as i32;
    let kind = if toll { pb::ListKind::Toll } else { pb::ListKind::Station };
    Source {
        kind: kind as i16,
        reference: post.display_name.clone(),
        source_name: post.display_name.clone(),
        window_starts_at: None,
        window_ends_at: None,
        received_at: now,
        entered_by: caller.subject().to_owned(),
        facts: Some(contract::facts(said)),
    }
}

fn kept(
    house: &House,
    said: &Said,
    whole: &[u8],
    handdown: Option<Uuid>,
) -> std::result::Result<Passage, Fault> {
    Ok(Passage {
        event: said.event,
        checkpoint: said.checkpoint,
        passed_on: day(house, said.passed_at),
        passed_at: said.passed_at,
        signs: said.signs,
        handdown,
        party_hash: party_hash(house, &said.personal.party),
        sealed: house.keys.seal(said.event, whole)?,
    })
}

/// Under what the fellows of a vehicle or party are found; nothing where none was said.
fn party_hash(house: &House, party: &str) -> Option<Vec<u8>> {
    let said = Some(party).filter(|party| !folded(party).is_empty())?;
    party_marks(&house.keys, said).into_iter().next().map(|mark| mark.hash)
}

fn day(house: &House, instant: DateTime<Utc>) -> NaiveDate {
    instant.with_timezone(&house.clock.zone()).date_naive()
}

/// What passages add to the shifts in which they lie, in the order of the shifts.
fn tallied<'a>(
    house: &House,
    posts: &HashMap<Uuid, Checkpoint>,
    passages: impl Iterator<Item = &'a Passage>,
) -> Vec<(Uuid, DateTime<Utc>, Tally)> {
    let mut sums: BTreeMap<(Uuid, DateTime<Utc>), Tally> = BTreeMap::new();
    for passage in passages {
        let Some(post) = posts.get(&passage.checkpoint) else { continue };
        let starts_at = post.shift_at(passage.passed_at, house.clock.zone()).0;
        let one = passage.signs.tally(passage.handdown.is_some());
        sums.entry((passage.checkpoint, starts_at)).or_default().add(&one);
    }
    sums.into_iter().map(|((checkpoint, starts_at), sum)| (checkpoint, starts_at, sum)).collect()
}

/// Makes the partitions of the days that this process has not seen yet.
async fn make_partitions(house: &House, passages: &[Passage]) -> std::result::Result<(), Fault> {
    let days: HashSet<NaiveDate> = passages.iter().map(|passage| passage.passed_on).collect();
    for day in days {
        keep_day(house, day).await?;
    }
    Ok(())
}

/// Sees to the partition of a day once, and drops those that are kept no longer: for today also where nobody passes
/// any more (P1).
///
/// # Errors
/// Where the database fails.
pub async fn keep_day(house: &House, day: NaiveDate) -> std::result::Result<(), Fault> {
    if !house.passage_days.contains(day) {
        store::make_partition(house.database.pool(), day, house.clock.today()).await?;
        house.passage_days.insert(day);
    }
    Ok(())
}
