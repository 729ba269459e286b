//! The real binary: what it prints, and the exit codes that scripts go by.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests")]

mod contacts;
mod demo;
mod expected_lists;
mod medical;
mod reporting;
mod schedules;
mod screening;
mod shell;
mod sweeps;
mod today;
