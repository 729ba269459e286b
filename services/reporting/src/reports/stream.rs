//! Streams of reports: while one batch is written the next is read and checked, and two are written at
//! once, unless both speak of the same report. Acknowledgements go out in the order of the batches.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use chassis::{Caller, Fault, server};
use futures::{StreamExt as _, stream::FuturesOrdered};
use proto::reporting as pb;
use tokio::task::JoinHandle;
use tonic::{Request, Streaming};
use tonic_types::StatusExt as _;
use tracing::Instrument as _;
use uuid::Uuid;

use super::{
    api::Reports,
    batch::{self, Item, STREAMS},
    parse as contract,
};
use crate::DOMAIN;

/// The most reports of one batch.
const LARGEST: usize = 500;

/// How many batches of one stream are written at once.
const AT_ONCE: usize = STREAMS.len();

/// What two batches may not both speak of.
type Keys = HashSet<(Uuid, i32, i16)>;

/// The batches of one stream that are being written, the earliest first.
struct InHand {
    writing: FuturesOrdered<JoinHandle<pb::StreamReportsResponse>>,
    keys: VecDeque<Keys>,
    messages: server::Messages<pb::StreamReportsResponse>,
}

/// Takes in the batches of a stream until it ends.
///
/// # Errors
/// A batch out of sequence, of a wrong size, or of a caller who may report no longer; what came before it
/// is taken in and acknowledged.
pub(super) async fn run(
    reports: Reports,
    request: Request<Streaming<pb::StreamReportsRequest>>,
    messages: server::Messages<pb::StreamReportsResponse>,
) -> Result<(), Fault> {
    let (caller, _, mut batches) = server::accept(request)?;
    let mut in_hand = InHand { writing: FuturesOrdered::new(), keys: VecDeque::new(), messages };
    let mut sequence = 0;
    loop {
        let batch = tokio::select! {
            biased;
            Some(answer) = in_hand.writing.next() => {
                in_hand.acknowledge(answer).await?;
                continue;
            }
            () = reports.house.watching.shutdown.cancelled() => {
                in_hand.finish().await?;
                return Err(Fault::Unavailable("the service is draining; send again what was not acknowledged"));
            }
            batch = batches.next(), if in_hand.keys.len() < AT_ONCE => batch,
        };
        let Some(Ok(batch)) = batch else { return in_hand.finish().await };
        sequence += 1;
        let next = match check(&reports, &caller, sequence, &batch).await {
            Ok(caller) => Batch::read(&reports, &caller, batch).await,
            Err(fault) => {
                in_hand.finish().await?;
                return Err(fault);
            }
        };
        let keys = next.keys();
        while in_hand.keys.iter().any(|earlier| !earlier.is_disjoint(&keys)) {
            in_hand.wait().await?;
        }
        // Neighbours in the stream add to different stripes of the totals.
        let stripe = STREAMS[usize::from(sequence % 2 == 0)];
        in_hand.keys.push_back(keys);
        // On its own, so that a client who goes away leaves a batch whole.
        in_hand.writing.push_back(tokio::spawn(next.written(reports.clone(), stripe).in_current_span()));
    }
}

/// The caller as of now, if this batch may be taken in.
async fn check(
    reports: &Reports,
    caller: &Caller,
    sequence: i64,
    batch: &pb::StreamReportsRequest,
) -> Result<Caller, Fault> {
    if batch.sequence != sequence {
        return Err(Fault::invalid("sequence", format!("must be {sequence}, is {}", batch.sequence)));
    }
    if batch.reports.is_empty() || batch.reports.len() > LARGEST {
        return Err(Fault::invalid("reports", format!("must be 1 to {LARGEST}")));
    }
    // An officer who was relieved while the stream was open is refused here.
    let caller = caller.renewed(&reports.house.jurisdiction).await?;
    if !caller.holds("reports.submit") {
        return Err(Fault::Denied("reports.submit"));
    }
    Ok(caller)
}

impl InHand {
    /// Waits for the earliest batch.
    async fn wait(&mut self) -> Result<(), Fault> {
        match self.writing.next().await {
            Some(answer) => self.acknowledge(answer).await,
            None => Ok(()),
        }
    }

    /// Waits for all of them.
    async fn finish(&mut self) -> Result<(), Fault> {
        while !self.writing.is_empty() {
            self.wait().await?;
        }
        Ok(())
    }

    async fn acknowledge(
        &mut self,
        answer: Result<pb::StreamReportsResponse, tokio::task::JoinError>,
    ) -> Result<(), Fault> {
        self.keys.pop_front();
        let answer = answer.map_err(Fault::internal)?;
        self.messages.send(Ok(answer)).await.map_err(|_| Fault::Unavailable("the client went away"))
    }
}

/// A batch whose reports were checked, with the refusals of those that may not be taken in.
struct Batch {
    answer: pb::StreamReportsResponse,
    items: Vec<Item>,
    /// Which result each item has.
    at: Vec<usize>,
}

impl Batch {
    async fn read(reports: &Reports, caller: &Caller, batch: pb::StreamReportsRequest) -> Self {
        let results = Vec::with_capacity(batch.reports.len());
        let answer = pb::StreamReportsResponse { sequence: batch.sequence, results };
        let mut read = Self { answer, items: Vec::with_capacity(batch.reports.len()), at: Vec::new() };
        for report in batch.reports {
            let request_id = report.request_id.clone();
            let result = match reports.item(caller, report).await {
                Ok(item) => {
                    read.at.push(read.answer.results.len());
                    read.items.push(item);
                    None
                }
                Err(fault) => Some(refusal(fault)),
            };
            read.answer.results.push(pb::StreamResult { request_id, result });
        }
        read
    }

    fn keys(&self) -> Keys {
        self.items.iter().map(|item| (item.plan.day.id, item.place, item.slot)).collect()
    }

    /// Takes in what may be; a refusal does not touch the other reports.
    async fn written(mut self, reports: Reports, stripe: i16) -> pb::StreamReportsResponse {
        if self.items.is_empty() {
            return self.answer;
        }
        let plans: Vec<_> = self.items.iter().map(|item| Arc::clone(&item.plan)).collect();
        let taken = batch::together(&reports.house, stripe, self.items).await;
        for ((at, plan), taken) in self.at.into_iter().zip(plans).zip(taken) {
            self.answer.results[at].result = Some(match taken {
                Ok(accepted) => {
                    pb::stream_result::Result::Accepted(contract::accepted(&plan.form, &accepted))
                }
                Err(fault) => refusal(fault),
            });
        }
        self.answer
    }
}

fn refusal(fault: Fault) -> pb::stream_result::Result {
    let status = fault.into_status(DOMAIN);
    let reason = status.get_error_details().error_info().map(|info| info.reason.clone());
    pb::stream_result::Result::Refused(pb::Refusal {
        code: status.code().into(),
        reason: reason.unwrap_or_default(),
        message: status.message().to_owned(),
    })
}
