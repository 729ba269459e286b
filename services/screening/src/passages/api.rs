//! Passages speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, pages, pages::Pager, parse, server};
use chrono::Days;
use prost::Message as _;
use proto::screening::{
    self as pb, passage_result::Result as Answer, passage_service_server::PassageService,
};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::{
    KEPT_DAYS,
    ingest::{self, Result as Came},
    parse::{self as contract, PARTY},
    party_marks, store,
};
use crate::{
    DOMAIN,
    checkpoints::{
        self,
        parse::{COLLECTION, checkpoint_name},
    },
    handdowns::parse::handdown_name,
    house::House,
    persons::parse::REASON,
    refusals::refusal,
    worklists,
};

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

    async fn list_fellows(
        &self,
        request: Request<pb::ListFellowsRequest>,
    ) -> Result<Response<pb::ListFellowsResponse>, Status> {
        server::reply(DOMAIN, self.fellows(request).await)
    }
}

impl Passages {
    async fn fellows(
        &self,
        request: Request<pb::ListFellowsRequest>,
    ) -> Result<pb::ListFellowsResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
        let id = wrong.keep("checkpoint", parse::name(COLLECTION, &request.checkpoint)).unwrap_or_default();
        wrong.keep("party", parse::text(&request.party, PARTY).map(drop));
        wrong.keep("reason", parse::text(&request.reason, REASON).map(drop));
        let date = wrong.keep("date", parse::optional_date(&request.date)).flatten();
        wrong.refuse()?;
        self.house.jurisdiction.fresh()?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let pager = Pager::new(&self.house.database, &caller, "ListFellows", &request);
        let after = worklists::after(&pager, &token)?;
        let mut work = self.house.database.begin(deadline).await?;
        let found = checkpoints::store::some(&mut work, &[id]).await?.pop();
        let seen = found.filter(|post| self.house.sees(&caller, "passages.trace", post.unit));
        seen.ok_or_else(|| Fault::NotFound(checkpoint_name(id)))?;
        let today = self.house.clock.today();
        let kept = (today - Days::new(KEPT_DAYS), today + Days::new(1));
        let days = date.map_or(kept, |date| (date.max(kept.0), date));
        let marks = party_marks(&self.house.keys, &request.party);
        let mut found = store::fellows(&mut work, (id, &marks), days, after, size + 1).await?;
        let next_page_token =
            pager.cut(&mut found, size, |fellow| worklists::key((fellow.passed_at, fellow.event)));
        let said = (caller.subject(), request.reason.as_str(), self.house.clock.now());
        store::note_access(&mut work, (id, found.len()), said).await?;
        work.commit().await?;
        let fellows = found.iter().map(|fellow| {
            let passage = self.house.keys.open(fellow.event, &fellow.sealed)?;
            // The cause is left out: it may quote the value.
            let passage =
                pb::Passage::decode(&passage[..]).map_err(|_| Fault::internal("a sealed passage"))?;
            let handdown = fellow.handdown.map(handdown_name).unwrap_or_default();
            Ok(pb::Fellow { passage: Some(passage), handdown })
        });
        Ok(pb::ListFellowsResponse { fellows: fellows.collect::<Result<_, Fault>>()?, next_page_token })
    }

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
            let said = |passage: &pb::Passage| (passage.event_id.clone(), contract::damaged(passage));
            let said: Vec<_> = batch.passages.iter().map(said).collect();
            let (house, sender) = (Arc::clone(&self.house), caller.clone());
            // On its own, so that a client who goes away leaves a batch whole.
            let taken = tokio::spawn(async move { ingest::take_in(&house, &sender, batch.passages).await });
            let came = taken.await.map_err(Fault::internal)??;
            let results = said.into_iter().zip(came).enumerate().map(|(nth, ((event_id, damaged), came))| {
                Ok(pb::PassageResult { event_id, result: Some(answer(nth, came, damaged)?) })
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

fn answer(nth: usize, came: Came, damaged: Vec<pb::DamagedText>) -> Result<Answer, Fault> {
    Ok(match came {
        Came::Accepted(accepted) => Answer::Accepted(pb::AcceptedPassage {
            handdown: accepted.handdown.map(handdown_name).unwrap_or_default(),
            urgent: accepted.urgent,
            untested: accepted.untested,
            outside_plan: accepted.outside_plan,
            damaged,
        }),
        Came::Duplicate => Answer::Duplicate(pb::DuplicatePassage {}),
        Came::Refused(fault) => {
            let (code, reason, message) = refusal("passages", nth, fault)?;
            Answer::Refused(pb::RefusedPassage { code: code.into(), reason, message })
        }
    })
}
