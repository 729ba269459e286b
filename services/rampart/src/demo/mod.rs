//! The main job, played through the public gRPC API only.

pub mod tree;
