//! When a form is due: minutes of the business date, and the instants they are on a date.

use chrono::{DateTime, NaiveDate, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::Label;

/// When a form is due, in minutes from 00:00 of the business date (D3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// The first minute of the window.
    pub window_start: i32,
    /// The minute at which it ends.
    pub window_end: i32,
    /// The minute as of which the figures hold.
    pub cut_off: i32,
    /// The reports asked for, in the order of their deadlines.
    pub slots: Vec<Slot>,
    /// From when the service seals by itself.
    pub seal: Option<i32>,
}

/// One report of a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Its key; may be empty where it is the only one.
    pub key: String,
    /// What people call it.
    pub label: Label,
    /// The first minute of its window.
    pub window_start: i32,
    /// The minute at which its window ends.
    pub window_end: i32,
    /// Before this minute a report is on time.
    pub deadline: i32,
    /// For how many minutes more it still is.
    pub grace: i32,
    /// From this minute on a report is after close.
    pub hard_close: i32,
    /// How many minutes before the deadline reminders go out, the longest first.
    pub reminders: Vec<i32>,
}

/// A schedule on one date, as instants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// When the window starts.
    pub window_start: DateTime<Utc>,
    /// When it ends.
    pub window_end: DateTime<Utc>,
    /// As of when the figures hold.
    pub as_of: DateTime<Utc>,
    /// The slots.
    pub slots: Vec<SlotTimes>,
    /// From when the service seals by itself.
    pub seal: Option<DateTime<Utc>>,
}

/// One slot on one date, as instants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotTimes {
    /// Its key.
    pub key: String,
    /// When its window starts.
    pub window_start: DateTime<Utc>,
    /// When its window ends.
    pub window_end: DateTime<Utc>,
    /// Before this a report is on time.
    pub deadline: DateTime<Utc>,
    /// Before this it still is, by grace.
    pub grace_end: DateTime<Utc>,
    /// Before this it is late; from here on, after close.
    pub hard_close: DateTime<Utc>,
    /// When reminders go out, the earliest first.
    pub reminders: Vec<DateTime<Utc>>,
}

impl Schedule {
    /// The schedule on a date in a zone. Minutes count from the date's midnight, as a clock would show
    /// them on a day without a change of the clocks.
    #[must_use]
    pub fn on(&self, date: NaiveDate, zone: Tz) -> Times {
        let midnight = date.and_time(chrono::NaiveTime::MIN);
        let midnight = zone
            .from_local_datetime(&midnight)
            .earliest()
            .map_or_else(|| midnight.and_utc(), |instant| instant.with_timezone(&Utc));
        let at = |minute: i32| midnight + TimeDelta::minutes(minute.into());
        let slots = self.slots.iter().map(|slot| SlotTimes {
            key: slot.key.clone(),
            window_start: at(slot.window_start),
            window_end: at(slot.window_end),
            deadline: at(slot.deadline),
            grace_end: at(slot.deadline + slot.grace),
            hard_close: at(slot.hard_close),
            reminders: slot.reminders.iter().map(|before| at(slot.deadline - before)).collect(),
        });
        Times {
            window_start: at(self.window_start),
            window_end: at(self.window_end),
            as_of: at(self.cut_off),
            slots: slots.collect(),
            seal: self.seal.map(at),
        }
    }
}

impl Times {
    /// When the last slot closes.
    #[must_use]
    pub fn last_close(&self) -> Option<DateTime<Utc>> {
        self.slots.iter().map(|slot| slot.hard_close).max()
    }
}
