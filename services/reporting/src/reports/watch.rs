//! Reports as a feed: each as it is now, whenever it changes, and reminders.

use std::{collections::HashMap, sync::Arc};

use chassis::{Caller, Fault, feed::position_in, server, watching::Resources};
use proto::reporting::{self as pb, watch_reports_response::Event};
use tonic::{Request, async_trait};
use uuid::Uuid;

use super::{TOPIC, parse as contract, store};
use crate::house::House;

const PERMISSION: &str = "reports.watch";

/// What one watch sends.
struct Watched {
    house: Arc<House>,
    level: i16,
}

/// Serves one watch until its client, its caller's permission or the service ends.
pub(super) async fn watch(
    house: Arc<House>,
    request: Request<pb::WatchReportsRequest>,
    messages: &server::Messages<pb::WatchReportsResponse>,
) -> Result<(), Fault> {
    let (caller, _, request) = server::accept(request)?;
    let level = i16::try_from(request.level).ok().filter(|level| (0..=6).contains(level));
    let level = level.ok_or_else(|| Fault::invalid("level", "is no level"))?;
    let position = if request.start_token.is_empty() {
        let mut connection = house.database.pool().acquire().await?;
        position_in(&mut connection).await?
    } else {
        house.watching.feed.position(&request.start_token).await?
    };
    let session = house.watching.open(caller, PERMISSION, TOPIC, position);
    session.send(&Watched { house, level }, messages).await
}

#[async_trait]
impl Resources for Watched {
    type Resource = pb::Report;
    type Message = pb::WatchReportsResponse;

    async fn read(&self, keys: &[Uuid], caller: &Caller) -> Result<HashMap<Uuid, pb::Report>, Fault> {
        let mut work = self.house.database.begin(None).await?;
        let mut by_day: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
        for (id, day) in store::days_of(&mut work, keys).await? {
            by_day.entry(day).or_default().push(id);
        }
        let mut found = HashMap::with_capacity(keys.len());
        for (day, ids) in by_day {
            let Some(plan) = self.house.plan_by_id(&mut work, day).await? else { continue };
            let visible = self.house.visible(caller, PERMISSION, &plan);
            let level = |place| plan.tree.at(place).map_or(0, |node| node.level);
            for row in store::of_ids(&mut work, &plan, &ids).await? {
                if visible.contains(row.place) && (self.level == 0 || self.level == level(row.place)) {
                    found.insert(row.id, contract::report(&plan, &row));
                }
            }
        }
        Ok(found)
    }

    fn message(&self, report: Option<pb::Report>, token: String) -> pb::WatchReportsResponse {
        let event = report.map_or(Event::Heartbeat(proto::registry::Heartbeat {}), Event::Report);
        pb::WatchReportsResponse { event: Some(event), token }
    }
}
