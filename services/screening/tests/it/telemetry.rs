//! What screening says about itself to those who watch over it: never a personal value (P4), and the law's counts.

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use proto::{
    registry,
    screening::{self as pb, exposure_item::Contact},
};
use rampart::client::Screening;
use tests::{Sandbox, as_role, collector::Collector, person_keys_text, request_id, until};
use tokio::net::TcpListener;
use tonic::{Code, Status};

use crate::{
    exposures::contact,
    ground::{Ground, NUMBER, OTHER_NUMBER, details, person, without_papers},
    handdowns::item,
    passages::passage,
    sweeps::{household, visit},
    watch::on,
};

/// Values of nobody that stand nowhere else.
const NAME: &str = "欧阳样例甲";
const PHONE: &str = "13900005678";
const ADDRESS: &str = "无名街七十七号";
const WORK: &str = "样例厂焊工";
const FAMILY: &str = "与欧阳样例乙同住";
/// Numbers and phones that are none, and that are refused.
const WRONG: [&str; 3] = ["110105194912310021", "440524188001010013", "1390000567x"];

/// Screening as a process of its own that says everything it has to say: to a file, and to a collector.
struct Talking {
    child: Child,
    endpoint: String,
}

impl Talking {
    async fn start(sandbox: &Sandbox, folder: &Path, collector: &str) -> Self {
        let token = sandbox.issuer.token(screening::SUBJECT, Duration::from_secs(600)).expect("a token");
        std::fs::write(folder.join("token"), token).expect("written");
        let log = File::create(folder.join("log")).expect("a log");
        let (trust, address) = (sandbox.issuer.trust(), free().await);
        let child = Command::new(env!("CARGO_BIN_EXE_screening"))
            .arg("serve")
            .env("RAMPART_LISTEN", address.to_string())
            .env("RAMPART_DATABASE_URL", as_role(&sandbox.admin_url, "screening_runtime"))
            .env("RAMPART_JWKS", trust.jwks.to_string())
            .env("RAMPART_ISSUER", &trust.issuer)
            .env("RAMPART_AUDIENCE", &trust.audience)
            .env("RAMPART_DRAIN_NOTICE", "0")
            .env("RAMPART_REGISTRY", sandbox.registry_url())
            .env("RAMPART_REGISTRY_TOKEN_FILE", folder.join("token"))
            .env("RAMPART_PERSON_KEYS", person_keys_text("first"))
            .env("RAMPART_OTLP_ENDPOINT", collector)
            .env("RAMPART_LOG", "trace")
            .stdout(Stdio::from(log.try_clone().expect("the same")))
            .stderr(Stdio::from(log))
            .spawn()
            .expect("started");
        Self { child, endpoint: format!("http://{address}") }
    }

    /// Ends it as an operator does, so that it says what it has left.
    async fn end(mut self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().expect("asked");
        assert!(asked.success());
        until(async || self.child.try_wait().expect("a child")).await;
    }
}

impl Drop for Talking {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn free() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address")
}

fn everything(number: &str) -> pb::PersonDetails {
    pb::PersonDetails {
        display_name: NAME.to_owned(),
        phones: vec![PHONE.to_owned()],
        address: ADDRESS.to_owned(),
        present_place: ADDRESS.to_owned(),
        occupation: WORK.to_owned(),
        facts: vec![pb::SaidFact { fact: pb::Fact::Family.into(), text: FAMILY.to_owned() }],
        ..details(number)
    }
}

/// Refusals, and how many calls were answered otherwise.
#[derive(Default)]
struct Answers {
    refused: Vec<Status>,
    granted: usize,
    /// What items of lists were refused with.
    words: Vec<String>,
}

impl Answers {
    fn take<T>(&mut self, answer: Result<T, Status>) -> Option<T> {
        match answer {
            Ok(answer) => {
                self.granted += 1;
                Some(answer)
            }
            Err(status) => {
                self.refused.push(status);
                None
            }
        }
    }
}

/// Takes in, changes, finds and reveals somebody; answers the person.
async fn persons(duty: &Screening, unit: &str, answers: &mut Answers) -> String {
    let mut persons = duty.persons();
    let intake = |details: pb::PersonDetails| pb::IntakePersonRequest {
        request_id: request_id(),
        person: Some(person(unit, details)),
        source: "sweep".to_owned(),
    };
    let taken = answers.take(persons.intake_person(intake(everything(NUMBER))).await).expect("taken in");
    let found = taken.into_inner().person.expect("a person");
    for wrong in &WRONG[..2] {
        answers.take(persons.intake_person(intake(everything(wrong))).await);
    }
    let mut wrong = everything(OTHER_NUMBER);
    wrong.phones.push(WRONG[2].to_owned());
    wrong.birth_date = NAME.to_owned();
    wrong.address = ADDRESS.repeat(30);
    wrong.occupation = format!("{WORK}\u{0}");
    answers.take(persons.intake_person(intake(wrong)).await);
    let nowhere = pb::IntakePersonRequest {
        person: Some(person("units/00000000-0000-7000-8000-000000000001", everything(OTHER_NUMBER))),
        ..intake(everything(OTHER_NUMBER))
    };
    answers.take(persons.intake_person(nowhere).await);
    let mut update = pb::UpdatePersonRequest {
        request_id: request_id(),
        person: Some(pb::Person { details: Some(everything(WRONG[0])), ..found.clone() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["paper".to_owned()] }),
    };
    answers.take(persons.update_person(update.clone()).await);
    update.update_mask = Some(prost_types::FieldMask { paths: vec!["address".to_owned()] });
    update.request_id = request_id();
    answers.take(persons.update_person(update).await);
    for number in [NUMBER, WRONG[1]] {
        let request = pb::ListPersonsRequest { paper: details(number).paper, ..Default::default() };
        answers.take(persons.list_persons(request).await);
    }
    for reason in ["the ambulance asks", ""] {
        let (request_id, name, reason) = (request_id(), found.name.clone(), reason.to_owned());
        answers.take(persons.reveal_person(pb::RevealPersonRequest { request_id, name, reason }).await);
    }
    answers.take(persons.get_person(pb::GetPersonRequest { name: found.name.clone() }).await);
    found.name
}

/// Sends lists that name somebody: hand-downs, contacts, visits, passages; of each something that is refused.
async fn lists(duty: &Screening, ground: (&str, &str, &str), answers: &mut Answers) {
    use proto::screening::{
        exposure_result::Result as Exposed, handdown_result::Result as Down, passage_result::Result as Came,
        visit_result::Result as Seen,
    };
    let (unit, sweep, post) = ground;
    let items = vec![
        item(everything(OTHER_NUMBER), ADDRESS),
        item(everything(WRONG[1]), ADDRESS),
        pb::HanddownItem { to_unit: NAME.to_owned(), ..item(everything(NUMBER), ADDRESS) },
    ];
    let source = Some(pb::HanddownSource { kind: pb::ListKind::Police.into(), ..Default::default() });
    let request = pb::IngestHanddownsRequest { from_unit: unit.to_owned(), source, items };
    let down = answers.take(duty.handdowns().ingest_handdowns(request).await).expect("results");
    for result in down.into_inner().results {
        if let Some(Down::Refused(refused)) = result.result {
            answers.words.push(refused.message);
        }
    }
    let at = chassis::clock::wall();
    let said = |number: &str| Contact::Details(everything(number));
    let mut contacts = vec![contact("", said(OTHER_NUMBER), at), contact("", said(WRONG[0]), at)];
    contacts[0].index_reference = NAME.to_owned();
    contacts[0].place = ADDRESS.to_owned();
    let request = pb::IngestExposuresRequest { unit: unit.to_owned(), items: contacts };
    let exposed = answers.take(duty.exposures().ingest_exposures(request).await).expect("results");
    for result in exposed.into_inner().results {
        if let Some(Exposed::Refused(refused)) = result.result {
            answers.words.push(refused.message);
        }
    }
    let found = |number: &str| pb::FoundPerson {
        details: Some(everything(number)),
        purpose: pb::Purpose::Returnee.into(),
        ..Default::default()
    };
    let visits = [OTHER_NUMBER, WRONG[0]].map(|number| pb::Visit {
        found: vec![found(number)],
        ..visit(sweep, unit, at, household("101", pb::VisitOutcome::Visited))
    });
    let request = pb::IngestVisitsRequest { visits: visits.to_vec() };
    let seen = answers.take(duty.sweeps().ingest_visits(request).await).expect("results");
    for result in seen.into_inner().results {
        if let Some(Seen::Refused(refused)) = result.result {
            answers.words.push(refused.message);
        }
    }
    let passages = [OTHER_NUMBER, WRONG[1]].map(|number| pb::Passage {
        details: Some(everything(number)),
        from_outside: true,
        ..passage(post, at)
    });
    let batch = pb::IngestPassagesRequest { sequence: 1, passages: passages.to_vec() };
    let stream = duty.passages().ingest_passages(futures::stream::iter([batch])).await;
    let mut stream = answers.take(stream).expect("a stream").into_inner();
    let came = stream.message().await.expect("a message").expect("results");
    for result in came.results {
        if let Some(Came::Refused(refused)) = result.result {
            answers.words.push(refused.message);
        }
    }
}

#[tokio::test]
async fn p4_no_personal_value_is_in_the_log_in_traces_in_figures_or_in_errors() {
    let ground = Ground::build().await;
    let (sweep, post) = (ground.sweep().await.name, ground.post().await);
    let (folder, collector) = (tempfile::tempdir().expect("a folder"), Collector::default());
    let talking = Talking::start(&ground.sandbox, folder.path(), &collector.start().await).await;
    let duty = ground.sandbox.screening_replica_as(&talking.endpoint, "duty");
    let list = pb::ListPersonsRequest { ancestor_unit: ground.grids[2].clone(), ..Default::default() };
    until(async || duty.persons().list_persons(list.clone()).await.ok()).await;
    let mut answers = Answers::default();
    let known = persons(&duty, &ground.grids[0], &mut answers).await;
    lists(&duty, (&ground.grids[0], &sweep, &post), &mut answers).await;
    // What nobody foresaw: a row that the database refuses, with the row in its words; a value that cannot be opened; a
    // table that is gone.
    let mut sql = ground.sandbox.sql().await;
    let mut internal = Vec::new();
    sqlx::raw_sql("ALTER TABLE screening.exposure ADD CONSTRAINT tampered CHECK (false) NOT VALID")
        .execute(&mut sql)
        .await
        .expect("tampered");
    let mut named = contact("", Contact::Details(without_papers("1980-01-01")), chassis::clock::wall());
    named.index_reference = NAME.to_owned();
    let request = pb::IngestExposuresRequest { unit: ground.grids[0].clone(), items: vec![named] };
    internal.push(duty.exposures().ingest_exposures(request).await.expect_err("a row that is refused"));
    sqlx::raw_sql("UPDATE screening.person SET sealed = '\\x00'").execute(&mut sql).await.expect("tampered");
    let get = pb::GetPersonRequest { name: known };
    internal.push(duty.persons().get_person(get).await.expect_err("what cannot be opened"));
    sqlx::raw_sql("ALTER TABLE screening.finding RENAME TO gone").execute(&mut sql).await.expect("tampered");
    let request = pb::IntakePersonRequest {
        request_id: request_id(),
        person: Some(person(&ground.grids[0], pb::PersonDetails { paper: None, ..everything("") })),
        source: String::new(),
    };
    internal.push(duty.persons().intake_person(request).await.expect_err("a table that is gone"));
    talking.end().await;

    assert!(internal.iter().all(|status| status.code() == Code::Internal), "{internal:?}");
    assert!(answers.granted >= 9 && answers.refused.len() >= 7, "{:?}", answers.refused);
    assert_eq!(answers.words.len(), 5, "{:?}", answers.words);
    let log = std::fs::read_to_string(folder.path().join("log")).expect("a log");
    for id in internal.iter().map(|status| status.message().split(' ').nth(2).expect("an id")) {
        assert!(log.contains(id.trim_end_matches(';')), "the log has the detail of {id}");
    }
    assert!(log.contains("violates check constraint") && !log.contains("panicked"));
    for method in
        ["PersonService/IntakePerson", "PersonService/RevealPerson", "HanddownService/IngestHanddowns"]
    {
        let spans = collector.spans(&format!("/rampart.screening.v1.{method}"));
        assert!(!spans.is_empty(), "{method} was traced");
    }
    let refusals = answers.refused.iter().chain(&internal);
    let errors: String = refusals.map(|status| format!("{status:?} {}", text(status.details()))).collect();
    let places = [
        ("the log", log),
        ("traces and figures", collector.words()),
        ("errors", errors + &answers.words.join("\n")),
    ];
    let values = [NAME, NUMBER, OTHER_NUMBER, PHONE, ADDRESS, WORK, FAMILY].into_iter().chain(WRONG);
    for value in values {
        for (place, said) in &places {
            let at = [value.to_owned(), format!("{value:?}").trim_matches('"').to_owned(), escaped(value)]
                .iter()
                .find_map(|written| said.find(written.as_str()));
            let around =
                at.map(|at| text(&said.as_bytes()[at.saturating_sub(200)..(at + 100).min(said.len())]));
            assert_eq!(around, None, "{value} is in {place}");
        }
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A value as bytes are shown: what is not ASCII by its octal or hexadecimal escapes.
pub(crate) fn escaped(value: &str) -> String {
    value.bytes().flat_map(std::ascii::escape_default).map(char::from).collect()
}

#[tokio::test]
async fn the_law_s_counts_are_levels_that_can_be_scraped() {
    let mut ground = Ground::build().await;
    let lost = ground.observed(0, NUMBER, "2020-02-01").await;
    ground.observed(1, OTHER_NUMBER, "2020-01-10").await;
    ground.observed(2, "", "2020-02-01").await;
    let request = pb::LoseObservationRequest {
        request_id: request_id(),
        name: lost.name,
        reason: "not at home".to_owned(),
    };
    ground.screening("leader-0").observations().lose_observation(request).await.expect("lost");
    ground.intake("leader-2", 2, details(OTHER_NUMBER)).await.expect("taken in, and asked about");
    let bare = ground.found(0, without_papers("")).await.name;
    ground.hand_down("leader-0", &bare, &ground.grids[1]).await.expect("handed down");
    ground.advance(on(3, "12:30")).await;
    let before = levels(&mut ground).await;
    let expected = [
        ("observations open", 3),
        ("observations answered for", 3),
        ("observations excepted", 0),
        ("observations to be released", 1),
        ("observations of the lost", 1),
        ("slots elapsed and not closed", 0),
        ("hand-downs under way", 1),
        ("questions whose hands", 1),
        ("put before somebody: Lost", 1),
        ("put before somebody: ReadingMissed", 3),
    ];
    for (what, count) in expected {
        assert_eq!(before.get(what), Some(&count), "{what}: {before:?}");
    }
    // A grid that is closed is an exception, whoever stands above; two who are found to be one are one.
    ground.close(0).await;
    ground.gone(0).await;
    ground.agree("duty", 1).await;
    let after = levels(&mut ground).await;
    let expected = [
        ("observations open", 3),
        ("observations answered for", 2),
        ("observations excepted", 1),
        ("questions whose hands", 0),
    ];
    for (what, count) in expected {
        assert_eq!(after.get(what), Some(&count), "{what}: {after:?}");
    }
    let (_, verdict) = ground.proof().await;
    assert_eq!(after["observations open"], verdict.open, "as the proof counts");
    // So is what a grid has that was moved, until somebody takes it over.
    let unit = registry::Unit { parent_unit: ground.village(0).await, ..Default::default() };
    ground.change(2, unit, &["parent_unit"]).await;
    let duty = ground.screening("duty");
    until(async || {
        let moves = duty.hands().list_unit_moves(pb::ListUnitMovesRequest::default()).await.ok()?;
        (!moves.into_inner().moves.is_empty()).then_some(())
    })
    .await;
    let moved = levels(&mut ground).await;
    assert_eq!(
        (moved["observations open"], moved["observations answered for"], moved["observations excepted"]),
        (3, 1, 2)
    );
    assert_eq!(ground.proof().await.1.excepted, 2);
}

/// What a replica that has just started tells whoever scrapes it.
async fn levels(ground: &mut Ground) -> std::collections::BTreeMap<String, i64> {
    let scraped = free().await;
    let stack = ground.sandbox.stack();
    stack.start_screening_with(|config| config.metrics_listen = Some(scraped)).await.expect("a replica");
    let url = format!("http://{scraped}/metrics");
    until(async || {
        let text = reqwest::get(&url).await.ok()?.text().await.ok()?;
        let told = text.lines().filter(|line| line.starts_with("rampart_level{"));
        let level = |line: &str| {
            let what = line.split_once("what=\"")?.1.split_once('"')?.0;
            Some((what.to_owned(), line.rsplit_once(' ')?.1.parse().ok()?))
        };
        let levels: std::collections::BTreeMap<String, i64> = told.filter_map(level).collect();
        (!levels.is_empty()).then_some(levels)
    })
    .await
}
