//! What is done with support in the caller's transaction.

use chassis::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{State, Support, store};
use crate::{
    escalations::{self, Kind},
    house::House,
};

/// Moves support, which is locked, on to how it stands now, brought by a team where one is said; what is not late any
/// more is put before nobody.
///
/// # Errors
/// Where the database fails.
pub async fn move_on(
    house: &House,
    connection: &mut PgConnection,
    support: &mut Support,
    (to, team): (State, Option<Uuid>),
    (by, words): (&str, &str),
) -> Result<(), Fault> {
    let now = house.clock.now();
    support.move_on(to, now);
    support.team = team.or(support.team);
    by.clone_into(&mut support.moved_by);
    words.clone_into(&mut support.words);
    store::update(connection, support).await?;
    if support.due_at.is_none_or(|due| due > now) {
        escalations::store::withdraw(connection, &[support.id], &[Kind::SupportOverdue]).await?;
    }
    Ok(())
}
