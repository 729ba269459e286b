//! Admissions remember here.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Admission;

struct Row {
    id: Uuid,
    person_id: Uuid,
    unit_id: Uuid,
    one_id: Uuid,
    facility: String,
    system: String,
    external_id: String,
    referral_id: Option<Uuid>,
    admitted_at: Option<DateTime<Utc>>,
    admitted_by: String,
    discharged_at: Option<DateTime<Utc>>,
    discharged_by: String,
    destination: Option<i16>,
    home_unit_id: Option<Uuid>,
    handdown_id: Option<Uuid>,
}

impl From<Row> for Admission {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            person: row.person_id,
            unit: row.unit_id,
            one: row.one_id,
            facility: row.facility,
            external: (row.system, row.external_id),
            referral: row.referral_id,
            admitted_at: row.admitted_at,
            admitted_by: row.admitted_by,
            discharged_at: row.discharged_at,
            discharged_by: row.discharged_by,
            destination: row.destination,
            home_unit: row.home_unit_id,
            handdown: row.handdown_id,
        }
    }
}

/// Admissions by a condition.
macro_rules! admissions {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Row,
            "SELECT id, person_id, unit_id, one_id, facility, system, external_id, referral_id, admitted_at, admitted_by,
                    discharged_at, discharged_by, destination, home_unit_id, handdown_id
             FROM admission WHERE " + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await
        .map(|rows| rows.into_iter().map(Admission::from).collect::<Vec<_>>())
    };
}

/// The admission that a system knows by a number, locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock_external(
    connection: &mut PgConnection,
    (system, value): &(String, String),
) -> Result<Option<Admission>, Fault> {
    Ok(admissions!(
        connection,
        "external_id <> '' AND system = $1 AND external_id = $2 FOR UPDATE",
        system,
        value
    )?
    .pop())
}

/// The admissions of who is one person, in a unit's hands, that have no number of a system's, locked, the last told first.
///
/// # Errors
/// Where the database fails.
pub async fn lock_unnumbered(
    connection: &mut PgConnection,
    one: Uuid,
    unit: Uuid,
) -> Result<Vec<Admission>, Fault> {
    Ok(admissions!(
        connection,
        "one_id = $1 AND unit_id = $2 AND external_id = '' ORDER BY id DESC FOR UPDATE",
        one,
        unit
    )?)
}

/// Admissions in the hands of units, or those of who is one person, after one, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    units: &[Uuid],
    (one, discharged): (Option<Uuid>, bool),
    after: Uuid,
    limit: i64,
) -> Result<Vec<Admission>, Fault> {
    Ok(admissions!(
        connection,
        "unit_id = ANY($1) AND ($2::uuid IS NULL OR one_id = $2) AND (discharged_at IS NULL OR $3) AND id > $4
         ORDER BY id LIMIT $5",
        units,
        one,
        discharged,
        after,
        limit
    )?)
}

/// Since when a facility has somebody, the first of those who are one; nothing where none has.
///
/// # Errors
/// Where the database fails.
pub async fn admitted_since(
    connection: &mut PgConnection,
    one: Uuid,
) -> Result<Option<DateTime<Utc>>, Fault> {
    let since = sqlx::query_scalar!(
        "SELECT min(admitted_at) FROM admission WHERE one_id = $1 AND discharged_at IS NULL",
        one,
    );
    Ok(since.fetch_one(connection).await?)
}

/// Whether somebody was admitted anywhere, or discharged, after an instant, in a unit's hands.
///
/// # Errors
/// Where the database fails.
pub async fn is_overtaken(
    connection: &mut PgConnection,
    (one, unit): (Uuid, Uuid),
    at: DateTime<Utc>,
) -> Result<bool, Fault> {
    let later = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM admission WHERE one_id = $1 AND unit_id = $2 AND (admitted_at > $3 OR discharged_at > $3)) AS "later!""#,
        one,
        unit,
        at,
    );
    Ok(later.fetch_one(connection).await?)
}

/// Adds an admission, or writes how one that is locked stands.
///
/// # Errors
/// Where the database fails.
pub async fn keep(
    connection: &mut PgConnection,
    admission: &Admission,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO admission (id, person_id, unit_id, one_id, facility, system, external_id, referral_id, admitted_at,
                                admitted_by, discharged_at, discharged_by, destination, home_unit_id, handdown_id, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         ON CONFLICT ON CONSTRAINT admission_pkey DO UPDATE SET referral_id = excluded.referral_id,
             admitted_at = excluded.admitted_at, admitted_by = excluded.admitted_by, discharged_at = excluded.discharged_at,
             discharged_by = excluded.discharged_by, destination = excluded.destination,
             home_unit_id = excluded.home_unit_id, handdown_id = excluded.handdown_id",
        admission.id,
        admission.person,
        admission.unit,
        admission.one,
        admission.facility,
        admission.external.0,
        admission.external.1,
        admission.referral,
        admission.admitted_at,
        admission.admitted_by,
        admission.discharged_at,
        admission.discharged_by,
        admission.destination,
        admission.home_unit,
        admission.handdown,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Which facilities who is one person, in a unit's hands, was admitted to or observed in.
///
/// # Errors
/// Where the database fails.
pub async fn facilities_of(
    connection: &mut PgConnection,
    (one, unit): (Uuid, Uuid),
) -> Result<Vec<String>, Fault> {
    let facilities = sqlx::query_scalar!(
        r#"SELECT facility AS "facility!" FROM admission WHERE one_id = $1 AND unit_id = $2
           UNION SELECT facility FROM observation WHERE one_id = $1 AND unit_id = $2 AND facility <> '' ORDER BY 1"#,
        one,
        unit,
    );
    Ok(facilities.fetch_all(connection).await?)
}
