//! Passages speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, pages, parse, server};
use chrono::Days;
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
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let id = wrong.name("checkpoint", COLLECTION, &request.checkpoint);
        wrong.text("party", &request.party, PARTY);
        wrong.text("reason", &request.reason, REASON);
        let date = wrong.keep("date", parse::optional_date(&request.date)).flatten();
        wrong.refuse()?;
        self.house.jurisdiction.fresh()?;
        let pager = page.of(&self.house.database, &caller, "ListFellows", &request);
        let after = worklists::after(&pager)?;
        let mut work = self.house.database.begin_page(deadline).await?;
        let found = checkpoints::store::some(&mut work, &[id]).await?.pop();
        self.house.jurisdiction.seen(
            &caller,
            "passages.trace",
            found,
            |post| post.unit,
            checkpoint_name(id),
        )?;
        let today = self.house.clock.today();
        let kept = (today - Days::new(KEPT_DAYS), today + Days::new(1));
        let days = date.map_or(kept, |date| (date.max(kept.0), date));
        let marks = party_marks(&self.house.keys, &request.party);
        let mut found = store::fellows(&mut work, (id, &marks), days, after, pager.limit()).await?;
        let next_page_token =
            pager.cut(&mut found, |fellow| worklists::key((fellow.passed_at, fellow.event)));
        let said = (caller.subject(), request.reason.as_str(), self.house.clock.now());
        store::note_access(&mut work, (id, found.len()), said).await?;
        work.commit().await?;
        let fellows = found.iter().map(|fellow| contract::fellow(&self.house.keys, fellow));
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
        parse::count(batch.passages.len(), LARGEST).map_err(|wrong| Fault::invalid("passages", wrong))?;
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
            readdressed: accepted.readdressed,
            damaged,
        }),
        Came::Duplicate => Answer::Duplicate(pb::DuplicatePassage {}),
        Came::Refused(fault) => {
            let (code, reason, message) = refusal("passages", nth, fault)?;
            Answer::Refused(pb::RefusedPassage { code: code.into(), reason, message })
        }
    })
}
