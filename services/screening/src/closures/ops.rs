//! What is done with closings in the caller's transaction.

use chassis::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Closure, Counts, Holding, count_held, store};
use crate::{erasures, house::House, schedules::COUNTY};

/// How many persons a dry run looks at at once.
const AT_ONCE: i64 = 1_000;

/// Whether an epidemic may be closed in a unit: a county, or what stands above.
#[must_use]
pub fn is_area(house: &House, unit: Uuid) -> bool {
    house.jurisdiction.today().node(unit).is_some_and(|node| node.level <= COUNTY)
}

/// The units of a closing's area today; nothing where nobody knows the area.
#[must_use]
pub fn units(house: &House, closure: &Closure) -> Option<Vec<Uuid>> {
    let standing = house.jurisdiction.standing(closure.area)?;
    Some(house.jurisdiction.standing_below(&[standing]))
}

/// What would be erased now of who is in the hands of units, and how many persons would be held by what.
///
/// # Errors
/// Where the database fails.
pub async fn dry_run(
    house: &House,
    connection: &mut PgConnection,
    units: &[Uuid],
) -> Result<(Counts, Holding), Fault> {
    let (mut counts, mut holding, mut after) = (Counts::default(), Holding::default(), Uuid::nil());
    loop {
        let persons = store::in_hands(connection, units, after, AT_ONCE).await?;
        let Some((last, _)) = persons.last() else { return Ok((counts, holding)) };
        after = *last;
        let ones: Vec<Uuid> = persons.iter().map(|(_, one)| *one).collect();
        let covered = store::same_in_hands(connection, &ones, units).await?;
        let held = erasures::store::holds(connection, &ones, house.clock.today(), &covered).await?;
        count_held(&mut holding, &persons, &held);
        let free = persons.iter().filter(|(_, one)| !held.contains_key(one));
        let free: Vec<Uuid> = free.map(|(person, _)| *person).collect();
        counts += store::counts(connection, &free, units).await?;
    }
}
