//! Taking in reports: one by one from many callers, and in a stream.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use futures::future::try_join_all;
use proto::reporting as pb;
use rampart::client::Reporting;
use tokio::time::MissedTickBehavior;

use super::city::{City, GRIDS};

/// How many callers wait for an answer at any time.
pub(crate) const CALLERS: usize = 64;

/// How many reports a batch of a stream has: the most there may be.
const BATCH: usize = 500;

/// How the load is driven.
#[derive(Clone, Debug)]
pub(crate) struct Drive {
    /// Reports a second of all callers together; as many as are answered where none.
    pub(crate) pace: Option<f64>,
    /// The first grid that reports; those before it are left for others.
    pub(crate) first: usize,
    /// Ends the load before its reports have run out.
    pub(crate) enough: Arc<AtomicBool>,
}

impl Drive {
    /// As fast as is answered, all grids.
    pub(crate) fn full() -> Self {
        Self { pace: None, first: 0, enough: Arc::default() }
    }
}

/// The grids in an order in which neighbours of one moment are none on the map: reports come from all over
/// the city at once. (No two numbers below [`GRIDS`] are sent to the same one.)
fn scattered(nth: usize) -> usize {
    nth * 7_919 % GRIDS
}

/// Sends one report of every grid of every form, each as the grid's own reporter, [`CALLERS`] at a time;
/// answers reports a second, each acknowledged.
pub(crate) async fn single(
    city: &Arc<City>,
    forms: &[String],
    reporters: Option<Arc<Vec<Reporting>>>,
    drive: Drive,
) -> anyhow::Result<f64> {
    let forms: Arc<[String]> = forms.into();
    let began = Instant::now();
    let sent = Arc::new(AtomicUsize::new(0));
    let callers = (0..CALLERS).map(|caller| {
        let (city, forms, reporters) = (Arc::clone(city), Arc::clone(&forms), reporters.clone());
        let (drive, sent) = (drive.clone(), Arc::clone(&sent));
        let work = async move {
            let mut beat = drive.pace.map(|rate| {
                // The callers come one after the other, not all at once.
                let first = tokio::time::Instant::now() + Duration::from_secs_f64(caller as f64 / rate);
                let period = Duration::from_secs_f64(CALLERS as f64 / rate);
                let mut beat = tokio::time::interval_at(first, period);
                beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
                beat
            });
            let reporters = reporters.as_deref().unwrap_or(&city.reporters);
            for form in forms.iter() {
                for grid in (caller..GRIDS).step_by(CALLERS).map(scattered) {
                    if grid < drive.first {
                        continue;
                    }
                    if drive.enough.load(Ordering::Relaxed) {
                        return anyhow::Ok(());
                    }
                    if let Some(beat) = &mut beat {
                        beat.tick().await;
                    }
                    let answer = reporters[grid].reports().submit_report(city.said(form, grid)).await;
                    let answer = answer.context("a report was refused")?.into_inner();
                    anyhow::ensure!(answer.revision == 1, "a report came twice");
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            }
            Ok(())
        };
        tokio::spawn(work)
    });
    for ended in try_join_all(callers).await? {
        ended?;
    }
    Ok(sent.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}

/// Sends the reports of forms in streams, the forms shared out, as a duty officer of the city; answers
/// reports a second, each acknowledged.
pub(crate) async fn streamed(city: &Arc<City>, forms: &[String], streams: usize) -> anyhow::Result<f64> {
    let caller = city.caller("bench-duty")?;
    // The messages are made before: what is measured is how fast they are taken in.
    let shares = forms.chunks(forms.len().div_ceil(streams));
    let batches: Vec<Vec<_>> = shares.map(|forms| batches(city, forms)).collect();
    let reports: usize = batches.iter().flatten().map(|batch| batch.reports.len()).sum();
    let began = Instant::now();
    let running = batches.into_iter().map(|batches| tokio::spawn(stream(caller.clone(), batches)));
    for ended in try_join_all(running).await? {
        ended?;
    }
    Ok(reports as f64 / began.elapsed().as_secs_f64())
}

fn batches(city: &City, forms: &[String]) -> Vec<pb::StreamReportsRequest> {
    let mut batches = Vec::new();
    for form in forms {
        let reports: Vec<_> = (0..GRIDS).map(|grid| city.said(form, grid)).collect();
        for reports in reports.chunks(BATCH) {
            let sequence = i64::try_from(batches.len()).unwrap_or(i64::MAX).saturating_add(1);
            batches.push(pb::StreamReportsRequest { sequence, reports: reports.to_vec() });
        }
    }
    batches
}

async fn stream(caller: Reporting, batches: Vec<pb::StreamReportsRequest>) -> anyhow::Result<()> {
    let all = batches.len();
    let answers = caller.reports().stream_reports(futures::stream::iter(batches)).await?;
    let mut answers = answers.into_inner();
    let mut heard = 0;
    while let Some(answer) = answers.message().await? {
        for result in answer.results {
            match result.result {
                Some(pb::stream_result::Result::Accepted(accepted)) if accepted.revision == 1 => {}
                other => anyhow::bail!("a streamed report was not taken in: {other:?}"),
            }
        }
        heard += 1;
    }
    anyhow::ensure!(heard == all, "{heard} of {all} batches were acknowledged");
    Ok(())
}

/// Sends the reports of the whole city with tokens that were never seen, and asks for the city's total
/// until it is exact; answers the seconds from the first call.
pub(crate) async fn whole_day(city: &Arc<City>, form: &str, lifetime: Duration) -> anyhow::Result<f64> {
    let reporters = Arc::new(city.tokens(lifetime)?);
    let began = Instant::now();
    single(city, &[form.to_owned()], Some(reporters), Drive::full()).await?;
    let grids = GRIDS as i64;
    loop {
        let rollup = city.reporting.rollups().get_rollup(city.asked(form)).await?.into_inner().rollup;
        let rollup = rollup.context("no total")?;
        let sums: Vec<i64> = rollup.figures.iter().map(|figure| figure.value).collect();
        if sums == [120 * grids, grids, 3 * grids] {
            return Ok(began.elapsed().as_secs_f64());
        }
        anyhow::ensure!(began.elapsed() < Duration::from_secs(60), "the city's total is wrong: {sums:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
