//! Alarms are read here: a view says what is not as it must be.

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Alarm, Kind};

/// A place in a digest: how dangerous, since when, about what.
pub type Place = (i16, DateTime<Utc>, Uuid);

/// A page of what is put before a unit, the most dangerous and then the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    holder: Uuid,
    (today, now): (NaiveDate, DateTime<Utc>),
    after: Place,
    limit: i64,
) -> Result<Vec<Alarm>, Fault> {
    let rows = sqlx::query_as!(
        Alarm,
        r#"SELECT a.subject_id AS "subject!", a.kind AS "kind!", a.rank AS "rank!", a.facility_id AS "facility!",
                  a.facility_display_name AS "facility_display_name!", a.display_name AS "subject_display_name!",
                  a.unit_id AS "unit!", a.since AS "since!"
           FROM (SELECT a.*, ($4::smallint[])[a.kind] AS rank, f.unit_id, f.display_name AS facility_display_name
                 FROM unit_sight u
                 CROSS JOIN LATERAL (SELECT * FROM facility WHERE unit_id = u.unit_id OFFSET 0) f
                 CROSS JOIN LATERAL (SELECT * FROM alarming WHERE facility_id = f.id OFFSET 0) a
                 WHERE (f.ends_on IS NULL OR f.ends_on >= $2) AND u.holders @> ARRAY[$1::uuid] AND a.since <= $3 AND (a.until IS NULL OR a.until > $3)
                   AND a.starts_on <= $2 AND (a.ends_on IS NULL OR a.ends_on >= $2)
                   AND (a.below_grade IS NULL OR f.grade < a.below_grade)
                   -- The county at once, the one above it a day later, and so on.
                   AND array_position(u.holders, $1)
                       <= 1 + CASE WHEN a.rises THEN floor(extract(epoch FROM $3 - a.since) / 86400) ELSE 0 END) a
           WHERE (a.rank, a.since, a.subject_id) > ($5, $6, $7)
           ORDER BY a.rank, a.since, a.subject_id LIMIT $8"#,
        holder,
        today,
        now,
        &Kind::ALL.map(Kind::rank),
        after.0,
        after.1,
        after.2,
        limit,
    );
    Ok(rows.fetch_all(connection).await?)
}
