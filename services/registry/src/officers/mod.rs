//! Officers decide here: who may be appointed, and how they are reached.

pub mod api;
pub mod parse;
pub mod store;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What is said of an officer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name, in NFC.
    pub display_name: String,
    /// Official phone; empty for a machine.
    pub official_phone: String,
    /// Subject of the credentials; none for one who never logs in.
    pub subject: Option<String>,
    /// Where the officer belongs.
    pub home_unit: Uuid,
}

/// An officer.
#[derive(Clone, Debug)]
pub struct Officer {
    /// The id.
    pub id: Uuid,
    /// What is said of them.
    pub entry: Entry,
    /// Counts the changes.
    pub version: i64,
    /// When the entry was recorded.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Where the home unit stands today: orders the lists.
    pub path: String,
}

/// What changes about an officer.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// A new name.
    pub display_name: Option<String>,
    /// A new phone.
    pub official_phone: Option<String>,
    /// A new subject, or none from now on.
    pub subject: Option<Option<String>>,
    /// A new home.
    pub home_unit: Option<Uuid>,
}

impl Entry {
    /// The entry after a change.
    #[must_use]
    pub fn changed(self, change: Change) -> Self {
        Self {
            display_name: change.display_name.unwrap_or(self.display_name),
            official_phone: change.official_phone.unwrap_or(self.official_phone),
            subject: change.subject.unwrap_or(self.subject),
            home_unit: change.home_unit.unwrap_or(self.home_unit),
        }
    }
}

/// An official phone: what people dial, as it is printed.
///
/// # Errors
/// What it must look like.
pub fn phone(text: &str) -> Result<String, String> {
    let allowed = |sign: char| sign.is_ascii_digit() || " +-()".contains(sign);
    if text.len() > 32 || !text.chars().all(allowed) {
        return Err("must be at most 32 digits, spaces and + - ( )".to_owned());
    }
    Ok(text.trim().to_owned())
}
