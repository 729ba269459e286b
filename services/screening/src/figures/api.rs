//! Figures speak here.

use std::sync::Arc;

use chassis::{Fault, Violations, pages, server};
use chrono::{Days, NaiveDate};
use proto::screening::{self as pb, figure_service_server::FigureService};
use tonic::{Request, Response, Status, async_trait};

use super::{parse as contract, store, told};
use crate::{
    DOMAIN,
    feeds::{self, Stream},
    house::House,
    persons::parse::UNITS,
};

/// The handlers of [`FigureService`].
#[derive(Clone, Debug)]
pub struct Figures {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl FigureService for Figures {
    async fn list_figures(
        &self,
        request: Request<pb::ListFiguresRequest>,
    ) -> Result<Response<pb::ListFiguresResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    type WatchFiguresStream = Stream<pb::WatchFiguresResponse>;

    async fn watch_figures(
        &self,
        request: Request<pb::WatchFiguresRequest>,
    ) -> Result<Response<Self::WatchFiguresStream>, Status> {
        Ok(feeds::watch(self, request, |request| request.start_token))
    }
}

impl Figures {
    async fn list(&self, request: Request<pb::ListFiguresRequest>) -> Result<pb::ListFiguresResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let unit = wrong.name("unit", UNITS, &request.unit);
        let dates = (request.start_date.as_str(), request.end_date.as_str());
        let (start, end) = contract::dates(&mut wrong, dates, self.house.clock.today());
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListFigures", &request);
        let after: Option<NaiveDate> = pager.value()?;
        let units = self.house.units(&caller, "figures.read", Some(unit))?;
        let first = after.map_or(start, |after| after + Days::new(1));
        let days = first.iter_days().take_while(|day| *day <= end);
        let mut days: Vec<NaiveDate> =
            days.take(usize::try_from(pager.limit()).unwrap_or_default()).collect();
        let next_page_token = pager.cut(&mut days, NaiveDate::to_string);
        let Some(last) = days.last() else { return Ok(pb::ListFiguresResponse::default()) };
        let mut work = self.house.database.begin_page(deadline).await?;
        let changes = store::by_day(&mut work, &units, (first, *last)).await?;
        let days = told(&days, changes).iter().map(contract::day).collect();
        Ok(pb::ListFiguresResponse { days, next_page_token })
    }
}
