//! Revisions: only ever added.

use std::collections::HashMap;

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    days::Plan,
    forms::Figures,
    reports::{Content, Revision, RevisionKind, Timing},
};

/// A revision that is to be written.
#[derive(Clone, Debug)]
pub struct NewRevision {
    /// Where.
    pub place: i32,
    /// Which slot.
    pub slot: i16,
    /// The request_id of the call.
    pub request_id: Uuid,
    /// Of the message.
    pub fingerprint: Vec<u8>,
    /// What it says.
    pub revision: Revision,
}

/// Writes revisions.
///
/// # Errors
/// Where the database fails; [`Fault::Conflict`] where a request_id was claimed meanwhile.
pub async fn insert_revisions(
    connection: &mut PgConnection,
    plan: &Plan,
    new: &[NewRevision],
) -> Result<(), Fault> {
    let width = plan.columns();
    let mut keys = (vec![], vec![], vec![], vec![], vec![]);
    let mut said = (vec![], vec![], vec![], vec![], vec![], vec![]);
    let mut who = (vec![], vec![], vec![], vec![], vec![]);
    let mut when = (vec![], vec![], vec![], vec![]);
    for row in new {
        let revision = &row.revision;
        keys.0.push(row.place);
        keys.1.push(row.slot);
        keys.2.push(revision.number);
        keys.3.push(row.request_id);
        keys.4.push(row.fingerprint.clone());
        said.0.push(revision.kind as i16);
        said.1.push(revision.timing as i16);
        said.2.push(revision.content.map_or(0, |content| content as i16));
        said.3.extend((0..width).map(|column| crate::forms::value(&revision.figures, column)));
        let differences = revision.differences.as_deref().unwrap_or_default();
        said.4.extend((0..width).map(|column| crate::forms::value(differences, column)));
        said.5.push(revision.reason.clone());
        who.0.push(revision.caller.clone());
        who.1.push(revision.entered_at_unit);
        who.2.push(revision.on_behalf);
        who.3.push(revision.informant.clone());
        who.4.push(revision.channel);
        when.0.push(revision.made_at);
        when.1.push(revision.received_at);
        when.2.push(revision.announce_date);
        when.3.push(revision.note.clone());
    }
    let inserted = sqlx::query!(
        "INSERT INTO revision (business_date, day_id, place, slot, number, request_id, fingerprint, kind, timing, content,
                               figures, differences, reason, caller, entered_at_unit, on_behalf, informant, channel,
                               made_at, received_at, announce_date, note)
         SELECT $1, $2, r.place, r.slot, r.number, r.request_id, r.fingerprint, r.kind, r.timing, r.content,
                ($11::bigint[])[(r.n - 1) * $13 + 1 : r.n * $13],
                CASE WHEN r.kind = 3 THEN ($12::bigint[])[(r.n - 1) * $13 + 1 : r.n * $13] END,
                r.reason, r.caller, r.entered_at_unit, r.on_behalf, r.informant, r.channel, r.made_at, r.received_at,
                r.announce_date, r.note
         FROM unnest($3::int[], $4::smallint[], $5::int[], $6::uuid[], $7::bytea[], $8::smallint[], $9::smallint[], $10::smallint[],
                     $14::text[], $15::text[], $16::uuid[], $17::bool[], $18::text[], $19::smallint[], $20::timestamptz[],
                     $21::timestamptz[], $22::date[], $23::text[])
              WITH ORDINALITY AS r (place, slot, number, request_id, fingerprint, kind, timing, content, reason, caller,
                                    entered_at_unit, on_behalf, informant, channel, made_at, received_at, announce_date, note, n)
         ORDER BY r.place, r.slot, r.number",
        plan.day.date,
        plan.day.id,
        &keys.0,
        &keys.1,
        &keys.2,
        &keys.3,
        &keys.4,
        &said.0,
        &said.1,
        &said.2,
        &said.3 as &[Option<i64>],
        &said.4 as &[Option<i64>],
        i64::try_from(width).unwrap_or(i64::MAX),
        &said.5,
        &who.0,
        &who.1,
        &who.2,
        &who.3,
        &who.4,
        &when.0 as &[Option<DateTime<Utc>>],
        &when.1,
        &when.2 as &[Option<NaiveDate>],
        &when.3,
    );
    inserted.execute(connection).await.map_err(|error| {
        chassis::fault::on_constraint(error, |name| {
            name.ends_with("request_id_caller_business_date_key").then_some(Fault::Conflict)
        })
    })?;
    Ok(())
}

/// What was taken in before with a request_id.
#[derive(Clone, Debug)]
pub struct Before {
    /// The report's place and slot.
    pub key: (i32, i16),
    /// The day.
    pub day: Uuid,
    /// Of the message.
    pub fingerprint: Vec<u8>,
    /// The revision's number, timing, content and figures.
    pub number: i32,
    /// How it stood.
    pub timing: Timing,
    /// What it said.
    pub content: Option<Content>,
    /// The figures.
    pub figures: Figures,
}

/// What was taken in before of a business date, by caller and request_id. Each is looked up by the key, as
/// in [`super::lock`].
///
/// # Errors
/// Where the database fails.
pub async fn before(
    connection: &mut PgConnection,
    date: NaiveDate,
    request_ids: &[Uuid],
) -> Result<HashMap<(String, Uuid), Before>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT r.caller, r.request_id, r.fingerprint, r.day_id, r.place, r.slot, r.number, r.timing, r.content,
                  r.figures AS "figures: Vec<Option<i64>>"
           FROM unnest($2::uuid[]) AS used (request_id) CROSS JOIN LATERAL (
               SELECT * FROM revision WHERE business_date = $1 AND request_id = used.request_id OFFSET 0
           ) AS r"#,
        date,
        request_ids,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    rows.map(|row| {
        let before = Before {
            key: (row.place, row.slot),
            day: row.day_id,
            fingerprint: row.fingerprint,
            number: row.number,
            timing: Timing::of(row.timing).ok_or_else(|| Fault::internal("a timing"))?,
            content: Content::of(row.content),
            figures: row.figures,
        };
        Ok(((row.caller, row.request_id), before))
    })
    .collect()
}

/// A revision with where it belongs.
pub type Placed = ((i32, i16), Revision);

/// The revisions of the expectations from a place up to an end, in order.
///
/// # Errors
/// Where the database fails.
pub async fn revisions(
    connection: &mut PgConnection,
    plan: &Plan,
    first: i32,
    end: i32,
) -> Result<Vec<Placed>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT place, slot, number, kind, timing, content, figures AS "figures: Vec<Option<i64>>",
                  differences AS "differences: Vec<Option<i64>>", reason, caller, entered_at_unit, on_behalf, informant,
                  channel, made_at, received_at, announce_date, note
           FROM revision WHERE business_date = $1 AND day_id = $2 AND place >= $3 AND place < $4
           ORDER BY place, slot, number"#,
        plan.day.date,
        plan.day.id,
        first,
        end,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    rows.map(|row| {
        let kind = match row.kind {
            1 => RevisionKind::Report,
            2 => RevisionKind::Return,
            _ => RevisionKind::Correction,
        };
        let revision = Revision {
            number: row.number,
            kind,
            timing: Timing::of(row.timing).ok_or_else(|| Fault::internal("a timing"))?,
            content: Content::of(row.content),
            figures: row.figures,
            differences: row.differences,
            reason: row.reason,
            caller: row.caller,
            entered_at_unit: row.entered_at_unit,
            on_behalf: row.on_behalf,
            informant: row.informant,
            channel: row.channel,
            made_at: row.made_at,
            received_at: row.received_at,
            announce_date: row.announce_date,
            note: row.note,
        };
        Ok(((row.place, row.slot), revision))
    })
    .collect()
}
