//! Screening through gRPC, on a real database. One file a resource; names state the rule.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests")]

mod admissions;
mod cases;
mod checkpoints;
mod enforcements;
mod exposures;
mod faults;
mod ground;
mod handdowns;
mod hands;
mod homes;
mod incidents;
mod keys;
mod lives;
mod observations;
mod passages;
mod persons;
mod plans;
mod proofs;
mod readings;
mod referrals;
mod results;
mod supports;
mod sweeps;
mod watch;
