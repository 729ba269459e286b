//! What is done with rechecks in the caller's transaction, who has locked everybody who is the same person before, but where
//! an observation ends.

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Outcome, Recheck, deadline, parse::Told, store};
use crate::{
    cases::Case,
    enforcements::{self, Enforcement},
    escalations::{self, Kind},
    house::House,
    persons::Person,
    referrals::{self, parse::Referring},
    schedules,
};

/// Makes the rechecks of a case that was discharged or released on a day, in the weeks that are in force at its unit (R16).
///
/// # Errors
/// Where the database fails.
pub async fn make(
    house: &House,
    connection: &mut PgConnection,
    case: &Case,
    discharged_on: NaiveDate,
    by: &str,
) -> Result<(), Fault> {
    let (now, today, zone) = (house.clock.now(), house.clock.today(), house.clock.zone());
    for week in schedules::ops::recheck_weeks(house, connection, case.unit).await? {
        let recheck = Recheck {
            id: Uuid::now_v7(),
            case: case.id,
            person: case.person,
            unit: case.unit,
            one: case.one,
            week,
            discharged_on,
            deadline_at: deadline(discharged_on, week, today, zone),
            created_at: now,
            outcome: None,
            done_on: None,
            result: None,
            settled_at: None,
            settled_by: String::new(),
            words: String::new(),
        };
        store::insert(connection, &recheck, by).await?;
    }
    Ok(())
}

/// What follows from what is told of a recheck.
#[derive(Clone, Copy, Debug, Default)]
pub struct Followed {
    /// The referral of who has symptoms.
    pub referral: Option<Uuid>,
    /// The enforcement request of who refuses.
    pub enforcement: Option<Uuid>,
}

/// Does what follows from what is told of a recheck of a person: who has symptoms is referred (R19), who refuses must be
/// spoken to (R26).
///
/// # Errors
/// Where the database fails.
pub async fn follow(
    house: &House,
    connection: &mut PgConnection,
    (person, told): (&Person, &Told),
    by: &str,
) -> Result<Followed, Fault> {
    let mut followed = Followed::default();
    match told.outcome {
        Outcome::Symptoms => {
            let (symptoms, to_facility) = (told.symptoms.clone(), String::new());
            let asked = Referring {
                person: person.id,
                decidegrees: None,
                symptoms,
                tested_positive: false,
                to_facility,
            };
            let (referral, _) = referrals::ops::refer(house, connection, person, asked, by).await?;
            followed.referral = Some(referral.id);
        }
        Outcome::Refused => {
            let reason = "a recheck after the discharge is refused".to_owned();
            let own = Enforcement::new(person.unit, reason, house.clock.now());
            let refusal = Enforcement { person: Some(person.id), one: Some(person.same_as), ..own };
            enforcements::store::insert(connection, &refusal, by).await?;
            followed.enforcement = Some(refusal.id);
        }
        _ => {}
    }
    Ok(followed)
}

/// Writes what came of a recheck, which is locked; nobody waits for it any more, nor for those to come of who has died.
///
/// # Errors
/// Where the database fails.
pub async fn tell(
    house: &House,
    connection: &mut PgConnection,
    recheck: &mut Recheck,
    told: Told,
    by: &str,
) -> Result<(), Fault> {
    let now = house.clock.now();
    recheck.outcome = Some(told.outcome as i16);
    (recheck.done_on, recheck.result, recheck.words) = (Some(told.on), told.result, told.words);
    recheck.settled_at = Some(now);
    by.clone_into(&mut recheck.settled_by);
    store::tell(connection, recheck).await?;
    escalations::store::withdraw(connection, &[recheck.id], &[Kind::RecheckOverdue]).await?;
    if told.outcome == Outcome::Died {
        settle(connection, (recheck.one, recheck.unit), Outcome::Died, (by, "", now)).await?;
    }
    Ok(())
}

/// Settles what is open of who is one person in a unit's hands by what follows: nobody waits for it any more.
///
/// # Errors
/// Where the database fails.
pub async fn settle(
    connection: &mut PgConnection,
    of: (Uuid, Uuid),
    outcome: Outcome,
    said: (&str, &str, DateTime<Utc>),
) -> Result<(), Fault> {
    let settled = store::settle(connection, of, outcome, said).await?;
    escalations::store::withdraw(connection, &settled, &[Kind::RecheckOverdue]).await
}

/// Once a case was merged into another of the same person: that one's rechecks stand (R24).
///
/// # Errors
/// Where the database fails.
pub async fn merged(
    connection: &mut PgConnection,
    case: Uuid,
    said: (&str, &str, DateTime<Utc>),
) -> Result<(), Fault> {
    let settled = store::settle_merged(connection, case, said).await?;
    escalations::store::withdraw(connection, &settled, &[Kind::RecheckOverdue]).await
}
