//! The official lists as they are, dirt included: taken in for real where they lie beside the project,
//! and a small list of our own everywhere.

use std::{fs::File, path::PathBuf};

use proto::registry as pb;
use rampart::units_file::{self, FileLevel, UnitsFile};
use tests::{Sandbox, shared_data};

fn rows(file: &UnitsFile) -> Vec<pb::ImportRow> {
    let rows = file.rows.iter().map(|unit| pb::ImportRow {
        line: i64::try_from(unit.line).expect("a line"),
        level: match unit.level {
            FileLevel::County => pb::Level::County,
            FileLevel::Township => pb::Level::Township,
            FileLevel::Village => pb::Level::Village,
            FileLevel::Grid => pb::Level::Grid,
        }
        .into(),
        code: unit.code.clone(),
        display_name: unit.name.clone(),
        parent_code: match unit.level {
            FileLevel::County => String::new(),
            _ => unit.parent_code.clone(),
        },
    });
    rows.collect()
}

fn read(path: PathBuf) -> UnitsFile {
    units_file::read(File::open(path).expect("the file")).expect("a list")
}

#[tokio::test]
async fn our_own_list_is_taken_in() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../services/rampart/fixtures/units.csv");
    let file = read(path);
    assert!(file.bad.is_empty(), "{:?}", file.bad);
    let sandbox = Sandbox::start(&[]).await;
    let imported = sandbox.import(sandbox.import_header("2019"), rows(&file)).await.expect("imported");
    assert_eq!((imported.summary.created, imported.summary.applied), (2 + 5 + 12, true));
}

#[tokio::test]
async fn the_official_lists_of_2019_and_2020_are_taken_in() {
    let (Some(old), Some(new)) =
        (shared_data("loudi_villages_2019.csv"), shared_data("loudi_villages_2020.csv"))
    else {
        return;
    };
    let (old, new) = (read(old), read(new));
    assert_eq!((old.bad.len(), old.rows.len()), (0, 5 + 88 + 2_097));
    let sandbox = Sandbox::start(&[]).await;

    let told = sandbox.import(sandbox.import_header("2019"), rows(&old)).await.expect("told");
    let damaged: Vec<_> = told.problems.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(damaged, ["431382113256", "431382113257", "431382113261"]);
    assert!(!told.summary.applied);

    let accepting =
        |vintage: &str| pb::ImportHeader { accept_damaged: true, ..sandbox.import_header(vintage) };
    let first = sandbox.import(accepting("2019"), rows(&old)).await.expect("imported");
    assert_eq!(first.summary.created, 2_190);
    let again = sandbox.import(accepting("2019"), rows(&old)).await.expect("imported");
    assert_eq!((again.summary.unchanged, again.effects.len()), (2_190, 0));

    // Two towns became streets and every village below them was recoded; 湖泉镇 is new.
    let newer = sandbox.import(accepting("2020"), rows(&new)).await.expect("imported");
    let summary = newer.summary;
    assert_eq!((summary.created, summary.absent, summary.recoded), (69, 68, 2_190 - 68));
}

#[test]
fn i12_every_damaged_name_of_a_public_data_set_is_found_and_no_sound_one() {
    use chassis::damage::{Damage, damage};
    let Some(path) = shared_data("loudi_names_mojibake.csv") else {
        return;
    };
    let text = std::fs::read_to_string(path).expect("the file");
    let mut found = 0;
    for line in text.lines().skip(1) {
        let fields: Vec<_> = line.split(',').collect();
        let (stored, repaired) = (fields[1], fields[2]);
        assert_eq!(damage(repaired), None, "{repaired}");
        match damage(stored) {
            Some(Damage::ReadAsLatin1(guess)) => assert_eq!(guess, repaired),
            other => panic!("{stored}: {other:?}"),
        }
        found += 1;
    }
    assert_eq!(found, 256);
}
