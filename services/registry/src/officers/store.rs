//! Officers remember here.

use chassis::{
    Fault,
    fault::{on_constraint, violated_key},
};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Entry, Officer};

struct Row {
    id: Uuid,
    display_name: String,
    official_phone: String,
    subject: Option<String>,
    home_unit_id: Uuid,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    path: String,
}

impl From<Row> for Officer {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            entry: Entry {
                display_name: row.display_name,
                official_phone: row.official_phone,
                subject: row.subject,
                home_unit: row.home_unit_id,
            },
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
            path: row.path,
        }
    }
}

/// Officers by their ids, in the order of their ids, which is that of recording.
///
/// # Errors
/// Where the database fails.
pub async fn get(
    connection: &mut PgConnection,
    officers: &[Uuid],
    today: NaiveDate,
) -> Result<Vec<Officer>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT o.id, o.display_name, o.official_phone, o.subject, o.home_unit_id, o.version, o.created_at,
                o.updated_at, p.path
         FROM officer o JOIN unit_place p ON p.unit_id = o.home_unit_id AND p.valid @> $2::date
         WHERE o.id = ANY($1) ORDER BY o.id",
        officers,
        today,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(Officer::from).collect())
}

/// A page of the officers of some ranges of the tree, after a path and an id.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    ranges: &[String],
    after: (&str, Uuid),
    today: NaiveDate,
    limit: i64,
) -> Result<Vec<Officer>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT o.id AS "id!", o.display_name AS "display_name!", o.official_phone AS "official_phone!",
                  o.subject, o.home_unit_id AS "home_unit_id!", o.version AS "version!",
                  o.created_at AS "created_at!", o.updated_at AS "updated_at!", o.path AS "path!"
           FROM unnest($1::text[]) AS range(path)
           CROSS JOIN LATERAL (
               SELECT o.*, p.path FROM unit_place p JOIN officer o ON o.home_unit_id = p.unit_id
               WHERE p.path >= range.path COLLATE "C" AND p.path < (range.path || 'g') COLLATE "C"
                 AND p.path >= $2 AND (p.path, o.id) > ($2, $3) AND p.valid @> $4::date
               ORDER BY p.path, o.id LIMIT $5) o
           ORDER BY o.path, o.id LIMIT $5"#,
        ranges,
        after.0,
        after.1,
        today,
        limit,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(Officer::from).collect())
}

/// Records officers.
///
/// # Errors
/// A subject that another officer has.
pub async fn insert(
    connection: &mut PgConnection,
    officers: &[(Uuid, Entry)],
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let ids: Vec<Uuid> = officers.iter().map(|(id, _)| *id).collect();
    let names: Vec<String> = officers.iter().map(|(_, entry)| entry.display_name.clone()).collect();
    let phones: Vec<String> = officers.iter().map(|(_, entry)| entry.official_phone.clone()).collect();
    let subjects: Vec<Option<String>> = officers.iter().map(|(_, entry)| entry.subject.clone()).collect();
    let homes: Vec<Uuid> = officers.iter().map(|(_, entry)| entry.home_unit).collect();
    let inserted = sqlx::query!(
        "INSERT INTO officer (id, display_name, official_phone, subject, home_unit_id, created_at, updated_at)
         SELECT id, name, phone, subject, home, $6, $6
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[]) AS t(id, name, phone, subject, home)",
        &ids,
        &names,
        &phones,
        &subjects as &[Option<String>],
        &homes,
        now,
    );
    inserted.execute(connection).await.map_err(taken)?;
    Ok(())
}

/// Changes an officer whose version is still the one given; answers whether it was.
///
/// # Errors
/// A subject that another officer has.
pub async fn update(
    connection: &mut PgConnection,
    officer: Uuid,
    entry: &Entry,
    version: i64,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let updated = sqlx::query!(
        "UPDATE officer SET display_name = $2, official_phone = $3, subject = $4, home_unit_id = $5,
                version = version + 1, updated_at = $7
         WHERE id = $1 AND version = $6",
        officer,
        entry.display_name,
        entry.official_phone,
        entry.subject,
        entry.home_unit,
        version,
        now,
    );
    Ok(updated.execute(connection).await.map_err(taken)?.rows_affected() == 1)
}

fn taken(error: sqlx::Error) -> Fault {
    let subject = violated_key(&error).join(", ");
    on_constraint(error, |constraint| match constraint {
        "officer_subject_taken" => Some(Fault::Exists {
            reason: "SUBJECT_TAKEN",
            message: format!("another officer has the subject {subject}"),
            metadata: vec![("subject", subject)],
        }),
        _ => None,
    })
}
