//! Pages: sizes, and opaque tokens that grant nothing and cannot be changed.
//!
//! A token is base64url of version, last key and a keyed tag over the method, the filter and the
//! caller too, so that a token of another query or caller is told apart from a good one.

use std::str::FromStr;

use aws_lc_rs::{constant_time, hmac};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use prost::Message;
use uuid::Uuid;

use crate::{Caller, Database, Fault, Violations};

/// The page size where none is asked for.
const DEFAULT_SIZE: i32 = 50;
/// The largest page size.
const LARGEST_SIZE: i32 = 1_000;

const VERSION: u8 = 1;
const TAG: usize = 16;

/// The size of a page: the default for zero, coerced down to the largest.
///
/// # Errors
/// A negative size.
fn size(asked: i32) -> Result<i64, String> {
    match asked {
        0 => Ok(DEFAULT_SIZE.into()),
        size if size < 0 => Err("must not be negative".to_owned()),
        size => Ok(size.min(LARGEST_SIZE).into()),
    }
}

/// The page that a request asks for.
#[derive(Debug)]
pub struct Asked {
    size: i64,
    token: String,
}

impl Asked {
    /// Takes the page out of a request, whose rest is then the filter; a negative size is a violation of `page_size`.
    pub fn take(wrong: &mut Violations, page_size: &mut i32, page_token: &mut String) -> Self {
        let size = wrong.keep("page_size", size(std::mem::take(page_size))).unwrap_or_default();
        Self { size, token: std::mem::take(page_token) }
    }

    /// The pager of a query: of what is asked with this filter, by this caller, of this method.
    #[must_use]
    pub fn of(self, database: &Database, caller: &Caller, method: &str, filter: &impl Message) -> Pager {
        let mut context = Vec::new();
        for part in [method.as_bytes(), caller.subject().as_bytes(), &filter.encode_to_vec()] {
            context.extend_from_slice(&(part.len() as u64).to_be_bytes());
            context.extend_from_slice(part);
        }
        Pager { key: hmac::Key::new(hmac::HMAC_SHA256, database.secret()), context, asked: self }
    }
}

/// One page of one query of one caller: after what it begins, how much of it is read, and the token of the next.
#[derive(Debug)]
pub struct Pager {
    key: hmac::Key,
    context: Vec<u8>,
    asked: Asked,
}

impl Pager {
    /// How many rows are read: one more than the page has, to know whether there is another page.
    #[must_use]
    pub fn limit(&self) -> i64 {
        self.asked.size + 1
    }

    /// How many rows are still to be read where so many were, for a list that is read part by part; none or fewer once
    /// the page is full.
    #[must_use]
    pub fn missing(&self, read: usize) -> i64 {
        self.limit() - i64::try_from(read).unwrap_or(i64::MAX)
    }

    /// The token after a key.
    fn token(&self, key: &str) -> String {
        let mut token = vec![VERSION];
        token.extend_from_slice(key.as_bytes());
        let tag = self.tag(&token);
        token.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The key after which the page begins; nothing for the first page.
    ///
    /// # Errors
    /// [`Fault::PageToken`] where the token is not one of this query.
    pub fn key(&self) -> Result<Option<String>, Fault> {
        if self.asked.token.is_empty() {
            return Ok(None);
        }
        let bytes = URL_SAFE_NO_PAD.decode(&self.asked.token).map_err(|_| Fault::PageToken)?;
        let split = bytes.len().checked_sub(TAG).ok_or(Fault::PageToken)?;
        let (body, tag) = bytes.split_at(split);
        constant_time::verify_slices_are_equal(&self.tag(body), tag).map_err(|_| Fault::PageToken)?;
        match body {
            [VERSION, key @ ..] => String::from_utf8(key.to_vec()).map(Some).map_err(|_| Fault::PageToken),
            _ => Err(Fault::PageToken),
        }
    }

    /// As [`Pager::key`], where the key is one value: an id, a date, a number.
    ///
    /// # Errors
    /// As [`Pager::key`].
    pub fn value<T: FromStr>(&self) -> Result<Option<T>, Fault> {
        self.key()?.map(|key| key.parse().map_err(|_| Fault::PageToken)).transpose()
    }

    /// As [`Pager::key`], where the key is two values, one after the other.
    ///
    /// # Errors
    /// As [`Pager::key`].
    pub fn pair<A: FromStr, B: FromStr>(&self) -> Result<Option<(A, B)>, Fault> {
        let Some(key) = self.key()? else { return Ok(None) };
        let (first, second) = key.split_once(' ').ok_or(Fault::PageToken)?;
        let first = first.parse().map_err(|_| Fault::PageToken)?;
        Ok(Some((first, second.parse().map_err(|_| Fault::PageToken)?)))
    }

    /// The id after which the page begins; the nil id for the first.
    ///
    /// # Errors
    /// As [`Pager::key`].
    pub fn after(&self) -> Result<Uuid, Fault> {
        Ok(self.value()?.unwrap_or_default())
    }

    /// Cuts a list that was read to the limit, and makes the next token if there is more.
    pub fn cut<T>(&self, rows: &mut Vec<T>, key: impl Fn(&T) -> String) -> String {
        let size = usize::try_from(self.asked.size).unwrap_or(usize::MAX);
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

    fn pager(context: &[u8], size: i64, token: &str) -> Pager {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        Pager { key, context: context.to_vec(), asked: Asked { size, token: token.to_owned() } }
    }

    /// A page as a handler makes it: the rows after the token's key, read one longer than the page.
    fn page(rows: &BTreeSet<String>, size: i64, token: &str) -> (Vec<String>, String) {
        let pager = pager(b"list", size, token);
        let after = pager.key().expect("our own token").unwrap_or_default();
        let longer = usize::try_from(pager.limit()).expect("a size");
        let mut found: Vec<_> = rows.iter().filter(|row| **row > after).take(longer).cloned().collect();
        let next = pager.cut(&mut found, Clone::clone);
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
            let token = pager(b"list", 1, "").token(&key);
            prop_assert_eq!(pager(b"list", 1, &token).key().expect("as made"), Some(key));
            let mut bytes = token.into_bytes();
            let place = place.index(bytes.len());
            prop_assume!(bytes[place] != other);
            bytes[place] = other;
            if let Ok(changed) = String::from_utf8(bytes.clone()) {
                prop_assert!(matches!(pager(b"list", 1, &changed).key(), Err(Fault::PageToken)), "{changed}");
            }
            bytes.truncate(place);
            let shorter = String::from_utf8(bytes).expect("letters");
            prop_assert!(shorter.is_empty() || pager(b"list", 1, &shorter).key().is_err());
        }

        #[test]
        fn a_token_of_another_query_is_refused(key in "[0-9a-f]{0,12}") {
            let token = pager(b"list", 1, "").token(&key);
            prop_assert!(matches!(pager(b"another", 1, &token).key(), Err(Fault::PageToken)));
        }
    }
}
