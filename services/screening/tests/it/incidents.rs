//! Incidents: a county's first case and every cluster are found by the call that confirms, and reported by the clock.

use proto::screening as pb;
use tests::{reason, request_id, until};
use tonic::Code;

use crate::{
    ground::{Ground, NUMBER, OTHER_NUMBER, details, without_papers},
    watch::on,
};

impl Ground {
    async fn incidents(&self, subject: &str) -> Vec<pb::Incident> {
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
