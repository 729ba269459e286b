//! What a subject may do, asked of the appointments in force at this instant.

use chassis::{Authority, Clock, Database, Fault, Grant};
use jurisdiction::Office;
use tonic::async_trait;

/// Answers from the registry's own tables, at every call: a relieved officer is refused at once.
#[derive(Clone, Debug)]
pub struct Appointments {
    /// Where they are kept.
    pub database: Database,
    /// What the present instant is.
    pub clock: Clock,
}

#[async_trait]
impl Authority for Appointments {
    async fn grants(&self, subject: &str) -> Result<Vec<Grant>, Fault> {
        let held = sqlx::query!(
            "SELECT a.unit_id, a.office FROM officer o JOIN appointment a ON a.officer_id = o.id
             WHERE o.subject = $1 AND a.during @> $2::timestamptz",
            subject,
            self.clock.now(),
        );
        let held = held.fetch_all(self.database.pool()).await?;
        let grants = held.into_iter().filter_map(|row| {
            let office = Office::of_word(&row.office)?;
            Some(Grant { scope: row.unit_id, permissions: office.grant() })
        });
        Ok(grants.collect())
    }
}
