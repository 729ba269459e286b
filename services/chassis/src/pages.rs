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
