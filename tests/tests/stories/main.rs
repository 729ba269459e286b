//! Stories of the whole system, through gRPC.

#![allow(clippy::expect_used, reason = "helpers of tests")]

mod access;
mod migrations;
mod official_lists;
