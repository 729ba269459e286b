//! Sends many reports at once, each as the one who says it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use proto::reporting as pb;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::{
    days,
    grids::Said,
    stage::{Stage, patiently},
};
use crate::{
    client::{self, Reporting},
    output,
};

/// How many connections there are, and how many reports are on their way on each.
const CONNECTIONS: usize = 4;
const IN_FLIGHT: usize = 16;

/// What sending came to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Sent {
    /// How many reports were acknowledged.
    pub reports: usize,
    /// How long the acknowledgement of all took.
    pub took: Duration,
    /// How long it took until the city's total was exactly their sum; nothing where reports of an
    /// earlier run were there already.
    pub exact: Option<Duration>,
}

impl Sent {
    /// Reports per second.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn rate(&self) -> f64 {
        self.reports as f64 / self.took.as_secs_f64().max(0.001)
    }
}

/// Sends reports, 64 at a time; answers when the first call was made and how long all took. Every subject signs in with a token of their own, made before the clock
/// of the measurement starts, since issuing tokens is not Rampart's work.
///
/// # Errors
/// The first refusal.
pub async fn all(stage: &Stage, said: &[Said], what: &str) -> anyhow::Result<(Instant, Duration)> {
    let mut workers: Vec<Vec<(Reporting, pb::SubmitReportRequest)>> = Vec::new();
    for part in said.chunks(said.len().div_ceil(CONNECTIONS).max(1)) {
        let connection = stage.another_connection("city-duty")?;
        let mut work = Vec::with_capacity(part.len());
        for one in part {
            work.push((connection.with_token(&stage.token(&one.subject)?)?, one.request.clone()));
        }
        workers.push(work);
    }
    let bar = output::bar(said.len(), what);
    let began = Instant::now();
    // Dropped on Ctrl-C, and its tasks with it.
    let mut tasks = JoinSet::new();
    for work in workers {
        let bar = bar.clone();
        tasks.spawn(async move {
            let sent = stream::iter(work).map(|(reporter, request)| {
                let bar = bar.clone();
                async move {
                    let submit = || async { reporter.reports().submit_report(request.clone()).await };
                    patiently(submit).await.map(|_| bar.inc(1)).map_err(|status| {
                        anyhow::anyhow!("the report of {}: {}", request.unit, client::explain(&status))
                    })
                }
            });
            sent.buffer_unordered(IN_FLIGHT).try_collect::<()>().await
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    bar.finish_and_clear();
    Ok((began, began.elapsed()))
}

/// Sends reports and waits until the city's total is exactly what was sent.
///
/// # Errors
/// A refusal, or a total that does not come to that.
pub async fn measured(stage: &Stage, said: &[Said], (form, city): (&str, &str)) -> anyhow::Result<Sent> {
    let officer = stage.reporting_as("city-duty")?;
    let before = days::rollup(&officer, form, city).await?;
    let is_first = reported(&before.matrix.unwrap_or_default()) == 0;
    let (began, took) = all(stage, said, "reports of the grids").await?;
    let mut exact = None;
    if is_first {
        let expected = sums(said);
        let count = i64::try_from(said.len())?;
        loop {
            let rollup = days::rollup(&officer, form, city).await?;
            let there = |(key, sum): (&String, &i64)| {
                rollup.figures.iter().any(|figure| figure.key == *key && figure.value == *sum)
            };
            if reported(&rollup.matrix.unwrap_or_default()) == count && expected.iter().all(there) {
                break;
            }
            anyhow::ensure!(
                began.elapsed() < took + Duration::from_secs(30),
                "the city's total is not what was sent"
            );
        }
        exact = Some(began.elapsed());
    }
    Ok(Sent { reports: said.len(), took, exact })
}

/// How many of a matrix have reported.
#[must_use]
pub fn reported(matrix: &pb::Matrix) -> i64 {
    matrix.on_time_data
        + matrix.on_time_zero
        + matrix.late_data
        + matrix.late_zero
        + matrix.after_close_data
        + matrix.after_close_zero
}

/// The sums of what is said, by field.
fn sums(said: &[Said]) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for (key, figure) in said.iter().flat_map(|one| &one.request.figures) {
        *sums.entry(key.clone()).or_default() += figure;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_by_field() {
        let said = |figures: &[(&str, i64)]| Said {
            subject: String::new(),
            request: pb::SubmitReportRequest {
                figures: figures.iter().map(|(key, figure)| ((*key).to_owned(), *figure)).collect(),
                ..pb::SubmitReportRequest::default()
            },
        };
        let sums = sums(&[said(&[("a", 1), ("b", 2)]), said(&[("a", 3)]), said(&[])]);
        assert_eq!(sums, [("a".to_owned(), 4), ("b".to_owned(), 2)].into());
    }
}
