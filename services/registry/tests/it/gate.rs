//! The gate: who calls, whether they may, and until when. Every refusal says why.

use std::time::Duration;

use proto::registry as pb;
use rampart::{client::Registry, issuer::Issuer};
use serde_json::json;
use sqlx::Connection as _;
use tests::{Sandbox, reason};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

async fn list(registry: &Registry) -> Result<(), Status> {
    registry.units().list_units(pb::ListUnitsRequest::default()).await.map(|_| ())
}

/// The refusal of a token, with the problem that its metadata names.
async fn refusal(sandbox: &Sandbox, token: &str) -> (Code, String) {
    let registry = sandbox.registry().with_token(token).expect("a header");
    let status = list(&registry).await.expect_err("not let in");
    let details = status.get_error_details();
    let info = details.error_info().expect("every refusal says why");
    assert_eq!((info.domain.as_str(), info.reason.as_str()), ("registry.rampart", "UNAUTHENTICATED"));
    (status.code(), info.metadata["problem"].clone())
}

fn claims(issuer: &str, audience: &str, expires: i64) -> serde_json::Value {
    json!({"sub": "admin", "iss": issuer, "aud": audience, "exp": expires})
}

#[tokio::test]
async fn only_credentials_of_our_issuer_for_our_audience_are_let_in() {
    let sandbox = Sandbox::start(&[]).await;
    let later = chassis::clock::wall().timestamp() + 600;
    let sign = |claims: serde_json::Value| sandbox.issuer.sign(&claims).expect("signed");
    let folder = tempfile::tempdir().expect("a folder");
    let foreign = Issuer::open(folder.path()).expect("another issuer");
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiIsImV4cCI6OTk5OTk5OTk5OX0.";
    let cases = [
        ("nonsense".to_owned(), "malformed or unsigned"),
        (unsigned.to_owned(), "malformed or unsigned"),
        (sign(claims("rampart-up", "rampart", later - 1_200)), "expired"),
        (sign(claims("rampart-up", "another", later)), "for another audience"),
        (sign(claims("another", "rampart", later)), "of another issuer"),
        (
            sign(json!({"sub": "admin", "iss": "rampart-up", "aud": "rampart"})),
            "without exp, iss, aud or sub",
        ),
        (foreign.token("admin", Duration::from_secs(600)).expect("signed"), "signed by an unknown key"),
    ];
    for (token, problem) in cases {
        assert_eq!(refusal(&sandbox, &token).await, (Code::Unauthenticated, problem.to_owned()));
    }
    list(&sandbox.registry()).await.expect("a good one is let in");
}

#[tokio::test]
async fn a_call_without_credentials_is_refused() {
    let sandbox = Sandbox::start(&[]).await;
    let channel = tonic::transport::Endpoint::new(sandbox.registry_url().to_owned()).unwrap().connect_lazy();
    let mut units = pb::unit_service_client::UnitServiceClient::new(channel);
    let refused = units.list_units(pb::ListUnitsRequest::default()).await.expect_err("nobody");
    assert_eq!(reason(&refused), "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_stranger_with_good_credentials_may_do_nothing() {
    let sandbox = Sandbox::start(&[]).await;
    let refused = list(&sandbox.registry_as("stranger")).await.expect_err("not appointed");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "PERMISSION_DENIED"));
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_with_the_reason() {
    let sandbox = Sandbox::start(&[]).await;
    let request = pb::ListUnitsRequest { page_token: "x".repeat(5 << 20), ..pb::ListUnitsRequest::default() };
    let refused = sandbox.registry().units().list_units(request).await.expect_err("too large");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "INVALID_ARGUMENT"));
}

#[tokio::test]
async fn a_call_that_waits_longer_than_its_deadline_is_told_so() {
    let sandbox = Sandbox::start(&[]).await;
    let mut sql = sandbox.sql().await;
    let mut work = sql.begin().await.unwrap();
    sqlx::query("LOCK TABLE registry.unit_place").execute(&mut *work).await.unwrap();
    let mut request = Request::new(pb::ListUnitsRequest::default());
    // Sent as a header, as a client of another language does whose own timer is later.
    request.metadata_mut().insert("grpc-timeout", "300m".parse().unwrap());
    let refused = sandbox.registry().units().list_units(request).await.expect_err("too late");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
}

#[tokio::test]
async fn the_database_going_away_is_unavailable_with_retry_info() {
    let sandbox = Sandbox::start(&[]).await;
    list(&sandbox.registry()).await.expect("it works");
    // Roles and server are those of other tests too: this database only is cut off, from another.
    let (server, database) = sandbox.admin_url.rsplit_once('/').unwrap();
    let mut sql = sqlx::PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
    let cut = format!(
        "ALTER DATABASE {database} ALLOW_CONNECTIONS false;
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(cut)).execute(&mut sql).await.unwrap();
    let refused = list(&sandbox.registry()).await.expect_err("no database");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "UNAVAILABLE"));
    assert!(refused.get_error_details().retry_info().is_some());
    let allow = format!("ALTER DATABASE {database} ALLOW_CONNECTIONS true");
    sqlx::raw_sql(sqlx::AssertSqlSafe(allow)).execute(&mut sql).await.unwrap();
    list(&sandbox.registry()).await.expect("it recovers by itself");
}
