//! The rounds: each measures every row once, the measured thing and its baseline right after each other,
//! every second round the other way round.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use rampart::postgres::Postgres;

use super::{
    Size, bare, buffers,
    city::{City, GRIDS},
    latency, load, say,
    table::{Mark, Table, Title, quantile},
    traced,
    watched::{Watched, p95},
};

/// What a run is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// How much.
    pub(crate) size: Size,
    /// Only these rows; all where empty.
    pub(crate) only: Vec<u8>,
}

const fn title(
    id: &'static str,
    what: &'static str,
    unit: &'static str,
    against: &'static str,
    mark: Mark,
) -> Title {
    Title { id, what, unit, against, mark }
}

const SINGLE: Title =
    title("1", "single reports, 64 callers", "/s", "pgbench, 8 clients", Mark::Ratio(0.5, 1.0));
const STREAM: Title =
    title("2a", "streamed reports, 1 stream of 500s", "/s", "bare unnest, 1,000s", Mark::Ratio(0.15, 0.25));
const STREAMS: Title = title("2b", "streamed reports, 2 streams", "/s", "bare unnest, 1,000s", Mark::None);
const READ: [Title; 4] = [
    title("3a", "city total read, idle, p50", "ms", "GetUnit", Mark::Within(1.5)),
    title("3b", "city total read, idle, p99", "ms", "GetUnit", Mark::Within(1.5)),
    title("3c", "city total read, under row 1, p50", "ms", "GetUnit", Mark::Within(1.5)),
    title("3d", "city total read, under row 1, p99", "ms", "GetUnit", Mark::Within(1.5)),
];
const BUFFERS: Title =
    title("4a", "buffers of that read, 180,000 grids", "", "12,636 grids", Mark::Within(1.0));
const TIME: Title = title("4b", "time of that read, 180,000 grids", "µs", "12,636 grids", Mark::Within(1.5));
const WHOLE: Title = title("5", "the city's day, first call to exact total", "s", "", Mark::AtMost(2.0));
const SEEN: Title = title("6", "report to watch of the city, p99", "ms", "", Mark::AtMost(1_000.0));
const RELIEF: Title = title("7", "relief to refusal by reporting, p99", "ms", "", Mark::AtMost(2_000.0));
const MEMORY: [Title; 2] = [
    title("8a", "memory of the registry after the city's day", "MiB", "", Mark::AtMost(64.0)),
    title("8b", "memory of reporting after the city's day", "MiB", "", Mark::AtMost(64.0)),
];
const MEMORY_AT_LAST: [Title; 2] = [
    title("8c", "memory of the registry after all rounds", "MiB", "", Mark::None),
    title("8d", "memory of reporting after all rounds", "MiB", "", Mark::None),
];

/// One in so many has fever, or comes from outside the province, in the rows that say so.
const ONE_IN: usize = 100;

const READINGS: [Title; 2] = [
    title("9a", "readings by 500s, 6 callers", "/s", "bare unnest, 500s", Mark::Ratio(0.15, 0.15)),
    title("9b", "readings, 1 in 100 febrile", "/s", "bare unnest, 500s", Mark::None),
];
const CLOSING: Title = title("10", "a half-day's slots of 20,000 closed", "s", "", Mark::AtMost(2.0));
const PAGE: Title =
    title("11", "a county's page of 50 of 1,000,000, p95", "ms", "50 rows by key", Mark::Within(3.0));
const WORK: Title =
    title("12", "a grid leader's work at that size, p95", "ms", "50 rows by key", Mark::Within(3.0));

const PASSAGES: [Title; 2] = [
    title("13a", "passages by 500s, 2 streams", "/s", "bare unnest, 500s", Mark::Ratio(0.15, 0.15)),
    title("13b", "passages, 1 in 100 handed down", "/s", "bare unnest, 500s", Mark::None),
];
const CHAINS: Title =
    title("14", "contacts to 3 generations of 100,000, p95", "ms", "the query alone", Mark::Within(1.5));

struct Run<'a> {
    city: Arc<City>,
    folder: &'a Path,
    asked: &'a Asked,
    table: &'a Mutex<Table>,
    /// The milliseconds of all rounds, of which p99 are taken.
    relieved: Vec<f64>,
}

/// Builds the city and goes through all rounds.
pub(crate) async fn run(
    postgres: &Postgres,
    folder: &Path,
    programs: &Path,
    asked: &Asked,
    table: &Mutex<Table>,
) -> anyhow::Result<()> {
    let city = Arc::new(City::build(postgres, folder, programs).await?);
    bare::prepare(&city).await?;
    say("a first day, not measured");
    let forms = city.forms(1).await?;
    load::single(&city, &forms, None, load::Drive::full()).await?;
    let mut run = Run { city: Arc::clone(&city), folder, asked, table, relieved: vec![] };
    for round in 0..asked.size.rounds {
        say(&format!("round {} of {}", round + 1, asked.size.rounds));
        run.round(round, &forms[0]).await?;
    }
    if run.is_asked(8) {
        run.memory(MEMORY_AT_LAST)?;
    }
    if !run.relieved.is_empty() {
        run.add(RELIEF, quantile(run.relieved.clone(), 0.99).unwrap_or_default(), None)?;
    }
    if run.is_asked(4) {
        say("a city of 180,000 grids");
        let day = city.form(city.date).await?;
        load::single(&city, std::slice::from_ref(&day.form), None, load::Drive::full()).await?;
        let (own, great) = buffers::compare(&city, &day.name).await?;
        run.add(BUFFERS, great.buffers, Some(own.buffers))?;
        run.add(TIME, great.micros, Some(own.micros))?;
    }
    run.watched().await?;
    drop(run);
    say("stopping registry and reporting");
    match Arc::into_inner(city) {
        Some(city) => city.services.stop().await,
        None => Ok(()),
    }
}

impl Run<'_> {
    fn is_asked(&self, row: u8) -> bool {
        self.asked.only.is_empty() || self.asked.only.contains(&row)
    }

    fn add(&self, title: Title, measured: f64, baseline: Option<f64>) -> anyhow::Result<()> {
        let mut table = self.table.lock().map_err(|_| anyhow::anyhow!("the table was lost"))?;
        table.add(title, measured, baseline);
        Ok(())
    }

    async fn round(&mut self, round: usize, read: &str) -> anyhow::Result<()> {
        let size = self.asked.size;
        let city = Arc::clone(&self.city);
        if self.is_asked(5) || self.is_asked(8) {
            let form = city.forms(1).await?.remove(0);
            // Another lifetime in each round: another token for every reporter.
            let lifetime = Duration::from_secs(3_600 + u64::try_from(round)?);
            self.add(WHOLE, load::whole_day(&city, &form, lifetime).await?, None)?;
        }
        if self.is_asked(8) && round == 0 {
            self.memory(MEMORY)?;
        }
        let mut rate = None;
        if self.is_asked(1) || self.is_asked(6) {
            let forms = city.forms(size.single_forms).await?;
            let drive = load::Drive::full();
            let (ours, bare) = if round.is_multiple_of(2) {
                let bare = bare::single(&city, self.folder, size.seconds).await?;
                (load::single(&city, &forms, None, drive).await?, bare)
            } else {
                let ours = load::single(&city, &forms, None, drive).await?;
                (ours, bare::single(&city, self.folder, size.seconds).await?)
            };
            self.add(SINGLE, ours, Some(bare))?;
            rate = Some(ours);
        }
        if self.is_asked(2) {
            self.streams(round).await?;
        }
        if self.is_asked(3) {
            let idle = latency::idle(&city, read, size.reads).await?;
            let forms = city.forms(size.single_forms.min(2)).await?;
            let loaded = latency::loaded(&city, &forms).await?;
            let figures = [idle.at(0.5)?, idle.at(0.99)?, loaded.at(0.5)?, loaded.at(0.99)?];
            for (title, (rollup, unit)) in READ.into_iter().zip(figures) {
                self.add(title, rollup, Some(unit))?;
            }
        }
        if let Some(rate) = rate.filter(|_| self.is_asked(6)) {
            let form = city.forms(1).await?.remove(0);
            let seen = latency::watched(&city, &form, rate / 2.0).await?;
            self.add(SEEN, quantile(seen, 0.99).unwrap_or_default(), None)?;
        }
        if self.is_asked(7) {
            self.relieved.extend(latency::relieved(&city, round, size.relieved).await?);
        }
        bare::empty(&city).await
    }

    /// The rows of persons under observation.
    async fn watched(&self) -> anyhow::Result<()> {
        if !(9..=14).any(|row| self.is_asked(row)) {
            return Ok(());
        }
        let mut watched = Watched::start(&self.city).await?;
        for _ in 0..self.asked.size.rounds {
            if self.is_asked(9) {
                for (title, febrile) in [(READINGS[0], None), (READINGS[1], Some(ONE_IN))] {
                    let (ours, bare) = watched.readings(febrile).await?;
                    self.add(title, ours, Some(bare))?;
                }
            }
            if self.is_asked(10) {
                self.add(CLOSING, watched.closing().await?, None)?;
            }
        }
        if self.is_asked(14) {
            traced::exposures(&mut watched).await?;
        }
        for _ in 0..self.asked.size.rounds {
            if self.is_asked(13) {
                for (title, outside) in [(PASSAGES[0], None), (PASSAGES[1], Some(ONE_IN))] {
                    let (ours, bare) = traced::passages(&mut watched, outside).await?;
                    self.add(title, ours, Some(bare))?;
                }
            }
            if self.is_asked(14) {
                let [ours, alone] = traced::chains(&mut watched).await?;
                self.add(CHAINS, p95(&ours), Some(p95(&alone)))?;
            }
        }
        if self.is_asked(11) || self.is_asked(12) {
            watched.province().await?;
            for _ in 0..self.asked.size.rounds {
                let [page, work, rows] = watched.pages().await?;
                self.add(PAGE, p95(&page), Some(p95(&rows)))?;
                self.add(WORK, p95(&work), Some(p95(&rows)))?;
            }
        }
        watched.stop().await
    }

    fn memory(&self, titles: [Title; 2]) -> anyhow::Result<()> {
        for (title, (_, mebibytes)) in titles.into_iter().zip(self.city.services.memory()?) {
            self.add(title, mebibytes, None)?;
        }
        Ok(())
    }

    /// One stream, then two, with the bare table before and after.
    async fn streams(&self, round: usize) -> anyhow::Result<()> {
        let city = &self.city;
        let count = self.asked.size.stream_forms;
        let forms = city.forms(count * 2).await?;
        let (one, two) = forms.split_at(count);
        let rows = count * GRIDS * 2;
        let before = bare::many(city, rows).await?;
        let (first, second) = if round.is_multiple_of(2) {
            let first = load::streamed(city, one, 1).await?;
            (first, load::streamed(city, two, 2).await?)
        } else {
            let second = load::streamed(city, two, 2).await?;
            (load::streamed(city, one, 1).await?, second)
        };
        let bare = (before + bare::many(city, rows).await?) / 2.0;
        self.add(STREAM, first, Some(bare))?;
        self.add(STREAMS, second, Some(bare))
    }
}
