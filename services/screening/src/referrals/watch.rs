//! Referrals as a feed: what facilities are asked to look at, without a personal value.

use std::collections::HashMap;

use chassis::{
    Caller, Fault,
    feed::{Position, position_in},
    server,
    watching::Resources,
};
use proto::screening::{self as pb, watch_referrals_response::Event};
use tonic::{Request, async_trait};
use uuid::Uuid;

use super::{TOPIC, api::Referrals, parse as contract, store};

const PERMISSION: &str = "referrals.watch";

/// How many referrals of a snapshot are read at once.
const CHUNK: i64 = 1_000;

type Messages = server::Messages<pb::WatchReferralsResponse>;

/// Serves one watch until its client, its caller's permission or the service ends.
pub(super) async fn watch(
    referrals: &Referrals,
    request: Request<pb::WatchReferralsRequest>,
    messages: &Messages,
) -> Result<(), Fault> {
    let (caller, _, request) = server::accept(request)?;
    let watching = &referrals.house.watching;
    let position = if request.start_token.is_empty() {
        snapshot(referrals, &caller, messages).await?
    } else {
        watching.feed.position(&request.start_token).await?
    };
    watching.open(caller, PERMISSION, TOPIC, position).send(referrals, messages).await
}

#[async_trait]
impl Resources for Referrals {
    type Resource = pb::Referral;
    type Message = pb::WatchReferralsResponse;

    async fn read(&self, keys: &[Uuid], caller: &Caller) -> Result<HashMap<Uuid, pb::Referral>, Fault> {
        let mut work = self.house.database.begin(None).await?;
        let found = store::some(&mut work, keys).await?.into_iter();
        let seen = found.filter(|referral| self.house.sees(caller, PERMISSION, referral.unit));
        Ok(seen.map(|referral| (referral.id, contract::referral(&referral))).collect())
    }

    fn message(&self, referral: Option<pb::Referral>, token: String) -> pb::WatchReferralsResponse {
        let event = referral.map_or(Event::Heartbeat(proto::registry::Heartbeat {}), Event::Referral);
        pb::WatchReferralsResponse { event: Some(event), token }
    }
}

/// Sends every open referral of the caller's units as of a position; answers it. What changes meanwhile comes again.
async fn snapshot(referrals: &Referrals, caller: &Caller, messages: &Messages) -> Result<Position, Fault> {
    let house = &referrals.house;
    let mut connection = house.database.pool().acquire().await?;
    let position = position_in(&mut connection).await?;
    drop(connection);
    let send = async |event: Event, token: String| {
        let message = pb::WatchReferralsResponse { event: Some(event), token };
        messages.send(Ok(message)).await.map_err(|_| Fault::Unavailable("the client went away"))
    };
    let (mut last, mut sent) = (Uuid::nil(), 0_i64);
    loop {
        let mut work = house.database.begin(None).await?;
        let open = store::open_after(&mut work, last, CHUNK).await?;
        // The client reads at its own pace: no transaction waits for it.
        drop(work);
        let Some(end) = open.last() else { break };
        last = end.id;
        for referral in open.iter().filter(|referral| house.sees(caller, PERMISSION, referral.unit)) {
            send(Event::Referral(contract::referral(referral)), String::new()).await?;
            sent += 1;
        }
    }
    send(
        Event::SnapshotEnd(pb::ReferralSnapshotEnd { referrals: sent }),
        house.watching.feed.token(position),
    )
    .await?;
    Ok(position)
}
