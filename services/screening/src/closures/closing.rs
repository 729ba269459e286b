//! Closing: whoever an approved closing covers and whom nothing holds is erased, as whose date has passed is; once nobody is
//! left but whom the law keeps, the closing is certified.

use std::collections::HashSet;

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Certificate, Closure, Holding, State, count_held, digest_of, is_kept, ops, store};
use crate::{
    erasures::{
        Hold,
        erasing::{AT_ONCE, Came, Passed, erase},
        store as erasures,
    },
    house::House,
    persons::parse::person_name,
};

/// Whom a closing reaches.
#[derive(Debug)]
pub struct Reach {
    /// Which, and when it was approved; nothing while it is proposed.
    approved: Option<(Uuid, DateTime<Utc>)>,
    /// The units of its area.
    units: Vec<Uuid>,
}

impl Reach {
    /// Of a closing that erases, or would if it were approved; nothing of one that has ended, and where nobody knows its area.
    #[must_use]
    pub fn of(house: &House, closure: &Closure) -> Option<Self> {
        let approved = match closure.state() {
            State::Proposed => None,
            State::Erasing => Some((closure.id, closure.approved_at()?)),
            State::Closed | State::Cancelled => return None,
        };
        Some(Self { approved, units: ops::units(house, closure)? })
    }

    /// Whether it erases.
    #[must_use]
    pub fn is_erasing(&self) -> bool {
        self.approved.is_some()
    }

    /// Those of some, named by the first of those who are one, whom it covers.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn covered(&self, connection: &mut PgConnection, ones: &[Uuid]) -> Result<Vec<Uuid>, Fault> {
        match self.approved {
            Some(approved) => store::same_left(connection, approved, &self.units, ones).await,
            None => store::same_in_hands(connection, ones, &self.units).await,
        }
    }

    /// Some of who is left in the hands of units, in the order of their ids, after one: each with the first of those who are
    /// one.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn left(
        &self,
        connection: &mut PgConnection,
        units: &[Uuid],
        (after, limit): (Uuid, i64),
    ) -> Result<Vec<(Uuid, Uuid)>, Fault> {
        match self.approved {
            Some(approved) => store::left(connection, approved, units, after, limit).await,
            None => store::in_hands(connection, units, after, limit).await,
        }
    }

    /// As [`Reach::left`], of those of some units that are in the area.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn left_of(
        &self,
        connection: &mut PgConnection,
        units: &[Uuid],
        page: (Uuid, i64),
    ) -> Result<Vec<(Uuid, Uuid)>, Fault> {
        let area: HashSet<&Uuid> = self.units.iter().collect();
        let units: Vec<Uuid> = units.iter().copied().filter(|unit| area.contains(unit)).collect();
        self.left(connection, &units, page).await
    }
}

/// Goes through everybody whom closings cover; answers what it came to. Where one fails the others go on.
///
/// # Errors
/// The last failure.
pub async fn pass(house: &House, today: NaiveDate, shutdown: &CancellationToken) -> Result<Passed, Fault> {
    let mut work = house.database.begin_pointed(&[]).await?;
    let closures = store::erasing(&mut work).await?;
    drop(work);
    let (mut passed, mut failed) = (Passed::default(), None);
    for closure in closures {
        let Some(reach) = Reach::of(house, &closure) else { continue };
        match through(house, (&closure, &reach), today, shutdown).await {
            Ok(came) => passed = passed + came,
            Err(fault) => failed = Some(fault),
        }
    }
    failed.map_or(Ok(passed), Err)
}

/// Goes through everybody who is left of one closing, and certifies it once only those are left whom the law keeps.
async fn through(
    house: &House,
    (closure, reach): (&Closure, &Reach),
    today: NaiveDate,
    shutdown: &CancellationToken,
) -> Result<Passed, Fault> {
    let (mut passed, mut failed) = (Passed::default(), None);
    let (mut holding, mut are_kept, mut after) = (Holding::default(), true, Uuid::nil());
    loop {
        let mut work = house.database.begin_pointed(&[]).await?;
        let left = reach.left(&mut work, &reach.units, (after, AT_ONCE)).await?;
        let Some((last, _)) = left.last() else { break };
        after = *last;
        let mut ones: Vec<Uuid> = left.iter().map(|(_, one)| *one).collect();
        ones.sort_unstable();
        ones.dedup();
        let covered = reach.covered(&mut work, &ones).await?;
        let held = erasures::holds(&mut work, &ones, today, &covered).await?;
        drop(work);
        count_held(&mut holding, &left, &held);
        are_kept &= held.values().all(|held| is_kept(held));
        for one in ones.into_iter().filter(|one| !held.contains_key(one)) {
            if shutdown.is_cancelled() {
                return Ok(passed);
            }
            match erase(house, one, today, Some(reach)).await {
                Ok(Came::Erased(rows)) => passed.erased += rows,
                // Something holds them by now: the next pass says what.
                Ok(Came::Held) => are_kept = false,
                Ok(Came::Busy) => passed.is_one_busy = true,
                Ok(Came::Elsewhere) => return Ok(Passed { is_one_busy: true, ..passed }),
                Err(fault) => failed = Some(fault),
            }
        }
    }
    if let Some(fault) = failed {
        return Err(fault);
    }
    let mut work = house.database.begin_pointed(&[]).await?;
    if are_kept && !passed.is_one_busy {
        certify(house, &mut work, closure.id, holding[Hold::Case as usize - 1]).await?;
    } else {
        store::note_held(&mut work, closure.id, &holding).await?;
    }
    work.commit().await?;
    Ok(passed)
}

/// Certifies a closing of which only those are left whom the law keeps; nothing where it has ended by now.
async fn certify(house: &House, connection: &mut PgConnection, id: Uuid, kept: i64) -> Result<(), Fault> {
    let found = store::lock(connection, id).await?.filter(|closure| closure.state() == State::Erasing);
    if found.is_none() {
        return Ok(());
    }
    let names = store::erased(connection, id).await?.into_iter().map(person_name);
    let digest = digest_of(names);
    let (erased, _) = store::progress(connection, id).await?;
    let certificate = Certificate { closed_at: house.clock.now(), erased, kept, digest };
    store::close(connection, id, &certificate).await?;
    tracing::info!(closure = %id, persons = erased.persons, kept, "an epidemic was closed in its area");
    Ok(())
}
