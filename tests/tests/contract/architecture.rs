//! Who may use what (DESIGN, "The house"), read from the `use` lines and the manifests.

use std::path::Path;

use crate::{files, hold, root};

/// What belongs to the field and therefore not into chassis.
const NOUNS: [&str; 8] = ["unit", "grid", "village", "officer", "appointment", "report", "person", "bed"];
/// The crates that are a service each.
const SERVICES: [&str; 4] = ["registry", "screening", "medical", "reporting"];

/// A source without comments and without its tests; strings stay.
fn code(source: &str) -> String {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = source.lines().map(|line| match line.find("//") {
        // The two strokes of a URL are no comment.
        Some(at) if !line[..at].ends_with(':') => &line[..at],
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn identifiers(code: &str) -> impl Iterator<Item = &str> {
    code.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

/// Whether the code reaches into a crate, by `use` or by path.
fn uses(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    code.match_indices(&path).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        before.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_' && letter != ':')
    }) || code.contains(&format!("use {name};"))
}

fn sources() -> Vec<(String, String)> {
    let all = files("services", "rs").into_iter();
    all.filter(|(file, _)| file.contains("/src/")).collect()
}

/// Files of a slice with this name, `services/<service>/src/<slice>/<name>`, or below the folder that
/// it was split into.
fn of_slices(name: &str) -> Vec<(String, String)> {
    let found = sources().into_iter().filter(|(file, _)| {
        let parts: Vec<_> = Path::new(file).iter().filter_map(|p| p.to_str()).collect();
        let folder = name.trim_end_matches(".rs");
        match parts.as_slice() {
            ["services", service, "src", _, last] => SERVICES.contains(service) && *last == name,
            ["services", service, "src", _, inner, _] => SERVICES.contains(service) && *inner == folder,
            _ => false,
        }
    });
    let found: Vec<_> = found.map(|(file, text)| (file, code(&text))).collect();
    assert!(!found.is_empty(), "no slice has a {name}");
    found
}

fn breaches_of(name: &str, forbidden: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (file, code) in of_slices(name) {
        let used = forbidden.iter().filter(|krate| uses(&code, krate));
        wrong.extend(used.map(|krate| format!("{file} uses {krate}")));
    }
    wrong
}

#[test]
fn what_decides_is_pure() {
    let wrong = breaches_of("mod.rs", &["tonic", "prost", "prost_types", "sqlx", "proto"]);
    hold("mod.rs of a slice decides and nothing else:", &wrong);
}

#[test]
fn what_remembers_knows_no_contract() {
    let wrong = breaches_of("store.rs", &["tonic", "prost", "prost_types", "proto"]);
    hold("store.rs of a slice knows no message:", &wrong);
}

#[test]
fn what_speaks_has_no_sql() {
    let mut wrong = Vec::new();
    for (file, code) in of_slices("api.rs") {
        if code.contains("sqlx::query") || code.contains("sqlx::raw_sql") {
            wrong.push(file);
        }
    }
    hold("api.rs of a slice leaves SQL to store.rs:", &wrong);
}

#[test]
fn services_do_not_depend_on_each_other() {
    let mut wrong = Vec::new();
    let libraries = ["chassis", "jurisdiction"];
    for service in SERVICES.iter().chain(&libraries) {
        let others: Vec<_> = SERVICES.iter().filter(|other| *other != service).collect();
        if !root().join("services").join(service).is_dir() {
            continue;
        }
        for (file, text) in files(&format!("services/{service}"), "toml") {
            let names = text.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
            let others: Vec<_> = names.filter(|name| others.contains(&name)).collect();
            wrong.extend(others.iter().map(|other| format!("{file}: {other}")));
        }
        for (file, text) in files(&format!("services/{service}/src"), "rs") {
            let code = code(&text).replace("proto::", "proto_of_");
            let used = others.iter().filter(|other| uses(&code, other));
            // A service's own small binary names its own library, which is not another's.
            wrong.extend(used.map(|other| format!("{file}: {other}")));
        }
    }
    hold("a service knows another only by its proto client:", &wrong);
}

#[test]
fn chassis_knows_nothing_of_the_field() {
    let mut wrong = Vec::new();
    for (file, text) in files("services/chassis/src", "rs") {
        let code = code(&text);
        // Words for people, between quotation marks, are no identifiers.
        let code: String = code.split('"').step_by(2).collect();
        let found = identifiers(&code).filter(|word| {
            let word = word.to_lowercase();
            let one = word.strip_suffix('s').unwrap_or(&word);
            NOUNS.contains(&one)
        });
        wrong.extend(found.map(|word| format!("{file}: {word}")));
    }
    hold("nouns of the field in chassis:", &wrong);
}

#[test]
fn no_file_is_long() {
    let mut wrong = Vec::new();
    for folder in ["services", "proto", "tests"] {
        for (file, text) in files(folder, "rs") {
            let lines = text.lines().count();
            if lines > 500 {
                wrong.push(format!("{file}: {lines}"));
            }
        }
    }
    hold("over 500 lines; split by what it decides:", &wrong);
}

#[test]
fn versions_are_written_once() {
    let mut wrong = Vec::new();
    for folder in ["services", "proto", "tests"] {
        for (file, text) in files(folder, "toml") {
            if !file.ends_with("Cargo.toml") {
                continue;
            }
            let mut section = "";
            for line in text.lines() {
                if line.starts_with('[') {
                    section = line;
                }
                let entry = line.contains('=') && section.contains("dependencies");
                let inherits = line.contains("workspace = true");
                if (entry || line.starts_with("version")) && !inherits {
                    wrong.push(format!("{file}: {line}"));
                }
            }
        }
    }
    hold("a version outside the root Cargo.toml:", &wrong);
}

#[test]
fn no_sql_asks_the_database_for_the_time() {
    const ASKING: [&str; 9] = [
        "now()",
        "current_date",
        "current_time",
        "localtime",
        "clock_timestamp",
        "statement_timestamp",
        "transaction_timestamp",
        "timeofday",
        "'today'",
    ];
    let mut wrong = Vec::new();
    let mut look = |file: &str, sql: &str| {
        let sql = sql.to_lowercase();
        let found = ASKING.iter().filter(|word| sql.contains(*word));
        wrong.extend(found.map(|word| format!("{file}: {word}")));
    };
    for (file, text) in files("services", "sql") {
        let lines = text.lines().map(|line| line.split("--").next());
        look(&file, &lines.flatten().collect::<Vec<_>>().join("\n"));
    }
    for (file, text) in sources() {
        let code = code(&text);
        // What stands between quotation marks and begins like a statement.
        for literal in code.split('"').skip(1).step_by(2) {
            let verb = literal.split_whitespace().next().unwrap_or_default();
            if ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "BEGIN"].contains(&verb) {
                look(&file, literal);
            }
        }
    }
    hold("dates and instants are given to SQL, from the one clock:", &wrong);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_told_from_a_name_that_ends_alike() {
        assert!(uses("use tonic::Code;", "tonic"));
        assert!(uses("fn f(a: sqlx::Error)", "sqlx"));
        assert!(!uses("use tonic_types::Code;", "tonic"));
        assert!(!uses("let a = my_tonic::b();", "tonic"));
        assert!(!uses("crate::proto::b()", "proto"));
    }
}
