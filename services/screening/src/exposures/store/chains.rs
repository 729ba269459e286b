//! Chains of contacts.

use chassis::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Row;
use crate::{exposures::Exposure, keyring::Keyring};

/// A chain of contacts.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    /// Whose hands the person is in with whom it begins, and the first of those who are one; nothing where it is empty.
    pub root: Option<(Uuid, Uuid)>,
    /// Each exposure once with its generation, the nearest first.
    pub steps: Vec<(i32, Exposure)>,
}

/// A person's contacts, and theirs, to a number of generations.
///
/// # Errors
/// Where the database fails.
pub async fn trace(
    connection: &mut PgConnection,
    keys: &Keyring,
    from: Uuid,
    generations: i32,
) -> Result<Chain, Fault> {
    let reached = sqlx::query!(
        r#"WITH RECURSIVE reached (one, generation) AS (
               SELECT same_as, 0 FROM person WHERE id = $1
               UNION
               SELECT e.contact_one_id, r.generation + 1 FROM reached r JOIN exposure e ON e.index_one_id = r.one
               WHERE r.generation < $2 AND e.withdrawn_at IS NULL AND e.contact_one_id <> r.one
           )
           SELECT r.generation + 1 AS "generation!", p.unit_id AS root_unit, p.same_as AS root_one, e.id, e.event_id, e.entered_by, e.index_id, e.index_unit_id,
                  e.index_one_id, c.onset_on AS "onset_on?", c.sampled_on AS "sampled_on?", e.index_reference, e.contact_id,
                  e.contact_unit_id, e.contact_one_id, e.kind, e.place, e.first_at, e.last_at, e.protected,
                  e.close AS "close!", e.control_plan, e.created_at, e.withdrawn_at, e.withdraw_reason, e.key_id, e.sealed
           FROM (SELECT one, min(generation) AS generation FROM reached GROUP BY one) r
           JOIN exposure e ON e.index_one_id = r.one AND e.contact_one_id <> r.one AND e.withdrawn_at IS NULL
           CROSS JOIN (SELECT unit_id, same_as FROM person WHERE id = $1) p
           LEFT JOIN case_record c ON c.one_id = e.index_one_id AND c.leads_id = c.id
           WHERE r.generation < $2 ORDER BY 1, e.id"#,
        from,
        generations,
    );
    let mut chain = Chain::default();
    for row in reached.fetch_all(connection).await? {
        chain.root = Some((row.root_unit, row.root_one));
        let exposure = Row {
            id: row.id,
            event_id: row.event_id,
            entered_by: row.entered_by,
            index_id: row.index_id,
            index_unit_id: row.index_unit_id,
            index_one_id: row.index_one_id,
            onset_on: row.onset_on,
            sampled_on: row.sampled_on,
            index_reference: row.index_reference,
            contact_id: row.contact_id,
            contact_unit_id: row.contact_unit_id,
            contact_one_id: row.contact_one_id,
            kind: row.kind,
            place: row.place,
            first_at: row.first_at,
            last_at: row.last_at,
            protected: row.protected,
            close: row.close,
            control_plan: row.control_plan,
            created_at: row.created_at,
            withdrawn_at: row.withdrawn_at,
            withdraw_reason: row.withdraw_reason,
            key_id: row.key_id,
            sealed: row.sealed,
        };
        chain.steps.push((row.generation, exposure.open(keys)?));
    }
    Ok(chain)
}
