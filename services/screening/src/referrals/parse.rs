//! Between the contract's referrals and ours.

use chassis::{Fault, Violations, parse};
use proto::screening as pb;
use uuid::Uuid;

use super::{Answer, Referral};
use crate::{
    observations::parse::{observation_name, optional},
    persons::parse::{COLLECTION as PERSONS, person_name, unit_name},
    readings::parse::{celsius, decidegrees, symptoms},
};

/// The longest name of a facility.
pub const FACILITY: usize = 100;

/// The collection of referrals' names.
pub const COLLECTION: &str = "referrals";

/// The resource name of a referral.
#[must_use]
pub fn referral_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// What is asked for when a person is referred by hand.
#[derive(Clone, Debug)]
pub struct Referring {
    /// Who.
    pub person: Uuid,
    /// Tenths of a degree Celsius.
    pub decidegrees: Option<i16>,
    /// What the person complains of, as the contract numbers it.
    pub symptoms: Vec<i16>,
    /// Whom it is addressed to.
    pub to_facility: String,
    /// Whether a rapid test was positive.
    pub tested_positive: bool,
}

/// A referral that is asked for.
///
/// # Errors
/// Every violation.
pub fn referring(said: Option<&pb::Referral>) -> Result<Referring, Fault> {
    let said = said.ok_or_else(|| Fault::invalid("referral", "is required"))?;
    let mut wrong = Violations::default();
    let person = wrong.name("referral.person", PERSONS, &said.person);
    let decidegrees = wrong.keep("referral.temperature", decidegrees(said.temperature)).flatten();
    let symptoms = wrong.keep("referral.symptoms", symptoms(&said.symptoms)).unwrap_or_default();
    let to_facility = wrong.keep("referral.to_facility", optional(&said.to_facility, FACILITY));
    let to_facility = to_facility.unwrap_or_default().to_owned();
    if decidegrees.is_none() && symptoms.is_empty() && wrong.is_empty() {
        wrong.add("referral.temperature", "is required where no symptom is said");
    }
    wrong.refuse()?;
    Ok(Referring { person, decidegrees, symptoms, to_facility, tested_positive: false })
}

/// Which referral is answered, and what the facility says.
///
/// # Errors
/// Every violation.
pub fn answering(said: &pb::AnswerReferralRequest) -> Result<(Uuid, Answer), Fault> {
    let mut wrong = Violations::default();
    let id = wrong.name("name", COLLECTION, &said.name);
    let says = Answer::of(said.answer).ok_or_else(|| "is required: what does the facility say?".to_owned());
    let says = wrong.keep("answer", says).unwrap_or(Answer::Cleared);
    wrong.text("facility", &said.facility, FACILITY);
    if says == Answer::SentOn {
        let words = |_| "is required: where is the person sent on to? 1 to 100 characters".to_owned();
        wrong.keep("next_facility", parse::text(&said.next_facility, FACILITY).map_err(words));
    } else if !said.next_facility.is_empty() {
        wrong.add("next_facility", "is for who is sent on");
    }
    wrong.refuse()?;
    Ok((id, says))
}

/// A referral as the contract has it.
#[must_use]
pub fn referral(referral: &Referral) -> pb::Referral {
    let state =
        if referral.answered_at.is_none() { pb::ReferralState::Open } else { pb::ReferralState::Answered };
    pb::Referral {
        name: referral_name(referral.id),
        observation: referral.observation.map(observation_name).unwrap_or_default(),
        person: person_name(referral.person),
        responsible_unit: unit_name(referral.unit),
        temperature: celsius(referral.decidegrees),
        symptoms: referral.symptoms.iter().map(|symptom| i32::from(*symptom)).collect(),
        create_time: Some(parse::timestamp(referral.opened_at)),
        deadline_time: Some(parse::timestamp(referral.deadline_at)),
        answer: referral.answer.unwrap_or_default().into(),
        facility: referral.facility.clone(),
        answer_time: referral.answered_at.map(parse::timestamp),
        answered_by: referral.answered_by.clone(),
        state: state.into(),
        to_facility: referral.to_facility.clone(),
        previous: referral.previous.map(referral_name).unwrap_or_default(),
        next: referral.next.map(referral_name).unwrap_or_default(),
        case_deadline_time: referral.case_due_at.map(parse::timestamp),
        created_by: referral.opened_by.clone(),
        tested_positive: referral.tested_positive,
    }
}
