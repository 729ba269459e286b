//! Changing units. What was stays; what is said holds from its date on.

use chassis::{
    Fault,
    fault::{on_constraint, violated_key},
};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Place;
use crate::units::{Code, ExternalId, Level, Status};

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
pub async fn insert(connection: &mut PgConnection, units: Insert, now: DateTime<Utc>) -> Result<(), Fault> {
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

fn taken(error: sqlx::Error) -> Fault {
    let key = violated_key(&error);
    on_constraint(error, |constraint| {
        let part = |index: usize| key.get(index).cloned().unwrap_or_default();
        match constraint {
            "unit_code_taken" => Some(Fault::Exists {
                reason: "CODE_TAKEN",
                message: format!("another unit bears the code {}", key.join("/")),
                metadata: vec![("code", key.join("/"))],
            }),
            "unit_external_id_taken" => Some(Fault::Exists {
                reason: "EXTERNAL_ID_TAKEN",
                message: format!("another unit bears the external id {}", key.join("/")),
                metadata: vec![("system", part(0)), ("value", part(1))],
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
pub async fn touch(connection: &mut PgConnection, unit: Uuid, now: DateTime<Utc>) -> Result<(), Fault> {
    sqlx::query!("UPDATE unit SET version = version + 1, updated_at = $2 WHERE id = $1", unit, now)
        .execute(connection)
        .await?;
    Ok(())
}

/// Locks a unit for a change and answers its version and level.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, unit: Uuid) -> Result<Option<(i64, Level)>, Fault> {
    let row = sqlx::query!("SELECT version, level FROM unit WHERE id = $1 FOR UPDATE", unit)
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
    // What follows and says the same is one fact with this.
    let next = sqlx::query_scalar!(
        "DELETE FROM unit_status WHERE unit_id = $1 AND status = $2 AND lower(valid) = $3 RETURNING upper(valid)",
        unit,
        status as i16,
        old.until,
    );
    let until = match next.fetch_optional(&mut *connection).await? {
        Some(until) => until,
        None => old.until,
    };
    if old.status == status as i16 {
        return insert_status(connection, unit, old.since, until, status).await;
    }
    if old.since < from {
        let before = if old.status == Status::Closed as i16 { Status::Closed } else { Status::Active };
        insert_status(connection, unit, old.since, Some(from), before).await?;
    }
    insert_status(connection, unit, from, until, status).await
}

async fn insert_status(
    connection: &mut PgConnection,
    unit: Uuid,
    from: NaiveDate,
    until: Option<NaiveDate>,
    status: Status,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO unit_status (unit_id, valid, status) VALUES ($1, daterange($2, $3), $4)",
        unit,
        from,
        until,
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
    sqlx::query!("DELETE FROM unit_successor WHERE unit_id = $1", unit).execute(&mut *connection).await?;
    let inserted = sqlx::query!(
        "INSERT INTO unit_successor (unit_id, successor_id)
         SELECT $1, id FROM unnest($2::uuid[]) AS id ON CONFLICT DO NOTHING",
        unit,
        successors,
    );
    let inserted = inserted.execute(connection).await;
    inserted.map_err(|error| {
        on_constraint(error, |constraint| match constraint {
            "unit_successor_successor_fkey" => {
                Some(Fault::invalid("unit.successor_units", "names a unit that does not exist"))
            }
            "unit_successor_not_itself" => {
                Some(Fault::invalid("unit.successor_units", "names the unit itself"))
            }
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
    sqlx::query!("DELETE FROM unit_code WHERE unit_id = $1 AND lower(valid) >= $2", unit, from)
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
    sqlx::query!("DELETE FROM unit_external_id WHERE unit_id = $1", unit).execute(&mut *connection).await?;
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
    .execute(&mut *connection)
    .await?;
    join_places(connection, new_path).await
}

/// Makes one place again of what says the same without a gap: a unit that was moved away and back has
/// not moved.
async fn join_places(connection: &mut PgConnection, path: &str) -> Result<(), Fault> {
    sqlx::query!(
        "WITH split AS (
             SELECT unit_id, parent_id, path FROM unit_place WHERE path >= $1 AND path < $2
             GROUP BY unit_id, parent_id, path HAVING count(*) > 1),
         gone AS (
             DELETE FROM unit_place p USING split s
             WHERE p.unit_id = s.unit_id AND p.path = s.path AND p.parent_id = s.parent_id
             RETURNING p.unit_id, p.parent_id, p.path, p.valid)
         INSERT INTO unit_place (unit_id, parent_id, path, valid)
         SELECT unit_id, parent_id, path, unnest(range_agg(valid)) FROM gone GROUP BY unit_id, parent_id, path",
        path,
        format!("{path}g"),
    )
    .execute(connection)
    .await?;
    Ok(())
}
