//! The list of observations in its order: the lost after the others, what is due first, first.

use chassis::Fault;
use chrono::{DateTime, Utc};
use proto::screening as pb;
use uuid::Uuid;

use super::{Observation, store::Page};

/// The whole list: before its first place, and its last. The list has no observation of other centuries.
pub(crate) const EVERYTHING: (Page, Page) = (beginning(false), end(true));

const fn beginning(lost: bool) -> Page {
    (lost, DateTime::UNIX_EPOCH, Uuid::nil())
}

const fn end(lost: bool) -> Page {
    (lost, DateTime::from_timestamp_nanos(i64::MAX), Uuid::max())
}

/// The part of the list that is in a state now.
pub(crate) fn range(state: i32, now: DateTime<Utc>) -> Result<(Page, Page), String> {
    match pb::ObservationState::try_from(state) {
        Ok(pb::ObservationState::Unspecified) => Ok(EVERYTHING),
        Ok(pb::ObservationState::Active) => Ok(((false, now, Uuid::max()), end(false))),
        Ok(pb::ObservationState::ReleaseDue) => Ok((beginning(false), (false, now, Uuid::max()))),
        Ok(pb::ObservationState::Lost) => Ok((beginning(true), end(true))),
        _ => Err("must be ACTIVE, RELEASE_DUE or LOST; what has ended is listed by person".to_owned()),
    }
}

/// The place of an observation in the list, as a key of a page.
pub(crate) fn key(observation: &Observation) -> String {
    format!("{} {} {}", observation.lost, observation.due_at.timestamp_micros(), observation.id)
}

/// The place that a key stands for.
///
/// # Errors
/// [`Fault::PageToken`].
pub(crate) fn place(key: &str) -> Result<Page, Fault> {
    let mut parts = key.split(' ');
    let mut next = || parts.next().ok_or(Fault::PageToken);
    let lost = next()?.parse().map_err(|_| Fault::PageToken)?;
    let micros = next()?.parse().map_err(|_| Fault::PageToken)?;
    let due: Option<DateTime<Utc>> = DateTime::from_timestamp_micros(micros);
    Ok((lost, due.ok_or(Fault::PageToken)?, next()?.parse().map_err(|_| Fault::PageToken)?))
}
