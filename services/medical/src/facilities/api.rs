//! Facilities speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, parse, server};
use proto::medical::{self as pb, facility_service_server::FacilityService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Ending, Facility, Role, ending, ops,
    parse::{self as contract, COLLECTION, facility_name},
    store::{self, Wanted},
};
use crate::{
    DOMAIN,
    house::{House, UNITS},
    sight,
};

const READ: &str = "facilities.read";
const WRITE: &str = "facilities.write";

/// The handlers of [`FacilityService`].
#[derive(Clone, Debug)]
pub struct Facilities {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl FacilityService for Facilities {
    async fn create_facility(
        &self,
        request: Request<pb::CreateFacilityRequest>,
    ) -> Result<Response<pb::CreateFacilityResponse>, Status> {
        server::reply(DOMAIN, self.create(request).await)
    }

    async fn get_facility(
        &self,
        request: Request<pb::GetFacilityRequest>,
    ) -> Result<Response<pb::GetFacilityResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn list_facilities(
        &self,
        request: Request<pb::ListFacilitiesRequest>,
    ) -> Result<Response<pb::ListFacilitiesResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn update_facility(
        &self,
        request: Request<pb::UpdateFacilityRequest>,
    ) -> Result<Response<pb::UpdateFacilityResponse>, Status> {
        server::reply(DOMAIN, self.update(request).await)
    }

    async fn close_facility(
        &self,
        request: Request<pb::CloseFacilityRequest>,
    ) -> Result<Response<pb::CloseFacilityResponse>, Status> {
        server::reply(DOMAIN, self.close(request).await)
    }

    async fn grant_role(
        &self,
        request: Request<pb::GrantRoleRequest>,
    ) -> Result<Response<pb::GrantRoleResponse>, Status> {
        server::reply(DOMAIN, self.grant(request).await)
    }

    async fn end_role(
        &self,
        request: Request<pb::EndRoleRequest>,
    ) -> Result<Response<pb::EndRoleResponse>, Status> {
        server::reply(DOMAIN, self.end(request).await)
    }
}

impl Facilities {
    async fn create(
        &self,
        request: Request<pb::CreateFacilityRequest>,
    ) -> Result<pb::CreateFacilityResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let entered = contract::entering(request.facility.as_ref(), self.house.clock.now())?;
        let claim = Claim::new(&caller, request_id, "CreateFacility", &request);
        let mut work = self.house.database.begin(deadline).await?;
        self.house.jurisdiction.within(&caller, WRITE, entered.unit)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        sight::store::keep(&mut work, &self.house.sight(entered.unit)).await?;
        store::insert(&mut work, &entered, caller.subject()).await?;
        let facility = ops::changed(&self.house, &mut work, entered.id).await?;
        claim.commit(work, pb::CreateFacilityResponse { facility }).await
    }

    async fn get(&self, request: Request<pb::GetFacilityRequest>) -> Result<pb::GetFacilityResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::resource(COLLECTION, &request.name)?;
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::some(&mut work, &[id]).await?.pop();
        let seen =
            self.house.jurisdiction.seen(&caller, READ, found, |found| found.unit, facility_name(id))?;
        let facility = ops::shown(&self.house, &mut work, &[seen]).await?.pop();
        Ok(pb::GetFacilityResponse { facility })
    }

    async fn list(
        &self,
        request: Request<pb::ListFacilitiesRequest>,
    ) -> Result<pb::ListFacilitiesResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        let role = wrong.choice("role", request.role, Role::of).map(|role| role as i16);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListFacilities", &request);
        let after = pager.after()?;
        let areas = self.house.areas(&caller, READ, ancestor)?;
        let wanted = Wanted { areas: &areas, role, closed: request.closed, today: self.house.clock.today() };
        let mut work = self.house.database.begin(deadline).await?;
        let mut found = store::list(&mut work, wanted, after, pager.limit()).await?;
        let next_page_token = pager.cut(&mut found, |facility| facility.id.to_string());
        let facilities = ops::shown(&self.house, &mut work, &found).await?;
        Ok(pb::ListFacilitiesResponse { facilities, next_page_token })
    }

    async fn update(
        &self,
        request: Request<pb::UpdateFacilityRequest>,
    ) -> Result<pb::UpdateFacilityResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let (id, read) = contract::update(&request)?;
        let claim = Claim::new(&caller, request_id, "UpdateFacility", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let known = ops::locked(&self.house, &mut work, (&caller, WRITE), id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        parse::unchanged(&read, known.version)?;
        let changed = contract::updated(&request, &known, self.house.clock.now())?;
        if changed.unit != known.unit {
            self.house.jurisdiction.within(&caller, WRITE, changed.unit)?;
            sight::store::keep(&mut work, &self.house.sight(changed.unit)).await?;
        }
        let facility = self.write(&mut work, &caller, &changed).await?;
        claim.commit(work, pb::UpdateFacilityResponse { facility }).await
    }

    async fn close(
        &self,
        request: Request<pb::CloseFacilityRequest>,
    ) -> Result<pb::CloseFacilityResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.name("name", COLLECTION, &request.name);
        let last = contract::last_day(&request.end_date, self.house.clock.today());
        let last = wrong.keep("end_date", last).unwrap_or_default();
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "CloseFacility", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let known = ops::locked(&self.house, &mut work, (&caller, WRITE), id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        if known.ends_on.is_some_and(|last| last < self.house.clock.today()) {
            ops::open(&known)?;
        }
        store::end_roles(&mut work, id, last).await?;
        let facility = self.write(&mut work, &caller, &Facility { ends_on: Some(last), ..known }).await?;
        claim.commit(work, pb::CloseFacilityResponse { facility }).await
    }

    async fn grant(&self, request: Request<pb::GrantRoleRequest>) -> Result<pb::GrantRoleResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let (today, now) = (self.house.clock.today(), self.house.clock.now());
        let (id, role) = contract::granting(&request, (caller.subject(), now), today)?;
        let claim = Claim::new(&caller, request_id, "GrantRole", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let facility = ops::locked(&self.house, &mut work, (&caller, WRITE), id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        ops::open(&facility)?;
        if !store::grant(&mut work, id, &role).await? {
            return Err(Fault::Exists {
                reason: "ROLE_EXISTS",
                message: "the facility has the role on some of these days; end that first".to_owned(),
                metadata: role_of(&facility, role.role),
            });
        }
        let facility = ops::changed(&self.house, &mut work, id).await?;
        claim.commit(work, pb::GrantRoleResponse { facility }).await
    }

    async fn end(&self, request: Request<pb::EndRoleRequest>) -> Result<pb::EndRoleResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.name("facility", COLLECTION, &request.facility);
        let role = wrong.keep("role", contract::role(request.role)).unwrap_or(Role::Laboratory);
        let last = wrong.keep("end_date", parse::date(&request.end_date)).unwrap_or_default();
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "EndRole", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let facility = ops::locked(&self.house, &mut work, (&caller, WRITE), id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        match ending(&facility.roles, role, last, self.house.clock.today()) {
            Some(Ending::Ends(held)) => store::end_role(&mut work, held, last).await?,
            Some(Ending::TakenBack(held)) => store::take_back(&mut work, held).await?,
            None => {
                let words = format!("has no such role on {last}, nor one that would begin later");
                let metadata = role_of(&facility, role as i16);
                return Err(Fault::unmet("ROLE_NOT_HELD", facility_name(id), words, metadata));
            }
        }
        let facility = ops::changed(&self.house, &mut work, id).await?;
        claim.commit(work, pb::EndRoleResponse { facility }).await
    }

    /// Writes a facility, which is locked, as it is from now on.
    async fn write(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        facility: &Facility,
    ) -> Result<Option<pb::Facility>, Fault> {
        store::update(connection, facility, (caller.subject(), self.house.clock.now())).await?;
        ops::changed(&self.house, connection, facility.id).await
    }
}

fn role_of(facility: &Facility, role: i16) -> Vec<(&'static str, String)> {
    vec![("facility", facility_name(facility.id)), ("role", contract::role_word(role))]
}
