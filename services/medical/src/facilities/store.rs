//! Facilities remember here.

use std::collections::HashMap;

use chassis::{Fault, fault::on_constraint};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Facility, HeldRole};

struct Row {
    id: Uuid,
    unit_id: Uuid,
    display_name: String,
    grade: i16,
    ownership: i16,
    address: String,
    organisation_code: String,
    code_failed_at: Option<DateTime<Utc>>,
    code_confirmed: bool,
    ends_on: Option<NaiveDate>,
    created_at: DateTime<Utc>,
    version: i64,
}

impl Row {
    fn with(self, roles: Vec<HeldRole>) -> Facility {
        Facility {
            id: self.id,
            unit: self.unit_id,
            display_name: self.display_name,
            grade: self.grade,
            ownership: self.ownership,
            address: self.address,
            organisation_code: self.organisation_code,
            code_failed_at: self.code_failed_at,
            code_confirmed: self.code_confirmed,
            ends_on: self.ends_on,
            created_at: self.created_at,
            version: self.version,
            roles,
        }
    }
}

/// Facilities by a condition, with their roles.
macro_rules! facilities {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {{
        let rows = sqlx::query_as!(
            Row,
            "SELECT f.id, f.unit_id, f.display_name, f.grade, f.ownership, f.address, f.organisation_code, f.code_failed_at,
                    f.code_confirmed, f.ends_on, f.created_at, f.version
             FROM facility f WHERE " + $condition
            $(, $value)*
        )
        .fetch_all(&mut *$connection)
        .await?;
        with_roles($connection, rows).await
    }};
}

async fn with_roles(connection: &mut PgConnection, rows: Vec<Row>) -> Result<Vec<Facility>, Fault> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let roles = sqlx::query!(
        "SELECT id, facility_id, role, starts_on, ends_on, order_text, granted_at, granted_by FROM facility_role
         WHERE facility_id = ANY($1) ORDER BY starts_on, role, id",
        &ids,
    );
    let mut of: HashMap<Uuid, Vec<HeldRole>> = HashMap::new();
    for row in roles.fetch_all(connection).await? {
        of.entry(row.facility_id).or_default().push(HeldRole {
            id: row.id,
            role: row.role,
            starts_on: row.starts_on,
            ends_on: row.ends_on,
            order: row.order_text,
            granted_at: row.granted_at,
            granted_by: row.granted_by,
        });
    }
    Ok(rows
        .into_iter()
        .map(|row| {
            let roles = of.remove(&row.id);
            row.with(roles.unwrap_or_default())
        })
        .collect())
}

/// Some facilities, in the order of their ids.
///
/// # Errors
/// Where the database fails.
pub async fn some(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Facility>, Fault> {
    facilities!(connection, "f.id = ANY($1) ORDER BY f.id", ids)
}

/// A facility, locked: not for who only refers to it.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<Facility>, Fault> {
    let found: Result<Vec<Facility>, Fault> = facilities!(connection, "f.id = $1 FOR NO KEY UPDATE", id);
    Ok(found?.pop())
}

/// What a list is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// By which units they are seen.
    pub areas: &'a [Uuid],
    /// The role that they must have today, by number.
    pub role: Option<i16>,
    /// Also those that have closed.
    pub closed: bool,
    /// Today.
    pub today: NaiveDate,
}

/// A page of facilities, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    wanted: Wanted<'_>,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Facility>, Fault> {
    facilities!(
        connection,
        "f.unit_id IN (SELECT u.unit_id FROM unit_sight u WHERE u.ancestors && $1)
         AND ($2 OR f.ends_on IS NULL OR f.ends_on >= $3)
         AND ($4::smallint IS NULL OR EXISTS (
             SELECT FROM facility_role r WHERE r.facility_id = f.id AND r.role = $4 AND r.starts_on <= $3
                AND (r.ends_on IS NULL OR r.ends_on >= $3)))
         AND f.id > $5 ORDER BY f.id LIMIT $6",
        wanted.areas,
        wanted.closed,
        wanted.today,
        wanted.role,
        after,
        limit
    )
}

/// A page of the open facilities that units see, by name.
///
/// # Errors
/// Where the database fails.
pub async fn by_name(
    connection: &mut PgConnection,
    wanted: Wanted<'_>,
    after: (&str, Uuid),
    limit: i64,
) -> Result<Vec<Facility>, Fault> {
    facilities!(
        connection,
        r#"f.unit_id IN (SELECT u.unit_id FROM unit_sight u WHERE u.ancestors && $1)
         AND (f.ends_on IS NULL OR f.ends_on >= $2)
         AND ($3::smallint IS NULL OR EXISTS (
             SELECT FROM facility_role r WHERE r.facility_id = f.id AND r.role = $3 AND r.starts_on <= $2
                AND (r.ends_on IS NULL OR r.ends_on >= $2)))
         AND (f.display_name COLLATE "C", f.id) > ($4::text COLLATE "C", $5)
         ORDER BY f.display_name COLLATE "C", f.id LIMIT $6"#,
        wanted.areas,
        wanted.today,
        wanted.role,
        after.0,
        after.1,
        limit
    )
}

/// Adds a facility, whose unit is kept.
///
/// # Errors
/// [`Fault::Exists`] for the name of another open one of the unit; where the database fails.
pub async fn insert(connection: &mut PgConnection, facility: &Facility, by: &str) -> Result<(), Fault> {
    let insert = sqlx::query!(
        "INSERT INTO facility (id, unit_id, display_name, grade, ownership, address, organisation_code, code_failed_at,
                               code_confirmed, created_at, created_by, updated_at, updated_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $10, $11)",
        facility.id,
        facility.unit,
        facility.display_name,
        facility.grade,
        facility.ownership,
        facility.address,
        facility.organisation_code,
        facility.code_failed_at,
        facility.code_confirmed,
        facility.created_at,
        by,
    );
    insert.execute(connection).await.map_err(|error| named_alike(error, facility))?;
    Ok(())
}

/// Writes a facility, which is locked, as it is from now on.
///
/// # Errors
/// As [`insert`].
pub async fn update(
    connection: &mut PgConnection,
    facility: &Facility,
    (by, now): (&str, DateTime<Utc>),
) -> Result<(), Fault> {
    let update = sqlx::query!(
        "UPDATE facility SET unit_id = $2, display_name = $3, grade = $4, ownership = $5, address = $6, organisation_code = $7,
                code_failed_at = $8, code_confirmed = $9, ends_on = $10, updated_at = $11, updated_by = $12,
                version = version + 1
         WHERE id = $1",
        facility.id,
        facility.unit,
        facility.display_name,
        facility.grade,
        facility.ownership,
        facility.address,
        facility.organisation_code,
        facility.code_failed_at,
        facility.code_confirmed,
        facility.ends_on,
        now,
        by,
    );
    update.execute(connection).await.map_err(|error| named_alike(error, facility))?;
    Ok(())
}

fn named_alike(error: sqlx::Error, facility: &Facility) -> Fault {
    on_constraint(error, |constraint| {
        (constraint == "facility_name_key").then(|| Fault::Exists {
            reason: "FACILITY_EXISTS",
            message: format!("an open facility of the unit has the name {}", facility.display_name),
            metadata: vec![("display_name", facility.display_name.clone())],
        })
    })
}

/// Adds a role to a facility, which is locked; answers whether it was free of that role on those days.
///
/// # Errors
/// Where the database fails.
pub async fn grant(connection: &mut PgConnection, facility: Uuid, role: &HeldRole) -> Result<bool, Fault> {
    let granted = sqlx::query!(
        "INSERT INTO facility_role (id, facility_id, role, starts_on, ends_on, order_text, granted_at, granted_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT ON CONSTRAINT facility_role_apart DO NOTHING",
        role.id,
        facility,
        role.role,
        role.starts_on,
        role.ends_on,
        role.order,
        role.granted_at,
        role.granted_by,
    );
    Ok(granted.execute(connection).await?.rows_affected() == 1)
}

/// Gives a role its last day.
///
/// # Errors
/// Where the database fails.
pub async fn end_role(connection: &mut PgConnection, role: Uuid, last: NaiveDate) -> Result<(), Fault> {
    let end = sqlx::query!("UPDATE facility_role SET ends_on = $2 WHERE id = $1", role, last);
    end.execute(connection).await?;
    Ok(())
}

/// Takes back a role that has not begun.
///
/// # Errors
/// Where the database fails.
pub async fn take_back(connection: &mut PgConnection, role: Uuid) -> Result<(), Fault> {
    sqlx::query!("DELETE FROM facility_role WHERE id = $1", role).execute(connection).await?;
    Ok(())
}

/// Ends the roles of a facility with its last day, and takes back those that would begin later.
///
/// # Errors
/// Where the database fails.
pub async fn end_roles(connection: &mut PgConnection, facility: Uuid, last: NaiveDate) -> Result<(), Fault> {
    sqlx::query!("DELETE FROM facility_role WHERE facility_id = $1 AND starts_on > $2", facility, last)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        "UPDATE facility_role SET ends_on = $2 WHERE facility_id = $1 AND (ends_on IS NULL OR ends_on > $2)",
        facility,
        last,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The facilities that lie in a unit.
///
/// # Errors
/// Where the database fails.
pub async fn at(connection: &mut PgConnection, unit: Uuid) -> Result<Vec<Uuid>, Fault> {
    let ids = sqlx::query_scalar!("SELECT id FROM facility WHERE unit_id = $1 ORDER BY id", unit);
    Ok(ids.fetch_all(connection).await?)
}
