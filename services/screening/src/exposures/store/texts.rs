//! The texts of an exposure: where it was, and how a list names an index that is not known here. They are sealed, bound to
//! the row's id, and the place is found by a keyed hash.

use chassis::{Fault, parse};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    exposures::Exposure,
    incidents::places::folded,
    keyring::{Keyring, Sealed},
    persons::{parse::COLLECTION as PERSONS, place_marks},
};

/// What is sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Texts {
    /// Where it was.
    pub(super) place: String,
    /// How the list names the index.
    pub(super) index_reference: String,
}

impl Texts {
    pub(super) fn of(exposure: &Exposure) -> Self {
        Self { place: exposure.place.clone(), index_reference: exposure.index_reference.clone() }
    }
}

/// What a row keeps of its texts.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) key_id: Option<String>,
    pub(super) sealed: Option<Vec<u8>>,
    pub(super) place_hash: Option<Vec<u8>>,
    /// What stays open: the name of a person here, which tells nothing.
    pub(super) index_reference: String,
}

impl Kept {
    /// What the row of an id keeps.
    pub(super) fn of(keys: &Keyring, id: Uuid, mut texts: Texts) -> Result<Self, Fault> {
        let mut kept = Self::default();
        if parse::name(PERSONS, &texts.index_reference).is_ok() {
            kept.index_reference = std::mem::take(&mut texts.index_reference);
        }
        let key = folded(&texts.place);
        if !key.is_empty() {
            kept.place_hash = place_marks(keys, &key).into_iter().next().map(|mark| mark.hash);
        }
        if texts != Texts::default() {
            let body =
                serde_json::to_vec(&texts).map_err(|_| Fault::internal("texts that cannot be written"))?;
            let sealed = keys.seal(id, &body)?;
            (kept.key_id, kept.sealed) = (Some(sealed.key), Some(sealed.bytes));
        }
        Ok(kept)
    }
}

pub(super) fn open(keys: &Keyring, id: Uuid, sealed: &Sealed) -> Result<Texts, Fault> {
    // The cause is left out: it may quote the value.
    serde_json::from_slice(&keys.open(id, sealed)?).map_err(|_| Fault::internal("sealed texts"))
}

/// Seals some texts anew that are sealed with a key that is not the first; answers how many.
///
/// # Errors
/// Where the database fails.
pub async fn reseal(connection: &mut PgConnection, keys: &Keyring, limit: i64) -> Result<usize, Fault> {
    let rows = sqlx::query!(
        r#"SELECT id, key_id AS "key_id!", sealed AS "sealed!" FROM exposure
           WHERE (key_id < $1 OR key_id > $1) ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED"#,
        keys.first(),
        limit,
    );
    let rows = rows.fetch_all(&mut *connection).await?;
    let count = rows.len();
    for row in rows {
        let texts = open(keys, row.id, &Sealed { key: row.key_id, bytes: row.sealed })?;
        let kept = Kept::of(keys, row.id, texts)?;
        sqlx::query!(
            "UPDATE exposure SET key_id = $2, sealed = $3, place_hash = $4 WHERE id = $1",
            row.id,
            kept.key_id,
            kept.sealed,
            kept.place_hash,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(count)
}

/// Seals some texts that an older program left open, and takes them away where they were; answers how many.
///
/// # Errors
/// Where the database fails.
pub async fn seal_open(connection: &mut PgConnection, keys: &Keyring, limit: i64) -> Result<usize, Fault> {
    let rows = sqlx::query!(
        "SELECT id, place, index_reference FROM exposure
         WHERE place <> '' OR (index_reference <> '' AND index_reference !~ '^persons/[0-9a-f-]{36}$')
         ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED",
        limit,
    );
    let rows = rows.fetch_all(&mut *connection).await?;
    let count = rows.len();
    for row in rows {
        let texts = Texts { place: row.place, index_reference: row.index_reference };
        let kept = Kept::of(keys, row.id, texts)?;
        sqlx::query!(
            "UPDATE exposure SET key_id = $2, sealed = $3, place_hash = $4, place = '', place_key = '', index_reference = $5
             WHERE id = $1",
            row.id,
            kept.key_id,
            kept.sealed,
            kept.place_hash,
            kept.index_reference,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(count)
}
