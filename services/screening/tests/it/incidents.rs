//! Incidents: a county's first case and every cluster are found by the call that confirms, and reported by the clock.

use proto::screening::{self as pb, exposure_item::Contact, exposure_result::Result as Taken};
use tests::{reason, request_id, until};
use tonic::Code;

use crate::{
    exposures::{contact, somebody},
    ground::{Ground, NUMBER, OTHER_NUMBER, details, without_papers},
    watch::on,
};

impl Ground {
    pub(crate) async fn incidents(&self, subject: &str) -> Vec<pb::Incident> {
        let request = pb::ListIncidentsRequest::default();
        let answer = self.screening(subject).incidents().list_incidents(request).await.expect("a list");
        answer.into_inner().incidents
    }
}

#[tokio::test]
async fn r7_r8_the_first_case_of_a_county_and_two_in_one_grid_are_incidents() {
    let ground = Ground::with_doctors().await;
    let first = ground.found(0, details(NUMBER)).await.name;
    let confirmed = ground.confirmed(0, &first).await;
    let incidents = ground.incidents("doctor-0").await;
    assert_eq!(confirmed.incidents, [incidents[0].name.clone()]);
    assert_eq!(
        (incidents[0].kind(), &incidents[0].unit, incidents[0].grade),
        (pb::IncidentKind::FirstCase, &ground.counties[0], 0)
    );
    assert_eq!(incidents[0].deadline_time, Some(chassis::parse::timestamp(on(3, "02:00"))));
    let elsewhere = ground.found(1, details(OTHER_NUMBER)).await.name;
    assert!(ground.confirmed(0, &elsewhere).await.incidents.is_empty(), "another grid");
    let second = ground.found(0, without_papers("1980-01-01")).await.name;
    let made = ground.confirmed(0, &second).await.incidents;
    assert_eq!(made.len(), 1);
    let cluster = ground.incidents("doctor-0").await.remove(1);
    assert_eq!((cluster.kind(), &cluster.unit), (pb::IncidentKind::Cluster, &ground.grids[0]));
    let third = ground.found(0, without_papers("1980-01-02")).await.name;
    assert!(ground.confirmed(0, &third).await.incidents.is_empty(), "the same cluster");
    assert!(ground.incidents("doctor-1").await.is_empty(), "another county's");
}

#[tokio::test]
async fn r7_an_incident_that_nobody_reports_is_put_before_the_unit_and_then_above() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let incident = ground.confirmed(0, &person).await.incidents.remove(0);
    let said = |digest: Vec<pb::Escalation>| {
        digest.into_iter().find(|one| one.kind() == pb::EscalationKind::IncidentOverdue)
    };
    let at_once = until(async || said(ground.digest(&ground.counties[0]).await)).await;
    assert_eq!(at_once.subject, incident);
    ground.advance(on(3, "02:00")).await;
    until(async || said(ground.digest(&ground.sandbox.root).await)).await;
    let report = async |grade: i32| {
        let request = pb::ReportIncidentRequest {
            request_id: request_id(),
            name: incident.clone(),
            grade,
            ..Default::default()
        };
        ground.screening("doctor-0").incidents().report_incident(request).await
    };
    report(0).await.expect("reported");
    assert!(said(ground.digest(&ground.sandbox.root).await).is_none());
    let graded = report(3).await.expect("graded later").into_inner().incident.expect("one");
    assert_eq!(graded.grade, 3);
    let refused = report(2).await.expect_err("reported and graded");
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "INCIDENT_REPORTED".to_owned())
    );
}

#[tokio::test]
async fn r8_a_closed_grid_s_cases_are_a_cluster_where_it_stands() {
    let ground = Ground::with_doctors().await;
    let persons = [details(NUMBER), details(OTHER_NUMBER)].map(|details| ground.found(0, details));
    let [first, second] = persons;
    let (first, second) = (first.await.name, second.await.name);
    ground.close(0).await;
    let village = ground.village(0).await;
    let list = pb::ListPersonsRequest { ancestor_unit: ground.grids[0].clone(), ..Default::default() };
    until(async || ground.screening("duty-0").persons().list_persons(list.clone()).await.err()).await;
    ground.confirmed(0, &first).await;
    assert_eq!(ground.confirmed(0, &second).await.incidents.len(), 1);
    let cluster = ground.incidents("doctor-0").await.remove(1);
    assert_eq!((cluster.kind(), cluster.unit), (pb::IncidentKind::Cluster, village));
}

#[tokio::test]
async fn r8_two_who_are_present_at_one_place_are_a_cluster_wherever_they_reside() {
    let ground = Ground::with_doctors().await;
    let mut made = Vec::new();
    for (grid, number) in [(0, NUMBER), (1, OTHER_NUMBER)] {
        let mut person = crate::ground::person(&ground.grids[grid], details(number));
        person.present_unit = ground.grids[2].clone();
        let request =
            pb::IntakePersonRequest { request_id: request_id(), person: Some(person), source: String::new() };
        let leader = ground.screening(&format!("leader-{grid}"));
        let person = leader.persons().intake_person(request).await.expect("taken in").into_inner().person;
        made = ground.confirmed(0, &person.expect("a person").name).await.incidents;
    }
    assert_eq!(made.len(), 1);
    let cluster = ground.incidents("doctor-1").await.remove(0);
    assert_eq!((cluster.kind(), &cluster.unit), (pb::IncidentKind::Cluster, &ground.grids[2]));
}

/// Takes in somebody at a grid as its leader, who is at a place that is no unit.
async fn staying(ground: &Ground, grid: usize, details: pb::PersonDetails, place: &str) -> String {
    let details = pb::PersonDetails { present_place: place.to_owned(), ..details };
    ground.found(grid, details).await.name
}

#[tokio::test]
async fn r8_r23_two_who_are_at_one_named_place_are_a_cluster_of_the_county() {
    let ground = Ground::with_doctors().await;
    let first = staying(&ground, 0, details(NUMBER), "样例大酒店（有限公司）").await;
    let second = staying(&ground, 1, details(OTHER_NUMBER), "样例 大酒店").await;
    let next_county = staying(&ground, 2, without_papers("1980-01-01"), "样例大酒店").await;
    assert_eq!(ground.confirmed(0, &first).await.incidents.len(), 1, "the county's first case");
    assert_eq!(ground.confirmed(1, &next_county).await.incidents.len(), 1, "another county's, its first");
    let made = ground.confirmed(0, &second).await.incidents;
    assert_eq!(made.len(), 1);
    let cluster = ground.incidents("doctor-0").await.remove(1);
    assert_eq!((cluster.kind(), &cluster.unit), (pb::IncidentKind::Cluster, &ground.counties[0]));
    assert_eq!((&cluster.name, cluster.place.as_str()), (&made[0], ""), "where persons are is sealed");
    let third = staying(&ground, 0, without_papers("1980-01-02"), "样例大酒店").await;
    let made = ground.confirmed(0, &third).await.incidents;
    let kinds: Vec<_> = ground.incidents("doctor-0").await.into_iter().map(|one| one.unit).collect();
    assert_eq!((made.len(), &kinds[2]), (1, &ground.grids[0]), "the same place; but two of its grid");
    let mut sql = ground.sandbox.sql().await;
    let shown: String = sqlx::query_scalar("SELECT string_agg(i::text, ' ') FROM screening.incident i")
        .fetch_one(&mut sql)
        .await
        .expect("incidents");
    assert!(!shown.contains("样例"), "{shown}");
}

#[tokio::test]
async fn r8_the_name_of_a_unit_and_a_hospital_that_cases_are_brought_to_are_no_small_place() {
    let ground = Ground::with_doctors().await;
    for (grid, details) in [(0, details(NUMBER)), (1, details(OTHER_NUMBER))] {
        let person = staying(&ground, grid, details, "甲县").await;
        ground.confirmed(0, &person).await;
    }
    assert_eq!(ground.incidents("doctor-0").await.len(), 1, "the county's first case, and no cluster");
    for (grid, born) in [(0, "1980-01-01"), (1, "1980-01-02")] {
        let person = staying(&ground, grid, without_papers(born), "甲县人民医院").await;
        let admission = pb::Admission {
            person: person.clone(),
            facility: "甲县人民医院".to_owned(),
            admit_time: Some(chassis::parse::timestamp(on(2, "12:00"))),
            ..Default::default()
        };
        let request = pb::RecordAdmissionRequest { request_id: request_id(), admission: Some(admission) };
        ground.screening("doctor-0").admissions().record_admission(request).await.expect("recorded");
        ground.confirmed(0, &person).await;
    }
    let found = ground.incidents("doctor-0").await;
    let at_county = found.iter().filter(|one| one.unit == ground.counties[0]).count();
    assert_eq!(at_county, 1, "{found:?}");
}

/// Enters an exposure as the doctor of the county, whose new contacts grid 1 takes in; answers the contact.
async fn met(ground: &Ground, item: pb::ExposureItem) -> String {
    let taken = ground.expose("doctor-0", 1, vec![item]).await.expect("an answer");
    match taken.into_iter().next() {
        Some(Taken::Accepted(accepted)) => accepted.exposure.expect("one").contact,
        other => panic!("not taken in: {other:?}"),
    }
}

#[tokio::test]
async fn r8_who_met_at_one_named_place_are_a_cluster_whether_it_is_known_before_or_after() {
    let ground = Ground::with_doctors().await;
    let index = ground.found(0, details(NUMBER)).await.name;
    let at_work = |born: &str| pb::ExposureItem {
        place: "样例食品厂 食堂".to_owned(),
        ..contact(&index, somebody(born), on(2, "12:00"))
    };
    let known = met(&ground, at_work("1980-01-01")).await;
    ground.confirmed(0, &index).await;
    let made = ground.confirmed(0, &known).await.incidents;
    assert_eq!(made.len(), 1);
    let cluster = ground.incidents("doctor-0").await.remove(1);
    assert_eq!((&cluster.name, &cluster.unit), (&made[0], &ground.counties[0]));
    assert_eq!(cluster.place, "样例食品厂 食堂");

    // Two who were confirmed already, of whom somebody says later where they met.
    let ground = Ground::with_doctors().await;
    let index = ground.found(0, details(NUMBER)).await.name;
    let other = ground.found(1, details(OTHER_NUMBER)).await.name;
    for person in [&index, &other] {
        ground.confirmed(0, person).await;
    }
    assert_eq!(ground.incidents("doctor-0").await.len(), 1);
    let met = pb::ExposureItem {
        place: "样例饭店".to_owned(),
        ..contact(&index, Contact::Person(other.clone()), on(2, "12:00"))
    };
    assert_eq!(self::met(&ground, met).await, other);
    let found = ground.incidents("doctor-0").await;
    assert_eq!((found.len(), found[1].place.as_str()), (2, "样例饭店"));
}

#[tokio::test]
async fn r8_by_edition_7_it_takes_five_at_a_named_place() {
    let sandbox = tests::Sandbox::start_at("2020-09-20T00:00:00Z", &[tests::Part::Screening]).await;
    let ground = Ground::on(sandbox).await.and_doctors().await;
    let instant = "2020-09-19T12:00:00+08:00".parse().expect("an instant");
    let mut made = Vec::new();
    for nth in 0..5 {
        let born = format!("1980-01-0{}", nth + 1);
        let person = staying(&ground, nth % 2, without_papers(&born), "样例敬老院").await;
        let result = ground.tested(0, &person, pb::TestOutcome::Positive, instant).await.name;
        let known =
            pb::Case { person: person.clone(), links: vec![1], signs: vec![1, 2, 3], ..Default::default() };
        let request = pb::OpenCaseRequest { request_id: request_id(), case: Some(known) };
        let opened = ground.screening("doctor-0").cases().open_case(request).await.expect("opened");
        let case = opened.into_inner().case.expect("a case").name;
        let classified = ground.classify(0, &case, (pb::CaseState::Confirmed, &result, "")).await;
        made.push(classified.expect("confirmed").incidents.len());
    }
    assert_eq!(made, [1, 0, 0, 0, 1], "the county's first case, then the cluster");
}

#[tokio::test]
async fn r8_by_edition_2_somebody_febrile_beside_a_case_is_a_suspected_cluster_whoever_is_found_first() {
    let sandbox = tests::Sandbox::start_at("2020-01-22T16:00:00Z", &[tests::Part::Screening]).await;
    let ground = Ground::on(sandbox).await.and_doctors().await;
    let instant = "2020-01-22T12:00:00+08:00".parse().expect("an instant");
    let confirmed = async |person: String| {
        let known =
            pb::Case { person: person.clone(), links: vec![1], signs: vec![1, 2, 3], ..Default::default() };
        let request = pb::OpenCaseRequest { request_id: request_id(), case: Some(known) };
        let opened = ground.screening("doctor-0").cases().open_case(request).await.expect("opened");
        let case = opened.into_inner().case.expect("a case").name;
        let result = ground.tested(0, &person, pb::TestOutcome::Positive, instant).await.name;
        ground.classify(0, &case, (pb::CaseState::Confirmed, &result, "")).await.expect("confirmed").incidents
    };
    let febrile = async |grid: usize, born: &str| {
        let mut person = crate::ground::person(&ground.grids[grid], without_papers(born));
        person.purpose = pb::Purpose::Febrile.into();
        let request =
            pb::IntakePersonRequest { request_id: request_id(), person: Some(person), source: String::new() };
        let leader = ground.screening(&format!("leader-{grid}"));
        leader.persons().intake_person(request).await.expect("taken in");
    };
    let first = ground.found(0, details(NUMBER)).await.name;
    assert_eq!(confirmed(first).await.len(), 1, "the county's first case");
    febrile(1, "1980-01-01").await;
    assert_eq!(ground.incidents("doctor-0").await.len(), 1, "in another grid");
    febrile(0, "1980-01-02").await;
    let suspected = ground.incidents("doctor-0").await.remove(1);
    assert_eq!((suspected.kind(), &suspected.unit), (pb::IncidentKind::SuspectedCluster, &ground.grids[0]));
    assert_eq!(suspected.control_plan, 2);
    let second = ground.found(1, details(OTHER_NUMBER)).await.name;
    assert_eq!(confirmed(second).await.len(), 1, "the febrile one was there before");
}
