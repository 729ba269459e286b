//! Plans: what is asked all day reads by index, however large the tree. The texts are those that the code
//! runs, taken from the record of checked queries. Of a whole page of units the planner rather reads the
//! codes of a small city at once than each by index, and is right: hence ten.

use proto::registry::{self as pb, Level};
use serde_json::Value;
use sqlx::{Connection as _, Executor as _, PgConnection, Row as _};
use tests::{Sandbox, new_unit, plans, request_id};

/// The tables that no hot query may read from end to end.
const LARGE: [&str; 5] = ["unit_place", "unit_name", "unit_code", "appointment", "officer"];

/// How the database would run the query of the code that contains a fragment.
async fn plan(sql: &mut PgConnection, fragment: &str, arguments: &str, mode: &str) -> Value {
    let text = plans::text(concat!(env!("CARGO_MANIFEST_DIR"), "/.sqlx"), fragment);
    plans::of(sql, &text, arguments, mode).await
}

async fn batch(sandbox: &Sandbox, parents: &[String], level: Level, each: usize) -> Vec<String> {
    let units = parents
        .iter()
        .flat_map(|parent| (1..=each).map(move |at| new_unit(parent, level, &format!("第{at}"))));
    let units: Vec<_> = units.collect();
    let mut made = Vec::with_capacity(units.len());
    for units in units.chunks(1_000) {
        let request = pb::BatchCreateUnitsRequest { request_id: request_id(), units: units.to_vec() };
        let answer = sandbox.registry().units().batch_create_units(request).await.expect("created");
        made.extend(answer.into_inner().units.into_iter().map(|unit| unit.name));
    }
    made
}

/// Thirteen thousand units with codes, their offices held, the statistics of a busy table.
async fn tree(sandbox: &Sandbox) -> PgConnection {
    let counties = batch(sandbox, std::slice::from_ref(&sandbox.root), Level::County, 12).await;
    let towns = batch(sandbox, &counties, Level::Township, 10).await;
    let villages = batch(sandbox, &towns, Level::Village, 10).await;
    assert_eq!(batch(sandbox, &villages, Level::Grid, 10).await.len(), 12_000);
    let mut sql = sandbox.sql().await;
    sql.execute(sqlx::raw_sql(
        "SET search_path = registry, extensions;
         INSERT INTO unit_code (unit_id, valid, system, vintage, code)
         SELECT id, '[2019-10-31,)', 'NBS', '2020', lpad(ordinal::text, 12, '0') FROM unit WHERE level > 2;
         INSERT INTO officer (id, display_name, official_phone, subject, home_unit_id, created_at, updated_at)
         SELECT gen_random_uuid(), r.office, '0000-0000001', u.ordinal || '.' || r.office, u.id, u.created_at, u.created_at
         FROM unit u JOIN required_office r USING (level) WHERE u.level > 2;
         INSERT INTO appointment (id, officer_id, unit_id, office, kind, during, created_at, updated_at)
         SELECT gen_random_uuid(), o.id, o.home_unit_id, o.display_name, 1, '[2020-01-01,)', o.created_at, o.created_at
         FROM officer o WHERE o.official_phone = '0000-0000001';
         ANALYZE",
    ))
    .await
    .expect("filled");
    sql
}

#[tokio::test]
async fn hot_queries_never_read_a_large_table_from_end_to_end() {
    let sandbox = Sandbox::start(&[]).await;
    let mut sql = tree(&sandbox).await;
    let of_level = async |sql: &mut PgConnection, level: i16| -> (String, String) {
        let one = "SELECT p.unit_id::text, p.path FROM unit_place p JOIN unit u ON u.id = p.unit_id WHERE u.level = $1
                   ORDER BY p.path OFFSET 5 LIMIT 1";
        let row = sqlx::query(one).bind(level).fetch_one(sql).await.expect("a unit");
        (row.get(0), row.get(1))
    };
    let (county, county_path) = of_level(&mut sql, 3).await;
    let (town, town_path) = of_level(&mut sql, 4).await;
    let (grid, _) = of_level(&mut sql, 6).await;
    let page: Vec<String> = sqlx::query_scalar("SELECT id::text FROM unit ORDER BY ordinal DESC LIMIT 10")
        .fetch_all(&mut sql)
        .await
        .expect("a page");
    let page = format!("'{{{}}}'", page.join(","));
    let days = format!("'{{{}}}'", ["2020-02-03"; 10].join(","));
    let (day, now) = ("'2020-02-03'", "'2020-02-03 08:00+08'");
    let list = "p.path > $4 AND p.path <> $5";
    let within = |path: &str, parent: &str, after: &str| {
        format!("'{path}', '{path}g', {day}, '{after}', '{path}', {parent}, NULL, false, 51")
    };
    let vacancies = "WHERE (w.path, m.office) > ($2, $3)";
    let appointments = "SELECT a.*, p.path FROM unit_place p JOIN appointment a";
    let hot = [
        ("children of a town", list, within(&town_path, &format!("'{town}'"), "")),
        ("children of a county", list, within(&county_path, &format!("'{county}'"), "")),
        ("descendants of a county", list, within(&county_path, "NULL", "")),
        ("the whole tree, a page", list, within(&county_path[..8], "NULL", &county_path)),
        ("a unit", "JOIN unit u ON u.id = wanted.id", format!("'{{{grid}}}', '{{2020-02-03}}'")),
        ("ten units", "JOIN unit u ON u.id = wanted.id", format!("{page}, {days}")),
        ("ten units' codes", "JOIN unit_code c ON c.unit_id = wanted.id", format!("{page}, {days}")),
        (
            "a code",
            "FROM unit_code\n         WHERE system = $1",
            format!("'NBS', '2020', '000000000100', {day}"),
        ),
        (
            "paths",
            "SELECT path FROM unit_place WHERE unit_id = ANY($1)",
            format!("'{{{grid},{town}}}', {day}"),
        ),
        ("places", "SELECT unit_id, path FROM unit_place WHERE unit_id = ANY($1)", format!("{page}, {day}")),
        (
            "a subject's grants",
            "FROM officer o JOIN appointment a ON a.officer_id",
            format!("'100.leader', {now}"),
        ),
        ("who answers", "a.unit_id = p.unit_id AND a.office IN", format!("'{grid}', {day}, {now}")),
        ("a town's vacancies", vacancies, format!("'{town_path}', '', '', {day}, {now}, 51, '{town_path}g'")),
        (
            "a county's appointments",
            appointments,
            format!("'{{{county_path}}}', '', '{grid}', {day}, 51, NULL, NULL, NULL, {now}"),
        ),
        (
            "a unit's appointments",
            appointments,
            format!("'{{{town_path}}}', '', '{grid}', {day}, 51, '{town}', NULL, NULL, {now}"),
        ),
    ];
    let mut wrong = Vec::new();
    for (what, fragment, arguments) in &hot {
        for mode in ["force_custom_plan", "force_generic_plan"] {
            let plan = plan(&mut sql, fragment, arguments, mode).await;
            let tables = plans::scanned(&plan, &LARGE);
            wrong.extend(tables.into_iter().map(|table| format!("{what} ({mode}): {table}")));
        }
    }
    sql.close().await.expect("closed");
    assert!(wrong.is_empty(), "sequential scans: {wrong:#?}");
}
