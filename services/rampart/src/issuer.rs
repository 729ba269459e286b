//! The issuer of `rampart up`: signs tokens with a key of its own, kept beside the data. In earnest a
//! city has its own issuer, and the services are given its public keys.

use std::{
    fs, io,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chassis::{clock, identity::Trust, keys::KeySource};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

/// The audience of the tokens.
pub const AUDIENCE: &str = "rampart";
/// The name of this issuer.
pub const ISSUER: &str = "rampart-up";

const KEY_FILE: &str = "issuer.key";
const KEYS_FILE: &str = "issuer.jwks.json";

/// Signs tokens.
#[derive(Clone)]
pub struct Issuer {
    key: EncodingKey,
    id: String,
    jwks: PathBuf,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Issuer").field("id", &self.id).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

impl Issuer {
    /// Opens the issuer kept in a folder, or makes one there.
    ///
    /// # Errors
    /// Where the folder cannot be read or written.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let path = folder.join(KEY_FILE);
        let pkcs8 = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(&path)?,
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8)
            .with_context(|| format!("{} is no Ed25519 key", path.display()))?;
        let public = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let id = public.chars().take(8).collect::<String>();
        let jwks = folder.join(KEYS_FILE);
        let set = serde_json::json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": id, "x": public}
        ]});
        fs::write(&jwks, serde_json::to_vec_pretty(&set)?)
            .with_context(|| format!("writing {}", jwks.display()))?;
        Ok(Self { key: EncodingKey::from_ed_der(&pkcs8), id, jwks })
    }

    /// What a service must trust to accept this issuer's tokens.
    #[must_use]
    pub fn trust(&self) -> Trust {
        Trust {
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            jwks: KeySource::File(self.jwks.clone()),
        }
    }

    /// A token for a subject.
    ///
    /// # Errors
    /// Where signing fails.
    pub fn token(&self, subject: &str, lifetime: Duration) -> anyhow::Result<String> {
        let now = clock::wall().timestamp();
        let claims = Claims {
            sub: subject,
            iss: ISSUER,
            aud: AUDIENCE,
            iat: now,
            exp: now.saturating_add(i64::try_from(lifetime.as_secs())?),
        };
        self.sign(&claims)
    }

    /// Signs claims as they are.
    ///
    /// # Errors
    /// Where signing fails.
    pub fn sign(&self, claims: &impl Serialize) -> anyhow::Result<String> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.id.clone());
        Ok(jsonwebtoken::encode(&header, claims, &self.key)?)
    }
}

fn create(path: &Path) -> anyhow::Result<Vec<u8>> {
    let pair = Ed25519KeyPair::generate()?;
    let pkcs8 = pair.to_pkcs8v1()?;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("making {}", path.display()))?;
    io::Write::write_all(&mut file, pkcs8.as_ref())?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(pkcs8.as_ref().to_vec())
}
