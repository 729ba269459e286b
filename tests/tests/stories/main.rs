//! Stories of the whole system, through gRPC.

#![allow(clippy::expect_used, reason = "helpers of tests")]

mod access;
mod access_to_medical;
mod access_to_reporting;
mod access_to_screening;
mod calls_at_home;
mod calls_of_erasures;
mod calls_of_lists;
mod calls_of_medical;
mod calls_of_screening;
mod migrations;
mod official_lists;
mod transactions;
