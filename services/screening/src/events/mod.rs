//! Events: the client's ids of what comes in lists. What is sent again is known by its id; anything else under an id that
//! was used is refused, so that nobody is taken for somebody who was sent before.

pub mod store;

use aws_lc_rs::digest;
use uuid::Uuid;

/// Which lists have ids of their own: numbers as the database has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum List {
    /// Persons who are handed down.
    Handdowns = 1,
    /// Contacts.
    Exposures = 2,
    /// Visits of a sweep.
    Visits = 3,
}

/// An id with what was sent under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The client's id.
    pub event: Uuid,
    /// Of the whole item; kept keyed, since there may be personal values in it.
    pub digest: Vec<u8>,
}

impl Sent {
    /// An item that was sent under an id, as it came.
    #[must_use]
    pub fn new(event: Uuid, item: &[u8]) -> Self {
        let digest = digest::digest(&digest::SHA256, item);
        Self { event, digest: digest.as_ref().to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_item_is_another_one() {
        let sent = |item: &str| Sent::new(Uuid::nil(), item.as_bytes());
        assert_eq!(sent("样例一"), sent("样例一"));
        assert_ne!(sent("样例一"), sent("样例二"));
    }
}
