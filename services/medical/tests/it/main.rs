//! Medical through gRPC, on a real database. One file a resource; names state the rule.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests")]

mod alarms;
mod capacity;
mod directory;
mod facilities;
mod ground;
mod phones;
mod plans;
mod policies;
mod wards;
