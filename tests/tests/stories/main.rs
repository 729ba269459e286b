//! Stories of the whole system, through gRPC.

#![allow(clippy::expect_used, reason = "helpers of tests")]

mod official_lists;
