//! Between the contract's questions and ours.

use chassis::parse;
use jurisdiction::Contact;
use proto::screening as pb;
use uuid::Uuid;

use super::{Question, Sides};
use crate::persons::parse::{person_name, unit_name};

/// The collection of questions' names.
pub const COLLECTION: &str = "handsQuestions";

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
