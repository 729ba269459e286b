//! Proofs: the law of persons holds, and whatever is tampered with is found.

use proto::{registry, screening as pb};
use tests::request_id;

use crate::{
    ground::{Ground, NUMBER, OTHER_NUMBER, details, without_papers},
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
    assert_eq!((verdict.answered, verdict.excepted), (2, 0), "open = answered + excepted");
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
    use pb::PersonFinding::{HandsDiffer, ObservedTwice, OutOfSight, SlotDiffers, Undecided, WindowDiffers};
    let tampers = [
        ("UPDATE slot SET outcome = 0, missed_at = NULL WHERE outcome = 1", SlotDiffers),
        ("UPDATE slot SET missed_at = NULL WHERE outcome = 1", SlotDiffers),
        ("UPDATE slot SET outcome = 5 WHERE outcome = 1", SlotDiffers),
        ("UPDATE slot SET outcome = 1, missed_at = closes_at WHERE outcome = 5", SlotDiffers),
        ("DELETE FROM reading", SlotDiffers),
        ("DELETE FROM slot WHERE outcome = 1", WindowDiffers),
        ("DELETE FROM slot WHERE outcome = 5 AND closes_at < '2020-02-04'", WindowDiffers),
        ("UPDATE hands_event SET unit_id = person_id", HandsDiffer),
        ("DELETE FROM hands_event", HandsDiffer),
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
    // The service would mend what the clock mends: it may not.
    sqlx::raw_sql(
        "CREATE FUNCTION stopped() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER stopped BEFORE UPDATE ON slot FOR EACH ROW
             WHEN (OLD.outcome = 0 AND NEW.outcome <> 0) EXECUTE FUNCTION stopped()",
    )
    .execute(&mut sql)
    .await
    .expect("stopped");
    for (tamper, finding) in tampers {
        sqlx::raw_sql(
            "DROP SCHEMA IF EXISTS kept CASCADE; CREATE SCHEMA kept;
             CREATE TABLE kept.slot AS TABLE slot; CREATE TABLE kept.reading AS TABLE reading;
             CREATE TABLE kept.observation AS TABLE observation; CREATE TABLE kept.sight AS TABLE observation_sight;
             CREATE TABLE kept.event AS TABLE observation_event; CREATE TABLE kept.hands AS TABLE hands_event",
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
            "DELETE FROM slot; DELETE FROM reading; DELETE FROM observation_sight; DELETE FROM observation_event; DELETE FROM hands_event;
             UPDATE observation o SET leads_id = k.leads_id, ending = k.ending, ended_at = k.ended_at, ended_by = k.ended_by
             FROM kept.observation k WHERE k.id = o.id;
             INSERT INTO slot TABLE kept.slot; INSERT INTO reading TABLE kept.reading;
             INSERT INTO observation_sight TABLE kept.sight; INSERT INTO observation_event TABLE kept.event;
             INSERT INTO hands_event OVERRIDING SYSTEM VALUE TABLE kept.hands",
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

/// The findings of a proof with what they are about.
fn findings(exceptions: &[pb::PersonException]) -> Vec<(pb::PersonFinding, &str)> {
    exceptions.iter().map(|one| (one.finding(), one.subject.as_str())).collect()
}

#[tokio::test]
async fn the_law_is_proved_of_any_day_as_it_stood() {
    use pb::PersonFinding::{HandsOpen, Lost, ReleaseOverdue};
    let ground = Ground::build().await;
    let observed = ground.observed(0, NUMBER, "2020-01-25").await;
    let second = ground.found(2, details(NUMBER)).await;
    ground.advance(on(4, "13:00")).await;
    let request = pb::LoseObservationRequest {
        request_id: request_id(),
        name: observed.name.clone(),
        reason: "nobody opens".to_owned(),
    };
    ground.screening("leader-0").observations().lose_observation(request).await.expect("lost");
    ground.agree("duty", 2).await;
    ground.advance(on(5, "13:00")).await;
    let request = pb::FindObservationRequest {
        request_id: request_id(),
        name: observed.name.clone(),
        reason: "came back".to_owned(),
    };
    ground.screening("leader-2").observations().find_observation(request).await.expect("found");
    ground.advance(on(11, "13:00")).await;
    let request = pb::ReleaseObservationRequest {
        request_id: request_id(),
        name: observed.name.clone(),
        reason: "a doctor says so".to_owned(),
        r#override: true,
    };
    ground.sandbox.appointed(&ground.counties[1], registry::Office::HealthOfficer, "doctor").await;
    ground.known("doctor").await;
    ground.screening("doctor").observations().release_observation(request).await.expect("released");
    ground.advance(on(12, "13:00")).await;

    let (exceptions, verdict) = ground.proof_of("2020-02-02").await;
    assert!(verdict.holds && verdict.open == 0 && exceptions.is_empty(), "before anything: {exceptions:?}");
    let (exceptions, verdict) = ground.proof_of("2020-02-03").await;
    assert!(verdict.holds, "{exceptions:?}");
    assert_eq!((verdict.open, verdict.answered, verdict.excepted, verdict.ended), (1, 1, 0, 0));
    assert_eq!(verdict.as_of_time, Some(chassis::parse::timestamp(on(4, "00:00"))));
    assert_eq!(findings(&exceptions), [(HandsOpen, observed.name.as_str())]);
    assert_eq!(exceptions[0].unit, ground.grids[0], "in whose hands it was then");
    assert_eq!(exceptions[0].contact_name, "样例 leader-0");
    let (exceptions, verdict) = ground.proof_of("2020-02-04").await;
    assert_eq!(findings(&exceptions), [(Lost, observed.name.as_str())]);
    assert!(verdict.holds && exceptions[0].unit == ground.grids[2], "agreed on that day");
    assert!(ground.proof_of("2020-02-06").await.0.is_empty());
    let (exceptions, verdict) = ground.proof_of("2020-02-10").await;
    assert_eq!(
        findings(&exceptions),
        [(ReleaseOverdue, observed.name.as_str())],
        "the window ended on the 8th"
    );
    assert_eq!(verdict.open, 1);
    let (exceptions, verdict) = ground.proof_of("2020-02-11").await;
    assert_eq!((verdict.open, verdict.ended), (0, 1), "{exceptions:?}");
    assert_eq!(ground.proof_of("2020-02-12").await.1.ended, 1, "today is now");
    assert_ne!(second.name, "");

    // Each county proves the days on which the person was in its hands.
    let open = async |subject: &str, date: &str| {
        let request = pb::ProvePersonsRequest { start_date: String::new(), as_of_date: date.to_owned() };
        let mut stream =
            ground.screening(subject).proofs().prove_persons(request).await.expect("a proof").into_inner();
        while let Some(message) = stream.message().await.expect("a message") {
            if let Some(pb::prove_persons_response::Event::Verdict(verdict)) = message.event {
                return verdict.open;
            }
        }
        panic!("no verdict");
    };
    assert_eq!((open("duty-0", "2020-02-03").await, open("duty-1", "2020-02-03").await), (1, 0));
    assert_eq!((open("duty-0", "2020-02-05").await, open("duty-1", "2020-02-05").await), (0, 1));
    let tomorrow = pb::ProvePersonsRequest { start_date: String::new(), as_of_date: "2020-02-13".to_owned() };
    let answer = ground.screening("duty").proofs().prove_persons(tomorrow).await;
    let refused = match answer {
        Err(refused) => refused,
        Ok(stream) => stream.into_inner().message().await.expect_err("to come"),
    };
    assert_eq!(tests::fields(&refused), ["as_of_date"]);
}

#[tokio::test]
async fn a_past_day_finds_what_was_tampered_with() {
    use pb::PersonFinding::{SlotDiffers, Undecided, WindowDiffers};
    let (ground, _) = ground().await;
    ground.advance(on(6, "13:00")).await;
    let mut sql = ground.sandbox.sql().await;
    assert!(ground.proof_of("2020-02-04").await.1.holds);
    for (tamper, finding) in [
        ("UPDATE screening.slot SET missed_at = NULL WHERE outcome = 1", SlotDiffers),
        ("DELETE FROM screening.slot WHERE outcome = 1 AND closes_at < '2020-02-04'", WindowDiffers),
        ("DELETE FROM screening.observation_event WHERE kind = 7", Undecided),
    ] {
        sqlx::raw_sql(tamper).execute(&mut sql).await.expect("tampered");
        let (exceptions, verdict) = ground.proof_of("2020-02-04").await;
        let found: Vec<_> = exceptions.iter().map(pb::PersonException::finding).collect();
        assert!(!verdict.holds && found.contains(&finding), "{tamper}: {found:?}");
    }
}

#[tokio::test]
async fn who_answers_for_nobody_is_excepted_by_name() {
    use pb::PersonFinding::{AnsweredAbove, Unanswered};
    let ground = Ground::build().await;
    let village = ground.village(0).await;
    let grid = ground.sandbox.unit(&village, registry::Level::Grid, "第9网格").await.name;
    let request = pb::ListPersonsRequest { ancestor_unit: grid.clone(), ..Default::default() };
    let duty = ground.screening("duty-0");
    tests::until(async || duty.persons().list_persons(request.clone()).await.ok()).await;
    let person = Some(crate::ground::person(&grid, without_papers("")));
    let request = pb::IntakePersonRequest { request_id: request_id(), person, source: String::new() };
    let person = duty.persons().intake_person(request).await.expect("taken in").into_inner().person;
    let observed =
        ground.open("duty-0", &person.expect("a person").name, "2020-02-01").await.expect("opened");
    let observed = observed.observation.expect("an observation").name;
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds);
    assert_eq!((verdict.answered, verdict.excepted), (1, 0));
    let [above] = &exceptions[..] else { panic!("{exceptions:?}") };
    assert_eq!((above.finding(), above.subject.as_str()), (AnsweredAbove, observed.as_str()));
    assert_eq!((above.contact_name.as_str(), above.contact_phone.as_str()), ("样例 duty-0", "0000-0000001"));
    assert_eq!(above.display_name, "甲县 / 村 / 第9网格");

    // Everybody above is relieved: the administrator proves.
    ground.advance(on(3, "11:00")).await;
    let appointments = ground.sandbox.registry().appointments();
    for unit in [&ground.sandbox.root, &ground.counties[0]] {
        let request = registry::ListAppointmentsRequest { unit: unit.clone(), ..Default::default() };
        let held = appointments.clone().list_appointments(request).await.expect("a list").into_inner();
        for held in
            held.appointments.into_iter().filter(|held| held.office() == registry::Office::DutyOfficer)
        {
            let (name, reason) = (held.name, "a test".to_owned());
            let request = registry::RelieveRequest { request_id: request_id(), name, end_time: None, reason };
            appointments.clone().relieve(request).await.expect("relieved");
        }
    }
    let proof = async || {
        let request = pb::ProvePersonsRequest::default();
        let mut stream = ground.screening("admin").proofs().prove_persons(request).await.ok()?.into_inner();
        let mut found = Vec::new();
        while let Some(message) = stream.message().await.ok()? {
            match message.event {
                Some(pb::prove_persons_response::Event::Exception(one)) => found.push(one),
                Some(pb::prove_persons_response::Event::Verdict(verdict)) => return Some((found, verdict)),
                _ => {}
            }
        }
        None
    };
    let (exceptions, verdict) =
        tests::until(async || proof().await.filter(|(_, verdict)| verdict.excepted > 0)).await;
    assert!(!verdict.holds && verdict.open == verdict.answered + verdict.excepted);
    assert_eq!(findings(&exceptions), [(Unanswered, observed.as_str())]);
    assert_eq!((exceptions[0].contact_name.as_str(), exceptions[0].contact_phone.as_str()), ("", ""));
}

#[tokio::test]
async fn persons_whose_unit_the_tree_does_not_know_are_found_by_who_stands_above_all() {
    use pb::PersonFinding::{HandsDiffer, Unanswered, UnitClosed};
    let ground = Ground::build().await;
    let observed = ground.observed(0, NUMBER, "2020-02-01").await;
    let mut sql = ground.sandbox.sql().await;
    sqlx::raw_sql("SET search_path = screening; UPDATE person SET unit_id = gen_random_uuid()")
        .execute(&mut sql)
        .await
        .expect("lost");
    let (exceptions, verdict) = ground.proof().await;
    assert!(!verdict.holds);
    assert_eq!((verdict.open, verdict.answered, verdict.excepted), (1, 0, 1));
    let found = findings(&exceptions);
    for finding in [Unanswered, UnitClosed] {
        assert!(found.contains(&(finding, observed.name.as_str())), "{found:?}");
    }
    assert!(found.iter().any(|(finding, _)| *finding == HandsDiffer));
}

#[tokio::test]
async fn what_is_written_past_the_service_is_found() {
    use pb::PersonFinding::{HanddownDiffers, PaperShared, TaskUnseen};
    let ground = Ground::build().await;
    let one = ground.found(0, details(NUMBER)).await.name;
    ground.found(1, details(OTHER_NUMBER)).await;
    let request = pb::CreateHanddownRequest {
        request_id: request_id(),
        person: one,
        to_unit: ground.grids[1].clone(),
        ..Default::default()
    };
    let mut handdowns = ground.screening("leader-0").handdowns();
    let handdown =
        handdowns.create_handdown(request).await.expect("one").into_inner().handdown.expect("one").name;
    assert!(ground.proof().await.1.holds);
    let mut sql = ground.sandbox.sql().await;
    let mut broken = async |tamper: &str| {
        sqlx::raw_sql(sqlx::AssertSqlSafe(tamper.to_owned())).execute(&mut sql).await.expect("tampered");
        let (exceptions, verdict) = ground.proof().await;
        assert!(!verdict.holds, "{tamper}");
        exceptions
            .into_iter()
            .filter(|one| one.breaks_the_law)
            .map(|one| (one.finding(), one.subject))
            .collect::<Vec<_>>()
    };
    let shared = "UPDATE screening.person_mark SET hash = 'shared' WHERE kind = 1";
    assert_eq!(broken(shared).await.iter().filter(|(finding, _)| *finding == PaperShared).count(), 2);
    let elsewhere = format!(
        "DELETE FROM screening.person_mark; UPDATE screening.handdown SET from_unit_id = to_unit_id, to_unit_id = NULL WHERE id = '{}'",
        handdown.trim_start_matches("handdowns/")
    );
    assert_eq!(broken(&elsewhere).await, [(HanddownDiffers, handdown)]);
    // What is put before nobody, since nothing can be put before anybody.
    let unseen = "DELETE FROM screening.handdown_source; DELETE FROM screening.handdown;
        CREATE FUNCTION screening.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER nothing BEFORE INSERT ON screening.escalation FOR EACH ROW EXECUTE FUNCTION screening.nothing();
        INSERT INTO screening.hands_question (id, holding_person_id, finding_person_id, holding_unit_id, finding_unit_id, created_at)
        SELECT a.id, a.id, b.id, a.unit_id, b.unit_id, '2020-02-01' FROM screening.person a, screening.person b WHERE a.id < b.id";
    let found = broken(unseen).await;
    assert_eq!(found.iter().map(|(finding, _)| *finding).collect::<Vec<_>>(), [TaskUnseen]);
    assert!(found[0].1.starts_with("handsQuestions/"));
}
