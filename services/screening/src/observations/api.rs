//! Observations speak here.

use std::sync::Arc;

use chassis::{Caller, Fault, Violations, claims::Claim, fault::Unmet, pages, pages::Pager, parse, server};
use chrono::{DateTime, Days, Utc};
use proto::screening::{self as pb, observation_service_server::ObservationService};
use tokio::time::Instant;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Condition, Ending, Event, Observation, Place, Read, State, ops,
    pages::{key, place, range},
    parse::{self as contract, COLLECTION, observation_name, optional},
    store, unmet,
};
use crate::{
    DOMAIN,
    admissions::ops as admissions,
    house::House,
    persons::{
        parse::{COLLECTION as PERSONS, REASON, UNITS, person_name},
        store as persons,
    },
    readings,
    rules::day_start,
};

/// The handlers of [`ObservationService`].
#[derive(Clone, Debug)]
pub struct Observations {
    /// What all handlers share.
    pub house: Arc<House>,
}

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

/// Handlers that answer with the observation as changed.
macro_rules! answers {
    ($self:ident, $request:ident, $change:ident, $response:ident) => {{
        let observation = $self.$change($request).await.map(Some);
        server::reply(DOMAIN, observation.map(|observation| pb::$response { observation }))
    }};
}

#[async_trait]
impl ObservationService for Observations {
    async fn open_observation(
        &self,
        request: Request<pb::OpenObservationRequest>,
    ) -> Result<Response<pb::OpenObservationResponse>, Status> {
        server::reply(DOMAIN, self.open(request).await)
    }

    async fn get_observation(
        &self,
        request: Request<pb::GetObservationRequest>,
    ) -> Result<Response<pb::GetObservationResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn list_observations(
        &self,
        request: Request<pb::ListObservationsRequest>,
    ) -> Result<Response<pb::ListObservationsResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn extend_observation(
        &self,
        request: Request<pb::ExtendObservationRequest>,
    ) -> Result<Response<pb::ExtendObservationResponse>, Status> {
        answers!(self, request, extend, ExtendObservationResponse)
    }

    async fn shorten_observation(
        &self,
        request: Request<pb::ShortenObservationRequest>,
    ) -> Result<Response<pb::ShortenObservationResponse>, Status> {
        answers!(self, request, shorten, ShortenObservationResponse)
    }

    async fn move_observation(
        &self,
        request: Request<pb::MoveObservationRequest>,
    ) -> Result<Response<pb::MoveObservationResponse>, Status> {
        answers!(self, request, relocate, MoveObservationResponse)
    }

    async fn lose_observation(
        &self,
        request: Request<pb::LoseObservationRequest>,
    ) -> Result<Response<pb::LoseObservationResponse>, Status> {
        answers!(self, request, lose, LoseObservationResponse)
    }

    async fn find_observation(
        &self,
        request: Request<pb::FindObservationRequest>,
    ) -> Result<Response<pb::FindObservationResponse>, Status> {
        answers!(self, request, find, FindObservationResponse)
    }

    async fn release_observation(
        &self,
        request: Request<pb::ReleaseObservationRequest>,
    ) -> Result<Response<pb::ReleaseObservationResponse>, Status> {
        answers!(self, request, release, ReleaseObservationResponse)
    }

    async fn end_observation(
        &self,
        request: Request<pb::EndObservationRequest>,
    ) -> Result<Response<pb::EndObservationResponse>, Status> {
        answers!(self, request, end, EndObservationResponse)
    }
}

impl Observations {
    async fn open(
        &self,
        request: Request<pb::OpenObservationRequest>,
    ) -> Result<pb::OpenObservationResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let opening = contract::opening(&request, self.house.clock.today())?;
        let claim = Claim::new(&caller, request_id, "OpenObservation", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let absent = || Fault::NotFound(person_name(opening.person));
        let person = persons::get(&mut work, &self.house.keys, &[opening.person]).await?.pop();
        let sees = |unit: Uuid| self.house.sees(&caller, "observations.write", unit);
        person.filter(|person| sees(person.unit)).ok_or_else(absent)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let (observation, known) = ops::open(&self.house, &mut work, &caller, opening).await?;
        let observation = Some(contract::observation(&observation, self.house.clock.now()));
        let answer = pb::OpenObservationResponse { observation, known };
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn get(
        &self,
        request: Request<pb::GetObservationRequest>,
    ) -> Result<pb::GetObservationResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::name(COLLECTION, &request.name).map_err(|wrong| Fault::invalid("name", wrong))?;
        let mut work = self.house.database.begin(deadline).await?;
        let observation = store::get(&mut work, id).await?;
        let observation = self.house.observed(&caller, "observations.read", id, observation)?;
        let events = store::happened(&mut work, id).await?.into_iter().map(contract::event).collect();
        let observation = Some(contract::observation(&observation, self.house.clock.now()));
        Ok(pb::GetObservationResponse { observation, events })
    }

    async fn list(
        &self,
        request: Request<pb::ListObservationsRequest>,
    ) -> Result<pb::ListObservationsResponse, Fault> {
        let (caller, _, mut request) = server::accept(request)?;
        let now = self.house.clock.now();
        let mut wrong = Violations::default();
        let size = wrong.keep("page_size", pages::size(request.page_size)).unwrap_or_default();
        let ancestor =
            wrong.keep("ancestor_unit", parse::optional_name(UNITS, &request.ancestor_unit)).flatten();
        let person = wrong.keep("person", parse::optional_name(PERSONS, &request.person)).flatten();
        let range = wrong.keep("state", range(request.state, now));
        wrong.refuse()?;
        let Some((from, to)) = range else { return Err(Fault::internal("what is wrong was not said")) };
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let pager = Pager::new(&self.house.database, &caller, "ListObservations", &request);
        let after = pager.key(&token)?.map(|key| place(&key)).transpose()?;
        // One statement: no transaction.
        let mut work = self.house.database.pool().acquire().await?;
        let mut found = if let Some(person) = person {
            let after = after.map_or(Uuid::nil(), |after| after.2);
            store::of_person(&mut work, person, after, size + 1).await?
        } else {
            let units = self.house.tops(&caller, "observations.read", ancestor)?;
            store::list(&mut work, &units, after.unwrap_or(from), to, size + 1).await?
        };
        let next_page_token = pager.cut(&mut found, size, key);
        let sees = |found: &&Observation| self.house.sees(&caller, "observations.read", found.unit);
        let observations = found.iter().filter(sees).map(|found| contract::observation(found, now)).collect();
        Ok(pb::ListObservationsResponse { observations, next_page_token })
    }

    async fn extend(&self, request: Request<pb::ExtendObservationRequest>) -> Result<pb::Observation, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        let exposure = contract::exposure(&request.last_exposure_date, self.house.clock.today());
        let exposure = wrong.keep("last_exposure_date", exposure).unwrap_or_default();
        wrong.keep("reason", parse::text(&request.reason, REASON).map(drop));
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "ExtendObservation", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let observation = store::lock(&mut work, id).await?;
        let mut observation = self.house.observed(&caller, "observations.write", id, observation)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let now = self.house.clock.now();
        open(&observation, now)?;
        // An earlier exposure changes nothing, and is kept as said.
        ops::extend(&self.house, &mut work, &mut observation, exposure).await?;
        let words = format!("{exposure}: {}", request.reason);
        let said = (caller.subject(), words.as_str(), now);
        ops::change(&self.house, &mut work, &observation, Event::Extended, said).await?;
        observation.version += 1;
        let answer = contract::observation(&observation, now);
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn shorten(
        &self,
        request: Request<pb::ShortenObservationRequest>,
    ) -> Result<pb::Observation, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        let last = wrong.keep("last_date", parse::date(&request.last_date)).unwrap_or_default();
        wrong.keep("order", parse::text(&request.order, 100).map(drop));
        wrong.keep("reason", parse::text(&request.reason, REASON).map(drop));
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

    async fn relocate(&self, request: Request<pb::MoveObservationRequest>) -> Result<pb::Observation, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        let (place, facility) = contract::place(&mut wrong, "", request.place, &request.facility);
        if request.place == 0 {
            wrong.add("place", "is required");
        }
        let home = wrong.keep("home_unit", parse::optional_name(UNITS, &request.home_unit)).flatten();
        if home.is_some_and(|unit| self.house.jurisdiction.standing(unit).is_none()) {
            wrong.add("home_unit", "is no unit that is or was at work");
        }
        if home.is_some() && place != Place::Home {
            wrong.add("home_unit", "is for who comes home");
        }
        wrong.refuse()?;
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
        let now = self.house.clock.now();
        open(&observation, now)?;
        let facility_before = std::mem::replace(&mut observation.facility, facility);
        let was_in_hospital = observation.place == Place::Hospital as i16;
        observation.place = place as i16;
        let words = contract::placed(&observation);
        let said = (caller.subject(), words.as_str(), now);
        ops::change(&self.house, &mut work, &observation, Event::Moved, said).await?;
        if was_in_hospital && place == Place::Home {
            let person = everybody.iter().find(|person| person.id == observation.person);
            let person = person.ok_or(Fault::Conflict)?;
            let (home, said) = ((facility_before.as_str(), home), (caller.subject(), request_id));
            admissions::come_home(&self.house, &mut work, person, home, said).await?;
        }
        observation.version += 1;
        let answer = contract::observation(&observation, now);
        claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }

    async fn lose(&self, request: Request<pb::LoseObservationRequest>) -> Result<pb::Observation, Fault> {
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

    async fn find(&self, request: Request<pb::FindObservationRequest>) -> Result<pb::Observation, Fault> {
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

    async fn release(
        &self,
        request: Request<pb::ReleaseObservationRequest>,
    ) -> Result<pb::Observation, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        wrong.keep("reason", optional(&request.reason, REASON).map(drop));
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
                return Err(conditions(observation, &unmet));
            }
            observation.unmet = unmet.iter().map(|condition| *condition as i16).collect();
            ops::decide(observation, Ending::Released, &request.reason, &by, now);
            Ok((Event::Ended, request.reason))
        })
        .await
    }

    async fn end(&self, request: Request<pb::EndObservationRequest>) -> Result<pb::Observation, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        let ending = Ending::asked(request.ending).ok_or_else(|| {
            "must be CONVERTED, DIED, VOIDED or ENTERED_IN_ERROR; a person is released by ReleaseObservation".to_owned()
        });
        let ending = wrong.keep("ending", ending).unwrap_or(Ending::Voided);
        wrong.keep("reason", parse::text(&request.reason, REASON).map(drop));
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
        open(&observation, now)?;
        let read = readings::store::read(&mut work, &observation, now).await?;
        let (event, words) = decide(&mut observation, read, now)?;
        if event == Event::Ended {
            ops::end(&self.house, &mut work, &observation, now).await?;
        } else {
            let said = (asked.caller.subject(), words.as_str(), now);
            ops::change(&self.house, &mut work, &observation, event, said).await?;
        }
        observation.version += 1;
        let answer = contract::observation(&observation, now);
        asked.claim.answer(&mut work, &answer).await?;
        work.commit().await?;
        Ok(answer)
    }
}

/// The observation of a request that has besides a reason.
fn named(name: &str, reason: &str) -> Result<Uuid, Fault> {
    let mut wrong = Violations::default();
    let id = wrong.keep("name", parse::name(COLLECTION, name)).unwrap_or_default();
    wrong.keep("reason", parse::text(reason, REASON).map(drop));
    wrong.refuse()?;
    Ok(id)
}

/// Refuses to change what has ended.
fn open(observation: &Observation, now: DateTime<Utc>) -> Result<(), Fault> {
    if observation.state(now) != State::Ended {
        return Ok(());
    }
    let name = observation_name(observation.id);
    let words = "has ended; another exposure is another observation";
    Err(Fault::unmet("OBSERVATION_ENDED", name.clone(), words, vec![("observation", name)]))
}

fn misfit(id: Uuid, words: &str) -> Fault {
    let name = observation_name(id);
    Fault::unmet("OBSERVATION_STATE", name.clone(), words, vec![("observation", name)])
}

/// A release that is refused, with every unmet condition.
fn conditions(observation: &Observation, unmet: &[Condition]) -> Fault {
    let name = observation_name(observation.id);
    let words = |condition: &Condition| match condition {
        Condition::WindowOver => format!("the window ends at {}", observation.ends_at.to_rfc3339()),
        Condition::EverySlotRead => "slots were missed, refused or absent, or wait".to_owned(),
        Condition::LastReadingWell => "the last reading is none, or with symptoms".to_owned(),
        Condition::NoOpenReferral => "a referral waits for its answer".to_owned(),
        Condition::NotLost => "nobody knows where the person is".to_owned(),
    };
    let one = |condition: &Condition| Unmet {
        subject: name.clone(),
        description: format!("{}: {}", word(*condition), words(condition)),
    };
    let all = unmet.iter().map(|condition| word(*condition)).collect::<Vec<_>>().join(" ");
    Fault::Precondition {
        reason: "RELEASE_CONDITIONS_UNMET",
        unmet: unmet.iter().map(one).collect(),
        metadata: vec![("observation", name.clone()), ("unmet", all)],
    }
}

/// A condition's name in the contract, without the enum's own two words.
fn word(condition: Condition) -> &'static str {
    let name = pb::ReleaseCondition::try_from(condition as i32).unwrap_or_default().as_str_name();
    name.splitn(3, '_').last().unwrap_or(name)
}
