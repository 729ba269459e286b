//! What the read of the city's total touches, in the city as it is and in one of 180,000 grids.

use std::{fs, path::Path};

use anyhow::Context as _;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use uuid::Uuid;

use super::{
    city::{City, GRIDS},
    table::median,
};

/// A great city's grids.
const GREAT: usize = 180_000;

/// A fragment that only the read of a kept total has.
const FRAGMENT: &str = "SELECT cells FROM total WHERE business_date";

/// How often each read is explained.
const TIMES: usize = 200;

/// What a read came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    /// The buffers it touched.
    pub(crate) buffers: f64,
    /// The microseconds it took in the database.
    pub(crate) micros: f64,
}

/// Explains the read in both cities in turns: first this one, then the great one.
///
/// The great city's expectations and totals are written straight into reporting's tables, in the partition
/// of the day before: as many as the opening of such a city's day would write.
pub(crate) async fn compare(city: &City, day: &str) -> anyhow::Result<(Read, Read)> {
    let mut database = PgConnection::connect(&city.admin_url).await?;
    sqlx::raw_sql("SET search_path = reporting").execute(&mut database).await?;
    let own: Uuid = day.strip_prefix("days/").context("no day")?.parse()?;
    let root: i32 = sqlx::query_scalar("SELECT min(place) FROM total WHERE day_id = $1")
        .bind(own)
        .fetch_one(&mut database)
        .await?;
    // The day before has its partitions from a form that began then.
    city.form(city.eve()).await?;
    let great = Uuid::now_v7();
    fill(&mut database, city, own, great).await?;
    let sql = sql()?;
    sqlx::raw_sql(AssertSqlSafe(format!("PREPARE read (date, uuid, int) AS {sql}")))
        .execute(&mut database)
        .await?;
    let asked = [(city.date, own), (city.eve(), great)].map(|(date, day)| {
        format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE read ('{date}', '{day}', {root})")
    });
    let mut reads = [const { (Vec::new(), Vec::new()) }; 2];
    for _ in 0..TIMES {
        for (asked, (buffers, micros)) in asked.iter().zip(&mut reads) {
            let plan = sqlx::raw_sql(AssertSqlSafe(asked.clone())).fetch_one(&mut database).await?;
            let plan: Value = serde_json::from_str(plan.try_get_unchecked::<String, _>(0)?.as_str())?;
            let top = &plan[0]["Plan"];
            let touched =
                ["Shared Hit Blocks", "Shared Read Blocks"].map(|key| top[key].as_f64().unwrap_or(0.0));
            buffers.push(touched.iter().sum());
            micros.push(plan[0]["Execution Time"].as_f64().context("no time")? * 1_000.0);
        }
    }
    database.close().await?;
    let [own, great] =
        reads.map(|(buffers, micros)| Some(Read { buffers: median(buffers)?, micros: median(micros)? }));
    Ok((own.context("no reads")?, great.context("no reads")?))
}

/// Writes the great city's day: every kept total as wide as those of this city, then what autovacuum does.
async fn fill(database: &mut PgConnection, city: &City, own: Uuid, great: Uuid) -> anyhow::Result<()> {
    let kept = "INSERT INTO total (business_date, day_id, place, stripe, cells)
        SELECT $1, $2, t.place + n * 1000000, t.stripe, t.cells
        FROM total t, generate_series(0, $4) AS n WHERE t.day_id = $3";
    let times = i32::try_from(GREAT.div_ceil(GRIDS))?;
    let kept = sqlx::query(kept).bind(city.eve()).bind(great).bind(own).bind(times - 1);
    kept.execute(&mut *database).await?;
    let expected = "INSERT INTO expectation (business_date, day_id, place, slot, id, last_known)
        SELECT $1, $2, n, 0, gen_random_uuid(), '{NULL,NULL,NULL}' FROM generate_series(1, $3) AS n";
    let expected = sqlx::query(expected).bind(city.eve()).bind(great).bind(i32::try_from(GREAT)?);
    expected.execute(&mut *database).await?;
    for table in ["total", "expectation"] {
        sqlx::raw_sql(AssertSqlSafe(format!("VACUUM ANALYZE {table}"))).execute(&mut *database).await?;
    }
    Ok(())
}

/// The statement as reporting was built with it.
fn sql() -> anyhow::Result<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/reporting/.sqlx");
    for file in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let query: Value = serde_json::from_slice(&fs::read(file?.path())?)?;
        let text = query["query"].as_str().unwrap_or_default();
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if flat.starts_with(FRAGMENT) {
            return Ok(flat);
        }
    }
    anyhow::bail!("no statement of reporting begins with {FRAGMENT:?}")
}
