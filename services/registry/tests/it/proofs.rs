//! Proofs: what holds is said to hold, and what was tampered with is found by name.

use chrono::TimeDelta;
use proto::registry::{self as pb, Level, Office, RegistryFinding as Finding, prove_offices_response::Part};
use sqlx::{AssertSqlSafe, PgConnection};
use tests::{Sandbox, request_id};
use tonic::{Code, Status};

#[derive(Default)]
struct Proof {
    parts: Vec<pb::ProofProgress>,
    exceptions: Vec<pb::RegistryException>,
    verdict: pb::RegistryVerdict,
}

impl Proof {
    /// What was found, and at which unit.
    fn found(&self) -> Vec<(Finding, &str)> {
        self.exceptions.iter().map(|one| (one.finding(), one.display_name.as_str())).collect()
    }
}

async fn prove_as(
    sandbox: &Sandbox,
    subject: &str,
    as_of: Option<prost_types::Timestamp>,
) -> Result<Proof, Status> {
    let request = pb::ProveOfficesRequest { as_of };
    let mut stream = sandbox.registry_as(subject).proofs().prove_offices(request).await?.into_inner();
    let mut proof = Proof::default();
    let mut verdicts = 0;
    while let Some(message) = stream.message().await? {
        assert_eq!(verdicts, 0, "the verdict is the last message");
        match message.part.expect("a part") {
            Part::Progress(progress) => proof.parts.push(progress),
            Part::Exception(exception) => proof.exceptions.push(exception),
            Part::Verdict(verdict) => {
                proof.verdict = verdict;
                verdicts += 1;
            }
        }
    }
    assert_eq!(verdicts, 1);
    Ok(proof)
}

async fn prove(sandbox: &Sandbox) -> Proof {
    prove_as(sandbox, tests::ADMIN, None).await.expect("a proof")
}

struct Tree {
    county: pb::Unit,
    town: pb::Unit,
    village: pb::Unit,
    grid: pb::Unit,
    other: pb::Unit,
}

/// A tree of two counties with every office held, that of the other county's leader by nobody.
async fn tree(sandbox: &Sandbox) -> Tree {
    let county = sandbox.unit(&sandbox.root, Level::County, "甲县").await;
    let town = sandbox.unit(&county.name, Level::Township, "丙镇").await;
    let village = sandbox.unit(&town.name, Level::Village, "丁村").await;
    let grid = sandbox.unit(&village.name, Level::Grid, "第1网格").await;
    let other = sandbox.unit(&sandbox.root, Level::County, "乙县").await;
    let above = [("city", sandbox.root.as_str()), ("county", &county.name), ("town", &town.name)];
    for (name, unit) in above.into_iter().chain([("village", village.name.as_str()), ("other", &other.name)])
    {
        sandbox.appointed(unit, Office::DutyOfficer, &format!("duty.{name}")).await;
        sandbox.appointed(unit, Office::Leader, &format!("leader.{name}")).await;
    }
    sandbox.appointed(&grid.name, Office::Leader, "leader.grid").await;
    sandbox.appointed(&grid.name, Office::InformationReporter, "reporter.grid").await;
    Tree { county, town, village, grid, other }
}

fn id(unit: &pb::Unit) -> &str {
    unit.name.trim_start_matches("units/")
}

async fn run(sql: &mut PgConnection, text: String) {
    sqlx::raw_sql(AssertSqlSafe(text)).execute(sql).await.expect("tampered");
}

/// Ends every appointment to an office at a unit, behind the registry's back.
async fn end(sandbox: &Sandbox, unit: &str, office: &str) {
    let unit = unit.trim_start_matches("units/");
    let text = format!("DELETE FROM registry.appointment WHERE unit_id = '{unit}' AND office = '{office}'");
    run(&mut sandbox.sql().await, text).await;
}

#[tokio::test]
async fn a_healthy_tree_passes_county_by_county() {
    let sandbox = Sandbox::start(&[]).await;
    tree(&sandbox).await;
    let proof = prove(&sandbox).await;
    assert_eq!(proof.found(), []);
    let verdict = &proof.verdict;
    assert!(verdict.kept);
    let counts = verdict.counts.expect("counts");
    assert_eq!((counts.units, counts.offices, counts.held_in_full), (6, 12, 12));
    assert!(!verdict.epoch.is_empty() && verdict.elapsed.is_some());
    assert!(!verdict.start_token.is_empty() && !verdict.end_token.is_empty());
    let parts: Vec<_> =
        proof.parts.iter().map(|part| (part.display_name.as_str(), part.done, part.total)).collect();
    assert_eq!(parts, [("试点市", 1, 3), ("甲县", 2, 3), ("乙县", 3, 3)]);
    let units: Vec<_> = proof.parts.iter().map(|part| part.counts.expect("counts").units).collect();
    assert_eq!(units, [1, 4, 1], "what a county counts, the city does not");
}

#[tokio::test]
async fn a_vacancy_is_named_with_who_answers_and_breaks_nothing() {
    let sandbox = Sandbox::start(&[]).await;
    let tree = tree(&sandbox).await;
    end(&sandbox, &tree.grid.name, "information_reporter").await;
    let proof = prove(&sandbox).await;
    assert_eq!(proof.found(), [(Finding::VacantAnswered, "第1网格")]);
    let vacancy = &proof.exceptions[0];
    assert_eq!((vacancy.office(), vacancy.level()), (Office::InformationReporter, Level::Grid));
    assert!(!vacancy.broken);
    let answering = vacancy.answering.as_ref().expect("answered for");
    assert_eq!(
        (answering.unit.as_str(), answering.official_phone.as_str()),
        (tree.village.name.as_str(), "0000-0000001")
    );
    let verdict = proof.verdict;
    assert!(verdict.kept);
    assert_eq!((verdict.listed, verdict.counts.expect("counts").answered_by_default), (1, 1));
}

#[tokio::test]
async fn an_acting_holder_is_no_vacancy_and_days_differ() {
    let sandbox = Sandbox::start(&[]).await;
    let tree = tree(&sandbox).await;
    end(&sandbox, &tree.grid.name, "leader").await;
    let officer = sandbox.officer(&tree.grid.name, "acting").await;
    let mut appointment = tests::new_appointment(&officer.name, &tree.grid.name, Office::Leader);
    appointment.holding = pb::Holding::Acting.into();
    let tomorrow = sandbox.clock.now() + TimeDelta::days(1);
    appointment.start_time = Some(chassis::parse::timestamp(tomorrow));
    let request = pb::AppointRequest { request_id: request_id(), appointment: Some(appointment) };
    sandbox.registry().appointments().appoint(request).await.expect("appointed");
    assert_eq!(prove(&sandbox).await.found(), [(Finding::VacantAnswered, "第1网格")]);
    let then = prove_as(&sandbox, tests::ADMIN, Some(chassis::parse::timestamp(tomorrow))).await;
    let then = then.expect("a proof");
    assert_eq!((then.found().len(), then.verdict.counts.expect("counts").held_acting), (0, 1));
}

#[tokio::test]
async fn a_vacancy_that_nobody_answers_for_breaks_the_law() {
    let sandbox = Sandbox::start(&[]).await;
    let tree = tree(&sandbox).await;
    end(&sandbox, &tree.grid.name, "leader").await;
    for unit in [&tree.village.name, &tree.town.name, &tree.county.name, &sandbox.root] {
        end(&sandbox, unit, "duty_officer").await;
    }
    let proof = prove(&sandbox).await;
    let grid = proof.exceptions.iter().find(|one| one.level() == Level::Grid).expect("listed");
    assert_eq!((grid.finding(), grid.broken), (Finding::VacantUnanswered, true));
    let verdict = proof.verdict;
    assert!(!verdict.kept);
    assert_eq!((verdict.offices_broken, verdict.tree_broken), (5, 0), "the grid's, and four duty officers'");
}

#[tokio::test]
async fn an_office_held_twice_or_by_nobody_or_nowhere_breaks_the_law() {
    let sandbox = Sandbox::start(&[]).await;
    let tree = tree(&sandbox).await;
    let mut sql = sandbox.sql().await;
    let copy = |unit: &str, officer: &str, from: &pb::Unit| {
        format!(
            "INSERT INTO registry.appointment (id, officer_id, unit_id, office, kind, during, created_at, updated_at)
             SELECT gen_random_uuid(), {officer}, {unit}, office, kind, during, created_at, updated_at
             FROM registry.appointment WHERE unit_id = '{}' AND office = 'leader';",
            id(from)
        )
    };
    let nobody = "gen_random_uuid()";
    let nowhere = copy(nobody, "officer_id", &tree.town);
    let twice =
        copy("unit_id", "(SELECT id FROM registry.officer WHERE subject = 'leader.other')", &tree.grid);
    run(
        &mut sql,
        format!(
            "ALTER TABLE registry.appointment DROP CONSTRAINT appointment_no_overlap,
                 DROP CONSTRAINT appointment_officer_fkey, DROP CONSTRAINT appointment_unit_fkey;
             {nowhere} {twice}
             UPDATE registry.appointment SET officer_id = {nobody}
             WHERE unit_id = '{}' AND office = 'leader';",
            id(&tree.village)
        ),
    )
    .await;
    let proof = prove(&sandbox).await;
    let mut found = proof.found();
    found.sort();
    let expected = [
        (Finding::VacantAnswered, "丁村"),
        (Finding::HeldTwice, "第1网格"),
        (Finding::OfficerAbsent, "丁村"),
        (Finding::UnitAbsent, ""),
    ];
    assert_eq!(found, expected, "what nobody holds is vacant");
    assert_eq!((proof.verdict.kept, proof.verdict.offices_broken), (false, 3));
    let twice = proof.exceptions.iter().find(|one| one.finding() == Finding::HeldTwice).expect("listed");
    assert_eq!((twice.related.len(), twice.holding()), (2, pb::Holding::Full));
}

#[tokio::test]
async fn a_damaged_tree_is_found_wherever_the_damage_put_a_unit() {
    let sandbox = Sandbox::start(&[]).await;
    let tree = tree(&sandbox).await;
    let mut sql = sandbox.sql().await;
    let damage = |set: &str, unit: &pb::Unit| {
        format!("UPDATE registry.unit_place SET {set} WHERE unit_id = '{}'", id(unit))
    };
    let found = async || {
        let proof = prove(&sandbox).await;
        assert_eq!(proof.verdict.kept, proof.verdict.tree_broken == 0);
        let tree = proof.exceptions.iter().filter(|one| one.law() == pb::RegistryLaw::Tree);
        tree.map(|one| (one.finding(), one.display_name.clone())).collect::<Vec<_>>()
    };
    assert_eq!(found().await, []);

    for path in ["'zzzzzzzz' || path", "left(path, 8) || right(path, 8)"] {
        let before: String =
            sqlx::query_scalar("SELECT path FROM registry.unit_place WHERE unit_id = $1::uuid")
                .bind(id(&tree.grid))
                .fetch_one(&mut sql)
                .await
                .expect("a path");
        run(&mut sql, damage(&format!("path = {path}"), &tree.grid)).await;
        assert_eq!(found().await, [(Finding::Misplaced, "第1网格".to_owned())], "{path}");
        run(&mut sql, damage(&format!("path = '{before}'"), &tree.grid)).await;
    }

    run(&mut sql, damage(&format!("parent_id = '{}'", id(&tree.village)), &tree.town)).await;
    assert_eq!(found().await, [(Finding::Cycle, "丙镇".to_owned())]);
    run(&mut sql, damage(&format!("parent_id = '{}'", id(&tree.county)), &tree.town)).await;

    run(
        &mut sql,
        format!("UPDATE registry.unit_status SET status = 2 WHERE unit_id = '{}'", id(&tree.village)),
    )
    .await;
    assert_eq!(found().await, [(Finding::ParentClosed, "第1网格".to_owned())]);
    run(
        &mut sql,
        format!("UPDATE registry.unit_status SET status = 1 WHERE unit_id = '{}'", id(&tree.village)),
    )
    .await;

    run(&mut sql, format!("DELETE FROM registry.unit_place WHERE unit_id = '{}'", id(&tree.other))).await;
    assert_eq!(found().await, [(Finding::Incomplete, "乙县".to_owned())]);
}

#[tokio::test]
async fn a_county_s_officer_proves_their_own_county() {
    let sandbox = Sandbox::start(&[]).await;
    let tree = tree(&sandbox).await;
    end(&sandbox, &tree.grid.name, "leader").await;
    end(&sandbox, &tree.other.name, "leader").await;
    let proof = prove_as(&sandbox, "duty.county", None).await.expect("a proof");
    assert_eq!(proof.found(), [(Finding::VacantAnswered, "第1网格")]);
    assert_eq!(proof.parts.len(), 1);
    assert_eq!(proof.verdict.counts.expect("counts").units, 4);
    let town = prove_as(&sandbox, "duty.town", None).await.expect("a proof");
    assert_eq!((town.parts[0].unit.as_str(), town.parts[0].total), (tree.town.name.as_str(), 1));
    let refused = prove_as(&sandbox, "leader.county", None).await.err().expect("no proof for a leader");
    assert_eq!(refused.code(), Code::PermissionDenied);
}
