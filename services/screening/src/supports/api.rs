//! Support speaks here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, pages::Pager, parse, server};
use proto::screening::{self as pb, support_service_server::SupportService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    State, Support,
    parse::{self as contract, COLLECTION, TEAMS, misfit, support_name, team_misfit, team_name},
    store::{self, Selection},
};
use crate::{
    DOMAIN,
    escalations::{self, Kind},
    house::House,
    observations::parse::optional,
    persons::{
        parse::{COLLECTION as PERSONS, REASON, UNITS, person_name},
        store as persons,
    },
    worklists,
};

/// The handlers of [`SupportService`].
#[derive(Clone, Debug)]
pub struct Supports {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl SupportService for Supports {
    async fn create_support_request(
        &self,
        request: Request<pb::CreateSupportRequestRequest>,
    ) -> Result<Response<pb::CreateSupportRequestResponse>, Status> {
        server::reply(DOMAIN, self.create(request).await)
    }

    async fn get_support_request(
        &self,
        request: Request<pb::GetSupportRequestRequest>,
    ) -> Result<Response<pb::GetSupportRequestResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn list_support_requests(
        &self,
        request: Request<pb::ListSupportRequestsRequest>,
    ) -> Result<Response<pb::ListSupportRequestsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn move_support_request(
        &self,
        request: Request<pb::MoveSupportRequestRequest>,
    ) -> Result<Response<pb::MoveSupportRequestResponse>, Status> {
        server::reply(DOMAIN, self.move_on(request).await)
    }

    async fn create_care_team(
        &self,
        request: Request<pb::CreateCareTeamRequest>,
    ) -> Result<Response<pb::CreateCareTeamResponse>, Status> {
        server::reply(DOMAIN, self.create_team(request).await)
    }

    async fn list_care_teams(
        &self,
        request: Request<pb::ListCareTeamsRequest>,
    ) -> Result<Response<pb::ListCareTeamsResponse>, Status> {
        server::reply(DOMAIN, self.list_teams(request).await)
    }

    async fn dissolve_care_team(
        &self,
        request: Request<pb::DissolveCareTeamRequest>,
    ) -> Result<Response<pb::DissolveCareTeamResponse>, Status> {
        server::reply(DOMAIN, self.dissolve(request).await)
    }
}

impl Supports {
    async fn create(
        &self,
        request: Request<pb::CreateSupportRequestRequest>,
    ) -> Result<pb::CreateSupportRequestResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let now = self.house.clock.now();
        let mut support = contract::made(request.support_request.as_ref(), caller.subject(), now)?;
        let claim = Claim::new(&caller, request_id, "CreateSupportRequest", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let found = persons::hold_hands(&mut work, support.person).await?;
        let seen = found.filter(|(unit, _)| self.house.sees(&caller, "supports.write", *unit));
        let hands = seen.ok_or_else(|| Fault::NotFound(person_name(support.person)))?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        (support.unit, support.one) = hands;
        self.bringing(&mut work, &caller, support.team, support.unit).await?;
        store::insert(&mut work, &support).await?;
        let answer = pb::CreateSupportRequestResponse { support_request: Some(contract::support(&support)) };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn get(
        &self,
        request: Request<pb::GetSupportRequestRequest>,
    ) -> Result<pb::GetSupportRequestResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::name(COLLECTION, &request.name).map_err(|wrong| Fault::invalid("name", wrong))?;
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::get(&mut work, id).await?;
        let seen = found.filter(|support| self.house.sees(&caller, "supports.read", support.unit));
        let support = seen.ok_or_else(|| Fault::NotFound(support_name(id)))?;
        let moves = store::moves(&mut work, id).await?;
        let events = moves.iter().map(contract::moved).collect();
        Ok(pb::GetSupportRequestResponse { support_request: Some(contract::support(&support)), events })
    }

    async fn list(
        &self,
        request: Request<pb::ListSupportRequestsRequest>,
    ) -> Result<pb::ListSupportRequestsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
        let ancestor =
            wrong.keep("ancestor_unit", parse::optional_name(UNITS, &request.ancestor_unit)).flatten();
        let person = wrong.keep("person", parse::optional_name(PERSONS, &request.person)).flatten();
        wrong.refuse()?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let pager = Pager::new(&self.house.database, &caller, "ListSupportRequests", &request);
        let units = self.house.units(&caller, "supports.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let one = match person {
            None => None,
            Some(person) => Some(persons::one(&mut work, person).await?.unwrap_or_default()),
        };
        let overdue_at = request.overdue.then(|| self.house.clock.now());
        let (finished, limit) = (request.finished, size + 1);
        let after = if request.due_order { Uuid::nil() } else { pager.after(&token)? };
        let asked = Selection { units: &units, one, finished, overdue_at, after, limit };
        let (mut found, key): (_, fn(&Support) -> String) = if request.due_order {
            let found = store::due(&mut work, asked, worklists::after(&pager, &token)?).await?;
            (found, |support| worklists::key((support.due_at.unwrap_or_default(), support.id)))
        } else {
            (store::list(&mut work, asked).await?, |support| support.id.to_string())
        };
        let next_page_token = pager.cut(&mut found, size, key);
        let support_requests = found.iter().map(contract::support).collect();
        Ok(pb::ListSupportRequestsResponse { support_requests, next_page_token })
    }

    async fn move_on(
        &self,
        request: Request<pb::MoveSupportRequestRequest>,
    ) -> Result<pb::MoveSupportRequestResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        let to = State::of(request.state).ok_or_else(|| "is required: how does it stand?".to_owned());
        let to = wrong.keep("state", to).unwrap_or(State::Accepted);
        let team = wrong.keep("care_team", parse::optional_name(TEAMS, &request.care_team)).flatten();
        if team.is_some() && to != State::Accepted {
            wrong.add("care_team", "is said only with ACCEPTED");
        }
        wrong.keep("words", optional(&request.words, REASON).map(drop));
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "MoveSupportRequest", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::lock(&mut work, id).await?;
        let seen = found.filter(|support| self.house.sees(&caller, "supports.write", support.unit));
        let mut support = seen.ok_or_else(|| Fault::NotFound(support_name(id)))?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        if !support.state.leads_to(to) {
            return Err(misfit(&support));
        }
        if support.state.wants_words(to) && request.words.is_empty() {
            return Err(Fault::invalid("words", "is required: why does it not come, or why did it not?"));
        }
        self.bringing(&mut work, &caller, team, support.unit).await?;
        let now = self.house.clock.now();
        // What did not come is due again as from now; what is only accepted is due as it was.
        let is_again = support.state == State::Delivered;
        let there_by = support.due_at.filter(|_| !is_again).unwrap_or_else(|| now + support.kind.within());
        (support.state, support.due_at) = (to, to.due_at(there_by, now));
        support.team = team.or(support.team);
        (support.moved_at, support.moved_by) = (now, caller.subject().to_owned());
        support.words = request.words;
        store::update(&mut work, &support).await?;
        if support.due_at.is_none_or(|due| due > now) {
            escalations::store::withdraw(&mut work, &[id], &[Kind::SupportOverdue]).await?;
        }
        let answer = pb::MoveSupportRequestResponse { support_request: Some(contract::support(&support)) };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn create_team(
        &self,
        request: Request<pb::CreateCareTeamRequest>,
    ) -> Result<pb::CreateCareTeamResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let team = contract::setting_up(request.care_team.as_ref(), self.house.clock.now())?;
        let claim = Claim::new(&caller, request_id, "CreateCareTeam", &request);
        let mut work = self.house.database.begin(deadline).await?;
        self.house.within(&caller, "careteams.write", team.unit)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        store::insert_team(&mut work, &team, caller.subject()).await?;
        let answer = pb::CreateCareTeamResponse { care_team: Some(contract::team(&team)) };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn list_teams(
        &self,
        request: Request<pb::ListCareTeamsRequest>,
    ) -> Result<pb::ListCareTeamsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
        let ancestor =
            wrong.keep("ancestor_unit", parse::optional_name(UNITS, &request.ancestor_unit)).flatten();
        wrong.refuse()?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let pager = Pager::new(&self.house.database, &caller, "ListCareTeams", &request);
        let after = pager.after(&token)?;
        let units = self.house.units(&caller, "supports.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let mut found = store::list_teams(&mut work, &units, after, size + 1).await?;
        let next_page_token = pager.cut(&mut found, size, |team| team.id.to_string());
        let care_teams = found.iter().map(contract::team).collect();
        Ok(pb::ListCareTeamsResponse { care_teams, next_page_token })
    }

    async fn dissolve(
        &self,
        request: Request<pb::DissolveCareTeamRequest>,
    ) -> Result<pb::DissolveCareTeamResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let id = parse::name(TEAMS, &request.name).map_err(|wrong| Fault::invalid("name", wrong))?;
        let claim = Claim::new(&caller, request_id, "DissolveCareTeam", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::lock_team(&mut work, id).await?;
        let seen = found.filter(|team| self.house.sees(&caller, "careteams.write", team.unit));
        let mut team = seen.ok_or_else(|| Fault::NotFound(team_name(id)))?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        if team.dissolved_at.is_some() {
            return Err(team_misfit(id, "has ended"));
        }
        let waiting = store::to_deliver(&mut work, id).await?;
        if waiting > 0 {
            return Err(team_misfit(id, &format!("has {waiting} to deliver: say who brings it instead")));
        }
        let now = self.house.clock.now();
        store::dissolve(&mut work, id, now).await?;
        team.dissolved_at = Some(now);
        let answer = pb::DissolveCareTeamResponse { care_team: Some(contract::team(&team)) };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    /// A care team that brings something to a unit: the caller sees it, it has not ended, and the unit is its area.
    async fn bringing(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        team: Option<Uuid>,
        to: Uuid,
    ) -> Result<(), Fault> {
        let Some(id) = team else { return Ok(()) };
        let tree = self.house.jurisdiction.today();
        let found = store::lock_team(connection, id).await?;
        let covers = |unit: Uuid| tree.contains(unit, self.house.jurisdiction.standing(to).unwrap_or(to));
        let seen =
            found.filter(|team| self.house.sees(caller, "supports.read", team.unit) || covers(team.unit));
        let team = seen.ok_or_else(|| Fault::NotFound(team_name(id)))?;
        if team.dissolved_at.is_some() {
            return Err(team_misfit(id, "has ended"));
        }
        if !covers(team.unit) {
            return Err(Fault::invalid("care_team", "brings nothing there: the unit is not in its area"));
        }
        Ok(())
    }
}
