//! Referrals speak here.

use std::sync::Arc;

use chassis::{Fault, Violations, claims::Claim, pages, pages::Pager, parse, server};
use proto::screening::{self as pb, referral_service_server::ReferralService};
use tonic::{Request, Response, Status, async_trait};

use super::{
    ANSWERS,
    parse::{self as contract, COLLECTION, referral_name},
    store,
};
use crate::{
    DOMAIN,
    escalations::{self, Kind},
    house::House,
    persons::parse::UNITS,
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
        let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
        let ancestor =
            wrong.keep("ancestor_unit", parse::optional_name(UNITS, &request.ancestor_unit)).flatten();
        wrong.refuse()?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let pager = Pager::new(&self.house.database, &caller, "ListReferrals", &request);
        let after = pager.after(&token)?;
        let units = self.house.units(&caller, "observations.read", ancestor)?;
        let mut work = self.house.database.begin(deadline).await?;
        let mut found = store::list(&mut work, &units, request.answered, after, size + 1).await?;
        let next_page_token = pager.cut(&mut found, size, |referral| referral.id.to_string());
        let referrals = found.iter().map(contract::referral).collect();
        Ok(pb::ListReferralsResponse { referrals, next_page_token })
    }

    async fn answer(
        &self,
        request: Request<pb::AnswerReferralRequest>,
    ) -> Result<pb::AnswerReferralResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        if !ANSWERS.contains(&request.answer) {
            wrong.add("answer", "is required: what does the facility say?");
        }
        wrong.keep("facility", parse::text(&request.facility, 100).map(drop));
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "AnswerReferral", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let referral = store::lock(&mut work, id).await?;
        let referral =
            referral.filter(|referral| self.house.sees(&caller, "referrals.answer", referral.unit));
        let mut referral = referral.ok_or_else(|| Fault::NotFound(referral_name(id)))?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        if referral.answered_at.is_some() {
            let name = referral_name(id);
            let words = format!("is answered by {}", referral.facility);
            return Err(Fault::unmet("REFERRAL_ANSWERED", name.clone(), words, vec![("referral", name)]));
        }
        referral.answer = i16::try_from(request.answer).ok();
        referral.facility = request.facility;
        referral.answered_at = Some(self.house.clock.now());
        caller.subject().clone_into(&mut referral.answered_by);
        store::update(&mut work, &referral).await?;
        escalations::store::withdraw(&mut work, &[referral.observation], &[Kind::ReferralUnanswered]).await?;
        let answer = pb::AnswerReferralResponse { referral: Some(contract::referral(&referral)) };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }
}
