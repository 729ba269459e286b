//! What is done to units inside one transaction, for the API, for batches and for imports.

use std::collections::{BTreeSet, HashMap};

use chassis::{Fault, fault::Unmet, feed, parse};
use chrono::NaiveDate;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Moment;

use super::{
    Change, Level, NewUnit, Parent, Status, TOPIC, contains,
    parse::{Update, unit_name},
    segment,
    store::{self, Insert, Place},
};

/// Creates units, all or none; parents stand before their children. Answers their ids and first
/// dates in the same order.
///
/// # Errors
/// Every item whose parent is absent, closed or not above it; a code or number that is taken.
pub async fn create(
    connection: &mut PgConnection,
    units: Vec<NewUnit>,
    moment: Moment,
) -> Result<Vec<(Uuid, NaiveDate)>, Fault> {
    store::lock_tree(connection, false).await?;
    let starts: Vec<NaiveDate> = units.iter().map(|unit| unit.start_date.unwrap_or(moment.today)).collect();
    let known = known_parents(connection, &units, &starts).await?;
    let ordinals = store::ordinals(connection, units.len()).await?;

    let mut unmet = Vec::new();
    let mut insert = Insert::default();
    let mut made: Vec<Vec<Place>> = Vec::with_capacity(units.len());
    for (index, (unit, ordinal)) in units.into_iter().zip(ordinals).enumerate() {
        let id = Uuid::now_v7();
        let start = starts[index];
        let none = Vec::new();
        let above = match unit.parent {
            Parent::Unit(parent) => known.get(&parent).unwrap_or(&none),
            Parent::Earlier(item) => made.get(item).unwrap_or(&none),
        };
        let places = match stand(id, unit.level, above, start, ordinal) {
            Ok(places) => places,
            Err(refusal) => {
                // What hangs below a refused item is not a second mistake.
                if !matches!(unit.parent, Parent::Earlier(item) if made[item].is_empty()) {
                    unmet.push((index, refusal));
                }
                Vec::new()
            }
        };
        insert.ids.push(id);
        insert.ordinals.push(ordinal);
        insert.levels.push(unit.level as i16);
        insert.names.push(unit.display_name);
        insert.starts.push(start);
        insert.places.extend(places.iter().cloned());
        insert.codes.extend(unit.codes.into_iter().map(|code| (id, start, code)));
        insert.external_ids.extend(unit.external_ids.into_iter().map(|number| (id, number)));
        made.push(places);
    }
    refuse(unmet)?;
    let ids = insert.ids.clone();
    store::insert(connection, insert, moment.now).await?;
    feed::note(connection, TOPIC, &ids).await?;
    Ok(ids.into_iter().zip(starts).collect())
}

async fn known_parents(
    connection: &mut PgConnection,
    units: &[NewUnit],
    starts: &[NaiveDate],
) -> Result<HashMap<Uuid, Vec<Place>>, Fault> {
    let named = units.iter().filter_map(|unit| match unit.parent {
        Parent::Unit(parent) => Some(parent),
        Parent::Earlier(_) => None,
    });
    let ids: Vec<Uuid> = named.collect::<BTreeSet<_>>().into_iter().collect();
    let Some(earliest) = starts.iter().min() else {
        return Ok(HashMap::new());
    };
    let mut known: HashMap<Uuid, Vec<Place>> = HashMap::new();
    for place in store::places_from(connection, &ids, *earliest).await? {
        known.entry(place.unit).or_default().push(place);
    }
    Ok(known)
}

/// Why a unit cannot stand under a parent.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Refusal {
    NotAbove { level: Level, parent: Level },
    NotInForce { parent: Option<Uuid>, from: NaiveDate },
}

/// The places of a new unit: under its parent wherever the parent stands, from its first date on.
fn stand(
    id: Uuid,
    level: Level,
    above: &[Place],
    start: NaiveDate,
    ordinal: i64,
) -> Result<Vec<Place>, Refusal> {
    let parent = above.first().map(|place| place.unit);
    let absent = Refusal::NotInForce { parent, from: start };
    let first = above.iter().find(|place| place.until.is_none_or(|until| until > start));
    let first = first.filter(|place| place.from <= start).ok_or_else(|| absent.clone())?;
    if above.iter().any(|place| place.closed.is_some()) {
        return Err(absent);
    }
    if !first.level.may_stand_above(level) {
        return Err(Refusal::NotAbove { level, parent: first.level });
    }
    let standing = above.iter().filter(|place| place.until.is_none_or(|until| until > start));
    Ok(standing
        .map(|place| Place {
            unit: id,
            level,
            parent,
            path: format!("{}{}", place.path, segment(ordinal)),
            from: place.from.max(start),
            until: place.until,
            closed: None,
        })
        .collect())
}

fn refuse(refusals: Vec<(usize, Refusal)>) -> Result<(), Fault> {
    let Some((_, first)) = refusals.first() else {
        return Ok(());
    };
    let (reason, metadata) = match first {
        Refusal::NotAbove { level, parent } => (
            "PARENT_NOT_ABOVE",
            vec![("level", level.word().to_owned()), ("parent_level", parent.word().to_owned())],
        ),
        Refusal::NotInForce { parent, .. } => {
            ("PARENT_NOT_IN_FORCE", vec![("parent_unit", parent.map(unit_name).unwrap_or_default())])
        }
    };
    let unmet = refusals.into_iter().map(|(index, refusal)| Unmet {
        subject: format!("units[{index}]"),
        description: match refusal {
            Refusal::NotAbove { level, parent } => format!(
                "a {} does not stand above a {}: name a parent at a higher level",
                parent.word(),
                level.word()
            ),
            Refusal::NotInForce { from, .. } => {
                format!("the parent does not exist or is closed at or after {from}")
            }
        },
    });
    Err(Fault::Precondition { reason, unmet: unmet.collect(), metadata })
}

/// Changes a unit from a date on.
///
/// # Errors
/// A stale etag, a place that the tree does not allow, units still at work below one that closes.
pub async fn update(
    connection: &mut PgConnection,
    update: Update,
    moment: Moment,
) -> Result<(Uuid, NaiveDate), Fault> {
    let Update { id, change, effective, etag: read } = update;
    let from = effective.unwrap_or(moment.today);
    let moves = change.parent.is_some() || change.status.is_some();
    store::lock_tree(connection, moves).await?;
    let absent = || Fault::NotFound(unit_name(id));
    let (version, level) = store::lock(connection, id).await?.ok_or_else(absent)?;
    parse::unchanged(&read, version)?;
    let place = place_on(connection, id, from).await?.ok_or_else(absent)?;
    let Change { display_name, parent, status, successors, codes, external_ids } = change;
    if let Some(name) = display_name {
        store::rename(connection, id, from, &name).await?;
    }
    if let Some(parent) = parent.filter(|parent| place.parent != Some(*parent)) {
        // Where a unit above moves later its place is split: the move holds on, up to its own next one.
        let places = store::places_from(connection, &[id], from).await?;
        for part in places.into_iter().take_while(|part| part.parent == place.parent) {
            move_under(connection, &part, level, parent, from.max(part.from)).await?;
        }
    }
    if let Some(status) = status {
        if status == Status::Closed && store::has_active_children(connection, id, from).await? {
            return Err(Fault::unmet(
                "UNIT_HAS_CHILDREN",
                unit_name(id),
                format!("units are at work below it on or after {from}: close or move them first"),
                vec![("unit", unit_name(id))],
            ));
        }
        if status == Status::Active {
            stands_under_one_at_work(connection, id, from).await?;
        }
        store::set_status(connection, id, from, status).await?;
    }
    if let Some(successors) = successors {
        store::set_successors(connection, id, &successors).await?;
    }
    if let Some(codes) = codes {
        store::set_codes(connection, id, from, codes).await?;
    }
    if let Some(ids) = external_ids {
        store::set_external_ids(connection, id, ids).await?;
    }
    store::touch(connection, id, moment.now).await?;
    feed::note(connection, TOPIC, &[id]).await?;
    Ok((id, from))
}

/// A unit that opens again needs a parent that is at work from then on.
async fn stands_under_one_at_work(
    connection: &mut PgConnection,
    unit: Uuid,
    from: NaiveDate,
) -> Result<(), Fault> {
    let parent = place_on(connection, unit, from).await?.and_then(|place| place.parent);
    let Some(parent) = parent else {
        return Ok(());
    };
    match place_on(connection, parent, from).await?.filter(|above| above.closed.is_none()) {
        Some(_) => Ok(()),
        None => refuse(vec![(0, Refusal::NotInForce { parent: Some(parent), from })]),
    }
}

async fn place_on(
    connection: &mut PgConnection,
    unit: Uuid,
    date: NaiveDate,
) -> Result<Option<Place>, Fault> {
    let places = store::places_from(connection, &[unit], date).await?;
    Ok(places.into_iter().find(|place| place.from <= date))
}

async fn move_under(
    connection: &mut PgConnection,
    place: &Place,
    level: Level,
    parent: Uuid,
    from: NaiveDate,
) -> Result<(), Fault> {
    let target = place_on(connection, parent, from).await?;
    let Some(target) = target.filter(|target| target.closed.is_none()) else {
        return refuse(vec![(0, Refusal::NotInForce { parent: Some(parent), from })]);
    };
    if contains(&place.path, &target.path) {
        return Err(Fault::unmet(
            "CYCLE",
            unit_name(place.unit),
            "the unit would stand below itself",
            vec![("unit", unit_name(place.unit))],
        ));
    }
    if !target.level.may_stand_above(level) {
        return refuse(vec![(0, Refusal::NotAbove { level, parent: target.level })]);
    }
    // The target's own later move would have to be followed: it must stand still as long as we do.
    if target.until.is_some_and(|until| place.until.is_none_or(|ours| until < ours)) {
        return Err(Fault::unmet(
            "OVERLAPPING_DATES",
            unit_name(parent),
            "the new parent itself moves later on: make this change from that date",
            vec![("constraint", "unit_place_no_overlap".to_owned())],
        ));
    }
    let own = place.path.get(place.path.len().saturating_sub(super::SEGMENT)..).unwrap_or_default();
    let path = format!("{}{own}", target.path);
    store::move_subtree(connection, place, from, parent, &path).await
}
