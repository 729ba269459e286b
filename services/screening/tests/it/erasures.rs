//! Erasures: personal values are kept as long as they are needed and no longer; what is counted stays.

use chrono::{DateTime, Utc};
use proto::screening::{self as pb, exposure_item::Contact, passage_result::Result as Came};
use sqlx::{AssertSqlSafe, PgConnection};
use tests::{fields, reason, request_id, until};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    exposures::contact,
    ground::{Ground, NUMBER, OTHER_NUMBER, details, without_papers},
    passages::passage,
    supports::food,
    watch::{on, reading},
};

/// An instant of a day of 2020, at noon by the city's clock.
pub(crate) fn noon(day: &str) -> DateTime<Utc> {
    format!("2020-{day}T12:00:00+08:00").parse().expect("an instant")
}

pub(crate) fn id(name: &str) -> Uuid {
    name.split_once('/').and_then(|(_, id)| id.parse().ok()).expect("a name")
}

impl Ground {
    /// A page of erasures as a subject.
    async fn erasures(&self, subject: &str, state: pb::ErasureState) -> Result<Vec<pb::Erasure>, Status> {
        let request = pb::ListErasuresRequest { state: state.into(), ..Default::default() };
        let page = self.screening(subject).erasures().list_erasures(request).await?.into_inner();
        Ok(page.erasures)
    }

    /// What holds a person whose date has passed, as a subject sees it.
    async fn held(&self, subject: &str, person: &str) -> Vec<pb::ErasureHold> {
        let due = self.erasures(subject, pb::ErasureState::Due).await.expect("a list");
        let due = due.into_iter().find(|erasure| erasure.person == person).expect("due");
        due.holds().collect()
    }

    /// Waits until a person is erased, and answers them as the city's duty officer sees them.
    pub(crate) async fn erased(&self, person: &str) -> pb::Person {
        until(async || {
            let person = self.get("duty", person).await.expect("by the same name");
            person.erase_time.is_some().then_some(person)
        })
        .await
    }

    /// Takes in somebody at a grid whom nobody need follow up.
    pub(crate) async fn waived(&self, grid: usize, details: pb::PersonDetails) -> String {
        let name = self.found(grid, details).await.name;
        self.waive("duty", &name, "nothing is left to do").await.expect("waived");
        name
    }
}

/// Where in the schema a value stands: in any text, or in any bytes.
pub(crate) async fn places(sql: &mut PgConnection, value: &[u8]) -> Vec<String> {
    places_of(sql, &[value]).await.into_iter().map(|(place, _)| place).collect()
}

/// Where in the schema any of some values stands, and which.
pub(crate) async fn places_of(sql: &mut PgConnection, values: &[&[u8]]) -> Vec<(String, Vec<u8>)> {
    const COLUMNS: &str = "SELECT format('%I.%I', table_schema, table_name) AS place, quote_ident(column_name), data_type = 'bytea'
         FROM information_schema.columns JOIN pg_class ON oid = format('%I.%I', table_schema, table_name)::regclass
         WHERE table_schema = 'screening' AND relkind IN ('r', 'p') AND NOT relispartition
           AND (data_type IN ('bytea', 'text', 'character varying', 'json', 'jsonb') OR (data_type = 'ARRAY' AND udt_name IN ('_text', '_bytea')))";
    let columns: Vec<(String, String, bool)> =
        sqlx::query_as(COLUMNS).fetch_all(&mut *sql).await.expect("columns");
    assert!(columns.len() > 100, "all of them");
    let mut places = Vec::new();
    for (table, column, is_bytes) in columns {
        let bytes = if is_bytes { column.clone() } else { format!("convert_to({column}::text, 'UTF8')") };
        let found = format!(
            "SELECT sought_one FROM unnest($1::bytea[]) AS sought_one WHERE EXISTS (SELECT FROM {table} WHERE position(sought_one IN {bytes}) > 0)"
        );
        let found: Vec<Vec<u8>> =
            sqlx::query_scalar(AssertSqlSafe(found)).bind(values).fetch_all(&mut *sql).await.expect("looked");
        places.extend(found.into_iter().map(|value| (format!("{table}.{column}"), value)));
    }
    places
}

/// Everything by which a person is found, and everything sealed of them.
pub(crate) async fn secrets(sql: &mut PgConnection, person: &str) -> Vec<Vec<u8>> {
    let secrets = "SELECT hash FROM screening.person_mark WHERE person_id = $1
        UNION ALL SELECT sealed FROM screening.person WHERE id = $1 AND sealed IS NOT NULL
        UNION ALL SELECT sealed FROM screening.finding WHERE person_id = $1
        UNION ALL SELECT s.sealed FROM screening.handdown_source s JOIN screening.handdown h ON h.id = s.chain_id
                  WHERE h.person_id = $1 AND s.sealed IS NOT NULL";
    sqlx::query_scalar(secrets).bind(id(person)).fetch_all(sql).await.expect("what is sealed")
}

/// Somebody who came through a post, was handed down, found, observed, read and released, named by another unit's contact.
pub(crate) async fn whole_life(ground: &Ground) -> String {
    let post = ground.post().await;
    let said = pb::PersonDetails {
        occupation: "样例司机".to_owned(),
        present_place: "村第0网格".to_owned(),
        ..details(NUMBER)
    };
    let febrile = pb::Passage {
        temperature: 38.4,
        from_outside: true,
        origin: "样例出发地".to_owned(),
        details: Some(said.clone()),
        ..passage(&post, on(3, "00:00"))
    };
    let Some(Came::Accepted(came)) = ground.pass("duty-0", vec![febrile]).await.pop() else {
        panic!("taken in")
    };
    ground.acknowledge("leader-0", &came.handdown).await.expect("acknowledged");
    let request = pb::VerifyHanddownRequest {
        request_id: request_id(),
        name: came.handdown,
        outcome: pb::HanddownOutcome::Found.into(),
        basis: pb::Basis::Returnee.into(),
        last_exposure_date: "2020-01-12".to_owned(),
        ..Default::default()
    };
    let found = ground.screening("leader-0").handdowns().verify_handdown(request).await.expect("found");
    let observation = found.into_inner().observation;
    // Found again at the door, and asked.
    let passport = pb::Paper { r#type: pb::PaperType::Passport.into(), number: "SAMPLE4711".to_owned() };
    let facts = vec![pb::SaidFact { fact: pb::Fact::Vehicle.into(), text: "样例车次".to_owned() }];
    let more = pb::PersonDetails { other_papers: vec![passport], facts, ..said };
    let person = ground.found(0, more.clone()).await;
    let request = pb::UpdatePersonRequest {
        request_id: request_id(),
        person: Some(pb::Person {
            name: person.name.clone(),
            details: Some(pb::PersonDetails { occupation: "样例厨师".to_owned(), ..more }),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["occupation".to_owned()] }),
    };
    ground.screening("leader-0").persons().update_person(request).await.expect("changed");
    let general = |index: &str, of: Contact| pb::ExposureItem {
        kind: pb::ContactKind::General.into(),
        place: "样例街一号".to_owned(),
        ..contact(index, of, on(2, "12:00"))
    };
    let unknown = pb::ExposureItem {
        index_reference: "样例舅舅".to_owned(),
        ..general("", Contact::Person(person.name.clone()))
    };
    ground.exposed(0, unknown).await;
    ground.exposed(0, general(&person.name, Contact::Details(details(OTHER_NUMBER)))).await;
    ground.read(reading(&observation, on(3, "00:00"), 36.5)).await;
    ground.release("leader-0", &observation, "").await.expect("released");
    let request = pb::RevealPersonRequest {
        request_id: request_id(),
        name: person.name.clone(),
        reason: "the ambulance asks".to_owned(),
    };
    ground.screening("duty-0").persons().reveal_person(request).await.expect("revealed");
    person.name
}

#[tokio::test]
async fn p2_nothing_of_who_was_erased_is_left_in_any_table_and_the_name_stays_good() {
    let ground = Ground::build().await;
    let person = whole_life(&ground).await;
    let mut sql = ground.sandbox.sql().await;
    let secrets = secrets(&mut sql, &person).await;
    assert_eq!(secrets.len(), 11, "seven marks, the person, two findings, a source");
    for secret in &secrets {
        assert_eq!(places(&mut sql, secret).await.len(), 1, "each stands in one place before");
    }
    // The last moment of the date itself.
    ground.advance(noon("08-01")).await;
    let announced = ground.erasures("duty-0", pb::ErasureState::Announced).await.expect("a list");
    assert!(announced.iter().any(|erasure| erasure.person == person && erasure.delete_after == "2020-08-01"));
    assert!(ground.get("leader-0", &person).await.expect("whole").details.is_some());
    ground.advance(noon("08-02")).await;
    let gone = ground.erased(&person).await;
    assert_eq!((gone.details, gone.responsible_unit.as_str()), (None, ground.grids[0].as_str()));
    for secret in &secrets {
        assert_eq!(places(&mut sql, secret).await, Vec::<String>::new());
    }
    let values = [
        NUMBER,
        "110***********002X",
        "SAMPLE4711",
        "13900001234",
        "139****1234",
        "张样例",
        "张**",
        "1949-12-31",
        "样例司机",
        "样例厨师",
        "样例街一号",
        "村第0网格",
        "样例车次",
        "样例舅舅",
        "样例出发地",
        "G1234 2020-02-03",
    ];
    for value in values {
        assert_eq!(places(&mut sql, value.as_bytes()).await, Vec::<String>::new(), "{value}");
    }
    let done = ground.erasures("duty-0", pb::ErasureState::Erased).await.expect("a list");
    let done = done.into_iter().find(|erasure| erasure.person == person).expect("noted");
    let counts = done.erased.expect("counts");
    assert_eq!((counts.findings, counts.sources, counts.exposures), (2, 1, 2));
    assert!(counts.marks >= 6 && done.erase_time.is_some() && done.holds.is_empty(), "{counts:?}");
    // P4: who has looked stays, and nobody has looked since.
    let request = pb::ListAccessesRequest { person: person.clone(), ..Default::default() };
    let accesses = async || {
        let page = ground.screening("duty").persons().list_accesses(request.clone()).await.expect("a page");
        page.into_inner().accesses
    };
    let before = accesses().await;
    assert!(before.iter().any(|access| access.reason == "the ambulance asks"), "{before:?}");
    ground.get("leader-0", &person).await.expect("by name");
    let reveal =
        pb::RevealPersonRequest { request_id: request_id(), name: person.clone(), reason: "why".to_owned() };
    let revealed =
        ground.screening("duty-0").persons().reveal_person(reveal).await.expect("an answer").into_inner();
    assert!(revealed.person.expect("a person").details.is_none() && revealed.findings.is_empty());
    assert_eq!(accesses().await, before);
}

#[tokio::test]
async fn p2_figures_and_every_past_day_are_the_same_after_an_erasure() {
    let ground = Ground::build().await;
    let person = whole_life(&ground).await;
    ground.advance(noon("08-01")).await;
    let mut sql = ground.sandbox.sql().await;
    let mut told = async || {
        // What is counted of the days before may be on its way.
        until(async || {
            let counted = "SELECT tallied_on = $1 AND NOT EXISTS (SELECT FROM screening.figure_inbox) FROM screening.figure_progress";
            let today = ground.sandbox.clock.today();
            let counted: Option<bool> =
                sqlx::query_scalar(counted).bind(today).fetch_one(&mut sql).await.expect("how far");
            counted.filter(|counted| *counted)
        })
        .await;
        let sheets = "SELECT unit_id, business_date, changes FROM screening.figure_sheet ORDER BY 2, 1";
        let sheets: Vec<(Uuid, chrono::NaiveDate, Vec<i64>)> =
            sqlx::query_as(sheets).fetch_all(&mut sql).await.expect("sheets");
        let events = "SELECT (SELECT count(*) FROM screening.slot), (SELECT count(*) FROM screening.reading),
                             (SELECT count(*) FROM screening.observation_event), (SELECT count(*) FROM screening.hands_event)";
        let events: (i64, i64, i64, i64) = sqlx::query_as(events).fetch_one(&mut sql).await.expect("events");
        let mut proofs = [ground.proof_of("2020-02-03").await, ground.proof_of("2020-02-20").await];
        proofs.iter_mut().for_each(|(_, verdict)| verdict.milliseconds = 0);
        (sheets, events, proofs, ground.contacts(3).await)
    };
    let before = told().await;
    assert!(!before.0.is_empty() && before.2[0].1.ended == 1, "{before:?}");
    ground.advance(noon("08-02")).await;
    ground.erased(&person).await;
    assert_eq!(told().await, before);
    let (_, verdict) = ground.proof().await;
    assert!(verdict.holds);
}

#[tokio::test]
async fn p2_what_is_open_is_kept_and_listed_with_why_and_a_case_is_kept() {
    use pb::ErasureHold::{Case, Observation, Support, Task};
    let ground = Ground::with_doctors().await;
    let observed = ground.observed(0, NUMBER, "2020-02-01").await;
    let supported = ground.waived(0, without_papers("1950-01-01")).await;
    ground.support("leader-0", food(&supported)).await.expect("offered");
    let unfollowed = ground.found(0, without_papers("1951-01-01")).await.name;
    let ill = ground.found(0, details(OTHER_NUMBER)).await.name;
    ground.confirmed(0, &ill).await;
    let well = ground.waived(0, without_papers("1952-01-01")).await;
    let record = ground.waived(0, without_papers("1953-01-01")).await;
    // Notice: a fortnight, or as many days as are asked for.
    ground.advance(noon("07-18")).await;
    assert!(ground.erasures("doctor-0", pb::ErasureState::Announced).await.expect("a list").is_empty());
    let request = pb::ListErasuresRequest { notice_days: 20, page_size: 3, ..Default::default() };
    let mut list = ground.screening("doctor-0").erasures();
    let first = list.list_erasures(request.clone()).await.expect("a page").into_inner();
    let request = pb::ListErasuresRequest { page_token: first.next_page_token, ..request };
    let rest = list.list_erasures(request).await.expect("a page").into_inner();
    let announced: Vec<_> = first.erasures.into_iter().chain(rest.erasures).collect();
    let names: Vec<_> = announced.iter().map(|erasure| erasure.person.as_str()).collect();
    assert_eq!(names, [&observed.person, &supported, &unfollowed, &well, &record], "not the case");
    assert_eq!(
        (announced[0].state(), announced[0].holds().next()),
        (pb::ErasureState::Announced, Some(Observation))
    );
    assert!(announced[3].holds.is_empty() && rest.next_page_token.is_empty());
    // One more record of who is a case.
    let mut sql = ground.sandbox.sql().await;
    let joined = sqlx::query("UPDATE screening.person SET same_as = $1 WHERE id = $2");
    joined.bind(id(&ill)).bind(id(&record)).execute(&mut sql).await.expect("joined behind the service");
    // The date passes: only who is free is erased.
    ground.advance(noon("08-02")).await;
    ground.erased(&well).await;
    assert_eq!(ground.held("duty-0", &observed.person).await, [Observation]);
    assert_eq!(ground.held("doctor-0", &supported).await, [Support]);
    assert_eq!(ground.held("duty-0", &unfollowed).await, [Task]);
    assert_eq!(ground.held("duty-0", &record).await[0], Case);
    let kept = ground.get("leader-0", &ill).await.expect("whole");
    assert!(kept.delete_after.is_empty() && kept.details.is_some(), "a case");
    assert_eq!(
        ground.erasures("leader-0", pb::ErasureState::Due).await.expect_err("no leader's").code(),
        Code::PermissionDenied
    );
    assert!(
        ground.erasures("duty-1", pb::ErasureState::Due).await.expect("a list").is_empty(),
        "no other county's"
    );
    let wrong = pb::ListErasuresRequest { notice_days: 400, state: 9, ..Default::default() };
    assert_eq!(fields(&list.list_erasures(wrong).await.expect_err("wrong")), ["notice_days", "state"]);
    // What has ended holds nobody any more.
    ground.waive("duty-0", &unfollowed, "moved away").await.expect("waived");
    ground.release_overdue(&observed.name).await;
    ground.advance(noon("08-03")).await;
    ground.erased(&observed.person).await;
    ground.erased(&unfollowed).await;
    let due = ground.erasures("duty-0", pb::ErasureState::Due).await.expect("a list");
    let due: Vec<_> = due.iter().map(|erasure| erasure.person.as_str()).collect();
    assert_eq!(due, [&supported, &record]);
}

impl Ground {
    /// Releases an observation that was read by nobody, as a doctor.
    async fn release_overdue(&self, name: &str) {
        let request = pb::ReleaseObservationRequest {
            request_id: request_id(),
            name: name.to_owned(),
            reason: "well, by phone".to_owned(),
            r#override: true,
        };
        self.screening("doctor-0").observations().release_observation(request).await.expect("released");
    }
}

#[tokio::test]
async fn p2_the_records_of_one_person_are_erased_together_after_the_latest_of_their_dates() {
    use pb::ErasureHold::{Record, Task};
    let ground = Ground::build().await;
    let first = ground.waived(0, details(NUMBER)).await;
    ground.advance(noon("02-10")).await;
    let second = ground.waived(2, details(NUMBER)).await;
    ground.advance(noon("08-02")).await;
    // No agreement on the hands: nothing tells either side where else the person is.
    assert_eq!(ground.held("duty-0", &first).await, [Task]);
    ground.agree("duty", 0).await;
    ground.advance(noon("08-03")).await;
    until(async || (ground.held("duty-0", &first).await == [Record]).then_some(())).await;
    assert!(ground.get("leader-0", &first).await.expect("whole").details.is_some());
    ground.advance(noon("08-09")).await;
    let times = [ground.erased(&first).await.erase_time, ground.erased(&second).await.erase_time];
    assert_eq!(times[0], times[1]);
    // Found again on a later day: kept for as long again.
    let third = ground.waived(1, details(OTHER_NUMBER)).await;
    ground.advance(noon("08-11")).await;
    assert_eq!(ground.found(1, details(OTHER_NUMBER)).await.name, third);
    assert_eq!(ground.get("leader-1", &third).await.expect("whole").delete_after, "2021-02-07");
}

#[tokio::test]
async fn p1_who_is_found_after_an_erasure_is_a_new_person_and_the_old_one_says_nothing() {
    let ground = Ground::build().await;
    let old = ground.waived(0, details(NUMBER)).await;
    ground.advance(noon("08-02")).await;
    ground.erased(&old).await;
    let taken = ground.intake("leader-0", 0, details(NUMBER)).await.expect("taken in");
    let new = taken.person.expect("a person");
    assert!(!taken.known && taken.likely_doubles.is_empty());
    assert_ne!(new.name, old);
    assert!(ground.questions("duty").await.is_empty());
    let paper = pb::Paper { r#type: pb::PaperType::IdentityCard.into(), number: NUMBER.to_owned() };
    for request in [
        pb::ListPersonsRequest { paper: Some(paper), ..Default::default() },
        pb::ListPersonsRequest { ancestor_unit: ground.grids[0].clone(), ..Default::default() },
    ] {
        let found =
            ground.screening("duty").persons().list_persons(request).await.expect("a list").into_inner();
        assert_eq!(found.persons.iter().map(|person| &person.name).collect::<Vec<_>>(), [&new.name]);
    }
    let request = pb::UpdatePersonRequest {
        request_id: request_id(),
        person: Some(pb::Person { name: old.clone(), details: Some(details(NUMBER)), ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["*".to_owned()] }),
    };
    let refused = ground.screening("leader-0").persons().update_person(request).await.expect_err("erased");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "PERSON_ERASED"));
    for (kept, merged) in [(&old, &new.name), (&new.name, &old)] {
        let request = pb::MergePersonsRequest {
            request_id: request_id(),
            kept: kept.clone(),
            merged: merged.clone(),
            reason: "the same".to_owned(),
        };
        let refused = ground.screening("duty-0").persons().merge_persons(request).await.expect_err("erased");
        assert_eq!(reason(&refused), "PERSON_ERASED");
    }
    // What is true of the old name is taken in all the same.
    ground.open("leader-0", &old, "2020-08-01").await.expect("a fact");
    assert!(ground.proof().await.1.holds);
}

/// Whoever adds something sealed, or found by a keyed hash, says here that an erasure knows of it, or what else becomes of it.
#[tokio::test]
async fn p2_every_place_where_bytes_are_kept_is_known_to_erasures() {
    const KNOWN: [(&str, &str); 15] = [
        ("closure.digest", "of names of who was erased"),
        ("event_claim.fingerprint", "keyed, of whole items; dropped after 14 days"),
        ("exposure.place_hash", "erased"),
        ("exposure.sealed", "erased"),
        ("finding.sealed", "erased"),
        ("handdown_source.sealed", "erased"),
        ("incident.place_hash", "of a place, not of a person"),
        ("incident.sealed", "of a place, not of a person"),
        ("kept.body", "the registry's: official contacts"),
        ("passage.party_hash", "dropped after 14 days"),
        ("passage.sealed", "dropped after 14 days"),
        ("person.sealed", "erased"),
        ("person_mark.hash", "erased"),
        ("request_claim.answer", "names persons, and says nothing of them; dropped after 7 days"),
        ("request_claim.fingerprint", "keyed, of whole messages; dropped after 7 days"),
    ];
    let ground = Ground::build().await;
    let mut sql = ground.sandbox.sql().await;
    let columns = "SELECT relname || '.' || attname FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
         WHERE relnamespace = 'screening'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND attnum > 0
           AND NOT attisdropped AND atttypid IN ('bytea'::regtype, 'bytea[]'::regtype) AND NOT starts_with(relname, '_') AND relname <> 'secret' ORDER BY 1";
    let columns: Vec<String> = sqlx::query_scalar(columns).fetch_all(&mut sql).await.expect("columns");
    assert_eq!(columns, KNOWN.map(|(column, _)| column));
}
