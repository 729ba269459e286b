//! Between the contract's persons and ours.

mod damages;

use chassis::{Fault, Violations, damage, parse};
use chrono::NaiveDate;
use proto::screening as pb;
use uuid::Uuid;

use super::{
    Details, Finding, MOST_PAPERS, MOST_PHONES, Person, Purpose, Sex, masks,
    papers::{Paper, PaperType},
};

pub use damages::damaged_item;
use damages::damaged_texts;
pub use jurisdiction::{UNITS, unit_name};

/// The collection of persons' names.
pub const COLLECTION: &str = "persons";
/// The facts that are said in words, as the contract numbers them (C10).
const SAID: std::ops::RangeInclusive<i16> = 3..=10;
/// The longest reason.
pub const REASON: usize = 200;

const CHANGEABLE: [&str; 11] = [
    "display_name",
    "paper",
    "other_papers",
    "birth_date",
    "sex",
    "phones",
    "occupation",
    "address",
    "present_place",
    "present_unit",
    "facts",
];

/// The resource name of a person.
#[must_use]
pub fn person_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// A personal text, damaged or not: what is wrong with it is said without it.
fn personal(text: &str, longest: usize) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    if text.contains('*') {
        return Err("is masked: send the value itself, or leave it out".to_owned());
    }
    damage::kept(text, longest)
}

/// A text of something that happened, where one is said, damaged or not: what is true is taken in all the same (I12).
///
/// # Errors
/// What it must look like.
pub fn optional_text(text: &str, longest: usize) -> Result<String, String> {
    if text.is_empty() { Ok(String::new()) } else { damage::kept(text, longest) }
}

fn display_name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("must not be empty; where nobody knows it, say what people call the person".to_owned());
    }
    personal(text, 100)
}

fn phone(text: &str) -> Result<String, String> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let allowed = |sign: char| sign.is_ascii_digit() || " +-".contains(sign);
    if !(3..=20).contains(&digits) || text.len() > 32 || !text.chars().all(allowed) {
        return Err("must be 3 to 20 digits, with spaces, + and - between".to_owned());
    }
    Ok(text.trim().to_owned())
}

/// A paper of the contract.
///
/// # Errors
/// What the number must look like.
pub fn paper(paper: Option<&pb::Paper>) -> Result<Paper, String> {
    let Some(paper) = paper else { return Ok(Paper::default()) };
    let kind = match pb::PaperType::try_from(paper.r#type) {
        Ok(pb::PaperType::IdentityCard) => PaperType::IdentityCard,
        Ok(pb::PaperType::Passport) => PaperType::Passport,
        Ok(pb::PaperType::HkMacaoPermit) => PaperType::HkMacaoPermit,
        Ok(pb::PaperType::TaiwanPermit) => PaperType::TaiwanPermit,
        Ok(pb::PaperType::Infant) => PaperType::Infant,
        Ok(pb::PaperType::Unspecified | pb::PaperType::None) => PaperType::None,
        Err(_) => return Err("is of no type there is".to_owned()),
    };
    Paper::new(kind, &paper.number)
}

fn sex(number: i32) -> Result<Option<Sex>, String> {
    match pb::Sex::try_from(number) {
        Ok(pb::Sex::Unspecified) => Ok(None),
        Ok(pb::Sex::Female) => Ok(Some(Sex::Female)),
        Ok(pb::Sex::Male) => Ok(Some(Sex::Male)),
        Err(_) => Err("is none there is".to_owned()),
    }
}

fn phones(wrong: &mut Violations, under: &str, phones: &[String]) -> Vec<String> {
    if phones.len() > MOST_PHONES {
        wrong.add(under, format!("must be at most {MOST_PHONES}, are {}", phones.len()));
    }
    let checked =
        phones.iter().enumerate().map(|(at, text)| wrong.keep(&format!("{under}[{at}]"), phone(text)));
    checked.collect::<Vec<_>>().into_iter().flatten().collect()
}

fn other_papers(wrong: &mut Violations, under: &str, papers: &[pb::Paper]) -> Vec<Paper> {
    if papers.len() > MOST_PAPERS {
        wrong.add(under, format!("must be at most {MOST_PAPERS}, are {}", papers.len()));
    }
    let checked = papers.iter().enumerate().map(|(at, one)| match paper(Some(one)) {
        Ok(paper) if paper.kind == PaperType::None => {
            wrong.keep(&format!("{under}[{at}].type"), Err("must be a paper's".to_owned()))
        }
        paper => wrong.keep(&format!("{under}[{at}].number"), paper),
    });
    checked.collect::<Vec<_>>().into_iter().flatten().collect()
}

/// That nobody is born after today.
///
/// # Errors
/// [`Fault::Invalid`] with a path below `under`.
pub fn born(details: &Details, under: &str, today: NaiveDate) -> Result<(), Fault> {
    let by_paper = details.papers().find_map(Paper::holder).map(|(date, _)| date);
    let (field, date) =
        if by_paper.is_some() { ("paper.number", by_paper) } else { ("birth_date", details.birth_date) };
    if date.is_some_and(|date| date > today) {
        return Err(Fault::invalid(format!("{under}.{field}"), "says a date of birth that is to come"));
    }
    Ok(())
}

/// The asked parts of what is said of a person, over what is known.
fn details(
    wrong: &mut Violations,
    said: &pb::PersonDetails,
    known: Details,
    asked: impl Fn(&str) -> bool,
) -> Details {
    const UNDER: &str = "person.details";
    let mut details = known;
    if asked("display_name") {
        let name = wrong.keep(&format!("{UNDER}.display_name"), display_name(&said.display_name));
        details.display_name = name.unwrap_or_default();
    }
    if asked("paper") {
        details.paper =
            wrong.keep(&format!("{UNDER}.paper.number"), paper(said.paper.as_ref())).unwrap_or_default();
    }
    if asked("other_papers") {
        details.other_papers = other_papers(wrong, &format!("{UNDER}.other_papers"), &said.other_papers);
    }
    if asked("birth_date") {
        let date = parse::optional_date(&said.birth_date);
        details.birth_date = wrong.keep(&format!("{UNDER}.birth_date"), date).flatten();
    }
    if asked("sex") {
        details.sex = wrong.keep(&format!("{UNDER}.sex"), sex(said.sex)).flatten();
    }
    if asked("phones") {
        details.phones = phones(wrong, &format!("{UNDER}.phones"), &said.phones);
    }
    let mut text = |field: &str, value: &str, longest: usize, known: &mut String| {
        if asked(field) {
            *known = wrong.keep(&format!("{UNDER}.{field}"), personal(value, longest)).unwrap_or_default();
        }
    };
    text("occupation", &said.occupation, 100, &mut details.occupation);
    text("address", &said.address, 200, &mut details.address);
    text("present_place", &said.present_place, 200, &mut details.present_place);
    if asked("facts") {
        details.facts = facts(wrong, &format!("{UNDER}.facts"), &said.facts);
    }
    let by_paper = details.papers().find_map(Paper::holder).map(|(date, _)| date);
    if by_paper.is_some() && details.birth_date.is_some() && by_paper != details.birth_date {
        wrong.add(
            format!("{UNDER}.birth_date"),
            "is not the one in the identity number: one of them is wrong",
        );
    }
    details.completed()
}

/// What was said about one fact, as the contract has it.
fn said_fact((fact, text): &(i16, String)) -> pb::SaidFact {
    pb::SaidFact { fact: (*fact).into(), text: text.clone() }
}

/// What was asked and said of a person, each fact once (C10).
fn facts(wrong: &mut Violations, field: &str, said: &[pb::SaidFact]) -> Vec<(i16, String)> {
    let mut facts: Vec<(i16, String)> = Vec::with_capacity(said.len());
    for (nth, one) in said.iter().enumerate() {
        let fact = i16::try_from(one.fact).ok().filter(|fact| SAID.contains(fact));
        let fact = fact.filter(|fact| facts.iter().all(|(known, _)| known != fact));
        let fact = fact.ok_or_else(|| "must be RETURN_TIME to FAMILY, each once".to_owned());
        let fact = wrong.keep(&format!("{field}[{nth}].fact"), fact);
        let text = match personal(&one.text, 300) {
            Ok(text) if text.is_empty() => Err("must not be empty".to_owned()),
            text => text,
        };
        let text = wrong.keep(&format!("{field}[{nth}].text"), text);
        facts.extend(fact.zip(text));
    }
    facts
}

/// A person whom a unit has found.
#[derive(Clone, Debug)]
pub struct Intake {
    /// What was said.
    pub details: Details,
    /// Which unit takes them in.
    pub unit: Uuid,
    /// Which unit found them: another than takes them in where it is at work no more.
    pub finder: Uuid,
    /// Where the person is, if that is a unit.
    pub present_unit: Option<Uuid>,
    /// Why there is a row.
    pub purpose: Purpose,
    /// How they were found.
    pub source: String,
}

impl TryFrom<&pb::IntakePersonRequest> for Intake {
    type Error = Fault;

    fn try_from(request: &pb::IntakePersonRequest) -> Result<Self, Fault> {
        let person = request.person.as_ref().ok_or_else(|| Fault::invalid("person", "is required"))?;
        let said = person.details.clone().unwrap_or_default();
        let mut wrong = Violations::default();
        let details = details(&mut wrong, &said, Details::default(), |_| true);
        let unit = wrong.keep("person.responsible_unit", parse::name(UNITS, &person.responsible_unit));
        let present_unit =
            wrong.keep("person.present_unit", parse::optional_name(UNITS, &person.present_unit)).flatten();
        let purpose = Purpose::of(person.purpose)
            .ok_or_else(|| "is required: why does this person have a row (P1)?".to_owned());
        let purpose = wrong.keep("person.purpose", purpose);
        let source = wrong.keep("source", optional_text(&request.source, 100)).unwrap_or_default();
        wrong.refuse()?;
        let (Some(unit), Some(purpose)) = (unit, purpose) else {
            return Err(Fault::internal("what is wrong was not said"));
        };
        Ok(Self { details, unit, finder: unit, present_unit, purpose, source })
    }
}

/// Somebody whom a list of a unit names by details: as an intake by that unit, with paths below the item.
///
/// # Errors
/// [`Fault::Internal`] only; what is wrong is added to `wrong`.
pub fn listed(
    wrong: &mut Violations,
    details: Option<&pb::PersonDetails>,
    unit: &str,
    purpose: pb::Purpose,
    source: &str,
) -> Result<Option<Intake>, Fault> {
    let person = pb::Person {
        details: details.cloned(),
        responsible_unit: unit.to_owned(),
        purpose: purpose.into(),
        ..pb::Person::default()
    };
    let (request_id, source) = (String::new(), source.to_owned());
    match Intake::try_from(&pb::IntakePersonRequest { request_id, person: Some(person), source }) {
        Ok(intake) => Ok(Some(intake)),
        Err(Fault::Invalid(violations)) => {
            for violation in violations {
                wrong.add(violation.field.trim_start_matches("person."), violation.description);
            }
            Ok(None)
        }
        Err(fault) => Err(fault),
    }
}

/// The person and the etag of an update.
///
/// # Errors
/// A name that is none, an empty or unknown mask.
pub fn update(request: &pb::UpdatePersonRequest) -> Result<(Uuid, Option<String>), Fault> {
    let person = request.person.as_ref().ok_or_else(|| Fault::invalid("person", "is required"))?;
    let mut wrong = Violations::default();
    let id = wrong.keep("person.name", parse::name(COLLECTION, &person.name)).unwrap_or_default();
    let _ = parse::mask(&mut wrong, request.update_mask.as_ref(), &CHANGEABLE);
    wrong.refuse()?;
    Ok((id, Some(person.etag.clone()).filter(|etag| !etag.is_empty())))
}

/// What is known of a person after an update, and where the person is.
///
/// # Errors
/// Every violation.
pub fn updated(request: &pb::UpdatePersonRequest, known: &Person) -> Result<(Details, Option<Uuid>), Fault> {
    let person = request.person.as_ref().ok_or_else(|| Fault::invalid("person", "is required"))?;
    let mut wrong = Violations::default();
    let asked = parse::mask(&mut wrong, request.update_mask.as_ref(), &CHANGEABLE);
    let mut before = known.details.clone();
    if asked("paper") && !asked("birth_date") && before.paper.holder().is_some() {
        // The date was the old paper's.
        before.birth_date = None;
    }
    let said = person.details.clone().unwrap_or_default();
    let details = details(&mut wrong, &said, before, &asked);
    let present_unit = if asked("present_unit") {
        wrong.keep("person.present_unit", parse::optional_name(UNITS, &person.present_unit)).flatten()
    } else {
        known.present_unit
    };
    wrong.refuse()?;
    Ok((details, present_unit))
}

fn paper_type(kind: PaperType) -> pb::PaperType {
    match kind {
        PaperType::IdentityCard => pb::PaperType::IdentityCard,
        PaperType::Passport => pb::PaperType::Passport,
        PaperType::HkMacaoPermit => pb::PaperType::HkMacaoPermit,
        PaperType::TaiwanPermit => pb::PaperType::TaiwanPermit,
        PaperType::Infant => pb::PaperType::Infant,
        PaperType::None => pb::PaperType::None,
    }
}

/// What is known of a person as the contract has it, masked or whole.
#[must_use]
pub fn shown(details: &Details, masked: bool) -> pb::PersonDetails {
    let sex = match details.sex {
        Some(Sex::Female) => pb::Sex::Female,
        Some(Sex::Male) => pb::Sex::Male,
        None => pb::Sex::Unspecified,
    };
    let show = |value: &String, mask: fn(&str) -> String| if masked { mask(value) } else { value.clone() };
    let paper = |paper: &Paper| pb::Paper {
        r#type: paper_type(paper.kind).into(),
        number: show(&paper.number, masks::number),
    };
    let nothing: fn(&str) -> String = |_| String::new();
    let birth_date = details.birth_date.map(|date| date.to_string()).unwrap_or_default();
    pb::PersonDetails {
        display_name: show(&details.display_name, masks::name),
        paper: Some(paper(&details.paper)),
        other_papers: details.other_papers.iter().map(paper).collect(),
        birth_date: show(&birth_date, |date| date.chars().take(4).collect()),
        sex: sex.into(),
        phones: details.phones.iter().map(|phone| show(phone, masks::phone)).collect(),
        occupation: show(&details.occupation, nothing),
        address: show(&details.address, nothing),
        present_place: show(&details.present_place, nothing),
        facts: details.facts.iter().filter(|_| !masked).map(said_fact).collect(),
    }
}

/// A person as the contract has it. `same_as` is left to who knows what the caller may see.
#[must_use]
pub fn person(person: &Person, masked: bool) -> pb::Person {
    let unit = |unit: Option<Uuid>| unit.map(unit_name).unwrap_or_default();
    pb::Person {
        name: person_name(person.id),
        details: person.erased_at.is_none().then(|| shown(&person.details, masked)),
        masked,
        responsible_unit: unit_name(person.unit),
        present_unit: unit(person.present_unit),
        counted_unit: unit(person.counted_unit),
        purpose: person.purpose as i32,
        delete_after: person.delete_after.map(|date| date.to_string()).unwrap_or_default(),
        same_as: String::new(),
        create_time: Some(parse::timestamp(person.created_at)),
        update_time: Some(parse::timestamp(person.updated_at)),
        etag: parse::etag(person.version),
        follow_up_time: person.follow_by.map(parse::timestamp),
        erase_time: person.erased_at.map(parse::timestamp),
        damaged: damaged_texts(&person.details, !masked),
    }
}

/// A finding as the contract has it, whole.
#[must_use]
pub fn finding(finding: &Finding) -> pb::Finding {
    pb::Finding {
        unit: unit_name(finding.unit),
        details: Some(shown(&finding.details, false)),
        source: finding.source.clone(),
        entered_by: finding.entered_by.clone(),
        create_time: Some(parse::timestamp(finding.created_at)),
    }
}
