//! Observations as a feed: who is watched over, by the opaque name alone, and what becomes of it.

use std::collections::HashMap;

use chassis::{Caller, Fault, watching::Resources};
use proto::screening::{self as pb, watch_observations_response::Event};
use tonic::async_trait;
use uuid::Uuid;

use super::{
    TOPIC,
    api::Observations,
    pages::EVERYTHING,
    parse::{self as contract, observation_name},
    store::{self, Page},
};
use crate::{
    feeds::{Followed, Part},
    house::House,
};

/// How many observations of a snapshot are read at once.
const CHUNK: i64 = 1_000;

#[async_trait]
impl Resources for Observations {
    /// An observation, or that it is gone.
    type Resource = Event;
    type Message = pb::WatchObservationsResponse;

    /// Who stands where is asked of the database, not of this replica's sight of the tree: what is told when a unit moves
    /// is told once.
    async fn read(&self, keys: &[Uuid], caller: &Caller) -> Result<HashMap<Uuid, Event>, Fault> {
        let units = caller.scopes(Self::PERMISSION);
        let now = self.house.clock.now();
        let mut work = self.house.database.begin(None).await?;
        let gone = store::departed(&mut work, keys, &units).await?.into_iter();
        let gone = gone.map(|id| (id, Event::Gone(pb::ObservationGone { name: observation_name(id) })));
        let mut found: HashMap<Uuid, Event> = gone.collect();
        let seen = store::seen(&mut work, keys, &units).await?.into_iter();
        found.extend(seen.map(|seen| (seen.id, Event::Observation(contract::observation(&seen, now)))));
        Ok(found)
    }

    fn message(&self, event: Option<Event>, token: String) -> pb::WatchObservationsResponse {
        let event = event.unwrap_or(Event::Heartbeat(proto::registry::Heartbeat {}));
        pb::WatchObservationsResponse { event: Some(event), token }
    }
}

#[async_trait]
impl Followed for Observations {
    const TOPIC: &'static str = TOPIC;
    const PERMISSION: &'static str = "observations.watch";
    type Place = Page;

    fn house(&self) -> &House {
        &self.house
    }

    /// Every open observation, in the order of the list.
    async fn part(&self, caller: &Caller, after: Option<Page>) -> Result<Part<Event, Page>, Fault> {
        let units = self.house.tops(caller, Self::PERMISSION, None)?;
        let now = self.house.clock.now();
        let (first, end) = EVERYTHING;
        let mut work = self.house.database.begin(None).await?;
        let open = store::list(&mut work, &units, after.unwrap_or(first), end, CHUNK).await?;
        let Some(last) = open.last().map(|last| (last.lost, last.due_at, last.id)) else { return Ok(None) };
        let events = open.iter().map(|open| Event::Observation(contract::observation(open, now)));
        Ok(Some((events.collect(), last)))
    }

    fn end(&self, count: i64, token: String) -> pb::WatchObservationsResponse {
        let event = Event::SnapshotEnd(pb::ObservationSnapshotEnd { observations: count });
        pb::WatchObservationsResponse { event: Some(event), token }
    }
}
