//! Support speaks here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, parse, server};
use proto::screening::{self as pb, support_service_server::SupportService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    ops,
    parse::{self as contract, COLLECTION, TEAMS, misfit, support_name, team_misfit, team_name},
    store::{self, Selection},
};
use crate::{
    DOMAIN,
    house::House,
    persons::{
        parse::{COLLECTION as PERSONS, UNITS},
        seen,
    },
    worklists::After,
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
        let hands = seen::hold(&self.house, &mut work, &caller, "supports.write", support.person).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        (support.unit, support.one) = hands;
        self.bringing(&mut work, &caller, support.team, support.unit).await?;
        store::insert(&mut work, &support).await?;
        claim
            .commit(
                work,
                pb::CreateSupportRequestResponse { support_request: Some(contract::support(&support)) },
            )
            .await
    }

    async fn get(
        &self,
        request: Request<pb::GetSupportRequestRequest>,
    ) -> Result<pb::GetSupportRequestResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::resource(COLLECTION, &request.name)?;
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::get(&mut work, id).await?;
        let support = self.house.jurisdiction.seen(
            &caller,
            "supports.read",
            found,
            |support| support.unit,
            support_name(id),
        )?;
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
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        let person = wrong.optional_name("person", PERSONS, &request.person);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListSupportRequests", &request);
        let after = After::of(&pager, request.due_order)?;
        let units = &self.house.units(&caller, "supports.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let one = seen::asked(&mut work, person).await?;
        let overdue_at = request.overdue.then(|| self.house.clock.now());
        let (finished, limit) = (request.finished, pager.limit());
        let asked = Selection { units, one, finished, overdue_at, after, limit };
        let mut found = store::list(&mut work, asked).await?;
        let next_page_token = pager.cut(&mut found, |support| after.key(support.due_at, support.id));
        let support_requests = found.iter().map(contract::support).collect();
        Ok(pb::ListSupportRequestsResponse { support_requests, next_page_token })
    }

    async fn move_on(
        &self,
        request: Request<pb::MoveSupportRequestRequest>,
    ) -> Result<pb::MoveSupportRequestResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let (id, to, team) = contract::moving(&request)?;
        let claim = Claim::new(&caller, request_id, "MoveSupportRequest", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::lock(&mut work, id).await?;
        let mut support = self.house.jurisdiction.seen(
            &caller,
            "supports.write",
            found,
            |support| support.unit,
            support_name(id),
        )?;
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
        let said = (caller.subject(), request.words.as_str());
        ops::move_on(&self.house, &mut work, &mut support, (to, team), said).await?;
        let support_request = Some(contract::support(&support));
        claim.commit(work, pb::MoveSupportRequestResponse { support_request }).await
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
        self.house.jurisdiction.within(&caller, "careteams.write", team.unit)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        store::insert_team(&mut work, &team, caller.subject()).await?;
        claim.commit(work, pb::CreateCareTeamResponse { care_team: Some(contract::team(&team)) }).await
    }

    async fn list_teams(
        &self,
        request: Request<pb::ListCareTeamsRequest>,
    ) -> Result<pb::ListCareTeamsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListCareTeams", &request);
        let after = pager.after()?;
        let units = self.house.units(&caller, "supports.read", ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let mut found = store::list_teams(&mut work, &units, after, pager.limit()).await?;
        let next_page_token = pager.cut(&mut found, |team| team.id.to_string());
        let care_teams = found.iter().map(contract::team).collect();
        Ok(pb::ListCareTeamsResponse { care_teams, next_page_token })
    }

    async fn dissolve(
        &self,
        request: Request<pb::DissolveCareTeamRequest>,
    ) -> Result<pb::DissolveCareTeamResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let id = parse::resource(TEAMS, &request.name)?;
        let claim = Claim::new(&caller, request_id, "DissolveCareTeam", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::lock_team(&mut work, id).await?;
        let mut team = self.house.jurisdiction.seen(
            &caller,
            "careteams.write",
            found,
            |team| team.unit,
            team_name(id),
        )?;
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
        claim.commit(work, pb::DissolveCareTeamResponse { care_team: Some(contract::team(&team)) }).await
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
        let seen = found.filter(|team| {
            self.house.jurisdiction.sees(caller, "supports.read", team.unit) || covers(team.unit)
        });
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
