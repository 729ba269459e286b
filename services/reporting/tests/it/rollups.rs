//! Roll-ups: exact, scoped, carried and cumulative.

use std::time::Duration;

use proto::reporting as pb;
use tests::{reason, request_id};
use tonic::Code;

use crate::town::{DATE, Town, at, epidemic_day, figure, grid_day, said, submit};

#[tokio::test]
async fn a_parent_s_total_is_the_sum_of_its_children_s() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    for grid in 0..5 {
        let figures = [("febrile", 1), ("at_home", 10 + grid as i64)];
        town.report(&form.name, grid, &figures).await.expect("taken in");
    }
    for parent in [&town.sandbox.root, &town.counties[0], &town.towns[0], &town.villages[0]] {
        let list = pb::ListRollupsRequest {
            form: form.name.clone(),
            business_date: DATE.to_owned(),
            parent_unit: parent.clone(),
            ..Default::default()
        };
        let children =
            town.sandbox.reporting().rollups().list_rollups(list).await.unwrap().into_inner().rollups;
        let total = town.rollup(&form.name, parent).await;
        let sum: i64 = children.iter().map(|child| figure(child, "at_home").value).sum();
        let expected: i64 = children.iter().map(|child| child.matrix.as_ref().unwrap().expected).sum();
        assert_eq!((figure(&total, "at_home").value, total.matrix.unwrap().expected), (sum, expected));
    }
}

#[tokio::test]
async fn a_county_sees_nothing_of_the_next() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let neighbour = town.sandbox.reporting_as("duty-1").rollups();
    for unit in [&town.counties[0], &town.towns[0], &town.grids[0], &town.sandbox.root] {
        let request = pb::GetRollupRequest {
            form: form.name.clone(),
            business_date: DATE.to_owned(),
            unit: unit.clone(),
            seal: 0,
        };
        let refused = neighbour.clone().get_rollup(request).await.expect_err("not theirs");
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "NOT_FOUND"));
    }
    let list = pb::ListRollupsRequest {
        form: form.name.clone(),
        business_date: DATE.to_owned(),
        parent_unit: town.sandbox.root.clone(),
        ..Default::default()
    };
    let refused = neighbour.clone().list_rollups(list).await.expect_err("not theirs");
    assert_eq!(refused.code(), Code::NotFound);
    let watch = pb::WatchRollupRequest {
        form: form.name,
        business_date: DATE.to_owned(),
        unit: town.counties[0].clone(),
    };
    let mut stream = neighbour.clone().watch_rollup(watch).await.unwrap().into_inner();
    assert_eq!(stream.message().await.expect_err("not theirs").code(), Code::NotFound);
}

#[tokio::test]
async fn the_stock_of_a_silent_unit_is_carried_as_last_known_and_never_summed() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    for grid in 0..5 {
        town.report(&form.name, grid, &[("febrile", 1), ("at_home", 10)]).await.expect("taken in");
    }
    town.sandbox.clock.advance_to("2020-02-03T16:00:00Z".parse().unwrap());
    town.open(&form.name, "2020-02-04").await;
    let request = pb::SubmitReportRequest {
        business_date: "2020-02-04".to_owned(),
        ..said(&form.name, &town.grids[0], &[("febrile", 0), ("at_home", 7)])
    };
    submit(&town.sandbox.reporting_as("reporter-0"), request).await.expect("taken in");
    let request = pb::GetRollupRequest {
        form: form.name,
        business_date: "2020-02-04".to_owned(),
        unit: town.sandbox.root.clone(),
        seal: 0,
    };
    let total =
        town.sandbox.reporting().rollups().get_rollup(request).await.unwrap().into_inner().rollup.unwrap();
    let at_home = figure(&total, "at_home");
    assert_eq!((at_home.value, at_home.unknown, at_home.last_known, at_home.last_known_units), (7, 4, 40, 4));
    // A flow of a silent unit is not known at all.
    assert_eq!((figure(&total, "febrile").value, figure(&total, "febrile").last_known), (0, 0));
}

#[tokio::test]
async fn a_cumulative_figure_is_the_opening_balance_and_all_flows_since() {
    let town = Town::build().await;
    let form = town.form(epidemic_day()).await;
    let balances = pb::SetOpeningBalancesRequest {
        request_id: request_id(),
        form: form.name.clone(),
        as_of: "2020-02-02".to_owned(),
        balances: vec![
            pb::OpeningBalance { unit: town.towns[0].clone(), figures: [("confirmed".to_owned(), 7)].into() },
            pb::OpeningBalance { unit: town.towns[2].clone(), figures: [("confirmed".to_owned(), 5)].into() },
        ],
    };
    town.sandbox.reporting().rollups().set_opening_balances(balances.clone()).await.expect("set");
    let health = town.sandbox.reporting_as("health-0");
    let figures = [("confirmed", 2), ("discharged", 1), ("observed", 4)];
    submit(&health, said(&form.name, &town.towns[0], &figures)).await.expect("taken in");
    let cumulative = async |unit: &str| {
        let total = town.rollup(&form.name, unit).await;
        (figure(&total, "confirmed").cumulative.unwrap(), figure(&total, "discharged").cumulative.unwrap())
    };
    assert_eq!(cumulative(&town.towns[0]).await, (9, 1));
    assert_eq!(cumulative(&town.counties[0]).await, (9, 1));
    assert_eq!(cumulative(&town.sandbox.root).await, (14, 1));
    town.sealed(&form.name, "the counties have agreed by phone").await;
    let later = pb::SetOpeningBalancesRequest { request_id: request_id(), ..balances };
    let refused = town.sandbox.reporting().rollups().set_opening_balances(later).await.expect_err("in use");
    assert_eq!(reason(&refused), "BALANCE_IN_USE");
}

#[tokio::test]
async fn a_watched_total_comes_now_and_whenever_it_changes() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let watch = pb::WatchRollupRequest {
        form: form.name.clone(),
        business_date: DATE.to_owned(),
        unit: town.sandbox.root.clone(),
    };
    let mut stream = town.sandbox.reporting().rollups().watch_rollup(watch).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap().rollup.expect("now");
    assert_eq!(first.matrix.unwrap().due, 5);
    town.report(&form.name, 0, &[]).await.expect("taken in");
    let next = loop {
        let message = tokio::time::timeout(Duration::from_secs(5), stream.message()).await.expect("in time");
        if let Some(rollup) = message.unwrap().unwrap().rollup {
            break rollup;
        }
    };
    assert_eq!(next.matrix.unwrap().on_time_zero, 1);
}

#[tokio::test]
async fn a_series_has_every_day_that_was_opened() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    town.report(&form.name, 0, &[("febrile", 2), ("at_home", 2)]).await.expect("taken in");
    town.sandbox.clock.advance_to(at("23:00") + chrono::TimeDelta::hours(2));
    town.open(&form.name, "2020-02-04").await;
    let series = pb::GetSeriesRequest {
        form: form.name,
        unit: town.counties[0].clone(),
        start_date: "2020-02-01".to_owned(),
        end_date: "2020-02-10".to_owned(),
        as_sealed: false,
    };
    let rollups = town.sandbox.reporting().rollups().get_series(series).await.unwrap().into_inner().rollups;
    let days: Vec<_> =
        rollups.iter().map(|one| (one.business_date.as_str(), figure(one, "febrile").value)).collect();
    assert_eq!(days, [("2020-02-03", 2), ("2020-02-04", 0)]);
}
