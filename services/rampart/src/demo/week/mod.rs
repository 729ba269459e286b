//! The persons of 4 to 11 February: read twice a day with some missed, released when their 14 days are over, or by a
//! health officer's decision (R26); further cases and discharges, so that the registers of the 11th say what was
//! published. How these fall on days and towns was not: here they are generated.

pub mod cases;
pub mod document;
pub mod plan;
pub mod readings;
pub mod releases;

use std::{collections::HashMap, time::Instant};

use serde::{Deserialize, Serialize};

use super::{
    journal::{Journal, Told},
    persons::returnees,
    stage::{Stage, date},
    walk::Tree,
};
use crate::{client::Screening, output};

/// How many days after the 3rd the 11th is.
pub const LAST: i64 = 8;

/// Minutes of each day.
const MORNING: i64 = 630;
const CASES: i64 = 690;
const RELEASES: i64 = 750;
const EVENING: i64 = 1_200;

/// What a day came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Day {
    /// Which, YYYY-MM-DD.
    pub date: String,
    /// Readings that were sent.
    pub readings: usize,
    /// Of them those that were told with the next visit's.
    pub late: usize,
    /// Of them visits at which nobody was there.
    pub absent: usize,
    /// Slots that nobody read.
    pub missed: usize,
    /// Persons who were released, their conditions being met.
    pub released: usize,
    /// Persons whom a health officer released all the same (R26).
    pub decided: usize,
    /// Persons whose release waits for somebody's decision.
    pub waiting: usize,
    /// Persons who were confirmed.
    pub confirmed: usize,
    /// Persons who were discharged.
    pub discharged: usize,
    /// Persons who were lost.
    pub lost: usize,
    /// Persons who were found again.
    pub found: usize,
    /// How long reading took.
    pub seconds_reading: f64,
    /// How long releasing took.
    pub seconds_releasing: f64,
}

/// What every step of the week needs.
struct Week<'a> {
    stage: &'a Stage,
    tree: &'a Tree,
    journal: &'a Journal,
    /// The city's duty officer.
    city: Screening,
    /// The duty officers of towns, by nine digits.
    towns: HashMap<String, Screening>,
    /// The counties' health officers, by six digits.
    health: HashMap<String, Screening>,
    /// The code of every unit's town.
    codes: HashMap<&'a str, &'a str>,
}

/// Plays the week, to noon of 11 February.
///
/// # Errors
/// A refusal.
pub async fn play(stage: &Stage, tree: &Tree, journal: &Journal) -> anyhow::Result<Told> {
    let health = tree.counties.iter().map(|county| {
        let code = county.code.get(..6).unwrap_or_default().to_owned();
        let client = stage.screening_as(&format!("{code}-health"))?;
        Ok((code, client))
    });
    let week = Week {
        stage,
        tree,
        journal,
        city: stage.screening_as("city-duty")?,
        towns: returnees::towns(stage, tree)?,
        health: health.collect::<anyhow::Result<_>>()?,
        codes: tree.codes(),
    };
    let mut days = Vec::new();
    for day in 1..=LAST {
        days.push(journal.once(&step(day), week.day(day)).await?);
        // Also where it was played before: a run that was cut off may have lost the hour.
        stage.advance(day * 1_440 + if day < LAST { EVENING } else { RELEASES });
    }
    journal.once("week", week.told(&days)).await
}

impl Week<'_> {
    /// Plays a day: so many after the 3rd.
    async fn day(&self, day: i64) -> anyhow::Result<Day> {
        let midnight = day * 1_440;
        let mut came = Day { date: date(day), ..Day::default() };
        output::say(&format!(
            "{} February: temperatures, {} confirmed, {} discharged, releases",
            day + 3,
            plan::confirmed_on(day),
            plan::discharged_on(day)
        ));
        self.stage.advance(midnight + MORNING);
        let ill = self.journal.once("who falls ill", self.who_falls_ill()).await?;
        let ill: Vec<_> = ill.into_iter().filter(|one| one.day == day).collect();
        self.read(midnight, plan::Pass::Morning, &ill, &mut came).await?;
        self.stage.advance(midnight + CASES);
        self.cases(day, &ill, &mut came).await?;
        self.stage.advance(midnight + RELEASES);
        self.release(day, &mut came).await?;
        if day < LAST {
            self.stage.advance(midnight + EVENING);
            self.read(midnight, plan::Pass::Evening, &[], &mut came).await?;
        }
        Ok(came)
    }

    /// The first six digits of the county of a unit at or below a county.
    fn county(&self, unit: &str) -> &str {
        self.codes.get(unit).and_then(|code| code.get(..6)).unwrap_or_default()
    }
}

/// The step of the journal that has a day.
fn step(day: i64) -> String {
    format!("day {day}")
}

/// How many persons were released in the week, and how many became cases.
///
/// # Errors
/// A journal that cannot be read.
pub fn ended(journal: &Journal) -> anyhow::Result<(usize, usize)> {
    let mut ended = (0, 0);
    for day in 1..=LAST {
        let came: Day = journal.read(&step(day))?.unwrap_or_default();
        ended.0 += came.released + came.decided;
        ended.1 += came.confirmed;
    }
    Ok(ended)
}

/// Seconds since an instant.
fn since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64()
}
