//! How the database runs the queries of the code, whose texts are in the record of checked queries.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

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

/// A checked query.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its text.
    pub text: String,
    /// The types of its parameters, as they are recorded; `Zone` for one that names a time zone.
    pub types: Vec<String>,
}

impl Recorded {
    /// Argument lists, by what a parameter of a type is given: first the first of each type, then the second of those
    /// that have one.
    pub fn arguments(&self, of: impl Fn(&str) -> Vec<String>) -> Vec<String> {
        let values: Vec<Vec<String>> = self.types.iter().map(|kind| of(kind)).collect();
        let most = values.iter().map(Vec::len).max().unwrap_or(1);
        let list = |nth: usize| {
            let each = values.iter().map(|values| values[nth.min(values.len() - 1)].as_str());
            each.collect::<Vec<_>>().join(", ")
        };
        (0..most).map(list).collect()
    }
}

/// Every query of a crate's record.
#[must_use]
pub fn recorded(folder: &str) -> Vec<Recorded> {
    let files = fs::read_dir(folder).expect("the record");
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let text = fs::read_to_string(entry.expect("a file").path()).expect("a text");
        let query: Value = serde_json::from_str(&text).expect("JSON");
        let text = query["query"].as_str().expect("a text").to_owned();
        let types = query["describe"]["parameters"]["Left"].as_array().expect("types").iter();
        let kind = |(nth, kind): (usize, &Value)| {
            let is_zone = text.contains(&format!("TIME ZONE ${}", nth + 1));
            if is_zone { "Zone".to_owned() } else { kind.as_str().expect("a type").to_owned() }
        };
        let types = types.enumerate().map(kind).collect();
        Recorded { text, types }
    };
    let mut all: Vec<_> = files.map(read).collect();
    all.sort_by(|one, other| one.text.cmp(&other.text));
    all
}

/// What a query looks at when it is run with arguments, whose effects are undone.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// How many rows of each table, by which way.
    pub rows: BTreeMap<String, i64>,
}

impl Looked {
    /// How many rows in all.
    #[must_use]
    pub fn all(&self) -> i64 {
        self.rows.values().sum()
    }
}

/// How the database would run a query with arguments once it was planned so often that, in mode `auto`, one plan for any
/// arguments is taken if it seems as good.
pub async fn settled(sql: &mut PgConnection, text: &str, arguments: &str, mode: &str) -> Value {
    explained(sql, text, arguments, (mode, "FORMAT JSON")).await.expect("a plan")
}

/// What a query that was planned so often looks at.
///
/// # Errors
/// Where the database refuses, as it may a change with anybody's arguments.
pub async fn looked(
    sql: &mut PgConnection,
    text: &str,
    arguments: &str,
    mode: &str,
    tables: &[&str],
) -> Result<Looked, sqlx::Error> {
    let plan = explained(sql, text, arguments, (mode, "FORMAT JSON, ANALYZE, TIMING off")).await?;
    let mut looked = Looked::default();
    count(&plan, tables, &mut looked);
    Ok(looked)
}

/// How often a plan for the very arguments is made before one for any is looked at.
const OFTEN: usize = 6;

async fn explained(
    sql: &mut PgConnection,
    text: &str,
    arguments: &str,
    (mode, options): (&str, &str),
) -> Result<Value, sqlx::Error> {
    let prepare = format!("BEGIN; SET LOCAL plan_cache_mode = {mode}; PREPARE run AS {text}");
    sql.execute(sqlx::raw_sql(AssertSqlSafe(prepare))).await.expect("prepared");
    let listed = listed(arguments);
    let often = format!("EXPLAIN EXECUTE run{listed};").repeat(OFTEN);
    sql.execute(sqlx::raw_sql(AssertSqlSafe(often))).await.expect("planned");
    let explain = format!("EXPLAIN ({options}) EXECUTE run{listed}");
    let row = sql.fetch_one(sqlx::raw_sql(AssertSqlSafe(explain))).await;
    sql.execute(sqlx::raw_sql("ROLLBACK; DEALLOCATE run")).await.expect("undone");
    Ok(serde_json::from_str(&row?.get_unchecked::<String, _>(0)).expect("a plan"))
}

fn count(plan: &Value, tables: &[&str], looked: &mut Looked) {
    match plan {
        Value::Array(all) => all.iter().for_each(|one| count(one, tables, looked)),
        Value::Object(node) => {
            let word = |key: &str| node.get(key).and_then(Value::as_str).unwrap_or_default();
            let number = |key: &str| node.get(key).and_then(Value::as_i64).unwrap_or_default();
            if tables.iter().any(|table| is_of(word("Relation Name"), table)) {
                let removed = number("Rows Removed by Filter") + number("Rows Removed by Index Recheck");
                let rows = (number("Actual Rows") + removed) * number("Actual Loops");
                let way = [word("Relation Name"), word("Node Type"), word("Index Name")].join(" ");
                *looked.rows.entry(way.trim().to_owned()).or_default() += rows;
            }
            node.values().for_each(|one| count(one, tables, looked));
        }
        _ => {}
    }
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
    let explain = format!("EXPLAIN ({options}) EXECUTE hot{}", listed(arguments));
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
            let is_of = |table: &&&str| is_of(relation, table);
            found.extend(tables.iter().find(is_of).filter(|_| is_scan).map(|_| relation.to_owned()));
            node.values().for_each(|one| look(one, tables, found));
        }
        _ => {}
    }
}

/// Whether a relation is a table, or a day's partition of it.
fn is_of(relation: &str, table: &str) -> bool {
    relation == table || relation.strip_prefix(table).is_some_and(|rest| rest.starts_with("_2"))
}

/// Arguments in brackets, which none want.
fn listed(arguments: &str) -> String {
    if arguments.is_empty() { String::new() } else { format!("({arguments})") }
}
