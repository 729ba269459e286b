//! Whether a caller's appointments contain a unit, asked of the registry's own tables.
//!
//! The rule for old dates: a unit may be seen if the tree of today or the tree of the date asked for
//! puts it below a unit at which the caller holds the permission. A place outside is answered like an
//! absent one.

use std::collections::{BTreeSet, HashMap};

use chassis::{Caller, Fault, parse};
use chrono::NaiveDate;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::units::{
    contains,
    parse::{COLLECTION, unit_name},
    ranges, store,
};

/// The permission of a read or write, and the date it is about.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The permission, as the contract declares it.
    pub permission: &'static str,
    /// The date asked for.
    pub as_of: NaiveDate,
    /// Today.
    pub today: NaiveDate,
}

impl Ask {
    /// A permission on today's tree.
    #[must_use]
    pub fn today(permission: &'static str, today: NaiveDate) -> Self {
        Self { permission, as_of: today, today }
    }

    fn dates(&self) -> impl Iterator<Item = NaiveDate> {
        let then = Some(self.as_of).filter(|date| *date != self.today);
        std::iter::once(self.today).chain(then)
    }
}

/// Whether every one of the units lies within the caller's scopes.
///
/// # Errors
/// [`Fault::NotFound`] naming the first that does not, whether it exists or not.
pub async fn allow(
    connection: &mut PgConnection,
    caller: &Caller,
    ask: Ask,
    units: &[Uuid],
) -> Result<(), Fault> {
    let seen = within(connection, caller, ask, units).await?;
    match units.iter().find(|unit| !seen.contains(unit)) {
        None => Ok(()),
        Some(unit) => Err(Fault::NotFound(unit_name(*unit))),
    }
}

/// Those of the units that lie within the caller's scopes.
///
/// # Errors
/// Where the database fails.
pub async fn within(
    connection: &mut PgConnection,
    caller: &Caller,
    ask: Ask,
    units: &[Uuid],
) -> Result<Vec<Uuid>, Fault> {
    let scopes = caller.scopes(ask.permission);
    let (mut seen, mut rest) = (Vec::with_capacity(units.len()), units.to_vec());
    for date in ask.dates() {
        let above = store::paths(connection, &scopes, date).await?;
        let own: HashMap<Uuid, String> = store::placed(connection, &rest, date).await?.into_iter().collect();
        let is_within =
            |unit: &Uuid| own.get(unit).is_some_and(|path| above.iter().any(|scope| contains(scope, path)));
        let found: Vec<Uuid> = rest.extract_if(.., |unit| is_within(unit)).collect();
        seen.extend(found);
    }
    Ok(seen)
}

/// What the caller may do today at each of some units; a unit that is absent allows nothing.
///
/// # Errors
/// Where the database fails.
pub async fn permissions(
    connection: &mut PgConnection,
    caller: &Caller,
    units: &[Uuid],
    today: NaiveDate,
) -> Result<HashMap<Uuid, BTreeSet<&'static str>>, Fault> {
    let scopes: Vec<Uuid> = caller.grants().iter().map(|grant| grant.scope).collect();
    let above: HashMap<Uuid, String> = store::placed(connection, &scopes, today).await?.into_iter().collect();
    let placed = store::placed(connection, units, today).await?;
    let mut allowed: HashMap<Uuid, BTreeSet<&'static str>> = HashMap::with_capacity(placed.len());
    for (unit, path) in placed {
        let here = caller.grants().iter();
        let here = here.filter(|grant| above.get(&grant.scope).is_some_and(|scope| contains(scope, &path)));
        allowed.entry(unit).or_default().extend(here.flat_map(|grant| grant.permissions.iter().copied()));
    }
    Ok(allowed)
}

/// The parts of today's tree that lie below a unit a list names, where it names one, and within the
/// caller's scopes.
///
/// # Errors
/// A name that is none, or a unit that is not the caller's to see.
pub async fn below(
    connection: &mut PgConnection,
    caller: &Caller,
    ask: Ask,
    ancestor_unit: &str,
) -> Result<Vec<String>, Fault> {
    let scopes = store::paths(connection, &caller.scopes(ask.permission), ask.today).await?;
    if ancestor_unit.is_empty() {
        return Ok(ranges(&scopes, None));
    }
    let ancestor = parse::name(COLLECTION, ancestor_unit);
    let ancestor = ancestor.map_err(|wrong| Fault::invalid("ancestor_unit", wrong))?;
    allow(connection, caller, ask, &[ancestor]).await?;
    let paths = store::paths(connection, &[ancestor], ask.today).await?;
    Ok(paths.iter().flat_map(|path| ranges(&scopes, Some(path))).collect())
}

/// The paths, on the date asked for, of everything the caller may see.
///
/// # Errors
/// Where the database fails.
pub async fn paths(connection: &mut PgConnection, caller: &Caller, ask: Ask) -> Result<Vec<String>, Fault> {
    let scopes = caller.scopes(ask.permission);
    let mut paths = store::paths(connection, &scopes, ask.as_of).await?;
    if ask.as_of != ask.today {
        let now = store::paths(connection, &scopes, ask.today).await?;
        paths.extend(store::moved_in(connection, &now, ask.today, ask.as_of).await?);
    }
    Ok(paths)
}
