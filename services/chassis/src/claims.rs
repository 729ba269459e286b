//! Idempotency: a request_id is claimed inside the work's own transaction.
//!
//! The concurrent duplicate waits on the unique index for the first to end, and then reads its
//! answer in a second statement (the first would not see it). If the first rolls back, the second
//! claims. There is no cache beside the transaction.
//!
//! A message may hold personal values, so its digest is kept keyed with the database's secret (a hash of 32 bytes
//! after 32: there is nothing to extend). Those kept plain by older programs are known for the seven days they live.

use aws_lc_rs::digest;
use chrono::{NaiveDate, TimeDelta, Timelike as _};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Caller, Fault, Work, clock, partitions::DayTable};

/// The table of claims: an answer is kept seven days for repetitions.
pub const TABLE: DayTable = DayTable { table: "request_claim", kept_days: 7 };

/// Around midnight a claim is written for both days, so that two replicas whose clocks differ, or a
/// call on either side of it, still meet in one partition.
const STRADDLE_MINUTES: u32 = 5;

/// A request_id with whom it belongs to and what it was used for.
#[derive(Debug)]
pub struct Claim {
    caller: String,
    request_id: Uuid,
    fingerprint: Vec<u8>,
    days: Vec<NaiveDate>,
}

impl Claim {
    /// A claim on `request_id` for a message that no longer carries it, sent to a method.
    #[must_use]
    pub fn new(caller: &Caller, request_id: Uuid, method: &str, message: &impl Message) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(method.as_bytes());
        context.update(&[0]);
        context.update(&message.encode_to_vec());
        Self {
            caller: caller.subject().to_owned(),
            request_id,
            fingerprint: context.finish().as_ref().to_vec(),
            days: days(),
        }
    }

    /// Claims the id, or answers what was answered before.
    ///
    /// # Errors
    /// [`Fault::RequestIdReused`] where the id was used for another message.
    pub async fn replay<A: Message + Default>(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Option<A>, Fault> {
        // A repetition comes on a later day than the first call: look in all partitions first.
        if let Some(answer) = self.answer_of_the_first(connection).await? {
            return Ok(Some(answer));
        }
        let claimed = sqlx::query!(
            "INSERT INTO request_claim (day, caller, request_id, fingerprint)
             SELECT day, $2, $3, sha256((SELECT value FROM secret) || $4) FROM unnest($1::date[]) AS day ORDER BY day
             ON CONFLICT DO NOTHING",
            &self.days,
            self.caller,
            self.request_id,
            self.fingerprint,
        )
        .execute(&mut *connection)
        .await?
        .rows_affected();
        if usize::try_from(claimed).is_ok_and(|rows| rows == self.days.len()) {
            return Ok(None);
        }
        match self.answer_of_the_first(connection).await? {
            Some(answer) => Ok(Some(answer)),
            None => Err(Fault::Conflict),
        }
    }

    async fn answer_of_the_first<A: Message + Default>(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Option<A>, Fault> {
        let first = sqlx::query!(
            r#"SELECT fingerprint IN ($3, sha256((SELECT value FROM secret) || $3)) AS "is_same!", answer AS "answer!" FROM request_claim
               WHERE request_id = $1 AND caller = $2 AND answer IS NOT NULL LIMIT 1"#,
            self.request_id,
            self.caller,
            self.fingerprint,
        )
        .fetch_optional(&mut *connection)
        .await?;
        match first {
            None => Ok(None),
            Some(first) if !first.is_same => Err(Fault::RequestIdReused(self.request_id)),
            Some(first) => A::decode(first.answer.as_slice()).map(Some).map_err(Fault::internal),
        }
    }

    /// Makes durable what was done, with its answer for repetitions, and gives that.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn commit<A: Message>(&self, mut work: Work, answer: A) -> Result<A, Fault> {
        self.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    /// Stores the answer for repetitions, where it is not what the call is answered with: else [`Claim::commit`].
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn answer(&self, connection: &mut PgConnection, answer: &impl Message) -> Result<(), Fault> {
        sqlx::query!(
            "UPDATE request_claim SET answer = $4
             WHERE day = ANY($1) AND request_id = $2 AND caller = $3",
            &self.days,
            self.request_id,
            self.caller,
            answer.encode_to_vec(),
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

fn days() -> Vec<NaiveDate> {
    let now = clock::wall();
    let slack = TimeDelta::minutes(i64::from(STRADDLE_MINUTES));
    let today = now.date_naive();
    if now.hour() == 0 && now.minute() < STRADDLE_MINUTES {
        return vec![(now - slack).date_naive(), today];
    }
    if now.hour() == 23 && now.minute() >= 60 - STRADDLE_MINUTES {
        return vec![today, (now + slack).date_naive()];
    }
    vec![today]
}
