//! Reading units as of dates.

use std::collections::HashMap;

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::units::{Code, ExternalId, Level, Status, Unit};

/// Keeps the tree still: shared by what adds leaves, exclusive for what moves or closes.
///
/// # Errors
/// Where the database fails.
pub async fn lock_tree(connection: &mut PgConnection, exclusive: bool) -> Result<(), Fault> {
    if exclusive {
        sqlx::query!("SELECT pg_advisory_xact_lock(hashtext('registry.tree'))").execute(connection).await?;
    } else {
        sqlx::query!("SELECT pg_advisory_xact_lock_shared(hashtext('registry.tree'))")
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// The paths on a date of some units; one that does not stand in the tree on it has none.
///
/// # Errors
/// Where the database fails.
pub async fn paths(
    connection: &mut PgConnection,
    units: &[Uuid],
    as_of: NaiveDate,
) -> Result<Vec<String>, Fault> {
    let paths = sqlx::query_scalar!(
        "SELECT path FROM unit_place WHERE unit_id = ANY($1) AND valid @> $2::date ORDER BY path",
        units,
        as_of,
    );
    Ok(paths.fetch_all(connection).await?)
}

/// The paths on a date of some units, by unit.
///
/// # Errors
/// Where the database fails.
pub async fn placed(
    connection: &mut PgConnection,
    units: &[Uuid],
    as_of: NaiveDate,
) -> Result<Vec<(Uuid, String)>, Fault> {
    let rows = sqlx::query!(
        "SELECT unit_id, path FROM unit_place WHERE unit_id = ANY($1) AND valid @> $2::date",
        units,
        as_of,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.unit_id, row.path)).collect())
}

struct Row {
    id: Uuid,
    display_name: String,
    level: i16,
    parent_id: Option<Uuid>,
    path: String,
    status: i16,
    start_date: Option<NaiveDate>,
    end_date: Option<NaiveDate>,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// Units, each as of its own date; absent are those that do not exist on it. In the order of the tree.
///
/// # Errors
/// Where the database fails.
pub async fn get(connection: &mut PgConnection, wanted: &[(Uuid, NaiveDate)]) -> Result<Vec<Unit>, Fault> {
    let (ids, dates): (Vec<Uuid>, Vec<NaiveDate>) = wanted.iter().copied().unzip();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT u.id, n.display_name, u.level, p.parent_id, p.path, s.status, u.version, u.created_at, u.updated_at,
                  (SELECT min(lower(e.valid)) FROM unit_status e WHERE e.unit_id = u.id) AS start_date,
                  CASE WHEN s.status = 2 THEN lower(s.valid) END AS end_date
           FROM unnest($1::uuid[], $2::date[]) AS wanted(id, day)
           JOIN unit u ON u.id = wanted.id
           JOIN unit_name n ON n.unit_id = u.id AND n.valid @> wanted.day
           JOIN unit_place p ON p.unit_id = u.id AND p.valid @> wanted.day
           JOIN unit_status s ON s.unit_id = u.id AND s.valid @> wanted.day
           ORDER BY p.path"#,
        &ids,
        &dates,
    )
    .fetch_all(&mut *connection)
    .await?;
    let days = wanted.iter().copied().collect();
    complete(connection, rows, &days).await
}

/// What a page of units is chosen by.
#[derive(Debug)]
pub struct Selection<'a> {
    /// At or below this path.
    pub within: &'a str,
    /// Only directly below this unit.
    pub parent: Option<Uuid>,
    /// Not this path itself.
    pub except: &'a str,
    /// Only at this level.
    pub level: Option<Level>,
    /// Also closed ones.
    pub show_closed: bool,
    /// The date.
    pub as_of: NaiveDate,
    /// After this path.
    pub after: &'a str,
    /// At most so many.
    pub limit: i64,
}

/// A page of one range of the tree, in its order.
///
/// # Errors
/// Where the database fails.
pub async fn list(connection: &mut PgConnection, selection: &Selection<'_>) -> Result<Vec<Unit>, Fault> {
    // 'g' follows every hexadecimal letter: the range is the subtree.
    let end = format!("{}g", selection.within);
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT u.id, n.display_name, u.level, p.parent_id, p.path, s.status, u.version, u.created_at, u.updated_at,
                  (SELECT min(lower(e.valid)) FROM unit_status e WHERE e.unit_id = u.id) AS start_date,
                  CASE WHEN s.status = 2 THEN lower(s.valid) END AS end_date
           FROM unit_place p
           JOIN unit u ON u.id = p.unit_id
           JOIN unit_name n ON n.unit_id = u.id AND n.valid @> $3::date
           JOIN unit_status s ON s.unit_id = u.id AND s.valid @> $3::date
           WHERE p.path >= $1 AND p.path < $2 AND p.path > $4 AND p.path <> $5 AND p.valid @> $3::date
             AND ($6::uuid IS NULL OR p.parent_id = $6)
             AND ($7::smallint IS NULL OR u.level = $7)
             AND ($8 OR s.status = 1)
           ORDER BY p.path LIMIT $9"#,
        selection.within,
        end,
        selection.as_of,
        selection.after,
        selection.except,
        selection.parent,
        selection.level.map(|level| level as i16),
        selection.show_closed,
        selection.limit,
    )
    .fetch_all(&mut *connection)
    .await?;
    let days = rows.iter().map(|row| (row.id, selection.as_of)).collect();
    complete(connection, rows, &days).await
}

async fn complete(
    connection: &mut PgConnection,
    rows: Vec<Row>,
    days: &HashMap<Uuid, NaiveDate>,
) -> Result<Vec<Unit>, Fault> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let dates: Vec<NaiveDate> = ids.iter().map(|id| days.get(id).copied().unwrap_or_default()).collect();
    let mut units: Vec<Unit> = rows.into_iter().map(bare).collect::<Result<_, _>>()?;
    let places: HashMap<Uuid, usize> = ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();

    let codes = sqlx::query!(
        r#"SELECT c.unit_id, c.system, c.vintage, c.code
           FROM unnest($1::uuid[], $2::date[]) AS wanted(id, day)
           JOIN unit_code c ON c.unit_id = wanted.id AND c.valid @> wanted.day
           ORDER BY c.system, c.vintage"#,
        &ids,
        &dates,
    );
    for row in codes.fetch_all(&mut *connection).await? {
        if let Some(place) = places.get(&row.unit_id) {
            units[*place].codes.push(Code { system: row.system, vintage: row.vintage, code: row.code });
        }
    }
    let numbers = sqlx::query!(
        "SELECT unit_id, system, value FROM unit_external_id WHERE unit_id = ANY($1) ORDER BY system, value",
        &ids,
    );
    for row in numbers.fetch_all(&mut *connection).await? {
        if let Some(place) = places.get(&row.unit_id) {
            units[*place].external_ids.push(ExternalId { system: row.system, value: row.value });
        }
    }
    let successors = sqlx::query!(
        "SELECT unit_id, successor_id FROM unit_successor WHERE unit_id = ANY($1) ORDER BY successor_id",
        &ids,
    );
    for row in successors.fetch_all(&mut *connection).await? {
        if let Some(place) = places.get(&row.unit_id) {
            units[*place].successors.push(row.successor_id);
        }
    }
    Ok(units)
}

fn bare(row: Row) -> Result<Unit, Fault> {
    let level = Level::of(row.level);
    let level = level.ok_or_else(|| Fault::internal(format!("level {} in the table", row.level)))?;
    Ok(Unit {
        id: row.id,
        display_name: row.display_name,
        level,
        parent: row.parent_id,
        path: row.path,
        status: if row.status == Status::Closed as i16 { Status::Closed } else { Status::Active },
        start_date: row.start_date.unwrap_or_default(),
        end_date: row.end_date,
        codes: Vec::new(),
        external_ids: Vec::new(),
        successors: Vec::new(),
        created_at: row.created_at,
        updated_at: row.updated_at,
        version: row.version,
    })
}

/// The unit that bears a code on a date.
///
/// # Errors
/// Where the database fails.
pub async fn lookup(
    connection: &mut PgConnection,
    code: &Code,
    as_of: NaiveDate,
) -> Result<Option<Uuid>, Fault> {
    let unit = sqlx::query_scalar!(
        "SELECT unit_id FROM unit_code
         WHERE system = $1 AND vintage = $2 AND code = $3 AND valid @> $4::date",
        code.system,
        code.vintage,
        code.code,
        as_of,
    );
    Ok(unit.fetch_optional(connection).await?)
}

/// Where a unit stands from a date on, for as long as it stands there.
#[derive(Clone, Debug)]
pub struct Place {
    /// The unit.
    pub unit: Uuid,
    /// Its level.
    pub level: Level,
    /// The unit above.
    pub parent: Option<Uuid>,
    /// Its path.
    pub path: String,
    /// The first date.
    pub from: NaiveDate,
    /// The first date on which it stands elsewhere.
    pub until: Option<NaiveDate>,
    /// The first date from `from` on on which it is closed.
    pub closed: Option<NaiveDate>,
}

/// The places of units from a date on.
///
/// # Errors
/// Where the database fails.
pub async fn places_from(
    connection: &mut PgConnection,
    units: &[Uuid],
    from: NaiveDate,
) -> Result<Vec<Place>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT p.unit_id, u.level, p.parent_id, p.path,
                  lower(p.valid) AS "from!", upper(p.valid) AS until,
                  (SELECT min(greatest(lower(s.valid), $2)) FROM unit_status s
                   WHERE s.unit_id = u.id AND s.status = 2 AND s.valid && daterange($2, NULL)) AS closed
           FROM unit_place p JOIN unit u ON u.id = p.unit_id
           WHERE p.unit_id = ANY($1) AND p.valid && daterange($2, NULL)
           ORDER BY p.unit_id, p.valid"#,
        units,
        from,
    );
    let rows = rows.fetch_all(connection).await?;
    let places = rows.into_iter().map(|row| {
        let level = Level::of(row.level).ok_or_else(|| Fault::internal("level in the table"))?;
        Ok(Place {
            unit: row.unit_id,
            level,
            parent: row.parent_id,
            path: row.path,
            from: row.from,
            until: row.until,
            closed: row.closed,
        })
    });
    places.collect()
}

/// The paths, on an earlier or later date, of units that stand within some ranges today.
///
/// # Errors
/// Where the database fails.
pub async fn moved_in(
    connection: &mut PgConnection,
    within: &[String],
    today: NaiveDate,
    as_of: NaiveDate,
) -> Result<Vec<String>, Fault> {
    let paths = sqlx::query_scalar!(
        "SELECT was.path FROM unnest($1::text[]) AS range(path)
         JOIN unit_place is_now ON is_now.path >= range.path AND is_now.path < range.path || 'g'
              AND is_now.valid @> $2::date
         JOIN unit_place was ON was.unit_id = is_now.unit_id AND was.valid @> $3::date
         WHERE was.path <> is_now.path",
        within,
        today,
        as_of,
    );
    Ok(paths.fetch_all(connection).await?)
}
