//! Whether a decision that the contract asks for may be made.

use chassis::{Fault, Violations, parse};
use chrono::{DateTime, Utc};
use proto::screening as pb;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Case, Condition, State, Statements,
    classify::{At, Known, confirms, is_correction, leads_forward, sampled_on, unmet},
    parse::{self as contract, misfit},
    store,
};
use crate::{house::House, observations, persons::parse::UNITS, results, schedules};

/// A decision that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What the case is to be.
    pub to: State,
    /// Since when, as it is stated.
    pub at: DateTime<Utc>,
    /// The result that is referenced.
    pub result: Option<Uuid>,
    /// What the ward states for a discharge.
    pub statements: Statements,
    /// The request itself.
    pub request: &'a pb::ClassifyCaseRequest,
}

/// A unit at work where a case may be counted: whoever's.
#[must_use]
pub fn counted(house: &House, wrong: &mut Violations, said: &str) -> Option<Uuid> {
    let counted = parse::optional_name(UNITS, said).and_then(|unit| match unit {
        Some(unit) if house.jurisdiction.today().place(unit).is_none() => {
            Err("must be a unit at work".to_owned())
        }
        unit => Ok(unit),
    });
    wrong.keep("counted_unit", counted).flatten()
}

/// Whether a decision may be made: which conditions it overrides. Notes the rules and the result that it is
/// made by.
///
/// # Errors
/// What is unmet; where the database fails.
pub async fn decidable(
    house: &House,
    connection: &mut PgConnection,
    case: &mut Case,
    asked: &Asked<'_>,
) -> Result<Vec<i16>, Fault> {
    let (to, zone) = (asked.to, house.clock.zone());
    let rules = schedules::ops::rules(house, connection, case.unit, house.clock.today()).await?;
    if is_correction(case.state, to) {
        if asked.request.reason.is_empty() {
            return Err(Fault::invalid("reason", "is required: a step back is a correction"));
        }
        if !store::was(connection, case.id, to).await? {
            return Err(misfit(case, "it never was what is asked for"));
        }
        case.rules = rules;
        return Ok(Vec::new());
    }
    if !leads_forward(case.state, to) {
        return Err(misfit(case, "no step leads to what is asked for"));
    }
    let results = results::store::of_one(connection, case.one).await?;
    case.rules = rules;
    case.sampled_on = sampled_on(rules, &results, zone);
    // What another unit observes beside is not this one's to know.
    let open = observations::store::lock_open(connection, case.one).await?;
    let is_observed = open.iter().any(|observation| observation.unit == case.unit);
    let known = Known { links: &case.links, signs: &case.signs, results: &results };
    let at = At { at: asked.at, zone, is_observed, said: asked.statements };
    let mut unmet = unmet(rules, to, known, at);
    if matches!(to, State::Confirmed | State::Asymptomatic) {
        // A result must be referenced, and be the person's own (R2); of one that the unit was told, the one it is of.
        let result = match asked.result {
            Some(result) => results::store::told_by(connection, result).await?.or(Some(result)),
            None => None,
        };
        let referenced = results.iter().find(|known| Some(known.id) == result);
        let is_confirmed = referenced.is_some_and(|known| confirms(rules, known));
        if !is_confirmed && !unmet.contains(&Condition::PositiveResult) {
            unmet.push(Condition::PositiveResult);
        }
        case.result = result;
    }
    let is_beyond = unmet.contains(&Condition::PositiveResult);
    if is_beyond || (!unmet.is_empty() && !asked.request.r#override) {
        return Err(contract::conditions(case, to, &unmet));
    }
    Ok(unmet.iter().map(|condition| *condition as i16).collect())
}
