//! Hands speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, parse, server};
use proto::screening::{self as pb, hands_service_server::HandsService};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Assigning, Question, Sides, ops,
    parse::{self as contract, COLLECTION, question_name, settled},
    store,
};
use crate::{
    DOMAIN,
    house::House,
    persons::parse::{REASON, UNITS, unit_name},
};

/// The handlers of [`HandsService`].
#[derive(Clone, Debug)]
pub struct Hands {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl HandsService for Hands {
    async fn list_hands_questions(
        &self,
        request: Request<pb::ListHandsQuestionsRequest>,
    ) -> Result<Response<pb::ListHandsQuestionsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn agree_hands(
        &self,
        request: Request<pb::AgreeHandsRequest>,
    ) -> Result<Response<pb::AgreeHandsResponse>, Status> {
        server::reply(DOMAIN, self.agree(request).await)
    }

    async fn assign_hands(
        &self,
        request: Request<pb::AssignHandsRequest>,
    ) -> Result<Response<pb::AssignHandsResponse>, Status> {
        server::reply(DOMAIN, self.assign(request).await)
    }

    async fn list_unit_moves(
        &self,
        request: Request<pb::ListUnitMovesRequest>,
    ) -> Result<Response<pb::ListUnitMovesResponse>, Status> {
        server::reply(DOMAIN, self.moves(request).await)
    }

    async fn take_over_unit(
        &self,
        request: Request<pb::TakeOverUnitRequest>,
    ) -> Result<Response<pb::TakeOverUnitResponse>, Status> {
        server::reply(DOMAIN, self.take_over(request).await)
    }
}

impl Hands {
    async fn list(
        &self,
        request: Request<pb::ListHandsQuestionsRequest>,
    ) -> Result<pb::ListHandsQuestionsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListHandsQuestions", &request);
        let after = pager.after()?;
        let units = self.house.units(&caller, "hands.agree", None)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let mut questions = store::open(&mut work, &units, after, pager.limit()).await?;
        let next_page_token = pager.cut(&mut questions, |question| question.id.to_string());
        let questions = questions.iter().map(|question| self.shown(&caller, question)).collect();
        Ok(pb::ListHandsQuestionsResponse { questions, next_page_token })
    }

    async fn agree(&self, request: Request<pb::AgreeHandsRequest>) -> Result<pb::AgreeHandsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.name("name", COLLECTION, &request.name);
        let unit = wrong.name("unit", UNITS, &request.unit);
        wrong.refuse()?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "AgreeHands", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let absent = || Fault::NotFound(question_name(id));
        let question = store::get(&mut work, id).await?.ok_or_else(absent)?;
        let sides = self.sides(&caller, &question);
        if !sides.holding && !sides.finding {
            return Err(absent());
        }
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        if question.settled_at.is_some() {
            return Err(settled(&question));
        }
        let said = ops::say(&self.house, &mut work, &question, (sides, unit), caller.subject()).await?;
        claim.commit(work, pb::AgreeHandsResponse { question: Some(self.shown(&caller, &said)) }).await
    }

    async fn assign(
        &self,
        request: Request<pb::AssignHandsRequest>,
    ) -> Result<pb::AssignHandsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let asked = Assigning::new(&request)?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "AssignHands", &request);
        let mut work = self.house.database.begin(deadline).await?;
        if !self.house.jurisdiction.sees(&caller, "hands.assign", asked.from) {
            return Err(Fault::NotFound(unit_name(asked.from)));
        }
        self.house.jurisdiction.within(&caller, "hands.assign", asked.to)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        if self.house.jurisdiction.today().place(asked.from).is_some() {
            return Err(contract::at_work(asked.from));
        }
        let (assigned, remaining) = ops::assign(&self.house, &mut work, &asked, caller.subject()).await?;
        claim.commit(work, pb::AssignHandsResponse { assigned, remaining }).await
    }

    async fn moves(
        &self,
        request: Request<pb::ListUnitMovesRequest>,
    ) -> Result<pb::ListUnitMovesResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListUnitMoves", &request);
        let after = pager.after()?;
        let parents = self.house.units(&caller, "hands.assign", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let asked = (&parents[..], request.settled);
        let mut found = store::moves::list(&mut work, asked, after, pager.limit()).await?;
        let next_page_token = pager.cut(&mut found, |one| one.id.to_string());
        let moves = found.iter().map(contract::unit_move).collect();
        Ok(pb::ListUnitMovesResponse { moves, next_page_token })
    }

    async fn take_over(
        &self,
        request: Request<pb::TakeOverUnitRequest>,
    ) -> Result<pb::TakeOverUnitResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let unit = wrong.name("unit", UNITS, &request.unit);
        wrong.text("reason", &request.reason, REASON);
        wrong.refuse()?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "TakeOverUnit", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let sees = |unit: Uuid| {
            let sees = self.house.jurisdiction.sees(&caller, "hands.assign", unit);
            if sees { Ok(()) } else { Err(Fault::NotFound(unit_name(unit))) }
        };
        sees(unit)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let open = store::moves::lock_open(&mut work, unit).await?;
        let mut taken = open.ok_or_else(|| contract::not_moved(unit))?;
        // Whoever answers for the unit itself does not take over for the one above.
        sees(taken.parent)?;
        let said = (caller.subject(), request.reason.as_str());
        ops::take_over(&self.house, &mut work, &mut taken, said).await?;
        let answer = pb::TakeOverUnitResponse { r#move: Some(contract::unit_move(&taken)) };
        claim.commit(work, answer).await
    }

    fn sides(&self, caller: &Caller, question: &Question) -> Sides {
        let stands_above = |unit: Uuid| self.house.jurisdiction.sees(caller, "hands.agree", unit);
        Sides { holding: stands_above(question.holding_unit), finding: stands_above(question.finding_unit) }
    }

    fn shown(&self, caller: &Caller, question: &Question) -> pb::HandsQuestion {
        let sides = self.sides(caller, question);
        let mut question = question.clone();
        if !question.is_open_to(sides) {
            let county = self.house.county(question.holding_unit);
            question = question.veiled(county);
        }
        let other = if sides.holding { question.finding_unit } else { question.holding_unit };
        contract::question(&question, sides, self.house.answering(other))
    }
}
