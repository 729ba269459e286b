//! Databases of tests: blank ones, and copies of one that was made once.

use std::{
    env, mem,
    sync::{Mutex, PoisonError},
};

use chassis::{Clock, bootstrap};
use chrono::NaiveDate;
use rampart::stack;
use registry::{
    founding::Founding,
    units::{Code, Level},
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

use crate::{ADMIN, PASSWORD, ROOT_CODE};

fn postgres() -> String {
    env::var("RAMPART_TEST_POSTGRES").expect(
        "tests want a Postgres: run ./tests/run, or `rampart postgres -- cargo test` (RAMPART_TEST_POSTGRES)",
    )
}

fn database_url(admin: &str, database: &str) -> String {
    let (server, _) = admin.rsplit_once('/').expect("a URL with a database");
    format!("{server}/{database}")
}

async fn run(url: &str, sql: String) {
    let mut connection = PgConnection::connect(url).await.expect("the database");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("the statement runs");
}

/// A new database with the roles and schemas of some services and nothing in them; its administrator's
/// URL.
pub async fn blank(schemas: &[&str]) -> String {
    let admin = postgres();
    let database = format!("t_{}", Uuid::now_v7().simple());
    run(&admin, format!("CREATE DATABASE {database}")).await;
    let url = database_url(&admin, &database);
    let schemas = schemas.iter().map(|name| bootstrap::Schema {
        name: (*name).to_owned(),
        owner_password: PASSWORD.to_owned(),
        runtime_password: PASSWORD.to_owned(),
        plans_once: false,
    });
    let schemas: Vec<_> = schemas.collect();
    let locked = roles(&admin).await;
    bootstrap::prepare(&url, &schemas).await.expect("roles and schemas");
    locked.close().await.expect("closed");
    url
}

/// Databases of tests that are over.
static OVER: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A test's own copy of the template. Once it is dropped, the next copy that is made takes it away: hundreds of
/// databases fill a small disk.
#[derive(Debug)]
pub(crate) struct TestDatabase {
    name: String,
}

impl TestDatabase {
    pub(crate) async fn make() -> Self {
        let (admin, template) = (postgres(), template().await);
        let over = mem::take(&mut *OVER.lock().unwrap_or_else(PoisonError::into_inner));
        for name in over {
            run(&admin, format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
        let database = Self { name: format!("t_{}", Uuid::now_v7().simple()) };
        run(&admin, format!("CREATE DATABASE {} TEMPLATE {template}", database.name)).await;
        database
    }

    pub(crate) fn url(&self) -> String {
        database_url(&postgres(), &self.name)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        OVER.lock().unwrap_or_else(PoisonError::into_inner).push(mem::take(&mut self.name));
    }
}

/// The URL of the same database as another role.
#[must_use]
pub fn as_role(admin_url: &str, role: &str) -> String {
    stack::role_url(admin_url, role, PASSWORD).expect("a URL")
}

/// Other test programs may be at it too: roles belong to the whole server. Held until it is closed.
async fn roles(admin: &str) -> PgConnection {
    let mut connection = PgConnection::connect(admin).await.expect("the database");
    sqlx::query("SELECT pg_advisory_lock(20200203)").execute(&mut connection).await.expect("a lock");
    connection
}

/// A database with roles, schemas, tables and a root, made once and copied for every test.
async fn template() -> String {
    static NAME: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
    NAME.get_or_init(async || {
        let admin = postgres();
        let parts = [registry::PARTS, reporting::PARTS, screening::PARTS, medical::PARTS].concat();
        let history: Vec<u8> = chassis::database::history(&parts).flatten().copied().collect();
        let version = Uuid::new_v8(history.iter().enumerate().fold([0; 16], |mut sum, (at, byte)| {
            sum[at % 16] = sum[at % 16].wrapping_mul(31) ^ byte;
            sum
        }));
        let name = format!("template_{}", version.simple());
        let mut connection = roles(&admin).await;
        let known: Option<i32> = sqlx::query_scalar("SELECT 1 FROM pg_database WHERE datname = $1")
            .bind(&name)
            .fetch_optional(&mut connection)
            .await
            .expect("the databases");
        if known.is_none() {
            let draft = format!("draft_{}", Uuid::now_v7().simple());
            run(&admin, format!("CREATE DATABASE {draft}")).await;
            let clock = Clock::system(chrono_tz::Asia::Shanghai);
            stack::bootstrap(&database_url(&admin, &draft), PASSWORD, &founding(), &clock)
                .await
                .expect("the template is made");
            run(&admin, format!("ALTER DATABASE {draft} RENAME TO {name}")).await;
        }
        connection.close().await.expect("closed");
        name
    })
    .await
    .clone()
}

pub(crate) fn founding() -> Founding {
    Founding {
        display_name: "试点市".to_owned(),
        level: Level::City,
        code: Code { system: "NBS".to_owned(), vintage: "2019".to_owned(), code: ROOT_CODE.to_owned() },
        start_date: NaiveDate::from_ymd_opt(2019, 10, 31).expect("a date"),
        administrator: ADMIN.to_owned(),
        phone: "0000-0000000".to_owned(),
    }
}
