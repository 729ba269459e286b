//! What changes an open observation, and what ends it.

use chassis::{Caller, Fault, Violations, claims::Claim, parse, server};
use chrono::{DateTime, Days, Utc};
use proto::screening as pb;
use tokio::time::Instant;
use tonic::Request;
use uuid::Uuid;

use super::Observations;
use crate::{
    observations::{
        Condition, Ending, Event, Observation, Read, ops,
        parse::{self as contract, COLLECTION, misfit},
        store, unmet,
    },
    persons::{parse::REASON, store as persons},
    readings,
    rules::day_start,
};

/// A change of an observation that somebody asks for.
struct Asked {
    caller: Caller,
    deadline: Option<Instant>,
    permission: &'static str,
    claim: Claim,
    id: Uuid,
}

/// The permissions by which an observation is ended.
const ENDING: [&str; 3] = ["observations.release", "observations.override", "observations.end"];

/// What a change comes to: what befell the observation, in which words.
type Decided = Result<(Event, String), Fault>;

impl Observations {
    pub(super) async fn extend(
        &self,
        request: Request<pb::ExtendObservationRequest>,
    ) -> Result<pb::Observation, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.name("name", COLLECTION, &request.name);
        let exposure = contract::exposure(&request.last_exposure_date, self.house.clock.today());
        let exposure = wrong.keep("last_exposure_date", exposure).unwrap_or_default();
        wrong.text("reason", &request.reason, REASON);
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "ExtendObservation", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let observation = store::lock(&mut work, id).await?;
        let mut observation = self.house.observed(&caller, "observations.write", id, observation)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let now = self.house.clock.now();
        contract::open(&observation, now)?;
        // An earlier exposure changes nothing, and is kept as said.
        ops::extend(&self.house, &mut work, &mut observation, exposure).await?;
        let words = format!("{exposure}: {}", request.reason);
        let said = (caller.subject(), words.as_str(), now);
        ops::change(&self.house, &mut work, &observation, Event::Extended, said).await?;
        observation.version += 1;
        claim.commit(work, contract::observation(&observation, now)).await
    }

    pub(super) async fn shorten(
        &self,
        request: Request<pb::ShortenObservationRequest>,
    ) -> Result<pb::Observation, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.name("name", COLLECTION, &request.name);
        let last = wrong.keep("last_date", parse::date(&request.last_date)).unwrap_or_default();
        wrong.text("order", &request.order, 100);
        wrong.text("reason", &request.reason, REASON);
        wrong.refuse()?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "ShortenObservation", &request);
        let asked = Asked { caller, deadline, permission: "observations.shorten", claim, id };
        let zone = self.house.clock.zone();
        self.change(asked, |observation, _, _| {
            let end = day_start(last + Days::new(1), zone);
            if end >= observation.ends_at || end < day_start(observation.last_exposure, zone) {
                let words = "the last day must lie before the present one, and not before the last contact";
                return Err(misfit(observation.id, words));
            }
            observation.end_at(end, zone);
            Ok((Event::Shortened, format!("{}: {}", request.order, request.reason)))
        })
        .await
    }

    pub(super) async fn relocate(
        &self,
        request: Request<pb::MoveObservationRequest>,
    ) -> Result<pb::Observation, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let is_unit = |unit| self.house.jurisdiction.standing(unit).is_some();
        let (id, placed) = contract::relocating(&request, is_unit)?;
        let claim = Claim::new(&caller, request_id, "MoveObservation", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let permission = "observations.write";
        // Persons before what is theirs, as everywhere: coming home hands a person down.
        let seen = store::get(&mut work, id).await?;
        let seen = self.house.observed(&caller, permission, id, seen)?;
        let everybody = persons::lock_same(&mut work, &self.house.keys, seen.one).await?;
        let observation = store::lock(&mut work, id).await?;
        let mut observation = self.house.observed(&caller, permission, id, observation)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        contract::open(&observation, self.house.clock.now())?;
        let (both, said) = ((&mut observation, &everybody[..]), (caller.subject(), request_id));
        ops::relocate(&self.house, &mut work, both, placed, said).await?;
        let answer = contract::observation(&observation, self.house.clock.now());
        claim.commit(work, answer).await
    }

    pub(super) async fn lose(
        &self,
        request: Request<pb::LoseObservationRequest>,
    ) -> Result<pb::Observation, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let id = named(&request.name, &request.reason)?;
        let claim = Claim::new(&caller, request_id, "LoseObservation", &request);
        let asked = Asked { caller, deadline, permission: "observations.write", claim, id };
        self.change(asked, |observation, _, _| {
            if observation.lost {
                return Err(misfit(observation.id, "is lost already"));
            }
            observation.lost = true;
            Ok((Event::Lost, request.reason))
        })
        .await
    }

    pub(super) async fn find(
        &self,
        request: Request<pb::FindObservationRequest>,
    ) -> Result<pb::Observation, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let id = named(&request.name, &request.reason)?;
        let claim = Claim::new(&caller, request_id, "FindObservation", &request);
        let asked = Asked { caller, deadline, permission: "observations.write", claim, id };
        self.change(asked, |observation, _, _| {
            if !observation.lost {
                return Err(misfit(observation.id, "is not lost"));
            }
            observation.lost = false;
            Ok((Event::Found, request.reason))
        })
        .await
    }

    pub(super) async fn release(
        &self,
        request: Request<pb::ReleaseObservationRequest>,
    ) -> Result<pb::Observation, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.name("name", COLLECTION, &request.name);
        wrong.optional_text("reason", &request.reason, REASON);
        if request.r#override && request.reason.is_empty() {
            wrong.add(
                "reason",
                "is required: why is the person released although conditions are unmet (R26)?",
            );
        }
        wrong.refuse()?;
        self.house.jurisdiction.fresh()?;
        if request.r#override && caller.scopes("observations.override").is_empty() {
            return Err(Fault::Denied("observations.override"));
        }
        let claim = Claim::new(&caller, request_id, "ReleaseObservation", &request);
        let permission = if request.r#override { "observations.override" } else { "observations.release" };
        let by = caller.subject().to_owned();
        let asked = Asked { caller, deadline, permission, claim, id };
        self.change(asked, |observation, read, now| {
            let unmet = unmet(observation, read, now);
            let is_lost = unmet.contains(&Condition::NotLost);
            if is_lost || (!unmet.is_empty() && !request.r#override) {
                return Err(contract::conditions(observation, &unmet));
            }
            observation.unmet = unmet.iter().map(|condition| *condition as i16).collect();
            ops::decide(observation, Ending::Released, &request.reason, &by, now);
            Ok((Event::Ended, request.reason))
        })
        .await
    }

    pub(super) async fn end(
        &self,
        request: Request<pb::EndObservationRequest>,
    ) -> Result<pb::Observation, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.name("name", COLLECTION, &request.name);
        let ending = Ending::asked(request.ending).ok_or_else(|| {
            "must be CONVERTED, DIED, VOIDED or ENTERED_IN_ERROR; a person is released by ReleaseObservation".to_owned()
        });
        let ending = wrong.keep("ending", ending).unwrap_or(Ending::Voided);
        wrong.text("reason", &request.reason, REASON);
        wrong.refuse()?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "EndObservation", &request);
        let by = caller.subject().to_owned();
        let asked = Asked { caller, deadline, permission: "observations.end", claim, id };
        self.change(asked, |observation, _, now| {
            ops::decide(observation, ending, &request.reason, &by, now);
            Ok((Event::Ended, request.reason))
        })
        .await
    }

    /// Changes an open observation as decided, in one transaction, once for each request_id.
    async fn change(
        &self,
        asked: Asked,
        decide: impl FnOnce(&mut Observation, Read, DateTime<Utc>) -> Decided,
    ) -> Result<pb::Observation, Fault> {
        let mut work = self.house.database.begin(asked.deadline).await?;
        let observation = if ENDING.contains(&asked.permission) {
            store::lock_to_end(&mut work, asked.id).await?
        } else {
            store::lock(&mut work, asked.id).await?
        };
        let mut observation = self.house.observed(&asked.caller, asked.permission, asked.id, observation)?;
        if let Some(answer) = asked.claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let now = self.house.clock.now();
        contract::open(&observation, now)?;
        let read = readings::store::read(&mut work, &observation, now).await?;
        let (event, words) = decide(&mut observation, read, now)?;
        if event == Event::Ended {
            ops::end(&self.house, &mut work, &observation, now).await?;
        } else {
            let said = (asked.caller.subject(), words.as_str(), now);
            ops::change(&self.house, &mut work, &observation, event, said).await?;
        }
        observation.version += 1;
        asked.claim.commit(work, contract::observation(&observation, now)).await
    }
}

/// The observation of a request that has besides a reason.
fn named(name: &str, reason: &str) -> Result<Uuid, Fault> {
    let mut wrong = Violations::default();
    let id = wrong.name("name", COLLECTION, name);
    wrong.text("reason", reason, REASON);
    wrong.refuse()?;
    Ok(id)
}
