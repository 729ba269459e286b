//! Sweeps remember here.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Grid, Outcome, Sweep,
    parse::{Seen, Target},
};

/// Sweeps by a condition.
macro_rules! sweeps {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Sweep,
            "SELECT id, unit_id AS unit, display_name, starts_on, facts, created_at, closed_at, closed_by FROM sweep WHERE "
                + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await
    };
}

/// Grids of sweeps by a condition.
macro_rules! grids {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Grid,
            "SELECT unit_id AS unit, target, listed, visited, refused, absent, vacant, tallied_at, exception FROM sweep_grid WHERE "
                + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await
    };
}

/// A sweep.
///
/// # Errors
/// Where the database fails.
pub async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<Sweep>, Fault> {
    Ok(sweeps!(connection, "id = $1", id)?.pop())
}

/// As [`get`], locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<Sweep>, Fault> {
    Ok(sweeps!(connection, "id = $1 FOR NO KEY UPDATE", id)?.pop())
}

/// A page of sweeps of units, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    units: &[Uuid],
    closed: bool,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Sweep>, Fault> {
    Ok(sweeps!(
        connection,
        "unit_id = ANY($1) AND (closed_at IS NULL OR $2) AND id > $3 ORDER BY id LIMIT $4",
        units,
        closed,
        after,
        limit
    )?)
}

/// Adds a sweep over grids.
///
/// # Errors
/// Where the database fails.
pub async fn insert(
    connection: &mut PgConnection,
    sweep: &Sweep,
    grids: &[Uuid],
    by: &str,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO sweep (id, unit_id, display_name, starts_on, facts, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        sweep.id,
        sweep.unit,
        sweep.display_name,
        sweep.starts_on,
        &sweep.facts,
        sweep.created_at,
        by,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO sweep_grid (sweep_id, unit_id) SELECT $1, grid FROM unnest($2::uuid[]) AS grid",
        sweep.id,
        grids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The grids of a sweep among some units.
///
/// # Errors
/// Where the database fails.
pub async fn grids(connection: &mut PgConnection, sweep: Uuid, units: &[Uuid]) -> Result<Vec<Grid>, Fault> {
    Ok(grids!(connection, "sweep_id = $1 AND unit_id = ANY($2)", sweep, units)?)
}

/// Every grid of a sweep.
///
/// # Errors
/// Where the database fails.
pub async fn all_grids(connection: &mut PgConnection, sweep: Uuid) -> Result<Vec<Grid>, Fault> {
    Ok(grids!(connection, "sweep_id = $1 ORDER BY unit_id", sweep)?)
}

/// The grids that were not done when a sweep was closed.
///
/// # Errors
/// Where the database fails.
pub async fn excepted(connection: &mut PgConnection, sweep: Uuid) -> Result<Vec<Grid>, Fault> {
    Ok(grids!(connection, "sweep_id = $1 AND exception <> '' ORDER BY unit_id", sweep)?)
}

/// A grid of a sweep, locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock_grid(
    connection: &mut PgConnection,
    sweep: Uuid,
    grid: Uuid,
) -> Result<Option<Grid>, Fault> {
    Ok(grids!(connection, "sweep_id = $1 AND unit_id = $2 FOR NO KEY UPDATE", sweep, grid)?.pop())
}

/// Sets how many households a grid, which is locked, has, or which: those that were seen stay.
///
/// # Errors
/// Where the database fails.
pub async fn set_target(connection: &mut PgConnection, sweep: Uuid, target: &Target) -> Result<(), Fault> {
    let listed = !target.numbers.is_empty();
    sqlx::query!(
        "DELETE FROM sweep_household WHERE sweep_id = $1 AND unit_id = $2 AND outcome = 0 AND number <> ALL($3)",
        sweep,
        target.grid,
        &target.numbers,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO sweep_household (sweep_id, unit_id, number) SELECT $1, $2, number FROM unnest($3::text[]) AS number
         ON CONFLICT ON CONSTRAINT sweep_household_pkey DO NOTHING",
        sweep,
        target.grid,
        &target.numbers,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE sweep_grid g SET listed = $3, target = CASE WHEN $3 THEN
                (SELECT count(*) FROM sweep_household h WHERE h.sweep_id = g.sweep_id AND h.unit_id = g.unit_id)::integer ELSE $4 END
         WHERE sweep_id = $1 AND unit_id = $2",
        sweep,
        target.grid,
        listed,
        target.households,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes a visit; answers whether it is new.
///
/// # Errors
/// Where the database fails.
pub async fn note(
    connection: &mut PgConnection,
    (event, sent_by): (Uuid, &str),
    (sweep, grid): (Uuid, Uuid),
    seen: &Seen,
    (seen_at, now): (DateTime<Utc>, DateTime<Utc>),
) -> Result<bool, Fault> {
    let (number, outcome, tally) = match seen {
        Seen::Household(number, outcome) => (Some(number.as_str()), *outcome as i16, None),
        Seen::Tally(counts) => (None, 0, Some(&counts[..])),
    };
    let noted = sqlx::query!(
        "INSERT INTO visit (event_id, sent_by, sweep_id, unit_id, number, outcome, seen_at, received_at, tally)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT ON CONSTRAINT visit_pkey DO NOTHING",
        event,
        sent_by,
        sweep,
        grid,
        number,
        outcome,
        seen_at,
        now,
        tally,
    );
    Ok(noted.execute(connection).await?.rows_affected() == 1)
}

/// Whether a visit was sent before.
///
/// # Errors
/// Where the database fails.
pub async fn was_sent(connection: &mut PgConnection, event: Uuid, by: &str) -> Result<bool, Fault> {
    let sent = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM visit WHERE event_id = $1 AND sent_by = $2) AS "sent!""#,
        event,
        by
    );
    Ok(sent.fetch_one(connection).await?)
}

/// What a household's visit has come to.
#[derive(Clone, Copy, Debug)]
pub struct Came {
    /// Whether the household was known.
    pub known: bool,
    /// Whether nothing later was seen of it.
    pub is_last: bool,
    /// Whether the grid's tally goes on counting.
    pub beside_tally: bool,
}

/// How a household of a grid, which is locked, was seen: what was seen last counts. Where the grid counts, its tally
/// stands while it accounts for more households than were seen one by one.
///
/// # Errors
/// Where the database fails.
pub async fn see(
    connection: &mut PgConnection,
    (sweep, grid, number): (Uuid, Uuid, &str),
    outcome: Outcome,
    seen_at: DateTime<Utc>,
) -> Result<Came, Fault> {
    let known = sqlx::query_scalar!(
        "SELECT outcome FROM sweep_household WHERE sweep_id = $1 AND unit_id = $2 AND number = $3",
        sweep,
        grid,
        number,
    );
    let known = known.fetch_optional(&mut *connection).await?.is_some();
    let seen = sqlx::query!(
        "INSERT INTO sweep_household AS h (sweep_id, unit_id, number, outcome, seen_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT ON CONSTRAINT sweep_household_pkey DO UPDATE SET outcome = excluded.outcome, seen_at = excluded.seen_at
         WHERE h.seen_at IS NULL OR h.seen_at <= excluded.seen_at",
        sweep,
        grid,
        number,
        outcome as i16,
        seen_at,
    );
    let is_last = seen.execute(&mut *connection).await?.rows_affected() == 1;
    let counted = sqlx::query!(
        "UPDATE sweep_grid g SET visited = s.visited, refused = s.refused, absent = s.absent, vacant = s.vacant,
                tallied_at = NULL
         FROM (SELECT (count(*) FILTER (WHERE outcome = 1))::integer AS visited, (count(*) FILTER (WHERE outcome = 2))::integer AS refused,
                      (count(*) FILTER (WHERE outcome = 3))::integer AS absent, (count(*) FILTER (WHERE outcome = 4))::integer AS vacant,
                      (count(*) FILTER (WHERE outcome > 0))::integer AS seen
               FROM sweep_household WHERE sweep_id = $1 AND unit_id = $2) s
         WHERE g.sweep_id = $1 AND g.unit_id = $2
           AND (g.tallied_at IS NULL OR s.seen >= g.visited + g.refused + g.absent + g.vacant)",
        sweep,
        grid,
    );
    let beside_tally = counted.execute(&mut *connection).await?.rows_affected() == 0;
    sqlx::query!(
        "UPDATE sweep_grid g SET target = (SELECT count(*) FROM sweep_household h WHERE h.sweep_id = $1 AND h.unit_id = $2)::integer
         WHERE g.sweep_id = $1 AND g.unit_id = $2 AND g.listed",
        sweep,
        grid,
    )
    .execute(connection)
    .await?;
    Ok(Came { known, is_last, beside_tally })
}

/// Whether a grid is visited household by household: none that counts is.
///
/// # Errors
/// Where the database fails.
pub async fn is_by_households(connection: &mut PgConnection, sweep: Uuid, grid: Uuid) -> Result<bool, Fault> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM sweep_household h JOIN sweep_grid g USING (sweep_id, unit_id)
                          WHERE sweep_id = $1 AND unit_id = $2 AND h.outcome > 0 AND g.tallied_at IS NULL) AS "found!""#,
        sweep,
        grid,
    );
    Ok(found.fetch_one(connection).await?)
}

/// Writes what the visits of a grid, which is locked, came to, unless something later was said; answers whether it was
/// written.
///
/// # Errors
/// Where the database fails.
pub async fn tally(
    connection: &mut PgConnection,
    (sweep, grid): (Uuid, Uuid),
    [visited, refused, absent, vacant]: [i32; 4],
    seen_at: DateTime<Utc>,
) -> Result<bool, Fault> {
    let written = sqlx::query!(
        "UPDATE sweep_grid SET visited = $3, refused = $4, absent = $5, vacant = $6, tallied_at = $7
         WHERE sweep_id = $1 AND unit_id = $2 AND (tallied_at IS NULL OR tallied_at <= $7)",
        sweep,
        grid,
        visited,
        refused,
        absent,
        vacant,
        seen_at,
    );
    Ok(written.execute(connection).await?.rows_affected() == 1)
}

/// A household of a grid.
#[derive(Clone, Debug)]
pub struct Household {
    /// Its number in the grid.
    pub number: String,
    /// What it came to; 0 where it was not visited.
    pub outcome: i16,
    /// When it was last seen.
    pub seen_at: Option<DateTime<Utc>>,
}

/// A page of the households of a grid, by their numbers; only those that must be visited where `open`.
///
/// # Errors
/// Where the database fails.
pub async fn households(
    connection: &mut PgConnection,
    (sweep, grid): (Uuid, Uuid),
    open: bool,
    after: &str,
    limit: i64,
) -> Result<Vec<Household>, Fault> {
    let rows = sqlx::query_as!(
        Household,
        "SELECT number, outcome, seen_at FROM sweep_household
         WHERE sweep_id = $1 AND unit_id = $2 AND number > $3 AND (NOT $4 OR outcome IN (0, 3)) ORDER BY number LIMIT $5",
        sweep,
        grid,
        after,
        open,
        limit,
    );
    Ok(rows.fetch_all(connection).await?)
}

/// Closes a sweep, which is locked, with the exceptions of grids.
///
/// # Errors
/// Where the database fails.
pub async fn close(
    connection: &mut PgConnection,
    id: Uuid,
    exceptions: &[(Uuid, String)],
    (by, now): (&str, DateTime<Utc>),
) -> Result<(), Fault> {
    let (grids, reasons): (Vec<Uuid>, Vec<String>) = exceptions.iter().cloned().unzip();
    sqlx::query!(
        "UPDATE sweep_grid g SET exception = e.reason FROM unnest($2::uuid[], $3::text[]) AS e (grid, reason)
         WHERE g.sweep_id = $1 AND g.unit_id = e.grid",
        id,
        &grids,
        &reasons,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("UPDATE sweep SET closed_at = $2, closed_by = $3 WHERE id = $1", id, now, by)
        .execute(connection)
        .await?;
    Ok(())
}
