//! Capacity remembers here.

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{ClassBeds, Count};
use crate::wards::Figure;

/// Makes the partition of a day, where it is missing, and drops those before the oldest day.
///
/// # Errors
/// Where the database fails.
pub async fn make_partition(pool: &PgPool, oldest: NaiveDate, day: NaiveDate) -> Result<(), Fault> {
    sqlx::query_scalar!("SELECT keep_day_partitions('capacity', $1, $2, $2)", oldest, day)
        .fetch_one(pool)
        .await?;
    Ok(())
}

/// A ward as counts meet it.
#[derive(Clone, Copy, Debug)]
pub struct Met {
    /// The ward.
    pub id: Uuid,
    /// Where its facility lies.
    pub unit: Uuid,
    /// The class of its beds, by number.
    pub bed_class: i16,
    /// When the count was made that counts so far, or its beds became those of the class.
    pub as_of: Option<DateTime<Utc>>,
    /// Its last day, or its facility's, whichever comes first.
    pub ends_on: Option<NaiveDate>,
}

/// Some wards, locked, in the order of their ids.
///
/// # Errors
/// Where the database fails.
pub async fn meet(connection: &mut PgConnection, wards: &[Uuid]) -> Result<Vec<Met>, Fault> {
    let rows = sqlx::query_as!(
        Met,
        "SELECT w.id, f.unit_id AS unit, w.bed_class, GREATEST(w.as_of, w.class_since) AS as_of, LEAST(w.ends_on, f.ends_on) AS ends_on
         FROM ward w JOIN facility f ON f.id = w.facility_id
         WHERE w.id = ANY($1) ORDER BY w.id FOR NO KEY UPDATE OF w",
        wards,
    );
    Ok(rows.fetch_all(connection).await?)
}

/// The counts that a sender has sent by some events before.
///
/// # Errors
/// Where the database fails.
pub async fn known(
    connection: &mut PgConnection,
    sent_by: &str,
    events: &[Uuid],
    days: &[NaiveDate],
) -> Result<Vec<Count>, Fault> {
    let rows = sqlx::query_as!(
        Count,
        "SELECT event_id AS event, ward_id AS ward, as_of, physical, staffed, occupied FROM capacity
         WHERE event_id = ANY($1) AND sent_by = $2 AND counted_on = ANY($3)",
        events,
        sent_by,
        days,
    );
    Ok(rows.fetch_all(connection).await?)
}

/// A count that is to be kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The count.
    pub count: Count,
    /// The day on which it was made.
    pub day: NaiveDate,
    /// What is irregular about it, by number.
    pub marks: Vec<i16>,
}

/// Keeps counts; answers how many.
///
/// # Errors
/// Where the database fails.
pub async fn insert(
    connection: &mut PgConnection,
    kept: &[Kept],
    (by, now): (&str, DateTime<Utc>),
) -> Result<u64, Fault> {
    let days: Vec<NaiveDate> = kept.iter().map(|kept| kept.day).collect();
    let events: Vec<Uuid> = kept.iter().map(|kept| kept.count.event).collect();
    let wards: Vec<Uuid> = kept.iter().map(|kept| kept.count.ward).collect();
    let instants: Vec<DateTime<Utc>> = kept.iter().map(|kept| kept.count.as_of).collect();
    let physical: Vec<i32> = kept.iter().map(|kept| kept.count.physical).collect();
    let staffed: Vec<i32> = kept.iter().map(|kept| kept.count.staffed).collect();
    let occupied: Vec<i32> = kept.iter().map(|kept| kept.count.occupied).collect();
    let marks: Vec<String> = kept.iter().map(|kept| array(&kept.marks)).collect();
    let inserted = sqlx::query!(
        "INSERT INTO capacity (counted_on, event_id, sent_by, ward_id, as_of, received_at, physical, staffed, occupied, marks)
         SELECT counted_on, event_id, $9, ward_id, as_of, $10, physical, staffed, occupied, marks::smallint[]
         FROM unnest($1::date[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::integer[], $6::integer[], $7::integer[], $8::text[])
              AS c (counted_on, event_id, ward_id, as_of, physical, staffed, occupied, marks)
         ON CONFLICT ON CONSTRAINT capacity_pkey DO NOTHING",
        &days,
        &events,
        &wards,
        &instants,
        &physical,
        &staffed,
        &occupied,
        &marks,
        by,
        now,
    );
    Ok(inserted.execute(connection).await?.rows_affected())
}

/// An array as Postgres writes it: unnest takes no array of arrays.
fn array(numbers: &[i16]) -> String {
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}

/// Has wards, which are locked, show the counts that count from now on, each fresh until an instant.
///
/// # Errors
/// Where the database fails.
pub async fn show(
    connection: &mut PgConnection,
    kept: &[(&Kept, DateTime<Utc>)],
    (by, now): (&str, DateTime<Utc>),
) -> Result<(), Fault> {
    let wards: Vec<Uuid> = kept.iter().map(|(kept, _)| kept.count.ward).collect();
    let instants: Vec<DateTime<Utc>> = kept.iter().map(|(kept, _)| kept.count.as_of).collect();
    let physical: Vec<i32> = kept.iter().map(|(kept, _)| kept.count.physical).collect();
    let staffed: Vec<i32> = kept.iter().map(|(kept, _)| kept.count.staffed).collect();
    let occupied: Vec<i32> = kept.iter().map(|(kept, _)| kept.count.occupied).collect();
    let marks: Vec<String> = kept.iter().map(|(kept, _)| array(&kept.marks)).collect();
    let stale: Vec<DateTime<Utc>> = kept.iter().map(|(_, stale)| *stale).collect();
    sqlx::query!(
        "UPDATE ward w SET as_of = c.as_of, physical = c.physical, staffed = c.staffed, occupied = c.occupied,
                marks = c.marks::smallint[], stale_at = c.stale_at, sent_by = $8, received_at = $9
         FROM unnest($1::uuid[], $2::timestamptz[], $3::integer[], $4::integer[], $5::integer[], $6::text[], $7::timestamptz[])
              AS c (id, as_of, physical, staffed, occupied, marks, stale_at)
         WHERE w.id = c.id",
        &wards,
        &instants,
        &physical,
        &staffed,
        &occupied,
        &marks,
        &stale,
        by,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A place in the list of a ward's counts.
pub type Place = (DateTime<Utc>, Uuid);

/// A page of the counts of a ward, the last made first, each with its event.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    ward: Uuid,
    before: Option<Place>,
    limit: i64,
) -> Result<Vec<(Uuid, Figure)>, Fault> {
    let (at, event) = before.unzip();
    let rows = sqlx::query!(
        "SELECT event_id, as_of, physical, staffed, occupied, marks, sent_by, received_at FROM capacity
         WHERE ward_id = $1 AND (as_of, event_id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
         ORDER BY as_of DESC, event_id DESC LIMIT $4",
        ward,
        at,
        event,
        limit,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| {
            let figure = Figure {
                as_of: row.as_of,
                physical: row.physical,
                staffed: row.staffed,
                occupied: row.occupied,
                marks: row.marks,
                sent_by: row.sent_by,
                received_at: row.received_at,
            };
            (row.event_id, figure)
        })
        .collect())
}

/// Sums of the beds of the open wards of what units see, or of one facility, by class.
///
/// # Errors
/// Where the database fails.
pub async fn beds(
    connection: &mut PgConnection,
    (areas, facility): (&[Uuid], Option<Uuid>),
    (today, now): (NaiveDate, DateTime<Utc>),
) -> Result<Vec<ClassBeds>, Fault> {
    let rows = sqlx::query_as!(
        ClassBeds,
        r#"SELECT w.bed_class, (count(*) FILTER (WHERE w.fresh))::integer AS "wards!",
                  coalesce(sum(w.physical) FILTER (WHERE w.fresh), 0) AS "physical!",
                  coalesce(sum(w.staffed) FILTER (WHERE w.fresh), 0) AS "staffed!",
                  coalesce(sum(w.occupied) FILTER (WHERE w.fresh), 0) AS "occupied!",
                  coalesce(sum(w.free) FILTER (WHERE w.fresh), 0) AS "free!",
                  (count(*) FILTER (WHERE w.fresh AND w.occupied > LEAST(w.physical, w.staffed)))::integer AS "over_staffed!",
                  min(w.as_of) FILTER (WHERE w.fresh) AS oldest,
                  (count(*) FILTER (WHERE NOT w.fresh))::integer AS "unknown_wards!",
                  coalesce(sum(w.physical) FILTER (WHERE NOT w.fresh), 0) AS "unknown_physical!"
           FROM (SELECT w.*, w.as_of IS NOT NULL AND w.stale_at > $4 AS fresh
                 FROM unit_sight u
                 CROSS JOIN LATERAL (SELECT id, ends_on FROM facility WHERE unit_id = u.unit_id OFFSET 0) f
                 CROSS JOIN LATERAL (SELECT * FROM ward WHERE facility_id = f.id OFFSET 0) w
                 WHERE u.ancestors && $1
                   AND ($2::uuid IS NULL OR f.id = $2)
                   AND (w.ends_on IS NULL OR w.ends_on >= $3) AND (f.ends_on IS NULL OR f.ends_on >= $3)) w
           GROUP BY w.bed_class ORDER BY w.bed_class"#,
        areas,
        facility,
        today,
        now,
    );
    Ok(rows.fetch_all(connection).await?)
}
