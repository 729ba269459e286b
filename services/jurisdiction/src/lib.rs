//! What every service knows of the registry: which offices there are and what each may do.

pub mod offices;

pub use offices::Office;
