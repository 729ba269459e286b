//! Who sees open observations: the unit whose hands they are in, and every unit above it. Kept beside the
//! observations, so that a page of a county's is a range of an index.

use chassis::{Fault, clock, feed, partitions::DayTable};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Row;
use crate::observations::{Observation, TOPIC};

/// Who saw an observation that went out of sight: kept for longer than the feed's changes, which tell it.
pub const DEPARTURES: DayTable =
    DayTable { table: "observation_departure", kept_days: feed::TABLE.kept_days + 1 };

/// By which units the open observations of a unit are seen, and before which is put what was not done there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The unit.
    pub unit: Uuid,
    /// Itself, then those above.
    pub ancestors: Vec<Uuid>,
    /// The unit above, then those above that, up to the county.
    pub holders: Vec<Uuid>,
}

/// A place in the list: whether lost, when due, which.
pub type Page = (bool, DateTime<Utc>, Uuid);

/// Puts observations into the lists of the units that see them, and takes those that have ended out. A unit
/// that is new here is seen as said; one that is not, as it was last said by [`stand_otherwise`], which waits
/// for this transaction.
///
/// # Errors
/// Where the database fails.
pub async fn keep_in_sight(
    connection: &mut PgConnection,
    observations: &[Uuid],
    of: impl Fn(Uuid) -> Sight,
) -> Result<(), Fault> {
    let units = sqlx::query_scalar!(
        "SELECT DISTINCT unit_id FROM observation WHERE id = ANY($1) AND ended_at IS NULL ORDER BY 1",
        observations,
    );
    let units = units.fetch_all(&mut *connection).await?;
    let sights: Vec<Sight> = units.iter().map(|unit| of(*unit)).collect();
    keep_units(connection, &sights).await?;
    see(connection, observations).await
}

/// Keeps by which units what is in the hands of some is seen, for the rest of the transaction.
///
/// # Errors
/// Where the database fails.
pub async fn keep_units(connection: &mut PgConnection, sights: &[Sight]) -> Result<(), Fault> {
    for sight in sights {
        sqlx::query!(
            "INSERT INTO unit_sight (unit_id, ancestors, holders) VALUES ($1, $2, $3)
             ON CONFLICT ON CONSTRAINT unit_sight_pkey DO NOTHING",
            sight.unit,
            &sight.ancestors,
            &sight.holders,
        )
        .execute(&mut *connection)
        .await?;
    }
    let units: Vec<Uuid> = sights.iter().map(|sight| sight.unit).collect();
    sqlx::query!("SELECT unit_id FROM unit_sight WHERE unit_id = ANY($1) ORDER BY unit_id FOR SHARE", &units)
        .fetch_all(connection)
        .await?;
    Ok(())
}

/// Writes the lists of some observations anew, by what is kept of their units. What came into somebody's sight or went out
/// of it by that is a change of the feed, and who saw what went out of sight is kept.
async fn see(connection: &mut PgConnection, observations: &[Uuid]) -> Result<(), Fault> {
    let otherwise = sqlx::query_scalar!(
        r#"WITH seen AS (
               SELECT o.id, ARRAY(SELECT s.ancestor_id FROM observation_sight s WHERE s.observation_id = o.id) AS by,
                      CASE WHEN o.ended_at IS NULL THEN coalesce(u.ancestors, '{}') ELSE '{}' END AS by_now
               FROM observation o LEFT JOIN unit_sight u ON u.unit_id = o.unit_id WHERE o.id = ANY($1)
           ), departed AS (
               INSERT INTO observation_departure (day, observation_id, ancestors)
               SELECT $2, id, by FROM seen WHERE NOT by <@ by_now
           )
           SELECT id AS "id!" FROM seen WHERE NOT (by <@ by_now AND by_now <@ by) ORDER BY id"#,
        observations,
        clock::wall().date_naive(),
    );
    let otherwise = otherwise.fetch_all(&mut *connection).await?;
    if !otherwise.is_empty() {
        feed::note(connection, TOPIC, &otherwise).await?;
    }
    sqlx::query!("DELETE FROM observation_sight WHERE observation_id = ANY($1)", observations)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        "INSERT INTO observation_sight (ancestor_id, lost, due_at, observation_id)
         SELECT ancestor_id, o.lost, o.due_at, o.id
         FROM observation o JOIN unit_sight u ON u.unit_id = o.unit_id CROSS JOIN unnest(u.ancestors) AS ancestor_id
         WHERE o.id = ANY($1) AND o.ended_at IS NULL ORDER BY o.id",
        observations,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE escalation e
         SET unit_id = u.unit_id,
             holder_id = CASE WHEN e.level = 0 THEN u.ancestors[1] ELSE u.holders[LEAST(cardinality(u.holders), e.level)] END
         FROM observation o JOIN unit_sight u ON u.unit_id = o.unit_id
         WHERE e.subject_id = ANY($1) AND o.id = e.subject_id AND o.ended_at IS NULL",
        observations,
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// Every unit that is kept.
///
/// # Errors
/// Where the database fails.
pub async fn sights(connection: &mut PgConnection) -> Result<Vec<Sight>, Fault> {
    let rows =
        sqlx::query_as!(Sight, "SELECT unit_id AS unit, ancestors, holders FROM unit_sight ORDER BY unit_id");
    Ok(rows.fetch_all(connection).await?)
}

/// Units that have a person in their hands, and of which nobody keeps yet by whom they are seen.
///
/// # Errors
/// Where the database fails.
pub async fn unkept(connection: &mut PgConnection) -> Result<Vec<Uuid>, Fault> {
    let units = sqlx::query_scalar!(
        "SELECT DISTINCT p.unit_id FROM person p
         WHERE NOT EXISTS (SELECT FROM unit_sight u WHERE u.unit_id = p.unit_id) ORDER BY p.unit_id"
    );
    Ok(units.fetch_all(connection).await?)
}

/// Takes in that a unit stands otherwise now: what is in its hands is seen by others.
///
/// # Errors
/// Where the database fails.
pub async fn stand_otherwise(connection: &mut PgConnection, sight: &Sight) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE unit_sight SET ancestors = $2, holders = $3 WHERE unit_id = $1",
        sight.unit,
        &sight.ancestors,
        &sight.holders,
    )
    .execute(&mut *connection)
    .await?;
    let open = sqlx::query_scalar!(
        "SELECT id FROM observation WHERE unit_id = $1 AND ended_at IS NULL ORDER BY id FOR SHARE",
        sight.unit,
    );
    let open = open.fetch_all(&mut *connection).await?;
    sqlx::query!(
        "UPDATE escalation SET holder_id = CASE WHEN level = 0 THEN $2 ELSE ($3::uuid[])[LEAST(cardinality($3::uuid[]), level)] END
         WHERE unit_id = $1",
        sight.unit,
        sight.ancestors.first(),
        &sight.holders,
    )
    .execute(&mut *connection)
    .await?;
    see(connection, &open).await
}

/// A page of what units see, which stand apart from one another: after a place, up to another, in order.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    units: &[Uuid],
    after: Page,
    to: Page,
    limit: i64,
) -> Result<Vec<Observation>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT o.id, o.person_id, o.unit_id, o.one_id, o.opened_unit_id, o.leads_id, o.basis, o.last_exposure, o.place,
                  o.facility, o.days, o.slots_a_day, o.slots_since, o.slots_before, o.control_plan, o.treatment_plan, o.response_level, o.starts_at, o.ends_at,
                  o.due_at, o.lost, o.ending, o.reason, o.unmet, o.ended_at, o.ended_by, o.version
           FROM unnest($1::uuid[]) AS scope (id)
           CROSS JOIN LATERAL (
               SELECT s.lost, s.due_at, s.observation_id FROM observation_sight s
               WHERE s.ancestor_id = scope.id AND (s.lost, s.due_at, s.observation_id) > ($2, $3, $4)
                 AND (s.lost, s.due_at, s.observation_id) <= ($5, $6, $7)
               ORDER BY s.lost, s.due_at, s.observation_id LIMIT $8
           ) seen
           CROSS JOIN LATERAL (SELECT * FROM observation WHERE id = seen.observation_id) o
           ORDER BY seen.lost, seen.due_at, seen.observation_id LIMIT $8"#,
        units,
        after.0,
        after.1,
        after.2,
        to.0,
        to.1,
        to.2,
        limit,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(Observation::from).collect())
}

/// Those of some observations that units see, open or ended: who stands where is what the lists go by, and what is told
/// when it changes.
///
/// # Errors
/// Where the database fails.
pub async fn seen(
    connection: &mut PgConnection,
    ids: &[Uuid],
    units: &[Uuid],
) -> Result<Vec<Observation>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT o.id, o.person_id, o.unit_id, o.one_id, o.opened_unit_id, o.leads_id, o.basis, o.last_exposure, o.place,
                o.facility, o.days, o.slots_a_day, o.slots_since, o.slots_before, o.control_plan, o.treatment_plan, o.response_level, o.starts_at, o.ends_at,
                o.due_at, o.lost, o.ending, o.reason, o.unmet, o.ended_at, o.ended_by, o.version
         FROM observation o JOIN unit_sight u ON u.unit_id = o.unit_id WHERE o.id = ANY($1) AND u.ancestors && $2",
        ids,
        units,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(Observation::from).collect())
}

/// Those of some observations that units saw before they ended or went out of their sight.
///
/// # Errors
/// Where the database fails.
pub async fn departed(
    connection: &mut PgConnection,
    ids: &[Uuid],
    units: &[Uuid],
) -> Result<Vec<Uuid>, Fault> {
    let departed = sqlx::query_scalar!(
        "SELECT DISTINCT observation_id FROM observation_departure WHERE observation_id = ANY($1) AND ancestors && $2",
        ids,
        units,
    );
    Ok(departed.fetch_all(connection).await?)
}
