//! Revisions: only ever added.

use std::collections::{BTreeMap, HashMap};

use chassis::Fault;
use chrono::NaiveDate;
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

/// The revisions of the expectations from a place up to an end, in order; without what explains differences, which
/// [`crate::registers::store::explanations`] reads.
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
            explanations: BTreeMap::new(),
        };
        Ok(((row.place, row.slot), revision))
    })
    .collect()
}
