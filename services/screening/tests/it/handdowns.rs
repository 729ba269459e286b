//! Hand-downs: along city, county, township to the lowest known unit, by the clock, and nobody falls between.

use proto::screening::{self as pb, handdown_result::Result as Taken};
use tests::{fields, reason, request_id, until};
use tonic::{Code, Status};

use crate::{
    ground::{Ground, NUMBER, OTHER_NUMBER, details, person},
    watch::on,
};

impl Ground {
    /// Takes in somebody at the city and hands them down to a unit as its duty officer.
    pub(crate) async fn handed_down(&self, number: &str, to: &str) -> pb::Handdown {
        let person = person(&self.sandbox.root, details(number));
        let request =
            pb::IntakePersonRequest { request_id: request_id(), person: Some(person), source: String::new() };
        let taken = self.screening("duty").persons().intake_person(request).await.expect("taken in");
        let person = taken.into_inner().person.expect("a person").name;
        self.hand_down("duty", &person, to).await.expect("handed down")
    }

    pub(crate) async fn hand_down(
        &self,
        subject: &str,
        person: &str,
        to: &str,
    ) -> Result<pb::Handdown, Status> {
        let request = pb::CreateHanddownRequest {
            request_id: request_id(),
            person: person.to_owned(),
            to_unit: to.to_owned(),
            ..Default::default()
        };
        let answer = self.screening(subject).handdowns().create_handdown(request).await?;
        Ok(answer.into_inner().handdown.expect("a hand-down"))
    }

    pub(crate) async fn send_down(&self, subject: &str, unit: &str) -> (i32, i32) {
        let request = pb::SendHanddownsRequest { request_id: request_id(), from_unit: unit.to_owned() };
        let sent = self.screening(subject).handdowns().send_handdowns(request).await.expect("sent");
        let sent = sent.into_inner();
        (sent.sent, sent.unaddressed)
    }

    pub(crate) async fn acknowledge(&self, subject: &str, name: &str) -> Result<pb::Handdown, Status> {
        let names = vec![name.to_owned()];
        let request = pb::AcknowledgeHanddownsRequest { request_id: request_id(), names };
        let answer = self.screening(subject).handdowns().acknowledge_handdowns(request).await?;
        Ok(answer.into_inner().handdowns.remove(0))
    }

    pub(crate) async fn verify(
        &self,
        subject: &str,
        name: &str,
        outcome: pb::HanddownOutcome,
        to: &str,
    ) -> Result<pb::VerifyHanddownResponse, Status> {
        let request = pb::VerifyHanddownRequest {
            request_id: request_id(),
            name: name.to_owned(),
            outcome: outcome.into(),
            to_unit: to.to_owned(),
            evidence: "letter 1, by the village".to_owned(),
            receipt: (outcome == pb::HanddownOutcome::LeftArea && to.is_empty()).then(receipt),
            ..Default::default()
        };
        Ok(self.screening(subject).handdowns().verify_handdown(request).await?.into_inner())
    }

    pub(crate) async fn shown(&self, subject: &str, name: &str) -> Result<pb::GetHanddownResponse, Status> {
        let request = pb::GetHanddownRequest { name: name.to_owned() };
        Ok(self.screening(subject).handdowns().get_handdown(request).await?.into_inner())
    }

    /// A person who has come as far as a grid of the first county, acknowledged by its leader.
    pub(crate) async fn arrived(&self, number: &str, grid: usize) -> pb::Handdown {
        let first = self.handed_down(number, &self.grids[grid]).await;
        self.send_down("duty", &self.sandbox.root).await;
        let next = self.acknowledge("duty-0", &first.name).await.expect("acknowledged").next;
        self.send_down("duty-0", &self.counties[0]).await;
        self.acknowledge(&format!("leader-{grid}"), &next).await.expect("acknowledged")
    }

    pub(crate) async fn ingest(
        &self,
        subject: &str,
        from: &str,
        kind: pb::ListKind,
        items: Vec<pb::HanddownItem>,
    ) -> Result<Vec<Taken>, Status> {
        let source = pb::HanddownSource {
            kind: kind.into(),
            reference: "2020-02-11/1".to_owned(),
            ..Default::default()
        };
        let request = pb::IngestHanddownsRequest { from_unit: from.to_owned(), source: Some(source), items };
        let answer = self.screening(subject).handdowns().ingest_handdowns(request).await?.into_inner();
        Ok(answer.results.into_iter().map(|result| result.result.expect("a result")).collect())
    }

    /// Waits until a unit's digest has a number of entries.
    pub(crate) async fn digested(&self, unit: &str, count: usize) -> Vec<pb::Escalation> {
        until(async || Some(self.digest(unit).await).filter(|digest| digest.len() == count)).await
    }
}

/// What a county outside has written.
pub(crate) fn receipt() -> pb::Receipt {
    pb::Receipt {
        receiver: "the duty office of a county outside".to_owned(),
        receive_time: Some(chassis::parse::timestamp(on(2, "12:00"))),
        letter: "letter 1".to_owned(),
    }
}

pub(crate) fn item(details: pb::PersonDetails, place: &str) -> pb::HanddownItem {
    let details = pb::PersonDetails { present_place: place.to_owned(), ..details };
    pb::HanddownItem { event_id: request_id(), details: Some(details), ..Default::default() }
}

pub(crate) fn accepted(result: &Taken) -> (&pb::Handdown, bool) {
    match result {
        Taken::Accepted(accepted) => (accepted.handdown.as_ref().expect("a hand-down"), accepted.joined),
        other => panic!("not taken in: {other:?}"),
    }
}

#[tokio::test]
async fn h6_the_sender_has_the_person_until_the_receiver_acknowledges() {
    let ground = Ground::build().await;
    let first = ground.handed_down(NUMBER, &ground.grids[0]).await;
    assert_eq!((&first.to_unit, &first.final_unit), (&ground.counties[0], &ground.grids[0]), "hop by hop");
    assert_eq!(first.state(), pb::HanddownState::Created);
    let early = ground.acknowledge("duty-0", &first.name).await.expect_err("not sent");
    assert_eq!(reason(&early), "HANDDOWN_STATE");
    assert_eq!(ground.send_down("duty", &ground.sandbox.root).await, (1, 0));
    let hidden = ground.get("duty-0", &first.person).await.expect_err("the sender's still");
    assert_eq!(hidden.code(), Code::NotFound);
    let taken = ground.acknowledge("duty-0", &first.name).await.expect("acknowledged");
    assert_eq!(taken.outcome(), pb::HanddownOutcome::PassedOn);
    assert_eq!(
        ground.get("duty-0", &first.person).await.expect("theirs").responsible_unit,
        ground.counties[0]
    );
    assert_eq!(
        ground.acknowledge("duty-0", &first.name).await.expect("as it stands"),
        taken,
        "twice is once"
    );
    let second = ground.shown("duty-0", &taken.next).await.expect("the next hop").handdown.expect("one");
    assert_eq!((&second.from_unit, &second.to_unit), (&ground.counties[0], &ground.grids[0]));
    assert_eq!(second.chain, first.name);
    ground.send_down("duty-0", &ground.counties[0]).await;
    ground.acknowledge("leader-0", &second.name).await.expect("acknowledged");
    let request = pb::VerifyHanddownRequest {
        request_id: request_id(),
        name: second.name.clone(),
        outcome: pb::HanddownOutcome::Found.into(),
        basis: pb::Basis::Returnee.into(),
        last_exposure_date: "2020-02-01".to_owned(),
        ..Default::default()
    };
    let mut leader = ground.screening("leader-0").handdowns();
    let found = leader.verify_handdown(request.clone()).await.expect("found").into_inner();
    assert_eq!(leader.verify_handdown(request).await.expect("the same").into_inner(), found);
    let observation = ground.observation("leader-0", &found.observation).await.expect("opened");
    assert_eq!((observation.responsible_unit, observation.person), (ground.grids[0].clone(), first.person));
    assert_eq!(ground.shown("duty", &first.name).await.expect("the chain").hops.len(), 2);
    assert_eq!(ground.shown("leader-0", &second.name).await.expect("its own").hops.len(), 1);
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn the_same_person_from_three_lists_is_one_handdown_with_three_sources() {
    let ground = Ground::build().await;
    let root = ground.sandbox.root.clone();
    let lists = [pb::ListKind::Police, pb::ListKind::Telecom, pb::ListKind::Station];
    let mut names = Vec::new();
    for (nth, kind) in lists.into_iter().enumerate() {
        let items = vec![item(details(NUMBER), "甲县村")];
        let results = ground.ingest("duty", &root, kind, items.clone()).await.expect("results");
        let (handdown, joined) = accepted(&results[0]);
        assert_eq!(joined, nth > 0);
        names.push(handdown.chain.clone());
        if nth == 1 {
            // What was handed on meanwhile is still the one that the city began.
            ground.send_down("duty", &root).await;
            ground.acknowledge("duty-0", handdown.name.as_str()).await.expect("acknowledged");
        }
        let again = ground.ingest("duty", &root, kind, items.clone()).await.expect("results");
        assert_eq!(again, [Taken::Duplicate(names[0].clone())], "sent again");
        let other = pb::HanddownItem { details: Some(details(OTHER_NUMBER)), ..items[0].clone() };
        let other = ground.ingest("duty", &root, kind, vec![other]).await.expect("results");
        assert!(matches!(&other[0], Taken::Refused(why) if why.reason == "EVENT_ID_REUSED"), "{other:?}");
    }
    assert!(names.iter().all(|name| *name == names[0]));
    let shown = ground.shown("duty", &names[0]).await.expect("shown");
    let kinds: Vec<_> = shown.sources.iter().map(pb::HanddownSource::kind).collect();
    assert_eq!(kinds, lists);
    assert!(ground.questions("duty").await.is_empty(), "one person, in one unit's hands");
}

#[tokio::test]
async fn a_place_goes_to_the_lowest_known_unit_and_what_is_wrong_stops_no_other() {
    let ground = Ground::build().await;
    let root = ground.sandbox.root.clone();
    let wrong =
        pb::Paper { r#type: pb::PaperType::IdentityCard.into(), number: "110105194912310021".to_owned() };
    let wrong = pb::PersonDetails { paper: Some(wrong), ..details(NUMBER) };
    let urgent = pb::HanddownItem { urgent: true, ..item(details(OTHER_NUMBER), "乙县村第0网格") };
    let nowhere = item(pb::PersonDetails { paper: None, ..details("") }, "武汉市");
    let items = vec![item(wrong, "甲县"), urgent, nowhere];
    let results = ground.ingest("duty", &root, pb::ListKind::Police, items).await.expect("results");
    let Taken::Refused(refused) = &results[0] else { panic!("{results:?}") };
    assert!(refused.message.starts_with("items[0].details.paper.number"), "{}", refused.message);
    let (handdown, _) = accepted(&results[1]);
    assert_eq!((&handdown.final_unit, &handdown.to_unit), (&ground.grids[2], &ground.counties[1]));
    assert_eq!(handdown.state(), pb::HanddownState::Sent, "who is urgent goes at once");
    let (nowhere, _) = accepted(&results[2]);
    assert_eq!(nowhere.to_unit, "");
    assert_eq!(ground.send_down("duty", &root).await, (0, 1), "nobody has said where to");
    let request = pb::RedirectHanddownRequest {
        request_id: request_id(),
        name: nowhere.name.clone(),
        to_unit: ground.counties[0].clone(),
        reason: "asked by phone".to_owned(),
    };
    ground.screening("duty").handdowns().redirect_handdown(request).await.expect("addressed");
    assert_eq!(ground.send_down("duty", &root).await, (1, 0));
    let hidden = ground.shown("duty-0", &handdown.name).await.expect_err("the next county's");
    assert_eq!(hidden.code(), Code::NotFound);
    let request = pb::ListHanddownsRequest { incoming: true, ..Default::default() };
    let listed = ground.screening("duty-0").handdowns().list_handdowns(request).await.expect("a list");
    let listed: Vec<_> = listed.into_inner().handdowns.into_iter().map(|one| one.name).collect();
    assert_eq!(listed, [nowhere.name.as_str()]);
}

#[tokio::test]
async fn h3_what_waits_is_put_before_the_sender_the_receiver_and_the_unit_above_the_sender() {
    let ground = Ground::build().await;
    let root = ground.sandbox.root.clone();
    let first = ground.handed_down(NUMBER, &ground.grids[0]).await;
    assert_eq!(first.due_time, Some(chassis::parse::timestamp(on(3, "16:00"))), "H3: by four");
    ground.advance(on(3, "16:05")).await;
    let digest = ground.digested(&root, 1).await;
    assert_eq!((digest[0].kind(), &digest[0].subject), (pb::EscalationKind::HanddownOverdue, &first.name));
    ground.send_down("duty", &root).await;
    assert!(ground.digest(&root).await.is_empty(), "withdrawn");
    let next = ground.acknowledge("duty-0", &first.name).await.expect("acknowledged").next;
    ground.send_down("duty-0", &ground.counties[0]).await;
    ground.advance(on(3, "17:06")).await;
    ground.digested(&ground.grids[0], 1).await;
    ground.advance(on(3, "18:06")).await;
    let digest = ground.digested(&root, 1).await;
    assert_eq!((&digest[0].subject, &digest[0].responsible_unit), (&next, &ground.counties[0]), "silence");
    assert!(ground.digest(&ground.grids[0]).await.is_empty(), "it went on");
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds);
    let listed: Vec<_> = exceptions.iter().map(|one| (one.finding(), one.subject.as_str())).collect();
    assert_eq!(listed, [(pb::PersonFinding::HanddownOverdue, next.as_str())]);
    ground.acknowledge("leader-0", &next).await.expect("late, and taken");
    assert!(ground.digest(&root).await.is_empty());
}

#[tokio::test]
async fn h5_a_wrong_area_makes_the_next_and_a_ring_is_refused() {
    let ground = Ground::build().await;
    let arrived = ground.arrived(NUMBER, 0).await;
    let nowhere = ground.verify("leader-0", &arrived.name, pb::HanddownOutcome::WrongArea, "").await;
    assert_eq!(fields(&nowhere.expect_err("where then?")), ["to_unit"]);
    let itself =
        ground.verify("leader-0", &arrived.name, pb::HanddownOutcome::WrongArea, &ground.grids[0]).await;
    assert_eq!(fields(&itself.expect_err("to itself")), ["to_unit"]);
    let wrong =
        ground.verify("leader-0", &arrived.name, pb::HanddownOutcome::WrongArea, &ground.grids[1]).await;
    let next = wrong.expect("the next").next.expect("a hop");
    assert_eq!(
        (&next.from_unit, &next.to_unit, &next.chain),
        (&ground.grids[0], &ground.grids[1], &arrived.chain)
    );
    ground.send_down("leader-0", &ground.grids[0]).await;
    ground.acknowledge("leader-1", &next.name).await.expect("acknowledged");
    let ring = ground.verify("leader-1", &next.name, pb::HanddownOutcome::WrongArea, &ground.grids[0]).await;
    assert_eq!(reason(&ring.expect_err("has said no")), "HANDDOWN_RING");
    let person = ground.get("leader-1", &next.person).await.expect("nothing fell");
    assert_eq!(person.responsible_unit, ground.grids[1]);
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn two_who_acknowledge_one_handdown_at_once_take_the_person_over_once() {
    let ground = Ground::build().await;
    let first = ground.handed_down(NUMBER, &ground.grids[0]).await;
    ground.send_down("duty", &ground.sandbox.root).await;
    let all = futures::future::join_all(
        ["duty", "duty-0", "duty", "duty-0"].map(|subject| ground.acknowledge(subject, &first.name)),
    );
    let all: Vec<_> = all.await.into_iter().map(|answer| answer.expect("acknowledged")).collect();
    assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
    assert_eq!(ground.shown("duty", &first.name).await.expect("the chain").hops.len(), 2);
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn h6_a_handdown_to_a_unit_closed_since_goes_to_its_successor_and_one_to_itself_nowhere() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let itself = ground.hand_down("leader-0", &person, &ground.grids[0]).await.expect_err("itself");
    assert_eq!(fields(&itself), ["to_unit"]);
    // One is on the way to the grid when it closes into the other, sent already.
    let first = ground.handed_down(OTHER_NUMBER, &ground.grids[1]).await;
    ground.send_down("duty", &ground.sandbox.root).await;
    let sent = ground.acknowledge("duty-0", &first.name).await.expect("acknowledged").next;
    ground.send_down("duty-0", &ground.counties[0]).await;
    ground.close_into(1, 0).await;
    let request = pb::ListHanddownsRequest { incoming: true, ..Default::default() };
    let listed = ground.screening("leader-0").handdowns().list_handdowns(request).await.expect("a list");
    assert_eq!(listed.into_inner().handdowns[0].name, sent, "it comes to the successor");
    let taken = ground.acknowledge("leader-0", &sent).await.expect("acknowledged");
    assert!(taken.readdressed && taken.to_unit == ground.grids[0] && taken.next.is_empty());
    assert_eq!(ground.get("leader-0", &taken.person).await.expect("his").responsible_unit, ground.grids[0]);
    // And one that is begun after.
    let late = ground.found(2, crate::ground::without_papers("")).await.name;
    let late = ground.hand_down("leader-2", &late, &ground.grids[1]).await.expect("handed down");
    assert!(late.readdressed && late.final_unit == ground.grids[0]);
    // What the closed grid has is handed down by whoever sees it, also to who stands there.
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
}

#[tokio::test]
async fn h6_what_a_closed_unit_has_may_be_handed_to_the_unit_above_it() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    ground.close(0).await;
    ground.gone(0).await;
    let village = ground.village(0).await;
    let handdown = ground.hand_down("duty-0", &person, &village).await.expect("handed down");
    assert_eq!((&handdown.from_unit, &handdown.to_unit), (&ground.grids[0], &village));
    ground.send_down("duty-0", &ground.grids[0]).await;
    ground.acknowledge("duty-0", &handdown.name).await.expect("acknowledged");
    assert_eq!(ground.get("duty-0", &person).await.expect("theirs").responsible_unit, village);
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn h6_a_chain_does_not_come_twice_to_who_handed_it_on() {
    let ground = Ground::build().await;
    let arrived = ground.arrived(NUMBER, 0).await;
    let redirect = async |subject: &str, name: &str, to: usize| {
        let request = pb::RedirectHanddownRequest {
            request_id: request_id(),
            name: name.to_owned(),
            to_unit: ground.grids[to].clone(),
            reason: "lives there".to_owned(),
        };
        let answer = ground.screening(subject).handdowns().redirect_handdown(request).await?;
        Ok::<_, Status>(answer.into_inner().handdown.expect("one"))
    };
    let next = redirect("leader-0", &arrived.name, 1).await.expect("to the other grid");
    ground.send_down("leader-0", &ground.grids[0]).await;
    ground.acknowledge("leader-1", &next.name).await.expect("acknowledged");
    assert_eq!(reason(&redirect("leader-1", &next.name, 0).await.expect_err("a ring")), "HANDDOWN_RING");
    let left = ground.verify("leader-1", &next.name, pb::HanddownOutcome::LeftArea, &ground.grids[0]).await;
    assert_eq!(reason(&left.expect_err("a ring")), "HANDDOWN_RING");
    // Once found, the person may be handed down anew.
    ground.verify("leader-1", &next.name, pb::HanddownOutcome::Found, "").await.expect("found");
    ground.hand_down("leader-1", &next.person, &ground.grids[0]).await.expect("a new chain");
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn h6_silence_calls_the_deputy_then_the_leader_over_29_february() {
    use proto::registry;
    let ground = Ground::build().await;
    let officer = ground.sandbox.officer(&ground.grids[0], "stand-in").await.name;
    let mut appointment = tests::new_appointment(&officer, &ground.grids[0], registry::Office::Leader);
    appointment.holding = registry::Holding::Deputy.into();
    let request = registry::AppointRequest { request_id: request_id(), appointment: Some(appointment) };
    ground.sandbox.registry().appointments().appoint(request).await.expect("appointed");
    ground.known("stand-in").await;
    ground.advance("2020-02-29T22:50:00+08:00".parse().expect("an instant")).await;
    let person =
        ground.intake("duty-0", 1, details(NUMBER)).await.expect("taken in").person.expect("one").name;
    let first = ground.hand_down("leader-1", &person, &ground.grids[0]).await.expect("handed down");
    ground.send_down("leader-1", &ground.grids[1]).await;
    let called = async |unit: &str, subject: &str| {
        let digest = ground.digest(unit).await.into_iter();
        digest.filter(|one| one.subject == subject).map(|one| one.contact_name).collect::<Vec<_>>()
    };
    ground.advance("2020-02-29T23:51:00+08:00".parse().expect("an instant")).await;
    assert_eq!(called(&ground.grids[0], &first.name).await, ["样例 stand-in"], "H6: an hour of silence");
    ground.advance("2020-03-01T00:21:00+08:00".parse().expect("an instant")).await;
    assert_eq!(called(&ground.grids[0], &first.name).await, ["样例 leader-0"], "half an hour later");
    ground.advance("2020-03-01T00:51:00+08:00".parse().expect("an instant")).await;
    assert!(called(&ground.grids[0], &first.name).await.is_empty());
    let village = ground.village(1).await;
    assert_eq!(called(&village, &first.name).await.len(), 1, "then the unit above the sender");
}

#[tokio::test]
async fn agreeing_on_other_hands_overtakes_a_handdown() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let handdown = ground.hand_down("leader-0", &person, &ground.grids[1]).await.expect("handed down");
    ground.found(2, details(NUMBER)).await;
    ground.agree("duty", 2).await;
    let shown = ground.shown("leader-0", &handdown.name).await.expect("shown").handdown.expect("one");
    assert_eq!(shown.outcome(), pb::HanddownOutcome::Overtaken);
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn a_schedule_is_set_by_response_level_and_date_and_the_nearest_area_s_counts() {
    let ground = Ground::build().await;
    let clocks = pb::Clocks {
        sender_level: 3,
        send_by: "09:30".to_owned(),
        acknowledge_minutes: 20,
        urgent_minutes: 5,
        verify_minutes: 120,
        step_minutes: 10,
    };
    let request = pb::SetScheduleRequest {
        request_id: request_id(),
        area_unit: ground.counties[0].clone(),
        response_level: 1,
        effective_date: "2020-02-03".to_owned(),
        clocks: vec![clocks.clone()],
    };
    let mut schedules = ground.screening("duty").schedules();
    let bad = pb::Clocks { send_by: "25:00".to_owned(), acknowledge_minutes: 0, ..clocks.clone() };
    let bad = pb::SetScheduleRequest { clocks: vec![bad], ..request.clone() };
    let bad = schedules.set_schedule(bad).await.expect_err("no clock");
    assert_eq!(fields(&bad), ["clocks[0].acknowledge_minutes", "clocks[0].send_by"]);
    schedules.set_schedule(request).await.expect("set");
    let of = async |unit: &str, date: &str| {
        let request = pb::GetScheduleRequest { unit: unit.to_owned(), date: date.to_owned() };
        let schedule = ground.screening("duty").schedules().get_schedule(request).await.expect("a schedule");
        schedule.into_inner().clocks.into_iter().find(|clocks| clocks.sender_level == 3).expect("a county's")
    };
    assert_eq!(of(&ground.counties[0], "").await, clocks);
    assert_eq!(of(&ground.counties[1], "").await.send_by, "17:00", "H4");
    assert_eq!(of(&ground.counties[0], "2020-03-11").await.send_by, "17:00", "another response level");
    let person = ground.found(0, details(NUMBER)).await.name;
    let outsider = ground.hand_down("leader-1", &person, &ground.counties[1]).await.expect_err("not theirs");
    assert_eq!(outsider.code(), Code::NotFound);
}

#[tokio::test]
async fn h5_who_was_found_is_taken_in_while_the_registry_is_silent_and_who_is_elsewhere_is_not_decided() {
    let mut ground = Ground::build().await;
    let arrived = ground.arrived(NUMBER, 0).await;
    ground.sandbox.stack().stop_service("registry").await.expect("stopped");
    let mut sql = ground.sandbox.sql().await;
    let ago = chassis::clock::wall() - chrono::TimeDelta::hours(1);
    let refused = until(async || {
        // Again and again: something may have been on its way when the registry ended.
        let silent = sqlx::query("UPDATE screening.followed SET heard_at = $1").bind(ago);
        silent.execute(&mut sql).await.expect("silent");
        let wrong = pb::HanddownOutcome::WrongArea;
        // To itself: refused either way, and by which is seen.
        let answer = ground.verify("leader-0", &arrived.name, wrong, &ground.grids[0]).await;
        answer.err().filter(|refused| refused.code() == Code::Unavailable)
    })
    .await;
    assert_eq!(reason(&refused), "FEED_STALE");
    let missing = ground.verify("leader-0", &arrived.name, pb::HanddownOutcome::NotFound, "").await;
    assert_eq!(missing.expect("a fact").handdown.expect("one").state(), pb::HanddownState::NotFound);
    let found = ground.verify("leader-0", &arrived.name, pb::HanddownOutcome::Found, "").await;
    assert_eq!(found.expect("a fact").handdown.expect("one").state(), pb::HanddownState::Closed);
}
