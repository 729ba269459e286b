//! Phones remember here.

use std::collections::HashMap;

use chassis::{Fault, fault::on_constraint};
use chrono::{DateTime, NaiveTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Call, Hours, Outcome, Phone};

struct Row {
    id: Uuid,
    facility_id: Uuid,
    number: String,
    label: String,
    opens: Option<NaiveTime>,
    closes: Option<NaiveTime>,
    verified_at: Option<DateTime<Utc>>,
    verified_by: String,
    failed_calls: i32,
    marked_at: Option<DateTime<Utc>>,
    removed_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    version: i64,
}

impl From<Row> for Phone {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            facility: row.facility_id,
            number: row.number,
            label: row.label,
            hours: Hours(row.opens.zip(row.closes)),
            verified_at: row.verified_at,
            verified_by: row.verified_by,
            failed_calls: row.failed_calls,
            marked_at: row.marked_at,
            removed_at: row.removed_at,
            created_at: row.created_at,
            version: row.version,
        }
    }
}

/// Phones by a condition.
macro_rules! phones {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Row,
            "SELECT id, facility_id, number, label, opens, closes, verified_at, verified_by, failed_calls, marked_at, removed_at,
                    created_at, version
             FROM phone WHERE " + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await
        .map(|rows| rows.into_iter().map(Phone::from).collect::<Vec<_>>())
    };
}

/// The phones of facilities that were not removed, of each the first first.
///
/// # Errors
/// Where the database fails.
pub async fn of(
    connection: &mut PgConnection,
    facilities: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Phone>>, Fault> {
    let found = phones!(connection, "facility_id = ANY($1) AND removed_at IS NULL ORDER BY id", facilities)?;
    let mut of: HashMap<Uuid, Vec<Phone>> = HashMap::new();
    for phone in found {
        of.entry(phone.facility).or_default().push(phone);
    }
    Ok(of)
}

/// A phone.
///
/// # Errors
/// Where the database fails.
pub async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<Phone>, Fault> {
    Ok(phones!(connection, "id = $1", id)?.pop())
}

/// A phone, locked: not for who only refers to it. Its facility is locked before.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<Phone>, Fault> {
    Ok(phones!(connection, "id = $1 FOR NO KEY UPDATE", id)?.pop())
}

/// Adds a phone.
///
/// # Errors
/// [`Fault::Exists`] where the facility has the number; where the database fails.
pub async fn insert(connection: &mut PgConnection, phone: &Phone, by: &str) -> Result<(), Fault> {
    let insert = sqlx::query!(
        "INSERT INTO phone (id, facility_id, number, label, opens, closes, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        phone.id,
        phone.facility,
        phone.number,
        phone.label,
        phone.hours.0.map(|hours| hours.0),
        phone.hours.0.map(|hours| hours.1),
        phone.created_at,
        by,
    );
    insert.execute(connection).await.map_err(|error| {
        on_constraint(error, |constraint| {
            (constraint == "phone_number_key").then(|| Fault::Exists {
                reason: "PHONE_EXISTS",
                message: format!("the facility has the number {}", phone.number),
                metadata: vec![("number", phone.number.clone())],
            })
        })
    })?;
    Ok(())
}

/// Writes a phone, which is locked, as it is from now on.
///
/// # Errors
/// Where the database fails.
pub async fn update(connection: &mut PgConnection, phone: &Phone) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE phone SET label = $2, opens = $3, closes = $4, verified_at = $5, verified_by = $6, failed_calls = $7,
                marked_at = $8, removed_at = $9, version = $10
         WHERE id = $1",
        phone.id,
        phone.label,
        phone.hours.0.map(|hours| hours.0),
        phone.hours.0.map(|hours| hours.1),
        phone.verified_at,
        phone.verified_by,
        phone.failed_calls,
        phone.marked_at,
        phone.removed_at,
        phone.version,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds a call.
///
/// # Errors
/// Where the database fails.
pub async fn log(connection: &mut PgConnection, call: &Call) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO call_attempt (id, phone_id, outcome, called_at, outside_hours, called_by, recorded_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        call.id,
        call.phone,
        call.outcome,
        call.called_at,
        call.outside_hours,
        call.called_by,
        call.recorded_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many calls within the hours have failed since a phone was last answered or verified, in whatever order they were
/// recorded.
///
/// # Errors
/// Where the database fails.
pub async fn failed(connection: &mut PgConnection, phone: &Phone) -> Result<i32, Fault> {
    let failed = sqlx::query_scalar!(
        r#"SELECT count(*)::integer AS "failed!" FROM call_attempt
           WHERE phone_id = $1 AND outcome <> $3 AND NOT outside_hours AND called_at > GREATEST($2, coalesce(
               (SELECT max(a.called_at) FROM call_attempt a WHERE a.phone_id = $1 AND a.outcome = $3), '-infinity'))"#,
        phone.id,
        phone.verified_at,
        Outcome::Answered as i16,
    );
    Ok(failed.fetch_one(connection).await?)
}

/// A page of the calls to a phone, in the order in which they were recorded.
///
/// # Errors
/// Where the database fails.
pub async fn calls(
    connection: &mut PgConnection,
    phone: Uuid,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Call>, Fault> {
    let rows = sqlx::query_as!(
        Call,
        "SELECT id, phone_id AS phone, outcome, called_at, outside_hours, called_by, recorded_at FROM call_attempt
         WHERE phone_id = $1 AND id > $2 ORDER BY id LIMIT $3",
        phone,
        after,
        limit,
    );
    Ok(rows.fetch_all(connection).await?)
}
