//! The main job, played through the public gRPC API only.

pub mod officers;
pub mod tree;
pub mod units;
