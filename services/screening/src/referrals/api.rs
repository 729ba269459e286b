//! Referrals speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, feed, pages, pages::Pager, parse, server};
use proto::screening::{self as pb, referral_service_server::ReferralService};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    ANSWERED_WITHIN, Answer, Referral, TOPIC, ops,
    parse::{self as contract, COLLECTION, referral_name},
    store,
};
use crate::{
    DOMAIN,
    feeds::{self, Stream},
    house::House,
    observations::store as observations,
    persons::{
        parse::{COLLECTION as PERSONS, UNITS, person_name},
        store as persons,
    },
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
        let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
        let ancestor =
            wrong.keep("ancestor_unit", parse::optional_name(UNITS, &request.ancestor_unit)).flatten();
        let person = wrong.keep("person", parse::optional_name(PERSONS, &request.person)).flatten();
        wrong.refuse()?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let pager = Pager::new(&self.house.database, &caller, "ListReferrals", &request);
        let after = pager.after(&token)?;
        let units = self.house.units(&caller, "observations.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let one = match person {
            None => None,
            // Nobody, or nobody of his: nothing is listed either way.
            Some(person) => Some(persons::one(&mut work, person).await?.unwrap_or_default()),
        };
        let asked = (one, request.answered);
        let mut found = store::list(&mut work, &units, asked, after, size + 1).await?;
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
        let says =
            Answer::of(request.answer).ok_or_else(|| "is required: what does the facility say?".to_owned());
        let says = wrong.keep("answer", says).unwrap_or(Answer::Cleared);
        wrong.keep("facility", parse::text(&request.facility, contract::FACILITY).map(drop));
        if says == Answer::SentOn {
            let words = |_| "is required: where is the person sent on to? 1 to 100 characters".to_owned();
            let next = parse::text(&request.next_facility, contract::FACILITY).map(drop).map_err(words);
            wrong.keep("next_facility", next);
        } else if !request.next_facility.is_empty() {
            wrong.add("next_facility", "is for who is sent on");
        }
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "AnswerReferral", &request);
        let mut work = self.house.database.begin(deadline).await?;
        // Persons before what is theirs, as everywhere.
        let seen = store::get(&mut work, id).await?;
        let seen = self.seen(&caller, "referrals.answer", id, seen)?;
        persons::lock_same(&mut work, &self.house.keys, seen.one).await?;
        let referral = store::lock(&mut work, id).await?;
        let mut referral = self.seen(&caller, "referrals.answer", id, referral)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        if referral.answered_at.is_some() {
            let name = referral_name(id);
            let words = format!("is answered by {}", referral.facility);
            return Err(Fault::unmet("REFERRAL_ANSWERED", name.clone(), words, vec![("referral", name)]));
        }
        let said = (says, request.facility.as_str(), request.next_facility.as_str());
        let next = ops::answer(&self.house, &mut work, &mut referral, said, caller.subject()).await?;
        let answer = pb::AnswerReferralResponse {
            referral: Some(contract::referral(&referral)),
            next: next.as_ref().map(contract::referral),
        };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn get(&self, request: Request<pb::GetReferralRequest>) -> Result<pb::GetReferralResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::name(COLLECTION, &request.name).map_err(|wrong| Fault::invalid("name", wrong))?;
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
        let absent = || Fault::NotFound(person_name(asked.person));
        let one = persons::one(&mut work, asked.person).await?.ok_or_else(absent)?;
        let everybody = persons::lock_same(&mut work, &self.house.keys, one).await?;
        let person = everybody.into_iter().find(|person| person.id == asked.person).ok_or_else(absent)?;
        if !self.house.sees(&caller, "referrals.write", person.unit) {
            return Err(absent());
        }
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let now = self.house.clock.now();
        let open = store::lock_open(&mut work, one, person.unit).await?.into_iter().next();
        let (referral, known) = if let Some(open) = open {
            (open, true)
        } else {
            let observed = observations::lock_open(&mut work, one).await?;
            let own = observed.iter().find(|observation| observation.unit == person.unit);
            let referral = Referral {
                id: Uuid::now_v7(),
                observation: own.map(|observation| observation.id),
                person: person.id,
                unit: person.unit,
                one,
                found_unit: person.unit,
                decidegrees: asked.decidegrees,
                symptoms: asked.symptoms,
                to_facility: asked.to_facility,
                previous: None,
                next: None,
                at_once: false,
                opened_at: now,
                opened_by: caller.subject().to_owned(),
                deadline_at: now + ANSWERED_WITHIN,
                answer: None,
                facility: String::new(),
                answered_at: None,
                answered_by: String::new(),
                case_due_at: None,
            };
            store::insert(&mut work, &referral).await?;
            feed::note(&mut work, TOPIC, &[referral.id]).await?;
            (referral, false)
        };
        let answer = pb::CreateReferralResponse { referral: Some(contract::referral(&referral)), known };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    /// A referral that the caller has a permission to; any other is answered like an absent one.
    fn seen(
        &self,
        caller: &Caller,
        permission: &str,
        id: Uuid,
        found: Option<Referral>,
    ) -> Result<Referral, Fault> {
        let seen = found.filter(|referral| self.house.sees(caller, permission, referral.unit));
        seen.ok_or_else(|| Fault::NotFound(referral_name(id)))
    }
}
