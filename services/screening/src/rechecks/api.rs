//! Rechecks speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, parse, server};
use proto::screening::{self as pb, recheck_service_server::RecheckService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Recheck, ops,
    parse::{self as contract, recheck_name},
    store::{self, Selection},
};
use crate::{
    DOMAIN,
    enforcements::parse::enforcement_name,
    house::House,
    persons::{
        parse::{COLLECTION as PERSONS, UNITS},
        seen,
    },
    referrals::parse::referral_name,
    results::{self, TestOutcome},
    worklists::After,
};

/// The handlers of [`RecheckService`].
#[derive(Clone, Debug)]
pub struct Rechecks {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl RecheckService for Rechecks {
    async fn list_rechecks(
        &self,
        request: Request<pb::ListRechecksRequest>,
    ) -> Result<Response<pb::ListRechecksResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn record_recheck(
        &self,
        request: Request<pb::RecordRecheckRequest>,
    ) -> Result<Response<pb::RecordRecheckResponse>, Status> {
        server::reply(DOMAIN, self.record(request).await)
    }
}

impl Rechecks {
    async fn list(
        &self,
        request: Request<pb::ListRechecksRequest>,
    ) -> Result<pb::ListRechecksResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        let person = wrong.optional_name("person", PERSONS, &request.person);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListRechecks", &request);
        let after = After::of(&pager, request.due_order)?;
        let units = &self.house.units(&caller, "rechecks.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let one = seen::asked(&mut work, person).await?;
        let (settled, now, limit) = (request.settled, self.house.clock.now(), pager.limit());
        let mut found = store::list(&mut work, Selection { units, one, settled, after, now, limit }).await?;
        let next_page_token = pager.cut(&mut found, |one| after.key(Some(one.deadline_at), one.id));
        Ok(pb::ListRechecksResponse {
            rechecks: found.iter().map(contract::recheck).collect(),
            next_page_token,
        })
    }

    async fn record(
        &self,
        request: Request<pb::RecordRecheckRequest>,
    ) -> Result<pb::RecordRecheckResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let told = contract::told(&request, self.house.clock.today())?;
        let (id, by) = (told.id, caller.subject());
        let claim = Claim::new(&caller, request_id, "RecordRecheck", &request);
        let mut work = self.house.database.begin(deadline).await?;
        // Persons before what is theirs, as everywhere.
        let found = store::get(&mut work, id).await?;
        let found = self.seen(&caller, id, found)?;
        let (person, _) = seen::lock(&self.house, &mut work, &caller, "rechecks.write", found.person).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        if told.on < found.discharged_on {
            let words = format!("must not be before the discharge, {}", found.discharged_on);
            return Err(Fault::invalid("date", words));
        }
        if let Some(result) = told.result {
            own_positive(&mut work, person.same_as, result).await?;
        }
        let mut followed = ops::Followed::default();
        if found.is_acted_on() {
            followed = ops::follow(&self.house, &mut work, (&person, &told), by).await?;
        }
        let found = store::lock(&mut work, id).await?;
        let mut recheck = self.seen(&caller, id, found)?;
        if !recheck.may_be_told() {
            return Err(contract::done(id));
        }
        ops::tell(&self.house, &mut work, &mut recheck, told, by).await?;
        let answer = pb::RecordRecheckResponse {
            recheck: Some(contract::recheck(&recheck)),
            referral: followed.referral.map(referral_name).unwrap_or_default(),
            enforcement_request: followed.enforcement.map(enforcement_name).unwrap_or_default(),
        };
        claim.commit(work, answer).await
    }

    /// A recheck in hands of which facts are taken in from the caller; any other is answered like an absent one.
    fn seen(&self, caller: &Caller, id: Uuid, found: Option<Recheck>) -> Result<Recheck, Fault> {
        let takes = |one: &Recheck| self.house.jurisdiction.takes(caller, "rechecks.write", one.unit);
        found.filter(takes).ok_or_else(|| Fault::NotFound(recheck_name(id)))
    }
}

/// Whether a result is a positive one of who is one person; of one that a unit was told, the one it is of.
async fn own_positive(connection: &mut PgConnection, one: Uuid, result: Uuid) -> Result<(), Fault> {
    let own = results::store::told_by(connection, result).await?.unwrap_or(result);
    let known = results::store::of_one(connection, one).await?;
    let is_positive =
        known.iter().any(|known| known.id == own && known.outcome == TestOutcome::Positive && !known.amended);
    if is_positive {
        return Ok(());
    }
    Err(Fault::invalid("result", "must be a positive result of the person's own"))
}
