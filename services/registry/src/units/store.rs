//! Units remember here. Dates are always given, never asked of the database.

use std::collections::HashMap;

use chassis::{Fault, fault::on_constraint};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Code, ExternalId, Level, Status, Unit};

/// Keeps the tree still: shared by what adds leaves, exclusive for what moves or closes.
///
/// # Errors
/// Where the database fails.
pub async fn lock_tree(connection: &mut PgConnection, exclusive: bool) -> Result<(), Fault> {
    if exclusive {
        sqlx::query!("SELECT pg_advisory_xact_lock(hashtext('registry.tree'))")
            .execute(connection)
            .await?;
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
pub async fn get(
    connection: &mut PgConnection,
    wanted: &[(Uuid, NaiveDate)],
) -> Result<Vec<Unit>, Fault> {
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
pub async fn list(
    connection: &mut PgConnection,
    selection: &Selection<'_>,
) -> Result<Vec<Unit>, Fault> {
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
    let dates: Vec<NaiveDate> = ids
        .iter()
        .map(|id| days.get(id).copied().unwrap_or_default())
        .collect();
    let mut units: Vec<Unit> = rows.into_iter().map(bare).collect::<Result<_, _>>()?;
    let places: HashMap<Uuid, usize> = ids
        .iter()
        .enumerate()
        .map(|(place, id)| (*id, place))
        .collect();

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
            units[*place].codes.push(Code {
                system: row.system,
                vintage: row.vintage,
                code: row.code,
            });
        }
    }
    let numbers = sqlx::query!(
        "SELECT unit_id, system, value FROM unit_external_id WHERE unit_id = ANY($1) ORDER BY system, value",
        &ids,
    );
    for row in numbers.fetch_all(&mut *connection).await? {
        if let Some(place) = places.get(&row.unit_id) {
            units[*place].external_ids.push(ExternalId {
                system: row.system,
                value: row.value,
            });
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
    let level =
        level.ok_or_else(|| Fault::internal(format!("level {} in the table", row.level)))?;
    Ok(Unit {
        id: row.id,
        display_name: row.display_name,
        level,
        parent: row.parent_id,
        path: row.path,
        status: if row.status == Status::Closed as i16 {
            Status::Closed
        } else {
            Status::Active
        },
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

/// The next ordinals, in one round trip.
///
/// # Errors
/// Where the database fails.
pub async fn ordinals(connection: &mut PgConnection, count: usize) -> Result<Vec<i64>, Fault> {
    let count = i32::try_from(count).map_err(Fault::internal)?;
    let numbers = sqlx::query_scalar!(
        r#"SELECT nextval('unit_ordinal_seq') AS "ordinal!" FROM generate_series(1, $1)"#,
        count,
    );
    Ok(numbers.fetch_all(connection).await?)
}

/// Columns of the units to insert; one entry a unit, and in `places` one entry a place.
#[derive(Debug, Default)]
pub struct Insert {
    /// Ids.
    pub ids: Vec<Uuid>,
    /// Ordinals.
    pub ordinals: Vec<i64>,
    /// Levels.
    pub levels: Vec<i16>,
    /// Names.
    pub names: Vec<String>,
    /// First dates.
    pub starts: Vec<NaiveDate>,
    /// Places.
    pub places: Vec<Place>,
    /// Codes: unit, its first date, the code.
    pub codes: Vec<(Uuid, NaiveDate, Code)>,
    /// Numbers elsewhere.
    pub external_ids: Vec<(Uuid, ExternalId)>,
}

/// Inserts units with all that is said of them.
///
/// # Errors
/// A code or number that is taken.
pub async fn insert(
    connection: &mut PgConnection,
    units: Insert,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO unit (id, ordinal, level, created_at, updated_at)
         SELECT id, ordinal, level, $4, $4
         FROM unnest($1::uuid[], $2::bigint[], $3::smallint[]) AS t(id, ordinal, level)",
        &units.ids,
        &units.ordinals,
        &units.levels,
        now,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "WITH made AS (SELECT * FROM unnest($1::uuid[], $2::text[], $3::date[]) AS t(id, name, start)),
         named AS (INSERT INTO unit_name (unit_id, valid, display_name)
                   SELECT id, daterange(start, NULL), name FROM made)
         INSERT INTO unit_status (unit_id, valid, status) SELECT id, daterange(start, NULL), 1 FROM made",
        &units.ids,
        &units.names,
        &units.starts,
    )
    .execute(&mut *connection)
    .await?;
    let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for place in units.places {
        columns.0.push(place.unit);
        columns.1.push(place.parent);
        columns.2.push(place.path);
        columns.3.push(place.from);
        columns.4.push(place.until);
    }
    sqlx::query!(
        "INSERT INTO unit_place (unit_id, parent_id, path, valid)
         SELECT unit, parent, path, daterange(starts, ends)
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::date[], $5::date[])
              AS t(unit, parent, path, starts, ends)",
        &columns.0,
        &columns.1 as &[Option<Uuid>],
        &columns.2,
        &columns.3,
        &columns.4 as &[Option<NaiveDate>],
    )
    .execute(&mut *connection)
    .await?;
    insert_codes(connection, units.codes).await?;
    insert_external_ids(connection, units.external_ids).await
}

/// Gives units codes from a date on.
///
/// # Errors
/// A code that another unit bears.
pub async fn insert_codes(
    connection: &mut PgConnection,
    codes: Vec<(Uuid, NaiveDate, Code)>,
) -> Result<(), Fault> {
    let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (unit, from, code) in codes {
        columns.0.push(unit);
        columns.1.push(from);
        columns.2.push(code.system);
        columns.3.push(code.vintage);
        columns.4.push(code.code);
    }
    let inserted = sqlx::query!(
        "INSERT INTO unit_code (unit_id, valid, system, vintage, code)
         SELECT unit, daterange(starts, NULL), system, vintage, code
         FROM unnest($1::uuid[], $2::date[], $3::text[], $4::text[], $5::text[])
              AS t(unit, starts, system, vintage, code)",
        &columns.0,
        &columns.1,
        &columns.2,
        &columns.3,
        &columns.4,
    );
    inserted.execute(connection).await.map_err(taken)?;
    Ok(())
}

/// Gives units numbers of other systems.
///
/// # Errors
/// A number that another unit bears.
pub async fn insert_external_ids(
    connection: &mut PgConnection,
    ids: Vec<(Uuid, ExternalId)>,
) -> Result<(), Fault> {
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for (unit, id) in ids {
        columns.0.push(unit);
        columns.1.push(id.system);
        columns.2.push(id.value);
    }
    let inserted = sqlx::query!(
        "INSERT INTO unit_external_id (unit_id, system, value)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[])",
        &columns.0,
        &columns.1,
        &columns.2,
    );
    inserted.execute(connection).await.map_err(taken)?;
    Ok(())
}

/// Postgres names the key in the detail: `Key (system, vintage, code, valid)=(NBS, 2019, …)`.
fn taken(error: sqlx::Error) -> Fault {
    let detail = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>())
        .and_then(sqlx::postgres::PgDatabaseError::detail)
        .and_then(|detail| detail.split(")=(").nth(1))
        .map(|key| {
            key.split(['[', ')'])
                .next()
                .unwrap_or(key)
                .trim_end_matches([',', ' '])
                .to_owned()
        })
        .unwrap_or_default();
    on_constraint(error, |constraint| {
        let mut parts = detail.split(", ").map(str::to_owned);
        match constraint {
            "unit_code_taken" => Some(Fault::Exists {
                reason: "CODE_TAKEN",
                message: format!("another unit bears the code {}", detail.replace(", ", "/")),
                metadata: vec![("code", detail.replace(", ", "/"))],
            }),
            "unit_external_id_taken" => Some(Fault::Exists {
                reason: "EXTERNAL_ID_TAKEN",
                message: format!(
                    "another unit bears the external id {}",
                    detail.replace(", ", "/")
                ),
                metadata: vec![
                    ("system", parts.next().unwrap_or_default()),
                    ("value", parts.next().unwrap_or_default()),
                ],
            }),
            "unit_code_one_a_vintage" => Some(Fault::unmet(
                "OVERLAPPING_DATES",
                "codes",
                "the unit bears another code of that system and vintage at that time",
                vec![("constraint", constraint.to_owned())],
            )),
            _ => None,
        }
    })
}

/// Counts a change of a unit, if its version is still the one given. Answers the version there is.
///
/// # Errors
/// Where the database fails.
pub async fn touch(
    connection: &mut PgConnection,
    unit: Uuid,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE unit SET version = version + 1, updated_at = $2 WHERE id = $1",
        unit,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Locks a unit for a change and answers its version and level.
///
/// # Errors
/// Where the database fails.
pub async fn lock(
    connection: &mut PgConnection,
    unit: Uuid,
) -> Result<Option<(i64, Level)>, Fault> {
    let row = sqlx::query!(
        "SELECT version, level FROM unit WHERE id = $1 FOR UPDATE",
        unit
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.and_then(|row| Some((row.version, Level::of(row.level)?))))
}

/// Gives a unit another name from a date on, until the next name that is already known.
///
/// # Errors
/// Where the database fails.
pub async fn rename(
    connection: &mut PgConnection,
    unit: Uuid,
    from: NaiveDate,
    name: &str,
) -> Result<(), Fault> {
    let old = sqlx::query!(
        r#"DELETE FROM unit_name WHERE unit_id = $1 AND valid @> $2::date
           RETURNING lower(valid) AS "since!", upper(valid) AS until, display_name"#,
        unit,
        from,
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(old) = old else {
        return Err(Fault::internal("a unit without a name"));
    };
    sqlx::query!(
        "INSERT INTO unit_name (unit_id, valid, display_name)
         SELECT $1, part, name FROM (VALUES (daterange($2, $3), $5), (daterange($3, $4), $6)) AS t(part, name)
         WHERE NOT isempty(part)",
        unit,
        old.since,
        from,
        old.until,
        old.display_name,
        name,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives a unit another status from a date on, until the next that is already known.
///
/// # Errors
/// Where the database fails.
pub async fn set_status(
    connection: &mut PgConnection,
    unit: Uuid,
    from: NaiveDate,
    status: Status,
) -> Result<(), Fault> {
    let old = sqlx::query!(
        r#"DELETE FROM unit_status WHERE unit_id = $1 AND valid @> $2::date
           RETURNING lower(valid) AS "since!", upper(valid) AS until, status"#,
        unit,
        from,
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(old) = old else {
        return Err(Fault::internal("a unit without a status"));
    };
    sqlx::query!(
        "INSERT INTO unit_status (unit_id, valid, status)
         SELECT $1, part, status FROM (VALUES (daterange($2, $3), $5::smallint), (daterange($3, $4), $6::smallint)) AS t(part, status)
         WHERE NOT isempty(part)",
        unit,
        old.since,
        from,
        old.until,
        old.status,
        status as i16,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether units that are at work stand below a unit at or after a date.
///
/// # Errors
/// Where the database fails.
pub async fn has_active_children(
    connection: &mut PgConnection,
    unit: Uuid,
    from: NaiveDate,
) -> Result<bool, Fault> {
    let any = sqlx::query_scalar!(
        r#"SELECT EXISTS (
             SELECT FROM unit_place p JOIN unit_status s ON s.unit_id = p.unit_id AND s.status = 1
             WHERE p.parent_id = $1 AND p.valid * s.valid && daterange($2, NULL)) AS "any!""#,
        unit,
        from,
    );
    Ok(any.fetch_one(connection).await?)
}

/// Says which units took one's place.
///
/// # Errors
/// Where the database fails, or a successor does not exist.
pub async fn set_successors(
    connection: &mut PgConnection,
    unit: Uuid,
    successors: &[Uuid],
) -> Result<(), Fault> {
    sqlx::query!("DELETE FROM unit_successor WHERE unit_id = $1", unit)
        .execute(&mut *connection)
        .await?;
    let inserted = sqlx::query!(
        "INSERT INTO unit_successor (unit_id, successor_id)
         SELECT $1, id FROM unnest($2::uuid[]) AS id ON CONFLICT DO NOTHING",
        unit,
        successors,
    );
    let inserted = inserted.execute(connection).await;
    inserted.map_err(|error| {
        on_constraint(error, |constraint| match constraint {
            "unit_successor_successor_fkey" => Some(Fault::invalid(
                "unit.successor_units",
                "names a unit that does not exist",
            )),
            "unit_successor_not_itself" => Some(Fault::invalid(
                "unit.successor_units",
                "names the unit itself",
            )),
            _ => None,
        })
    })?;
    Ok(())
}

/// Ends the codes of a unit that hold on a date, and gives it others from it on.
///
/// # Errors
/// A code that another unit bears.
pub async fn set_codes(
    connection: &mut PgConnection,
    unit: Uuid,
    from: NaiveDate,
    codes: Vec<Code>,
) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM unit_code WHERE unit_id = $1 AND lower(valid) >= $2",
        unit,
        from
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE unit_code SET valid = daterange(lower(valid), $2)
         WHERE unit_id = $1 AND valid @> $2::date",
        unit,
        from,
    )
    .execute(&mut *connection)
    .await?;
    let codes = codes.into_iter().map(|code| (unit, from, code)).collect();
    insert_codes(connection, codes).await
}

/// Replaces the numbers of other systems.
///
/// # Errors
/// A number that another unit bears.
pub async fn set_external_ids(
    connection: &mut PgConnection,
    unit: Uuid,
    ids: Vec<ExternalId>,
) -> Result<(), Fault> {
    sqlx::query!("DELETE FROM unit_external_id WHERE unit_id = $1", unit)
        .execute(&mut *connection)
        .await?;
    insert_external_ids(connection, ids.into_iter().map(|id| (unit, id)).collect()).await
}

/// Moves a unit and everything below it from a date on, for as long as its present place was to
/// hold: every place that overlaps is split there, and its path begins anew.
///
/// # Errors
/// Where the database fails.
pub async fn move_subtree(
    connection: &mut PgConnection,
    place: &Place,
    from: NaiveDate,
    parent: Uuid,
    new_path: &str,
) -> Result<(), Fault> {
    let end = format!("{}g", place.path);
    let prefix = i32::try_from(place.path.len()).map_err(Fault::internal)?;
    sqlx::query!(
        "WITH gone AS (
             DELETE FROM unit_place
             WHERE path >= $1 AND path < $2 AND valid && daterange($3, $4)
             RETURNING unit_id, parent_id, path, valid)
         INSERT INTO unit_place (unit_id, parent_id, path, valid)
         SELECT unit_id, parent_id, path, valid * daterange(NULL, $3) FROM gone
         WHERE NOT isempty(valid * daterange(NULL, $3))
         UNION ALL
         SELECT unit_id, CASE WHEN unit_id = $5 THEN $6 ELSE parent_id END,
                $7 || substr(path, $8 + 1), valid * daterange($3, NULL)
         FROM gone",
        place.path,
        end,
        from,
        place.until,
        place.unit,
        parent,
        new_path,
        prefix,
    )
    .execute(connection)
    .await?;
    Ok(())
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
