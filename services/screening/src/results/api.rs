//! Results speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, parse, server};
use proto::screening::{self as pb, result_service_server::ResultService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Result as Tested, WITHIN, ops,
    parse::{self as contract, COLLECTION, result_name},
    store::{self, Selection},
};
use crate::{
    DOMAIN,
    house::House,
    persons::{
        parse::{COLLECTION as PERSONS, REASON, UNITS},
        seen,
    },
    worklists::After,
};

/// The handlers of [`ResultService`].
#[derive(Clone, Debug)]
pub struct Results {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl ResultService for Results {
    async fn record_result(
        &self,
        request: Request<pb::RecordResultRequest>,
    ) -> Result<Response<pb::RecordResultResponse>, Status> {
        server::reply(DOMAIN, self.record(request).await)
    }

    async fn list_results(
        &self,
        request: Request<pb::ListResultsRequest>,
    ) -> Result<Response<pb::ListResultsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn handle_result(
        &self,
        request: Request<pb::HandleResultRequest>,
    ) -> Result<Response<pb::HandleResultResponse>, Status> {
        server::reply(DOMAIN, self.handle(request).await)
    }
}

impl Results {
    async fn record(
        &self,
        request: Request<pb::RecordResultRequest>,
    ) -> Result<pb::RecordResultResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let now = self.house.clock.now();
        let mut result = contract::recorded(request.result.as_ref(), caller.subject(), now)?;
        let claim = Claim::new(&caller, request_id, "RecordResult", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let (person, everybody) =
            seen::lock(&self.house, &mut work, &caller, "results.write", result.person).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        (result.unit, result.one) = (person.unit, person.same_as);
        self.amendable(&mut work, &caller, &result).await?;
        let is_task = ops::is_task_of(&mut work, &result, result.unit).await?;
        result.deadline_at = is_task.then(|| now + WITHIN);
        ops::record(&self.house, &mut work, &result).await?;
        let holder = everybody.iter().find(|person| person.id == result.one);
        if let Some(holder) = holder.filter(|holder| holder.unit != result.unit) {
            ops::tell(&self.house, &mut work, &result, holder).await?;
        }
        claim.commit(work, pb::RecordResultResponse { result: Some(contract::result(&result)) }).await
    }

    /// Whether what a result amends is the person's own, and stands.
    async fn amendable(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        result: &Tested,
    ) -> Result<(), Fault> {
        let Some(amends) = result.amends else { return Ok(()) };
        let amended = store::get(connection, amends).await?;
        let own = amended.filter(|amended| amended.one == result.one);
        let own = own.filter(|amended| self.house.jurisdiction.takes(caller, "results.write", amended.unit));
        let own = own.ok_or_else(|| Fault::NotFound(result_name(amends)))?;
        if own.told_by.is_some() {
            return Err(Fault::invalid("result.amends", "was told by another unit, which amends it"));
        }
        if own.amended {
            return Err(Fault::invalid("result.amends", "is amended: name the one that stands for it"));
        }
        Ok(())
    }

    async fn list(&self, request: Request<pb::ListResultsRequest>) -> Result<pb::ListResultsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        let person = wrong.optional_name("person", PERSONS, &request.person);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListResults", &request);
        let after = After::of(&pager, request.due_order)?;
        let units = &self.house.units(&caller, "results.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let one = seen::asked(&mut work, person).await?;
        let asked = Selection { units, one, unhandled: request.unhandled, after, limit: pager.limit() };
        let mut found = store::list(&mut work, asked).await?;
        let next_page_token = pager.cut(&mut found, |result| after.key(result.deadline_at, result.id));
        let results = found.iter().map(contract::result).collect();
        Ok(pb::ListResultsResponse { results, next_page_token })
    }

    async fn handle(
        &self,
        request: Request<pb::HandleResultRequest>,
    ) -> Result<pb::HandleResultResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.name("name", COLLECTION, &request.name);
        wrong.text("handling", &request.handling, REASON);
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "HandleResult", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::lock(&mut work, id).await?;
        let mut result = self.house.jurisdiction.seen(
            &caller,
            "results.handle",
            found,
            |result| result.unit,
            result_name(id),
        )?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        if result.deadline_at.is_none() || result.handled_at.is_some() {
            let words = "nobody must act on it, or somebody has";
            return Err(Fault::unfit("RESULT_HANDLED", ("result", result_name(id)), words));
        }
        ops::handle(&self.house, &mut work, &mut result, (caller.subject(), &request.handling)).await?;
        claim.commit(work, pb::HandleResultResponse { result: Some(contract::result(&result)) }).await
    }
}
