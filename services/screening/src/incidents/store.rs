//! Incidents remember here.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Incident;
use crate::keyring::{Keyring, Mark, Sealed};

struct Row {
    id: Uuid,
    kind: i16,
    unit_id: Uuid,
    case_id: Uuid,
    control_plan: i16,
    created_at: DateTime<Utc>,
    deadline_at: DateTime<Utc>,
    reported_at: Option<DateTime<Utc>>,
    reported_by: String,
    grade: i16,
    place: String,
    key_id: Option<String>,
    sealed: Option<Vec<u8>>,
}

impl Row {
    /// With the name of its place, which is sealed; or not yet, where an older program wrote it.
    fn open(self, keys: &Keyring) -> Result<Incident, Fault> {
        let place = match self.key_id.zip(self.sealed) {
            Some((key, bytes)) => open(keys, self.id, &Sealed { key, bytes })?,
            None => self.place,
        };
        Ok(Incident {
            id: self.id,
            kind: self.kind,
            unit: self.unit_id,
            place,
            case: self.case_id,
            control_plan: self.control_plan,
            created_at: self.created_at,
            deadline_at: self.deadline_at,
            reported_at: self.reported_at,
            reported_by: self.reported_by,
            grade: self.grade,
        })
    }
}

fn open(keys: &Keyring, id: Uuid, sealed: &Sealed) -> Result<String, Fault> {
    String::from_utf8(keys.open(id, sealed)?).map_err(|_| Fault::internal("a sealed place"))
}

/// The name of a place, sealed for the row of an id; nothing for none.
fn seal(keys: &Keyring, id: Uuid, place: &str) -> Result<Option<Sealed>, Fault> {
    if place.is_empty() { Ok(None) } else { keys.seal(id, place.as_bytes()).map(Some) }
}

/// Incidents by a condition, opened.
macro_rules! incidents {
    ($connection:expr, $keys:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Row,
            "SELECT id, kind, unit_id, place, case_id, control_plan, created_at, deadline_at, reported_at, reported_by, grade,
                    key_id, sealed
             FROM incident WHERE " + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await?
        .into_iter()
        .map(|row| row.open($keys))
        .collect::<Result<Vec<Incident>, Fault>>()
    };
}

/// An incident, locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock(
    connection: &mut PgConnection,
    keys: &Keyring,
    id: Uuid,
) -> Result<Option<Incident>, Fault> {
    Ok(incidents!(connection, keys, "id = $1 FOR NO KEY UPDATE", id)?.pop())
}

/// A page of the incidents of units, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    keys: &Keyring,
    (units, unreported): (&[Uuid], bool),
    after: Uuid,
    limit: i64,
) -> Result<Vec<Incident>, Fault> {
    incidents!(
        connection,
        keys,
        "unit_id = ANY($1) AND (reported_at IS NULL OR NOT $2) AND id > $3 ORDER BY id LIMIT $4",
        units,
        unreported,
        after,
        limit
    )
}

/// Waits until nobody else looks for incidents at a place: a unit, or what has a name.
///
/// # Errors
/// Where the database fails.
pub async fn lock_place(connection: &mut PgConnection, place: &str) -> Result<(), Fault> {
    sqlx::query!(
        r#"SELECT pg_advisory_xact_lock(hashtextextended('incident ' || $1, 0)) AS "locked!: ()""#,
        place,
    )
    .fetch_one(connection)
    .await?;
    Ok(())
}

/// Whether there is an incident of a kind in a unit that was found from an instant on: at a place that is found under some
/// hashes, or in the unit itself where there are none.
///
/// # Errors
/// Where the database fails.
pub async fn is_known(
    connection: &mut PgConnection,
    kind: super::Kind,
    (unit, place): (Uuid, &[Mark]),
    since: DateTime<Utc>,
) -> Result<bool, Fault> {
    let hashes: Vec<Vec<u8>> = place.iter().map(|mark| mark.hash.clone()).collect();
    let known = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM incident WHERE kind = $1 AND unit_id = $2 AND created_at >= $3
                            AND CASE WHEN cardinality($4::bytea[]) = 0 THEN place_hash IS NULL ELSE place_hash = ANY($4) END) AS "known!""#,
        kind as i16,
        unit,
        since,
        &hashes,
    );
    Ok(known.fetch_one(connection).await?)
}

/// Adds an incident, found again under the hash of a place that has a name, which is sealed.
///
/// # Errors
/// Where the database fails.
pub async fn insert(
    connection: &mut PgConnection,
    keys: &Keyring,
    incident: &Incident,
    place: Option<&Mark>,
) -> Result<(), Fault> {
    let (key_id, sealed) =
        seal(keys, incident.id, &incident.place)?.map(|sealed| (sealed.key, sealed.bytes)).unzip();
    sqlx::query!(
        "INSERT INTO incident (id, kind, unit_id, case_id, control_plan, created_at, deadline_at, key_id, sealed, place_hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        incident.id,
        incident.kind,
        incident.unit,
        incident.case,
        incident.control_plan,
        incident.created_at,
        incident.deadline_at,
        key_id,
        sealed,
        place.map(|mark| mark.hash.as_slice()),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes that an incident, which is locked, was reported.
///
/// # Errors
/// Where the database fails.
pub async fn report(connection: &mut PgConnection, incident: &Incident) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE incident SET reported_at = $2, reported_by = $3, grade = $4 WHERE id = $1",
        incident.id,
        incident.reported_at,
        incident.reported_by,
        incident.grade,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Seals some names of places anew that are sealed with a key that is not the first, or that an older program left open;
/// answers how many.
///
/// # Errors
/// Where the database fails.
pub async fn reseal(connection: &mut PgConnection, keys: &Keyring, limit: i64) -> Result<usize, Fault> {
    let open = incidents!(
        &mut *connection,
        keys,
        "place <> '' ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED",
        limit
    )?;
    let old = incidents!(
        &mut *connection,
        keys,
        "(key_id < $1 OR key_id > $1) ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED",
        keys.first(),
        limit
    )?;
    for incident in open.iter().chain(&old) {
        let Some(sealed) = seal(keys, incident.id, &incident.place)? else { continue };
        sqlx::query!(
            "UPDATE incident SET key_id = $2, sealed = $3, place = '' WHERE id = $1",
            incident.id,
            sealed.key,
            sealed.bytes,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(open.len() + old.len())
}
