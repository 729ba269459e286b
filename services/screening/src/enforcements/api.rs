//! Enforcement requests speak here.

use std::sync::Arc;

use chassis::{Fault, Violations, claims::Claim, pages, pages::Pager, parse, server};
use proto::screening::{self as pb, enforcement_service_server::EnforcementService};
use tonic::{Request, Response, Status, async_trait};

use super::{
    Enforcement, OUTCOMES, WITHIN, ops,
    parse::{self as contract, COLLECTION, enforcement_name},
    store,
};
use crate::{
    DOMAIN,
    house::House,
    persons::{
        parse::{COLLECTION as PERSONS, REASON, UNITS, person_name},
        store as persons,
    },
    worklists,
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
        let said = request.enforcement_request.as_ref();
        let said = said.ok_or_else(|| Fault::invalid("enforcement_request", "is required"))?;
        let now = self.house.clock.now();
        let mut wrong = Violations::default();
        let unit = wrong.keep("enforcement_request.unit", parse::optional_name(UNITS, &said.unit)).flatten();
        let person = parse::optional_name(PERSONS, &said.person);
        let person = wrong.keep("enforcement_request.person", person).flatten();
        if said.unit.is_empty() == said.person.is_empty() {
            wrong.add("enforcement_request.unit", "either the unit or the person is required");
        }
        let reason = wrong.keep("enforcement_request.reason", parse::text(&said.reason, REASON));
        let reason = reason.unwrap_or_default().to_owned();
        let deadline_at = said.deadline_time.map_or(Ok(now + WITHIN), parse::instant);
        let to_come = |at| if at <= now { Err("must be in the future".to_owned()) } else { Ok(at) };
        let deadline_at = deadline_at.and_then(to_come);
        let deadline_at = wrong.keep("enforcement_request.deadline_time", deadline_at).unwrap_or(now);
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "CreateEnforcementRequest", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let own = Enforcement::new(unit.unwrap_or_default(), reason, now);
        let mut enforcement = Enforcement { person, deadline_at, ..own };
        if let Some(id) = person {
            let found = persons::hold_hands(&mut work, id).await?;
            let seen = found.filter(|(unit, _)| self.house.sees(&caller, "enforcements.write", *unit));
            let (unit, one) = seen.ok_or_else(|| Fault::NotFound(person_name(id)))?;
            (enforcement.unit, enforcement.one) = (unit, Some(one));
        } else {
            self.house.within(&caller, "enforcements.write", enforcement.unit)?;
        }
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        store::insert(&mut work, &enforcement, caller.subject()).await?;
        let shown = Some(contract::enforcement(&enforcement));
        let answer = pb::CreateEnforcementRequestResponse { enforcement_request: shown };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn list(
        &self,
        request: Request<pb::ListEnforcementRequestsRequest>,
    ) -> Result<pb::ListEnforcementRequestsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
        let ancestor =
            wrong.keep("ancestor_unit", parse::optional_name(UNITS, &request.ancestor_unit)).flatten();
        wrong.refuse()?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let pager = Pager::new(&self.house.database, &caller, "ListEnforcementRequests", &request);
        let units = self.house.units(&caller, "enforcements.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let (mut found, key): (_, fn(&Enforcement) -> String) = if request.due_order {
            let after = worklists::after(&pager, &token)?;
            let found = store::due(&mut work, &units, after, size + 1).await?;
            (found, |enforcement| worklists::key((enforcement.deadline_at, enforcement.id)))
        } else {
            let after = pager.after(&token)?;
            let found = store::list(&mut work, &units, request.settled, after, size + 1).await?;
            (found, |enforcement| enforcement.id.to_string())
        };
        let next_page_token = pager.cut(&mut found, size, key);
        let enforcement_requests = found.iter().map(contract::enforcement).collect();
        Ok(pb::ListEnforcementRequestsResponse { enforcement_requests, next_page_token })
    }

    async fn settle(
        &self,
        request: Request<pb::SettleEnforcementRequestRequest>,
    ) -> Result<pb::SettleEnforcementRequestResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        let outcome = Some(request.outcome).filter(|outcome| OUTCOMES.contains(outcome));
        let outcome = outcome.and_then(|outcome| i16::try_from(outcome).ok());
        let outcome = outcome.ok_or_else(|| "is required: COMPLIED, ENFORCED or DROPPED".to_owned());
        let outcome = wrong.keep("outcome", outcome).unwrap_or_default();
        wrong.keep("words", parse::text(&request.words, REASON).map(drop));
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "SettleEnforcementRequest", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::lock(&mut work, id).await?;
        let seen = found.filter(|one| self.house.sees(&caller, "enforcements.settle", one.unit));
        let mut enforcement = seen.ok_or_else(|| Fault::NotFound(enforcement_name(id)))?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        if enforcement.settled_at.is_some() {
            let name = enforcement_name(id);
            let metadata = vec![("enforcement_request", name.clone())];
            return Err(Fault::unmet("ENFORCEMENT_SETTLED", name, "is settled", metadata));
        }
        let said = (caller.subject(), request.words.as_str());
        ops::settle(&self.house, &mut work, &mut enforcement, outcome, said).await?;
        let shown = Some(contract::enforcement(&enforcement));
        let answer = pb::SettleEnforcementRequestResponse { enforcement_request: shown };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }
}
