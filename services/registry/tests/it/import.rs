//! Official lists: everything is named, nothing is guessed, nothing is closed.

use proto::registry::{self as pb, Level, import_effect::Kind};
use tests::{Imported, Sandbox, fields, request_id};

fn row(line: i64, level: Level, code: &str, name: &str, parent: &str) -> pb::ImportRow {
    pb::ImportRow {
        line,
        level: level.into(),
        code: code.to_owned(),
        display_name: name.to_owned(),
        parent_code: parent.to_owned(),
    }
}

fn list() -> Vec<pb::ImportRow> {
    vec![
        row(2, Level::County, "990101000000", "甲县", ""),
        row(2, Level::Township, "990101100000", "丙镇", "990101000000"),
        row(2, Level::Village, "990101100201", "丁村", "990101100000"),
        row(3, Level::Village, "990101100202", "戊村", "990101100000"),
    ]
}

fn kinds(imported: &Imported) -> Vec<(Kind, String)> {
    imported.effects.iter().map(|effect| (effect.kind(), effect.code.clone())).collect()
}

async fn count(sandbox: &Sandbox) -> usize {
    let request = pb::ListUnitsRequest {
        ancestor_unit: sandbox.root.clone(),
        page_size: 1_000,
        ..pb::ListUnitsRequest::default()
    };
    sandbox.registry().units().list_units(request).await.unwrap().into_inner().units.len()
}

#[tokio::test]
async fn a_second_run_changes_nothing() {
    let sandbox = Sandbox::start(&[]).await;
    let first = sandbox.import(sandbox.import_header("2019"), list()).await.expect("imported");
    assert_eq!((first.summary.applied, first.summary.created), (true, 4));
    let again = sandbox.import(sandbox.import_header("2019"), list()).await.expect("imported");
    assert_eq!((again.summary.created, again.summary.unchanged), (0, 4));
    assert!(again.effects.is_empty());
    assert_eq!(count(&sandbox).await, 4);
}

#[tokio::test]
async fn a_dry_run_tells_and_does_nothing() {
    let sandbox = Sandbox::start(&[]).await;
    let header = pb::ImportHeader { dry_run: true, ..sandbox.import_header("2019") };
    let told = sandbox.import(header, list()).await.expect("told");
    assert_eq!((told.summary.applied, told.summary.created), (false, 4));
    assert_eq!(count(&sandbox).await, 0);
}

#[tokio::test]
async fn one_bad_row_stops_all_unless_told_to_keep_going() {
    let sandbox = Sandbox::start(&[]).await;
    let mut rows = list();
    rows.push(row(4, Level::Village, "99010110020", "短村", "990101100000"));
    rows.push(row(5, Level::Grid, "990101100203", "其下", "99010110020"));
    rows.push(row(6, Level::Village, "990101100201", "又丁村", "990101100000"));
    let refused = sandbox.import(sandbox.import_header("2019"), rows.clone()).await.expect("told");
    let lines: Vec<_> = refused.problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [4, 5, 6], "the short code, what hangs below it, and the double");
    assert!(!refused.summary.applied);
    assert_eq!(count(&sandbox).await, 0);

    let header = pb::ImportHeader { keep_going: true, ..sandbox.import_header("2019") };
    let applied = sandbox.import(header, rows).await.expect("imported");
    assert_eq!((applied.summary.applied, applied.summary.problems), (true, 3));
    assert_eq!(count(&sandbox).await, 4);
}

#[tokio::test]
async fn i12_damaged_names_are_refused_unless_accepted() {
    let sandbox = Sandbox::start(&[]).await;
    let mut rows = list();
    rows[3].display_name = "ÖêÉ½´å".to_owned();
    let refused = sandbox.import(sandbox.import_header("2019"), rows.clone()).await.expect("told");
    assert!(refused.problems[0].damaged);
    assert!(refused.problems[0].reason.contains("株山村"), "{}", refused.problems[0].reason);
    assert!(!refused.summary.applied);
    let header = pb::ImportHeader { accept_damaged: true, ..sandbox.import_header("2019") };
    assert!(sandbox.import(header, rows).await.expect("imported").summary.applied);
}

#[tokio::test]
async fn a_newer_vintage_names_new_renamed_and_absent_and_guesses_no_recode() {
    let sandbox = Sandbox::start(&[]).await;
    sandbox.import(sandbox.import_header("2019"), list()).await.expect("the old list");
    let newer = vec![
        row(2, Level::County, "990101000000", "甲区", ""),
        row(2, Level::Township, "990101100000", "丙镇", "990101000000"),
        row(2, Level::Village, "990101100201", "丁村", "990101100000"),
        row(3, Level::Village, "990101100299", "戊村", "990101100000"),
    ];
    let header =
        pb::ImportHeader { effective_date: "2020-06-30".to_owned(), ..sandbox.import_header("2020") };
    let imported = sandbox.import(header, newer).await.expect("imported");
    assert_eq!(
        kinds(&imported),
        [
            (Kind::New, "990101100299".to_owned()),
            (Kind::Renamed, "990101000000".to_owned()),
            (Kind::Absent, "990101100202".to_owned()),
        ]
    );
    assert_eq!(imported.summary.recoded, 3);
    let lookup = |vintage: &str, code: &str, as_of: &str| pb::LookupUnitRequest {
        code: Some(pb::UnitCode {
            system: "NBS".to_owned(),
            vintage: vintage.to_owned(),
            code: code.to_owned(),
        }),
        as_of: as_of.to_owned(),
    };
    let mut units = sandbox.registry().units();
    let old = units.lookup_unit(lookup("2019", "990101000000", "2020-06-29")).await.unwrap().into_inner();
    let new = units.lookup_unit(lookup("2020", "990101000000", "2020-06-30")).await.unwrap().into_inner();
    let (old, new) = (old.unit.unwrap(), new.unit.unwrap());
    assert_eq!(old.name, new.name, "one unit, known by both codes");
    assert_eq!((old.display_name.as_str(), new.display_name.as_str()), ("甲县", "甲区"));
    let absent = units.lookup_unit(lookup("2019", "990101100202", "2020-06-30")).await.unwrap().into_inner();
    assert_eq!(absent.unit.unwrap().status(), pb::UnitStatus::Active, "never closed by an import");
}

#[tokio::test]
async fn a_repeated_request_id_answers_with_the_summary_of_the_first() {
    let sandbox = Sandbox::start(&[]).await;
    let header = sandbox.import_header("2019");
    let first = sandbox.import(header.clone(), list()).await.expect("imported");
    let again = sandbox.import(header, list()).await.expect("answered");
    assert_eq!(first.summary, again.summary);
}

#[tokio::test]
async fn a_header_is_checked_as_a_whole() {
    let sandbox = Sandbox::start(&[]).await;
    let header = pb::ImportHeader {
        request_id: request_id(),
        system: "nbs".to_owned(),
        root_unit: "the city".to_owned(),
        effective_date: "soon".to_owned(),
        ..pb::ImportHeader::default()
    };
    let refused = sandbox.import(header, Vec::new()).await.expect_err("all wrong");
    assert_eq!(
        fields(&refused),
        ["header.system", "header.vintage", "header.root_unit", "header.effective_date"]
    );
}

#[tokio::test]
async fn accepting_damage_accepts_nothing_else() {
    let sandbox = Sandbox::start(&[]).await;
    let long = "村".repeat(101);
    let damaged_and_long = "\u{fffd}".repeat(101);
    for name in [long.as_str(), damaged_and_long.as_str(), "戊\u{1}村", "\u{fffd}\0村", "", " \t "] {
        let mut rows = list();
        rows[3].display_name = name.to_owned();
        let header = pb::ImportHeader { accept_damaged: true, ..sandbox.import_header("2019") };
        let refused = sandbox.import(header, rows).await.expect("told");
        let lines: Vec<_> = refused.problems.iter().map(|one| (one.line, one.damaged)).collect();
        assert_eq!(lines, [(3, false)], "{name:?}");
        assert!(!refused.summary.applied);
    }
    let mut rows = list();
    rows[3].display_name = "戊\u{fffd}村".to_owned();
    let header = pb::ImportHeader { accept_damaged: true, ..sandbox.import_header("2019") };
    assert!(sandbox.import(header, rows).await.expect("imported").summary.applied);
    assert_eq!(count(&sandbox).await, 4);
}
