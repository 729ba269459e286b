//! Schemas: however a database came to where it is, it is the same, and nobody but the owner changes it.

use std::borrow::Cow;

use chassis::{
    Database,
    database::{self, Part},
};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, migrate::Migrator};
use tests::{Sandbox, as_role, blank};
use tokio_util::sync::CancellationToken;

/// What every service's schema begins with.
static OWN: Migrator = sqlx::migrate!("../services/chassis/migrations");

/// Every service that has a schema, with what it is made by after that.
const SERVICES: [(&str, &[Part]); 4] = [
    (registry::SCHEMA, registry::PARTS),
    (reporting::SCHEMA, reporting::PARTS),
    (screening::SCHEMA, screening::PARTS),
    (medical::SCHEMA, medical::PARTS),
];

/// Everything that migrations make in a schema, a line each: what stands in the catalogue, not how it
/// came there.
const CATALOGUE: &str = "
    SELECT concat_ws(' ', 'column', table_name, ordinal_position, column_name, data_type, collation_name, is_nullable,
                     column_default, identity_generation)
    FROM information_schema.columns WHERE table_schema = $1
    UNION ALL
    SELECT concat_ws(' ', 'relation', relname, relkind::text, relacl::text) FROM pg_class
    WHERE relnamespace = $1::regnamespace
    UNION ALL
    SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE connamespace = $1::regnamespace
    UNION ALL
    SELECT concat_ws(' ', 'index', indexdef) FROM pg_indexes WHERE schemaname = $1
    UNION ALL
    SELECT concat_ws(' ', 'function', proacl::text, pg_get_functiondef(oid)) FROM pg_proc
    WHERE pronamespace = $1::regnamespace
    UNION ALL
    SELECT concat_ws(' ', 'trigger', tgrelid::regclass, pg_get_triggerdef(t.oid)) FROM pg_trigger t
    JOIN pg_class c ON c.oid = tgrelid WHERE relnamespace = $1::regnamespace AND NOT tgisinternal
    ORDER BY 1";

async fn catalogue(admin_url: &str, schema: &str) -> Vec<String> {
    let mut connection = PgConnection::connect(admin_url).await.expect("the database");
    let lines = sqlx::query_scalar(CATALOGUE).bind(schema).fetch_all(&mut connection).await;
    connection.close().await.expect("closed");
    lines.expect("the catalogue")
}

async fn applied(admin_url: &str, schema: &str) -> Vec<String> {
    let mut connection = PgConnection::connect(admin_url).await.expect("the database");
    let mut all = Vec::new();
    for (table, _) in parts(schema) {
        let text =
            format!("SELECT concat('{table}', version, installed_on) FROM {schema}.{table} ORDER BY 1");
        let rows = sqlx::query_scalar::<_, String>(AssertSqlSafe(text)).fetch_all(&mut connection).await;
        all.extend(rows.expect("the history"));
    }
    all
}

/// Everything that a service's schema is made by, in order.
fn parts(schema: &str) -> Vec<Part> {
    let own = SERVICES.iter().find(|(name, _)| *name == schema).expect("a service").1;
    [&[("_chassis_migrations", &OWN)], own].concat()
}

/// The first migrations of a history.
fn first(history: &Migrator, count: usize, table: &'static str) -> Migrator {
    Migrator {
        migrations: Cow::Owned(history.iter().take(count).cloned().collect()),
        table_name: Cow::Borrowed(table),
        ..Migrator::DEFAULT
    }
}

/// A schema as it was when a release knew only so many migrations, over all its parts.
async fn as_it_was(schema: &str, known: usize) -> String {
    let url = blank(&[schema]).await;
    let owner = as_role(&url, &format!("{schema}_owner"));
    let mut owner = PgConnection::connect(&owner).await.expect("the owner");
    let mut left = known;
    for (table, history) in parts(schema) {
        let count = history.iter().count().min(left);
        if count > 0 {
            first(history, count, table).run(&mut owner).await.expect("migrated");
        }
        left -= count;
    }
    owner.close().await.expect("closed");
    url
}

#[tokio::test]
async fn an_upgraded_schema_is_a_fresh_one_and_migrating_twice_changes_nothing() {
    for (schema, history) in SERVICES {
        let fresh = blank(&[schema]).await;
        let owner = format!("{schema}_owner");
        database::migrate(&as_role(&fresh, &owner), history).await.expect("migrated");
        let (wanted, versions) = (catalogue(&fresh, schema).await, applied(&fresh, schema).await);
        assert!(wanted.len() > 50, "the catalogue of {schema} has {} lines", wanted.len());
        database::migrate(&as_role(&fresh, &owner), history).await.expect("nothing to do");
        assert_eq!(catalogue(&fresh, schema).await, wanted);
        assert_eq!(applied(&fresh, schema).await, versions, "what was applied stays as it was applied");

        let all: usize = parts(schema).iter().map(|(_, history)| history.iter().count()).sum();
        for known in 1..all {
            let url = as_it_was(schema, known).await;
            database::migrate(&as_role(&url, &owner), history).await.expect("upgraded");
            assert_eq!(catalogue(&url, schema).await, wanted, "{schema} from its first {known} on");
        }
    }
}

#[tokio::test]
async fn a_program_that_is_too_old_for_the_schema_refuses_to_start() {
    let sandbox = Sandbox::start(tests::ALL).await;
    let runtime = as_role(&sandbox.admin_url, "registry_runtime");
    let on = CancellationToken::new();
    Database::connect(&runtime, 1, &on).await.expect("it suits");
    let mut sql = sandbox.sql().await;
    sql.execute("UPDATE registry.program_floor SET oldest_schema = 9000").await.expect("a newer release");
    let refused = Database::connect(&runtime, 1, &on).await.expect_err("too old");
    let message = refused.to_string();
    assert!(message.contains("schema 9000") && message.contains("install the newer release"), "{message}");
}

#[tokio::test]
async fn a_runtime_role_defines_nothing_and_reads_its_own_schema_only() {
    let sandbox = Sandbox::start(tests::ALL).await;
    let mut sql = sandbox.sql().await;
    sql.execute(sqlx::raw_sql(
        "CREATE SCHEMA neighbour; CREATE TABLE neighbour.secret (word text); INSERT INTO neighbour.secret VALUES ('x')",
    ))
    .await
    .expect("a neighbour");
    for (schema, _) in SERVICES {
        let runtime = as_role(&sandbox.admin_url, &format!("{schema}_runtime"));
        let mut runtime = PgConnection::connect(&runtime).await.expect("the runtime role");
        runtime.execute("SELECT * FROM program_floor").await.expect("its own");
        for forbidden in [
            "CREATE TABLE mine (word text)".to_owned(),
            format!("CREATE TABLE {schema}.mine (word text)"),
            "CREATE TABLE public.mine (word text)".to_owned(),
            "CREATE TABLE extensions.mine (word text)".to_owned(),
            "CREATE SCHEMA mine".to_owned(),
            "ALTER TABLE program_floor ADD COLUMN word text".to_owned(),
            "DROP TABLE secret".to_owned(),
            "TRUNCATE secret".to_owned(),
            "SELECT * FROM neighbour.secret".to_owned(),
        ] {
            let refused = runtime.execute(sqlx::raw_sql(AssertSqlSafe(forbidden.clone()))).await;
            let refused = refused.expect_err(&forbidden);
            let code = refused.as_database_error().and_then(|error| error.code()).map(Cow::into_owned);
            assert_eq!(code.as_deref(), Some("42501"), "{forbidden}: {refused}");
        }
    }
}
