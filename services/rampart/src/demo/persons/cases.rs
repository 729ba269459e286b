//! The 40 cases of the bulletin and their 902 contacts: derived from registers, not from the bulletin's sums.

use std::collections::HashMap;

use anyhow::Context as _;
use proto::screening::{self as pb, exposure_item::Contact as Who, exposure_result::Result as Came};

use super::{
    each, people,
    plan::{self, Case, Contact},
    refused,
    returnees::{reading, taken_in, well},
};
use crate::{
    client::Screening,
    demo::{
        stage::{Stage, at, patiently, request_id},
        walk::Tree,
    },
};

/// What kinds of artificial persons cases and contacts are.
const CASES: u32 = 2;
const CONTACTS: u32 = 3;

/// How many contacts a call carries.
const BATCH: usize = 200;
/// Minutes before and after midnight of 3 February.
const CONFIRMED_BEFORE: i64 = -1_440;
const CONFIRMED_NOW: i64 = 750;
/// When who met a case last: 26 January, or, over 14 days ago, 18 January.
const MET: i64 = -8 * 1_440 + 720;
const MET_LONG_AGO: i64 = -16 * 1_440 + 720;
/// How many days before 3 February the earlier discharge was: 31 January, 23:00.
const DISCHARGED_BEFORE: i64 = -3 * 1_440 + 1_380;

/// Confirms the cases, traces the contacts, releases those whose time is over, and reports; answers how many
/// incidents there are.
///
/// # Errors
/// A refusal.
pub async fn play(stage: &Stage, tree: &Tree) -> anyhow::Result<usize> {
    let cases = plan::cases(tree)?;
    let mut health = HashMap::new();
    for county in cases.iter().map(|case| &case.county) {
        if !health.contains_key(county) {
            health.insert(county.clone(), stage.screening_as(&format!("{county}-health"))?);
        }
    }
    let of = |county: &String| health.get(county).context("a county without a health officer");
    let mut persons = HashMap::new();
    for case in &cases {
        let unit = &tree.grids[case.grid].unit;
        let person = taken_in(of(&case.county)?, (CASES, case.nth), unit, pb::Purpose::Febrile).await?;
        persons.insert(case.nth, person);
    }
    for case in cases.iter().filter(|case| !case.is_contact) {
        confirmed(of(&case.county)?, case, &persons[&case.nth]).await?;
    }
    let contacts = plan::contacts(tree)?;
    for (county, screening) in &health {
        let index = cases.iter().find(|case| case.county == *county && !case.is_contact);
        let index = &persons[&index.context("a county without an index")?.nth];
        let own = |case: &&Case| case.county == *county && case.is_contact;
        let known = cases
            .iter()
            .filter(own)
            .map(|case| item(index, Who::Person(persons[&case.nth].clone()), case.nth));
        exposed(screening, &tree.city.unit, known.collect()).await?;
        let mut by_grid: HashMap<usize, Vec<&Contact>> = HashMap::new();
        for contact in contacts.iter().filter(|contact| contact.county == *county) {
            by_grid.entry(contact.grid).or_default().push(contact);
        }
        let batches: Vec<(usize, Vec<&Contact>)> = by_grid.into_iter().collect();
        let opened = each("contacts", batches, |(grid, contacts)| async move {
            let items = contacts.iter().map(|contact| met(index, contact)).collect();
            let opened = exposed(screening, &tree.grids[grid].unit, items).await?;
            Ok(opened.into_iter().zip(contacts).collect::<Vec<_>>())
        });
        for (observation, contact) in opened.await?.into_iter().flatten() {
            if contact.is_over {
                released(screening, &observation, contact.nth).await?;
            }
        }
    }
    for case in cases.iter().filter(|case| case.is_contact) {
        confirmed(of(&case.county)?, case, &persons[&case.nth]).await?;
    }
    let mut incidents = 0;
    for screening in health.values() {
        incidents += reported(screening).await?;
    }
    Ok(incidents)
}

/// A contact who is a case, too.
fn item(index: &str, who: Who, nth: usize) -> pb::ExposureItem {
    pb::ExposureItem {
        event_id: request_id(&format!("exposure of case {nth}")),
        index: index.to_owned(),
        contact: Some(who),
        kind: pb::ContactKind::SharedMeal.into(),
        first_time: Some(chassis::parse::timestamp(at(MET))),
        ..pb::ExposureItem::default()
    }
}

/// A contact who is taken in.
fn met(index: &str, contact: &Contact) -> pb::ExposureItem {
    let when = if contact.is_over { MET_LONG_AGO } else { MET };
    pb::ExposureItem {
        event_id: request_id(&format!("exposure {}", contact.nth)),
        first_time: Some(chassis::parse::timestamp(at(when))),
        ..item(index, Who::Details(people::person(CONTACTS, contact.nth)), contact.nth)
    }
}

/// Sends contacts that a unit takes in; answers their observations, found again where they were sent before.
///
/// # Errors
/// A refusal.
pub async fn exposed(
    screening: &Screening,
    unit: &str,
    items: Vec<pb::ExposureItem>,
) -> anyhow::Result<Vec<String>> {
    let mut observations = Vec::with_capacity(items.len());
    let is_said = items.iter().any(|item| matches!(item.contact, Some(Who::Details(_))));
    for items in items.chunks(BATCH) {
        let unit = if is_said { unit.to_owned() } else { String::new() };
        let request = pb::IngestExposuresRequest { unit, items: items.to_vec() };
        let ingest = || async { screening.exposures().ingest_exposures(request.clone()).await };
        let answer = patiently(ingest).await.map_err(refused("contacts"))?;
        for result in answer.results {
            observations.push(match result.result {
                Some(Came::Accepted(accepted)) => accepted.observation,
                Some(Came::Duplicate(name)) => observed_before(screening, name).await?,
                Some(Came::Refused(refused)) => anyhow::bail!("a contact was refused: {}", refused.message),
                None => anyhow::bail!("a contact was not answered"),
            });
        }
    }
    Ok(observations)
}

/// The observation of a contact whom an earlier run has sent.
async fn observed_before(screening: &Screening, name: String) -> anyhow::Result<String> {
    let found = screening.exposures().get_exposure(pb::GetExposureRequest { name }).await;
    let contact = found.map_err(refused("a contact"))?.into_inner().exposure.unwrap_or_default().contact;
    let request = pb::ListObservationsRequest { person: contact, ..Default::default() };
    let found = screening.observations().list_observations(request).await;
    let found = found.map_err(refused("a contact's observation"))?.into_inner().observations;
    Ok(found.into_iter().next().unwrap_or_default().name)
}

/// One reading, and release: who is found after the 14 days is checked once (R12).
async fn released(screening: &Screening, observation: &str, nth: usize) -> anyhow::Result<()> {
    let readings = vec![reading(observation, 780, well(nth))];
    let ingest = || async {
        screening.readings().ingest_readings(pb::IngestReadingsRequest { readings: readings.clone() }).await
    };
    patiently(ingest).await.map_err(refused("a reading"))?;
    let request = pb::ReleaseObservationRequest {
        request_id: request_id(&format!("release {observation}")),
        name: observation.to_owned(),
        ..Default::default()
    };
    let release = || async { screening.observations().release_observation(request.clone()).await };
    patiently(release).await.map_err(refused("a release"))?;
    Ok(())
}

/// Opens a case with the links and signs of a suspected one by control plan 3; answers cases/{uuid}.
///
/// # Errors
/// A refusal.
pub async fn opened(screening: &Screening, person: &str, onset: &str) -> anyhow::Result<String> {
    let case = pb::Case {
        person: person.to_owned(),
        links: vec![pb::EpidemiologicalLink::Stay.into()],
        signs: vec![pb::ClinicalSign::FeverOrRespiratory.into(), pb::ClinicalSign::Imaging.into()],
        onset_date: onset.to_owned(),
        ..pb::Case::default()
    };
    let request = pb::OpenCaseRequest { request_id: request_id(&format!("case {person}")), case: Some(case) };
    let open = || async { screening.cases().open_case(request.clone()).await };
    let opened = patiently(open).await.map_err(refused("a case"))?.case;
    Ok(opened.context("no case")?.name)
}

/// Records a result of RT-PCR, taken at a minute of the day; answers results/{uuid}.
///
/// # Errors
/// A refusal.
pub async fn tested(
    screening: &Screening,
    person: &str,
    outcome: pb::TestOutcome,
    minute: i64,
) -> anyhow::Result<String> {
    let result = pb::Result {
        person: person.to_owned(),
        kind: pb::TestKind::Pcr.into(),
        outcome: outcome.into(),
        taken_time: Some(chassis::parse::timestamp(at(minute))),
        laboratory: "娄底市疾控中心".to_owned(),
        ..pb::Result::default()
    };
    let request = pb::RecordResultRequest {
        request_id: request_id(&format!("result {person} {minute}")),
        result: Some(result),
    };
    let record = || async { screening.results().record_result(request.clone()).await };
    let recorded = patiently(record).await.map_err(refused("a result"))?.result;
    Ok(recorded.context("no result")?.name)
}

/// Decides what a case is, as of a minute of the day; answers what it is then.
///
/// # Errors
/// A refusal.
pub async fn classified(
    screening: &Screening,
    case: &str,
    (state, result, minute): (pb::CaseState, &str, Option<i64>),
) -> anyhow::Result<pb::CaseState> {
    let request = pb::ClassifyCaseRequest {
        request_id: request_id(&format!("classify {case} {}", state.as_str_name())),
        name: case.to_owned(),
        state: state.into(),
        result: result.to_owned(),
        time: minute.map(|minute| chassis::parse::timestamp(at(minute))),
        discharge: minute.filter(|_| state == pb::CaseState::Discharged).map(better),
        ..pb::ClassifyCaseRequest::default()
    };
    let classify = || async { screening.cases().classify_case(request.clone()).await };
    let decided = patiently(classify).await.map_err(refused("a decision"))?.case;
    Ok(decided.context("no case")?.state())
}

/// What the ward states of who is discharged at a minute (R15): the temperature normal for four days, the rest better the
/// day before.
fn better(minute: i64) -> pb::DischargeStatements {
    let said = |before: i64| Some(chassis::parse::timestamp(at(minute - before)));
    pb::DischargeStatements {
        temperature_normal_since_time: said(4 * 1_440),
        respiratory_better_time: said(1_440),
        imaging_better_time: said(1_440),
    }
}

/// Confirms a case by a positive result, reports and audits it, and says what else the bulletin knows of it.
async fn confirmed(screening: &Screening, case: &Case, person: &str) -> anyhow::Result<()> {
    let found = if case.is_new { CONFIRMED_NOW } else { CONFIRMED_BEFORE };
    let onset = if case.is_contact { "2020-01-29" } else { "2020-01-16" };
    let name = opened(screening, person, onset).await?;
    let (sampled, found) = match case.discharged {
        Some(false) => (-10 * 1_440, -9 * 1_440),
        Some(true) => (-6 * 1_440, -5 * 1_440),
        None => (found - 600, found),
    };
    let result = tested(screening, person, pb::TestOutcome::Positive, sampled).await?;
    classified(screening, &name, (pb::CaseState::Confirmed, &result, Some(found))).await?;
    let steps = [
        (pb::CaseStep::Reported, 10),
        (pb::CaseStep::Audited, 20),
        (pb::CaseStep::Isolated, 25),
        (pb::CaseStep::Treated, 28),
    ];
    // Who was found today is still to be investigated; that has until tomorrow (R9).
    let investigated = (!case.is_new).then_some((pb::CaseStep::Investigated, 1_200));
    for (step, after) in steps.into_iter().chain(investigated) {
        marked(screening, &name, step, found + after).await?;
    }
    let severity = if case.is_severe { pb::Severity::Severe } else { pb::Severity::Ordinary };
    weighed(screening, &name, severity).await?;
    if let Some(is_today) = case.discharged {
        let when = if is_today { 770 } else { DISCHARGED_BEFORE };
        discharged(screening, (&name, person), when).await?;
    }
    Ok(())
}

/// Records that a step of a case was done at a minute.
///
/// # Errors
/// A refusal.
pub async fn marked(
    screening: &Screening,
    case: &str,
    step: pb::CaseStep,
    minute: i64,
) -> anyhow::Result<()> {
    let request = pb::MarkCaseRequest {
        request_id: request_id(&format!("mark {case} {}", step.as_str_name())),
        name: case.to_owned(),
        step: step.into(),
        time: Some(chassis::parse::timestamp(at(minute))),
    };
    let mark = || async { screening.cases().mark_case(request.clone()).await };
    patiently(mark).await.map_err(refused("a step of a case"))?;
    Ok(())
}

/// Records how severe a case is.
///
/// # Errors
/// A refusal.
pub async fn weighed(screening: &Screening, case: &str, severity: pb::Severity) -> anyhow::Result<()> {
    let request = pb::SetSeverityRequest {
        request_id: request_id(&format!("severity {case}")),
        name: case.to_owned(),
        severity: severity.into(),
        ..pb::SetSeverityRequest::default()
    };
    let set = || async { screening.cases().set_severity(request.clone()).await };
    patiently(set).await.map_err(refused("a severity"))?;
    Ok(())
}

/// Discharges a case at a minute, after two negatives of two days.
///
/// # Errors
/// A refusal.
pub async fn discharged(
    screening: &Screening,
    (case, person): (&str, &str),
    minute: i64,
) -> anyhow::Result<()> {
    for before in [2 * 1_440, 1_440] {
        tested(screening, person, pb::TestOutcome::Negative, minute - before).await?;
    }
    classified(screening, case, (pb::CaseState::Discharged, "", Some(minute))).await?;
    Ok(())
}

/// Reports what is an incident; answers how many there are.
///
/// # Errors
/// A refusal.
pub async fn reported(screening: &Screening) -> anyhow::Result<usize> {
    let request = pb::ListIncidentsRequest { page_size: 1_000, ..Default::default() };
    let found = screening.incidents().list_incidents(request).await.map_err(refused("incidents"))?;
    let found = found.into_inner().incidents;
    for incident in found.iter().filter(|incident| incident.report_time.is_none()) {
        let request = pb::ReportIncidentRequest {
            request_id: request_id(&format!("report {}", incident.name)),
            name: incident.name.clone(),
            ..Default::default()
        };
        let report = || async { screening.incidents().report_incident(request.clone()).await };
        patiently(report).await.map_err(refused("an incident"))?;
    }
    Ok(found.len())
}
