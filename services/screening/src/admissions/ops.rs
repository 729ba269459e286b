//! What follows from an admission and a discharge, in the caller's transaction, who has locked everybody who is the same
//! person before.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    cases::{self, State},
    handdowns,
    house::House,
    observations::{
        self, Event, Observation, Place,
        ops::{Opening, change, put_under},
    },
    persons::Person,
    referrals::{self, Answer},
};

/// Why who was discharged is under observation (R16), as the contract numbers it.
const DISCHARGED: i16 = 5;

/// The kind of a list that one unit makes.
const OF_A_UNIT: i16 = 5;

/// A facility has a person: an open referral is answered, and the open observation is placed there. Answers the referral.
///
/// # Errors
/// Where the database fails.
pub async fn take_in(
    house: &House,
    connection: &mut PgConnection,
    person: &Person,
    facility: &str,
    by: &str,
) -> Result<Option<Uuid>, Fault> {
    let open = referrals::store::lock_open(connection, person.same_as, person.unit).await?;
    let mut answered = None;
    for mut referral in open {
        let kept = (Answer::Kept, facility, "");
        referrals::ops::answer(house, connection, &mut referral, kept, by).await?;
        answered = answered.or(Some(referral.id));
    }
    for mut observation in own(connection, person).await? {
        facility.clone_into(&mut observation.facility);
        observation.place = Place::Hospital as i16;
        place(house, connection, &observation, by).await?;
    }
    Ok(answered)
}

/// A facility has let a person go home: the observation goes on there, and where none is open of a case, one is begun (R16).
/// Answers the hand-down by which the person comes home, where that is in other hands.
///
/// # Errors
/// Where the database fails.
pub async fn let_go(
    house: &House,
    connection: &mut PgConnection,
    person: &Person,
    (facility, home_unit): (&str, Option<Uuid>),
    (by, at, event): (&str, DateTime<Utc>, Uuid),
) -> Result<Option<Uuid>, Fault> {
    let open = own(connection, person).await?;
    if open.is_empty() {
        let case = cases::store::of_one(connection, person.same_as).await?;
        let case = case.filter(|case| case.unit == person.unit);
        let was_ill = |case: &cases::Case| {
            matches!(
                case.state,
                State::Confirmed
                    | State::Asymptomatic
                    | State::Readmitted
                    | State::Discharged
                    | State::Released
            )
        };
        if case.is_some_and(|case| was_ill(&case)) {
            let last_exposure = at.with_timezone(&house.clock.zone()).date_naive();
            let (place, facility) = (Place::Home, String::new());
            let (person, basis, former) = (person.id, DISCHARGED, None);
            let opening = Opening { person, basis, last_exposure, place, facility, former };
            put_under(house, connection, by, opening).await?;
        }
    }
    for mut observation in open {
        if observation.place == Place::Hospital as i16 {
            observation.place = Place::Home as i16;
            observation.facility.clear();
            place(house, connection, &observation, by).await?;
        }
    }
    come_home(house, connection, person, (facility, home_unit), (by, event)).await
}

/// Home again is a hand-down: begun and sent at once where home is in other hands, unless the person is under way already.
/// Answers it.
///
/// # Errors
/// Where the database fails.
pub async fn come_home(
    house: &House,
    connection: &mut PgConnection,
    person: &Person,
    (facility, home_unit): (&str, Option<Uuid>),
    (by, event): (&str, Uuid),
) -> Result<Option<Uuid>, Fault> {
    let standing = |unit: Uuid| house.jurisdiction.standing(unit).unwrap_or(unit);
    let Some(home) = home_unit.map(standing).filter(|home| *home != standing(person.unit)) else {
        return Ok(None);
    };
    let open = handdowns::store::lock_open(connection, person.same_as).await?;
    let handdown = match open.into_iter().find(|open| open.person == person.id) {
        Some(open) => open,
        None => handdowns::ops::begin(house, connection, person, (Some(home), true, None), by).await?,
    };
    let source = handdowns::store::Source {
        kind: OF_A_UNIT,
        reference: facility.to_owned(),
        window_starts_at: None,
        window_ends_at: None,
        received_at: house.clock.now(),
        entered_by: by.to_owned(),
        facts: None,
    };
    let item = (handdown.chain, person.unit, event);
    handdowns::store::add_source(connection, &house.keys, item, &source).await?;
    Ok(Some(handdown.id))
}

/// The open observation of a person in the same hands.
async fn own(connection: &mut PgConnection, person: &Person) -> Result<Vec<Observation>, Fault> {
    let mut open = observations::store::lock_open(connection, person.same_as).await?;
    open.retain(|observation| observation.unit == person.unit);
    Ok(open)
}

async fn place(
    house: &House,
    connection: &mut PgConnection,
    observation: &Observation,
    by: &str,
) -> Result<(), Fault> {
    let words = observations::parse::placed(observation);
    let said = (by, words.as_str(), house.clock.now());
    change(house, connection, observation, Event::Moved, said).await
}
