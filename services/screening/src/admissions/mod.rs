//! Admissions decide here: whom a facility has, and has let go, whatever else is known of them.

pub mod api;
pub mod ops;
pub mod parse;
pub mod store;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Where somebody was discharged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Destination {
    /// Home.
    Home = 1,
    /// To another facility.
    Facility = 2,
}

impl Destination {
    /// The destination of a number of the contract.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        [Self::Home, Self::Facility].into_iter().find(|destination| *destination as i32 == number)
    }
}

/// That a facility has, or had, somebody.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The id.
    pub id: Uuid,
    /// Who.
    pub person: Uuid,
    /// Whose hands.
    pub unit: Uuid,
    /// The first of those who are one.
    pub one: Uuid,
    /// The facility's official name.
    pub facility: String,
    /// The system that knows it by a number, and the number; both empty where there is none.
    pub external: (String, String),
    /// The referral that it answered.
    pub referral: Option<Uuid>,
    /// When the person was admitted; none where only the discharge was told.
    pub admitted_at: Option<DateTime<Utc>>,
    /// Who recorded that.
    pub admitted_by: String,
    /// When the person was discharged.
    pub discharged_at: Option<DateTime<Utc>>,
    /// Who recorded that.
    pub discharged_by: String,
    /// Where to, as [`Destination`] numbers it.
    pub destination: Option<i16>,
    /// Where home is, if that was said.
    pub home_unit: Option<Uuid>,
    /// The hand-down by which the person comes home.
    pub handdown: Option<Uuid>,
}

impl Admission {
    /// Whether it is the one of somebody admitted at an instant, where no system knows it by a number.
    #[must_use]
    pub fn is_admitted_at(&self, at: DateTime<Utc>) -> bool {
        match self.admitted_at {
            Some(admitted_at) => admitted_at == at,
            None => self.discharged_at.is_some_and(|discharged_at| discharged_at >= at),
        }
    }

    /// Whether it is the one of somebody discharged at an instant, where no system knows it by a number.
    #[must_use]
    pub fn is_discharged_at(&self, at: DateTime<Utc>) -> bool {
        let is_open = self.discharged_at.is_none() && self.admitted_at.is_some_and(|admitted| admitted <= at);
        is_open || self.discharged_at == Some(at)
    }
}
