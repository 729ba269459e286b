//! Homes speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, parse, server};
use chrono::NaiveDate;
use proto::screening::{self as pb, home_service_server::HomeService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Home, Resident,
    parse::{self as contract, COLLECTION, day, home_name},
    store,
};
use crate::{
    DOMAIN,
    house::House,
    persons::{
        parse::{COLLECTION as PERSONS, UNITS, person_name},
        seen,
    },
};

/// The most who sleep in a home when it is set up.
const MOST: usize = 50;

/// The handlers of [`HomeService`].
#[derive(Clone, Debug)]
pub struct Homes {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl HomeService for Homes {
    async fn create_home(
        &self,
        request: Request<pb::CreateHomeRequest>,
    ) -> Result<Response<pb::CreateHomeResponse>, Status> {
        server::reply(DOMAIN, self.create(request).await)
    }

    async fn get_home(
        &self,
        request: Request<pb::GetHomeRequest>,
    ) -> Result<Response<pb::GetHomeResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn list_homes(
        &self,
        request: Request<pb::ListHomesRequest>,
    ) -> Result<Response<pb::ListHomesResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn join_home(
        &self,
        request: Request<pb::JoinHomeRequest>,
    ) -> Result<Response<pb::JoinHomeResponse>, Status> {
        server::reply(DOMAIN, self.join(request).await)
    }

    async fn leave_home(
        &self,
        request: Request<pb::LeaveHomeRequest>,
    ) -> Result<Response<pb::LeaveHomeResponse>, Status> {
        server::reply(DOMAIN, self.leave(request).await)
    }
}

impl Homes {
    async fn create(&self, request: Request<pb::CreateHomeRequest>) -> Result<pb::CreateHomeResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let unit = wrong.name("unit", UNITS, &request.unit);
        wrong.keep("persons", parse::count(request.persons.len(), MOST));
        let mut persons = wrong.names("persons", PERSONS, &request.persons);
        let since = day(&request.start_date, self.house.clock.today());
        let since = wrong.keep("start_date", since).unwrap_or_default();
        wrong.refuse()?;
        persons.sort_unstable();
        persons.dedup();
        let claim = Claim::new(&caller, request_id, "CreateHome", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let standing = self.house.taking(&caller, "homes.write", unit)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let home = Home { id: Uuid::now_v7(), unit: standing, residents: vec![] };
        store::insert(&mut work, &home, (caller.subject(), self.house.clock.now())).await?;
        for person in persons {
            self.take_in(&mut work, &caller, home.id, (person, since)).await?;
        }
        let home = store::lock(&mut work, home.id).await?.ok_or(Fault::Conflict)?;
        let readdressed = standing != unit;
        let home = Some(self.shown(&caller, &home));
        claim.commit(work, pb::CreateHomeResponse { home, readdressed }).await
    }

    async fn get(&self, request: Request<pb::GetHomeRequest>) -> Result<pb::GetHomeResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::resource(COLLECTION, &request.name)?;
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::get(&mut work, id).await?;
        let home =
            self.house.jurisdiction.seen(&caller, "homes.read", found, |home| home.unit, home_name(id))?;
        Ok(pb::GetHomeResponse { home: Some(self.shown(&caller, &home)) })
    }

    async fn list(&self, request: Request<pb::ListHomesRequest>) -> Result<pb::ListHomesResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        let person = wrong.optional_name("person", PERSONS, &request.person);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListHomes", &request);
        let after = pager.after()?;
        let units = self.house.units(&caller, "homes.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let one = seen::asked(&mut work, person).await?;
        let mut found = store::list(&mut work, &units, one, after, pager.limit()).await?;
        let next_page_token = pager.cut(&mut found, |home| home.id.to_string());
        let homes = found.iter().map(|home| self.shown(&caller, home)).collect();
        Ok(pb::ListHomesResponse { homes, next_page_token })
    }

    async fn join(&self, request: Request<pb::JoinHomeRequest>) -> Result<pb::JoinHomeResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.name("name", COLLECTION, &request.name);
        let person = wrong.name("person", PERSONS, &request.person);
        let since = day(&request.start_date, self.house.clock.today());
        let since = wrong.keep("start_date", since).unwrap_or_default();
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "JoinHome", &request);
        let mut work = self.house.database.begin(deadline).await?;
        self.seen(&mut work, &caller, "homes.write", id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        self.take_in(&mut work, &caller, id, (person, since)).await?;
        let home = self.seen(&mut work, &caller, "homes.write", id).await?;
        claim.commit(work, pb::JoinHomeResponse { home: Some(self.shown(&caller, &home)) }).await
    }

    async fn leave(&self, request: Request<pb::LeaveHomeRequest>) -> Result<pb::LeaveHomeResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.name("name", COLLECTION, &request.name);
        let person = wrong.name("person", PERSONS, &request.person);
        let last = day(&request.end_date, self.house.clock.today());
        let last = wrong.keep("end_date", last).unwrap_or_default();
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "LeaveHome", &request);
        let mut work = self.house.database.begin(deadline).await?;
        self.seen(&mut work, &caller, "homes.write", id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        if !store::leave(&mut work, id, person, last).await? {
            return Err(Fault::NotFound(person_name(person)));
        }
        let home = self.seen(&mut work, &caller, "homes.write", id).await?;
        claim.commit(work, pb::LeaveHomeResponse { home: Some(self.shown(&caller, &home)) }).await
    }

    /// Records that a person in hands at or below the caller's sleeps in a home.
    async fn take_in(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        home: Uuid,
        (id, starts_on): (Uuid, NaiveDate),
    ) -> Result<(), Fault> {
        let (person, _) = seen::lock(&self.house, connection, caller, "homes.write", id).await?;
        let (unit, one) = (person.unit, person.same_as);
        let resident = Resident { home, person: id, unit, one, starts_on, ends_on: None };
        store::join(connection, &resident).await
    }

    /// A home that the caller has a permission to, locked; any other is answered like an absent one.
    async fn seen(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        permission: &str,
        id: Uuid,
    ) -> Result<Home, Fault> {
        let found = store::lock(connection, id).await?;
        let seen = found.filter(|home| self.house.jurisdiction.takes(caller, permission, home.unit));
        seen.ok_or_else(|| Fault::NotFound(home_name(id)))
    }

    fn shown(&self, caller: &Caller, home: &Home) -> pb::Home {
        contract::home(home, |unit| self.house.jurisdiction.sees(caller, "homes.read", unit))
    }
}
