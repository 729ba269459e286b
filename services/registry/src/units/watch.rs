//! The tree as a feed: every unit with its whole dated history.

use std::collections::HashMap;

use chassis::{Caller, Fault, feed::Position, parse::etag, server, watching::Resources};
use chrono::NaiveDate;
use proto::registry::{self as pb, watch_units_response::Event};
use sqlx::PgConnection;
use tonic::{Request, async_trait};
use uuid::Uuid;

use super::{TOPIC, api::Units, parse::unit_name, store};
use crate::{scope, scope::Ask};

const PERMISSION: &str = "units.watch";

/// How many units of a snapshot are read at once.
const CHUNK: usize = 1_000;

type Messages = server::Messages<pb::WatchUnitsResponse>;

/// Serves one watch until its client, its caller's permission or the service ends.
///
/// # Errors
/// Why it ended.
pub async fn watch(
    units: &Units,
    request: Request<pb::WatchUnitsRequest>,
    messages: &Messages,
) -> Result<(), Fault> {
    let (caller, _, request) = server::accept(request)?;
    let position = if request.start_token.is_empty() {
        snapshot(units, &caller, messages).await?
    } else {
        units.watching.feed.position(&request.start_token).await?
    };
    units.watching.open(caller, PERMISSION, TOPIC, position).send(units, messages).await
}

#[async_trait]
impl Resources for Units {
    type Resource = pb::UnitHistory;
    type Message = pb::WatchUnitsResponse;

    async fn read(&self, keys: &[Uuid], caller: &Caller) -> Result<HashMap<Uuid, pb::UnitHistory>, Fault> {
        let mut work = self.database.begin(None).await?;
        let ask = Ask::today(PERMISSION, self.clock.today());
        let seen = scope::within(&mut work, caller, ask, keys).await?;
        histories(&mut work, &seen).await
    }

    fn message(&self, unit: Option<pb::UnitHistory>, token: String) -> pb::WatchUnitsResponse {
        let event = unit.map_or(Event::Heartbeat(pb::Heartbeat {}), Event::Unit);
        pb::WatchUnitsResponse { event: Some(event), token }
    }
}

async fn send(messages: &Messages, event: Event, token: String) -> Result<(), Fault> {
    let message = pb::WatchUnitsResponse { event: Some(event), token };
    messages.send(Ok(message)).await.map_err(|_| Fault::Unavailable("the client went away"))
}

/// Sends every unit in the caller's scopes as of one state of the database; answers its position.
async fn snapshot(units: &Units, caller: &Caller, messages: &Messages) -> Result<Position, Fault> {
    let mut work = units.database.snapshot().await?;
    let position = chassis::feed::position_in(&mut work).await?;
    let ask = Ask::today(PERMISSION, units.clock.today());
    let scopes = scope::paths(&mut work, caller, ask).await?;
    let mut keys = Vec::new();
    for scope in super::ranges(&scopes, None) {
        keys.extend(store::ever_within(&mut work, &scope).await?);
    }
    keys.sort_unstable();
    keys.dedup();
    let mut all = Vec::with_capacity(keys.len());
    for keys in keys.chunks(CHUNK) {
        all.extend(histories(&mut work, keys).await?.into_values());
    }
    // The client reads at its own pace: no transaction waits for it.
    drop(work);
    all.sort_by_key(|unit| unit.ordinal);
    let count = i64::try_from(all.len()).unwrap_or(i64::MAX);
    for unit in all {
        send(messages, Event::Unit(unit), String::new()).await?;
    }
    let end = Event::SnapshotEnd(pb::SnapshotEnd { units: count });
    send(messages, end, units.watching.feed.token(position)).await?;
    Ok(position)
}

async fn histories(
    connection: &mut PgConnection,
    units: &[Uuid],
) -> Result<HashMap<Uuid, pb::UnitHistory>, Fault> {
    let facts = store::facts(connection, units).await?;
    let mut histories: HashMap<Uuid, pb::UnitHistory> = facts
        .units
        .into_iter()
        .map(|(id, level, ordinal, version)| {
            let history = pb::UnitHistory {
                name: unit_name(id),
                level: level.into(),
                ordinal,
                etag: etag(version),
                ..pb::UnitHistory::default()
            };
            (id, history)
        })
        .collect();
    for (id, start, end, display_name) in facts.names {
        if let Some(history) = histories.get_mut(&id) {
            let (start_date, end_date) = (start.to_string(), text(end));
            history.names.push(pb::DatedName { start_date, end_date, display_name });
        }
    }
    for (id, start, end, parent) in facts.places {
        if let Some(history) = histories.get_mut(&id) {
            let parent_unit = parent.map(unit_name).unwrap_or_default();
            // A move of a unit above splits the place without changing the parent.
            match history.places.last_mut() {
                Some(last) if last.parent_unit == parent_unit && last.end_date == start.to_string() => {
                    last.end_date = text(end);
                }
                _ => {
                    let (start_date, end_date) = (start.to_string(), text(end));
                    history.places.push(pb::DatedPlace { start_date, end_date, parent_unit });
                }
            }
        }
    }
    for (id, start, end, status) in facts.statuses {
        if let Some(history) = histories.get_mut(&id) {
            let (start_date, end_date) = (start.to_string(), text(end));
            history.statuses.push(pb::DatedStatus { start_date, end_date, status: status.into() });
        }
    }
    for (id, start, end, code) in facts.codes {
        if let Some(history) = histories.get_mut(&id) {
            let (start_date, end_date) = (start.to_string(), text(end));
            let code = Some(code.into());
            history.codes.push(pb::DatedCode { start_date, end_date, code });
        }
    }
    for (id, successor) in facts.successors {
        if let Some(history) = histories.get_mut(&id) {
            history.successor_units.push(unit_name(successor));
        }
    }
    Ok(histories)
}

fn text(date: Option<NaiveDate>) -> String {
    date.map(|date| date.to_string()).unwrap_or_default()
}
