//! Results speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, pages::Pager, parse, server};
use proto::screening::{self as pb, result_service_server::ResultService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Result as Tested, WITHIN, ops,
    parse::{self as contract, COLLECTION, result_name},
    store,
};
use crate::{
    DOMAIN,
    house::House,
    persons::{
        parse::{COLLECTION as PERSONS, REASON, UNITS, person_name},
        store as persons,
    },
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
        let absent = || Fault::NotFound(person_name(result.person));
        let one = persons::one(&mut work, result.person).await?.ok_or_else(absent)?;
        let everybody = persons::lock_same(&mut work, &self.house.keys, one).await?;
        let person = everybody.iter().find(|person| person.id == result.person).ok_or_else(absent)?;
        if !self.house.sees(&caller, "results.write", person.unit) {
            return Err(absent());
        }
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        (result.unit, result.one) = (person.unit, one);
        self.amendable(&mut work, &caller, &result).await?;
        let is_task = ops::is_task_of(&mut work, &result, result.unit).await?;
        result.deadline_at = is_task.then(|| now + WITHIN);
        ops::record(&self.house, &mut work, &result).await?;
        let holder = everybody.iter().find(|person| person.id == one && person.unit != result.unit);
        if let Some(holder) = holder {
            ops::tell(&self.house, &mut work, &result, holder).await?;
        }
        let answer = pb::RecordResultResponse { result: Some(contract::result(&result)) };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
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
        let own = own.filter(|amended| self.house.sees(caller, "results.write", amended.unit));
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
        let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
        let ancestor =
            wrong.keep("ancestor_unit", parse::optional_name(UNITS, &request.ancestor_unit)).flatten();
        let person = wrong.keep("person", parse::optional_name(PERSONS, &request.person)).flatten();
        wrong.refuse()?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let pager = Pager::new(&self.house.database, &caller, "ListResults", &request);
        let after = pager.after(&token)?;
        let units = self.house.units(&caller, "results.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let one = match person {
            None => None,
            Some(person) => Some(persons::one(&mut work, person).await?.unwrap_or_default()),
        };
        let mut found = store::list(&mut work, &units, (one, request.unhandled), after, size + 1).await?;
        let next_page_token = pager.cut(&mut found, size, |result| result.id.to_string());
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
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        wrong.keep("handling", parse::text(&request.handling, REASON).map(drop));
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "HandleResult", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::lock(&mut work, id).await?;
        let seen = found.filter(|result| self.house.sees(&caller, "results.handle", result.unit));
        let mut result = seen.ok_or_else(|| Fault::NotFound(result_name(id)))?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        if result.deadline_at.is_none() || result.handled_at.is_some() {
            let name = result_name(id);
            let words = "nobody must act on it, or somebody has";
            return Err(Fault::unmet("RESULT_HANDLED", name.clone(), words, vec![("result", name)]));
        }
        ops::handle(&self.house, &mut work, &mut result, (caller.subject(), &request.handling)).await?;
        let answer = pb::HandleResultResponse { result: Some(contract::result(&result)) };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }
}
