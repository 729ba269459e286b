//! Reports speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, batcher::Batcher, parse, server};
use proto::reporting::{self as pb, report_service_server::ReportService};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::{
    batch::{Accepted, Item},
    chase, draft, list, parse as contract, revise, stream, watch,
};
use crate::{DOMAIN, house::House};

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
        Ok(server::stream(DOMAIN, |messages| async move { stream::run(reports, request, messages).await }))
    }

    async fn draft_report(
        &self,
        request: Request<pb::DraftReportRequest>,
    ) -> Result<Response<pb::DraftReportResponse>, Status> {
        server::reply(DOMAIN, draft::draft(&self.house, request).await)
    }

    async fn list_differences(
        &self,
        request: Request<pb::ListDifferencesRequest>,
    ) -> Result<Response<pb::ListDifferencesResponse>, Status> {
        server::reply(DOMAIN, draft::list(&self.house, request).await)
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
        let (plan, place, explained) =
            (Arc::clone(&item.plan), item.place, item.revision.explanations.clone());
        // Where the deadline passes now, the report may be taken in all the same; request_id makes that safe.
        let accepted = self.batcher.done(item).await?;
        let mut answer = contract::accepted(&plan.form, &accepted);
        // It is in: that the registers cannot be asked is no reason to refuse it.
        let unexplained = draft::unexplained(&self.house, &plan, place, &accepted, &explained).await;
        answer.warnings.extend(unexplained.unwrap_or_default());
        Ok(answer)
    }

    /// A report that was checked: who may say it, of what, and what.
    pub(super) async fn item(
        &self,
        caller: &Caller,
        mut request: pb::SubmitReportRequest,
    ) -> Result<Item, Fault> {
        let now = self.house.clock.now();
        let request_id = parse::request_id(&mut request.request_id)?;
        let address = contract::address(&request)?;
        let plan = match self.house.plans.get(address.form, address.date) {
            Some(plan) => plan,
            None => {
                // Boxed, since it is rare and would be carried about with every report.
                let read = async {
                    let mut connection = self.house.database.pool().acquire().await?;
                    self.house.plan(&mut connection, address.form, address.date).await
                };
                Box::pin(read).await?
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
}
