//! What the play is played on: the services, who calls them, and the simulated clock.

use std::time::Duration;

use aws_lc_rs::digest;
use chassis::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use tonic::{Code, Response, Status};
use uuid::Uuid;

use crate::{
    client::{Registry, Reporting, Screening},
    issuer::Issuer,
};

/// Midnight of 3 February 2020 in Loudi.
pub const START: DateTime<Utc> = match DateTime::from_timestamp(1_580_659_200, 0) {
    Some(start) => start,
    None => DateTime::UNIX_EPOCH,
};
/// The business date that is played.
pub const DATE: &str = "2020-02-03";
/// The date before, at whose end the opening balances hold.
pub const DATE_BEFORE: &str = "2020-02-02";
/// The date after, which bulletins and corrections bear.
pub const DATE_AFTER: &str = "2020-02-04";

/// How long a token of the play is good for.
const TOKEN: Duration = Duration::from_secs(3_600);
/// How often a call that must be repeated is repeated, and after how long each time.
const REPEATS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// The services, the clock and everybody's tokens.
#[derive(Clone, Debug)]
pub struct Stage {
    issuer: Issuer,
    clock: Clock,
    /// The registry as the administrator.
    pub registry: Registry,
    /// Reporting as the administrator.
    pub reporting: Reporting,
    screening: Screening,
    reporting_at: String,
}

impl Stage {
    /// Connects to the services.
    ///
    /// # Errors
    /// An address that is none.
    pub fn new(
        issuer: &Issuer,
        clock: &Clock,
        (registry, reporting, screening): (&str, &str, &str),
        administrator: &str,
    ) -> anyhow::Result<Self> {
        let token = issuer.token(administrator, TOKEN)?;
        Ok(Self {
            issuer: issuer.clone(),
            clock: clock.clone(),
            registry: Registry::new(registry, &token)?,
            reporting: Reporting::new(reporting, &token)?,
            screening: Screening::new(screening, &token)?,
            reporting_at: reporting.to_owned(),
        })
    }

    /// A token of a subject.
    ///
    /// # Errors
    /// Where signing fails.
    pub fn token(&self, subject: &str) -> anyhow::Result<String> {
        self.issuer.token(subject, TOKEN)
    }

    /// The registry as a subject.
    ///
    /// # Errors
    /// Where signing fails.
    pub fn registry_as(&self, subject: &str) -> anyhow::Result<Registry> {
        self.registry.with_token(&self.token(subject)?)
    }

    /// Reporting as a subject.
    ///
    /// # Errors
    /// Where signing fails.
    pub fn reporting_as(&self, subject: &str) -> anyhow::Result<Reporting> {
        self.reporting.with_token(&self.token(subject)?)
    }

    /// Screening as a subject.
    ///
    /// # Errors
    /// Where signing fails.
    pub fn screening_as(&self, subject: &str) -> anyhow::Result<Screening> {
        self.screening.with_token(&self.token(subject)?)
    }

    /// Reporting over a connection of its own, as the administrator.
    ///
    /// # Errors
    /// Where signing fails.
    pub fn another_connection(&self, administrator: &str) -> anyhow::Result<Reporting> {
        Reporting::new(&self.reporting_at, &self.token(administrator)?)
    }

    /// Moves the clock to a minute of 3 February, as schedules count them: 960 is 16:00, 1440 midnight.
    pub fn advance(&self, minute: i64) {
        self.clock.advance_to(at(minute));
    }
}

/// A minute of 3 February as an instant.
#[must_use]
pub fn at(minute: i64) -> DateTime<Utc> {
    START + TimeDelta::minutes(minute)
}

/// The date so many days after 3 February, as the contract writes it.
#[must_use]
pub fn date(day: i64) -> String {
    at(day * 1_440).with_timezone(&chrono_tz::Asia::Shanghai).date_naive().to_string()
}

/// A number that a text always gets, for what is to look accidental and be the same in every run.
#[must_use]
pub fn lot(text: &str) -> u64 {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    hash.as_ref().iter().take(8).fold(0, |lot, byte| lot << 8 | u64::from(*byte))
}

/// The request_id of a step: the same in every run, so that a step that is repeated is recognised.
#[must_use]
pub fn request_id(step: &str) -> String {
    let hash = digest::digest(&digest::SHA256, step.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(hash.as_ref().get(..16).unwrap_or(&[0; 16]));
    Uuid::new_v8(bytes).to_string()
}

/// Makes a call, again where the service asks for that, for at most ten seconds.
///
/// # Errors
/// The refusal.
pub async fn patiently<T, F>(mut call: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let mut left = REPEATS;
    loop {
        match call().await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status)
                if left > 0
                    && matches!(
                        status.code(),
                        Code::Unavailable | Code::Aborted | Code::ResourceExhausted
                    ) =>
            {
                left -= 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(status) => return Err(status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_begins_at_midnight_in_loudi() {
        assert_eq!(START.to_rfc3339(), "2020-02-02T16:00:00+00:00");
        assert_eq!(at(1_440).to_rfc3339(), "2020-02-03T16:00:00+00:00");
        assert_eq!((date(0).as_str(), date(8).as_str()), (DATE, "2020-02-11"));
    }

    #[test]
    fn a_step_always_has_the_same_request_id() {
        assert_eq!(request_id("a"), request_id("a"));
        assert_ne!(request_id("a"), request_id("b"));
        assert!(Uuid::parse_str(&request_id("a")).is_ok());
    }
}
