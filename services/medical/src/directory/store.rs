//! The directory remembers here.

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Found, Wanted};

/// A part of the tree: what a unit sees, but for what another one below it sees.
#[derive(Clone, Copy, Debug)]
pub struct Ring {
    /// The unit.
    pub area: Uuid,
    /// The one below it that was looked in before.
    pub but: Option<Uuid>,
    /// How many levels above the asking unit it stands.
    pub levels_up: i32,
}

/// Facilities of a ring with the role today: those with beds enough by fresh figures, the most first; or, where `known` is
/// false, those of which nobody knows, since some ward's figure is too old. Where no class of beds is wanted, all of them
/// are known.
///
/// # Errors
/// Where the database fails.
pub async fn find(
    connection: &mut PgConnection,
    ring: Ring,
    (wanted, known): (&Wanted, bool),
    (today, now): (NaiveDate, DateTime<Utc>),
    limit: i64,
) -> Result<Vec<Found>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT f.id, b.free AS "free!", b.as_of
           FROM unit_sight u
           CROSS JOIN LATERAL (SELECT id, ends_on FROM facility WHERE unit_id = u.unit_id OFFSET 0) f
           JOIN facility_role r ON r.facility_id = f.id AND r.role = $3 AND r.starts_on <= $6 AND (r.ends_on IS NULL OR r.ends_on >= $6)
           CROSS JOIN LATERAL (
               SELECT coalesce(sum(w.free) FILTER (WHERE w.as_of IS NOT NULL AND w.stale_at > $7), 0) AS free,
                      min(w.as_of) FILTER (WHERE w.stale_at > $7) AS as_of,
                      coalesce(bool_or(w.as_of IS NULL OR w.stale_at <= $7), false) AS some_unknown
               FROM ward w WHERE w.facility_id = f.id AND w.bed_class = $4 AND (w.ends_on IS NULL OR w.ends_on >= $6)
           ) b
           WHERE u.ancestors @> ARRAY[$1::uuid] AND ($2::uuid IS NULL OR NOT u.ancestors @> ARRAY[$2::uuid])
             AND (f.ends_on IS NULL OR f.ends_on >= $6)
             AND CASE WHEN $4::smallint IS NULL THEN $8 WHEN $8 THEN b.free >= $5 ELSE b.free < $5 AND b.some_unknown END
           ORDER BY b.free DESC, f.id LIMIT $9"#,
        ring.area,
        ring.but,
        wanted.role,
        wanted.bed_class,
        i64::from(wanted.beds),
        today,
        now,
        known,
        limit,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    let found = |facility, free, as_of| Found { facility, levels_up: ring.levels_up, free, as_of };
    Ok(rows.map(|row| found(row.id, row.free, row.as_of)).collect())
}

/// Facilities after an id, open or not, in order: their ids.
///
/// # Errors
/// Where the database fails.
pub async fn open_after(
    connection: &mut PgConnection,
    after: Uuid,
    today: NaiveDate,
    limit: i64,
) -> Result<Vec<Uuid>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM facility WHERE id > $1 AND (ends_on IS NULL OR ends_on >= $2) ORDER BY id LIMIT $3",
        after,
        today,
        limit,
    );
    Ok(ids.fetch_all(connection).await?)
}

/// The day up to which it was noted what begins and ends by the calendar, locked; that is today where it is asked for the
/// first time.
///
/// # Errors
/// Where the database fails.
pub async fn noted_on(connection: &mut PgConnection, today: NaiveDate) -> Result<NaiveDate, Fault> {
    sqlx::query!(
        "INSERT INTO directory_day (noted_on) VALUES ($1) ON CONFLICT ON CONSTRAINT directory_day_pkey DO NOTHING",
        today,
    )
    .execute(&mut *connection)
    .await?;
    let day = sqlx::query_scalar!("SELECT noted_on FROM directory_day FOR UPDATE");
    Ok(day.fetch_one(connection).await?)
}

/// Notes a day as the one up to which it was noted; answers the facilities whose entry another day changes: a role begins on
/// it or has ended before it, or they have closed.
///
/// # Errors
/// Where the database fails.
pub async fn turn(
    connection: &mut PgConnection,
    noted: NaiveDate,
    today: NaiveDate,
) -> Result<Vec<Uuid>, Fault> {
    let changed = sqlx::query_scalar!(
        r#"SELECT facility_id AS "id!" FROM facility_role WHERE starts_on > $1 AND starts_on <= $2
           UNION SELECT facility_id FROM facility_role WHERE ends_on >= $1 AND ends_on < $2
           UNION SELECT id FROM facility WHERE ends_on >= $1 AND ends_on < $2 ORDER BY 1"#,
        noted,
        today,
    );
    let changed = changed.fetch_all(&mut *connection).await?;
    sqlx::query!("UPDATE directory_day SET noted_on = $1", today).execute(connection).await?;
    Ok(changed)
}
