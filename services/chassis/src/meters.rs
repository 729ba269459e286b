//! The figures of a service: calls by method and code, how long they took, and how many are in hand. A
//! stream counts until it ends, not until it begins.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use axum::{body::Body, response::Response, routing::get};
use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_TYPE};
use http_body::{Frame, SizeHint};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, MeterProvider as _, UpDownCounter},
};
use opentelemetry_otlp::WithTonicConfig as _;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};
use tokio::{net::TcpListener, time::Instant};
use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::telemetry::{self, TelemetryError};

/// Bounds of the durations, in seconds.
const BOUNDS: [f64; 13] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

/// How many there are of what a service keeps, told by itself whenever it has counted. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Levels(Arc<Mutex<BTreeMap<String, i64>>>);

impl Levels {
    /// Tells all that was counted; what is not among it is 0 from now on.
    pub fn set(&self, counted: impl IntoIterator<Item = (String, i64)>) {
        let mut levels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        levels.values_mut().for_each(|level| *level = 0);
        levels.extend(counted);
    }

    fn each(&self, mut told: impl FnMut(&str, i64)) {
        let levels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        levels.iter().for_each(|(what, count)| told(what, *count));
    }
}

/// The figures of one service.
#[derive(Debug)]
pub struct Meters {
    provider: SdkMeterProvider,
    registry: Registry,
    calls: Counter<u64>,
    duration: Histogram<f64>,
    in_hand: UpDownCounter<i64>,
}

impl Meters {
    /// Figures that are sent to a collector, if there is one, and can be scraped, if that is wanted.
    /// Otherwise counting costs next to nothing.
    ///
    /// # Errors
    /// [`TelemetryError`] where the collector's address is none.
    pub fn new(
        service: &'static str,
        collector: Option<&str>,
        scraped: bool,
        levels: Levels,
    ) -> Result<Self, TelemetryError> {
        let mut provider = SdkMeterProvider::builder().with_resource(telemetry::resource(service));
        let registry = Registry::new();
        if scraped {
            let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone());
            provider = provider.with_reader(exporter.scope_info_enabled(false).build()?);
        }
        if let Some(collector) = collector {
            let exporter = opentelemetry_otlp::MetricExporter::builder().with_tonic();
            let exporter = exporter.with_channel(telemetry::channel(collector)?).build()?;
            provider = provider.with_periodic_exporter(exporter);
        }
        let provider = provider.build();
        let meter = provider.meter("rampart");
        meter
            .i64_observable_gauge("rampart.level")
            .with_description("How many there are of what the service keeps")
            .with_callback(move |gauge| {
                levels.each(|what, count| gauge.observe(count, &[KeyValue::new("what", what.to_owned())]));
            })
            .build();
        Ok(Self {
            calls: meter.u64_counter("rampart.calls").with_description("Calls that ended").build(),
            duration: meter
                .f64_histogram("rampart.call.duration")
                .with_unit("s")
                .with_description("How long calls took, to the last message")
                .with_boundaries(BOUNDS.to_vec())
                .build(),
            in_hand: meter
                .i64_up_down_counter("rampart.calls.in_hand")
                .with_description("Calls in hand")
                .build(),
            provider,
            registry,
        })
    }

    /// Serves the figures at `/metrics` until `shutdown`.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener, shutdown: CancellationToken) {
        let scrape = async move || {
            let text = TextEncoder::new().encode_to_string(&self.registry.gather());
            let text = text.map_err(|_| http::StatusCode::INTERNAL_SERVER_ERROR)?;
            Ok::<_, http::StatusCode>(([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text))
        };
        let router = axum::Router::new().route("/metrics", get(scrape));
        let served = axum::serve(listener, router).into_future();
        if let Some(Err(error)) = shutdown.run_until_cancelled(served).await {
            tracing::warn!(%error, "the figures are served no longer");
        }
    }

    /// Sends what is left. What cannot be sent in a few seconds is lost.
    pub(crate) async fn end(&self) {
        let provider = self.provider.clone();
        let sent =
            tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(telemetry::FLUSH)).await;
        if let Ok(Err(error)) = sent {
            tracing::warn!(%error, "the last figures were not sent");
        }
    }

    /// Counts a call from now until what is returned is dropped.
    pub(crate) fn call(self: &Arc<Self>, method: &'static str) -> Call {
        self.in_hand.add(1, &[KeyValue::new("method", method)]);
        Call { meters: Arc::clone(self), method, began: Instant::now(), code: Code::Cancelled }
    }
}

/// A call in hand. One whose end nobody saw was cancelled.
#[derive(Debug)]
pub(crate) struct Call {
    meters: Arc<Meters>,
    method: &'static str,
    began: Instant,
    code: Code,
}

impl Call {
    /// Lets the call end with its response, which may be a stream.
    pub(crate) fn until_end_of(mut self, response: Response) -> Response {
        match code(response.headers()) {
            Some(code) => {
                self.code = code;
                response
            }
            None => response.map(|body| Body::new(Counted { body, call: self })),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let method = KeyValue::new("method", self.method);
        self.meters.in_hand.add(-1, std::slice::from_ref(&method));
        self.meters.duration.record(self.began.elapsed().as_secs_f64(), std::slice::from_ref(&method));
        self.meters.calls.add(1, &[method, KeyValue::new("code", name(self.code))]);
    }
}

/// A body that notices its trailers.
struct Counted {
    body: Body,
    call: Call,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let trailers = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.trailers_ref());
        if let Some(code) = trailers.and_then(code) {
            self.call.code = code;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn code(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|code| Code::from_bytes(code.as_bytes()))
}

/// A code as gRPC writes it.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrape(meters: &Meters) -> String {
        TextEncoder::new().encode_to_string(&meters.registry.gather()).unwrap()
    }

    fn has(text: &str, name: &str, label: &str, value: &str) -> bool {
        let mut lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
        lines.any(|line| line.ends_with(&format!(" {value}")))
    }

    #[test]
    fn a_call_is_in_hand_until_the_last_of_its_answer() {
        let meters = Arc::new(Meters::new("test", None, true, Levels::default()).unwrap());
        let answer = meters.call("/a/B").until_end_of(Response::new(Body::from("a stream")));
        let text = scrape(&meters);
        assert!(has(&text, "rampart_calls_in_hand", "method=\"/a/B\"", "1"), "{text}");
        assert!(!text.contains("rampart_calls_total"), "{text}");

        drop(answer);
        let text = scrape(&meters);
        assert!(has(&text, "rampart_calls_in_hand", "method=\"/a/B\"", "0"), "{text}");
        assert!(has(&text, "rampart_calls_total", "code=\"CANCELLED\"", "1"), "{text}");
        assert!(has(&text, "rampart_call_duration_seconds_count", "method=\"/a/B\"", "1"), "{text}");
    }

    #[test]
    fn a_level_that_is_told_no_more_is_zero() {
        let levels = Levels::default();
        let meters = Meters::new("test", None, true, levels.clone()).unwrap();
        levels.set([("beds free".to_owned(), 3)]);
        assert!(has(&scrape(&meters), "rampart_level", "what=\"beds free\"", "3"), "{}", scrape(&meters));
        levels.set([]);
        assert!(has(&scrape(&meters), "rampart_level", "what=\"beds free\"", "0"), "{}", scrape(&meters));
    }

    #[test]
    fn a_refusal_is_counted_by_its_code() {
        let meters = Arc::new(Meters::new("test", None, true, Levels::default()).unwrap());
        let mut answer = Response::new(Body::empty());
        answer.headers_mut().insert("grpc-status", "14".parse().unwrap());
        drop(meters.call("/a/B").until_end_of(answer));
        let text = scrape(&meters);
        assert!(has(&text, "rampart_calls_total", "code=\"UNAVAILABLE\"", "1"), "{text}");
    }
}
