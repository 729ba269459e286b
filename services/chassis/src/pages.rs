//! Pages: sizes, and opaque tokens that grant nothing and cannot be changed.
//!
//! A token is base64url of version, last key and a keyed tag over the method, the filter and the
//! caller too, so that a token of another query or caller is told apart from a good one.

use aws_lc_rs::{constant_time, hmac};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use prost::Message;
use uuid::Uuid;

use crate::{Caller, Database, Fault};

/// The page size where none is asked for.
pub const DEFAULT_SIZE: i32 = 50;
/// The largest page size.
pub const LARGEST_SIZE: i32 = 1_000;

const VERSION: u8 = 1;
const TAG: usize = 16;

/// The size of a page: the default for zero, coerced down to the largest.
///
/// # Errors
/// A negative size.
pub fn size(asked: i32) -> Result<i64, String> {
    match asked {
        0 => Ok(DEFAULT_SIZE.into()),
        size if size < 0 => Err("must not be negative".to_owned()),
        size => Ok(size.min(LARGEST_SIZE).into()),
    }
}

/// Makes and reads the tokens of one query of one caller.
#[derive(Debug)]
pub struct Pager {
    key: hmac::Key,
    context: Vec<u8>,
}

impl Pager {
    /// A pager for a request whose page_token and page_size were taken out.
    #[must_use]
    pub fn new(database: &Database, caller: &Caller, method: &str, filter: &impl Message) -> Self {
        let mut context = Vec::new();
        for part in [method.as_bytes(), caller.subject().as_bytes(), &filter.encode_to_vec()] {
            context.extend_from_slice(&(part.len() as u64).to_be_bytes());
            context.extend_from_slice(part);
        }
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, database.secret()), context }
    }

    /// The token after a key.
    #[must_use]
    pub fn token(&self, key: &str) -> String {
        let mut token = vec![VERSION];
        token.extend_from_slice(key.as_bytes());
        let tag = self.tag(&token);
        token.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The key a token stands for; nothing for the first page.
    ///
    /// # Errors
    /// [`Fault::PageToken`] where the token is not one of this query.
    pub fn key(&self, token: &str) -> Result<Option<String>, Fault> {
        if token.is_empty() {
            return Ok(None);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Fault::PageToken)?;
        let split = bytes.len().checked_sub(TAG).ok_or(Fault::PageToken)?;
        let (body, tag) = bytes.split_at(split);
        constant_time::verify_slices_are_equal(&self.tag(body), tag).map_err(|_| Fault::PageToken)?;
        match body {
            [VERSION, key @ ..] => String::from_utf8(key.to_vec()).map(Some).map_err(|_| Fault::PageToken),
            _ => Err(Fault::PageToken),
        }
    }

    /// The id after which the page begins; the nil id for the first.
    ///
    /// # Errors
    /// As [`Pager::key`].
    pub fn after(&self, token: &str) -> Result<Uuid, Fault> {
        self.key(token)?.map_or(Ok(Uuid::nil()), |key| key.parse()).map_err(|_| Fault::PageToken)
    }

    /// The place of a token whose key is a path and an id; the beginning for the first page.
    ///
    /// # Errors
    /// As [`Pager::key`].
    pub fn place(&self, token: &str) -> Result<(String, Uuid), Fault> {
        let Some(key) = self.key(token)? else {
            return Ok((String::new(), Uuid::nil()));
        };
        let (path, id) = key.split_once(' ').ok_or(Fault::PageToken)?;
        Ok((path.to_owned(), id.parse().map_err(|_| Fault::PageToken)?))
    }

    /// Cuts a list that was read one longer than the page, and makes the next token if there is more.
    pub fn cut<T>(&self, rows: &mut Vec<T>, size: i64, key: impl Fn(&T) -> String) -> String {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if rows.len() <= size {
            return String::new();
        }
        rows.truncate(size);
        rows.last().map(|last| self.token(&key(last))).unwrap_or_default()
    }

    fn tag(&self, body: &[u8]) -> [u8; TAG] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&self.context);
        context.update(body);
        let mut tag = [0; TAG];
        tag.copy_from_slice(&context.sign().as_ref()[..TAG]);
        tag
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn pager(context: &[u8]) -> Pager {
        Pager { key: hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]), context: context.to_vec() }
    }

    /// A page as a handler makes it: the rows after the token's key, read one longer than the page.
    fn page(rows: &BTreeSet<String>, size: i64, token: &str) -> (Vec<String>, String) {
        let pager = pager(b"list");
        let after = pager.key(token).expect("our own token").unwrap_or_default();
        let longer = usize::try_from(size + 1).expect("a size");
        let mut found: Vec<_> = rows.iter().filter(|row| **row > after).take(longer).cloned().collect();
        let next = pager.cut(&mut found, size, Clone::clone);
        (found, next)
    }

    proptest! {
        #[test]
        fn pages_laid_end_to_end_are_the_list_once(
            rows in prop::collection::btree_set("[0-9a-f \u{4e00}-\u{4e0f}]{1,6}", 0..60),
            size in 1_i64..20,
        ) {
            let (mut all, mut token) = (Vec::new(), String::new());
            loop {
                let (found, next) = page(&rows, size, &token);
                prop_assert!(found.len() <= usize::try_from(size).expect("a size"));
                prop_assert!(!found.is_empty() || rows.is_empty(), "a page that ends nothing is empty");
                all.extend(found);
                if next.is_empty() {
                    break;
                }
                token = next;
            }
            prop_assert_eq!(all, rows.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn a_token_that_was_changed_anywhere_is_refused(
            key in "\\PC{0,12}", place in any::<prop::sample::Index>(), other in any::<u8>(),
        ) {
            let token = pager(b"list").token(&key);
            prop_assert_eq!(pager(b"list").key(&token).expect("as made"), Some(key));
            let mut bytes = token.into_bytes();
            let place = place.index(bytes.len());
            prop_assume!(bytes[place] != other);
            bytes[place] = other;
            if let Ok(changed) = String::from_utf8(bytes.clone()) {
                prop_assert!(matches!(pager(b"list").key(&changed), Err(Fault::PageToken)), "{changed}");
            }
            bytes.truncate(place);
            let shorter = String::from_utf8(bytes).expect("letters");
            prop_assert!(shorter.is_empty() || pager(b"list").key(&shorter).is_err());
        }

        #[test]
        fn a_token_of_another_query_is_refused(key in "[0-9a-f]{0,12}") {
            let token = pager(b"list").token(&key);
            prop_assert!(matches!(pager(b"another").key(&token), Err(Fault::PageToken)));
        }
    }
}
