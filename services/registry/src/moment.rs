//! When a piece of work is done.

use chassis::Clock;
use chrono::{DateTime, NaiveDate, Utc};

/// The instant and the civil date of a piece of work, read once.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The instant.
    pub now: DateTime<Utc>,
    /// The civil date.
    pub today: NaiveDate,
}

impl Moment {
    /// The present moment of a clock.
    #[must_use]
    pub fn of(clock: &Clock) -> Self {
        Self { now: clock.now(), today: clock.today() }
    }
}
