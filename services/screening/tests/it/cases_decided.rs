//! What a decision asks for and begins: clocks of each class (R5), what the ward states (R15), the days after it (R16), and
//! what is malformed.

use proto::screening as pb;
use tests::{Sandbox, request_id, until};
use tonic::Code;

use crate::{
    cases::refused,
    ground::{Ground, NUMBER, OTHER_NUMBER, details, without_papers},
    watch::{on, reading},
};

#[tokio::test]
async fn r5_each_class_is_reported_by_a_clock_of_its_own() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let case = ground.case(0, &person).await.name;
    let mark = async |step: pb::CaseStep, at: chrono::DateTime<chrono::Utc>| {
        let (request_id, name, step) = (request_id(), case.clone(), step.into());
        let time = Some(chassis::parse::timestamp(at));
        let request = pb::MarkCaseRequest { request_id, name, step, time };
        ground.screening("doctor-0").cases().mark_case(request).await
    };
    let unfound = mark(pb::CaseStep::Reported, on(2, "12:00")).await.expect_err("nothing was found");
    assert_eq!(tests::reason(&unfound), "CASE_STATE");
    ground.classify(0, &case, (pb::CaseState::Suspected, "", "")).await.expect("suspected");
    let early = mark(pb::CaseStep::Reported, on(2, "23:59")).await.expect_err("before it was found");
    assert_eq!((early.code(), tests::fields(&early)), (Code::InvalidArgument, vec!["time".to_owned()]));
    assert_eq!(
        mark(pb::CaseStep::Audited, on(3, "00:00")).await.expect_err("no report").code(),
        Code::InvalidArgument
    );
    mark(pb::CaseStep::Isolated, on(2, "12:00")).await.expect("isolated before anybody knew");
    for step in [pb::CaseStep::Reported, pb::CaseStep::Audited, pb::CaseStep::Investigated] {
        mark(step, on(3, "00:00")).await.expect("marked");
    }
    let shown = ground.shown_case(&case).await.case.expect("a case");
    let delays = shown.delays.expect("delays");
    assert_eq!(delays.reported_to_isolated.expect("known").seconds, 0, "R18: never negative");
    ground.advance(on(5, "09:00")).await;
    let result = ground.tested(0, &person, pb::TestOutcome::Positive, on(4, "12:00")).await.name;
    let confirmed =
        ground.classify(0, &case, (pb::CaseState::Confirmed, &result, "")).await.expect("confirmed");
    let clocks = confirmed.case.expect("a case").clocks;
    let of = |clock: &pb::CaseClock| (clock.step(), clock.reported_class());
    assert_eq!(of(&clocks[0]), (pb::CaseStep::Reported, pb::CaseState::Suspected));
    assert_eq!(of(&clocks[2]), (pb::CaseStep::Reported, pb::CaseState::Confirmed));
    assert!(clocks[0].done_time.is_some() && clocks[2].done_time.is_none(), "reported as suspected only");
    assert_eq!(clocks[2].deadline_time, Some(chassis::parse::timestamp(on(5, "11:00"))));
    ground.advance(on(5, "11:00")).await;
    let village = ground.village(0).await;
    let overdue = |digest: Vec<pb::Escalation>| {
        digest.into_iter().find(|one| one.kind() == pb::EscalationKind::CaseOverdue)
    };
    until(async || overdue(ground.digest(&village).await)).await;
    let reported = mark(pb::CaseStep::Reported, on(5, "10:30")).await.expect("marked").into_inner();
    let clocks = reported.case.expect("a case").clocks;
    assert_eq!(
        (clocks[2].late, clocks[0].done_time),
        (false, Some(chassis::parse::timestamp(on(3, "00:00"))))
    );
    assert!(overdue(ground.digest(&village).await).is_none());
}

#[tokio::test]
async fn r5_from_excluded_to_confirmed_nothing_is_overdue_at_once() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let case = ground.case(0, &person).await.name;
    ground.classify(0, &case, (pb::CaseState::Suspected, "", "")).await.expect("suspected");
    ground.classify(0, &case, (pb::CaseState::Excluded, "", "all are sure")).await.expect("excluded");
    ground.advance(on(7, "09:00")).await;
    let result = ground.tested(0, &person, pb::TestOutcome::Positive, on(6, "12:00")).await.name;
    let confirmed =
        ground.classify(0, &case, (pb::CaseState::Confirmed, &result, "")).await.expect("confirmed");
    let clocks = confirmed.case.expect("a case").clocks;
    let own =
        clocks.iter().find(|clock| clock.reported_class() == pb::CaseState::Confirmed).expect("a clock");
    assert_eq!((own.deadline_time, own.late), (Some(chassis::parse::timestamp(on(7, "11:00"))), false));
}

#[tokio::test]
async fn r15_a_discharge_names_every_unmet_condition_and_keeps_what_the_ward_stated() {
    let ground = Ground::with_doctors().await;
    ground.advance(on(12, "09:00")).await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let case = ground.confirmed(0, &person).await.case.expect("a case").name;
    let at = |day: u32| Some(chassis::parse::timestamp(on(day, "08:00")));
    let discharge = |said: pb::DischargeStatements| pb::ClassifyCaseRequest {
        state: pb::CaseState::Discharged.into(),
        discharge: Some(said),
        ..Default::default()
    };
    let nothing =
        ground.decide(0, &case, discharge(pb::DischargeStatements::default())).await.expect_err("unmet");
    for condition in ["TEMPERATURE_NORMAL", "RESPIRATORY_BETTER", "IMAGING_BETTER", "TWO_NEGATIVES"] {
        let details = tonic_types::StatusExt::get_error_details(&nothing);
        let unmet = &details.error_info().expect("why").metadata["unmet"];
        assert!(unmet.contains(condition), "{unmet}");
    }
    ground.tested(0, &person, pb::TestOutcome::Negative, on(10, "08:00")).await;
    ground.tested(0, &person, pb::TestOutcome::Negative, on(11, "08:00")).await;
    let said = pb::DischargeStatements {
        temperature_normal_since_time: at(8),
        respiratory_better_time: at(10),
        imaging_better_time: at(11),
    };
    let future = pb::DischargeStatements { imaging_better_time: at(13), ..said };
    let future = ground.decide(0, &case, discharge(future)).await.expect_err("the future");
    assert_eq!(tests::fields(&future), ["discharge.imaging_better_time"]);
    let elsewhere = pb::ClassifyCaseRequest { state: pb::CaseState::Died.into(), ..discharge(said) };
    let elsewhere = ground.decide(0, &case, elsewhere).await.expect_err("no discharge");
    assert_eq!(tests::fields(&elsewhere), ["discharge"]);
    let unseen = pb::DischargeStatements { imaging_better_time: None, ..said };
    assert_eq!(
        refused(ground.decide(0, &case, discharge(unseen)).await).1,
        "CASE_CONDITIONS_UNMET",
        "plan 5"
    );
    ground.decide(0, &case, discharge(said)).await.expect("discharged, without an override");
    let last = ground.shown_case(&case).await.events.pop().expect("an event");
    assert_eq!((last.discharge, last.treatment_plan), (Some(said), 5));
}

#[tokio::test]
async fn r15_treatment_plan_4_does_not_ask_for_imaging_and_r16_the_days_begin_when_it_was() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let case = ground.case(0, &person).await.name;
    let instant = |text: &str| format!("2020-01-{text}:00+08:00").parse().expect("an instant");
    let stamp = |text: &str| Some(chassis::parse::timestamp(instant(text)));
    let result = ground.tested(0, &person, pb::TestOutcome::Positive, instant("24T12:00")).await.name;
    let confirmed = pb::ClassifyCaseRequest {
        state: pb::CaseState::Confirmed.into(),
        result,
        time: stamp("25T12:00"),
        ..Default::default()
    };
    ground.decide(0, &case, confirmed).await.expect("confirmed");
    ground.tested(0, &person, pb::TestOutcome::Negative, instant("29T12:00")).await;
    ground.tested(0, &person, pb::TestOutcome::Negative, instant("30T12:00")).await;
    let discharged = pb::ClassifyCaseRequest {
        state: pb::CaseState::Discharged.into(),
        time: stamp("31T23:00"),
        discharge: Some(pb::DischargeStatements {
            temperature_normal_since_time: stamp("27T12:00"),
            respiratory_better_time: stamp("30T12:00"),
            imaging_better_time: None,
        }),
        ..Default::default()
    };
    ground.decide(0, &case, discharged).await.expect("discharged");
    let request = pb::ListObservationsRequest { person, ..Default::default() };
    let all = ground.screening("duty").observations().list_observations(request).await.expect("a list");
    let after = all.into_inner().observations.pop().expect("an observation");
    assert_eq!((after.basis(), after.last_exposure_date.as_str()), (pb::Basis::Discharged, "2020-01-31"));
}

#[tokio::test]
async fn r16_the_follow_up_is_over_whatever_a_second_finder_observes() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let case = ground.confirmed(0, &person).await.case.expect("a case").name;
    ground.classify(0, &case, (pb::CaseState::Discharged, "", "the ward")).await.expect("discharged");
    ground.observed(2, NUMBER, "2020-02-01").await;
    let request = pb::ListObservationsRequest { person, ..Default::default() };
    let own = ground.screening("duty").observations().list_observations(request).await.expect("a list");
    let own = own.into_inner().observations.pop().expect("an observation").name;
    let done = (pb::CaseState::FollowUpDone, "", "");
    assert_eq!(refused(ground.classify(0, &case, done).await).1, "CASE_CONDITIONS_UNMET");
    ground.release("doctor-0", &own, "well, and far away").await.expect("released");
    ground.classify(0, &case, done).await.expect("done: nothing is told of other hands");
}

#[tokio::test]
async fn r1_what_was_a_mistake_is_cleared_and_no_step_leads_back_to_what_never_was() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let case = ground.case(0, &person).await.name;
    let findings = async |request: pb::RecordFindingsRequest| {
        let (request_id, name, reason) = (request_id(), case.clone(), "another's card".to_owned());
        let request = pb::RecordFindingsRequest { request_id, name, reason, ..request };
        ground.screening("doctor-0").cases().record_findings(request).await
    };
    let both = pb::RecordFindingsRequest { clear_signs: true, signs: vec![1], ..Default::default() };
    assert_eq!(tests::fields(&findings(both).await.expect_err("both")), ["signs"]);
    let clear = pb::RecordFindingsRequest { clear_signs: true, ..Default::default() };
    let cleared = findings(clear).await.expect("cleared").into_inner().case.expect("a case");
    assert_eq!((cleared.signs.len(), cleared.links.len()), (0, 1));
    let clear = pb::RecordFindingsRequest { clear_links: true, signs: vec![1, 2], ..Default::default() };
    let cleared = findings(clear).await.expect("cleared").into_inner().case.expect("a case");
    assert_eq!((cleared.signs.len(), cleared.links.len()), (2, 0));
    let result = ground.tested(0, &person, pb::TestOutcome::Positive, on(2, "12:00")).await.name;
    let confirmed = (pb::CaseState::Confirmed, result.as_str(), "all are sure");
    ground.classify(0, &case, confirmed).await.expect("confirmed");
    let never = ground.classify(0, &case, (pb::CaseState::Excluded, "", "a mistake")).await;
    assert_eq!(refused(never).1, "CASE_STATE");
    ground.classify(0, &case, (pb::CaseState::Observed, "", "a mistake")).await.expect("corrected");
}

/// Whether somebody with a link and signs is suspected, on the ground's day.
async fn is_suspected(ground: &Ground, birth_date: &str, links: &[i32], signs: &[i32]) -> bool {
    let person = ground.found(0, without_papers(birth_date)).await.name;
    let case = pb::Case { person, links: links.to_vec(), signs: signs.to_vec(), ..Default::default() };
    let request = pb::OpenCaseRequest { request_id: request_id(), case: Some(case) };
    let case = ground.screening("doctor-0").cases().open_case(request).await.expect("opened").into_inner();
    let case = case.case.expect("a case").name;
    ground.classify(0, &case, (pb::CaseState::Suspected, "", "")).await.is_ok()
}

#[tokio::test]
async fn r1_every_edition_decides_from_its_date_on() {
    // The day, the edition, and whether these are suspected: a link with two signs but imaging, with imaging and another,
    // with all; no link with all.
    let editions = [
        ("2020-01-22", 2, [false, false, true, false]),
        ("2020-01-28", 3, [false, true, true, false]),
        ("2020-02-07", 4, [true, true, true, false]),
        ("2020-02-21", 5, [true, true, true, false]),
        ("2020-03-07", 6, [true, true, true, true]),
        ("2020-09-15", 7, [true, true, true, true]),
    ];
    let known: [(&[i32], &[i32]); 4] =
        [(&[1], &[1, 3]), (&[1], &[1, 2]), (&[1], &[1, 2, 3]), (&[], &[1, 2, 3])];
    let sandbox = Sandbox::start_at("2020-01-21T16:00:00Z", &[tests::Part::Screening]).await;
    let ground = Ground::on(sandbox).await.and_doctors().await;
    for (nth, (date, edition, expected)) in editions.into_iter().enumerate() {
        ground.sandbox.clock.advance_to(format!("{date}T00:00:00+08:00").parse().expect("an instant"));
        for (which, (links, signs)) in known.into_iter().enumerate() {
            let born = format!("19{nth}{which}-01-01");
            let is = is_suspected(&ground, &born, links, signs).await;
            assert_eq!(is, expected[which], "edition {edition}: {links:?} {signs:?}");
        }
    }
}

#[tokio::test]
async fn p2_who_is_no_case_is_kept_for_what_they_were_before_and_as_long() {
    let ground = Ground::with_doctors().await;
    let before = ground.found(0, details(NUMBER)).await;
    let case = ground.case(0, &before.name).await.name;
    ground.classify(0, &case, (pb::CaseState::Suspected, "", "")).await.expect("suspected");
    let kept = async || {
        let person = ground.get("duty", &before.name).await.expect("a person");
        (person.purpose(), person.delete_after)
    };
    assert_eq!(kept().await, (pb::Purpose::Case, String::new()));
    ground.classify(0, &case, (pb::CaseState::Excluded, "", "all are sure")).await.expect("excluded");
    assert_eq!(kept().await, (pb::Purpose::Returnee, before.delete_after.clone()));
    assert_ne!(before.delete_after, "");
    let result = ground.tested(0, &before.name, pb::TestOutcome::Positive, on(2, "12:00")).await.name;
    ground.classify(0, &case, (pb::CaseState::Confirmed, &result, "")).await.expect("confirmed");
    assert_eq!(kept().await, (pb::Purpose::Case, String::new()), "confirmed ones are kept");
}

#[tokio::test]
async fn r13_who_was_converted_and_excluded_after_the_window_is_read_once_and_released() {
    let ground = Ground::with_doctors().await;
    let at = "2020-01-20T12:00:00+08:00".parse().expect("an instant");
    let exposed =
        ground.exposed(0, crate::exposures::contact("", crate::exposures::somebody("1980-01-01"), at)).await;
    let person = exposed.exposure.expect("one").contact;
    let case = ground.case(0, &person).await.name;
    ground.classify(0, &case, (pb::CaseState::Suspected, "", "")).await.expect("suspected");
    assert_eq!(ground.contacts(3).await.converted, 1);
    ground.advance(on(6, "09:00")).await;
    ground.classify(0, &case, (pb::CaseState::Excluded, "", "all are sure")).await.expect("excluded");
    let figures = ground.contacts(6).await;
    assert_eq!((figures.converted, figures.under_observation), (0, 1));
    assert_eq!(ground.contacts(3).await.converted, 1, "as it was counted then");
    let request = pb::ListObservationsRequest { person, ..Default::default() };
    let all = ground.screening("duty").observations().list_observations(request).await.expect("a list");
    let again = all.into_inner().observations.pop().expect("an observation");
    ground.read(reading(&again.name, on(6, "09:00"), 36.5)).await;
    ground.release("leader-0", &again.name, "").await.expect("released");
    let figures = ground.contacts(6).await;
    assert_eq!((figures.released, figures.under_observation), (1, 0));
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
}

#[tokio::test]
async fn r25_the_unit_that_has_the_person_is_told_of_a_second_finder_s_result_and_the_finder_nothing() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(OTHER_NUMBER)).await.name;
    let case = ground.case(0, &person).await.name;
    ground.classify(0, &case, (pb::CaseState::Suspected, "", "")).await.expect("suspected");
    let again = ground.found(2, details(OTHER_NUMBER)).await.name;
    let list = async |subject: &str, person: &str| {
        let request = pb::ListResultsRequest { person: person.to_owned(), ..Default::default() };
        let found = ground.screening(subject).results().list_results(request).await.expect("a list");
        found.into_inner().results
    };
    ground.tested(1, &again, pb::TestOutcome::Negative, on(2, "11:00")).await;
    assert!(list("doctor-0", &person).await.is_empty(), "nobody must act on that");
    let positive = ground.tested(1, &again, pb::TestOutcome::Positive, on(2, "12:00")).await;
    let told = list("doctor-0", &person).await;
    assert_eq!(
        (told.len(), told[0].outcome(), told[0].person.as_str()),
        (1, pb::TestOutcome::Positive, person.as_str())
    );
    assert!(told[0].deadline_time.is_some() && told[0].name != positive.name);
    let task = |digest: Vec<pb::Escalation>| {
        digest.into_iter().find(|one| one.kind() == pb::EscalationKind::ResultUnhandled)
    };
    assert_eq!(task(ground.digest(&ground.grids[0]).await).expect("a task").subject, told[0].name);
    assert_eq!(list("doctor-1", &again).await.len(), 2, "its own two");
    let confirmed = (pb::CaseState::Confirmed, told[0].name.as_str(), "");
    ground.classify(0, &case, confirmed).await.expect("confirmed by what was told");
    assert!(task(ground.digest(&ground.grids[0]).await).is_none());
}
