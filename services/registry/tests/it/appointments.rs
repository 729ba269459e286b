//! Appointments: every office has its holder or is named as vacant, and what an officer may do ends
//! with the appointment.

use chrono::TimeDelta;
use proto::registry::{self as pb, Level, Office};
use tests::{Sandbox, new_appointment, reason, request_id};
use tonic::Code;

fn instant(time: chrono::DateTime<chrono::Utc>) -> Option<prost_types::Timestamp> {
    Some(chassis::parse::timestamp(time))
}

async fn relieve(sandbox: &Sandbox, name: &str) -> Result<pb::Appointment, tonic::Status> {
    let request = pb::RelieveRequest {
        request_id: request_id(),
        name: name.to_owned(),
        end_time: None,
        reason: "轮换".to_owned(),
    };
    let ended = sandbox.registry().appointments().relieve(request).await?;
    Ok(ended.into_inner().appointment.expect("an appointment"))
}

async fn vacancies(sandbox: &Sandbox, ancestor: &str) -> Vec<pb::Vacancy> {
    let request = pb::ListVacanciesRequest {
        ancestor_unit: ancestor.to_owned(),
        ..pb::ListVacanciesRequest::default()
    };
    let listed = sandbox.registry().appointments().list_vacancies(request).await.expect("a page");
    listed.into_inner().vacancies
}

async fn lists_units(sandbox: &Sandbox, subject: &str) -> Result<usize, Code> {
    let listed = sandbox.registry_as(subject).units().list_units(pb::ListUnitsRequest::default()).await;
    listed.map(|page| page.into_inner().units.len()).map_err(|status| status.code())
}

#[tokio::test]
async fn an_appointment_is_the_grant_and_a_relieved_officer_is_refused_at_once() {
    let sandbox = Sandbox::start(&[]).await;
    let county = sandbox.unit(&sandbox.root, Level::County, "甲县").await;
    sandbox.officer(&county.name, "liu").await;
    assert_eq!(lists_units(&sandbox, "liu").await, Err(Code::PermissionDenied), "recorded, not appointed");
    let held = sandbox.appointed(&county.name, Office::Leader, "wang").await;
    assert_eq!(lists_units(&sandbox, "wang").await, Ok(1));
    sandbox.clock.advance_to(sandbox.clock.now() + TimeDelta::seconds(1));
    relieve(&sandbox, &held.name).await.expect("relieved");
    assert_eq!(lists_units(&sandbox, "wang").await, Err(Code::PermissionDenied));
}

#[tokio::test]
async fn an_appointment_holds_from_its_first_instant_to_its_last() {
    let sandbox = Sandbox::start(&[]).await;
    let county = sandbox.unit(&sandbox.root, Level::County, "甲县").await;
    let officer = sandbox.officer(&county.name, "liu").await;
    let now = sandbox.clock.now();
    let mut appointment = new_appointment(&officer.name, &county.name, Office::Leader);
    appointment.start_time = instant(now + TimeDelta::hours(1));
    appointment.end_time = instant(now + TimeDelta::hours(2));
    let request = pb::AppointRequest { request_id: request_id(), appointment: Some(appointment) };
    sandbox.registry().appointments().appoint(request).await.expect("appointed");
    assert_eq!(lists_units(&sandbox, "liu").await, Err(Code::PermissionDenied));
    sandbox.clock.advance_to(now + TimeDelta::hours(1));
    assert_eq!(lists_units(&sandbox, "liu").await, Ok(1));
    sandbox.clock.advance_to(now + TimeDelta::hours(2));
    assert_eq!(lists_units(&sandbox, "liu").await, Err(Code::PermissionDenied));
}

#[tokio::test]
async fn one_holds_an_office_in_full_one_acts_and_deputies_are_many() {
    let sandbox = Sandbox::start(&[]).await;
    let county = sandbox.unit(&sandbox.root, Level::County, "甲县").await;
    sandbox.appointed(&county.name, Office::Leader, "first").await;
    let appoint = async |subject: &str, holding: pb::Holding| {
        let officer = sandbox.officer(&county.name, subject).await;
        let mut appointment = new_appointment(&officer.name, &county.name, Office::Leader);
        appointment.holding = holding.into();
        let request = pb::AppointRequest { request_id: request_id(), appointment: Some(appointment) };
        sandbox.registry().appointments().appoint(request).await.map(|_| ()).map_err(|status| reason(&status))
    };
    assert_eq!(appoint("second", pb::Holding::Full).await, Err("OFFICE_HELD".to_owned()));
    assert_eq!(appoint("third", pb::Holding::Acting).await, Ok(()));
    assert_eq!(appoint("fourth", pb::Holding::Acting).await, Err("OFFICE_HELD".to_owned()));
    assert_eq!(appoint("fifth", pb::Holding::Deputy).await, Ok(()));
    assert_eq!(appoint("sixth", pb::Holding::Deputy).await, Ok(()));
}

#[tokio::test]
async fn a_hand_over_leaves_no_gap_and_no_overlap() {
    let sandbox = Sandbox::start(&[]).await;
    let county = sandbox.unit(&sandbox.root, Level::County, "甲县").await;
    let former = sandbox.appointed(&county.name, Office::Leader, "former").await;
    let successor = sandbox.officer(&county.name, "successor").await;
    let noon = sandbox.clock.now() + TimeDelta::hours(12);
    let request = pb::HandOverRequest {
        request_id: request_id(),
        name: former.name,
        successor_officer: successor.name,
        hand_over_time: instant(noon),
        overlap_end_time: instant(noon + TimeDelta::hours(2)),
        reason: "轮换".to_owned(),
    };
    let done = sandbox.registry().appointments().hand_over(request).await.expect("handed over").into_inner();
    let (former, successor) = (done.former.unwrap(), done.successor.unwrap());
    assert_eq!(former.end_time, successor.start_time);
    let overlap = done.overlap.expect("an overlap was said");
    assert_eq!((overlap.holding(), overlap.officer), (pb::Holding::Deputy, former.officer));
    sandbox.clock.advance_to(noon);
    assert_eq!(lists_units(&sandbox, "successor").await, Ok(1));
    assert_eq!(lists_units(&sandbox, "former").await, Ok(1), "as deputy");
    sandbox.clock.advance_to(noon + TimeDelta::hours(2));
    assert_eq!(lists_units(&sandbox, "former").await, Err(Code::PermissionDenied));
}

#[tokio::test]
async fn a_vacancy_is_named_with_who_answers_by_default() {
    let sandbox = Sandbox::start(&[]).await;
    let village = sandbox.unit(&sandbox.root, Level::Village, "丁村").await;
    let grid = sandbox.unit(&village.name, Level::Grid, "第1网格").await;
    sandbox.appointed(&village.name, Office::Leader, "leader").await;
    sandbox.appointed(&village.name, Office::DutyOfficer, "duty").await;
    let vacant = vacancies(&sandbox, &village.name).await;
    let offices: Vec<_> = vacant.iter().map(pb::Vacancy::office).collect();
    assert_eq!(offices, [Office::InformationReporter, Office::Leader]);
    for vacancy in &vacant {
        assert_eq!((vacancy.unit.as_str(), vacancy.display_name.as_str()), (grid.name.as_str(), "第1网格"));
        let answering = vacancy.answering.as_ref().expect("the village's duty officer");
        assert_eq!(
            (answering.display_name.as_str(), answering.unit.as_str()),
            ("样例 duty", village.name.as_str())
        );
    }
    sandbox.appointed(&grid.name, Office::Leader, "grid.leader").await;
    let left: Vec<_> = vacancies(&sandbox, &village.name).await.iter().map(pb::Vacancy::office).collect();
    assert_eq!(left, [Office::InformationReporter]);
}

#[tokio::test]
async fn who_answers_is_visible_to_every_officer_of_the_city() {
    let sandbox = Sandbox::start(&[]).await;
    let one = sandbox.unit(&sandbox.root, Level::County, "甲县").await;
    let other = sandbox.unit(&sandbox.root, Level::County, "乙县").await;
    let grid = sandbox.unit(&other.name, Level::Grid, "第1网格").await;
    sandbox.appointed(&one.name, Office::InformationReporter, "reporter").await;
    sandbox.appointed(&other.name, Office::DutyOfficer, "duty").await;
    let mut appointments = sandbox.registry_as("reporter").appointments();
    let asked = appointments.get_answering(pb::GetAnsweringRequest { unit: grid.name }).await;
    let contacts = asked.expect("visible").into_inner().contacts;
    assert_eq!(contacts.len(), 1);
    assert_eq!(
        (contacts[0].display_name.as_str(), contacts[0].unit.as_str()),
        ("样例 duty", other.name.as_str())
    );
    assert_eq!(contacts[0].official_phone, "0000-0000001");
}

#[tokio::test]
async fn nobody_hands_out_more_than_they_have_nor_outside_their_hands() {
    let sandbox = Sandbox::start(&[]).await;
    let one = sandbox.unit(&sandbox.root, Level::County, "甲县").await;
    let other = sandbox.unit(&sandbox.root, Level::County, "乙县").await;
    let grid = sandbox.unit(&one.name, Level::Grid, "第1网格").await;
    sandbox.appointed(&one.name, Office::DutyOfficer, "duty").await;
    let officer = sandbox.officer(&one.name, "liu").await;
    let appoint = async |unit: &str, office: Office| {
        let appointment = Some(new_appointment(&officer.name, unit, office));
        let request = pb::AppointRequest { request_id: request_id(), appointment };
        let appointed = sandbox.registry_as("duty").appointments().appoint(request).await;
        appointed.map(|_| ()).map_err(|status| reason(&status))
    };
    assert_eq!(appoint(&grid.name, Office::InformationReporter).await, Ok(()));
    assert_eq!(appoint(&one.name, Office::Administrator).await, Err("OFFICE_ABOVE_CALLER".to_owned()));
    assert_eq!(appoint(&other.name, Office::Leader).await, Err("NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn what_was_done_stays_done() {
    let sandbox = Sandbox::start(&[]).await;
    let county = sandbox.unit(&sandbox.root, Level::County, "甲县").await;
    let held = sandbox.appointed(&county.name, Office::Leader, "liu").await;
    let before = sandbox.clock.now() - TimeDelta::hours(1);
    let mut early = new_appointment(&held.officer, &county.name, Office::DutyOfficer);
    early.start_time = instant(before);
    let request = pb::AppointRequest { request_id: request_id(), appointment: Some(early) };
    let refused = sandbox.registry().appointments().appoint(request).await.expect_err("in the past");
    assert_eq!(refused.code(), Code::InvalidArgument);
    sandbox.clock.advance_to(sandbox.clock.now() + TimeDelta::hours(1));
    relieve(&sandbox, &held.name).await.expect("relieved");
    let again = relieve(&sandbox, &held.name).await.expect_err("ended already");
    assert_eq!(reason(&again), "NOT_IN_FORCE");
}

#[tokio::test]
async fn a_thousand_are_appointed_at_once_or_none() {
    let sandbox = Sandbox::start(&[]).await;
    let county = sandbox.unit(&sandbox.root, Level::County, "甲县").await;
    let units = (0..200).map(|grid| tests::new_unit(&county.name, Level::Grid, &format!("第{grid}网格")));
    let request = pb::BatchCreateUnitsRequest { request_id: request_id(), units: units.collect() };
    let grids = sandbox.registry().units().batch_create_units(request).await.unwrap().into_inner().units;
    let officers =
        grids.iter().enumerate().map(|(at, grid)| tests::new_officer(&grid.name, &format!("o{at}")));
    let request = pb::BatchCreateOfficersRequest { request_id: request_id(), officers: officers.collect() };
    let officers = sandbox.registry().officers().batch_create_officers(request).await.unwrap().into_inner();
    let pairs = grids.iter().zip(&officers.officers);
    let mut appointments: Vec<_> =
        pairs.map(|(grid, officer)| new_appointment(&officer.name, &grid.name, Office::Leader)).collect();
    let double = appointments[0].clone();
    appointments.push(double);
    let mut client = sandbox.registry().appointments();
    let request = pb::BatchAppointRequest { request_id: request_id(), appointments: appointments.clone() };
    let refused = client.batch_appoint(request).await.expect_err("one is double");
    assert_eq!(reason(&refused), "OFFICE_HELD");
    appointments.pop();
    let request = pb::BatchAppointRequest { request_id: request_id(), appointments };
    let made = client.batch_appoint(request).await.expect("appointed").into_inner();
    assert_eq!(made.appointments.len(), 200);
    assert_eq!(lists_units(&sandbox, "o199").await, Ok(1));
}
