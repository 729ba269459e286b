//! What a service says about itself while it runs: log lines, and traces where somebody collects them.

use std::{io::IsTerminal as _, sync::LazyLock, time::Duration};

use http::HeaderMap;
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator as _},
    trace::TracerProvider as _,
};
use opentelemetry_otlp::{ExporterBuildError, WithTonicConfig as _};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tonic::{
    metadata::{MetadataKey, MetadataMap},
    transport::{Channel, ClientTlsConfig, Endpoint},
};
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// How a trace is named between programs: W3C `traceparent` and `tracestate`.
static PROPAGATOR: LazyLock<TraceContextPropagator> = LazyLock::new(TraceContextPropagator::new);

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// Telemetry cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The collector's address is none.
    #[error("the collector's address cannot be used: {0}")]
    Endpoint(#[from] tonic::transport::Error),
    /// The exporter cannot be built.
    #[error("the exporter cannot be built: {0}")]
    Exporter(#[from] ExporterBuildError),
    /// The metrics cannot be offered to Prometheus.
    #[error("the metrics cannot be offered: {0}")]
    Metrics(#[from] opentelemetry_sdk::error::OTelSdkError),
}

/// Starts logging to standard error. The first call counts; later ones change nothing.
pub fn start(filter: EnvFilter, format: LogFormat) {
    install(filter, format, None);
}

/// Starts logging to standard error, and sending the spans of a service to a collector.
///
/// # Errors
/// [`TelemetryError`] where the collector's address is none; one that does not answer is no error.
pub fn start_tracing(
    filter: EnvFilter,
    format: LogFormat,
    service: &'static str,
    collector: &str,
) -> Result<Traces, TelemetryError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().with_channel(channel(collector)?);
    let provider = SdkTracerProvider::builder()
        .with_resource(resource(service))
        .with_batch_exporter(exporter.build()?)
        .build();
    install(filter, format, Some(&provider));
    Ok(Traces(provider))
}

fn install(filter: EnvFilter, format: LogFormat, provider: Option<&SdkTracerProvider>) {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = match format {
        LogFormat::Text => lines.with_target(false).with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    let spans = provider.map(|provider| {
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("rampart"));
        layer.with_location(false).with_threads(false).with_filter(LevelFilter::INFO)
    });
    let _ = tracing_subscriber::registry().with(lines).with(spans).try_init();
}

/// The spans that are on their way to the collector.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends what is left. What cannot be sent in a few seconds is lost.
    pub async fn end(self) {
        let sent = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(FLUSH)).await;
        if let Ok(Err(error)) = sent {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// How long the last spans and figures may take on their way to the collector.
pub(crate) const FLUSH: Duration = Duration::from_secs(5);

/// What a collector is told of who sends.
pub(crate) fn resource(service: &'static str) -> Resource {
    Resource::builder().with_service_name(service).build()
}

/// A channel to a collector; it connects when there is something to send.
pub(crate) fn channel(collector: &str) -> Result<Channel, TelemetryError> {
    let mut endpoint = Endpoint::from_shared(collector.to_owned())?
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(10));
    if collector.starts_with("https:") {
        endpoint = endpoint.tls_config(ClientTlsConfig::new().with_enabled_roots())?;
    }
    Ok(endpoint.connect_lazy())
}

/// Makes a span the child of the caller's, if the caller has one.
pub(crate) fn adopt(span: &tracing::Span, headers: &HeaderMap) {
    if headers.contains_key("traceparent") {
        // Without somebody who collects there is nothing to set, which is no error.
        let _ = span.set_parent(PROPAGATOR.extract(&Received(headers)));
    }
}

/// Names the present span in a request, so that the service's spans are its children.
pub fn inject(metadata: &mut MetadataMap) {
    inject_context(&tracing::Span::current().context(), metadata);
}

fn inject_context(context: &Context, metadata: &mut MetadataMap) {
    PROPAGATOR.inject_context(context, &mut Sent(metadata));
}

struct Received<'a>(&'a HeaderMap);

impl Extractor for Received<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

struct Sent<'a>(&'a mut MetadataMap);

impl Injector for Sent<'_> {
    fn set(&mut self, key: &str, value: String) {
        // An empty tracestate is what a context without one gives.
        if let (false, Ok(key), Ok(value)) =
            (value.is_empty(), MetadataKey::from_bytes(key.as_bytes()), value.parse())
        {
            self.0.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TraceContextExt as _;

    use super::*;

    #[test]
    fn a_span_continues_the_callers_trace_and_names_itself_to_the_next() {
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));

        let mut headers = HeaderMap::new();
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        headers.insert("traceparent", parent.parse().unwrap());
        let span = tracing::info_span!("call");
        adopt(&span, &headers);
        let trace = span.context().span().span_context().trace_id().to_string();
        assert_eq!(trace, "0af7651916cd43dd8448eb211c80319c");

        let mut metadata = MetadataMap::new();
        span.in_scope(|| inject(&mut metadata));
        let sent = metadata.get("traceparent").unwrap().to_str().unwrap();
        assert!(sent.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{sent}");
        assert_ne!(sent, parent, "the next one's parent is this span, not its parent");
    }

    #[test]
    fn without_a_span_nothing_is_sent() {
        let mut metadata = MetadataMap::new();
        inject(&mut metadata);
        assert!(metadata.is_empty());
    }
}
