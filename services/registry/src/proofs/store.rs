//! Proofs remember nothing; here they read. Every read is of one part of the tree.

use std::collections::{BTreeSet, HashMap};

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use jurisdiction::Office;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Finding, Head, Holders, PART, Part, Post, Standing, nowhere, unplaced};
use crate::appointments::{
    Contact,
    store::{holding, office},
};

/// The instant that is asked about, and the date of its tree.
#[derive(Clone, Copy, Debug)]
pub struct When {
    /// The instant.
    pub at: DateTime<Utc>,
    /// The date.
    pub day: NaiveDate,
}

fn spans(part: &Part) -> (Vec<String>, Vec<String>) {
    part.spans.iter().cloned().unzip()
}

/// The units at the head of the ranges, and the counties below them.
///
/// # Errors
/// Where the database fails.
pub async fn heads(connection: &mut PgConnection, ranges: &[String], when: When) -> Result<Vec<Head>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT u.id, u.level, p.path, n.display_name AS "display_name?"
           FROM unnest($1::text[]) AS range(path)
           JOIN unit_place p ON p.path >= range.path COLLATE "C" AND p.path < (range.path || 'g') COLLATE "C"
                AND p.valid @> $2::date
           JOIN unit u ON u.id = p.unit_id AND (u.level = $3 OR p.path = range.path COLLATE "C")
           LEFT JOIN unit_name n ON n.unit_id = u.id AND n.valid @> $2::date
           ORDER BY p.path"#,
        ranges,
        when.day,
        PART as i16,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    let heads = rows.map(|row| Head {
        unit: row.id,
        display_name: row.display_name.unwrap_or_default(),
        path: row.path,
        county: row.level == PART as i16,
    });
    Ok(heads.collect())
}

/// The required offices of a part's units at work, in the order of the tree.
///
/// # Errors
/// Where the database fails.
pub async fn posts(connection: &mut PgConnection, part: &Part, when: When) -> Result<Vec<Post>, Fault> {
    let (starts, stops) = spans(part);
    let rows = sqlx::query!(
        r#"WITH at_work AS MATERIALIZED (
               SELECT p.unit_id, p.path, u.level
               FROM unnest($1::text[], $2::text[]) AS span(start, stop)
               JOIN unit_place p ON p.path >= span.start COLLATE "C" AND p.path < span.stop COLLATE "C"
                    AND p.valid @> $3::date
               JOIN unit u ON u.id = p.unit_id
               JOIN unit_status s ON s.unit_id = p.unit_id AND s.valid @> $3::date AND s.status = 1),
           held AS MATERIALIZED (
               SELECT a.unit_id, a.office, min(a.kind) AS kind
               FROM at_work w JOIN appointment a ON a.unit_id = w.unit_id JOIN officer o ON o.id = a.officer_id
               WHERE a.kind <> 3 AND a.during @> $4::timestamptz
               GROUP BY a.unit_id, a.office)
           SELECT w.unit_id AS "unit!", w.path AS "path!", r.office AS "office?", h.kind AS "kind?"
           FROM at_work w
           LEFT JOIN required_office r ON r.level = w.level
           LEFT JOIN held h ON h.unit_id = w.unit_id AND h.office = r.office
           ORDER BY w.path, r.office"#,
        &starts,
        &stops,
        when.day,
        when.at,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    let posts = rows.map(|row| {
        Ok(Post {
            unit: row.unit,
            path: row.path,
            office: row.office.as_deref().map(office).transpose()?,
            holding: row.kind.map(holding).transpose()?,
        })
    });
    posts.collect()
}

/// The duty officers of a part and above it, by the paths of their units: in full before acting before
/// deputy.
///
/// # Errors
/// Where the database fails.
pub async fn duty(
    connection: &mut PgConnection,
    part: &Part,
    when: When,
) -> Result<HashMap<String, Contact>, Fault> {
    let (starts, stops) = spans(part);
    let rows = sqlx::query!(
        r#"WITH place AS MATERIALIZED (
               SELECT p.unit_id, p.path
               FROM unnest($1::text[], $2::text[]) AS span(start, stop)
               JOIN unit_place p ON p.path >= span.start COLLATE "C" AND p.path < span.stop COLLATE "C"
                    AND p.valid @> $3::date
               UNION
               SELECT p.unit_id, p.path FROM unit_place p WHERE p.path = ANY($5::text[]) AND p.valid @> $3::date)
           SELECT place.path AS "path!", o.display_name, o.official_phone, a.kind, a.unit_id,
                  coalesce(n.display_name, '') AS "unit_name!"
           FROM place
           JOIN appointment a ON a.unit_id = place.unit_id AND a.office = 'duty_officer'
                AND a.during @> $4::timestamptz
           JOIN officer o ON o.id = a.officer_id
           LEFT JOIN unit_name n ON n.unit_id = a.unit_id AND n.valid @> $3::date
           ORDER BY place.path, a.kind, a.id"#,
        &starts,
        &stops,
        when.day,
        when.at,
        &part.above(),
    );
    let mut duty = HashMap::new();
    for row in rows.fetch_all(connection).await? {
        let contact = Contact {
            display_name: row.display_name,
            official_phone: row.official_phone,
            office: Office::DutyOfficer,
            holding: holding(row.kind)?,
            unit: row.unit_id,
            unit_display_name: row.unit_name,
        };
        duty.entry(row.path).or_insert(contact);
    }
    Ok(duty)
}

/// The offices of a part that more than one holds in the same way, or somebody who does not exist.
///
/// # Errors
/// Where the database fails.
pub async fn holders(connection: &mut PgConnection, part: &Part, when: When) -> Result<Vec<Holders>, Fault> {
    let (starts, stops) = spans(part);
    let rows = sqlx::query!(
        r#"SELECT a.unit_id, a.office, a.kind, array_agg(a.id ORDER BY a.id) AS "all!",
                  coalesce(array_agg(a.id ORDER BY a.id) FILTER (WHERE o.id IS NULL), '{}') AS "of_nobody!"
           FROM unnest($1::text[], $2::text[]) AS span(start, stop)
           JOIN unit_place p ON p.path >= span.start COLLATE "C" AND p.path < span.stop COLLATE "C"
                AND p.valid @> $3::date
           JOIN appointment a ON a.unit_id = p.unit_id AND a.during @> $4::timestamptz
           LEFT JOIN officer o ON o.id = a.officer_id
           GROUP BY a.unit_id, a.office, a.kind
           HAVING (a.kind <> 3 AND count(*) > 1) OR count(o.id) < count(*)
           ORDER BY a.unit_id, a.office, a.kind"#,
        &starts,
        &stops,
        when.day,
        when.at,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    let holders = rows.map(|row| {
        Ok(Holders {
            unit: row.unit_id,
            office: office(&row.office)?,
            holding: holding(row.kind)?,
            appointments: row.all,
            of_nobody: row.of_nobody,
        })
    });
    holders.collect()
}

/// How the units of a part stand, and the units that name one of them as their parent.
///
/// # Errors
/// Where the database fails.
pub async fn standings(
    connection: &mut PgConnection,
    part: &Part,
    when: When,
) -> Result<Vec<Standing>, Fault> {
    let (starts, stops) = spans(part);
    let rows = sqlx::query!(
        r#"WITH part AS MATERIALIZED (
               SELECT p.unit_id, p.parent_id, p.path
               FROM unnest($1::text[], $2::text[]) AS span(start, stop)
               JOIN unit_place p ON p.path >= span.start COLLATE "C" AND p.path < span.stop COLLATE "C"
                    AND p.valid @> $3::date),
           place AS MATERIALIZED (
               SELECT unit_id, parent_id, path FROM part
               UNION
               SELECT p.unit_id, p.parent_id, p.path FROM part
               JOIN unit_place p ON p.parent_id = part.unit_id AND p.valid @> $3::date),
           above AS MATERIALIZED (
               SELECT p.unit_id, p.path, s.status
               FROM (SELECT DISTINCT parent_id FROM place) AS parent
               JOIN unit_place p ON p.unit_id = parent.parent_id AND p.valid @> $3::date
               LEFT JOIN unit_status s ON s.unit_id = p.unit_id AND s.valid @> $3::date)
           SELECT place.unit_id AS "unit!", place.parent_id AS parent, place.path AS "path!", u.ordinal AS "ordinal?",
                  n.unit_id IS NOT NULL AS "named!", s.status AS "status?",
                  above.path AS "parent_path?", above.status AS "parent_status?"
           FROM place
           LEFT JOIN unit u ON u.id = place.unit_id
           LEFT JOIN unit_name n ON n.unit_id = place.unit_id AND n.valid @> $3::date
           LEFT JOIN unit_status s ON s.unit_id = place.unit_id AND s.valid @> $3::date
           LEFT JOIN above ON above.unit_id = place.parent_id
           ORDER BY place.path"#,
        &starts,
        &stops,
        when.day,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    let standings = rows.map(|row| Standing {
        unit: row.unit,
        ordinal: row.ordinal,
        named: row.named,
        status: row.status,
        path: row.path,
        parent: row.parent,
        parent_path: row.parent_path,
        parent_status: row.parent_status,
    });
    Ok(standings.collect())
}

/// Which of some units stand below themselves.
///
/// # Errors
/// Where the database fails.
pub async fn cyclic(
    connection: &mut PgConnection,
    units: &[Uuid],
    when: When,
) -> Result<BTreeSet<Uuid>, Fault> {
    let found = sqlx::query_scalar!(
        r#"WITH RECURSIVE up AS (
               SELECT id AS start, id AS unit FROM unnest($1::uuid[]) AS id
               UNION
               SELECT up.start, p.parent_id FROM up
               JOIN unit_place p ON p.unit_id = up.unit AND p.valid @> $2::date WHERE p.parent_id IS NOT NULL)
           SELECT DISTINCT up.start AS "start!" FROM up
           JOIN unit_place p ON p.unit_id = up.unit AND p.valid @> $2::date WHERE p.parent_id = up.start"#,
        units,
        when.day,
    );
    Ok(found.fetch_all(connection).await?.into_iter().collect())
}

/// What no part of the tree contains: appointments at units that do not exist, units without a place.
///
/// # Errors
/// Where the database fails.
pub async fn outside(connection: &mut PgConnection, when: When) -> Result<Vec<Finding>, Fault> {
    let rows = sqlx::query!(
        "SELECT a.id, a.unit_id, a.office FROM appointment a
         WHERE a.during @> $1::timestamptz AND NOT EXISTS (SELECT FROM unit u WHERE u.id = a.unit_id) ORDER BY a.id",
        when.at,
    );
    let mut findings = Vec::new();
    for row in rows.fetch_all(&mut *connection).await? {
        findings.push(nowhere(row.id, row.unit_id, office(&row.office)?));
    }
    let lost = sqlx::query_scalar!(
        "SELECT s.unit_id FROM unit_status s
         WHERE s.valid @> $1::date
           AND NOT EXISTS (SELECT FROM unit_place p WHERE p.unit_id = s.unit_id AND p.valid @> $1::date)
         ORDER BY s.unit_id",
        when.day,
    );
    findings.extend(lost.fetch_all(connection).await?.into_iter().map(unplaced));
    Ok(findings)
}

/// The names and levels of units, as far as they have them.
///
/// # Errors
/// Where the database fails.
pub async fn named(
    connection: &mut PgConnection,
    units: &[Uuid],
    when: When,
) -> Result<HashMap<Uuid, (String, i16)>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT u.id, u.level, coalesce(n.display_name, '') AS "display_name!"
           FROM unit u LEFT JOIN unit_name n ON n.unit_id = u.id AND n.valid @> $2::date
           WHERE u.id = ANY($1)"#,
        units,
        when.day,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows.map(|row| (row.id, (row.display_name, row.level))).collect())
}
