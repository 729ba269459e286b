//! Homes speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, pages::Pager, parse, server};
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
        store as persons,
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
        let unit = wrong.keep("unit", parse::name(UNITS, &request.unit)).unwrap_or_default();
        if !(1..=MOST).contains(&request.persons.len()) {
            wrong.add("persons", format!("must be 1 to {MOST}, are {}", request.persons.len()));
        }
        let mut persons = Vec::with_capacity(request.persons.len());
        for (nth, person) in request.persons.iter().enumerate() {
            persons.extend(wrong.keep(&format!("persons[{nth}]"), parse::name(PERSONS, person)));
        }
        let since = day(&request.start_date, self.house.clock.today());
        let since = wrong.keep("start_date", since).unwrap_or_default();
        wrong.refuse()?;
        persons.sort_unstable();
        persons.dedup();
        let claim = Claim::new(&caller, request_id, "CreateHome", &request);
        let mut work = self.house.database.begin(deadline).await?;
        self.house.within(&caller, "homes.write", unit)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let home = Home { id: Uuid::now_v7(), unit, residents: vec![] };
        store::insert(&mut work, &home, (caller.subject(), self.house.clock.now())).await?;
        for person in persons {
            self.take_in(&mut work, &caller, home.id, (person, since)).await?;
        }
        let home = self.seen(&mut work, &caller, "homes.write", home.id).await?;
        let answer = pb::CreateHomeResponse { home: Some(self.shown(&caller, &home)) };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn get(&self, request: Request<pb::GetHomeRequest>) -> Result<pb::GetHomeResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::name(COLLECTION, &request.name).map_err(|wrong| Fault::invalid("name", wrong))?;
        let mut work = self.house.database.begin(deadline).await?;
        let home = self.seen(&mut work, &caller, "homes.read", id).await?;
        Ok(pb::GetHomeResponse { home: Some(self.shown(&caller, &home)) })
    }

    async fn list(&self, request: Request<pb::ListHomesRequest>) -> Result<pb::ListHomesResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
        let ancestor =
            wrong.keep("ancestor_unit", parse::optional_name(UNITS, &request.ancestor_unit)).flatten();
        let person = wrong.keep("person", parse::optional_name(PERSONS, &request.person)).flatten();
        wrong.refuse()?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let pager = Pager::new(&self.house.database, &caller, "ListHomes", &request);
        let after = pager.after(&token)?;
        let units = self.house.units(&caller, "homes.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let one = match person {
            None => None,
            Some(person) => Some(persons::one(&mut work, person).await?.unwrap_or_default()),
        };
        let mut found = store::list(&mut work, &units, one, after, size + 1).await?;
        let next_page_token = pager.cut(&mut found, size, |home| home.id.to_string());
        let homes = found.iter().map(|home| self.shown(&caller, home)).collect();
        Ok(pb::ListHomesResponse { homes, next_page_token })
    }

    async fn join(&self, request: Request<pb::JoinHomeRequest>) -> Result<pb::JoinHomeResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        let person = wrong.keep("person", parse::name(PERSONS, &request.person)).unwrap_or_default();
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
        let answer = pb::JoinHomeResponse { home: Some(self.shown(&caller, &home)) };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn leave(&self, request: Request<pb::LeaveHomeRequest>) -> Result<pb::LeaveHomeResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        let person = wrong.keep("person", parse::name(PERSONS, &request.person)).unwrap_or_default();
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
        let answer = pb::LeaveHomeResponse { home: Some(self.shown(&caller, &home)) };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    /// Records that a person in hands at or below the caller's sleeps in a home.
    async fn take_in(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        home: Uuid,
        (id, starts_on): (Uuid, NaiveDate),
    ) -> Result<(), Fault> {
        let absent = || Fault::NotFound(person_name(id));
        let one = persons::one(connection, id).await?.ok_or_else(absent)?;
        let everybody = persons::lock_same(connection, &self.house.keys, one).await?;
        let person = everybody.into_iter().find(|person| person.id == id);
        let seen = person.filter(|person| self.house.sees(caller, "homes.write", person.unit));
        let person = seen.ok_or_else(absent)?;
        let resident = Resident { home, person: person.id, unit: person.unit, one, starts_on, ends_on: None };
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
        let seen = found.filter(|home| self.house.sees(caller, permission, home.unit));
        seen.ok_or_else(|| Fault::NotFound(home_name(id)))
    }

    fn shown(&self, caller: &Caller, home: &Home) -> pb::Home {
        contract::home(home, |unit| self.house.sees(caller, "homes.read", unit))
    }
}
