//! Erasures speak here.

use std::sync::Arc;

use chassis::{Fault, Violations, pages, server};
use proto::screening::{self as pb, erasure_service_server::ErasureService};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Erasure, PERMISSION,
    parse::{self as contract, Asked},
    store, told,
};
use crate::{DOMAIN, house::House, persons::parse::UNITS, worklists};

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
        let mut found = match asked {
            Asked::ToCome(from, until) => {
                let after = pager.pair()?.unwrap_or_default();
                store::to_come(&mut work, &units, (from, until), after, pager.limit()).await?
            }
            Asked::Erased => {
                let after = worklists::after(&pager)?;
                store::erased(&mut work, &units, after, pager.limit()).await?
            }
        };
        let next_page_token = pager.cut(&mut found, key);
        let to_come = found.iter().filter(|erasure| erasure.erased.is_none());
        let ones: Vec<Uuid> = to_come.map(|erasure| erasure.one).collect();
        let holds = store::holds(&mut work, &ones, today).await?;
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

/// What a token keeps of the last of a page.
fn key(erasure: &Erasure) -> String {
    match erasure.erased {
        Some((at, _)) => worklists::key((at, erasure.person)),
        None => format!("{} {}", erasure.delete_after, erasure.person),
    }
}
