//! Between the contract's observations and ours.

use chassis::{Fault, Violations, fault::Unmet, parse};
use chrono::{DateTime, NaiveDate, Utc};
use proto::screening as pb;
use uuid::Uuid;

use super::{BASES, Condition, Observation, Place, State, ops::Opening, store::Happened};
use crate::persons::parse::{COLLECTION as PERSONS, UNITS, person_name, unit_name};

/// The collection of observations' names.
pub const COLLECTION: &str = "observations";
/// The longest name of a facility.
const FACILITY: usize = 100;
/// How long ago a last exposure may be, in days: longer, and it is a slip of the pen.
const OLDEST_DAYS: u64 = 365;

/// The resource name of an observation.
#[must_use]
pub fn observation_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// Text that may be left out.
pub(crate) fn optional(text: &str, longest: usize) -> Result<&str, String> {
    if text.is_empty() { Ok(text) } else { parse::text(text, longest) }
}

/// A day of a last exposure.
///
/// # Errors
/// What it must be.
pub fn exposure(text: &str, today: NaiveDate) -> Result<NaiveDate, String> {
    let date = parse::date(text)?;
    if date > today {
        return Err(format!("must not be in the future; today is {today}"));
    }
    if date + chrono::Days::new(OLDEST_DAYS) < today {
        return Err(format!("is over {OLDEST_DAYS} days ago; today is {today}"));
    }
    Ok(date)
}

/// A place and the facility's name.
///
/// # Errors
/// Every violation.
pub fn place(wrong: &mut Violations, under: &str, place: i32, facility: &str) -> (Place, String) {
    let place = Place::of(place).ok_or_else(|| "is none there is".to_owned());
    let place = wrong.keep(&format!("{under}place"), place).unwrap_or(Place::Home);
    let facility = wrong.keep(&format!("{under}facility"), optional(facility, FACILITY));
    (place, facility.unwrap_or_default().to_owned())
}

/// What is asked for when a person is put under observation.
///
/// # Errors
/// Every violation.
pub fn opening(request: &pb::OpenObservationRequest, today: NaiveDate) -> Result<Opening, Fault> {
    let said = request.observation.as_ref().ok_or_else(|| Fault::invalid("observation", "is required"))?;
    let mut wrong = Violations::default();
    let person = wrong.keep("observation.person", parse::name(PERSONS, &said.person));
    let basis = if BASES.contains(&said.basis) {
        Ok(said.basis)
    } else {
        Err("is required: why is this person under observation?".to_owned())
    };
    let basis = wrong.keep("observation.basis", basis).and_then(|basis| i16::try_from(basis).ok());
    let exposure = exposure(&said.last_exposure_date, today);
    let last_exposure = wrong.keep("observation.last_exposure_date", exposure);
    let (place, facility) = place(&mut wrong, "observation.", said.place, &said.facility);
    wrong.refuse()?;
    let (Some(person), Some(basis), Some(last_exposure)) = (person, basis, last_exposure) else {
        return Err(Fault::internal("what is wrong was not said"));
    };
    Ok(Opening { person, basis, last_exposure, place, facility, former: None })
}

/// Where a person is to be observed from now on.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Where.
    pub place: Place,
    /// The facility's official name.
    pub facility: String,
    /// Where home is, for who comes home and where that is said.
    pub home_unit: Option<Uuid>,
}

/// Which observation goes on where.
///
/// # Errors
/// Every violation.
pub fn relocating(
    request: &pb::MoveObservationRequest,
    is_unit: impl Fn(Uuid) -> bool,
) -> Result<(Uuid, Placed), Fault> {
    let mut wrong = Violations::default();
    let id = wrong.name("name", COLLECTION, &request.name);
    let (place, facility) = place(&mut wrong, "", request.place, &request.facility);
    if request.place == 0 {
        wrong.add("place", "is required");
    }
    let home_unit = wrong.optional_name("home_unit", UNITS, &request.home_unit);
    if home_unit.is_some_and(|unit| !is_unit(unit)) {
        wrong.add("home_unit", "is no unit that is or was at work");
    }
    if home_unit.is_some() && place != Place::Home {
        wrong.add("home_unit", "is for who comes home");
    }
    wrong.refuse()?;
    Ok((id, Placed { place, facility, home_unit }))
}

/// Where a person is observed, in words.
#[must_use]
pub fn placed(observation: &Observation) -> String {
    let word = pb::Place::try_from(i32::from(observation.place)).unwrap_or_default().as_str_name();
    format!("{word} {}", observation.facility).trim().to_owned()
}

/// An observation as the contract has it.
#[must_use]
pub fn observation(observation: &Observation, now: DateTime<Utc>) -> pb::Observation {
    pb::Observation {
        name: observation_name(observation.id),
        person: person_name(observation.person),
        responsible_unit: unit_name(observation.unit),
        basis: observation.basis.into(),
        last_exposure_date: observation.last_exposure.to_string(),
        place: observation.place.into(),
        facility: observation.facility.clone(),
        state: observation.state(now) as i32,
        start_time: Some(parse::timestamp(observation.starts_at)),
        end_time: Some(parse::timestamp(observation.ends_at)),
        due_time: Some(parse::timestamp(observation.due_at)),
        days: observation.days.into(),
        slots_a_day: observation.slots_a_day.into(),
        control_plan: observation.rules.control_plan.into(),
        treatment_plan: observation.rules.treatment_plan.into(),
        response_level: observation.rules.response_level.into(),
        ending: observation.ending.unwrap_or_default().into(),
        reason: observation.reason.clone(),
        unmet: observation.unmet.iter().map(|condition| i32::from(*condition)).collect(),
        ended_time: observation.ended_at.map(parse::timestamp),
        ended_by: observation.ended_by.clone(),
        etag: parse::etag(observation.version),
    }
}

/// Something that befell an observation, as the contract has it.
#[must_use]
pub fn event(happened: Happened) -> pb::ObservationEvent {
    let terms = happened.ordered.map(|ordered| pb::EventTerms {
        days: ordered.terms.days.into(),
        slots_a_day: ordered.terms.slots_a_day.into(),
        control_plan: ordered.rules.control_plan.into(),
        treatment_plan: ordered.rules.treatment_plan.into(),
        response_level: ordered.rules.response_level.into(),
    });
    pb::ObservationEvent {
        kind: happened.kind.into(),
        time: Some(parse::timestamp(happened.happened_at)),
        said_by: happened.said_by,
        words: happened.words,
        end_time: Some(parse::timestamp(happened.ends_at)),
        terms,
    }
}

/// Refuses to change what has ended.
///
/// # Errors
/// OBSERVATION_ENDED.
pub fn open(observation: &Observation, now: DateTime<Utc>) -> Result<(), Fault> {
    if observation.state(now) != State::Ended {
        return Ok(());
    }
    let words = "has ended; another exposure is another observation";
    Err(Fault::unfit("OBSERVATION_ENDED", ("observation", observation_name(observation.id)), words))
}

/// A change that does not suit how an observation stands.
#[must_use]
pub fn misfit(id: Uuid, words: &str) -> Fault {
    Fault::unfit("OBSERVATION_STATE", ("observation", observation_name(id)), words)
}

/// A release that is refused, with every unmet condition.
#[must_use]
pub fn conditions(observation: &Observation, unmet: &[Condition]) -> Fault {
    let name = observation_name(observation.id);
    let words = |condition: &Condition| match condition {
        Condition::WindowOver => format!("the window ends at {}", observation.ends_at.to_rfc3339()),
        Condition::EverySlotRead => "slots were missed, refused or absent, or wait".to_owned(),
        Condition::LastReadingWell => "the last reading is none, or with symptoms".to_owned(),
        Condition::NoOpenReferral => "a referral waits for its answer".to_owned(),
        Condition::NotLost => "nobody knows where the person is".to_owned(),
    };
    let one = |condition: &Condition| Unmet {
        subject: name.clone(),
        description: format!("{}: {}", word(*condition), words(condition)),
    };
    let all = unmet.iter().map(|condition| word(*condition)).collect::<Vec<_>>().join(" ");
    Fault::Precondition {
        reason: "RELEASE_CONDITIONS_UNMET",
        unmet: unmet.iter().map(one).collect(),
        metadata: vec![("observation", name.clone()), ("unmet", all)],
    }
}

/// A condition's name in the contract, without the enum's own two words.
fn word(condition: Condition) -> &'static str {
    let name = pb::ReleaseCondition::try_from(condition as i32).unwrap_or_default().as_str_name();
    name.splitn(3, '_').last().unwrap_or(name)
}
