//! Proofs speak here.

use std::{sync::Arc, time::Instant};

use chassis::{Fault, parse, server};
use chrono::{DateTime, Utc};
use proto::screening::{self as pb, proof_service_server::ProofService, prove_persons_response::Event};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Finding, SEEN_WITHIN,
    store::{self, Proved},
    waits, wrong_with, wrong_with_all, wrong_with_handdown,
};
use crate::{
    DOMAIN,
    escalations::api::subject_name,
    exposures::{self, parse::exposure_name},
    handdowns::{self, parse::handdown_name},
    house::House,
    observations::parse::observation_name,
    persons::parse::{person_name, unit_name},
    rules::day_start,
};

/// What proving needs.
const PERMISSION: &str = "proofs.read";

/// How many observations are read on one state of the database.
const AT_ONCE: i64 = 500;

/// The handlers of [`ProofService`].
#[derive(Clone, Debug)]
pub struct Proofs {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl ProofService for Proofs {
    type ProvePersonsStream = ReceiverStream<Result<pb::ProvePersonsResponse, Status>>;

    async fn prove_persons(
        &self,
        request: Request<pb::ProvePersonsRequest>,
    ) -> Result<Response<Self::ProvePersonsStream>, Status> {
        let proofs = self.clone();
        Ok(server::stream(DOMAIN, |messages| async move { proofs.prove(request, messages).await }))
    }
}

type Messages = server::Messages<pb::ProvePersonsResponse>;

/// What one proof has come to so far.
struct Proof {
    messages: Messages,
    now: DateTime<Utc>,
    verdict: pb::PersonVerdict,
}

impl Proofs {
    async fn prove(
        &self,
        request: Request<pb::ProvePersonsRequest>,
        messages: Messages,
    ) -> Result<(), Fault> {
        let (caller, _, request) = server::accept(request)?;
        let start = parse::optional_date(&request.start_date);
        let start = start.map_err(|wrong| Fault::invalid("start_date", wrong))?;
        let since = start.map(|date| day_start(date, self.house.clock.zone()));
        let began = Instant::now();
        let now = self.house.clock.now();
        let verdict =
            pb::PersonVerdict { as_of_time: Some(parse::timestamp(now)), ..pb::PersonVerdict::default() };
        let mut proof = Proof { messages, now, verdict };
        for part in self.parts(&self.house.tops(&caller, PERMISSION, None)?) {
            self.prove_part(&part, since, &mut proof).await?;
        }
        proof.verdict.holds = proof.verdict.broken == 0;
        proof.verdict.milliseconds = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let verdict = proof.verdict;
        proof.say(Event::Verdict(verdict)).await
    }

    /// Parts of a tree: each unit of the highest ones, alone, and each right below it with all below that.
    fn parts(&self, tops: &[Uuid]) -> Vec<(Uuid, Vec<Uuid>)> {
        let today = self.house.jurisdiction.today();
        let mut parts = Vec::new();
        for top in tops {
            let children = today.place(*top).map(|place| today.children(place).collect::<Vec<_>>());
            let children: Vec<Uuid> =
                children.iter().flatten().filter_map(|place| Some(today.at(*place)?.id)).collect();
            let mut rest = self.house.jurisdiction.standing_below(&[*top]);
            for child in children {
                let below = self.house.jurisdiction.standing_below(&[child]);
                let apart: std::collections::HashSet<Uuid> = below.iter().copied().collect();
                rest.retain(|unit| !apart.contains(unit));
                parts.push((child, below));
            }
            parts.push((*top, rest));
        }
        parts
    }

    async fn prove_part(
        &self,
        (unit, below): &(Uuid, Vec<Uuid>),
        since: Option<DateTime<Utc>>,
        proof: &mut Proof,
    ) -> Result<(), Fault> {
        let mut after = Uuid::nil();
        loop {
            let mut work = self.house.database.snapshot().await?;
            let ids = store::observations(&mut work, below, since, after, AT_ONCE).await?;
            let Some(last) = ids.last() else { break };
            after = *last;
            let proved = store::proved(&mut work, &ids).await?;
            drop(work);
            for one in &proved {
                self.prove_one(one, proof).await?;
            }
        }
        self.prove_handdowns(below, proof).await?;
        self.prove_waiting(below, proof).await?;
        self.prove_contacts(below, proof).await?;
        let today = self.house.jurisdiction.today();
        let display_name = today.node(*unit).map(|node| node.display_name.clone()).unwrap_or_default();
        let progress = pb::PersonProofProgress {
            unit: unit_name(*unit),
            display_name,
            observations: proof.verdict.open + proof.verdict.ended,
            slots: proof.verdict.slots,
        };
        proof.say(Event::Progress(progress)).await
    }

    /// Open hand-downs whose persons are in the hands of units, and those that lead nowhere.
    async fn prove_handdowns(&self, units: &[Uuid], proof: &mut Proof) -> Result<(), Fault> {
        let mut after = Uuid::nil();
        loop {
            let mut work = self.house.database.snapshot().await?;
            let found = handdowns::store::to_prove(&mut work, units, after, AT_ONCE).await?;
            drop(work);
            let Some(last) = found.last() else { return Ok(()) };
            after = last.id;
            for handdown in &found {
                proof.verdict.handdowns += i64::from(handdown.closed_at.is_none());
                let about = (handdown_name(handdown.id), handdown.person, handdown.holder);
                let stands = |unit: Uuid| self.house.jurisdiction.standing(unit).unwrap_or(unit);
                if let Some(words) = wrong_with_handdown(handdown, stands, proof.now) {
                    self.say(&about, Finding::HanddownDiffers, words, proof).await?;
                }
                if handdown.closed_at.is_none() && self.house.answering(handdown.holder).is_none() {
                    let words = "nobody holds an office that answers for the unit".to_owned();
                    self.say(&about, Finding::Unanswered, words, proof).await?;
                }
                if handdown.silence(proof.now).is_some() {
                    let words = format!("has waited since {}", handdown.due_at.to_rfc3339());
                    self.say(&about, Finding::HanddownOverdue, words, proof).await?;
                }
            }
        }
    }

    /// What waits for somebody in the hands of units.
    async fn prove_waiting(&self, units: &[Uuid], proof: &mut Proof) -> Result<(), Fault> {
        let mut after = Uuid::nil();
        loop {
            let mut work = self.house.database.snapshot().await?;
            let found = store::waiting(&mut work, units, proof.now, after, AT_ONCE).await?;
            drop(work);
            let Some(last) = found.last() else { return Ok(()) };
            after = last.subject;
            for waiting in &found {
                let subject = subject_name(waiting.kind, waiting.subject);
                let about = (subject, waiting.person.unwrap_or_default(), waiting.unit);
                let deadline = waiting.deadline_at.to_rfc3339();
                let words = if waiting.deadline_at > proof.now {
                    format!("must be done by {deadline}")
                } else {
                    format!("should have been done by {deadline}")
                };
                if !waiting.is_seen && waiting.deadline_at + SEEN_WITHIN <= proof.now {
                    let words = format!("{words}, and is put before nobody");
                    self.say(&about, Finding::TaskUnseen, words, proof).await?;
                } else {
                    self.say(&about, waits(waiting.kind), words, proof).await?;
                }
            }
        }
    }

    /// Close contacts, in the hands of units, of persons who are ill.
    async fn prove_contacts(&self, units: &[Uuid], proof: &mut Proof) -> Result<(), Fault> {
        let mut after = Uuid::nil();
        loop {
            let mut work = self.house.database.snapshot().await?;
            let found = exposures::store::to_prove(&mut work, units, after, AT_ONCE).await?;
            drop(work);
            let Some((last, _)) = found.last() else { return Ok(()) };
            after = last.id;
            for (exposure, is_followed) in &found {
                proof.verdict.contacts += 1;
                if *is_followed || exposure.window(self.house.clock.zone()) == exposures::Window::Before {
                    continue;
                }
                let about = (exposure_name(exposure.id), exposure.contact, exposure.contact_unit);
                let words = "was never put under observation".to_owned();
                self.say(&about, Finding::ContactUnfollowed, words, proof).await?;
            }
        }
    }

    async fn prove_one(&self, proved: &Proved, proof: &mut Proof) -> Result<(), Fault> {
        let observation = &proved.observation;
        let is_open = observation.ended_at.is_none();
        if is_open {
            proof.verdict.open += 1;
        } else {
            proof.verdict.ended += 1;
        }
        proof.verdict.slots += i64::try_from(proved.slots.len()).unwrap_or(0);
        proof.verdict.readings += proved.readings;
        let mut found: Vec<(Finding, String)> = Vec::new();
        let slots = proved.slots.iter().filter_map(|filled| wrong_with(filled, proof.now));
        found.extend(slots.map(|words| (Finding::SlotDiffers, words)));
        let all = wrong_with_all(observation, &proved.slots, proof.now);
        found.extend(all.map(|words| (Finding::WindowDiffers, words)));
        if is_open == proved.is_decided || (!is_open && observation.ended_by.is_empty()) {
            found.push((Finding::Undecided, "the decision and the state differ".to_owned()));
        }
        if proved.is_case_missing {
            found.push((Finding::CaseMissing, "ended as a case, and there is none".to_owned()));
        }
        if is_open {
            found.extend(self.open(proved));
        }
        let about = (observation_name(observation.id), observation.person, observation.unit);
        for (finding, words) in found {
            self.say(&about, finding, words, proof).await?;
        }
        Ok(())
    }

    /// What is to be said of an open observation: whose hands, who answers, what waits.
    fn open(&self, proved: &Proved) -> Vec<(Finding, String)> {
        let observation = &proved.observation;
        let mut found = Vec::new();
        let mut add = |finding: Finding, words: &str| found.push((finding, words.to_owned()));
        match self.house.answering(observation.unit) {
            None => add(Finding::Unanswered, "nobody holds an office that answers for the unit"),
            Some(contact) if contact.unit != observation.unit => {
                add(Finding::AnsweredAbove, "the unit's own office is vacant");
            }
            Some(_) => {}
        }
        if self.house.jurisdiction.standing(observation.unit) != Some(observation.unit) {
            add(Finding::UnitClosed, "the unit is at work no more: assign the person to another");
        }
        if observation.lost {
            add(Finding::Lost, "nobody knows where the person is");
        }
        if proved.is_asked {
            add(Finding::HandsOpen, "two units have found the person and have not agreed");
        }
        if !proved.is_led || proved.counting != 1 {
            let words = format!("{} observations count for the person", proved.counting);
            add(Finding::ObservedTwice, &words);
        }
        if !proved.is_seen {
            add(Finding::OutOfSight, "the units above do not see it as it is");
        } else if self.house.sight(observation.unit).ancestors != proved.ancestors {
            // The tree has changed since what is listed was read; the next pulse takes it in.
            tracing::debug!(observation = %observation.id, "another tree than the lists were made by");
        }
        found
    }

    async fn say(
        &self,
        (subject, person, unit): &(String, Uuid, Uuid),
        finding: Finding,
        words: String,
        proof: &mut Proof,
    ) -> Result<(), Fault> {
        let breaks = finding.breaks_the_law();
        if breaks {
            proof.verdict.broken += 1;
        } else {
            proof.verdict.listed += 1;
        }
        let contact = self.house.answering(*unit);
        let contact =
            contact.map(|contact| (contact.display_name, contact.official_phone)).unwrap_or_default();
        let today = self.house.jurisdiction.today();
        let standing = self.house.jurisdiction.standing(*unit);
        let place = standing.and_then(|unit| today.place(unit));
        let exception = pb::PersonException {
            breaks_the_law: breaks,
            finding: finding as i32,
            subject: subject.clone(),
            person: if person.is_nil() { String::new() } else { person_name(*person) },
            unit: unit_name(*unit),
            display_name: place.map(|place| today.full_name(place)).unwrap_or_default(),
            contact_name: contact.0,
            contact_phone: contact.1,
            description: words,
        };
        proof.say(Event::Exception(exception)).await
    }
}

impl Proof {
    async fn say(&self, event: Event) -> Result<(), Fault> {
        let message = pb::ProvePersonsResponse { event: Some(event) };
        self.messages.send(Ok(message)).await.map_err(|_| Fault::Unavailable("the client went away"))
    }
}
