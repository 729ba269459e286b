//! Alarms: one digest a unit, the most dangerous first, risen a level a day.

use proto::{medical as pb, registry};
use tests::{request_id, until};
use tonic::Code;

use crate::ground::{Ground, count, on};

#[tokio::test]
async fn m10_beds_of_which_nobody_knows_are_the_countys_at_once_and_the_citys_a_day_later() {
    let ground = Ground::build().await;
    ground.sandbox.clock.advance_to(on(3, "08:00"));
    let facility = ground.hospital(&ground.town, "东镇医院", pb::Role::DesignatedHospital).await;
    let ward = ground.ward(&facility, "隔离病区", pb::BedClass::IsolationSingle).await.name;
    assert!(ground.alarmed(&ground.counties[0]).await.is_empty(), "nobody need have counted yet");
    ground.sandbox.clock.advance_to(on(3, "20:00"));
    let alarms = ground.alarms(&ground.counties[0]).await;
    assert_eq!(alarms.len(), 1);
    assert_eq!((alarms[0].kind(), &alarms[0].subject), (pb::AlarmKind::CapacityUnknown, &ward));
    assert_eq!(alarms[0].since_time, Some(chassis::parse::timestamp(on(3, "20:00"))));
    assert_eq!((&alarms[0].facility, &alarms[0].unit), (&facility, &ground.town));
    let root = &ground.sandbox.root;
    ground.sandbox.clock.advance_to(on(4, "19:59"));
    assert!(ground.alarmed(root).await.is_empty());
    ground.sandbox.clock.advance_to(on(4, "20:00"));
    assert_eq!(ground.alarmed(root).await, [pb::AlarmKind::CapacityUnknown]);
    assert_eq!(ground.alarmed(&ground.counties[0]).await.len(), 1, "and is still the county's");
    ground.count(count(&ward, on(4, "20:00"), (4, 4, 0))).await;
    assert!(ground.alarmed(root).await.is_empty() && ground.alarmed(&ground.counties[0]).await.is_empty());
}

#[tokio::test]
async fn a_digest_is_in_the_order_of_danger_comes_in_pages_and_is_no_neighbours() {
    let ground = Ground::build().await;
    ground.sandbox.clock.advance_to(on(3, "08:00"));
    let small = pb::Facility {
        grade: pb::FacilityGrade::Ungraded.into(),
        organisation_code: "91110000101623741X".to_owned(),
        ..crate::ground::hospital(&ground.town, "东镇卫生院")
    };
    let small = ground.enter("duty-0", small).await.expect("entered").name;
    ground.grant("duty-0", &small, pb::Role::FeverClinic).await.expect("granted");
    let phone = ground.phone(&small, "0738-0000001", ("", "")).await.name;
    for minute in 0..3 {
        let at = on(3, &format!("07:0{minute}"));
        ground.call("leader", &phone, pb::CallOutcome::OutOfService, at).await.expect("recorded");
    }
    let silent = ground.ward(&small, "留观室", pb::BedClass::Observation).await.name;
    let over = ground.ward(&small, "隔离室", pb::BedClass::IsolationSingle).await.name;
    ground.sandbox.clock.advance_to(on(3, "20:00"));
    ground.count(count(&over, on(3, "20:00"), (2, 1, 2))).await;
    let kinds = [
        pb::AlarmKind::WardOverStaffed,
        pb::AlarmKind::CapacityUnknown,
        pb::AlarmKind::PhoneUnanswered,
        pb::AlarmKind::RoleBelowGrade,
        pb::AlarmKind::CodeUnconfirmed,
    ];
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let holder_unit = ground.counties[0].clone();
        let request = pb::ListAlarmsRequest { holder_unit, page_size: 2, page_token };
        let page =
            ground.medical("health-0").alarms().list_alarms(request).await.expect("a page").into_inner();
        found.extend(page.alarms);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(found.iter().map(pb::Alarm::kind).collect::<Vec<_>>(), kinds);
    assert_eq!([&found[0].subject, &found[1].subject, &found[2].subject], [&over, &silent, &phone]);
    assert!(ground.alarms(&ground.counties[1]).await.is_empty());
    let request = pb::ListAlarmsRequest { holder_unit: ground.counties[0].clone(), ..Default::default() };
    let far = ground.medical("duty-1").alarms().list_alarms(request).await.expect_err("another's");
    assert_eq!(far.code(), Code::NotFound);
    // What is no emergency stays with the county.
    ground.sandbox.clock.advance_to(on(9, "08:00"));
    let city = ground.alarmed(&ground.sandbox.root).await;
    assert!(
        !city.contains(&pb::AlarmKind::RoleBelowGrade) && !city.contains(&pb::AlarmKind::CodeUnconfirmed)
    );
    assert!(city.contains(&pb::AlarmKind::PhoneUnanswered), "{city:?}");
}

#[tokio::test]
async fn a_facility_goes_with_its_unit_into_another_county() {
    let ground = Ground::build().await;
    ground.sandbox.clock.advance_to(on(3, "08:00"));
    let facility = ground.hospital(&ground.town, "东镇医院", pb::Role::DesignatedHospital).await;
    let class = pb::BedClass::IsolationSingle;
    let ward = ground.ward(&facility, "隔离病区", class).await.name;
    ground.count(count(&ward, on(3, "08:00"), (4, 2, 3))).await;
    ground
        .set("duty-1", &ground.counties[1], pb::PolicyKind::FigureHours, Some(class), 2)
        .await
        .expect("set");
    assert_eq!(ground.alarmed(&ground.counties[0]).await.len(), 1);
    let request = registry::UpdateUnitRequest {
        request_id: request_id(),
        unit: Some(registry::Unit {
            name: ground.town.clone(),
            parent_unit: ground.counties[1].clone(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["parent_unit".to_owned()] }),
        effective_date: "2020-02-03".to_owned(),
        ..Default::default()
    };
    ground.sandbox.registry().units().update_unit(request).await.expect("moved");
    until(async || ground.facility("duty-1", &facility).await.ok()).await;
    until(async || (ground.alarmed(&ground.counties[1]).await.len() == 1).then_some(())).await;
    assert!(ground.alarmed(&ground.counties[0]).await.is_empty());
    assert!(ground.listed("duty-0", "").await.expect("a list").is_empty());
    assert_eq!(ground.listed("duty-1", "").await.expect("a list").len(), 1);
    let fresh = chassis::parse::timestamp(on(3, "10:00"));
    until(async || (ground.seen(&ward).await.fresh_until_time == Some(fresh)).then_some(())).await;
}
