//! Between the contract's cases and ours.

use chassis::{
    Fault, Violations,
    fault::Unmet,
    parse::{self, etag},
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use proto::screening as pb;
use uuid::Uuid;

use super::{Case, Condition, State, Statements, Step, figures::Figures, store::Happened};
use crate::{
    persons::parse::{REASON, person_name, unit_name},
    results::parse::result_name,
    rules::day_start,
};

/// The collection of cases' names.
pub const COLLECTION: &str = "cases";
/// How many links, and signs, there are.
const LINKS: std::ops::RangeInclusive<i32> = 1..=4;
const SIGNS: std::ops::RangeInclusive<i32> = 1..=3;

/// The resource name of a case.
#[must_use]
pub fn case_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

fn numbers(said: &[i32], of: &std::ops::RangeInclusive<i32>) -> Result<Vec<i16>, String> {
    let number = |number: &i32| {
        let known = Some(*number).filter(|number| of.contains(number));
        known.and_then(|number| i16::try_from(number).ok()).ok_or_else(|| "one is none there is".to_owned())
    };
    let mut found = said.iter().map(number).collect::<Result<Vec<_>, _>>()?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// What is said of a person's illness: links, signs, and the day of onset.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The links.
    pub links: Vec<i16>,
    /// The signs.
    pub signs: Vec<i16>,
    /// The day of onset.
    pub onset_on: Option<NaiveDate>,
}

/// What the contract says of a person's illness.
pub fn said(
    wrong: &mut Violations,
    under: &str,
    (links, signs, onset): (&[i32], &[i32], &str),
    today: NaiveDate,
) -> Said {
    let links = wrong.keep(&format!("{under}links"), numbers(links, &LINKS)).unwrap_or_default();
    let signs = wrong.keep(&format!("{under}signs"), numbers(signs, &SIGNS)).unwrap_or_default();
    let onset = parse::optional_date(onset).and_then(|date| match date {
        Some(date) if date > today => Err(format!("must not be in the future; today is {today}")),
        date => Ok(date),
    });
    let onset_on = wrong.keep(&format!("{under}onset_date"), onset).flatten();
    Said { links, signs, onset_on }
}

/// Which case something was found of, and what.
///
/// # Errors
/// Every violation.
pub fn findings(request: &pb::RecordFindingsRequest, today: NaiveDate) -> Result<(Uuid, Said), Fault> {
    let mut wrong = Violations::default();
    let id = wrong.name("name", COLLECTION, &request.name);
    let said = (&request.links[..], &request.signs[..], request.onset_date.as_str());
    let said = self::said(&mut wrong, "", said, today);
    for (clear, field, is_said) in [
        (request.clear_links, "links", !request.links.is_empty()),
        (request.clear_signs, "signs", !request.signs.is_empty()),
    ] {
        if clear && is_said {
            wrong.add(field, "there are none where they are cleared");
        }
    }
    wrong.text("reason", &request.reason, REASON);
    wrong.refuse()?;
    Ok((id, said))
}

/// About which case what was done, and when.
///
/// # Errors
/// Every violation.
pub fn marked(
    request: &pb::MarkCaseRequest,
    now: DateTime<Utc>,
) -> Result<(Uuid, Step, DateTime<Utc>), Fault> {
    let mut wrong = Violations::default();
    let id = wrong.name("name", COLLECTION, &request.name);
    let step = Step::of(request.step).ok_or_else(|| "is required: what was done?".to_owned());
    let step = wrong.keep("step", step).unwrap_or(Step::Reported);
    let at = wrong.keep("time", instant(request.time, now)).unwrap_or(now);
    wrong.refuse()?;
    Ok((id, step, at))
}

/// How severe which case is, as the contract numbers it, and since when.
///
/// # Errors
/// Every violation.
pub fn severity(
    request: &pb::SetSeverityRequest,
    now: DateTime<Utc>,
) -> Result<(Uuid, i16, DateTime<Utc>), Fault> {
    let mut wrong = Violations::default();
    let id = wrong.name("name", COLLECTION, &request.name);
    let severity = i16::try_from(request.severity).ok().filter(|severity| (1..=4).contains(severity));
    let severity = severity.ok_or_else(|| "is required: MILD, ORDINARY, SEVERE or CRITICAL".to_owned());
    let severity = wrong.keep("severity", severity).unwrap_or_default();
    let at = wrong.keep("time", instant(request.time, now)).unwrap_or(now);
    wrong.refuse()?;
    Ok((id, severity, at))
}

/// What the ward states for a discharge (R15), as the contract says it.
pub fn statements(
    wrong: &mut Violations,
    said: Option<&pb::DischargeStatements>,
    now: DateTime<Utc>,
) -> Statements {
    let Some(said) = said else { return Statements::default() };
    let mut at = |field: &str, said: Option<prost_types::Timestamp>| {
        let at = said.map(|said| instant(Some(said), now)).transpose();
        wrong.keep(&format!("discharge.{field}"), at).flatten()
    };
    Statements {
        temperature_normal_since: at("temperature_normal_since_time", said.temperature_normal_since_time),
        respiratory_better_at: at("respiratory_better_time", said.respiratory_better_time),
        imaging_better_at: at("imaging_better_time", said.imaging_better_time),
    }
}

/// A delay (R18), never negative: what came first did not wait.
fn delay(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Option<prost_types::Duration> {
    let between = (to? - from?).max(TimeDelta::zero());
    Some(prost_types::Duration { seconds: between.num_seconds(), nanos: 0 })
}

/// A case as the contract has it.
#[must_use]
pub fn case(case: &Case, now: DateTime<Utc>, zone: Tz) -> pb::Case {
    let clocks = case.clocks().into_iter().map(|clock| pb::CaseClock {
        step: clock.step as i32,
        deadline_time: clock.deadline.map(parse::timestamp),
        done_time: clock.done.map(parse::timestamp),
        late: clock.deadline.is_some_and(|deadline| deadline < clock.done.unwrap_or(now)),
        reported_class: clock.class.map_or(0, |class| class as i32),
    });
    let onset = case.onset_on.map(|date| day_start(date, zone));
    let (found, reported, isolated) = (case.found_at(), case.first_report(), case.isolated_at);
    let delays = pb::CaseDelays {
        onset_to_found: delay(onset, found),
        found_to_reported: delay(found, reported),
        reported_to_isolated: delay(reported, isolated),
        isolated_to_treated: delay(isolated, case.treated_at),
    };
    let date = |date: Option<NaiveDate>| date.map(|date| date.to_string()).unwrap_or_default();
    pb::Case {
        name: case_name(case.id),
        person: person_name(case.person),
        responsible_unit: unit_name(case.unit),
        state: case.state as i32,
        links: case.links.iter().map(|link| i32::from(*link)).collect(),
        signs: case.signs.iter().map(|sign| i32::from(*sign)).collect(),
        onset_date: date(case.onset_on),
        sampling_date: date(case.sampled_on),
        severity: case.severity.into(),
        counted_unit: case.counted_unit.map(unit_name).unwrap_or_default(),
        found_time: found.map(parse::timestamp),
        confirm_time: case.found_as(State::Confirmed).map(parse::timestamp),
        result: case.result.map(result_name).unwrap_or_default(),
        clocks: clocks.collect(),
        delays: Some(delays),
        control_plan: case.rules.control_plan.into(),
        treatment_plan: case.rules.treatment_plan.into(),
        create_time: Some(parse::timestamp(case.created_at)),
        etag: etag(case.version),
    }
}

/// Something that befell a case, as the contract has it.
#[must_use]
pub fn event(happened: Happened) -> pb::CaseEvent {
    let said = pb::DischargeStatements {
        temperature_normal_since_time: happened.temperature_normal_since.map(parse::timestamp),
        respiratory_better_time: happened.respiratory_better_at.map(parse::timestamp),
        imaging_better_time: happened.imaging_better_at.map(parse::timestamp),
    };
    let discharge = Some(said).filter(|said| *said != pb::DischargeStatements::default());
    pb::CaseEvent {
        kind: happened.kind.into(),
        time: Some(parse::timestamp(happened.happened_at)),
        said_by: happened.said_by,
        words: happened.words,
        before: happened.before.into(),
        after: happened.after.into(),
        severity: happened.severity.into(),
        unmet: happened.unmet.iter().map(|condition| i32::from(*condition)).collect(),
        stated_time: Some(parse::timestamp(happened.stated_at)),
        counted_unit: happened.counted_unit_id.map(unit_name).unwrap_or_default(),
        control_plan: happened.control_plan.into(),
        treatment_plan: happened.treatment_plan.into(),
        discharge,
    }
}

/// An instant of the contract that is not in the future; now where none is said.
///
/// # Errors
/// What it must be.
pub fn instant(said: Option<prost_types::Timestamp>, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let at = said.map_or(Ok(now), parse::instant)?;
    if at > now + parse::SKEW {
        return Err(format!("must not be in the future; it is {}", now.to_rfc3339()));
    }
    Ok(at)
}

/// A word of an enum of the contract, without the enum's own name.
fn word(name: &'static str) -> &'static str {
    name.splitn(3, '_').last().unwrap_or(name)
}

/// The figures of cases as the contract has them.
#[must_use]
pub fn figures(figures: &Figures) -> pb::CountCasesResponse {
    pb::CountCasesResponse {
        confirmed_new: figures.confirmed.0,
        confirmed_cumulative: figures.confirmed.1,
        suspected_current: figures.suspected,
        asymptomatic_current: figures.asymptomatic,
        severe_current: figures.severe.0,
        severe_cumulative: figures.severe.1,
        discharged_new: figures.discharged.0,
        discharged_cumulative: figures.discharged.1,
        died_new: figures.died.0,
        died_cumulative: figures.died.1,
    }
}

/// A person whom another unit holds.
#[must_use]
pub fn not_agreed(person: Uuid) -> Fault {
    let words = "another unit has the person: agree whose hands first (HandsService)";
    Fault::unfit("HANDS_NOT_AGREED", ("person", person_name(person)), words)
}

/// A step that does not lead from what a case is.
#[must_use]
pub fn misfit(case: &Case, words: &str) -> Fault {
    let name = case_name(case.id);
    let state = pb::CaseState::try_from(case.state as i32).unwrap_or_default();
    let state = word(state.as_str_name()).to_owned();
    let words = format!("is {state}: {words}");
    Fault::unmet("CASE_STATE", name.clone(), words, vec![("case", name), ("state", state)])
}

/// The class of another province (R3).
#[must_use]
pub fn elsewhere(id: Uuid) -> Fault {
    let words = "clinically diagnosed is a class of Hubei's alone (R3)";
    Fault::unfit("CASE_CLASS_ELSEWHERE", ("case", case_name(id)), words)
}

/// A decision that is refused, with every unmet condition.
#[must_use]
pub fn conditions(case: &Case, to: State, unmet: &[Condition]) -> Fault {
    let name = case_name(case.id);
    let words = |condition: Condition| match condition {
        Condition::SuspectedDefinition => {
            format!("links and signs are not those of control plan {} (R1)", case.rules.control_plan)
        }
        Condition::PositiveResult => "no positive result is referenced that confirms (R2)".to_owned(),
        Condition::NoSign => "there are signs: then it is no asymptomatic case (R4)".to_owned(),
        Condition::TwoNegatives => "there are no two consecutive negatives a day apart".to_owned(),
        Condition::FourteenDays => "14 days since the positive specimen are not over (R4)".to_owned(),
        Condition::FollowUpOver => "the observation after discharge has not ended (R16)".to_owned(),
        Condition::TemperatureNormal => {
            "the temperature is not stated to have been normal for more than three days (R15)".to_owned()
        }
        Condition::RespiratoryBetter => "respiratory signs are not stated to be better (R15)".to_owned(),
        Condition::ImagingBetter => "no imaging is stated that shows it better (R15)".to_owned(),
    };
    let known = |condition: &Condition| {
        let known = pb::CaseCondition::try_from(i32::from(*condition as i16)).unwrap_or_default();
        word(known.as_str_name())
    };
    let one = |condition: &Condition| Unmet {
        subject: name.clone(),
        description: format!("{}: {}", known(condition), words(*condition)),
    };
    let to = pb::CaseState::try_from(to as i32).unwrap_or_default();
    let all = unmet.iter().map(known).collect::<Vec<_>>().join(" ");
    Fault::Precondition {
        reason: "CASE_CONDITIONS_UNMET",
        unmet: unmet.iter().map(one).collect(),
        metadata: vec![("case", name.clone()), ("state", word(to.as_str_name()).to_owned()), ("unmet", all)],
    }
}
