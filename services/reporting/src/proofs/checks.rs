//! The checks of one day, part by part, each on one short state of the database.

use std::collections::BTreeMap;

use chassis::Fault;
use sqlx::PgConnection;

use super::{Finding, by_key, is_one_of_each, listed, wrong_with};
use crate::{
    days::{Plan, State, store as days},
    house::House,
    reports::store::{self as reports, Expected},
    rollups::{Cells, store as totals},
    seals::{self, Seal, part_of, store as kept},
};

/// Something that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// What it is.
    pub finding: Finding,
    /// The place of the unit.
    pub place: i32,
    /// In words.
    pub words: String,
}

/// How much was checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Expectations.
    pub expectations: i64,
    /// Revisions.
    pub revisions: i64,
    /// Totals.
    pub totals: i64,
    /// Seals.
    pub seals: i64,
}

/// The parts of a day: the owner itself, then each unit right below it.
#[must_use]
pub fn parts(plan: &Plan) -> Vec<(i32, i32)> {
    let owner = plan.owner();
    let mut parts = vec![(owner, owner + 1)];
    parts
        .extend(plan.tree.children(owner).map(|place| (place, plan.tree.at(place).map_or(place, |n| n.end))));
    parts
}

/// Checks one part: every expectation against its revisions, every kept total against the recomputed.
///
/// # Errors
/// Where the database fails.
pub async fn part(
    house: &House,
    plan: &Plan,
    (first, end): (i32, i32),
    counts: &mut Counts,
) -> Result<Vec<Found>, Fault> {
    let mut work = house.database.snapshot().await?;
    let rows = reports::standings(&mut work, plan, first, end).await?;
    let revisions = reports::revisions(&mut work, plan, first, end).await?;
    let places: Vec<i32> = plan.kept().filter(|place| (first..end).contains(place)).collect();
    let stored = totals::totals(&mut work, plan, &places).await?;
    drop(work);

    let slots = plan.day.times.slots.len();
    let expected = plan.reporting().filter(|place| (first..end).contains(place)).count() * slots;
    let mut found = Vec::new();
    if rows.len() != expected {
        let words = format!("{} expectations where the tree of the date has {expected}", rows.len());
        found.push(Found { finding: Finding::ExpectationDiffers, place: first, words });
    }
    let of = by_key(&revisions);
    let mut sums: BTreeMap<i32, Cells> =
        places.iter().map(|place| (*place, Cells::none(plan.columns()))).collect();
    for row in &rows {
        let own = of.get(&(row.place, row.slot)).map(Vec::as_slice).unwrap_or_default();
        if let Some(words) = wrong_with(row, own) {
            found.push(Found { finding: Finding::FactsDiffer, place: row.place, words });
        }
        if !is_one_of_each(&row.standing) {
            let words = "has a timing without a content, or a content without a timing".to_owned();
            found.push(Found { finding: Finding::MatrixDiffers, place: row.place, words });
        }
        if let Some(finding) = listed(&row.standing) {
            found.push(Found { finding, place: row.place, words: row.reason.clone() });
        }
        let adds = Cells::of(&row.standing, plan.columns());
        for place in plan.kept_above(row.place) {
            if let Some(sum) = sums.get_mut(&place) {
                sum.add(&adds.0);
            }
        }
    }
    // The owner's total is compared with those right below it, on one state of its own.
    sums.remove(&plan.owner());
    for (place, sum) in &sums {
        if stored.get(place).map(Cells::figures) != Some(sum.figures()) {
            let words = format!(
                "the total is {:?}, recomputed {:?}",
                stored.get(place).map(Cells::figures),
                sum.figures()
            );
            found.push(Found { finding: Finding::TotalDiffers, place: *place, words });
        }
    }
    counts.expectations += i64::try_from(rows.len()).unwrap_or(0);
    counts.revisions += i64::try_from(revisions.len()).unwrap_or(0);
    counts.totals += i64::try_from(sums.len()).unwrap_or(0);
    Ok(found)
}

/// Checks the whole: the owner's total is the sum of those below, and the matrix adds up to what was
/// expected when the day opened.
///
/// # Errors
/// Where the database fails.
pub async fn whole(house: &House, plan: &Plan, counts: &mut Counts) -> Result<Vec<Found>, Fault> {
    let owner = plan.owner();
    let mut work = house.database.snapshot().await?;
    let below: Vec<i32> = plan.tree.children(owner).filter(|place| plan.keeps_total(*place)).collect();
    let mut places = below.clone();
    places.push(owner);
    let stored = totals::totals(&mut work, plan, &places).await?;
    let own = reports::standings(&mut work, plan, owner, owner + 1).await?;
    let unkept = plan.tree.children(owner).filter(|place| !plan.keeps_total(*place)).collect::<Vec<_>>();
    let mut sum = Cells::none(plan.columns());
    below.iter().filter_map(|place| stored.get(place)).for_each(|cells| sum.add(&cells.0));
    own.iter().for_each(|row| sum.add(&Cells::of(&row.standing, plan.columns()).0));
    for place in unkept {
        sum.add(&totals::total(&mut work, plan, place).await?.0);
    }
    let day = days::by_id(&mut work, plan.day.id).await?;
    drop(work);
    counts.totals += 1;
    let mut found = Vec::new();
    let total = stored.get(&owner);
    if total.map(Cells::figures) != Some(sum.figures()) {
        let words = format!(
            "the total is {:?}, the sum of those below {:?}",
            total.map(Cells::figures),
            sum.figures()
        );
        found.push(Found { finding: Finding::TotalDiffers, place: owner, words });
    }
    let expected = day.as_ref().map(|day| day.expected);
    if total.map(Cells::expected) != expected {
        let words =
            format!("the matrix adds up to {:?}; expected are {expected:?}", total.map(Cells::expected));
        found.push(Found { finding: Finding::MatrixDiffers, place: owner, words });
    }
    if let Some(pending) = day.map(|day| day.pending).filter(|pending| *pending > 0) {
        let words = format!("{pending} corrections or reports after close that no seal contains yet");
        found.push(Found { finding: Finding::Pending, place: owner, words });
    }
    Ok(found)
}

/// Recomputes every seal of a day from the revisions.
///
/// # Errors
/// Where the database fails.
pub async fn seals(house: &House, plan: &Plan, counts: &mut Counts) -> Result<Vec<Found>, Fault> {
    let mut found = Vec::new();
    if plan.day.state != State::Sealed {
        return Ok(found);
    }
    let mut work = house.database.snapshot().await?;
    for seal in kept::seals(&mut work, &[plan.day.id], None).await? {
        counts.seals += 1;
        if let Some((place, words)) = seal_differs(&mut work, plan, &seal).await? {
            let words = format!("seal {}: {words}", seal.number);
            found.push(Found { finding: Finding::SealDiffers, place, words });
        }
    }
    Ok(found)
}

async fn seal_differs(
    connection: &mut PgConnection,
    plan: &Plan,
    seal: &Seal,
) -> Result<Option<(i32, String)>, Fault> {
    let owner = plan.owner();
    let mut parts: BTreeMap<i32, std::vec::IntoIter<i32>> = kept::parts(connection, seal.id)
        .await?
        .into_iter()
        .map(|(place, codes)| (place, codes.into_iter()))
        .collect();
    let stored = kept::totals(connection, seal.id, None).await?;
    let mut rows: Vec<Expected> = Vec::new();
    for (first, end) in self::parts(plan) {
        let revisions = reports::revisions(connection, plan, first, end).await?;
        let of = by_key(&revisions);
        for mut row in reports::standings(connection, plan, first, end).await? {
            let code = parts.get_mut(&part_of(plan, row.place)).and_then(Iterator::next);
            let Some(code) = code else {
                return Ok(Some((row.place, "does not contain this expectation".to_owned())));
            };
            let revision = of
                .get(&(row.place, row.slot))
                .and_then(|all| all.iter().find(|revision| revision.number == code).copied());
            match seals::standing(code, revision, row.standing.last_known.clone()) {
                Some(standing) => row.standing = standing,
                None => {
                    return Ok(Some((row.place, format!("contains revision {code}, which is not there"))));
                }
            }
            rows.push(row);
        }
    }
    if parts.values_mut().any(|rest| rest.next().is_some()) {
        return Ok(Some((owner, "contains more than was expected".to_owned())));
    }
    // Cumulative figures are as they were sealed: corrections of earlier days have come since.
    let mut contents = seals::contents(plan, seal.number, &rows, &BTreeMap::new(), &BTreeMap::new());
    if plan.form.has_cumulative() {
        let began = stored.iter().map(|(place, (cells, sums, _))| {
            let of_day = (0..plan.columns())
                .map(|column| Some(crate::forms::value(sums, column)? - cells.column(column).sum));
            (*place, of_day.collect())
        });
        let same_day = contents.totals.iter().map(|(place, (cells, ..))| (*place, cells.clone()));
        let (began, same_day) = (began.collect(), same_day.collect());
        contents = seals::contents(plan, seal.number, &rows, &began, &same_day);
    }
    for (place, (cells, sums, digest)) in &contents.totals {
        let Some((sealed, sealed_sums, sealed_digest)) = stored.get(place) else {
            return Ok(Some((*place, "has no figures of this unit".to_owned())));
        };
        if sealed.figures() != cells.figures() || sealed_sums != sums {
            let words = format!("says {:?}, its revisions {:?}", sealed.figures(), cells.figures());
            return Ok(Some((*place, words)));
        }
        if sealed_digest != digest {
            return Ok(Some((*place, "its digest is not that of its contents".to_owned())));
        }
    }
    let root = contents.totals.get(&owner).map(|(_, _, digest)| digest.as_slice());
    if root != Some(seal.digest.as_slice()) {
        return Ok(Some((owner, "the digest printed is not that of its contents".to_owned())));
    }
    Ok(None)
}
