//! The days at hand: what a day is read with, kept in memory. What can change of a day is read again
//! with every piece of work that depends on it; a plan of another version is loaded anew.

use std::{sync::Arc, time::Duration};

use chrono::NaiveDate;
use jurisdiction::Tree;
use moka::sync::Cache;
use uuid::Uuid;

use crate::days::Plan;

/// The plans and trees at hand.
#[derive(Clone, Debug)]
pub struct Plans {
    plans: Cache<(Uuid, NaiveDate), Arc<Plan>>,
    trees: Cache<Uuid, Arc<Tree>>,
}

impl Default for Plans {
    fn default() -> Self {
        let plans = Cache::builder().max_capacity(256).time_to_live(Duration::from_secs(30));
        Self { plans: plans.build(), trees: Cache::new(8) }
    }
}

impl Plans {
    /// The plan at hand.
    #[must_use]
    pub fn get(&self, form: Uuid, date: NaiveDate) -> Option<Arc<Plan>> {
        self.plans.get(&(form, date))
    }

    /// Keeps a plan.
    #[must_use]
    pub fn keep(&self, plan: Plan) -> Arc<Plan> {
        let plan = Arc::new(plan);
        self.plans.insert((plan.day.form, plan.day.date), Arc::clone(&plan));
        plan
    }

    /// The tree at hand.
    #[must_use]
    pub fn tree(&self, id: Uuid) -> Option<Arc<Tree>> {
        self.trees.get(&id)
    }

    /// Keeps a tree.
    #[must_use]
    pub fn keep_tree(&self, id: Uuid, tree: Arc<Tree>) -> Arc<Tree> {
        self.trees.insert(id, Arc::clone(&tree));
        tree
    }

    /// Forgets every plan.
    pub fn forget(&self) {
        self.plans.invalidate_all();
    }
}
