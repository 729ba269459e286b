//! Hand-downs remember here.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Handdown, Receipt, State};
use crate::worklists::After;

mod sources;

pub use sources::{Source, add_source, covered_before, reseal, sent_before, sources};

struct Row {
    id: Uuid,
    chain_id: Uuid,
    person_id: Uuid,
    holder_unit_id: Uuid,
    one_id: Uuid,
    from_unit_id: Uuid,
    to_unit_id: Option<Uuid>,
    final_unit_id: Option<Uuid>,
    urgent: bool,
    readdressed: bool,
    state: i16,
    outcome: Option<i16>,
    words: String,
    next_id: Option<Uuid>,
    verify_minutes: i32,
    step_minutes: i32,
    due_at: DateTime<Utc>,
    escalate_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    created_by: String,
    sent_at: Option<DateTime<Utc>>,
    sent_by: String,
    acknowledged_at: Option<DateTime<Utc>>,
    acknowledged_by: String,
    closed_at: Option<DateTime<Utc>>,
    verified_by: String,
    receiver: Option<String>,
    outside_at: Option<DateTime<Utc>>,
    letter: Option<String>,
}

impl TryFrom<Row> for Handdown {
    type Error = Fault;

    fn try_from(row: Row) -> Result<Self, Fault> {
        Ok(Self {
            id: row.id,
            chain: row.chain_id,
            person: row.person_id,
            holder: row.holder_unit_id,
            one: row.one_id,
            from: row.from_unit_id,
            to: row.to_unit_id,
            last: row.final_unit_id,
            urgent: row.urgent,
            readdressed: row.readdressed,
            state: State::of(row.state).ok_or_else(|| Fault::internal("a state"))?,
            outcome: row.outcome,
            words: row.words,
            next: row.next_id,
            verify_minutes: row.verify_minutes,
            step_minutes: row.step_minutes,
            due_at: row.due_at,
            escalate_at: row.escalate_at,
            created_at: row.created_at,
            created_by: row.created_by,
            sent_at: row.sent_at,
            sent_by: row.sent_by,
            acknowledged_at: row.acknowledged_at,
            acknowledged_by: row.acknowledged_by,
            closed_at: row.closed_at,
            verified_by: row.verified_by,
            receipt: row
                .receiver
                .zip(row.outside_at)
                .zip(row.letter)
                .map(|((receiver, received_at), letter)| Receipt { receiver, received_at, letter }),
        })
    }
}

/// Hand-downs by a condition.
macro_rules! handdowns {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Row,
            "SELECT h.id, h.chain_id, h.person_id, h.holder_unit_id, h.one_id, h.from_unit_id, h.to_unit_id, h.final_unit_id,
                    h.urgent, h.readdressed, h.state, h.outcome, h.words, h.next_id, h.verify_minutes, h.step_minutes,
                    h.due_at, h.escalate_at, h.created_at, h.created_by, h.sent_at, h.sent_by, h.acknowledged_at,
                    h.acknowledged_by, h.closed_at, h.verified_by, h.receiver, h.outside_at, h.letter
             FROM handdown h WHERE " + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await?
        .into_iter()
        .map(Handdown::try_from)
        .collect::<Result<Vec<Handdown>, Fault>>()
    };
}

/// A hand-down.
///
/// # Errors
/// Where the database fails.
pub async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<Handdown>, Fault> {
    Ok(handdowns!(connection, "h.id = $1", id)?.pop())
}

/// Hand-downs by their ids, in the order of their ids.
///
/// # Errors
/// Where the database fails.
pub async fn some(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Handdown>, Fault> {
    handdowns!(connection, "h.id = ANY($1) ORDER BY h.id", ids)
}

/// As [`get`], locked; whose person must have been locked before.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<Handdown>, Fault> {
    Ok(handdowns!(connection, "h.id = $1 FOR NO KEY UPDATE", id)?.pop())
}

/// The open hand-downs of everybody who was found to be one, locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock_open(connection: &mut PgConnection, one: Uuid) -> Result<Vec<Handdown>, Fault> {
    handdowns!(connection, "h.one_id = $1 AND h.closed_at IS NULL ORDER BY h.id FOR NO KEY UPDATE", one)
}

/// Every hop of a chain, the first first.
///
/// # Errors
/// Where the database fails.
pub async fn hops(connection: &mut PgConnection, chain: Uuid) -> Result<Vec<Handdown>, Fault> {
    handdowns!(connection, "h.chain_id = $1 ORDER BY h.id", chain)
}

/// The open hop of the chain that a unit began of a person, or of who is the same, locked.
///
/// # Errors
/// Where the database fails.
pub async fn begun_by(
    connection: &mut PgConnection,
    one: Uuid,
    unit: Uuid,
) -> Result<Option<Handdown>, Fault> {
    Ok(handdowns!(
        connection,
        "h.one_id = $1 AND h.closed_at IS NULL AND EXISTS (SELECT FROM handdown c WHERE c.id = h.chain_id AND c.from_unit_id = $2)
         ORDER BY h.id LIMIT 1 FOR NO KEY UPDATE",
        one,
        unit
    )?
    .pop())
}

/// Whether whoever was watched over as one person is watched over no more.
///
/// # Errors
/// Where the database fails.
pub async fn is_over(connection: &mut PgConnection, one: Uuid) -> Result<bool, Fault> {
    let over = sqlx::query_scalar!(
        r#"SELECT coalesce(bool_and(ended_at IS NOT NULL), false) AS "over!" FROM observation WHERE one_id = $1"#,
        one,
    );
    Ok(over.fetch_one(connection).await?)
}

/// The last hop of a person, whether it is over or not.
///
/// # Errors
/// Where the database fails.
pub async fn last(connection: &mut PgConnection, person: Uuid) -> Result<Option<Handdown>, Fault> {
    Ok(handdowns!(connection, "h.person_id = $1 ORDER BY h.id DESC LIMIT 1", person)?.pop())
}

/// What a unit has gathered and nobody has sent, the oldest first: their ids and persons.
///
/// # Errors
/// Where the database fails.
pub async fn gathered(connection: &mut PgConnection, unit: Uuid) -> Result<Vec<Handdown>, Fault> {
    handdowns!(
        connection,
        "h.from_unit_id = $1 AND h.closed_at IS NULL AND h.state = 1 ORDER BY h.id FOR NO KEY UPDATE",
        unit
    )
}

/// Some hand-downs that silence is to be put before somebody for, locked; whoever is at work on others is left
/// alone.
///
/// # Errors
/// Where the database fails.
pub async fn silent(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Handdown>, Fault> {
    handdowns!(
        connection,
        "h.escalate_at <= $1 ORDER BY h.escalate_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED",
        now,
        limit
    )
}

/// Some hand-downs after one of persons in the hands of units, for a proof: open ones, and those that were
/// handed on and lead nowhere.
///
/// # Errors
/// Where the database fails.
pub async fn to_prove(
    connection: &mut PgConnection,
    units: &[Uuid],
    after: Uuid,
    limit: i64,
) -> Result<Vec<Handdown>, Fault> {
    handdowns!(
        connection,
        "h.holder_unit_id = ANY($1) AND h.id > $2 AND (h.closed_at IS NULL OR (h.outcome IN (3, 5) AND h.next_id IS NULL))
         ORDER BY h.id LIMIT $3",
        units,
        after,
        limit
    )
}

/// What a page of hand-downs is chosen by.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// Those that come to these units.
    pub to: &'a [Uuid],
    /// Those that go from these units.
    pub from: &'a [Uuid],
    /// Only those that stand so.
    pub state: Option<State>,
    /// Only those past their clock at an instant.
    pub overdue_at: Option<DateTime<Utc>>,
    /// After this place. In due order, only open ones.
    pub after: After,
    /// At most so many.
    pub limit: i64,
}

/// A page of hand-downs; closed ones only where they are asked for.
///
/// # Errors
/// Where the database fails.
pub async fn list(connection: &mut PgConnection, asked: Selection<'_>) -> Result<Vec<Handdown>, Fault> {
    let state = asked.state.map(|state| state as i16);
    match asked.after {
        After::Made(after) if asked.state == Some(State::Closed) => handdowns!(
            connection,
            "h.closed_at IS NOT NULL AND h.id > $3 AND (h.to_unit_id = ANY($1) OR h.from_unit_id = ANY($2))
             ORDER BY h.id LIMIT $4",
            asked.to,
            asked.from,
            after,
            asked.limit
        ),
        After::Made(after) => handdowns!(
            connection,
            "h.closed_at IS NULL AND h.id > $3 AND (h.to_unit_id = ANY($1) OR h.from_unit_id = ANY($2))
             AND ($5::smallint IS NULL OR h.state = $5) AND ($6::timestamptz IS NULL OR h.due_at <= $6)
             ORDER BY h.id LIMIT $4",
            asked.to,
            asked.from,
            after,
            asked.limit,
            state,
            asked.overdue_at
        ),
        After::Due((due_at, id)) => handdowns!(
            connection,
            "h.closed_at IS NULL AND (h.due_at, h.id) > ($3, $7) AND (h.to_unit_id = ANY($1) OR h.from_unit_id = ANY($2))
             AND ($5::smallint IS NULL OR h.state = $5) AND ($6::timestamptz IS NULL OR h.due_at <= $6)
             ORDER BY h.due_at, h.id LIMIT $4",
            asked.to,
            asked.from,
            due_at,
            asked.limit,
            state,
            asked.overdue_at,
            id
        ),
    }
}

/// Adds a hand-down.
///
/// # Errors
/// Where the database fails.
pub async fn insert(connection: &mut PgConnection, handdown: &Handdown) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO handdown (id, chain_id, person_id, holder_unit_id, one_id, from_unit_id, to_unit_id, final_unit_id, urgent,
                               readdressed, state, verify_minutes, step_minutes, due_at, escalate_at, created_at,
                               created_by, sent_at, sent_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
        handdown.id,
        handdown.chain,
        handdown.person,
        handdown.holder,
        handdown.one,
        handdown.from,
        handdown.to,
        handdown.last,
        handdown.urgent,
        handdown.readdressed,
        handdown.state as i16,
        handdown.verify_minutes,
        handdown.step_minutes,
        handdown.due_at,
        handdown.escalate_at,
        handdown.created_at,
        handdown.created_by,
        handdown.sent_at,
        handdown.sent_by,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes how a hand-down, which is locked, stands now.
///
/// # Errors
/// Where the database fails.
pub async fn update(connection: &mut PgConnection, handdown: &Handdown) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE handdown SET to_unit_id = $2, final_unit_id = $3, urgent = $4, readdressed = $5, state = $6, outcome = $7,
                words = $8, next_id = $9, due_at = $10, escalate_at = $11, sent_at = $12, sent_by = $13,
                acknowledged_at = $14, acknowledged_by = $15, closed_at = $16, verified_by = $17, receiver = $18, outside_at = $19, letter = $20
         WHERE id = $1",
        handdown.id,
        handdown.to,
        handdown.last,
        handdown.urgent,
        handdown.readdressed,
        handdown.state as i16,
        handdown.outcome,
        handdown.words,
        handdown.next,
        handdown.due_at,
        handdown.escalate_at,
        handdown.sent_at,
        handdown.sent_by,
        handdown.acknowledged_at,
        handdown.acknowledged_by,
        handdown.closed_at,
        handdown.verified_by,
        handdown.receipt.as_ref().map(|receipt| receipt.receiver.clone()),
        handdown.receipt.as_ref().map(|receipt| receipt.received_at),
        handdown.receipt.as_ref().map(|receipt| receipt.letter.clone()),
    )
    .execute(connection)
    .await?;
    Ok(())
}
