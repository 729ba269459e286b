//! A decision that the contract asks for: what is asked, whether it may be made, and that it is.

use chassis::{Fault, Violations, parse};
use chrono::{DateTime, Utc};
use proto::screening as pb;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Case, Condition, State, Statements,
    classify::{At, Known, confirms, is_correction, leads_forward, sampled_on, unmet},
    ops::{self, Decision, Followed},
    parse::{self as contract, COLLECTION, misfit},
    store,
};
use crate::{
    house::House,
    observations,
    persons::parse::{REASON, UNITS},
    results::{self, parse::COLLECTION as RESULTS},
    schedules,
};

/// A decision that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Of which case.
    pub id: Uuid,
    /// What the case is to be; none for the class of another province (R3).
    pub to: Option<State>,
    /// Since when, as it is stated.
    pub at: DateTime<Utc>,
    /// The result that is referenced.
    pub result: Option<Uuid>,
    /// What the ward states for a discharge.
    pub statements: Statements,
    /// Where the case is to be counted (R23), where that is said.
    pub counted: Option<Uuid>,
    /// The request itself.
    pub request: &'a pb::ClassifyCaseRequest,
}

/// A decision of the contract.
///
/// # Errors
/// Every violation.
pub fn asked<'a>(house: &House, request: &'a pb::ClassifyCaseRequest) -> Result<Asked<'a>, Fault> {
    let now = house.clock.now();
    let mut wrong = Violations::default();
    let id = wrong.name("name", COLLECTION, &request.name);
    let is_elsewhere = request.state() == pb::CaseState::ClinicallyDiagnosed;
    let to = i16::try_from(request.state).ok().and_then(State::of);
    if to.is_none() && !is_elsewhere {
        wrong.add("state", "is required: what is the case?");
    }
    let result = wrong.optional_name("result", RESULTS, &request.result);
    let at = wrong.keep("time", contract::instant(request.time, now)).unwrap_or(now);
    let statements = contract::statements(&mut wrong, request.discharge.as_ref(), now);
    if request.discharge.is_some() && to != Some(State::Discharged) {
        wrong.add("discharge", "is stated for DISCHARGED only");
    }
    let counted = counted(house, &mut wrong, &request.counted_unit);
    wrong.optional_text("reason", &request.reason, REASON);
    if request.r#override && request.reason.is_empty() {
        wrong.add("reason", "is required: why is it decided although conditions are unmet?");
    }
    wrong.refuse()?;
    Ok(Asked { id, to, at, result, statements, counted, request })
}

/// Decides of a case, which is locked, what is asked for: what it is, or where it is counted otherwise (R23).
///
/// # Errors
/// What is unmet; where the database fails.
pub async fn decide(
    house: &House,
    connection: &mut PgConnection,
    case: &mut Case,
    asked: &Asked<'_>,
    by: &str,
) -> Result<Followed, Fault> {
    let Some(to) = asked.to else { return Err(contract::elsewhere(case.id)) };
    let words = asked.request.reason.as_str();
    let recounted = asked.counted.filter(|unit| *unit != case.counted_unit.unwrap_or(*unit));
    match recounted {
        Some(unit) if case.state == to => {
            if words.is_empty() {
                let wrong = "is required: where it is counted is a correction (R23)";
                return Err(Fault::invalid("reason", wrong));
            }
            case.rules = schedules::ops::rules(house, connection, case.unit, house.clock.today()).await?;
            let incidents = ops::recount(house, connection, case, unit, (by, words)).await?;
            Ok(Followed { contacts: 0, incidents })
        }
        Some(_) => Err(misfit(case, "is counted elsewhere: correct that with the state that it has (R23)")),
        None => {
            let unmet = &decidable(house, connection, case, to, asked).await?[..];
            let Asked { at, counted, statements, .. } = *asked;
            let decision = Decision { to, at, counted, statements, unmet, by, words };
            ops::decide(house, connection, case, decision).await
        }
    }
}

/// A unit at work where a case may be counted: whoever's.
fn counted(house: &House, wrong: &mut Violations, said: &str) -> Option<Uuid> {
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
async fn decidable(
    house: &House,
    connection: &mut PgConnection,
    case: &mut Case,
    to: State,
    asked: &Asked<'_>,
) -> Result<Vec<i16>, Fault> {
    let zone = house.clock.zone();
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
