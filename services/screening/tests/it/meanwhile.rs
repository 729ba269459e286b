//! Facts of persons who are changed meanwhile: into other hands, or found to be another. What is true is taken in all the
//! same, once, and beside the person as they are by then.

use proto::screening::{self as pb, exposure_item::Contact};
use sqlx::{Connection as _, PgConnection};
use tests::request_id;
use uuid::Uuid;

use crate::{
    exposures::{contact, somebody},
    ground::{Ground, NUMBER, OTHER_NUMBER, details},
    watch::{on, somebody_waits},
};

/// A person comes into other hands.
const HANDS: &str = "UPDATE screening.person SET unit_id = $2 WHERE id = $1";
/// A person is found to be another.
const MERGE: &str = "UPDATE screening.person SET same_as = $2 WHERE id = $1";
/// The same is noted of both, as every change of hands is.
const NOTE: &str =
    "INSERT INTO screening.hands_event (person_id, one_id, unit_id, cause, said_by, happened_at)
    SELECT id, same_as, unit_id, 3, 'a test', updated_at FROM screening.person WHERE id = $1";

fn id(name: &str) -> Uuid {
    name.split_once('/').expect("a name").1.parse().expect("an id")
}

/// Does something while a person is being changed, as who merges or agrees does: what waits for that goes on after it.
async fn meanwhile<T>(
    ground: &Ground,
    (change, person, to): (&'static str, &str, &str),
    doing: impl Future<Output = T>,
) -> T {
    let mut sql: PgConnection = ground.sandbox.sql().await;
    let mut held = sql.begin().await.expect("a transaction");
    sqlx::query(change).bind(id(person)).bind(id(to)).execute(&mut *held).await.expect("changed");
    sqlx::query(NOTE).bind(id(person)).execute(&mut *held).await.expect("noted");
    let committing = async {
        somebody_waits(&ground.sandbox).await;
        held.commit().await.expect("committed");
    };
    let (done, ()) = tokio::join!(doing, committing);
    done
}

#[tokio::test]
async fn an_index_who_comes_into_other_hands_meanwhile_is_the_index_all_the_same() {
    let ground = Ground::build().await;
    let index = ground.found(0, details(NUMBER)).await.name;
    let item = contact(&index, somebody("1980-01-01"), on(2, "12:00"));
    let to = ground.grids[1].clone();
    let exposed = meanwhile(&ground, (HANDS, &index, &to), ground.expose("duty", 0, vec![item])).await;
    let taken = exposed.expect("an answer").remove(0);
    let pb::exposure_result::Result::Accepted(accepted) = taken else { panic!("{taken:?}") };
    let exposure = accepted.exposure.expect("one");
    assert_eq!((exposure.index.as_str(), exposure.dangling), (index.as_str(), false));
    // Linked: the same.
    let loose = ground.exposed(0, contact("", somebody("1980-01-02"), on(2, "12:00"))).await;
    let request = pb::LinkExposureRequest {
        request_id: request_id(),
        name: loose.exposure.expect("one").name,
        index: index.clone(),
    };
    let mut exposures = ground.screening("duty").exposures();
    let linking = exposures.link_exposure(request);
    let linked = meanwhile(&ground, (HANDS, &index, &ground.grids[0]), linking).await;
    assert_eq!(linked.expect("linked").into_inner().exposure.expect("one").index, index);
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
}

#[tokio::test]
async fn an_index_who_leaves_the_caller_s_hands_meanwhile_is_nobody_he_knows() {
    let ground = Ground::build().await;
    let index = ground.found(0, details(NUMBER)).await.name;
    let item = contact(&index, somebody("1980-01-01"), on(2, "12:00"));
    let to = ground.grids[2].clone();
    let exposed = meanwhile(&ground, (HANDS, &index, &to), ground.expose("leader-0", 0, vec![item])).await;
    let taken = exposed.expect("an answer").remove(0);
    let pb::exposure_result::Result::Accepted(accepted) = taken else { panic!("{taken:?}") };
    assert!(accepted.exposure.expect("one").dangling, "as one in hands that are not his");
}

#[tokio::test]
async fn r24_what_is_told_of_a_person_who_is_found_to_be_another_meanwhile_is_taken_in() {
    let ground = Ground::with_doctors().await;
    let one = ground.found(0, details(NUMBER)).await.name;
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(ground.found(0, crate::ground::without_papers("")).await.name);
    }
    let mut others = others.iter();
    let mut next = || others.next().expect("another").as_str();

    let person = next();
    let result = ground.tested(0, person, pb::TestOutcome::Negative, on(2, "12:00"));
    let result = meanwhile(&ground, (MERGE, person, &one), result).await;
    assert_eq!(result.person, person);

    let person = next();
    let referral = pb::Referral {
        person: person.to_owned(),
        symptoms: vec![pb::Symptom::Cough.into()],
        ..Default::default()
    };
    let request = pb::CreateReferralRequest { request_id: request_id(), referral: Some(referral) };
    let mut referrals = ground.screening("leader-0").referrals();
    meanwhile(&ground, (MERGE, person, &one), referrals.create_referral(request)).await.expect("taken in");

    let person = next();
    let admission = pb::Admission {
        person: person.to_owned(),
        facility: "娄底市中心医院".to_owned(),
        admit_time: Some(chassis::parse::timestamp(on(2, "13:00"))),
        ..Default::default()
    };
    let request = pb::RecordAdmissionRequest { request_id: request_id(), admission: Some(admission) };
    let mut admissions = ground.screening("doctor-0").admissions();
    meanwhile(&ground, (MERGE, person, &one), admissions.record_admission(request)).await.expect("taken in");

    let person = next();
    let item = contact("", Contact::Person(person.to_owned()), on(2, "12:00"));
    let exposed = meanwhile(&ground, (MERGE, person, &one), ground.expose("leader-0", 0, vec![item])).await;
    let taken = exposed.expect("an answer").remove(0);
    assert!(matches!(taken, pb::exposure_result::Result::Accepted(_)), "{taken:?}");

    let person = next();
    let opened =
        meanwhile(&ground, (MERGE, person, &one), ground.open("leader-0", person, "2020-02-01")).await;
    opened.expect("opened");
}

#[tokio::test]
async fn r24_who_is_taken_in_again_while_they_are_found_to_be_another_is_joined_and_never_two() {
    let ground = Ground::build().await;
    let one = ground.found(0, details(OTHER_NUMBER)).await.name;
    let other = ground.found(0, details(NUMBER)).await.name;
    let again =
        meanwhile(&ground, (MERGE, &other, &one), ground.intake("leader-1", 1, details(NUMBER))).await;
    assert!(!again.expect("taken in").known, "in these hands for the first time");
    assert_eq!(ground.questions("duty-0").await.len(), 1, "whose hands is asked (H6)");
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
}
