//! The main job, played through the public gRPC API only: Loudi's 3 February 2020, to the morning after.

pub mod bulletins;
pub mod days;
pub mod document;
pub mod epidemic;
pub mod facts;
pub mod follow_up;
pub mod forms;
pub mod grids;
pub mod laws;
pub mod officers;
pub mod persons;
pub mod play;
pub mod send;
pub mod stage;
pub mod tree;
pub mod units;
pub mod walk;
