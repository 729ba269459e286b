//! What is done with cases in the caller's transaction. Whoever changes one has locked everybody who is the same
//! person before.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Case, Event, State, store};
use crate::{
    escalations::{self, Kind},
    exposures, homes,
    house::House,
    incidents,
    observations::{
        self, Ending, Place,
        ops::{Opening, end_in, put_under},
    },
    referrals, results,
};

/// Why who was discharged or released is under observation again (R4, R16), as the contract numbers it.
const DISCHARGED: i16 = 5;

/// What follows from a decision.
#[derive(Clone, Debug, Default)]
pub struct Followed {
    /// How many contacts were put under observation, or for longer.
    pub contacts: usize,
    /// The incidents that it made.
    pub incidents: Vec<Uuid>,
}

/// Writes a decision, and does what follows from it: for the person, for the contacts, and for the county.
///
/// # Errors
/// Where the database fails.
pub async fn decide(
    house: &House,
    connection: &mut PgConnection,
    case: &mut Case,
    (to, at): (State, DateTime<Utc>),
    (by, words, unmet): (&str, &str, &[i16]),
) -> Result<Followed, Fault> {
    let now = house.clock.now();
    let before = case.state;
    let forward = super::classify::leads_forward(before, to);
    case.state = to;
    if to.is_ill() && case.found_at.is_none() {
        case.found_at = Some(at);
        case.counted_unit = case.counted_unit.or(Some(case.unit));
    }
    match to {
        State::Confirmed if forward => {
            case.confirmed_at = case.confirmed_at.or(Some(at));
            // Symptoms of who was asymptomatic are a correction (R4).
            case.is_new = before != State::Asymptomatic;
        }
        State::Discharged if forward => case.discharged_at = Some(at),
        State::Died => case.died_at = Some(at),
        _ => {}
    }
    if !forward {
        take_back(case, before);
    }
    store::update(connection, case).await?;
    let event = if forward { Event::Classified } else { Event::Corrected };
    store::note(connection, case, (event, before, unmet), (by, words, now)).await?;
    settle_clocks(house, connection, case, now).await?;
    if to.is_ill() {
        store::mark_person(connection, case).await?;
    }
    referrals::ops::case_opened(connection, (case.one, case.unit)).await?;
    follow(house, connection, case, before, by).await
}

/// What a correction takes back of what the case was counted as.
fn take_back(case: &mut Case, before: State) {
    match before {
        State::Confirmed => (case.confirmed_at, case.is_new) = (None, false),
        State::Discharged => case.discharged_at = None,
        State::Died => case.died_at = None,
        _ => {}
    }
    if case.state == State::Observed {
        case.found_at = None;
    }
    if !case.state.is_ill() {
        case.result = None;
    }
}

/// The person's observation, the contacts, and the incidents after a decision.
async fn follow(
    house: &House,
    connection: &mut PgConnection,
    case: &Case,
    before: State,
    by: &str,
) -> Result<Followed, Fault> {
    let mut followed = Followed::default();
    let words = format!("as {}", super::parse::case_name(case.id));
    match case.state {
        state if state.is_ill() => {
            end_in(house, connection, (case.one, case.unit), (Ending::Converted, &words, by)).await?;
            followed.contacts = exposures::ops::reassess(house, connection, case.one, by).await?;
            if before != state {
                let today = house.clock.today();
                followed.contacts += homes::ops::observe(house, connection, case.one, today, by).await?;
            }
            if state != State::Suspected {
                results::ops::refer_to(house, connection, case.one, by).await?;
            }
        }
        State::Died => {
            end_in(house, connection, (case.one, case.unit), (Ending::Died, &words, by)).await?;
        }
        State::Discharged | State::Released => {
            let last_exposure = house.clock.today();
            let (place, facility) = (Place::Home, String::new());
            let opening = Opening { person: case.person, basis: DISCHARGED, last_exposure, place, facility };
            put_under(house, connection, by, opening).await?;
        }
        State::Excluded | State::Cleared | State::Observed if before.is_ill() => {
            resume(house, connection, case, by).await?;
        }
        _ => {}
    }
    if case.state == State::Confirmed && before != case.state {
        followed.incidents = incidents::ops::detect(house, connection, case).await?;
    }
    Ok(followed)
}

/// Whoever was under observation when taken for ill goes on where it was broken off, if the window is not over.
async fn resume(house: &House, connection: &mut PgConnection, case: &Case, by: &str) -> Result<(), Fault> {
    let converted = observations::store::converted(connection, case.one, case.unit).await?;
    let now = house.clock.now();
    let Some(broken_off) = converted.filter(|observation| observation.ends_at > now) else { return Ok(()) };
    let opening = Opening {
        person: broken_off.person,
        basis: broken_off.basis,
        last_exposure: broken_off.last_exposure,
        place: Place::of(broken_off.place.into()).unwrap_or(Place::Home),
        facility: broken_off.facility,
    };
    put_under(house, connection, by, opening).await?;
    Ok(())
}

/// After a clock has begun, or a step was done: what is not overdue any more is withdrawn.
///
/// # Errors
/// Where the database fails.
pub async fn settle_clocks(
    house: &House,
    connection: &mut PgConnection,
    case: &Case,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    observations::store::keep_units(connection, &[house.sight(case.unit)]).await?;
    if case.due_at().is_none_or(|due| due > now) {
        escalations::store::withdraw(connection, &[case.id], &[Kind::CaseOverdue]).await?;
    }
    Ok(())
}

/// Before two persons are joined: where both have a case, the graver, and else the older, is the one (R24).
///
/// # Errors
/// Where the database fails.
pub async fn before_merge(
    connection: &mut PgConnection,
    (kept, merged): (Uuid, Uuid),
    (by, now): (&str, DateTime<Utc>),
) -> Result<(), Fault> {
    let (first, second) =
        (store::lock_of_one(connection, kept).await?, store::lock_of_one(connection, merged).await?);
    let Some((first, second)) = first.zip(second) else { return Ok(()) };
    let gravity = |case: &Case| match case.state {
        State::Confirmed | State::Readmitted | State::Died => 4,
        State::Discharged | State::FollowUpDone => 3,
        State::Asymptomatic | State::Released => 2,
        State::Suspected => 1,
        State::Observed | State::Cleared | State::Excluded => 0,
    };
    let (mut one, mut other) =
        if gravity(&second) > gravity(&first) { (second, first) } else { (first, second) };
    other.leads = one.id;
    one.links.extend(&other.links);
    one.signs.extend(&other.signs);
    for known in [&mut one.links, &mut one.signs] {
        known.sort_unstable();
        known.dedup();
    }
    one.onset_on = one.onset_on.into_iter().chain(other.onset_on).min();
    one.found_at = one.found_at.into_iter().chain(other.found_at).min();
    store::update(connection, &other).await?;
    store::update(connection, &one).await?;
    escalations::store::withdraw(connection, &[other.id], &[Kind::CaseOverdue]).await?;
    let words = format!("{} is of the same person", super::parse::case_name(other.id));
    let state = one.state;
    store::note(connection, &one, (Event::Merged, state, &[]), (by, &words, now)).await
}

/// After two persons were joined, or hands were agreed on: whoever is ill is no longer under observation, and the contacts of both are.
///
/// # Errors
/// Where the database fails.
pub async fn after_merge(
    house: &House,
    connection: &mut PgConnection,
    one: Uuid,
    by: &str,
) -> Result<(), Fault> {
    let case = store::of_one(connection, one).await?.filter(|case| case.state.is_ill());
    let Some(case) = case else { return Ok(()) };
    store::mark_person(connection, &case).await?;
    follow(house, connection, &case, case.state, by).await?;
    Ok(())
}
