//! What changes of a day's reports is written by one statement, so that a batch takes few round trips.

use chassis::{Fault, feed};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Expected, NewRevision};
use crate::{
    days::{Plan, State, store as days},
    forms::value,
    registers::store as register,
    reports::TOPIC,
    rollups::{Cells, store::Deltas},
};

/// What changes of a day's reports.
#[derive(Clone, Copy, Debug)]
pub struct Changes<'a> {
    /// What was said.
    pub revisions: &'a [NewRevision],
    /// The expectations that stand otherwise now: rows that are there, and locked by this transaction.
    pub rows: &'a [&'a Expected],
    /// What is added to totals.
    pub deltas: &'a Deltas,
    /// To which stripe of them; 0 is everybody's who is no batch.
    pub stripe: i16,
}

impl<'a> Changes<'a> {
    /// Totals alone.
    #[must_use]
    pub fn of_totals(deltas: &'a Deltas) -> Self {
        Self { revisions: &[], rows: &[], deltas, stripe: 0 }
    }
}

/// Writes what changes with all its effects: revisions, standings, totals, the feed's note, and that a sealed
/// day is amended. Every row is found by its key: an UPDATE joined to a list would let the planner walk
/// the whole day for every row of the list, as it does where it takes the day for small: on a partition that
/// was just filled. Rows of one table are written in the order of their keys.
///
/// # Errors
/// Where the database fails; [`Fault::Conflict`] where a request_id was claimed meanwhile.
pub async fn write(connection: &mut PgConnection, plan: &Plan, changes: Changes<'_>) -> Result<(), Fault> {
    let width = plan.columns();
    let mut keys = (vec![], vec![], vec![], vec![], vec![]);
    let mut said = (vec![], vec![], vec![], vec![], vec![], vec![]);
    let mut who = (vec![], vec![], vec![], vec![], vec![]);
    let mut when = (vec![], vec![], vec![], vec![]);
    for new in changes.revisions {
        let revision = &new.revision;
        keys.0.push(new.place);
        keys.1.push(new.slot);
        keys.2.push(revision.number);
        keys.3.push(new.request_id);
        keys.4.push(new.fingerprint.as_slice());
        said.0.push(revision.kind as i16);
        said.1.push(revision.timing as i16);
        said.2.push(revision.content.map_or(0, |content| content as i16));
        said.3.extend((0..width).map(|column| value(&revision.figures, column)));
        let differences = revision.differences.as_deref().unwrap_or_default();
        said.4.extend((0..width).map(|column| value(differences, column)));
        said.5.push(revision.reason.as_str());
        who.0.push(revision.caller.as_str());
        who.1.push(revision.entered_at_unit);
        who.2.push(revision.on_behalf);
        who.3.push(revision.informant.as_str());
        who.4.push(revision.channel);
        when.0.push(revision.made_at);
        when.1.push(revision.received_at);
        when.2.push(revision.announce_date);
        when.3.push(revision.note.as_str());
    }
    let mut row_keys = (vec![], vec![], vec![]);
    let mut stands = (vec![], vec![], vec![], vec![], vec![], vec![], vec![]);
    for row in changes.rows {
        let standing = &row.standing;
        row_keys.0.push(row.place);
        row_keys.1.push(row.slot);
        row_keys.2.push(row.id);
        stands.0.push(standing.timing as i16);
        stands.1.push(standing.content.map_or(0, |content| content as i16));
        stands.2.push(standing.returned);
        stands.3.push(standing.revision);
        stands.4.extend((0..width).map(|column| value(&standing.figures, column)));
        stands.5.push(row.reason.as_str());
        stands.6.push(row.received_at);
    }
    let places: Vec<i32> = changes.deltas.keys().copied().collect();
    let cells: Vec<i64> = changes.deltas.values().flat_map(|cells| cells.0.iter().copied()).collect();
    let written = sqlx::query!(
        "WITH said AS (
             INSERT INTO revision (business_date, day_id, place, slot, number, request_id, fingerprint, kind, timing, content,
                                   figures, differences, reason, caller, entered_at_unit, on_behalf, informant, channel,
                                   made_at, received_at, announce_date, note)
             SELECT $1, $2, r.place, r.slot, r.number, r.request_id, r.fingerprint, r.kind, r.timing, r.content,
                    ($5::bigint[])[(r.n - 1) * $3 + 1 : r.n * $3],
                    CASE WHEN r.kind = 3 THEN ($6::bigint[])[(r.n - 1) * $3 + 1 : r.n * $3] END,
                    r.reason, r.caller, r.entered_at_unit, r.on_behalf, r.informant, r.channel, r.made_at, r.received_at,
                    r.announce_date, r.note
             FROM unnest($8::int[], $9::smallint[], $10::int[], $11::uuid[], $12::bytea[], $13::smallint[], $14::smallint[],
                         $15::smallint[], $16::text[], $17::text[], $18::uuid[], $19::bool[], $20::text[], $21::smallint[],
                         $22::timestamptz[], $23::timestamptz[], $24::date[], $25::text[])
                  WITH ORDINALITY AS r (place, slot, number, request_id, fingerprint, kind, timing, content, reason, caller,
                                        entered_at_unit, on_behalf, informant, channel, made_at, received_at, announce_date, note, n)
             ORDER BY r.place, r.slot, r.number
         ), stands AS (
             INSERT INTO expectation (business_date, day_id, place, slot, id, timing, content, returned, revision, figures,
                                      reason, received_at)
             SELECT $1, $2, n.place, n.slot, n.id, n.timing, n.content, n.returned, n.revision,
                    ($7::bigint[])[(n.n - 1) * $3 + 1 : n.n * $3], n.reason, n.received_at
             FROM unnest($26::int[], $27::smallint[], $28::uuid[], $29::smallint[], $30::smallint[], $31::bool[], $32::int[],
                         $33::text[], $34::timestamptz[])
                  WITH ORDINALITY AS n (place, slot, id, timing, content, returned, revision, reason, received_at, n)
             ORDER BY n.place, n.slot
             ON CONFLICT ON CONSTRAINT expectation_pkey DO UPDATE SET
                    timing = excluded.timing, content = excluded.content, returned = excluded.returned,
                    revision = excluded.revision, figures = excluded.figures, reason = excluded.reason,
                    received_at = excluded.received_at
         )
         INSERT INTO total (business_date, day_id, place, stripe, cells)
         SELECT $1, $2, d.place, $4, ($36::bigint[])[(d.n - 1) * $37 + 1 : d.n * $37]
         FROM unnest($35::int[]) WITH ORDINALITY AS d (place, n)
         ORDER BY d.place
         ON CONFLICT ON CONSTRAINT total_pkey DO UPDATE
         SET cells = ARRAY(SELECT c.there + c.more FROM unnest(total.cells, excluded.cells) AS c (there, more))",
        plan.day.date,
        plan.day.id,
        length(width),
        changes.stripe,
        &said.3 as &[Option<i64>],
        &said.4 as &[Option<i64>],
        &stands.4 as &[Option<i64>],
        &keys.0,
        &keys.1,
        &keys.2,
        &keys.3,
        &keys.4 as &[&[u8]],
        &said.0,
        &said.1,
        &said.2,
        &said.5 as &[&str],
        &who.0 as &[&str],
        &who.1,
        &who.2,
        &who.3 as &[&str],
        &who.4,
        &when.0 as &[Option<DateTime<Utc>>],
        &when.1,
        &when.2 as &[Option<NaiveDate>],
        &when.3 as &[&str],
        &row_keys.0,
        &row_keys.1,
        &row_keys.2 as &[Uuid],
        &stands.0,
        &stands.1,
        &stands.2,
        &stands.3,
        &stands.5 as &[&str],
        &stands.6 as &[Option<DateTime<Utc>>],
        &places,
        &cells,
        length(Cells::none(width).0.len()),
    );
    written.execute(&mut *connection).await.map_err(|error| {
        chassis::fault::on_constraint(error, |name| {
            name.ends_with("request_id_caller_business_date_key").then_some(Fault::Conflict)
        })
    })?;
    let explained = changes.revisions.iter().flat_map(|new| {
        let words = new.revision.explanations.iter();
        words.map(|(field, words)| ((new.place, new.slot), new.revision.number, field.clone(), words.clone()))
    });
    register::explain(connection, plan, &explained.collect::<Vec<_>>()).await?;
    if changes.rows.is_empty() {
        return Ok(());
    }
    let reports: Vec<Uuid> = changes.rows.iter().map(|row| row.id).collect();
    feed::note(connection, TOPIC, &reports).await?;
    if plan.day.state == State::Sealed {
        let count = changes.revisions.len().max(reports.len());
        days::amended(connection, plan.day.id, i64::try_from(count).unwrap_or(i64::MAX)).await?;
    }
    Ok(())
}

fn length(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
