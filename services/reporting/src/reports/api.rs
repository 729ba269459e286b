//! Reports speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, batcher::Batcher, parse, server};
use futures::StreamExt as _;
use proto::reporting::{self as pb, report_service_server::ReportService};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming, async_trait};
use tonic_types::StatusExt as _;

use super::{
    batch::{self, Accepted, Item},
    chase, list, parse as contract, revise, watch,
};
use crate::{DOMAIN, house::House};

/// The most reports of one batch of a stream.
const LARGEST_BATCH: usize = 500;

/// The handlers of [`ReportService`].
#[derive(Clone, Debug)]
pub struct Reports {
    /// What all handlers share.
    pub house: Arc<House>,
    /// Takes in reports.
    pub batcher: Batcher<Item, Accepted>,
}

#[async_trait]
impl ReportService for Reports {
    async fn submit_report(
        &self,
        request: Request<pb::SubmitReportRequest>,
    ) -> Result<Response<pb::SubmitReportResponse>, Status> {
        server::reply(DOMAIN, self.submit(request).await)
    }

    type StreamReportsStream = ReceiverStream<Result<pb::StreamReportsResponse, Status>>;

    async fn stream_reports(
        &self,
        request: Request<Streaming<pb::StreamReportsRequest>>,
    ) -> Result<Response<Self::StreamReportsStream>, Status> {
        let reports = self.clone();
        Ok(server::stream(DOMAIN, |messages| async move { reports.stream(request, messages).await }))
    }

    async fn get_report(
        &self,
        request: Request<pb::GetReportRequest>,
    ) -> Result<Response<pb::GetReportResponse>, Status> {
        server::reply(DOMAIN, list::get(&self.house, request).await)
    }

    async fn list_reports(
        &self,
        request: Request<pb::ListReportsRequest>,
    ) -> Result<Response<pb::ListReportsResponse>, Status> {
        server::reply(DOMAIN, list::list(&self.house, request).await)
    }

    async fn list_missing(
        &self,
        request: Request<pb::ListMissingRequest>,
    ) -> Result<Response<pb::ListMissingResponse>, Status> {
        server::reply(DOMAIN, list::missing(&self.house, request).await)
    }

    async fn return_report(
        &self,
        request: Request<pb::ReturnReportRequest>,
    ) -> Result<Response<pb::ReturnReportResponse>, Status> {
        server::reply(DOMAIN, revise::send_back(&self.house, request).await)
    }

    async fn correct_report(
        &self,
        request: Request<pb::CorrectReportRequest>,
    ) -> Result<Response<pb::CorrectReportResponse>, Status> {
        server::reply(DOMAIN, revise::correct(&self.house, request).await)
    }

    async fn excuse_reports(
        &self,
        request: Request<pb::ExcuseReportsRequest>,
    ) -> Result<Response<pb::ExcuseReportsResponse>, Status> {
        server::reply(DOMAIN, chase::excuse(&self.house, request).await)
    }

    async fn add_chase_note(
        &self,
        request: Request<pb::AddChaseNoteRequest>,
    ) -> Result<Response<pb::AddChaseNoteResponse>, Status> {
        server::reply(DOMAIN, chase::note(&self.house, request).await)
    }

    type WatchReportsStream = ReceiverStream<Result<pb::WatchReportsResponse, Status>>;

    async fn watch_reports(
        &self,
        request: Request<pb::WatchReportsRequest>,
    ) -> Result<Response<Self::WatchReportsStream>, Status> {
        let house = Arc::clone(&self.house);
        Ok(server::stream(DOMAIN, |messages| async move { watch::watch(house, request, &messages).await }))
    }
}

impl Reports {
    async fn submit(
        &self,
        request: Request<pb::SubmitReportRequest>,
    ) -> Result<pb::SubmitReportResponse, Fault> {
        let (caller, _, request) = server::accept(request)?;
        let item = self.item(&caller, request).await?;
        let plan = Arc::clone(&item.plan);
        // Where the deadline passes now, the report may be taken in all the same; request_id makes that safe.
        Ok(contract::accepted(&plan.form, &self.batcher.done(item).await?))
    }

    /// A report that was checked: who may say it, of what, and what.
    async fn item(&self, caller: &Caller, mut request: pb::SubmitReportRequest) -> Result<Item, Fault> {
        let now = self.house.clock.now();
        let request_id = parse::request_id(&mut request.request_id)?;
        let address = contract::address(&request)?;
        let plan = match self.house.plans.get(address.form, address.date) {
            Some(plan) => plan,
            None => {
                let mut connection = self.house.database.pool().acquire().await?;
                self.house.plan(&mut connection, address.form, address.date).await?
            }
        };
        let place = self.house.place(caller, "reports.submit", &plan, address.unit)?;
        let office = self.house.office(caller, "reports.submit", &plan, place)?;
        let (slot, mut revision) = contract::said(&request, &plan, caller.subject(), now)?;
        revision.entered_at_unit = office;
        revision.on_behalf = office != address.unit;
        let fingerprint = contract::fingerprint(&request);
        Ok(Item { plan, place, slot, request_id, fingerprint, revision })
    }

    async fn stream(
        &self,
        request: Request<Streaming<pb::StreamReportsRequest>>,
        messages: server::Messages<pb::StreamReportsResponse>,
    ) -> Result<(), Fault> {
        let (caller, _, mut batches) = server::accept(request)?;
        let mut sequence = 0;
        let authority = &self.house.jurisdiction;
        loop {
            let batch = tokio::select! {
                () = self.house.watching.shutdown.cancelled() => {
                    return Err(Fault::Unavailable("the service is draining; send again what was not acknowledged"));
                }
                batch = batches.next() => batch,
            };
            let Some(batch) = batch else { return Ok(()) };
            let Ok(batch) = batch else { return Ok(()) };
            sequence += 1;
            if batch.sequence != sequence {
                return Err(Fault::invalid("sequence", format!("must be {sequence}, is {}", batch.sequence)));
            }
            if batch.reports.is_empty() || batch.reports.len() > LARGEST_BATCH {
                return Err(Fault::invalid("reports", format!("must be 1 to {LARGEST_BATCH}")));
            }
            // An officer who was relieved while the stream was open is refused here.
            let caller = caller.renewed(authority).await?;
            if !caller.holds("reports.submit") {
                return Err(Fault::Denied("reports.submit"));
            }
            let results = self.batch(&caller, batch.reports).await;
            let answer = pb::StreamReportsResponse { sequence, results };
            if messages.send(Ok(answer)).await.is_err() {
                return Ok(());
            }
        }
    }

    /// Takes in one batch of a stream; a refusal does not touch the other items.
    async fn batch(&self, caller: &Caller, reports: Vec<pb::SubmitReportRequest>) -> Vec<pb::StreamResult> {
        let mut results = Vec::with_capacity(reports.len());
        let (mut items, mut ats) = (Vec::with_capacity(reports.len()), Vec::with_capacity(reports.len()));
        for report in reports {
            let request_id = report.request_id.clone();
            let item = self.item(caller, report).await;
            let refused = match item {
                Ok(item) => {
                    ats.push(results.len());
                    items.push(item);
                    None
                }
                Err(fault) => Some(refusal(fault)),
            };
            results.push(pb::StreamResult { request_id, result: refused });
        }
        let plans: Vec<_> = items.iter().map(|item| Arc::clone(&item.plan)).collect();
        // Streams share one stripe; they are long enough batches by themselves.
        let taken = if items.is_empty() { vec![] } else { batch::together(&self.house, 3, items).await };
        for ((at, plan), taken) in ats.into_iter().zip(plans).zip(taken) {
            results[at].result = Some(match taken {
                Ok(accepted) => {
                    pb::stream_result::Result::Accepted(contract::accepted(&plan.form, &accepted))
                }
                Err(fault) => refusal(fault),
            });
        }
        results
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
