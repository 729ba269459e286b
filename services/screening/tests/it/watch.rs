//! What tests of observations have in common: opening, reading, and the clock.

use chrono::{DateTime, Utc};
use proto::screening::{self as pb, reading_result::Result as Read};
use tests::{Sandbox, request_id, until};
use tonic::Status;

use crate::ground::{Ground, details, without_papers};

/// An instant of February 2020 by the city's clock: the day and the time.
pub(crate) fn on(day: u32, time: &str) -> DateTime<Utc> {
    format!("2020-02-{day:02}T{time}:00+08:00").parse().expect("an instant")
}

/// A reading as it is sent: taken, with a temperature.
pub(crate) fn reading(observation: &str, at: DateTime<Utc>, temperature: f64) -> pb::Reading {
    pb::Reading {
        event_id: request_id(),
        observation: observation.to_owned(),
        taken_time: Some(chassis::parse::timestamp(at)),
        kind: pb::ReadingKind::Taken.into(),
        temperature,
        ..pb::Reading::default()
    }
}

/// Waits until somebody in a sandbox's database waits for a lock.
pub(crate) async fn somebody_waits(sandbox: &Sandbox) {
    const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let mut look = sandbox.sql().await;
    until(async || {
        let waits: i64 = sqlx::query_scalar(WAITING).fetch_one(&mut look).await.expect("who waits");
        (waits > 0).then_some(())
    })
    .await;
}

impl Ground {
    /// Puts a person under observation as a subject.
    pub(crate) async fn open(
        &self,
        subject: &str,
        person: &str,
        exposed: &str,
    ) -> Result<pb::OpenObservationResponse, Status> {
        let request = pb::OpenObservationRequest {
            request_id: request_id(),
            observation: Some(pb::Observation {
                person: person.to_owned(),
                basis: pb::Basis::Returnee.into(),
                last_exposure_date: exposed.to_owned(),
                ..pb::Observation::default()
            }),
        };
        Ok(self.screening(subject).observations().open_observation(request).await?.into_inner())
    }

    /// Takes in somebody with papers at a grid and puts them under observation, as its leader.
    pub(crate) async fn observed(&self, grid: usize, number: &str, exposed: &str) -> pb::Observation {
        let details = if number.is_empty() { without_papers("") } else { details(number) };
        let person = self.found(grid, details).await;
        let opened = self.open(&format!("leader-{grid}"), &person.name, exposed).await.expect("opened");
        opened.observation.expect("an observation")
    }

    /// Sends readings as a subject.
    pub(crate) async fn send(&self, subject: &str, readings: Vec<pb::Reading>) -> Vec<Read> {
        let request = pb::IngestReadingsRequest { readings };
        let answer = self.screening(subject).readings().ingest_readings(request).await.expect("an answer");
        answer.into_inner().results.into_iter().map(|result| result.result.expect("a result")).collect()
    }

    /// Sends one reading as the leader of grid 0, which is taken in.
    pub(crate) async fn read(&self, reading: pb::Reading) -> pb::AcceptedReading {
        match self.send("leader-0", vec![reading]).await.remove(0) {
            Read::Accepted(accepted) => accepted,
            other => panic!("not taken in: {other:?}"),
        }
    }

    /// An observation as a subject sees it.
    pub(crate) async fn observation(&self, subject: &str, name: &str) -> Result<pb::Observation, Status> {
        let request = pb::GetObservationRequest { name: name.to_owned() };
        let answer = self.screening(subject).observations().get_observation(request).await?;
        Ok(answer.into_inner().observation.expect("an observation"))
    }

    /// What came of the slots of an observation, the first first, as the city's duty officer sees them.
    pub(crate) async fn outcomes(&self, name: &str) -> Vec<pb::Outcome> {
        self.slots(name).await.iter().map(pb::Slot::outcome).collect()
    }

    /// The slots of an observation.
    pub(crate) async fn slots(&self, name: &str) -> Vec<pb::Slot> {
        let request = pb::ListSlotsRequest {
            observation: name.to_owned(),
            page_size: 1_000,
            page_token: String::new(),
        };
        self.screening("duty").readings().list_slots(request).await.expect("slots").into_inner().slots
    }

    /// Moves the clock, and waits until what has elapsed was closed, and silence and what is late were put before
    /// somebody.
    pub(crate) async fn advance(&self, to: DateTime<Utc>) {
        const WAITING: &str =
            "SELECT (SELECT count(*) FROM screening.slot WHERE outcome = 0 AND closes_at <= $1)
                                      + (SELECT count(*) FROM screening.handdown WHERE escalate_at <= $1)
                                      + (SELECT count(*) FROM screening.waiting w WHERE (at_once OR deadline_at <= $1) AND NOT EXISTS
                                             (SELECT FROM screening.escalation e WHERE e.subject_id = w.subject_id AND e.kind = w.kind))";
        self.sandbox.clock.advance_to(to);
        let mut sql = self.sandbox.sql().await;
        until(async || {
            let waiting: i64 = sqlx::query_scalar(WAITING).bind(to).fetch_one(&mut sql).await.expect("slots");
            (waiting == 0).then_some(())
        })
        .await;
    }

    /// Releases an observation as a subject.
    pub(crate) async fn release(
        &self,
        subject: &str,
        name: &str,
        reason: &str,
    ) -> Result<pb::Observation, Status> {
        let request = pb::ReleaseObservationRequest {
            request_id: request_id(),
            name: name.to_owned(),
            reason: reason.to_owned(),
            r#override: !reason.is_empty(),
        };
        let answer = self.screening(subject).observations().release_observation(request).await?;
        Ok(answer.into_inner().observation.expect("an observation"))
    }

    /// The digest of a unit as the city's duty officer.
    pub(crate) async fn digest(&self, unit: &str) -> Vec<pb::Escalation> {
        let request = pb::ListEscalationsRequest { holder_unit: unit.to_owned(), ..Default::default() };
        let answer = self.screening("duty").escalations().list_escalations(request).await.expect("a digest");
        answer.into_inner().escalations
    }

    /// What a proof of persons as the city's duty officer says: the exceptions, and the verdict.
    pub(crate) async fn proof(&self) -> (Vec<pb::PersonException>, pb::PersonVerdict) {
        self.proof_of("").await
    }

    /// As [`Self::proof`], of whoever is under observation or was since a date.
    pub(crate) async fn proof_since(&self, date: &str) -> (Vec<pb::PersonException>, pb::PersonVerdict) {
        self.proved(date, "").await
    }

    /// As [`Self::proof`], of a date.
    pub(crate) async fn proof_of(&self, date: &str) -> (Vec<pb::PersonException>, pb::PersonVerdict) {
        self.proved("2020-01-01", date).await
    }

    async fn proved(&self, since: &str, date: &str) -> (Vec<pb::PersonException>, pb::PersonVerdict) {
        use proto::screening::prove_persons_response::Event;
        let request = pb::ProvePersonsRequest { start_date: since.to_owned(), as_of_date: date.to_owned() };
        let answer = self.screening("duty").proofs().prove_persons(request).await.expect("a proof");
        let (mut stream, mut exceptions) = (answer.into_inner(), Vec::new());
        while let Some(message) = stream.message().await.expect("a message") {
            match message.event {
                Some(Event::Exception(exception)) => exceptions.push(exception),
                Some(Event::Verdict(verdict)) => return (exceptions, verdict),
                _ => {}
            }
        }
        panic!("no verdict");
    }
}
