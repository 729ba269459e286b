//! One open watch: what it has seen, whether its caller may still look, and when to send what.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

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

    /// The token of a change, or of a heartbeat.
    #[must_use]
    pub fn token(&self, position: Position) -> String {
        self.watching.feed.token(position)
    }
}
