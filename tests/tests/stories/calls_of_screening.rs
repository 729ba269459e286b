//! Every method of screening, called on what a unit has.

use proto::screening as pb;
use rampart::client::Screening;
use tests::request_id;
use tonic::{Code, Status};

use crate::{
    access_to_screening::{Ground, contact, negative, opening, passed, passport, person, post, reading},
    calls_at_home::sweeping,
    calls_of_erasures::erasing,
    calls_of_lists::expected,
};

/// Calls a method by its name, on what a unit has; nothing for a method that is not known here.
pub(crate) async fn call(method: &str, screening: &Screening, ground: &Ground) -> Option<Result<(), Status>> {
    if let Some(answer) = erasing(method, screening, ground).await {
        return Some(answer);
    }
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
        "WaiveFollowUp" => {
            persons.waive_follow_up(pb::WaiveFollowUpRequest { request_id: id, name, reason }).await.map(drop)
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
        "AssignHands" => {
            // The unit is at work: whoever may is told to hand its persons down.
            let request = pb::AssignHandsRequest {
                request_id: id,
                from_unit: ground.unit.clone(),
                to_unit: ground.unit.clone(),
                persons: Vec::new(),
                reason,
            };
            hands.assign_hands(request).await.map(drop)
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
        "WatchObservations" => {
            let request = pb::WatchObservationsRequest::default();
            match observations.watch_observations(request).await {
                Ok(stream) => stream.into_inner().message().await.map(drop),
                Err(status) => Err(status),
            }
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
            let request =
                pb::MoveObservationRequest { request_id: id, name, place, facility, ..Default::default() };
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
                ..Default::default()
            };
            screening.referrals().answer_referral(request).await.map(drop)
        }
        "GetReferral" => {
            let request = pb::GetReferralRequest { name: ground.referral.clone() };
            screening.referrals().get_referral(request).await.map(drop)
        }
        "CreateReferral" => {
            let referral =
                pb::Referral { person: ground.person.clone(), temperature: 38.4, ..Default::default() };
            let request = pb::CreateReferralRequest { request_id: id, referral: Some(referral) };
            screening.referrals().create_referral(request).await.map(drop)
        }
        "WatchReferrals" => {
            let request = pb::WatchReferralsRequest::default();
            match screening.referrals().watch_referrals(request).await {
                Ok(stream) => stream.into_inner().message().await.map(drop),
                Err(status) => Err(status),
            }
        }
        "RecordAdmission" => {
            let admission = Some(admission(&ground.person));
            let request = pb::RecordAdmissionRequest { request_id: id, admission };
            screening.admissions().record_admission(request).await.map(drop)
        }
        "RecordDischarge" => {
            let admission = Some(admission(&ground.person));
            let request = pb::RecordDischargeRequest { request_id: id, admission };
            screening.admissions().record_discharge(request).await.map(drop)
        }
        "ListAdmissions" => {
            let request = pb::ListAdmissionsRequest { ancestor_unit: unit, ..Default::default() };
            screening.admissions().list_admissions(request).await.map(drop)
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

/// An admission, and its end.
fn admission(person: &str) -> pb::Admission {
    let at = Some(prost_types::Timestamp { seconds: 1_580_650_000, nanos: 0 });
    pb::Admission {
        person: person.to_owned(),
        facility: "人民医院".to_owned(),
        admit_time: at,
        discharge_time: at,
        destination: pb::Destination::Home.into(),
        ..Default::default()
    }
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
        "SetObservationTerms" => {
            let request = pb::SetObservationTermsRequest {
                request_id: id,
                area_unit: unit,
                response_level: 1,
                effective_date: "2099-01-01".to_owned(),
                days: 14,
                slots_a_day: 2,
                order: evidence,
                ..Default::default()
            };
            schedules.set_observation_terms(request).await.map(drop)
        }
        "SetResponseLevel" => {
            let request = pb::SetResponseLevelRequest {
                request_id: id,
                area_unit: unit,
                level: 1,
                effective_date: "2099-01-01".to_owned(),
                order: evidence,
            };
            schedules.set_response_level(request).await.map(drop)
        }
        _ => return expected(method, screening, ground).await,
    };
    Some(answer)
}

/// The methods of checkpoints and passages.
pub(crate) async fn at_checkpoints(
    method: &str,
    screening: &Screening,
    ground: &Ground,
) -> Option<Result<(), Status>> {
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
        "UpdateCheckpoint" => {
            let checkpoint = pb::Checkpoint { name, ..post(&unit) };
            let update_mask = Some(prost_types::FieldMask { paths: vec!["display_name".to_owned()] });
            let request =
                pb::UpdateCheckpointRequest { request_id: id, checkpoint: Some(checkpoint), update_mask };
            checkpoints.update_checkpoint(request).await.map(drop)
        }
        "ListFellows" => {
            let (party, reason) = ("G1".to_owned(), "a test".to_owned());
            let request = pb::ListFellowsRequest { checkpoint: name, party, reason, ..Default::default() };
            screening.passages().list_fellows(request).await.map(drop)
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
        _ => return tracing(method, screening, ground).await,
    };
    Some(answer)
}

/// The methods of exposures, cases, results and incidents.
async fn tracing(method: &str, screening: &Screening, ground: &Ground) -> Option<Result<(), Status>> {
    let (mut exposures, mut cases) = (screening.exposures(), screening.cases());
    let (id, unit, reason) = (request_id(), ground.unit.clone(), "a test".to_owned());
    let (exposure, case, person) = (ground.exposure.clone(), ground.case.clone(), ground.person.clone());
    let answer = match method {
        "IngestExposures" => {
            let request = pb::IngestExposuresRequest { unit: unit.clone(), items: vec![contact(&unit)] };
            exposures.ingest_exposures(request).await.map(drop)
        }
        "GetExposure" => exposures.get_exposure(pb::GetExposureRequest { name: exposure }).await.map(drop),
        "ListExposures" => {
            let request = pb::ListExposuresRequest { ancestor_unit: unit, ..Default::default() };
            exposures.list_exposures(request).await.map(drop)
        }
        "LinkExposure" => {
            let request = pb::LinkExposureRequest { request_id: id, name: exposure, index: person };
            exposures.link_exposure(request).await.map(drop)
        }
        "WithdrawExposure" => {
            let request = pb::WithdrawExposureRequest { request_id: id, name: exposure, reason };
            exposures.withdraw_exposure(request).await.map(drop)
        }
        "TraceContacts" => {
            let request = pb::TraceContactsRequest { person, generations: 1 };
            match exposures.trace_contacts(request).await {
                Ok(answer) => answer.into_inner().message().await.map(drop),
                Err(status) => Err(status),
            }
        }
        "KeepContact" => {
            let observation = ground.observation.clone();
            let request = pb::KeepContactRequest { request_id: id, observation, reason };
            exposures.keep_contact(request).await.map(drop)
        }
        "CountContacts" => {
            let request = pb::CountContactsRequest { unit, date: String::new() };
            exposures.count_contacts(request).await.map(drop)
        }
        "OpenCase" => {
            let case = Some(pb::Case { person, ..Default::default() });
            cases.open_case(pb::OpenCaseRequest { request_id: id, case }).await.map(drop)
        }
        "GetCase" => cases.get_case(pb::GetCaseRequest { name: case }).await.map(drop),
        "ListCases" => {
            let request = pb::ListCasesRequest { ancestor_unit: unit, ..Default::default() };
            cases.list_cases(request).await.map(drop)
        }
        "RecordFindings" => {
            let request =
                pb::RecordFindingsRequest { request_id: id, name: case, reason, ..Default::default() };
            cases.record_findings(request).await.map(drop)
        }
        "MarkCase" => {
            let step = pb::CaseStep::Isolated.into();
            let request = pb::MarkCaseRequest { request_id: id, name: case, step, time: None };
            cases.mark_case(request).await.map(drop)
        }
        "ClassifyCase" => {
            let state = pb::CaseState::Suspected.into();
            let request = pb::ClassifyCaseRequest { request_id: id, name: case, state, ..Default::default() };
            cases.classify_case(request).await.map(drop)
        }
        "SetSeverity" => {
            let severity = pb::Severity::Mild.into();
            let request = pb::SetSeverityRequest { request_id: id, name: case, severity, time: None };
            cases.set_severity(request).await.map(drop)
        }
        "CountCases" => {
            let request = pb::CountCasesRequest { unit, date: String::new() };
            cases.count_cases(request).await.map(drop)
        }
        "RecordResult" => {
            let result = Some(negative(&person));
            let request = pb::RecordResultRequest { request_id: id, result };
            screening.results().record_result(request).await.map(drop)
        }
        "ListResults" => {
            let request = pb::ListResultsRequest { ancestor_unit: unit, ..Default::default() };
            screening.results().list_results(request).await.map(drop)
        }
        "HandleResult" => {
            let (name, handling) = (ground.result.clone(), reason);
            let request = pb::HandleResultRequest { request_id: id, name, handling };
            screening.results().handle_result(request).await.map(drop)
        }
        "ListFigures" => {
            let request = pb::ListFiguresRequest { unit, ..Default::default() };
            screening.figures().list_figures(request).await.map(drop)
        }
        "WatchFigures" => match screening.figures().watch_figures(pb::WatchFiguresRequest::default()).await {
            Ok(answer) => answer.into_inner().message().await.map(drop),
            Err(status) => Err(status),
        },
        "ListIncidents" => {
            let request = pb::ListIncidentsRequest { ancestor_unit: unit, ..Default::default() };
            screening.incidents().list_incidents(request).await.map(drop)
        }
        "ReportIncident" => {
            let name = ground.incident.clone();
            let request = pb::ReportIncidentRequest { request_id: id, name, ..Default::default() };
            screening.incidents().report_incident(request).await.map(drop)
        }
        _ => return sweeping(method, screening, ground).await,
    };
    Some(answer)
}
