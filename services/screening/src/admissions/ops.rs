//! What follows from an admission and a discharge, in the caller's transaction, who has locked everybody who is the same
//! person before.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Admission, Destination, parse::Told, store};
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

/// Records that a facility has a person. Answers the admission, and whether that was known.
///
/// # Errors
/// [`Fault::Invalid`] for a number that is another admission's; where the database fails.
pub async fn admit(
    house: &House,
    connection: &mut PgConnection,
    person: &Person,
    told: &Told,
    by: &str,
) -> Result<(Admission, bool), Fault> {
    let known = known(connection, person, told).await?;
    let known = known.into_iter().find(|one| told.is_numbered() || one.is_admitted_at(told.at));
    let mut admission = known.unwrap_or_else(|| blank(person, told));
    if admission.admitted_at.is_some() {
        return Ok((admission, true));
    }
    admission.admitted_at = Some(told.at);
    by.clone_into(&mut admission.admitted_by);
    // What is told late changes nothing of where the person is now.
    let is_late = admission.discharged_at.is_some() || is_overtaken(connection, person, told.at).await?;
    if !is_late {
        admission.referral = take_in(house, connection, person, &told.facility, by).await?;
    }
    store::keep(connection, &admission, house.clock.now()).await?;
    Ok((admission, false))
}

/// Records that a facility has let a person go, as an event. Answers the admission, and whether that was known.
///
/// # Errors
/// As [`admit`].
pub async fn discharge(
    house: &House,
    connection: &mut PgConnection,
    person: &Person,
    told: &Told,
    (by, event): (&str, Uuid),
) -> Result<(Admission, bool), Fault> {
    let known = known(connection, person, told).await?;
    let known = known.into_iter().find(|one| told.is_numbered() || one.is_discharged_at(told.at));
    let mut admission = known.unwrap_or_else(|| blank(person, told));
    if admission.discharged_at.is_some() {
        return Ok((admission, true));
    }
    admission.discharged_at = Some(told.at);
    by.clone_into(&mut admission.discharged_by);
    admission.destination = Some(told.destination as i16);
    admission.home_unit = told.home_unit;
    if told.destination == Destination::Home && !is_overtaken(connection, person, told.at).await? {
        let home = (told.facility.as_str(), told.home_unit);
        admission.handdown = let_go(house, connection, person, home, (by, told.at, event)).await?;
    }
    store::keep(connection, &admission, house.clock.now()).await?;
    Ok((admission, false))
}

/// What is known of the admission that is told: by its number, or those of the person at that facility without any.
async fn known(connection: &mut PgConnection, person: &Person, told: &Told) -> Result<Vec<Admission>, Fault> {
    if !told.is_numbered() {
        let mut all = store::lock_unnumbered(connection, person.same_as, person.unit).await?;
        all.retain(|one| one.facility == told.facility);
        return Ok(all);
    }
    match store::lock_external(connection, &told.external).await? {
        Some(one) if one.one == person.same_as => Ok(vec![one]),
        Some(_) => Err(Fault::invalid("admission.external_id", "is another admission's")),
        None => Ok(Vec::new()),
    }
}

/// An admission of which nobody has told yet.
fn blank(person: &Person, told: &Told) -> Admission {
    Admission {
        id: Uuid::now_v7(),
        person: person.id,
        unit: person.unit,
        one: person.same_as,
        facility: told.facility.clone(),
        external: told.external.clone(),
        referral: None,
        admitted_at: None,
        admitted_by: String::new(),
        discharged_at: None,
        discharged_by: String::new(),
        destination: None,
        home_unit: None,
        handdown: None,
    }
}

async fn is_overtaken(
    connection: &mut PgConnection,
    person: &Person,
    at: DateTime<Utc>,
) -> Result<bool, Fault> {
    store::is_overtaken(connection, (person.same_as, person.unit), at).await
}

/// A facility has a person: an open referral is answered, and the open observation is placed there. Answers the referral.
async fn take_in(
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
async fn let_go(
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
        source_name: String::new(),
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
