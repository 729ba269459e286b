//! Roll-ups speak here.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chassis::{Caller, Fault, Violations, pages, parse, server};
use chrono::NaiveDate;
use proto::reporting::{self as pb, rollup_service_server::RollupService};
use sqlx::PgConnection;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{Cells, balances, cumulative, parse as contract, store};
use crate::{
    DOMAIN,
    days::{Plan, sealing, store as days},
    forms::{
        Figures,
        parse::{COLLECTION as FORMS, UNITS, unit_name},
    },
    house::House,
    seals::store as seals,
};

/// What reading needs.
const PERMISSION: &str = "rollups.read";

/// The shortest time between two messages of a watch.
const PACE: Duration = Duration::from_millis(100);

/// How often a silent watch gives a sign of life.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// The most days of a series.
const SERIES: i64 = 92;

/// The handlers of [`RollupService`].
#[derive(Clone, Debug)]
pub struct Rollups {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl RollupService for Rollups {
    async fn get_rollup(
        &self,
        request: Request<pb::GetRollupRequest>,
    ) -> Result<Response<pb::GetRollupResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn list_rollups(
        &self,
        request: Request<pb::ListRollupsRequest>,
    ) -> Result<Response<pb::ListRollupsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn get_series(
        &self,
        request: Request<pb::GetSeriesRequest>,
    ) -> Result<Response<pb::GetSeriesResponse>, Status> {
        server::reply(DOMAIN, self.series(request).await)
    }

    type WatchRollupStream = ReceiverStream<Result<pb::WatchRollupResponse, Status>>;

    async fn watch_rollup(
        &self,
        request: Request<pb::WatchRollupRequest>,
    ) -> Result<Response<Self::WatchRollupStream>, Status> {
        let rollups = self.clone();
        Ok(server::stream(DOMAIN, |messages| async move { rollups.watch(request, messages).await }))
    }

    async fn set_opening_balances(
        &self,
        request: Request<pb::SetOpeningBalancesRequest>,
    ) -> Result<Response<pb::SetOpeningBalancesResponse>, Status> {
        server::reply(DOMAIN, balances::set(&self.house, request).await)
    }

    async fn list_opening_balances(
        &self,
        request: Request<pb::ListOpeningBalancesRequest>,
    ) -> Result<Response<pb::ListOpeningBalancesResponse>, Status> {
        server::reply(DOMAIN, balances::list(&self.house, request).await)
    }
}

/// Which unit's total of which day.
struct Asked {
    form: Uuid,
    date: NaiveDate,
    unit: Uuid,
}

fn asked(form: &str, date: &str, unit: (&str, &str)) -> Result<Asked, Fault> {
    let mut wrong = Violations::default();
    let form = wrong.name("form", FORMS, form);
    let date = wrong.keep("business_date", parse::date(date)).unwrap_or_default();
    let unit = wrong.name(unit.0, UNITS, unit.1);
    wrong.refuse()?;
    Ok(Asked { form, date, unit })
}

impl Rollups {
    async fn get(&self, request: Request<pb::GetRollupRequest>) -> Result<pb::GetRollupResponse, Fault> {
        let (caller, _, request) = server::accept(request)?;
        let asked = asked(&request.form, &request.business_date, ("unit", &request.unit))?;
        // One statement: no transaction is begun for it.
        let mut connection = self.house.database.pool().acquire().await?;
        let (plan, place) = self.find(&mut connection, &caller, &asked).await?;
        let rollup = self.read(&mut connection, &plan, &[place], request.seal).await?.pop();
        Ok(pb::GetRollupResponse { rollup })
    }

    async fn list(&self, request: Request<pb::ListRollupsRequest>) -> Result<pb::ListRollupsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        wrong.refuse()?;
        let asked = asked(&request.form, &request.business_date, ("parent_unit", &request.parent_unit))?;
        let pager = page.of(&self.house.database, &caller, "ListRollups", &request);
        let after = pager.value()?.unwrap_or(-1);
        let mut work = self.house.database.begin(deadline).await?;
        let (plan, parent) = self.find(&mut work, &caller, &asked).await?;
        let mut places: Vec<i32> = plan.tree.children(parent).filter(|place| *place > after).collect();
        let next_page_token = pager.cut(&mut places, i32::to_string);
        let rollups = self.read(&mut work, &plan, &places, request.seal).await?;
        Ok(pb::ListRollupsResponse { rollups, next_page_token })
    }

    async fn series(&self, request: Request<pb::GetSeriesRequest>) -> Result<pb::GetSeriesResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let asked = asked(&request.form, &request.start_date, ("unit", &request.unit))?;
        let end = parse::date(&request.end_date).map_err(|wrong| Fault::invalid("end_date", wrong))?;
        if !(1..=SERIES).contains(&(end - asked.date).num_days()) {
            return Err(Fault::invalid("end_date", format!("must be 1 to {SERIES} days after start_date")));
        }
        let mut work = self.house.database.begin(deadline).await?;
        let selection = days::Selection {
            form: Some(asked.form),
            state: None,
            start: Some(asked.date),
            end: Some(end),
            after: None,
            limit: SERIES,
        };
        let mut rollups = Vec::new();
        let mut seen = false;
        for day in days::list(&mut work, &selection).await?.into_iter().rev() {
            let plan = self.house.plan_of(&mut work, day).await?;
            let Ok(place) = self.house.place(&caller, PERMISSION, &plan, asked.unit) else { continue };
            seen = true;
            let last = if request.as_sealed {
                seals::seals(&mut work, &[plan.day.id], None).await?.last().map_or(0, |seal| seal.number)
            } else {
                0
            };
            rollups.extend(self.read(&mut work, &plan, &[place], last).await?);
        }
        if !seen {
            self.house.jurisdiction.within(&caller, PERMISSION, asked.unit)?;
        }
        Ok(pb::GetSeriesResponse { rollups })
    }

    async fn watch(
        &self,
        request: Request<pb::WatchRollupRequest>,
        messages: server::Messages<pb::WatchRollupResponse>,
    ) -> Result<(), Fault> {
        let (mut caller, _, request) = server::accept(request)?;
        let asked = asked(&request.form, &request.business_date, ("unit", &request.unit))?;
        let mut more = self.house.watching.feed.more();
        let mut sent: Option<String> = None;
        let mut spoke = Instant::now();
        loop {
            more.borrow_and_update();
            caller = caller.renewed(&self.house.jurisdiction).await?;
            if !caller.holds(PERMISSION) {
                return Err(Fault::Denied(PERMISSION));
            }
            let mut connection = self.house.database.pool().acquire().await?;
            let (plan, place) = self.find(&mut connection, &caller, &asked).await?;
            let rollup = self.read(&mut connection, &plan, &[place], 0).await?.pop();
            drop(connection);
            let etag = rollup.as_ref().map(|rollup| rollup.etag.clone());
            let news = etag != sent;
            if news || spoke.elapsed() >= HEARTBEAT {
                let rollup = rollup.filter(|_| news);
                if messages.send(Ok(pb::WatchRollupResponse { rollup })).await.is_err() {
                    return Ok(());
                }
                (sent, spoke) = (etag, Instant::now());
            }
            tokio::time::sleep(PACE).await;
            tokio::select! {
                () = self.house.watching.shutdown.cancelled() => {
                    return Err(Fault::Unavailable("the service is draining; watch again"));
                }
                _ = more.changed() => {}
                () = tokio::time::sleep(HEARTBEAT) => {}
            }
        }
    }

    async fn find(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        asked: &Asked,
    ) -> Result<(Arc<Plan>, i32), Fault> {
        let plan = self.house.plan(connection, asked.form, asked.date).await?;
        let place = self.house.place(caller, PERMISSION, &plan, asked.unit)?;
        Ok((plan, place))
    }

    /// The totals at some places of one day, current or as of a seal.
    async fn read(
        &self,
        connection: &mut PgConnection,
        plan: &Plan,
        places: &[i32],
        seal: i32,
    ) -> Result<Vec<pb::Rollup>, Fault> {
        if seal != 0 {
            return self.sealed(connection, plan, places, seal).await;
        }
        let cumulative = self.cumulative(connection, plan, places).await?;
        let kept: Vec<i32> = places.iter().copied().filter(|place| plan.keeps_total(*place)).collect();
        let mut kept = match kept.as_slice() {
            // One is read by the statement that is asked all day.
            [] | [_] => BTreeMap::new(),
            several => store::totals(connection, plan, several).await?,
        };
        let mut rollups = Vec::with_capacity(places.len());
        for place in places {
            let cells = match kept.remove(place) {
                Some(cells) => cells,
                None => store::total(connection, plan, *place).await?,
            };
            let cumulative = cumulative.get(place).cloned().unwrap_or_default();
            rollups.push(contract::rollup(plan, *place, &cells, &cumulative, 0));
        }
        Ok(rollups)
    }

    async fn cumulative(
        &self,
        connection: &mut PgConnection,
        plan: &Plan,
        places: &[i32],
    ) -> Result<BTreeMap<i32, Figures>, Fault> {
        if !plan.form.has_cumulative() {
            return Ok(BTreeMap::new());
        }
        let units: BTreeMap<Uuid, i32> = places
            .iter()
            .filter(|place| plan.keeps_total(**place))
            .filter_map(|place| Some((plan.tree.at(*place)?.id, *place)))
            .collect();
        let ids: Vec<Uuid> = units.keys().copied().collect();
        let since = store::since_balance(connection, plan, &ids).await?;
        let began = sealing::began(connection, plan).await?;
        let none = (Vec::new(), Cells::none(plan.columns()));
        let all = units.into_iter().map(|(unit, place)| {
            let began = began.get(&place).unwrap_or(&none.0);
            (place, cumulative(began, since.get(&unit).unwrap_or(&none.1), plan.columns()))
        });
        Ok(all.collect())
    }

    async fn sealed(
        &self,
        connection: &mut PgConnection,
        plan: &Plan,
        places: &[i32],
        number: i32,
    ) -> Result<Vec<pb::Rollup>, Fault> {
        let seals = seals::seals(connection, &[plan.day.id], None).await?;
        let seal = seals.iter().find(|seal| seal.number == number);
        let seal = seal.ok_or_else(|| Fault::NotFound(format!("seal {number} of {}", plan.day.date)))?;
        let totals = seals::totals(connection, seal.id, Some(places)).await?;
        let mut rollups = Vec::with_capacity(places.len());
        for place in places {
            let Some((cells, sums, _)) = totals.get(place) else {
                let unit = unit_name(plan.tree.at(*place).map(|node| node.id).unwrap_or_default());
                let words = "seals keep the figures of townships and above; below, read the current ones";
                return Err(Fault::unfit("NOT_IN_SEAL", ("unit", unit), words));
            };
            rollups.push(contract::rollup(plan, *place, cells, sums, number));
        }
        Ok(rollups)
    }
}
