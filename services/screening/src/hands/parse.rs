//! Between the contract's questions and ours.

use chassis::{Fault, Violations, parse};
use jurisdiction::Contact;
use proto::screening as pb;
use uuid::Uuid;

use super::{Assigning, MOST, Question, Sides, moves::Move};
use crate::persons::parse::{COLLECTION as PERSONS, REASON, UNITS, person_name, unit_name};

/// The collection of questions' names.
pub const COLLECTION: &str = "handsQuestions";

impl Assigning {
    /// As the contract asks for it.
    ///
    /// # Errors
    /// Every violation.
    pub fn new(request: &pb::AssignHandsRequest) -> Result<Self, Fault> {
        let mut wrong = Violations::default();
        let from = wrong.name("from_unit", UNITS, &request.from_unit);
        let to = wrong.name("to_unit", UNITS, &request.to_unit);
        if request.persons.len() > MOST {
            wrong.add("persons", format!("must be at most {MOST}, are {}", request.persons.len()));
        }
        let persons = wrong.names("persons", PERSONS, &request.persons);
        wrong.text("reason", &request.reason, REASON);
        wrong.refuse()?;
        Ok(Self { from, to, persons, reason: request.reason.clone() })
    }
}

/// A unit whose persons are not assigned but handed down, since it is at work.
#[must_use]
pub fn at_work(unit: Uuid) -> Fault {
    Fault::unfit("UNIT_AT_WORK", ("unit", unit_name(unit)), "is at work: hand its persons down")
}

/// A unit that was not moved, or whose persons were taken over.
#[must_use]
pub fn not_moved(unit: Uuid) -> Fault {
    let words = "was not moved, or what it had was taken over";
    Fault::unfit("UNIT_NOT_MOVED", ("unit", unit_name(unit)), words)
}

/// A move as the contract has it.
#[must_use]
pub fn unit_move(one: &Move) -> pb::UnitMove {
    pb::UnitMove {
        unit: unit_name(one.unit),
        parent_unit: unit_name(one.parent),
        move_date: one.moved_on.to_string(),
        note_time: Some(parse::timestamp(one.noted_at)),
        deadline_time: Some(parse::timestamp(one.deadline_at)),
        settle_time: one.settled_at.map(parse::timestamp),
        taken_over_by: one.settled_by.clone(),
        reason: one.reason.clone(),
    }
}

/// The resource name of a question.
#[must_use]
pub fn question_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// A question as one side may see it: its own record of the person, and who answers for the other unit.
#[must_use]
pub fn question(question: &Question, sides: Sides, contact: Option<Contact>) -> pb::HandsQuestion {
    let unit = |unit: Option<Uuid>| unit.map(unit_name).unwrap_or_default();
    let person = if sides.holding { question.holding_person } else { question.finding_person };
    let contact = contact.map(|contact| (contact.display_name, contact.official_phone)).unwrap_or_default();
    pb::HandsQuestion {
        name: question_name(question.id),
        person: person_name(person),
        holding_unit: unit_name(question.holding_unit),
        finding_unit: unit_name(question.finding_unit),
        holder_says: unit(question.holder_says),
        finder_says: unit(question.finder_says),
        contact_name: contact.0,
        contact_phone: contact.1,
        create_time: Some(parse::timestamp(question.created_at)),
        settle_time: question.settled_at.map(parse::timestamp),
    }
}

/// A question that both sides have said the same of.
#[must_use]
pub fn settled(question: &Question) -> Fault {
    let name = question_name(question.id);
    let unit = question.agreed().map(unit_name).unwrap_or_default();
    let words = format!("is settled: {unit} has the person");
    Fault::unmet("QUESTION_SETTLED", name.clone(), words, vec![("question", name), ("unit", unit)])
}
