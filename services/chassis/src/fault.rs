//! Why a call is refused or failed: one small closed enum, and one match to gRPC codes.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};
use uuid::Uuid;

/// One thing wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The proto field path, such as `units[3].parent_unit`.
    pub field: String,
    /// What is wrong and what would be right.
    pub description: String,
}

/// Collects everything that is wrong with a request before it is refused.
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// Notes one thing.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(Violation { field: field.into(), description: description.into() });
    }

    /// Notes another collection under a field, such as the violations of one item of a batch.
    pub fn nest(&mut self, field: &str, inner: Self) {
        for violation in inner.0 {
            self.add(format!("{field}.{}", violation.field), violation.description);
        }
    }

    /// Refuses with these violations under a field.
    #[must_use]
    pub fn under(self, field: &str) -> Fault {
        let mut outer = Self::default();
        outer.nest(field, self);
        Fault::Invalid(outer.0)
    }

    /// Keeps the value of a check, or notes why there is none.
    pub fn keep<T>(&mut self, field: &str, checked: Result<T, String>) -> Option<T> {
        checked.map_err(|description| self.add(field, description)).ok()
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong, in the order found.
    #[must_use]
    pub fn into_inner(self) -> Vec<Violation> {
        self.0
    }

    /// Refuses where anything is wrong.
    ///
    /// # Errors
    /// [`Fault::Invalid`] with every violation.
    pub fn refuse(self) -> Result<(), Fault> {
        if self.0.is_empty() { Ok(()) } else { Err(Fault::Invalid(self.0)) }
    }
}

/// A condition that the state does not meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The resource concerned.
    pub subject: String,
    /// What is not as it must be, and what to do.
    pub description: String,
}

/// Why a call is refused or failed. A reason is the name of an `ErrorReason` without its prefix.
#[derive(Debug)]
pub enum Fault {
    /// Wrong whatever the state: all violations.
    Invalid(Vec<Violation>),
    /// Absent, or not for this caller to know.
    NotFound(String),
    /// No appointment of the caller allows it.
    Denied(&'static str),
    /// No usable credentials, and why.
    Unauthenticated(&'static str),
    /// A create or a change collides with what another resource holds.
    Exists {
        /// Which collision.
        reason: &'static str,
        /// What collides, for people.
        message: String,
        /// What the message says, for programs.
        metadata: Vec<(&'static str, String)>,
    },
    /// The state forbids it: every unmet condition.
    Precondition {
        /// Which rule.
        reason: &'static str,
        /// Every unmet condition.
        unmet: Vec<Unmet>,
        /// What the conditions say, for programs.
        metadata: Vec<(&'static str, String)>,
    },
    /// The etag is not the present one, which this is.
    EtagMismatch(String),
    /// The database gave way to another transaction.
    Conflict,
    /// The page token was changed or belongs elsewhere.
    PageToken,
    /// A change token that is too old or of another epoch.
    ChangeToken,
    /// The request_id was used for another message.
    RequestIdReused(Uuid),
    /// No such method at this version.
    Unimplemented,
    /// The deadline has passed.
    Deadline,
    /// More calls in hand than the service takes.
    Overloaded,
    /// The database cannot be reached, or the service is draining; for people.
    Unavailable(&'static str),
    /// What is known of another service is older than this, and too old to decide on.
    Stale(Duration),
    /// A bug, or something nobody foresaw: the detail goes to the log only.
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

impl Fault {
    /// A single violation.
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation { field: field.into(), description: description.into() }])
    }

    /// A single unmet condition.
    pub fn unmet(
        reason: &'static str,
        subject: impl Into<String>,
        description: impl Into<String>,
        metadata: Vec<(&'static str, String)>,
    ) -> Self {
        Self::Precondition {
            reason,
            unmet: vec![Unmet { subject: subject.into(), description: description.into() }],
            metadata,
        }
    }

    /// A single unmet condition of a resource, which the metadata name by its kind, such as `("case", name)`.
    pub fn unfit(
        reason: &'static str,
        (kind, name): (&'static str, String),
        description: impl Into<String>,
    ) -> Self {
        Self::unmet(reason, name.clone(), description, vec![(kind, name)])
    }

    /// Something nobody foresaw.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// The answer on the wire. `domain` is the service's, such as `registry.rampart`.
    #[must_use]
    pub fn into_status(self, domain: &str) -> Status {
        let mut details = ErrorDetails::new();
        let mut metadata = HashMap::new();
        let (code, reason, message) = self.describe(&mut details, &mut metadata);
        details.set_error_info(reason, domain, metadata);
        Status::with_error_details(code, message, details)
    }

    fn describe(
        self,
        details: &mut ErrorDetails,
        metadata: &mut HashMap<String, String>,
    ) -> (Code, &'static str, String) {
        let mut note = |pairs: Vec<(&'static str, String)>| {
            metadata.extend(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)));
        };
        match self {
            Self::Invalid(violations) => {
                note(vec![("violations", violations.len().to_string())]);
                let message = in_words(&violations);
                let fields = violations
                    .into_iter()
                    .map(|violation| FieldViolation::new(violation.field, violation.description));
                details.set_bad_request(fields.collect::<Vec<_>>());
                (Code::InvalidArgument, "INVALID_ARGUMENT", message)
            }
            Self::NotFound(resource) => {
                note(vec![("resource", resource.clone())]);
                let message = format!("{resource} does not exist, or is not yours to see");
                details.set_resource_info("", resource, "", "");
                (Code::NotFound, "NOT_FOUND", message)
            }
            Self::Denied(permission) => {
                note(vec![("permission", permission.to_owned())]);
                let message = format!(
                    "none of your appointments gives you {permission} there; ask whoever appoints at that unit"
                );
                (Code::PermissionDenied, "PERMISSION_DENIED", message)
            }
            Self::Unauthenticated(problem) => {
                note(vec![("problem", problem.to_owned())]);
                let message = format!("credentials: {problem}");
                (Code::Unauthenticated, "UNAUTHENTICATED", message)
            }
            Self::Exists { reason, message, metadata: pairs } => {
                note(pairs);
                (Code::AlreadyExists, reason, message)
            }
            Self::Precondition { reason, unmet, metadata: pairs } => {
                note(pairs);
                let words: Vec<_> = unmet.iter().map(|one| one.description.as_str()).collect();
                let message = words.join("; ");
                for one in unmet {
                    details.add_precondition_failure_violation(reason, one.subject, one.description);
                }
                (Code::FailedPrecondition, reason, message)
            }
            Self::EtagMismatch(etag) => {
                let message = format!("changed meanwhile: the etag is now {etag}; read it again");
                note(vec![("etag", etag)]);
                (Code::Aborted, "ETAG_MISMATCH", message)
            }
            Self::Conflict => {
                details.set_retry_info(Some(Duration::from_millis(50)));
                let message = "gave way to another change of the same rows; repeat the call";
                (Code::Aborted, "CONFLICT", message.to_owned())
            }
            Self::PageToken => {
                let message = "the page token is not one of this query; start with an empty one";
                (Code::InvalidArgument, "PAGE_TOKEN_MISMATCH", message.to_owned())
            }
            Self::ChangeToken => {
                let message = "the change token has expired; take a snapshot again";
                (Code::OutOfRange, "CHANGE_TOKEN_EXPIRED", message.to_owned())
            }
            Self::RequestIdReused(id) => {
                note(vec![("request_id", id.to_string())]);
                details.add_bad_request_violation("request_id", "was used for another message");
                let message = format!("request_id {id} was used for another message; make a new one");
                (Code::InvalidArgument, "REQUEST_ID_REUSED", message)
            }
            Self::Unimplemented => {
                let message = "there is no such method at this version of the service";
                (Code::Unimplemented, "UNIMPLEMENTED", message.to_owned())
            }
            Self::Deadline => {
                let message = "the deadline has passed; with the same request_id a repetition is safe";
                (Code::DeadlineExceeded, "DEADLINE_EXCEEDED", message.to_owned())
            }
            Self::Overloaded => {
                details.set_retry_info(Some(Duration::from_secs(1)));
                let message = "as many calls in hand as the service takes; repeat later";
                (Code::ResourceExhausted, "OVERLOADED", message.to_owned())
            }
            Self::Unavailable(what) => {
                details.set_retry_info(Some(Duration::from_secs(1)));
                (Code::Unavailable, "UNAVAILABLE", what.to_owned())
            }
            Self::Stale(age) => {
                note(vec![("age_seconds", age.as_secs().to_string())]);
                details.set_retry_info(Some(Duration::from_secs(5)));
                let message = "what this service knows of who may decide is too old to decide on it; facts are taken in all the same";
                (Code::Unavailable, "FEED_STALE", message.to_owned())
            }
            Self::Internal(cause) => {
                let id = Uuid::now_v7();
                tracing::error!(%id, cause = chain(cause.as_ref()), "internal error");
                details.set_request_info(id.to_string(), "");
                let message = format!("internal error {id}; the service's log has the detail");
                (Code::Internal, "INTERNAL", message)
            }
        }
    }
}

fn in_words(violations: &[Violation]) -> String {
    let first = violations.iter().take(3);
    let words: Vec<_> =
        first.map(|violation| format!("{}: {}", violation.field, violation.description)).collect();
    match violations.len().saturating_sub(3) {
        0 => words.join("; "),
        more => format!("{}; and {more} more", words.join("; ")),
    }
}

/// An error with all its causes, in one line for the log.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        line.push_str(": ");
        line.push_str(&inner.to_string());
        cause = inner.source();
    }
    line
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => match database.code().as_deref() {
                Some("40001" | "40P01") => Self::Conflict,
                Some("57014") => Self::Deadline,
                // Shutting down, starting up, not letting anybody in, too many connections, and a
                // standby that has not been promoted yet.
                Some("57P01" | "57P02" | "57P03" | "55000" | "53300" | "25006") => {
                    Self::Unavailable(DATABASE_DOWN)
                }
                _ => Self::internal(error),
            },
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
                Self::Unavailable(DATABASE_DOWN)
            }
            _ => Self::internal(error),
        }
    }
}

const DATABASE_DOWN: &str = "the database cannot be reached just now; repeat the call";

/// The values of the key that violates a constraint, as Postgres' detail names them:
/// `Key (system, code)=(NBS, 99) …`.
#[must_use]
pub fn violated_key(error: &sqlx::Error) -> Vec<String> {
    let detail = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>())
        .and_then(sqlx::postgres::PgDatabaseError::detail)
        .and_then(|detail| detail.split(")=(").nth(1))
        .map(|key| key.split(['[', ')']).next().unwrap_or(key).trim_end_matches([',', ' ']));
    detail.map(|key| key.split(", ").map(str::to_owned).collect()).unwrap_or_default()
}

/// Maps a violated constraint by its name; everything else as [`Fault::from`].
pub fn on_constraint(error: sqlx::Error, map: impl FnOnce(&str) -> Option<Fault>) -> Fault {
    let named = error.as_database_error().and_then(sqlx::error::DatabaseError::constraint).and_then(map);
    named.unwrap_or_else(|| error.into())
}
