//! Figures of cases: what was counted on a day that is past stays counted, whatever is decided later (D4, R17, R23, R24).

use proto::screening as pb;
use tests::request_id;
use tonic::Code;

use crate::{
    cases::refused,
    ground::{Ground, NUMBER, OTHER_NUMBER, details, without_papers},
    watch::on,
};

/// A decision with a reason, as of an instant.
fn said(state: pb::CaseState, at: chrono::DateTime<chrono::Utc>) -> pb::ClassifyCaseRequest {
    pb::ClassifyCaseRequest {
        state: state.into(),
        time: Some(chassis::parse::timestamp(at)),
        r#override: true,
        reason: "the ward".to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn d4_readmission_second_discharge_and_correction_change_no_day_before() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let case = ground.confirmed(0, &person).await.case.expect("a case").name;
    ground.decide(0, &case, said(pb::CaseState::Discharged, on(3, "00:00"))).await.expect("discharged");
    assert_eq!(ground.figures(3).await.discharged_new, 1);
    ground.advance(on(5, "09:00")).await;
    ground.decide(0, &case, said(pb::CaseState::Readmitted, on(5, "09:00"))).await.expect("readmitted");
    ground.advance(on(10, "09:00")).await;
    ground.decide(0, &case, said(pb::CaseState::Discharged, on(10, "09:00"))).await.expect("discharged");
    let (third, tenth) = (ground.figures(3).await, ground.figures(10).await);
    assert_eq!((third.confirmed_new, third.discharged_new, third.discharged_cumulative), (1, 1, 1));
    assert_eq!((tenth.discharged_new, tenth.discharged_cumulative), (0, 1), "each case once");
    // What is taken back is taken back on the day on which it is.
    let other = ground.found(0, details(OTHER_NUMBER)).await.name;
    let wrong = ground.case(0, &other).await.name;
    ground.decide(0, &wrong, said(pb::CaseState::Suspected, on(10, "09:00"))).await.expect("suspected");
    let result = ground.tested(0, &other, pb::TestOutcome::Positive, on(10, "01:00")).await.name;
    let confirmed = pb::ClassifyCaseRequest { result, ..said(pb::CaseState::Confirmed, on(10, "09:00")) };
    ground.decide(0, &wrong, confirmed).await.expect("confirmed");
    ground.advance(on(11, "09:00")).await;
    ground.decide(0, &wrong, said(pb::CaseState::Suspected, on(10, "09:00"))).await.expect("corrected");
    let (tenth, eleventh) = (ground.figures(10).await, ground.figures(11).await);
    assert_eq!((tenth.confirmed_new, tenth.confirmed_cumulative, tenth.suspected_current), (1, 2, 0));
    assert_eq!(
        (eleventh.confirmed_new, eleventh.confirmed_cumulative, eleventh.suspected_current),
        (0, 1, 1)
    );
    let events = ground.shown_case(&wrong).await.events;
    let plans = |event: &pb::CaseEvent| (event.control_plan, event.treatment_plan);
    let last = events.last().expect("the correction");
    assert_eq!((last.kind(), plans(last)), (pb::CaseEventKind::Corrected, (4, 5)), "V1");
    let events = ground.shown_case(&case).await.events;
    let decided = events.iter().filter(|event| event.kind() == pb::CaseEventKind::Classified);
    let by = decided.map(plans).collect::<Vec<_>>();
    assert_eq!(by, [(3, 4), (3, 4), (3, 5), (4, 5)], "V1: each by the rules of its day");
}

#[tokio::test]
async fn d4_what_is_recorded_late_counts_once_on_the_day_it_was() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let case = ground.case(0, &person).await.name;
    ground.decide(0, &case, said(pb::CaseState::Suspected, on(3, "00:00"))).await.expect("suspected");
    ground.advance(on(4, "08:00")).await;
    let result = ground.tested(0, &person, pb::TestOutcome::Positive, on(3, "12:00")).await.name;
    let confirmed = pb::ClassifyCaseRequest { result, ..said(pb::CaseState::Confirmed, on(3, "20:00")) };
    ground.decide(0, &case, confirmed).await.expect("confirmed");
    let third = ground.figures(3).await;
    assert_eq!((third.confirmed_new, third.confirmed_cumulative, third.suspected_current), (1, 1, 0));
    let fourth = ground.figures(4).await;
    assert_eq!((fourth.confirmed_new, fourth.confirmed_cumulative, fourth.suspected_current), (0, 1, 0));
    let event = ground.shown_case(&case).await.events.pop().expect("an event");
    let stamp = |at| Some(chassis::parse::timestamp(at));
    assert_eq!((event.stated_time, event.time), (stamp(on(3, "20:00")), stamp(on(4, "08:00"))));
}

#[tokio::test]
async fn r17_severity_has_a_time_and_who_is_severe_now_was_ever_severe() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let case = ground.case(0, &person).await.name;
    let severity = async |severity: pb::Severity, at: chrono::DateTime<chrono::Utc>| {
        let request = pb::SetSeverityRequest {
            request_id: request_id(),
            name: case.clone(),
            severity: severity.into(),
            time: Some(chassis::parse::timestamp(at)),
        };
        ground.screening("doctor-0").cases().set_severity(request).await
    };
    ground.classify(0, &case, (pb::CaseState::Suspected, "", "")).await.expect("suspected");
    severity(pb::Severity::Severe, on(3, "00:00")).await.expect("severe");
    let figures = ground.figures(3).await;
    assert_eq!((figures.severe_current, figures.severe_cumulative), (0, 0), "not confirmed");
    ground.advance(on(5, "09:00")).await;
    let result = ground.tested(0, &person, pb::TestOutcome::Positive, on(4, "12:00")).await.name;
    ground.classify(0, &case, (pb::CaseState::Confirmed, &result, "")).await.expect("confirmed");
    let late = severity(pb::Severity::Mild, on(2, "09:00")).await.expect("mild before").into_inner();
    assert_eq!(late.case.expect("a case").severity(), pb::Severity::Severe, "as it was said of later");
    let figures = ground.figures(5).await;
    assert_eq!((figures.severe_current, figures.severe_cumulative), (1, 1));
    let future = severity(pb::Severity::Mild, on(5, "10:00")).await.expect_err("the future");
    assert_eq!(tests::fields(&future), ["time"]);
}

#[tokio::test]
async fn r23_a_case_is_counted_where_it_resided_and_otherwise_by_a_correction_only() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let case = ground.case(0, &person).await.name;
    let result = ground.tested(0, &person, pb::TestOutcome::Positive, on(2, "12:00")).await.name;
    let at = |unit: &str, state: pb::CaseState, reason: &str| pb::ClassifyCaseRequest {
        state: state.into(),
        result: result.clone(),
        counted_unit: unit.to_owned(),
        reason: reason.to_owned(),
        ..Default::default()
    };
    let nowhere = format!("units/{}", request_id());
    let refusal = ground.decide(0, &case, at(&nowhere, pb::CaseState::Confirmed, "")).await;
    assert_eq!(tests::fields(&refusal.expect_err("no unit")), ["counted_unit"]);
    let confirmed = ground.decide(0, &case, at(&ground.grids[2], pb::CaseState::Confirmed, "")).await;
    assert_eq!(confirmed.expect("confirmed").case.expect("a case").counted_unit, ground.grids[2], "现住");
    let person = ground.get("duty", &person).await.expect("a person");
    assert_eq!(
        (person.counted_unit, person.responsible_unit),
        (ground.grids[2].clone(), ground.grids[0].clone())
    );
    let cumulative = async |county: usize, day: u32| {
        let (unit, date) = (ground.counties[county].clone(), format!("2020-02-{day:02}"));
        let count = pb::CountCasesRequest { unit, date };
        let figures = ground.screening("duty").cases().count_cases(count).await.expect("figures");
        figures.into_inner().confirmed_cumulative
    };
    assert_eq!((cumulative(0, 3).await, cumulative(1, 3).await), (0, 1));
    ground.advance(on(5, "09:00")).await;
    let frozen = at(&ground.grids[1], pb::CaseState::Died, "so it is");
    assert_eq!(refused(ground.decide(0, &case, frozen).await).1, "CASE_STATE", "frozen");
    let unsaid = ground.decide(0, &case, at(&ground.grids[1], pb::CaseState::Confirmed, "")).await;
    assert_eq!(refused(unsaid).0, Code::InvalidArgument, "a correction wants a reason");
    let moved = at(&ground.grids[1], pb::CaseState::Confirmed, "lives with her son");
    let moved = ground.decide(0, &case, moved).await.expect("corrected").case.expect("a case");
    assert_eq!(moved.counted_unit, ground.grids[1]);
    assert_eq!((cumulative(0, 3).await, cumulative(1, 3).await), (0, 1), "as it was counted then");
    assert_eq!((cumulative(0, 5).await, cumulative(1, 5).await), (1, 0));
    assert_eq!(ground.figures(5).await.confirmed_new, 0, "no new case");
    let last = ground.shown_case(&case).await.events.pop().expect("an event");
    assert_eq!((last.kind(), last.counted_unit), (pb::CaseEventKind::Recounted, ground.grids[1].clone()));
}

#[tokio::test]
async fn r24_of_two_alike_the_older_stays_with_the_earlier_of_what_is_known_of_both() {
    let ground = Ground::with_doctors().await;
    let first = ground.found(0, without_papers("1980-01-01")).await.name;
    let second = ground.found(0, details(NUMBER)).await.name;
    let older = ground.confirmed(0, &first).await.case.expect("a case").name;
    ground.advance(on(4, "09:00")).await;
    let younger = ground.case(0, &second).await.name;
    let result = ground.tested(0, &second, pb::TestOutcome::Positive, on(1, "12:00")).await.name;
    let confirmed = pb::ClassifyCaseRequest { result, ..said(pb::CaseState::Confirmed, on(2, "09:00")) };
    ground.decide(0, &younger, confirmed).await.expect("confirmed");
    let mark = pb::MarkCaseRequest {
        request_id: request_id(),
        name: younger.clone(),
        step: pb::CaseStep::Reported.into(),
        time: Some(chassis::parse::timestamp(on(2, "10:00"))),
    };
    ground.screening("doctor-0").cases().mark_case(mark).await.expect("marked");
    let severe = pb::SetSeverityRequest {
        request_id: request_id(),
        name: younger.clone(),
        severity: pb::Severity::Severe.into(),
        time: None,
    };
    ground.screening("doctor-0").cases().set_severity(severe).await.expect("severe");
    assert_eq!(ground.figures(4).await.confirmed_cumulative, 2);
    ground.advance(on(6, "09:00")).await;
    let merge = pb::MergePersonsRequest {
        request_id: request_id(),
        kept: second,
        merged: first,
        reason: "one hand card twice".to_owned(),
    };
    ground.screening("duty-0").persons().merge_persons(merge).await.expect("merged");
    let shown = ground.shown_case(&younger).await;
    let case = shown.case.expect("a case");
    let stamp = |at| Some(chassis::parse::timestamp(at));
    assert_eq!((case.name.as_str(), case.confirm_time), (older.as_str(), stamp(on(2, "09:00"))));
    assert_eq!((case.clocks[0].done_time, case.severity()), (stamp(on(2, "10:00")), pb::Severity::Severe));
    let severities = shown.events.iter().filter(|event| event.kind() == pb::CaseEventKind::Severity).count();
    assert_eq!(severities, 1, "its history is kept");
    let (fourth, sixth) = (ground.figures(4).await, ground.figures(6).await);
    assert_eq!((fourth.confirmed_cumulative, fourth.severe_cumulative), (2, 1), "as it was counted then");
    assert_eq!((sixth.confirmed_cumulative, sixth.severe_current, sixth.severe_cumulative), (1, 1, 1));
}
