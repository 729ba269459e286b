//! Proofs speak here.

use std::{sync::Arc, time::Instant};

use chassis::{Fault, Violations, parse, server};
use chrono::{DateTime, Utc};
use proto::screening::{self as pb, proof_service_server::ProofService, prove_persons_response::Event};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Finding, PERMISSION, SEEN_WITHIN, is_overdue,
    parts::{AsOf, Part},
    store::{self, Proved, past},
    waits, wrong_with, wrong_with_all, wrong_with_elapsed, wrong_with_handdown,
};
use crate::{
    DOMAIN,
    escalations::{Kind, api::subject_name},
    exposures::{self, parse::exposure_name},
    handdowns::{self, parse::handdown_name},
    hands::{moves::Move, store::moves},
    house::House,
    observations::parse::observation_name,
    persons::parse::{person_name, unit_name},
    rules::day_start,
};

/// What is said of what is in a closed unit's hands.
const CLOSED: &str = "the unit is at work no more: assign the person to another";

/// What is said of what is in the hands of a unit that was moved, or that stands below one.
fn moved_words(moved: &Move) -> String {
    let (unit, parent) = (unit_name(moved.unit), unit_name(moved.parent));
    format!("{unit} stands below {parent} since {}: nobody there has taken it over", moved.moved_on)
}

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
    as_of: AsOf,
    verdict: pb::PersonVerdict,
}

/// About what something is said: its name, the person, and whose hands.
type About = (String, Uuid, Uuid);

impl Proofs {
    async fn prove(
        &self,
        request: Request<pb::ProvePersonsRequest>,
        messages: Messages,
    ) -> Result<(), Fault> {
        let (caller, _, request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let start = wrong.keep("start_date", parse::optional_date(&request.start_date)).flatten();
        let date = wrong.keep("as_of_date", parse::optional_date(&request.as_of_date)).flatten();
        wrong.refuse()?;
        let since = start.map(|date| day_start(date, self.house.clock.zone()));
        let began = Instant::now();
        let mut as_of = AsOf::new(&self.house, date)?;
        let as_of_time = Some(parse::timestamp(as_of.at));
        let mut parts = as_of.parts(&self.house, &self.house.tops(&caller, PERMISSION, None)?);
        let mut work = self.house.database.snapshot().await?;
        let held = store::holding(&mut work).await?;
        as_of.moves = moves::open(&mut work, as_of.is_past.then_some(as_of.at)).await?;
        drop(work);
        parts.extend(as_of.strangers(&caller, &parts, held));
        let verdict = pb::PersonVerdict { as_of_time, ..pb::PersonVerdict::default() };
        let mut proof = Proof { messages, as_of, verdict };
        for part in &parts {
            self.prove_part(part, since, &mut proof).await?;
        }
        proof.verdict.holds = proof.verdict.broken == 0;
        proof.verdict.milliseconds = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let verdict = proof.verdict;
        proof.say(Event::Verdict(verdict)).await
    }

    async fn prove_part(
        &self,
        part: &Part,
        since: Option<DateTime<Utc>>,
        proof: &mut Proof,
    ) -> Result<(), Fault> {
        let (mut after, at, is_past) = (Uuid::nil(), proof.as_of.at, proof.as_of.is_past);
        loop {
            let mut work = self.house.database.snapshot().await?;
            let asked = (&part.units[..], since, after, AT_ONCE);
            let ids = if is_past {
                past::observations(&mut work, asked, at).await?
            } else {
                store::observations(&mut work, asked).await?
            };
            let Some(last) = ids.last() else { break };
            after = *last;
            let proved = if is_past {
                past::proved(&mut work, &ids, at, self.house.clock.zone()).await?
            } else {
                store::proved(&mut work, &ids).await?
            };
            drop(work);
            for one in &proved {
                self.prove_one(one, proof).await?;
            }
        }
        self.prove_handdowns(&part.units, proof).await?;
        if !is_past {
            self.prove_waiting(&part.units, proof).await?;
            self.prove_contacts(&part.units, proof).await?;
            self.prove_hands(&part.units, proof).await?;
        }
        let progress = pb::PersonProofProgress {
            unit: unit_name(part.unit),
            display_name: part.display_name.clone(),
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
            let found = if proof.as_of.is_past {
                past::handdowns(&mut work, (units, after, AT_ONCE), proof.as_of.at).await?
            } else {
                handdowns::store::to_prove(&mut work, units, after, AT_ONCE).await?
            };
            drop(work);
            let Some(last) = found.last() else { return Ok(()) };
            after = last.id;
            for handdown in &found {
                proof.verdict.handdowns += i64::from(handdown.closed_at.is_none());
                let about = (handdown_name(handdown.id), handdown.person, handdown.holder);
                let stands = |unit: Uuid| proof.as_of.standing(&self.house, unit).unwrap_or(unit);
                let mut findings = Vec::new();
                if let Some(words) = wrong_with_handdown(handdown, stands, proof.as_of.at) {
                    findings.push((Finding::HanddownDiffers, words));
                }
                if handdown.closed_at.is_none() {
                    let hands =
                        self.hands((handdown.holder, handdown.created_at), &proof.as_of).1.into_iter();
                    findings.extend(hands.filter(|(finding, _)| *finding != Finding::AnsweredAbove));
                }
                if !proof.as_of.is_past && handdown.silence(proof.as_of.at).is_some() {
                    let words = format!("has waited since {}", handdown.due_at.to_rfc3339());
                    findings.push((Finding::HanddownOverdue, words));
                }
                self.say_all(&about, findings, proof).await?;
            }
        }
    }

    /// Whose hands persons are in, and by which papers they are found.
    async fn prove_hands(&self, units: &[Uuid], proof: &mut Proof) -> Result<(), Fault> {
        let closed: Vec<Uuid> =
            units.iter().copied().filter(|unit| proof.as_of.tree.place(*unit).is_none()).collect();
        let mut work = self.house.database.snapshot().await?;
        let moved: Vec<Uuid> = units
            .iter()
            .copied()
            .filter(|unit| proof.as_of.moved(*unit, DateTime::UNIX_EPOCH).is_some())
            .collect();
        let differing = store::hands_that_differ(&mut work, units).await?;
        let sharing = store::papers_shared(&mut work, units).await?;
        let bare = store::unobserved(&mut work, &closed).await?;
        let bare: Vec<_> = bare.into_iter().map(|(person, unit, _)| (person, unit)).collect();
        let to_take_over = store::unobserved(&mut work, &moved).await?;
        drop(work);
        let all = [
            (differing, Finding::HandsDiffer, "whose hands is not what was last noted"),
            (sharing, Finding::PaperShared, "another person is found under the same paper"),
            (bare, Finding::UnitClosed, CLOSED),
        ];
        for (found, finding, words) in all {
            for (person, unit) in found {
                self.say(&(person_name(person), person, unit), finding, words.to_owned(), proof).await?;
            }
        }
        for (person, unit, found_at) in to_take_over {
            let Some(words) = proof.as_of.moved(unit, found_at).map(moved_words) else { continue };
            self.say(&(person_name(person), person, unit), Finding::UnitMoved, words, proof).await?;
        }
        Ok(())
    }

    /// What waits for somebody in the hands of units.
    async fn prove_waiting(&self, units: &[Uuid], proof: &mut Proof) -> Result<(), Fault> {
        let mut after = Uuid::nil();
        loop {
            let mut work = self.house.database.snapshot().await?;
            let found = store::waiting(&mut work, units, proof.as_of.at, after, AT_ONCE).await?;
            drop(work);
            let Some(last) = found.last() else { return Ok(()) };
            after = last.subject;
            for waiting in &found {
                let subject = subject_name(waiting.kind, waiting.subject);
                let about = (subject, waiting.person.unwrap_or_default(), waiting.unit);
                let deadline = waiting.deadline_at.to_rfc3339();
                let words = if waiting.deadline_at > proof.as_of.at {
                    format!("must be done by {deadline}")
                } else {
                    format!("should have been done by {deadline}")
                };
                if !waiting.is_seen && waiting.deadline_at + SEEN_WITHIN <= proof.as_of.at {
                    let words = format!("{words}, and is put before nobody");
                    self.say(&about, Finding::TaskUnseen, words, proof).await?;
                } else if waiting.kind == Kind::PersonUnobserved as i16 {
                    self.say(&about, Finding::Unobserved, words, proof).await?;
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
        let (observation, at) = (&proved.observation, proof.as_of.at);
        let is_open = observation.ended_at.is_none();
        if is_open {
            proof.verdict.open += 1;
        } else {
            proof.verdict.ended += 1;
        }
        proof.verdict.slots += i64::try_from(proved.slots.len()).unwrap_or(0);
        proof.verdict.readings += proved.readings;
        let mut found: Vec<(Finding, String)> = Vec::new();
        let slots = proved.slots.iter().filter_map(|filled| wrong_with(filled, at));
        found.extend(slots.map(|words| (Finding::SlotDiffers, words)));
        let to_come = if proof.as_of.is_past { None } else { wrong_with_all(observation, &proved.slots, at) };
        let zone = self.house.clock.zone();
        let all = [to_come, wrong_with_elapsed(observation, &proved.slots, &proved.changes, (at, zone))];
        found.extend(all.into_iter().flatten().map(|words| (Finding::WindowDiffers, words)));
        if is_open == proved.is_decided || (!is_open && observation.ended_by.is_empty()) {
            found.push((Finding::Undecided, "the decision and the state differ".to_owned()));
        }
        if proved.is_case_missing {
            found.push((Finding::CaseMissing, "ended as a case, and there is none".to_owned()));
        }
        if is_open {
            let (is_answered, hands) = self.hands((observation.unit, observation.starts_at), &proof.as_of);
            if is_answered {
                proof.verdict.answered += 1;
            } else {
                proof.verdict.excepted += 1;
            }
            found.extend(hands);
            found.extend(self.open(proved, &proof.as_of));
        }
        let about = (observation_name(observation.id), observation.person, observation.unit);
        self.say_all(&about, found, proof).await
    }

    /// Whether the unit is at work where it was, and somebody answers for what began in its hands at an instant, and what is to
    /// be said of that.
    fn hands(&self, (unit, began_at): (Uuid, DateTime<Utc>), as_of: &AsOf) -> (bool, Vec<(Finding, String)>) {
        let mut found = Vec::new();
        let answering = as_of.answering(&self.house, unit);
        match &answering {
            None if as_of.is_past => {
                found.push((Finding::Unanswered, "nobody is known to have answered for the unit".to_owned()));
            }
            None => {
                let words = "nobody holds an office that answers for the unit";
                found.push((Finding::Unanswered, words.to_owned()));
            }
            Some(contact) if contact.unit != unit => {
                found.push((Finding::AnsweredAbove, "the unit's own office is vacant".to_owned()));
            }
            Some(_) => {}
        }
        let is_at_work = as_of.tree.place(unit).is_some();
        if !is_at_work {
            found.push((Finding::UnitClosed, CLOSED.to_owned()));
        }
        let moved = as_of.moved(unit, began_at);
        found.extend(moved.map(|moved| (Finding::UnitMoved, moved_words(moved))));
        // What a closed unit had is excepted until it is assigned, and what a moved one had until it is taken over, whoever
        // answers meanwhile; metrics count so, too.
        (is_at_work && moved.is_none() && answering.is_some(), found)
    }

    /// What is to be said of an open observation besides whose hands it is in: what waits.
    fn open(&self, proved: &Proved, as_of: &AsOf) -> Vec<(Finding, String)> {
        let observation = &proved.observation;
        let mut found = Vec::new();
        let mut add = |finding: Finding, words: &str| found.push((finding, words.to_owned()));
        if observation.lost {
            add(Finding::Lost, "nobody knows where the person is");
        }
        if proved.is_asked {
            add(Finding::HandsOpen, "two units have found the person and have not agreed");
        }
        if let Some(deadline) = proved.unanswered {
            add(
                Finding::ReferralUnanswered,
                &format!("should have been answered by {}", deadline.to_rfc3339()),
            );
        }
        if as_of.is_past && is_overdue(observation, as_of.at) {
            let words = format!("has been due since {}", observation.due_at.to_rfc3339());
            add(Finding::ReleaseOverdue, &words);
        }
        if !proved.is_led || proved.counting != 1 {
            let words = format!("{} observations count for the person", proved.counting);
            add(Finding::ObservedTwice, &words);
        }
        if !proved.is_seen {
            add(Finding::OutOfSight, "the units above do not see it as it is");
        } else if !as_of.is_past && self.house.sight(observation.unit).ancestors != proved.ancestors {
            // The tree has changed since what is listed was read; the next pulse takes it in.
            tracing::debug!(observation = %observation.id, "another tree than the lists were made by");
        }
        found
    }

    async fn say_all(
        &self,
        about: &About,
        findings: Vec<(Finding, String)>,
        proof: &mut Proof,
    ) -> Result<(), Fault> {
        for (finding, words) in findings {
            self.say(about, finding, words, proof).await?;
        }
        Ok(())
    }

    async fn say(
        &self,
        (subject, person, unit): &About,
        finding: Finding,
        words: String,
        proof: &mut Proof,
    ) -> Result<(), Fault> {
        // Who answered on a past day may only not be known.
        let breaks = finding.breaks_the_law() && !(proof.as_of.is_past && finding == Finding::Unanswered);
        if breaks {
            proof.verdict.broken += 1;
        } else {
            proof.verdict.listed += 1;
        }
        let contact = proof.as_of.answering(&self.house, *unit);
        let contact =
            contact.map(|contact| (contact.display_name, contact.official_phone)).unwrap_or_default();
        let tree = &proof.as_of.tree;
        let standing = proof.as_of.standing(&self.house, *unit);
        let place = standing.and_then(|unit| tree.place(unit));
        let exception = pb::PersonException {
            breaks_the_law: breaks,
            finding: finding as i32,
            subject: subject.clone(),
            person: if person.is_nil() { String::new() } else { person_name(*person) },
            unit: unit_name(*unit),
            display_name: place.map(|place| tree.full_name(place)).unwrap_or_default(),
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
