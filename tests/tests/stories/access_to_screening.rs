//! The access matrix of screening: every method × every office × {own unit, descendant, ancestor, neighbour,
//! absent}. Each unit has two persons, a question whose hands hold one of them, whom a unit far away has
//! found, and an observation with a referral.

use std::collections::BTreeSet;

use jurisdiction::Office;
use proto::{registry, screening as pb};
use rampart::client::Screening;
use tests::{Sandbox, request_id, until};
use tonic::{Code, Status};

use crate::access::{deputy, methods};

/// A unit with two persons and a question.
struct Ground {
    relation: &'static str,
    unit: String,
    /// A unit that stands apart from all others.
    far: String,
    person: String,
    other: String,
    question: String,
    observation: String,
    referral: String,
    handdown: String,
    checkpoint: String,
}

/// Methods whose answer does not hang on a place: the list is filtered.
const PLACELESS: [&str; 2] = ["ListHandsQuestions", "ProvePersons"];

/// What is said of somebody who is nobody else.
fn person(unit: &str, passport: &str) -> pb::Person {
    let paper = pb::Paper { r#type: pb::PaperType::Passport.into(), number: passport.to_owned() };
    pb::Person {
        details: Some(pb::PersonDetails {
            display_name: "张样例".to_owned(),
            paper: Some(paper),
            ..Default::default()
        }),
        responsible_unit: unit.to_owned(),
        purpose: pb::Purpose::Contact.into(),
        ..Default::default()
    }
}

/// A passport nobody else has.
fn passport() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..20].to_owned()
}

async fn call(method: &str, screening: &Screening, ground: &Ground) -> Option<Result<(), Status>> {
    let (mut persons, mut hands, id) = (screening.persons(), screening.hands(), request_id());
    let name = ground.person.clone();
    let reason = "a test".to_owned();
    let answer = match method {
        "IntakePerson" => {
            let person = Some(person(&ground.unit, &passport()));
            let request = pb::IntakePersonRequest { request_id: id, person, source: String::new() };
            persons.intake_person(request).await.map(drop)
        }
        "GetPerson" => persons.get_person(pb::GetPersonRequest { name }).await.map(drop),
        "ListPersons" => {
            let ancestor_unit = ground.unit.clone();
            let request = pb::ListPersonsRequest { ancestor_unit, ..Default::default() };
            persons.list_persons(request).await.map(drop)
        }
        "UpdatePerson" => {
            let request = pb::UpdatePersonRequest {
                request_id: id,
                person: Some(pb::Person {
                    name,
                    details: Some(pb::PersonDetails::default()),
                    ..Default::default()
                }),
                update_mask: Some(prost_types::FieldMask { paths: vec!["occupation".to_owned()] }),
            };
            persons.update_person(request).await.map(drop)
        }
        "RevealPerson" => {
            persons.reveal_person(pb::RevealPersonRequest { request_id: id, name, reason }).await.map(drop)
        }
        "MergePersons" => {
            let (kept, merged) = (name, ground.other.clone());
            let request = pb::MergePersonsRequest { request_id: id, kept, merged, reason };
            persons.merge_persons(request).await.map(drop)
        }
        "ListAccesses" => {
            let request = pb::ListAccessesRequest { person: name, ..Default::default() };
            persons.list_accesses(request).await.map(drop)
        }
        "ListHandsQuestions" => {
            hands.list_hands_questions(pb::ListHandsQuestionsRequest::default()).await.map(drop)
        }
        "AgreeHands" => {
            let (name, unit) = (ground.question.clone(), ground.unit.clone());
            hands.agree_hands(pb::AgreeHandsRequest { request_id: id, name, unit }).await.map(drop)
        }
        _ => return observing(method, screening, ground).await,
    };
    Some(answer)
}

/// The methods of observations. Whoever reaches one that has ended, or that is not as the change wants it, is
/// told so: [`Code::FailedPrecondition`].
async fn observing(method: &str, screening: &Screening, ground: &Ground) -> Option<Result<(), Status>> {
    let (mut observations, mut readings) = (screening.observations(), screening.readings());
    let (id, name, unit) = (request_id(), ground.observation.clone(), ground.unit.clone());
    let reason = "a test".to_owned();
    let answer = match method {
        "OpenObservation" => {
            let request =
                pb::OpenObservationRequest { request_id: id, observation: Some(opening(&ground.other)) };
            observations.open_observation(request).await.map(drop)
        }
        "GetObservation" => observations.get_observation(pb::GetObservationRequest { name }).await.map(drop),
        "ListObservations" => {
            let request = pb::ListObservationsRequest { ancestor_unit: unit, ..Default::default() };
            observations.list_observations(request).await.map(drop)
        }
        "ExtendObservation" => {
            let last_exposure_date = "2020-02-01".to_owned();
            let request = pb::ExtendObservationRequest { request_id: id, name, last_exposure_date, reason };
            observations.extend_observation(request).await.map(drop)
        }
        "ShortenObservation" => {
            let (last_date, order) = ("2020-02-10".to_owned(), "an order".to_owned());
            let request = pb::ShortenObservationRequest { request_id: id, name, last_date, order, reason };
            observations.shorten_observation(request).await.map(drop)
        }
        "MoveObservation" => {
            let (place, facility) = (pb::Place::Home.into(), String::new());
            let request = pb::MoveObservationRequest { request_id: id, name, place, facility };
            observations.move_observation(request).await.map(drop)
        }
        "LoseObservation" => {
            let request = pb::LoseObservationRequest { request_id: id, name, reason };
            observations.lose_observation(request).await.map(drop)
        }
        "FindObservation" => {
            let request = pb::FindObservationRequest { request_id: id, name, reason };
            observations.find_observation(request).await.map(drop)
        }
        "ReleaseObservation" => {
            let request = pb::ReleaseObservationRequest { request_id: id, name, ..Default::default() };
            observations.release_observation(request).await.map(drop)
        }
        "EndObservation" => {
            let ending = pb::Ending::Voided.into();
            let request = pb::EndObservationRequest { request_id: id, name, ending, reason };
            observations.end_observation(request).await.map(drop)
        }
        "IngestReadings" => {
            let request = pb::IngestReadingsRequest { readings: vec![reading(&name)] };
            readings.ingest_readings(request).await.and_then(|answer| {
                match answer.into_inner().results.remove(0).result {
                    Some(pb::reading_result::Result::Refused(refused)) => {
                        Err(Status::new(Code::from(refused.code), refused.message))
                    }
                    _ => Ok(()),
                }
            })
        }
        "ListReadings" => {
            let request = pb::ListReadingsRequest { observation: name, ..Default::default() };
            readings.list_readings(request).await.map(drop)
        }
        "ListSlots" => {
            let request = pb::ListSlotsRequest { observation: name, ..Default::default() };
            readings.list_slots(request).await.map(drop)
        }
        "ListWork" => {
            let request = pb::ListWorkRequest { ancestor_unit: unit, ..Default::default() };
            readings.list_work(request).await.map(drop)
        }
        "ListReferrals" => {
            let request = pb::ListReferralsRequest { ancestor_unit: unit, ..Default::default() };
            screening.referrals().list_referrals(request).await.map(drop)
        }
        "AnswerReferral" => {
            let request = pb::AnswerReferralRequest {
                request_id: id,
                name: ground.referral.clone(),
                answer: pb::ReferralAnswer::Cleared.into(),
                facility: "人民医院".to_owned(),
            };
            screening.referrals().answer_referral(request).await.map(drop)
        }
        "ListEscalations" => {
            let request = pb::ListEscalationsRequest { holder_unit: unit, ..Default::default() };
            screening.escalations().list_escalations(request).await.map(drop)
        }
        "CreateHanddown" => {
            let request = pb::CreateHanddownRequest {
                request_id: id,
                person: ground.person.clone(),
                to_unit: ground.far.clone(),
                ..Default::default()
            };
            screening.handdowns().create_handdown(request).await.map(drop)
        }
        "ProvePersons" => {
            screening.proofs().prove_persons(pb::ProvePersonsRequest::default()).await.map(drop)
        }
        _ => return handing_down(method, screening, ground).await,
    };
    Some(answer)
}

/// The methods of hand-downs.
async fn handing_down(method: &str, screening: &Screening, ground: &Ground) -> Option<Result<(), Status>> {
    let (mut handdowns, mut schedules) = (screening.handdowns(), screening.schedules());
    let (id, name, unit) = (request_id(), ground.handdown.clone(), ground.unit.clone());
    let evidence = "a test".to_owned();
    let answer = match method {
        "IngestHanddowns" => {
            let details = person(&unit, &passport()).details;
            let item = pb::HanddownItem { event_id: id, details, ..Default::default() };
            let request = pb::IngestHanddownsRequest { from_unit: unit, source: None, items: vec![item] };
            handdowns.ingest_handdowns(request).await.map(drop)
        }
        "GetHanddown" => handdowns.get_handdown(pb::GetHanddownRequest { name }).await.map(drop),
        "ListHanddowns" => {
            let request = pb::ListHanddownsRequest { ancestor_unit: unit, ..Default::default() };
            handdowns.list_handdowns(request).await.map(drop)
        }
        "SendHanddowns" => {
            let request = pb::SendHanddownsRequest { request_id: id, from_unit: unit };
            handdowns.send_handdowns(request).await.map(drop)
        }
        "AcknowledgeHanddowns" => {
            let request = pb::AcknowledgeHanddownsRequest { request_id: id, names: vec![name] };
            handdowns.acknowledge_handdowns(request).await.map(drop)
        }
        "RedirectHanddown" => {
            let to_unit = ground.far.clone();
            let request = pb::RedirectHanddownRequest { request_id: id, name, to_unit, reason: evidence };
            handdowns.redirect_handdown(request).await.map(drop)
        }
        "VerifyHanddown" => {
            let outcome = pb::HanddownOutcome::NotFound.into();
            let request =
                pb::VerifyHanddownRequest { request_id: id, name, outcome, evidence, ..Default::default() };
            handdowns.verify_handdown(request).await.map(drop)
        }
        "GetSchedule" => {
            let request = pb::GetScheduleRequest { unit, date: String::new() };
            schedules.get_schedule(request).await.map(drop)
        }
        "SetSchedule" => {
            let clocks = pb::Clocks {
                sender_level: 3,
                send_by: "17:00".to_owned(),
                acknowledge_minutes: 60,
                urgent_minutes: 15,
                verify_minutes: 60,
                step_minutes: 30,
            };
            let request = pb::SetScheduleRequest {
                request_id: id,
                area_unit: unit,
                response_level: 1,
                effective_date: "2099-01-01".to_owned(),
                clocks: vec![clocks],
            };
            schedules.set_schedule(request).await.map(drop)
        }
        _ => return at_checkpoints(method, screening, ground).await,
    };
    Some(answer)
}

/// The methods of checkpoints and passages.
async fn at_checkpoints(method: &str, screening: &Screening, ground: &Ground) -> Option<Result<(), Status>> {
    let mut checkpoints = screening.checkpoints();
    let (id, name, unit) = (request_id(), ground.checkpoint.clone(), ground.unit.clone());
    let answer = match method {
        "CreateCheckpoint" => {
            let request = pb::CreateCheckpointRequest { request_id: id, checkpoint: Some(post(&unit)) };
            checkpoints.create_checkpoint(request).await.map(drop)
        }
        "GetCheckpoint" => checkpoints.get_checkpoint(pb::GetCheckpointRequest { name }).await.map(drop),
        "ListCheckpoints" => {
            let request = pb::ListCheckpointsRequest { ancestor_unit: unit, ..Default::default() };
            checkpoints.list_checkpoints(request).await.map(drop)
        }
        "CloseCheckpoint" => {
            let end_date = "2099-01-01".to_owned();
            let request = pb::CloseCheckpointRequest { request_id: id, name, end_date };
            checkpoints.close_checkpoint(request).await.map(drop)
        }
        "GetShifts" => {
            let request = pb::GetShiftsRequest { checkpoint: name, date: String::new() };
            checkpoints.get_shifts(request).await.map(drop)
        }
        "SayNilShift" => {
            // The night before the sandbox's day.
            let time = Some(prost_types::Timestamp { seconds: 1_580_655_600, nanos: 0 });
            let request = pb::SayNilShiftRequest { request_id: id, checkpoint: name, time };
            checkpoints.say_nil_shift(request).await.map(drop)
        }
        "IngestPassages" => {
            let passage = pb::Passage {
                event_id: id,
                checkpoint: name,
                pass_time: Some(prost_types::Timestamp { seconds: 1_580_659_200, nanos: 0 }),
                details: person(&unit, &passport()).details,
                ..Default::default()
            };
            let batch = pb::IngestPassagesRequest { sequence: 1, passages: vec![passage] };
            passed(screening, batch).await
        }
        _ => return None,
    };
    Some(answer)
}

/// A post of a unit, set up before the sandbox's day.
fn post(unit: &str) -> pb::Checkpoint {
    pb::Checkpoint {
        display_name: "收费站".to_owned(),
        kind: pb::CheckpointKind::Toll.into(),
        responsible_unit: unit.to_owned(),
        start_date: "2020-01-31".to_owned(),
        ..Default::default()
    }
}

/// What becomes of the one passage of a batch.
async fn passed(screening: &Screening, batch: pb::IngestPassagesRequest) -> Result<(), Status> {
    let stream = futures::stream::iter([batch]);
    let mut answer = screening.passages().ingest_passages(stream).await?.into_inner();
    let answer = answer.message().await?.expect("an acknowledgement");
    match answer.results.into_iter().next().and_then(|result| result.result) {
        Some(pb::passage_result::Result::Refused(refused)) => {
            Err(Status::new(Code::from(refused.code), refused.message))
        }
        _ => Ok(()),
    }
}

/// A hand-down to a unit, sent from one far away.
async fn handed_down(maker: &Screening, far: &str, unit: &str) -> String {
    let details = person(far, &passport()).details;
    let to_unit = unit.to_owned();
    let item =
        pb::HanddownItem { event_id: request_id(), details, to_unit, urgent: true, ..Default::default() };
    let request = pb::IngestHanddownsRequest { from_unit: far.to_owned(), source: None, items: vec![item] };
    let answer = maker.handdowns().ingest_handdowns(request).await.expect("taken in").into_inner();
    let result = answer.results.into_iter().next().and_then(|result| result.result);
    let Some(pb::handdown_result::Result::Accepted(accepted)) = result else { panic!("{result:?}") };
    accepted.handdown.expect("a hand-down").name
}

fn opening(person: &str) -> pb::Observation {
    pb::Observation {
        person: person.to_owned(),
        basis: pb::Basis::Returnee.into(),
        last_exposure_date: "2020-02-01".to_owned(),
        ..Default::default()
    }
}

/// A fever at the beginning of the sandbox's day.
fn reading(observation: &str) -> pb::Reading {
    pb::Reading {
        event_id: request_id(),
        observation: observation.to_owned(),
        taken_time: Some(prost_types::Timestamp { seconds: 1_580_659_200, nanos: 0 }),
        kind: pb::ReadingKind::Taken.into(),
        temperature: 38.5,
        ..Default::default()
    }
}

/// An observation of a person, and its referral.
async fn observed(maker: &Screening, person: &str) -> (String, String) {
    let observation = Some(opening(person));
    let request = pb::OpenObservationRequest { request_id: request_id(), observation };
    let opened = maker.observations().open_observation(request).await.expect("opened").into_inner();
    let name = opened.observation.expect("an observation").name;
    let request = pb::IngestReadingsRequest { readings: vec![reading(&name)] };
    let answer = maker.readings().ingest_readings(request).await.expect("an answer").into_inner();
    let result = answer.results.into_iter().next().and_then(|result| result.result);
    let Some(pb::reading_result::Result::Accepted(accepted)) = result else { panic!("{result:?}") };
    (name, accepted.referral)
}

async fn ground(maker: &Screening, relation: &'static str, unit: &str, far: &str) -> Ground {
    let intake = async |unit: &str, passport: &str| {
        let person = Some(person(unit, passport));
        let request = pb::IntakePersonRequest { request_id: request_id(), person, source: String::new() };
        let taken = maker.persons().intake_person(request).await.expect("taken in").into_inner();
        taken.person.expect("a person").name
    };
    let shared = passport();
    let person = intake(unit, &shared).await;
    intake(far, &shared).await;
    let other = intake(unit, &passport()).await;
    let request = pb::ListHandsQuestionsRequest::default();
    let questions = maker.hands().list_hands_questions(request).await.expect("a list").into_inner().questions;
    let question = questions.into_iter().find(|question| question.holding_unit == unit).expect("a question");
    let (observation, referral) = observed(maker, &other).await;
    Ground {
        relation,
        unit: unit.to_owned(),
        far: far.to_owned(),
        person,
        other,
        question: question.name,
        observation,
        referral,
        handdown: handed_down(maker, far, unit).await,
        checkpoint: {
            let request =
                pb::CreateCheckpointRequest { request_id: request_id(), checkpoint: Some(post(unit)) };
            let made = maker.checkpoints().create_checkpoint(request).await.expect("set up").into_inner();
            made.checkpoint.expect("a checkpoint").name
        },
    }
}

#[tokio::test]
async fn every_office_reaches_its_own_subtree_s_persons_and_no_other_s() {
    let sandbox = Sandbox::start().await;
    let ancestor = sandbox.unit(&sandbox.root, registry::Level::County, "上级县").await.name;
    let own = sandbox.unit(&ancestor, registry::Level::Township, "本镇").await.name;
    let descendant = sandbox.unit(&own, registry::Level::Village, "下村").await.name;
    let neighbour = sandbox.unit(&ancestor, registry::Level::Township, "邻镇").await.name;
    let far = sandbox.unit(&sandbox.root, registry::Level::County, "远县").await.name;
    sandbox.appointed(&sandbox.root, registry::Office::DutyOfficer, "maker").await;
    for office in Office::ALL {
        deputy(&sandbox, &own, office.contract(), &format!("holder.{}", office.word())).await;
    }
    // The tree and the appointments come by feeds of their own.
    let known = async |subject: &str, unit: &str| {
        let request = pb::ListPersonsRequest { ancestor_unit: unit.to_owned(), ..Default::default() };
        until(async || sandbox.screening_as(subject).persons().list_persons(request.clone()).await.ok())
            .await;
    };
    known("maker", &far).await;
    known("holder.integrator", &own).await;
    let maker = sandbox.screening_as("maker");
    let absent = |collection: &str| format!("{collection}/{}", uuid::Uuid::now_v7());
    let mut grounds = Vec::new();
    let units =
        [("own", &own), ("descendant", &descendant), ("ancestor", &ancestor), ("neighbour", &neighbour)];
    for (relation, unit) in units {
        grounds.push(ground(&maker, relation, unit, &far).await);
    }
    grounds.push(Ground {
        relation: "absent",
        unit: absent("units"),
        far: far.clone(),
        person: absent("persons"),
        other: absent("persons"),
        question: absent("handsQuestions"),
        observation: absent("observations"),
        referral: absent("referrals"),
        handdown: absent("handdowns"),
        checkpoint: absent("checkpoints"),
    });

    let mut wrong = Vec::new();
    for office in Office::ALL {
        let screening = sandbox.screening_as(&format!("holder.{}", office.word()));
        let may: BTreeSet<_> = office.permissions().collect();
        for (method, permission) in methods("rampart.screening.") {
            for ground in &grounds {
                let answer = call(&method, &screening, ground).await;
                let answer = answer.unwrap_or_else(|| panic!("{method} is not in the access matrix"));
                let reaches = matches!(ground.relation, "own" | "descendant");
                let anywhere = PLACELESS.contains(&method.as_str());
                let code = answer.map_or_else(|status| status.code(), |()| Code::Ok);
                // Reached, and told how it stands.
                let code = if code == Code::FailedPrecondition { Code::Ok } else { code };
                let expected = match (may.contains(permission.as_str()), reaches || anywhere) {
                    (false, _) => Code::PermissionDenied,
                    (true, false) => Code::NotFound,
                    (true, true) => Code::Ok,
                };
                if code != expected {
                    wrong.push(format!("{method} by {} at {}: {code:?}", office.word(), ground.relation));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
