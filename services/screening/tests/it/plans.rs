//! What the code asks of the database reads by index, however many are under observation: every statement of every store,
//! taken from the record of checked queries, so that a new one is asked about by itself.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Connection as _, Executor as _, PgConnection};
use tests::{as_role, blank, plans};

/// Every table that grows with persons, filled.
const FILL: &str = include_str!("plans.sql");

/// The most rows that one statement may look at, where a unit has ten persons with all that belongs to them.
const MOST: i64 = 1_500;

/// Tables that stay small, and why.
const SMALL: &[(&str, &str)] = &[
    ("care_team", "some in a village"),
    ("care_team_member", "a handful in a team"),
    ("change_inbox", "taken in every 50 ms"),
    ("checkpoint", "some in a county"),
    ("closure", "some for each epidemic"),
    ("expected_list", "some for each city and county"),
    ("expected_list_term", "some for each expected list"),
    ("feed", "one row"),
    ("figure_inbox", "taken in at once"),
    ("figure_progress", "one row"),
    ("followed", "two feeds"),
    ("handdown_clock", "a dozen for each area, level and date"),
    ("hands_assignment", "one for each unit that was closed"),
    ("kept", "one picture of the registry"),
    ("observation_terms", "some for each area, level and date"),
    ("program_floor", "one row"),
    ("response_level", "some for each area"),
    ("sealing_key", "one row"),
    ("secret", "one row"),
    ("sweep", "some a month"),
    ("unit_move", "one for each time that a unit is moved"),
    ("unit_sight", "one row for each unit"),
];

/// Statements that look at more, and why they may.
const SELDOM: &[(&str, &str)] = &[
    (
        "count(*) FILTER (WHERE due_at <= $1 AND NOT lost)",
        "the law's counts are of everybody, every 15 seconds",
    ),
    ("FROM escalation GROUP BY 1", "so is what is put before somebody"),
    ("FROM person UNION SELECT unit_id FROM hands_event", "a proof looks at everybody, and begins with this"),
    (
        "person_id IS NOT NULL AND created_by = $1",
        "requests for refused readings that are open are few, each with its person's slots",
    ),
    ("SELECT DISTINCT p.unit_id FROM person p", "units that nothing waits in are looked for once a minute"),
    ("SELECT keep_day_partitions(", "makes and drops tables, every hour"),
];

/// Statements that would look at more if they were planned for any arguments, and are asked for a page of a list, which
/// plans for its own (`Database::begin_page`).
const PAGES: &[&str] = &[
    "e.contact_unit_id = ANY($1) AND e.id > $2 ORDER BY",
    "h.closed_at IS NOT NULL AND h.id > $3",
    "FROM incident WHERE unit_id = ANY($1)",
    "FROM person WHERE unit_id = ANY($1) AND id > $2",
    "FROM person WHERE unit_id = ANY($1) AND erased_at IS NULL AND id > $2",
    "FROM home WHERE unit_id = ANY($1)",
    "r.unit_id = ANY($1) AND ($2::uuid IS NULL OR r.one_id = $2)",
];

/// Statements that are planned once for any arguments: asked by themselves, or in `Database::begin_pointed`.
const LOOKED_UP: &[&str] = &[
    "AS scope (id)",
    "WITH RECURSIVE reached",
    "AS \"later_read!\"",
    "INSERT INTO reading",
    "FROM reading WHERE event_id = ANY($1)",
    "FROM filled WHERE missed_at",
    "WITH raised AS MATERIALIZED",
    "INSERT INTO passage (",
    "INSERT INTO unit_sight",
    "INSERT INTO escalation",
];

/// Statements that look rows up by index whatever the statistics say (`Database::begin_pointed`).
const POINTED: &[&str] = &["WITH elapsed AS MATERIALIZED"];

/// Statements of proofs, which look at everybody of a part: some units.
const PROOFS: &[&str] = &[
    "FROM handdown d",
    "EXISTS (SELECT FROM case_record k WHERE k.one_id = e.contact_one_id) AS \"followed!\"",
    "FROM waiting w WHERE w.unit_id = ANY($1)",
];

#[tokio::test]
async fn whatever_is_asked_reads_by_index() {
    let url = blank(&["screening"]).await;
    screening::migrate(&as_role(&url, "screening_owner")).await.expect("migrated");
    let mut sql = PgConnection::connect(&url).await.expect("the database");
    sql.execute(sqlx::raw_sql(FILL)).await.expect("filled");
    let large = large(&mut sql).await;
    let large: Vec<&str> = large.iter().map(String::as_str).collect();

    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/.sqlx");
    let statements =
        plans::recorded(own).into_iter().chain(plans::recorded(&format!("{own}/../../chassis/.sqlx")));
    let named = [
        SELDOM.iter().map(|(fragment, _)| *fragment).collect(),
        PAGES.to_vec(),
        LOOKED_UP.to_vec(),
        POINTED.to_vec(),
        PROOFS.to_vec(),
    ]
    .concat();
    let mut met: BTreeMap<&str, usize> = named.iter().map(|fragment| (*fragment, 0)).collect();
    let mut wrong = Vec::new();
    for statement in statements {
        let words = statement.text.split_whitespace().collect::<Vec<_>>().join(" ");
        for fragment in named.iter().filter(|fragment| words.contains(**fragment)) {
            *met.entry(fragment).or_default() += 1;
        }
        let is_of = |fragments: &[&str]| fragments.iter().any(|fragment| words.contains(fragment));
        if SELDOM.iter().any(|(fragment, _)| words.contains(fragment)) {
            continue;
        }
        let mode = match () {
            () if is_of(PAGES) => "force_custom_plan",
            () if is_of(POINTED) => "force_generic_plan; SET LOCAL enable_seqscan = off",
            () if is_of(LOOKED_UP) => "force_generic_plan",
            () => "auto",
        };
        let is_page = statement.text.contains("LIMIT $") && !is_of(PROOFS);
        for arguments in statement.arguments(|kind| argument(kind, is_page)) {
            let plan = plans::settled(&mut sql, &statement.text, &arguments, mode).await;
            let scanned = plans::scanned(&plan, &large);
            let looked = match plans::looked(&mut sql, &statement.text, &arguments, mode, &large).await {
                Ok(looked) if looked.all() > MOST => format!("{:?}", looked.rows),
                // A change may be refused with anybody's arguments.
                Err(error) if statement.text.starts_with("SELECT") => error.to_string(),
                _ => String::new(),
            };
            if !scanned.is_empty() || !looked.is_empty() {
                let arguments: String = arguments.chars().take(300).collect();
                wrong.push(format!("({arguments}) scans {scanned:?} {looked}: {words}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let stale: Vec<_> = met.into_iter().filter(|(_, count)| *count == 0).collect();
    assert!(stale.is_empty(), "these name no statement any more: {stale:?}");
}

#[test]
fn every_page_of_a_list_is_planned_for_its_arguments() {
    let (mut met, mut wrong) = (0, Vec::new());
    for slice in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).expect("slices") {
        let slice = slice.expect("a slice").path();
        for file in ["api.rs", "api/mod.rs"].map(|file| slice.join(file)) {
            let Ok(source) = std::fs::read_to_string(&file) else { continue };
            for handler in source.split("\n    async fn ").filter(|handler| handler.contains("page.of(")) {
                met += 1;
                // What asks one statement of its own has a plan that is good for any arguments.
                if !handler.contains(".begin_page(") && !handler.contains(".acquire()") {
                    wrong.push(format!("{}: {}", file.display(), handler.lines().next().unwrap_or_default()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(met > 20, "{met} lists: are they written otherwise now?");
}

/// The tables that are not small, each of which must be filled.
async fn large(sql: &mut PgConnection) -> Vec<String> {
    const TABLES: &str = "SELECT relname::text, greatest(reltuples, (SELECT sum(c.reltuples) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                                                 WHERE i.inhparent = t.oid))::bigint
                          FROM pg_class t WHERE relkind IN ('r', 'p') AND NOT relispartition AND relname NOT LIKE '%\\_migrations'
                            AND relnamespace = 'screening'::regnamespace";
    let tables: Vec<(String, i64)> = sqlx::query_as(TABLES).fetch_all(sql).await.expect("tables");
    let small: BTreeSet<&str> = SMALL.iter().map(|(table, _)| *table).collect();
    let (few, many): (Vec<_>, Vec<_>) =
        tables.into_iter().partition(|(table, _)| small.contains(table.as_str()));
    assert_eq!(few.len(), small.len(), "small tables that there are not");
    let bare: Vec<_> = many.iter().filter(|(_, rows)| *rows < 15_000).collect();
    assert!(bare.is_empty(), "neither small nor filled by plans.sql: {bare:?}");
    many.into_iter().map(|(table, _)| table).collect()
}

/// What a parameter of a type is asked with: somebody; on a page, whoever is in any of a county's units, too.
fn argument(kind: &str, is_page: bool) -> Vec<String> {
    let id = |n: u32| format!("00000000-0000-0000-0000-{n:012}");
    let values = match kind {
        "Uuid" => return vec![format!("'{}'", id(7))],
        "UuidArray" => {
            let few = format!("'{{{}}}'", id(7));
            let many: Vec<String> = (1..=2_000).map(id).collect();
            return if is_page { vec![few, format!("'{{{}}}'", many.join(","))] } else { vec![few] };
        }
        "Timestamptz" => ["'2020-02-03T12:00Z'"].as_slice(),
        "TimestamptzArray" => &["'{2020-02-03T12:00Z}'"],
        "Date" => &["'2020-02-03'"],
        "DateArray" => &["'{2020-02-03}'"],
        "Time" => &["'16:00'"],
        "Text" => &["'plan'"],
        "TextArray" => &["'{plan}'"],
        "Zone" => &["'Asia/Shanghai'"],
        "Bytea" => &["'\\x00000000000000000000000000000071'"],
        "ByteaArray" => &["'{\\\\x00000000000000000000000000000071}'"],
        "Int2" => &["1"],
        "Int2Array" => &["'{1}'"],
        "Int4" => &["3"],
        "Int4Array" => &["'{3}'"],
        "Int8" => &["51"],
        "Int8Array" => &["'{51}'"],
        "Bool" => &["false", "true"],
        other => panic!("a parameter of type {other}"),
    };
    values.iter().map(|value| (*value).to_owned()).collect()
}
