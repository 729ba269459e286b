//! One open watch: what it has seen, whether its caller may still look, and when to send what.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tonic::{Status, async_trait};
use uuid::Uuid;

use crate::{
    Authority, Caller, Fault,
    feed::{Change, Feed, Position},
};

/// How often a silent watch gives a sign of life, and how long a revoked caller's may stay open.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// What every watch of a service needs.
#[derive(Clone)]
pub struct Watching {
    /// The service's feed.
    pub feed: Feed,
    /// What a subject may do now.
    pub authority: Arc<dyn Authority>,
    /// Ends every watch.
    pub shutdown: CancellationToken,
}

impl std::fmt::Debug for Watching {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Watching").field("feed", &self.feed).finish_non_exhaustive()
    }
}

/// One open watch.
#[derive(Debug)]
pub struct Session {
    watching: Watching,
    caller: Caller,
    permission: &'static str,
    topic: &'static str,
    position: Position,
    more: watch::Receiver<Position>,
    fresh: bool,
}

/// The resources of a topic, as a watch sends them.
#[async_trait]
pub trait Resources: Sync {
    /// A resource of the contract.
    type Resource: Send;
    /// A message of the contract.
    type Message: Send;

    /// The resources with these keys that the caller may see, as they are now.
    ///
    /// # Errors
    /// Where the database fails.
    async fn read(&self, keys: &[Uuid], caller: &Caller) -> Result<HashMap<Uuid, Self::Resource>, Fault>;

    /// A message with a resource, or a heartbeat without one.
    fn message(&self, resource: Option<Self::Resource>, token: String) -> Self::Message;
}

/// What a watch sends next.
#[derive(Debug)]
pub enum Step {
    /// Resources that changed, for a caller with these grants.
    Changes(Vec<Change>, Caller),
    /// A sign of life, as of a position.
    Heartbeat(Position),
}

impl Watching {
    /// Opens a watch of a topic from a position.
    #[must_use]
    pub fn open(
        &self,
        caller: Caller,
        permission: &'static str,
        topic: &'static str,
        position: Position,
    ) -> Session {
        Session {
            more: self.feed.more(),
            watching: self.clone(),
            caller,
            permission,
            topic,
            position,
            fresh: true,
        }
    }
}

impl Session {
    /// Waits for what comes next.
    ///
    /// # Errors
    /// [`Fault::Denied`] or [`Fault::Unauthenticated`] when the caller may look no longer,
    /// [`Fault::Unavailable`] when the service drains.
    pub async fn next(&mut self) -> Result<Step, Fault> {
        let waited = if self.fresh {
            true
        } else {
            tokio::select! {
                biased;
                () = self.watching.shutdown.cancelled() => {
                    return Err(Fault::Unavailable("the service is draining; resume with the last token"));
                }
                changed = self.more.changed() => changed.is_ok(),
                () = tokio::time::sleep(HEARTBEAT) => false,
            }
        };
        self.fresh = false;
        self.caller = self.caller.renewed(self.watching.authority.as_ref()).await?;
        if !self.caller.holds(self.permission) {
            return Err(Fault::Denied(self.permission));
        }
        if !waited && *self.more.borrow() <= self.position {
            return Ok(Step::Heartbeat(self.position));
        }
        let (changes, position) = self.watching.feed.after(self.topic, self.position).await?;
        self.position = position;
        // A page of the feed may end before the feed does.
        self.fresh = *self.more.borrow() > position;
        if changes.is_empty() {
            return Ok(Step::Heartbeat(position));
        }
        Ok(Step::Changes(changes, self.caller.clone()))
    }

    /// Sends what comes, until the client, the caller's permission or the service ends.
    ///
    /// # Errors
    /// Why it ended, as [`Session::next`].
    pub async fn send<R: Resources>(
        mut self,
        resources: &R,
        messages: &mpsc::Sender<Result<R::Message, Status>>,
    ) -> Result<(), Fault> {
        loop {
            let mut sending = Vec::new();
            match self.next().await? {
                Step::Heartbeat(position) => sending.push(resources.message(None, self.token(position))),
                Step::Changes(changes, caller) => {
                    let keys: Vec<Uuid> = changes.iter().map(|change| change.key).collect();
                    let mut found = resources.read(&keys, &caller).await?;
                    // What the caller may not see only moves the token.
                    sending.extend(changes.into_iter().map(|change| {
                        resources.message(found.remove(&change.key), self.token(change.position))
                    }));
                }
            }
            for message in sending {
                messages.send(Ok(message)).await.map_err(|_| Fault::Unavailable("the client went away"))?;
            }
        }
    }

    /// The token of a change, or of a heartbeat.
    #[must_use]
    pub fn token(&self, position: Position) -> String {
        self.watching.feed.token(position)
    }
}
