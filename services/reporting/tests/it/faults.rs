//! Faults: what was acknowledged is there once, whatever stops, and nothing is decided on stale knowledge.

use std::path::Path;

use chassis::{Database, database::StartError};
use proto::reporting as pb;
use rampart::client::Reporting;
use tests::{
    Sandbox, as_role,
    faults::{Process, durable_postgres, free_port, insist, silence},
    reason, request_id, until,
};
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::town::{Town, at, figure, grid_day, said, submit};

/// Sends a report until it is answered, with the same request_id. Answers how often it was refused, too.
async fn sent(reporting: &Reporting, request: pb::SubmitReportRequest) -> (pb::SubmitReportResponse, usize) {
    insist(|| submit(reporting, request.clone())).await
}

#[tokio::test]
async fn a_database_that_stops_and_starts_under_load_loses_nothing() {
    let (_folder, mut server) = durable_postgres().await;
    let town =
        Town::build_in(Sandbox::start_on(server.url("postgres"), &[tests::Part::Reporting]).await).await;
    let form = town.form(grid_day()).await;
    let senders = (0..5).map(|grid| {
        let reporting = town.sandbox.reporting_as(&format!("reporter-{grid}"));
        let requests: Vec<_> = (0..60)
            .map(|n| said(&form.name, &town.grids[grid], &[("febrile", n), ("at_home", 100)]))
            .collect();
        tokio::spawn(async move {
            let (mut last, mut refused) = (0, 0);
            for request in requests {
                let (answer, times) = sent(&reporting, request).await;
                assert_eq!(answer.revision, last + 1, "each is taken in once");
                last = answer.revision;
                refused += times;
            }
            refused
        })
    });
    let senders: Vec<_> = senders.collect();
    until(async || {
        let total = town.rollup(&form.name, &town.sandbox.root).await;
        (figure(&total, "febrile").stated > 0).then_some(())
    })
    .await;
    server.crash().await.expect("stopped");
    let refused = submit(&town.sandbox.reporting_as("reporter-0"), said(&form.name, &town.grids[0], &[]))
        .await
        .expect_err("the database is down");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "UNAVAILABLE"));
    assert!(refused.get_error_details().retry_info().is_some());
    // A service that starts now waits for it, unless it is told to end.
    let url = as_role(&town.sandbox.admin_url, "reporting_runtime");
    let (on, ended) = (CancellationToken::new(), CancellationToken::new());
    ended.cancel();
    let stopped = Database::connect(&url, 1, &ended).await.expect_err("told to end");
    assert!(matches!(stopped, StartError::Stopped), "{stopped}");
    let starting = tokio::spawn(async move { Database::connect(&url, 1, &on).await });
    server.resume().await.expect("started");
    starting.await.expect("not ended").expect("connected");
    let mut times = 0;
    for sender in senders {
        times += sender.await.expect("sent");
    }
    assert!(times > 0, "some were refused while it was down");
    let total = town.rollup(&form.name, &town.sandbox.root).await;
    assert_eq!((figure(&total, "febrile").value, figure(&total, "febrile").stated), (5 * 59, 5));
    let (exceptions, verdict) = town.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
    assert_eq!(verdict.revisions, 300);
}

/// Reporting as a process of its own, which can be killed.
fn start(town: &Town, folder: &Path, port: u16) -> Process {
    let program = (reporting::SUBJECT, env!("CARGO_BIN_EXE_reporting"));
    Process::start(&town.sandbox, program, (folder, port), &[])
}

#[tokio::test]
async fn after_kill_9_and_sending_again_every_report_is_there_once() {
    let town = Town::build().await;
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut process = start(&town, folder.path(), port);
    // This process has the machine's clock: the day is today's.
    let today = chassis::clock::wall().with_timezone(&chrono_tz::Asia::Shanghai).date_naive().to_string();
    let mut form = grid_day();
    let schedule = form.schedule.as_mut().unwrap();
    (schedule.window_end_minutes, schedule.slots[0].deadline_minutes) = (1_440, 7_000);
    schedule.slots[0].hard_close_minutes = 7_100;
    form.end_date = "2099-01-01".to_owned();
    let request = pb::CreateFormRequest { request_id: request_id(), form: Some(form) };
    let form =
        town.sandbox.reporting().forms().create_form(request).await.unwrap().into_inner().form.unwrap();
    let open = pb::OpenDayRequest {
        request_id: request_id(),
        form: form.name.clone(),
        business_date: today.clone(),
    };
    let admin = town.sandbox.replica_as(&process.url, tests::ADMIN);
    until(async || admin.days().open_day(open.clone()).await.ok()).await;

    let requests: Vec<Vec<_>> = (0..5)
        .map(|grid| {
            (0..200)
                .map(|n| pb::SubmitReportRequest {
                    business_date: today.clone(),
                    ..said(&form.name, &town.grids[grid], &[("febrile", n), ("at_home", 100)])
                })
                .collect()
        })
        .collect();
    let mut senders = Vec::new();
    for (grid, requests) in requests.iter().cloned().enumerate() {
        let reporting = town.sandbox.replica_as(&process.url, &format!("reporter-{grid}"));
        senders.push(tokio::spawn(async move {
            for request in requests {
                sent(&reporting, request).await;
            }
        }));
    }
    let get = pb::GetRollupRequest {
        form: form.name.clone(),
        business_date: today.clone(),
        unit: town.sandbox.root.clone(),
        seal: 0,
    };
    until(async || {
        let total = admin.rollups().get_rollup(get.clone()).await.ok()?.into_inner().rollup?;
        (figure(&total, "febrile").stated >= 2).then_some(())
    })
    .await;
    process.kill();
    let process = start(&town, folder.path(), port);
    for sender in senders {
        sender.await.expect("sent");
    }
    // Everything once more, as a client does that does not know what was acknowledged.
    for (grid, requests) in requests.into_iter().enumerate() {
        let reporting = town.sandbox.replica_as(&process.url, &format!("reporter-{grid}"));
        for (n, request) in requests.into_iter().enumerate() {
            let (answer, _) = sent(&reporting, request).await;
            assert_eq!(
                usize::try_from(answer.revision).unwrap(),
                n + 1,
                "the first answer, not a second report"
            );
        }
    }
    let total = admin.rollups().get_rollup(get).await.unwrap().into_inner().rollup.unwrap();
    assert_eq!((figure(&total, "febrile").value, figure(&total, "febrile").stated), (5 * 199, 5));
    let (exceptions, verdict) = town.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
    assert_eq!(verdict.revisions, 1_000);
}

#[tokio::test]
async fn while_the_registry_is_silent_for_an_hour_facts_are_taken_in_and_nothing_is_decided() {
    let mut town = Town::build().await;
    let form = town.form(grid_day()).await;
    town.sandbox.clock.advance_to(at("16:30"));
    town.sandbox.stack().stop_service("registry").await.expect("stopped");
    let excuse = pb::ExcuseReportsRequest {
        request_id: request_id(),
        form: form.name.clone(),
        business_date: "2020-02-03".to_owned(),
        units: vec!["units/00000000-0000-7000-8000-000000000000".to_owned()],
        slot: String::new(),
        reason: "the lines are down".to_owned(),
    };
    let try_to_excuse = async || {
        let one = pb::ExcuseReportsRequest {
            request_id: request_id(),
            units: vec![town.grids[4].clone()],
            ..excuse.clone()
        };
        town.sandbox.reporting_as("duty").reports().excuse_reports(one).await
    };
    try_to_excuse().await.expect("what was heard is fresh enough");
    let mut sql = town.sandbox.sql().await;
    let refused = until(async || {
        // Again and again: something may have been on its way when the registry ended.
        silence(&mut sql, reporting::SCHEMA).await;
        try_to_excuse().await.err()
    })
    .await;
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "FEED_STALE"));
    let details = refused.get_error_details();
    assert!(details.retry_info().is_some());
    let age = &details.error_info().expect("a reason").metadata["age_seconds"];
    assert!(age.parse::<u64>().unwrap() >= 3_600, "{age}");
    let late = town.report(&form.name, 0, &[]).await.expect("a fact is taken in");
    assert_eq!(late.timing(), pb::Timing::Late);
    assert_eq!(town.rollup(&form.name, &town.sandbox.root).await.matrix.unwrap().late_zero, 1);
    town.sandbox.clock.advance_to(at("17:00"));
    let day = town.reaches(&form.name, pb::DayState::Closed).await;
    let seal =
        || pb::SealDayRequest { request_id: request_id(), name: day.name.clone(), ..Default::default() };
    let mut days = town.sandbox.reporting_as("duty").days();
    assert_eq!(reason(&days.seal_day(seal()).await.expect_err("stale")), "FEED_STALE");
    town.sandbox.stack().start_registry().await.expect("started");
    until(async || days.seal_day(seal()).await.ok()).await;
}

#[tokio::test]
async fn two_replicas_that_open_close_and_seal_at_once_do_it_once() {
    let mut town = Town::build().await;
    let second = town.sandbox.stack().start_reporting().await.expect("another replica");
    let second = town.sandbox.replica_as(&second, "duty");
    let first = town.sandbox.reporting_as("duty");
    let request = pb::CreateFormRequest { request_id: request_id(), form: Some(grid_day()) };
    let form =
        town.sandbox.reporting().forms().create_form(request).await.unwrap().into_inner().form.unwrap();
    let open = || pb::OpenDayRequest {
        request_id: request_id(),
        form: form.name.clone(),
        business_date: "2020-02-03".to_owned(),
    };
    let (mut a, mut b) = (first.days(), second.days());
    let (one, other) = until(async || {
        let (one, other) = tokio::join!(a.open_day(open()), b.open_day(open()));
        Some((one.ok()?.into_inner().day?, other.ok()?.into_inner().day?))
    })
    .await;
    assert_eq!((one.name.as_str(), other.name.as_str()), (one.name.as_str(), one.name.as_str()));
    town.report(&form.name, 0, &[("febrile", 1), ("at_home", 2)]).await.expect("taken in");
    town.sandbox.clock.advance_to(at("17:00"));
    let close = || pb::CloseDayRequest { request_id: request_id(), name: one.name.clone() };
    let (x, y) = tokio::join!(a.close_day(close()), b.close_day(close()));
    assert_eq!(x.unwrap().into_inner().day.unwrap().state(), pb::DayState::Closed);
    assert_eq!(y.unwrap().into_inner().day.unwrap().state(), pb::DayState::Closed);
    let seal =
        || pb::SealDayRequest { request_id: request_id(), name: one.name.clone(), ..Default::default() };
    let (x, y) = tokio::join!(a.seal_day(seal()), b.seal_day(seal()));
    let refused: Vec<_> = [&x, &y].iter().filter_map(|seal| seal.as_ref().err().map(reason)).collect();
    assert_eq!(refused, ["NOTHING_TO_AMEND"]);
    let day = town.day(&form.name).await;
    assert_eq!((day.expected, day.seals.len()), (5, 1));
    let (exceptions, verdict) = town.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
}

#[tokio::test]
async fn a_correction_that_races_a_seal_is_in_it_or_in_the_next() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let mut reports = Vec::new();
    for grid in 0..5 {
        let figures = [("febrile", 1), ("at_home", 20)];
        reports.push(town.report(&form.name, grid, &figures).await.expect("taken in").report);
    }
    town.sandbox.clock.advance_to(at("17:00"));
    let day = town.reaches(&form.name, pb::DayState::Closed).await;
    let corrections = reports.into_iter().enumerate().map(|(n, name)| {
        let correct = pb::CorrectReportRequest {
            request_id: request_id(),
            name,
            figures: [("febrile".to_owned(), 3)].into(),
            reason: "counted again".to_owned(),
            announce_date: String::new(),
        };
        let duty = town.sandbox.reporting_as(if n < 4 { "duty-0" } else { "duty-1" });
        async move { duty.reports().correct_report(correct).await.expect("a correction is taken in") }
    });
    let seal = |reason: &str| pb::SealDayRequest {
        request_id: request_id(),
        name: day.name.clone(),
        reason: reason.to_owned(),
        ..Default::default()
    };
    let mut days = town.sandbox.reporting_as("duty").days();
    let (_, sealed) = tokio::join!(futures::future::join_all(corrections), days.seal_day(seal("")));
    let first = sealed.expect("sealed").into_inner().seal.unwrap();
    let pending = town.day(&form.name).await.pending_amendments;
    if pending > 0 {
        let second = days.seal_day(seal("corrections")).await.expect("amended").into_inner().seal.unwrap();
        assert_eq!((second.number, second.amendments), (2, pending));
    }
    assert_eq!(first.revisions, 5);
    assert_eq!(figure(&town.rollup(&form.name, &town.sandbox.root).await, "febrile").value, 15);
    let (exceptions, verdict) = town.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
}

#[tokio::test]
async fn a_client_that_vanishes_in_the_middle_leaves_whole_batches() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let reports: Vec<_> = town.grids.iter().map(|grid| said(&form.name, grid, &[])).collect();
    let batch = |sequence| pb::StreamReportsRequest { sequence, reports: reports.clone() };
    let mut client = town.sandbox.reporting_as("duty").reports();
    let endless = futures::StreamExt::chain(
        futures::stream::iter([batch(1)]),
        futures::stream::pending::<pb::StreamReportsRequest>(),
    );
    let answers = client.stream_reports(endless).await.unwrap();
    drop(answers);
    // Sent again with the same request_ids, as the contract says.
    let mut answers = client.stream_reports(futures::stream::iter([batch(1)])).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap().unwrap().sequence, 1);
    let total = town.rollup(&form.name, &town.sandbox.root).await.matrix.unwrap();
    assert_eq!((total.on_time_zero, total.expected), (5, 5));
    let (_, verdict) = town.proof().await;
    assert_eq!((verdict.holds, verdict.revisions), (true, 5));
}

#[tokio::test]
async fn a_deadline_that_has_passed_loses_nothing_and_doubles_nothing() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let said = said(&form.name, &town.grids[0], &[]);
    let mut request = tonic::Request::new(said.clone());
    request.metadata_mut().insert("grpc-timeout", "1n".parse().unwrap());
    let reporting = town.sandbox.reporting_as("reporter-0");
    let refused = reporting.reports().submit_report(request).await.expect_err("too late");
    // The client's own timer may have been first.
    assert!(matches!(refused.code(), Code::DeadlineExceeded | Code::Cancelled), "{refused:?}");
    let (answer, _) = sent(&reporting, said).await;
    assert_eq!((answer.revision, answer.timing()), (1, pb::Timing::OnTime));
}
