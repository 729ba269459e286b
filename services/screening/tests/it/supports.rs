//! Support: what a family at home needs is offered or asked for, accepted, delivered, and confirmed.

use proto::screening as pb;
use tests::{fields, reason, request_id, until};
use tonic::{Code, Status};

use crate::{
    ground::{Ground, NUMBER, all_pages, details},
    watch::on,
};

impl Ground {
    pub(crate) async fn support(
        &self,
        subject: &str,
        said: pb::SupportRequest,
    ) -> Result<pb::SupportRequest, Status> {
        let request =
            pb::CreateSupportRequestRequest { request_id: request_id(), support_request: Some(said) };
        let made = self.screening(subject).supports().create_support_request(request).await?;
        Ok(made.into_inner().support_request.expect("one"))
    }

    pub(crate) async fn move_on(
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
pub(crate) fn food(person: &str) -> pb::SupportRequest {
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
    let again = (Accepted, "", "nobody had brought it");
    let again = ground.move_on("leader-0", &offered.name, again).await.expect("it never came");
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

#[tokio::test]
async fn every_move_of_support_is_kept_and_what_never_came_needs_words() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let name = ground.support("leader-0", food(&person)).await.expect("offered").name;
    use pb::SupportState::{Accepted, Delivered, Offered};
    ground.move_on("leader-0", &name, (Accepted, "", "")).await.expect("accepted");
    ground.move_on("leader-0", &name, (Delivered, "", "at the door")).await.expect("delivered");
    let silent = ground.move_on("leader-0", &name, (Accepted, "", "")).await.expect_err("why?");
    assert_eq!(fields(&silent), ["words"]);
    ground.move_on("leader-0", &name, (Accepted, "", "the wrong door")).await.expect("again");
    let get = async |subject: &str| {
        let request = pb::GetSupportRequestRequest { name: name.clone() };
        ground.screening(subject).supports().get_support_request(request).await
    };
    let shown = get("duty-0").await.expect("shown").into_inner();
    let moves: Vec<_> = shown.events.iter().map(|one| (one.state(), one.words.as_str())).collect();
    assert_eq!(
        moves,
        [(Offered, ""), (Accepted, ""), (Delivered, "at the door"), (Accepted, "the wrong door")]
    );
    assert!(shown.events.iter().all(|one| one.said_by == "leader-0" && one.deadline_time.is_some()));
    assert_eq!(get("leader-2").await.expect_err("another's").code(), Code::NotFound);
}

#[tokio::test]
async fn what_must_be_done_comes_in_due_order_and_what_is_due_soon_is_there() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let slow = ground.support("leader-0", food(&person)).await.expect("offered").name;
    let fast = pb::SupportRequest { kind: pb::SupportKind::Care.into(), ..food(&person) };
    let fast = ground.support("leader-0", fast).await.expect("offered").name;
    let due = all_pages(async |page_token| {
        let (due_order, page_size) = (true, 1);
        let request =
            pb::ListSupportRequestsRequest { due_order, page_size, page_token, ..Default::default() };
        let page = ground.screening("leader-0").supports().list_support_requests(request).await;
        let page = page.expect("a page").into_inner();
        (page.support_requests.into_iter().map(|one| one.name).collect(), page.next_page_token)
    })
    .await;
    assert_eq!(due, [fast, slow]);
}

#[tokio::test]
async fn support_that_is_made_while_the_person_changes_hands_waits_and_is_right() {
    use sqlx::Executor as _;
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let mut sql = ground.sandbox.sql().await;
    let (id, to) = (person.trim_start_matches("persons/"), ground.grids[1].trim_start_matches("units/"));
    let [id, to] = [id, to].map(|id| id.parse::<uuid::Uuid>().expect("an id"));
    sql.execute("BEGIN").await.expect("begun");
    let moved = sqlx::query("UPDATE screening.person SET unit_id = $2 WHERE id = $1").bind(id).bind(to);
    moved.execute(&mut sql).await.expect("moved");
    let making = ground.support("duty-0", food(&person));
    let waiting = async {
        let mut other = ground.sandbox.sql().await;
        until(async || {
            let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FOR KEY SHARE%'";
            let waits: i64 = sqlx::query_scalar(waits).fetch_one(&mut other).await.expect("a count");
            (waits > 0).then_some(())
        })
        .await;
        sql.execute("COMMIT").await.expect("committed");
    };
    let (made, ()) = tokio::join!(making, waiting);
    assert_eq!(made.expect("made").responsible_unit, ground.grids[1]);
}
