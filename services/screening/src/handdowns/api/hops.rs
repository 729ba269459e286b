//! Hand-downs go on: sent, acknowledged, redirected and verified.

use chassis::{Caller, Fault, Violations, claims::Claim, parse, server};
use proto::screening as pb;
use sqlx::PgConnection;
use tonic::Request;
use uuid::Uuid;

use super::Handdowns;
use crate::{
    handdowns::{
        Handdown, State, ops,
        parse::{self as contract, COLLECTION, misfit},
        store,
        verification::Verified,
    },
    observations::parse::observation_name,
    persons::parse::{REASON, UNITS, unit_name},
};

/// The most hand-downs that are acknowledged at once.
const AT_ONCE: usize = 100;

impl Handdowns {
    pub(super) async fn send(
        &self,
        request: Request<pb::SendHanddownsRequest>,
    ) -> Result<pb::SendHanddownsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let unit = parse::name(UNITS, &request.from_unit);
        let unit = unit.map_err(|wrong| Fault::invalid("from_unit", wrong))?;
        let claim = Claim::new(&caller, request_id, "SendHanddowns", &request);
        let mut work = self.house.database.begin(deadline).await?;
        if !self.house.jurisdiction.sees(&caller, "handdowns.write", unit) {
            return Err(Fault::NotFound(unit_name(unit)));
        }
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let (sent, unaddressed) = ops::send(&self.house, &mut work, unit, caller.subject()).await?;
        claim.commit(work, pb::SendHanddownsResponse { sent, unaddressed }).await
    }

    pub(super) async fn acknowledge(
        &self,
        request: Request<pb::AcknowledgeHanddownsRequest>,
    ) -> Result<pb::AcknowledgeHanddownsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        wrong.keep("names", parse::count(request.names.len(), AT_ONCE));
        let ids = wrong.names("names", COLLECTION, &request.names);
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "AcknowledgeHanddowns", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let mut seen = Vec::with_capacity(ids.len());
        for id in ids {
            let handdown = store::get(&mut work, id).await?;
            let may = |handdown: &Handdown| {
                handdown
                    .to
                    .is_some_and(|to| self.house.jurisdiction.sees(&caller, "handdowns.acknowledge", to))
            };
            seen.push(handdown.filter(may).ok_or_else(|| ops::absent(id))?);
        }
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        ops::acknowledge(&self.house, &mut work, &seen, caller.subject()).await?;
        let mut handdowns = Vec::with_capacity(seen.len());
        for seen in &seen {
            handdowns.extend(store::get(&mut work, seen.id).await?.as_ref().map(contract::handdown));
        }
        claim.commit(work, pb::AcknowledgeHanddownsResponse { handdowns }).await
    }

    pub(super) async fn redirect(
        &self,
        request: Request<pb::RedirectHanddownRequest>,
    ) -> Result<pb::RedirectHanddownResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.name("name", COLLECTION, &request.name);
        let to = wrong.name("to_unit", UNITS, &request.to_unit);
        wrong.text("reason", &request.reason, REASON);
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "RedirectHanddown", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let seen = self.held(&mut work, &caller, "handdowns.write", id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let (_, mut handdown) = ops::lock(&self.house, &mut work, &seen).await?;
        let onward = (to, request.reason.as_str());
        let changed = ops::redirect(&self.house, &mut work, &mut handdown, onward, caller.subject()).await?;
        claim
            .commit(work, pb::RedirectHanddownResponse { handdown: Some(contract::handdown(&changed)) })
            .await
    }

    pub(super) async fn verify(
        &self,
        request: Request<pb::VerifyHanddownRequest>,
    ) -> Result<pb::VerifyHanddownResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let verified = Verified::new(&self.house, &request)?;
        if verified.decides() {
            self.house.jurisdiction.fresh()?;
        }
        let claim = Claim::new(&caller, request_id, "VerifyHanddown", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let seen = self.held(&mut work, &caller, "handdowns.verify", verified.id).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let (_, mut handdown) = ops::lock(&self.house, &mut work, &seen).await?;
        let (next, observation) = verified.close(&self.house, &mut work, &caller, &mut handdown).await?;
        let answer = pb::VerifyHanddownResponse {
            handdown: Some(contract::handdown(&handdown)),
            next: next.as_ref().map(contract::handdown),
            observation: observation.map(observation_name).unwrap_or_default(),
        };
        claim.commit(work, answer).await
    }

    /// A hand-down whose person is in hands that the caller stands above.
    async fn held(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        permission: &str,
        id: Uuid,
    ) -> Result<Handdown, Fault> {
        let found = self.seen(connection, caller, permission, id).await?;
        let holds = if found.state <= State::Sent { Some(found.from) } else { found.to };
        let sees = |unit: Uuid| self.house.jurisdiction.sees(caller, permission, unit);
        if holds.is_some_and(sees) {
            return Ok(found);
        }
        Err(misfit(&found, "the other side has the person: ask them"))
    }
}
