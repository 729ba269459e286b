//! The main job, played through the public gRPC API only: Loudi's 3 February 2020, to the morning after; then the
//! persons of the week, and the afternoon of 11 February, on which Order No. 13 came into force.

pub mod bulletins;
pub mod days;
pub mod document;
pub mod epidemic;
pub mod facts;
pub mod follow_up;
pub mod forms;
pub mod grids;
pub mod journal;
pub mod laws;
pub mod officers;
pub mod order13;
pub mod persons;
pub mod play;
pub mod send;
pub mod stage;
pub mod tree;
pub mod units;
pub mod walk;
pub mod week;
