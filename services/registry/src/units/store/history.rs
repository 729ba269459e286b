//! All dated facts of units, for the feed.

use chassis::Fault;
use chrono::NaiveDate;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::units::Code;

/// The units that ever stood at or below a path.
///
/// # Errors
/// Where the database fails.
pub async fn ever_within(connection: &mut PgConnection, path: &str) -> Result<Vec<Uuid>, Fault> {
    let end = format!("{path}g");
    let units = sqlx::query_scalar!(
        "SELECT DISTINCT unit_id FROM unit_place WHERE path >= $1 AND path < $2",
        path,
        end,
    );
    Ok(units.fetch_all(connection).await?)
}

/// A dated fact of a unit: the unit, its first date, the date on which it no longer holds, the fact.
pub type Dated<T> = (Uuid, NaiveDate, Option<NaiveDate>, T);

/// All dated facts of some units, each kind in the order of unit and date.
#[derive(Debug)]
pub struct Facts {
    /// Id, level, ordinal and version.
    pub units: Vec<(Uuid, i16, i64, i64)>,
    /// Names.
    pub names: Vec<Dated<String>>,
    /// Parents.
    pub places: Vec<Dated<Option<Uuid>>>,
    /// Statuses, by number.
    pub statuses: Vec<Dated<i16>>,
    /// Codes.
    pub codes: Vec<Dated<Code>>,
    /// Unit and successor.
    pub successors: Vec<(Uuid, Uuid)>,
}

/// All dated facts of some units.
///
/// # Errors
/// Where the database fails.
pub async fn facts(connection: &mut PgConnection, units: &[Uuid]) -> Result<Facts, Fault> {
    let rows = sqlx::query!("SELECT id, level, ordinal, version FROM unit WHERE id = ANY($1)", units);
    let rows = rows.fetch_all(&mut *connection).await?;
    let names = sqlx::query!(
        r#"SELECT unit_id, lower(valid) AS "start!", upper(valid) AS "end", display_name
           FROM unit_name WHERE unit_id = ANY($1) ORDER BY unit_id, valid"#,
        units,
    );
    let names = names.fetch_all(&mut *connection).await?;
    let places = sqlx::query!(
        r#"SELECT unit_id, lower(valid) AS "start!", upper(valid) AS "end", parent_id
           FROM unit_place WHERE unit_id = ANY($1) ORDER BY unit_id, valid"#,
        units,
    );
    let places = places.fetch_all(&mut *connection).await?;
    let statuses = sqlx::query!(
        r#"SELECT unit_id, lower(valid) AS "start!", upper(valid) AS "end", status
           FROM unit_status WHERE unit_id = ANY($1) ORDER BY unit_id, valid"#,
        units,
    );
    let statuses = statuses.fetch_all(&mut *connection).await?;
    let codes = sqlx::query!(
        r#"SELECT unit_id, lower(valid) AS "start!", upper(valid) AS "end", system, vintage, code
           FROM unit_code WHERE unit_id = ANY($1) ORDER BY unit_id, system, vintage, valid"#,
        units,
    );
    let codes = codes.fetch_all(&mut *connection).await?;
    let successors = sqlx::query!(
        "SELECT unit_id, successor_id FROM unit_successor WHERE unit_id = ANY($1) ORDER BY unit_id, successor_id",
        units,
    );
    let successors = successors.fetch_all(connection).await?;
    Ok(Facts {
        units: rows.into_iter().map(|row| (row.id, row.level, row.ordinal, row.version)).collect(),
        names: names.into_iter().map(|row| (row.unit_id, row.start, row.end, row.display_name)).collect(),
        places: places.into_iter().map(|row| (row.unit_id, row.start, row.end, row.parent_id)).collect(),
        statuses: statuses.into_iter().map(|row| (row.unit_id, row.start, row.end, row.status)).collect(),
        codes: codes
            .into_iter()
            .map(|row| {
                let code = Code { system: row.system, vintage: row.vintage, code: row.code };
                (row.unit_id, row.start, row.end, code)
            })
            .collect(),
        successors: successors.into_iter().map(|row| (row.unit_id, row.successor_id)).collect(),
    })
}
