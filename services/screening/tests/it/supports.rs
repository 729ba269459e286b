//! Support: what a family at home needs is offered or asked for, accepted, delivered, and confirmed.

use proto::screening as pb;
use tests::{fields, reason, request_id, until};
use tonic::{Code, Status};

use crate::{
    ground::{Ground, NUMBER, details},
    watch::on,
};

impl Ground {
    async fn support(&self, subject: &str, said: pb::SupportRequest) -> Result<pb::SupportRequest, Status> {
        let request =
            pb::CreateSupportRequestRequest { request_id: request_id(), support_request: Some(said) };
        let made = self.screening(subject).supports().create_support_request(request).await?;
        Ok(made.into_inner().support_request.expect("one"))
    }

    async fn move_on(
        &self,
        subject: &str,
        name: &str,
        (state, team, words): (pb::SupportState, &str, &str),
    ) -> Result<pb::SupportRequest, Status> {
        let request = pb::MoveSupportRequestRequest {
            request_id: request_id(),
            name: name.to_owned(),
            state: state.into(),
            care_team: team.to_owned(),
            words: words.to_owned(),
        };
        let moved = self.screening(subject).supports().move_support_request(request).await?;
        Ok(moved.into_inner().support_request.expect("one"))
    }

    async fn team(&self, subject: &str, unit: &str) -> Result<pb::CareTeam, Status> {
        let member = pb::CareTeamMember {
            display_name: "志愿者甲".to_owned(),
            kind: pb::MemberKind::Volunteer.into(),
            phone: "0000-0000001".to_owned(),
        };
        let team = pb::CareTeam {
            unit: unit.to_owned(),
            display_name: "包保小组".to_owned(),
            members: vec![member],
            ..Default::default()
        };
        let request = pb::CreateCareTeamRequest { request_id: request_id(), care_team: Some(team) };
        let made = self.screening(subject).supports().create_care_team(request).await?;
        Ok(made.into_inner().care_team.expect("a team"))
    }
}

/// Two bags of vegetables and fruit for a person.
fn food(person: &str) -> pb::SupportRequest {
    pb::SupportRequest {
        person: person.to_owned(),
        kind: pb::SupportKind::Food.into(),
        items: "2 bags of vegetables and fruit".to_owned(),
        state: pb::SupportState::Offered.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn support_is_offered_accepted_delivered_and_confirmed_and_no_step_is_left_out() {
    use pb::SupportState::{Accepted, Confirmed, Delivered};
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let team = ground.team("duty-0", &ground.counties[0]).await.expect("set up").name;
    let offered = ground.support("leader-0", food(&person)).await.expect("offered");
    assert_eq!(offered.deadline_time, Some(chassis::parse::timestamp(on(4, "00:00"))));
    let early = ground.move_on("leader-0", &offered.name, (Confirmed, "", "")).await.expect_err("not yet");
    assert_eq!((early.code(), reason(&early)), (Code::FailedPrecondition, "SUPPORT_STATE".to_owned()));
    let accepted = ground.move_on("leader-0", &offered.name, (Accepted, &team, "")).await.expect("accepted");
    assert_eq!(accepted.care_team, team);
    let dissolve = async || {
        let request = pb::DissolveCareTeamRequest { request_id: request_id(), name: team.clone() };
        ground.screening("duty-0").supports().dissolve_care_team(request).await
    };
    assert_eq!(reason(&dissolve().await.expect_err("it has to deliver")), "CARE_TEAM_STATE");
    ground.move_on("leader-0", &offered.name, (Delivered, "", "")).await.expect("delivered");
    let again = ground.move_on("leader-0", &offered.name, (Accepted, "", "")).await.expect("it never came");
    assert_eq!(again.deadline_time, Some(chassis::parse::timestamp(on(4, "00:00"))));
    ground.move_on("leader-0", &offered.name, (Delivered, "", "")).await.expect("delivered");
    let done = ground.move_on("leader-0", &offered.name, (Confirmed, "", "")).await.expect("confirmed");
    assert_eq!(done.deadline_time, None);
    dissolve().await.expect("nothing is left to deliver");
    let list = pb::ListSupportRequestsRequest::default();
    let open = ground.screening("leader-0").supports().list_support_requests(list.clone()).await;
    assert!(open.expect("a list").into_inner().support_requests.is_empty());
    let list = pb::ListSupportRequestsRequest { finished: true, person, ..list };
    let all = ground.screening("duty-0").supports().list_support_requests(list).await.expect("a list");
    assert_eq!(all.into_inner().support_requests.len(), 1);
}

#[tokio::test]
async fn what_does_not_come_in_time_is_put_before_the_unit_above() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let care = pb::SupportRequest {
        kind: pb::SupportKind::Care.into(),
        items: "a child left alone".to_owned(),
        state: pb::SupportState::Asked.into(),
        ..food(&person)
    };
    let asked = ground.support("leader-0", care).await.expect("asked");
    assert_eq!(asked.deadline_time, Some(chassis::parse::timestamp(on(3, "02:00"))));
    ground.advance(on(3, "02:00")).await;
    let village = ground.village(0).await;
    let digest =
        until(async || Some(ground.digest(&village).await).filter(|digest| !digest.is_empty())).await;
    assert_eq!((digest[0].kind(), &digest[0].subject), (pb::EscalationKind::SupportOverdue, &asked.name));
    let cancelled = (pb::SupportState::Cancelled, "", "");
    let refused = ground.move_on("leader-0", &asked.name, cancelled).await.expect_err("why?");
    assert_eq!(fields(&refused), ["words"]);
    let cancelled = (pb::SupportState::Cancelled, "", "the grandmother came");
    ground.move_on("leader-0", &asked.name, cancelled).await.expect("cancelled");
    assert!(ground.digest(&village).await.is_empty());
}

#[tokio::test]
async fn a_team_brings_nothing_outside_its_area_and_nobody_supports_the_next_county_s() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let far = ground.team("duty-1", &ground.counties[1]).await.expect("set up").name;
    let by_far = |person: &str| pb::SupportRequest { care_team: far.clone(), ..food(person) };
    let hidden = ground.support("leader-0", by_far(&person)).await.expect_err("nobody he knows");
    assert_eq!(hidden.code(), Code::NotFound);
    let outside = ground.support("duty", by_far(&person)).await.expect_err("outside its area");
    assert_eq!(fields(&outside), ["care_team"]);
    let another = ground.support("leader-2", food(&person)).await.expect_err("another's person");
    assert_eq!(another.code(), Code::NotFound);
    assert_eq!(ground.team("leader-0", &ground.counties[0]).await.expect_err("above").code(), Code::NotFound);
    let list = pb::ListCareTeamsRequest::default();
    let seen =
        ground.screening("duty-0").supports().list_care_teams(list).await.expect("a list").into_inner();
    assert!(seen.care_teams.is_empty());
}
