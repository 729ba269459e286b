//! What is followed, remembered in the service's own schema.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

/// How far a feed was followed.
#[derive(Clone, Debug)]
pub(crate) struct Followed {
    pub(crate) topic: String,
    pub(crate) token: String,
    pub(crate) serial: i64,
    pub(crate) heard_at: DateTime<Utc>,
}

/// A resource as it was received.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) key: Uuid,
    pub(crate) body: Option<Vec<u8>>,
}

/// The lease of one replica on following a feed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease {
    pub(crate) topic: &'static str,
    pub(crate) follower: Uuid,
    pub(crate) until: DateTime<Utc>,
    pub(crate) now: DateTime<Utc>,
}

pub(crate) async fn followed(pool: &PgPool) -> Result<Vec<Followed>, Fault> {
    let all = sqlx::query_as!(Followed, "SELECT topic, token, serial, heard_at FROM followed");
    Ok(all.fetch_all(pool).await?)
}

pub(crate) async fn kept_after(pool: &PgPool, topic: &str, serial: i64) -> Result<Vec<Kept>, Fault> {
    let rows = sqlx::query_as!(
        Kept,
        "SELECT key, body FROM kept WHERE topic = $1 AND serial > $2 ORDER BY serial",
        topic,
        serial,
    );
    Ok(rows.fetch_all(pool).await?)
}

/// Takes or keeps the lease; answers where to resume, or nothing while another follows.
pub(crate) async fn lease(pool: &PgPool, lease: Lease) -> Result<Option<String>, Fault> {
    let token = sqlx::query_scalar!(
        "INSERT INTO followed (topic, heard_at, follower, leased_until) VALUES ($1, 'epoch', $2, $3)
         ON CONFLICT ON CONSTRAINT followed_pkey DO UPDATE SET follower = $2, leased_until = $3
         WHERE followed.follower = $2 OR followed.leased_until < $4
         RETURNING token",
        lease.topic,
        lease.follower,
        lease.until,
        lease.now,
    );
    Ok(token.fetch_optional(pool).await?)
}

/// Notes that the feed was heard of, and where to resume where that is said; answers the serial for what
/// is taken in with it, or nothing where the lease was lost.
pub(crate) async fn heard(
    connection: &mut PgConnection,
    lease: Lease,
    token: Option<&str>,
    more: bool,
) -> Result<Option<i64>, Fault> {
    let serial = sqlx::query_scalar!(
        "UPDATE followed SET token = coalesce($3, token), leased_until = $4, heard_at = $5,
                serial = serial + CASE WHEN $6 THEN 1 ELSE 0 END
         WHERE topic = $1 AND follower = $2 RETURNING serial",
        lease.topic,
        lease.follower,
        token,
        lease.until,
        lease.now,
        more,
    );
    Ok(serial.fetch_optional(connection).await?)
}

/// Keeps resources.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    topic: &str,
    serial: i64,
    resources: &[(Uuid, Vec<u8>)],
) -> Result<(), Fault> {
    let (keys, bodies): (Vec<Uuid>, Vec<Vec<u8>>) = resources.iter().cloned().unzip();
    sqlx::query!(
        "INSERT INTO kept (topic, key, serial, body) SELECT $1, key, $2, body FROM unnest($3::uuid[], $4::bytea[]) AS new (key, body)
         ON CONFLICT ON CONSTRAINT kept_pkey DO UPDATE SET serial = excluded.serial, body = excluded.body",
        topic,
        serial,
        &keys,
        &bodies,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets what was last received before a serial: a snapshot did not name it.
pub(crate) async fn forget_before(
    connection: &mut PgConnection,
    topic: &str,
    before: i64,
    serial: i64,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE kept SET body = NULL, serial = $3 WHERE topic = $1 AND serial < $2 AND body IS NOT NULL",
        topic,
        before,
        serial,
    )
    .execute(connection)
    .await?;
    Ok(())
}
