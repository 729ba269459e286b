//! A collector of traces and figures: whatever a service says about itself to those who watch over it.

use std::sync::{Arc, Mutex, MutexGuard};

use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    trace::v1::Span,
};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

/// What it was sent so far.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    spans: Arc<Mutex<Vec<Span>>>,
    figures: Arc<Mutex<Vec<String>>>,
    words: Arc<Mutex<String>>,
}

impl Collector {
    /// Starts it; answers its address.
    pub async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let serving = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(self.clone()))
            .add_service(MetricsServiceServer::new(self.clone()))
            .serve_with_incoming(TcpIncoming::from(listener));
        tokio::spawn(serving);
        url
    }

    /// The spans of a name.
    #[must_use]
    pub fn spans(&self, name: &str) -> Vec<Span> {
        held(&self.spans).iter().filter(|span| span.name == name).cloned().collect()
    }

    /// The names of the figures.
    #[must_use]
    pub fn figures(&self) -> Vec<String> {
        held(&self.figures).clone()
    }

    /// Everything that it was sent, as text.
    #[must_use]
    pub fn words(&self) -> String {
        held(&self.words).clone()
    }
}

fn held<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().expect("nobody failed while holding it")
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let request = request.into_inner();
        held(&self.words).push_str(&format!("{request:?}"));
        let scopes = request.resource_spans.into_iter().flat_map(|one| one.scope_spans);
        held(&self.spans).extend(scopes.flat_map(|one| one.spans));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let request = request.into_inner();
        held(&self.words).push_str(&format!("{request:?}"));
        let scopes = request.resource_metrics.into_iter().flat_map(|one| one.scope_metrics);
        let names = scopes.flat_map(|one| one.metrics).map(|one| one.name);
        held(&self.figures).extend(names);
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
