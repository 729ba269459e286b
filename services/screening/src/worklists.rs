//! Worklists: what must be done now, in due order. A page of one begins after a place: until when, and what.

use chassis::{Fault, pages::Pager};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A place in a worklist.
pub type Place = (DateTime<Utc>, Uuid);

/// The place after which the page of a token begins.
///
/// # Errors
/// [`Fault::PageToken`] where the token is not one of this query.
pub fn after(pager: &Pager, token: &str) -> Result<Place, Fault> {
    let Some(key) = pager.key(token)? else { return Ok((DateTime::UNIX_EPOCH, Uuid::nil())) };
    let (micros, id) = key.split_once(' ').ok_or(Fault::PageToken)?;
    let micros = micros.parse().map_err(|_| Fault::PageToken)?;
    let due = DateTime::from_timestamp_micros(micros).ok_or(Fault::PageToken)?;
    Ok((due, id.parse().map_err(|_| Fault::PageToken)?))
}

/// What a token keeps of the last of a page.
#[must_use]
pub fn key((due, id): Place) -> String {
    format!("{} {id}", due.timestamp_micros())
}
