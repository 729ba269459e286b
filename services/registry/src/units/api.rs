//! Units speak here.

use chassis::{Caller, Clock, Database, Fault, claims::Claim, parse, server, watching::Watching};
use chrono::NaiveDate;
use proto::registry::{self as pb, unit_service_server::UnitService};
use sqlx::PgConnection;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming, async_trait};
use tracing::Instrument as _;
use uuid::Uuid;

use super::{
    Unit, contains, import, ops,
    parse::{self as contract, COLLECTION, Listing, Update, unit_name},
    ranges,
    store::{self, Selection},
    watch,
};
use crate::{DOMAIN, Moment, scope, scope::Ask};

/// The handlers of [`UnitService`].
#[derive(Clone, Debug)]
pub struct Units {
    /// The registry's database.
    pub database: Database,
    /// What day it is.
    pub clock: Clock,
    /// What watches need.
    pub watching: Watching,
}

#[async_trait]
impl UnitService for Units {
    async fn get_unit(
        &self,
        request: Request<pb::GetUnitRequest>,
    ) -> Result<Response<pb::GetUnitResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn list_units(
        &self,
        request: Request<pb::ListUnitsRequest>,
    ) -> Result<Response<pb::ListUnitsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn lookup_unit(
        &self,
        request: Request<pb::LookupUnitRequest>,
    ) -> Result<Response<pb::LookupUnitResponse>, Status> {
        server::reply(DOMAIN, self.lookup(request).await)
    }

    async fn create_unit(
        &self,
        request: Request<pb::CreateUnitRequest>,
    ) -> Result<Response<pb::CreateUnitResponse>, Status> {
        server::reply(DOMAIN, self.create(request).await)
    }

    async fn update_unit(
        &self,
        request: Request<pb::UpdateUnitRequest>,
    ) -> Result<Response<pb::UpdateUnitResponse>, Status> {
        server::reply(DOMAIN, self.update(request).await)
    }

    async fn batch_create_units(
        &self,
        request: Request<pb::BatchCreateUnitsRequest>,
    ) -> Result<Response<pb::BatchCreateUnitsResponse>, Status> {
        server::reply(DOMAIN, self.batch_create(request).await)
    }

    type ImportUnitsStream = ReceiverStream<Result<pb::ImportUnitsResponse, Status>>;

    async fn import_units(
        &self,
        request: Request<Streaming<pb::ImportUnitsRequest>>,
    ) -> Result<Response<Self::ImportUnitsStream>, Status> {
        let (answers, stream) = mpsc::channel(64);
        let units = self.clone();
        let work = async move {
            if let Err(fault) = import::api::import(&units, request, &answers).await {
                let _ = answers.send(Err(fault.into_status(DOMAIN))).await;
            }
        };
        tokio::spawn(work.in_current_span());
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    type WatchUnitsStream = ReceiverStream<Result<pb::WatchUnitsResponse, Status>>;

    async fn watch_units(
        &self,
        request: Request<pb::WatchUnitsRequest>,
    ) -> Result<Response<Self::WatchUnitsStream>, Status> {
        let units = self.clone();
        Ok(server::stream(DOMAIN, |messages| async move { watch::watch(&units, request, &messages).await }))
    }
}

impl Units {
    async fn get(&self, request: Request<pb::GetUnitRequest>) -> Result<pb::GetUnitResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::resource(COLLECTION, &request.name)?;
        let ask = self.ask("units.read", &request.as_of)?;
        let mut work = self.database.begin(deadline).await?;
        let unit = visible(&mut work, &caller, ask, id).await?;
        Ok(pb::GetUnitResponse { unit: Some(unit.into()), as_of: ask.as_of.to_string() })
    }

    async fn list(&self, request: Request<pb::ListUnitsRequest>) -> Result<pb::ListUnitsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let (listing, page) = Listing::take(&mut request)?;
        let pager = page.of(&self.database, &caller, "ListUnits", &request);
        let after = pager.key()?.unwrap_or_default();
        let ask = self.ask("units.read", &request.as_of)?;

        let mut work = self.database.begin(deadline).await?;
        let scopes = scope::paths(&mut work, &caller, ask).await?;
        let ancestor = match listing.ancestor {
            None => None,
            Some(ancestor) => Some(visible(&mut work, &caller, ask, ancestor).await?),
        };
        let ancestor_path = ancestor.as_ref().map(|unit| unit.path.as_str());
        let mut units: Vec<Unit> = Vec::new();
        for range in ranges(&scopes, ancestor_path) {
            let missing = pager.missing(units.len());
            if missing <= 0 {
                break;
            }
            if after > range && !contains(&range, &after) {
                continue;
            }
            let selection = Selection {
                within: &range,
                parent: listing.ancestor.filter(|_| listing.children_only),
                except: ancestor_path.unwrap_or_default(),
                level: listing.level,
                show_closed: listing.show_closed,
                as_of: ask.as_of,
                after: &after,
                limit: missing,
            };
            units.extend(store::list(&mut work, &selection).await?);
        }
        let next_page_token = pager.cut(&mut units, |unit| unit.path.clone());
        Ok(pb::ListUnitsResponse {
            units: units.into_iter().map(Into::into).collect(),
            next_page_token,
            as_of: ask.as_of.to_string(),
        })
    }

    async fn lookup(&self, request: Request<pb::LookupUnitRequest>) -> Result<pb::LookupUnitResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let code = request.code.ok_or_else(|| Fault::invalid("code", "is required"))?;
        let code = contract::code(&code).map_err(|inner| inner.under("code"))?;
        let ask = self.ask("units.read", &request.as_of)?;
        let mut work = self.database.begin(deadline).await?;
        let named = || Fault::NotFound(format!("{}/{}/{}", code.system, code.vintage, code.code));
        let id = store::lookup(&mut work, &code, ask.as_of).await?.ok_or_else(named)?;
        // A neighbour's code gets the answer of one that nobody bears.
        let unit = visible(&mut work, &caller, ask, id).await.map_err(|fault| match fault {
            Fault::NotFound(_) => named(),
            other => other,
        })?;
        Ok(pb::LookupUnitResponse { unit: Some(unit.into()), as_of: ask.as_of.to_string() })
    }

    async fn create(&self, request: Request<pb::CreateUnitRequest>) -> Result<pb::CreateUnitResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let unit = contract::create(&request)?;
        let claim = Claim::new(&caller, request_id, "CreateUnit", &request);
        let mut work = self.database.begin(deadline).await?;
        self.allow_parents(&mut work, &caller, std::slice::from_ref(&unit)).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let made = ops::create(&mut work, vec![unit], Moment::of(&self.clock)).await?;
        let unit = in_order(&mut work, &made).await?.pop();
        claim.commit(work, pb::CreateUnitResponse { unit }).await
    }

    async fn batch_create(
        &self,
        request: Request<pb::BatchCreateUnitsRequest>,
    ) -> Result<pb::BatchCreateUnitsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let units = contract::batch(&request)?;
        let claim = Claim::new(&caller, request_id, "BatchCreateUnits", &request);
        let mut work = self.database.begin(deadline).await?;
        self.allow_parents(&mut work, &caller, &units).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let made = ops::create(&mut work, units, Moment::of(&self.clock)).await?;
        let answer = pb::BatchCreateUnitsResponse { units: in_order(&mut work, &made).await? };
        claim.commit(work, answer).await
    }

    async fn update(&self, request: Request<pb::UpdateUnitRequest>) -> Result<pb::UpdateUnitResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let update = Update::try_from(&request)?;
        let claim = Claim::new(&caller, request_id, "UpdateUnit", &request);
        let ask = self.ask("units.write", &request.effective_date)?;
        let mut work = self.database.begin(deadline).await?;
        let concerned: Vec<Uuid> = std::iter::once(update.id).chain(update.change.parent).collect();
        scope::allow(&mut work, &caller, ask, &concerned).await?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let changed = ops::update(&mut work, update, Moment::of(&self.clock)).await?;
        let answer = pb::UpdateUnitResponse { unit: in_order(&mut work, &[changed]).await?.pop() };
        claim.commit(work, answer).await
    }

    fn ask(&self, permission: &'static str, as_of: &str) -> Result<Ask, Fault> {
        let today = self.clock.today();
        let as_of = parse::optional_date(as_of).map_err(|wrong| Fault::invalid("as_of", wrong))?;
        Ok(Ask { permission, as_of: as_of.unwrap_or(today), today })
    }

    async fn allow_parents(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        units: &[super::NewUnit],
    ) -> Result<(), Fault> {
        let mut parents: Vec<Uuid> = units
            .iter()
            .filter_map(|unit| match unit.parent {
                super::Parent::Unit(parent) => Some(parent),
                super::Parent::Earlier(_) => None,
            })
            .collect();
        parents.sort_unstable();
        parents.dedup();
        let ask = Ask::today("units.write", self.clock.today());
        scope::allow(connection, caller, ask, &parents).await
    }
}

/// A unit as of a date, if it lies within the caller's scopes.
async fn visible(connection: &mut PgConnection, caller: &Caller, ask: Ask, id: Uuid) -> Result<Unit, Fault> {
    scope::allow(connection, caller, ask, &[id]).await?;
    let unit = store::get(connection, &[(id, ask.as_of)]).await?.pop();
    unit.ok_or_else(|| Fault::NotFound(unit_name(id)))
}

/// Units as of their dates, in the order given.
async fn in_order(
    connection: &mut PgConnection,
    wanted: &[(Uuid, NaiveDate)],
) -> Result<Vec<pb::Unit>, Fault> {
    let mut units = store::get(connection, wanted).await?;
    let place = |id: &Uuid| wanted.iter().position(|(wanted, _)| wanted == id);
    units.sort_by_cached_key(|unit| place(&unit.id));
    Ok(units.into_iter().map(Into::into).collect())
}
