//! What a list of villages may hold.

use std::collections::{BTreeSet, HashSet};

use super::*;

const HEADER: &str = "village_code12,village_name,town_code12,town_name,county_code12,county_name\n";
const GOOD: &str = "990101001001,一村,990101001000,甲镇,990101000000,子县\n";

fn list(lines: &str) -> UnitsFile {
    checked(format!("{HEADER}{lines}").as_bytes())
}

/// Reads, and asserts what holds for every file: each line is a row's or a bad row's, never both and
/// never twice, and parents come before their children.
fn checked(bytes: &[u8]) -> UnitsFile {
    let file = read(bytes).expect("a list");
    let mut body = bytes.to_vec();
    while matches!(body.last(), Some(b'\n' | b'\r')) {
        body.pop();
    }
    let text: Vec<u8> = body.into_iter().map(|byte| byte.min(127)).collect();
    let text = String::from_utf8(text).expect("ASCII").replace("\r\n", "\n").replace('\r', "\n");
    let count = u64::try_from(text.split('\n').count()).expect("a number");
    let rows: BTreeSet<u64> = file.rows.iter().map(|row| row.line).collect();
    let bad: BTreeSet<u64> = file.bad.iter().map(|bad| bad.line).collect();
    assert_eq!(bad.len(), file.bad.len());
    assert!(rows.is_disjoint(&bad), "{file:?}");
    assert_eq!(rows.union(&bad).copied().collect::<Vec<_>>(), (2..=count).collect::<Vec<_>>());
    let mut known: HashSet<&str> = file.root_code().into_iter().collect();
    for row in &file.rows {
        assert!(known.contains(row.parent_code.as_str()), "{row:?}");
        assert!(known.insert(&row.code), "{row:?}");
    }
    assert!(file.bad.iter().all(|bad| !bad.reason.is_empty()));
    file
}

fn count(file: &UnitsFile, level: FileLevel) -> usize {
    file.rows.iter().filter(|row| row.level == level).count()
}

fn fixture() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/units.csv")).expect("the fixture")
}

#[test]
fn counties_and_towns_are_rows_once_before_what_lies_in_them() {
    let file = checked(&fixture());
    assert_eq!(file.bad, []);
    assert_eq!(file.root_code(), Some("990200000000"));
    let counts = [FileLevel::County, FileLevel::Township, FileLevel::Village, FileLevel::Grid]
        .map(|level| count(&file, level));
    assert_eq!(counts, [2, 5, 12, 0]);
    let first: Vec<_> = file.rows.iter().take(3).map(|row| (row.line, row.level)).collect();
    assert_eq!(first, [(2, FileLevel::County), (2, FileLevel::Township), (2, FileLevel::Village)]);
}

#[test]
fn columns_stand_in_any_order_after_a_byte_order_mark_and_others_are_passed_over() {
    let file = checked(
        "\u{feff}note,county_name,county_code12,town_name,town_code12,village_name,village_code12\r\n\
         x,子县,990101000000,甲镇,990101001000,\"一,村\",990101001001\r\n\r\n"
            .as_bytes(),
    );
    assert_eq!((file.rows.len(), file.rows[2].name.as_str()), (3, "一,村"));
}

#[test]
fn what_the_header_lacks_is_named() {
    for (header, said) in [
        ("village_code12,village_name,town_name,county_name", "no column town_code12, county_code12"),
        ("", "no column village_code12, village_name"),
        (&format!("grid_name,{}", HEADER.trim()), "no column grid_code"),
        (&format!("town_name,{}", HEADER.trim()), "town_name twice"),
    ] {
        let error = read(header.as_bytes()).expect_err(header).to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_bad_line_is_named_with_all_that_is_wrong() {
    for (line, said) in [
        ("990101001002,二村,990101001000", vec!["has 3 columns, the header has 6"]),
        (
            "99010100100x,,990101001000,甲镇,990101000000,",
            vec!["village_code12 must have 12 digits", "village_name is empty", "county_name is empty"],
        ),
        (
            "990101002001,二村,990101001000,甲镇,990102000000,丑县",
            vec!["village 990101002001 does not lie in town", "does not lie in county 990102000000"],
        ),
        (
            "990101001001,又一村,990101001000,乙镇,990101000000,丑县",
            vec!["990101001001 stands in line 2 already", "\"甲镇\" in line 2", "\"子县\" in line 2"],
        ),
        ("990101001000,二村,990101001000,甲镇,990101000000,子县", vec!["it ends in 000"]),
        ("990301001001,二村,990301001000,丙镇,990301000000,寅县", vec!["line 2 in city 990100000000"]),
        ("990101001002,\"二村,990101001000,甲镇,990101000000,子县", vec!["not closed", "2 columns"]),
        ("", vec!["the line is empty"]),
    ] {
        let file = list(&format!("{GOOD}{line}\n990101001003,三村,990101001000,甲镇,990101000000,子县\n"));
        assert_eq!((file.bad.len(), file.rows.len()), (1, 4), "{line}");
        let bad = &file.bad[0];
        assert_eq!((bad.line, bad.text.as_str()), (3, line));
        assert!(said.iter().all(|said| bad.reason.contains(said)), "{}", bad.reason);
    }
}

#[test]
fn a_line_that_is_not_utf8_is_bad_for_this_and_the_rest_and_the_next_is_read() {
    let mut bytes = HEADER.as_bytes().to_vec();
    bytes.extend(b"99010100100,\xd6\xea,990101001000,a,990101000000,b\n");
    bytes.extend(GOOD.as_bytes());
    let file = checked(&bytes);
    assert_eq!((file.bad.len(), file.rows.len(), file.rows[0].line), (1, 3, 3));
    let reason = &file.bad[0].reason;
    assert!(reason.contains("not UTF-8 from byte 13") && reason.contains("12 digits"), "{reason}");
}

#[test]
fn grids_stand_below_their_village() {
    let line = GOOD.trim();
    let file = checked(
        format!(
            "{},grid_code,grid_name\n{line},G1,第一网格\n{line},G2,第二网格\n{line},G1,又一网格\n\
             {line},,\n{line},G3,\n{},G4,第四网格\n{line},990101001001,第五网格\n",
            HEADER.trim(),
            line.replace("一村", "二村"),
        )
        .as_bytes(),
    );
    assert_eq!((count(&file, FileLevel::Village), count(&file, FileLevel::Grid)), (1, 2));
    assert_eq!(file.rows[4].parent_code, "990101001001");
    let reasons: Vec<_> = file.bad.iter().map(|bad| (bad.line, bad.reason.as_str())).collect();
    let expected = [
        (4, "grid code G1 stands in line 2 already"),
        (5, "village code 990101001001 stands in line 2 already"),
        (6, "grid_name is empty"),
        (7, "village 990101001001 is \"二村\" here and \"一村\" in line 2"),
        (8, "grid code 990101001001 is that of a village in line 2"),
    ];
    assert_eq!(reasons, expected);
}

#[test]
fn however_a_file_is_damaged_every_line_is_accounted_for() {
    let sound = fixture();
    let header = sound.iter().position(|byte| *byte == b'\n').expect("a header") + 1;
    // A linear congruence: the same files at every run.
    let mut state: u64 = 1;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("a number") % below
    };
    for _ in 0..500 {
        let mut bytes = sound.clone();
        for _ in 0..=next(8) {
            let place = header + next(bytes.len() - header);
            let byte = *[b'\n', b'\r', b'"', b',', b'0', b' ', 0xff, 0x00].get(next(8)).expect("a byte");
            match next(3) {
                0 => bytes.insert(place, byte),
                1 => bytes[place] = byte,
                _ => drop(bytes.remove(place)),
            }
        }
        checked(&bytes);
    }
}

#[test]
fn real_lists_are_read_whole() {
    for (file, towns) in [("loudi_villages_2019.csv", 88), ("loudi_villages_2020.csv", 89)] {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
        let path = std::path::Path::new(path).join(file);
        let Ok(bytes) = std::fs::read(&path) else {
            eprintln!("skipped: {} is absent", path.display());
            continue;
        };
        let file = checked(&bytes);
        assert_eq!(file.bad, []);
        let counts =
            [FileLevel::County, FileLevel::Township, FileLevel::Village].map(|level| count(&file, level));
        assert_eq!(counts, [5, towns, 2_097]);
        assert_eq!(file.root_code(), Some("431300000000"));
    }
}
