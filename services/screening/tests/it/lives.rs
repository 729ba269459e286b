//! Random lives of persons: found, observed, read, missed, merged, lost, handed over, let go, while grids close
//! and the services restart. Whatever happens, the law of persons holds after it.

use proptest::{
    collection::vec, prelude::any, strategy::Strategy as _, strategy::ValueTree as _, test_runner::TestRunner,
};
use proto::{
    registry,
    screening::{self as pb, exposure_item::Contact},
};
use tests::request_id;
use tonic::{Code, Status};

use crate::{
    exposures::contact,
    ground::{Ground, person},
    watch::{on, reading},
};

/// How many steps the lives have, unless RAMPART_LIFE_STEPS says another number: then they are others each time.
const STEPS: usize = 400;
/// After how many steps the law is proved.
const PROVED: usize = 25;

struct Lives {
    ground: Ground,
    persons: Vec<String>,
    observations: Vec<String>,
    sent: Vec<pb::Reading>,
    handdowns: Vec<String>,
    hours: i64,
    /// The most contacts of somebody ill that a proof has seen.
    contacts: i64,
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
        let count = self.observations.len();
        (count > 0).then(|| self.observations[usize::from(nth) % count].clone())
    }

    /// One of twelve people turns up at a grid.
    async fn turn_up(&mut self, who: u8, grid: u8) {
        let paper =
            pb::Paper { r#type: pb::PaperType::Passport.into(), number: format!("SAMPLE{}", who % 12) };
        let details = pb::PersonDetails {
            display_name: format!("样例{}", who % 12),
            paper: (who < 200).then_some(paper),
            ..Default::default()
        };
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
        let count = self.persons.len();
        if count == 0 {
            return;
        }
        let person = self.persons[usize::from(nth) % count].clone();
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
        let opened = answered(self.ground.screening("duty").observations().open_observation(request).await);
        self.observations.extend(opened.and_then(|opened| opened.observation).map(|opened| opened.name));
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
        let taken_in = |result: &pb::reading_result::Result| !matches!(result, pb::reading_result::Result::Refused(refused) if refused.code != 5);
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
                let place = i32::from(how % 4) + 1;
                let request = pb::MoveObservationRequest { request_id, name, place, facility: String::new() };
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

    async fn merge(&mut self, one: u8, other: u8) {
        let count = self.persons.len();
        if count < 2 {
            return;
        }
        let [kept, merged] = [one, other].map(|nth| self.persons[usize::from(nth) % count].clone());
        if kept != merged {
            let reason = "a life".to_owned();
            let request = pb::MergePersonsRequest { request_id: request_id(), kept, merged, reason };
            answered(self.ground.screening("duty").persons().merge_persons(request).await);
        }
    }

    async fn agree(&mut self, nth: u8) {
        if let Some(question) = self.ground.questions("duty").await.into_iter().next() {
            let unit = if nth.is_multiple_of(2) { question.holding_unit } else { question.finding_unit };
            let request = pb::AgreeHandsRequest { request_id: request_id(), name: question.name, unit };
            answered(self.ground.screening("duty").hands().agree_hands(request).await);
        }
    }

    fn handdown(&self, nth: u8) -> Option<String> {
        let count = self.handdowns.len();
        (count > 0).then(|| self.handdowns[usize::from(nth) % count].clone())
    }

    /// Somebody is handed down, and everything that was gathered is sent.
    async fn hand_down(&mut self, nth: u8, unit: u8) {
        let (count, mut handdowns) = (self.persons.len(), self.ground.screening("duty").handdowns());
        if count == 0 {
            return;
        }
        let units: Vec<_> = self.ground.grids.iter().chain(&self.ground.counties).cloned().collect();
        let request = pb::CreateHanddownRequest {
            request_id: request_id(),
            person: self.persons[usize::from(nth) % count].clone(),
            to_unit: units[usize::from(unit) % units.len()].clone(),
            urgent: unit.is_multiple_of(3),
            source: None,
        };
        match handdowns.create_handdown(request).await {
            Ok(answer) => self.handdowns.extend(answer.into_inner().handdown.map(|handdown| handdown.name)),
            Err(status) => assert!(status.message().contains("itself"), "{status:?}"),
        }
        let from_unit = units[usize::from(nth) % units.len()].clone();
        let request = pb::SendHanddownsRequest { request_id: request_id(), from_unit };
        answered(handdowns.send_handdowns(request).await);
    }

    async fn take_over(&mut self, nth: u8) {
        let Some(name) = self.handdown(nth) else { return };
        let request = pb::AcknowledgeHanddownsRequest { request_id: request_id(), names: vec![name] };
        let taken = self.ground.screening("duty").handdowns().acknowledge_handdowns(request).await;
        let taken = answered(taken).into_iter().flat_map(|answer| answer.handdowns);
        self.handdowns.extend(taken.map(|taken| taken.next).filter(|next| !next.is_empty()));
    }

    async fn verify(&mut self, nth: u8, how: u8) {
        let Some(name) = self.handdown(nth) else { return };
        let to = [&self.ground.grids[usize::from(how) % 3], ""][usize::from(how % 4 < 3)];
        let request = pb::VerifyHanddownRequest {
            request_id: request_id(),
            name,
            outcome: i32::from(how % 4) + 1,
            to_unit: if how % 4 == 2 {
                self.ground.grids[usize::from(how) % 3].clone()
            } else {
                to.to_owned()
            },
            evidence: "a life".to_owned(),
            ..Default::default()
        };
        match self.ground.screening("doctor").handdowns().verify_handdown(request).await {
            Ok(answer) => self.handdowns.extend(answer.into_inner().next.map(|next| next.name)),
            Err(status) if status.message().contains("itself") => {}
            Err(status) => drop(answered::<()>(Err(status))),
        }
    }

    /// Two of them met.
    async fn meet(&mut self, one: u8, other: u8) {
        let count = self.persons.len();
        if count < 2 {
            return;
        }
        let [index, person] = [one, other].map(|nth| self.persons[usize::from(nth) % count].clone());
        let at = self.ground.sandbox.clock.now() - chrono::TimeDelta::hours(i64::from(other) * 3);
        let item = contact(&index, Contact::Person(person), at);
        let results = self.ground.expose("duty", 0, vec![item]).await.expect("an answer");
        let is_answer = |result: &pb::exposure_result::Result| match result {
            pb::exposure_result::Result::Refused(refused) => refused.message.contains("another person"),
            _ => true,
        };
        assert!(results.iter().all(is_answer), "{results:?}");
    }

    /// Somebody is tested, and looked at as a case; what becomes of it is decided.
    async fn decide(&mut self, nth: u8, how: u8) {
        let count = self.persons.len();
        if count == 0 {
            return;
        }
        let person = self.persons[usize::from(nth) % count].clone();
        let doctor = self.ground.screening("doctor");
        let taken = self.ground.sandbox.clock.now() - chrono::TimeDelta::hours(30 * i64::from(how % 2));
        let result = pb::Result {
            person: person.clone(),
            kind: pb::TestKind::Pcr.into(),
            outcome: i32::from(how % 3) + 1,
            taken_time: Some(chassis::parse::timestamp(taken)),
            laboratory: "a life".to_owned(),
            ..Default::default()
        };
        let request = pb::RecordResultRequest { request_id: request_id(), result: Some(result) };
        let result = answered(doctor.results().record_result(request).await).and_then(|answer| answer.result);
        let case = pb::Case { person, links: vec![1], signs: vec![1, 2], ..Default::default() };
        let request = pb::OpenCaseRequest { request_id: request_id(), case: Some(case) };
        let case = answered(doctor.cases().open_case(request).await).and_then(|answer| answer.case);
        let Some(case) = case else { return };
        let request = pb::ClassifyCaseRequest {
            request_id: request_id(),
            name: case.name,
            state: i32::from(how % 11) + 1,
            result: result.map(|result| result.name).unwrap_or_default(),
            r#override: true,
            reason: "a life".to_owned(),
            ..Default::default()
        };
        answered(doctor.cases().classify_case(request).await);
    }

    /// Two of them live together from today on.
    async fn move_in(&mut self, one: u8, other: u8) {
        let count = self.persons.len();
        if count == 0 {
            return;
        }
        let persons = [one, other].map(|nth| self.persons[usize::from(nth) % count].clone()).to_vec();
        let unit = self.ground.counties[0].clone();
        let request =
            pb::CreateHomeRequest { request_id: request_id(), unit, persons, start_date: String::new() };
        answered(self.ground.screening("duty").homes().create_home(request).await);
    }

    async fn pass(&mut self, hours: u8) {
        self.hours += i64::from(hours % 16);
        self.ground.advance(on(3, "00:00") + chrono::TimeDelta::hours(self.hours)).await;
    }

    async fn step(&mut self, (kind, one, other): (u8, u8, u8)) {
        match kind % 26 {
            0 | 1 => self.turn_up(one, other).await,
            2..=4 => self.open(one, other).await,
            5..=9 => self.read(one, other).await,
            10 | 11 => self.change(one, other).await,
            12 => self.merge(one, other).await,
            13 => self.agree(one).await,
            14 | 15 => self.hand_down(one, other).await,
            16..=18 => self.take_over(one).await,
            19 => self.verify(one, other).await,
            20 | 21 => self.meet(one, other).await,
            22 | 23 => self.decide(one, other).await,
            24 => self.move_in(one, other).await,
            _ => self.pass(one).await,
        }
    }

    /// Gives the persons of the closed grid to another.
    async fn assign(&mut self) {
        let request = pb::AssignHandsRequest {
            request_id: request_id(),
            from_unit: self.ground.grids[1].clone(),
            to_unit: self.ground.grids[2].clone(),
            persons: vec![],
            reason: "the grid was closed".to_owned(),
        };
        let answer = self.ground.screening("duty").hands().assign_hands(request).await.expect("assigned");
        assert_eq!(answer.into_inner().remaining, 0);
    }

    /// The law holds of every day that was lived.
    async fn prove_the_past(&mut self) {
        let days = u64::try_from(self.hours / 24).expect("forwards");
        let first = chrono::NaiveDate::from_ymd_opt(2020, 2, 3).expect("a date");
        for day in (0..days).map(|day| first + chrono::Days::new(day)) {
            let (exceptions, verdict) = self.ground.proof_of(&day.to_string()).await;
            let broken: Vec<_> = exceptions.iter().filter(|one| one.breaks_the_law).collect();
            assert!(verdict.holds, "of {day}: {broken:#?}");
            assert_eq!(verdict.open, verdict.answered + verdict.excepted);
        }
    }

    async fn prove(&mut self, step: usize) {
        let (exceptions, verdict) = self.ground.proof().await;
        let broken: Vec<_> = exceptions.iter().filter(|one| one.breaks_the_law).collect();
        assert!(verdict.holds, "after step {step}: {broken:#?}");
        self.contacts = self.contacts.max(verdict.contacts);
    }
}

#[tokio::test]
async fn random_lives_keep_the_law_of_persons() {
    let ground = Ground::build().await;
    let root = ground.sandbox.root.clone();
    ground.sandbox.appointed(&root, registry::Office::HealthOfficer, "doctor").await;
    ground.known("doctor").await;
    let mut lives = Lives {
        ground,
        persons: vec![],
        observations: vec![],
        sent: vec![],
        handdowns: vec![],
        hours: 0,
        contacts: 0,
    };
    let asked = std::env::var("RAMPART_LIFE_STEPS").ok().and_then(|steps| steps.parse().ok());
    let mut runner = asked.map_or_else(TestRunner::deterministic, |_: usize| TestRunner::default());
    let count = asked.unwrap_or(STEPS);
    let steps = vec((any::<u8>(), any::<u8>(), any::<u8>()), count);
    let steps = steps.new_tree(&mut runner).expect("steps").current();
    for (nth, step) in steps.into_iter().enumerate() {
        lives.step(step).await;
        if nth.is_multiple_of(PROVED) {
            lives.prove(nth).await;
        }
        if nth == count / 2 {
            lives.ground.close(1).await;
            lives.ground.gone(1).await;
        }
        if nth == count * 3 / 4 {
            lives.assign().await;
        }
    }
    lives.prove(count).await;
    lives.prove_the_past().await;
    let (_, verdict) = lives.ground.proof().await;
    assert!(
        verdict.open > 0
            && verdict.handdowns > 0
            && lives.contacts > 0
            && verdict.ended > 3
            && verdict.readings > 50,
        "{verdict:?}"
    );
}
