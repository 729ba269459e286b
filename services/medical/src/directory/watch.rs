//! The directory as a feed.

use std::collections::HashMap;

use chassis::{
    Caller, Fault,
    feed::{Position, position_in},
    server,
    watching::Resources,
};
use proto::medical::{self as pb, watch_directory_response::Event};
use tonic::{Request, async_trait};
use uuid::Uuid;

use super::{TOPIC, api::Directory, ops, store};
use crate::facilities::{self, Facility, parse::facility_name};

const PERMISSION: &str = "directory.watch";

/// How many entries of a snapshot are read at once.
const CHUNK: i64 = 500;

type Messages = server::Messages<pb::WatchDirectoryResponse>;

/// Serves one watch until its client, its caller's permission or the service ends.
pub(super) async fn watch(
    directory: &Directory,
    request: Request<pb::WatchDirectoryRequest>,
    messages: &Messages,
) -> Result<(), Fault> {
    let (caller, _, request) = server::accept(request)?;
    let watching = &directory.house.watching;
    let position = if request.start_token.is_empty() {
        snapshot(directory, messages).await?
    } else {
        watching.feed.position(&request.start_token).await?
    };
    watching.open(caller, PERMISSION, TOPIC, position).send(directory, messages).await
}

#[async_trait]
impl Resources for Directory {
    type Resource = Event;
    type Message = pb::WatchDirectoryResponse;

    async fn read(&self, keys: &[Uuid], _: &Caller) -> Result<HashMap<Uuid, Event>, Fault> {
        let mut work = self.house.database.begin(None).await?;
        let today = self.house.clock.today();
        let found = facilities::store::some(&mut work, keys).await?;
        let (open, closed): (Vec<Facility>, Vec<Facility>) =
            found.into_iter().partition(|facility| facility.is_open_on(today));
        let entries = ops::entries(&self.house, &mut work, &open).await?;
        let mut events: HashMap<Uuid, Event> =
            open.iter().map(|facility| facility.id).zip(entries.into_iter().map(Event::Entry)).collect();
        events.extend(closed.iter().map(|facility| {
            (facility.id, Event::Gone(pb::DirectoryGone { facility: facility_name(facility.id) }))
        }));
        Ok(events)
    }

    fn message(&self, event: Option<Event>, token: String) -> pb::WatchDirectoryResponse {
        let event = event.unwrap_or(Event::Heartbeat(proto::registry::Heartbeat {}));
        pb::WatchDirectoryResponse { event: Some(event), token }
    }
}

/// Sends every entry as of a position; answers it. What changes meanwhile comes again.
async fn snapshot(directory: &Directory, messages: &Messages) -> Result<Position, Fault> {
    let house = &directory.house;
    let mut connection = house.database.pool().acquire().await?;
    let position = position_in(&mut connection).await?;
    drop(connection);
    let send = async |event: Event, token: String| {
        let message = pb::WatchDirectoryResponse { event: Some(event), token };
        messages.send(Ok(message)).await.map_err(|_| Fault::Unavailable("the client went away"))
    };
    let (mut last, mut sent) = (Uuid::nil(), 0_i64);
    loop {
        let mut work = house.database.begin(None).await?;
        let ids = store::open_after(&mut work, last, house.clock.today(), CHUNK).await?;
        let Some(end) = ids.last() else { break };
        last = *end;
        let found = facilities::store::some(&mut work, &ids).await?;
        let entries = ops::entries(house, &mut work, &found).await?;
        // The client reads at its own pace: no transaction waits for it.
        drop(work);
        for entry in entries {
            send(Event::Entry(entry), String::new()).await?;
            sent += 1;
        }
    }
    let end = pb::DirectorySnapshotEnd { entries: sent };
    send(Event::SnapshotEnd(end), house.watching.feed.token(position)).await?;
    Ok(position)
}
