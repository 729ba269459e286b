//! What a service says about itself to those who watch over it: figures and traces.

use chassis::telemetry::{self, LogFormat};
use proto::registry as pb;
use rampart::client::Registry;
use tests::{Sandbox, collector::Collector, until};
use tonic::{Request, Status};
use tracing::Instrument as _;

use crate::transport::{Second, free};

const LIST: &str = "/rampart.registry.v1.UnitService/ListUnits";

fn client(second: &Second) -> Registry {
    Registry::new(&format!("http://{}", second.address), &second.token).expect("a client")
}

async fn list(registry: &Registry) -> Result<(), Status> {
    registry.units().list_units(pb::ListUnitsRequest::default()).await.map(drop)
}

#[tokio::test]
async fn calls_are_counted_by_method_and_code_and_a_stream_is_in_hand_until_it_ends() {
    let sandbox = Sandbox::start(&[]).await;
    let scraped = free().await;
    let second = Second::with(&sandbox, |config| config.metrics_listen = Some(scraped)).await;
    let registry = client(&second);
    for _ in 0..3 {
        list(&registry).await.expect("let in");
    }
    list(&registry.with_token("nonsense").expect("a header")).await.expect_err("not let in");
    let mut watch = registry.units().watch_units(pb::WatchUnitsRequest::default()).await.expect("open");
    watch.get_mut().message().await.expect("a message");

    let url = format!("http://{scraped}/metrics");
    let shows = async |name: &str, labels: &[&str], value: &str| {
        let text = reqwest::get(&url).await.ok()?.text().await.ok()?;
        let mut lines = text.lines().filter(|line| line.starts_with(&format!("{name}{{")));
        let line = lines.find(|line| labels.iter().all(|label| line.contains(label)))?;
        line.ends_with(&format!(" {value}")).then_some(())
    };
    let list = format!("method=\"{LIST}\"");
    let watching = "method=\"/rampart.registry.v1.UnitService/WatchUnits\"";
    until(async || shows("rampart_calls_total", &[&list, "code=\"OK\""], "3").await).await;
    until(async || shows("rampart_calls_total", &[&list, "code=\"UNAUTHENTICATED\""], "1").await).await;
    until(async || shows("rampart_call_duration_seconds_count", &[&list], "4").await).await;
    until(async || shows("rampart_calls_in_hand", &[&list], "0").await).await;
    until(async || shows("rampart_calls_in_hand", &[watching], "1").await).await;
    drop(watch);
    until(async || shows("rampart_calls_in_hand", &[watching], "0").await).await;
    until(async || shows("rampart_calls_total", &[watching, "code=\"CANCELLED\""], "1").await).await;
    second.stop().await;
    reqwest::get(&url).await.expect_err("it ends with the service");
}

// The one test that sets up tracing, which a program does once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_is_sent_the_callers_trace_with_the_services_span_in_it_and_the_figures() {
    let sandbox = Sandbox::start(&[]).await;
    let collector = Collector::default();
    let url = collector.start().await;
    let silent = tracing_subscriber::EnvFilter::new("off");
    let traces = telemetry::start_tracing(silent, LogFormat::Text, "registry", &url).expect("an address");
    let second = Second::with(&sandbox, |config| config.otlp_endpoint = Some(url)).await;

    let asking = tracing::info_span!("asking");
    list(&client(&second)).instrument(asking).await.expect("let in");
    // A client in another language, which names its own span.
    let mut request = Request::new(pb::ListUnitsRequest::default());
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    request.metadata_mut().insert("traceparent", parent.parse().expect("a value"));
    client(&second).units().list_units(request).await.expect("let in");

    // What has not been sent yet is sent at the end.
    second.stop().await;
    traces.end().await;
    let asking = collector.spans("asking").pop().expect("the caller's span");
    let calls = collector.spans(LIST);
    let ours = calls.iter().find(|call| call.trace_id == asking.trace_id).expect("the same trace");
    assert_eq!(ours.parent_span_id, asking.span_id);
    let theirs = calls.iter().find(|call| call.parent_span_id == 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    let theirs = theirs.expect("a child of the span that was named");
    assert_eq!(theirs.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
    for name in ["rampart.calls", "rampart.call.duration", "rampart.calls.in_hand"] {
        let figures = collector.figures();
        assert!(figures.iter().any(|figure| figure == name), "{name} was not sent: {figures:?}");
    }
}
