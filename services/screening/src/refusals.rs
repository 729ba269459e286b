//! Why an item of a list was not taken in: what is wrong with it is its own answer, and stops no other.

use chassis::Fault;
use tonic::Code;
use uuid::Uuid;

/// Another item was taken in under the same id.
const REUSED: &str = "EVENT_ID_REUSED";

/// The refusal of an item under an id that was another one's.
#[must_use]
pub fn reused(event: Uuid) -> Fault {
    let words = "another one was taken in with this event_id: give each one of its own";
    Fault::unfit(REUSED, ("event_id", event.to_string()), words)
}

/// Whether a fault is an item's own, and stops no other.
#[must_use]
pub fn is_of_item(fault: &Fault) -> bool {
    matches!(fault, Fault::Invalid(_) | Fault::NotFound(_) | Fault::Precondition { .. } | Fault::Conflict)
}

/// The code, the reason and the words of the refusal of an item, of which the field is given.
///
/// # Errors
/// A fault that is no item's: the whole call fails by it.
pub fn refusal(field: &str, nth: usize, fault: Fault) -> Result<(Code, String, String), Fault> {
    match fault {
        Fault::Invalid(violations) => {
            let words: Vec<String> = violations
                .iter()
                .map(|one| format!("{field}[{nth}].{}: {}", one.field, one.description))
                .collect();
            Ok((Code::InvalidArgument, "INVALID_ARGUMENT".to_owned(), words.join("; ")))
        }
        Fault::NotFound(resource) => {
            Ok((Code::NotFound, "NOT_FOUND".to_owned(), format!("{field}[{nth}]: there is no {resource}")))
        }
        Fault::Precondition { reason, unmet, .. } => {
            let words: Vec<String> = unmet.iter().map(|one| one.description.clone()).collect();
            let code = if reason == REUSED { Code::InvalidArgument } else { Code::FailedPrecondition };
            Ok((code, reason.to_owned(), format!("{field}[{nth}]: {}", words.join("; "))))
        }
        Fault::Conflict => {
            let words = format!("{field}[{nth}]: somebody else is changing the person; send it again");
            Ok((Code::Aborted, "CONFLICT".to_owned(), words))
        }
        fault => Err(fault),
    }
}
