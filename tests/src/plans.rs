//! How the database runs the queries of the code, whose texts are in the record of checked queries.

use std::{collections::BTreeSet, fs};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Row as _};

/// The text of the one query of a crate's record (`.sqlx`) that contains a fragment.
#[must_use]
pub fn text(folder: &str, fragment: &str) -> String {
    let files = fs::read_dir(folder).expect("the record");
    let files = files.map(|entry| fs::read_to_string(entry.expect("a file").path()).expect("a text"));
    let queries = files.map(|file| serde_json::from_str::<Value>(&file).expect("JSON")["query"].clone());
    let texts = queries.map(|query| query.as_str().expect("a text").to_owned());
    let found: Vec<_> = texts.filter(|text| text.contains(fragment)).collect();
    assert_eq!(found.len(), 1, "{fragment:?} is in {} queries", found.len());
    found.into_iter().next().expect("one")
}

/// How the database would run a query with arguments; it plans a prepared statement for the arguments at
/// first (`force_custom_plan`), and for any arguments once it was used often (`force_generic_plan`).
pub async fn of(sql: &mut PgConnection, text: &str, arguments: &str, mode: &str) -> Value {
    explain(sql, text, arguments, mode, "FORMAT JSON, BUFFERS off").await
}

/// How many buffers a query touches, once it has run.
pub async fn buffers(sql: &mut PgConnection, text: &str, arguments: &str) -> i64 {
    let options = "FORMAT JSON, ANALYZE, BUFFERS, TIMING off";
    explain(sql, text, arguments, "force_generic_plan", options).await;
    let plan = explain(sql, text, arguments, "force_generic_plan", options).await;
    let count = |key: &str| plan[0]["Plan"][key].as_i64().unwrap_or_default();
    count("Shared Hit Blocks") + count("Shared Read Blocks")
}

async fn explain(sql: &mut PgConnection, text: &str, arguments: &str, mode: &str, options: &str) -> Value {
    let prepare = format!("SET plan_cache_mode = {mode}; PREPARE hot AS {text}");
    sql.execute(sqlx::raw_sql(AssertSqlSafe(prepare))).await.expect("prepared");
    let explain = format!("EXPLAIN ({options}) EXECUTE hot({arguments})");
    let row = sql.fetch_one(sqlx::raw_sql(AssertSqlSafe(explain))).await.expect("explained");
    sql.execute(sqlx::raw_sql("DEALLOCATE hot")).await.expect("forgotten");
    serde_json::from_str(&row.get_unchecked::<String, _>(0)).expect("a plan")
}

/// Those of the tables that a plan reads from end to end, partitions by the name of their table.
#[must_use]
pub fn scanned(plan: &Value, tables: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    look(plan, tables, &mut found);
    found
}

fn look(plan: &Value, tables: &[&str], found: &mut BTreeSet<String>) {
    match plan {
        Value::Array(all) => all.iter().for_each(|one| look(one, tables, found)),
        Value::Object(node) => {
            let relation = node.get("Relation Name").and_then(Value::as_str).unwrap_or_default();
            let is_scan = node.get("Node Type").and_then(Value::as_str) == Some("Seq Scan");
            let is_of = |table: &&&str| relation == **table || relation.starts_with(&format!("{table}_2"));
            found.extend(tables.iter().find(is_of).filter(|_| is_scan).map(|_| relation.to_owned()));
            node.values().for_each(|one| look(one, tables, found));
        }
        _ => {}
    }
}
