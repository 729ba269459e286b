//! The persons of 3 February: returnees watched over, cases and their contacts, a family looked after, all through
//! screening's public API. Persons are artificial (RULES I1): nobody's names, numbers and phones.

pub mod cases;
pub mod document;
pub mod evening;
pub mod family;
pub mod people;
pub mod plan;
pub mod returnees;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use proto::screening as pb;
use tonic::Status;

use super::{stage::Stage, walk::Tree};
use crate::{client, client::Screening, output};

/// How many calls are on their way at once.
const IN_FLIGHT: usize = 48;
/// How many readings a call carries.
const BATCH: usize = 500;

/// What was done for persons, and what it came to.
#[derive(Clone, Debug, Default)]
pub struct Persons {
    /// How many returnees were taken in, of them in 炉观镇.
    pub returnees: (usize, usize),
    /// What became of 炉观镇's referrals: all, cleared, sent on, excluded.
    pub referrals: (usize, usize, usize, usize),
    /// How many readings were sent, and how long that took.
    pub readings: (usize, Duration),
    /// The city's figures of cases.
    pub cases: pb::CountCasesResponse,
    /// The city's figures of contacts.
    pub contacts: pb::CountContactsResponse,
    /// How many incidents were reported.
    pub incidents: usize,
    /// Open observations at the end: within their window, to be released, lost.
    pub observations: (usize, usize, usize),
    /// What is put before somebody at the end, by kind.
    pub escalations: Vec<(String, usize)>,
    /// The state of the family's support at the end.
    pub support: String,
    /// Whose worklist was looked at, and how many readings it asks for.
    pub worklist: (String, usize),
}

/// Does the same with many things, so many at a time, with progress; answers in their order.
///
/// # Errors
/// The first refusal.
pub async fn each<T, R, F>(what: &str, things: Vec<T>, call: impl Fn(T) -> F) -> anyhow::Result<Vec<R>>
where
    F: Future<Output = anyhow::Result<R>>,
{
    let bar = output::bar(things.len(), what);
    let done = stream::iter(things).map(|thing| {
        let call = call(thing);
        async {
            let done = call.await;
            bar.inc(1);
            done
        }
    });
    let done = done.buffered(IN_FLIGHT).try_collect().await;
    bar.finish_and_clear();
    done
}

/// A refusal in words, with what was asked.
pub fn refused(what: &str) -> impl Fn(Status) -> anyhow::Error + '_ {
    move |status| anyhow::anyhow!("{what}: {}", client::explain(&status))
}

/// Sends readings of the same instant, 500 a call; answers how many were taken in now or before.
///
/// # Errors
/// A refusal.
pub async fn read(screening: &Screening, what: &str, readings: Vec<pb::Reading>) -> anyhow::Result<usize> {
    let batches: Vec<Vec<pb::Reading>> = readings.chunks(BATCH).map(<[_]>::to_vec).collect();
    let taken = each(what, batches, |readings| async {
        let request = pb::IngestReadingsRequest { readings };
        let ingest = || async { screening.readings().ingest_readings(request.clone()).await };
        let answer = super::stage::patiently(ingest).await.map_err(refused("readings"))?;
        for result in &answer.results {
            if let Some(pb::reading_result::Result::Refused(refused)) = &result.result {
                anyhow::bail!("a reading was refused: {}", refused.message);
            }
        }
        Ok(answer.results.len())
    });
    Ok(taken.await?.into_iter().sum())
}

/// The morning: returnees are found and read, 炉观镇's febrile are seen, cases are confirmed, contacts traced, and a
/// family is looked after.
///
/// # Errors
/// A refusal.
pub async fn morning(stage: &Stage, tree: &Tree) -> anyhow::Result<Persons> {
    ready(stage, tree).await?;
    output::say("10:00: returnees are taken in where they are found, and watched over");
    stage.advance(600);
    let mut persons = Persons::default();
    let found = returnees::found(stage, tree).await?;
    persons.returnees = (found.len(), found.iter().filter(|one| one.in_luguan).count());
    output::say("10:30: temperatures are taken; the febrile are sent to the health centre");
    stage.advance(630);
    let began = Instant::now();
    let read = returnees::read(stage, &found).await?;
    persons.readings = (read, began.elapsed());
    output::say("11:30: the health centre of 炉观镇 has seen its 30; 7 are sent on, tested and excluded");
    stage.advance(690);
    persons.referrals = returnees::seen(stage, tree).await?;
    output::say("13:00: cases are confirmed, and their contacts traced");
    stage.advance(780);
    persons.incidents = cases::play(stage, tree).await?;
    family::looked_after(stage, tree).await?;
    Ok(persons)
}

/// Waits until screening knows the tree and the offices.
async fn ready(stage: &Stage, tree: &Tree) -> anyhow::Result<()> {
    let last = tree.grids.last().context("a tree without grids")?;
    let request = pb::ListPersonsRequest { ancestor_unit: last.unit.clone(), ..Default::default() };
    let town = tree.town_of(tree.grids.len() - 1).to_owned();
    for subject in ["city-duty".to_owned(), format!("{town}-duty")] {
        let screening = stage.screening_as(&subject)?;
        let began = Instant::now();
        while let Err(status) = screening.persons().list_persons(request.clone()).await {
            let patience = Duration::from_secs(60);
            anyhow::ensure!(began.elapsed() < patience, "screening: {}", client::explain(&status));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}
