//! Homes remember here.

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Home, Resident};

/// Residents by a condition.
macro_rules! residents {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Resident,
            "SELECT home_id AS home, person_id AS person, unit_id AS unit, one_id AS one, starts_on, ends_on FROM resident WHERE "
                + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await
    };
}

/// A home.
///
/// # Errors
/// Where the database fails.
pub async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<Home>, Fault> {
    let home = sqlx::query!("SELECT id, unit_id FROM home WHERE id = $1", id);
    let home = home.fetch_optional(&mut *connection).await?;
    let homes = home.into_iter().map(|row| (row.id, row.unit_id)).collect();
    Ok(with_residents(connection, homes).await?.pop())
}

/// A home, locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<Home>, Fault> {
    let home = sqlx::query!("SELECT id, unit_id FROM home WHERE id = $1 FOR NO KEY UPDATE", id);
    let home = home.fetch_optional(&mut *connection).await?;
    let homes = home.into_iter().map(|row| (row.id, row.unit_id)).collect();
    Ok(with_residents(connection, homes).await?.pop())
}

/// A page of the homes of units, or of those where who is one person sleeps or slept, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    units: &[Uuid],
    one: Option<Uuid>,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Home>, Fault> {
    let homes = sqlx::query!(
        "SELECT id, unit_id FROM home
         WHERE unit_id = ANY($1) AND id > $2
           AND ($3::uuid IS NULL OR id = ANY(ARRAY(SELECT home_id FROM resident WHERE one_id = $3))) ORDER BY id LIMIT $4",
        units,
        after,
        one,
        limit,
    );
    let homes = homes.fetch_all(&mut *connection).await?;
    let homes = homes.into_iter().map(|row| (row.id, row.unit_id)).collect();
    with_residents(connection, homes).await
}

async fn with_residents(connection: &mut PgConnection, homes: Vec<(Uuid, Uuid)>) -> Result<Vec<Home>, Fault> {
    let ids: Vec<Uuid> = homes.iter().map(|home| home.0).collect();
    let residents = residents!(connection, "home_id = ANY($1) ORDER BY starts_on, person_id", &ids)?;
    let of = |id: Uuid| residents.iter().filter(|resident| resident.home == id).cloned().collect();
    Ok(homes.into_iter().map(|(id, unit)| Home { id, unit, residents: of(id) }).collect())
}

/// Adds a home.
///
/// # Errors
/// Where the database fails.
pub async fn insert(
    connection: &mut PgConnection,
    home: &Home,
    (by, now): (&str, DateTime<Utc>),
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO home (id, unit_id, created_at, created_by) VALUES ($1, $2, $3, $4)",
        home.id,
        home.unit,
        now,
        by,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Records that somebody, who is locked, sleeps somewhere from a day on; they leave where they slept before.
///
/// # Errors
/// Where the database fails.
pub async fn join(connection: &mut PgConnection, resident: &Resident) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE resident SET ends_on = GREATEST(starts_on, $2::date) WHERE person_id = $1 AND ends_on IS NULL",
        resident.person,
        resident.starts_on,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO resident (home_id, person_id, unit_id, one_id, starts_on) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT ON CONSTRAINT resident_pkey DO UPDATE SET ends_on = NULL",
        resident.home,
        resident.person,
        resident.unit,
        resident.one,
        resident.starts_on,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Records that somebody sleeps somewhere no more; answers whether they did.
///
/// # Errors
/// Where the database fails.
pub async fn leave(
    connection: &mut PgConnection,
    home: Uuid,
    person: Uuid,
    last: NaiveDate,
) -> Result<bool, Fault> {
    let left = sqlx::query!(
        "UPDATE resident SET ends_on = GREATEST(starts_on, $3::date) WHERE home_id = $1 AND person_id = $2 AND ends_on IS NULL",
        home,
        person,
        last,
    );
    Ok(left.execute(connection).await?.rows_affected() == 1)
}

/// Somebody who slept in the same home as somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mate {
    /// The person.
    pub person: Uuid,
    /// The first of those who are one.
    pub one: Uuid,
    /// The last day on which both slept there.
    pub last: NaiveDate,
}

/// Who slept in the same home as somebody, the first of those who are one, on any of some days, each with the last of these;
/// in the order of those who are one.
///
/// # Errors
/// Where the database fails.
pub async fn mates(
    connection: &mut PgConnection,
    one: Uuid,
    (first, last): (NaiveDate, NaiveDate),
) -> Result<Vec<Mate>, Fault> {
    let mates = sqlx::query_as!(
        Mate,
        r#"SELECT DISTINCT ON (m.one_id) m.person_id AS person, m.one_id AS one, LEAST($3::date, i.ends_on, m.ends_on) AS "last!"
           FROM resident i JOIN resident m ON m.home_id = i.home_id AND m.one_id <> i.one_id
           WHERE i.one_id = $1 AND LEAST($3::date, i.ends_on, m.ends_on) >= GREATEST($2::date, i.starts_on, m.starts_on)
           ORDER BY m.one_id, LEAST($3::date, i.ends_on, m.ends_on) DESC, m.person_id"#,
        one,
        first,
        last,
    );
    Ok(mates.fetch_all(connection).await?)
}

/// Which of some observations are of somebody who sleeps or slept in a home: each with the first of those who are one.
///
/// # Errors
/// Where the database fails.
pub async fn observed(
    connection: &mut PgConnection,
    observations: &[Uuid],
) -> Result<Vec<(Uuid, Uuid)>, Fault> {
    let ones = sqlx::query!(
        "SELECT DISTINCT o.id, o.one_id FROM observation o JOIN resident r ON r.one_id = o.one_id WHERE o.id = ANY($1)",
        observations,
    );
    Ok(ones.fetch_all(connection).await?.into_iter().map(|row| (row.id, row.one_id)).collect())
}

/// Locks whom some observations are of, with everybody who sleeps or slept where they do.
///
/// # Errors
/// Where the database fails.
pub async fn lock_persons(connection: &mut PgConnection, observations: &[Uuid]) -> Result<(), Fault> {
    sqlx::query!(
        "SELECT id FROM person WHERE same_as IN (
             SELECT one_id FROM observation WHERE id = ANY($1)
             UNION SELECT m.one_id FROM observation o JOIN resident r ON r.one_id = o.one_id JOIN resident m ON m.home_id = r.home_id
             WHERE o.id = ANY($1))
         ORDER BY same_as, id FOR UPDATE",
        observations,
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}
