//! Facts of a unit that is closed: each is taken in where the unit stands today and says so, also from whoever still holds
//! an office there. Only next door nobody may.

use proto::screening::{
    self as pb, exposure_item::Contact, exposure_result, passage_result, reading_result, visit_result,
};
use tests::request_id;
use tonic::{Code, Status};

use crate::{
    exposures::{contact, somebody},
    ground::{Ground, NUMBER, details},
    passages::passage,
    supports::food,
    sweeps::{household, visit},
    watch::{on, reading},
};

impl Ground {
    async fn homed(&self, subject: &str, unit: &str, person: &str) -> Result<pb::CreateHomeResponse, Status> {
        let request = pb::CreateHomeRequest {
            request_id: request_id(),
            unit: unit.to_owned(),
            persons: vec![person.to_owned()],
            start_date: String::new(),
        };
        Ok(self.screening(subject).homes().create_home(request).await?.into_inner())
    }

    async fn refuses(
        &self,
        subject: &str,
        (unit, person): (&str, &str),
    ) -> Result<pb::CreateEnforcementRequestResponse, Status> {
        let said = pb::EnforcementRequest {
            unit: unit.to_owned(),
            person: person.to_owned(),
            reason: "the gate is open".to_owned(),
            ..Default::default()
        };
        let (request_id, enforcement_request) = (request_id(), Some(said));
        let request = pb::CreateEnforcementRequestRequest { request_id, enforcement_request };
        Ok(self.screening(subject).enforcements().create_enforcement_request(request).await?.into_inner())
    }

    async fn exposures_at(
        &self,
        subject: &str,
        unit: &str,
        items: Vec<pb::ExposureItem>,
    ) -> Result<pb::IngestExposuresResponse, Status> {
        let request = pb::IngestExposuresRequest { unit: unit.to_owned(), items };
        Ok(self.screening(subject).exposures().ingest_exposures(request).await?.into_inner())
    }
}

#[tokio::test]
async fn what_a_closed_unit_takes_in_is_taken_in_where_it_stands_and_says_so() {
    let ground = Ground::build().await;
    let person = ground.found(1, details(NUMBER)).await.name;
    let sweep = ground.sweep().await.name;
    let (closed, stands) = (ground.grids[1].clone(), ground.grids[0].clone());
    ground.close_into(1, 0).await;
    for (nth, subject) in ["leader-0", "leader-1", "duty-0"].into_iter().enumerate() {
        let born = format!("1980-01-0{}", nth + 1);
        let items = vec![
            contact("", somebody(&born), on(2, "12:00")),
            contact("", Contact::Person(person.clone()), on(2, "12:00")),
        ];
        let exposed = ground.exposures_at(subject, &closed, items).await.expect("taken in");
        assert_eq!(exposed.unit, stands);
        for result in exposed.results {
            let taken = result.result.expect("a result");
            assert!(matches!(taken, exposure_result::Result::Accepted(_)), "as {subject}: {taken:?}");
        }
        let home = ground.homed(subject, &closed, &person).await.expect("taken in");
        assert!(home.readdressed);
        assert_eq!(home.home.expect("a home").unit, stands);
        let refused = ground.refuses(subject, (&closed, "")).await.expect("taken in");
        assert!(refused.readdressed);
        assert_eq!(refused.enforcement_request.expect("one").unit, stands);
        let found = pb::FoundPerson {
            details: Some(pb::PersonDetails { birth_date: born, ..details("") }),
            purpose: pb::Purpose::Returnee.into(),
            ..Default::default()
        };
        let found = pb::FoundPerson {
            details: found.details.map(|details| pb::PersonDetails { paper: None, ..details }),
            ..found
        };
        let seen = household(&format!("10{nth}"), pb::VisitOutcome::Visited);
        let seen = pb::Visit { found: vec![found], ..visit(&sweep, &closed, on(2, "09:00"), seen) };
        let request = pb::IngestVisitsRequest { visits: vec![seen] };
        let visited = ground.screening(subject).sweeps().ingest_visits(request).await.expect("an answer");
        match visited.into_inner().results.remove(0).result.expect("a result") {
            visit_result::Result::Accepted(accepted) => {
                assert!(accepted.readdressed);
                let seen = ground.get("duty-0", &accepted.persons[0]).await.expect("a person");
                assert_eq!(seen.responsible_unit, stands);
            }
            other => panic!("as {subject}: {other:?}"),
        }
    }
    for subject in ["duty-1", "leader-2"] {
        let item = contact("", somebody("1981-01-01"), on(2, "12:00"));
        let next_door = [
            ground.exposures_at(subject, &closed, vec![item]).await.err(),
            ground.homed(subject, &closed, &person).await.err(),
            ground.refuses(subject, (&closed, "")).await.err(),
        ];
        for refused in next_door {
            assert_eq!(refused.expect("next door").code(), Code::NotFound);
        }
    }
    let open = ground.refuses("leader-0", (&stands, "")).await.expect("taken in");
    assert!(!open.readdressed, "the unit itself");
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn what_is_true_of_a_person_in_a_closed_unit_s_hands_is_taken_in_from_its_officers_too() {
    let ground = Ground::with_doctors().await;
    ground.sandbox.appointed(&ground.grids[1], proto::registry::Office::HealthOfficer, "doctor").await;
    ground.known("doctor").await;
    let observed = ground.observed(1, NUMBER, "2020-02-01").await;
    let person = observed.person.clone();
    ground.close_into(1, 0).await;
    for subject in ["leader-1", "leader-0"] {
        let sent = vec![reading(&observed.name, on(3, "00:00"), 36.5)];
        let read = ground.send(subject, sent).await.remove(0);
        assert!(matches!(read, reading_result::Result::Accepted(_)), "as {subject}: {read:?}");
        let request = pb::CreateSupportRequestRequest {
            request_id: request_id(),
            support_request: Some(food(&person)),
        };
        ground.screening(subject).supports().create_support_request(request).await.expect("taken in");
        ground.refuses(subject, ("", &person)).await.expect("taken in");
        let referral = pb::Referral {
            person: person.clone(),
            symptoms: vec![pb::Symptom::Cough.into()],
            ..Default::default()
        };
        let request = pb::CreateReferralRequest { request_id: request_id(), referral: Some(referral) };
        ground.screening(subject).referrals().create_referral(request).await.expect("taken in");
    }
    for subject in ["doctor", "doctor-0"] {
        let result = pb::Result {
            person: person.clone(),
            kind: pb::TestKind::Pcr.into(),
            outcome: pb::TestOutcome::Negative.into(),
            taken_time: Some(chassis::parse::timestamp(on(2, "12:00"))),
            laboratory: "市疾控中心".to_owned(),
            ..Default::default()
        };
        let request = pb::RecordResultRequest { request_id: request_id(), result: Some(result) };
        ground.screening(subject).results().record_result(request).await.expect("taken in");
        let admission = pb::Admission {
            person: person.clone(),
            facility: "娄底市中心医院".to_owned(),
            admit_time: Some(chassis::parse::timestamp(on(2, "13:00"))),
            ..Default::default()
        };
        let request = pb::RecordAdmissionRequest { request_id: request_id(), admission: Some(admission) };
        ground.screening(subject).admissions().record_admission(request).await.expect("taken in");
    }
    let refused = ground.refuses("leader-2", ("", &person)).await.expect_err("next door");
    assert_eq!(refused.code(), Code::NotFound);
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn h1_a_checkpoint_of_a_closed_unit_hands_down_from_where_that_stands() {
    let ground = Ground::build().await;
    let post = pb::Checkpoint {
        responsible_unit: ground.grids[1].clone(),
        kind: pb::CheckpointKind::Toll.into(),
        display_name: "涟源站".to_owned(),
        start_date: "2020-02-01".to_owned(),
        ..Default::default()
    };
    let request = pb::CreateCheckpointRequest { request_id: request_id(), checkpoint: Some(post) };
    let made = ground.screening("duty-0").checkpoints().create_checkpoint(request).await.expect("set up");
    let post = made.into_inner().checkpoint.expect("a checkpoint").name;
    ground.close_into(1, 0).await;
    let outside = pb::Passage { from_outside: true, ..passage(&post, on(3, "00:00")) };
    let counted = passage(&post, on(3, "00:00"));
    for subject in ["leader-1", "duty-0"] {
        let sent = [&outside, &counted].map(|one| pb::Passage { event_id: request_id(), ..one.clone() });
        let came = ground.pass(subject, sent.to_vec()).await;
        let [passage_result::Result::Accepted(down), passage_result::Result::Accepted(counted)] = &came[..]
        else {
            panic!("as {subject}: {came:?}")
        };
        assert!(down.readdressed && !counted.readdressed);
        let request = pb::GetHanddownRequest { name: down.handdown.clone() };
        let found = ground.screening("duty-0").handdowns().get_handdown(request).await.expect("a hand-down");
        assert_eq!(found.into_inner().handdown.expect("one").from_unit, ground.grids[0]);
    }
    assert!(ground.proof().await.1.holds);
}
