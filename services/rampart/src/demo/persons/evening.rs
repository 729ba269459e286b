//! The evening's readings, and what the day came to the next morning.

use std::{collections::BTreeMap, time::Instant};

use anyhow::Context as _;
use proto::screening as pb;

use super::{
    Persons, family,
    plan::LUGUAN,
    refused,
    returnees::{reading, well},
};
use crate::{
    client::Screening,
    demo::{
        stage::{DATE, Stage},
        walk::Tree,
    },
    output,
};

/// One of so many is not read this evening.
const UNREAD: usize = 83;
/// 湍江村, whose grid leader's worklist is looked at; where villages are generated, the first of 炉观镇.
const VILLAGE: &str = "湍江村";

/// Sends the evening's readings of whoever is under observation.
///
/// # Errors
/// A refusal.
pub async fn read(stage: &Stage, tree: &Tree, persons: &mut Persons) -> anyhow::Result<()> {
    output::say("20:00: temperatures are taken again");
    stage.advance(1_200);
    let screening = stage.screening_as("city-duty")?;
    let open = observations(&screening, &tree.city.unit, pb::ObservationState::Unspecified).await?;
    let readings = open.iter().enumerate().filter(|(nth, _)| nth % UNREAD != 1);
    let readings = readings.map(|(nth, one)| reading(&one.name, 1_190, well(nth))).collect();
    let began = Instant::now();
    let sent = super::read(&screening, "readings", readings).await?;
    persons.readings.0 += sent;
    persons.readings.1 += began.elapsed();
    Ok(())
}

/// The city's figures of cases and contacts of the day, from the registers.
///
/// # Errors
/// A refusal.
pub async fn figures(stage: &Stage, tree: &Tree, persons: &mut Persons) -> anyhow::Result<()> {
    let screening = stage.screening_as("city-duty")?;
    (persons.cases, persons.contacts) = counted(&screening, &tree.city.unit, DATE).await?;
    Ok(())
}

/// The figures of cases and contacts of a unit as of the end of a day, from the registers.
///
/// # Errors
/// A refusal.
pub async fn counted(
    screening: &Screening,
    unit: &str,
    date: &str,
) -> anyhow::Result<(pb::CountCasesResponse, pb::CountContactsResponse)> {
    let (unit, date) = (unit.to_owned(), date.to_owned());
    let request = pb::CountCasesRequest { unit: unit.clone(), date: date.clone() };
    let cases = screening.cases().count_cases(request).await.map_err(refused("figures of cases"))?;
    let request = pb::CountContactsRequest { unit, date };
    let contacts = screening.exposures().count_contacts(request).await;
    Ok((cases.into_inner(), contacts.map_err(refused("figures of contacts"))?.into_inner()))
}

/// What the day came to: persons by state, what is put before whom, and a grid leader's worklist.
///
/// # Errors
/// A refusal.
pub async fn look(stage: &Stage, tree: &Tree, persons: &mut Persons) -> anyhow::Result<()> {
    let screening = stage.screening_as("city-duty")?;
    persons.observations = by_state(&screening, &tree.city.unit).await?;
    persons.escalations = escalated(&screening, tree).await?;
    persons.support = family::support(stage).await?;
    let named = tree.villages.iter().position(|village| village.name == VILLAGE);
    let luguan = tree.towns.iter().find(|town| town.name == LUGUAN).context("炉观镇 is not in the tree")?;
    let village = named.or_else(|| tree.villages_of(&luguan.code).next()).context("no village")?;
    // The first grid of the first village is one that has no leader.
    let grid = tree.grids.iter().rfind(|grid| grid.above == village).context("no grid")?;
    let leader = stage.screening_as(&format!("{}-leader", grid.code))?;
    let work = leader.readings().list_work(pb::ListWorkRequest::default()).await;
    let work = work.map_err(refused("a worklist"))?.into_inner().work;
    persons.worklist = (format!("{} / {}", tree.villages[village].name, grid.name), work.len());
    Ok(())
}

/// How many open observations a unit and those below it have: within their window, to be released, lost.
///
/// # Errors
/// A refusal.
pub async fn by_state(screening: &Screening, unit: &str) -> anyhow::Result<(usize, usize, usize)> {
    let count = async |state| anyhow::Ok(observations(screening, unit, state).await?.len());
    Ok((
        count(pb::ObservationState::Active).await?,
        count(pb::ObservationState::ReleaseDue).await?,
        count(pb::ObservationState::Lost).await?,
    ))
}

/// What is put before villages, townships, counties and the city, by kind.
///
/// # Errors
/// A refusal.
pub async fn escalated(screening: &Screening, tree: &Tree) -> anyhow::Result<Vec<(String, usize)>> {
    let mut kinds: BTreeMap<i32, usize> = BTreeMap::new();
    for unit in tree.villages.iter().chain(&tree.towns).chain(&tree.counties).chain([&tree.city]) {
        let mut request = pb::ListEscalationsRequest {
            holder_unit: unit.unit.clone(),
            page_size: 1_000,
            ..Default::default()
        };
        loop {
            let page = screening.escalations().list_escalations(request.clone()).await;
            let page = page.map_err(refused("a digest"))?.into_inner();
            for one in page.escalations {
                *kinds.entry(one.kind).or_default() += 1;
            }
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
    }
    let word = |kind: i32| {
        let kind = pb::EscalationKind::try_from(kind).unwrap_or_default();
        output::word(kind.as_str_name(), "ESCALATION_KIND_").replace('_', " ")
    };
    Ok(kinds.into_iter().map(|(kind, count)| (word(kind), count)).collect())
}

/// The open observations of a unit and of those below it, in a state where one is said.
///
/// # Errors
/// A refusal.
pub async fn observations(
    screening: &Screening,
    unit: &str,
    state: pb::ObservationState,
) -> anyhow::Result<Vec<pb::Observation>> {
    let mut request = pb::ListObservationsRequest {
        ancestor_unit: unit.to_owned(),
        state: state.into(),
        page_size: 1_000,
        ..Default::default()
    };
    let mut found = Vec::new();
    loop {
        let page = screening.observations().list_observations(request.clone()).await;
        let page = page.map_err(refused("observations"))?.into_inner();
        found.extend(page.observations);
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        request.page_token = page.next_page_token;
    }
}
