//! What an administrator of the database does once: the roles, schemas and extensions.
//!
//! A service has two roles: an owner that migrates, and a runtime role that reaches its own schema
//! only. The extension schema is shared, since an extension exists once per database.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// One service's schema and the passwords of its two roles.
#[derive(Clone, Debug)]
pub struct Schema {
    /// The service's name, which is the schema's; its roles are `{name}_owner` and `{name}_runtime`.
    pub name: String,
    /// The owner's password.
    pub owner_password: String,
    /// The runtime role's password.
    pub runtime_password: String,
    /// Whether what the runtime role asks by itself, or looks up (`Database::begin_pointed`), is planned once for any
    /// arguments: for a service whose pages cost as much to plan as to read, and whose every plan is tested.
    pub plans_once: bool,
}

/// Makes what is missing and sets the passwords; running it again changes nothing else.
///
/// # Errors
/// Where the administrator's URL does not allow it.
pub async fn prepare(admin_url: &str, schemas: &[Schema]) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(admin_url).await?;
    let mut transaction = connection.begin().await?;
    run(&mut transaction, SHARED.to_owned()).await?;
    for schema in schemas {
        run(&mut transaction, statements(schema)).await?;
    }
    transaction.commit().await?;
    connection.close().await
}

/// Names are checked and passwords quoted by [`statements`]: DDL takes no parameters.
async fn run(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

const SHARED: &str = "
SELECT pg_advisory_xact_lock(hashtext('rampart.bootstrap'));
CREATE SCHEMA IF NOT EXISTS extensions;
CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA extensions;
GRANT USAGE ON SCHEMA extensions TO PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
";

fn statements(schema: &Schema) -> String {
    let name: String =
        schema.name.chars().filter(|letter| letter.is_ascii_lowercase() || *letter == '_').collect();
    let owner = literal(&schema.owner_password);
    let runtime = literal(&schema.runtime_password);
    let plans = if schema.plans_once { "force_generic_plan" } else { "auto" };
    format!(
        "
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}_owner') THEN
        CREATE ROLE {name}_owner LOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}_runtime') THEN
        CREATE ROLE {name}_runtime LOGIN;
    END IF;
END $$;
ALTER ROLE {name}_owner PASSWORD {owner};
ALTER ROLE {name}_owner SET search_path = {name}, extensions;
ALTER ROLE {name}_runtime PASSWORD {runtime};
ALTER ROLE {name}_runtime SET search_path = {name}, extensions;
ALTER ROLE {name}_runtime SET plan_cache_mode = {plans};
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = '{name}') THEN
        GRANT {name}_owner TO CURRENT_USER;
        CREATE SCHEMA {name} AUTHORIZATION {name}_owner;
    END IF;
END $$;
GRANT USAGE ON SCHEMA {name} TO {name}_runtime;
ALTER DEFAULT PRIVILEGES FOR ROLE {name}_owner IN SCHEMA {name}
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {name}_runtime;
ALTER DEFAULT PRIVILEGES FOR ROLE {name}_owner IN SCHEMA {name}
    GRANT USAGE ON SEQUENCES TO {name}_runtime;
ALTER DEFAULT PRIVILEGES FOR ROLE {name}_owner IN SCHEMA {name}
    GRANT EXECUTE ON FUNCTIONS TO {name}_runtime;
"
    )
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
