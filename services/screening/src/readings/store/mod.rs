//! Slots and readings remember here.

use chassis::{Fault, parse::SKEW};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Outcome, Reading, Slot};
use crate::escalations::Kind;

mod slots;

pub use slots::{close_elapsed, fill, fill_from_all, finish, plan, read, recount, slots};

/// How long readings are kept, in days: they are evidence, and go with the persons (P2).
const KEPT_DAYS: u64 = 36_500;

/// Makes the partition of a day.
///
/// # Errors
/// Where the database fails.
pub async fn make_partition(pool: &PgPool, day: NaiveDate) -> Result<(), Fault> {
    let oldest = day - chrono::Days::new(KEPT_DAYS);
    sqlx::query_scalar!("SELECT keep_day_partitions('reading', $1, $2, $2)", oldest, day)
        .fetch_one(pool)
        .await?;
    Ok(())
}

/// An observation that a reading speaks of, with the slot in which it was taken; and the one that counts for
/// the same person, where that is another.
#[derive(Clone, Debug)]
pub struct Spoken {
    /// Which reading.
    pub nth: usize,
    /// The observation.
    pub observation: Uuid,
    /// Whose hands.
    pub unit: Uuid,
    /// Where it was opened.
    pub opened_unit: Uuid,
    /// Whether it has ended.
    pub has_ended: bool,
    /// Whether it goes on as another one.
    pub is_joined: bool,
    /// The slot in which the reading was taken.
    pub slot: Option<Slot>,
    /// Whether a later slot has been read.
    pub later_read: bool,
    /// Whether missed readings are put before somebody.
    pub is_raised: bool,
    /// The observation that counts, and the beginning of its slot.
    pub leading: Option<(Uuid, Option<DateTime<Utc>>)>,
}

/// What readings speak of: those whose observation exists. None of them ends until the transaction does.
///
/// # Errors
/// Where the database fails.
pub async fn spoken_of(
    connection: &mut PgConnection,
    readings: &[Reading],
    now: DateTime<Utc>,
) -> Result<Vec<Spoken>, Fault> {
    let observations: Vec<Uuid> = readings.iter().map(|reading| reading.observation).collect();
    let taken: Vec<DateTime<Utc>> = readings.iter().map(|reading| reading.taken_at).collect();
    let rows = sqlx::query!(
        r#"SELECT r.nth AS "nth!", o.id, o.unit_id, o.opened_unit_id, o.ended_at IS NOT NULL AS "has_ended!",
                  coalesce(o.ending = 7, false) AS "is_joined!",
                  s.opens_at AS "opens_at?", s.closes_at AS "closes_at?", s.outcome AS "outcome?", s.missed_at AS "missed_at?",
                  CASE WHEN s.closes_at > $4 THEN false ELSE EXISTS (
                      SELECT FROM slot l WHERE l.observation_id = o.id AND l.opens_at > r.taken_at AND l.opens_at <= $4 AND l.outcome >= 3
                  ) END AS "later_read!",
                  EXISTS (SELECT FROM escalation e WHERE e.subject_id IN (o.id, lead.id) AND e.kind = $3) AS "is_raised!",
                  lead.id AS "lead_id?", ls.opens_at AS "lead_opens_at?"
           FROM (SELECT * FROM unnest($1::uuid[], $2::timestamptz[]) WITH ORDINALITY AS u (observation_id, taken_at, nth)
                 ORDER BY observation_id OFFSET 0) r
           CROSS JOIN LATERAL (SELECT * FROM observation WHERE id = r.observation_id FOR KEY SHARE) o
           LEFT JOIN LATERAL (
               SELECT * FROM slot WHERE observation_id = o.id AND opens_at <= r.taken_at ORDER BY opens_at DESC LIMIT 1
           ) s ON s.closes_at > r.taken_at
           LEFT JOIN LATERAL (
               SELECT id FROM observation
               WHERE one_id = CASE WHEN o.leads_id <> o.id OR o.ended_at IS NOT NULL THEN o.one_id END
                 AND ended_at IS NULL AND leads_id = id AND id <> o.id
           ) lead ON true
           LEFT JOIN LATERAL (
               SELECT opens_at, closes_at FROM slot WHERE observation_id = lead.id AND opens_at <= r.taken_at ORDER BY opens_at DESC LIMIT 1
           ) ls ON ls.closes_at > r.taken_at"#,
        &observations,
        &taken,
        Kind::ReadingMissed as i16,
        // Another replica's clock may be ahead of this one, too.
        now + SKEW * 2,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows
        .map(|row| Spoken {
            nth: usize::try_from(row.nth - 1).unwrap_or_default(),
            observation: row.id,
            unit: row.unit_id,
            opened_unit: row.opened_unit_id,
            has_ended: row.has_ended,
            is_joined: row.is_joined,
            slot: row.opens_at.zip(row.closes_at).map(|(opens_at, closes_at)| Slot {
                opens_at,
                closes_at,
                outcome: row.outcome.and_then(Outcome::of),
                missed_at: row.missed_at,
            }),
            later_read: row.later_read,
            is_raised: row.is_raised,
            leading: row.lead_id.map(|id| (id, row.lead_opens_at)),
        })
        .collect())
}

/// A reading as it is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// As it was sent.
    pub reading: Reading,
    /// The civil day on which it was taken.
    pub taken_on: NaiveDate,
    /// Who sent it.
    pub sent_by: String,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// What is irregular about it.
    pub marks: Vec<i16>,
}

struct Row {
    observation_id: Uuid,
    taken_on: NaiveDate,
    sent_by: String,
    event_id: Uuid,
    taken_at: DateTime<Utc>,
    received_at: DateTime<Utc>,
    outcome: i16,
    decidegrees: Option<i16>,
    symptoms: Vec<i16>,
    marks: Vec<i16>,
    note: String,
}

impl TryFrom<Row> for Kept {
    type Error = Fault;

    fn try_from(row: Row) -> Result<Self, Fault> {
        Ok(Self {
            reading: Reading {
                event: row.event_id,
                observation: row.observation_id,
                taken_at: row.taken_at,
                outcome: Outcome::of(row.outcome).ok_or_else(|| Fault::internal("an outcome"))?,
                decidegrees: row.decidegrees,
                symptoms: row.symptoms,
                note: row.note,
            },
            taken_on: row.taken_on,
            sent_by: row.sent_by,
            received_at: row.received_at,
            marks: row.marks,
        })
    }
}

/// What some events of a sender say, that were taken in.
///
/// # Errors
/// Where the database fails.
pub async fn known(
    connection: &mut PgConnection,
    (sent_by, events): (&str, &[Uuid]),
    days: &[NaiveDate],
) -> Result<Vec<Kept>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT observation_id, taken_on, sent_by, event_id, taken_at, received_at, outcome, decidegrees, symptoms, marks, note
         FROM reading WHERE event_id = ANY($1) AND sent_by = $2 AND taken_on = ANY($3)",
        events,
        sent_by,
        days,
    );
    rows.fetch_all(connection).await?.into_iter().map(Kept::try_from).collect()
}

/// Adds readings of one sender; answers the events and days of those that were there before.
///
/// # Errors
/// Where the database fails.
pub async fn insert(
    connection: &mut PgConnection,
    sent_by: &str,
    kept: &[&Kept],
) -> Result<Vec<(Uuid, NaiveDate)>, Fault> {
    // Lists of lists do not fit a table's columns: each becomes a text that is taken apart again.
    let words = |numbers: &[i16]| {
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        format!("{{{}}}", numbers.join(","))
    };
    let of = |kept: &&Kept| {
        let reading = &kept.reading;
        (reading.event, reading.observation, reading.taken_at, reading.outcome as i16, reading.decidegrees)
    };
    let keys: Vec<_> = kept.iter().map(of).collect();
    let rows = sqlx::query!(
        r#"WITH new AS (
             INSERT INTO reading (taken_on, sent_by, event_id, observation_id, taken_at, received_at, outcome, decidegrees,
                                  symptoms, marks, note)
             SELECT taken_on, $2, event_id, observation_id, taken_at, received_at, outcome, decidegrees,
                    symptoms::smallint[], marks::smallint[], note
             FROM unnest($1::date[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::timestamptz[], $7::smallint[],
                         $8::smallint[], $9::text[], $10::text[], $11::text[])
                  AS r (taken_on, event_id, observation_id, taken_at, received_at, outcome, decidegrees, symptoms, marks, note)
             ORDER BY event_id ON CONFLICT DO NOTHING RETURNING event_id, taken_on
         )
         SELECT event_id AS "event_id!", taken_on AS "taken_on!" FROM unnest($3, $1) AS r (event_id, taken_on)
         EXCEPT SELECT event_id, taken_on FROM new"#,
        &kept.iter().map(|kept| kept.taken_on).collect::<Vec<_>>(),
        sent_by,
        &keys.iter().map(|key| key.0).collect::<Vec<_>>(),
        &keys.iter().map(|key| key.1).collect::<Vec<_>>(),
        &keys.iter().map(|key| key.2).collect::<Vec<_>>(),
        &kept.iter().map(|kept| kept.received_at).collect::<Vec<_>>(),
        &keys.iter().map(|key| key.3).collect::<Vec<_>>(),
        &keys.iter().map(|key| key.4).collect::<Vec<_>>() as &[Option<i16>],
        &kept.iter().map(|kept| words(&kept.reading.symptoms)).collect::<Vec<_>>(),
        &kept.iter().map(|kept| words(&kept.marks)).collect::<Vec<_>>(),
        &kept.iter().map(|kept| kept.reading.note.clone()).collect::<Vec<_>>(),
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows.map(|row| (row.event_id, row.taken_on)).collect())
}

/// Readings of an observation after one, in the order in which they were taken.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    observation: Uuid,
    after: (DateTime<Utc>, Uuid),
    limit: i64,
) -> Result<Vec<Kept>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT observation_id, taken_on, sent_by, event_id, taken_at, received_at, outcome, decidegrees, symptoms, marks, note
         FROM reading WHERE observation_id = $1 AND (taken_at, event_id) > ($2, $3) ORDER BY taken_at, event_id LIMIT $4",
        observation,
        after.0,
        after.1,
        limit,
    );
    rows.fetch_all(connection).await?.into_iter().map(Kept::try_from).collect()
}

/// Readings with one of some marks that nobody looks for, of observations in the hands of units, after one, in the order in
/// which they were received.
///
/// # Errors
/// Where the database fails.
pub async fn marked(
    connection: &mut PgConnection,
    units: &[Uuid],
    marks: &[i16],
    after: (DateTime<Utc>, Uuid),
    limit: i64,
) -> Result<Vec<Kept>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT r.observation_id, r.taken_on, r.sent_by, r.event_id, r.taken_at, r.received_at, r.outcome, r.decidegrees,
                r.symptoms, r.marks, r.note
         FROM reading r JOIN observation o ON o.id = r.observation_id
         WHERE r.marks && '{3,4,5}'::smallint[] AND r.marks && $2 AND o.unit_id = ANY($1)
           AND (r.received_at, r.event_id) > ($3, $4) ORDER BY r.received_at, r.event_id LIMIT $5",
        units,
        marks,
        after.0,
        after.1,
        limit,
    );
    rows.fetch_all(connection).await?.into_iter().map(Kept::try_from).collect()
}
