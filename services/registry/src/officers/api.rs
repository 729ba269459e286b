//! Officers speak here.

use chassis::{Caller, Clock, Database, Fault, Violations, claims::Claim, feed, pages, parse, server};
use proto::registry::{self as pb, officer_service_server::OfficerService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Entry, Officer,
    parse::{self as contract, COLLECTION, Update, officer_name},
    store,
};
use crate::{DOMAIN, Moment, appointments, scope, scope::Ask};

/// The handlers of [`OfficerService`].
#[derive(Clone, Debug)]
pub struct Officers {
    /// The registry's database.
    pub database: Database,
    /// What time it is.
    pub clock: Clock,
}

#[async_trait]
impl OfficerService for Officers {
    async fn get_officer(
        &self,
        request: Request<pb::GetOfficerRequest>,
    ) -> Result<Response<pb::GetOfficerResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn list_officers(
        &self,
        request: Request<pb::ListOfficersRequest>,
    ) -> Result<Response<pb::ListOfficersResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn create_officer(
        &self,
        request: Request<pb::CreateOfficerRequest>,
    ) -> Result<Response<pb::CreateOfficerResponse>, Status> {
        server::reply(DOMAIN, self.create(request).await)
    }

    async fn update_officer(
        &self,
        request: Request<pb::UpdateOfficerRequest>,
    ) -> Result<Response<pb::UpdateOfficerResponse>, Status> {
        server::reply(DOMAIN, self.update(request).await)
    }

    async fn batch_create_officers(
        &self,
        request: Request<pb::BatchCreateOfficersRequest>,
    ) -> Result<Response<pb::BatchCreateOfficersResponse>, Status> {
        server::reply(DOMAIN, self.batch_create(request).await)
    }
}

impl Officers {
    async fn get(&self, request: Request<pb::GetOfficerRequest>) -> Result<pb::GetOfficerResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::resource(COLLECTION, &request.name)?;
        let mut work = self.database.begin(deadline).await?;
        let officer = self.visible(&mut work, &caller, "officers.read", id).await?;
        Ok(pb::GetOfficerResponse { officer: Some(officer.into()) })
    }

    async fn list(
        &self,
        request: Request<pb::ListOfficersRequest>,
    ) -> Result<pb::ListOfficersResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        wrong.refuse()?;
        let pager = page.of(&self.database, &caller, "ListOfficers", &request);
        let after: (String, Uuid) = pager.pair()?.unwrap_or_default();
        let ask = Ask::today("officers.read", self.clock.today());
        let mut work = self.database.begin(deadline).await?;
        let ranges = scope::below(&mut work, &caller, ask, &request.ancestor_unit).await?;
        let after = (after.0.as_str(), after.1);
        let mut officers = store::list(&mut work, &ranges, after, ask.today, pager.limit()).await?;
        let next_page_token = pager.cut(&mut officers, |officer| format!("{} {}", officer.path, officer.id));
        Ok(pb::ListOfficersResponse {
            officers: officers.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }

    async fn create(
        &self,
        request: Request<pb::CreateOfficerRequest>,
    ) -> Result<pb::CreateOfficerResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let entry = contract::create(&request)?;
        let claim = Claim::new(&caller, request_id, "CreateOfficer", &request);
        let mut work = self.database.begin(deadline).await?;
        scope::allow(&mut work, &caller, self.write(), &[entry.home_unit]).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let officer = self.insert(&mut work, vec![entry]).await?.pop();
        claim.commit(work, pb::CreateOfficerResponse { officer }).await
    }

    async fn batch_create(
        &self,
        request: Request<pb::BatchCreateOfficersRequest>,
    ) -> Result<pb::BatchCreateOfficersResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let entries = contract::batch(&request)?;
        let claim = Claim::new(&caller, request_id, "BatchCreateOfficers", &request);
        let mut work = self.database.begin(deadline).await?;
        let homes: Vec<Uuid> = entries.iter().map(|entry| entry.home_unit).collect();
        scope::allow(&mut work, &caller, self.write(), &homes).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let answer = pb::BatchCreateOfficersResponse { officers: self.insert(&mut work, entries).await? };
        claim.commit(work, answer).await
    }

    async fn update(
        &self,
        request: Request<pb::UpdateOfficerRequest>,
    ) -> Result<pb::UpdateOfficerResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let Update { id, change, etag: read } = Update::try_from(&request)?;
        let claim = Claim::new(&caller, request_id, "UpdateOfficer", &request);
        let mut work = self.database.begin(deadline).await?;
        let officer = self.visible(&mut work, &caller, "officers.write", id).await?;
        if let Some(home) = change.home_unit {
            scope::allow(&mut work, &caller, self.write(), &[home]).await?;
        }
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        parse::unchanged(&read, officer.version)?;
        let moment = Moment::of(&self.clock);
        let entry = officer.entry.changed(change);
        if !store::update(&mut work, id, &entry, officer.version, moment.now).await? {
            return Err(Fault::Conflict);
        }
        // Other services know an officer by the appointments only.
        let held = appointments::store::held_by(&mut work, id).await?;
        feed::note(&mut work, appointments::TOPIC, &held).await?;
        let officer = store::get(&mut work, &[id], moment.today).await?.pop().map(Into::into);
        claim.commit(work, pb::UpdateOfficerResponse { officer }).await
    }

    fn write(&self) -> Ask {
        Ask::today("officers.write", self.clock.today())
    }

    async fn insert(
        &self,
        connection: &mut PgConnection,
        entries: Vec<Entry>,
    ) -> Result<Vec<pb::Officer>, Fault> {
        let moment = Moment::of(&self.clock);
        let officers: Vec<(Uuid, Entry)> = entries.into_iter().map(|entry| (Uuid::now_v7(), entry)).collect();
        store::insert(connection, &officers, moment.now).await?;
        let ids: Vec<Uuid> = officers.iter().map(|(id, _)| *id).collect();
        let made = store::get(connection, &ids, moment.today).await?;
        Ok(made.into_iter().map(Into::into).collect())
    }

    /// An officer whose home lies within the caller's scopes; any other is answered like an absent one.
    async fn visible(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        permission: &'static str,
        id: Uuid,
    ) -> Result<Officer, Fault> {
        let today = self.clock.today();
        let absent = || Fault::NotFound(officer_name(id));
        let officer = store::get(connection, &[id], today).await?.pop().ok_or_else(absent)?;
        let home = [officer.entry.home_unit];
        match scope::allow(connection, caller, Ask::today(permission, today), &home).await {
            Ok(()) => Ok(officer),
            Err(Fault::NotFound(_)) => Err(absent()),
            Err(fault) => Err(fault),
        }
    }
}
