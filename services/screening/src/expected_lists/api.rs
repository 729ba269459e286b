//! Expected lists speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, parse, server};
use proto::screening::{self as pb, expected_list_service_server::ExpectedListService};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Day, ExpectedList, ops,
    parse::{self as contract, expected_list_name},
    store,
};
use crate::{DOMAIN, house::House, persons::parse::UNITS, worklists};

/// The handlers of [`ExpectedListService`].
#[derive(Clone, Debug)]
pub struct ExpectedLists {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl ExpectedListService for ExpectedLists {
    async fn set_expected_list(
        &self,
        request: Request<pb::SetExpectedListRequest>,
    ) -> Result<Response<pb::SetExpectedListResponse>, Status> {
        server::reply(DOMAIN, self.set(request).await)
    }

    async fn list_expected_lists(
        &self,
        request: Request<pb::ListExpectedListsRequest>,
    ) -> Result<Response<pb::ListExpectedListsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn list_missing_lists(
        &self,
        request: Request<pb::ListMissingListsRequest>,
    ) -> Result<Response<pb::ListMissingListsResponse>, Status> {
        server::reply(DOMAIN, self.missing(request).await)
    }

    async fn say_nil_list(
        &self,
        request: Request<pb::SayNilListRequest>,
    ) -> Result<Response<pb::SayNilListResponse>, Status> {
        server::reply(DOMAIN, self.say_nil(request).await)
    }
}

impl ExpectedLists {
    async fn set(
        &self,
        request: Request<pb::SetExpectedListRequest>,
    ) -> Result<pb::SetExpectedListResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let clock = &self.house.clock;
        let setting = contract::setting(&request, (clock.today(), clock.now()))?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "SetExpectedList", &request);
        let mut work = self.house.database.begin(deadline).await?;
        self.house.jurisdiction.within(&caller, "handdowns.schedule", setting.unit)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let of = (setting.unit, setting.kind, setting.source.as_str());
        let list = ops::set(&self.house, &mut work, of, &setting.term, caller.subject()).await?;
        let expected_list = Some(contract::expected_list(&list, &setting.term));
        claim.commit(work, pb::SetExpectedListResponse { expected_list }).await
    }

    async fn list(
        &self,
        request: Request<pb::ListExpectedListsRequest>,
    ) -> Result<pb::ListExpectedListsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        let date = wrong.keep("date", parse::optional_date(&request.date)).flatten();
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListExpectedLists", &request);
        let after = pager.after()?;
        let units = self.house.units(&caller, "handdowns.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let mut found = store::list(&mut work, &units, after, pager.limit()).await?;
        let next_page_token = pager.cut(&mut found, |list| list.id.to_string());
        let date = date.unwrap_or_else(|| self.house.clock.today());
        let days = ops::days_on(&self.house, &mut work, &found, date).await?;
        Ok(pb::ListExpectedListsResponse { expected_lists: self.shown(&days), next_page_token })
    }

    async fn missing(
        &self,
        request: Request<pb::ListMissingListsRequest>,
    ) -> Result<pb::ListMissingListsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListMissingLists", &request);
        let after = worklists::after(&pager)?;
        let units = self.house.units(&caller, "handdowns.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let mut found = store::missing(&mut work, &units, after, pager.limit()).await?;
        let next_page_token = pager.cut(&mut found, |(list, day)| worklists::key((day.due.at, list.id)));
        Ok(pb::ListMissingListsResponse { expected_lists: self.shown(&found), next_page_token })
    }

    async fn say_nil(
        &self,
        request: Request<pb::SayNilListRequest>,
    ) -> Result<pb::SayNilListResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let (id, date) = contract::nil(&request, self.house.clock.today())?;
        let claim = Claim::new(&caller, request_id, "SayNilList", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let list = store::lock(&mut work, id).await?;
        let list = self.seen(&caller, "handdowns.write", id, list)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let days = ops::days_on(&self.house, &mut work, std::slice::from_ref(&list), date).await?;
        let Some((_, day)) = days.into_iter().next() else {
            return Err(Fault::invalid("date", format!("no such list is expected of {date}")));
        };
        if day.came_at.is_some() {
            let words = format!("has come for {date}");
            return Err(Fault::unfit("LIST_NOT_NIL", ("expected_list", expected_list_name(id)), words));
        }
        let said = (caller.subject(), request.words.as_str());
        let day = ops::say_nil(&self.house, &mut work, &list, day.due, said).await?;
        let expected_list = Some(contract::day(&list, &day, self.house.clock.now()));
        claim.commit(work, pb::SayNilListResponse { expected_list }).await
    }

    fn shown(&self, days: &[(ExpectedList, Day)]) -> Vec<pb::ExpectedListDay> {
        let now = self.house.clock.now();
        days.iter().map(|(list, day)| contract::day(list, day, now)).collect()
    }

    /// An expected list that the caller has a permission to; any other is answered like an absent one.
    fn seen(
        &self,
        caller: &Caller,
        permission: &str,
        id: Uuid,
        found: Option<ExpectedList>,
    ) -> Result<ExpectedList, Fault> {
        let name = expected_list_name(id);
        self.house.jurisdiction.seen(caller, permission, found, |found| found.unit, name)
    }
}
