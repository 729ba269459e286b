//! Sealing: figures are fixed with what they consist of. What comes later makes an amended seal, which
//! leaves the one before as it is (D4).

use std::collections::{BTreeMap, HashMap};

use chassis::{Fault, parse};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Plan, State, lock_key, opening::read_to, store};
use crate::{
    forms::{Figures, parse::unit_name, value},
    house::House,
    reports::store as reports,
    rollups::{Cells, store as totals},
    seals::{self, Contents, Seal, store::SignOff},
};

/// What is said of a seal that is to be made.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Who asks; empty for the service itself.
    pub by: String,
    /// The etag of the owner's figures as they were seen.
    pub figures_etag: String,
    /// Whether to seal although sign-offs are outstanding.
    pub without_sign_offs: bool,
    /// Why.
    pub reason: String,
    /// The date that the bulletin bears; the date of the seal where none.
    pub bulletin_date: Option<NaiveDate>,
    /// When it is published; now where none.
    pub publish_at: Option<DateTime<Utc>>,
}

/// Whether the unit at a place of a day signs off on it.
///
/// # Errors
/// NOT_A_SIGNING_UNIT.
pub fn signs(plan: &Plan, place: i32) -> Result<(), Fault> {
    if signing(plan).contains(&place) {
        return Ok(());
    }
    let level = plan.form.definition.sign_off_level.unwrap_or_default();
    let unit = unit_name(plan.tree.at(place).map(|node| node.id).unwrap_or_default());
    let words = format!("does not sign off on the form {}", plan.form.key);
    Err(Fault::unmet("NOT_A_SIGNING_UNIT", unit, words, vec![("level", level.to_string())]))
}

/// Signs off on the figures at a place of a day, as they were seen. Answers what was signed, and the figures.
///
/// # Errors
/// [`Fault::Stale`]; [`Fault::EtagMismatch`] where the figures were changed meanwhile; where the database fails.
pub async fn sign(
    house: &House,
    connection: &mut PgConnection,
    plan: &Plan,
    place: i32,
    (by, figures_etag, note): (&str, &str, String),
) -> Result<(SignOff, Cells), Fault> {
    house.jurisdiction.fresh()?;
    store::lock(connection, &[lock_key(plan.day.id)], false).await?;
    let total = totals::total(connection, plan, place).await?;
    let changes = total.changes();
    parse::unchanged(figures_etag, changes)?;
    let signed = (place, by.to_owned(), house.clock.now(), changes, note);
    seals::store::sign_off(connection, plan.day.id, &signed).await?;
    Ok((signed, total))
}

/// Seals a day, or amends its seal, in the caller's transaction.
///
/// # Errors
/// Every unmet condition.
pub async fn seal(
    house: &House,
    connection: &mut PgConnection,
    day: Uuid,
    asked: Asked,
) -> Result<Seal, Fault> {
    house.jurisdiction.fresh()?;
    store::lock(connection, &[lock_key(day)], true).await?;
    let day = store::by_id(connection, day).await?.ok_or(Fault::Conflict)?;
    let plan = house.plan_of(connection, day).await?;
    let name = super::parse::day_name(plan.day.id);
    if plan.day.state < State::Closed {
        let words = "must be closed first: it closes by itself at the last hard close";
        let state = vec![("state", plan.day.state.word().to_owned())];
        return Err(Fault::unmet("DAY_NOT_CLOSED", name, words, state));
    }
    let earlier = seals::store::seals(connection, &[plan.day.id], None).await?;
    let number = earlier.last().map_or(1, |seal| seal.number + 1);
    if number > 1 && plan.day.pending == 0 {
        let words = format!("nothing has come since seal {}", number - 1);
        return Err(Fault::unmet("NOTHING_TO_AMEND", name, words, vec![("seal", (number - 1).to_string())]));
    }
    if asked.reason.is_empty() && (number > 1 || asked.without_sign_offs) {
        return Err(Fault::invalid("reason", "is required of an amended seal, and without sign-offs"));
    }
    let current = totals::total(connection, &plan, plan.owner()).await?;
    parse::unchanged(&asked.figures_etag, current.changes())?;
    let unsigned = if number == 1 { outstanding(connection, &plan).await? } else { vec![] };
    if !unsigned.is_empty() && !asked.without_sign_offs {
        return Err(not_signed_off(&plan, &unsigned));
    }
    let contents = put_together(connection, &plan, number).await?;
    let seal = record(house, connection, &plan, (number, asked, unsigned), &earlier, contents).await?;
    tracing::info!(form = plan.form.key, date = %plan.day.date, number, "the day is sealed");
    Ok(seal)
}

async fn record(
    house: &House,
    connection: &mut PgConnection,
    plan: &Plan,
    (number, asked, unsigned): (i32, Asked, Vec<i32>),
    earlier: &[Seal],
    contents: Contents,
) -> Result<Seal, Fault> {
    let before = match earlier.last() {
        Some(last) => seals::store::parts(connection, last.id).await?,
        None => BTreeMap::new(),
    };
    let differing = contents.parts.iter().map(|(place, codes)| {
        let before = before.get(place).map(Vec::as_slice).unwrap_or_default();
        codes.iter().zip(before).filter(|(code, before)| code != before).count()
    });
    let amendments = if number > 1 { differing.sum() } else { 0 };
    let revisions = contents.parts.values().flatten().filter(|code| **code > 0).count();
    let now = house.clock.now();
    let digest = contents.totals.get(&plan.owner()).map(|total| total.2.to_vec()).unwrap_or_default();
    let unsigned = unsigned.into_iter().filter_map(|place| Some(plan.tree.at(place)?.id)).collect();
    let seal = Seal {
        id: Uuid::now_v7(),
        day: plan.day.id,
        number,
        sealed_at: now,
        sealed_by: asked.by,
        bulletin_date: asked.bulletin_date.unwrap_or_else(|| house.clock.today()),
        publish_at: asked.publish_at.unwrap_or(now),
        digest,
        revisions: i64::try_from(revisions).unwrap_or(i64::MAX),
        amendments: i64::try_from(amendments).unwrap_or(i64::MAX),
        unsigned,
        reason: asked.reason,
        sealed_on: house.jurisdiction.positions().into_iter().next().map(read_to).unwrap_or_default(),
    };
    seals::store::insert(connection, &seal, &contents).await?;
    Ok(seal)
}

/// Puts a seal together from how everything stands.
async fn put_together(connection: &mut PgConnection, plan: &Plan, number: i32) -> Result<Contents, Fault> {
    let owner = plan.owner();
    let end = plan.tree.at(owner).map_or(owner, |node| node.end);
    let rows = reports::standings(connection, plan, owner, end).await?;
    let (began, since) = cumulative(connection, plan).await?;
    Ok(seals::contents(plan, number, &rows, &began, &since))
}

/// What the cumulative figures of every kept place began with, and what has come since.
///
/// # Errors
/// Where the database fails.
pub async fn cumulative(
    connection: &mut PgConnection,
    plan: &Plan,
) -> Result<(BTreeMap<i32, Figures>, BTreeMap<i32, Cells>), Fault> {
    if !plan.form.has_cumulative() {
        return Ok((BTreeMap::new(), BTreeMap::new()));
    }
    let units: HashMap<Uuid, i32> =
        plan.kept().filter_map(|place| Some((plan.tree.at(place)?.id, place))).collect();
    let ids: Vec<Uuid> = units.keys().copied().collect();
    let since = totals::since_balance(connection, plan, &ids).await?;
    let since = since.into_iter().filter_map(|(unit, cells)| Some((*units.get(&unit)?, cells)));
    let since: BTreeMap<i32, Cells> = since.collect();
    Ok((began(connection, plan).await?, since))
}

/// The opening balances at every kept place: those of the units at and below it.
///
/// # Errors
/// Where the database fails.
pub async fn began(connection: &mut PgConnection, plan: &Plan) -> Result<BTreeMap<i32, Figures>, Fault> {
    let mut began: BTreeMap<i32, Figures> = BTreeMap::new();
    for (unit, figures) in totals::balances(connection, plan.form.id).await? {
        let Some(place) = plan.tree.place(unit) else { continue };
        for place in plan.tree.upwards(place) {
            let sums = began.entry(place).or_insert_with(|| vec![Some(0); plan.columns()]);
            for (column, sum) in sums.iter_mut().enumerate() {
                *sum = Some(sum.unwrap_or(0) + value(&figures, column).unwrap_or(0));
            }
        }
    }
    Ok(began)
}

/// The places of the sign-off level that have not agreed, or to figures that have changed since.
///
/// # Errors
/// Where the database fails.
pub async fn outstanding(connection: &mut PgConnection, plan: &Plan) -> Result<Vec<i32>, Fault> {
    let signing = signing(plan);
    let totals = totals::totals(connection, plan, &signing).await?;
    let signed: HashMap<i32, i64> = seals::store::sign_offs(connection, plan.day.id)
        .await?
        .into_iter()
        .map(|sign_off| (sign_off.0, sign_off.3))
        .collect();
    let changes = |place: &i32| totals.get(place).map(Cells::changes);
    Ok(signing.into_iter().filter(|place| signed.get(place).copied() != changes(place)).collect())
}

/// The places that sign off.
#[must_use]
pub fn signing(plan: &Plan) -> Vec<i32> {
    let level = plan.form.definition.sign_off_level;
    let at_level = |place: &i32| plan.tree.at(*place).is_some_and(|node| Some(node.level) == level);
    plan.kept().filter(at_level).collect()
}

fn not_signed_off(plan: &Plan, places: &[i32]) -> Fault {
    let unmet = places.iter().filter_map(|place| {
        let node = plan.tree.at(*place)?;
        let description =
            format!("{} has not signed off, or its figures have changed since", node.display_name);
        Some(chassis::fault::Unmet { subject: unit_name(node.id), description })
    });
    Fault::Precondition {
        reason: "NOT_SIGNED_OFF",
        unmet: unmet.collect(),
        metadata: vec![("outstanding", places.len().to_string())],
    }
}

/// Seals a day whose hour has come, if nothing stands against it.
///
/// # Errors
/// Where the database fails.
pub async fn by_itself(house: &House, plan: &Plan) -> Result<(), Fault> {
    let mut work = house.database.begin(None).await?;
    match seal(house, &mut work, plan.day.id, Asked::default()).await {
        Ok(_) => Ok(work.commit().await?),
        // It is tried again with every pulse: sign-offs may come, the feed may be heard of again.
        Err(Fault::Precondition { .. } | Fault::Stale(_)) => Ok(()),
        Err(fault) => Err(fault),
    }
}
