//! Hands speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, pages::Pager, parse, server};
use proto::screening::{self as pb, hands_service_server::HandsService};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Assigning, Cause, Question, Sides, ops,
    parse::{self as contract, COLLECTION, question_name},
    store,
};
use crate::{
    DOMAIN,
    cases::ops as cases,
    handdowns::ops as handdowns,
    house::House,
    observations::ops as observations,
    persons::{
        parse::{UNITS, unit_name},
        store as persons,
    },
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
}

impl Hands {
    async fn list(
        &self,
        request: Request<pb::ListHandsQuestionsRequest>,
    ) -> Result<pb::ListHandsQuestionsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let size = pages::size(request.page_size).map_err(|wrong| Fault::invalid("page_size", wrong))?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let pager = Pager::new(&self.house.database, &caller, "ListHandsQuestions", &request);
        let after = pager.after(&token)?;
        let units = self.house.units(&caller, "hands.agree", None)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let mut questions = store::open(&mut work, &units, after, size + 1).await?;
        let next_page_token = pager.cut(&mut questions, size, |question| question.id.to_string());
        let questions = questions.iter().map(|question| self.shown(&caller, question)).collect();
        Ok(pb::ListHandsQuestionsResponse { questions, next_page_token })
    }

    async fn agree(&self, request: Request<pb::AgreeHandsRequest>) -> Result<pb::AgreeHandsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        let unit = wrong.keep("unit", parse::name(UNITS, &request.unit)).unwrap_or_default();
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
        // Who may not know the very unit says its county for it, and learns nothing by guessing units.
        let county = self.house.county(question.holding_unit);
        let holding = if question.is_open_to(sides) { question.holding_unit } else { county };
        let said = match unit {
            unit if unit == holding => question.clone().said(sides, question.holding_unit),
            unit if unit == question.finding_unit => question.clone().said(sides, unit),
            _ => None,
        };
        let either = [holding, question.finding_unit].map(unit_name).join(" or ");
        let mut said = said.ok_or_else(|| Fault::invalid("unit", format!("must be {either}")))?;
        if let Some(unit) = said.agreed() {
            let now = self.house.clock.now();
            said.settled_at = Some(now);
            let sides = [said.holding_unit, said.finding_unit];
            let said_so = (Cause::Agreed, caller.subject(), now);
            persons::take_hands(&mut work, (said.holding_person, &sides), unit, said_so).await?;
            store::follow_hands(&mut work, &said, unit).await?;
            observations::settle(&self.house, &mut work, said.holding_person, now).await?;
            cases::after_merge(&self.house, &mut work, said.holding_person, caller.subject()).await?;
            handdowns::follow(&self.house, &mut work, said.holding_person, now).await?;
        }
        store::update(&mut work, &said).await?;
        let answer = pb::AgreeHandsResponse { question: Some(self.shown(&caller, &said)) };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
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
        if !self.house.sees(&caller, "hands.assign", asked.from) {
            return Err(Fault::NotFound(unit_name(asked.from)));
        }
        self.house.within(&caller, "hands.assign", asked.to)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        if self.house.jurisdiction.today().place(asked.from).is_some() {
            return Err(contract::at_work(asked.from));
        }
        let (assigned, remaining) = ops::assign(&self.house, &mut work, &asked, caller.subject()).await?;
        let answer = pb::AssignHandsResponse { assigned, remaining };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    fn sides(&self, caller: &Caller, question: &Question) -> Sides {
        let stands_above = |unit: Uuid| self.house.sees(caller, "hands.agree", unit);
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

fn settled(question: &Question) -> Fault {
    let name = question_name(question.id);
    let unit = question.agreed().map(unit_name).unwrap_or_default();
    let words = format!("is settled: {unit} has the person");
    Fault::unmet("QUESTION_SETTLED", name.clone(), words, vec![("question", name), ("unit", unit)])
}
