//! Screening through gRPC, on a real database. One file a resource; names state the rule.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests")]

mod admissions;
mod cases;
mod cases_counted;
mod cases_decided;
mod checkpoints;
mod closed_units;
mod contacts_undecided;
mod damaged;
mod enforcements;
mod erasures;
mod erasures_cut_off;
mod escalations;
mod expected_lists;
mod exposures;
mod faults;
mod figures;
mod following;
mod ground;
mod handdown_lists;
mod handdowns;
mod hands;
mod homes;
mod incidents;
mod keys;
mod lives;
mod meanwhile;
mod observation_feed;
mod observations;
mod passages;
mod persons;
mod plans;
mod proofs;
mod readings;
mod referrals;
mod results;
mod schedules;
mod supports;
mod sweeps;
mod telemetry;
mod verification;
mod watch;
