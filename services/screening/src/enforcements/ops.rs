//! What is done with enforcement requests in the caller's transaction.

use chassis::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{COMPLIED, Enforcement, WITHIN, store};
use crate::{
    escalations::{self, Kind},
    house::House,
};

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
    let now = house.clock.now();
    let enforcement = Enforcement {
        id: Uuid::now_v7(),
        unit: household.1,
        person: None,
        one: None,
        sweep: Some(household.0),
        household: household.2.to_owned(),
        reason: "the household refuses the visit".to_owned(),
        deadline_at: now + WITHIN,
        created_at: now,
        outcome: None,
        settled_at: None,
        settled_by: String::new(),
        words: String::new(),
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
