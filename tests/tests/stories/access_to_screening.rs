//! The access matrix of screening: every method × every office × {own unit, descendant, ancestor, neighbour,
//! absent}. Each unit has two persons, a question whose hands hold one of them, whom a unit far away has
//! found, and an observation with a referral.

use std::collections::BTreeSet;

use jurisdiction::Office;
use proto::{registry, screening as pb};
use rampart::client::Screening;
use tests::{Sandbox, request_id, until};
use tonic::{Code, Status};

use crate::{
    access::{deputy, methods},
    calls_of_lists::expecting,
    calls_of_screening::call,
};

/// A unit with two persons and a question.
pub(crate) struct Ground {
    pub(crate) relation: &'static str,
    pub(crate) unit: String,
    /// A unit that stands apart from all others.
    pub(crate) far: String,
    pub(crate) person: String,
    pub(crate) other: String,
    pub(crate) question: String,
    pub(crate) observation: String,
    pub(crate) referral: String,
    pub(crate) handdown: String,
    pub(crate) expected_list: String,
    pub(crate) checkpoint: String,
    pub(crate) exposure: String,
    pub(crate) case: String,
    pub(crate) result: String,
    pub(crate) incident: String,
    /// A grid right below the unit.
    pub(crate) grid: String,
    pub(crate) sweep: String,
    pub(crate) enforcement: String,
    pub(crate) support: String,
    pub(crate) team: String,
    pub(crate) home: String,
    pub(crate) recheck: String,
    pub(crate) closure: String,
}

/// Methods by which whoever is covered reads what is above him.
const FROM_ABOVE: [&str; 2] = ["GetSweep", "GetClosure"];

/// Methods whose answer does not hang on a place: the list is filtered.
const PLACELESS: [&str; 6] = [
    "ListHandsQuestions",
    "ListClosures",
    "WatchObservations",
    "WatchReferrals",
    "WatchFigures",
    "ProvePersons",
];

/// What is said of somebody who is nobody else.
pub(crate) fn person(unit: &str, passport: &str) -> pb::Person {
    let paper = pb::Paper { r#type: pb::PaperType::Passport.into(), number: passport.to_owned() };
    pb::Person {
        details: Some(pb::PersonDetails {
            display_name: "张样例".to_owned(),
            paper: Some(paper),
            ..Default::default()
        }),
        responsible_unit: unit.to_owned(),
        purpose: pb::Purpose::Contact.into(),
        ..Default::default()
    }
}

/// A passport nobody else has.
pub(crate) fn passport() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..20].to_owned()
}

/// Somebody whom a unit has found to be a contact of somebody nobody knows.
pub(crate) fn contact(unit: &str) -> pb::ExposureItem {
    let details = person(unit, &passport()).details.unwrap_or_default();
    pb::ExposureItem {
        event_id: request_id(),
        index_reference: "a list".to_owned(),
        contact: Some(pb::exposure_item::Contact::Details(details)),
        kind: pb::ContactKind::SharedMeal.into(),
        first_time: Some(prost_types::Timestamp { seconds: 1_580_659_200, nanos: 0 }),
        ..Default::default()
    }
}

/// A negative result, taken before the sandbox's day.
pub(crate) fn negative(person: &str) -> pb::Result {
    pb::Result {
        person: person.to_owned(),
        kind: pb::TestKind::Pcr.into(),
        outcome: pb::TestOutcome::Negative.into(),
        taken_time: Some(prost_types::Timestamp { seconds: 1_580_650_000, nanos: 0 }),
        laboratory: "市疾控中心".to_owned(),
        ..Default::default()
    }
}

/// An exposure, a case, a result that is a task, and an incident of a unit.
async fn traced(maker: &Screening, unit: &str, person: &str) -> [String; 3] {
    let request = pb::IngestExposuresRequest { unit: unit.to_owned(), items: vec![contact(unit)] };
    let answer = maker.exposures().ingest_exposures(request).await.expect("an answer").into_inner();
    let result = answer.results.into_iter().next().and_then(|result| result.result);
    let Some(pb::exposure_result::Result::Accepted(accepted)) = result else { panic!("{result:?}") };
    let case = Some(pb::Case { person: person.to_owned(), ..Default::default() });
    let request = pb::OpenCaseRequest { request_id: request_id(), case };
    let case = maker.cases().open_case(request).await.expect("opened").into_inner().case;
    let positive = pb::Result { outcome: pb::TestOutcome::Positive.into(), ..negative(person) };
    let request = pb::RecordResultRequest { request_id: request_id(), result: Some(positive) };
    let result = maker.results().record_result(request).await.expect("recorded").into_inner().result;
    [accepted.exposure.expect("an exposure").name, case.expect("a case").name, result.expect("a result").name]
}

/// An incident of a unit, which it takes two cases and a doctor to make: written as they would.
async fn incident(sql: &mut sqlx::PgConnection, unit: &str, case: &str) -> String {
    let id = uuid::Uuid::now_v7();
    let of = |name: &str| name.split_once('/').and_then(|(_, id)| id.parse::<uuid::Uuid>().ok());
    sqlx::query(
        "INSERT INTO screening.incident (id, kind, unit_id, case_id, control_plan, created_at, deadline_at)
         VALUES ($1, 2, $2, $3, 3, now(), now())",
    )
    .bind(id)
    .bind(of(unit))
    .bind(of(case))
    .execute(sql)
    .await
    .expect("an incident");
    format!("incidents/{id}")
}

/// A recheck of a unit's case, which it takes a discharge to make: written as it would.
async fn recheck(sql: &mut sqlx::PgConnection, case: &str) -> String {
    let id = uuid::Uuid::now_v7();
    let of = |name: &str| name.split_once('/').and_then(|(_, id)| id.parse::<uuid::Uuid>().ok());
    sqlx::query(
        "INSERT INTO screening.recheck (id, case_id, person_id, unit_id, one_id, week, discharged_on, deadline_at, created_at, created_by)
         SELECT $1, id, person_id, unit_id, one_id, 2, '2020-02-01', now(), now(), '' FROM screening.case_record WHERE id = $2",
    )
    .bind(id)
    .bind(of(case))
    .execute(sql)
    .await
    .expect("a recheck");
    format!("rechecks/{id}")
}

/// A closing of the epidemic in a unit that was cancelled: whoever reaches it is told so.
async fn closure(sql: &mut sqlx::PgConnection, unit: &str) -> String {
    let id = uuid::Uuid::now_v7();
    sqlx::query(
        "INSERT INTO screening.closure (id, area_unit_id, reason, proposed_by, proposed_at, would_erase, would_hold, cancelled_at)
         VALUES ($1, $2, 'a test', 'maker', now(), '{0,0,0,0,0}', '{}', now())",
    )
    .bind(id)
    .bind(unit.split_once('/').and_then(|(_, id)| id.parse::<uuid::Uuid>().ok()))
    .execute(sql)
    .await
    .expect("a closing");
    format!("closures/{id}")
}

/// Food for a person.
pub(crate) fn food(person: &str) -> pb::SupportRequest {
    pb::SupportRequest {
        person: person.to_owned(),
        kind: pb::SupportKind::Food.into(),
        items: "2 bags".to_owned(),
        state: pb::SupportState::Asked.into(),
        ..Default::default()
    }
}

/// A care team of a unit.
pub(crate) fn team(unit: &str) -> pb::CareTeam {
    let member = pb::CareTeamMember {
        display_name: "志愿者".to_owned(),
        kind: pb::MemberKind::Volunteer.into(),
        phone: String::new(),
    };
    let display_name = "小组".to_owned();
    pb::CareTeam { unit: unit.to_owned(), display_name, members: vec![member], ..Default::default() }
}

/// A sweep, an enforcement request, support and a care team of a unit.
async fn swept(maker: &Screening, unit: &str, person: &str) -> [String; 4] {
    let sweep = pb::Sweep { display_name: "排查".to_owned(), unit: unit.to_owned(), ..Default::default() };
    let request = pb::CreateSweepRequest { request_id: request_id(), sweep: Some(sweep) };
    let sweep = maker.sweeps().create_sweep(request).await.expect("set up").into_inner().sweep;
    let said =
        pb::EnforcementRequest { unit: unit.to_owned(), reason: "a test".to_owned(), ..Default::default() };
    let request =
        pb::CreateEnforcementRequestRequest { request_id: request_id(), enforcement_request: Some(said) };
    let made = maker.enforcements().create_enforcement_request(request).await.expect("made").into_inner();
    let request =
        pb::CreateSupportRequestRequest { request_id: request_id(), support_request: Some(food(person)) };
    let support = maker.supports().create_support_request(request).await.expect("made").into_inner();
    let request = pb::CreateCareTeamRequest { request_id: request_id(), care_team: Some(team(unit)) };
    let team = maker.supports().create_care_team(request).await.expect("set up").into_inner().care_team;
    [
        sweep.expect("a sweep").name,
        made.enforcement_request.expect("one").name,
        support.support_request.expect("one").name,
        team.expect("a team").name,
    ]
}

/// A post of a unit, set up before the sandbox's day.
pub(crate) fn post(unit: &str) -> pb::Checkpoint {
    pb::Checkpoint {
        display_name: "收费站".to_owned(),
        kind: pb::CheckpointKind::Toll.into(),
        responsible_unit: unit.to_owned(),
        start_date: "2020-01-31".to_owned(),
        ..Default::default()
    }
}

/// What becomes of the one passage of a batch.
pub(crate) async fn passed(screening: &Screening, batch: pb::IngestPassagesRequest) -> Result<(), Status> {
    let stream = futures::stream::iter([batch]);
    let mut answer = screening.passages().ingest_passages(stream).await?.into_inner();
    let answer = answer.message().await?.expect("an acknowledgement");
    match answer.results.into_iter().next().and_then(|result| result.result) {
        Some(pb::passage_result::Result::Refused(refused)) => {
            Err(Status::new(Code::from(refused.code), refused.message))
        }
        _ => Ok(()),
    }
}

/// A hand-down to a unit, sent from one far away.
async fn handed_down(maker: &Screening, far: &str, unit: &str) -> String {
    let details = person(far, &passport()).details;
    let to_unit = unit.to_owned();
    let item =
        pb::HanddownItem { event_id: request_id(), details, to_unit, urgent: true, ..Default::default() };
    let request = pb::IngestHanddownsRequest { from_unit: far.to_owned(), source: None, items: vec![item] };
    let answer = maker.handdowns().ingest_handdowns(request).await.expect("taken in").into_inner();
    let result = answer.results.into_iter().next().and_then(|result| result.result);
    let Some(pb::handdown_result::Result::Accepted(accepted)) = result else { panic!("{result:?}") };
    accepted.handdown.expect("a hand-down").name
}

pub(crate) fn opening(person: &str) -> pb::Observation {
    pb::Observation {
        person: person.to_owned(),
        basis: pb::Basis::Returnee.into(),
        last_exposure_date: "2020-02-01".to_owned(),
        ..Default::default()
    }
}

/// A fever at the beginning of the sandbox's day.
pub(crate) fn reading(observation: &str) -> pb::Reading {
    pb::Reading {
        event_id: request_id(),
        observation: observation.to_owned(),
        taken_time: Some(prost_types::Timestamp { seconds: 1_580_659_200, nanos: 0 }),
        kind: pb::ReadingKind::Taken.into(),
        temperature: 38.5,
        ..Default::default()
    }
}

/// An observation of a person, and its referral.
async fn observed(maker: &Screening, person: &str) -> (String, String) {
    let observation = Some(opening(person));
    let request = pb::OpenObservationRequest { request_id: request_id(), observation };
    let opened = maker.observations().open_observation(request).await.expect("opened").into_inner();
    let name = opened.observation.expect("an observation").name;
    let request = pb::IngestReadingsRequest { readings: vec![reading(&name)] };
    let answer = maker.readings().ingest_readings(request).await.expect("an answer").into_inner();
    let result = answer.results.into_iter().next().and_then(|result| result.result);
    let Some(pb::reading_result::Result::Accepted(accepted)) = result else { panic!("{result:?}") };
    (name, accepted.referral)
}

async fn ground(
    maker: &Screening,
    sql: &mut sqlx::PgConnection,
    relation: &'static str,
    (unit, grid): (&str, &str),
    far: &str,
) -> Ground {
    let intake = async |unit: &str, passport: &str| {
        let person = Some(person(unit, passport));
        let request = pb::IntakePersonRequest { request_id: request_id(), person, source: String::new() };
        let taken = maker.persons().intake_person(request).await.expect("taken in").into_inner();
        taken.person.expect("a person").name
    };
    let shared = passport();
    let person = intake(unit, &shared).await;
    intake(far, &shared).await;
    let other = intake(unit, &passport()).await;
    let request = pb::ListHandsQuestionsRequest::default();
    let questions = maker.hands().list_hands_questions(request).await.expect("a list").into_inner().questions;
    let question = questions.into_iter().find(|question| question.holding_unit == unit).expect("a question");
    let (observation, referral) = observed(maker, &other).await;
    let [exposure, case, result] = traced(maker, unit, &other).await;
    let [sweep, enforcement, support, team] = swept(maker, unit, &other).await;
    let request = pb::CreateHomeRequest {
        request_id: request_id(),
        unit: unit.to_owned(),
        persons: vec![other.clone()],
        start_date: String::new(),
    };
    let home = maker.homes().create_home(request).await.expect("a home").into_inner().home;
    Ground {
        home: home.expect("a home").name,
        closure: closure(sql, unit).await,
        grid: grid.to_owned(),
        sweep,
        enforcement,
        support,
        team,
        exposure,
        incident: incident(sql, unit, &case).await,
        recheck: recheck(sql, &case).await,
        case,
        result,
        relation,
        unit: unit.to_owned(),
        far: far.to_owned(),
        person,
        other,
        question: question.name,
        observation,
        referral,
        handdown: handed_down(maker, far, unit).await,
        expected_list: {
            let request = expecting(unit, "2020-02-03");
            let set = maker.expected_lists().set_expected_list(request).await.expect("set").into_inner();
            set.expected_list.expect("a list").name
        },
        checkpoint: {
            let request =
                pb::CreateCheckpointRequest { request_id: request_id(), checkpoint: Some(post(unit)) };
            let made = maker.checkpoints().create_checkpoint(request).await.expect("set up").into_inner();
            made.checkpoint.expect("a checkpoint").name
        },
    }
}

#[tokio::test]
async fn every_office_reaches_its_own_subtree_s_persons_and_no_other_s() {
    let sandbox = Sandbox::start(&[tests::Part::Screening]).await;
    let ancestor = sandbox.unit(&sandbox.root, registry::Level::County, "上级县").await.name;
    let own = sandbox.unit(&ancestor, registry::Level::Township, "本镇").await.name;
    let descendant = sandbox.unit(&own, registry::Level::Village, "下村").await.name;
    let neighbour = sandbox.unit(&ancestor, registry::Level::Township, "邻镇").await.name;
    let mut grids = Vec::new();
    for unit in [&own, &descendant, &ancestor, &neighbour] {
        grids.push(sandbox.unit(unit, registry::Level::Grid, "一网格").await.name);
    }
    let far = sandbox.unit(&sandbox.root, registry::Level::County, "远县").await.name;
    sandbox.appointed(&sandbox.root, registry::Office::DutyOfficer, "maker").await;
    for office in Office::ALL {
        deputy(&sandbox, &own, office.contract(), &format!("holder.{}", office.word())).await;
    }
    // The tree and the appointments come by feeds of their own.
    let known = async |subject: &str, unit: &str| {
        let request = pb::ListPersonsRequest { ancestor_unit: unit.to_owned(), ..Default::default() };
        until(async || sandbox.screening_as(subject).persons().list_persons(request.clone()).await.ok())
            .await;
    };
    known("maker", &far).await;
    known("holder.integrator", &own).await;
    let maker = sandbox.screening_as("maker");
    let absent = |collection: &str| format!("{collection}/{}", uuid::Uuid::now_v7());
    let mut sql = sandbox.sql().await;
    let mut grounds = Vec::new();
    let units =
        [("own", &own), ("descendant", &descendant), ("ancestor", &ancestor), ("neighbour", &neighbour)];
    for (relation, unit) in units {
        let grid = &grids[grounds.len()];
        grounds.push(ground(&maker, &mut sql, relation, (unit, grid), &far).await);
    }
    grounds.push(Ground {
        relation: "absent",
        unit: absent("units"),
        far: far.clone(),
        person: absent("persons"),
        other: absent("persons"),
        question: absent("handsQuestions"),
        observation: absent("observations"),
        referral: absent("referrals"),
        handdown: absent("handdowns"),
        expected_list: absent("expectedLists"),
        checkpoint: absent("checkpoints"),
        exposure: absent("exposures"),
        case: absent("cases"),
        result: absent("results"),
        incident: absent("incidents"),
        grid: absent("units"),
        sweep: absent("sweeps"),
        enforcement: absent("enforcementRequests"),
        support: absent("supportRequests"),
        team: absent("careTeams"),
        home: absent("homes"),
        recheck: absent("rechecks"),
        closure: absent("closures"),
    });

    let mut wrong = Vec::new();
    for office in Office::ALL {
        let screening = sandbox.screening_as(&format!("holder.{}", office.word()));
        let may: BTreeSet<_> = office.permissions().collect();
        for (method, permission) in methods("rampart.screening.") {
            for ground in &grounds {
                let answer = call(&method, &screening, ground).await;
                let answer = answer.unwrap_or_else(|| panic!("{method} is not in the access matrix"));
                let reaches = matches!(ground.relation, "own" | "descendant");
                let anywhere = PLACELESS.contains(&method.as_str())
                    || (ground.relation == "ancestor" && FROM_ABOVE.contains(&method.as_str()));
                let code = answer.map_or_else(|status| status.code(), |()| Code::Ok);
                // Reached, and told how it stands.
                let code = if code == Code::FailedPrecondition { Code::Ok } else { code };
                let expected = match (may.contains(permission.as_str()), reaches || anywhere) {
                    (false, _) => Code::PermissionDenied,
                    (true, false) => Code::NotFound,
                    (true, true) => Code::Ok,
                };
                if code != expected {
                    wrong.push(format!("{method} by {} at {}: {code:?}", office.word(), ground.relation));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
