//! Proofs: the law of persons holds, and whatever is tampered with is found.

use proto::screening as pb;

use crate::{
    ground::{Ground, NUMBER, OTHER_NUMBER, details},
    watch::{on, reading},
};

/// A grid with one who is read, one who is not, and one whose observation has ended.
async fn ground() -> (Ground, String) {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-01").await;
    ground.observed(0, "", "2020-02-01").await;
    let ended = ground.observed(1, "", "2020-01-10").await;
    ground.send("leader-1", vec![reading(&ended.name, on(3, "00:00"), 36.5)]).await;
    ground.release("leader-1", &ended.name, "").await.expect("released");
    ground.read(reading(&observation.name, on(3, "00:00"), 36.5)).await;
    ground.advance(on(4, "13:00")).await;
    (ground, observation.name)
}

#[tokio::test]
async fn the_law_of_persons_holds_and_counts_what_it_checked() {
    let (ground, _) = ground().await;
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds && exceptions.is_empty(), "{exceptions:?}");
    assert_eq!((verdict.open, verdict.ended, verdict.readings), (2, 1, 2));
    assert_eq!(verdict.slots, 26 * 2 + 1);
    let request = pb::ProvePersonsRequest::default();
    let mut stream =
        ground.screening("duty-1").proofs().prove_persons(request).await.expect("a proof").into_inner();
    while let Some(message) = stream.message().await.expect("a message") {
        if let Some(pb::prove_persons_response::Event::Verdict(verdict)) = message.event {
            assert_eq!(verdict.open, 0, "the next county proves its own");
            return;
        }
    }
    panic!("no verdict");
}

#[tokio::test]
async fn whatever_is_tampered_with_is_found() {
    use pb::PersonFinding::{ObservedTwice, OutOfSight, SlotDiffers, Undecided, WindowDiffers};
    let tampers = [
        ("UPDATE slot SET outcome = 0, missed_at = NULL WHERE outcome = 1", SlotDiffers),
        ("UPDATE slot SET missed_at = NULL WHERE outcome = 1", SlotDiffers),
        ("UPDATE slot SET outcome = 5 WHERE outcome = 1", SlotDiffers),
        ("UPDATE slot SET outcome = 1, missed_at = closes_at WHERE outcome = 5", SlotDiffers),
        ("DELETE FROM reading", SlotDiffers),
        ("DELETE FROM slot WHERE opens_at = '2020-02-10T00:00:00+08:00'", WindowDiffers),
        ("DELETE FROM slot WHERE closes_at > '2020-02-14T00:00:00+08:00'", WindowDiffers),
        (
            "UPDATE slot SET closes_at = closes_at + interval '1 hour' WHERE closes_at = '2020-02-10T00:00:00+08:00'",
            WindowDiffers,
        ),
        ("UPDATE observation SET ending = NULL, ended_at = NULL WHERE ending = 1", Undecided),
        ("UPDATE observation SET ended_by = '' WHERE ending = 1", Undecided),
        ("DELETE FROM observation_event WHERE kind = 7", Undecided),
        (
            "DELETE FROM observation_sight WHERE (ancestor_id, lost) = (SELECT ancestor_id, lost FROM observation_sight LIMIT 1)",
            OutOfSight,
        ),
        ("UPDATE observation_sight SET due_at = due_at + interval '1 year'", OutOfSight),
        (
            "UPDATE observation SET leads_id = (SELECT id FROM observation WHERE ending = 1) WHERE ending IS NULL",
            ObservedTwice,
        ),
    ];
    let (ground, _) = ground().await;
    let mut sql = ground.sandbox.sql().await;
    sqlx::raw_sql("SET search_path = screening").execute(&mut sql).await.expect("set");
    // The service would mend what the clock mends: it is stopped, and looks on as another replica does not.
    for (tamper, finding) in tampers {
        sqlx::raw_sql(
            "DROP SCHEMA IF EXISTS kept CASCADE; CREATE SCHEMA kept;
             CREATE TABLE kept.slot AS TABLE slot; CREATE TABLE kept.reading AS TABLE reading;
             CREATE TABLE kept.observation AS TABLE observation; CREATE TABLE kept.sight AS TABLE observation_sight;
             CREATE TABLE kept.event AS TABLE observation_event",
        )
        .execute(&mut sql)
        .await
        .expect("kept");
        let tampered = sqlx::raw_sql(tamper).execute(&mut sql).await.expect("tampered");
        assert!(tampered.rows_affected() > 0, "{tamper}");
        let (exceptions, verdict) = ground.proof().await;
        assert!(!verdict.holds, "not found: {tamper}");
        let found: Vec<_> =
            exceptions.iter().filter(|one| one.breaks_the_law).map(pb::PersonException::finding).collect();
        assert!(found.contains(&finding), "{tamper}: {found:?}");
        sqlx::raw_sql(
            "DELETE FROM slot; DELETE FROM reading; DELETE FROM observation_sight; DELETE FROM observation_event;
             UPDATE observation o SET leads_id = k.leads_id, ending = k.ending, ended_at = k.ended_at, ended_by = k.ended_by
             FROM kept.observation k WHERE k.id = o.id;
             INSERT INTO slot TABLE kept.slot; INSERT INTO reading TABLE kept.reading;
             INSERT INTO observation_sight TABLE kept.sight; INSERT INTO observation_event TABLE kept.event",
        )
        .execute(&mut sql)
        .await
        .expect("mended");
    }
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn r10_a_contact_of_the_ill_whom_nobody_follows_breaks_the_law_and_a_case_that_is_missing_is_listed() {
    use pb::PersonFinding::{CaseMissing, ContactUnfollowed};
    let ground = Ground::with_doctors().await;
    let ill = ground.found(0, details(NUMBER)).await.name;
    ground.confirmed(0, &ill).await;
    let well = ground.found(0, details(OTHER_NUMBER)).await.name;
    let mut sql = ground.sandbox.sql().await;
    let id = |name: &str| name.split_once('/').map(|(_, id)| id.to_owned()).expect("a name");
    let behind = format!(
        "SET search_path = screening;
         INSERT INTO screening.exposure (id, event_id, entered_by, index_id, index_unit_id, index_one_id, index_reference,
             contact_id, contact_unit_id, contact_one_id, kind, place, first_at, last_at, protected, control_plan, created_at)
         SELECT i.id, i.id, 'nobody', i.id, i.unit_id, i.same_as, '', c.id, c.unit_id, c.same_as, 5, '', '2020-02-02', '2020-02-02',
                false, 3, '2020-02-03'
         FROM screening.person i, screening.person c WHERE i.id = '{}' AND c.id = '{}'",
        id(&ill),
        id(&well)
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(behind)).execute(&mut sql).await.expect("written past the service");
    let found = async || {
        let (exceptions, verdict) = ground.proof().await;
        let findings: Vec<_> = exceptions.iter().map(pb::PersonException::finding).collect();
        (findings, verdict.holds, verdict.contacts)
    };
    let (findings, holds, contacts) = found().await;
    assert!(findings.contains(&ContactUnfollowed) && !holds, "{findings:?}");
    assert_eq!(contacts, 1);
    let opened = ground.open("leader-0", &well, "2020-02-02").await.expect("opened");
    assert!(found().await.1, "followed");
    let name = opened.observation.expect("an observation").name;
    let request = pb::EndObservationRequest {
        request_id: tests::request_id(),
        name,
        ending: pb::Ending::Converted.into(),
        reason: "the ward says so".to_owned(),
    };
    ground.screening("duty-0").observations().end_observation(request).await.expect("ended");
    let (exceptions, verdict) = ground.proof().await;
    let findings: Vec<_> = exceptions.iter().map(pb::PersonException::finding).collect();
    assert!(verdict.holds && findings.contains(&CaseMissing), "{findings:?}");
}
