//! Passages speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, server};
use proto::screening::{
    self as pb, passage_result::Result as Answer, passage_service_server::PassageService,
};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::ingest::{self, Result as Came};
use crate::{DOMAIN, handdowns::parse::handdown_name, house::House, refusals::refusal};

/// The most persons of one batch.
const LARGEST: usize = 500;

/// The handlers of [`PassageService`].
#[derive(Clone, Debug)]
pub struct Passages {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl PassageService for Passages {
    type IngestPassagesStream = ReceiverStream<Result<pb::IngestPassagesResponse, Status>>;

    async fn ingest_passages(
        &self,
        request: Request<Streaming<pb::IngestPassagesRequest>>,
    ) -> Result<Response<Self::IngestPassagesStream>, Status> {
        let passages = self.clone();
        Ok(server::stream(DOMAIN, |messages| async move { passages.run(request, messages).await }))
    }
}

impl Passages {
    /// Takes in the batches of a stream, one after another, until it ends.
    async fn run(
        &self,
        request: Request<Streaming<pb::IngestPassagesRequest>>,
        messages: server::Messages<pb::IngestPassagesResponse>,
    ) -> Result<(), Fault> {
        let (caller, _, mut batches) = server::accept(request)?;
        let mut sequence = 0;
        loop {
            let batch = tokio::select! {
                biased;
                () = self.house.shutdown.cancelled() => {
                    let words = "the service is draining; send again what was not acknowledged";
                    return Err(Fault::Unavailable(words));
                }
                batch = batches.next() => batch,
            };
            let Some(Ok(batch)) = batch else { return Ok(()) };
            sequence += 1;
            let caller = self.check(&caller, sequence, &batch).await?;
            let events: Vec<String> = batch.passages.iter().map(|passage| passage.event_id.clone()).collect();
            let (house, sender) = (Arc::clone(&self.house), caller.clone());
            // On its own, so that a client who goes away leaves a batch whole.
            let taken = tokio::spawn(async move { ingest::take_in(&house, &sender, batch.passages).await });
            let came = taken.await.map_err(Fault::internal)??;
            let results = events.into_iter().zip(came).enumerate().map(|(nth, (event_id, came))| {
                Ok(pb::PassageResult { event_id, result: Some(answer(nth, came)?) })
            });
            let results = results.collect::<Result<_, Fault>>()?;
            let answer = pb::IngestPassagesResponse { sequence, results };
            let gone = |_| Fault::Unavailable("the client went away");
            messages.send(Ok(answer)).await.map_err(gone)?;
        }
    }

    /// The caller as of now, if this batch may be taken in.
    async fn check(
        &self,
        caller: &Caller,
        sequence: i64,
        batch: &pb::IngestPassagesRequest,
    ) -> Result<Caller, Fault> {
        if batch.sequence != sequence {
            return Err(Fault::invalid("sequence", format!("must be {sequence}, is {}", batch.sequence)));
        }
        if !(1..=LARGEST).contains(&batch.passages.len()) {
            return Err(Fault::invalid(
                "passages",
                format!("must be 1 to {LARGEST}, are {}", batch.passages.len()),
            ));
        }
        // An officer who was relieved while the stream was open is refused here.
        let caller = caller.renewed(&self.house.jurisdiction).await?;
        if !caller.holds("passages.write") {
            return Err(Fault::Denied("passages.write"));
        }
        Ok(caller)
    }
}

fn answer(nth: usize, came: Came) -> Result<Answer, Fault> {
    Ok(match came {
        Came::Accepted(handdown, urgent) => Answer::Accepted(pb::AcceptedPassage {
            handdown: handdown.map(handdown_name).unwrap_or_default(),
            urgent,
        }),
        Came::Duplicate => Answer::Duplicate(pb::DuplicatePassage {}),
        Came::Refused(fault) => {
            let (code, reason, message) = refusal("passages", nth, fault)?;
            Answer::Refused(pb::RefusedPassage { code: code.into(), reason, message })
        }
    })
}
