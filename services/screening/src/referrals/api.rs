//! Referrals speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, parse, server};
use proto::screening::{self as pb, referral_service_server::ReferralService};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Referral, ops,
    parse::{self as contract, COLLECTION, referral_name},
    store::{self, Selection},
};
use crate::{
    DOMAIN,
    feeds::{self, Stream},
    house::House,
    persons::{
        parse::{COLLECTION as PERSONS, UNITS},
        seen, store as persons,
    },
    worklists::After,
};

/// The handlers of [`ReferralService`].
#[derive(Clone, Debug)]
pub struct Referrals {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl ReferralService for Referrals {
    async fn list_referrals(
        &self,
        request: Request<pb::ListReferralsRequest>,
    ) -> Result<Response<pb::ListReferralsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn get_referral(
        &self,
        request: Request<pb::GetReferralRequest>,
    ) -> Result<Response<pb::GetReferralResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn create_referral(
        &self,
        request: Request<pb::CreateReferralRequest>,
    ) -> Result<Response<pb::CreateReferralResponse>, Status> {
        server::reply(DOMAIN, self.create(request).await)
    }

    type WatchReferralsStream = Stream<pb::WatchReferralsResponse>;

    async fn watch_referrals(
        &self,
        request: Request<pb::WatchReferralsRequest>,
    ) -> Result<Response<Self::WatchReferralsStream>, Status> {
        Ok(feeds::watch(self, request, |request| request.start_token))
    }

    async fn answer_referral(
        &self,
        request: Request<pb::AnswerReferralRequest>,
    ) -> Result<Response<pb::AnswerReferralResponse>, Status> {
        server::reply(DOMAIN, self.answer(request).await)
    }
}

impl Referrals {
    async fn list(
        &self,
        request: Request<pb::ListReferralsRequest>,
    ) -> Result<pb::ListReferralsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        let person = wrong.optional_name("person", PERSONS, &request.person);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListReferrals", &request);
        let after = After::of(&pager, request.due_order)?;
        let units = &self.house.units(&caller, "observations.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let one = seen::asked(&mut work, person).await?;
        let asked = Selection { units, one, answered: request.answered, after, limit: pager.limit() };
        let mut found = store::list(&mut work, asked).await?;
        let next_page_token =
            pager.cut(&mut found, |referral| after.key(Some(referral.due_at()), referral.id));
        let referrals = found.iter().map(contract::referral).collect();
        Ok(pb::ListReferralsResponse { referrals, next_page_token })
    }

    async fn answer(
        &self,
        request: Request<pb::AnswerReferralRequest>,
    ) -> Result<pb::AnswerReferralResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let (id, says) = contract::answering(&request)?;
        let claim = Claim::new(&caller, request_id, "AnswerReferral", &request);
        let mut work = self.house.database.begin(deadline).await?;
        // Persons before what is theirs, as everywhere.
        let found = store::get(&mut work, id).await?;
        let found = self.seen(&caller, "referrals.answer", id, found)?;
        persons::lock_same(&mut work, &self.house.keys, found.one).await?;
        let found = store::lock(&mut work, id).await?;
        let mut referral = self.seen(&caller, "referrals.answer", id, found)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        if referral.answered_at.is_some() {
            let words = format!("is answered by {}", referral.facility);
            return Err(Fault::unfit("REFERRAL_ANSWERED", ("referral", referral_name(id)), words));
        }
        let said = (says, request.facility.as_str(), request.next_facility.as_str());
        let next = ops::answer(&self.house, &mut work, &mut referral, said, caller.subject()).await?;
        let referral = Some(contract::referral(&referral));
        let next = next.as_ref().map(contract::referral);
        claim.commit(work, pb::AnswerReferralResponse { referral, next }).await
    }

    async fn get(&self, request: Request<pb::GetReferralRequest>) -> Result<pb::GetReferralResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::resource(COLLECTION, &request.name)?;
        let mut work = self.house.database.begin(deadline).await?;
        let referral = store::get(&mut work, id).await?;
        let referral = self.seen(&caller, "observations.read", id, referral)?;
        Ok(pb::GetReferralResponse { referral: Some(contract::referral(&referral)) })
    }

    async fn create(
        &self,
        request: Request<pb::CreateReferralRequest>,
    ) -> Result<pb::CreateReferralResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let asked = contract::referring(request.referral.as_ref())?;
        let claim = Claim::new(&caller, request_id, "CreateReferral", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let (person, _) =
            seen::lock(&self.house, &mut work, &caller, "referrals.write", asked.person).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let (referral, known) = ops::refer(&self.house, &mut work, &person, asked, caller.subject()).await?;
        let referral = Some(contract::referral(&referral));
        claim.commit(work, pb::CreateReferralResponse { referral, known }).await
    }

    /// A referral that the caller has a permission to; any other is answered like an absent one.
    fn seen(
        &self,
        caller: &Caller,
        permission: &str,
        id: Uuid,
        found: Option<Referral>,
    ) -> Result<Referral, Fault> {
        self.house.jurisdiction.seen(caller, permission, found, |referral| referral.unit, referral_name(id))
    }
}
