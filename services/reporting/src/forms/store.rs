//! Forms remember here.

use std::collections::HashMap;

use chassis::{Fault, fault::on_constraint};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{Definition, Form, Kind, schedule::Schedule};

struct Row {
    id: Uuid,
    key: String,
    owner_id: Uuid,
    level: i16,
    columns: Vec<String>,
    balance_as_of: Option<NaiveDate>,
    number: i32,
    start_date: NaiveDate,
    end_date: Option<NaiveDate>,
    definition: Json<Definition>,
    created_at: DateTime<Utc>,
    recorded_at: DateTime<Utc>,
}

impl From<Row> for Form {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            key: row.key,
            owner: row.owner_id,
            level: row.level,
            columns: row.columns,
            balance_as_of: row.balance_as_of,
            version: row.number,
            start: row.start_date,
            end: row.end_date,
            definition: row.definition.0,
            created_at: row.created_at,
            recorded_at: row.recorded_at,
        }
    }
}

/// A form in one version.
///
/// # Errors
/// Where the database fails.
pub async fn version(connection: &mut PgConnection, form: Uuid, version: i32) -> Result<Option<Form>, Fault> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT f.id, f.key, f.owner_id, f.level, f.columns, f.balance_as_of, v.number, v.start_date, v.end_date,
                  v.definition AS "definition: Json<Definition>", f.created_at, v.recorded_at
           FROM form f JOIN form_version v ON v.form_id = f.id WHERE f.id = $1 AND v.number = $2"#,
        form,
        version,
    );
    Ok(row.fetch_optional(connection).await?.map(Form::from))
}

/// The version of a form that holds on a date; the first where the date is before it.
///
/// # Errors
/// Where the database fails.
pub async fn on(connection: &mut PgConnection, form: Uuid, date: NaiveDate) -> Result<Option<Form>, Fault> {
    let number = sqlx::query_scalar!(
        "SELECT number FROM form_version WHERE form_id = $1 ORDER BY start_date <= $2 DESC, CASE WHEN start_date <= $2 THEN -number ELSE number END LIMIT 1",
        form,
        date,
    );
    match number.fetch_optional(&mut *connection).await? {
        Some(number) => version(connection, form, number).await,
        None => Ok(None),
    }
}

/// The id of a key.
///
/// # Errors
/// Where the database fails.
pub async fn of_key(connection: &mut PgConnection, key: &str) -> Result<Option<Uuid>, Fault> {
    let id = sqlx::query_scalar!("SELECT id FROM form WHERE key = $1", key);
    Ok(id.fetch_optional(connection).await?)
}

/// The ids of all forms after a key, in the order of their keys. There are tens of them.
///
/// # Errors
/// Where the database fails.
pub async fn after(
    connection: &mut PgConnection,
    key: &str,
    owner: Option<Uuid>,
) -> Result<Vec<Uuid>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM form WHERE key > $1 AND ($2::uuid IS NULL OR owner_id = $2) ORDER BY key",
        key,
        owner,
    );
    Ok(ids.fetch_all(connection).await?)
}

/// The numbers of a form's versions before one, the latest first.
///
/// # Errors
/// Where the database fails.
pub async fn versions_before(
    connection: &mut PgConnection,
    form: Uuid,
    before: i32,
    limit: i64,
) -> Result<Vec<i32>, Fault> {
    let numbers = sqlx::query_scalar!(
        "SELECT number FROM form_version WHERE form_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3",
        form,
        before,
        limit,
    );
    Ok(numbers.fetch_all(connection).await?)
}

/// The kind of every field that any version of a form has had.
///
/// # Errors
/// Where the database fails.
pub async fn kinds(connection: &mut PgConnection, form: Uuid) -> Result<HashMap<String, Kind>, Fault> {
    let rows = sqlx::query_scalar!(
        r#"SELECT definition AS "definition: Json<Definition>" FROM form_version WHERE form_id = $1"#,
        form,
    );
    let fields = rows.fetch_all(connection).await?.into_iter().flat_map(|definition| definition.0.fields);
    Ok(fields.map(|field| (field.key, field.kind)).collect())
}

/// Locks a form for a change; answers its last version.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, form: Uuid) -> Result<Option<i32>, Fault> {
    let locked = sqlx::query_scalar!("SELECT id FROM form WHERE id = $1 FOR UPDATE", form);
    if locked.fetch_optional(&mut *connection).await?.is_none() {
        return Ok(None);
    }
    let last = sqlx::query_scalar!("SELECT max(number) FROM form_version WHERE form_id = $1", form);
    Ok(last.fetch_one(connection).await?)
}

/// Records a new form.
///
/// # Errors
/// FORM_KEY_TAKEN.
pub async fn insert(connection: &mut PgConnection, form: &Form) -> Result<(), Fault> {
    let inserted = sqlx::query!(
        "INSERT INTO form (id, key, owner_id, level, columns, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        form.id,
        form.key,
        form.owner,
        form.level,
        &form.columns,
        form.created_at,
    );
    inserted.execute(&mut *connection).await.map_err(|error| {
        on_constraint(error, |name| {
            (name == "form_key_taken").then(|| Fault::Exists {
                reason: "FORM_KEY_TAKEN",
                message: format!("there is a form {}; its name is its own", form.key),
                metadata: vec![("key", form.key.clone())],
            })
        })
    })?;
    insert_version(connection, form).await
}

/// Records a further version.
///
/// # Errors
/// Where the database fails.
pub async fn insert_version(connection: &mut PgConnection, form: &Form) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO form_version (form_id, number, start_date, end_date, definition, recorded_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        form.id,
        form.version,
        form.start,
        form.end,
        Json(&form.definition) as _,
        form.recorded_at,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("UPDATE form SET columns = $2 WHERE id = $1", form.id, &form.columns)
        .execute(connection)
        .await?;
    Ok(())
}

/// The last business date of a form that was opened.
///
/// # Errors
/// Where the database fails.
pub async fn last_day(connection: &mut PgConnection, form: Uuid) -> Result<Option<NaiveDate>, Fault> {
    let last = sqlx::query_scalar!("SELECT max(business_date) FROM day WHERE form_id = $1", form);
    Ok(last.fetch_one(connection).await?)
}

/// The override of a business date: its schedule, why, who said so and when.
pub type Override = (Option<Schedule>, String, String, DateTime<Utc>);

/// The last override of a business date.
///
/// # Errors
/// Where the database fails.
pub async fn overridden(
    connection: &mut PgConnection,
    form: Uuid,
    date: NaiveDate,
) -> Result<Option<Override>, Fault> {
    let row = sqlx::query!(
        r#"SELECT schedule AS "schedule: Json<Schedule>", reason, said_by, said_at FROM day_override
           WHERE form_id = $1 AND business_date = $2 ORDER BY number DESC LIMIT 1"#,
        form,
        date,
    );
    let row = row.fetch_optional(connection).await?;
    Ok(row.map(|row| (row.schedule.map(|schedule| schedule.0), row.reason, row.said_by, row.said_at)))
}

/// Records an override.
///
/// # Errors
/// Where the database fails.
pub async fn override_day(
    connection: &mut PgConnection,
    form: Uuid,
    date: NaiveDate,
    (schedule, reason, said_by, said_at): &Override,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO day_override (form_id, business_date, number, schedule, reason, said_by, said_at)
         SELECT $1, $2, coalesce(max(number), 0) + 1, $3, $4, $5, $6 FROM day_override
         WHERE form_id = $1 AND business_date = $2",
        form,
        date,
        schedule.as_ref().map(Json) as _,
        reason,
        said_by,
        said_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}
