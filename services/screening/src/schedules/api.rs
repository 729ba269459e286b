//! Schedules speak here.

use std::sync::Arc;

use chassis::{Fault, Violations, claims::Claim, parse, server};
use chrono::NaiveDate;
use proto::screening::{self as pb, schedule_service_server::ScheduleService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Clocks, LEVELS, parse as contract,
    store::{self, Set},
};
use crate::{
    DOMAIN,
    house::House,
    persons::parse::{UNITS, unit_name},
    rules::RuleSet,
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
}

/// The clocks of every level of senders at a unit on a date: for each what the nearest area at or above it has
/// set, else the usual ones.
///
/// # Errors
/// Where the database fails.
pub async fn in_force(
    house: &House,
    connection: &mut PgConnection,
    unit: Uuid,
    date: NaiveDate,
) -> Result<Vec<(Clocks, Option<Set>)>, Fault> {
    let areas = house.sight(unit).ancestors;
    let set = store::in_force(connection, &areas, RuleSet::on(date).response_level, date).await?;
    let of_level = |level: i16| {
        let nearest = areas
            .iter()
            .find_map(|area| set.iter().find(|set| set.area == *area && set.clocks.sender_level == level));
        nearest.map_or_else(|| (Clocks::usual(level), None), |set| (set.clocks, Some(*set)))
    };
    Ok(LEVELS.map(of_level).collect())
}

/// The clocks of a unit as a sender, today.
///
/// # Errors
/// Where the database fails.
pub async fn of_sender(house: &House, connection: &mut PgConnection, unit: Uuid) -> Result<Clocks, Fault> {
    let standing = house.jurisdiction.standing(unit).unwrap_or(unit);
    let level = house.jurisdiction.today().node(standing).map_or(0, |node| node.level);
    let all = in_force(house, connection, standing, house.clock.today()).await?;
    let own = all.into_iter().find(|(clocks, _)| clocks.sender_level == level);
    Ok(own.map_or_else(|| Clocks::usual(level), |(clocks, _)| clocks))
}

impl Schedules {
    async fn get(&self, request: Request<pb::GetScheduleRequest>) -> Result<pb::GetScheduleResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let unit = wrong.keep("unit", parse::name(UNITS, &request.unit)).unwrap_or_default();
        let date = wrong.keep("date", parse::optional_date(&request.date)).flatten();
        wrong.refuse()?;
        self.house.within(&caller, "handdowns.read", unit)?;
        let date = date.unwrap_or_else(|| self.house.clock.today());
        let mut work = self.house.database.begin(deadline).await?;
        let all = in_force(&self.house, &mut work, unit, date).await?;
        let nearest = all.iter().filter_map(|(_, set)| *set).max_by_key(|set| set.effective_on);
        Ok(pb::GetScheduleResponse {
            area_unit: nearest.map(|set| unit_name(set.area)).unwrap_or_default(),
            response_level: RuleSet::on(date).response_level.into(),
            effective_date: nearest.map(|set| set.effective_on.to_string()).unwrap_or_default(),
            clocks: all.iter().map(|(clocks, _)| contract::shown(clocks)).collect(),
        })
    }

    async fn set(&self, request: Request<pb::SetScheduleRequest>) -> Result<pb::SetScheduleResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let today = self.house.clock.today();
        let mut wrong = Violations::default();
        let area = wrong.keep("area_unit", parse::name(UNITS, &request.area_unit)).unwrap_or_default();
        let level = i16::try_from(request.response_level).ok().filter(|level| (1..=4).contains(level));
        let level = level.ok_or_else(|| "must be 1 to 4 (E1)".to_owned());
        let level = wrong.keep("response_level", level).unwrap_or_default();
        let date = parse::date(&request.effective_date).and_then(|date| {
            if date < today { Err(format!("must not be before today, {today}")) } else { Ok(date) }
        });
        let effective_on = wrong.keep("effective_date", date).unwrap_or_default();
        let clocks = contract::clocks(&mut wrong, &request.clocks);
        wrong.refuse()?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "SetSchedule", &request);
        let mut work = self.house.database.begin(deadline).await?;
        self.house.within(&caller, "handdowns.schedule", area)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        for clocks in clocks {
            let said = (caller.subject(), self.house.clock.now());
            store::set(&mut work, Set { area, effective_on, clocks }, level, said).await?;
        }
        let all = in_force(&self.house, &mut work, area, effective_on).await?;
        let clocks = all.iter().map(|(clocks, _)| contract::shown(clocks)).collect();
        claim.commit(work, pb::SetScheduleResponse { clocks }).await
    }
}
