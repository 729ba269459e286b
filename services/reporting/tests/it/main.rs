//! Reporting through gRPC, on a real database. One file a resource; names state the rule.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests")]

mod bulletins;
mod days;
mod drafts;
mod faults;
mod forms;
mod plans;
mod proofs;
mod reports;
mod rollups;
mod town;
