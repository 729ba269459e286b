//! What is done with results in the caller's transaction.

use chassis::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Result as Tested, store};
use crate::{
    escalations::{self, Kind},
    house::House,
};

/// Writes that somebody has acted on a result, which is locked, and puts it before nobody any more.
///
/// # Errors
/// Where the database fails.
pub async fn handle(
    house: &House,
    connection: &mut PgConnection,
    result: &mut Tested,
    (by, words): (&str, &str),
) -> Result<(), Fault> {
    result.handled_at = Some(house.clock.now());
    by.clone_into(&mut result.handled_by);
    words.clone_into(&mut result.handling);
    store::handle(connection, result).await?;
    escalations::store::withdraw(connection, &[result.id], &[Kind::ResultUnhandled]).await
}

/// Once a case is confirmed or asymptomatic: positive results of the person that waited are acted on by that.
///
/// # Errors
/// Where the database fails.
pub async fn refer_to(
    house: &House,
    connection: &mut PgConnection,
    one: Uuid,
    by: &str,
) -> Result<(), Fault> {
    for mut waiting in store::lock_waiting(connection, one).await? {
        handle(house, connection, &mut waiting, (by, "the case was classified")).await?;
    }
    Ok(())
}
