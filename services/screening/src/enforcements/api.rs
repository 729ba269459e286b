//! Enforcement requests speak here.

use std::sync::Arc;

use chassis::{Fault, Violations, claims::Claim, pages, parse, server};
use proto::screening::{self as pb, enforcement_service_server::EnforcementService};
use tonic::{Request, Response, Status, async_trait};

use super::{
    Enforcement, ops,
    parse::{self as contract, enforcement_name},
    store,
};
use crate::{
    DOMAIN,
    house::House,
    persons::{parse::UNITS, seen},
    worklists::After,
};

/// The handlers of [`EnforcementService`].
#[derive(Clone, Debug)]
pub struct Enforcements {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl EnforcementService for Enforcements {
    async fn create_enforcement_request(
        &self,
        request: Request<pb::CreateEnforcementRequestRequest>,
    ) -> Result<Response<pb::CreateEnforcementRequestResponse>, Status> {
        server::reply(DOMAIN, self.create(request).await)
    }

    async fn list_enforcement_requests(
        &self,
        request: Request<pb::ListEnforcementRequestsRequest>,
    ) -> Result<Response<pb::ListEnforcementRequestsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn settle_enforcement_request(
        &self,
        request: Request<pb::SettleEnforcementRequestRequest>,
    ) -> Result<Response<pb::SettleEnforcementRequestResponse>, Status> {
        server::reply(DOMAIN, self.settle(request).await)
    }
}

impl Enforcements {
    async fn create(
        &self,
        request: Request<pb::CreateEnforcementRequestRequest>,
    ) -> Result<pb::CreateEnforcementRequestResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut enforcement = contract::made(request.enforcement_request.as_ref(), self.house.clock.now())?;
        let claim = Claim::new(&caller, request_id, "CreateEnforcementRequest", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let mut readdressed = false;
        if let Some(id) = enforcement.person {
            let hands = seen::hold(&self.house, &mut work, &caller, "enforcements.write", id).await?;
            (enforcement.unit, enforcement.one) = (hands.0, Some(hands.1));
        } else {
            let standing = self.house.taking(&caller, "enforcements.write", enforcement.unit)?;
            readdressed = std::mem::replace(&mut enforcement.unit, standing) != standing;
        }
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        store::insert(&mut work, &enforcement, caller.subject()).await?;
        let enforcement_request = Some(contract::enforcement(&enforcement));
        let answer = pb::CreateEnforcementRequestResponse { enforcement_request, readdressed };
        claim.commit(work, answer).await
    }

    async fn list(
        &self,
        request: Request<pb::ListEnforcementRequestsRequest>,
    ) -> Result<pb::ListEnforcementRequestsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListEnforcementRequests", &request);
        let after = After::of(&pager, request.due_order)?;
        let units = self.house.units(&caller, "enforcements.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let mut found = store::list(&mut work, &units, request.settled, after, pager.limit()).await?;
        let key = |enforcement: &Enforcement| after.key(Some(enforcement.deadline_at), enforcement.id);
        let next_page_token = pager.cut(&mut found, key);
        let enforcement_requests = found.iter().map(contract::enforcement).collect();
        Ok(pb::ListEnforcementRequestsResponse { enforcement_requests, next_page_token })
    }

    async fn settle(
        &self,
        request: Request<pb::SettleEnforcementRequestRequest>,
    ) -> Result<pb::SettleEnforcementRequestResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let (id, outcome) = contract::settling(&request)?;
        let claim = Claim::new(&caller, request_id, "SettleEnforcementRequest", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::lock(&mut work, id).await?;
        let name = enforcement_name(id);
        let mut enforcement = self.house.jurisdiction.seen(
            &caller,
            "enforcements.settle",
            found,
            |one| one.unit,
            name.clone(),
        )?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        if enforcement.settled_at.is_some() {
            return Err(Fault::unfit("ENFORCEMENT_SETTLED", ("enforcement_request", name), "is settled"));
        }
        let said = (caller.subject(), request.words.as_str());
        ops::settle(&self.house, &mut work, &mut enforcement, outcome, said).await?;
        let enforcement_request = Some(contract::enforcement(&enforcement));
        claim.commit(work, pb::SettleEnforcementRequestResponse { enforcement_request }).await
    }
}
