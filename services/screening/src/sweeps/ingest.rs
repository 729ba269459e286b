//! Ingest: visits, each in a transaction of its own with whoever was found and whatever was refused.

use chassis::{Caller, Fault};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Outcome, missing,
    parse::{Found, Seen, Visit, sweep_name},
    store,
};
use crate::{
    enforcements,
    events::{self, List, Sent},
    house::House,
    observations::{
        Place,
        ops::{Opening, put_under},
    },
    persons::intake,
};

/// The most visits of one call.
pub const LARGEST: usize = 500;

/// What became of a visit.
#[derive(Clone, Debug)]
pub enum Taken {
    /// Taken in now.
    In(Accepted),
    /// Sent before.
    Before,
}

/// What a visit that was taken in has brought.
#[derive(Clone, Debug, Default)]
pub struct Accepted {
    /// Whoever was found, and their observations.
    pub persons: Vec<(Uuid, Option<Uuid>)>,
    /// The facts that were not said of each of them, together.
    pub missing: Vec<i16>,
    /// The enforcement request of a household that refused, or of those that a tally counts.
    pub enforcement: Option<Uuid>,
    /// Whether the sweep was closed before.
    pub after_close: bool,
    /// Whether the grid is at work no more, and the visit was taken in where it stands.
    pub readdressed: bool,
    /// Whether the household was none of the grid's numbers.
    pub unlisted: bool,
    /// Whether the grid's tally goes on counting.
    pub beside_tally: bool,
    /// Whether the grid's households go on counting.
    pub beside_households: bool,
}

/// Takes in a visit.
///
/// # Errors
/// [`Fault::NotFound`] for a grid that is not the caller's, or a sweep that does not cover it; `EVENT_ID_REUSED`; where the
/// database fails.
pub async fn take_in(house: &House, caller: &Caller, visit: Visit) -> Result<Taken, Fault> {
    // What is found in a grid that was closed since is taken in by the unit that it stands with now.
    let standing = house.taking(caller, "visits.write", visit.grid)?;
    let (now, by) = (house.clock.now(), caller.subject());
    let mut work = house.database.begin(None).await?;
    if was_sent(&mut work, &visit.sent, by).await? {
        return Ok(Taken::Before);
    }
    let absent = || Fault::NotFound(sweep_name(visit.sweep));
    let sweep = store::get(&mut work, visit.sweep).await?.ok_or_else(absent)?;
    let grid = store::lock_grid(&mut work, visit.sweep, visit.grid).await?.ok_or_else(absent)?;
    let times = (visit.seen_at, now);
    if !store::note(&mut work, (visit.sent.event, by), (visit.sweep, visit.grid), &visit.seen, times).await? {
        return if was_sent(&mut work, &visit.sent, by).await? {
            Ok(Taken::Before)
        } else {
            Err(Fault::Conflict)
        };
    }
    events::store::note(&mut work, List::Visits, &visit.sent, by).await?;
    let (after_close, readdressed) = (sweep.closed_at.is_some(), standing != visit.grid);
    let mut accepted = Accepted { after_close, readdressed, ..Accepted::default() };
    match &visit.seen {
        Seen::Household(number, outcome) => {
            let household = (visit.sweep, visit.grid, number.as_str());
            let came = store::see(&mut work, household, *outcome, visit.seen_at).await?;
            accepted.unlisted = grid.listed && !came.known;
            accepted.beside_tally = came.beside_tally;
            if came.is_last {
                accepted.enforcement = enforce(house, &mut work, &visit, (number, *outcome), by).await?;
            }
        }
        Seen::Tally(counts) => {
            accepted.beside_households = store::is_by_households(&mut work, visit.sweep, visit.grid).await?;
            if !accepted.beside_households
                && store::tally(&mut work, (visit.sweep, visit.grid), *counts, visit.seen_at).await?
            {
                let grid = (visit.sweep, visit.grid, counts[1]);
                accepted.enforcement = enforcements::ops::counted(house, &mut work, grid, by).await?;
            }
        }
    }
    for Found { mut intake, opens } in visit.found {
        accepted.missing.extend(missing(&sweep.facts, &intake.details));
        intake.unit = standing;
        let person = intake::take_in(house, &mut work, caller, intake).await?.person.id;
        let observation = match opens {
            Some((basis, last_exposure)) => {
                let (place, facility) = (Place::Home, String::new());
                let opening = Opening { person, basis, last_exposure, place, facility, former: None };
                Some(put_under(house, &mut work, by, opening).await?.0.id)
            }
            None => None,
        };
        accepted.persons.push((person, observation));
    }
    accepted.missing.sort_unstable();
    accepted.missing.dedup();
    work.commit().await?;
    Ok(Taken::In(accepted))
}

/// Whether a visit was taken in before.
async fn was_sent(connection: &mut PgConnection, sent: &Sent, by: &str) -> Result<bool, Fault> {
    let before = store::was_sent(connection, sent.event, by).await?.then_some(());
    Ok(events::store::the_same(connection, List::Visits, (sent, by), before).await?.is_some())
}

/// Makes an enforcement request of a household that refused, and settles it once it does not any more.
async fn enforce(
    house: &House,
    connection: &mut PgConnection,
    visit: &Visit,
    (number, outcome): (&str, Outcome),
    by: &str,
) -> Result<Option<Uuid>, Fault> {
    let household = (visit.sweep, visit.grid, number);
    match outcome {
        Outcome::Refused => enforcements::ops::refused(house, connection, household, by).await.map(Some),
        Outcome::Visited | Outcome::Vacant => {
            enforcements::ops::complied(house, connection, household, by).await?;
            Ok(None)
        }
        Outcome::Absent => Ok(None),
    }
}
