//! Contacts of whom it must be decided whether they are observed any longer (R13).

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// Why it is asked what becomes of a contact.
#[derive(Clone, Copy, Debug)]
pub enum Why {
    /// The index, who is one person and has a case, turned out to be none.
    NoCase(Uuid, Uuid),
    /// An exposure was taken back.
    Withdrawn(Uuid),
}

/// Asks what becomes of contacts of whom no index is left (R13): of those of the exposures and homes given that
/// are under observation as contacts, and have no other index than who turned out to be no case: one who is ill, febrile, a returnee or unknown, or somebody
/// ill at home.
///
/// # Errors
/// Where the database fails.
pub async fn ask(
    connection: &mut PgConnection,
    why: Why,
    (exposures, at_home): (&[Uuid], &[Uuid]),
    (now, deadline): (DateTime<Utc>, DateTime<Utc>),
) -> Result<(), Fault> {
    let (index_one, case, exposure) = match why {
        Why::NoCase(index_one, case) => (index_one, Some(case), None),
        Why::Withdrawn(exposure) => (Uuid::nil(), None, Some(exposure)),
    };
    let contacts = sqlx::query_scalar!(
        "SELECT o.id FROM observation o
         WHERE o.ended_at IS NULL AND o.basis IN (2, 3)
           AND o.id IN (SELECT c.id FROM exposure e JOIN observation c ON c.one_id = e.contact_one_id AND c.unit_id = e.contact_unit_id
                        WHERE e.id = ANY($2) UNION SELECT id FROM observation WHERE person_id = ANY($3))
           AND NOT EXISTS (SELECT FROM exposure e LEFT JOIN person p ON p.same_as = e.index_one_id
                           WHERE e.contact_one_id = o.one_id AND e.close AND e.withdrawn_at IS NULL AND e.index_one_id IS DISTINCT FROM o.one_id
                             AND (e.index_id IS NULL OR p.purpose = 1 OR (p.purpose IN (3, 4) AND e.index_one_id <> $1)))
           AND NOT EXISTS (SELECT FROM resident own JOIN resident other ON other.home_id = own.home_id AND other.ends_on IS NULL
                           JOIN person p ON p.same_as = other.one_id
                           WHERE own.one_id = o.one_id AND own.ends_on IS NULL AND other.one_id NOT IN ($1, o.one_id) AND p.purpose = 3)
         ORDER BY o.id FOR NO KEY UPDATE",
        index_one,
        exposures,
        at_home,
    );
    for contact in contacts.fetch_all(&mut *connection).await? {
        sqlx::query!(
            "INSERT INTO contact_question (id, observation_id, case_id, exposure_id, asked_at, deadline_at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (observation_id) WHERE settled_at IS NULL DO NOTHING",
            Uuid::now_v7(),
            contact,
            case,
            exposure,
            now,
            deadline,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Writes that it was decided what becomes of a contact; answers whether that was asked.
///
/// # Errors
/// Where the database fails.
pub async fn settle(
    connection: &mut PgConnection,
    observation: Uuid,
    (by, words): (&str, &str),
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let settled = sqlx::query!(
        "UPDATE contact_question SET settled_at = $2, settled_by = $3, words = $4
         WHERE observation_id = $1 AND settled_at IS NULL",
        observation,
        now,
        by,
        words,
    );
    Ok(settled.execute(connection).await?.rows_affected() > 0)
}
