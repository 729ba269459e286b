//! Policies speak here.

use std::sync::Arc;

use chassis::{Fault, Violations, claims::Claim, parse, server};
use proto::medical::{self as pb, policy_service_server::PolicyService};
use tonic::{Request, Response, Status, async_trait};

use super::{Kind, in_force, ops, parse as contract, store};
use crate::{
    DOMAIN,
    house::{House, UNITS},
    wards,
};

/// The handlers of [`PolicyService`].
#[derive(Clone, Debug)]
pub struct Policies {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl PolicyService for Policies {
    async fn get_policies(
        &self,
        request: Request<pb::GetPoliciesRequest>,
    ) -> Result<Response<pb::GetPoliciesResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn set_policy(
        &self,
        request: Request<pb::SetPolicyRequest>,
    ) -> Result<Response<pb::SetPolicyResponse>, Status> {
        server::reply(DOMAIN, self.set(request).await)
    }
}

impl Policies {
    async fn get(&self, request: Request<pb::GetPoliciesRequest>) -> Result<pb::GetPoliciesResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let unit = wrong.name("unit", UNITS, &request.unit);
        wrong.refuse()?;
        self.house.jurisdiction.within(&caller, "policies.read", unit)?;
        let areas = self.house.sight(unit).ancestors;
        let mut work = self.house.database.begin(deadline).await?;
        let set = store::all(&mut work).await?;
        let shown = |kind| contract::policy(kind, in_force(&set, &areas, kind));
        Ok(pb::GetPoliciesResponse { policies: Kind::all().into_iter().map(shown).collect() })
    }

    /// A decision: it wants a fresh view of who may decide.
    async fn set(&self, request: Request<pb::SetPolicyRequest>) -> Result<pb::SetPolicyResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let (set, kind) = contract::setting(&request, (caller.subject(), self.house.clock.now()))?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "SetPolicy", &request);
        let mut work = self.house.database.begin(deadline).await?;
        self.house.jurisdiction.within(&caller, "policies.write", set.area)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        store::set(&mut work, &set).await?;
        if matches!(kind, Kind::FigureHours(_)) {
            // A count that comes meanwhile waits, and goes by what is set here.
            wards::store::lock_below(&mut work, set.area).await?;
            ops::refresh(&self.house, &mut work, Some(set.area)).await?;
        }
        let areas = self.house.sight(set.area).ancestors;
        let all = store::all(&mut work).await?;
        let policy = Some(contract::policy(kind, in_force(&all, &areas, kind)));
        claim.commit(work, pb::SetPolicyResponse { policy }).await
    }
}
