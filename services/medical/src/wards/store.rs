//! Wards remember here.

use chassis::{Fault, fault::on_constraint};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Figure, Ward};

struct Row {
    id: Uuid,
    facility_id: Uuid,
    unit_id: Uuid,
    display_name: String,
    bed_class: i16,
    ends_on: Option<NaiveDate>,
    facility_ends_on: Option<NaiveDate>,
    as_of: Option<DateTime<Utc>>,
    physical: Option<i32>,
    staffed: Option<i32>,
    occupied: Option<i32>,
    marks: Vec<i16>,
    sent_by: String,
    received_at: Option<DateTime<Utc>>,
    stale_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    version: i64,
}

impl From<Row> for Ward {
    fn from(row: Row) -> Self {
        let counted = (row.as_of, row.physical, row.staffed, row.occupied, row.received_at);
        let figure = match counted {
            (Some(as_of), Some(physical), Some(staffed), Some(occupied), Some(received_at)) => {
                let (marks, sent_by) = (row.marks, row.sent_by);
                Some(Figure { as_of, physical, staffed, occupied, marks, sent_by, received_at })
            }
            _ => None,
        };
        Self {
            id: row.id,
            facility: row.facility_id,
            unit: row.unit_id,
            display_name: row.display_name,
            bed_class: row.bed_class,
            ends_on: row.ends_on,
            facility_ends_on: row.facility_ends_on,
            figure,
            stale_at: row.stale_at,
            created_at: row.created_at,
            version: row.version,
        }
    }
}

/// Wards from a ward and its facility, by a condition.
macro_rules! wards {
    ($connection:expr, $from:literal, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Row,
            "SELECT w.id, w.facility_id, f.unit_id, w.display_name, w.bed_class, w.ends_on, f.ends_on AS facility_ends_on, w.as_of, w.physical, w.staffed,
                    w.occupied, w.marks, w.sent_by, w.received_at, w.stale_at, w.created_at, w.version
             FROM " + $from + " WHERE " + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await
        .map(|rows| rows.into_iter().map(Ward::from).collect::<Vec<_>>())
    };
}

/// A ward.
///
/// # Errors
/// Where the database fails.
pub async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<Ward>, Fault> {
    Ok(wards!(connection, "ward w JOIN facility f ON f.id = w.facility_id", "w.id = $1", id)?.pop())
}

/// A ward, locked: not for who only refers to it.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<Ward>, Fault> {
    Ok(wards!(
        connection,
        "ward w JOIN facility f ON f.id = w.facility_id",
        "w.id = $1 FOR NO KEY UPDATE OF w",
        id
    )?
    .pop())
}

/// What a list is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// By which units they are seen.
    pub areas: &'a [Uuid],
    /// Only of this facility.
    pub facility: Option<Uuid>,
    /// Only of this class, by number.
    pub bed_class: Option<i16>,
    /// Also those that have closed.
    pub closed: bool,
    /// Today.
    pub today: NaiveDate,
}

/// A page of wards, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    wanted: Wanted<'_>,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Ward>, Fault> {
    Ok(wards!(
        connection,
        "unit_sight u
         CROSS JOIN LATERAL (SELECT id, unit_id, ends_on FROM facility WHERE unit_id = u.unit_id OFFSET 0) f
         CROSS JOIN LATERAL (SELECT * FROM ward WHERE facility_id = f.id OFFSET 0) w",
        "u.ancestors && $1
         AND ($2::uuid IS NULL OR w.facility_id = $2)
         AND ($3::smallint IS NULL OR w.bed_class = $3)
         AND ($4 OR (w.ends_on IS NULL OR w.ends_on >= $5) AND (f.ends_on IS NULL OR f.ends_on >= $5))
         AND w.id > $6 ORDER BY w.id LIMIT $7",
        wanted.areas,
        wanted.facility,
        wanted.bed_class,
        wanted.closed,
        wanted.today,
        after,
        limit
    )?)
}

/// Adds a ward.
///
/// # Errors
/// [`Fault::Exists`] for the name of another open one of the facility; where the database fails.
pub async fn insert(connection: &mut PgConnection, ward: &Ward, by: &str) -> Result<(), Fault> {
    let insert = sqlx::query!(
        "INSERT INTO ward (id, facility_id, display_name, bed_class, stale_at, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        ward.id,
        ward.facility,
        ward.display_name,
        ward.bed_class,
        ward.stale_at,
        ward.created_at,
        by,
    );
    insert.execute(connection).await.map_err(|error| named_alike(error, ward))?;
    Ok(())
}

/// Writes the name, class and last day of a ward, which is locked, as its next version.
///
/// # Errors
/// As [`insert`].
pub async fn update(connection: &mut PgConnection, ward: &Ward) -> Result<(), Fault> {
    let update = sqlx::query!(
        "UPDATE ward SET display_name = $2, bed_class = $3, ends_on = $4, version = version + 1 WHERE id = $1",
        ward.id,
        ward.display_name,
        ward.bed_class,
        ward.ends_on,
    );
    update.execute(connection).await.map_err(|error| named_alike(error, ward))?;
    Ok(())
}

/// Forgets what was counted in a ward, which is locked: its beds are others from an instant on, and unknown from another.
///
/// # Errors
/// Where the database fails.
pub async fn forget(
    connection: &mut PgConnection,
    ward: Uuid,
    (since, stale_at): (DateTime<Utc>, DateTime<Utc>),
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ward SET as_of = NULL, physical = NULL, staffed = NULL, occupied = NULL, received_at = NULL, marks = '{}',
                sent_by = '', class_since = $2, stale_at = $3
         WHERE id = $1",
        ward,
        since,
        stale_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn named_alike(error: sqlx::Error, ward: &Ward) -> Fault {
    on_constraint(error, |constraint| {
        (constraint == "ward_name_key").then(|| Fault::Exists {
            reason: "WARD_EXISTS",
            message: format!("an open ward of the facility has the name {}", ward.display_name),
            metadata: vec![("display_name", ward.display_name.clone())],
        })
    })
}

/// A ward with since when its beds are to be counted anew.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// The ward.
    pub id: Uuid,
    /// Where its facility lies.
    pub unit: Uuid,
    /// The class of its beds, by number.
    pub bed_class: i16,
    /// When they were counted last, became those of the class, or it was set up.
    pub since: DateTime<Utc>,
    /// From when on they are unknown.
    pub stale_at: DateTime<Utc>,
}

/// Locks the wards of the facilities that an area sees, in the order in which counts lock them.
///
/// # Errors
/// Where the database fails.
pub async fn lock_below(connection: &mut PgConnection, area: Uuid) -> Result<(), Fault> {
    sqlx::query!(
        "SELECT w.id FROM ward w JOIN facility f ON f.id = w.facility_id JOIN unit_sight u ON u.unit_id = f.unit_id
         WHERE u.ancestors @> ARRAY[$1::uuid] ORDER BY w.id FOR NO KEY UPDATE OF w",
        area,
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

/// The wards of the facilities that an area sees, or of all.
///
/// # Errors
/// Where the database fails.
pub async fn counted(connection: &mut PgConnection, area: Option<Uuid>) -> Result<Vec<Counted>, Fault> {
    let rows = sqlx::query_as!(
        Counted,
        r#"SELECT w.id, f.unit_id AS unit, w.bed_class, coalesce(w.as_of, w.class_since, w.created_at) AS "since!", w.stale_at
           FROM ward w JOIN facility f ON f.id = w.facility_id JOIN unit_sight u ON u.unit_id = f.unit_id
           WHERE $1::uuid IS NULL OR u.ancestors @> ARRAY[$1::uuid]"#,
        area,
    );
    Ok(rows.fetch_all(connection).await?)
}

/// Writes until when the counts of wards are fresh; not of one that was counted anew since that was worked out.
///
/// # Errors
/// Where the database fails.
pub async fn refresh(connection: &mut PgConnection, changed: &[Counted]) -> Result<(), Fault> {
    let wards: Vec<Uuid> = changed.iter().map(|ward| ward.id).collect();
    let since: Vec<DateTime<Utc>> = changed.iter().map(|ward| ward.since).collect();
    let stale: Vec<DateTime<Utc>> = changed.iter().map(|ward| ward.stale_at).collect();
    sqlx::query!("SELECT id FROM ward WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", &wards)
        .fetch_all(&mut *connection)
        .await?;
    sqlx::query!(
        "UPDATE ward w SET stale_at = c.stale_at
         FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS c (id, since, stale_at)
         WHERE w.id = c.id AND coalesce(w.as_of, w.class_since, w.created_at) = c.since",
        &wards,
        &since,
        &stale,
    )
    .execute(connection)
    .await?;
    Ok(())
}
