//! Units remember here. Dates are always given, never asked of the database.

mod history;
mod read;
mod write;

pub use history::*;
pub use read::*;
pub use write::*;
