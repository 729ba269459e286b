//! What the definitions say of a case (R1 to R4), by the editions in force, and which steps lead from one state to
//! another.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{Condition, State, Statements};
use crate::{
    results::{Result as Tested, TestKind, TestOutcome},
    rules::RuleSet,
};

/// Fever or respiratory symptoms, as the contract numbers the signs.
const FEVER_OR_RESPIRATORY: i16 = 1;
/// Imaging.
const IMAGING: i16 = 2;
/// White cells normal or low.
const WHITE_CELLS: i16 = 3;

/// From which edition of the treatment plan on serology confirms, and a day between two negatives is 24 hours.
const PLAN_OF_SEROLOGY: i16 = 7;

/// From which edition of the treatment plan on a discharge asks for better imaging (R15); that the editions before did not
/// is usual and not read [K].
const PLAN_OF_IMAGING: i16 = 5;

/// For longer than how long the temperature has been normal when a case is discharged (R15).
const NORMAL_FOR: TimeDelta = TimeDelta::days(3);

/// How long an asymptomatic case is kept after its positive specimen (R4).
const ASYMPTOMATIC_DAYS: TimeDelta = TimeDelta::days(14);

/// What is known of a case.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The links within 14 days, as the contract numbers them.
    pub links: &'a [i16],
    /// The signs.
    pub signs: &'a [i16],
    /// The results that count, by when the specimens were taken.
    pub results: &'a [Tested],
}

/// What the definitions say of what is known.
#[must_use]
pub fn classify(rules: RuleSet, known: Known<'_>) -> State {
    if positive(rules, known.results).is_none() {
        return if is_suspected(rules, known) { State::Suspected } else { State::Observed };
    }
    if known.signs.is_empty() {
        State::Asymptomatic
    } else if is_suspected(rules, known) {
        State::Confirmed
    } else {
        // Positive, with signs that are not enough by the edition: for somebody to decide.
        State::Observed
    }
}

/// Whether the links and signs are those of a suspected case (R1).
#[must_use]
pub fn is_suspected(rules: RuleSet, known: Known<'_>) -> bool {
    let has = |sign: i16| known.signs.contains(&sign);
    let count = [FEVER_OR_RESPIRATORY, IMAGING, WHITE_CELLS].into_iter().filter(|sign| has(*sign)).count();
    let linked = !known.links.is_empty();
    match rules.control_plan {
        ..=2 => linked && count == 3,
        3 => linked && has(IMAGING) && (has(FEVER_OR_RESPIRATORY) || has(WHITE_CELLS)),
        4..=5 => linked && count >= 2,
        6.. => (linked && count >= 2) || count == 3,
    }
}

/// The first result that confirms by the edition (R2).
#[must_use]
pub fn positive(rules: RuleSet, results: &[Tested]) -> Option<&Tested> {
    results.iter().find(|result| confirms(rules, result))
}

/// Whether a result confirms by the edition (R2).
#[must_use]
pub fn confirms(rules: RuleSet, result: &Tested) -> bool {
    let counts = result.kind != TestKind::Serology || rules.treatment_plan >= PLAN_OF_SEROLOGY;
    counts && result.outcome == TestOutcome::Positive && !result.amended
}

/// Whether the last results are two consecutive negatives that are a day apart (R4, R14, R15).
#[must_use]
pub fn two_negatives(rules: RuleSet, results: &[Tested], zone: Tz) -> bool {
    let specimens = results.iter().filter(|result| !result.amended && result.kind != TestKind::Serology);
    let mut trailing: Vec<DateTime<Utc>> = Vec::new();
    for result in specimens {
        match result.outcome {
            TestOutcome::Negative => trailing.push(result.taken_at),
            TestOutcome::Positive | TestOutcome::Indeterminate => trailing.clear(),
        }
    }
    let Some((first, last)) = trailing.first().zip(trailing.last()) else { return false };
    if rules.treatment_plan >= PLAN_OF_SEROLOGY {
        return *last - *first >= TimeDelta::hours(24);
    }
    let day = |at: &DateTime<Utc>| at.with_timezone(&zone).date_naive();
    day(first) < day(last)
}

/// Whether a step leads forwards.
#[must_use]
pub fn leads_forward(from: State, to: State) -> bool {
    use State::{
        Asymptomatic, Cleared, Confirmed, Died, Discharged, Excluded, FollowUpDone, Observed, Readmitted,
        Released, Suspected,
    };
    matches!(
        (from, to),
        (Observed, Suspected | Confirmed | Asymptomatic | Cleared)
            | (Suspected, Confirmed | Excluded | Died)
            | (Excluded, Confirmed)
            | (Asymptomatic, Confirmed | Released)
            | (Confirmed | Readmitted, Discharged | Died)
            | (Discharged, FollowUpDone | Readmitted)
    )
}

/// Whether a step is a correction: back along one that leads forwards.
#[must_use]
pub fn is_correction(from: State, to: State) -> bool {
    !leads_forward(from, to) && leads_forward(to, from)
}

/// When a step forwards is decided, and what else is known then.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// As of when: what was tested later does not count.
    pub at: DateTime<Utc>,
    /// Of the civil days.
    pub zone: Tz,
    /// Whether the person is under observation in the hands that the case is in.
    pub is_observed: bool,
    /// What the ward states for a discharge.
    pub said: Statements,
}

/// What a step forwards asks for and has not.
#[must_use]
pub fn unmet(rules: RuleSet, to: State, known: Known<'_>, at: At) -> Vec<Condition> {
    let tested: Vec<Tested> =
        known.results.iter().filter(|result| result.taken_at <= at.at).cloned().collect();
    let found = positive(rules, known.results);
    let negatives = (Condition::TwoNegatives, two_negatives(rules, &tested, at.zone));
    let suspected = (Condition::SuspectedDefinition, is_suspected(rules, known));
    let positive = (Condition::PositiveResult, found.is_some());
    let kept = found.is_some_and(|found| found.taken_at + ASYMPTOMATIC_DAYS <= at.at);
    let asked = match to {
        State::Suspected => vec![suspected],
        State::Confirmed => vec![suspected, positive],
        State::Asymptomatic => vec![positive, (Condition::NoSign, known.signs.is_empty())],
        State::Excluded => vec![negatives],
        State::Discharged => discharge(rules, at).into_iter().chain([negatives]).collect(),
        State::Released => vec![(Condition::FourteenDays, kept), negatives],
        State::FollowUpDone => vec![(Condition::FollowUpOver, !at.is_observed)],
        State::Observed | State::Cleared | State::Readmitted | State::Died => Vec::new(),
    };
    asked.into_iter().filter(|(_, met)| !met).map(|(condition, _)| condition).collect()
}

/// What the edition asks the ward to state for a discharge (R15), and whether it does.
fn discharge(rules: RuleSet, at: At) -> Vec<(Condition, bool)> {
    let by_then = |said: Option<DateTime<Utc>>| said.is_some_and(|said| said <= at.at);
    let normal = at.said.temperature_normal_since.is_some_and(|since| since + NORMAL_FOR < at.at);
    let mut asked = vec![
        (Condition::TemperatureNormal, normal),
        (Condition::RespiratoryBetter, by_then(at.said.respiratory_better_at)),
    ];
    if rules.treatment_plan >= PLAN_OF_IMAGING {
        asked.push((Condition::ImagingBetter, by_then(at.said.imaging_better_at)));
    }
    asked
}

/// How many confirmed cases of one small place within 14 days are a cluster (R8).
#[must_use]
pub fn cluster_from(rules: RuleSet) -> usize {
    if rules.control_plan >= 7 { 5 } else { 2 }
}

/// Whether a confirmed case and somebody febrile are a suspected cluster (R8).
#[must_use]
pub fn has_suspected_clusters(rules: RuleSet) -> bool {
    rules.control_plan == 2
}

/// The day of the first specimen that confirms.
#[must_use]
pub fn sampled_on(rules: RuleSet, results: &[Tested], zone: Tz) -> Option<NaiveDate> {
    positive(rules, results).map(|found| found.taken_at.with_timezone(&zone).date_naive())
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Shanghai;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn on(date: &str) -> RuleSet {
        RuleSet::on(date.parse().expect("a date"))
    }

    fn tested(outcome: TestOutcome, at: &str) -> Tested {
        let at: DateTime<Utc> = at.parse().expect("an instant");
        Tested { kind: TestKind::Pcr, outcome, taken_at: at, ..Tested::blank(Uuid::nil(), at) }
    }

    fn said(date: &str, links: &[i16], signs: &[i16], results: &[Tested]) -> State {
        classify(on(date), Known { links, signs, results })
    }

    #[test]
    fn r1_each_edition_has_its_own_definition_of_a_suspected_case_from_its_date_on() {
        use State::{Observed, Suspected};
        let all = &[1_i16, 2, 3][..];
        // Each edition on its first day and on its last: 2, 3, 4, 5, 6, 7.
        let second = ["2020-01-22", "2020-01-27"];
        let third = ["2020-01-28", "2020-02-03", "2020-02-06"];
        let fourth = ["2020-02-07", "2020-02-20"];
        let fifth = ["2020-02-21", "2020-03-06"];
        let sixth = ["2020-03-07", "2020-09-14"];
        let seventh = ["2020-09-15", "2021-05-10"];
        let is = |dates: &[&str], plan: i16, links: &[i16], signs: &[i16], expected: State| {
            for date in dates {
                assert_eq!(on(date).control_plan, plan, "{date}");
                assert_eq!(said(date, links, signs, &[]), expected, "{date} {links:?} {signs:?}");
            }
        };
        is(&second, 2, &[1], all, Suspected);
        is(&second, 2, &[1], &[1, 2], Observed);
        is(&second, 2, &[], all, Observed);
        is(&third, 3, &[1], &[1, 2], Suspected);
        is(&third, 3, &[2], &[2, 3], Suspected);
        is(&third, 3, &[1], &[1, 3], Observed);
        is(&third, 3, &[], all, Observed);
        for (dates, plan) in [(&fourth, 4), (&fifth, 5)] {
            is(dates, plan, &[4], &[1, 3], Suspected);
            is(dates, plan, &[3], &[1], Observed);
            is(dates, plan, &[], all, Observed);
        }
        for (dates, plan) in [(&sixth, 6), (&seventh, 7)] {
            is(dates, plan, &[4], &[1, 3], Suspected);
            is(dates, plan, &[], all, Suspected);
            is(dates, plan, &[], &[1, 2], Observed);
        }
    }

    #[test]
    fn r15_a_discharge_asks_for_what_the_treatment_plan_says_and_names_every_unmet_condition() {
        use Condition::{ImagingBetter, RespiratoryBetter, TemperatureNormal, TwoNegatives};
        let now: DateTime<Utc> = "2020-02-12T04:00:00Z".parse().expect("an instant");
        let asked = |date: &str, said: Statements, results: &[Tested]| {
            let known = Known { links: &[], signs: &[], results };
            let at = At { at: now, zone: Shanghai, is_observed: false, said };
            unmet(on(date), State::Discharged, known, at)
        };
        let nothing = Statements::default();
        let (plan4, plan5) = ("2020-02-04", "2020-02-05");
        assert_eq!(asked(plan4, nothing, &[]), [TemperatureNormal, RespiratoryBetter, TwoNegatives]);
        let all = [TemperatureNormal, RespiratoryBetter, ImagingBetter, TwoNegatives];
        for (plan, date) in [(5, plan5), (6, "2020-02-18"), (7, "2020-03-03")] {
            assert_eq!((on(date).treatment_plan, asked(date, nothing, &[])), (plan, all.to_vec()));
        }
        let better = Some(now - TimeDelta::hours(1));
        let negatives = [
            tested(TestOutcome::Negative, "2020-02-10T01:00:00Z"),
            tested(TestOutcome::Negative, "2020-02-11T00:00:00Z"),
        ];
        let three_days = Statements {
            temperature_normal_since: Some(now - TimeDelta::days(3)),
            respiratory_better_at: better,
            imaging_better_at: better,
        };
        assert_eq!(asked(plan5, three_days, &negatives), [TemperatureNormal], "more than three days");
        let longer = Statements {
            temperature_normal_since: Some(now - TimeDelta::days(3) - TimeDelta::seconds(1)),
            ..three_days
        };
        assert!(asked(plan5, longer, &negatives).is_empty());
        assert_eq!(asked("2020-03-03", longer, &negatives), [TwoNegatives], "plan 7: 24 hours apart");
        let later = Statements { imaging_better_at: Some(now + TimeDelta::seconds(1)), ..longer };
        assert_eq!(asked(plan5, later, &negatives), [ImagingBetter], "after it");
        let after = [negatives[0].clone(), tested(TestOutcome::Negative, "2020-02-13T00:00:00Z")];
        assert_eq!(asked(plan5, longer, &after), [TwoNegatives], "tested after it");
    }

    #[test]
    fn r2_a_suspected_case_with_a_positive_result_is_confirmed_and_serology_only_from_plan_7_on() {
        let pcr = tested(TestOutcome::Positive, "2020-02-02T00:00:00Z");
        assert_eq!(said("2020-02-03", &[1], &[1, 2], std::slice::from_ref(&pcr)), State::Confirmed);
        let serology = Tested { kind: TestKind::Serology, ..pcr.clone() };
        assert_eq!(said("2020-02-03", &[1], &[1, 2], std::slice::from_ref(&serology)), State::Suspected);
        assert_eq!(said("2020-03-08", &[1], &[1, 2], &[serology]), State::Confirmed);
        let amended = Tested { amended: true, ..pcr };
        assert_eq!(said("2020-02-03", &[1], &[1, 2], &[amended]), State::Suspected);
    }

    #[test]
    fn r4_positive_without_symptoms_is_a_class_of_its_own() {
        let pcr = [tested(TestOutcome::Positive, "2020-02-02T00:00:00Z")];
        assert_eq!(said("2020-02-03", &[1], &[], &pcr), State::Asymptomatic);
        assert_eq!(said("2020-02-03", &[1], &[1], &pcr), State::Observed, "somebody must decide");
    }

    #[test]
    fn r14_two_negatives_count_a_day_apart_and_nothing_between() {
        use TestOutcome::{Indeterminate, Negative, Positive};
        let rules = on("2020-02-03");
        let two = |results: &[Tested]| two_negatives(rules, results, Shanghai);
        let (first, next) = ("2020-02-02T01:00:00Z", "2020-02-03T00:00:00Z");
        assert!(two(&[tested(Negative, first), tested(Negative, next)]));
        assert!(!two(&[tested(Negative, next), tested(Negative, next)]), "on one day");
        assert!(!two(&[tested(Negative, first)]));
        assert!(!two(&[tested(Negative, first), tested(Indeterminate, first), tested(Negative, next)]));
        assert!(!two(&[tested(Negative, first), tested(Negative, next), tested(Positive, next)]));
        let plan7 = on("2020-03-08");
        let almost = [tested(Negative, first), tested(Negative, next)];
        assert!(!two_negatives(plan7, &almost, Shanghai), "23 hours");
    }

    proptest! {
        #[test]
        fn r1_more_signs_and_links_never_make_less_of_a_case(
            links in proptest::collection::btree_set(1_i16..5, 0..3), signs in proptest::collection::btree_set(1_i16..4, 0..3),
            link in 1_i16..5, sign in 1_i16..4, plan in 2_i16..8,
        ) {
            let rules = RuleSet { control_plan: plan, treatment_plan: 4, response_level: 1 };
            let is = |links: &[i16], signs: &[i16]| is_suspected(rules, Known { links, signs, results: &[] });
            let (links, signs): (Vec<_>, Vec<_>) = (links.into_iter().collect(), signs.into_iter().collect());
            let (mut more_links, mut more_signs) = (links.clone(), signs.clone());
            more_links.push(link);
            more_signs.push(sign);
            prop_assert!(!is(&links, &signs) || is(&more_links, &more_signs));
        }

        #[test]
        fn every_step_is_forward_a_correction_or_none_and_never_two_of_them(from in 1_i16..12, to in 1_i16..12) {
            let (from, to) = (State::of(from).expect("a state"), State::of(to).expect("a state"));
            prop_assert!(!(leads_forward(from, to) && is_correction(from, to)));
            prop_assert!(!leads_forward(from, from));
        }
    }
}
