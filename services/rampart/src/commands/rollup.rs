//! `rampart rollup …`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use chrono::NaiveDate;
use proto::reporting as pb;
use serde_json::{Value, json};

use super::{
    access::Access,
    reporting::{self as shared, Retry},
    rollup_show as shown,
    units::resolve,
};
use crate::{
    client::Reporting,
    output::{Column, Style},
    sheet::Sheet,
};

/// The totals of units, and what cumulative figures begin with.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show the total of one unit: who reported, and every figure
    #[command(
        after_help = "Example:\n  rampart rollup show grid-day 2020-02-03 NBS/2019/431302000000 --seal 1"
    )]
    Show {
        #[command(flatten)]
        place: Place,
        /// As of the seal with this number; current where not said
        #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
        seal: i32,
    },
    /// List the totals of the units right below a unit
    #[command(
        after_help = "Example:\n  rampart rollup children grid-day 2020-02-03 NBS/2019/431300000000 --output csv"
    )]
    Children {
        #[command(flatten)]
        place: Place,
        /// As of the seal with this number; current where not said
        #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
        seal: i32,
    },
    /// List the totals of one unit day by day
    #[command(
        after_help = "Example:\n  rampart rollup series grid-day NBS/2019/431300000000 --from 2020-01-25 --until 2020-02-03"
    )]
    Series {
        /// forms/{uuid}, or the form's key
        form: String,
        /// units/{uuid}, or SYSTEM/VINTAGE/CODE
        unit: String,
        /// The first business date
        #[arg(long, value_name = "DATE")]
        from: NaiveDate,
        /// The last business date; at most 92 days
        #[arg(long, value_name = "DATE")]
        until: NaiveDate,
        /// Days that are sealed as they were sealed last
        #[arg(long)]
        as_sealed: bool,
    },
    /// Print the total of one unit now and whenever it changes, until Ctrl-C
    #[command(after_help = "Example:\n  rampart rollup watch grid-day 2020-02-03 NBS/2019/431300000000")]
    Watch {
        #[command(flatten)]
        place: Place,
    },
    /// List what the cumulative figures of a form begin with
    #[command(after_help = "Example:\n  rampart rollup balances epidemic-day --output csv > balances.csv")]
    Balances {
        /// forms/{uuid}, or the form's key
        form: String,
    },
    /// Set what the cumulative figures of a form begin with
    #[command(after_help = "\
The file is CSV with the column unit (units/{uuid}, or SYSTEM/VINTAGE/CODE) and one column for each \
cumulative field; `rampart rollup balances FORM --output csv` prints the same. Units that it does not \
name stay as they are.

Example:
  rampart rollup set-balances epidemic-day balances.csv --as-of 2020-02-02")]
    SetBalances {
        /// forms/{uuid}, or the form's key
        form: String,
        /// The file: CSV
        file: PathBuf,
        /// The date at whose end they hold; one for the whole form
        #[arg(long, value_name = "DATE")]
        as_of: NaiveDate,
    },
}

/// A unit on a day of a form.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// forms/{uuid}, or the form's key
    form: String,
    /// The business date, YYYY-MM-DD
    date: NaiveDate,
    /// units/{uuid}, or SYSTEM/VINTAGE/CODE
    unit: String,
}

const BALANCES: &[Column] = &[Column { key: "unit", en: "Unit", zh: "单位" }];

/// How many balances a call carries.
const CHUNK: usize = 1_000;

/// Runs a command on roll-ups.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let reporting = access.reporting()?;
    match command {
        Command::Show { place, seal } => {
            let form = shared::form(&reporting, &place.form, Some(place.date)).await?;
            let unit = resolve(access, &place.unit).await?;
            let rollup = get(&reporting, &form, place.date, unit, seal).await?;
            shown::show(style, &form, &rollup)?;
        }
        Command::Children { place, seal } => {
            let form = shared::form(&reporting, &place.form, Some(place.date)).await?;
            let request = pb::ListRollupsRequest {
                form: form.name.clone(),
                business_date: place.date.to_string(),
                parent_unit: resolve(access, &place.unit).await?,
                seal,
                page_size: 1_000,
                page_token: String::new(),
            };
            shown::list(style, &form, &children(&reporting, request).await?)?;
        }
        Command::Series { form, unit, from, until, as_sealed } => {
            let form = shared::form(&reporting, &form, Some(until)).await?;
            let request = pb::GetSeriesRequest {
                form: form.name.clone(),
                unit: resolve(access, &unit).await?,
                start_date: from.to_string(),
                end_date: shared::after(until),
                as_sealed,
            };
            let series = reporting.rollups().get_series(request).await?.into_inner();
            shown::list(style, &form, &series.rollups)?;
        }
        Command::Watch { place } => watch(access, &place, style).await?,
        Command::Balances { form } => balances(&reporting, &form, style).await?,
        Command::SetBalances { form, file, as_of } => {
            let form = shared::form(&reporting, &form, None).await?;
            let balances = read(access, &file).await?;
            for chunk in balances.chunks(CHUNK) {
                let request = pb::SetOpeningBalancesRequest {
                    request_id: shared::request_id(),
                    form: form.name.clone(),
                    as_of: as_of.to_string(),
                    balances: chunk.to_vec(),
                };
                reporting.rollups().set_opening_balances(request).await?;
            }
            crate::output::say(&format!(
                "{} opening balances of {} hold at the end of {as_of}",
                balances.len(),
                form.key
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The total of one unit.
pub(crate) async fn get(
    reporting: &Reporting,
    form: &pb::Form,
    date: NaiveDate,
    unit: String,
    seal: i32,
) -> anyhow::Result<pb::Rollup> {
    let request =
        pb::GetRollupRequest { form: form.name.clone(), business_date: date.to_string(), unit, seal };
    let found = reporting.rollups().get_rollup(request).await?.into_inner();
    found.rollup.context("reporting answered without a roll-up")
}

async fn children(
    reporting: &Reporting,
    mut request: pb::ListRollupsRequest,
) -> anyhow::Result<Vec<pb::Rollup>> {
    let mut all = Vec::new();
    loop {
        let page = reporting.rollups().list_rollups(request.clone()).await?.into_inner();
        all.extend(page.rollups);
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        request.page_token = page.next_page_token;
    }
}

async fn watch(access: &Access, place: &Place, style: Style) -> anyhow::Result<()> {
    let form = shared::form(&access.reporting()?, &place.form, Some(place.date)).await?;
    let request = pb::WatchRollupRequest {
        form: form.name.clone(),
        business_date: place.date.to_string(),
        unit: resolve(access, &place.unit).await?,
    };
    let mut retry = Retry::default();
    let mut first = true;
    let mut last = String::new();
    loop {
        // A new connection has a new token.
        let opened = access.reporting()?.rollups().watch_rollup(request.clone()).await;
        let ended = match opened {
            Err(status) => status,
            Ok(stream) => {
                let mut stream = stream.into_inner();
                loop {
                    match stream.message().await {
                        Ok(Some(message)) => {
                            retry.worked();
                            let Some(rollup) = message.rollup else { continue };
                            if rollup.etag == last {
                                continue;
                            }
                            let sheet = shown::sheet(style, &form, std::slice::from_ref(&rollup));
                            if first && style.output == crate::output::Form::Csv {
                                crate::output::put(&sheet.csv_head()?)?;
                            }
                            let json = shown::json(&rollup);
                            shared::change(style, &shown::line(&rollup), &json, &sheet)?;
                            (first, last) = (false, rollup.etag);
                        }
                        Ok(None) => break tonic::Status::unavailable("the stream ended"),
                        Err(status) => break status,
                    }
                }
            }
        };
        retry.after(ended).await?;
    }
}

async fn balances(reporting: &Reporting, form: &str, style: Style) -> anyhow::Result<()> {
    let form = shared::form(reporting, form, None).await?;
    let mut request = pb::ListOpeningBalancesRequest {
        form: form.name.clone(),
        page_size: 1_000,
        page_token: String::new(),
    };
    let mut sheet = Sheet::new(style, BALANCES);
    let cumulative: Vec<_> = form.fields.iter().filter(|field| field.cumulative).collect();
    for field in &cumulative {
        sheet.add_column(&field.key, shared::label(style, field.label.as_ref()));
    }
    let mut as_of = String::new();
    loop {
        let page = reporting.rollups().list_opening_balances(request.clone()).await?.into_inner();
        as_of = if page.as_of.is_empty() { as_of } else { page.as_of };
        for balance in page.balances {
            let figure = |key: &String| Value::from(balance.figures.get(key).copied().unwrap_or_default());
            let mut row = vec![json!(balance.unit)];
            row.extend(cumulative.iter().map(|field| figure(&field.key)));
            sheet.add_row(row);
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    if !as_of.is_empty() {
        crate::output::say(&format!("opening balances of {} at the end of {as_of}", form.key));
    }
    sheet.print()
}

async fn read(access: &Access, file: &std::path::Path) -> anyhow::Result<Vec<pb::OpeningBalance>> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {shown}"))?;
    let mut balances = parse(&text).with_context(|| format!("reading {shown}"))?;
    for balance in &mut balances {
        balance.unit = resolve(access, &balance.unit).await?;
    }
    Ok(balances)
}

/// The balances of a file. All of it must be good: half a set of balances helps nobody.
fn parse(text: &str) -> anyhow::Result<Vec<pb::OpeningBalance>> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let heads = reader.headers()?.clone();
    let unit = heads.iter().position(|head| head == "unit").context("there is no column unit")?;
    let mut balances = Vec::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let mut balance = pb::OpeningBalance { unit: record[unit].to_owned(), ..Default::default() };
        for (at, (key, value)) in heads.iter().zip(&record).enumerate() {
            if at != unit && !value.is_empty() {
                let value = value.parse();
                let value = value.with_context(|| format!("line {line}, {key}: no whole number"))?;
                balance.figures.insert(key.to_owned(), value);
            }
        }
        balances.push(balance);
    }
    Ok(balances)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balances_are_one_column_a_field() {
        let read = parse("\u{feff}unit,confirmed,deaths\nA/1/2, 30,\nA/1/3,0,1\n").unwrap();
        assert_eq!(read[0].unit, "A/1/2");
        assert_eq!(read[0].figures.iter().collect::<Vec<_>>(), [(&"confirmed".to_owned(), &30)]);
        assert_eq!(read[1].figures.len(), 2);
        let wrong = parse("unit,confirmed\nA/1/2,many\n").unwrap_err();
        assert!(wrong.to_string().starts_with("line 2, confirmed"));
        assert!(parse("confirmed\n1\n").is_err());
    }
}
