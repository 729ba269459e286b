//! `rampart figures …`.

use std::{collections::BTreeMap, process::ExitCode};

use chrono::NaiveDate;
use proto::screening as pb;

use super::{access::Access, pages, units::resolve};
use crate::{
    output::{Column, Style, word},
    sheet::Sheet,
};

/// What the registers come to, day by day.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A flow is how many there were on the day; a stock is how many there are at its end, with by how much it changed.

Example:
  rampart figures NBS/2019/431302000000 --from 2020-02-01 --until 2020-02-03")]
pub(crate) struct Args {
    /// The unit with everything below it: units/{uuid}, or SYSTEM/VINTAGE/CODE
    unit: String,
    /// The first day, YYYY-MM-DD; today where not said
    #[arg(long, value_name = "DATE")]
    from: Option<NaiveDate>,
    /// The last day, YYYY-MM-DD; today where not said
    #[arg(long, value_name = "DATE")]
    until: Option<NaiveDate>,
}

const COLUMNS: &[Column] = &[
    Column { key: "business_date", en: "Day", zh: "业务日" },
    Column { key: "indicator", en: "Indicator", zh: "指标" },
    Column { key: "difference", en: "On the day", zh: "当日" },
    Column { key: "stock", en: "At its end", zh: "日末" },
];

/// Shows figures.
pub(crate) async fn run(args: &Args, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut figures = access.screening()?.figures();
    let text = |date: Option<NaiveDate>| date.map(|date| date.to_string()).unwrap_or_default();
    let mut request = pb::ListFiguresRequest {
        unit: resolve(access, &args.unit).await?,
        start_date: text(args.from),
        end_date: text(args.until),
        page_size: 1_000,
        page_token: String::new(),
    };
    let days = pages::up_to(usize::MAX, async |page_token| {
        request.page_token = page_token;
        let page = figures.list_figures(request.clone()).await?.into_inner();
        Ok((page.days, page.next_page_token))
    });
    let mut sheet = Sheet::new(style, COLUMNS);
    for day in days.await? {
        let mut rows: BTreeMap<i32, (Option<i64>, Option<i64>)> = BTreeMap::new();
        for figure in day.differences {
            rows.entry(figure.indicator).or_default().0 = Some(figure.difference);
        }
        for stock in day.stocks {
            rows.entry(stock.indicator).or_default().1 = Some(stock.count);
        }
        for (indicator, (difference, stock)) in rows {
            let indicator = pb::Indicator::try_from(indicator).unwrap_or_default();
            let indicator = word(indicator.as_str_name(), "INDICATOR_");
            let date = day.business_date.clone();
            sheet.add_row(vec![date.into(), indicator.into(), difference.into(), stock.into()]);
        }
    }
    sheet.print()?;
    Ok(ExitCode::SUCCESS)
}
