//! Erasures speak here.

use std::sync::Arc;

use chassis::{Fault, Violations, pages, server};
use proto::screening::{self as pb, erasure_service_server::ErasureService};
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Erasure, PERMISSION,
    parse::{self as contract, Asked},
    store, told,
};
use crate::{DOMAIN, closures::closing::Reach, house::House, persons::parse::UNITS, worklists};

/// The handlers of [`ErasureService`].
#[derive(Clone, Debug)]
pub struct Erasures {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl ErasureService for Erasures {
    async fn list_erasures(
        &self,
        request: Request<pb::ListErasuresRequest>,
    ) -> Result<Response<pb::ListErasuresResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn propose_closure(
        &self,
        request: Request<pb::ProposeClosureRequest>,
    ) -> Result<Response<pb::ProposeClosureResponse>, Status> {
        server::reply(DOMAIN, self.propose(request).await)
    }

    async fn approve_closure(
        &self,
        request: Request<pb::ApproveClosureRequest>,
    ) -> Result<Response<pb::ApproveClosureResponse>, Status> {
        server::reply(DOMAIN, self.approve(request).await)
    }

    async fn cancel_closure(
        &self,
        request: Request<pb::CancelClosureRequest>,
    ) -> Result<Response<pb::CancelClosureResponse>, Status> {
        server::reply(DOMAIN, self.cancel(request).await)
    }

    async fn get_closure(
        &self,
        request: Request<pb::GetClosureRequest>,
    ) -> Result<Response<pb::GetClosureResponse>, Status> {
        server::reply(DOMAIN, self.closure(request).await)
    }

    async fn list_closures(
        &self,
        request: Request<pb::ListClosuresRequest>,
    ) -> Result<Response<pb::ListClosuresResponse>, Status> {
        server::reply(DOMAIN, self.closures(request).await)
    }
}

impl Erasures {
    async fn list(
        &self,
        request: Request<pb::ListErasuresRequest>,
    ) -> Result<pb::ListErasuresResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let today = self.house.clock.today();
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor = wrong.optional_name("ancestor_unit", UNITS, &request.ancestor_unit);
        let asked = contract::asked(&mut wrong, &request, today);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListErasures", &request);
        let units = self.house.units(&caller, PERMISSION, ancestor)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let mut reach = None;
        let mut found = match asked {
            Asked::ToCome(from, until) => {
                let after = pager.pair()?.unwrap_or_default();
                store::to_come(&mut work, &units, (from, until), after, pager.limit()).await?
            }
            Asked::Erased => {
                let after = worklists::after(&pager)?;
                store::erased(&mut work, (&units, None), after, pager.limit()).await?
            }
            Asked::ErasedBy(closure) => {
                self.seen(&mut work, &caller, (PERMISSION, closure)).await?;
                let after = worklists::after(&pager)?;
                store::erased(&mut work, (&units, Some(closure)), after, pager.limit()).await?
            }
            Asked::OfClosure(closure) => {
                let closure = self.seen(&mut work, &caller, (PERMISSION, closure)).await?;
                reach = Reach::of(&self.house, &closure);
                let page = (pager.after()?, pager.limit());
                of_closure(&mut work, reach.as_ref(), &units, page).await?
            }
        };
        let next_page_token = pager.cut(&mut found, |erasure| key(erasure, asked));
        let to_come = found.iter().filter(|erasure| erasure.erased.is_none());
        let ones: Vec<Uuid> = to_come.map(|erasure| erasure.one).collect();
        let covered = match &reach {
            Some(reach) => reach.covered(&mut work, &ones).await?,
            None => Vec::new(),
        };
        let holds = store::holds(&mut work, &ones, today, &covered).await?;
        let erasures = found.iter().map(|erasure| {
            let held = holds.get(&erasure.one).filter(|_| erasure.erased.is_none());
            let held = held.map(Vec::as_slice).unwrap_or_default();
            let holds =
                told(held, erasure.person, |unit| self.house.jurisdiction.sees(&caller, PERMISSION, unit));
            contract::erasure(erasure, &holds, today)
        });
        Ok(pb::ListErasuresResponse { erasures: erasures.collect(), next_page_token })
    }
}

/// A page of who a closing erases, or would if it were approved, of those in the hands of units; nobody of one that has ended.
async fn of_closure(
    connection: &mut PgConnection,
    reach: Option<&Reach>,
    units: &[Uuid],
    page: (Uuid, i64),
) -> Result<Vec<Erasure>, Fault> {
    let Some(reach) = reach else { return Ok(Vec::new()) };
    let left = reach.left_of(connection, units, page).await?;
    let persons: Vec<Uuid> = left.into_iter().map(|(person, _)| person).collect();
    store::of(connection, &persons, reach.is_erasing()).await
}

/// What a token keeps of the last of a page.
fn key(erasure: &Erasure, asked: Asked) -> String {
    match (erasure.erased, erasure.delete_after) {
        (Some((at, _)), _) => worklists::key((at, erasure.person)),
        (None, Some(date)) if !matches!(asked, Asked::OfClosure(_)) => format!("{date} {}", erasure.person),
        _ => erasure.person.to_string(),
    }
}
