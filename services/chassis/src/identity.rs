//! Who calls: a signed token is verified against the issuer's keys.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
    time::{Duration, SystemTime},
};

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    errors::ErrorKind,
    jwk::{Jwk, JwkSet},
};
use serde::Deserialize;

use crate::{Fault, clock};

/// How many verified tokens are remembered: a city's reporters and then some.
const REMEMBERED: u64 = 200_000;

/// How long a key file is trusted before it is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// What a token must say.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The `iss` claim.
    pub issuer: String,
    /// The `aud` claim.
    pub audience: String,
    /// The issuer's public keys, a JWKS file. It may be replaced while the service runs.
    pub jwks: PathBuf,
}

/// Verifies tokens and remembers the good ones until they expire.
pub struct Verifier {
    trust: Trust,
    keys: RwLock<Keys>,
    verified: moka::sync::Cache<String, Identity>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Verifier").field("trust", &self.trust).finish_non_exhaustive()
    }
}

/// A caller whose credentials are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The subject of the credentials.
    pub subject: Arc<str>,
    /// When they expire, in seconds of the Unix epoch.
    pub expires: i64,
}

impl Identity {
    /// Whether the credentials are still good.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.expires > clock::wall().timestamp()
    }
}

struct Keys {
    set: JwkSet,
    written: Option<SystemTime>,
    looked: std::time::Instant,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
}

/// The issuer's keys cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the issuer's keys in {path} cannot be read: {cause}")]
pub struct KeysError {
    path: PathBuf,
    cause: std::io::Error,
}

impl Verifier {
    /// Reads the issuer's keys.
    ///
    /// # Errors
    /// [`KeysError`] where the file is absent or no JWKS.
    pub fn new(trust: Trust) -> Result<Self, KeysError> {
        let keys = read(&trust.jwks)?;
        Ok(Self { trust, keys: RwLock::new(keys), verified: moka::sync::Cache::new(REMEMBERED) })
    }

    /// The identity of a token that is signed by the issuer, for this audience, and not expired.
    ///
    /// # Errors
    /// [`Fault::Unauthenticated`] with the problem in words.
    pub fn verify(&self, token: &str) -> Result<Identity, Fault> {
        if let Some(known) = self.verified.get(token) {
            if known.is_good() {
                return Ok(known);
            }
            self.verified.invalidate(token);
            return Err(Fault::Unauthenticated("expired"));
        }
        let claims = self.check(token)?;
        let verified = Identity { subject: claims.sub.into(), expires: claims.exp };
        self.verified.insert(token.to_owned(), verified.clone());
        Ok(verified)
    }

    fn check(&self, token: &str) -> Result<Claims, Fault> {
        let header = decode_header(token).map_err(|_| Fault::Unauthenticated("malformed or unsigned"))?;
        if !matches!(header.alg, Algorithm::EdDSA | Algorithm::ES256 | Algorithm::RS256) {
            return Err(Fault::Unauthenticated("signed by an algorithm that is not accepted"));
        }
        let jwk =
            self.key(header.kid.as_deref()).ok_or(Fault::Unauthenticated("signed by an unknown key"))?;
        let key = DecodingKey::from_jwk(&jwk).map_err(Fault::internal)?;
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[&self.trust.issuer]);
        validation.set_audience(&[&self.trust.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = 5;
        let checked = decode::<Claims>(token, &key, &validation).map_err(|error| {
            Fault::Unauthenticated(match error.kind() {
                ErrorKind::ExpiredSignature => "expired",
                ErrorKind::ImmatureSignature => "not valid yet",
                ErrorKind::InvalidIssuer => "of another issuer",
                ErrorKind::InvalidAudience => "for another audience",
                ErrorKind::MissingRequiredClaim(_) | ErrorKind::Json(_) => "without exp, iss, aud or sub",
                _ => "the signature does not fit",
            })
        })?;
        Some(checked.claims)
            .filter(|claims| !claims.sub.is_empty() && claims.sub.len() <= 200)
            .ok_or(Fault::Unauthenticated("without a subject of 1 to 200 bytes"))
    }

    fn key(&self, id: Option<&str>) -> Option<Jwk> {
        self.look_again();
        let keys = self.keys.read().ok()?;
        match id {
            Some(id) => keys.set.find(id).cloned(),
            None => keys.set.keys.first().filter(|_| keys.set.keys.len() == 1).cloned(),
        }
    }

    /// Takes up a replaced key file. A file that cannot be read leaves the keys as they are.
    fn look_again(&self) {
        let due = self.keys.read().is_ok_and(|keys| keys.looked.elapsed() > LOOK_AGAIN);
        if !due {
            return;
        }
        let Ok(mut keys) = self.keys.write() else {
            return;
        };
        keys.looked = std::time::Instant::now();
        if written(&self.trust.jwks) == keys.written {
            return;
        }
        match read(&self.trust.jwks) {
            Ok(fresh) => {
                *keys = fresh;
                self.verified.invalidate_all();
                tracing::info!(path = %self.trust.jwks.display(), "took up the issuer's new keys");
            }
            Err(error) => tracing::warn!(%error, "kept the issuer's old keys"),
        }
    }
}

fn written(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

fn read(path: &Path) -> Result<Keys, KeysError> {
    let before = written(path);
    let set = std::fs::read(path)
        .and_then(|bytes| serde_json::from_slice(&bytes).map_err(std::io::Error::from))
        .map_err(|cause| KeysError { path: path.to_owned(), cause })?;
    Ok(Keys { set, written: before, looked: std::time::Instant::now() })
}
