//! Random lives of persons: found, observed, read, missed, merged, lost, handed over, taken into hospital, let go, erased, while
//! grids move and close, everything is sent again, and the services restart. Whatever happens, the law of persons holds after it.

mod dealings;
mod proving;

use std::collections::BTreeMap;

use proptest::{
    collection::vec, prelude::any, strategy::Strategy as _, strategy::ValueTree as _, test_runner::TestRunner,
};
use proto::{
    registry,
    screening::{self as pb, exposure_item::Contact, exposure_result, handdown_result, reading_result},
};
use tests::{request_id, until};
use tonic::{Code, Status};

use crate::{
    exposures::contact,
    ground::{Ground, person},
    watch::{on, reading},
};

/// How many steps the lives have, unless RAMPART_LIFE_STEPS says another number: then they are others each time.
const STEPS: usize = 400;
/// After how many steps the law is proved, where the number of steps was said: else after each.
const PROVED: usize = 100;
/// Every kind of step; each happens in every life.
const KINDS: [&str; 21] = [
    "turn up",
    "open",
    "read",
    "change",
    "merge",
    "agree",
    "hand down",
    "take over",
    "verify",
    "meet",
    "decide",
    "move in",
    "hospital",
    "answer",
    "order",
    "repeat",
    "move unit",
    "close unit",
    "crash",
    "expire",
    "time",
];
/// The most that is kept to be sent again.
const KEPT: usize = 200;
/// Of how many who came last something befalls one, so that long lives go on with whoever is there.
const LATELY: usize = 64;
/// After how many records of persons there are twelve others.
const DOZEN: usize = 300;

/// What was asked and answered, to be asked again.
enum Asked {
    Opening(pb::OpenObservationRequest, pb::OpenObservationResponse),
    Handdown(pb::CreateHanddownRequest, pb::CreateHanddownResponse),
    Referral(pb::CreateReferralRequest, pb::CreateReferralResponse),
    Result(pb::RecordResultRequest, pb::RecordResultResponse),
    Exposure(pb::ExposureItem),
    List(pb::HanddownItem),
}

struct Lives {
    ground: Ground,
    /// The villages of both counties, and in which of them each grid is.
    villages: [String; 2],
    places: [usize; 3],
    persons: Vec<String>,
    observations: Vec<String>,
    sent: Vec<pb::Reading>,
    handdowns: Vec<String>,
    asked: Vec<Asked>,
    hours: i64,
    /// How often each kind of step did something.
    done: BTreeMap<&'static str, usize>,
    /// The most contacts of somebody ill that a proof has seen.
    contacts: i64,
}

/// One of those who came last.
fn lately(names: &[String], nth: u8) -> Option<&String> {
    names.iter().rev().nth(usize::from(nth) % names.len().clamp(1, LATELY))
}

/// A refusal that says how things stand is an answer; anything else is a defect.
fn answered<T>(answer: Result<tonic::Response<T>, Status>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer.into_inner()),
        Err(status) => {
            let code = status.code();
            assert!(matches!(code, Code::FailedPrecondition | Code::NotFound), "{status:?}");
            None
        }
    }
}

impl Lives {
    fn observation(&self, nth: u8) -> Option<String> {
        lately(&self.observations, nth).cloned()
    }

    /// One of twelve people, who have papers or not.
    fn details(&self, who: u8, has_papers: bool) -> pb::PersonDetails {
        let who = self.persons.len() / DOZEN * 12 + usize::from(who % 12);
        let paper = pb::Paper { r#type: pb::PaperType::Passport.into(), number: format!("SAMPLE{who}") };
        let display_name = format!("样例{who}");
        pb::PersonDetails { display_name, paper: has_papers.then_some(paper), ..Default::default() }
    }

    /// One of them turns up at a grid.
    async fn turn_up(&mut self, who: u8, grid: u8) {
        let details = self.details(who, who < 200);
        let unit = &self.ground.grids[usize::from(grid) % 3];
        let request = pb::IntakePersonRequest {
            request_id: request_id(),
            person: Some(person(unit, details)),
            source: String::new(),
        };
        let taken = answered(self.ground.screening("duty").persons().intake_person(request).await);
        self.persons.extend(taken.and_then(|taken| taken.person).map(|person| person.name));
    }

    async fn open(&mut self, nth: u8, days: u8) {
        let Some(person) = self.somebody(nth) else { return };
        let today = self.ground.sandbox.clock.today();
        let request = pb::OpenObservationRequest {
            request_id: request_id(),
            observation: Some(pb::Observation {
                person,
                basis: pb::Basis::ContactOfCase.into(),
                last_exposure_date: (today - chrono::Days::new(u64::from(days) % 20)).to_string(),
                ..Default::default()
            }),
        };
        let duty = self.ground.screening("duty");
        let opened = answered(duty.observations().open_observation(request.clone()).await);
        if let Some(opened) = opened {
            self.observations.extend(opened.observation.clone().map(|opened| opened.name));
            self.asked.push(Asked::Opening(request, opened));
        }
    }

    async fn read(&mut self, nth: u8, how: u8) {
        let Some(observation) = self.observation(nth) else { return };
        let now = self.ground.sandbox.clock.now();
        let taken = now - chrono::TimeDelta::hours(i64::from(how % 5) * 7);
        let temperature = if how.is_multiple_of(7) { 38.2 } else { 36.4 };
        let one = reading(&observation, taken, temperature);
        self.sent.push(one.clone());
        // Some of the last ones are sent again with it.
        let mut readings = vec![one];
        readings.extend(self.sent.iter().rev().nth(usize::from(how) % 20).cloned());
        let results = self.ground.send("duty", readings).await;
        let taken_in = |result: &reading_result::Result| !matches!(result, reading_result::Result::Refused(refused) if refused.code != 5);
        assert!(results.iter().all(taken_in), "{results:?}");
    }

    async fn change(&mut self, nth: u8, how: u8) {
        let Some(name) = self.observation(nth) else { return };
        let (mut doctor, request_id) = (self.ground.screening("doctor").observations(), request_id());
        let reason = "a life".to_owned();
        let today = self.ground.sandbox.clock.today();
        let changed = match how % 8 {
            0 => answered(
                doctor.lose_observation(pb::LoseObservationRequest { request_id, name, reason }).await,
            )
            .is_some(),
            1 | 2 => answered(
                doctor.find_observation(pb::FindObservationRequest { request_id, name, reason }).await,
            )
            .is_some(),
            3 => {
                let place = i32::from(how / 8 % 4) + 1;
                let home_unit =
                    if place == 1 { self.ground.grids[usize::from(nth) % 3].clone() } else { String::new() };
                let facility = String::new();
                let request = pb::MoveObservationRequest { request_id, name, place, facility, home_unit };
                answered(doctor.move_observation(request).await).is_some()
            }
            4 => {
                let last_exposure_date = (today - chrono::Days::new(u64::from(how) % 9)).to_string();
                let request = pb::ExtendObservationRequest { request_id, name, last_exposure_date, reason };
                answered(doctor.extend_observation(request).await).is_some()
            }
            5 => {
                let last_date = (today + chrono::Days::new(u64::from(how) % 9)).to_string();
                let order = "an order".to_owned();
                let request = pb::ShortenObservationRequest { request_id, name, last_date, order, reason };
                answered(doctor.shorten_observation(request).await).is_some()
            }
            6 => {
                let request = pb::ReleaseObservationRequest {
                    request_id,
                    name,
                    reason,
                    r#override: how.is_multiple_of(3),
                };
                answered(doctor.release_observation(request).await).is_some()
            }
            _ => {
                let ending = pb::Ending::Converted.into();
                let request = pb::EndObservationRequest { request_id, name, ending, reason };
                answered(doctor.end_observation(request).await).is_some()
            }
        };
        let _ = changed;
    }

    /// Something that was asked is asked again: it gets the same answer, and is done once.
    async fn repeat(&mut self, nth: u8) {
        self.asked.drain(..self.asked.len().saturating_sub(KEPT));
        let Some(asked) = self.asked.get(usize::from(nth) % self.asked.len().max(1)) else { return };
        let (duty, doctor) = (self.ground.screening("duty"), self.ground.screening("doctor"));
        let same = match asked {
            Asked::Opening(request, answer) => {
                let again = duty.observations().open_observation(request.clone()).await;
                again.expect("the same").into_inner() == *answer
            }
            Asked::Handdown(request, answer) => {
                let again = duty.handdowns().create_handdown(request.clone()).await;
                again.expect("the same").into_inner() == *answer
            }
            Asked::Referral(request, answer) => {
                let again = doctor.referrals().create_referral(request.clone()).await;
                again.expect("the same").into_inner() == *answer
            }
            Asked::Result(request, answer) => {
                let again = doctor.results().record_result(request.clone()).await;
                again.expect("the same").into_inner() == *answer
            }
            Asked::Exposure(item) => {
                let again = self.ground.expose("duty", 0, vec![item.clone()]).await.expect("an answer");
                matches!(again[..], [exposure_result::Result::Duplicate(_)])
            }
            Asked::List(item) => matches!(self.send_list(item).await, handdown_result::Result::Duplicate(_)),
        };
        assert!(same, "asked again, it is answered otherwise");
    }

    /// A grid comes under the other county's village.
    async fn move_unit(&mut self, nth: u8) -> bool {
        let grid = usize::from(nth) % 3;
        let place = 1 - self.places[grid];
        let unit = registry::Unit {
            name: self.ground.grids[grid].clone(),
            parent_unit: self.villages[place].clone(),
            ..Default::default()
        };
        let is_moved = self.update(unit, "parent_unit").await;
        if is_moved {
            self.places[grid] = place;
        }
        is_moved
    }

    /// A grid is closed, another one stands in its place.
    async fn close(&mut self, nth: u8) -> bool {
        let grid = usize::from(nth) % 3;
        let village = &self.villages[self.places[grid]];
        let name = format!("第{}网格", self.done.values().sum::<usize>());
        let successor = self.ground.sandbox.unit(village, registry::Level::Grid, &name).await.name;
        let known = pb::ListPersonsRequest { ancestor_unit: successor.clone(), ..Default::default() };
        let duty = self.ground.screening("duty");
        until(async || duty.persons().list_persons(known.clone()).await.ok()).await;
        let closed = std::mem::replace(&mut self.ground.grids[grid], successor.clone());
        let unit = registry::Unit {
            name: closed.clone(),
            status: registry::UnitStatus::Closed.into(),
            successor_units: vec![successor.clone()],
            ..Default::default()
        };
        let is_closed = self.update(unit, "status").await;
        if is_closed && nth.is_multiple_of(2) {
            self.assign(closed, successor).await;
        }
        is_closed
    }

    /// Changes a unit from today on; one that was made or changed today may refuse that.
    async fn update(&self, unit: registry::Unit, field: &str) -> bool {
        let mut paths = vec![field.to_owned()];
        if !unit.successor_units.is_empty() {
            paths.push("successor_units".to_owned());
        }
        let request = registry::UpdateUnitRequest {
            request_id: request_id(),
            unit: Some(unit),
            update_mask: Some(prost_types::FieldMask { paths }),
            ..Default::default()
        };
        answered(self.ground.sandbox.registry().units().update_unit(request).await).is_some()
    }

    /// The services end and start again, at the hour at which they ended.
    async fn crash(self) -> Self {
        let now = self.ground.sandbox.clock.now();
        let sandbox = self.ground.sandbox.restart().await;
        let ground = Ground { sandbox, ..self.ground };
        ground.known("duty").await;
        ground.known("doctor").await;
        ground.advance(now).await;
        Self { ground, ..self }
    }

    async fn pass(&mut self, hours: u8) {
        self.hours += i64::from(hours % 16);
        self.ground.advance(on(3, "00:00") + chrono::TimeDelta::hours(self.hours)).await;
    }

    async fn step(mut self, (kind, one, other): (u8, u8, u8)) -> Self {
        let mut happened = true;
        let kind = match kind % 36 {
            0 | 1 => {
                self.turn_up(one, other).await;
                "turn up"
            }
            2..=4 => {
                self.open(one, other).await;
                "open"
            }
            5..=9 => {
                self.read(one, other).await;
                "read"
            }
            10..=12 => {
                self.change(one, other).await;
                "change"
            }
            13 => {
                self.merge(one, other).await;
                "merge"
            }
            14 => {
                self.agree(one).await;
                "agree"
            }
            15 | 16 => {
                self.hand_down(one, other).await;
                "hand down"
            }
            17..=19 => {
                self.take_over(one).await;
                "take over"
            }
            20 => {
                self.verify(one, other).await;
                "verify"
            }
            21 | 22 => {
                self.meet(one, other).await;
                "meet"
            }
            23 => {
                self.decide(one, other).await;
                "decide"
            }
            24 => {
                self.move_in(one, other).await;
                "move in"
            }
            25 | 26 => {
                self.hospital(one, other).await;
                "hospital"
            }
            27 => {
                self.answer(one, other).await;
                "answer"
            }
            28 => {
                self.list(one, other).await;
                "hand down"
            }
            29 | 30 => {
                self.repeat(one).await;
                "repeat"
            }
            34 => {
                self.order(one, other).await;
                "order"
            }
            31 if one < 100 => {
                happened = self.move_unit(other).await;
                "move unit"
            }
            32 if one < 60 => {
                happened = self.close(other).await;
                "close unit"
            }
            33 if one < 128 => {
                self = self.crash().await;
                "crash"
            }
            35 => {
                happened = self.expire(one, other).await;
                "expire"
            }
            _ => {
                self.pass(one).await;
                "time"
            }
        };
        *self.done.entry(kind).or_default() += usize::from(happened);
        self
    }

    /// Gives the persons of a closed grid to another.
    async fn assign(&self, from_unit: String, to_unit: String) {
        let duty = self.ground.screening("duty");
        let list = pb::ListPersonsRequest { ancestor_unit: from_unit.clone(), ..Default::default() };
        until(async || duty.persons().list_persons(list.clone()).await.is_err().then_some(())).await;
        let (request_id, reason) = (request_id(), "the grid was closed".to_owned());
        let request = pb::AssignHandsRequest { request_id, from_unit, to_unit, persons: vec![], reason };
        let answer = duty.hands().assign_hands(request).await.expect("assigned");
        assert_eq!(answer.into_inner().remaining, 0);
    }
}

#[tokio::test]
async fn random_lives_keep_the_law_of_persons() {
    let ground = Ground::build().await;
    let root = ground.sandbox.root.clone();
    ground.sandbox.appointed(&root, registry::Office::HealthOfficer, "doctor").await;
    ground.known("doctor").await;
    let villages = [ground.village(0).await, ground.village(2).await];
    let mut lives = Lives {
        ground,
        villages,
        places: [0, 0, 1],
        persons: vec![],
        observations: vec![],
        sent: vec![],
        handdowns: vec![],
        asked: vec![],
        hours: 0,
        done: BTreeMap::new(),
        contacts: 0,
    };
    let asked = std::env::var("RAMPART_LIFE_STEPS").ok().and_then(|steps| steps.parse().ok());
    let mut runner = asked.map_or_else(TestRunner::deterministic, |_: usize| TestRunner::default());
    let (count, proved, since) =
        asked.map_or((STEPS, 1, None), |count| (count, PROVED, Some(proving::SINCE)));
    let steps = vec((any::<u8>(), any::<u8>(), any::<u8>()), count);
    let steps = steps.new_tree(&mut runner).expect("steps").current();
    let began = std::time::Instant::now();
    for (nth, step) in steps.into_iter().enumerate() {
        #[allow(clippy::print_stderr, reason = "a long life says how far it is")]
        if since.is_some() && nth.is_multiple_of(1_000) {
            eprintln!("{nth} of {count} steps after {:.0?}: {:?}", began.elapsed(), lives.done);
        }
        lives = lives.step(step).await;
        if nth.is_multiple_of(proved) {
            lives.prove(nth, since).await;
        }
    }
    lives.prove(count, None).await;
    lives.prove_the_past().await;
    let erased = lives.erased().await;
    let (_, verdict) = lives.ground.proof().await;
    let never: Vec<_> =
        KINDS.iter().filter(|kind| lives.done.get(**kind).is_none_or(|times| *times == 0)).collect();
    assert!(never.is_empty(), "these never happened: {never:?}");
    assert!(
        verdict.open > 0
            && verdict.handdowns > 0
            && lives.contacts > 0
            && verdict.ended > 3
            && verdict.readings > 50
            && erased > 0,
        "{verdict:?}, {erased} erased"
    );
    #[allow(clippy::print_stderr, reason = "a long life says what it came to")]
    if asked.is_some() {
        eprintln!("{count} steps: {:?}; {verdict:?}; {erased} erased", lives.done);
    }
}
