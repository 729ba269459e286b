//! Whether a caller's appointments contain a unit, asked of the registry's own tables.
//!
//! The rule for old dates: a unit may be seen if the tree of today or the tree of the date asked for
//! puts it below a unit at which the caller holds the permission. A place outside is answered like an
//! absent one.

use chassis::{Caller, Fault};
use chrono::NaiveDate;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::units::{contains, parse::unit_name, store};

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
    let scopes = caller.scopes(ask.permission);
    let mut missing = units.to_vec();
    for date in ask.dates() {
        let above = store::paths(connection, &scopes, date).await?;
        let mut outside = Vec::new();
        for unit in missing {
            let own = store::paths(connection, &[unit], date).await?;
            let within = own.iter().any(|path| above.iter().any(|scope| contains(scope, path)));
            if !within {
                outside.push(unit);
            }
        }
        missing = outside;
    }
    match missing.first() {
        None => Ok(()),
        Some(unit) => Err(Fault::NotFound(unit_name(*unit))),
    }
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
