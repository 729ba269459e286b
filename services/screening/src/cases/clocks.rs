//! What must be done about a case by when (R5, R6, R9, R18): one clock for each class that it was found to be, and those of
//! whoever is ill: nobody who is ill waits for nobody.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Case, State, Step};

/// How long after being found a case must be reported (R5), and after that audited (R6).
const WITHIN: TimeDelta = TimeDelta::hours(2);
/// How long after the report it must be investigated (R9).
const INVESTIGATED_WITHIN: TimeDelta = TimeDelta::hours(24);
/// How long after being found to be ill a person must be isolated [K]: as soon as the report must be made.
const ISOLATED_WITHIN: TimeDelta = WITHIN;
/// How long after being confirmed a person must be treated [K].
const TREATED_WITHIN: TimeDelta = TimeDelta::hours(24);
/// How long after being suspected a person must be confirmed or excluded [K]: two results a day apart, and a day.
const DECIDED_WITHIN: TimeDelta = TimeDelta::hours(48);

/// The classes that are reported, each by its own clock (R5).
pub const CLASSES: [State; 3] = [State::Suspected, State::Confirmed, State::Asymptomatic];

/// A clock of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Of which step.
    pub step: Step,
    /// Of the report and the audit of which class.
    pub class: Option<State>,
    /// Until when it must be done; nothing where it has no clock, or the case is none any more.
    pub deadline: Option<DateTime<Utc>>,
    /// When it was done.
    pub done: Option<DateTime<Utc>>,
}

impl Case {
    /// When it was found to be of a class.
    #[must_use]
    pub fn found_as(&self, class: State) -> Option<DateTime<Utc>> {
        CLASSES.into_iter().zip(self.found).find(|(known, _)| *known == class).and_then(|(_, at)| at)
    }

    /// Notes when it was found to be of a class, or that it never was.
    pub fn find_as(&mut self, class: State, at: Option<DateTime<Utc>>) {
        for (known, found) in CLASSES.into_iter().zip(&mut self.found) {
            if known == class {
                *found = at;
            }
        }
    }

    /// When it was first found to be any of them.
    #[must_use]
    pub fn found_at(&self) -> Option<DateTime<Utc>> {
        self.found.into_iter().flatten().min()
    }

    /// When it was reported as a class: only a report at or after that was found counts (R5). One of a class that was
    /// found later stands for those before.
    #[must_use]
    pub fn reported(&self, class: State) -> Option<DateTime<Utc>> {
        let found = self.found_as(class)?;
        self.reports.iter().copied().filter(|at| *at >= found).min()
    }

    /// When the report of a class was audited (R6).
    #[must_use]
    pub fn audited(&self, class: State) -> Option<DateTime<Utc>> {
        let reported = self.reported(class)?;
        self.audits.iter().copied().filter(|at| *at >= reported).min()
    }

    /// When it was first reported.
    #[must_use]
    pub fn first_report(&self) -> Option<DateTime<Utc>> {
        let found = self.found_at()?;
        self.reports.iter().copied().filter(|at| *at >= found).min()
    }

    /// Its clocks: of each class that it was found to be, the first first, then the rest.
    #[must_use]
    pub fn clocks(&self) -> Vec<Clock> {
        let mut found: Vec<(DateTime<Utc>, State)> =
            CLASSES.into_iter().filter_map(|class| Some((self.found_as(class)?, class))).collect();
        found.sort_unstable_by_key(|(at, class)| (*at, *class as i16));
        let runs = |deadline: Option<DateTime<Utc>>| deadline.filter(|_| self.state.is_reported());
        let of_classes = found.into_iter().flat_map(|(at, class)| {
            let (class, reported, audited) = (Some(class), self.reported(class), self.audited(class));
            let report =
                Clock { step: Step::Reported, class, deadline: runs(Some(at + WITHIN)), done: reported };
            let until = runs(reported.map(|at| at + WITHIN));
            [report, Clock { step: Step::Audited, class, deadline: until, done: audited }]
        });
        let investigated = runs(self.first_report().map(|at| at + INVESTIGATED_WITHIN));
        let isolated = self.found_at().filter(|_| self.state.is_ill()).map(|at| at + ISOLATED_WITHIN);
        let is = |state: State| move |_: &DateTime<Utc>| self.state == state;
        let treated = self.found_as(State::Confirmed).filter(is(State::Confirmed));
        let suspected = self.found_as(State::Suspected).filter(is(State::Suspected));
        let rest = [
            (Step::Investigated, investigated, self.investigated_at),
            (Step::Isolated, isolated, self.isolated_at),
            (Step::Treated, treated.map(|at| at + TREATED_WITHIN), self.treated_at),
        ];
        // Of who was never suspected there is nothing to decide; of who is no more, it is decided.
        let decision = suspected.map(|at| (Step::Decided, Some(at + DECIDED_WITHIN), None));
        let rest = rest.into_iter().chain(decision);
        let rest = rest.map(|(step, deadline, done)| Clock { step, class: None, deadline, done });
        of_classes.chain(rest).collect()
    }

    /// By when the next step must be done.
    #[must_use]
    pub fn due_at(&self) -> Option<DateTime<Utc>> {
        let waiting = self.clocks().into_iter().filter(|clock| clock.done.is_none());
        waiting.filter_map(|clock| clock.deadline).min()
    }

    /// Takes over what is known of another case of the same person (R24): the earlier counts.
    pub fn take_over(&mut self, other: &Self) {
        let earlier =
            |one: Option<DateTime<Utc>>, other: Option<DateTime<Utc>>| one.into_iter().chain(other).min();
        for (own, others) in self.found.iter_mut().zip(other.found) {
            *own = earlier(*own, others);
        }
        self.investigated_at = earlier(self.investigated_at, other.investigated_at);
        self.isolated_at = earlier(self.isolated_at, other.isolated_at);
        self.treated_at = earlier(self.treated_at, other.treated_at);
        // What is marked last of a class is the one: the earliest.
        let marks = |own: &mut Vec<DateTime<Utc>>, others: &[DateTime<Utc>]| {
            let mut all = std::mem::take(own);
            all.extend(others);
            all.sort_unstable();
            all.into_iter().rev()
        };
        for at in marks(&mut self.reports, &other.reports) {
            let _ = self.mark(Step::Reported, at);
        }
        for at in marks(&mut self.audits, &other.audits) {
            let _ = self.mark(Step::Audited, at);
        }
    }

    /// Notes when a step was done; of what was said of it for the same class before, this is said now. Answers whether it
    /// may be: a report is not before the case was found, nor an audit before the report.
    #[must_use]
    pub fn mark(&mut self, step: Step, at: DateTime<Utc>) -> bool {
        let last = |of: &[DateTime<Utc>], until: DateTime<Utc>| {
            of.iter().copied().filter(|begun| *begun <= until).max()
        };
        let found: Vec<DateTime<Utc>> = self.found.into_iter().flatten().collect();
        match step {
            Step::Reported => {
                let class = last(&found, at);
                self.reports.retain(|report| last(&found, *report) != class);
                self.reports.push(at);
                class.is_some()
            }
            Step::Audited => {
                let report = last(&self.reports, at);
                let reports = self.reports.clone();
                self.audits.retain(|audit| last(&reports, *audit) != report);
                self.audits.push(at);
                report.is_some()
            }
            Step::Investigated => {
                self.investigated_at = Some(at);
                last(&found, at).is_some()
            }
            // Who was isolated or treated before anybody knew why, was.
            Step::Isolated => {
                self.isolated_at = Some(at);
                true
            }
            Step::Treated => {
                self.treated_at = Some(at);
                true
            }
            // By a classification.
            Step::Decided => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2020-02-{text}:00Z").parse().expect("an instant")
    }

    #[test]
    fn r5_r6_r9_the_clocks_follow_one_another() {
        let mut case = Case::blank(Uuid::nil(), at("03T00:00"));
        assert_eq!(case.due_at(), None, "looked at");
        case.state = State::Suspected;
        case.find_as(State::Suspected, Some(at("03T01:00")));
        assert_eq!(case.due_at(), Some(at("03T03:00")));
        assert!(case.mark(Step::Reported, at("03T02:00")));
        assert_eq!(case.due_at(), Some(at("03T03:00")), "nobody has isolated them");
        assert!(case.mark(Step::Isolated, at("03T02:30")));
        assert_eq!(case.due_at(), Some(at("03T04:00")), "the audit");
        assert!(case.mark(Step::Audited, at("03T05:00")));
        assert_eq!(case.due_at(), Some(at("04T02:00")), "the investigation");
        case.state = State::Excluded;
        assert_eq!(case.due_at(), None);
    }

    #[test]
    fn r18_whoever_is_ill_waits_until_isolated_treated_and_decided_on() {
        let mut case = Case::blank(Uuid::nil(), at("03T00:00"));
        case.state = State::Suspected;
        case.find_as(State::Suspected, Some(at("03T01:00")));
        for step in [Step::Reported, Step::Audited, Step::Investigated, Step::Isolated] {
            assert!(case.mark(step, at("03T01:30")));
        }
        assert_eq!(case.due_at(), Some(at("05T01:00")), "confirmed or excluded");
        assert!(!case.mark(Step::Decided, at("03T02:00")), "by a classification alone");
        case.state = State::Confirmed;
        case.find_as(State::Confirmed, Some(at("04T01:00")));
        assert!(case.mark(Step::Reported, at("04T01:30")) && case.mark(Step::Audited, at("04T02:00")));
        assert_eq!(case.due_at(), Some(at("05T01:00")), "treated");
        assert!(case.mark(Step::Treated, at("04T03:00")));
        assert_eq!(case.due_at(), None);
        case.treated_at = None;
        case.state = State::Discharged;
        assert_eq!(case.due_at(), None, "who went home well");
    }

    #[test]
    fn r5_each_class_has_its_own_clock_and_a_report_before_it_was_found_does_not_count() {
        let mut case = Case::blank(Uuid::nil(), at("01T00:00"));
        case.state = State::Suspected;
        case.find_as(State::Suspected, Some(at("01T01:00")));
        assert!(case.mark(Step::Reported, at("01T02:00")) && case.mark(Step::Audited, at("01T03:00")));
        assert!(case.mark(Step::Investigated, at("01T09:00")) && case.mark(Step::Isolated, at("01T02:00")));
        assert_eq!(case.due_at(), Some(at("03T01:00")), "all is done but to decide");
        assert!(case.mark(Step::Treated, at("01T10:00")));
        case.state = State::Confirmed;
        case.find_as(State::Confirmed, Some(at("03T01:00")));
        assert_eq!(case.due_at(), Some(at("03T03:00")), "to be reported as confirmed");
        assert_eq!(case.reported(State::Suspected), Some(at("01T02:00")));
        assert!(case.mark(Step::Reported, at("03T02:30")));
        assert_eq!(case.due_at(), Some(at("03T04:30")), "and audited");
        assert!(case.mark(Step::Audited, at("03T04:00")));
        assert_eq!(case.due_at(), None, "it was investigated");
    }

    #[test]
    fn r5_from_excluded_to_confirmed_the_clock_begins_when_that_was_found() {
        let mut case = Case::blank(Uuid::nil(), at("01T00:00"));
        case.find_as(State::Suspected, Some(at("01T01:00")));
        case.find_as(State::Confirmed, Some(at("05T01:00")));
        case.state = State::Confirmed;
        let overdue = case.clocks()[0];
        assert_eq!((overdue.class, overdue.done), (Some(State::Suspected), None), "never reported");
        assert!(case.mark(Step::Reported, at("05T02:00")));
        assert_eq!(case.reported(State::Suspected), Some(at("05T02:00")), "late, by the later class's");
        assert_eq!(case.clocks()[2].done, Some(at("05T02:00")));
    }

    #[test]
    fn r24_of_two_who_are_one_the_earlier_counts() {
        let case = |found: &str, reported: &str| {
            let mut case = Case::blank(Uuid::nil(), at("01T00:00"));
            case.state = State::Confirmed;
            case.find_as(State::Confirmed, Some(at(found)));
            assert!(case.mark(Step::Reported, at(reported)) && case.mark(Step::Audited, at("04T00:00")));
            case
        };
        let mut one = case("03T01:00", "03T02:00");
        one.take_over(&case("02T01:00", "02T01:30"));
        assert_eq!(
            (one.found_at(), one.reported(State::Confirmed)),
            (Some(at("02T01:00")), Some(at("02T01:30")))
        );
        assert_eq!(one.audits, [at("04T00:00")]);
    }

    #[test]
    fn r5_r6_nothing_is_done_before_its_beginning_and_a_mark_said_anew_is_the_one() {
        let mut case = Case::blank(Uuid::nil(), at("03T00:00"));
        case.state = State::Confirmed;
        case.find_as(State::Confirmed, Some(at("03T01:00")));
        assert!(!case.clone().mark(Step::Reported, at("03T00:59")));
        assert!(!case.clone().mark(Step::Audited, at("03T02:00")), "there is no report");
        assert!(!case.clone().mark(Step::Investigated, at("03T00:59")));
        assert!(case.mark(Step::Isolated, at("02T00:00")), "before anybody knew");
        assert!(case.mark(Step::Reported, at("03T02:00")) && case.mark(Step::Reported, at("03T02:10")));
        assert_eq!(case.reports, [at("03T02:10")]);
    }
}
