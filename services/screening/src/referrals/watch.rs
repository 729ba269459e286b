//! Referrals as a feed: what facilities are asked to look at, without a personal value.

use std::collections::HashMap;

use chassis::{Caller, Fault, watching::Resources};
use proto::screening::{self as pb, watch_referrals_response::Event};
use tonic::async_trait;
use uuid::Uuid;

use super::{TOPIC, api::Referrals, parse as contract, store};
use crate::{
    feeds::{Followed, Part},
    house::House,
};

/// How many referrals of a snapshot are read at once.
const CHUNK: i64 = 1_000;

#[async_trait]
impl Resources for Referrals {
    type Resource = pb::Referral;
    type Message = pb::WatchReferralsResponse;

    async fn read(&self, keys: &[Uuid], caller: &Caller) -> Result<HashMap<Uuid, pb::Referral>, Fault> {
        let mut work = self.house.database.begin(None).await?;
        let found = store::some(&mut work, keys).await?.into_iter();
        let seen =
            found.filter(|referral| self.house.jurisdiction.sees(caller, Self::PERMISSION, referral.unit));
        Ok(seen.map(|referral| (referral.id, contract::referral(&referral))).collect())
    }

    fn message(&self, referral: Option<pb::Referral>, token: String) -> pb::WatchReferralsResponse {
        let event = referral.map_or(Event::Heartbeat(proto::registry::Heartbeat {}), Event::Referral);
        pb::WatchReferralsResponse { event: Some(event), token }
    }
}

#[async_trait]
impl Followed for Referrals {
    const TOPIC: &'static str = TOPIC;
    const PERMISSION: &'static str = "referrals.watch";
    type Place = Uuid;

    fn house(&self) -> &House {
        &self.house
    }

    /// Every open referral, in the order of their ids.
    async fn part(&self, caller: &Caller, after: Option<Uuid>) -> Result<Part<pb::Referral, Uuid>, Fault> {
        let mut work = self.house.database.begin(None).await?;
        let open = store::open_after(&mut work, after.unwrap_or_default(), CHUNK).await?;
        let Some(last) = open.last().map(|referral| referral.id) else { return Ok(None) };
        let seen = open
            .iter()
            .filter(|referral| self.house.jurisdiction.sees(caller, Self::PERMISSION, referral.unit));
        Ok(Some((seen.map(contract::referral).collect(), last)))
    }

    fn end(&self, count: i64, token: String) -> pb::WatchReferralsResponse {
        let event = Event::SnapshotEnd(pb::ReferralSnapshotEnd { referrals: count });
        pb::WatchReferralsResponse { event: Some(event), token }
    }
}
