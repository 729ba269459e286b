//! The change feed of a service: which resources changed, in one order.
//!
//! A transaction notes the keys of what it changed, together ([`note`]). One sequencer at a time, of whichever
//! replica, gives committed notes their positions. A watcher reads positions after its own and sends
//! each resource as it is *now*: at least once, in one order, a full resource or a tombstone. Since a
//! note carries no contents, a change is a few bytes, and a resource that changed twice is sent as it
//! ended.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sqlx::PgConnection;
use tokio::{sync::watch, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{Database, Fault, clock, partitions::DayTable};

/// The feed's table, kept for a week: a consumer that was away for longer takes a snapshot.
pub const TABLE: DayTable = DayTable { table: "change", kept_days: 7 };

/// How often the sequencer looks, and how often replicas look what others sequenced.
const PULSE: Duration = Duration::from_millis(50);

/// The most notes that get their positions in one transaction, and the most changed resources that are read
/// at once.
const MOST: i64 = 5_000;

/// The most resources of one note: work that changes more writes several.
const OF_NOTE: i32 = 500;

/// A place in the feed: everything up to it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub i64);

/// A change in the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Everything up to here was seen by whoever saw the changes up to this one. A note of several
    /// resources has been seen with the last of them.
    pub position: Position,
    /// The resource that changed.
    pub key: Uuid,
}

/// Notes that resources of a topic changed, inside the transaction that changes them.
///
/// # Errors
/// Where the database fails.
pub async fn note(connection: &mut PgConnection, topic: &str, keys: &[Uuid]) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO change_inbox (topic, keys)
         SELECT $1, ($2::uuid[])[n : n + $3 - 1] FROM generate_series(1, cardinality($2::uuid[]), $3) AS n",
        topic,
        keys,
        OF_NOTE,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A service's feed. Clones share their sight of it.
#[derive(Clone, Debug)]
pub struct Feed {
    database: Database,
    epoch: String,
    seen: watch::Receiver<Position>,
}

impl Feed {
    /// Starts this replica's share of the sequencing, until `shutdown`.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn start(database: Database, shutdown: CancellationToken) -> Result<Self, Fault> {
        let epoch = epoch(&database).await?;
        let last = last(&database).await?;
        let (sender, seen) = watch::channel(last);
        tokio::spawn(run(database.clone(), sender, shutdown));
        Ok(Self { database, epoch, seen })
    }

    /// A receiver that wakes when there is more.
    #[must_use]
    pub fn more(&self) -> watch::Receiver<Position> {
        self.seen.clone()
    }

    /// Names the history that positions belong to: another for a restored or promoted database.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// The token of a position: opaque, and worthless in another epoch.
    #[must_use]
    pub fn token(&self, position: Position) -> String {
        URL_SAFE_NO_PAD.encode(format!("1 {} {}", self.epoch, position.0))
    }

    /// The position of a token, if everything after it is still kept.
    ///
    /// # Errors
    /// [`Fault::ChangeToken`] for a token that is too old, of another epoch, ahead of the feed, or none.
    pub async fn position(&self, token: &str) -> Result<Position, Fault> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Fault::ChangeToken)?;
        let text = String::from_utf8(bytes).map_err(|_| Fault::ChangeToken)?;
        let position = match text.split(' ').collect::<Vec<_>>().as_slice() {
            ["1", epoch, position] if *epoch == self.epoch => position.parse().ok(),
            _ => None,
        };
        let position = Position(position.ok_or(Fault::ChangeToken)?);
        let bounds = sqlx::query!(
            r#"SELECT f.position AS "last!", (SELECT min(c.position) FROM change c) AS oldest FROM feed f"#
        );
        let bounds = bounds.fetch_one(self.database.pool()).await?;
        let oldest = bounds.oldest.unwrap_or(bounds.last + 1);
        if position.0 + 1 < oldest || position.0 > bounds.last {
            return Err(Fault::ChangeToken);
        }
        Ok(position)
    }

    /// The changes of a topic after a position, each resource once at its last place, and the
    /// position up to which this is all.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn after(&self, topic: &str, position: Position) -> Result<(Vec<Change>, Position), Fault> {
        let mut work = self.database.snapshot().await?;
        let end = sqlx::query_scalar!(
            r#"SELECT coalesce(max(c.position), (SELECT position FROM feed)) AS "end!"
               FROM (SELECT position, sum(cardinality(keys)) OVER (ORDER BY position) - cardinality(keys) AS before
                     FROM change WHERE position > $1 ORDER BY position LIMIT $2) AS c
               WHERE c.before < $2"#,
            position.0,
            MOST,
        );
        let end = end.fetch_one(&mut *work).await?;
        let rows = sqlx::query!(
            r#"SELECT key AS "key!", max(position) AS "position!" FROM change, unnest(keys) AS key
               WHERE topic = $1 AND position > $2 AND position <= $3 GROUP BY key ORDER BY 2, 1"#,
            topic,
            position.0,
            end,
        );
        let rows = rows.fetch_all(&mut *work).await?;
        let following = rows.iter().skip(1).map(|row| row.position).chain([i64::MAX]);
        let changes = rows.iter().zip(following).map(|(row, next)| {
            let is_last_of_note = next > row.position;
            let seen = if is_last_of_note { row.position } else { row.position - 1 };
            Change { position: Position(seen), key: row.key }
        });
        Ok((changes.collect(), Position(end)))
    }
}

/// The position in the state that a snapshot sees: what it holds besides comes again as changes.
///
/// # Errors
/// Where the database fails.
pub async fn position_in(connection: &mut PgConnection) -> Result<Position, Fault> {
    let last = sqlx::query_scalar!("SELECT position FROM feed").fetch_one(connection).await?;
    Ok(Position(last))
}

async fn epoch(database: &Database) -> Result<String, Fault> {
    let epoch = sqlx::query_scalar!(
        r#"SELECT to_hex(s.system_identifier) || '-' || c.timeline_id || '-' || d.oid AS "epoch!"
           FROM pg_control_system() s, pg_control_checkpoint() c, pg_database d WHERE d.datname = current_database()"#
    );
    Ok(epoch.fetch_one(database.pool()).await?)
}

async fn last(database: &Database) -> Result<Position, Fault> {
    let last = sqlx::query_scalar!("SELECT position FROM feed").fetch_one(database.pool()).await?;
    Ok(Position(last))
}

async fn run(database: Database, seen: watch::Sender<Position>, shutdown: CancellationToken) {
    let mut pulse = tokio::time::interval(PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = pulse.tick() => {}
        }
        match sequence(&database).await {
            Ok(last) => {
                failing = false;
                seen.send_if_modified(|position| std::mem::replace(position, last) != last);
            }
            // Said once for an outage; the next pulse tries again.
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(?error, "the feed stands still");
            }
            Err(_) => {}
        }
    }
}

/// Gives committed notes their positions, unless another replica is at it. Answers the last position.
async fn sequence(database: &Database) -> Result<Position, Fault> {
    let waiting =
        sqlx::query!(r#"SELECT f.position, EXISTS (SELECT FROM change_inbox) AS "any!" FROM feed f"#);
    let waiting = waiting.fetch_one(database.pool()).await?;
    if !waiting.any {
        return Ok(Position(waiting.position));
    }
    let mut work = database.begin(None).await?;
    let held = sqlx::query_scalar!("SELECT position FROM feed FOR UPDATE SKIP LOCKED")
        .fetch_optional(&mut *work)
        .await?;
    let Some(last) = held else {
        return Ok(Position(waiting.position));
    };
    let given = sqlx::query!(
        "WITH taken AS (
             DELETE FROM change_inbox WHERE id IN (SELECT id FROM change_inbox ORDER BY id LIMIT $3)
             RETURNING id, topic, keys)
         INSERT INTO change (day, position, topic, keys)
         SELECT $1, $2 + row_number() OVER (ORDER BY id), topic, keys FROM taken",
        clock::wall().date_naive(),
        last,
        MOST,
    );
    let given = given.execute(&mut *work).await?.rows_affected();
    let position = last.saturating_add_unsigned(given);
    sqlx::query!("UPDATE feed SET position = $1", position).execute(&mut *work).await?;
    work.commit().await?;
    Ok(Position(position))
}
