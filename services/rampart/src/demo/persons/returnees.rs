//! Returnees: found late in their 14 days, read twice a day, and seen where they are febrile.

use std::collections::HashMap;

use anyhow::Context as _;
use proto::screening as pb;

use super::{
    each, people,
    plan::{self, LUGUAN, LUGUAN_SENT_ON, Returnee},
    refused,
};
use crate::{
    client::Screening,
    demo::{
        stage::{Stage, at, patiently, request_id},
        walk::Tree,
    },
};

/// What kind of artificial persons returnees are.
const KIND: u32 = 1;
/// One of so many is not read this morning: they are out, or nobody comes.
const UNREAD: usize = 67;

/// A returnee who is watched over.
#[derive(Clone, Debug)]
pub struct Found {
    /// observations/{uuid}.
    pub observation: String,
    /// Whether in 炉观镇.
    pub in_luguan: bool,
    /// Whether febrile this morning.
    pub is_febrile: bool,
}

/// Screening as the duty officer of each town, by the first nine digits of its code.
///
/// # Errors
/// Where signing fails.
pub fn towns(stage: &Stage, tree: &Tree) -> anyhow::Result<HashMap<String, Screening>> {
    let town = |code: &str| code.get(..9).unwrap_or_default().to_owned();
    let clients = tree.towns.iter().map(|place| {
        let code = town(&place.code);
        let client = stage.screening_as(&format!("{code}-duty"))?;
        Ok((code, client))
    });
    clients.collect()
}

/// Takes in every returnee where they are found, and puts them under observation; each town's duty officer for its
/// grids. They left the area between 20 January and 1 February: most are found late.
///
/// # Errors
/// A refusal.
pub async fn found(stage: &Stage, tree: &Tree) -> anyhow::Result<Vec<Found>> {
    let towns = towns(stage, tree)?;
    each("returnees", plan::returnees(tree), |one: Returnee| {
        let screening = towns.get(tree.town_of(one.grid));
        let unit = tree.grids[one.grid].unit.clone();
        async move {
            let screening = screening.context("a grid without a town")?;
            let person = taken_in(screening, (KIND, one.nth), &unit, pb::Purpose::Returnee).await?;
            let day = if one.nth % 13 < 12 {
                format!("2020-01-{}", 20 + one.nth % 13)
            } else {
                "2020-02-01".to_owned()
            };
            let said = pb::Observation {
                person,
                basis: pb::Basis::Returnee.into(),
                last_exposure_date: day,
                ..pb::Observation::default()
            };
            let request = pb::OpenObservationRequest {
                request_id: request_id(&format!("observe {KIND} {}", one.nth)),
                observation: Some(said),
            };
            let open = || async { screening.observations().open_observation(request.clone()).await };
            let opened = patiently(open).await.map_err(refused("an observation"))?.observation;
            Ok(Found {
                observation: opened.context("no observation")?.name,
                in_luguan: one.in_luguan,
                is_febrile: one.is_febrile,
            })
        }
    })
    .await
}

/// Takes in an artificial person at a unit; answers persons/{uuid}.
///
/// # Errors
/// A refusal.
pub async fn taken_in(
    screening: &Screening,
    (kind, nth): (u32, usize),
    unit: &str,
    purpose: pb::Purpose,
) -> anyhow::Result<String> {
    let person = pb::Person {
        details: Some(people::person(kind, nth)),
        responsible_unit: unit.to_owned(),
        purpose: purpose.into(),
        ..pb::Person::default()
    };
    let request = pb::IntakePersonRequest {
        request_id: request_id(&format!("intake {kind} {nth}")),
        person: Some(person),
        source: "sweep".to_owned(),
    };
    let intake = || async { screening.persons().intake_person(request.clone()).await };
    let taken = patiently(intake).await.map_err(refused("an intake"))?;
    Ok(taken.person.context("no person")?.name)
}

/// A reading of an observation at a minute of the day.
#[must_use]
pub fn reading(observation: &str, minute: i64, temperature: f64) -> pb::Reading {
    pb::Reading {
        event_id: request_id(&format!("reading {observation} {minute}")),
        observation: observation.to_owned(),
        taken_time: Some(chassis::parse::timestamp(at(minute))),
        kind: pb::ReadingKind::Taken.into(),
        temperature,
        ..pb::Reading::default()
    }
}

/// A temperature without fever, one for each person.
#[must_use]
pub fn well(nth: usize) -> f64 {
    let tenths = u32::try_from(nth % 9).unwrap_or_default();
    36.1 + f64::from(tenths) / 10.0
}

/// Sends the morning's readings; answers how many.
///
/// # Errors
/// A refusal.
pub async fn read(stage: &Stage, found: &[Found]) -> anyhow::Result<usize> {
    let screening = stage.screening_as("city-duty")?;
    let readings = found.iter().enumerate().filter(|(nth, one)| one.is_febrile || nth % UNREAD != 1);
    let readings = readings.map(|(nth, one)| {
        let temperature = if one.is_febrile { 38.4 } else { well(nth) };
        reading(&one.observation, 625, temperature)
    });
    super::read(&screening, "readings", readings.collect()).await
}

/// Where 炉观镇's febrile are sent on to.
const HOSPITAL: &str = "新化县人民医院";

/// 炉观镇's health centre answers its referrals; whoever is sent on is a suspected case until two negatives exclude
/// them. Answers how many: all, cleared, sent on, excluded.
///
/// # Errors
/// A refusal.
pub async fn seen(stage: &Stage, tree: &Tree) -> anyhow::Result<(usize, usize, usize, usize)> {
    let town = tree.towns.iter().find(|town| town.name == LUGUAN).context("炉观镇 is not in the tree")?;
    let health = stage.screening_as(&format!("{}-health", town.code.get(..6).unwrap_or_default()))?;
    let request = pb::ListReferralsRequest {
        ancestor_unit: town.unit.clone(),
        answered: true,
        page_size: 1_000,
        ..Default::default()
    };
    let referrals = health.referrals().list_referrals(request).await.map_err(refused("referrals"))?;
    let mut referrals = referrals.into_inner().referrals;
    // Where they were sent on to is a referral of its own.
    referrals.retain(|referral| referral.previous.is_empty());
    referrals.sort_by(|one, other| one.person.cmp(&other.person));
    let (mut cleared, mut excluded) = (0, 0);
    for (nth, referral) in referrals.iter().enumerate() {
        let is_sent_on = nth < LUGUAN_SENT_ON;
        let answer = if is_sent_on { pb::ReferralAnswer::SentOn } else { pb::ReferralAnswer::Cleared };
        let mut next = referral.next.clone();
        if referral.answer == 0 {
            let request = pb::AnswerReferralRequest {
                request_id: request_id(&format!("answer {}", referral.name)),
                name: referral.name.clone(),
                answer: answer.into(),
                facility: "炉观镇卫生院".to_owned(),
                next_facility: if is_sent_on { HOSPITAL.to_owned() } else { String::new() },
            };
            let answered = health.referrals().answer_referral(request).await.map_err(refused("an answer"))?;
            next = answered.into_inner().next.map(|next| next.name).unwrap_or_default();
        }
        if is_sent_on {
            excluded += usize::from(exclude(&health, &referral.person).await?);
            if !next.is_empty() {
                let request = pb::AnswerReferralRequest {
                    request_id: request_id(&format!("answer {next}")),
                    name: next,
                    answer: pb::ReferralAnswer::Cleared.into(),
                    facility: HOSPITAL.to_owned(),
                    next_facility: String::new(),
                };
                health.referrals().answer_referral(request).await.map_err(refused("an answer"))?;
            }
        } else {
            cleared += 1;
        }
    }
    Ok((referrals.len(), cleared, LUGUAN_SENT_ON.min(referrals.len()), excluded))
}

/// Suspected by link and signs, excluded by two negatives of two days (R1, R14).
async fn exclude(health: &Screening, person: &str) -> anyhow::Result<bool> {
    let case = super::cases::opened(health, person, "2020-01-30").await?;
    super::cases::classified(health, &case, (pb::CaseState::Suspected, "", None)).await?;
    for minute in [-900, 660] {
        super::cases::tested(health, person, pb::TestOutcome::Negative, minute).await?;
    }
    let state = super::cases::classified(health, &case, (pb::CaseState::Excluded, "", None)).await?;
    Ok(state == pb::CaseState::Excluded)
}
