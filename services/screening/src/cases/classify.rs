//! What the definitions say of a case (R1 to R4), by the editions in force, and which steps lead from one state to
//! another.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{Condition, State};
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

/// What a step forwards asks for and has not.
#[must_use]
pub fn unmet(
    rules: RuleSet,
    to: State,
    known: Known<'_>,
    (now, zone, is_observed): (DateTime<Utc>, Tz, bool),
) -> Vec<Condition> {
    let found = positive(rules, known.results);
    let negatives = (Condition::TwoNegatives, two_negatives(rules, known.results, zone));
    let suspected = (Condition::SuspectedDefinition, is_suspected(rules, known));
    let positive = (Condition::PositiveResult, found.is_some());
    let kept = found.is_some_and(|found| found.taken_at + ASYMPTOMATIC_DAYS <= now);
    let asked = match to {
        State::Suspected => vec![suspected],
        State::Confirmed => vec![suspected, positive],
        State::Asymptomatic => vec![positive, (Condition::NoSign, known.signs.is_empty())],
        State::Excluded | State::Discharged => vec![negatives],
        State::Released => vec![(Condition::FourteenDays, kept), negatives],
        State::FollowUpDone => vec![(Condition::FollowUpOver, !is_observed)],
        State::Observed | State::Cleared | State::Readmitted | State::Died => Vec::new(),
    };
    asked.into_iter().filter(|(_, met)| !met).map(|(condition, _)| condition).collect()
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
    fn r1_each_edition_has_its_own_definition_of_a_suspected_case() {
        use State::{Observed, Suspected};
        let (ed2, ed3, ed4, ed6) = ("2020-01-22", "2020-02-03", "2020-02-10", "2020-03-08");
        for (date, links, signs, expected) in [
            (ed2, &[1][..], &[1, 2, 3][..], Suspected),
            (ed2, &[1], &[1, 2], Observed),
            (ed3, &[1], &[1, 2], Suspected),
            (ed3, &[2], &[2, 3], Suspected),
            (ed3, &[1], &[1, 3], Observed),
            (ed3, &[], &[1, 2, 3], Observed),
            (ed4, &[4], &[1, 3], Suspected),
            (ed4, &[], &[1, 2, 3], Observed),
            (ed6, &[], &[1, 2, 3], Suspected),
            (ed6, &[], &[1, 2], Observed),
        ] {
            assert_eq!(said(date, links, signs, &[]), expected, "{date} {links:?} {signs:?}");
        }
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
