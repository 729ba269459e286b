//! Reports decide here: what becomes of an expectation when something is said, returned, corrected,
//! excused or not said at all. Facts are always taken in (the first principle).

pub mod api;
pub mod batch;
pub mod chase;
pub mod draft;
pub mod list;
pub mod parse;
pub mod revise;
pub mod store;
pub mod stream;
pub mod watch;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::forms::{Figures, schedule::SlotTimes, value};

/// The topic of reports in the feed.
pub const TOPIC: &str = "report";

/// How a report stands to its deadline (D1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Timing {
    /// Awaited.
    Due = 1,
    /// Before the deadline, or within its grace.
    OnTime = 2,
    /// After that and before the hard close.
    Late = 3,
    /// After the hard close.
    AfterClose = 4,
    /// Need not come.
    Excused = 5,
    /// Did not come.
    Missing = 6,
}

impl Timing {
    /// Every timing.
    pub const ALL: [Self; 6] =
        [Self::Due, Self::OnTime, Self::Late, Self::AfterClose, Self::Excused, Self::Missing];

    /// The timing of a number.
    #[must_use]
    pub fn of(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|timing| *timing as i16 == number)
    }

    /// How a report that comes now stands.
    #[must_use]
    pub fn at(slot: &SlotTimes, now: DateTime<Utc>) -> Self {
        if now < slot.grace_end {
            Self::OnTime
        } else if now < slot.hard_close {
            Self::Late
        } else {
            Self::AfterClose
        }
    }

    /// The instant that counts for a report. A day that was closed before its hour, since nothing was due
    /// any more, is closed; what had come by then and waited its turn had come in time.
    #[must_use]
    pub fn arrival(
        slot: &SlotTimes,
        closed_at: Option<DateTime<Utc>>,
        received_at: DateTime<Utc>,
    ) -> DateTime<Utc> {
        match closed_at {
            Some(closed) if closed <= received_at => received_at.max(slot.hard_close),
            _ => received_at,
        }
    }

    /// Whether something was said.
    #[must_use]
    pub fn is_reported(self) -> bool {
        matches!(self, Self::OnTime | Self::Late | Self::AfterClose)
    }
}

/// What a report says (D1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Content {
    /// Figures.
    Data = 1,
    /// Zero, said.
    Zero = 2,
}

impl Content {
    /// The content of a number; none for zero.
    #[must_use]
    pub fn of(number: i16) -> Option<Self> {
        [Self::Data, Self::Zero].into_iter().find(|content| *content as i16 == number)
    }
}

/// What made a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum RevisionKind {
    /// A report.
    Report = 1,
    /// A return.
    Return = 2,
    /// A correction.
    Correction = 3,
}

/// How an expectation stands: what counts of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// To its deadline.
    pub timing: Timing,
    /// What was said; nothing while it is awaited.
    pub content: Option<Content>,
    /// Whether it was returned and has not come back.
    pub returned: bool,
    /// The number of the last revision.
    pub revision: i32,
    /// The figures that count, by column.
    pub figures: Figures,
    /// The stocks of days before.
    pub last_known: Figures,
}

impl Standing {
    /// An expectation when the day opens.
    #[must_use]
    pub fn awaited(last_known: Figures) -> Self {
        let figures = Vec::new();
        Self { timing: Timing::Due, content: None, returned: false, revision: 0, figures, last_known }
    }

    /// What becomes of it when a report comes: the first one's timing stays, unless it was returned.
    ///
    /// # Errors
    /// Where the day has closed on what was said: that takes a correction.
    pub fn report(
        &self,
        content: Content,
        figures: Figures,
        slot: &SlotTimes,
        now: DateTime<Utc>,
    ) -> Result<Self, UseCorrection> {
        let arrives = Timing::at(slot, now);
        if self.timing.is_reported() && arrives == Timing::AfterClose {
            return Err(UseCorrection);
        }
        let timing = if self.timing.is_reported() { self.timing } else { arrives };
        let last_known = self.last_known.clone();
        Ok(Self {
            timing,
            content: Some(content),
            returned: false,
            revision: self.revision + 1,
            figures,
            last_known,
        })
    }

    /// What becomes of it when it is returned: it is awaited again, or missing where the slot has closed.
    #[must_use]
    pub fn returned(&self, slot_is_closed: bool) -> Self {
        Self {
            timing: if slot_is_closed { Timing::Missing } else { Timing::Due },
            content: None,
            returned: true,
            revision: self.revision + 1,
            figures: Vec::new(),
            last_known: self.last_known.clone(),
        }
    }

    /// What becomes of it when it is corrected. Timing stays.
    #[must_use]
    pub fn corrected(&self, content: Content, figures: Figures) -> Self {
        Self { content: Some(content), figures, revision: self.revision + 1, ..self.clone() }
    }

    /// What becomes of it when it is excused; nothing where it has come, or is excused already.
    #[must_use]
    pub fn excused(&self) -> Option<Self> {
        let awaited = matches!(self.timing, Timing::Due | Timing::Missing);
        awaited.then(|| Self { timing: Timing::Excused, ..self.clone() })
    }

    /// What becomes of it when its slot closes; nothing where it has come or is excused.
    #[must_use]
    pub fn closed(&self) -> Option<Self> {
        (self.timing == Timing::Due).then(|| Self { timing: Timing::Missing, ..self.clone() })
    }
}

/// What was said is closed: it takes a correction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UseCorrection;

/// One revision, as it is remembered.
#[derive(Clone, Debug)]
pub struct Revision {
    /// The number.
    pub number: i32,
    /// What made it.
    pub kind: RevisionKind,
    /// How the report stood.
    pub timing: Timing,
    /// What it says.
    pub content: Option<Content>,
    /// The figures.
    pub figures: Figures,
    /// New less old, of a correction.
    pub differences: Option<Figures>,
    /// Why.
    pub reason: String,
    /// Who entered it.
    pub caller: String,
    /// Where they hold the office by which they did.
    pub entered_at_unit: Uuid,
    /// Entered from above.
    pub on_behalf: bool,
    /// Who said so.
    pub informant: String,
    /// How it came.
    pub channel: i16,
    /// When it was made.
    pub made_at: Option<DateTime<Utc>>,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// When it is announced.
    pub announce_date: Option<NaiveDate>,
    /// A remark.
    pub note: String,
    /// Why figures are others than the registers have, by field key (D7).
    pub explanations: BTreeMap<String, String>,
}

/// New less old by column; nothing where both are the same or neither is known.
#[must_use]
pub fn differences(before: &Figures, after: &Figures) -> Figures {
    let columns = before.len().max(after.len());
    (0..columns)
        .map(|column| match (value(before, column), value(after, column)) {
            (None, None) => None,
            (before, after) => Some(after.unwrap_or(0) - before.unwrap_or(0)).filter(|_| before != after),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> SlotTimes {
        let at = |text: &str| text.parse().expect("an instant");
        SlotTimes {
            key: String::new(),
            window_start: at("2020-02-02T16:00:00Z"),
            window_end: at("2020-02-03T08:00:00Z"),
            deadline: at("2020-02-03T08:00:00Z"),
            grace_end: at("2020-02-03T08:10:00Z"),
            hard_close: at("2020-02-03T09:00:00Z"),
            reminders: vec![],
        }
    }

    #[test]
    fn instants_are_half_open() {
        for (instant, timing) in [
            ("2020-02-03T08:09:59.999999Z", Timing::OnTime),
            ("2020-02-03T08:10:00Z", Timing::Late),
            ("2020-02-03T08:59:59.999999Z", Timing::Late),
            ("2020-02-03T09:00:00Z", Timing::AfterClose),
        ] {
            assert_eq!(Timing::at(&slot(), instant.parse().expect("an instant")), timing);
        }
    }

    #[test]
    fn what_came_before_the_close_and_waited_its_turn_came_in_time() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
        let late = at("2020-02-03T08:59:59Z");
        for (closed_at, timing) in [
            (None, Timing::Late),
            (Some(at("2020-02-03T09:00:00Z")), Timing::Late),
            (Some(at("2020-02-03T08:30:00Z")), Timing::AfterClose),
        ] {
            let counts = Timing::arrival(&slot(), closed_at, late);
            assert_eq!(Timing::at(&slot(), counts), timing, "{closed_at:?}");
        }
    }

    #[test]
    fn a_second_report_before_the_close_keeps_the_first_one_s_timing() {
        let early = "2020-02-03T07:00:00Z".parse().expect("an instant");
        let late = "2020-02-03T08:30:00Z".parse().expect("an instant");
        let closed = "2020-02-03T10:00:00Z".parse().expect("an instant");
        let first =
            Standing::awaited(vec![]).report(Content::Zero, vec![Some(0)], &slot(), early).expect("taken");
        let second = first.report(Content::Data, vec![Some(2)], &slot(), late).expect("taken");
        assert_eq!((second.timing, second.revision), (Timing::OnTime, 2));
        assert_eq!(second.report(Content::Zero, vec![], &slot(), closed), Err(UseCorrection));
        let returned = second.returned(false);
        let again = returned.report(Content::Data, vec![Some(1)], &slot(), late).expect("taken");
        assert_eq!((again.timing, again.revision), (Timing::Late, 4));
    }

    #[test]
    fn a_missing_report_comes_after_close_as_a_first_revision() {
        let closed = "2020-02-03T10:00:00Z".parse().expect("an instant");
        let missing = Standing::awaited(vec![]).closed().expect("missing");
        let came = missing.report(Content::Zero, vec![Some(0)], &slot(), closed).expect("a fact is taken in");
        assert_eq!((came.timing, came.revision), (Timing::AfterClose, 1));
    }
}
