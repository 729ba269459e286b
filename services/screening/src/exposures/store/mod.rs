//! Exposures remember here.

mod chains;
mod questions;
mod texts;

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Exposure, Figures, Index};
use crate::keyring::{Keyring, Sealed};
use texts::{Kept, Texts};

pub use chains::{Chain, trace};
pub use questions::{Why, ask, settle};
pub use texts::{reseal, seal_open};

struct Row {
    id: Uuid,
    event_id: Uuid,
    entered_by: String,
    index_id: Option<Uuid>,
    index_unit_id: Option<Uuid>,
    index_one_id: Option<Uuid>,
    onset_on: Option<NaiveDate>,
    sampled_on: Option<NaiveDate>,
    index_reference: String,
    contact_id: Uuid,
    contact_unit_id: Uuid,
    contact_one_id: Uuid,
    kind: i16,
    place: String,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    protected: bool,
    close: bool,
    control_plan: i16,
    created_at: DateTime<Utc>,
    withdrawn_at: Option<DateTime<Utc>>,
    withdraw_reason: String,
    key_id: Option<String>,
    sealed: Option<Vec<u8>>,
}

impl Row {
    /// With its texts, which are sealed; or not yet, where an older program wrote them.
    fn open(mut self, keys: &Keyring) -> Result<Exposure, Fault> {
        if let Some((key, bytes)) = self.key_id.take().zip(self.sealed.take()) {
            let texts = texts::open(keys, self.id, &Sealed { key, bytes })?;
            self.place = texts.place;
            if !texts.index_reference.is_empty() {
                self.index_reference = texts.index_reference;
            }
        }
        Ok(self.into())
    }
}

/// Without the texts that are sealed.
impl From<Row> for Exposure {
    fn from(row: Row) -> Self {
        let (onset_on, sampled_on) = (row.onset_on, row.sampled_on);
        let index = row.index_id.zip(row.index_unit_id).zip(row.index_one_id);
        Self {
            id: row.id,
            event: row.event_id,
            entered_by: row.entered_by,
            index: index.map(|((person, unit), one)| Index { person, unit, one, onset_on, sampled_on }),
            index_reference: row.index_reference,
            contact: row.contact_id,
            contact_unit: row.contact_unit_id,
            contact_one: row.contact_one_id,
            kind: row.kind,
            place: row.place,
            first_at: row.first_at,
            last_at: row.last_at,
            protected: row.protected,
            close: row.close,
            control_plan: row.control_plan,
            created_at: row.created_at,
            withdrawn_at: row.withdrawn_at,
            withdraw_reason: row.withdraw_reason,
        }
    }
}

/// Rows of exposures, with what is known of the index's illness, by a condition.
macro_rules! exposures {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"SELECT e.id, e.event_id, e.entered_by, e.index_id, e.index_unit_id, e.index_one_id, c.onset_on AS "onset_on?",
                    c.sampled_on AS "sampled_on?", e.index_reference, e.contact_id, e.contact_unit_id, e.contact_one_id,
                    e.kind, e.place, e.first_at, e.last_at, e.protected, e.close AS "close!", e.control_plan, e.created_at,
                    e.withdrawn_at, e.withdraw_reason, e.key_id, e.sealed
             FROM exposure e LEFT JOIN case_record c ON c.one_id = e.index_one_id AND c.leads_id = c.id WHERE "# + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await
    };
}

/// Opens what is sealed of some.
fn opened(rows: Vec<Row>, keys: &Keyring) -> Result<Vec<Exposure>, Fault> {
    rows.into_iter().map(|row| row.open(keys)).collect()
}

/// An exposure.
///
/// # Errors
/// Where the database fails.
pub async fn get(connection: &mut PgConnection, keys: &Keyring, id: Uuid) -> Result<Option<Exposure>, Fault> {
    exposures!(connection, "e.id = $1", id)?.pop().map(|row| row.open(keys)).transpose()
}

/// As [`get`], locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock(
    connection: &mut PgConnection,
    keys: &Keyring,
    id: Uuid,
) -> Result<Option<Exposure>, Fault> {
    let row = exposures!(connection, "e.id = $1 FOR NO KEY UPDATE OF e", id)?.pop();
    row.map(|row| row.open(keys)).transpose()
}

/// What was sent before, by its event and who sent it.
///
/// # Errors
/// Where the database fails.
pub async fn sent_before(
    connection: &mut PgConnection,
    event: Uuid,
    entered_by: &str,
) -> Result<Option<Uuid>, Fault> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM exposure WHERE event_id = $1 AND entered_by = $2",
        event,
        entered_by
    );
    Ok(id.fetch_optional(connection).await?)
}

/// The close contacts of an index that count, in the order of the contacts, without their texts.
///
/// # Errors
/// Where the database fails.
pub async fn close_of(connection: &mut PgConnection, index_one: Uuid) -> Result<Vec<Exposure>, Fault> {
    let close = exposures!(
        connection,
        "e.index_one_id = $1 AND e.contact_one_id <> $1 AND e.close AND e.withdrawn_at IS NULL ORDER BY e.contact_one_id, e.last_at",
        index_one
    )?;
    Ok(close.into_iter().map(Exposure::from).collect())
}

/// Some close contacts, in the hands of units, of persons who are ill, after one, for a proof: each without its texts, with
/// whether they are ill themselves or were ever put under observation.
///
/// # Errors
/// Where the database fails.
pub async fn to_prove(
    connection: &mut PgConnection,
    units: &[Uuid],
    after: Uuid,
    limit: i64,
) -> Result<Vec<(Exposure, bool)>, Fault> {
    let ids = sqlx::query!(
        r#"SELECT e.id, EXISTS (SELECT FROM observation o WHERE o.one_id = e.contact_one_id)
                     OR EXISTS (SELECT FROM case_record k WHERE k.one_id = e.contact_one_id) AS "followed!"
           FROM exposure e JOIN case_record c ON c.one_id = e.index_one_id AND c.leads_id = c.id AND c.state IN (2, 3, 4, 9)
           WHERE e.contact_unit_id = ANY($1) AND e.close AND e.withdrawn_at IS NULL AND e.id > $2 ORDER BY e.id LIMIT $3"#,
        units,
        after,
        limit,
    );
    let ids = ids.fetch_all(&mut *connection).await?;
    let asked: Vec<Uuid> = ids.iter().map(|row| row.id).collect();
    let found = exposures!(connection, "e.id = ANY($1) ORDER BY e.id", &asked)?;
    Ok(found.into_iter().map(Exposure::from).zip(ids.into_iter().map(|row| row.followed)).collect())
}

/// A page of the exposures of contacts in the hands of units.
///
/// # Errors
/// Where the database fails.
pub async fn of_units(
    connection: &mut PgConnection,
    keys: &Keyring,
    (units, dangling): (&[Uuid], bool),
    after: Uuid,
    limit: i64,
) -> Result<Vec<Exposure>, Fault> {
    if dangling {
        let rows = exposures!(
            connection,
            "e.contact_unit_id = ANY($1) AND e.index_id IS NULL AND e.withdrawn_at IS NULL AND e.erased_at IS NULL AND e.id > $2
             ORDER BY e.id LIMIT $3",
            units,
            after,
            limit
        )?;
        return opened(rows, keys);
    }
    let rows = exposures!(
        connection,
        "e.contact_unit_id = ANY($1) AND e.id > $2 ORDER BY e.id LIMIT $3",
        units,
        after,
        limit
    )?;
    opened(rows, keys)
}

/// A page of the exposures of an index, of a contact, or of both, by the first of those who are one.
///
/// # Errors
/// Where the database fails.
pub async fn of_persons(
    connection: &mut PgConnection,
    keys: &Keyring,
    (index, contact): (Option<Uuid>, Option<Uuid>),
    after: Uuid,
    limit: i64,
) -> Result<Vec<Exposure>, Fault> {
    let rows = exposures!(
        connection,
        "($1::uuid IS NULL OR e.index_one_id = $1) AND ($2::uuid IS NULL OR e.contact_one_id = $2)
         AND ($1::uuid IS NOT NULL OR $2::uuid IS NOT NULL) AND e.id > $3 ORDER BY e.id LIMIT $4",
        index,
        contact,
        after,
        limit
    )?;
    opened(rows, keys)
}

/// Adds an exposure, its texts sealed; answers whether it is new.
///
/// # Errors
/// Where the database fails.
pub async fn insert(
    connection: &mut PgConnection,
    keys: &Keyring,
    exposure: &Exposure,
) -> Result<bool, Fault> {
    let index = exposure.index.as_ref();
    let kept = Kept::of(keys, exposure.id, Texts::of(exposure))?;
    let inserted = sqlx::query!(
        "INSERT INTO exposure (id, event_id, entered_by, index_id, index_unit_id, index_one_id, index_reference, contact_id,
                               contact_unit_id, contact_one_id, kind, first_at, last_at, protected, control_plan, created_at, key_id,
                               sealed, place_hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
         ON CONFLICT ON CONSTRAINT exposure_event_key DO NOTHING",
        exposure.id,
        exposure.event,
        exposure.entered_by,
        index.map(|index| index.person),
        index.map(|index| index.unit),
        index.map(|index| index.one),
        kept.index_reference,
        exposure.contact,
        exposure.contact_unit,
        exposure.contact_one,
        exposure.kind,
        exposure.first_at,
        exposure.last_at,
        exposure.protected,
        exposure.control_plan,
        exposure.created_at,
        kept.key_id,
        kept.sealed,
        kept.place_hash,
    );
    Ok(inserted.execute(connection).await?.rows_affected() == 1)
}

/// Where who is one person, in a unit's hands, met somebody from an instant on, as contact or as index: places with names,
/// each once.
///
/// # Errors
/// Where the database fails.
pub async fn places_of(
    connection: &mut PgConnection,
    keys: &Keyring,
    (one, unit): (Uuid, Uuid),
    since: DateTime<Utc>,
) -> Result<Vec<String>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id!", place AS "place!", key_id, sealed FROM exposure
           WHERE contact_one_id = $1 AND contact_unit_id = $2 AND (place_hash IS NOT NULL OR place_key <> '')
             AND withdrawn_at IS NULL AND last_at >= $3
           UNION ALL
           SELECT id, place, key_id, sealed FROM exposure
           WHERE index_one_id = $1 AND index_unit_id = $2 AND (place_hash IS NOT NULL OR place_key <> '')
             AND withdrawn_at IS NULL AND last_at >= $3"#,
        one,
        unit,
        since,
    );
    let mut places = Vec::new();
    for row in rows.fetch_all(connection).await? {
        places.push(match row.key_id.zip(row.sealed) {
            Some((key, bytes)) => texts::open(keys, row.id, &Sealed { key, bytes })?.place,
            None => row.place,
        });
    }
    places.sort_unstable();
    places.dedup();
    Ok(places)
}

/// Writes who the index of an exposure, which is locked, is.
///
/// # Errors
/// Where the database fails.
pub async fn link(
    connection: &mut PgConnection,
    id: Uuid,
    index: Index,
    (by, now): (&str, DateTime<Utc>),
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE exposure SET index_id = $2, index_unit_id = $3, index_one_id = $4, linked_by = $5, linked_at = $6 WHERE id = $1",
        id,
        index.person,
        index.unit,
        index.one,
        by,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes back an exposure, which is locked.
///
/// # Errors
/// Where the database fails.
pub async fn withdraw(
    connection: &mut PgConnection,
    id: Uuid,
    reason: &str,
    (by, now): (&str, DateTime<Utc>),
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE exposure SET withdrawn_at = $2, withdrawn_by = $3, withdraw_reason = $4 WHERE id = $1",
        id,
        now,
        by,
        reason,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The figures of contacts in the hands of units, unit by unit, as of an instant: each person once (R24), where
/// the first exposure that counts is, by the last observation that had begun by then. An index counts who was a case by then, or was taken in as one; whoever was found
/// to be their own contact is none. Units without contacts are left out.
///
/// # Errors
/// Where the database fails.
pub async fn figures(
    connection: &mut PgConnection,
    units: &[Uuid],
    at: DateTime<Utc>,
) -> Result<Vec<(Uuid, Figures)>, Fault> {
    let figures = sqlx::query!(
        r#"WITH counts AS (
               SELECT e.id, e.contact_unit_id AS unit, e.contact_one_id AS one, e.close
               FROM exposure e
               WHERE e.contact_one_id IN (SELECT contact_one_id FROM exposure WHERE contact_unit_id = ANY($1)) AND e.created_at < $2 AND (e.withdrawn_at IS NULL OR e.withdrawn_at >= $2)
                 AND e.index_one_id IS DISTINCT FROM e.contact_one_id
                 AND (e.index_id IS NULL
                      OR EXISTS (SELECT FROM person p WHERE p.same_as = e.index_one_id AND p.purpose = 3 AND p.former_purpose IS NULL)
                      OR EXISTS (SELECT FROM case_record r JOIN case_event v ON v.case_id = r.id
                                 WHERE r.one_id = e.index_one_id AND v.kind IN (3, 4) AND v.after IN (2, 3, 4) AND v.counts_from < $2))
           ), contact AS (
               SELECT (array_agg(unit ORDER BY id))[1] AS unit, one, bool_or(close) AS close FROM counts GROUP BY one
           ), stands AS (
               SELECT c.unit, CASE
                   WHEN NOT c.close THEN 0
                   WHEN (SELECT v.after FROM case_record r JOIN case_event v ON v.case_id = r.id
                         WHERE r.one_id = c.one AND r.leads_id = r.id AND v.kind IN (3, 4) AND v.counts_from < $2
                         ORDER BY v.number DESC LIMIT 1) NOT IN (1, 5, 6) THEN 2
                   WHEN o.id IS NULL THEN 5
                   WHEN o.ended_at < $2 THEN LEAST(o.ending, 5)
                   WHEN (SELECT v.kind FROM observation_event v
                         WHERE v.observation_id = o.id AND v.kind IN (5, 6) AND v.happened_at < $2
                         ORDER BY v.number DESC LIMIT 1) = 5 THEN 7
                   ELSE 6 END AS way
               FROM contact c LEFT JOIN LATERAL (
                   SELECT id, ended_at, ending FROM observation
                   WHERE one_id = c.one AND starts_at < $2 AND basis <> 5 AND ending IS DISTINCT FROM 7
                   ORDER BY (ended_at IS NULL OR ended_at >= $2) DESC, starts_at DESC, id DESC LIMIT 1
               ) o ON true
               WHERE c.unit = ANY($1)
           )
           SELECT unit AS "unit!", count(*) FILTER (WHERE way = 1) AS "released!", count(*) FILTER (WHERE way = 2) AS "converted!",
                  count(*) FILTER (WHERE way = 6) AS "under_observation!", count(*) FILTER (WHERE way = 7) AS "lost!",
                  count(*) FILTER (WHERE way BETWEEN 3 AND 5) AS "apart!", count(*) FILTER (WHERE way = 0) AS "general!"
           FROM stands GROUP BY 1"#,
        units,
        at,
    );
    let rows = figures.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| {
            let figures = Figures {
                released: row.released,
                converted: row.converted,
                under_observation: row.under_observation,
                lost: row.lost,
                apart: row.apart,
                general: row.general,
            };
            (row.unit, figures)
        })
        .collect())
}
