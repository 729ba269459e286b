//! Observations as a feed: a snapshot, then what becomes of them, to whoever sees them and to nobody else.

use std::{collections::BTreeMap, time::Duration};

use proto::{
    registry::{self, Office},
    screening::{self as pb, watch_observations_response::Event},
};
use rampart::client::Screening;
use tests::{reason, request_id};
use tonic::{Code, Status, Streaming};

use crate::{
    ground::{Ground, NUMBER, OTHER_NUMBER},
    watch::{on, reading},
};

/// How many heartbeats without what is waited for say that it does not come.
const SILENT: usize = 10;

/// Somebody who follows: what it holds, in which order it came, and where it would resume.
pub(crate) struct Follower {
    stream: Streaming<pb::WatchObservationsResponse>,
    pub(crate) held: BTreeMap<String, pb::Observation>,
    pub(crate) came: Vec<String>,
    pub(crate) token: String,
}

impl Follower {
    /// Begins at a token; with a snapshot where it is empty.
    pub(crate) async fn open(screening: &Screening, token: &str) -> Self {
        let request = pb::WatchObservationsRequest { start_token: token.to_owned() };
        let stream = screening.observations().watch_observations(request).await.expect("opened").into_inner();
        Self { stream, held: BTreeMap::new(), came: Vec::new(), token: token.to_owned() }
    }

    /// Takes in one message.
    pub(crate) async fn take(&mut self) -> Result<Event, Status> {
        let message = tokio::time::timeout(Duration::from_secs(10), self.stream.message());
        let message = message.await.expect("a heartbeat at least every ten seconds")?;
        let message = message.ok_or_else(|| Status::unavailable("the stream ended"))?;
        if !message.token.is_empty() {
            self.token = message.token;
        }
        let event = message.event.expect("an event");
        match &event {
            Event::Observation(observation) => {
                self.came.push(observation.name.clone());
                self.held.insert(observation.name.clone(), observation.clone());
            }
            Event::Gone(gone) => {
                self.came.push(gone.name.clone());
                self.held.remove(&gone.name);
            }
            Event::SnapshotEnd(_) | Event::Heartbeat(_) => {}
        }
        Ok(event)
    }

    /// Takes in messages until it holds what is looked for; a heartbeat every two seconds tells how long that may take.
    pub(crate) async fn until(&mut self, seen: impl Fn(&BTreeMap<String, pb::Observation>) -> bool) {
        let mut silent = 0;
        while !seen(&self.held) {
            if let Event::Heartbeat(_) = self.take().await.expect("open") {
                silent += 1;
            }
            assert!(silent < SILENT, "it does not come: {:?}", self.held);
        }
    }

    /// Takes in messages until one says that an observation is gone.
    async fn until_gone(&mut self, name: &str) {
        let mut silent = 0;
        loop {
            match self.take().await.expect("open") {
                Event::Gone(gone) if gone.name == name => return,
                Event::Heartbeat(_) => silent += 1,
                _ => {}
            }
            assert!(silent < SILENT, "{name} is not gone: {:?}", self.held);
        }
    }

    /// Takes in a snapshot; answers how many it named.
    pub(crate) async fn snapshot(&mut self) -> i64 {
        loop {
            if let Event::SnapshotEnd(end) = self.take().await.expect("open") {
                return end.observations;
            }
        }
    }

    /// Takes in messages until the stream ends; answers how.
    async fn ends(&mut self) -> Status {
        for _ in 0..SILENT {
            if let Err(status) = self.take().await {
                return status;
            }
        }
        panic!("it does not end");
    }

    /// What came since this was asked last.
    fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.came)
    }
}

/// Two counties with a machine each that follows what is in sight there.
async fn followed() -> (Ground, [Follower; 2]) {
    let ground = Ground::build().await;
    let mut followers = Vec::new();
    for (nth, county) in ground.counties.iter().enumerate() {
        let machine = format!("machine-{nth}");
        ground.sandbox.appointed(county, Office::Integrator, &machine).await;
        ground.known(&machine).await;
        let mut follower = Follower::open(&ground.screening(&machine), "").await;
        assert_eq!(follower.snapshot().await, 0);
        followers.push(follower);
    }
    let followers = followers.try_into().ok().expect("two counties");
    (ground, followers)
}

async fn extend(ground: &Ground, name: &str, exposed: &str) -> pb::Observation {
    let request = pb::ExtendObservationRequest {
        request_id: request_id(),
        name: name.to_owned(),
        last_exposure_date: exposed.to_owned(),
        reason: "a meal".to_owned(),
    };
    let answer = ground.screening("duty").observations().extend_observation(request).await.expect("extended");
    answer.into_inner().observation.expect("an observation")
}

async fn end(ground: &Ground, name: &str) {
    let request = pb::EndObservationRequest {
        request_id: request_id(),
        name: name.to_owned(),
        ending: pb::Ending::Voided.into(),
        reason: "the index was excluded".to_owned(),
    };
    ground.screening("duty").observations().end_observation(request).await.expect("ended");
}

#[tokio::test]
async fn what_befalls_an_observation_comes_whole_and_a_reading_does_not() {
    let (ground, [mut county, mut next]) = followed().await;
    let opened = ground.observed(0, NUMBER, "2020-02-01").await;
    county.until(|held| held.contains_key(&opened.name)).await;
    assert_eq!(county.held[&opened.name], opened);
    county.news();

    ground.read(reading(&opened.name, on(3, "00:00"), 36.5)).await;
    let mut observations = ground.screening("leader-0").observations();
    let request = pb::MoveObservationRequest {
        request_id: request_id(),
        name: opened.name.clone(),
        place: pb::Place::Hospital.into(),
        facility: "县人民医院".to_owned(),
        home_unit: String::new(),
    };
    observations.move_observation(request).await.expect("moved");
    county.until(|held| held[&opened.name].place() == pb::Place::Hospital).await;
    assert_eq!(county.news(), [opened.name.as_str()], "a reading is no change");
    let (name, reason) = (opened.name.clone(), "not at home".to_owned());
    let lose = pb::LoseObservationRequest { request_id: request_id(), name, reason };
    observations.lose_observation(lose).await.expect("lost");
    county.until(|held| held[&opened.name].state() == pb::ObservationState::Lost).await;
    let (name, reason) = (opened.name.clone(), "came back".to_owned());
    let find = pb::FindObservationRequest { request_id: request_id(), name, reason };
    observations.find_observation(find).await.expect("found");
    county.until(|held| held[&opened.name].state() == pb::ObservationState::Active).await;
    let extended = extend(&ground, &opened.name, "2020-02-03").await;
    county.until(|held| held[&opened.name].end_time == extended.end_time).await;
    end(&ground, &opened.name).await;
    county.until(|held| held[&opened.name].state() == pb::ObservationState::Ended).await;
    assert_eq!(county.held[&opened.name].ending(), pb::Ending::Voided);

    // One order: had the next county been told of any of this, it would have come before.
    let other = ground.observed(2, "", "2020-02-01").await;
    next.until(|held| held.contains_key(&other.name)).await;
    assert_eq!(next.news(), [other.name.as_str()]);
    let mut late = Follower::open(&ground.screening("machine-0"), "").await;
    assert_eq!(late.snapshot().await, 0, "what has ended is in no snapshot");
}

#[tokio::test]
async fn what_happened_while_away_comes_after_the_token_and_one_too_old_asks_for_a_snapshot() {
    let (ground, [mut county, _]) = followed().await;
    let opened = ground.observed(0, NUMBER, "2020-02-01").await;
    county.until(|held| held.contains_key(&opened.name)).await;
    let (token, machine) = (county.token, ground.screening("machine-0"));
    let other = ground.observed(1, OTHER_NUMBER, "2020-02-01").await;
    end(&ground, &opened.name).await;
    let mut county = Follower::open(&machine, &token).await;
    county.until(|held| held.len() == 2).await;
    assert_eq!(county.held[&opened.name].state(), pb::ObservationState::Ended);
    assert_eq!(county.held[&other.name].state(), pb::ObservationState::Active);

    // What the retention does after a week.
    let mut sql = ground.sandbox.sql().await;
    sqlx::query("DELETE FROM screening.change").execute(&mut sql).await.unwrap();
    for wrong in [token.as_str(), "bm9uc2Vuc2U"] {
        let refused = Follower::open(&machine, wrong).await.take().await.expect_err("too old");
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::OutOfRange, "CHANGE_TOKEN_EXPIRED"));
    }
    let mut anew = Follower::open(&machine, "").await;
    assert_eq!(anew.snapshot().await, 1, "what it does not name is to be forgotten");
    assert!(anew.held.contains_key(&other.name));
}

#[tokio::test]
async fn h6_who_is_handed_down_elsewhere_comes_into_sight_there_and_is_gone_here() {
    let (ground, [mut county, mut next]) = followed().await;
    let opened = ground.observed(0, NUMBER, "2020-02-01").await;
    county.until(|held| held.contains_key(&opened.name)).await;
    let token = county.token.clone();
    let handdown = ground.hand_down("duty", &opened.person, &ground.grids[2]).await.expect("handed down");
    ground.send_down("duty", &ground.grids[0]).await;
    county.news();
    ground.acknowledge("duty", &handdown.name).await.expect("acknowledged");
    next.until(|held| held.contains_key(&opened.name)).await;
    assert_eq!(next.held[&opened.name].responsible_unit, handdown.to_unit);
    county.until(<BTreeMap<_, _>>::is_empty).await;
    assert_eq!(county.news(), [opened.name.as_str()], "named, and no more");

    // What becomes of it there is nothing to who has it no more; who was away is told that it is gone.
    end(&ground, &opened.name).await;
    next.until(|held| held[&opened.name].state() == pb::ObservationState::Ended).await;
    let mut away = Follower::open(&ground.screening("machine-0"), &token).await;
    away.until_gone(&opened.name).await;
    assert!(away.held.is_empty());
}

#[tokio::test]
async fn a_unit_that_moves_takes_its_observations_into_another_sight() {
    let (ground, [mut county, mut next]) = followed().await;
    let opened = ground.observed(0, NUMBER, "2020-02-01").await;
    let ended = ground.observed(0, OTHER_NUMBER, "2020-02-01").await;
    county.until(|held| held.len() == 2).await;
    end(&ground, &ended.name).await;
    county.until(|held| held[&ended.name].state() == pb::ObservationState::Ended).await;
    let token = county.token.clone();
    let unit = registry::Unit { parent_unit: ground.village(2).await, ..Default::default() };
    ground.change(0, unit, &["parent_unit"]).await;
    county.until(|held| !held.contains_key(&opened.name)).await;
    next.until(|held| held.contains_key(&opened.name)).await;
    assert_eq!(next.held.len(), 1, "not what had ended before");
    let extended = extend(&ground, &opened.name, "2020-02-03").await;
    next.until(|held| held[&opened.name].end_time == extended.end_time).await;
    let mut away = Follower::open(&ground.screening("machine-0"), &token).await;
    away.until_gone(&opened.name).await;
}

#[tokio::test]
async fn a_second_finder_who_follows_learns_nothing_of_the_first() {
    let (ground, [mut county, mut next]) = followed().await;
    let first = ground.observed(0, NUMBER, "2020-02-01").await;
    let second = ground.observed(2, NUMBER, "2020-02-01").await;
    county.until(|held| held.contains_key(&first.name)).await;
    next.until(|held| held.contains_key(&second.name)).await;
    assert_eq!(next.held[&second.name], second);
    let before = ground.observation("leader-2", &second.name).await.expect("theirs");
    next.news();

    // Whatever the first finder does: another window, read, handed down within the county, ended.
    extend(&ground, &first.name, "2020-02-02").await;
    ground.read(reading(&first.name, on(3, "00:00"), 38.5)).await;
    let handdown = ground.hand_down("duty-0", &first.person, &ground.grids[1]).await.expect("handed down");
    ground.send_down("duty-0", &ground.grids[0]).await;
    ground.acknowledge("duty-0", &handdown.name).await.expect("acknowledged");
    end(&ground, &first.name).await;
    county.until(|held| held[&first.name].state() == pb::ObservationState::Ended).await;
    let other = ground.observed(2, "", "2020-02-01").await;
    next.until(|held| held.contains_key(&other.name)).await;
    assert_eq!(next.news(), [other.name.as_str()]);
    let after = ground.observation("leader-2", &second.name).await.expect("theirs");
    assert_eq!(after, before, "not by its version either");
}

#[tokio::test]
async fn h6_once_hands_are_agreed_on_what_the_second_finder_had_is_gone() {
    let (ground, [mut county, mut next]) = followed().await;
    let first = ground.observed(0, NUMBER, "2020-02-01").await;
    let second = ground.observed(2, NUMBER, "2020-02-02").await;
    county.until(|held| held.contains_key(&first.name)).await;
    next.until(|held| held.contains_key(&second.name)).await;
    ground.agree("duty", 0).await;
    next.until(<BTreeMap<_, _>>::is_empty).await;
    let later =
        |held: &BTreeMap<String, pb::Observation>| held[&first.name].last_exposure_date == "2020-02-02";
    county.until(later).await;
    assert!(!next.came.contains(&first.name));
}

#[tokio::test]
async fn a_relieved_caller_s_stream_ends_and_so_does_one_of_a_service_that_drains() {
    let (mut ground, [mut county, _]) = followed().await;
    let village = ground.village(2).await;
    let appointment = ground.sandbox.appointed(&village, Office::Integrator, "relieved").await;
    ground.known("relieved").await;
    let mut relieved = Follower::open(&ground.screening("relieved"), "").await;
    relieved.snapshot().await;
    ground.advance(on(3, "11:00")).await;
    let (name, reason_given) = (appointment.name, "a test".to_owned());
    let request =
        registry::RelieveRequest { request_id: request_id(), name, end_time: None, reason: reason_given };
    ground.sandbox.registry().appointments().relieve(request).await.expect("relieved");
    let ended = relieved.ends().await;
    assert_eq!((ended.code(), reason(&ended).as_str()), (Code::PermissionDenied, "PERMISSION_DENIED"));
    let (stopped, ended) = tokio::join!(ground.sandbox.stack().stop_service("screening"), county.ends());
    stopped.expect("stopped");
    assert_eq!(ended.code(), Code::Unavailable);
}

#[tokio::test]
async fn p1_the_feed_has_no_personal_value_and_no_leader_follows_it() {
    let ground = Ground::build().await;
    let request = pb::WatchObservationsRequest::default();
    let refused = ground.screening("leader-0").observations().watch_observations(request).await;
    assert_eq!(refused.expect_err("a leader").code(), Code::PermissionDenied);
    ground.observed(0, NUMBER, "2020-02-01").await;
    let mut duty = Follower::open(&ground.screening("duty-0"), "").await;
    assert_eq!(duty.snapshot().await, 1);
    let text = format!("{:?}", duty.held);
    assert!(!text.contains(NUMBER) && !text.contains("样例"), "{text}");
}
