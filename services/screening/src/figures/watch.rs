//! Figures as a feed: the sheets of the caller's units.

use std::collections::HashMap;

use chassis::{
    Caller, Fault,
    feed::{Position, position_in},
    server,
    watching::Resources,
};
use proto::screening::{self as pb, watch_figures_response::Event};
use tonic::{Request, async_trait};
use uuid::Uuid;

use super::{TOPIC, api::Figures, parse as contract, store};

const PERMISSION: &str = "figures.watch";

/// How many sheets of a snapshot are read at once.
const CHUNK: i64 = 5_000;

type Messages = server::Messages<pb::WatchFiguresResponse>;

/// Serves one watch until its client, its caller's permission or the service ends.
pub(super) async fn watch(
    figures: &Figures,
    request: Request<pb::WatchFiguresRequest>,
    messages: &Messages,
) -> Result<(), Fault> {
    let (caller, _, request) = server::accept(request)?;
    let watching = &figures.house.watching;
    let position = if request.start_token.is_empty() {
        snapshot(figures, &caller, messages).await?
    } else {
        watching.feed.position(&request.start_token).await?
    };
    watching.open(caller, PERMISSION, TOPIC, position).send(figures, messages).await
}

#[async_trait]
impl Resources for Figures {
    type Resource = pb::FigureSheet;
    type Message = pb::WatchFiguresResponse;

    async fn read(&self, keys: &[Uuid], caller: &Caller) -> Result<HashMap<Uuid, pb::FigureSheet>, Fault> {
        let mut work = self.house.database.begin(None).await?;
        let sheets = store::get(&mut work, keys).await?.into_iter();
        let seen = sheets.filter(|sheet| self.house.sees(caller, PERMISSION, sheet.unit));
        Ok(seen.map(|sheet| (sheet.id, contract::sheet(&sheet))).collect())
    }

    fn message(&self, sheet: Option<pb::FigureSheet>, token: String) -> pb::WatchFiguresResponse {
        let event = sheet.map_or(Event::Heartbeat(proto::registry::Heartbeat {}), Event::Sheet);
        pb::WatchFiguresResponse { event: Some(event), token }
    }
}

/// Sends every sheet of the caller's units as of a position; answers it. What changes meanwhile comes again.
async fn snapshot(figures: &Figures, caller: &Caller, messages: &Messages) -> Result<Position, Fault> {
    let house = &figures.house;
    let mut connection = house.database.pool().acquire().await?;
    let position = position_in(&mut connection).await?;
    drop(connection);
    let send = async |event: Event, token: String| {
        let message = pb::WatchFiguresResponse { event: Some(event), token };
        messages.send(Ok(message)).await.map_err(|_| Fault::Unavailable("the client went away"))
    };
    let (mut last, mut sent) = (Uuid::nil(), 0_i64);
    loop {
        let mut work = house.database.begin(None).await?;
        let sheets = store::after(&mut work, last, CHUNK).await?;
        // The client reads at its own pace: no transaction waits for it.
        drop(work);
        let Some(end) = sheets.last() else { break };
        last = end.id;
        for sheet in sheets.iter().filter(|sheet| house.sees(caller, PERMISSION, sheet.unit)) {
            send(Event::Sheet(contract::sheet(sheet)), String::new()).await?;
            sent += 1;
        }
    }
    send(Event::SnapshotEnd(pb::FigureSnapshotEnd { sheets: sent }), house.watching.feed.token(position))
        .await?;
    Ok(position)
}
