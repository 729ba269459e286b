//! The one clock that business time is read from.
//!
//! Business dates, deadlines, appointments and slots follow this clock; tokens, TLS, leases and RPC
//! deadlines follow the machine's. No SQL asks the database for the time.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

/// Tells the instant and the civil date in the city's zone. Cheap to clone; clones of a simulated
/// clock move together.
#[derive(Clone, Debug)]
pub struct Clock {
    zone: Tz,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    System,
    Simulated(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock, read in the city's zone.
    #[must_use]
    pub fn system(zone: Tz) -> Self {
        Self { zone, source: Source::System }
    }

    /// A clock that stands still until it is moved. For `rampart up --simulate` and for tests.
    #[must_use]
    pub fn simulated(zone: Tz, start: DateTime<Utc>) -> Self {
        Self { zone, source: Source::Simulated(Arc::new(AtomicI64::new(start.timestamp_micros()))) }
    }

    /// The present instant, in whole microseconds, as the database keeps it.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let micros = match &self.source {
            Source::System => wall().timestamp_micros(),
            Source::Simulated(micros) => micros.load(Ordering::Acquire),
        };
        DateTime::from_timestamp_micros(micros).unwrap_or_default()
    }

    /// The civil date in the city's zone.
    #[must_use]
    pub fn today(&self) -> NaiveDate {
        self.now().with_timezone(&self.zone).date_naive()
    }

    /// The city's zone.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// Whether the clock is a simulated one.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        matches!(self.source, Source::Simulated(_))
    }

    /// Moves a simulated clock forward to an instant; it never goes back, and the machine's clock is
    /// not moved at all. Answers the instant it now shows.
    pub fn advance_to(&self, instant: DateTime<Utc>) -> DateTime<Utc> {
        if let Source::Simulated(micros) = &self.source {
            micros.fetch_max(instant.timestamp_micros(), Ordering::AcqRel);
        }
        self.now()
    }
}

/// The machine's time, for what follows it: tokens, leases, retention of technical tables.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
pub fn wall() -> DateTime<Utc> {
    Utc::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_business_date_is_the_city_s_not_utc_s() {
        let evening = "2020-02-03T16:30:00Z".parse().expect("an instant");
        let clock = Clock::simulated(chrono_tz::Asia::Shanghai, evening);
        assert_eq!(clock.today().to_string(), "2020-02-04");
    }

    #[test]
    fn a_simulated_clock_never_goes_back() {
        let start = "2020-02-03T00:00:00Z".parse().expect("an instant");
        let clock = Clock::simulated(chrono_tz::Asia::Shanghai, start);
        let twin = clock.clone();
        clock.advance_to(start + chrono::TimeDelta::hours(1));
        twin.advance_to(start);
        assert_eq!(twin.now(), start + chrono::TimeDelta::hours(1));
    }
}
