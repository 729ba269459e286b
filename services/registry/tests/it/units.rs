//! Units: a dated tree whose history stays as it was.

use proto::registry as pb;
use tests::{Sandbox, fields, new_unit, reason, request_id};
use tonic::Code;

fn update(name: &str, paths: &[&str]) -> pb::UpdateUnitRequest {
    pb::UpdateUnitRequest {
        request_id: request_id(),
        unit: Some(pb::Unit { name: name.to_owned(), ..pb::Unit::default() }),
        update_mask: Some(prost_types::FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }),
        ..pb::UpdateUnitRequest::default()
    }
}

async fn as_of(sandbox: &Sandbox, name: &str, date: &str) -> pb::Unit {
    let request = pb::GetUnitRequest { name: name.to_owned(), as_of: date.to_owned() };
    let got = sandbox.registry().units().get_unit(request).await;
    got.expect("the unit is there").into_inner().unit.expect("a unit")
}

async fn list(sandbox: &Sandbox, request: pb::ListUnitsRequest) -> Vec<String> {
    let listed = sandbox.registry().units().list_units(request).await.expect("a page");
    listed.into_inner().units.into_iter().map(|unit| unit.display_name).collect()
}

#[tokio::test]
async fn a_renamed_unit_keeps_its_old_name_on_old_days() {
    let sandbox = Sandbox::start(&[]).await;
    let county = sandbox.unit(&sandbox.root, pb::Level::County, "甲县").await;

    let mut request = update(&county.name, &["display_name"]);
    request.effective_date = "2020-03-01".to_owned();
    request.unit.as_mut().unwrap().display_name = "甲区".to_owned();
    sandbox.registry().units().update_unit(request).await.expect("renamed");

    assert_eq!(as_of(&sandbox, &county.name, "2020-02-29").await.display_name, "甲县");
    assert_eq!(as_of(&sandbox, &county.name, "2020-03-01").await.display_name, "甲区");
}

#[tokio::test]
async fn a_moved_unit_takes_its_subtree_along_from_that_date_on() {
    let sandbox = Sandbox::start(&[]).await;
    let from = sandbox.unit(&sandbox.root, pb::Level::County, "甲县").await;
    let to = sandbox.unit(&sandbox.root, pb::Level::County, "乙县").await;
    let town = sandbox.unit(&from.name, pb::Level::Township, "丙镇").await;
    let village = sandbox.unit(&town.name, pb::Level::Village, "丁村").await;

    let mut request = update(&town.name, &["parent_unit"]);
    request.effective_date = "2020-02-10".to_owned();
    request.unit.as_mut().unwrap().parent_unit = to.name.clone();
    sandbox.registry().units().update_unit(request).await.expect("moved");

    let below = |ancestor: &str, date: &str| pb::ListUnitsRequest {
        ancestor_unit: ancestor.to_owned(),
        as_of: date.to_owned(),
        ..pb::ListUnitsRequest::default()
    };
    assert_eq!(list(&sandbox, below(&from.name, "2020-02-09")).await, ["丙镇", "丁村"]);
    assert!(list(&sandbox, below(&from.name, "2020-02-10")).await.is_empty());
    assert_eq!(list(&sandbox, below(&to.name, "2020-02-10")).await, ["丙镇", "丁村"]);
    assert_eq!(as_of(&sandbox, &village.name, "2020-02-10").await.parent_unit, town.name);
}

#[tokio::test]
async fn a_unit_never_stands_below_itself() {
    let sandbox = Sandbox::start(&[]).await;
    let county = sandbox.unit(&sandbox.root, pb::Level::County, "甲县").await;
    let town = sandbox.unit(&county.name, pb::Level::Township, "丙镇").await;
    let mut request = update(&county.name, &["parent_unit"]);
    request.unit.as_mut().unwrap().parent_unit = town.name;
    let refused = sandbox.registry().units().update_unit(request).await.expect_err("a cycle");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "CYCLE"));
}

#[tokio::test]
async fn a_parent_stands_at_a_higher_level() {
    let sandbox = Sandbox::start(&[]).await;
    let county = sandbox.unit(&sandbox.root, pb::Level::County, "甲县").await;
    let village = sandbox.unit(&county.name, pb::Level::Village, "直管村").await;
    assert_eq!(village.parent_unit, county.name, "not necessarily the next level");
    let request = pb::CreateUnitRequest {
        request_id: request_id(),
        unit: Some(new_unit(&village.name, pb::Level::Township, "丙镇")),
    };
    let refused = sandbox.registry().units().create_unit(request).await.expect_err("upside down");
    assert_eq!(reason(&refused), "PARENT_NOT_ABOVE");
}

#[tokio::test]
async fn i3_a_code_means_one_unit_in_its_system_and_vintage() {
    let sandbox = Sandbox::start(&[]).await;
    let code = |system: &str| pb::UnitCode {
        system: system.to_owned(),
        vintage: "2019".to_owned(),
        code: "990101000000".to_owned(),
    };
    let create = |name: &str, system: &str| {
        let mut unit = new_unit(&sandbox.root, pb::Level::County, name);
        unit.codes = vec![code(system)];
        pb::CreateUnitRequest { request_id: request_id(), unit: Some(unit) }
    };
    let mut units = sandbox.registry().units();
    units.create_unit(create("甲县", "NBS")).await.expect("the first");
    units.create_unit(create("乙县", "MCA")).await.expect("the same digits elsewhere");
    let refused = units.create_unit(create("丙县", "NBS")).await.expect_err("taken");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "CODE_TAKEN"));
    assert!(refused.message().contains("NBS/2019/990101000000"), "{}", refused.message());

    let request = pb::LookupUnitRequest { code: Some(code("NBS")), as_of: String::new() };
    let found = units.lookup_unit(request).await.expect("found").into_inner();
    assert_eq!(found.unit.unwrap().display_name, "甲县");
}

#[tokio::test]
async fn a_closed_unit_stays_readable_and_leaves_the_list() {
    let sandbox = Sandbox::start(&[]).await;
    let old = sandbox.unit(&sandbox.root, pb::Level::County, "甲县").await;
    let new = sandbox.unit(&sandbox.root, pb::Level::County, "乙县").await;
    let mut request = update(&old.name, &["status", "successor_units"]);
    request.effective_date = "2020-02-10".to_owned();
    let unit = request.unit.as_mut().unwrap();
    unit.set_status(pb::UnitStatus::Closed);
    unit.successor_units = vec![new.name.clone()];
    sandbox.registry().units().update_unit(request).await.expect("closed");

    let closed = as_of(&sandbox, &old.name, "2020-02-10").await;
    assert_eq!(closed.status(), pb::UnitStatus::Closed);
    assert_eq!(closed.end_date, "2020-02-10");
    assert_eq!(closed.successor_units, [new.name]);
    let below = pb::ListUnitsRequest {
        ancestor_unit: sandbox.root.clone(),
        as_of: "2020-02-10".to_owned(),
        ..pb::ListUnitsRequest::default()
    };
    assert_eq!(list(&sandbox, below.clone()).await, ["乙县"]);
    let all = pb::ListUnitsRequest { show_closed: true, ..below };
    assert_eq!(list(&sandbox, all).await, ["甲县", "乙县"]);
}

#[tokio::test]
async fn a_unit_with_units_at_work_below_it_is_not_closed() {
    let sandbox = Sandbox::start(&[]).await;
    let county = sandbox.unit(&sandbox.root, pb::Level::County, "甲县").await;
    sandbox.unit(&county.name, pb::Level::Township, "丙镇").await;
    let mut request = update(&county.name, &["status"]);
    request.unit.as_mut().unwrap().set_status(pb::UnitStatus::Closed);
    let refused = sandbox.registry().units().update_unit(request).await.expect_err("children");
    assert_eq!(reason(&refused), "UNIT_HAS_CHILDREN");
}

#[tokio::test]
async fn every_violation_is_named_at_once() {
    let sandbox = Sandbox::start(&[]).await;
    let request = pb::CreateUnitRequest {
        request_id: request_id(),
        unit: Some(pb::NewUnit {
            display_name: "\u{fffd}i子口村".to_owned(),
            level: 9,
            parent_unit: "units/nowhere".to_owned(),
            start_date: "2020-02-30".to_owned(),
            ..pb::NewUnit::default()
        }),
    };
    let refused = sandbox.registry().units().create_unit(request).await.expect_err("all wrong");
    assert_eq!(fields(&refused), ["unit.display_name", "unit.level", "unit.parent_unit", "unit.start_date"]);
}

#[tokio::test]
async fn an_update_says_what_it_changes() {
    let sandbox = Sandbox::start(&[]).await;
    let county = sandbox.unit(&sandbox.root, pb::Level::County, "甲县").await;
    let mut units = sandbox.registry().units();
    let refused = units.update_unit(update(&county.name, &[])).await.expect_err("no mask");
    assert_eq!(fields(&refused), ["update_mask"]);
    let refused = units.update_unit(update(&county.name, &["level"])).await.expect_err("fixed");
    assert_eq!(fields(&refused), ["update_mask"]);
}

#[tokio::test]
async fn a_stale_etag_aborts_and_tells_the_present_one() {
    let sandbox = Sandbox::start(&[]).await;
    let county = sandbox.unit(&sandbox.root, pb::Level::County, "甲县").await;
    let mut request = update(&county.name, &["display_name"]);
    request.etag = county.etag.clone();
    request.unit.as_mut().unwrap().display_name = "甲区".to_owned();
    let mut units = sandbox.registry().units();
    units.update_unit(request.clone()).await.expect("the etag fits");
    request.request_id = request_id();
    let refused = units.update_unit(request).await.expect_err("stale");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
}

#[tokio::test]
async fn a_repeated_request_id_answers_as_before_and_does_nothing() {
    let sandbox = Sandbox::start(&[]).await;
    let request = pb::CreateUnitRequest {
        request_id: request_id(),
        unit: Some(new_unit(&sandbox.root, pb::Level::County, "甲县")),
    };
    let mut units = sandbox.registry().units();
    let first = units.create_unit(request.clone()).await.expect("created").into_inner();
    let again = units.create_unit(request.clone()).await.expect("answered").into_inner();
    assert_eq!(first, again);

    let mut other = request;
    other.unit.as_mut().unwrap().display_name = "乙县".to_owned();
    let refused = units.create_unit(other).await.expect_err("another body");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "REQUEST_ID_REUSED"));
}

#[tokio::test]
async fn concurrent_doubles_of_a_request_id_do_the_work_once() {
    let sandbox = Sandbox::start(&[]).await;
    let request = pb::CreateUnitRequest {
        request_id: request_id(),
        unit: Some(new_unit(&sandbox.root, pb::Level::County, "甲县")),
    };
    let calls = (0..8).map(|_| {
        let mut units = sandbox.registry().units();
        let request = request.clone();
        tokio::spawn(async move { units.create_unit(request).await })
    });
    let calls: Vec<_> = calls.collect();
    let mut names = Vec::new();
    for call in calls {
        let answer = call.await.unwrap().expect("answered").into_inner();
        names.push(answer.unit.unwrap().name);
    }
    names.dedup();
    assert_eq!(names.len(), 1);
    let below =
        pb::ListUnitsRequest { ancestor_unit: sandbox.root.clone(), ..pb::ListUnitsRequest::default() };
    assert_eq!(list(&sandbox, below).await, ["甲县"]);
}

#[tokio::test]
async fn pages_follow_the_order_of_the_tree_and_miss_nobody() {
    let sandbox = Sandbox::start(&[]).await;
    let county = sandbox.unit(&sandbox.root, pb::Level::County, "甲县").await;
    for town in 0..5 {
        let town = sandbox.unit(&county.name, pb::Level::Township, &format!("镇{town}")).await;
        sandbox.unit(&town.name, pb::Level::Village, "村").await;
    }
    let mut request =
        pb::ListUnitsRequest { ancestor_unit: county.name, page_size: 3, ..pb::ListUnitsRequest::default() };
    let mut seen = Vec::new();
    loop {
        let page = sandbox.registry().units().list_units(request.clone()).await.unwrap().into_inner();
        assert!(page.units.len() <= 3);
        seen.extend(page.units.into_iter().map(|unit| unit.display_name));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(seen, ["镇0", "村", "镇1", "村", "镇2", "村", "镇3", "村", "镇4", "村"]);
}

#[tokio::test]
async fn a_page_token_belongs_to_one_query() {
    let sandbox = Sandbox::start(&[]).await;
    for name in ["甲县", "乙县", "丙县"] {
        sandbox.unit(&sandbox.root, pb::Level::County, name).await;
    }
    let mut units = sandbox.registry().units();
    let first = pb::ListUnitsRequest { page_size: 1, ..pb::ListUnitsRequest::default() };
    let token = units.list_units(first.clone()).await.unwrap().into_inner().next_page_token;
    let mut changed = token.clone().into_bytes();
    changed[4] = if changed[4] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    let wrong = [
        pb::ListUnitsRequest { page_token: changed, ..first.clone() },
        pb::ListUnitsRequest { page_token: token.clone(), show_closed: true, ..first.clone() },
        pb::ListUnitsRequest { page_token: "%%%".to_owned(), ..first.clone() },
    ];
    for request in wrong {
        let refused = units.list_units(request).await.expect_err("not this query's");
        assert_eq!(reason(&refused), "PAGE_TOKEN_MISMATCH");
    }
    let next = pb::ListUnitsRequest { page_token: token, ..first };
    assert_eq!(units.list_units(next).await.expect("fits").into_inner().units.len(), 1);
}

#[tokio::test]
async fn a_batch_is_made_whole_or_not_at_all() {
    let sandbox = Sandbox::start(&[]).await;
    let mut county = new_unit(&sandbox.root, pb::Level::County, "甲县");
    county.client_id = "a".to_owned();
    let town = new_unit("client:a", pb::Level::Township, "丙镇");
    let wrong = new_unit("client:a", pb::Level::City, "倒置市");
    let batch = |units: Vec<pb::NewUnit>| pb::BatchCreateUnitsRequest { request_id: request_id(), units };
    let mut units = sandbox.registry().units();
    let refused = units
        .batch_create_units(batch(vec![county.clone(), town.clone(), wrong]))
        .await
        .expect_err("one is upside down");
    assert_eq!(reason(&refused), "PARENT_NOT_ABOVE");
    let everything =
        pb::ListUnitsRequest { ancestor_unit: sandbox.root.clone(), ..pb::ListUnitsRequest::default() };
    assert!(list(&sandbox, everything.clone()).await.is_empty());

    let made = units.batch_create_units(batch(vec![county, town])).await.expect("made").into_inner();
    assert_eq!(made.units[1].parent_unit, made.units[0].name);
    assert_eq!(list(&sandbox, everything).await, ["甲县", "丙镇"]);
}

#[tokio::test]
async fn a_batch_of_1001_is_refused() {
    let sandbox = Sandbox::start(&[]).await;
    let unit = new_unit(&sandbox.root, pb::Level::County, "甲县");
    let request = pb::BatchCreateUnitsRequest { request_id: request_id(), units: vec![unit; 1_001] };
    let refused = sandbox.registry().units().batch_create_units(request).await.expect_err("too many");
    assert_eq!(fields(&refused), ["units"]);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let sandbox = Sandbox::start(&[]).await;
    let county = sandbox.unit(&sandbox.root, pb::Level::County, "甲县").await;
    let sandbox = sandbox.restart().await;
    assert_eq!(as_of(&sandbox, &county.name, "").await.display_name, "甲县");
}

fn status(unit: &pb::Unit, status: pb::UnitStatus, from: &str) -> pb::UpdateUnitRequest {
    let mut request = update(&unit.name, &["status"]);
    request.effective_date = from.to_owned();
    request.unit.as_mut().unwrap().set_status(status);
    request
}

#[tokio::test]
async fn a_unit_closed_earlier_than_first_said_closed_on_the_earlier_date() {
    let sandbox = Sandbox::start(&[]).await;
    let county = sandbox.unit(&sandbox.root, pb::Level::County, "甲县").await;
    for date in ["2020-02-10", "2020-02-05"] {
        let request = status(&county, pb::UnitStatus::Closed, date);
        sandbox.registry().units().update_unit(request).await.expect("closed");
    }
    assert_eq!(as_of(&sandbox, &county.name, "2020-02-11").await.end_date, "2020-02-05");
}

#[tokio::test]
async fn a_unit_opens_again_only_under_one_at_work() {
    let sandbox = Sandbox::start(&[]).await;
    let county = sandbox.unit(&sandbox.root, pb::Level::County, "甲县").await;
    let town = sandbox.unit(&county.name, pb::Level::Township, "丙镇").await;
    let mut units = sandbox.registry().units();
    for unit in [&town, &county] {
        units.update_unit(status(unit, pb::UnitStatus::Closed, "")).await.expect("closed");
    }
    let refused =
        units.update_unit(status(&town, pb::UnitStatus::Active, "")).await.expect_err("closed above");
    assert_eq!(reason(&refused), "PARENT_NOT_IN_FORCE");
}
