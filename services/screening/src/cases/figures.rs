//! What cases were counted as, told by their events: what was so on a day that is past stays so, whatever is decided
//! later. A case counts once as confirmed, discharged and dead, on the day from which that counts; a correction takes
//! that back from the day of the correction on (D4).

use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::{Event, State};
use crate::rules::day_start;

/// From which severity on a case is severe (R17).
const SEVERE: i16 = 3;

/// Something that befell a case, as far as figures know of it; those of a case are in the order in which they were
/// recorded.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// What.
    pub event: Event,
    /// What the case was before.
    pub before: State,
    /// What it was from then on.
    pub after: State,
    /// How severe it was said to be.
    pub severity: i16,
    /// Since when it was so, as it was stated.
    pub stated_at: DateTime<Utc>,
    /// From when on it counts.
    pub counts_from: DateTime<Utc>,
    /// Where the case is counted from then on.
    pub unit: Option<Uuid>,
}

/// How a case stood at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Standing {
    unit: Option<Uuid>,
    state: State,
    severity: (DateTime<Utc>, i16),
    was_severe: bool,
    /// Since when, and whether as a new case (R4).
    confirmed: Option<(DateTime<Utc>, bool)>,
    discharged: Vec<DateTime<Utc>>,
    died: Option<DateTime<Utc>>,
    is_merged: bool,
}

/// How a case stood just before an instant.
fn standing(events: &[Told], until: DateTime<Utc>) -> Standing {
    let mut standing = Standing {
        unit: None,
        state: State::Observed,
        severity: (DateTime::<Utc>::MIN_UTC, 0),
        was_severe: false,
        confirmed: None,
        discharged: Vec::new(),
        died: None,
        is_merged: false,
    };
    for told in events.iter().filter(|told| told.counts_from < until) {
        standing.take(told);
    }
    standing
}

impl Standing {
    fn take(&mut self, told: &Told) {
        let from = told.counts_from;
        match told.event {
            Event::Severity => {
                // What was stated of a later time is how it is, whichever was recorded first.
                if told.stated_at >= self.severity.0 {
                    self.severity = (told.stated_at, told.severity);
                }
                self.was_severe |= told.severity >= SEVERE;
            }
            Event::Classified => {
                match told.after {
                    // Symptoms of who was asymptomatic are a correction (R4).
                    State::Confirmed if self.confirmed.is_none() => {
                        self.confirmed = Some((from, told.before != State::Asymptomatic));
                    }
                    State::Discharged => self.discharged.push(from),
                    State::Died => self.died = Some(from),
                    _ => {}
                }
                (self.state, self.unit) = (told.after, told.unit);
            }
            Event::Corrected => {
                self.take_back(told.after);
                (self.state, self.unit) = (told.after, told.unit);
            }
            Event::Merged | Event::Recounted => self.unit = told.unit,
            Event::MergedInto => self.is_merged = true,
            Event::Opened | Event::Findings | Event::Marked => {}
        }
    }

    /// What a case is corrected to, it never came after.
    fn take_back(&mut self, to: State) {
        self.died = None;
        if !matches!(to, State::Discharged | State::FollowUpDone | State::Readmitted) {
            self.discharged.clear();
            if to != State::Confirmed {
                self.confirmed = None;
            }
        }
    }

    /// Where it is counted; nothing where it counts nowhere.
    fn counted(&self) -> Option<Uuid> {
        self.unit.filter(|_| !self.is_merged)
    }
}

/// The figures of cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Confirmed: on the day, and until its end.
    pub confirmed: (i64, i64),
    /// Suspected.
    pub suspected: i64,
    /// Asymptomatic.
    pub asymptomatic: i64,
    /// Severe or critical, of those who are confirmed: at the end of the day, and ever until then.
    pub severe: (i64, i64),
    /// Discharged: on the day, and until its end.
    pub discharged: (i64, i64),
    /// Died: on the day, and until its end.
    pub died: (i64, i64),
}

impl std::iter::Sum for Figures {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        let pair = |one: (i64, i64), other: (i64, i64)| (one.0 + other.0, one.1 + other.1);
        all.fold(Self::default(), |sum, one| Self {
            confirmed: pair(sum.confirmed, one.confirmed),
            suspected: sum.suspected + one.suspected,
            asymptomatic: sum.asymptomatic + one.asymptomatic,
            severe: pair(sum.severe, one.severe),
            discharged: pair(sum.discharged, one.discharged),
            died: pair(sum.died, one.died),
        })
    }
}

/// Where a case counts at the end of a day, and as what: the day's first instant, and the first after it.
#[must_use]
pub fn of_day(events: &[Told], (from, to): (DateTime<Utc>, DateTime<Utc>)) -> Option<(Uuid, Figures)> {
    let standing = standing(events, to);
    let is = i64::from;
    let on_the_day = |at: DateTime<Utc>| at >= from;
    let (state, confirmed) = (standing.state, standing.confirmed);
    let is_treated = matches!(state, State::Confirmed | State::Readmitted);
    let first = standing.discharged.first().copied();
    let figures = Figures {
        confirmed: (
            is(confirmed.is_some_and(|(at, is_new)| is_new && on_the_day(at))),
            is(confirmed.is_some()),
        ),
        suspected: is(state == State::Suspected),
        asymptomatic: is(state == State::Asymptomatic),
        severe: (
            is(is_treated && confirmed.is_some() && standing.severity.1 >= SEVERE),
            is(confirmed.is_some() && standing.was_severe),
        ),
        discharged: (is(first.is_some_and(on_the_day)), is(first.is_some())),
        died: (is(standing.died.is_some_and(on_the_day)), is(standing.died.is_some())),
    };
    standing.counted().map(|unit| (unit, figures))
}

/// What happened to cases that resided in units, by unit and civil day of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flows {
    /// Where they resided.
    pub unit: Uuid,
    /// The day.
    pub date: NaiveDate,
    /// Newly confirmed.
    pub confirmed: i64,
    /// Discharged.
    pub discharged: i64,
    /// Died.
    pub died: i64,
}

/// What happened to a case, on each day on which anything did: the same as the figures of that day say is new.
pub fn flows(events: &[Told], zone: Tz) -> impl Iterator<Item = Flows> {
    let decided = events.iter().filter(|told| told.event == Event::Classified);
    let mut days: Vec<NaiveDate> =
        decided.map(|told| told.counts_from.with_timezone(&zone).date_naive()).collect();
    days.sort_unstable();
    days.dedup();
    days.into_iter().filter_map(move |date| {
        let day = (day_start(date, zone), day_start(date + Days::new(1), zone));
        let (unit, figures) = of_day(events, day)?;
        let (confirmed, discharged, died) = (figures.confirmed.0, figures.discharged.0, figures.died.0);
        (confirmed + discharged + died > 0).then_some(Flows { unit, date, confirmed, discharged, died })
    })
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Shanghai;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn on(day: u32) -> (DateTime<Utc>, DateTime<Utc>) {
        let date = NaiveDate::from_ymd_opt(2020, 2, day).expect("a date");
        (day_start(date, Shanghai), day_start(date + Days::new(1), Shanghai))
    }

    fn told(event: Event, (before, after): (State, State), day: u32) -> Told {
        let at = on(day).0 + chrono::TimeDelta::hours(12);
        Told { event, before, after, severity: 0, stated_at: at, counts_from: at, unit: Some(Uuid::nil()) }
    }

    fn figures(events: &[Told], day: u32) -> Figures {
        of_day(events, on(day)).map(|(_, figures)| figures).unwrap_or_default()
    }

    #[test]
    fn d4_a_second_discharge_leaves_the_first_where_it_was() {
        use State::{Confirmed, Discharged, Observed, Readmitted};
        let events = [
            told(Event::Classified, (Observed, Confirmed), 1),
            told(Event::Classified, (Confirmed, Discharged), 3),
            told(Event::Classified, (Discharged, Readmitted), 5),
            told(Event::Classified, (Readmitted, Discharged), 10),
        ];
        assert_eq!(figures(&events, 3).discharged, (1, 1));
        assert_eq!(figures(&events, 5).discharged, (0, 1));
        assert_eq!(figures(&events, 10).discharged, (0, 1), "each case once");
        let flows: Vec<_> = flows(&events, Shanghai).map(|flow| (flow.confirmed, flow.discharged)).collect();
        assert_eq!(flows, [(1, 0), (0, 1)]);
    }

    #[test]
    fn d4_a_correction_counts_from_its_own_day_on() {
        use State::{Confirmed, Observed, Suspected};
        let events = [
            told(Event::Classified, (Observed, Suspected), 1),
            told(Event::Classified, (Suspected, Confirmed), 3),
            told(Event::Corrected, (Confirmed, Suspected), 5),
        ];
        assert_eq!((figures(&events, 3).confirmed, figures(&events, 3).suspected), ((1, 1), 0));
        assert_eq!((figures(&events, 5).confirmed, figures(&events, 5).suspected), ((0, 0), 1));
    }

    #[test]
    fn r17_who_is_severe_now_was_ever_severe_and_a_suspected_case_is_not_among_them() {
        use State::{Confirmed, Observed, Suspected};
        let severe = Told { severity: 3, ..told(Event::Severity, (Suspected, Suspected), 2) };
        let mild = Told { severity: 1, ..told(Event::Severity, (Confirmed, Confirmed), 1) };
        let events = [
            told(Event::Classified, (Observed, Suspected), 1),
            severe,
            told(Event::Classified, (Suspected, Confirmed), 3),
            mild,
        ];
        assert_eq!(figures(&events, 2).severe, (0, 0));
        assert_eq!(
            figures(&events, 3).severe,
            (1, 1),
            "what was said late of an earlier day changes nothing"
        );
    }

    #[test]
    fn r24_one_that_is_merged_into_another_counts_until_then() {
        use State::{Confirmed, Observed};
        let events = [
            told(Event::Classified, (Observed, Confirmed), 1),
            told(Event::MergedInto, (Confirmed, Confirmed), 3),
        ];
        assert_eq!((figures(&events, 2).confirmed.1, figures(&events, 3).confirmed.1), (1, 0));
    }

    proptest! {
        #[test]
        fn figures_hold_together_and_what_comes_later_changes_no_day_before(
            steps in vec((1_i16..12, 0_u32..3, 1_i16..5, any::<bool>()), 1..12)
        ) {
            let (mut events, mut state, mut day) = (Vec::new(), State::Observed, 1);
            for (to, days, severity, is_severity) in steps {
                day += days;
                let to = State::of(to).expect("a state");
                if is_severity {
                    events.push(Told { severity, ..told(Event::Severity, (state, state), day.min(28)) });
                    continue;
                }
                let event = if super::super::classify::leads_forward(state, to) {
                    Event::Classified
                } else if super::super::classify::is_correction(state, to) && events.iter().any(|told: &Told| told.after == to) {
                    Event::Corrected
                } else {
                    continue;
                };
                events.push(told(event, (state, to), day.min(28)));
                state = to;
            }
            for day in 1..=28 {
                let at = figures(&events, day);
                prop_assert!(at.severe.0 <= at.severe.1 && at.severe.1 <= at.confirmed.1);
                prop_assert!(at.discharged.1 <= at.confirmed.1);
                prop_assert!(at.confirmed.0 <= at.confirmed.1 && at.died.0 <= at.died.1);
                let until: Vec<Told> = events.iter().filter(|told| told.counts_from < on(day).1).copied().collect();
                prop_assert_eq!(figures(&until, day), at);
                let flow = flows(&events, Shanghai).find(|flow| day_start(flow.date, Shanghai) == on(day).0);
                prop_assert_eq!(flow.map_or(0, |flow| flow.confirmed), at.confirmed.0);
            }
        }
    }
}
