//! What is known in memory: the registry's resources as its feeds carry them, and what is read from them.

use std::collections::{HashMap, HashSet};

use chassis::{Fault, parse};
use chrono::{DateTime, NaiveDate, Utc};
use prost::Message as _;
use proto::registry as pb;
use uuid::Uuid;

use crate::{
    Contact, Held, Office, Position,
    store::{Followed, Kept},
    tree::{Seed, Tree},
};

/// The topic of units.
pub(crate) const UNITS: &str = "unit";
/// The topic of appointments.
pub(crate) const APPOINTMENTS: &str = "appointment";

/// A fact and when it holds.
#[derive(Debug)]
struct Dated<T>(NaiveDate, Option<NaiveDate>, T);

#[derive(Debug)]
struct Unit {
    level: i16,
    ordinal: i64,
    names: Vec<Dated<String>>,
    parents: Vec<Dated<Option<Uuid>>>,
    active: Vec<Dated<bool>>,
    successors: Vec<Uuid>,
}

/// Everything that is known.
#[derive(Debug, Default)]
pub(crate) struct Known {
    followed: HashMap<String, Followed>,
    units: HashMap<Uuid, Unit>,
    held: HashMap<Uuid, Held>,
    by_subject: HashMap<String, Vec<Uuid>>,
    by_unit: HashMap<Uuid, Vec<Uuid>>,
}

impl Known {
    /// How far a feed was read.
    pub(crate) fn serial(&self, topic: &str) -> i64 {
        self.followed.get(topic).map_or(-1, |followed| followed.serial)
    }

    /// Whether both feeds have given a whole picture.
    pub(crate) fn is_complete(&self) -> bool {
        let complete = |topic| self.followed.get(topic).is_some_and(|followed| !followed.token.is_empty());
        complete(UNITS) && complete(APPOINTMENTS)
    }

    pub(crate) fn positions(&self) -> Vec<Position> {
        let feeds = [(UNITS, "registry/unit"), (APPOINTMENTS, "registry/appointment")];
        let known = feeds.iter().filter_map(|(topic, feed)| Some((feed, self.followed.get(*topic)?)));
        known
            .map(|(feed, followed)| Position {
                feed,
                token: followed.token.clone(),
                heard_at: followed.heard_at,
            })
            .collect()
    }

    pub(crate) fn heard(&self, topic: &str) -> Option<DateTime<Utc>> {
        let followed = self.followed.get(topic).filter(|followed| !followed.token.is_empty());
        followed.map(|followed| followed.heard_at)
    }

    /// Takes in what was followed.
    pub(crate) fn take(&mut self, followed: Followed, rows: Vec<Kept>) -> Result<(), Fault> {
        for row in rows {
            match (followed.topic.as_str(), row.body) {
                (UNITS, Some(body)) => {
                    self.units.insert(row.key, unit(&body)?);
                }
                (UNITS, None) => {
                    self.units.remove(&row.key);
                }
                (_, body) => {
                    self.forget(row.key);
                    if let Some(held) = body.map(|body| held(&body)).transpose()?.flatten() {
                        self.by_subject.entry(held.subject.clone()).or_default().push(row.key);
                        self.by_unit.entry(held.unit).or_default().push(row.key);
                        self.held.insert(row.key, held);
                    }
                }
            }
        }
        self.followed.insert(followed.topic.clone(), followed);
        Ok(())
    }

    fn forget(&mut self, key: Uuid) {
        if let Some(held) = self.held.remove(&key) {
            for keys in [self.by_subject.get_mut(&held.subject), self.by_unit.get_mut(&held.unit)] {
                keys.into_iter().for_each(|keys| keys.retain(|other| *other != key));
            }
        }
    }

    /// The tree of a date: the units that are at work then.
    pub(crate) fn tree(&self, date: NaiveDate) -> Tree {
        let seeds = self.units.iter().filter_map(|(id, unit)| {
            on(&unit.active, date).filter(|active| **active)?;
            Some(Seed {
                id: *id,
                level: unit.level,
                ordinal: unit.ordinal,
                display_name: on(&unit.names, date)?.clone(),
                parent: *on(&unit.parents, date)?,
            })
        });
        Tree::build(seeds.collect())
    }

    /// The unit itself if it is in a tree, else the one that took its place, else the nearest that last stood
    /// above it, or took that one's place.
    pub(crate) fn standing(&self, tree: &Tree, unit: Uuid) -> Option<Uuid> {
        let above = |unit: &Uuid| self.units.get(unit)?.parents.iter().max_by_key(|fact| fact.0)?.2;
        // No longer than there are units, should the registry ever send a circle.
        let mut upwards = std::iter::successors(Some(unit), above).take(self.units.len().max(1));
        upwards.find_map(|unit| self.heir(tree, unit))
    }

    /// The unit itself if it is in a tree, else the one unit in it that took its place, by however many steps;
    /// nothing where none did, or several.
    pub(crate) fn heir(&self, tree: &Tree, unit: Uuid) -> Option<Uuid> {
        let (mut seen, mut waiting, mut heir) = (HashSet::new(), vec![unit], None);
        while let Some(unit) = waiting.pop() {
            if !seen.insert(unit) {
                continue;
            }
            if tree.place(unit).is_none() {
                waiting.extend(self.units.get(&unit).into_iter().flat_map(|unit| &unit.successors));
            } else if heir.replace(unit).is_some() {
                return None;
            }
        }
        heir
    }

    /// Below which unit a unit stands on a date, and since when.
    pub(crate) fn parent(&self, unit: Uuid, date: NaiveDate) -> Option<(Uuid, NaiveDate)> {
        let facts = self.units.get(&unit)?.parents.iter();
        let mut now = facts.filter(|fact| fact.0 <= date && fact.1.is_none_or(|end| date < end));
        now.next().and_then(|fact| Some((fact.2?, fact.0)))
    }

    /// The units that are not in a tree.
    pub(crate) fn apart(&self, tree: &Tree) -> Vec<Uuid> {
        self.units.keys().copied().filter(|unit| tree.place(*unit).is_none()).collect()
    }

    pub(crate) fn held_by(&self, subject: &str, at: DateTime<Utc>) -> Vec<(Office, Uuid)> {
        if subject.is_empty() {
            return Vec::new();
        }
        self.in_force(self.by_subject.get(subject), at).map(|held| (held.office, held.unit)).collect()
    }

    pub(crate) fn answering(&self, tree: &Tree, unit: Uuid, at: DateTime<Utc>) -> Option<Contact> {
        let best = |unit: Uuid, office: Office| {
            let here = self.in_force(self.by_unit.get(&unit), at).filter(|held| held.office == office);
            here.min_by_key(|held| held.holding)
        };
        let above = tree.upwards(tree.place(unit)?).filter_map(|place| Some(tree.at(place)?.id));
        let mut duty = above.filter_map(|unit| best(unit, Office::DutyOfficer));
        best(unit, Office::Leader).or_else(|| duty.next()).map(Contact::from)
    }

    /// Who stands in for the leader of a unit.
    pub(crate) fn deputy(&self, unit: Uuid, at: DateTime<Utc>) -> Option<Contact> {
        let here = self.in_force(self.by_unit.get(&unit), at);
        let mut deputies =
            here.filter(|held| held.office == Office::Leader && held.holding == pb::Holding::Deputy as i32);
        deputies.next().map(Contact::from)
    }

    fn in_force<'a>(
        &'a self,
        keys: Option<&'a Vec<Uuid>>,
        at: DateTime<Utc>,
    ) -> impl Iterator<Item = &'a Held> {
        let held = keys.into_iter().flatten().filter_map(|key| self.held.get(key));
        held.filter(move |held| held.is_in_force(at))
    }
}

fn on<T>(facts: &[Dated<T>], date: NaiveDate) -> Option<&T> {
    let fact = facts.iter().find(|fact| fact.0 <= date && fact.1.is_none_or(|end| date < end));
    fact.map(|fact| &fact.2)
}

fn unit(body: &[u8]) -> Result<Unit, Fault> {
    let history = pb::UnitHistory::decode(body).map_err(Fault::internal)?;
    let level = i16::try_from(history.level).unwrap_or_default();
    let successors = history.successor_units.iter().map(|name| parse::name("units", name));
    let mut unit = Unit {
        level,
        ordinal: history.ordinal,
        names: vec![],
        parents: vec![],
        active: vec![],
        successors: successors.collect::<Result<_, _>>().map_err(Fault::internal)?,
    };
    for name in history.names {
        unit.names.push(dated(&name.start_date, &name.end_date, name.display_name)?);
    }
    for place in history.places {
        let parent = (!place.parent_unit.is_empty()).then(|| parse::name("units", &place.parent_unit));
        let parent = parent.transpose().map_err(Fault::internal)?;
        unit.parents.push(dated(&place.start_date, &place.end_date, parent)?);
    }
    for status in history.statuses {
        let active = status.status() == pb::UnitStatus::Active;
        unit.active.push(dated(&status.start_date, &status.end_date, active)?);
    }
    Ok(unit)
}

fn dated<T>(start: &str, end: &str, fact: T) -> Result<Dated<T>, Fault> {
    let start = parse::date(start).map_err(Fault::internal)?;
    let end = parse::optional_date(end).map_err(Fault::internal)?;
    Ok(Dated(start, end, fact))
}

/// An appointment as received; nothing for an office that this version does not know, which grants
/// nothing here.
fn held(body: &[u8]) -> Result<Option<Held>, Fault> {
    let received = pb::HeldAppointment::decode(body).map_err(Fault::internal)?;
    let appointment = received.appointment.ok_or_else(|| Fault::internal("an empty appointment"))?;
    let Some(office) = Office::of_contract(appointment.office) else {
        return Ok(None);
    };
    let instant = |time: prost_types::Timestamp| parse::instant(time).map_err(Fault::internal);
    let start = appointment.start_time.map(instant).transpose()?;
    Ok(Some(Held {
        unit: parse::name("units", &appointment.unit).map_err(Fault::internal)?,
        office,
        holding: appointment.holding,
        start: start.ok_or_else(|| Fault::internal("an appointment without a beginning"))?,
        end: appointment.end_time.map(instant).transpose()?,
        subject: received.subject,
        display_name: received.display_name,
        official_phone: received.official_phone,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    /// What is known of a city 1 with the units given: number, parent, whether at work, successors.
    fn known(units: &[(u128, u128, bool, &[u128])]) -> (Known, Tree) {
        let start = NaiveDate::from_ymd_opt(2020, 1, 1).expect("a date");
        let mut known = Known::default();
        for (number, parent, active, successors) in [(1, 0, true, &[][..])].iter().chain(units) {
            let unit = Unit {
                level: 2,
                ordinal: 0,
                names: vec![Dated(start, None, number.to_string())],
                parents: vec![Dated(start, None, (*parent > 0).then(|| id(*parent)))],
                active: vec![Dated(start, None, *active)],
                successors: successors.iter().copied().map(id).collect(),
            };
            known.units.insert(id(*number), unit);
        }
        let tree = known.tree(start);
        (known, tree)
    }

    #[test]
    fn what_is_closed_stands_at_its_one_successor_else_with_the_unit_above() {
        let (known, tree) = known(&[
            (2, 1, true, &[]),
            (3, 2, true, &[]),
            (4, 2, false, &[3]),
            (5, 2, false, &[4]),
            (6, 2, false, &[3, 2]),
            (7, 2, false, &[]),
            (8, 4, false, &[]),
            (9, 2, false, &[10]),
            (10, 2, false, &[9]),
            (11, 2, false, &[3, 7]),
        ]);
        let standing = |unit| known.standing(&tree, id(unit)).map(|unit| unit.as_u128());
        assert_eq!(standing(3), Some(3), "at work");
        assert_eq!((standing(4), standing(5)), (Some(3), Some(3)), "the successor, and the successor's");
        assert_eq!(standing(6), Some(2), "two took its place: with the unit above");
        assert_eq!(standing(7), Some(2), "nobody did");
        assert_eq!(standing(8), Some(3), "the unit above has a successor");
        assert_eq!(standing(9), Some(2), "a circle ends");
        assert_eq!(standing(11), Some(3), "one of two is at work");
        assert_eq!(standing(99), None, "a stranger");
        assert_eq!(known.heir(&tree, id(8)), None);
    }

    #[test]
    fn a_unit_stands_below_another_since_the_day_from_which_that_is_said() {
        let (mut known, _) = known(&[(2, 1, true, &[]), (3, 1, true, &[]), (4, 2, true, &[])]);
        let day = |day| NaiveDate::from_ymd_opt(2020, 2, day).expect("a date");
        let first = known.units[&id(4)].parents[0].0;
        known.units.get_mut(&id(4)).expect("it").parents =
            vec![Dated(first, Some(day(3)), Some(id(2))), Dated(day(3), None, Some(id(3)))];
        assert_eq!(known.parent(id(4), day(2)), Some((id(2), first)));
        assert_eq!(known.parent(id(4), day(3)), Some((id(3), day(3))));
        assert_eq!((known.parent(id(1), day(3)), known.parent(id(99), day(3))), (None, None));
    }
}
