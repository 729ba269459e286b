//! Persons under observation: readings taken in, slots closed, and lists of a province's. The observations are
//! written straight into screening's tables; everything that is measured goes through the service.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt as _, TryStreamExt as _};
use proto::{registry, screening as pb};
use rampart::client::Screening;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::process::Child;
use uuid::Uuid;

use super::{city::City, say, table::quantile};

/// How many are under observation in the city.
const OBSERVED: i64 = 20_000;

/// How many in the province.
const PROVINCE: i64 = 1_000_000;

/// How many readings a call carries, and how many calls are under way at once.
const BATCH: usize = 500;
const CALLERS: usize = 6;

/// How many pages are read in a round.
const PAGES: usize = 300;

/// Screening beside the city's other services.
pub(crate) struct Watched<'a> {
    city: &'a City,
    child: Child,
    pub(crate) duty: Screening,
    leader: Screening,
    pub(crate) county: String,
    pub(crate) sql: PgConnection,
}

impl<'a> Watched<'a> {
    /// Starts screening and puts the city's persons under observation.
    pub(crate) async fn start(city: &'a City) -> anyhow::Result<Self> {
        say("starting screening");
        let (child, url) = city.screening()?;
        let grid = city.grids[0].clone();
        let posts = [("bench-leader".to_owned(), grid)];
        city.appoint(&posts, registry::Office::Leader, registry::Holding::Full).await?;
        let client = |subject: &str| Screening::new(&url, &city.issuer.token(subject, super::services::DAY)?);
        let (duty, leader) = (client("bench-duty")?, client("bench-leader")?);
        let parents = parents(city).await?;
        let mut sql = PgConnection::connect(&city.admin_url).await?;
        sqlx::raw_sql("SET search_path = screening; CREATE TABLE bench.reading (LIKE screening.reading)")
            .execute(&mut sql)
            .await?;
        let county = path(&parents, &city.grids[0]).get(3).context("no county")?.to_string();
        let county = format!("units/{county}");
        let mut watched = Self { city, child, duty, leader, county, sql };
        watched.ready().await?;
        watched.sights(&parents).await?;
        say("putting 20,000 persons under observation");
        watched.fill(OBSERVED, 30).await?;
        Ok(watched)
    }

    async fn ready(&self) -> anyhow::Result<()> {
        for _ in 0..1_200 {
            let request = pb::ListWorkRequest::default();
            if self.leader.readings().list_work(request).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("screening does not answer")
    }

    /// Writes by whom the observations of each grid are seen, as openings would.
    async fn sights(&mut self, parents: &HashMap<String, String>) -> anyhow::Result<()> {
        let paths: Vec<Vec<Uuid>> = self.city.grids.iter().map(|grid| path(parents, grid)).collect();
        let units: Vec<Uuid> = paths.iter().map(|path| path[0]).collect();
        let words = |path: &[Uuid]| {
            let words: Vec<String> = path.iter().map(Uuid::to_string).collect();
            format!("{{{}}}", words.join(","))
        };
        let ancestors: Vec<String> = paths.iter().map(|path| words(path)).collect();
        let holders: Vec<String> = paths.iter().map(|path| words(&path[1..4])).collect();
        sqlx::query(
            "INSERT INTO unit_sight SELECT unit, ancestors::uuid[], holders::uuid[]
             FROM unnest($1::uuid[], $2::text[], $3::text[]) AS s (unit, ancestors, holders)",
        )
        .bind(units)
        .bind(ancestors)
        .bind(holders)
        .execute(&mut self.sql)
        .await?;
        Ok(())
    }

    /// Puts so many more under observation from this slot on, grid by grid in turn, each with so many slots.
    async fn fill(&mut self, count: i64, slots: i32) -> anyhow::Result<()> {
        let now = chassis::clock::wall();
        let (opens, _) = screening::rules::slot_at(now, 2, chrono_tz::Asia::Shanghai);
        let fill = format!(
            "CREATE TEMP TABLE new AS
             SELECT gen_random_uuid() AS id, u.unit_id, TIMESTAMPTZ '{now}' + random() * interval '14 days' AS due
             FROM generate_series(0, {count} - 1) AS n JOIN (SELECT unit_id, row_number() OVER () - 1 AS nth FROM unit_sight) u
             ON u.nth = n % (SELECT count(*) FROM unit_sight);
             INSERT INTO person (id, same_as, unit_id, purpose, key_id, sealed, created_at, updated_at)
             SELECT id, id, unit_id, 1, 'bench', '\\x00', '{now}', '{now}' FROM new;
             INSERT INTO observation (id, person_id, unit_id, one_id, opened_unit_id, leads_id, basis, last_exposure, place,
                 facility, slots_a_day, control_plan, treatment_plan, response_level, starts_at, ends_at, due_at)
             SELECT id, id, unit_id, id, unit_id, id, 1, '{now}', 1, '', 2, 7, 7, 3, '{now}', due, due FROM new;
             INSERT INTO slot (observation_id, opens_at, closes_at)
             SELECT id, TIMESTAMPTZ '{opens}' + nth * interval '12 hours', TIMESTAMPTZ '{opens}' + (nth + 1) * interval '12 hours'
             FROM new CROSS JOIN generate_series(0, {slots} - 1) AS nth;
             INSERT INTO observation_sight
             SELECT a, false, due, id FROM new JOIN unit_sight USING (unit_id) CROSS JOIN unnest(ancestors) AS a;
             DROP TABLE new; VACUUM ANALYZE person, observation, slot, observation_sight"
        );
        for statement in fill.split(';') {
            sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut self.sql).await?;
        }
        Ok(())
    }

    /// Readings a second, one of everybody in the city, of whom one in so many has fever: first ours, then the bare
    /// table's.
    pub(crate) async fn readings(&mut self, febrile: Option<usize>) -> anyhow::Result<(f64, f64)> {
        let observations: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM observation LIMIT $1")
            .bind(OBSERVED)
            .fetch_all(&mut self.sql)
            .await?;
        let taken = chassis::clock::wall();
        let reading = |(nth, observation): (usize, &Uuid)| pb::Reading {
            event_id: Uuid::new_v4().to_string(),
            observation: format!("observations/{observation}"),
            taken_time: Some(chassis::parse::timestamp(taken)),
            kind: pb::ReadingKind::Taken.into(),
            temperature: if febrile.is_some_and(|each| nth.is_multiple_of(each)) { 38.2 } else { 36.5 },
            ..pb::Reading::default()
        };
        let batches: Vec<Vec<pb::Reading>> =
            observations.chunks(BATCH).map(|chunk| chunk.iter().enumerate().map(reading).collect()).collect();
        let began = Instant::now();
        let sent = futures::stream::iter(batches).map(|readings| async {
            let request = pb::IngestReadingsRequest { readings };
            let answer = self.duty.readings().ingest_readings(request).await?.into_inner();
            let accepted =
                |one: &pb::ReadingResult| matches!(one.result, Some(pb::reading_result::Result::Accepted(_)));
            anyhow::ensure!(answer.results.iter().all(accepted), "a reading was not taken in");
            Ok(())
        });
        sent.buffer_unordered(CALLERS).try_collect::<()>().await?;
        let ours = observations.len() as f64 / began.elapsed().as_secs_f64();
        let bare = bare(&mut self.sql, &observations, taken).await?;
        let clear = "TRUNCATE reading, bench.reading; DELETE FROM referral; DELETE FROM escalation;
            UPDATE slot SET outcome = 0 WHERE outcome > 0; VACUUM ANALYZE slot";
        for statement in clear.split(';') {
            sqlx::raw_sql(statement).execute(&mut self.sql).await?;
        }
        Ok((ours, bare))
    }

    /// Seconds from the end of a half-day until every slot of it was closed, all of them missed.
    pub(crate) async fn closing(&mut self) -> anyhow::Result<f64> {
        const LEFT: &str = "SELECT EXISTS (SELECT FROM slot WHERE outcome = 0 AND closes_at <= $1)";
        let now = chassis::clock::wall();
        let (opens, _) = screening::rules::slot_at(now, 2, chrono_tz::Asia::Shanghai);
        sqlx::query(
            "INSERT INTO slot (observation_id, opens_at, closes_at)
             SELECT id, $1::timestamptz - interval '12 hours', $1 FROM observation",
        )
        .bind(opens)
        .execute(&mut self.sql)
        .await?;
        let began = Instant::now();
        while sqlx::query_scalar(LEFT).bind(now).fetch_one(&mut self.sql).await? {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let took = began.elapsed().as_secs_f64();
        let missed: i64 =
            sqlx::query_scalar("SELECT count(*) FROM escalation").fetch_one(&mut self.sql).await?;
        anyhow::ensure!(missed == OBSERVED, "{missed} missed readings are put before somebody");
        sqlx::query("DELETE FROM slot WHERE outcome > 0").execute(&mut self.sql).await?;
        sqlx::query("TRUNCATE escalation").execute(&mut self.sql).await?;
        Ok(took)
    }

    /// Puts a province's persons under observation.
    pub(crate) async fn province(&mut self) -> anyhow::Result<()> {
        say("putting 1,000,000 persons under observation");
        self.fill(PROVINCE - OBSERVED, 1).await
    }

    /// Milliseconds of pages: a county's open observations, a grid leader's work, and 50 rows by their key.
    pub(crate) async fn pages(&mut self) -> anyhow::Result<[Vec<f64>; 3]> {
        const KEY: &str = "SELECT id, person_id, unit_id, one_id, opened_unit_id, leads_id, basis, last_exposure, place, facility,
            slots_a_day, control_plan, treatment_plan, response_level, starts_at, ends_at, due_at, lost, ending, reason, unmet,
            ended_at, ended_by, version FROM observation WHERE id > $1 ORDER BY id LIMIT 50";
        let mut taken = [const { Vec::new() }; 3];
        let mut list = pb::ListObservationsRequest {
            ancestor_unit: self.county.clone(),
            state: pb::ObservationState::Active.into(),
            ..Default::default()
        };
        for _ in 0..PAGES {
            let began = Instant::now();
            let page = self.duty.observations().list_observations(list.clone()).await?.into_inner();
            taken[0].push(began.elapsed().as_secs_f64() * 1_000.0);
            anyhow::ensure!(page.observations.len() == 50, "a page of {}", page.observations.len());
            list.page_token = page.next_page_token;

            let began = Instant::now();
            let work = self.leader.readings().list_work(pb::ListWorkRequest::default()).await?.into_inner();
            taken[1].push(began.elapsed().as_secs_f64() * 1_000.0);
            anyhow::ensure!(work.work.len() == 50, "work on {}", work.work.len());

            let began = Instant::now();
            let rows = sqlx::query(KEY).bind(Uuid::new_v4()).fetch_all(&mut self.sql).await?;
            taken[2].push(began.elapsed().as_secs_f64() * 1_000.0);
            anyhow::ensure!(!rows.is_empty(), "no rows");
        }
        Ok(taken)
    }

    /// Ends screening.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        Ok(self.sql.close().await?)
    }
}

/// The quantile of pages that is asked for.
pub(crate) fn p95(taken: &[f64]) -> f64 {
    quantile(taken.to_vec(), 0.95).unwrap_or_default()
}

/// Rows a second that one connection inserts into a bare table as wide as a reading, 500 a statement.
async fn bare(sql: &mut PgConnection, observations: &[Uuid], now: DateTime<Utc>) -> anyhow::Result<f64> {
    const INSERT: &str = "INSERT INTO bench.reading
        SELECT taken_on, sent_by, event_id, observation_id, taken_at, taken_at, 5, 365, '{}', '{}', ''
        FROM unnest($1::date[], $2::text[], $3::uuid[], $4::uuid[], $5::timestamptz[])
             AS r (taken_on, sent_by, event_id, observation_id, taken_at)";
    let began = Instant::now();
    for chunk in observations.chunks(BATCH) {
        sqlx::query(INSERT)
            .bind(vec![now.date_naive(); chunk.len()])
            .bind(vec!["bench-duty".to_owned(); chunk.len()])
            .bind(chunk.iter().map(|_| Uuid::new_v4()).collect::<Vec<_>>())
            .bind(chunk)
            .bind((0..).take(chunk.len()).map(|n| now + TimeDelta::microseconds(n)).collect::<Vec<_>>())
            .execute(&mut *sql)
            .await?;
    }
    Ok(observations.len() as f64 / began.elapsed().as_secs_f64())
}

/// Every unit's parent.
async fn parents(city: &City) -> anyhow::Result<HashMap<String, String>> {
    let mut request = registry::ListUnitsRequest { page_size: 1_000, ..Default::default() };
    let mut parents = HashMap::new();
    loop {
        let page = city.registry.units().list_units(request.clone()).await?.into_inner();
        parents.extend(page.units.into_iter().map(|unit| (unit.name, unit.parent_unit)));
        if page.next_page_token.is_empty() {
            return Ok(parents);
        }
        request.page_token = page.next_page_token;
    }
}

/// A unit and those above it.
fn path(parents: &HashMap<String, String>, unit: &str) -> Vec<Uuid> {
    let above = |unit: &String| parents.get(unit).filter(|parent| !parent.is_empty()).cloned();
    let names = std::iter::successors(Some(unit.to_owned()), above);
    names.filter_map(|name| name.strip_prefix("units/")?.parse().ok()).collect()
}
