//! What an import reads and writes beside what single changes do.

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Known;
use crate::units::{Level, store::insert_codes};

/// Units of a subtree that bear a code of a system on a date: by the vintage asked for and by the
/// latest other vintage.
///
/// # Errors
/// Where the database fails.
pub async fn known(
    connection: &mut PgConnection,
    below: &str,
    system: &str,
    vintage: &str,
    as_of: NaiveDate,
) -> Result<Vec<Known>, Fault> {
    let end = format!("{below}g");
    let rows = sqlx::query!(
        r#"SELECT DISTINCT ON (p.unit_id, c.vintage = $4) p.unit_id, u.level, n.display_name, p.parent_id,
                  c.code, c.vintage = $4 AS "of_vintage!"
           FROM unit_place p
           JOIN unit u ON u.id = p.unit_id
           JOIN unit_name n ON n.unit_id = p.unit_id AND n.valid @> $5::date
           JOIN unit_status s ON s.unit_id = p.unit_id AND s.valid @> $5::date AND s.status = 1
           JOIN unit_code c ON c.unit_id = p.unit_id AND c.system = $3 AND c.valid @> $5::date
           WHERE p.path > $1 AND p.path < $2 AND p.valid @> $5::date
           ORDER BY p.unit_id, c.vintage = $4, c.vintage DESC"#,
        below,
        end,
        system,
        vintage,
        as_of,
    )
    .fetch_all(connection)
    .await?;
    let mut known: Vec<Known> = Vec::with_capacity(rows.len());
    for row in rows {
        let level = Level::of(row.level).ok_or_else(|| Fault::internal("level in the table"))?;
        // A unit that bears a code of this vintage is known by that one only.
        if row.of_vintage && known.last().is_some_and(|before| before.id == row.unit_id) {
            known.pop();
        }
        known.push(Known {
            id: row.unit_id,
            level,
            display_name: row.display_name,
            parent: row.parent_id,
            code: row.code,
            of_vintage: row.of_vintage,
        });
    }
    Ok(known)
}

/// Gives units their codes of a vintage and counts the change.
///
/// # Errors
/// A code that another unit bears.
pub async fn recode(
    connection: &mut PgConnection,
    codes: Vec<(Uuid, NaiveDate, crate::units::Code)>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let ids: Vec<Uuid> = codes.iter().map(|(unit, _, _)| *unit).collect();
    insert_codes(connection, codes).await?;
    sqlx::query!("UPDATE unit SET version = version + 1, updated_at = $2 WHERE id = ANY($1)", &ids, now,)
        .execute(connection)
        .await?;
    Ok(())
}
