//! Wards speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, parse, server};
use chrono::{DateTime, Utc};
use proto::medical::{self as pb, ward_service_server::WardService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    BedClass, Ward,
    parse::{self as contract, COLLECTION, ward_name},
    store::{self, Wanted},
};
use crate::{
    DOMAIN,
    facilities::{self, parse as names},
    house::{House, UNITS},
    policies,
};

const READ: &str = "wards.read";
const WRITE: &str = "wards.write";

/// The handlers of [`WardService`].
#[derive(Clone, Debug)]
pub struct Wards {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl WardService for Wards {
    async fn create_ward(
        &self,
        request: Request<pb::CreateWardRequest>,
    ) -> Result<Response<pb::CreateWardResponse>, Status> {
        server::reply(DOMAIN, self.create(request).await)
    }

    async fn get_ward(
        &self,
        request: Request<pb::GetWardRequest>,
    ) -> Result<Response<pb::GetWardResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn list_wards(
        &self,
        request: Request<pb::ListWardsRequest>,
    ) -> Result<Response<pb::ListWardsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn update_ward(
        &self,
        request: Request<pb::UpdateWardRequest>,
    ) -> Result<Response<pb::UpdateWardResponse>, Status> {
        server::reply(DOMAIN, self.update(request).await)
    }

    async fn close_ward(
        &self,
        request: Request<pb::CloseWardRequest>,
    ) -> Result<Response<pb::CloseWardResponse>, Status> {
        server::reply(DOMAIN, self.close(request).await)
    }
}

impl Wards {
    async fn create(&self, request: Request<pb::CreateWardRequest>) -> Result<pb::CreateWardResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut ward = contract::setting_up(request.ward.as_ref(), self.house.clock.now())?;
        let claim = Claim::new(&caller, request_id, "CreateWard", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let by = (&caller, WRITE);
        let facility = facilities::ops::locked(&self.house, &mut work, by, ward.facility).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        facilities::ops::open(&facility)?;
        ward.unit = facility.unit;
        ward.stale_at = self.counts_until(&mut work, &ward, ward.created_at).await?;
        store::insert(&mut work, &ward, caller.subject()).await?;
        let ward = Some(self.shown(&ward));
        claim.commit(work, pb::CreateWardResponse { ward }).await
    }

    async fn get(&self, request: Request<pb::GetWardRequest>) -> Result<pb::GetWardResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::resource(COLLECTION, &request.name)?;
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::get(&mut work, id).await?;
        let ward = self.house.jurisdiction.seen(&caller, READ, found, |ward| ward.unit, ward_name(id))?;
        Ok(pb::GetWardResponse { ward: Some(self.shown(&ward)) })
    }

    async fn list(&self, request: Request<pb::ListWardsRequest>) -> Result<pb::ListWardsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        let facility = wrong.optional_name("facility", names::COLLECTION, &request.facility);
        let bed_class = wrong.choice("bed_class", request.bed_class, BedClass::of).map(|class| class as i16);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListWards", &request);
        let after = pager.after()?;
        let areas = self.house.areas(&caller, READ, ancestor)?;
        let (closed, today) = (request.closed, self.house.clock.today());
        let wanted = Wanted { areas: &areas, facility, bed_class, closed, today };
        let mut work = self.house.database.begin(deadline).await?;
        let mut found = store::list(&mut work, wanted, after, pager.limit()).await?;
        let next_page_token = pager.cut(&mut found, |ward| ward.id.to_string());
        let wards = found.iter().map(|ward| self.shown(ward)).collect();
        Ok(pb::ListWardsResponse { wards, next_page_token })
    }

    async fn update(&self, request: Request<pb::UpdateWardRequest>) -> Result<pb::UpdateWardResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let (id, read) = contract::update(&request)?;
        let claim = Claim::new(&caller, request_id, "UpdateWard", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let known = self.locked(&mut work, &caller, id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        parse::unchanged(&read, known.version)?;
        let mut changed = contract::updated(&request, &known)?;
        store::update(&mut work, &changed).await?;
        if changed.bed_class != known.bed_class {
            // Beds of another class are others: nobody has counted them.
            let now = self.house.clock.now();
            changed.stale_at = self.counts_until(&mut work, &changed, now).await?;
            changed.figure = None;
            store::forget(&mut work, id, (now, changed.stale_at)).await?;
        }
        changed.version += 1;
        let ward = Some(self.shown(&changed));
        claim.commit(work, pb::UpdateWardResponse { ward }).await
    }

    async fn close(&self, request: Request<pb::CloseWardRequest>) -> Result<pb::CloseWardResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.name("name", COLLECTION, &request.name);
        let last = names::last_day(&request.end_date, self.house.clock.today());
        let last = wrong.keep("end_date", last);
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "CloseWard", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let known = self.locked(&mut work, &caller, id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        if let Some(last) = known.ends_on.filter(|last| *last < self.house.clock.today()) {
            let words = format!("closed after {last}");
            return Err(Fault::unfit("WARD_CLOSED", ("ward", ward_name(id)), words));
        }
        let closed = Ward { ends_on: last, ..known };
        store::update(&mut work, &closed).await?;
        let closed = Ward { version: closed.version + 1, ..closed };
        let ward = Some(self.shown(&closed));
        claim.commit(work, pb::CloseWardResponse { ward }).await
    }

    /// A ward as the contract has it, now.
    fn shown(&self, ward: &Ward) -> pb::Ward {
        contract::ward(ward, (self.house.clock.today(), self.house.clock.now()))
    }

    /// Until when nobody need have counted the beds of a ward that are new since an instant.
    async fn counts_until(
        &self,
        connection: &mut PgConnection,
        ward: &Ward,
        since: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, Fault> {
        let set = policies::store::all(connection).await?;
        Ok(since + policies::ops::figure_counts(&self.house, &set, ward.unit, ward.bed_class))
    }

    /// A ward that the caller may change, locked.
    async fn locked(&self, connection: &mut PgConnection, caller: &Caller, id: Uuid) -> Result<Ward, Fault> {
        let found = store::lock(connection, id).await?;
        self.house.jurisdiction.seen(caller, WRITE, found, |ward| ward.unit, ward_name(id))
    }
}
