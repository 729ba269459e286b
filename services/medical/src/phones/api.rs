//! Phones speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, feed, pages, parse, server};
use proto::medical::{self as pb, phone_service_server::PhoneService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Call, Phone,
    parse::{self as contract, COLLECTION, phone_name},
    store,
};
use crate::{DOMAIN, directory, facilities, house::House, policies};

const WRITE: &str = "phones.write";

/// The handlers of [`PhoneService`].
#[derive(Clone, Debug)]
pub struct Phones {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl PhoneService for Phones {
    async fn add_phone(
        &self,
        request: Request<pb::AddPhoneRequest>,
    ) -> Result<Response<pb::AddPhoneResponse>, Status> {
        server::reply(DOMAIN, self.add(request).await)
    }

    async fn update_phone(
        &self,
        request: Request<pb::UpdatePhoneRequest>,
    ) -> Result<Response<pb::UpdatePhoneResponse>, Status> {
        server::reply(DOMAIN, self.update(request).await)
    }

    async fn verify_phone(
        &self,
        request: Request<pb::VerifyPhoneRequest>,
    ) -> Result<Response<pb::VerifyPhoneResponse>, Status> {
        server::reply(DOMAIN, self.verify(request).await)
    }

    async fn remove_phone(
        &self,
        request: Request<pb::RemovePhoneRequest>,
    ) -> Result<Response<pb::RemovePhoneResponse>, Status> {
        server::reply(DOMAIN, self.remove(request).await)
    }

    async fn log_call(
        &self,
        request: Request<pb::LogCallRequest>,
    ) -> Result<Response<pb::LogCallResponse>, Status> {
        server::reply(DOMAIN, self.log(request).await)
    }

    async fn list_calls(
        &self,
        request: Request<pb::ListCallsRequest>,
    ) -> Result<Response<pb::ListCallsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }
}

impl Phones {
    async fn add(&self, request: Request<pb::AddPhoneRequest>) -> Result<pb::AddPhoneResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let phone = contract::adding(request.phone.as_ref(), self.house.clock.now())?;
        let claim = Claim::new(&caller, request_id, "AddPhone", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let by = (&caller, WRITE);
        let facility = facilities::ops::locked(&self.house, &mut work, by, phone.facility).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        facilities::ops::open(&facility)?;
        store::insert(&mut work, &phone, caller.subject()).await?;
        feed::note(&mut work, directory::TOPIC, &[phone.facility]).await?;
        claim.commit(work, pb::AddPhoneResponse { phone: Some(contract::phone(&phone)) }).await
    }

    async fn update(
        &self,
        request: Request<pb::UpdatePhoneRequest>,
    ) -> Result<pb::UpdatePhoneResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let (id, read) = contract::update(&request)?;
        let claim = Claim::new(&caller, request_id, "UpdatePhone", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let known = self.locked(&mut work, &caller, id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        kept(&known)?;
        parse::unchanged(&read, known.version)?;
        let phone = contract::updated(&request, &known)?;
        let phone = Some(self.write(&mut work, phone).await?);
        claim.commit(work, pb::UpdatePhoneResponse { phone }).await
    }

    async fn verify(
        &self,
        request: Request<pb::VerifyPhoneRequest>,
    ) -> Result<pb::VerifyPhoneResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let id = parse::resource(COLLECTION, &request.name)?;
        let claim = Claim::new(&caller, request_id, "VerifyPhone", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let known = self.locked(&mut work, &caller, id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        kept(&known)?;
        let now = self.house.clock.now();
        let by = caller.subject().to_owned();
        let verified =
            Phone { verified_at: Some(now), verified_by: by, failed_calls: 0, marked_at: None, ..known };
        let phone = Some(self.write(&mut work, verified).await?);
        claim.commit(work, pb::VerifyPhoneResponse { phone }).await
    }

    async fn remove(
        &self,
        request: Request<pb::RemovePhoneRequest>,
    ) -> Result<pb::RemovePhoneResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let id = parse::resource(COLLECTION, &request.name)?;
        let claim = Claim::new(&caller, request_id, "RemovePhone", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let known = self.locked(&mut work, &caller, id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        kept(&known)?;
        let removed = Phone { removed_at: Some(self.house.clock.now()), ..known };
        let phone = Some(self.write(&mut work, removed).await?);
        claim.commit(work, pb::RemovePhoneResponse { phone }).await
    }

    /// A fact, by whoever uses the directory: nothing of the number but whether it is marked is answered.
    async fn log(&self, request: Request<pb::LogCallRequest>) -> Result<pb::LogCallResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let now = self.house.clock.now();
        let (id, outcome, called_at) = contract::calling(&request, now)?;
        let claim = Claim::new(&caller, request_id, "LogCall", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::lock(&mut work, id).await?;
        let mut phone = found.ok_or_else(|| Fault::NotFound(phone_name(id)))?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let time = called_at.with_timezone(&self.house.clock.zone()).time();
        let call = Call {
            id: Uuid::now_v7(),
            phone: id,
            outcome,
            called_at,
            outside_hours: !phone.hours.have(time),
            called_by: caller.subject().to_owned(),
            recorded_at: now,
        };
        store::log(&mut work, &call).await?;
        let was_marked = phone.marked_at.is_some();
        let failed = store::failed(&mut work, &phone).await?;
        phone.count(failed, policies::ops::failed_calls(&self.house, &mut work, phone.facility).await?, now);
        store::update(&mut work, &phone).await?;
        let marked = phone.marked_at.is_some();
        if marked != was_marked && phone.removed_at.is_none() {
            feed::note(&mut work, directory::TOPIC, &[phone.facility]).await?;
        }
        claim.commit(work, pb::LogCallResponse { call: Some(contract::call(&call)), marked }).await
    }

    async fn list(&self, request: Request<pb::ListCallsRequest>) -> Result<pb::ListCallsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let id = wrong.name("phone", COLLECTION, &request.phone);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListCalls", &request);
        let after = pager.after()?;
        let mut work = self.house.database.begin(deadline).await?;
        let phone = store::get(&mut work, id).await?.ok_or_else(|| Fault::NotFound(phone_name(id)))?;
        let facility = facilities::store::some(&mut work, &[phone.facility]).await?.pop();
        self.house.jurisdiction.seen(
            &caller,
            "calls.read",
            facility,
            |facility| facility.unit,
            phone_name(id),
        )?;
        let mut calls = store::calls(&mut work, id, after, pager.limit()).await?;
        let next_page_token = pager.cut(&mut calls, |call| call.id.to_string());
        Ok(pb::ListCallsResponse { calls: calls.iter().map(contract::call).collect(), next_page_token })
    }

    /// A phone of a facility that the caller may change, both locked.
    async fn locked(&self, connection: &mut PgConnection, caller: &Caller, id: Uuid) -> Result<Phone, Fault> {
        let absent = || Fault::NotFound(phone_name(id));
        let phone = store::get(connection, id).await?.ok_or_else(absent)?;
        let facility = facilities::store::lock(connection, phone.facility).await?;
        self.house.jurisdiction.seen(caller, WRITE, facility, |facility| facility.unit, phone_name(id))?;
        store::lock(connection, id).await?.ok_or_else(absent)
    }

    /// Writes a phone, which is locked, as its next version.
    async fn write(&self, connection: &mut PgConnection, phone: Phone) -> Result<pb::Phone, Fault> {
        let phone = Phone { version: phone.version + 1, ..phone };
        store::update(connection, &phone).await?;
        feed::note(connection, directory::TOPIC, &[phone.facility]).await?;
        Ok(contract::phone(&phone))
    }
}

/// That a phone was not removed.
fn kept(phone: &Phone) -> Result<(), Fault> {
    if phone.removed_at.is_none() {
        return Ok(());
    }
    Err(Fault::unfit("PHONE_REMOVED", ("phone", phone_name(phone.id)), "was removed; add it anew"))
}
