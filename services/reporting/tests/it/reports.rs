//! Reports: taken in and marked, one by one and many at once.

use std::time::Duration;

use proto::{registry, reporting as pb};
use sqlx::Connection as _;
use tests::{fields, reason, request_id};
use tonic::Code;

use crate::town::{DATE, Town, at, epidemic_day, figure, grid_day, said, submit};

async fn report_of(town: &Town, form: &str, grid: usize) -> pb::Report {
    let list = pb::ListReportsRequest {
        form: form.to_owned(),
        business_date: DATE.to_owned(),
        ancestor_unit: town.grids[grid].clone(),
        ..Default::default()
    };
    let reports = town.sandbox.reporting().reports().list_reports(list).await.unwrap().into_inner().reports;
    let name = reports[0].name.clone();
    let got = town.sandbox.reporting().reports().get_report(pb::GetReportRequest { name }).await;
    got.unwrap().into_inner().report.unwrap()
}

#[tokio::test]
async fn zero_is_said_and_figures_are_counted() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let zero = town.report(&form.name, 0, &[]).await.expect("taken in");
    assert_eq!((zero.content(), zero.timing(), zero.revision), (pb::Content::Zero, pb::Timing::OnTime, 1));
    // A grid with a family at home is never all zero (D1).
    let family = town.report(&form.name, 1, &[("febrile", 0), ("at_home", 4)]).await.expect("taken in");
    assert_eq!(family.content(), pb::Content::Data);
    let households = [("households", 60), ("febrile", 0), ("at_home", 0)];
    let empty = town.report(&form.name, 2, &households).await.expect("taken in");
    assert_eq!(empty.content(), pb::Content::Zero);
    let total = town.rollup(&form.name, &town.sandbox.root).await;
    assert_eq!((figure(&total, "at_home").value, figure(&total, "at_home").unknown), (4, 2));
    assert_eq!((figure(&total, "households").value, figure(&total, "households").unknown), (60, 4));
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_report_is_said_at_once() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let reporter = town.sandbox.reporting_as("reporter-0");
    let wrong = pb::SubmitReportRequest {
        slot: "evening".to_owned(),
        note: "\u{7}".to_owned(),
        ..said(&form.name, &town.grids[0], &[("ghosts", 1), ("febrile", -1), ("households", 2_000_000_000)])
    };
    let refused = submit(&reporter, wrong).await.expect_err("wrong");
    assert_eq!(refused.code(), Code::InvalidArgument);
    let named = fields(&refused);
    for path in [
        "slot",
        "note",
        "figures[\"ghosts\"]",
        "figures[\"febrile\"]",
        "figures[\"households\"]",
        "figures[\"at_home\"]",
    ] {
        assert!(named.iter().any(|name| name == path), "{path} in {named:?}");
    }
    let both = pb::SubmitReportRequest { zero: true, ..said(&form.name, &town.grids[0], &[("febrile", 1)]) };
    let refused = submit(&reporter, both).await.expect_err("zero with figures");
    assert_eq!(fields(&refused), ["figures"]);
    let early = pb::SubmitReportRequest {
        business_date: "2020-02-04".to_owned(),
        ..said(&form.name, &town.grids[0], &[])
    };
    assert_eq!(reason(&submit(&reporter, early).await.expect_err("early")), "DAY_NOT_OPEN");
}

#[tokio::test]
async fn a_broken_balance_warns_and_is_taken_in() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let taken = town.report(&form.name, 0, &[("febrile", 3), ("at_home", 2)]).await.expect("taken in");
    assert_eq!(taken.warnings, ["febrile_at_home: febrile <= at_home (3, 2)"]);
}

#[tokio::test]
async fn late_is_late_and_after_the_close_is_after_close() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    town.sandbox.clock.advance_to(at("16:09"));
    assert_eq!(town.report(&form.name, 0, &[]).await.unwrap().timing(), pb::Timing::OnTime);
    town.sandbox.clock.advance_to(at("16:10"));
    assert_eq!(town.report(&form.name, 1, &[]).await.unwrap().timing(), pb::Timing::Late);
    town.sandbox.clock.advance_to(at("17:00"));
    town.reaches(&form.name, pb::DayState::Closed).await;
    assert_eq!(town.report(&form.name, 2, &[]).await.unwrap().timing(), pb::Timing::AfterClose);
    let refused = town.report(&form.name, 1, &[("febrile", 1), ("at_home", 1)]).await.expect_err("closed");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "USE_CORRECTION"));
    let total = town.rollup(&form.name, &town.sandbox.root).await.matrix.unwrap();
    assert_eq!((total.on_time_zero, total.late_zero, total.after_close_zero, total.missing), (1, 1, 1, 2));
    assert_eq!(total.expected, 5);
}

#[tokio::test]
async fn a_repetition_answers_the_same_and_counts_once() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let reporter = town.sandbox.reporting_as("reporter-0");
    let request = said(&form.name, &town.grids[0], &[("febrile", 1), ("at_home", 2)]);
    let calls = (0..8).map(|_| submit(&reporter, request.clone()));
    let answers: Vec<_> = futures::future::join_all(calls).await;
    let first = answers[0].as_ref().expect("taken in");
    assert!(answers.iter().all(|answer| answer.as_ref().expect("taken in") == first));
    assert_eq!(submit(&reporter, request.clone()).await.expect("again"), *first);
    let total = town.rollup(&form.name, &town.sandbox.root).await;
    assert_eq!((figure(&total, "febrile").value, first.revision), (1, 1));

    let other = pb::SubmitReportRequest { note: "another".to_owned(), ..request };
    let refused = submit(&reporter, other).await.expect_err("another message");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "REQUEST_ID_REUSED"));
}

#[tokio::test]
async fn a_village_enters_by_phone_and_both_are_kept() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    town.sandbox.appointed(&town.villages[0], registry::Office::DutyOfficer, "village").await;
    town.known().await;
    let request = pb::SubmitReportRequest {
        channel: pb::Channel::Phone.into(),
        on_behalf_of: "样例网格长".to_owned(),
        made_time: Some(prost_types::Timestamp { seconds: at("08:00").timestamp() - 9 * 3_600, nanos: 0 }),
        ..said(&form.name, &town.grids[0], &[])
    };
    submit(&town.sandbox.reporting_as("village"), request).await.expect("taken in");
    let report = report_of(&town, &form.name, 0).await;
    let revision = &report.revisions[0];
    assert!(revision.on_behalf && revision.made_time.is_some());
    assert_eq!((revision.entered_by.as_str(), revision.informant.as_str()), ("village", "样例网格长"));
    assert_eq!(
        (revision.entered_at_unit.as_str(), revision.channel()),
        (town.villages[0].as_str(), pb::Channel::Phone)
    );
}

#[tokio::test]
async fn a_reporter_reports_for_the_own_grid_only_and_sees_no_other() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let reporter = town.sandbox.reporting_as("reporter-0");
    for unit in [&town.grids[1], &town.villages[0], &town.sandbox.root] {
        let refused = submit(&reporter, said(&form.name, unit, &[])).await.expect_err("not theirs");
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "NOT_FOUND"));
    }
    let absent = said(&form.name, "units/00000000-0000-7000-8000-000000000000", &[]);
    assert_eq!(submit(&reporter, absent).await.expect_err("absent").code(), Code::NotFound);
    let list = pb::ListReportsRequest {
        form: form.name.clone(),
        business_date: DATE.to_owned(),
        ..Default::default()
    };
    let seen = reporter.reports().list_reports(list).await.unwrap().into_inner().reports;
    assert_eq!(seen.iter().map(|report| &report.unit).collect::<Vec<_>>(), [&town.grids[0]]);
}

#[tokio::test]
async fn cases_come_from_the_health_side() {
    let town = Town::build().await;
    let form = town.form(epidemic_day()).await;
    let figures = [("confirmed", 1), ("discharged", 0), ("observed", 3)];
    let refused =
        submit(&town.sandbox.reporting_as("duty-0"), said(&form.name, &town.towns[0], &figures)).await;
    assert_eq!(reason(&refused.expect_err("another office")), "OFFICE_NOT_ASKED");
    let neighbour =
        submit(&town.sandbox.reporting_as("health-1"), said(&form.name, &town.towns[0], &figures)).await;
    assert_eq!(neighbour.expect_err("the next county").code(), Code::NotFound);
    submit(&town.sandbox.reporting_as("health-0"), said(&form.name, &town.towns[0], &figures))
        .await
        .expect("taken in");
}

#[tokio::test]
async fn a_returned_report_counts_no_more_and_comes_back() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    town.report(&form.name, 0, &[("febrile", 400), ("at_home", 400)]).await.expect("taken in");
    let report = report_of(&town, &form.name, 0).await;
    let send_back = pb::ReturnReportRequest {
        request_id: request_id(),
        name: report.name.clone(),
        reason: "400 febrile in one grid".to_owned(),
    };
    let mut duty = town.sandbox.reporting_as("duty-0").reports();
    let returned =
        duty.return_report(send_back.clone()).await.expect("returned").into_inner().report.unwrap();
    assert!(returned.returned);
    assert_eq!((returned.timing(), returned.content()), (pb::Timing::Due, pb::Content::Unspecified));
    assert_eq!(duty.return_report(send_back).await.expect("the same").into_inner().report.unwrap(), returned);
    let total = town.rollup(&form.name, &town.sandbox.root).await;
    assert_eq!((figure(&total, "febrile").value, total.matrix.unwrap().returned), (0, 1));
    let nothing =
        pb::ReturnReportRequest { request_id: request_id(), name: report.name, reason: "again".to_owned() };
    assert_eq!(reason(&duty.return_report(nothing).await.expect_err("nothing")), "NOTHING_TO_RETURN");
    town.report(&form.name, 0, &[("febrile", 4), ("at_home", 40)]).await.expect("comes back");
    let report = report_of(&town, &form.name, 0).await;
    assert_eq!((report.revision, report.returned, report.revisions.len()), (3, false, 3));
    assert_eq!(report.revisions[1].reason, "400 febrile in one grid");
}

#[tokio::test]
async fn a_correction_has_a_reason_the_signed_difference_and_both_dates() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    town.report(&form.name, 0, &[("febrile", 3), ("at_home", 9)]).await.expect("taken in");
    let report = report_of(&town, &form.name, 0).await;
    let correct = |figure: i64, reason: &str| pb::CorrectReportRequest {
        request_id: request_id(),
        name: report.name.clone(),
        figures: [("febrile".to_owned(), figure)].into(),
        reason: reason.to_owned(),
        announce_date: "2020-02-04".to_owned(),
    };
    let mut duty = town.sandbox.reporting_as("duty-0").reports();
    assert_eq!(fields(&duty.correct_report(correct(1, "")).await.expect_err("why?")), ["reason"]);
    assert_eq!(
        reason(&duty.correct_report(correct(3, "same")).await.expect_err("same")),
        "NOTHING_TO_CORRECT"
    );
    let done = duty.correct_report(correct(1, "counted twice")).await.expect("corrected").into_inner();
    assert_eq!(done.differences, [("febrile".to_owned(), -2)].into());
    let report = report_of(&town, &form.name, 0).await;
    let last = report.revisions.last().unwrap();
    assert_eq!((last.kind(), last.announce_date.as_str()), (pb::RevisionKind::Correction, "2020-02-04"));
    assert_eq!(figure(&town.rollup(&form.name, &town.sandbox.root).await, "febrile").value, 1);
    assert_eq!(figure(&town.rollup(&form.name, &town.sandbox.root).await, "at_home").value, 9);
}

#[tokio::test]
async fn a_declared_outage_excuses_many_and_what_comes_all_the_same_is_taken_in() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    town.report(&form.name, 0, &[]).await.expect("taken in");
    let excuse = pb::ExcuseReportsRequest {
        request_id: request_id(),
        form: form.name.clone(),
        business_date: DATE.to_owned(),
        units: vec![town.counties[0].clone()],
        slot: String::new(),
        reason: "the county's lines are down".to_owned(),
    };
    let mut duty = town.sandbox.reporting_as("duty-0").reports();
    assert_eq!(duty.excuse_reports(excuse.clone()).await.expect("excused").into_inner().excused, 3);
    assert_eq!(duty.excuse_reports(excuse).await.expect("the same").into_inner().excused, 3);
    let total = town.rollup(&form.name, &town.sandbox.root).await.matrix.unwrap();
    assert_eq!((total.excused, total.due, total.on_time_zero), (3, 1, 1));
    town.report(&form.name, 1, &[]).await.expect("taken in");
    let total = town.rollup(&form.name, &town.sandbox.root).await.matrix.unwrap();
    assert_eq!((total.excused, total.on_time_zero), (2, 2));
}

#[tokio::test]
async fn a_chase_is_noted() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let missing = town.missing(&form.name).await;
    let note = pb::AddChaseNoteRequest {
        request_id: request_id(),
        name: missing[0].report.clone(),
        note: "called, comes at five".to_owned(),
    };
    town.sandbox.reporting_as("duty-0").reports().add_chase_note(note).await.expect("noted");
    assert_eq!(town.missing(&form.name).await[0].chased, 1);
    assert_eq!(report_of(&town, &form.name, 0).await.chase_notes[0].note, "called, comes at five");
}

#[tokio::test]
async fn a_stream_acknowledges_batches_and_refuses_items_one_by_one() {
    use pb::stream_result::Result as Outcome;
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let mut reports: Vec<_> = town.grids.iter().map(|grid| said(&form.name, grid, &[])).collect();
    reports.push(said(&form.name, &town.grids[0], &[("ghosts", 1)]));
    reports.push(reports[0].clone());
    let batches = vec![
        pb::StreamReportsRequest { sequence: 1, reports: reports.clone() },
        pb::StreamReportsRequest { sequence: 2, reports },
    ];
    let mut client = town.sandbox.reporting_as("duty").reports();
    let mut answers = client.stream_reports(futures::stream::iter(batches)).await.unwrap().into_inner();
    let first = answers.message().await.unwrap().unwrap();
    let second = answers.message().await.unwrap().unwrap();
    assert_eq!((first.sequence, second.sequence), (1, 2));
    for answer in [first, second] {
        let refused: Vec<_> = answer
            .results
            .iter()
            .filter_map(|result| match result.result.as_ref().unwrap() {
                Outcome::Refused(refusal) => Some(refusal.reason.clone()),
                Outcome::Accepted(accepted) => {
                    assert_eq!(accepted.revision, 1, "a repetition is the first");
                    None
                }
            })
            .collect();
        assert_eq!(refused, ["INVALID_ARGUMENT"]);
    }
    assert_eq!(town.rollup(&form.name, &town.sandbox.root).await.matrix.unwrap().on_time_zero, 5);
}

#[tokio::test]
async fn what_a_stream_says_of_one_report_keeps_its_order() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    // Somebody else has the first grid's report in hand for a while.
    let held = report_of(&town, &form.name, 0).await.name;
    let held: uuid::Uuid = held.trim_start_matches("reports/").parse().unwrap();
    let mut sql = town.sandbox.sql().await;
    let mut hand = sql.begin().await.unwrap();
    let lock = sqlx::query("SELECT FROM reporting.expectation WHERE id = $1 FOR UPDATE").bind(held);
    lock.execute(&mut *hand).await.unwrap();

    let says = |grid: usize, n| said(&form.name, &town.grids[grid], &[("febrile", n), ("at_home", 100)]);
    let batches = vec![
        pb::StreamReportsRequest { sequence: 1, reports: vec![says(0, 1), says(1, 1)] },
        pb::StreamReportsRequest { sequence: 2, reports: vec![says(1, 2)] },
    ];
    let mut client = town.sandbox.reporting_as("duty").reports();
    let mut answers = client.stream_reports(futures::stream::iter(batches)).await.unwrap().into_inner();
    let mut watch = town.sandbox.sql().await;
    tests::until(async || {
        let waits = "SELECT FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
        sqlx::query(waits).fetch_optional(&mut watch).await.unwrap()
    })
    .await;
    for _ in 0..20 {
        assert_eq!(report_of(&town, &form.name, 1).await.revision, 0, "the second waits for the first");
    }
    hand.commit().await.unwrap();
    for n in 1..=2 {
        assert_eq!(answers.message().await.unwrap().expect("acknowledged").sequence, n);
    }
    let report = report_of(&town, &form.name, 1).await;
    assert_eq!((report.revision, report.figures["febrile"]), (2, 2));
}

#[tokio::test]
async fn a_request_id_is_one_report_s_only() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let first = said(&form.name, &town.grids[0], &[]);
    let duty = town.sandbox.reporting_as("duty");
    submit(&duty, first.clone()).await.expect("taken in");
    // Of a grid of which nothing has been said yet, and of one of which something has.
    for grid in [1, 0] {
        let mut other = said(&form.name, &town.grids[grid], &[("febrile", 1), ("at_home", 1)]);
        other.request_id.clone_from(&first.request_id);
        let refused = submit(&duty, other).await.expect_err("used before");
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "REQUEST_ID_REUSED"));
    }
    assert_eq!(submit(&duty, first).await.expect("the same").revision, 1);
}

#[tokio::test]
async fn many_at_once_lose_nothing_and_count_nothing_twice() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let calls = (0..200).map(|n| {
        let grid = n % 5;
        let reporting = town.sandbox.reporting_as(&format!("reporter-{grid}"));
        let request = said(&form.name, &town.grids[grid], &[("febrile", 1), ("at_home", n as i64)]);
        async move { submit(&reporting, request).await.expect("taken in") }
    });
    let answers = futures::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| answer.timing() == pb::Timing::OnTime));
    let total = town.rollup(&form.name, &town.sandbox.root).await;
    assert_eq!((figure(&total, "febrile").value, total.matrix.unwrap().on_time_data), (5, 5));
    for grid in 0..5 {
        let report = report_of(&town, &form.name, grid).await;
        assert_eq!((report.revision, report.revisions.len()), (40, 40));
    }
    let (exceptions, verdict) = town.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
}

#[tokio::test]
async fn a_relieved_reporter_is_refused_here_too_and_their_stream_ends() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let watcher = town.sandbox.appointed(&town.towns[0], registry::Office::Leader, "watcher").await;
    town.known().await;
    let reporting = town.sandbox.reporting_as("watcher");
    let mut stream =
        reporting.reports().watch_reports(pb::WatchReportsRequest::default()).await.unwrap().into_inner();
    stream.message().await.expect("open");
    town.sandbox.clock.advance_to(at("08:00"));
    let relieve = registry::RelieveRequest {
        request_id: request_id(),
        name: watcher.name,
        reason: "轮换".to_owned(),
        ..Default::default()
    };
    town.sandbox.registry().appointments().relieve(relieve).await.expect("relieved");
    let ended = loop {
        let message = tokio::time::timeout(Duration::from_secs(10), stream.message()).await.expect("in time");
        if let Err(status) = message {
            break status;
        }
    };
    assert_eq!(ended.code(), Code::PermissionDenied);
    let list =
        pb::ListReportsRequest { form: form.name, business_date: DATE.to_owned(), ..Default::default() };
    let refused = reporting.reports().list_reports(list).await.expect_err("relieved");
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_reminder_comes_before_the_deadline_to_whoever_watches() {
    use pb::watch_reports_response::Event;
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    for grid in 0..4 {
        town.report(&form.name, grid, &[]).await.expect("taken in");
    }
    let duty = town.sandbox.reporting_as("duty");
    let mut stream =
        duty.reports().watch_reports(pb::WatchReportsRequest::default()).await.unwrap().into_inner();
    stream.message().await.expect("open");
    town.sandbox.clock.advance_to(at("15:30"));
    let reminded = loop {
        let message = tokio::time::timeout(Duration::from_secs(10), stream.message()).await.expect("in time");
        if let Some(Event::Report(report)) = message.unwrap().unwrap().event
            && report.remind_time.is_some()
        {
            break report;
        }
    };
    assert_eq!((reminded.unit, reminded.timing), (town.grids[4].clone(), pb::Timing::Due.into()));
}
