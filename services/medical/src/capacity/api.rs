//! Capacity speaks here.

use std::sync::Arc;

use chassis::{Fault, Violations, pages, parse, server};
use chrono::DateTime;
use proto::medical::{self as pb, capacity_service_server::CapacityService};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{LARGEST, ingest, parse as contract, store};
use crate::{
    DOMAIN,
    facilities::{self, parse::facility_name},
    house::House,
    wards::{
        self,
        parse::{COLLECTION as WARDS, figure, ward_name},
    },
};

const READ: &str = "capacity.read";

/// The handlers of [`CapacityService`].
#[derive(Clone, Debug)]
pub struct Capacity {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl CapacityService for Capacity {
    async fn ingest_capacity(
        &self,
        request: Request<pb::IngestCapacityRequest>,
    ) -> Result<Response<pb::IngestCapacityResponse>, Status> {
        server::reply(DOMAIN, self.ingest(request).await)
    }

    async fn list_capacity(
        &self,
        request: Request<pb::ListCapacityRequest>,
    ) -> Result<Response<pb::ListCapacityResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn get_beds(
        &self,
        request: Request<pb::GetBedsRequest>,
    ) -> Result<Response<pb::GetBedsResponse>, Status> {
        server::reply(DOMAIN, self.beds(request).await)
    }
}

impl Capacity {
    async fn ingest(
        &self,
        request: Request<pb::IngestCapacityRequest>,
    ) -> Result<pb::IngestCapacityResponse, Fault> {
        let (caller, _, request) = server::accept(request)?;
        let count = parse::count(request.counts.len(), LARGEST);
        count.map_err(|wrong| Fault::invalid("counts", wrong))?;
        let came = ingest::take_in(&self.house, &caller, &request.counts).await?.into_iter();
        let results = came.zip(&request.counts).enumerate();
        let results = results.map(|(nth, (came, said))| contract::result(nth, &said.event_id, came));
        Ok(pb::IngestCapacityResponse { results: results.collect() })
    }

    async fn list(
        &self,
        request: Request<pb::ListCapacityRequest>,
    ) -> Result<pb::ListCapacityResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let id = wrong.name("ward", WARDS, &request.ward);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListCapacity", &request);
        let before = pager.pair::<i64, Uuid>()?;
        let before =
            before.and_then(|(micros, event)| Some((DateTime::from_timestamp_micros(micros)?, event)));
        let mut work = self.house.database.begin(deadline).await?;
        let ward = wards::store::get(&mut work, id).await?;
        self.house.jurisdiction.seen(&caller, READ, ward, |ward| ward.unit, ward_name(id))?;
        let mut found = store::list(&mut work, id, before, pager.limit()).await?;
        let next_page_token =
            pager.cut(&mut found, |(event, figure)| format!("{} {event}", figure.as_of.timestamp_micros()));
        let figures = found.iter().map(|(_, counted)| figure(counted)).collect();
        Ok(pb::ListCapacityResponse { figures, next_page_token })
    }

    async fn beds(&self, request: Request<pb::GetBedsRequest>) -> Result<pb::GetBedsResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let (unit, facility) = contract::asked(&request)?;
        let areas = self.house.areas(&caller, READ, unit)?;
        let mut work = self.house.database.begin(deadline).await?;
        if let Some(id) = facility {
            let found = facilities::store::some(&mut work, &[id]).await?.pop();
            self.house.jurisdiction.seen(&caller, READ, found, |found| found.unit, facility_name(id))?;
        }
        let (today, now) = (self.house.clock.today(), self.house.clock.now());
        let classes = store::beds(&mut work, (&areas, facility), (today, now)).await?;
        let classes = classes.iter().map(contract::beds_of).collect();
        Ok(pb::GetBedsResponse { classes, as_of_time: Some(parse::timestamp(now)) })
    }
}
