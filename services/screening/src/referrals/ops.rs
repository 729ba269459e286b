//! What is done with referrals in the caller's transaction, who has locked everybody who is the same person before.

use chassis::{Fault, feed};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Answer, CASE_WITHIN, Referral, TOPIC, store};
use crate::{
    cases,
    escalations::{self, Kind},
    house::House,
};

/// Answers an open referral, which is locked: who is sent on or never came is referred again, and who is suspected must
/// become a case, if they are none (R5). Answers the next referral, if there is one.
///
/// # Errors
/// Where the database fails.
pub async fn answer(
    house: &House,
    connection: &mut PgConnection,
    referral: &mut Referral,
    (answer, facility, next_facility): (Answer, &str, &str),
    by: &str,
) -> Result<Option<Referral>, Fault> {
    let now = house.clock.now();
    referral.answer(answer, facility, by, now);
    if answer == Answer::Suspected {
        let case = cases::store::of_one(connection, referral.one).await?;
        let is_ill = case.is_some_and(|case| case.unit == referral.unit && case.state.is_ill());
        referral.case_due_at = (!is_ill).then_some(now + CASE_WITHIN);
    }
    store::update(connection, referral).await?;
    escalations::store::withdraw(connection, &[referral.id], &[Kind::ReferralUnanswered]).await?;
    let next = referral.follow(answer, next_facility, Uuid::now_v7(), now);
    if let Some(next) = &next {
        store::insert(connection, next).await?;
        referral.next = Some(next.id);
    }
    let changed: Vec<Uuid> = next.iter().map(|next| next.id).chain([referral.id]).collect();
    feed::note(connection, TOPIC, &changed).await?;
    Ok(next)
}

/// After a case of who is one person was opened, or taken for ill: nobody waits for that any more.
///
/// # Errors
/// Where the database fails.
pub async fn case_opened(connection: &mut PgConnection, (one, unit): (Uuid, Uuid)) -> Result<(), Fault> {
    let waited = store::case_opened(connection, one, unit).await?;
    if waited.is_empty() {
        return Ok(());
    }
    escalations::store::withdraw(connection, &waited, &[Kind::SuspicionUnreported]).await?;
    feed::note(connection, TOPIC, &waited).await
}
