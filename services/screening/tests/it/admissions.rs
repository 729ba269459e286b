//! Admissions: whom a facility has and lets go is taken in, whatever is known of them; home again is a hand-down.

use chrono::{DateTime, Utc};
use proto::{screening as pb, types::ExternalId};
use tests::{fields, request_id};
use tonic::Code;

use crate::{
    ground::{Ground, NUMBER, OTHER_NUMBER, details},
    watch::{on, reading},
};

const HOSPITAL: &str = "娄底市中心医院";

fn admission(person: &str, at: DateTime<Utc>) -> pb::Admission {
    pb::Admission {
        person: person.to_owned(),
        facility: HOSPITAL.to_owned(),
        admit_time: Some(chassis::parse::timestamp(at)),
        ..Default::default()
    }
}

fn discharge(person: &str, at: DateTime<Utc>, home: &str) -> pb::Admission {
    pb::Admission {
        discharge_time: Some(chassis::parse::timestamp(at)),
        destination: pb::Destination::Home.into(),
        home_unit: home.to_owned(),
        admit_time: None,
        ..admission(person, at)
    }
}

impl Ground {
    async fn admit(&self, admission: pb::Admission) -> pb::RecordAdmissionResponse {
        let request = pb::RecordAdmissionRequest { request_id: request_id(), admission: Some(admission) };
        let doctor = self.screening("doctor-0");
        doctor.admissions().record_admission(request).await.expect("recorded").into_inner()
    }

    async fn discharge(&self, admission: pb::Admission) -> pb::RecordDischargeResponse {
        let request = pb::RecordDischargeRequest { request_id: request_id(), admission: Some(admission) };
        let doctor = self.screening("doctor-0");
        doctor.admissions().record_discharge(request).await.expect("recorded").into_inner()
    }
}

#[tokio::test]
async fn the_facility_takes_the_slots_and_home_again_is_a_hand_down() {
    let ground = Ground::with_doctors().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let referral = ground.read(reading(&observation.name, on(3, "00:00"), 38.5)).await.referral;
    ground.advance(on(4, "00:30")).await;
    let admitted = ground.admit(admission(&observation.person, on(4, "00:10"))).await.admission.expect("one");
    assert_eq!(admitted.referral, referral, "answered by it");
    let placed = ground.observation("leader-0", &observation.name).await.expect("his");
    assert_eq!((placed.place(), placed.facility.as_str()), (pb::Place::Hospital, HOSPITAL));
    assert!(ground.digest(&ground.village(0).await).await.is_empty(), "the hospital reads");
    ground.advance(on(5, "00:30")).await;
    assert_eq!(ground.outcomes(&observation.name).await[2..4], [pb::Outcome::InHospital; 2]);

    let home = ground.grids[1].clone();
    let ended = ground.discharge(discharge(&observation.person, on(5, "00:20"), &home)).await;
    let ended = ended.admission.expect("one");
    assert_eq!(ended.name, admitted.name, "the same admission");
    let placed = ground.observation("leader-0", &observation.name).await.expect("still his");
    assert_eq!((placed.place(), &placed.responsible_unit), (pb::Place::Home, &ground.grids[0]));
    let again = ground.discharge(discharge(&observation.person, on(5, "00:20"), &home)).await;
    assert_eq!((again.known, again.admission.expect("one").handdown), (true, ended.handdown.clone()));

    let mut handdowns = ground.screening("leader-1").handdowns();
    let get = pb::GetHanddownRequest { name: ended.handdown.clone() };
    let sent = handdowns.get_handdown(get).await.expect("his to acknowledge").into_inner();
    assert_eq!(sent.handdown.expect("one").state(), pb::HanddownState::Sent);
    assert_eq!(sent.sources[0].reference, HOSPITAL);
    let request = pb::AcknowledgeHanddownsRequest { request_id: request_id(), names: vec![ended.handdown] };
    handdowns.acknowledge_handdowns(request).await.expect("acknowledged");
    let moved = ground.observation("leader-1", &observation.name).await.expect("his now");
    assert_eq!((&moved.responsible_unit, moved.state()), (&home, pb::ObservationState::Active));
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
}

#[tokio::test]
async fn what_a_facility_tells_is_taken_in_of_whomever_in_any_order_and_once() {
    let ground = Ground::with_doctors().await;
    let nobody_watches = ground.found(0, details(NUMBER)).await.name;
    ground.advance(on(4, "12:00")).await;
    let number = ExternalId { system: "hunan-ehr".to_owned(), value: "17".to_owned() };
    let with_number =
        |admission: pb::Admission| pb::Admission { external_id: Some(number.clone()), ..admission };
    let ended = ground.discharge(with_number(discharge(&nobody_watches, on(4, "10:00"), ""))).await;
    let ended = ended.admission.expect("taken in although nobody told of the admission");
    assert!(ended.admit_time.is_none() && ended.handdown.is_empty());
    let began = ground.admit(with_number(admission(&nobody_watches, on(3, "10:00")))).await;
    assert!(!began.known);
    let began = began.admission.expect("one");
    assert_eq!((began.name.clone(), began.discharge_time), (ended.name, ended.discharge_time));
    let again = ground.admit(with_number(admission(&nobody_watches, on(3, "10:00")))).await;
    assert_eq!((again.known, again.admission.expect("one")), (true, began));

    let other = ground.observed(0, OTHER_NUMBER, "2020-02-01").await;
    ground.discharge(discharge(&other.person, on(4, "11:00"), "")).await;
    ground.admit(admission(&other.person, on(3, "11:00"))).await;
    let placed = ground.observation("leader-0", &other.name).await.expect("his");
    assert_eq!(placed.place(), pb::Place::Home, "what is told late moves nobody");
    let list = pb::ListAdmissionsRequest { discharged: true, ..Default::default() };
    let mut admissions = ground.screening("leader-0").admissions();
    let listed = admissions.list_admissions(list.clone()).await.expect("a list").into_inner();
    assert_eq!(listed.admissions.len(), 2, "what was told late is of the same admission");
    let open = pb::ListAdmissionsRequest { discharged: false, ..list.clone() };
    assert!(admissions.list_admissions(open).await.expect("a list").into_inner().admissions.is_empty());
    let next = ground.screening("leader-2").admissions().list_admissions(list).await.expect("a list");
    assert!(next.into_inner().admissions.is_empty(), "not the next county's");

    let theirs = pb::RecordAdmissionRequest {
        request_id: request_id(),
        admission: Some(admission(&other.person, on(3, "11:00"))),
    };
    let refused = ground.screening("doctor-1").admissions().record_admission(theirs.clone()).await;
    assert_eq!(refused.expect_err("not his").code(), Code::NotFound);
    let wrong = pb::RecordAdmissionRequest {
        admission: Some(pb::Admission {
            facility: String::new(),
            admit_time: None,
            ..admission("persons/7", on(3, "11:00"))
        }),
        ..theirs
    };
    let refused = ground.screening("doctor-0").admissions().record_admission(wrong).await.expect_err("wrong");
    assert_eq!(fields(&refused), ["admission.person", "admission.facility", "admission.admit_time"]);
}

#[tokio::test]
async fn r16_a_case_that_comes_home_is_under_observation_there() {
    let ground = Ground::with_doctors().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    ground.confirmed(0, &person).await;
    ground.admit(admission(&person, on(3, "00:00"))).await;
    ground.discharge(discharge(&person, on(3, "00:00"), "")).await;
    let request = pb::ListObservationsRequest { person, ..Default::default() };
    let found = ground.screening("leader-0").observations().list_observations(request).await.expect("a list");
    let open: Vec<_> = found.into_inner().observations;
    let open = open.iter().find(|one| one.state() == pb::ObservationState::Active).expect("an open one");
    assert_eq!((open.basis(), open.last_exposure_date.as_str()), (pb::Basis::Discharged, "2020-02-03"));
}

#[tokio::test]
async fn home_again_by_hand_is_a_hand_down_too() {
    let ground = Ground::with_doctors().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    let to = |place: pb::Place, home_unit: &str| pb::MoveObservationRequest {
        request_id: request_id(),
        name: observation.name.clone(),
        place: place.into(),
        facility: if place == pb::Place::Hospital { HOSPITAL.to_owned() } else { String::new() },
        home_unit: home_unit.to_owned(),
    };
    let mut observations = ground.screening("leader-0").observations();
    observations.move_observation(to(pb::Place::Hospital, "")).await.expect("recorded");
    let refused = observations.move_observation(to(pb::Place::Central, &ground.grids[1])).await;
    assert_eq!(fields(&refused.expect_err("not home")), ["home_unit"]);
    let home = to(pb::Place::Home, &ground.grids[1]);
    let moved = observations.move_observation(home.clone()).await.expect("recorded").into_inner();
    assert_eq!(observations.move_observation(home).await.expect("the same").into_inner(), moved);
    let list = pb::ListHanddownsRequest { ancestor_unit: ground.grids[1].clone(), ..Default::default() };
    let sent =
        ground.screening("leader-1").handdowns().list_handdowns(list).await.expect("a list").into_inner();
    assert_eq!((sent.handdowns.len(), &sent.handdowns[0].person), (1, &observation.person));
}
