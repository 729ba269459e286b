//! How any service of Rampart starts, serves, authenticates, fails, feeds and stops.
//!
//! There is no noun of the field in here: a module enters when three services need it. What a
//! request meets on its way in, from the outside: [`layers`] (trace, load, deadline, identity,
//! permission), then the handler, which uses [`Caller`], [`Database`], [`claims`], [`pages`] and
//! answers with a [`Fault`] where it must.

pub mod authority;
pub mod batcher;
pub mod bootstrap;
pub mod claims;
pub mod clock;
pub mod config;
pub mod damage;
pub mod database;
pub mod fault;
pub mod feed;
pub mod identity;
pub mod keys;
pub mod layers;
pub mod meters;
pub mod pages;
pub mod parse;
pub mod partitions;
pub mod program;
pub mod server;
pub mod telemetry;
pub mod tls;
pub mod watching;
mod work;

pub use authority::{Authority, Caller, Grant};
pub use clock::Clock;
pub use config::{Config, ConfigArgs};
pub use database::Database;
pub use fault::{Fault, Violation, Violations};
pub use server::RunError;
pub use work::Work;
