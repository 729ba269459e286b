//! Cases: classified by the edition in force, with a result, counted where they resided, and reported by the clock.

use proto::screening::{self as pb, exposure_item::Contact};
use tests::{reason, request_id, until};
use tonic::{Code, Status};

use crate::{
    exposures::{contact, somebody},
    ground::{Ground, NUMBER, OTHER_NUMBER, details, without_papers},
    watch::on,
};

/// The links and signs of a suspected case by control plan 3.
const SUSPECTED: (&[pb::EpidemiologicalLink], &[pb::ClinicalSign]) =
    (&[pb::EpidemiologicalLink::Stay], &[pb::ClinicalSign::FeverOrRespiratory, pb::ClinicalSign::Imaging]);

impl Ground {
    /// The ground with a health officer `doctor-n` in county n.
    pub(crate) async fn with_doctors() -> Self {
        Self::build().await.and_doctors().await
    }

    /// With a health officer `doctor-n` in county n.
    pub(crate) async fn and_doctors(self) -> Self {
        let ground = self;
        for (nth, county) in ground.counties.iter().enumerate() {
            let doctor = format!("doctor-{nth}");
            ground.sandbox.appointed(county, proto::registry::Office::HealthOfficer, &doctor).await;
            ground.known(&doctor).await;
        }
        ground
    }

    /// Opens a case as the doctor of a county.
    pub(crate) async fn case(&self, county: usize, person: &str) -> pb::Case {
        let (links, signs) = SUSPECTED;
        let case = pb::Case {
            person: person.to_owned(),
            links: links.iter().map(|link| i32::from(*link)).collect(),
            signs: signs.iter().map(|sign| i32::from(*sign)).collect(),
            onset_date: "2020-02-01".to_owned(),
            ..Default::default()
        };
        let request = pb::OpenCaseRequest { request_id: request_id(), case: Some(case) };
        let doctor = self.screening(&format!("doctor-{county}"));
        doctor.cases().open_case(request).await.expect("opened").into_inner().case.expect("a case")
    }

    /// Records a result of RT-PCR as a doctor, taken at an instant.
    pub(crate) async fn tested(
        &self,
        county: usize,
        person: &str,
        outcome: pb::TestOutcome,
        at: chrono::DateTime<chrono::Utc>,
    ) -> pb::Result {
        let result = pb::Result {
            person: person.to_owned(),
            kind: pb::TestKind::Pcr.into(),
            outcome: outcome.into(),
            taken_time: Some(chassis::parse::timestamp(at)),
            laboratory: "市疾控中心".to_owned(),
            ..Default::default()
        };
        let request = pb::RecordResultRequest { request_id: request_id(), result: Some(result) };
        let doctor = self.screening(&format!("doctor-{county}"));
        doctor.results().record_result(request).await.expect("recorded").into_inner().result.expect("one")
    }

    /// Decides as a doctor what a case is.
    pub(crate) async fn classify(
        &self,
        county: usize,
        case: &str,
        (state, result, words): (pb::CaseState, &str, &str),
    ) -> Result<pb::ClassifyCaseResponse, Status> {
        let request = pb::ClassifyCaseRequest {
            state: state.into(),
            result: result.to_owned(),
            r#override: !words.is_empty(),
            reason: words.to_owned(),
            ..Default::default()
        };
        self.decide(county, case, request).await
    }

    /// Decides as a doctor what a case is, with all that is said besides.
    pub(crate) async fn decide(
        &self,
        county: usize,
        case: &str,
        request: pb::ClassifyCaseRequest,
    ) -> Result<pb::ClassifyCaseResponse, Status> {
        let request = pb::ClassifyCaseRequest { request_id: request_id(), name: case.to_owned(), ..request };
        let doctor = self.screening(&format!("doctor-{county}"));
        Ok(doctor.cases().classify_case(request).await?.into_inner())
    }

    /// Confirms somebody whom a grid has found, with a positive result.
    pub(crate) async fn confirmed(&self, county: usize, person: &str) -> pb::ClassifyCaseResponse {
        let case = self.case(county, person).await.name;
        let result = self.tested(county, person, pb::TestOutcome::Positive, on(2, "12:00")).await.name;
        let confirmed = (pb::CaseState::Confirmed, result.as_str(), "");
        self.classify(county, &case, confirmed).await.expect("confirmed")
    }

    pub(crate) async fn figures(&self, day: u32) -> pb::CountCasesResponse {
        let request =
            pb::CountCasesRequest { unit: self.sandbox.root.clone(), date: format!("2020-02-{day:02}") };
        self.screening("duty").cases().count_cases(request).await.expect("figures").into_inner()
    }

    pub(crate) async fn shown_case(&self, name: &str) -> pb::GetCaseResponse {
        let request = pb::GetCaseRequest { name: name.to_owned() };
        self.screening("duty").cases().get_case(request).await.expect("a case").into_inner()
    }
}

pub(crate) fn refused(answer: Result<pb::ClassifyCaseResponse, Status>) -> (Code, String) {
    let status = answer.expect_err("refused");
    (status.code(), reason(&status))
}

#[tokio::test]
async fn r1_r2_r3_no_confirmation_goes_without_a_result_and_no_other_province_s_class_goes_at_all() {
    let ground = Ground::with_doctors().await;
    let observed = ground.observed(0, NUMBER, "2020-02-01").await;
    let case = ground.case(0, &observed.person).await;
    assert_eq!(case.state(), pb::CaseState::Observed);
    let confirmed = pb::CaseState::Confirmed;
    let unmet = (Code::FailedPrecondition, "CASE_CONDITIONS_UNMET".to_owned());
    assert_eq!(refused(ground.classify(0, &case.name, (confirmed, "", "")).await), unmet);
    assert_eq!(refused(ground.classify(0, &case.name, (confirmed, "", "all are sure")).await), unmet);
    let other = ground.found(0, details(OTHER_NUMBER)).await.name;
    let others = ground.tested(0, &other, pb::TestOutcome::Positive, on(2, "12:00")).await.name;
    let by_others = (confirmed, others.as_str(), "all are sure");
    assert_eq!(refused(ground.classify(0, &case.name, by_others).await), unmet, "somebody else's result");
    let hubei = pb::CaseState::ClinicallyDiagnosed;
    let elsewhere = (Code::FailedPrecondition, "CASE_CLASS_ELSEWHERE".to_owned());
    assert_eq!(refused(ground.classify(0, &case.name, (hubei, "", "")).await), elsewhere);
    let suspected = ground.classify(0, &case.name, (pb::CaseState::Suspected, "", "")).await;
    assert_eq!(suspected.expect("suspected").case.expect("one").state(), pb::CaseState::Suspected);
    let ended = ground.observation("duty", &observed.name).await.expect("an observation");
    assert_eq!(ended.ending(), pb::Ending::Converted, "R13");
    let result = ground.tested(0, &observed.person, pb::TestOutcome::Positive, on(2, "12:00")).await.name;
    assert_eq!(ground.shown_case(&case.name).await.definition(), confirmed);
    let done = ground.classify(0, &case.name, (confirmed, &result, "")).await.expect("confirmed");
    let case = done.case.expect("a case");
    assert_eq!(
        (case.result, case.sampling_date.as_str(), case.control_plan),
        (result, "2020-02-02", 3),
        "V1: by the edition of the day"
    );
    let person = ground.get("duty", &observed.person).await.expect("a person");
    assert_eq!((person.purpose(), person.counted_unit), (pb::Purpose::Case, ground.grids[0].clone()), "R23");
    assert_eq!(person.delete_after, "", "P2");
}

#[tokio::test]
async fn r10_r12_once_a_case_is_confirmed_its_contacts_are_under_observation() {
    let ground = Ground::with_doctors().await;
    // A febrile index: nobody is quarantined for that.
    let mut index = crate::ground::person(&ground.grids[0], details(NUMBER));
    index.purpose = pb::Purpose::Febrile.into();
    let request =
        pb::IntakePersonRequest { request_id: request_id(), person: Some(index), source: String::new() };
    let index = ground.screening("leader-0").persons().intake_person(request).await.expect("taken in");
    let index = index.into_inner().person.expect("a person").name;
    let within = ground.exposed(0, contact(&index, somebody("1980-01-01"), on(2, "12:00"))).await;
    let before =
        contact(&index, somebody("1980-01-02"), "2020-01-20T12:00:00+08:00".parse().expect("an instant"));
    let before = ground.exposed(0, before).await;
    assert_eq!((within.observation.as_str(), before.observation.as_str()), ("", ""));
    let confirmed = ground.confirmed(0, &index).await;
    assert_eq!(confirmed.contacts, 1, "the other lay before the window");
    let case = confirmed.case.expect("a case").name;
    assert_eq!(ground.contacts(3).await.under_observation, 1);
    // An earlier onset brings the other into the window.
    let findings = pb::RecordFindingsRequest {
        request_id: request_id(),
        name: case.clone(),
        onset_date: "2020-01-18".to_owned(),
        reason: "told the investigator".to_owned(),
        ..Default::default()
    };
    ground.screening("doctor-0").cases().record_findings(findings).await.expect("recorded");
    assert_eq!(ground.contacts(3).await.under_observation, 2);
    // A contact who falls ill is a case, and not under observation any more.
    let ill = within.exposure.expect("one").contact;
    ground.confirmed(0, &ill).await;
    let figures = ground.contacts(3).await;
    assert_eq!((figures.traced, figures.under_observation, figures.converted), (2, 1, 1));
    let again = ground.exposed(0, contact(&index, Contact::Person(ill), on(2, "13:00"))).await;
    assert_eq!(again.observation, "", "who is ill is followed as a case");
}

#[tokio::test]
async fn r5_r6_r9_r18_what_is_not_reported_in_time_is_put_before_the_unit_above() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let case = ground.confirmed(0, &person).await.case.expect("a case");
    assert_eq!(case.clocks[0].deadline_time, Some(chassis::parse::timestamp(on(3, "02:00"))));
    let village = ground.village(0).await;
    let overdue = |digest: Vec<pb::Escalation>| {
        digest.into_iter().find(|one| one.kind() == pb::EscalationKind::CaseOverdue)
    };
    ground.advance(on(3, "02:00")).await;
    let said = until(async || overdue(ground.digest(&village).await)).await;
    assert_eq!(said.subject, case.name);
    let mark = async |step: pb::CaseStep, time: &str| {
        let request = pb::MarkCaseRequest {
            request_id: request_id(),
            name: case.name.clone(),
            step: step.into(),
            time: Some(chassis::parse::timestamp(on(3, time))),
        };
        let marked = ground.screening("doctor-0").cases().mark_case(request).await.expect("marked");
        marked.into_inner().case.expect("a case")
    };
    let reported = mark(pb::CaseStep::Reported, "01:30").await;
    assert!(!reported.clocks[0].late, "it had been done in time");
    assert!(overdue(ground.digest(&village).await).is_some(), "nobody has isolated them");
    ground.advance(on(3, "05:00")).await;
    let audited = mark(pb::CaseStep::Audited, "04:00").await;
    assert!(audited.clocks[1].late && !audited.clocks[2].late);
    mark(pb::CaseStep::Isolated, "03:00").await;
    assert!(overdue(ground.digest(&village).await).is_none());
    let delays = mark(pb::CaseStep::Treated, "03:30").await.delays.expect("delays");
    let hours = |delay: Option<prost_types::Duration>| delay.expect("known").seconds;
    assert_eq!(hours(delays.onset_to_found), 48 * 3_600);
    assert_eq!(hours(delays.found_to_reported), 90 * 60);
    assert_eq!(hours(delays.reported_to_isolated), 90 * 60);
    assert_eq!(hours(delays.isolated_to_treated), 30 * 60);
}

#[tokio::test]
async fn r4_symptoms_of_who_was_asymptomatic_are_no_new_case() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let request = pb::OpenCaseRequest {
        request_id: request_id(),
        case: Some(pb::Case { person: person.clone(), ..Default::default() }),
    };
    let case = ground.screening("doctor-0").cases().open_case(request).await.expect("opened").into_inner();
    let case = case.case.expect("a case").name;
    let result = ground.tested(0, &person, pb::TestOutcome::Positive, on(2, "12:00")).await;
    assert!(result.deadline_time.is_some(), "a positive result of no confirmed case is a task");
    let result = result.name;
    let asymptomatic = (pb::CaseState::Asymptomatic, result.as_str(), "");
    ground.classify(0, &case, asymptomatic).await.expect("asymptomatic");
    assert_eq!(ground.figures(3).await.asymptomatic_current, 1);
    let symptoms = pb::RecordFindingsRequest {
        request_id: request_id(),
        name: case.clone(),
        links: vec![pb::EpidemiologicalLink::Stay.into()],
        signs: vec![pb::ClinicalSign::Imaging.into(), pb::ClinicalSign::WhiteCells.into()],
        reason: "the ward".to_owned(),
        ..Default::default()
    };
    ground.screening("doctor-0").cases().record_findings(symptoms).await.expect("recorded");
    ground.classify(0, &case, (pb::CaseState::Confirmed, &result, "")).await.expect("confirmed");
    let figures = ground.figures(3).await;
    assert_eq!((figures.confirmed_new, figures.confirmed_cumulative), (0, 1));
    // Back again: a correction, with a reason, that is kept.
    let back = pb::CaseState::Asymptomatic;
    assert_eq!(refused(ground.classify(0, &case, (back, "", "")).await).0, Code::InvalidArgument);
    ground.classify(0, &case, (back, "", "imaging of another")).await.expect("corrected");
    assert_eq!(ground.figures(3).await.confirmed_cumulative, 0);
    let events = ground.shown_case(&case).await.events;
    let last = events.last().expect("an event");
    assert_eq!((last.kind(), last.words.as_str()), (pb::CaseEventKind::Corrected, "imaging of another"));
    let nowhere = ground.classify(0, &case, (pb::CaseState::Discharged, "", "so it is")).await;
    assert_eq!(refused(nowhere), (Code::FailedPrecondition, "CASE_STATE".to_owned()));
}

#[tokio::test]
async fn r14_who_is_excluded_before_the_window_is_over_goes_on_where_it_was_broken_off() {
    let ground = Ground::with_doctors().await;
    let observed = ground.observed(0, NUMBER, "2020-02-01").await;
    let case = ground.case(0, &observed.person).await.name;
    ground.classify(0, &case, (pb::CaseState::Suspected, "", "")).await.expect("suspected");
    ground.tested(0, &observed.person, pb::TestOutcome::Negative, on(2, "12:00")).await;
    let excluded = pb::CaseState::Excluded;
    assert_eq!(refused(ground.classify(0, &case, (excluded, "", "")).await).1, "CASE_CONDITIONS_UNMET");
    ground.advance(on(3, "09:00")).await;
    ground.tested(0, &observed.person, pb::TestOutcome::Negative, on(3, "08:00")).await;
    ground.classify(0, &case, (excluded, "", "")).await.expect("excluded");
    let request = pb::ListObservationsRequest { person: observed.person.clone(), ..Default::default() };
    let all = ground.screening("duty").observations().list_observations(request).await.expect("a list");
    let all = all.into_inner().observations;
    assert_eq!(all.len(), 2);
    assert_eq!((all[1].ended_time, &all[1].end_time), (None, &observed.end_time), "with the same end");
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
}

#[tokio::test]
async fn r15_r16_after_discharge_14_days_of_observation_begin() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let case = ground.confirmed(0, &person).await.case.expect("a case").name;
    let discharged = pb::CaseState::Discharged;
    assert_eq!(refused(ground.classify(0, &case, (discharged, "", "")).await).1, "CASE_CONDITIONS_UNMET");
    ground
        .classify(0, &case, (discharged, "", "the hospital's own two negatives"))
        .await
        .expect("discharged");
    let request = pb::ListObservationsRequest { person: person.clone(), ..Default::default() };
    let all = ground.screening("duty").observations().list_observations(request).await.expect("a list");
    let observation = all.into_inner().observations.remove(0);
    assert_eq!(
        (observation.basis(), observation.last_exposure_date.as_str()),
        (pb::Basis::Discharged, "2020-02-03")
    );
    let done = pb::CaseState::FollowUpDone;
    assert_eq!(refused(ground.classify(0, &case, (done, "", "")).await).1, "CASE_CONDITIONS_UNMET");
    assert_eq!(ground.figures(3).await.discharged_new, 1);
    ground.classify(0, &case, (pb::CaseState::Readmitted, "", "")).await.expect("readmitted");
    let figures = ground.figures(3).await;
    assert_eq!((figures.confirmed_cumulative, figures.discharged_cumulative), (1, 1), "no new case");
}

#[tokio::test]
async fn r17_severity_has_a_current_and_a_cumulative_figure() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let case = ground.confirmed(0, &person).await.case.expect("a case").name;
    for severity in [pb::Severity::Severe, pb::Severity::Ordinary] {
        let request = pb::SetSeverityRequest {
            request_id: request_id(),
            name: case.clone(),
            severity: severity.into(),
            ..Default::default()
        };
        ground.screening("doctor-0").cases().set_severity(request).await.expect("set");
    }
    let figures = ground.figures(3).await;
    assert_eq!((figures.severe_current, figures.severe_cumulative, figures.confirmed_new), (0, 1, 1));
}

#[tokio::test]
async fn r24_two_who_are_one_have_one_case_the_graver() {
    let ground = Ground::with_doctors().await;
    let first = ground.found(0, without_papers("1980-01-01")).await.name;
    let second = ground.found(0, details(NUMBER)).await.name;
    let suspected = ground.case(0, &first).await.name;
    ground.classify(0, &suspected, (pb::CaseState::Suspected, "", "")).await.expect("suspected");
    let confirmed = ground.confirmed(0, &second).await.case.expect("a case").name;
    assert_eq!(ground.figures(3).await.confirmed_cumulative, 1);
    let merge = pb::MergePersonsRequest {
        request_id: request_id(),
        kept: first,
        merged: second,
        reason: "one hand card twice".to_owned(),
    };
    ground.screening("duty-0").persons().merge_persons(merge).await.expect("merged");
    let figures = ground.figures(3).await;
    assert_eq!((figures.suspected_current, figures.confirmed_cumulative), (0, 1));
    let shown = ground.shown_case(&suspected).await;
    assert_eq!(shown.case.expect("a case").name, confirmed, "both names stay good");
}

#[tokio::test]
async fn a_case_is_no_other_county_s_and_a_merged_one_is_listed_once() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let case = ground.confirmed(0, &person).await.case.expect("a case").name;
    let doctor = ground.screening("doctor-1");
    let get = pb::GetCaseRequest { name: case.clone() };
    assert_eq!(doctor.cases().get_case(get).await.expect_err("hidden").code(), Code::NotFound);
    let list = pb::ListCasesRequest { person: person.clone(), ..Default::default() };
    let listed = doctor.cases().list_cases(list.clone()).await.expect("a list").into_inner().cases;
    assert!(listed.is_empty());
    let listed = ground.screening("doctor-0").cases().list_cases(list).await.expect("a list").into_inner();
    assert_eq!(listed.cases.len(), 1);
    let decided = ground.classify(1, &case, (pb::CaseState::Discharged, "", "mine")).await;
    assert_eq!(refused(decided).0, Code::NotFound);
}

#[tokio::test]
async fn a_second_finder_learns_nothing_of_a_case_until_hands_are_agreed() {
    let ground = Ground::with_doctors().await;
    let ill = ground.found(0, details(NUMBER)).await.name;
    ground.confirmed(0, &ill).await;
    let well = ground.observed(0, OTHER_NUMBER, "2020-02-01").await.person;
    for number in [NUMBER, OTHER_NUMBER] {
        let again = ground.found(2, details(number)).await.name;
        let case = Some(pb::Case { person: again.clone(), ..Default::default() });
        let request = pb::OpenCaseRequest { request_id: request_id(), case };
        let refused = ground.screening("doctor-1").cases().open_case(request).await.expect_err("asked");
        assert_eq!(reason(&refused), "HANDS_NOT_AGREED");
        let exposed = ground.exposed(2, contact("", Contact::Details(details(number)), on(2, "12:00"))).await;
        assert_ne!(exposed.observation, "", "observed as if nobody were ill");
        let seen = ground.get("leader-2", &again).await.expect("its own");
        assert_eq!((seen.purpose(), seen.counted_unit.as_str()), (pb::Purpose::Returnee, ""));
        let result = ground.tested(1, &again, pb::TestOutcome::Negative, on(2, "12:00")).await;
        assert_eq!(result.deadline_time, None);
        let observation = ground.observation("leader-2", &exposed.observation).await.expect("its own");
        assert_eq!(observation.state(), pb::ObservationState::Active);
    }
    // Once hands are agreed, the case is known there, and the observation is over.
    let questions = ground.questions("duty").await;
    for question in questions {
        let (request_id, name, unit) = (request_id(), question.name, question.finding_unit);
        let agree = pb::AgreeHandsRequest { request_id, name, unit };
        ground.screening("duty").hands().agree_hands(agree).await.expect("agreed");
    }
    let list = pb::ListCasesRequest::default();
    let cases =
        ground.screening("doctor-1").cases().list_cases(list).await.expect("a list").into_inner().cases;
    assert_eq!((cases.len(), cases[0].state()), (1, pb::CaseState::Confirmed));
    let open = pb::ListObservationsRequest { person: ill, ..Default::default() };
    let open = ground.screening("duty").observations().list_observations(open).await.expect("a list");
    assert!(open.into_inner().observations.iter().all(|one| one.ended_time.is_some()));
    let open = pb::ListObservationsRequest { person: well, ..Default::default() };
    let open = ground.screening("duty").observations().list_observations(open).await.expect("a list");
    assert_eq!(open.into_inner().observations.iter().filter(|one| one.ended_time.is_none()).count(), 1);
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
}
