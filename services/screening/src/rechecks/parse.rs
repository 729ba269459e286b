//! Between the contract's rechecks and ours.

use chassis::{Fault, Violations, parse};
use chrono::NaiveDate;
use proto::screening as pb;
use uuid::Uuid;

use super::{Outcome, Recheck};
use crate::{
    cases::parse::case_name,
    persons::parse::{REASON, person_name, unit_name},
    readings::parse::symptoms,
    results::parse::{COLLECTION as RESULTS, result_name},
};

/// The collection of rechecks' names.
pub const COLLECTION: &str = "rechecks";

/// The resource name of a recheck.
#[must_use]
pub fn recheck_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// What is told of a recheck.
#[derive(Clone, Debug)]
pub struct Told {
    /// Which.
    pub id: Uuid,
    /// What came of it.
    pub outcome: Outcome,
    /// On which day.
    pub on: NaiveDate,
    /// The positive result.
    pub result: Option<Uuid>,
    /// Which symptoms, as the contract numbers them.
    pub symptoms: Vec<i16>,
    /// In words.
    pub words: String,
}

/// What is told of a recheck, on some day.
///
/// # Errors
/// Every violation.
pub fn told(said: &pb::RecordRecheckRequest, today: NaiveDate) -> Result<Told, Fault> {
    let mut wrong = Violations::default();
    let id = wrong.name("name", COLLECTION, &said.name);
    let outcome = Outcome::told(said.outcome)
        .ok_or_else(|| "is required: WELL, SYMPTOMS, POSITIVE, REFUSED or DIED".to_owned());
    let outcome = wrong.keep("outcome", outcome);
    let on = parse::optional_date(&said.date).and_then(|date| match date {
        Some(date) if date > today => Err(format!("must not be after today, {today}")),
        date => Ok(date.unwrap_or(today)),
    });
    let on = wrong.keep("date", on).unwrap_or(today);
    let result = wrong.optional_name("result", RESULTS, &said.result);
    let symptoms = wrong.keep("symptoms", symptoms(&said.symptoms)).unwrap_or_default();
    if let Some(outcome) = outcome {
        if (outcome == Outcome::Positive) == said.result.is_empty() {
            wrong.add("result", "is required for POSITIVE, and for nothing else");
        }
        if (outcome == Outcome::Symptoms) == said.symptoms.is_empty() {
            wrong.add("symptoms", "are required for SYMPTOMS, and for nothing else");
        }
    }
    wrong.optional_text("words", &said.words, REASON);
    wrong.refuse()?;
    let (outcome, words) = (outcome.unwrap_or(Outcome::Well), said.words.clone());
    Ok(Told { id, outcome, on, result, symptoms, words })
}

/// A recheck of which was told what came of it.
#[must_use]
pub fn done(id: Uuid) -> Fault {
    Fault::unfit("RECHECK_DONE", ("recheck", recheck_name(id)), "what came of it was told")
}

/// A recheck as the contract has it.
#[must_use]
pub fn recheck(recheck: &Recheck) -> pb::Recheck {
    pb::Recheck {
        name: recheck_name(recheck.id),
        case: case_name(recheck.case),
        person: person_name(recheck.person),
        responsible_unit: unit_name(recheck.unit),
        week: recheck.week.into(),
        discharge_date: recheck.discharged_on.to_string(),
        due_date: recheck.due_on().to_string(),
        deadline_time: Some(parse::timestamp(recheck.deadline_at)),
        outcome: recheck.outcome.unwrap_or_default().into(),
        done_date: recheck.done_on.map(|date| date.to_string()).unwrap_or_default(),
        late: recheck.is_late(),
        result: recheck.result.map(result_name).unwrap_or_default(),
        settle_time: recheck.settled_at.map(parse::timestamp),
        settled_by: recheck.settled_by.clone(),
        words: recheck.words.clone(),
    }
}
