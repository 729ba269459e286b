//! Seals remember here. Rows are only ever added.

use std::collections::BTreeMap;

use chassis::Fault;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{Contents, Digest, Seal};
use crate::{days::ReadTo, forms::Figures, rollups::Cells};

struct Row {
    id: Uuid,
    day_id: Uuid,
    number: i32,
    sealed_at: DateTime<Utc>,
    sealed_by: String,
    bulletin_date: NaiveDate,
    publish_at: DateTime<Utc>,
    digest: Vec<u8>,
    revisions: i64,
    amendments: i64,
    unsigned: Vec<Uuid>,
    reason: String,
    sealed_on: Json<ReadTo>,
}

impl From<Row> for Seal {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            day: row.day_id,
            number: row.number,
            sealed_at: row.sealed_at,
            sealed_by: row.sealed_by,
            bulletin_date: row.bulletin_date,
            publish_at: row.publish_at,
            digest: row.digest,
            revisions: row.revisions,
            amendments: row.amendments,
            unsigned: row.unsigned,
            reason: row.reason,
            sealed_on: row.sealed_on.0,
        }
    }
}

/// The seals of some days, or one seal, by number.
///
/// # Errors
/// Where the database fails.
pub async fn seals(
    connection: &mut PgConnection,
    days: &[Uuid],
    seal: Option<Uuid>,
) -> Result<Vec<Seal>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, day_id, number, sealed_at, sealed_by, bulletin_date, publish_at, digest, revisions, amendments,
                  unsigned, reason, sealed_on AS "sealed_on: Json<ReadTo>"
           FROM seal WHERE day_id = ANY($1) OR id = $2 ORDER BY day_id, number"#,
        days,
        seal,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(Seal::from).collect())
}

/// Records a seal with its figures; the day is sealed from here on.
///
/// # Errors
/// Where the database fails.
pub async fn insert(connection: &mut PgConnection, seal: &Seal, contents: &Contents) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO seal (id, day_id, number, sealed_at, sealed_by, bulletin_date, publish_at, digest, revisions, amendments, unsigned, reason, sealed_on)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        seal.id,
        seal.day,
        seal.number,
        seal.sealed_at,
        seal.sealed_by,
        seal.bulletin_date,
        seal.publish_at,
        seal.digest,
        seal.revisions,
        seal.amendments,
        &seal.unsigned,
        seal.reason,
        Json(&seal.sealed_on) as _,
    )
    .execute(&mut *connection)
    .await?;
    insert_totals(connection, seal.id, contents).await?;
    insert_parts(connection, seal.id, contents).await?;
    sqlx::query!("UPDATE day SET state = 4, pending = 0, version = version + 1 WHERE id = $1", seal.day)
        .execute(connection)
        .await?;
    Ok(())
}

async fn insert_totals(connection: &mut PgConnection, seal: Uuid, contents: &Contents) -> Result<(), Fault> {
    let widths =
        contents.totals.values().next().map_or((0, 0), |(cells, sums, _)| (cells.0.len(), sums.len()));
    let places: Vec<i32> = contents.totals.keys().copied().collect();
    let (mut cells, mut sums, mut digests) = (vec![], vec![], vec![]);
    for (own, cumulative, digest) in contents.totals.values() {
        cells.extend(&own.0);
        sums.extend(cumulative);
        digests.push(digest.to_vec());
    }
    sqlx::query!(
        "INSERT INTO seal_total (seal_id, place, cells, cumulative, digest)
         SELECT $1, t.place, ($3::bigint[])[(t.n - 1) * $4 + 1 : t.n * $4], ($5::bigint[])[(t.n - 1) * $6 + 1 : t.n * $6], t.digest
         FROM unnest($2::int[], $7::bytea[]) WITH ORDINALITY AS t (place, digest, n)",
        seal,
        &places,
        &cells,
        i64::try_from(widths.0).unwrap_or(i64::MAX),
        &sums as &[Option<i64>],
        i64::try_from(widths.1).unwrap_or(i64::MAX),
        &digests,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_parts(connection: &mut PgConnection, seal: Uuid, contents: &Contents) -> Result<(), Fault> {
    let places: Vec<i32> = contents.parts.keys().copied().collect();
    let revisions: Vec<i32> = contents.parts.values().flatten().copied().collect();
    let mut ends = Vec::with_capacity(places.len());
    for codes in contents.parts.values() {
        let before = ends.last().copied().unwrap_or(0);
        ends.push(before + i32::try_from(codes.len()).unwrap_or(i32::MAX));
    }
    sqlx::query!(
        "INSERT INTO seal_part (seal_id, place, revisions)
         SELECT $1, p.place, ($2::int[])[1 + lag(p.end_at, 1, 0) OVER (ORDER BY p.n) : p.end_at]
         FROM unnest($3::int[], $4::int[]) WITH ORDINALITY AS p (place, end_at, n)",
        seal,
        &revisions,
        &places,
        &ends,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a seal has of each place.
pub type Totals = BTreeMap<i32, (Cells, Figures, Digest)>;

/// The figures of a seal, of some places or of all.
///
/// # Errors
/// Where the database fails.
pub async fn totals(
    connection: &mut PgConnection,
    seal: Uuid,
    places: Option<&[i32]>,
) -> Result<Totals, Fault> {
    let rows = sqlx::query!(
        r#"SELECT place, cells, cumulative AS "cumulative: Vec<Option<i64>>", digest FROM seal_total
           WHERE seal_id = $1 AND ($2::int[] IS NULL OR place = ANY($2))"#,
        seal,
        places,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    rows.map(|row| {
        let digest = Digest::try_from(row.digest.as_slice()).map_err(Fault::internal)?;
        Ok((row.place, (Cells(row.cells), row.cumulative, digest)))
    })
    .collect()
}

/// What a seal contains of each expectation, by part.
///
/// # Errors
/// Where the database fails.
pub async fn parts(connection: &mut PgConnection, seal: Uuid) -> Result<BTreeMap<i32, Vec<i32>>, Fault> {
    let rows = sqlx::query!("SELECT place, revisions FROM seal_part WHERE seal_id = $1", seal);
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.place, row.revisions)).collect())
}

/// A unit's agreement: where, who, when, to figures of how many changes, and a remark.
pub type SignOff = (i32, String, DateTime<Utc>, i64, String);

/// The last sign-off of every unit.
///
/// # Errors
/// Where the database fails.
pub async fn sign_offs(connection: &mut PgConnection, day: Uuid) -> Result<Vec<SignOff>, Fault> {
    let rows = sqlx::query!(
        "SELECT DISTINCT ON (place) place, signed_by, signed_at, changes, note FROM sign_off
         WHERE day_id = $1 ORDER BY place, number DESC",
        day,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    Ok(rows.map(|row| (row.place, row.signed_by, row.signed_at, row.changes, row.note)).collect())
}

/// Records a sign-off.
///
/// # Errors
/// Where the database fails.
pub async fn sign_off(connection: &mut PgConnection, day: Uuid, sign_off: &SignOff) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO sign_off (day_id, place, number, signed_by, signed_at, changes, note)
         SELECT $1, $2, coalesce(max(number), 0) + 1, $3, $4, $5, $6 FROM sign_off WHERE day_id = $1 AND place = $2",
        day,
        sign_off.0,
        sign_off.1,
        sign_off.2,
        sign_off.3,
        sign_off.4,
    )
    .execute(connection)
    .await?;
    Ok(())
}
