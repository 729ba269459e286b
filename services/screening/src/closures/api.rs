//! Closings speak here: the handlers of the service of erasures that are about them.

use chassis::{Caller, Fault, Violations, claims::Claim, pages, parse, server};
use proto::screening as pb;
use sqlx::PgConnection;
use tonic::Request;
use uuid::Uuid;

use super::{
    APPROVALS, APPROVE, Closure, Counts, PROPOSE, READ, ops,
    parse::{self as contract, COLLECTION, closure_name},
    store,
};
use crate::erasures::api::Erasures;

impl Erasures {
    pub(crate) async fn propose(
        &self,
        request: Request<pb::ProposeClosureRequest>,
    ) -> Result<pb::ProposeClosureResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let area = contract::proposed(&request)?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "ProposeClosure", &request);
        self.house.jurisdiction.within(&caller, PROPOSE, area)?;
        if !ops::is_area(&self.house, area) {
            return Err(contract::too_small());
        }
        let units = self.house.jurisdiction.standing_below(&[area]);
        let mut work = self.house.database.begin_page(deadline).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let (would_erase, would_hold) = ops::dry_run(&self.house, &mut work, &units).await?;
        let closure = Closure {
            id: Uuid::now_v7(),
            area,
            reason: request.reason,
            proposed_by: caller.subject().to_owned(),
            proposed_at: self.house.clock.now(),
            would_erase,
            would_hold: would_hold.to_vec(),
            approvals: Vec::new(),
            covered: None,
            held: Vec::new(),
            cancelled: None,
            certificate: None,
        };
        store::insert(&mut work, &closure).await?;
        let closure = Some(shown(&mut work, &closure).await?);
        claim.commit(work, pb::ProposeClosureResponse { closure }).await
    }

    pub(crate) async fn approve(
        &self,
        request: Request<pb::ApproveClosureRequest>,
    ) -> Result<pb::ApproveClosureResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let id = parse::resource(COLLECTION, &request.name)?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "ApproveClosure", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let mut closure = self.locked(&mut work, &caller, id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let subject = caller.subject();
        closure.may_approve(subject).map_err(|refusal| contract::refused(&closure, refusal))?;
        closure.approvals.push((subject.to_owned(), self.house.clock.now()));
        if closure.approvals.len() == APPROVALS {
            let units = ops::units(&self.house, &closure).ok_or_else(|| Fault::NotFound(closure_name(id)))?;
            closure.covered = Some(store::cover(&mut work, id, &units).await?);
        }
        store::approve(&mut work, &closure).await?;
        let closure = Some(shown(&mut work, &closure).await?);
        claim.commit(work, pb::ApproveClosureResponse { closure }).await
    }

    pub(crate) async fn cancel(
        &self,
        request: Request<pb::CancelClosureRequest>,
    ) -> Result<pb::CancelClosureResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let id = contract::cancelled(&request)?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "CancelClosure", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let mut closure = self.locked(&mut work, &caller, id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        closure.may_cancel().map_err(|refusal| contract::refused(&closure, refusal))?;
        closure.cancelled = Some((self.house.clock.now(), caller.subject().to_owned(), request.reason));
        store::cancel(&mut work, &closure).await?;
        let closure = Some(shown(&mut work, &closure).await?);
        claim.commit(work, pb::CancelClosureResponse { closure }).await
    }

    pub(crate) async fn closure(
        &self,
        request: Request<pb::GetClosureRequest>,
    ) -> Result<pb::GetClosureResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::resource(COLLECTION, &request.name)?;
        let mut work = self.house.database.begin(deadline).await?;
        let closure = self.seen(&mut work, &caller, (READ, id)).await?;
        Ok(pb::GetClosureResponse { closure: Some(shown(&mut work, &closure).await?) })
    }

    pub(crate) async fn closures(
        &self,
        request: Request<pb::ListClosuresRequest>,
    ) -> Result<pb::ListClosuresResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let state = contract::state(&mut wrong, request.state);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListClosures", &request);
        let after = pager.after()?;
        let areas = self.areas(&caller, READ);
        let mut work = self.house.database.begin_page(deadline).await?;
        let mut found = store::list(&mut work, &areas, state, after, pager.limit()).await?;
        let next_page_token = pager.cut(&mut found, |closure| closure.id.to_string());
        let mut closures = Vec::with_capacity(found.len());
        for closure in &found {
            closures.push(shown(&mut work, closure).await?);
        }
        Ok(pb::ListClosuresResponse { closures, next_page_token })
    }

    /// A closing of an area that the caller sees, or in which his units lie.
    ///
    /// # Errors
    /// [`Fault::NotFound`] naming it.
    pub(crate) async fn seen(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        (permission, id): (&str, Uuid),
    ) -> Result<Closure, Fault> {
        let found = store::get(connection, id).await?;
        let seen = found.filter(|closure| self.areas(caller, permission).contains(&closure.area));
        seen.ok_or_else(|| Fault::NotFound(closure_name(id)))
    }

    /// A closing of an area at or above which the caller may decide, locked.
    async fn locked(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        id: Uuid,
    ) -> Result<Closure, Fault> {
        let found = store::lock(connection, id).await?;
        let area = |closure: &Closure| closure.area;
        self.house.jurisdiction.seen(caller, APPROVE, found, area, closure_name(id))
    }

    /// The units at and below which the caller has a permission, and those that they lie in.
    fn areas(&self, caller: &Caller, permission: &str) -> Vec<Uuid> {
        let scopes = caller.scopes(permission);
        let mut areas = self.house.jurisdiction.standing_below(&scopes);
        for scope in scopes {
            areas.extend(self.house.sight(scope).ancestors);
        }
        areas
    }
}

/// A closing as the contract has it, with how far it is.
async fn shown(connection: &mut PgConnection, closure: &Closure) -> Result<pb::Closure, Fault> {
    if closure.covered.is_none() {
        return Ok(contract::closure(closure, &(Counts::default(), 0, None)));
    }
    let (erased, left) = match &closure.certificate {
        Some(certificate) => (certificate.erased, 0),
        None => store::progress(connection, closure.id).await?,
    };
    let ends = match closure.certificate {
        Some(_) => store::ends(connection, closure.id).await?,
        None => None,
    };
    Ok(contract::closure(closure, &(erased, left, ends)))
}
