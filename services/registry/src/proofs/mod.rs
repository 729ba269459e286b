//! Proofs decide here: into which parts a proof is cut, and what breaks a law. Pure.

pub mod api;
pub mod parse;
pub mod store;

use std::collections::{BTreeSet, HashMap};

use jurisdiction::Office;
use uuid::Uuid;

use crate::{
    appointments::{Contact, Holding},
    units::{Level, SEGMENT, Status, contains, segment},
};

/// The level whose units head a part each.
pub const PART: Level = Level::County;

/// Follows every path, whatever tampering made of it.
const LAST: &str = "\u{10ffff}";

/// A stretch of paths: from the first, up to but without the second.
pub type Span = (String, String);

/// A unit at the head of a part.
#[derive(Clone, Debug)]
pub struct Head {
    /// The unit.
    pub unit: Uuid,
    /// Its name.
    pub display_name: String,
    /// Its path.
    pub path: String,
    /// Whether it is a county.
    pub county: bool,
}

/// What is checked in one transaction.
#[derive(Clone, Debug)]
pub struct Part {
    /// The unit at its head.
    pub head: Head,
    /// Where its units stand.
    pub spans: Vec<Span>,
}

impl Part {
    /// The paths of the units above it.
    #[must_use]
    pub fn above(&self) -> Vec<String> {
        let path = &self.head.path;
        let ends = (SEGMENT..path.len()).step_by(SEGMENT);
        ends.filter_map(|end| path.get(..end)).map(str::to_owned).collect()
    }
}

/// Whether the ranges are the whole tree.
#[must_use]
pub fn is_whole(ranges: &[String]) -> bool {
    ranges.iter().any(|range| range.len() == SEGMENT)
}

/// Cuts ranges of the tree into the counties below them and what stands below no county. The whole
/// tree includes paths that tampering put beside it.
#[must_use]
pub fn parts(ranges: &[String], heads: &[Head]) -> Vec<Part> {
    let whole = is_whole(ranges);
    let mut parts = Vec::new();
    for range in ranges {
        let below = heads.iter().filter(|head| head.county && head.path != *range);
        let mut counties: Vec<&Head> = below.filter(|head| contains(range, &head.path)).collect();
        counties.sort_by_key(|head| &head.path);
        counties.dedup_by(|below, above| contains(&above.path, &below.path));
        let mut spans = Vec::with_capacity(counties.len() + 1);
        let mut start = if whole { String::new() } else { range.clone() };
        for county in &counties {
            spans.push((start, county.path.clone()));
            start = after(&county.path);
        }
        spans.push((start, if whole { LAST.to_owned() } else { after(range) }));
        if let Some(head) = heads.iter().find(|head| head.path == *range) {
            parts.push(Part { head: head.clone(), spans });
        }
        parts.extend(counties.into_iter().map(|county| Part {
            head: county.clone(),
            spans: vec![(county.path.clone(), after(&county.path))],
        }));
    }
    parts
}

/// 'g' follows every hexadecimal letter: what comes after a subtree.
fn after(path: &str) -> String {
    format!("{path}g")
}

/// A law of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// Somebody answers for every required office.
    Offices,
    /// Every unit stands at one place of one tree.
    Tree,
}

/// What an exception is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A vacant office that somebody answers for.
    VacantAnswered,
    /// A vacant office that nobody answers for.
    VacantUnanswered,
    /// An office that two hold in the same way.
    HeldTwice,
    /// An appointment of nobody.
    OfficerAbsent,
    /// An appointment nowhere.
    UnitAbsent,
    /// A unit without a place, name or status.
    Incomplete,
    /// A unit that does not stand where its parent stands.
    Misplaced,
    /// A unit below itself.
    Cycle,
    /// A unit at work below one that is closed.
    ParentClosed,
}

impl Kind {
    /// The law that it is about.
    #[must_use]
    pub fn law(self) -> Law {
        match self {
            Self::VacantAnswered
            | Self::VacantUnanswered
            | Self::HeldTwice
            | Self::OfficerAbsent
            | Self::UnitAbsent => Law::Offices,
            Self::Incomplete | Self::Misplaced | Self::Cycle | Self::ParentClosed => Law::Tree,
        }
    }

    /// Whether it breaks the law.
    #[must_use]
    pub fn breaks(self) -> bool {
        self != Self::VacantAnswered
    }
}

/// An exception.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// The unit.
    pub unit: Uuid,
    /// The office, where it is about one.
    pub office: Option<Office>,
    /// How it is held, where it is held twice.
    pub holding: Option<Holding>,
    /// Who answers by default.
    pub answering: Option<Contact>,
    /// The appointments concerned.
    pub appointments: Vec<Uuid>,
    /// The parent, where it is about the place.
    pub parent: Option<Uuid>,
}

impl Finding {
    fn of(kind: Kind, unit: Uuid) -> Self {
        let (office, holding, answering, appointments, parent) = (None, None, None, Vec::new(), None);
        Self { kind, unit, office, holding, answering, appointments, parent }
    }
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Units at work.
    pub units: i64,
    /// Offices that they must have filled.
    pub offices: i64,
    /// Held in full.
    pub full: i64,
    /// Held acting.
    pub acting: i64,
    /// Answered for from above.
    pub default: i64,
    /// Answered for by nobody.
    pub unanswered: i64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.units += other.units;
        self.offices += other.offices;
        self.full += other.full;
        self.acting += other.acting;
        self.default += other.default;
        self.unanswered += other.unanswered;
    }
}

/// What all findings of a proof come to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// What was counted.
    pub counts: Counts,
    /// Breaches of the law of offices.
    pub offices: i64,
    /// Breaches of the law of the tree.
    pub tree: i64,
    /// Exceptions that break nothing.
    pub listed: i64,
}

impl Tally {
    /// Counts a finding.
    pub fn note(&mut self, kind: Kind) {
        match (kind.breaks(), kind.law()) {
            (false, _) => self.listed += 1,
            (true, Law::Offices) => self.offices += 1,
            (true, Law::Tree) => self.tree += 1,
        }
    }

    /// Whether every law holds.
    #[must_use]
    pub fn kept(&self) -> bool {
        self.offices == 0 && self.tree == 0
    }
}

/// A unit at work and one office that it must have filled; none where its level needs none.
#[derive(Clone, Debug)]
pub struct Post {
    /// The unit.
    pub unit: Uuid,
    /// Its path.
    pub path: String,
    /// The office.
    pub office: Option<Office>,
    /// How it is held by somebody who exists.
    pub holding: Option<Holding>,
}

/// Counts the posts of a part, in the order of their units, and finds the vacant ones. `duty` are the
/// duty officers of the part and above it, by the paths of their units.
#[must_use]
pub fn posts(posts: Vec<Post>, duty: &HashMap<String, Contact>) -> (Counts, Vec<Finding>) {
    let mut counts = Counts::default();
    let mut vacant = Vec::new();
    let mut last = None;
    for post in posts {
        counts.units += i64::from(last.replace(post.unit) != Some(post.unit));
        let Some(office) = post.office else {
            continue;
        };
        counts.offices += 1;
        match post.holding {
            Some(Holding::Full) => counts.full += 1,
            Some(_) => counts.acting += 1,
            None => {
                let answering = answering(&post.path, duty).cloned();
                let kind = if answering.is_some() { Kind::VacantAnswered } else { Kind::VacantUnanswered };
                counts.default += i64::from(!kind.breaks());
                counts.unanswered += i64::from(kind.breaks());
                vacant.push(Finding { office: Some(office), answering, ..Finding::of(kind, post.unit) });
            }
        }
    }
    (counts, vacant)
}

/// The duty officer of the unit at a path or the nearest above.
fn answering<'a>(path: &str, duty: &'a HashMap<String, Contact>) -> Option<&'a Contact> {
    let nearest = (1..=path.len() / SEGMENT).rev();
    nearest.filter_map(|depth| path.get(..depth * SEGMENT)).find_map(|above| duty.get(above))
}

/// Appointments in force to one office of a unit, in one way.
#[derive(Clone, Debug)]
pub struct Holders {
    /// The unit.
    pub unit: Uuid,
    /// The office.
    pub office: Office,
    /// The way.
    pub holding: Holding,
    /// The appointments.
    pub appointments: Vec<Uuid>,
    /// Those of them whose officer does not exist.
    pub of_nobody: Vec<Uuid>,
}

/// What the appointments to one office break.
#[must_use]
pub fn holders(holders: Holders) -> Vec<Finding> {
    let Holders { unit, office, holding, appointments, of_nobody } = holders;
    let found = |kind, appointments| Finding {
        office: Some(office),
        holding: Some(holding),
        appointments,
        ..Finding::of(kind, unit)
    };
    let mut findings = Vec::new();
    if !of_nobody.is_empty() {
        findings.push(found(Kind::OfficerAbsent, of_nobody));
    }
    if holding != Holding::Deputy && appointments.len() > 1 {
        findings.push(found(Kind::HeldTwice, appointments));
    }
    findings
}

/// How a unit stands on the day.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The unit.
    pub unit: Uuid,
    /// Its ordinal, where it exists.
    pub ordinal: Option<i64>,
    /// Whether it has a name.
    pub named: bool,
    /// Its status.
    pub status: Option<i16>,
    /// Its path.
    pub path: String,
    /// Its parent.
    pub parent: Option<Uuid>,
    /// Its parent's path, where that has a place.
    pub parent_path: Option<String>,
    /// Its parent's status.
    pub parent_status: Option<i16>,
}

/// What is wrong with how a unit stands, if anything is. Where every unit stands right below its parent
/// there is no cycle: paths only grow.
#[must_use]
pub fn standing(standing: &Standing) -> Option<Finding> {
    let at_work = |status: Option<i16>| status == Some(Status::Active as i16);
    let above = standing.parent_path.as_deref().or(standing.parent.is_none().then_some(""));
    let own = standing.ordinal.map(segment);
    let kind = match (own, above) {
        (Some(own), Some(above)) if standing.path == format!("{above}{own}") => {
            if standing.status.is_none() || !standing.named {
                Kind::Incomplete
            } else if at_work(standing.status)
                && standing.parent.is_some()
                && !at_work(standing.parent_status)
            {
                Kind::ParentClosed
            } else {
                return None;
            }
        }
        (Some(_), _) => Kind::Misplaced,
        (None, _) => Kind::Incomplete,
    };
    Some(Finding { parent: standing.parent, ..Finding::of(kind, standing.unit) })
}

/// Says of misplaced units that stand below themselves that they do.
pub fn name_cycles(findings: &mut [Finding], cyclic: &BTreeSet<Uuid>) {
    for finding in findings.iter_mut().filter(|finding| finding.kind == Kind::Misplaced) {
        if cyclic.contains(&finding.unit) {
            finding.kind = Kind::Cycle;
        }
    }
}

/// An appointment in force at a unit that does not exist.
#[must_use]
pub fn nowhere(appointment: Uuid, unit: Uuid, office: Office) -> Finding {
    Finding { office: Some(office), appointments: vec![appointment], ..Finding::of(Kind::UnitAbsent, unit) }
}

/// A unit that has a status and no place.
#[must_use]
pub fn unplaced(unit: Uuid) -> Finding {
    Finding::of(Kind::Incomplete, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(path: &str, county: bool) -> Head {
        Head { unit: Uuid::nil(), display_name: String::new(), path: path.to_owned(), county }
    }

    #[test]
    fn the_parts_of_a_tree_are_all_of_it_once() {
        let (root, first, second) = ("00000001", "0000000100000002", "0000000100000005");
        let heads = [head(root, false), head(first, true), head(second, true)];
        let cut = parts(&[root.to_owned()], &heads);
        assert_eq!(cut.len(), 3);
        let inside = |path: &str| {
            let spans = cut.iter().flat_map(|part| &part.spans);
            spans.filter(|(start, stop)| start.as_str() <= path && path < stop.as_str()).count()
        };
        for path in [root, first, second, "0000000100000003", "000000010000000500000006", "ffffffff", "zz"] {
            assert_eq!(inside(path), 1, "{path}");
        }
        assert_eq!(cut[1].above(), [root]);
    }

    #[test]
    fn part_of_a_tree_ends_where_the_scope_ends() {
        let (county, town) = ("0000000100000002", "000000010000000200000003");
        let cut = parts(&[county.to_owned()], &[head(county, true)]);
        assert_eq!(cut[0].spans, [(county.to_owned(), format!("{county}g"))]);
        let cut = parts(&[town.to_owned()], &[head(town, false)]);
        assert_eq!((cut.len(), cut[0].above().len()), (1, 2));
    }

    #[test]
    fn a_unit_stands_right_below_its_parent_or_is_misplaced() {
        let sound = Standing {
            unit: Uuid::nil(),
            ordinal: Some(2),
            named: true,
            status: Some(1),
            path: "0000000100000002".to_owned(),
            parent: Some(Uuid::nil()),
            parent_path: Some("00000001".to_owned()),
            parent_status: Some(1),
        };
        let kind = |wrong: &Standing| standing(wrong).map(|finding| finding.kind);
        assert_eq!(kind(&sound), None);
        let elsewhere = Standing { path: "0000000900000002".to_owned(), ..sound.clone() };
        assert_eq!(kind(&elsewhere), Some(Kind::Misplaced));
        let orphan = Standing { parent_path: None, ..sound.clone() };
        assert_eq!(kind(&orphan), Some(Kind::Misplaced));
        let below_a_closed_one = Standing { parent_status: Some(2), ..sound.clone() };
        assert_eq!(kind(&below_a_closed_one), Some(Kind::ParentClosed));
        let closed = Standing { status: Some(2), parent_status: Some(2), ..sound.clone() };
        assert_eq!(kind(&closed), None);
        assert_eq!(kind(&Standing { named: false, ..sound }), Some(Kind::Incomplete));
    }
}
