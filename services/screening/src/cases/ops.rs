//! What is done with cases in the caller's transaction. Whoever changes one has locked everybody who is the same
//! person before.

use std::cmp::Reverse;

use chassis::{Caller, Fault};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Case, Event, State, Statements,
    classify::{leads_forward, sampled_on},
    clocks::CLASSES,
    parse::{Said, not_agreed},
    store,
};
use crate::{
    escalations::{self, Kind},
    exposures, hands, homes,
    house::House,
    incidents,
    observations::{
        self, DISCHARGED, Ending, Place,
        ops::{Opening, end_in, put_under},
    },
    persons::{Person, Purpose},
    rechecks::{self, Outcome},
    referrals, results, schedules,
};

/// What follows from a decision.
#[derive(Clone, Debug, Default)]
pub struct Followed {
    /// How many contacts were put under observation, or for longer.
    pub contacts: usize,
    /// The incidents that it made.
    pub incidents: Vec<Uuid>,
}

/// What is decided of a case.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// What it is.
    pub to: State,
    /// Since when, as it is stated.
    pub at: DateTime<Utc>,
    /// Where it is counted (R23), where that is said.
    pub counted: Option<Uuid>,
    /// What the ward states for a discharge (R15).
    pub statements: Statements,
    /// The conditions that are not met.
    pub unmet: &'a [i16],
    /// Who decides.
    pub by: &'a str,
    /// Why.
    pub words: &'a str,
}

/// Opens a case of a person, who is locked, unless one is open. Answers the case, and whether it was.
///
/// # Errors
/// HANDS_NOT_AGREED where another unit has the person, or a case of them; where the database fails.
pub async fn open(
    house: &House,
    connection: &mut PgConnection,
    caller: &Caller,
    person: &Person,
    said: Said,
) -> Result<(Case, bool), Fault> {
    // The same whether there is a case elsewhere or not: nothing is shown to a second finder.
    if hands::store::is_asked(connection, person.id).await? {
        return Err(not_agreed(person.id));
    }
    let one = person.same_as;
    match store::lock_of_one(connection, one).await? {
        Some(known) if house.jurisdiction.takes(caller, "cases.write", known.unit) => {
            return Ok((known, true));
        }
        Some(_) => return Err(not_agreed(person.id)),
        None => {}
    }
    let now = house.clock.now();
    let results = results::store::of_one(connection, one).await?;
    let rules = schedules::ops::rules(house, connection, person.unit, house.clock.today()).await?;
    let case = Case {
        person: person.id,
        unit: person.unit,
        one,
        links: said.links,
        signs: said.signs,
        onset_on: said.onset_on,
        sampled_on: sampled_on(rules, &results, house.clock.zone()),
        rules,
        ..Case::blank(Uuid::now_v7(), now)
    };
    store::insert(connection, &case, caller.subject()).await?;
    let opened = store::Note::of(Event::Opened, &case, now, (caller.subject(), ""));
    store::note(connection, &case, opened, now).await?;
    referrals::ops::case_opened(connection, (one, case.unit)).await?;
    Ok((case, false))
}

/// Writes a decision, and does what follows from it: for the person, for the contacts, and for the county.
///
/// # Errors
/// Where the database fails.
pub async fn decide(
    house: &House,
    connection: &mut PgConnection,
    case: &mut Case,
    decision: Decision<'_>,
) -> Result<Followed, Fault> {
    let Decision { to, at, .. } = decision;
    let now = house.clock.now();
    let before = case.state;
    let forward = leads_forward(before, to);
    case.state = to;
    if CLASSES.contains(&to) && case.found_as(to).is_none() {
        case.find_as(to, Some(at));
    }
    if to.is_ill() && case.counted_unit.is_none() {
        case.counted_unit = decision.counted.or(Some(case.unit));
    }
    if !forward {
        take_back(case);
    }
    store::update(connection, case).await?;
    let note = store::Note {
        event: if forward { Event::Classified } else { Event::Corrected },
        before,
        stated_at: at,
        unmet: decision.unmet,
        statements: decision.statements,
        said_by: decision.by,
        words: decision.words,
    };
    store::note(connection, case, note, now).await?;
    settle_clocks(house, connection, case, now).await?;
    if to.is_ill() {
        store::mark_person(connection, case).await?;
    }
    referrals::ops::case_opened(connection, (case.one, case.unit)).await?;
    follow(house, connection, case, (before, at), decision.by).await
}

/// What a correction takes back: what a case is now, it never came after (as [`super::figures`] has it).
fn take_back(case: &mut Case) {
    let never: &[State] = match case.state {
        State::Observed => &CLASSES,
        State::Suspected | State::Excluded => &[State::Confirmed, State::Asymptomatic],
        State::Asymptomatic => &[State::Confirmed],
        _ => &[],
    };
    for class in never {
        case.find_as(*class, None);
    }
    if never.len() > 1 {
        case.result = None;
    }
}

/// Writes where a case is counted otherwise: a correction, with a reason (R23). Answers the incidents that it makes there.
///
/// # Errors
/// Where the database fails.
pub async fn recount(
    house: &House,
    connection: &mut PgConnection,
    case: &mut Case,
    unit: Uuid,
    (by, words): (&str, &str),
) -> Result<Vec<Uuid>, Fault> {
    let now = house.clock.now();
    case.counted_unit = Some(unit);
    store::update(connection, case).await?;
    store::note(connection, case, store::Note::of(Event::Recounted, case, now, (by, words)), now).await?;
    if !case.state.is_ill() {
        return Ok(Vec::new());
    }
    store::mark_person(connection, case).await?;
    if case.state == State::Confirmed {
        incidents::ops::detect(house, connection, case).await
    } else {
        Ok(Vec::new())
    }
}

/// The person's observation, the contacts, and the incidents after a decision.
async fn follow(
    house: &House,
    connection: &mut PgConnection,
    case: &Case,
    (before, at): (State, DateTime<Utc>),
    by: &str,
) -> Result<Followed, Fault> {
    let mut followed = Followed::default();
    let (now, words) = (house.clock.now(), format!("as {}", super::parse::case_name(case.id)));
    match case.state {
        state if state.is_ill() => {
            end_in(house, connection, (case.one, case.unit), (Ending::Converted, &words, by)).await?;
            let is_back = state == State::Readmitted;
            let outcome = if is_back { Outcome::Readmitted } else { Outcome::Withdrawn };
            rechecks::ops::settle(connection, (case.one, case.unit), outcome, (by, &words, now)).await?;
            followed.contacts = exposures::ops::reassess(house, connection, case.one, by).await?;
            if before != state {
                followed.contacts += homes::ops::observe(house, connection, case, by).await?;
            }
            if state != State::Suspected {
                results::ops::refer_to(house, connection, (case.one, case.unit), by).await?;
            }
        }
        State::Died => {
            end_in(house, connection, (case.one, case.unit), (Ending::Died, &words, by)).await?;
            rechecks::ops::settle(connection, (case.one, case.unit), Outcome::Died, (by, &words, now))
                .await?;
        }
        State::Discharged | State::Released => {
            // Day 0 is the day it is stated as of (R16).
            let last_exposure = at.with_timezone(&house.clock.zone()).date_naive();
            let (place, facility) = (Place::Home, String::new());
            let (person, basis, former) = (case.person, DISCHARGED, None);
            let opening = Opening { person, basis, last_exposure, place, facility, former };
            put_under(house, connection, by, opening).await?;
            // Back from the end of the observation, they are there.
            if leads_forward(before, case.state) {
                rechecks::ops::make(house, connection, case, last_exposure, by).await?;
            }
        }
        State::Excluded | State::Cleared | State::Observed => {
            let kept_until = Purpose::Febrile.delete_after(house.clock.today());
            store::unmark_person(connection, case, kept_until).await?;
            if before.is_ill() {
                resume(house, connection, case, by).await?;
            }
            exposures::ops::ask(house, connection, case).await?;
        }
        _ => {}
    }
    if case.state == State::Confirmed && before != case.state {
        followed.incidents = incidents::ops::detect(house, connection, case).await?;
    }
    Ok(followed)
}

/// Whoever was under observation when taken for ill goes on where it was broken off; where the window is over by now,
/// they are read once, and then released (R12, R13).
async fn resume(house: &House, connection: &mut PgConnection, case: &Case, by: &str) -> Result<(), Fault> {
    let converted = observations::store::converted(connection, case.one, case.unit).await?;
    let Some(broken_off) = converted else { return Ok(()) };
    let opening = Opening {
        former: Some(broken_off.ordered()),
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

/// Before two persons are joined: where both have a case, the graver, and else the older, is the one (R24). What is known
/// of the other one is taken over, the earlier of each; that one counts no more from now on.
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
    let rank = |case: &Case| (Reverse(gravity(case)), case.created_at, case.id);
    let (mut one, mut other) = if rank(&first) <= rank(&second) { (first, second) } else { (second, first) };
    other.leads = one.id;
    one.links.extend(&other.links);
    one.signs.extend(&other.signs);
    for known in [&mut one.links, &mut one.signs] {
        known.sort_unstable();
        known.dedup();
    }
    one.onset_on = one.onset_on.into_iter().chain(other.onset_on).min();
    one.sampled_on = one.sampled_on.into_iter().chain(other.sampled_on).min();
    one.counted_unit = one.counted_unit.or(other.counted_unit);
    one.result = one.result.or(other.result);
    one.take_over(&other);
    store::follow_merge(connection, (one.id, other.id), now).await?;
    let last = store::severity_since(connection, one.id, DateTime::UNIX_EPOCH).await?;
    one.severity = last.unwrap_or(one.severity);
    store::update(connection, &other).await?;
    store::update(connection, &one).await?;
    escalations::store::withdraw(connection, &[other.id], &[Kind::CaseOverdue]).await?;
    let words = |case: &Case| format!("{} is of the same person", super::parse::case_name(case.id));
    let (of_other, of_one) = (words(&other), words(&one));
    rechecks::ops::merged(connection, other.id, (by, &of_one, now)).await?;
    let into = store::Note::of(Event::MergedInto, &other, now, (by, &of_one));
    store::note(connection, &other, into, now).await?;
    let merged = store::Note::of(Event::Merged, &one, now, (by, &of_other));
    store::note(connection, &one, merged, now).await
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
    follow(house, connection, &case, (case.state, house.clock.now()), by).await?;
    Ok(())
}
