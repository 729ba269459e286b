//! Exposures speak here.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    vec::IntoIter,
};

use chassis::{Caller, Fault, Violations, claims::Claim, pages, parse, server};
use proto::screening::{self as pb, exposure_service_server::ExposureService};
use sqlx::PgConnection;
use tokio_stream::{self as stream, Iter};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{
    Exposure, Figures,
    ingest::{self, LARGEST, Taken},
    ops,
    parse::{self as contract, COLLECTION, Contact, exposure_name, misfit},
    store,
};
use crate::{
    DOMAIN,
    house::House,
    observations::{
        self,
        parse::{COLLECTION as OBSERVATIONS, observation_name},
    },
    persons::{
        ops::lock_person,
        parse::{COLLECTION as PERSONS, REASON, UNITS, person_name, unit_name},
        store as persons,
    },
    refusals::refusal,
    rules::day_start,
};

/// How many generations are followed at most, and where nobody says it.
const GENERATIONS: (i32, i32) = (10, 3);
/// How many exposures a message carries.
const A_MESSAGE: usize = 500;

/// The handlers of [`ExposureService`].
#[derive(Clone, Debug)]
pub struct Exposures {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl ExposureService for Exposures {
    type TraceContactsStream = Iter<IntoIter<Result<pb::TraceContactsResponse, Status>>>;

    async fn ingest_exposures(
        &self,
        request: Request<pb::IngestExposuresRequest>,
    ) -> Result<Response<pb::IngestExposuresResponse>, Status> {
        server::reply(DOMAIN, self.ingest(request).await)
    }

    async fn get_exposure(
        &self,
        request: Request<pb::GetExposureRequest>,
    ) -> Result<Response<pb::GetExposureResponse>, Status> {
        server::reply(DOMAIN, self.get(request).await)
    }

    async fn list_exposures(
        &self,
        request: Request<pb::ListExposuresRequest>,
    ) -> Result<Response<pb::ListExposuresResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn link_exposure(
        &self,
        request: Request<pb::LinkExposureRequest>,
    ) -> Result<Response<pb::LinkExposureResponse>, Status> {
        server::reply(DOMAIN, self.link(request).await)
    }

    async fn withdraw_exposure(
        &self,
        request: Request<pb::WithdrawExposureRequest>,
    ) -> Result<Response<pb::WithdrawExposureResponse>, Status> {
        server::reply(DOMAIN, self.withdraw(request).await)
    }

    async fn trace_contacts(
        &self,
        request: Request<pb::TraceContactsRequest>,
    ) -> Result<Response<Self::TraceContactsStream>, Status> {
        server::reply(DOMAIN, self.trace(request).await)
    }

    async fn count_contacts(
        &self,
        request: Request<pb::CountContactsRequest>,
    ) -> Result<Response<pb::CountContactsResponse>, Status> {
        server::reply(DOMAIN, self.count(request).await)
    }

    async fn keep_contact(
        &self,
        request: Request<pb::KeepContactRequest>,
    ) -> Result<Response<pb::KeepContactResponse>, Status> {
        server::reply(DOMAIN, self.keep(request).await)
    }
}

impl Exposures {
    async fn ingest(
        &self,
        request: Request<pb::IngestExposuresRequest>,
    ) -> Result<pb::IngestExposuresResponse, Fault> {
        let (caller, _, request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let unit = wrong.keep("unit", parse::optional_name(UNITS, &request.unit)).flatten();
        let is_said =
            |item: &pb::ExposureItem| matches!(item.contact, Some(pb::exposure_item::Contact::Details(_)));
        if request.unit.is_empty() && request.items.iter().any(is_said) {
            wrong.add("unit", "is required where a contact is said by details: who takes them in?");
        }
        if !(1..=LARGEST).contains(&request.items.len()) {
            wrong.add("items", format!("must be 1 to {LARGEST}, are {}", request.items.len()));
        }
        wrong.refuse()?;
        // Where a contact who is said by details is taken in.
        let standing = match unit {
            Some(unit) => Some(self.house.taking(&caller, "exposures.write", unit)?),
            None => None,
        };
        let (now, zone) = (self.house.clock.now(), self.house.clock.zone());
        let mut results = Vec::with_capacity(request.items.len());
        for (nth, item) in request.items.iter().enumerate() {
            let taken = match contract::item(item, &request.unit, now, zone) {
                Ok(item) => ingest::take_in(&self.house, &caller, item, standing).await,
                Err(fault) => Err(fault),
            };
            let mut result = self.result(&caller, nth, taken)?;
            if let pb::exposure_result::Result::Accepted(accepted) = &mut result {
                accepted.damaged = contract::damaged(item);
            }
            results.push(pb::ExposureResult { event_id: item.event_id.clone(), result: Some(result) });
        }
        Ok(pb::IngestExposuresResponse { results, unit: standing.map(unit_name).unwrap_or_default() })
    }

    fn result(
        &self,
        caller: &Caller,
        nth: usize,
        taken: Result<Taken, Fault>,
    ) -> Result<pb::exposure_result::Result, Fault> {
        use pb::exposure_result::Result as Answer;
        match taken {
            Ok(Taken::In(exposure, observation)) => Ok(Answer::Accepted(pb::AcceptedExposure {
                exposure: Some(self.shown(caller, &exposure)),
                observation: observation.map(observation_name).unwrap_or_default(),
                damaged: Vec::new(),
            })),
            Ok(Taken::Before(id)) => Ok(Answer::Duplicate(exposure_name(id))),
            Err(fault) => {
                let (code, reason, message) = refusal("items", nth, fault)?;
                Ok(Answer::Refused(pb::RefusedExposure { code: code.into(), reason, message }))
            }
        }
    }

    async fn get(&self, request: Request<pb::GetExposureRequest>) -> Result<pb::GetExposureResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let id = parse::resource(COLLECTION, &request.name)?;
        let mut work = self.house.database.begin(deadline).await?;
        let found = store::get(&mut work, &self.house.keys, id).await?;
        let exposure = self.seen(&caller, "exposures.read", id, found)?;
        Ok(pb::GetExposureResponse { exposure: Some(self.shown(&caller, &exposure)) })
    }

    async fn list(
        &self,
        request: Request<pb::ListExposuresRequest>,
    ) -> Result<pb::ListExposuresResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let ancestor =
            wrong.keep("ancestor_unit", parse::optional_name(UNITS, &request.ancestor_unit)).flatten();
        let index = wrong.keep("index", parse::optional_name(PERSONS, &request.index)).flatten();
        let contact = wrong.keep("contact", parse::optional_name(PERSONS, &request.contact)).flatten();
        if request.dangling && index.is_some() {
            wrong.add("index", "one that dangles has no index");
        }
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListExposures", &request);
        let after = pager.after()?;
        let (units, keys) = (self.house.units(&caller, "exposures.read", ancestor)?, &self.house.keys);
        let mut work = self.house.database.begin_page(deadline).await?;
        let mut found = if index.is_none() && contact.is_none() {
            store::of_units(&mut work, keys, (&units, request.dangling), after, pager.limit()).await?
        } else {
            let index = self.one(&mut work, &caller, index).await?;
            let contact = self.one(&mut work, &caller, contact).await?;
            store::of_persons(&mut work, keys, (index, contact), after, pager.limit()).await?
        };
        let next_page_token = pager.cut(&mut found, |exposure| exposure.id.to_string());
        let exposures = found.iter().map(|exposure| self.shown(&caller, exposure)).collect();
        Ok(pb::ListExposuresResponse { exposures, next_page_token })
    }

    async fn link(
        &self,
        request: Request<pb::LinkExposureRequest>,
    ) -> Result<pb::LinkExposureResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        let index = wrong.keep("index", parse::name(PERSONS, &request.index)).unwrap_or_default();
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "LinkExposure", &request);
        let mut work = self.house.database.begin(deadline).await?;
        // Persons before what is theirs, as everywhere.
        let seen = store::get(&mut work, &self.house.keys, id).await?;
        let seen = self.seen(&caller, "exposures.write", id, seen)?;
        let contact = Contact::Person(seen.contact);
        let hands = ingest::hold(&self.house, &mut work, &contact, Some(index)).await?;
        let found = store::lock(&mut work, &self.house.keys, id).await?;
        let exposure = self.seen(&caller, "exposures.write", id, found)?;
        if let Some(answer) = claim.replay::<pb::LinkExposureResponse>(&mut work).await? {
            let exposure = answer.exposure.map(|kept| contract::with_texts(kept, &exposure));
            return Ok(pb::LinkExposureResponse { exposure, ..answer });
        }
        if exposure.index.is_some() || exposure.withdrawn_at.is_some() {
            return Err(misfit(id, "is linked, or was taken back"));
        }
        let index = ingest::index_seen(&self.house, &mut work, &caller, (index, hands)).await?;
        let index = index.ok_or_else(|| Fault::NotFound(request.index.clone()))?;
        if index.one == exposure.contact_one {
            return Err(Fault::invalid("index", "is the contact"));
        }
        let now = self.house.clock.now();
        store::link(&mut work, id, index, (caller.subject(), now)).await?;
        let exposure = Exposure { index: Some(index), ..exposure };
        let observation = ops::follow(&self.house, &mut work, &exposure, caller.subject()).await?;
        ops::placed(&self.house, &mut work, &exposure).await?;
        let exposure = self.shown(&caller, &exposure);
        let observation = observation.map(observation_name).unwrap_or_default();
        let kept = pb::LinkExposureResponse {
            exposure: Some(contract::without_texts(&exposure)),
            observation: observation.clone(),
        };
        claim.commit(work, kept).await?;
        Ok(pb::LinkExposureResponse { exposure: Some(exposure), observation })
    }

    async fn withdraw(
        &self,
        request: Request<pb::WithdrawExposureRequest>,
    ) -> Result<pb::WithdrawExposureResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let id = wrong.keep("name", parse::name(COLLECTION, &request.name)).unwrap_or_default();
        wrong.keep("reason", parse::text(&request.reason, REASON).map(drop));
        wrong.refuse()?;
        let claim = Claim::new(&caller, request_id, "WithdrawExposure", &request);
        let mut work = self.house.database.begin(deadline).await?;
        // Persons before what is theirs, as everywhere.
        let seen = store::get(&mut work, &self.house.keys, id).await?;
        let contact = self.seen(&caller, "exposures.write", id, seen)?.contact;
        lock_person(&self.house, &mut work, contact).await?;
        let found = store::lock(&mut work, &self.house.keys, id).await?;
        let mut exposure = self.seen(&caller, "exposures.write", id, found)?;
        if let Some(answer) = claim.replay::<pb::WithdrawExposureResponse>(&mut work).await? {
            let exposure = answer.exposure.map(|kept| contract::with_texts(kept, &exposure));
            return Ok(pb::WithdrawExposureResponse { exposure });
        }
        if exposure.withdrawn_at.is_some() {
            return Err(misfit(id, "was taken back"));
        }
        let now = self.house.clock.now();
        store::withdraw(&mut work, id, &request.reason, (caller.subject(), now)).await?;
        (exposure.withdrawn_at, exposure.withdraw_reason) = (Some(now), request.reason);
        ops::taken_back(&self.house, &mut work, &exposure).await?;
        let exposure = self.shown(&caller, &exposure);
        let kept = pb::WithdrawExposureResponse { exposure: Some(contract::without_texts(&exposure)) };
        claim.commit(work, kept).await?;
        Ok(pb::WithdrawExposureResponse { exposure: Some(exposure) })
    }

    async fn trace(
        &self,
        request: Request<pb::TraceContactsRequest>,
    ) -> Result<Iter<IntoIter<Result<pb::TraceContactsResponse, Status>>>, Fault> {
        let (caller, _, request) = server::accept(request)?;
        let (most, usual) = GENERATIONS;
        let mut wrong = Violations::default();
        let person = wrong.keep("person", parse::name(PERSONS, &request.person)).unwrap_or_default();
        let generations = if request.generations == 0 { usual } else { request.generations };
        if !(1..=most).contains(&generations) {
            wrong.add("generations", format!("must be 1 to {most}, is {generations}"));
        }
        wrong.refuse()?;
        // One statement where there is a chain: no transaction.
        let mut connection = self.house.database.pool().acquire().await?;
        let chain = store::trace(&mut connection, &self.house.keys, person, generations).await?;
        let root = match chain.root {
            None => persons::hands(&mut connection, person).await?,
            root => root,
        };
        drop(connection);
        let mut known: HashMap<Uuid, bool> = HashMap::new();
        let mut sees = |unit: Uuid| {
            *known
                .entry(unit)
                .or_insert_with(|| self.house.jurisdiction.sees(&caller, "exposures.read", unit))
        };
        let (_, from) =
            root.filter(|(unit, _)| sees(*unit)).ok_or_else(|| Fault::NotFound(person_name(person)))?;
        // Nobody is followed through a person whom the caller may not see.
        let mut seen = HashSet::from([from]);
        let mut shown = Vec::with_capacity(chain.steps.len());
        for (generation, exposure) in &chain.steps {
            let Some(index) = exposure.index.filter(|index| seen.contains(&index.one)) else { continue };
            let (of_index, of_contact) = (sees(index.unit), sees(exposure.contact_unit));
            if of_contact {
                seen.insert(exposure.contact_one);
            }
            let either = |unit: Uuid| if unit == exposure.contact_unit { of_contact } else { of_index };
            let exposure = Some(contract::exposure(exposure, either, self.house.clock.zone()));
            shown.push(pb::TracedExposure { generation: *generation, exposure });
        }
        // All of it is at hand: it goes out with the answer's beginning.
        let parts =
            shown.chunks(A_MESSAGE).map(|part| Ok(pb::TraceContactsResponse { exposures: part.to_vec() }));
        Ok(stream::iter(parts.collect::<Vec<_>>()))
    }

    async fn count(
        &self,
        request: Request<pb::CountContactsRequest>,
    ) -> Result<pb::CountContactsResponse, Fault> {
        let (caller, deadline, request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let unit = wrong.keep("unit", parse::name(UNITS, &request.unit)).unwrap_or_default();
        let date = wrong.keep("date", parse::optional_date(&request.date)).flatten();
        wrong.refuse()?;
        let units = self.house.units(&caller, "exposures.read", Some(unit))?;
        let date = date.unwrap_or_else(|| self.house.clock.today());
        let at = day_start(date + chrono::Days::new(1), self.house.clock.zone());
        let mut work = self.house.database.begin(deadline).await?;
        let by_unit = store::figures(&mut work, &units, at).await?.into_iter();
        let figures: Figures = by_unit.map(|(_, figures)| figures).sum();
        Ok(pb::CountContactsResponse {
            traced: figures.traced(),
            released: figures.released,
            converted: figures.converted,
            under_observation: figures.under_observation,
            lost: figures.lost,
            apart: figures.apart,
            general: figures.general,
        })
    }

    async fn keep(&self, request: Request<pb::KeepContactRequest>) -> Result<pb::KeepContactResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let request_id = parse::request_id(&mut request.request_id)?;
        let mut wrong = Violations::default();
        let name = parse::name(OBSERVATIONS, &request.observation);
        let id = wrong.keep("observation", name).unwrap_or_default();
        wrong.keep("reason", parse::text(&request.reason, REASON).map(drop));
        wrong.refuse()?;
        self.house.jurisdiction.fresh()?;
        let claim = Claim::new(&caller, request_id, "KeepContact", &request);
        let mut work = self.house.database.begin(deadline).await?;
        let found = observations::store::lock(&mut work, id).await?;
        let observation = self.house.observed(&caller, "observations.end", id, found)?;
        if let Some(answer) = claim.replay(&mut work).await? {
            return Ok(answer);
        }
        let said = (caller.subject(), request.reason.as_str());
        if !ops::settle(&self.house, &mut work, id, said).await? {
            let name = observation_name(id);
            let words = "nobody asks what becomes of the contact, or it was decided";
            return Err(Fault::unmet("CONTACT_DECIDED", name.clone(), words, vec![("observation", name)]));
        }
        let now = self.house.clock.now();
        let said = (caller.subject(), request.reason.as_str(), now);
        observations::store::note(&mut work, &observation, observations::Event::Kept, said).await?;
        let observation = Some(observations::parse::observation(&observation, now));
        claim.commit(work, pb::KeepContactResponse { observation }).await
    }

    /// The first of those who are one with a person whom the caller sees.
    async fn one(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        person: Option<Uuid>,
    ) -> Result<Option<Uuid>, Fault> {
        let Some(id) = person else { return Ok(None) };
        let found = persons::hands(connection, id).await?;
        let seen = found.filter(|(unit, _)| self.house.jurisdiction.sees(caller, "exposures.read", *unit));
        Ok(Some(seen.ok_or_else(|| Fault::NotFound(person_name(id)))?.1))
    }

    /// An exposure whose contact or index the caller sees; any other is answered like an absent one.
    fn seen(
        &self,
        caller: &Caller,
        permission: &str,
        id: Uuid,
        found: Option<Exposure>,
    ) -> Result<Exposure, Fault> {
        let sees = |unit: Uuid| self.house.jurisdiction.sees(caller, permission, unit);
        let seen = found
            .filter(|found| sees(found.contact_unit) || found.index.is_some_and(|index| sees(index.unit)));
        seen.ok_or_else(|| Fault::NotFound(exposure_name(id)))
    }

    fn shown(&self, caller: &Caller, exposure: &Exposure) -> pb::Exposure {
        let sees = |unit: Uuid| self.house.jurisdiction.sees(caller, "exposures.read", unit);
        contract::exposure(exposure, sees, self.house.clock.zone())
    }
}
