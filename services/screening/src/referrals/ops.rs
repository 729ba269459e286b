//! What is done with referrals in the caller's transaction, who has locked everybody who is the same person before.

use chassis::{Fault, feed};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{ANSWERED_WITHIN, Answer, CASE_WITHIN, Referral, TOPIC, parse::Referring, store};
use crate::{
    cases,
    escalations::{self, Kind},
    house::House,
    observations::store as observations,
    persons::Person,
};

/// Refers a person, who is locked, by hand or since a test was positive. Answers the referral: the open one, where one is open
/// in the same hands, and whether that was so.
///
/// # Errors
/// Where the database fails.
pub async fn refer(
    house: &House,
    connection: &mut PgConnection,
    person: &Person,
    asked: Referring,
    by: &str,
) -> Result<(Referral, bool), Fault> {
    let one = person.same_as;
    let open = store::lock_open(connection, one, person.unit).await?;
    if let Some(mut open) = open.into_iter().next() {
        if asked.tested_positive && !open.tested_positive {
            open.tested_positive = true;
            store::mark_positive(connection, open.id).await?;
            feed::note(connection, TOPIC, &[open.id]).await?;
        }
        return Ok((open, true));
    }
    let now = house.clock.now();
    let observed = observations::lock_open(connection, one).await?;
    let own = observed.iter().find(|observation| observation.unit == person.unit);
    let referral = Referral {
        id: Uuid::now_v7(),
        observation: own.map(|observation| observation.id),
        person: person.id,
        unit: person.unit,
        one,
        found_unit: person.unit,
        decidegrees: asked.decidegrees,
        symptoms: asked.symptoms,
        tested_positive: asked.tested_positive,
        to_facility: asked.to_facility,
        previous: None,
        next: None,
        at_once: false,
        opened_at: now,
        opened_by: by.to_owned(),
        deadline_at: now + ANSWERED_WITHIN,
        answer: None,
        facility: String::new(),
        answered_at: None,
        answered_by: String::new(),
        case_due_at: None,
    };
    store::insert(connection, &referral).await?;
    feed::note(connection, TOPIC, &[referral.id]).await?;
    Ok((referral, false))
}

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
