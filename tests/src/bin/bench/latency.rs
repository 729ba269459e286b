//! How long it takes until something is seen elsewhere: a total read, a report in a watch, a relief at the
//! other service.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use proto::{registry, reporting as pb};
use tests::request_id;
use tonic::Code;

use super::{
    city::{City, GRIDS},
    load::{self, Drive},
    table::quantile,
};

/// How many grids report one by one while the load comes from the others.
const PROBES: usize = 400;

/// The time between two of these.
const APART: Duration = Duration::from_millis(15);

/// The milliseconds of two kinds of reads, made in turns by one caller.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reads {
    /// The city's total from reporting.
    pub(crate) rollup: Vec<f64>,
    /// The city's unit from the registry, by its key.
    pub(crate) unit: Vec<f64>,
}

impl Reads {
    /// A quantile of both.
    pub(crate) fn at(&self, share: f64) -> anyhow::Result<(f64, f64)> {
        let of = |figures: &[f64]| quantile(figures.to_vec(), share).context("no reads");
        Ok((of(&self.rollup)?, of(&self.unit)?))
    }

    /// Reads each once.
    async fn once(&mut self, city: &City, form: &str) -> anyhow::Result<()> {
        let asked = city.asked(form);
        let began = Instant::now();
        city.reporting.rollups().get_rollup(asked).await?;
        self.rollup.push(millis(began));
        let asked = registry::GetUnitRequest { name: city.root.clone(), as_of: String::new() };
        let began = Instant::now();
        city.registry.units().get_unit(asked).await?;
        self.unit.push(millis(began));
        Ok(())
    }
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}

/// Reads in turns while nothing else goes on.
pub(crate) async fn idle(city: &City, form: &str, count: usize) -> anyhow::Result<Reads> {
    let mut reads = Reads::default();
    for _ in 0..20 {
        reads.once(city, form).await?;
    }
    reads = Reads::default();
    for _ in 0..count {
        reads.once(city, form).await?;
    }
    Ok(reads)
}

/// Reads in turns for as long as all callers fill forms; the total that is read is the one that grows.
pub(crate) async fn loaded(city: &Arc<City>, forms: &[String]) -> anyhow::Result<Reads> {
    let (running, all) = (Arc::clone(city), forms.to_vec());
    let mut filling = tokio::spawn(async move { load::single(&running, &all, None, Drive::full()).await });
    let mut reads = Reads::default();
    tokio::time::sleep(Duration::from_millis(300)).await;
    loop {
        tokio::select! {
            ended = &mut filling => {
                ended??;
                return Ok(reads);
            }
            read = async { reads.once(city, &forms[0]).await } => read?,
        }
    }
}

/// Sends reports one by one while others send at a pace, and watches the city's total; answers the
/// milliseconds from each call to the message that contains its report.
pub(crate) async fn watched(city: &Arc<City>, form: &str, pace: f64) -> anyhow::Result<Vec<f64>> {
    let watch = pb::WatchRollupRequest {
        form: form.to_owned(),
        business_date: city.date.to_string(),
        unit: city.root.clone(),
    };
    let mut watch = city.reporting.rollups().watch_rollup(watch).await?.into_inner();
    let drive = Drive { pace: Some(pace), first: PROBES, ..Drive::full() };
    let (running, forms, load) = (Arc::clone(city), [form.to_owned()], drive.clone());
    let filling = tokio::spawn(async move { load::single(&running, &forms, None, load).await });

    // Only these have 500 at home and everybody else 3, so that the sum tells how many of them are in.
    let (running, asked) = (Arc::clone(city), form.to_owned());
    let mut probing = tokio::spawn(async move {
        let mut sent = Vec::with_capacity(PROBES);
        for grid in 0..PROBES {
            if sent.len() > 20 && filling.is_finished() {
                break;
            }
            let mut report = running.said(&asked, grid);
            report.figures.insert("at_home".to_owned(), 500);
            sent.push(Instant::now());
            running.reporters[grid].reports().submit_report(report).await?;
            tokio::time::sleep(APART).await;
        }
        drive.enough.store(true, Ordering::Relaxed);
        filling.await??;
        anyhow::Ok(sent)
    });

    // Probes follow each other: when the n-th is in, all before it are.
    let mut seen: Vec<Instant> = Vec::with_capacity(PROBES);
    let mut sent: Option<Vec<Instant>> = None;
    loop {
        if let Some(sent) = sent.as_ref().filter(|sent| seen.len() >= sent.len()) {
            let pairs = sent.iter().zip(&seen);
            return Ok(pairs.map(|(sent, seen)| (*seen - *sent).as_secs_f64() * 1_000.0).collect());
        }
        tokio::select! {
            message = tokio::time::timeout(Duration::from_secs(10), watch.message()) => {
                let message = message.context("the watch is silent")??.context("the watch ended")?;
                let Some(rollup) = message.rollup else { continue };
                let figure = rollup.figures.iter().find(|figure| figure.key == "at_home").context("no figure")?;
                // 500 p + 3 o, of p + o reports.
                let probes = usize::try_from((figure.value - 3 * figure.stated) / 497)?;
                seen.resize(probes.max(seen.len()), Instant::now());
            }
            ended = &mut probing, if sent.is_none() => sent = Some(ended??),
        }
    }
}

/// Relieves officers of the city at the registry, one after the other; answers the milliseconds from each
/// call until reporting refuses them.
pub(crate) async fn relieved(city: &City, round: usize, count: usize) -> anyhow::Result<Vec<f64>> {
    let posts: Vec<_> =
        (0..count).map(|nth| (format!("bench-relieved-{round}-{nth}"), city.root.clone())).collect();
    let appointed = city.appoint(&posts, registry::Office::DutyOfficer, registry::Holding::Deputy).await?;
    let asked = pb::ListDaysRequest { page_size: 1, ..pb::ListDaysRequest::default() };
    let mut all = Vec::with_capacity(count);
    for ((subject, _), appointment) in posts.iter().zip(appointed) {
        city.known(subject).await?;
        let caller = city.caller(subject)?;
        caller.days().list_days(asked.clone()).await?;
        let request = registry::RelieveRequest {
            request_id: request_id(),
            name: appointment.name,
            reason: "bench".to_owned(),
            ..registry::RelieveRequest::default()
        };
        let began = Instant::now();
        city.registry.appointments().relieve(request).await?;
        loop {
            match caller.days().list_days(asked.clone()).await {
                Ok(_) => anyhow::ensure!(began.elapsed() < Duration::from_secs(30), "never refused"),
                Err(status) if status.code() == Code::PermissionDenied => break,
                Err(status) => return Err(status.into()),
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        all.push(millis(began));
    }
    Ok(all)
}

/// All grids are more than those that probe.
const _: () = assert!(GRIDS > PROBES);
