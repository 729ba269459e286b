//! What befell observations.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    observations::{Event, Observation},
    rules::{Ordered, RuleSet, Terms},
};

/// Something that befell an observation.
#[derive(Clone, Debug)]
pub struct Happened {
    /// What, as the contract numbers it.
    pub kind: i16,
    /// Who said so.
    pub said_by: String,
    /// In words.
    pub words: String,
    /// The end of the window from then on.
    pub ends_at: DateTime<Utc>,
    /// By what the person was observed from then on; nothing where that stayed as it was.
    pub ordered: Option<Ordered>,
    /// When.
    pub happened_at: DateTime<Utc>,
}

/// Notes what befell an observation, which is locked.
///
/// # Errors
/// Where the database fails.
pub async fn note(
    connection: &mut PgConnection,
    observation: &Observation,
    event: Event,
    (said_by, words, now): (&str, &str, DateTime<Utc>),
) -> Result<(), Fault> {
    let sets = matches!(event, Event::Opened | Event::Extended);
    let ordered = sets.then(|| observation.ordered());
    let rules = ordered.map(|ordered| ordered.rules);
    sqlx::query!(
        "INSERT INTO observation_event (observation_id, number, kind, said_by, words, ends_at, happened_at, days, slots_a_day,
                                        control_plan, treatment_plan, response_level)
         SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
         FROM observation_event WHERE observation_id = $1",
        observation.id,
        event as i16,
        said_by,
        words,
        observation.ends_at,
        now,
        ordered.map(|ordered| ordered.terms.days),
        ordered.map(|ordered| ordered.terms.slots_a_day),
        rules.map(|rules| rules.control_plan),
        rules.map(|rules| rules.treatment_plan),
        rules.map(|rules| rules.response_level),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What befell an observation, the first first.
///
/// # Errors
/// Where the database fails.
pub async fn happened(connection: &mut PgConnection, observation: Uuid) -> Result<Vec<Happened>, Fault> {
    let rows = sqlx::query!(
        "SELECT kind, said_by, words, ends_at, happened_at, days, slots_a_day, control_plan, treatment_plan, response_level
         FROM observation_event WHERE observation_id = $1 ORDER BY number",
        observation,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| {
            let terms = row.days.zip(row.slots_a_day).map(|(days, slots_a_day)| Terms { days, slots_a_day });
            let plans = row.control_plan.zip(row.treatment_plan).zip(row.response_level);
            let rules = plans.map(|((control_plan, treatment_plan), response_level)| RuleSet {
                control_plan,
                treatment_plan,
                response_level,
            });
            Happened {
                kind: row.kind,
                said_by: row.said_by,
                words: row.words,
                ends_at: row.ends_at,
                ordered: rules.zip(terms).map(|(rules, terms)| Ordered { rules, terms }),
                happened_at: row.happened_at,
            }
        })
        .collect())
}
