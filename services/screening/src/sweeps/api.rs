//! Sweeps speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, pages, parse, server};
use proto::screening::{self as pb, sweep_service_server::SweepService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    GRID, Sweep,
    ingest::{self, LARGEST, Taken},
    ops,
    parse::{self as contract, COLLECTION, sweep_name},
    store,
};
use crate::{
    DOMAIN,
    enforcements::parse::enforcement_name,
    house::House,
    observations::parse::observation_name,
    persons::parse::{UNITS, person_name, unit_name},
    refusals::refusal,
};

/// The most grids whose targets are set at once.
const TARGETS: usize = 1_000;

/// The handlers of [`SweepService`].
#[derive(Clone, Debug)]
pub struct Sweeps {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl SweepService for Sweeps {
    async fn create_sweep(
        &self,
        request: Request<pb::CreateSweepRequest>,
    ) -> Result<Response<pb::CreateSweepResponse>, Status> {
        server::reply(DOMAIN, self.create(request).await)
    }

    async fn get_sweep(
        &self,
        request: Request<pb::GetSweepRequest>,
    ) -> Result<Response<pb::GetSweepResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn list_sweeps(
        &self,
        request: Request<pb::ListSweepsRequest>,
    ) -> Result<Response<pb::ListSweepsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn set_targets(
        &self,
        request: Request<pb::SetTargetsRequest>,
    ) -> Result<Response<pb::SetTargetsResponse>, Status> {
        server::reply(DOMAIN, self.set_targets(request).await)
    }

    async fn ingest_visits(
        &self,
        request: Request<pb::IngestVisitsRequest>,
    ) -> Result<Response<pb::IngestVisitsResponse>, Status> {
        server::reply(DOMAIN, self.ingest(request).await)
    }

    async fn list_households(
        &self,
        request: Request<pb::ListHouseholdsRequest>,
    ) -> Result<Response<pb::ListHouseholdsResponse>, Status> {
        server::reply(DOMAIN, self.households(request).await)
    }

    async fn get_progress(
        &self,
        request: Request<pb::GetProgressRequest>,
    ) -> Result<Response<pb::GetProgressResponse>, Status> {
        server::reply(DOMAIN, self.progress(request).await)
    }

    async fn close_sweep(
        &self,
        request: Request<pb::CloseSweepRequest>,
    ) -> Result<Response<pb::CloseSweepResponse>, Status> {
        server::reply(DOMAIN, self.close(request).await)
    }
}

impl Sweeps {
    async fn create(
        &self,
        request: Request<pb::CreateSweepRequest>,
    ) -> Result<pb::CreateSweepResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let (today, now) = (self.house.clock.today(), self.house.clock.now());
        let sweep = contract::setting_up(request.sweep.as_ref(), today, now)?;
        let claim = Claim::new(&caller, request_id, "CreateSweep", &request);
        let mut work = self.house.database.begin(deadline).await?;
        self.house.jurisdiction.within(&caller, "sweeps.write", sweep.unit)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let tree = self.house.jurisdiction.today();
        let is_grid = |unit: &Uuid| tree.node(*unit).is_some_and(|node| node.level == GRID);
        let below = self.house.jurisdiction.standing_below(&[sweep.unit]);
        let grids: Vec<Uuid> = below.into_iter().filter(is_grid).collect();
        if grids.is_empty() {
            return Err(Fault::invalid("sweep.unit", "has no grid at or below it"));
        }
        store::insert(&mut work, &sweep, &grids, caller.subject()).await?;
        let count = i32::try_from(grids.len()).unwrap_or(i32::MAX);
        claim
            .commit(work, pb::CreateSweepResponse { sweep: Some(contract::sweep(&sweep, &[])), grids: count })
            .await
    }

    async fn get(&self, request: Request<pb::GetSweepRequest>) -> Result<pb::GetSweepResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::resource(COLLECTION, &request.name)?;
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::get(&mut work, id).await?;
        let sweep = self.covering(&caller, "sweeps.read", id, found)?;
        let sweep = self.shown(&mut work, &caller, &sweep).await?;
        Ok(pb::GetSweepResponse { sweep: Some(sweep) })
    }

    async fn list(&self, request: Request<pb::ListSweepsRequest>) -> Result<pb::ListSweepsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let unit = wrong.optional_name("unit", UNITS, &request.unit);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListSweeps", &request);
        let after = pager.after()?;
        let mut units = self.house.units(&caller, "sweeps.read", unit)?;
        // Those that cover a unit stand above it.
        let tree = self.house.jurisdiction.today();
        for top in self.house.tops(&caller, "sweeps.read", unit)? {
            let upwards = tree.place(top).map(|place| tree.upwards(place).collect::<Vec<_>>());
            units.extend(upwards.iter().flatten().filter_map(|place| Some(tree.at(*place)?.id)));
        }
        let mut work = self.house.database.begin_page(deadline).await?;
        let mut found = store::list(&mut work, &units, request.closed, after, pager.limit()).await?;
        let next_page_token = pager.cut(&mut found, |sweep| sweep.id.to_string());
        let mut sweeps = Vec::with_capacity(found.len());
        for sweep in &found {
            sweeps.push(self.shown(&mut work, &caller, sweep).await?);
        }
        Ok(pb::ListSweepsResponse { sweeps, next_page_token })
    }

    async fn set_targets(
        &self,
        request: Request<pb::SetTargetsRequest>,
    ) -> Result<pb::SetTargetsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.name("sweep", COLLECTION, &request.sweep);
        wrong.keep("targets", parse::count(request.targets.len(), TARGETS));
        let targets = contract::targets(&mut wrong, &request.targets);
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "SetTargets", &request);
        let mut work = self.house.database.begin(deadline).await?;
        for target in &targets {
            self.grid(&caller, target.grid)?;
        }
        let absent = || Fault::NotFound(sweep_name(id));
        let sweep = store::get(&mut work, id).await?.ok_or_else(absent)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let households = ops::set_targets(&mut work, &sweep, targets).await?;
        claim.commit(work, pb::SetTargetsResponse { households }).await
    }

    async fn ingest(
        &self,
        request: Request<pb::IngestVisitsRequest>,
    ) -> Result<pb::IngestVisitsResponse, Fault> {
        let (caller, _, request) = server::accept(request)?;
        parse::count(request.visits.len(), LARGEST).map_err(|wrong| Fault::invalid("visits", wrong))?;
        let (today, now) = (self.house.clock.today(), self.house.clock.now());
        let mut results = Vec::with_capacity(request.visits.len());
        for (nth, visit) in request.visits.iter().enumerate() {
            let taken = match contract::visit(visit, today, now) {
                Ok(visit) => ingest::take_in(&self.house, &caller, visit).await,
                Err(fault) => Err(fault),
            };
            let mut result = result(nth, taken)?;
            if let pb::visit_result::Result::Accepted(accepted) = &mut result {
                accepted.damaged = contract::damaged(visit);
            }
            results.push(pb::VisitResult { event_id: visit.event_id.clone(), result: Some(result) });
        }
        Ok(pb::IngestVisitsResponse { results })
    }

    async fn households(
        &self,
        request: Request<pb::ListHouseholdsRequest>,
    ) -> Result<pb::ListHouseholdsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let id = wrong.name("sweep", COLLECTION, &request.sweep);
        let grid = wrong.name("grid", UNITS, &request.grid);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListHouseholds", &request);
        let after = pager.key()?.unwrap_or_default();
        if !self.house.jurisdiction.sees(&caller, "visits.write", grid) {
            return Err(Fault::NotFound(unit_name(grid)));
        }
        let mut work = self.house.database.begin_page(deadline).await?;
        let mut found = store::households(&mut work, (id, grid), request.open, &after, pager.limit()).await?;
        let next_page_token = pager.cut(&mut found, |household| household.number.clone());
        let households = found.into_iter().map(|household| pb::Household {
            number: household.number,
            outcome: household.outcome.into(),
            time: household.seen_at.map(parse::timestamp),
        });
        Ok(pb::ListHouseholdsResponse { households: households.collect(), next_page_token })
    }

    async fn progress(
        &self,
        request: Request<pb::GetProgressRequest>,
    ) -> Result<pb::GetProgressResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let id = wrong.name("sweep", COLLECTION, &request.sweep);
        let unit = wrong.name("unit", UNITS, &request.unit);
        wrong.refuse()?;
        self.house.jurisdiction.within(&caller, "sweeps.read", unit)?;
        let below = self.house.jurisdiction.standing_below(&[unit]);
        let mut work = self.house.database.begin(deadline).await?;
        store::get(&mut work, id).await?.ok_or_else(|| Fault::NotFound(sweep_name(id)))?;
        let grids = store::grids(&mut work, id, &below).await?;
        let far = ops::progress(&self.house, unit, &grids).into_iter();
        let mut far = far.map(|(unit, name, far)| contract::progress(unit, &name, &far));
        Ok(pb::GetProgressResponse { progress: far.next(), children: far.collect() })
    }

    async fn close(&self, request: Request<pb::CloseSweepRequest>) -> Result<pb::CloseSweepResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.name("name", COLLECTION, &request.name);
        let exceptions = contract::exceptions(&mut wrong, &request.exceptions);
        wrong.refuse()?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "CloseSweep", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::lock(&mut work, id).await?;
        let mut sweep = self.house.jurisdiction.seen(
            &caller,
            "sweeps.write",
            found,
            |sweep| sweep.unit,
            sweep_name(id),
        )?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        ops::close(&self.house, &mut work, &mut sweep, exceptions, caller.subject()).await?;
        let shown = self.shown(&mut work, &caller, &sweep).await?;
        claim.commit(work, pb::CloseSweepResponse { sweep: Some(shown) }).await
    }

    /// A grid of the caller's, also one that was closed since; any other is answered like an absent one.
    fn grid(&self, caller: &Caller, grid: Uuid) -> Result<(), Fault> {
        if self.house.jurisdiction.takes(caller, "visits.write", grid) {
            return Ok(());
        }
        Err(Fault::NotFound(unit_name(grid)))
    }

    /// A sweep that lies in, or covers, units of the caller's; any other is answered like an absent one.
    fn covering(
        &self,
        caller: &Caller,
        permission: &str,
        id: Uuid,
        found: Option<Sweep>,
    ) -> Result<Sweep, Fault> {
        let tree = self.house.jurisdiction.today();
        let covers =
            |sweep: &Sweep| caller.scopes(permission).iter().any(|scope| tree.contains(sweep.unit, *scope));
        let seen = found
            .filter(|sweep| self.house.jurisdiction.sees(caller, permission, sweep.unit) || covers(sweep));
        seen.ok_or_else(|| Fault::NotFound(sweep_name(id)))
    }

    /// A sweep with the exceptions that the caller may see.
    async fn shown(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        sweep: &Sweep,
    ) -> Result<pb::Sweep, Fault> {
        let mut excepted = Vec::new();
        if sweep.closed_at.is_some() {
            excepted = store::excepted(connection, sweep.id).await?;
            excepted.retain(|grid| self.house.jurisdiction.sees(caller, "sweeps.read", grid.unit));
        }
        Ok(contract::sweep(sweep, &excepted))
    }
}

/// The name of an observation; empty for none.
fn observed(observation: Option<Uuid>) -> String {
    observation.map(observation_name).unwrap_or_default()
}

fn result(nth: usize, taken: Result<Taken, Fault>) -> Result<pb::visit_result::Result, Fault> {
    use pb::visit_result::Result as Answer;
    match taken {
        Ok(Taken::In(accepted)) => Ok(Answer::Accepted(pb::AcceptedVisit {
            persons: accepted.persons.iter().map(|(person, _)| person_name(*person)).collect(),
            observations: accepted.persons.iter().map(|(_, observation)| observed(*observation)).collect(),
            missing_facts: accepted.missing.into_iter().map(i32::from).collect(),
            enforcement_request: accepted.enforcement.map(enforcement_name).unwrap_or_default(),
            after_close: accepted.after_close,
            readdressed: accepted.readdressed,
            unlisted: accepted.unlisted,
            beside_tally: accepted.beside_tally,
            beside_households: accepted.beside_households,
            damaged: Vec::new(),
        })),
        Ok(Taken::Before) => Ok(Answer::Duplicate(pb::DuplicateVisit {})),
        Err(fault) => {
            let (code, reason, message) = refusal("visits", nth, fault)?;
            Ok(Answer::Refused(pb::RefusedVisit { code: code.into(), reason, message }))
        }
    }
}
