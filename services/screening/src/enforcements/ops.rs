//! What is done with enforcement requests in the caller's transaction.

use chassis::Fault;
use chrono::TimeDelta;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{COMPLIED, Enforcement, REFUSED_IN_A_ROW, store};
use crate::{
    SUBJECT,
    escalations::{self, Kind},
    house::House,
};

/// How far back refused readings are looked at: what came later than that is nobody's habit of today.
const RECENT: TimeDelta = TimeDelta::days(3);

/// Makes the request of a household that refused, in a grid of a sweep, which is locked; or answers the open one.
///
/// # Errors
/// Where the database fails.
pub async fn refused(
    house: &House,
    connection: &mut PgConnection,
    household: (Uuid, Uuid, &str),
    by: &str,
) -> Result<Uuid, Fault> {
    if let Some(open) = store::lock_open(connection, household).await? {
        return Ok(open.id);
    }
    let reason = "the household refuses the visit".to_owned();
    let enforcement = Enforcement {
        sweep: Some(household.0),
        household: household.2.to_owned(),
        ..Enforcement::new(household.1, reason, house.clock.now())
    };
    store::insert(connection, &enforcement, by).await?;
    Ok(enforcement.id)
}

/// Settles the open request of a household that refuses no more.
///
/// # Errors
/// Where the database fails.
pub async fn complied(
    house: &House,
    connection: &mut PgConnection,
    household: (Uuid, Uuid, &str),
    by: &str,
) -> Result<(), Fault> {
    let Some(mut open) = store::lock_open(connection, household).await? else { return Ok(()) };
    settle(house, connection, &mut open, COMPLIED, (by, "visited")).await
}

/// Makes the request of the households that refuse, of which a grid of a sweep, which is locked, has said how many; or
/// changes the open one, and settles it where none refuses any more. Answers the open one.
///
/// # Errors
/// Where the database fails.
pub async fn counted(
    house: &House,
    connection: &mut PgConnection,
    (sweep, grid, households): (Uuid, Uuid, i32),
    by: &str,
) -> Result<Option<Uuid>, Fault> {
    match store::lock_open_of_grid(connection, sweep, grid).await? {
        Some(mut open) if households == 0 => {
            settle(house, connection, &mut open, COMPLIED, (by, "visited")).await?;
            Ok(None)
        }
        Some(open) => {
            store::count(connection, open.id, households).await?;
            Ok(Some(open.id))
        }
        None if households == 0 => Ok(None),
        None => {
            let reason = "households refuse the visit".to_owned();
            let enforcement = Enforcement {
                sweep: Some(sweep),
                households: Some(households),
                ..Enforcement::new(grid, reason, house.clock.now())
            };
            store::insert(connection, &enforcement, by).await?;
            Ok(Some(enforcement.id))
        }
    }
}

/// Makes requests of who is under observation and has refused readings in a row (R26): again only after as many more.
/// Settles those of who was read since. Answers how many were made.
///
/// # Errors
/// Where the database fails.
pub async fn who_refuse(house: &House) -> Result<usize, Fault> {
    let now = house.clock.now();
    let mut work = house.database.begin_pointed(&[]).await?;
    for mut read in store::lock_read_since(&mut work, SUBJECT).await? {
        settle(house, &mut work, &mut read, COMPLIED, (SUBJECT, "was read since")).await?;
    }
    let refusing = store::refusing(&mut work, now - RECENT, REFUSED_IN_A_ROW).await?;
    for (person, unit, one) in &refusing {
        let reason = format!("{REFUSED_IN_A_ROW} readings in a row were refused");
        let own = Enforcement::new(*unit, reason, now);
        let enforcement = Enforcement { person: Some(*person), one: Some(*one), ..own };
        store::insert(&mut work, &enforcement, SUBJECT).await?;
    }
    work.commit().await?;
    Ok(refusing.len())
}

/// Settles a request, which is locked.
///
/// # Errors
/// Where the database fails.
pub async fn settle(
    house: &House,
    connection: &mut PgConnection,
    enforcement: &mut Enforcement,
    outcome: i16,
    (by, words): (&str, &str),
) -> Result<(), Fault> {
    enforcement.outcome = Some(outcome);
    enforcement.settled_at = Some(house.clock.now());
    by.clone_into(&mut enforcement.settled_by);
    words.clone_into(&mut enforcement.words);
    store::settle(connection, enforcement).await?;
    escalations::store::withdraw(connection, &[enforcement.id], &[Kind::EnforcementOverdue]).await
}
