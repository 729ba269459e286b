//! Worklists: what must be done now, in due order. A page of one begins after a place: until when, and what.

use chassis::{Fault, pages::Pager};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A place in a worklist.
pub type Place = (DateTime<Utc>, Uuid);

/// After which place a page begins of a list that is also a worklist.
#[derive(Clone, Copy, Debug)]
pub enum After {
    /// In the order in which they were made: after this one; the nil id for the first page.
    Made(Uuid),
    /// In due order: after this place.
    Due(Place),
}

impl After {
    /// The place after which the page begins, in the order that is asked for.
    ///
    /// # Errors
    /// [`Fault::PageToken`] where the token is not one of this query.
    pub fn of(pager: &Pager, due_order: bool) -> Result<Self, Fault> {
        if due_order { after(pager).map(Self::Due) } else { pager.after().map(Self::Made) }
    }

    /// What a token keeps of the last of a page, in the same order: when it is due, where it is, and its id.
    #[must_use]
    pub fn key(self, due: Option<DateTime<Utc>>, id: Uuid) -> String {
        match self {
            Self::Made(_) => id.to_string(),
            Self::Due(_) => key((due.unwrap_or_default(), id)),
        }
    }
}

/// The place in a worklist after which the page begins.
///
/// # Errors
/// [`Fault::PageToken`] where the token is not one of this query.
pub fn after(pager: &Pager) -> Result<Place, Fault> {
    let Some((micros, id)) = pager.pair()? else { return Ok((DateTime::UNIX_EPOCH, Uuid::nil())) };
    Ok((instant(micros)?, id))
}

/// What a token keeps of the last of a page of a worklist.
#[must_use]
pub fn key((due, id): Place) -> String {
    format!("{} {id}", due.timestamp_micros())
}

/// The instant of a token.
///
/// # Errors
/// [`Fault::PageToken`] where there is none.
pub fn instant(micros: i64) -> Result<DateTime<Utc>, Fault> {
    DateTime::from_timestamp_micros(micros).ok_or(Fault::PageToken)
}
