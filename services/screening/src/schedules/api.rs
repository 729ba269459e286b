//! Schedules speak here.

use std::sync::Arc;

use chassis::{Fault, Violations, claims::Claim, parse, server};
use chrono::NaiveDate;
use proto::screening::{self as pb, schedule_service_server::ScheduleService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    ops, parse as contract,
    store::{self, Set},
    terms_of, weeks_of,
};
use crate::{
    DOMAIN,
    house::House,
    observations::{BASES, DISCHARGED},
    persons::parse::{UNITS, unit_name},
};

/// The handlers of [`ScheduleService`].
#[derive(Clone, Debug)]
pub struct Schedules {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl ScheduleService for Schedules {
    async fn get_schedule(
        &self,
        request: Request<pb::GetScheduleRequest>,
    ) -> Result<Response<pb::GetScheduleResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn set_schedule(
        &self,
        request: Request<pb::SetScheduleRequest>,
    ) -> Result<Response<pb::SetScheduleResponse>, Status> {
        server::reply(DOMAIN, self.set(request).await)
    }

    async fn set_observation_terms(
        &self,
        request: Request<pb::SetObservationTermsRequest>,
    ) -> Result<Response<pb::SetObservationTermsResponse>, Status> {
        server::reply(DOMAIN, self.set_terms(request).await)
    }

    async fn set_response_level(
        &self,
        request: Request<pb::SetResponseLevelRequest>,
    ) -> Result<Response<pb::SetResponseLevelResponse>, Status> {
        server::reply(DOMAIN, self.set_level(request).await)
    }
}

/// The terms of observation of every basis in some areas, the nearest the first, for a response level on a date.
async fn terms(
    connection: &mut PgConnection,
    areas: &[Uuid],
    response_level: i16,
    date: NaiveDate,
) -> Result<Vec<pb::ObservationTerms>, Fault> {
    let set = store::terms(connection, areas, response_level, date).await?;
    let of = |basis: i32| {
        let found = i16::try_from(basis).ok().and_then(|basis| terms_of(areas, &set, basis));
        let mut shown = contract::terms_shown(basis, found);
        if basis == i32::from(DISCHARGED) {
            shown.recheck_weeks = weeks_of(areas, &set).iter().map(|week| i32::from(*week)).collect();
        }
        shown
    };
    Ok(BASES.map(of).collect())
}

impl Schedules {
    async fn get(&self, request: Request<pb::GetScheduleRequest>) -> Result<pb::GetScheduleResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let unit = wrong.keep("unit", parse::name(UNITS, &request.unit)).unwrap_or_default();
        let date = wrong.keep("date", parse::optional_date(&request.date)).flatten();
        wrong.refuse()?;
        self.house.jurisdiction.within(&caller, "handdowns.read", unit)?;
        let date = date.unwrap_or_else(|| self.house.clock.today());
        let mut work = self.house.database.begin(deadline).await?;
        let all = ops::in_force(&self.house, &mut work, unit, date).await?;
        let areas = self.house.sight(unit).ancestors;
        let (rules, said) = ops::level(&mut work, &areas, date).await?;
        let terms = terms(&mut work, &areas, rules.response_level, date).await?;
        let nearest = all.iter().filter_map(|(_, set)| *set).max_by_key(|set| set.effective_on);
        Ok(pb::GetScheduleResponse {
            area_unit: nearest.map(|set| unit_name(set.area)).unwrap_or_default(),
            response_level: rules.response_level.into(),
            effective_date: nearest.map(|set| set.effective_on.to_string()).unwrap_or_default(),
            clocks: all.iter().map(|(clocks, _)| contract::shown(clocks)).collect(),
            level: Some(contract::level_shown(rules.response_level, said.as_ref())),
            terms,
        })
    }

    async fn set(&self, request: Request<pb::SetScheduleRequest>) -> Result<pb::SetScheduleResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let today = self.house.clock.today();
        let mut wrong = Violations::default();
        let (area, effective_on) =
            contract::area_from(&mut wrong, (&request.area_unit, &request.effective_date), today);
        let level = contract::response_level(&mut wrong, "response_level", request.response_level);
        let clocks = contract::clocks(&mut wrong, &request.clocks);
        wrong.refuse()?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "SetSchedule", &request);
        let mut work = self.house.database.begin(deadline).await?;
        self.house.jurisdiction.within(&caller, "handdowns.schedule", area)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        for clocks in clocks {
            let said = (caller.subject(), self.house.clock.now());
            store::set(&mut work, Set { area, effective_on, clocks }, level, said).await?;
        }
        let all = ops::in_force(&self.house, &mut work, area, effective_on).await?;
        let clocks = all.iter().map(|(clocks, _)| contract::shown(clocks)).collect();
        claim.commit(work, pb::SetScheduleResponse { clocks }).await
    }

    async fn set_terms(
        &self,
        request: Request<pb::SetObservationTermsRequest>,
    ) -> Result<pb::SetObservationTermsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let (set, level) = contract::terms(&mut wrong, &request, self.house.clock.today());
        wrong.refuse()?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "SetObservationTerms", &request);
        let mut work = self.house.database.begin(deadline).await?;
        self.house.jurisdiction.within(&caller, "observations.schedule", set.area)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        store::set_terms(&mut work, &set, level, (caller.subject(), self.house.clock.now())).await?;
        let areas = self.house.sight(set.area).ancestors;
        let terms = terms(&mut work, &areas, level, set.effective_on).await?;
        let answer = pb::SetObservationTermsResponse { terms };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn set_level(
        &self,
        request: Request<pb::SetResponseLevelRequest>,
    ) -> Result<pb::SetResponseLevelResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let level = contract::level(&mut wrong, &request, self.house.clock.today());
        wrong.refuse()?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "SetResponseLevel", &request);
        let mut work = self.house.database.begin(deadline).await?;
        self.house.jurisdiction.within(&caller, "levels.write", level.area)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        store::set_level(&mut work, &level, (caller.subject(), self.house.clock.now())).await?;
        let answer =
            pb::SetResponseLevelResponse { level: Some(contract::level_shown(level.level, Some(&level))) };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }
}
