//! Repeats unary calls that are UNAVAILABLE, as proto/service_config.json asks of clients of other
//! languages (tonic takes no service config). A repetition is safe: a change carries its request_id.

use std::{
    collections::HashSet,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::{BodyExt as _, Full};
use tonic::{Code, Status, body::Body};
use tonic_types::StatusExt as _;
use tower::Service;

/// How often a call is made at most.
const ATTEMPTS: u32 = 4;
/// How long is waited after the first attempt; twice as long after each further one.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest that is waited.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// The tokens of the throttle: a failure takes one, a success gives a tenth, and nothing is repeated
/// while half or less are left.
const TOKENS: f64 = 10.0;

/// Why a call failed on the way.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A channel that repeats.
#[derive(Clone, Debug)]
pub struct Retrying<S> {
    inner: S,
    unary: Arc<HashSet<String>>,
    tokens: Arc<Mutex<f64>>,
}

impl<S> Retrying<S> {
    /// Repeats the unary calls of the contract on a channel. Clones share the throttle.
    #[must_use]
    pub fn new(inner: S) -> Self {
        let methods = chassis::layers::methods(proto::DESCRIPTOR_SET).unwrap_or_default();
        let unary = methods.into_iter().filter(|(_, method)| !method.streaming).map(|(path, _)| path);
        Self { inner, unary: Arc::new(unary.collect()), tokens: Arc::new(Mutex::new(TOKENS)) }
    }
}

/// Whether an answer says UNAVAILABLE, and how long the server asks to wait.
fn unavailable<B, E>(answer: &Result<http::Response<B>, E>) -> Option<Option<Duration>> {
    let Ok(response) = answer else {
        return Some(None);
    };
    let status = Status::from_header_map(response.headers())?;
    let wait = || status.get_error_details().retry_info().and_then(|info| info.retry_delay);
    (status.code() == Code::Unavailable).then(wait)
}

/// Notes an outcome; answers whether the throttle lets a repetition through.
fn note(tokens: &Mutex<f64>, failed: bool) -> bool {
    let mut tokens = tokens.lock().unwrap_or_else(PoisonError::into_inner);
    *tokens = if failed { (*tokens - 1.0).max(0.0) } else { (*tokens + 0.1).min(TOKENS) };
    *tokens > TOKENS / 2.0
}

/// How long to wait after an attempt: the server's wish, or ours, a fifth more or less.
fn wait(attempt: u32, asked: Option<Duration>) -> Duration {
    let own = FIRST_WAIT.saturating_mul(1 << attempt.min(8));
    let random = u32::try_from(uuid::Uuid::new_v4().as_u128() % 401).unwrap_or(200);
    let jittered = asked.unwrap_or(own).saturating_mul(800 + random) / 1_000;
    jittered.min(LONGEST_WAIT)
}

impl<S, B> Service<http::Request<Body>> for Retrying<S>
where
    S: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Failure> + Send,
    B: Send + 'static,
{
    type Response = http::Response<B>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        // The one that was polled ready is used; the clone is for the next call.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        if !self.unary.contains(request.uri().path()) {
            let answer = inner.call(request);
            return Box::pin(async move { answer.await.map_err(Into::into) });
        }
        let tokens = Arc::clone(&self.tokens);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let mut attempt = 0;
            loop {
                let whole = Full::new(body.clone()).map_err(|never| match never {});
                let answer = inner.call(http::Request::from_parts(parts.clone(), Body::new(whole))).await;
                let failed = unavailable(&answer);
                let may = note(&tokens, failed.is_some());
                attempt += 1;
                let Some(asked) = failed.filter(|_| may && attempt < ATTEMPTS) else {
                    return answer.map_err(Into::into);
                };
                tokio::time::sleep(wait(attempt - 1, asked)).await;
                std::future::poll_fn(|context| inner.poll_ready(context)).await.map_err(Into::into)?;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const UNARY: &str = "/rampart.registry.v1.UnitService/GetUnit";

    async fn attempts(path: &str, failures: u32) -> (u32, Option<Code>) {
        let made = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&made);
        let inner = tower::service_fn(move |request: http::Request<Body>| {
            let nth = counted.fetch_add(1, Ordering::Relaxed);
            async move {
                let body = request.into_body().collect().await.map_err(Failure::from)?.to_bytes();
                assert_eq!(body.as_ref(), b"what was said", "each attempt says the same");
                let code = if nth < failures { Code::Unavailable } else { Code::Ok };
                Ok::<_, Failure>(Status::new(code, "").into_http::<Body>())
            }
        });
        let mut channel = Retrying::new(inner);
        let body = Body::new(Full::from("what was said").map_err(|never| match never {}));
        let request = http::Request::builder().uri(path).body(body).expect("a request");
        let response = channel.call(request).await.expect("an answer");
        let status = Status::from_header_map(response.headers());
        (made.load(Ordering::Relaxed), status.map(|status| status.code()))
    }

    #[tokio::test]
    async fn what_is_unavailable_is_repeated_up_to_four_times() {
        assert_eq!(attempts(UNARY, 0).await, (1, Some(Code::Ok)));
        assert_eq!(attempts(UNARY, 2).await, (3, Some(Code::Ok)));
        assert_eq!(attempts(UNARY, 9).await, (4, Some(Code::Unavailable)));
    }

    #[tokio::test]
    async fn a_stream_is_not_repeated() {
        let path = "/rampart.registry.v1.UnitService/WatchUnits";
        assert_eq!(attempts(path, 1).await, (1, Some(Code::Unavailable)));
    }

    #[test]
    fn a_service_that_keeps_failing_is_left_alone() {
        let tokens = Mutex::new(TOKENS);
        let let_through = (0..10).filter(|_| note(&tokens, true)).count();
        assert_eq!(let_through, 4);
        (0..60).for_each(|_| {
            note(&tokens, false);
        });
        assert!(note(&tokens, false));
    }
}
