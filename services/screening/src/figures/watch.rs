//! Figures as a feed: the sheets of the caller's units.

use std::collections::HashMap;

use chassis::{Caller, Fault, watching::Resources};
use proto::screening::{self as pb, watch_figures_response::Event};
use tonic::async_trait;
use uuid::Uuid;

use super::{TOPIC, api::Figures, parse as contract, store};
use crate::{
    feeds::{Followed, Part},
    house::House,
};

/// How many sheets of a snapshot are read at once.
const CHUNK: i64 = 5_000;

#[async_trait]
impl Resources for Figures {
    type Resource = pb::FigureSheet;
    type Message = pb::WatchFiguresResponse;

    async fn read(&self, keys: &[Uuid], caller: &Caller) -> Result<HashMap<Uuid, pb::FigureSheet>, Fault> {
        let mut work = self.house.database.begin(None).await?;
        let sheets = store::get(&mut work, keys).await?.into_iter();
        let seen = sheets.filter(|sheet| self.house.jurisdiction.sees(caller, Self::PERMISSION, sheet.unit));
        Ok(seen.map(|sheet| (sheet.id, contract::sheet(&sheet))).collect())
    }

    fn message(&self, sheet: Option<pb::FigureSheet>, token: String) -> pb::WatchFiguresResponse {
        let event = sheet.map_or(Event::Heartbeat(proto::registry::Heartbeat {}), Event::Sheet);
        pb::WatchFiguresResponse { event: Some(event), token }
    }
}

#[async_trait]
impl Followed for Figures {
    const TOPIC: &'static str = TOPIC;
    const PERMISSION: &'static str = "figures.watch";
    type Place = Uuid;

    fn house(&self) -> &House {
        &self.house
    }

    /// Every sheet, in the order of their ids.
    async fn part(&self, caller: &Caller, after: Option<Uuid>) -> Result<Part<pb::FigureSheet, Uuid>, Fault> {
        let mut work = self.house.database.begin(None).await?;
        let sheets = store::after(&mut work, after.unwrap_or_default(), CHUNK).await?;
        let Some(last) = sheets.last().map(|sheet| sheet.id) else { return Ok(None) };
        let seen =
            sheets.iter().filter(|sheet| self.house.jurisdiction.sees(caller, Self::PERMISSION, sheet.unit));
        Ok(Some((seen.map(contract::sheet).collect(), last)))
    }

    fn end(&self, count: i64, token: String) -> pb::WatchFiguresResponse {
        let event = Event::SnapshotEnd(pb::FigureSnapshotEnd { sheets: count });
        pb::WatchFiguresResponse { event: Some(event), token }
    }
}
