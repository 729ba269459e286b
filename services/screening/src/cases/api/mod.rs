//! Cases speak here; what changes one that is there stands in [`changes`].

mod changes;

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, parse, server};
use chrono::Days;
use proto::screening::{self as pb, case_service_server::CaseService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Case, State,
    classify::{Known, classify},
    ops,
    parse::{self as contract, COLLECTION, case_name},
    store::{self, Selection},
};
use crate::{
    DOMAIN,
    house::House,
    persons::{
        ops::lock_person,
        parse::{COLLECTION as PERSONS, UNITS},
        seen,
    },
    results,
    rules::day_start,
    schedules,
    worklists::After,
};

/// The handlers of [`CaseService`].
#[derive(Clone, Debug)]
pub struct Cases {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl CaseService for Cases {
    async fn open_case(
        &self,
        request: Request<pb::OpenCaseRequest>,
    ) -> Result<Response<pb::OpenCaseResponse>, Status> {
        server::reply(DOMAIN, self.open(request).await)
    }

    async fn get_case(
        &self,
        request: Request<pb::GetCaseRequest>,
    ) -> Result<Response<pb::GetCaseResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn list_cases(
        &self,
        request: Request<pb::ListCasesRequest>,
    ) -> Result<Response<pb::ListCasesResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn record_findings(
        &self,
        request: Request<pb::RecordFindingsRequest>,
    ) -> Result<Response<pb::RecordFindingsResponse>, Status> {
        server::reply(DOMAIN, self.findings(request).await)
    }

    async fn mark_case(
        &self,
        request: Request<pb::MarkCaseRequest>,
    ) -> Result<Response<pb::MarkCaseResponse>, Status> {
        server::reply(DOMAIN, self.mark(request).await)
    }

    async fn classify_case(
        &self,
        request: Request<pb::ClassifyCaseRequest>,
    ) -> Result<Response<pb::ClassifyCaseResponse>, Status> {
        server::reply(DOMAIN, self.classify(request).await)
    }

    async fn set_severity(
        &self,
        request: Request<pb::SetSeverityRequest>,
    ) -> Result<Response<pb::SetSeverityResponse>, Status> {
        server::reply(DOMAIN, self.severity(request).await)
    }

    async fn count_cases(
        &self,
        request: Request<pb::CountCasesRequest>,
    ) -> Result<Response<pb::CountCasesResponse>, Status> {
        server::reply(DOMAIN, self.count(request).await)
    }
}

impl Cases {
    async fn open(&self, request: Request<pb::OpenCaseRequest>) -> Result<pb::OpenCaseResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let said = request.case.as_ref().ok_or_else(|| Fault::invalid("case", "is required"))?;
        let mut wrong = Violations::default();
        let person = wrong.name("case.person", PERSONS, &said.person);
        let known = (&said.links[..], &said.signs[..], said.onset_date.as_str());
        let said = contract::said(&mut wrong, "case.", known, self.house.clock.today());
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "OpenCase", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let (person, _) = seen::lock(&self.house, &mut work, &caller, "cases.write", person).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let (case, known) = ops::open(&self.house, &mut work, &caller, &person, said).await?;
        claim.commit(work, pb::OpenCaseResponse { case: Some(self.shown(&case)), known }).await
    }

    async fn get(&self, request: Request<pb::GetCaseRequest>) -> Result<pb::GetCaseResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::resource(COLLECTION, &request.name)?;
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::get(&mut work, id).await?;
        let case = self.seen(&caller, "cases.read", id, found)?;
        let events = store::happened(&mut work, case.id).await?;
        let results = results::store::of_one(&mut work, case.one).await?;
        let known = Known { links: &case.links, signs: &case.signs, results: &results };
        let today = self.house.clock.today();
        let rules = schedules::ops::rules(&self.house, &mut work, case.unit, today).await?;
        let definition = classify(rules, known);
        Ok(pb::GetCaseResponse {
            case: Some(self.shown(&case)),
            events: events.into_iter().map(contract::event).collect(),
            definition: definition as i32,
        })
    }

    async fn list(&self, request: Request<pb::ListCasesRequest>) -> Result<pb::ListCasesResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        let person = wrong.optional_name("person", PERSONS, &request.person);
        let state = wrong.choice("state", request.state, |state| State::of(state.try_into().ok()?));
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListCases", &request);
        let after = After::of(&pager, request.due_order)?;
        let units = &self.house.units(&caller, "cases.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let one = seen::asked(&mut work, person).await?;
        let overdue_at = request.overdue.then(|| self.house.clock.now());
        let asked = Selection { units, state, one, overdue_at, after, limit: pager.limit() };
        let mut found = store::list(&mut work, asked).await?;
        let next_page_token = pager.cut(&mut found, |case| after.key(case.due_at(), case.id));
        let cases = found.iter().map(|case| self.shown(case)).collect();
        Ok(pb::ListCasesResponse { cases, next_page_token })
    }

    async fn count(&self, request: Request<pb::CountCasesRequest>) -> Result<pb::CountCasesResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let unit = wrong.name("unit", UNITS, &request.unit);
        let date = wrong.keep("date", parse::optional_date(&request.date)).flatten();
        wrong.refuse()?;
        let units = self.house.units(&caller, "cases.read", Some(unit))?;
        let (date, zone) = (date.unwrap_or_else(|| self.house.clock.today()), self.house.clock.zone());
        let day = (day_start(date, zone), day_start(date + Days::new(1), zone));
        let mut work = self.house.database.begin(deadline).await?;
        let by_unit = store::figures(&mut work, &units, day).await?.into_iter();
        Ok(contract::figures(&by_unit.map(|(_, figures)| figures).sum()))
    }

    /// A case that the caller has a permission to; any other is answered like an absent one.
    fn seen(&self, caller: &Caller, permission: &str, id: Uuid, found: Option<Case>) -> Result<Case, Fault> {
        self.house.jurisdiction.seen(caller, permission, found, |case| case.unit, case_name(id))
    }

    /// As [`Self::seen`], with everybody who is the same person locked, and the case.
    async fn locked(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        permission: &str,
        id: Uuid,
    ) -> Result<Case, Fault> {
        let found = store::get(connection, id).await?;
        let person = self.seen(caller, permission, id, found)?.person;
        // Who was found to be another while they were waited for is one with those.
        let (person, _) = lock_person(&self.house, connection, person)
            .await?
            .ok_or_else(|| Fault::NotFound(case_name(id)))?;
        let locked = store::lock_of_one(connection, person.same_as).await?;
        self.seen(caller, permission, id, locked)
    }

    fn shown(&self, case: &Case) -> pb::Case {
        contract::case(case, self.house.clock.now(), self.house.clock.zone())
    }
}
