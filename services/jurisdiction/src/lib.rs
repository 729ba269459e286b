//! What every service knows of the registry: which offices there are and what each may do, the tree of
//! any date, and who is appointed where; kept by feed in the service's own schema.
//!
//! The rule for old days, written down once: a unit may be seen or acted for if the tree of today or the
//! tree that the day was opened with puts it below a unit at which the caller holds the permission
//! ([`ranges::visible`]). A place outside is answered like an absent one.

mod changes;
pub mod follow;
pub mod held;
pub mod offices;
pub mod ranges;
pub mod scope;
mod store;
pub mod tree;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use chassis::{
    Authority, Clock, Database, Fault, Grant, RunError, clock, database::Part, feed::Feed, watching::Watching,
};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::migrate::Migrator;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::async_trait;
use uuid::Uuid;

pub use held::{Contact, Held};
pub use offices::Office;
pub use ranges::Ranges;
pub use scope::{UNITS, unit_name};
pub use tree::{Node, Tree};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The part of a service's schema in which this crate keeps what it follows.
pub const PART: Part = ("_jurisdiction_migrations", &MIGRATIONS);

/// How old the feed's last sign of life may be for a decision (it comes every two seconds).
pub const FRESH: Duration = Duration::from_secs(15);

/// How many dates' trees are kept ready.
const TREES: usize = 64;

/// What this replica knows of the registry. Clones share it.
#[derive(Clone, Debug)]
pub struct Jurisdiction {
    clock: Clock,
    known: Arc<RwLock<changes::Known>>,
    trees: Arc<Mutex<HashMap<NaiveDate, Arc<Tree>>>>,
    version: watch::Receiver<u64>,
}

/// How far a feed has been followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which feed.
    pub feed: &'static str,
    /// The token of the last message that was taken in.
    pub token: String,
    /// When it was last heard of, by the machine's clock.
    pub heard_at: DateTime<Utc>,
}

impl Jurisdiction {
    /// Starts this replica's share of following the registry, and reading what was followed.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn start(
        database: Database,
        clock: Clock,
        source: follow::Source,
        shutdown: CancellationToken,
    ) -> Result<Self, Fault> {
        let known = Arc::new(RwLock::new(changes::Known::default()));
        let trees = Arc::new(Mutex::new(HashMap::new()));
        let (taken, version) = watch::channel(0);
        let jurisdiction = Self { clock, known, trees, version };
        jurisdiction.read(&database).await?;
        let took = follow::start(&database, &source, &shutdown);
        let reader = jurisdiction.clone();
        tokio::spawn(async move { reader.keep_reading(database, took, taken, shutdown).await });
        Ok(jurisdiction)
    }

    /// As [`Self::start`], with the service's own feed: whoever watches it is known by the registry, too.
    ///
    /// # Errors
    /// [`RunError::Tables`].
    pub async fn start_watched(
        database: &Database,
        clock: &Clock,
        source: follow::Source,
        shutdown: &CancellationToken,
    ) -> Result<(Self, Watching), RunError> {
        let followed = Self::start(database.clone(), clock.clone(), source, shutdown.clone());
        let jurisdiction = followed.await.map_err(RunError::Tables)?;
        let feed = Feed::start(database.clone(), shutdown.clone()).await.map_err(RunError::Tables)?;
        let authority = Arc::new(jurisdiction.clone());
        Ok((jurisdiction, Watching { feed, authority, shutdown: shutdown.clone() }))
    }

    /// Wakes whenever something new is known.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.version.clone()
    }

    /// The tree of a date.
    #[must_use]
    pub fn tree(&self, date: NaiveDate) -> Arc<Tree> {
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tree) = trees.get(&date) {
            return Arc::clone(tree);
        }
        let built = self.known().tree(date);
        // Most dates have the same tree: they share it.
        let same = trees.values().find(|tree| tree.digest() == built.digest()).map(Arc::clone);
        let tree = same.unwrap_or_else(|| Arc::new(built));
        if trees.len() >= TREES {
            trees.clear();
        }
        trees.insert(date, Arc::clone(&tree));
        tree
    }

    /// The tree of today.
    #[must_use]
    pub fn today(&self) -> Arc<Tree> {
        self.tree(self.clock.today())
    }

    /// Where what is in a unit's hands stands today: at the unit, or, where it is at work no more, at the one
    /// that took its place, or else at the nearest that last stood above it, so that nothing is out of
    /// everybody's sight. Nothing for a stranger.
    #[must_use]
    pub fn standing(&self, unit: Uuid) -> Option<Uuid> {
        self.standing_in(&self.today(), unit)
    }

    /// As [`Self::standing`], in the tree of a date.
    #[must_use]
    pub fn standing_in(&self, tree: &Tree, unit: Uuid) -> Option<Uuid> {
        if tree.place(unit).is_some() {
            return Some(unit);
        }
        self.known().standing(tree, unit)
    }

    /// The unit itself where it is at work today, else the one unit at work that took its place.
    #[must_use]
    pub fn heir(&self, unit: Uuid) -> Option<Uuid> {
        let today = self.today();
        self.known().heir(&today, unit)
    }

    /// Below which unit a unit stands today, and since when.
    #[must_use]
    pub fn parent(&self, unit: Uuid) -> Option<(Uuid, NaiveDate)> {
        self.known().parent(unit, self.clock.today())
    }

    /// Every unit that stands at one of some units or below it today: those at work, and those that were.
    #[must_use]
    pub fn standing_below(&self, scopes: &[Uuid]) -> Vec<Uuid> {
        self.below(&self.today(), scopes, |tree, scopes| ranges::visible(tree, tree, scopes))
    }

    /// Every unit that stood at one of some units or below it in the tree of a date, or that does today.
    #[must_use]
    pub fn seen_below(&self, tree: &Tree, scopes: &[Uuid]) -> Vec<Uuid> {
        let today = self.today();
        self.below(tree, scopes, |tree, scopes| ranges::visible(tree, &today, scopes))
    }

    fn below(&self, tree: &Tree, scopes: &[Uuid], range: impl Fn(&Tree, &[Uuid]) -> Ranges) -> Vec<Uuid> {
        let ranges = range(tree, scopes);
        let at_work = (0_i32..).zip(tree.nodes()).filter(|(place, _)| ranges.contains(*place));
        let mut units: Vec<Uuid> = at_work.map(|(_, node)| node.id).collect();
        let known = self.known();
        let stands = |unit: &Uuid| known.standing(tree, *unit).and_then(|unit| tree.place(unit));
        let apart = known.apart(tree).into_iter();
        units.extend(apart.filter(|unit| stands(unit).is_some_and(|place| ranges.contains(place))));
        units
    }

    /// The appointments of a subject that are in force now.
    #[must_use]
    pub fn held_by(&self, subject: &str) -> Vec<(Office, Uuid)> {
        self.known().held_by(subject, self.clock.now())
    }

    /// Who answers for a unit now: its leader, or the duty officer of the nearest unit above.
    #[must_use]
    pub fn answering(&self, tree: &Tree, unit: Uuid) -> Option<Contact> {
        self.answering_at(tree, unit, self.clock.now())
    }

    /// As [`Self::answering`], at an instant. Appointments that had ended before this service began to follow
    /// the registry are not known.
    #[must_use]
    pub fn answering_at(&self, tree: &Tree, unit: Uuid, at: DateTime<Utc>) -> Option<Contact> {
        self.known().answering(tree, unit, at)
    }

    /// Who stands in for the leader of a unit now, where anybody does.
    #[must_use]
    pub fn deputy(&self, unit: Uuid) -> Option<Contact> {
        self.known().deputy(unit, self.clock.now())
    }

    /// How far the feeds have been followed: units, then appointments.
    #[must_use]
    pub fn positions(&self) -> Vec<Position> {
        self.known().positions()
    }

    /// When another feed was last heard of, by the machine's clock: one that is followed by [`follow::follow`] into the
    /// same schema. Nothing before its first whole picture.
    #[must_use]
    pub fn heard(&self, topic: &str) -> Option<DateTime<Utc>> {
        self.known().heard(topic)
    }

    /// Whether what is known is fresh enough to decide on.
    ///
    /// # Errors
    /// [`Fault::Stale`] with the age of the older feed.
    pub fn fresh(&self) -> Result<(), Fault> {
        let oldest = self.positions().into_iter().map(|position| position.heard_at).min();
        let age = oldest.map(|heard_at| clock::wall() - heard_at).and_then(|age| age.to_std().ok());
        match age {
            Some(age) if age <= FRESH => Ok(()),
            None if oldest.is_some() => Ok(()),
            age => Err(Fault::Stale(age.unwrap_or(Duration::MAX))),
        }
    }

    fn known(&self) -> RwLockReadGuard<'_, changes::Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    async fn keep_reading(
        &self,
        database: Database,
        mut took: watch::Receiver<u64>,
        taken: watch::Sender<u64>,
        shutdown: CancellationToken,
    ) {
        let mut failing = false;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                // What this replica takes in itself is known at once, the rest by looking.
                _ = took.changed() => {}
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
            }
            match self.read(&database).await {
                Ok(true) => taken.send_modify(|version| *version += 1),
                Ok(false) => failing = false,
                Err(fault) if !failing => {
                    failing = true;
                    tracing::warn!(?fault, "what is followed of the registry cannot be read");
                }
                Err(_) => {}
            }
        }
    }

    /// Reads what was taken in since the last time; answers whether there was anything.
    async fn read(&self, database: &Database) -> Result<bool, Fault> {
        let mut any = false;
        for followed in store::followed(database.pool()).await? {
            let seen = self.known().serial(&followed.topic);
            let rows = if followed.serial > seen {
                store::kept_after(database.pool(), &followed.topic, seen).await?
            } else {
                Vec::new()
            };
            any |= !rows.is_empty();
            let units_changed = followed.topic == changes::UNITS && !rows.is_empty();
            self.known.write().unwrap_or_else(PoisonError::into_inner).take(followed, rows)?;
            if units_changed {
                self.trees.lock().unwrap_or_else(PoisonError::into_inner).clear();
            }
        }
        Ok(any)
    }
}

#[async_trait]
impl Authority for Jurisdiction {
    async fn grants(&self, subject: &str) -> Result<Vec<Grant>, Fault> {
        let known = self.known();
        if !known.is_complete() {
            return Err(Fault::Unavailable("the registry has not been heard of yet; repeat the call"));
        }
        let held = known.held_by(subject, self.clock.now()).into_iter();
        Ok(held.map(|(office, scope)| Grant { scope, permissions: office.grant() }).collect())
    }
}
