//! The keys that personal values are sealed with, and by which they are found.
//!
//! A ring has one or more secrets, each with an id. The first seals; all of them open and find, so that a
//! secret is rotated by putting a new one behind the old on every replica, then before it, and taking the old one away when
//! nothing is sealed with it any more ([`crate::persons::rotation`]).

use std::{collections::BTreeMap, env, fmt, fs, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf, hmac,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chassis::Fault;
use uuid::Uuid;

/// The environment's own secrets.
const INLINE: &str = "RAMPART_PERSON_KEYS";
/// The file of secrets.
const FILE: &str = "RAMPART_PERSON_KEYS_FILE";
/// How many bytes of a keyed hash are kept: enough that two values never share one by chance.
const HASH: usize = 16;

/// A ring of keys. Clones share it.
#[derive(Clone)]
pub struct Keyring {
    first: String,
    keys: Arc<BTreeMap<String, Key>>,
}

struct Key {
    sealing: RandomizedNonceKey,
    finding: hmac::Key,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Keyring").field("ids", &self.keys.keys()).finish_non_exhaustive()
    }
}

/// Why there is no ring.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// Neither of the settings is there, or both are.
    #[error(
        "set {FILE} to a file of `id:base64` lines, or {INLINE} to such entries with commas between; not both. Make a secret with `openssl rand -base64 32`"
    )]
    Setting,
    /// The file cannot be read.
    #[error("{FILE}: {0}")]
    File(#[from] std::io::Error),
    /// An entry that is none.
    #[error(
        "entry {0} of the person keys must be `id:base64`: an id of a-z, 0-9, - and _, once, and 32 bytes"
    )]
    Entry(usize),
}

/// A value that is sealed, with the id of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The key's id.
    pub key: String,
    /// Nonce and ciphertext.
    pub bytes: Vec<u8>,
}

/// Where a value is found: a keyed hash, with the id of its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The hash.
    pub hash: Vec<u8>,
    /// The key's id.
    pub key: String,
}

impl Keyring {
    /// The ring of the environment: RAMPART_PERSON_KEYS_FILE or RAMPART_PERSON_KEYS.
    ///
    /// # Errors
    /// [`KeyringError`], which says what to set.
    pub fn from_environment() -> Result<Self, KeyringError> {
        match (env::var(FILE), env::var(INLINE)) {
            (Ok(path), Err(_)) => Self::parse(&fs::read_to_string(path)?),
            (Err(_), Ok(text)) => Self::parse(&text),
            _ => Err(KeyringError::Setting),
        }
    }

    /// A ring of `id:base64` entries, one to a line or with commas between; what is after # is a comment.
    ///
    /// # Errors
    /// [`KeyringError::Entry`] with the number of the first that is none.
    pub fn parse(text: &str) -> Result<Self, KeyringError> {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let entries = lines.flat_map(|line| line.split(',')).map(str::trim).filter(|entry| !entry.is_empty());
        let mut keys = BTreeMap::new();
        let mut first = None;
        for (nth, entry) in entries.enumerate() {
            let wrong = KeyringError::Entry(nth + 1);
            let Some((id, key)) = key(entry).filter(|(id, _)| !keys.contains_key(id)) else {
                return Err(wrong);
            };
            first.get_or_insert_with(|| id.clone());
            keys.insert(id, key);
        }
        Ok(Self { first: first.ok_or(KeyringError::Entry(1))?, keys: Arc::new(keys) })
    }

    /// A secret that nobody knows, as an entry of a ring.
    ///
    /// # Errors
    /// Where the machine has no randomness to give.
    pub fn make(id: &str) -> Result<String, Fault> {
        let mut secret = [0; 32];
        aws_lc_rs::rand::fill(&mut secret).map_err(|_| Fault::internal("no randomness"))?;
        Ok(format!("{id}:{}", STANDARD.encode(secret)))
    }

    /// The id of the key that seals.
    #[must_use]
    pub fn first(&self) -> &str {
        &self.first
    }

    /// The ids of all keys.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.keys.keys().cloned().collect()
    }

    /// Seals a value for the row of an id.
    ///
    /// # Errors
    /// [`Fault::Internal`]: never, as far as is known.
    pub fn seal(&self, row: Uuid, value: &[u8]) -> Result<Sealed, Fault> {
        let key = self.keys.get(&self.first).ok_or_else(|| Fault::internal("a ring without keys"))?;
        let mut body = value.to_vec();
        let nonce = key.sealing.seal_in_place_append_tag(Aad::from(row.as_bytes()), &mut body);
        let mut bytes = nonce.map_err(|_| Fault::internal("sealing failed"))?.as_ref().to_vec();
        bytes.append(&mut body);
        Ok(Sealed { key: self.first.clone(), bytes })
    }

    /// Opens a value of the row of an id.
    ///
    /// # Errors
    /// [`Fault::Internal`] where the key is not in the ring, or the value is not as it was sealed.
    pub fn open(&self, row: Uuid, sealed: &Sealed) -> Result<Vec<u8>, Fault> {
        let key = self.keys.get(&sealed.key);
        let key = key.ok_or_else(|| Fault::internal(format!("no person key has the id {}", sealed.key)))?;
        let (nonce, body) =
            sealed.bytes.split_at_checked(NONCE_LEN).ok_or_else(|| Fault::internal("cut off"))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Fault::internal("no nonce"))?;
        let mut body = body.to_vec();
        let opened = key.sealing.open_in_place(nonce, Aad::from(row.as_bytes()), &mut body);
        let opened = opened.map_err(|_| Fault::internal("a sealed value was changed"))?;
        Ok(opened.to_vec())
    }

    /// Where a value of a kind is found, under every key; the sealing one's is the first.
    #[must_use]
    pub fn marks(&self, kind: u8, value: &str) -> Vec<Mark> {
        let others = self.keys.keys().filter(|id| **id != self.first);
        let ids = std::iter::once(&self.first).chain(others);
        ids.filter_map(|id| {
            let mut context = hmac::Context::with_key(&self.keys.get(id)?.finding);
            context.update(&[kind]);
            context.update(value.as_bytes());
            Some(Mark { hash: context.sign().as_ref()[..HASH].to_vec(), key: id.clone() })
        })
        .collect()
    }
}

fn key(entry: &str) -> Option<(String, Key)> {
    let (id, secret) = entry.split_once(':')?;
    let good = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || "-_".contains(sign);
    if id.is_empty() || id.len() > 32 || !id.chars().all(good) {
        return None;
    }
    let secret = STANDARD.decode(secret.trim()).ok().filter(|secret| secret.len() == 32)?;
    let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, b"rampart").extract(&secret);
    let derived = |what: &'static [u8]| {
        let mut bytes = [0; 32];
        secret.expand(&[what], &AES_256_GCM).ok()?.fill(&mut bytes).ok()?;
        Some(bytes)
    };
    let sealing = RandomizedNonceKey::new(&AES_256_GCM, &derived(b"seal a person")?).ok()?;
    let finding = hmac::Key::new(hmac::HMAC_SHA256, &derived(b"find a person")?);
    Some((id.to_owned(), Key { sealing, finding }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(ids: &[&str]) -> String {
        ids.iter().map(|id| Keyring::make(id).unwrap() + "\n").collect()
    }

    #[test]
    fn what_is_sealed_is_opened_by_its_key_in_its_row_alone() {
        let (old, row) = (ring(&["old"]), Uuid::now_v7());
        let before = Keyring::parse(&old).unwrap();
        let sealed = before.seal(row, "张样例".as_bytes()).unwrap();
        assert_ne!(before.seal(row, "张样例".as_bytes()).unwrap(), sealed, "no two look alike");
        let rotated = Keyring::parse(&format!("{}{old}", ring(&["new"]))).unwrap();
        assert_eq!(rotated.open(row, &sealed).unwrap(), "张样例".as_bytes());
        assert_eq!(rotated.seal(row, b"x").unwrap().key, "new");
        assert!(rotated.open(Uuid::now_v7(), &sealed).is_err(), "another row's");
        assert!(Keyring::parse(&ring(&["new"])).unwrap().open(row, &sealed).is_err(), "another ring");
        let mut changed = sealed.clone();
        *changed.bytes.last_mut().unwrap() ^= 1;
        assert!(rotated.open(row, &changed).is_err());
        assert!(rotated.open(row, &Sealed { bytes: vec![0; 5], ..sealed }).is_err());
    }

    #[test]
    fn a_value_is_found_under_the_old_key_and_the_new() {
        let old = ring(&["old"]);
        let before = Keyring::parse(&old).unwrap().marks(1, "11010519491231002X");
        let rotated = Keyring::parse(&format!("{}{old}", ring(&["new"]))).unwrap();
        let after = rotated.marks(1, "11010519491231002X");
        assert_eq!(after.iter().map(|mark| mark.key.as_str()).collect::<Vec<_>>(), ["new", "old"]);
        assert_eq!(before[0], after[1]);
        assert_ne!(rotated.marks(2, "11010519491231002X")[0], after[0], "a kind is a world of its own");
    }

    #[test]
    fn an_entry_that_is_none_is_said_by_its_number() {
        for wrong in ["", "a", "a:b", "A:AAAA", &format!("{0}{0}", ring(&["a"])), "a:AAAA"] {
            assert!(Keyring::parse(wrong).is_err(), "{wrong}");
        }
        let good = format!("# of this year\n{}", ring(&["a"]));
        assert_eq!(
            Keyring::parse(&format!("{good}x:short")).unwrap_err().to_string().split(' ').nth(1),
            Some("2")
        );
    }
}
