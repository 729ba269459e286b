//! What stands before every handler: trace, load, deadline, identity, permission. In that order, and
//! before the message is parsed.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, header::AUTHORIZATION};
use prost_reflect::{DescriptorPool, MethodDescriptor, Value};
use tokio::{sync::Semaphore, time::Instant};
use tonic::{Code, body::Body};
use tracing::Instrument as _;

use crate::{
    Authority, Caller, Fault, identity::Verifier, meters::Meters, server::LARGEST_MESSAGE, telemetry,
};

/// The longest a unary call may take.
const UNARY: Duration = Duration::from_secs(10);

/// How much sooner than the client's deadline ours passes.
const MARGIN: Duration = Duration::from_millis(5);

/// When the call must have ended; in the extensions of every unary request.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(pub Instant);

/// What a method's declaration in the proto says.
#[derive(Clone, Debug)]
pub struct Method {
    /// Its path, such as `/package.Service/Method`.
    pub path: &'static str,
    /// The permission it needs.
    pub permission: &'static str,
    /// Whether either side of it is a stream.
    pub streaming: bool,
}

/// Reads the permission of every method of our packages from the descriptor set. The strings live as
/// long as the program, of which there is one table.
///
/// # Errors
/// Where the descriptor set is damaged.
pub fn methods(set: &[u8]) -> Result<HashMap<String, Method>, prost_reflect::DescriptorError> {
    let pool = DescriptorPool::decode(set)?;
    let all = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    let ours = all.filter(|method| method.parent_service().full_name().starts_with("rampart."));
    Ok(ours
        .filter_map(|method| {
            let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
            policy(&pool, &method, &path).map(|policy| (path, policy))
        })
        .collect())
}

fn policy(pool: &DescriptorPool, method: &MethodDescriptor, path: &str) -> Option<Method> {
    let option = pool.get_extension_by_name("rampart.type.v1.permission")?;
    match method.options().get_extension(&option).as_ref() {
        Value::String(permission) if !permission.is_empty() => Some(Method {
            path: path.to_owned().leak(),
            permission: permission.clone().leak(),
            streaming: method.is_client_streaming() || method.is_server_streaming(),
        }),
        _ => None,
    }
}

/// Holds what the layers need.
pub struct Gate {
    /// The domain of the service's errors.
    pub domain: &'static str,
    /// Every method that may be called at all.
    pub methods: HashMap<String, Method>,
    /// Verifies who calls.
    pub verifier: Arc<Verifier>,
    /// Knows what they may do.
    pub authority: Arc<dyn Authority>,
    /// One permit a call in hand.
    pub room: Arc<Semaphore>,
    /// Counts what is in hand and what was answered.
    pub meters: Arc<Meters>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Gate").field("domain", &self.domain).finish_non_exhaustive()
    }
}

/// The layer itself: lets a call through to its handler with a [`Caller`] and a [`Deadline`] in its
/// extensions, or answers in its stead.
pub async fn enter(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!(
        "call",
        otel.name = path,
        otel.kind = "server",
        caller = tracing::field::Empty,
        code = tracing::field::Empty
    );
    telemetry::adopt(&span, request.headers());
    // A path that is none of ours has no figure of its own: callers could make as many as they like.
    let call = gate.meters.call(gate.methods.get(&path).map_or("unknown", |method| method.path));
    let began = Instant::now();
    let answer = async {
        let Some(method) = gate.methods.get(&path) else {
            return Err(Fault::Unimplemented);
        };
        let permit = Arc::clone(&gate.room).try_acquire_owned();
        let _permit = permit.map_err(|_| Fault::Overloaded)?;
        let deadline = deadline(request.headers(), method, began);
        let allowed = allow(&gate, request.headers(), method);
        let caller = within(deadline, allowed).await??;
        tracing::Span::current().record("caller", caller.subject());
        request.extensions_mut().insert(caller);
        if let Some(deadline) = deadline {
            request.extensions_mut().insert(Deadline(deadline));
        }
        let response = within(deadline, next.run(request)).await?;
        refused_by_transport(&response).map_or(Ok(response), Err)
    };
    let answer = answer.instrument(span.clone()).await;
    let response = answer.unwrap_or_else(|fault| {
        let status = span.in_scope(|| fault.into_status(gate.domain));
        status.into_http::<Body>().map(axum::body::Body::new)
    });
    let code = response.headers().get("grpc-status").and_then(|code| code.to_str().ok());
    span.record("code", code.unwrap_or("0"));
    span.in_scope(|| tracing::debug!(micros = began.elapsed().as_micros(), "answered"));
    call.until_end_of(response)
}

/// What the transport refuses by itself, before a handler sees it, has no details: ours says why.
fn refused_by_transport(response: &Response) -> Option<Fault> {
    let headers = response.headers();
    let code = headers.get("grpc-status")?.to_str().ok()?;
    if headers.contains_key("grpc-status-details-bin") {
        return None;
    }
    match Code::from_bytes(code.as_bytes()) {
        Code::Ok => None,
        Code::OutOfRange => {
            Some(Fault::invalid("message", format!("must be at most {LARGEST_MESSAGE} bytes")))
        }
        Code::Internal | Code::InvalidArgument => {
            Some(Fault::invalid("message", "is not a well-formed message of this method"))
        }
        Code::Unimplemented => Some(Fault::Unimplemented),
        _ => Some(Fault::Unavailable("the call was cut off; repeat it")),
    }
}

async fn allow(gate: &Gate, headers: &HeaderMap, method: &Method) -> Result<Caller, Fault> {
    let token = bearer(headers)?;
    let identity = gate.verifier.verify(token)?;
    let grants = gate.authority.grants(&identity.subject).await?;
    let caller = Caller::new(identity, grants);
    if caller.holds(method.permission) { Ok(caller) } else { Err(Fault::Denied(method.permission)) }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Fault> {
    headers
        .get(AUTHORIZATION)
        .ok_or(Fault::Unauthenticated("missing: send authorization: Bearer <token>"))?
        .to_str()
        .ok()
        .and_then(|value| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer ")))
        .ok_or(Fault::Unauthenticated("not of the form Bearer <token>"))
}

/// The client's deadline, capped for unary calls; a stream has none of ours.
fn deadline(headers: &HeaderMap, method: &Method, began: Instant) -> Option<Instant> {
    if method.streaming {
        return None;
    }
    let asked = headers.get("grpc-timeout").and_then(|value| timeout(value.to_str().ok()?));
    // The transport has a timer of its own, which would say CANCELLED: ours goes off before it.
    let asked = asked.map(|asked| asked.saturating_sub(MARGIN));
    Some(began + asked.unwrap_or(UNARY).min(UNARY))
}

fn timeout(value: &str) -> Option<Duration> {
    let (digits, measure) = value.split_at_checked(value.len().checked_sub(1)?)?;
    let amount = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    Some(match measure {
        "H" => Duration::from_secs(amount * 3_600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

async fn within<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Result<T, Fault> {
    match deadline {
        None => Ok(work.await),
        Some(end) => tokio::time::timeout_at(end, work).await.map_err(|_| Fault::Deadline),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_has_at_most_eight_digits_and_a_unit() {
        assert_eq!(timeout("250m"), Some(Duration::from_millis(250)));
        assert_eq!(timeout("1S"), Some(Duration::from_secs(1)));
        for wrong in ["", "S", "999999999S", "1x", "-1S"] {
            assert_eq!(timeout(wrong), None, "{wrong}");
        }
    }
}
