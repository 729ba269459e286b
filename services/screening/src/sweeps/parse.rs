//! Between the contract's sweeps and ours.

use chassis::{Fault, Violations, fault::Unmet, parse};
use chrono::{DateTime, NaiveDate, Utc};
use prost::Message as _;
use proto::screening::{self as pb, visit::Seen as Said};
use uuid::Uuid;

use super::{FACTS, Grid, Outcome, Progress, Sweep};
use crate::{
    cases::parse::instant,
    events::Sent,
    observations::{BASES, parse::exposure},
    persons::parse::{Intake, REASON, UNITS, damaged_item, listed, unit_name},
};

/// The collection of sweeps' names.
pub const COLLECTION: &str = "sweeps";
/// The longest number of a household.
const NUMBER: usize = 40;
/// The most households of a grid that are counted, and that are listed.
const MOST: (i32, usize) = (100_000, 2_000);
/// How many grids that are not done are named in a refusal.
const NAMED: usize = 20;

/// The resource name of a sweep.
#[must_use]
pub fn sweep_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// A sweep that is to be set up.
///
/// # Errors
/// Every violation.
pub fn setting_up(said: Option<&pb::Sweep>, today: NaiveDate, now: DateTime<Utc>) -> Result<Sweep, Fault> {
    let said = said.ok_or_else(|| Fault::invalid("sweep", "is required"))?;
    let mut wrong = Violations::default();
    let display_name = wrong.keep("sweep.display_name", parse::text(&said.display_name, 100));
    let unit = wrong.name("sweep.unit", UNITS, &said.unit);
    let starts_on = wrong.keep("sweep.start_date", parse::optional_date(&said.start_date)).flatten();
    let fact = |fact: &i32| i16::try_from(*fact).ok().filter(|fact| FACTS.contains(fact));
    let facts: Option<Vec<i16>> = said.facts.iter().map(fact).collect();
    let facts = facts.ok_or_else(|| "one is none there is".to_owned());
    let mut facts = wrong.keep("sweep.facts", facts).unwrap_or_default();
    facts.sort_unstable();
    facts.dedup();
    if facts.is_empty() {
        facts = FACTS.collect();
    }
    wrong.refuse()?;
    Ok(Sweep {
        id: Uuid::now_v7(),
        unit,
        display_name: display_name.unwrap_or_default().trim().to_owned(),
        starts_on: starts_on.unwrap_or(today),
        facts,
        created_at: now,
        closed_at: None,
        closed_by: String::new(),
    })
}

/// How many households a grid has, or which.
#[derive(Clone, Debug)]
pub struct Target {
    /// The grid.
    pub grid: Uuid,
    /// How many.
    pub households: i32,
    /// Which, where that is said.
    pub numbers: Vec<String>,
}

/// The targets of a request.
///
/// # Errors
/// Every violation.
pub fn targets(wrong: &mut Violations, said: &[pb::SweepTarget]) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::with_capacity(said.len());
    for (nth, one) in said.iter().enumerate() {
        let field = |name: &str| format!("targets[{nth}].{name}");
        let grid = wrong.keep(&field("grid"), parse::name(UNITS, &one.grid)).unwrap_or_default();
        if targets.iter().any(|known| known.grid == grid) {
            wrong.add(field("grid"), "is said twice");
        }
        let mut numbers = Vec::with_capacity(one.numbers.len());
        for (at, number) in one.numbers.iter().enumerate() {
            numbers.extend(wrong.keep(&format!("{}[{at}]", field("numbers")), household(number)));
        }
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.len() > MOST.1 {
            wrong.add(field("numbers"), format!("must be at most {}", MOST.1));
        }
        let households = match one.households {
            _ if !one.numbers.is_empty() => i32::try_from(numbers.len()).map_err(|error| error.to_string()),
            Some(count) if (0..=MOST.0).contains(&count) => Ok(count),
            Some(_) => Err(format!("must be 0 to {}", MOST.0)),
            None => Err("is required, or numbers: zero is said, never assumed (D1)".to_owned()),
        };
        let households = wrong.keep(&field("households"), households).unwrap_or_default();
        targets.push(Target { grid, households, numbers });
    }
    targets
}

fn household(number: &str) -> Result<String, String> {
    Ok(parse::text(number.trim(), NUMBER)?.to_owned())
}

/// What was seen.
#[derive(Clone, Debug)]
pub enum Seen {
    /// One household.
    Household(String, Outcome),
    /// The whole grid: visited, refused, absent, vacant.
    Tally([i32; 4]),
}

/// A visit that is well-formed.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The client's id of it, and what was sent.
    pub sent: Sent,
    /// The sweep.
    pub sweep: Uuid,
    /// The grid.
    pub grid: Uuid,
    /// When.
    pub seen_at: DateTime<Utc>,
    /// What was seen.
    pub seen: Seen,
    /// Who was found.
    pub found: Vec<Found>,
}

/// Somebody who was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// What was said.
    pub intake: Intake,
    /// Why they are put under observation by the same call, and day 0.
    pub opens: Option<(i16, NaiveDate)>,
}

/// A visit of the contract.
///
/// # Errors
/// Every violation, with paths below the visit.
pub fn visit(said: &pb::Visit, today: NaiveDate, now: DateTime<Utc>) -> Result<Visit, Fault> {
    let mut wrong = Violations::default();
    let event = wrong.keep("event_id", parse::uuid(&said.event_id)).unwrap_or_default();
    let sweep = wrong.keep("sweep", parse::name(COLLECTION, &said.sweep)).unwrap_or_default();
    let grid = wrong.keep("grid", parse::name(UNITS, &said.grid)).unwrap_or_default();
    let seen_at = said.time.ok_or_else(|| "is required".to_owned());
    let seen_at = wrong.keep("time", seen_at.and_then(|at| instant(Some(at), now))).unwrap_or(now);
    let seen = match &said.seen {
        Some(Said::Household(one)) => {
            let number = wrong.keep("household.number", household(&one.number));
            let outcome = Outcome::of(one.outcome)
                .ok_or_else(|| "is required: VISITED, REFUSED, ABSENT or VACANT".to_owned());
            let outcome = wrong.keep("household.outcome", outcome);
            number.zip(outcome).map(|(number, outcome)| Seen::Household(number, outcome))
        }
        Some(Said::Tally(tally)) => {
            let counts = [tally.visited, tally.refused, tally.absent, tally.vacant];
            if counts.iter().any(|count| !(0..=MOST.0).contains(count)) {
                wrong.add("tally", format!("each must be 0 to {}", MOST.0));
            }
            Some(Seen::Tally(counts))
        }
        None => {
            wrong.add("seen", "is required: a household, or a tally of the grid");
            None
        }
    };
    let mut found = Vec::with_capacity(said.found.len());
    for (nth, person) in said.found.iter().enumerate() {
        let mut inner = Violations::default();
        let purpose = person.purpose();
        if purpose == pb::Purpose::Unspecified {
            inner.add("purpose", "is required: why does this person have a row (P1)?");
        }
        let opens = opening(&mut inner, person, today);
        let intake = listed(&mut inner, person.details.as_ref(), &said.grid, purpose, "sweep")?;
        found.extend(intake.map(|intake| Found { intake, opens }));
        wrong.nest(&format!("found[{nth}]"), inner);
    }
    wrong.refuse()?;
    let seen = seen.ok_or_else(|| Fault::internal("what is wrong was not said"))?;
    Ok(Visit { sent: Sent::new(event, &said.encode_to_vec()), sweep, grid, seen_at, seen, found })
}

/// Which texts of a visit look damaged (I12).
#[must_use]
pub fn damaged(said: &pb::Visit) -> Vec<pb::DamagedText> {
    let found = said.found.iter().enumerate();
    found
        .flat_map(|(nth, person)| {
            damaged_item(person.details.as_ref(), &format!("found[{nth}].details."), &[])
        })
        .collect()
}

/// Why somebody who was found is put under observation, and day 0; nothing where that is not said.
fn opening(wrong: &mut Violations, person: &pb::FoundPerson, today: NaiveDate) -> Option<(i16, NaiveDate)> {
    if person.basis == 0 {
        if !person.last_exposure_date.is_empty() {
            wrong.add("basis", "is required with a last exposure");
        }
        return None;
    }
    let basis = i16::try_from(person.basis).ok().filter(|basis| BASES.contains(&i32::from(*basis)));
    let basis = wrong.keep("basis", basis.ok_or_else(|| "is none there is".to_owned()));
    let date = wrong.keep("last_exposure_date", exposure(&person.last_exposure_date, today));
    basis.zip(date)
}

/// The signed exceptions of a closing: grids and why.
pub fn exceptions(wrong: &mut Violations, said: &[pb::SweepException]) -> Vec<(Uuid, String)> {
    let mut exceptions = Vec::with_capacity(said.len());
    for (nth, one) in said.iter().enumerate() {
        let grid = wrong.keep(&format!("exceptions[{nth}].grid"), parse::name(UNITS, &one.grid));
        let reason = wrong.keep(&format!("exceptions[{nth}].reason"), parse::text(&one.reason, REASON));
        exceptions.extend(grid.zip(reason.map(str::to_owned)));
    }
    exceptions
}

/// A sweep as the contract has it.
#[must_use]
pub fn sweep(sweep: &Sweep, exceptions: &[Grid]) -> pb::Sweep {
    let exception =
        |grid: &Grid| pb::SweepException { grid: unit_name(grid.unit), reason: grid.exception.clone() };
    pb::Sweep {
        name: sweep_name(sweep.id),
        display_name: sweep.display_name.clone(),
        unit: unit_name(sweep.unit),
        start_date: sweep.starts_on.to_string(),
        facts: sweep.facts.iter().map(|fact| i32::from(*fact)).collect(),
        create_time: Some(parse::timestamp(sweep.created_at)),
        close_time: sweep.closed_at.map(parse::timestamp),
        closed_by: sweep.closed_by.clone(),
        exceptions: exceptions.iter().map(exception).collect(),
    }
}

/// How far a unit is, as the contract has it.
#[must_use]
pub fn progress(unit: Uuid, display_name: &str, progress: &Progress) -> pb::Progress {
    let [visited, refused, absent, vacant] = progress.tally;
    pb::Progress {
        unit: unit_name(unit),
        display_name: display_name.to_owned(),
        grids: progress.grids,
        grids_done: progress.done,
        grids_without_target: progress.without_target,
        households: progress.households,
        visited,
        refused,
        absent,
        vacant,
        percent: progress.percent(),
    }
}

/// A closing that is refused, naming the first grids that are not done.
#[must_use]
pub fn incomplete(id: Uuid, open: &[(Uuid, String)]) -> Fault {
    let name = sweep_name(id);
    let one = |(unit, words): &(Uuid, String)| Unmet {
        subject: unit_name(*unit),
        description: format!("is not done: {words}; visit again, or sign an exception"),
    };
    Fault::Precondition {
        reason: "SWEEP_INCOMPLETE",
        unmet: open.iter().take(NAMED).map(one).collect(),
        metadata: vec![("sweep", name), ("grids", open.len().to_string())],
    }
}

/// A change of a sweep that is closed.
#[must_use]
pub fn closed(id: Uuid) -> Fault {
    Fault::unfit("SWEEP_CLOSED", ("sweep", sweep_name(id)), "is closed")
}
