//! What is done with sweeps in the caller's transaction, and how far they are.

use chassis::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Grid, Progress, Sweep,
    parse::{self as contract, Target},
    store,
};
use crate::{house::House, persons::parse::unit_name};

/// Sets how many households grids of a sweep have, or which; answers how many in all.
///
/// # Errors
/// SWEEP_CLOSED; [`Fault::NotFound`] for a grid that is none of the sweep's; where the database fails.
pub async fn set_targets(
    connection: &mut PgConnection,
    sweep: &Sweep,
    mut targets: Vec<Target>,
) -> Result<i64, Fault> {
    if sweep.closed_at.is_some() {
        return Err(contract::closed(sweep.id));
    }
    // In one order, so that two wait for one another.
    targets.sort_unstable_by_key(|target| target.grid);
    let mut households = 0;
    for target in &targets {
        let known = store::lock_grid(connection, sweep.id, target.grid).await?;
        known.ok_or_else(|| Fault::NotFound(unit_name(target.grid)))?;
        store::set_target(connection, sweep.id, target).await?;
        households += i64::from(target.households);
    }
    Ok(households)
}

/// Closes a sweep, which is locked: every grid is done, or its exception is signed.
///
/// # Errors
/// SWEEP_CLOSED; SWEEP_INCOMPLETE, naming the grids; where the database fails.
pub async fn close(
    house: &House,
    connection: &mut PgConnection,
    sweep: &mut Sweep,
    mut signed: Vec<(Uuid, String)>,
    by: &str,
) -> Result<(), Fault> {
    if sweep.closed_at.is_some() {
        return Err(contract::closed(sweep.id));
    }
    let mut open = store::all_grids(connection, sweep.id).await?;
    open.retain(|grid| !grid.is_done());
    signed.retain(|(signed, _)| open.iter().any(|grid| grid.unit == *signed));
    let is_signed = |grid: &Grid| signed.iter().any(|(signed, _)| *signed == grid.unit);
    let unsigned: Vec<_> = open.iter().filter(|grid| !is_signed(grid)).map(Grid::why_open).collect();
    if !unsigned.is_empty() {
        return Err(contract::incomplete(sweep.id, &unsigned));
    }
    let now = house.clock.now();
    store::close(connection, sweep.id, &signed, (by, now)).await?;
    (sweep.closed_at, sweep.closed_by) = (Some(now), by.to_owned());
    Ok(())
}

/// How far a unit is with some grids, and each unit right below it that has any of them: the unit first, then those
/// below, each with its name. A grid that was closed since counts with the unit that it stands with now.
#[must_use]
pub fn progress(house: &House, unit: Uuid, grids: &[Grid]) -> Vec<(Uuid, String, Progress)> {
    let tree = house.jurisdiction.today();
    let standing = |unit: Uuid| house.jurisdiction.standing(unit).unwrap_or(unit);
    let far = |of: Uuid| {
        let own = grids.iter().filter(|grid| tree.contains(of, standing(grid.unit)));
        let name = tree.node(of).map(|node| node.display_name.clone()).unwrap_or_default();
        (of, name, own.fold(Progress::default(), Progress::with))
    };
    let children = tree.place(unit).map(|place| tree.children(place).collect::<Vec<_>>());
    let children = children.iter().flatten().filter_map(|place| Some(far(tree.at(*place)?.id)));
    std::iter::once(far(unit)).chain(children.filter(|(.., far)| far.grids > 0)).collect()
}
