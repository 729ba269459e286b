//! The registry through gRPC, on a real database. One file a resource; names state the rule.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests")]

mod appointments;
mod feed;
mod gate;
mod import;
mod officers;
mod plans;
mod proofs;
mod telemetry;
mod transport;
mod tree;
mod units;
