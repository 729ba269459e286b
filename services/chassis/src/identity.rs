//! Who calls: a signed token is verified against the issuer's keys.

use std::sync::Arc;

use aws_lc_rs::digest;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, errors::ErrorKind};
use serde::Deserialize;

use crate::{
    Fault, clock,
    keys::{KeySource, Keys, KeysError},
};

/// How many verified tokens are remembered, some 5 MB of them. Whoever is forgotten is verified once more.
const REMEMBERED: u64 = 16_000;

/// What a token is remembered by: its digest, so that no credential lies about in memory.
type Seen = [u8; digest::SHA256_OUTPUT_LEN];

/// What a token must say.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The `iss` claim.
    pub issuer: String,
    /// The `aud` claim.
    pub audience: String,
    /// The issuer's public keys.
    pub jwks: KeySource,
}

/// Verifies tokens and remembers the good ones until they expire.
pub struct Verifier {
    trust: Trust,
    keys: Keys,
    verified: moka::sync::Cache<Seen, Identity>,
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

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
}

impl Verifier {
    /// Reads the issuer's keys, and keeps them up to date as long as it lives.
    ///
    /// # Errors
    /// [`KeysError`] where the source does not answer or has no JWKS.
    pub async fn open(trust: Trust) -> Result<Self, KeysError> {
        let verified = moka::sync::Cache::new(REMEMBERED);
        let forgotten = verified.clone();
        let keys = Keys::open(trust.jwks.clone(), move || forgotten.invalidate_all()).await?;
        Ok(Self { trust, keys, verified })
    }

    /// The identity of a token that is signed by the issuer, for this audience, and not expired.
    ///
    /// # Errors
    /// [`Fault::Unauthenticated`] with the problem in words.
    pub fn verify(&self, token: &str) -> Result<Identity, Fault> {
        let mut seen = Seen::default();
        seen.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        if let Some(known) = self.verified.get(&seen) {
            if known.is_good() {
                return Ok(known);
            }
            self.verified.invalidate(&seen);
            return Err(Fault::Unauthenticated("expired"));
        }
        let claims = self.check(token)?;
        let verified = Identity { subject: claims.sub.into(), expires: claims.exp };
        self.verified.insert(seen, verified.clone());
        Ok(verified)
    }

    fn check(&self, token: &str) -> Result<Claims, Fault> {
        let header = decode_header(token).map_err(|_| Fault::Unauthenticated("malformed or unsigned"))?;
        if !matches!(header.alg, Algorithm::EdDSA | Algorithm::ES256 | Algorithm::RS256) {
            return Err(Fault::Unauthenticated("signed by an algorithm that is not accepted"));
        }
        let jwk = self.keys.find(header.kid.as_deref());
        let jwk = jwk.ok_or(Fault::Unauthenticated("signed by an unknown key"))?;
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
}
