//! Between the contract's referrals and ours.

use chassis::parse;
use proto::screening as pb;
use uuid::Uuid;

use super::Referral;
use crate::{
    observations::parse::observation_name,
    persons::parse::{person_name, unit_name},
    readings::parse::celsius,
};

/// The collection of referrals' names.
pub const COLLECTION: &str = "referrals";

/// The resource name of a referral.
#[must_use]
pub fn referral_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// A referral as the contract has it.
#[must_use]
pub fn referral(referral: &Referral) -> pb::Referral {
    pb::Referral {
        name: referral_name(referral.id),
        observation: observation_name(referral.observation),
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
    }
}
