//! A migration that was released is never changed: a database that has it could not be upgraded. Whoever
//! adds one says so with `UPDATE_GOLDEN=1 cargo test -p tests --test contract`, which adds and changes nothing.

use std::{collections::BTreeMap, env, fmt::Write as _, fs};

use sqlx::{
    AssertSqlSafe, SqlSafeStr as _,
    migrate::{Migration, MigrationType},
};

use crate::{files, hold, root};

const GOLDEN: &str = "tests/golden/migrations.txt";

/// Every migration with its checksum, as a database remembers it.
fn migrations() -> BTreeMap<String, String> {
    let all = files("services", "sql").into_iter().filter(|(name, _)| name.contains("/migrations/"));
    all.map(|(name, text)| {
        let sql = AssertSqlSafe(text).into_sql_str();
        let migration = Migration::new(0, "".into(), MigrationType::Simple, sql, false);
        let checksum = migration.checksum.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        (name, checksum)
    })
    .collect()
}

fn read(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    pairs.map(|(name, checksum)| (name.to_owned(), checksum.to_owned())).collect()
}

#[test]
fn a_released_migration_is_never_changed() {
    let path = root().join(GOLDEN);
    let released = read(&fs::read_to_string(&path).unwrap_or_default());
    let now = migrations();
    let changed = released.iter().filter(|(name, checksum)| now.get(*name) != Some(checksum));
    let changed: Vec<_> =
        changed.map(|(name, _)| format!("{name} was changed or removed: add another")).collect();
    hold("A released migration stays as it is", &changed);
    let new: Vec<_> = now.keys().filter(|name| !released.contains_key(*name)).cloned().collect();
    if env::var_os("UPDATE_GOLDEN").is_some() {
        let lines: String = now.iter().map(|(name, checksum)| format!("{name} {checksum}\n")).collect();
        fs::write(&path, lines).expect("the listing is written");
        return;
    }
    hold("A new migration is listed: run with UPDATE_GOLDEN=1", &new);
}
