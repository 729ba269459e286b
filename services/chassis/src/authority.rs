//! Who a caller is and what they may do, as far as every service needs to know it.

use std::{collections::BTreeSet, sync::Arc};

use tonic::async_trait;
use uuid::Uuid;

use crate::{Fault, identity::Identity};

/// One appointment's effect: these permissions over everything below `scope`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The place at which the caller is appointed.
    pub scope: Uuid,
    /// What the office allows there.
    pub permissions: Arc<BTreeSet<&'static str>>,
}

/// An authenticated caller with the grants in force at this instant.
#[derive(Clone, Debug)]
pub struct Caller {
    identity: Identity,
    grants: Arc<[Grant]>,
}

impl Caller {
    /// A caller with what they may do.
    #[must_use]
    pub fn new(identity: Identity, grants: Vec<Grant>) -> Self {
        Self { identity, grants: grants.into() }
    }

    /// The subject of the credentials: whom idempotency, page tokens and the log know.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.identity.subject
    }

    /// The same caller as of now: what the grants are now, if the credentials are still good.
    ///
    /// # Errors
    /// [`Fault::Unauthenticated`] where they have expired.
    pub async fn renewed(&self, authority: &dyn Authority) -> Result<Self, Fault> {
        if !self.identity.is_good() {
            return Err(Fault::Unauthenticated("expired"));
        }
        let grants = authority.grants(self.subject()).await?;
        Ok(Self::new(self.identity.clone(), grants))
    }

    /// Every grant in force.
    #[must_use]
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// Whether some appointment gives the permission, wherever it is.
    #[must_use]
    pub fn holds(&self, permission: &str) -> bool {
        self.grants.iter().any(|grant| grant.permissions.contains(permission))
    }

    /// The places at which the caller has the permission.
    #[must_use]
    pub fn scopes(&self, permission: &str) -> Vec<Uuid> {
        self.grants
            .iter()
            .filter(|grant| grant.permissions.contains(permission))
            .map(|grant| grant.scope)
            .collect()
    }
}

/// Finds the grants of a subject: the registry asks its tables, the others what they keep of the
/// registry's feed.
#[async_trait]
pub trait Authority: Send + Sync + 'static {
    /// The grants in force now; none for a stranger.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] where that cannot be told now.
    async fn grants(&self, subject: &str) -> Result<Vec<Grant>, Fault>;
}
