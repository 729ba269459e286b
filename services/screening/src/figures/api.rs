//! Figures speak here.

use std::{collections::BTreeMap, sync::Arc};

use chassis::{Fault, Violations, pages, pages::Pager, parse, server};
use chrono::{Days, NaiveDate};
use proto::screening::{self as pb, figure_service_server::FigureService};
use tonic::{Request, Response, Status, async_trait};

use super::{Counts, Indicator, parse as contract, store};
use crate::{
    DOMAIN,
    feeds::{self, Stream},
    house::House,
    persons::parse::UNITS,
};

/// The most days that are asked for at once.
const MOST_DAYS: i64 = 366;

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
        let today = self.house.clock.today();
        let mut wrong = Violations::default();
        let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
        let unit = wrong.keep("unit", parse::name(UNITS, &request.unit)).unwrap_or_default();
        let start = wrong.keep("start_date", parse::optional_date(&request.start_date)).flatten();
        let end = wrong.keep("end_date", parse::optional_date(&request.end_date)).flatten();
        let (start, end) = (start.unwrap_or(today), end.unwrap_or(today));
        if !(0..=MOST_DAYS).contains(&(end - start).num_days()) {
            wrong.add(
                "end_date",
                format!("must be from the first day on, and at most {MOST_DAYS} days after it"),
            );
        }
        wrong.refuse()?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let pager = Pager::new(&self.house.database, &caller, "ListFigures", &request);
        let after = pager.key(&token)?.map(|key| key.parse().map_err(|_| Fault::PageToken)).transpose()?;
        let units = self.house.units(&caller, "figures.read", Some(unit))?;
        let first = after.map_or(start, |after: NaiveDate| after + Days::new(1));
        let days = first.iter_days().take_while(|day| *day <= end);
        let mut days: Vec<NaiveDate> = days.take(usize::try_from(size + 1).unwrap_or_default()).collect();
        let next_page_token = pager.cut(&mut days, size, NaiveDate::to_string);
        let Some(last) = days.last() else { return Ok(pb::ListFiguresResponse::default()) };
        let mut work = self.house.database.begin_page(deadline).await?;
        let mut by_day: BTreeMap<NaiveDate, Counts> = BTreeMap::new();
        for (day, number, change) in store::by_day(&mut work, &units, (first, *last)).await? {
            if let Some(count) = by_day.entry(day).or_default().0.get_mut(number - 1) {
                *count = change;
            }
        }
        let mut stocks = by_day.remove(&(first - Days::new(1))).unwrap_or_default();
        let shown = days.iter().map(|day| {
            let changes = by_day.get(day).copied().unwrap_or_default();
            stocks.0.iter_mut().zip(changes.0).for_each(|(stock, change)| *stock += change);
            let held = stocks.stated().filter(|(number, _)| !Indicator::is_flow(*number));
            pb::DayFigures {
                business_date: day.to_string(),
                differences: contract::differences(&changes),
                stocks: held
                    .map(|(number, count)| pb::Stock { indicator: contract::indicator(number), count })
                    .collect(),
            }
        });
        Ok(pb::ListFiguresResponse { days: shown.collect(), next_page_token })
    }
}
