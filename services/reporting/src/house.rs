//! What all handlers and activations of reporting share.

use std::sync::Arc;

use chassis::{Caller, Clock, Database, Fault, watching::Watching};
use chrono::NaiveDate;
use jurisdiction::{Jurisdiction, Office, Ranges, ranges::visible};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    days::{Plan, store as days},
    forms::{Form, parse::unit_name, store as forms},
    plans::Plans,
};

/// What all handlers share.
#[derive(Clone, Debug)]
pub struct House {
    /// Reporting's database.
    pub database: Database,
    /// What time it is.
    pub clock: Clock,
    /// What is known of the registry.
    pub jurisdiction: Jurisdiction,
    /// The days at hand.
    pub plans: Plans,
    /// What watches need.
    pub watching: Watching,
}

impl House {
    /// The part of a day's tree, at and below the form's owner, at which the caller has a permission.
    #[must_use]
    pub fn visible(&self, caller: &Caller, permission: &str, plan: &Plan) -> Ranges {
        let owner = plan.owner();
        let end = plan.tree.at(owner).map_or(owner, |node| node.end);
        visible(&plan.tree, &self.jurisdiction.today(), &caller.scopes(permission)).within(owner, end)
    }

    /// The place of a unit in a day's tree, if the caller has a permission there.
    ///
    /// # Errors
    /// [`Fault::NotFound`] naming the unit, whether it exists or not.
    pub fn place(&self, caller: &Caller, permission: &str, plan: &Plan, unit: Uuid) -> Result<i32, Fault> {
        let place = plan.tree.place(unit);
        let place = place.filter(|place| self.visible(caller, permission, plan).contains(*place));
        place.ok_or_else(|| Fault::NotFound(unit_name(unit)))
    }

    /// The unit at which the caller holds an office that the form asks, at or above a place. The nearest.
    ///
    /// # Errors
    /// OFFICE_NOT_ASKED where they hold none.
    pub fn office(&self, caller: &Caller, permission: &str, plan: &Plan, place: i32) -> Result<Uuid, Fault> {
        let asked = &plan.form.definition.submitting_offices;
        let is_asked = |office: Office| asked.is_empty() || asked.iter().any(|word| word == office.word());
        let may = |office: Office| office.grant().contains(permission);
        let held = self.jurisdiction.held_by(caller.subject());
        let units: Vec<Uuid> = held
            .into_iter()
            .filter(|(office, _)| is_asked(*office) && may(*office))
            .map(|(_, unit)| unit)
            .collect();
        let own = plan.tree.at(place).map(|node| node.id).unwrap_or_default();
        let above = plan.tree.upwards(place).filter_map(|place| Some(plan.tree.at(place)?.id));
        let pinned = above.into_iter().find(|unit| units.contains(unit));
        let today = self.jurisdiction.today();
        let nearest = pinned.or_else(|| units.into_iter().find(|unit| today.contains(*unit, own)));
        nearest.ok_or_else(|| {
            Fault::unmet(
                "OFFICE_NOT_ASKED",
                unit_name(own),
                format!("the form {} asks other offices than yours", plan.form.key),
                vec![("form", plan.form.key.clone())],
            )
        })
    }

    /// A day's plan by form and date.
    ///
    /// # Errors
    /// DAY_NOT_OPEN; [`Fault::NotFound`] for a form that does not exist.
    pub async fn plan(
        &self,
        connection: &mut PgConnection,
        form: Uuid,
        date: NaiveDate,
    ) -> Result<Arc<Plan>, Fault> {
        if let Some(plan) = self.plans.get(form, date) {
            return Ok(plan);
        }
        match days::by_date(connection, form, date).await? {
            Some(day) => self.plan_of(connection, day).await,
            None if forms::on(connection, form, date).await?.is_none() => {
                Err(Fault::NotFound(crate::forms::parse::form_name(form)))
            }
            None => Err(not_open(form, date)),
        }
    }

    /// A day's plan by the day's id; nothing where there is no such day.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn plan_by_id(
        &self,
        connection: &mut PgConnection,
        id: Uuid,
    ) -> Result<Option<Arc<Plan>>, Fault> {
        match days::by_id(connection, id).await? {
            Some(day) => self.plan_of(connection, day).await.map(Some),
            None => Ok(None),
        }
    }

    /// The plan of a day as it was just read: the one at hand, if that is of this version.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn plan_of(
        &self,
        connection: &mut PgConnection,
        day: crate::days::Day,
    ) -> Result<Arc<Plan>, Fault> {
        let at_hand = self.plans.get(day.form, day.date);
        if let Some(plan) = at_hand.filter(|plan| plan.day.stamp() == day.stamp()) {
            return Ok(plan);
        }
        let form = forms::version(connection, day.form, day.form_version).await?;
        let form: Form = form.ok_or_else(|| Fault::internal("a day without its form"))?;
        let tree = match self.plans.tree(day.tree) {
            Some(tree) => tree,
            None => {
                let pinned = days::tree(connection, day.tree).await?;
                let today = self.jurisdiction.today();
                // Mostly the two are the same, and one is enough.
                let same = pinned.digest() == today.digest();
                self.plans.keep_tree(day.tree, if same { today } else { Arc::new(pinned) })
            }
        };
        Ok(self.plans.keep(Plan { day, form, tree }))
    }
}

/// The refusal of a day that is not open.
#[must_use]
pub fn not_open(form: Uuid, date: NaiveDate) -> Fault {
    Fault::unmet(
        "DAY_NOT_OPEN",
        crate::forms::parse::form_name(form),
        format!("the form's {date} is not open; days open by themselves when they begin, or by OpenDay"),
        vec![("business_date", date.to_string())],
    )
}
