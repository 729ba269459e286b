//! Plans: what is asked all day reads by index, however many grids there are. The texts are those that the
//! code runs, taken from the record of checked queries.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Row as _};
use tests::{Sandbox, plans};

/// The tables that no hot query may read from end to end: partitions are named after them.
const LARGE: [&str; 5] = ["expectation", "revision", "total", "tree_unit", "kept"];

/// Part of the statement by which a batch locks its expectations.
const LOCK: &str = "AS wanted (place) CROSS JOIN LATERAL";

/// Fills a day of so many grids straight into the tables, ten to a village and a hundred to a town; answers
/// the day. What the planner knows of them is what it knows of a day that was just opened: nothing.
async fn filled(sandbox: &Sandbox, grids: i32) -> (PgConnection, String) {
    let mut sql = sandbox.sql().await;
    let text = format!(
        "SET search_path = reporting, extensions;
         SELECT keep_day_partitions(part, '1920-01-01', '2020-02-03', '2020-02-03')
         FROM unnest(ARRAY['expectation', 'revision', 'total']) AS part;
         CREATE TEMP TABLE made AS SELECT gen_random_uuid() AS form, gen_random_uuid() AS tree, gen_random_uuid() AS day;
         INSERT INTO form (id, key, owner_id, level, columns, created_at)
         SELECT form, 'grid-day', gen_random_uuid(), 6, '{{a,b,c}}', '2020-02-03' FROM made;
         INSERT INTO form_version (form_id, number, start_date, definition, recorded_at)
         SELECT form, 1, '2020-02-03', '{{}}', '2020-02-03' FROM made;
         INSERT INTO tree (id, digest) SELECT tree, decode(md5(random()::text), 'hex') FROM made;
         INSERT INTO tree_unit (tree_id, place, end_place, unit_id, level, display_name)
         SELECT tree, place, place + 1, gen_random_uuid(), 6, 'grid' FROM made, generate_series(0, {grids}) AS place;
         INSERT INTO day (id, form_id, business_date, form_version, state, tree_id, times, parts, opened_at, opened_on, opened_behind)
         SELECT day, form, '2020-02-03', 1, 2, tree, '{{}}', 1, '2020-02-03', '{{}}', false FROM made;
         INSERT INTO expectation (business_date, day_id, place, slot, id)
         SELECT '2020-02-03', day, place, 0, gen_random_uuid() FROM made, generate_series(1, {grids}) AS place;
         INSERT INTO total (business_date, day_id, place, stripe, cells)
         SELECT '2020-02-03', day, place, stripe, array_fill(0::bigint, ARRAY[23])
         FROM made, generate_series(0, {grids}, 100) AS place, generate_series(0, 3) AS stripe;
         INSERT INTO revision (business_date, day_id, place, slot, number, kind, timing, content, figures, reason, caller, request_id,
                               fingerprint, entered_at_unit, on_behalf, informant, channel, received_at, note)
         SELECT '2020-02-03', day, place, 0, 1, 1, 2, 2, '{{0,0,0}}', '', 'r' || place, gen_random_uuid(), '', gen_random_uuid(), false, '',
                1, '2020-02-03', '' FROM made, generate_series(1, {grids}) AS place"
    );
    sql.execute(sqlx::raw_sql(AssertSqlSafe(text))).await.expect("filled");
    let row = sql.fetch_one("SELECT day::text FROM made").await.expect("the day");
    let day = row.get::<String, _>(0);
    (sql, day)
}

#[tokio::test]
async fn a_batch_reads_its_own_rows_of_a_day_that_was_just_opened() {
    let sandbox = Sandbox::start(&[tests::Part::Reporting]).await;
    let (mut sql, day) = filled(&sandbox, 12_636).await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/.sqlx");
    let arguments = format!("'2020-02-03', '{day}', '{{100,4000,12000}}'");
    let touched = plans::buffers(&mut sql, &plans::text(folder, LOCK), &arguments).await;
    assert!(touched < 50, "{touched} buffers for three rows");
}

#[tokio::test]
async fn what_is_asked_all_day_reads_by_index() {
    let sandbox = Sandbox::start(&[tests::Part::Reporting]).await;
    let (mut sql, day) = filled(&sandbox, 12_636).await;
    sql.execute("ANALYZE").await.expect("known");
    let (date, day) = ("'2020-02-03'", format!("'{day}'"));
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/.sqlx");
    let some = "'{100,4000,12000}'";
    let hot = BTreeMap::from([
        (
            "a total",
            (
                "SELECT cells FROM total WHERE business_date = $1 AND day_id = $2 AND place = $3",
                format!("{date}, {day}, 0"),
            ),
        ),
        ("expectations of a batch", (LOCK, format!("{date}, {day}, {some}"))),
        (
            "a repetition",
            (
                "AS used (request_id) CROSS JOIN LATERAL",
                format!("{date}, '{{00000000-0000-0000-0000-000000000001}}'"),
            ),
        ),
        (
            "a page of who is missing",
            (
                "EXISTS (SELECT FROM unnest($3::int[], $4::int[])",
                format!("{date}, {day}, '{{0}}', '{{13000}}', '{{1,6}}', NULL, NULL, -1, 0, 51"),
            ),
        ),
        (
            "reports by name",
            ("SELECT id, day_id FROM expectation", "'{00000000-0000-0000-0000-000000000001}'".to_owned()),
        ),
        (
            "revisions of one report",
            (
                "FROM revision WHERE business_date = $1 AND day_id = $2 AND place >= $3",
                format!("{date}, {day}, 5, 6"),
            ),
        ),
    ]);
    let mut wrong = Vec::new();
    for (what, (fragment, arguments)) in hot {
        for mode in ["force_custom_plan", "force_generic_plan"] {
            let plan = plans::of(&mut sql, &plans::text(folder, fragment), &arguments, mode).await;
            let scanned = plans::scanned(&plan, &LARGE);
            if !scanned.is_empty() {
                wrong.push(format!("{what} ({mode}): {scanned:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn the_city_s_total_touches_as_much_for_a_province() {
    let mut touched = Vec::new();
    for grids in [12_636, 180_000] {
        let sandbox = Sandbox::start(&[tests::Part::Reporting]).await;
        let (mut sql, day) = filled(&sandbox, grids).await;
        sql.execute("ANALYZE").await.expect("known");
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/.sqlx");
        let fragment = "SELECT cells FROM total WHERE business_date = $1 AND day_id = $2 AND place = $3";
        let text = plans::text(folder, fragment);
        touched.push(plans::buffers(&mut sql, &text, &format!("'2020-02-03', '{day}', 0")).await);
    }
    // The index of ten times as many rows may be a page higher.
    assert!(touched[1] <= touched[0] + 1, "buffers touched: {touched:?}");
}
