//! The operator's side of Rampart: the private Postgres, the whole stack in one process, and what the
//! command line is made of.

pub mod chains;
pub mod client;
pub mod commands;
pub mod contacts_file;
pub mod context;
pub mod counts_file;
pub mod demo;
pub mod form_file;
pub mod handdowns_file;
pub mod issuer;
pub mod lines;
pub mod output;
pub mod passages_file;
pub mod postgres;
pub mod readings_file;
pub mod reports_file;
pub mod retry;
pub mod sheet;
pub mod stack;
pub mod units_file;
pub mod visits_file;
