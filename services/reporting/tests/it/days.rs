//! Days: what is expected, closing, sign-offs and seals.

use proto::{registry, reporting as pb};
use tests::{fields, reason, request_id};
use tonic::Code;

use crate::town::{DATE, Town, at, epidemic_day, figure, grid_day, said, submit};

#[tokio::test]
async fn a_day_opens_by_itself_and_expects_every_grid_once() {
    let town = Town::build().await;
    let request = pb::CreateFormRequest { request_id: request_id(), form: Some(grid_day()) };
    let form =
        town.sandbox.reporting().forms().create_form(request).await.unwrap().into_inner().form.unwrap();
    let day = tests::until(async || {
        let request = pb::ListDaysRequest { form: form.name.clone(), ..Default::default() };
        let days = town.sandbox.reporting().days().list_days(request).await.unwrap().into_inner().days;
        days.into_iter().find(|day| day.state() == pb::DayState::Open)
    })
    .await;
    assert_eq!((day.expected, day.opened_parts), (5, day.parts));
    let total = town.rollup(&form.name, &town.sandbox.root).await.matrix.unwrap();
    assert_eq!((total.expected, total.due), (5, 5));
}

#[tokio::test]
async fn two_who_open_the_same_day_at_once_open_one() {
    let town = Town::build().await;
    let request = pb::CreateFormRequest { request_id: request_id(), form: Some(grid_day()) };
    let form =
        town.sandbox.reporting().forms().create_form(request).await.unwrap().into_inner().form.unwrap();
    let (a, b) = tokio::join!(town.open(&form.name, "2020-02-03"), town.open(&form.name, "2020-02-03"));
    assert_eq!(a.name, b.name);
    let day = town.reaches(&form.name, pb::DayState::Open).await;
    assert_eq!(day.expected, 5);
}

#[tokio::test]
async fn a_request_id_opens_and_closes_one_day_only() {
    let town = Town::build().await;
    let (form, other) = (town.form(grid_day()).await, town.form(epidemic_day()).await);
    let mut days = town.sandbox.reporting_as("duty").days();
    let open = |form: &pb::Form, request_id: &str| pb::OpenDayRequest {
        request_id: request_id.to_owned(),
        form: form.name.clone(),
        business_date: DATE.to_owned(),
    };
    let id = request_id();
    let first = days.open_day(open(&form, &id)).await.expect("open").into_inner().day.unwrap();
    let again = days.open_day(open(&form, &id)).await.expect("open").into_inner().day.unwrap();
    assert_eq!(first, again);
    let refused = days.open_day(open(&other, &id)).await.expect_err("another day");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "REQUEST_ID_REUSED"));

    for grid in 0..5 {
        town.report(&form.name, grid, &[]).await.expect("taken in");
    }
    let close = |name: &str, request_id: &str| pb::CloseDayRequest {
        request_id: request_id.to_owned(),
        name: name.to_owned(),
    };
    let id = request_id();
    let closed = days.close_day(close(&first.name, &id)).await.expect("closed").into_inner().day.unwrap();
    assert_eq!(closed.state(), pb::DayState::Closed);
    let again = days.close_day(close(&first.name, &id)).await.expect("closed").into_inner().day.unwrap();
    assert_eq!(closed, again);
    let other = town.day(&other.name).await;
    let refused = days.close_day(close(&other.name, &id)).await.expect_err("another day");
    assert_eq!(reason(&refused), "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn a_day_that_has_not_begun_is_not_opened() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let request = pb::OpenDayRequest {
        request_id: request_id(),
        form: form.name,
        business_date: "2020-02-04".to_owned(),
    };
    let refused = town.sandbox.reporting().days().open_day(request).await.expect_err("tomorrow");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "DAY_NOT_BEGUN"));
}

#[tokio::test]
async fn what_has_not_come_at_the_hard_close_is_missing() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    town.report(&form.name, 0, &[]).await.expect("taken in");
    town.sandbox.clock.advance_to(at("17:00"));
    let day = town.reaches(&form.name, pb::DayState::Closed).await;
    assert!(day.close_time.is_some());
    let total = town.rollup(&form.name, &town.sandbox.root).await.matrix.unwrap();
    assert_eq!((total.on_time_zero, total.missing, total.due), (1, 4, 0));
    let missing = town.missing(&form.name).await;
    assert_eq!(missing.len(), 4);
    assert_eq!(missing[0].officer_display_name, "样例 leader-1");
    assert!(!missing[0].official_phone.is_empty());
}

#[tokio::test]
async fn a_day_is_not_closed_by_hand_while_reports_are_due() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let day = town.day(&form.name).await;
    let close = || pb::CloseDayRequest { request_id: request_id(), name: day.name.clone() };
    let mut days = town.sandbox.reporting_as("duty").days();
    let refused = days.close_day(close()).await.expect_err("five are due");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "DAY_NOT_OVER"));
    for grid in 0..5 {
        town.report(&form.name, grid, &[]).await.expect("taken in");
    }
    let closed = days.close_day(close()).await.expect("nothing is due").into_inner().day.unwrap();
    assert_eq!(closed.state(), pb::DayState::Closed);
    // Closed is closed, whatever the hour: a further report takes a correction.
    let refused = town.report(&form.name, 0, &[("febrile", 1), ("at_home", 1)]).await.expect_err("closed");
    assert_eq!(reason(&refused), "USE_CORRECTION");
}

#[tokio::test]
async fn an_override_moves_one_day_s_deadline() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let mut schedule = form.schedule.clone().unwrap();
    schedule.slots[0].deadline_minutes = 1_380;
    schedule.slots[0].hard_close_minutes = 1_400;
    let request = pb::OverrideDayRequest {
        request_id: request_id(),
        form: form.name.clone(),
        business_date: "2020-02-03".to_owned(),
        schedule: Some(schedule),
        reason: "the lines were down until noon".to_owned(),
    };
    let made = town.sandbox.reporting_as("duty").days().override_day(request).await.expect("overridden");
    assert!(made.into_inner().day.is_some());
    town.sandbox.clock.advance_to(at("22:00"));
    let taken = town.report(&form.name, 0, &[]).await.expect("taken in");
    assert_eq!(taken.timing(), pb::Timing::OnTime);
    let day = town.day(&form.name).await;
    assert_eq!(day.r#override.unwrap().reason, "the lines were down until noon");
}

#[tokio::test]
async fn a_seal_waits_for_every_county_and_a_change_makes_a_sign_off_stale() {
    let town = Town::build().await;
    let form = town.form(epidemic_day()).await;
    for (nth, unit) in town.towns.iter().enumerate() {
        let health = town.sandbox.reporting_as(if nth < 2 { "health-0" } else { "health-1" });
        submit(&health, said(&form.name, unit, &[("confirmed", 1), ("discharged", 0), ("observed", 9)]))
            .await
            .expect("taken in");
    }
    town.sandbox.clock.advance_to(at("17:00"));
    let day = town.reaches(&form.name, pb::DayState::Closed).await;
    let seal =
        || pb::SealDayRequest { request_id: request_id(), name: day.name.clone(), ..Default::default() };
    let mut city = town.sandbox.reporting_as("duty").days();
    let refused = city.seal_day(seal()).await.expect_err("nobody has signed");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "NOT_SIGNED_OFF"));

    let sign = async |county: usize| {
        let figures_etag = town.rollup(&form.name, &town.counties[county]).await.etag;
        let request = pb::SignOffDayRequest {
            request_id: request_id(),
            name: day.name.clone(),
            unit: town.counties[county].clone(),
            figures_etag,
            note: String::new(),
        };
        let mut days = town.sandbox.reporting_as(&format!("duty-{county}")).days();
        days.sign_off_day(request).await.map(tonic::Response::into_inner)
    };
    assert_eq!(sign(0).await.expect("signed").outstanding, 1);
    assert_eq!(sign(1).await.expect("signed").outstanding, 0);
    // A correction after the sign-off: agree again.
    let list = pb::ListReportsRequest {
        form: form.name.clone(),
        business_date: "2020-02-03".to_owned(),
        ..Default::default()
    };
    let report = town.sandbox.reporting().reports().list_reports(list).await.unwrap().into_inner().reports;
    let correct = pb::CorrectReportRequest {
        request_id: request_id(),
        name: report[0].name.clone(),
        figures: [("confirmed".to_owned(), 2)].into(),
        reason: "counted at the wrong town".to_owned(),
        announce_date: String::new(),
    };
    town.sandbox.reporting_as("health-0").reports().correct_report(correct).await.expect("corrected");
    let refused = city.seal_day(seal()).await.expect_err("stale");
    assert_eq!(reason(&refused), "NOT_SIGNED_OFF");
    assert!(town.day(&form.name).await.sign_offs[0].stale);
    sign(0).await.expect("signed again");
    let sealed = city.seal_day(seal()).await.expect("sealed").into_inner().seal.unwrap();
    assert_eq!((sealed.number, sealed.revisions, sealed.digest.len()), (1, 3, 64));
    let total = town.rollup(&form.name, &town.sandbox.root).await;
    assert_eq!(figure(&total, "confirmed").value, 4);
}

#[tokio::test]
async fn a_seal_is_amended_with_a_reason_and_only_by_something_new() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    town.report(&form.name, 0, &[("febrile", 1), ("at_home", 3)]).await.expect("taken in");
    let first = town.sealed(&form.name, "").await;
    let again = |reason: &str| pb::SealDayRequest {
        request_id: request_id(),
        name: first.day.clone(),
        reason: reason.to_owned(),
        ..Default::default()
    };
    let mut days = town.sandbox.reporting_as("duty").days();
    let refused = days.seal_day(again("late")).await.expect_err("nothing has come");
    assert_eq!(reason(&refused), "NOTHING_TO_AMEND");

    let late = town.report(&form.name, 1, &[]).await.expect("a fact is taken in");
    assert_eq!((late.timing(), late.revision), (pb::Timing::AfterClose, 1));
    assert_eq!(town.day(&form.name).await.pending_amendments, 1);
    let refused = days.seal_day(again("")).await.expect_err("without a reason");
    assert_eq!(fields(&refused), ["reason"]);
    let second = days.seal_day(again("a late report")).await.expect("amended").into_inner().seal.unwrap();
    assert_eq!((second.number, second.amendments), (2, 1));
    assert_ne!(second.digest, first.digest);

    // What was sealed stays as it was.
    let sealed = async |seal: i32| {
        let request = pb::GetRollupRequest {
            form: form.name.clone(),
            business_date: "2020-02-03".to_owned(),
            unit: town.sandbox.root.clone(),
            seal,
        };
        let rollup =
            town.sandbox.reporting().rollups().get_rollup(request).await.unwrap().into_inner().rollup;
        rollup.unwrap().matrix.unwrap()
    };
    assert_eq!((sealed(1).await.missing, sealed(1).await.after_close_zero), (4, 0));
    assert_eq!((sealed(2).await.missing, sealed(2).await.after_close_zero), (3, 1));
}

#[tokio::test]
async fn a_unit_made_during_the_day_is_listed_and_expected_from_the_next() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let made = town.sandbox.unit(&town.villages[0], registry::Level::Grid, "新网格").await;
    let day =
        tests::until(async || Some(town.day(&form.name).await).filter(|day| day.difference_count > 0)).await;
    assert_eq!(day.differences[0].unit, made.name);
    assert_eq!(day.differences[0].kind(), pb::opening_difference::Kind::NotExpected);
    assert_eq!(day.expected, 5);
    // The other county has no part in it.
    let request = pb::GetDayRequest { name: day.name, ..Default::default() };
    let seen = town.sandbox.reporting_as("duty-1").days().get_day(request).await.unwrap();
    let seen = seen.into_inner().day.unwrap();
    assert_eq!((seen.difference_count, seen.differences.len()), (0, 0));
    town.sandbox.clock.advance_to("2020-02-03T16:00:00Z".parse().unwrap());
    let tomorrow = town.open(&form.name, "2020-02-04").await;
    assert_eq!(tomorrow.expected, 6);
}

#[tokio::test]
async fn a_unit_closed_during_the_day_is_excused_with_the_reason() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let close = registry::UpdateUnitRequest {
        request_id: request_id(),
        unit: Some(registry::Unit {
            name: town.grids[1].clone(),
            status: registry::UnitStatus::Closed.into(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["status".to_owned()] }),
        effective_date: "2020-02-03".to_owned(),
        ..Default::default()
    };
    town.sandbox.registry().units().update_unit(close).await.expect("closed");
    let total = tests::until(async || {
        let total = town.rollup(&form.name, &town.sandbox.root).await.matrix.unwrap();
        Some(total).filter(|total| total.excused == 1)
    })
    .await;
    assert_eq!((total.expected, total.due), (5, 4));
    let taken = town.report(&form.name, 1, &[]).await;
    // It reports all the same, for the day on which it still was: taken in.
    assert_eq!(taken.expect("taken in").timing(), pb::Timing::OnTime);
}
